#include "export_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tpa/api/version.h>
#include <tpa/base/clock.h>
#include <tpa/base/compiler.h>

#include "control.h"

#define COUNTER(field, text) TPA_STATS_COUNTER(field, text)

static const struct tpa_stats_counter_description tcp_counters[] = {TPA_TCP_COUNTERS(COUNTER)};

static const struct tpa_stats_counter_description worker_counters[] = {
    {"steps", "steps that the worker made", NULL},
    {"packets_in", "packets received at ports and loopback", NULL},
    {"packets_out", "packets sent at ports and loopback", NULL},
    {"handed_off", "packets received here that another worker owned", NULL},
    {"handed_in", "packets that others received for this worker", NULL},
    {"accepted", "connections opened by peers", NULL},
    {"connected", "connections opened by the program", NULL},
    {"orphans_reset", "closed connections that were reset: too many, or without a window", NULL},
};

/* ---- Regions ---- */

static int counters_describe(struct tpa_api_export *export)
{
    struct tpa_stats_counters *set = &export->counters;
    int error = tpa_stats_counters_init(set, export->instance->worker_count);

    if (error != TPA_OK)
        return error;
    export->group_worker = tpa_stats_counters_add(set, "worker", worker_counters,
                                                  TPA_BASE_ARRAY_SIZE(worker_counters));
    export->group_tcp =
        tpa_stats_counters_add(set, "tcp", tcp_counters, TPA_BASE_ARRAY_SIZE(tcp_counters));
    export->group_drop =
        tpa_stats_counters_add(set, "drop", tpa_stats_drop_counters, TPA_BASE_DROP_COUNT);
    return export->group_worker < 0 || export->group_tcp < 0 || export->group_drop < 0 ? TPA_EINVAL
                                                                                       : TPA_OK;
}

static uint32_t options_count(const struct tpa_cfg_registry *registry)
{
    char name[TPA_CFG_NAME_SIZE];
    char value[TPA_CFG_VALUE_SIZE];
    uint64_t position = 0;
    uint32_t count = 0;

    while (tpa_cfg_next(registry, &position, name, value) != NULL)
        count++;
    return count;
}

static void traces_plan(struct tpa_api_export *export)
{
    const struct tpa_cfg_trace *trace = &export->options->trace;
    uint32_t fitting;

    export->trace_size = (uint32_t)(trace->trace_size & ~UINT64_C(7));
    fitting = TPA_API_EXPORT_TRACE_BYTES_MAX / export->trace_size;
    export->trace_count = TPA_BASE_MIN(trace->nr_trace, fitting);
    if (export->trace_count < trace->nr_trace)
        TPA_BASE_LOG_WARNING_LINE(export->log,
                                  "trace.nr_trace: %u rings instead of %u: all of "
                                  "them may take %u MB",
                                  export->trace_count, trace->nr_trace,
                                  TPA_API_EXPORT_TRACE_BYTES_MAX >> 20);
}

static void sizes_plan(struct tpa_api_export *export)
{
    uint32_t sids = tpa_api_sids_limit(export->instance->sids);

    export->sock_count = TPA_BASE_MIN(sids, (uint32_t)TPA_API_EXPORT_SOCKS_MAX);
    export->option_count = options_count(export->registry);
    traces_plan(export);
}

#define REGION(region_name, type, count, description)                                    \
    {                                                                                    \
        .name = (region_name), .text = (description), .version = TPA_API_EXPORT_VERSION, \
        .record_size = sizeof(type), .record_count = (count)                             \
    }

static int file_create(struct tpa_api_export *export, const char *program,
                       char reason[TPA_STATS_REASON_SIZE])
{
    uint32_t workers = export->instance->worker_count;
    struct tpa_stats_region_config regions[] = {
        REGION(TPA_API_EXPORT_REGION_WORKERS, struct tpa_api_export_worker, workers, "workers"),
        REGION(TPA_API_EXPORT_REGION_SOCKS, struct tpa_api_export_sock, export->sock_count,
               "connections and listeners, by sid"),
        REGION(TPA_API_EXPORT_REGION_UNNUMBERED, struct tpa_api_export_sock,
               (uint64_t)TPA_API_EXPORT_UNNUMBERED_MAX * workers, "connections without a sid"),
        REGION(TPA_API_EXPORT_REGION_MEMORY, struct tpa_api_export_memory,
               TPA_API_EXPORT_MEMORY_SHARED + (uint64_t)TPA_API_EXPORT_MEMORY_PER_WORKER * workers,
               "pools, budgets, slabs, registered memory"),
        REGION(TPA_API_EXPORT_REGION_CONFIG, struct tpa_api_export_option, export->option_count,
               "configuration"),
        REGION(TPA_API_EXPORT_REGION_NEIGHBOURS, struct tpa_api_export_neighbour,
               TPA_API_EXPORT_NEIGHBOURS_MAX, "neighbours"),
        REGION(TPA_API_EXPORT_REGION_PORTS, struct tpa_api_export_port, TPA_API_PORTS_MAX, "ports"),
        REGION(TPA_API_EXPORT_REGION_NAMES, struct tpa_stats_counter_record,
               tpa_stats_counters_count(&export->counters), "names of the counters"),
        {.name = TPA_API_EXPORT_REGION_COUNTERS,
         .text = "blocks of counters, one a worker",
         .version = TPA_API_EXPORT_VERSION,
         .record_size = (uint32_t)tpa_stats_counters_block_size(&export->counters),
         .record_count = workers},
        {.name = TPA_API_EXPORT_REGION_TRACES,
         .text = "what happened to each sock",
         .version = TPA_API_EXPORT_VERSION,
         .record_size = export->trace_size,
         .record_count = export->trace_count},
    };
    struct timespec wall;
    struct tpa_stats_export_config config = {
        .directory = export->directory,
        .program = program,
        .build = tpa_api_version(),
        .pid = (int32_t) export->process,
        .started = tpa_base_clock_monotonic(),
        .regions = regions,
        .region_count = TPA_BASE_ARRAY_SIZE(regions) - (export->trace_count == 0 ? 1 : 0),
    };

    clock_gettime(CLOCK_REALTIME, &wall);
    config.started_wall = (uint64_t)wall.tv_sec * TPA_BASE_SECOND + (uint64_t)wall.tv_nsec;
    return tpa_stats_export_create(&export->file, &config, reason);
}

/* Fresh memory of the file is zero; the pointers stay valid until it is destroyed. */
static int regions_find(struct tpa_api_export *export)
{
    struct tpa_stats_counter_record *names;
    void *blocks;
    size_t size;

    export->workers = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_WORKERS, NULL);
    export->socks = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_SOCKS, NULL);
    export->unnumbered =
        tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_UNNUMBERED, NULL);
    export->memory = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_MEMORY, NULL);
    export->option_records =
        tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_CONFIG, NULL);
    export->neighbours =
        tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_NEIGHBOURS, NULL);
    export->ports = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_PORTS, NULL);
    export->traces = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_TRACES, NULL);
    names = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_NAMES, NULL);
    (void)tpa_stats_counters_describe(&export->counters, names,
                                      tpa_stats_counters_count(&export->counters));
    blocks = tpa_stats_export_records(&export->file, TPA_API_EXPORT_REGION_COUNTERS, &size);
    return tpa_stats_counters_attach(&export->counters, blocks, size);
}

/* ---- Where it is ---- */

/* In a directory that others may write to, somebody may have been there before us. */
static bool prefix_is_ours(const char *prefix)
{
    struct stat status;

    if (strncmp(prefix, "/tmp/", 5) != 0)
        return true;
    if (mkdir(prefix, 0755) < 0 && errno != EEXIST)
        return false;
    return lstat(prefix, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == getuid();
}

/* Under "<id>", or, where that one lives, under a name that nobody else has. */
static int create_under(struct tpa_api_export *export, const char *prefix, const char *id,
                        const char *program, char reason[TPA_STATS_REASON_SIZE])
{
    char other[TPA_STATS_ID_SIZE];
    int error = tpa_stats_export_directory(prefix, id, export->directory);

    if (error != TPA_OK) {
        snprintf(reason, TPA_STATS_REASON_SIZE, "TPA_ID: \"%.80s\" can't be a file's name", id);
        return error;
    }
    if (!prefix_is_ours(prefix)) {
        snprintf(reason, TPA_STATS_REASON_SIZE, "%s belongs to somebody else", prefix);
        return TPA_EPERM;
    }
    tpa_api_export_orphans_remove(prefix, id);
    error = file_create(export, program, reason);
    if (error != TPA_EBUSY)
        return error;
    snprintf(other, sizeof(other), "%.48s-%d", id, (int)export->process);
    if (tpa_stats_export_directory(prefix, other, export->directory) != TPA_OK)
        return TPA_EINVAL;
    TPA_BASE_LOG_INFO_LINE(export->log, "there is an instance %s already: this one is %s", id,
                           other);
    return file_create(export, program, reason);
}

static int create_somewhere(struct tpa_api_export *export,
                            const struct tpa_api_export_config *config,
                            char (*prefixes)[TPA_API_EXPORT_PREFIX_SIZE], int count,
                            char reason[TPA_STATS_REASON_SIZE])
{
    const char *id = config->id != NULL && config->id[0] != '\0' ? config->id : config->program;
    int error = TPA_ENOENT;

    for (int i = 0; i < count && error != TPA_OK; i++)
        error = create_under(export, prefixes[i], id, config->program, reason);
    return error;
}

/* ---- Life ---- */

static void mailbox_open(struct tpa_api_export *export)
{
    char reason[TPA_STATS_REASON_SIZE];
    int error = tpa_stats_mailbox_create(&export->mailbox, export->directory, reason);

    export->has_mailbox = error == TPA_OK;
    if (error != TPA_OK)
        TPA_BASE_LOG_WARNING_LINE(export->log,
                                  "this instance can be watched, but not told "
                                  "anything: %s",
                                  reason);
}

static void lanes_init(struct tpa_api_export *export)
{
    uint32_t sids = export->sock_count;
    uint32_t workers = export->instance->worker_count;

    for (uint32_t i = 0; i < workers; i++)
        export->lanes[i].next_sid = sids * i / workers % sids;
}

static void export_free(struct tpa_api_export *export)
{
    tpa_api_export_rings_fini(export);
    tpa_api_control_destroy(export->control);
    free(export->neighbour_copies);
    free(export);
}

static int memory_create(struct tpa_api_export *export)
{
    export->neighbour_copies =
        calloc(TPA_API_EXPORT_NEIGHBOURS_MAX, sizeof(*export->neighbour_copies));
    export->control = tpa_api_control_create(export->instance, export->registry, export->options);
    if (export->neighbour_copies == NULL || export->control == NULL)
        return TPA_ENOMEM;
    return counters_describe(export);
}

int tpa_api_export_create(const struct tpa_api_export_config *config,
                          char (*prefixes)[TPA_API_EXPORT_PREFIX_SIZE], int count,
                          char reason[TPA_API_REASON_SIZE])
{
    char cause[TPA_STATS_REASON_SIZE] = "no memory";
    struct tpa_api_export *export =
        aligned_alloc(TPA_BASE_CACHE_LINE, (sizeof(*export) + 63) & ~(size_t)63);
    int error = TPA_ENOMEM;

    if (export != NULL) {
        memset(export, 0, sizeof(*export));
        export->instance = config->instance;
        export->registry = config->registry;
        export->options = config->options;
        export->log = config->log;
        export->process = getpid();
        error = memory_create(export);
        sizes_plan(export);
        if (error == TPA_OK)
            error = create_somewhere(export, config, prefixes, count, cause);
    }
    if (error == TPA_OK) {
        error = regions_find(export);
        if (error == TPA_OK)
            error = tpa_api_export_rings_init(export);
        if (error != TPA_OK)
            tpa_stats_export_destroy(&export->file);
    }
    if (error != TPA_OK) {
        snprintf(reason, TPA_API_REASON_SIZE, "%.*s", TPA_API_REASON_SIZE - 1, cause);
        if (export != NULL)
            export_free(export);
        return error;
    }
    lanes_init(export);
    mailbox_open(export);
    tpa_api_export_options(export);
    tpa_api_export_ports_refresh(export);
    config->instance->export = export;
    tpa_api_control_start(export->control);
    return TPA_OK;
}

void tpa_api_export_destroy(struct tpa_api_instance *instance)
{
    struct tpa_api_export *export = instance->export;

    if (export == NULL)
        return;
    instance->export = NULL;
    if (export->has_mailbox)
        tpa_stats_mailbox_destroy(&export->mailbox);
    tpa_stats_export_destroy(&export->file);
    (void)rmdir(export->directory);
    export_free(export);
}

void tpa_api_export_remove(struct tpa_api_instance *instance)
{
    struct tpa_api_export *export = instance->export;

    if (export == NULL || export->process != getpid())
        return;
    (void)unlinkat(export->file.directory, TPA_STATS_EXPORT_FILE, 0);
    if (export->has_mailbox)
        (void)unlinkat(export->file.directory, TPA_STATS_MAILBOX_FILE, 0);
    (void)rmdir(export->directory);
}

const char *tpa_api_export_directory(const struct tpa_api_export *export)
{
    return export->directory;
}

void tpa_api_export_options(struct tpa_api_export *export)
{
    char name[TPA_CFG_NAME_SIZE];
    char value[TPA_CFG_VALUE_SIZE];
    const struct tpa_cfg_option *option;
    uint64_t position = 0;
    uint32_t count = 0;

    while (count < export->option_count &&
           (option = tpa_cfg_next(export->registry, &position, name, value)) != NULL) {
        struct tpa_api_export_option record = {.flags = option->flags & TPA_CFG_READONLY};

        snprintf(record.name, sizeof(record.name), "%s", name);
        snprintf(record.value, sizeof(record.value), "%.*s", (int)sizeof(record.value) - 1, value);
        tpa_api_export_publish(&export->option_records[count++], &record, sizeof(record));
    }
}
