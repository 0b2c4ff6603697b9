#define _GNU_SOURCE

#include <tpa/mem/eal.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_memory.h>

#include <tpa/base/error.h>

#include "eal_args.h"
#include "hugepages.h"

/* EAL's state is the process's, and so is the knowledge that it can't be tried again. */
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static bool init_failed;

/*
 * What EAL says while it starts, errors and, where it doesn't like an option, some pages of help:
 * the caller gets one line of it. EAL's own threads may still hold the stream when it is switched
 * back, so it is never closed.
 */
static char log_text[4096];

struct streams {
    FILE *log;
    FILE *out;
    FILE *err;
};

static struct streams capture(void)
{
    struct streams before = {.log = rte_log_get_stream(), .out = stdout, .err = stderr};
    FILE *stream = fmemopen(log_text, sizeof(log_text), "w");

    if (stream == NULL)
        return before;
    setvbuf(stream, NULL, _IONBF, 0);
    rte_openlog_stream(stream);
    /* Variables that may be assigned, in glibc. */
    stdout = stream;
    stderr = stream;
    return before;
}

static void restore(const struct streams *before)
{
    stdout = before->out;
    stderr = before->err;
    rte_openlog_stream(before->log == stderr ? NULL : before->log);
}

/* The first line that EAL said: the error that the later ones follow from. */
static void first_line(char *line, size_t size, int eal_errno)
{
    const char *text = log_text + strspn(log_text, "\n");

    if (strncmp(text, "EAL: ", 5) == 0)
        text += 5;
    snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
    if (line[0] == 0)
        snprintf(line, size, "%s", rte_strerror(eal_errno));
}

static const char *remedy(const struct tpa_mem_eal_config *config, int eal_errno)
{
    if (eal_errno == ENOMEM)
        return "ask for less memory, or set more hugepages aside (vm.nr_hugepages)";
    if (eal_errno == EACCES || eal_errno == EPERM)
        return "run as root, or without hugepages and PCI devices";
    if (config->extra_args != NULL && config->extra_args[0] != 0)
        return "check the extra EAL arguments";
    return "check the devices and the memory that were asked for";
}

/*
 * What EAL and drivers call errors and nobody can do anything about: the directory for files that
 * other processes would share belongs to another user, and we have none; net_tap misses a queueing
 * discipline that only its flow rules need.
 */
static bool is_harmless(const char *line, size_t length)
{
    static const char *const harmless[] = {
        "EAL: Error creating '",         "tap_nl_dump_ext_ack()",      "qdisc_create_multiq()",
        "failed to create multiq qdisc", "Disabling rte flow support",
    };

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (memmem(line, length, harmless[i], strlen(harmless[i])) != NULL)
            return true;
    }
    return false;
}

/* Errors that were none for EAL: a driver that could not start a device. */
static void report_captured(void)
{
    const char *line = log_text;

    while (*line != 0) {
        size_t length = strcspn(line, "\n");

        if (!is_harmless(line, length))
            fprintf(stderr, "%.*s\n", (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

static bool start_quietly(struct tpa_mem_eal_args *args)
{
    struct streams before = capture();
    bool started = rte_eal_init(args->count, args->words) >= 0;

    restore(&before);
    if (started) {
        report_captured();
        /* At each start of a port it complains that no secondary process answers: there is none. */
        rte_log_set_level_pattern("pmd.net.tap", RTE_LOG_CRIT);
    }
    return started;
}

static int start(const struct tpa_mem_eal_config *config, struct tpa_mem_eal_args *args,
                 char reason[TPA_MEM_EAL_REASON_SIZE])
{
    bool started =
        args->verbose ? rte_eal_init(args->count, args->words) >= 0 : start_quietly(args);
    int eal_errno = rte_errno;
    char line[120];

    if (started)
        return 0;
    if (eal_errno == EALREADY) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE, "EAL has been started before, and failed then");
        return TPA_EIO;
    }
    first_line(line, sizeof(line), eal_errno);
    snprintf(reason, TPA_MEM_EAL_REASON_SIZE, "EAL did not start: %s; %s", line,
             remedy(config, eal_errno));
    return TPA_EIO;
}

static unsigned int first_cpu(const cpu_set_t *cpus)
{
    unsigned int cpu = 0;

    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, cpus))
        cpu++;
    return cpu;
}

/* EAL pins its main thread to its core: a choice that is the program's. */
static int start_unpinned(const struct tpa_mem_eal_config *config,
                          char reason[TPA_MEM_EAL_REASON_SIZE])
{
    struct tpa_mem_eal_args *args = malloc(sizeof(*args));
    cpu_set_t cpus;
    int error;

    if (args == NULL) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE, "out of memory");
        return TPA_ENOMEM;
    }
    error = pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    if (error != 0) {
        CPU_ZERO(&cpus);
        CPU_SET(0, &cpus);
    }
    error = tpa_mem_eal_args_build(args, config, first_cpu(&cpus),
                                   tpa_mem_hugepages_free(TPA_MEM_HUGEPAGES_DIRECTORY), reason);
    if (error == 0) {
        error = start(config, args, reason);
        init_failed = error != 0;
        pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    }
    free(args);
    return error;
}

int tpa_mem_eal_init(const struct tpa_mem_eal_config *config, char reason[TPA_MEM_EAL_REASON_SIZE])
{
    int error;

    reason[0] = 0;
    pthread_mutex_lock(&init_lock);
    if (init_failed) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE,
                 "EAL failed before, and can't be tried again in one process");
        error = TPA_EIO;
    } else if (tpa_mem_eal_is_up()) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE, "EAL is up already");
        error = TPA_EEXIST;
    } else {
        error = start_unpinned(config, reason);
    }
    pthread_mutex_unlock(&init_lock);
    return error;
}

bool tpa_mem_eal_is_up(void)
{
    /* EAL has no call that tells. Early on it counts its cores, later it takes its memory. */
    return !init_failed && rte_lcore_count() > 0 && rte_eal_get_physmem_size() > 0;
}

bool tpa_mem_eal_has_hugepages(void)
{
    return rte_eal_has_hugepages() != 0;
}
