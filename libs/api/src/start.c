/*
 * tpa_init and the workers of the instance that it makes.
 */
#define _GNU_SOURCE /* program_invocation_short_name */
#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tpa/base/clock.h>

#include "configure.h"
#include "export.h"

/* What tpa.h's calls work on: one instance a process, kept until it ends. */
static struct {
    struct tpa_cfg_options options;
    struct tpa_cfg_registry registry;
    struct tpa_base_log log;
    struct tpa_mem_pool pool;
    struct tpa_mem_registry *memory;
    struct tpa_api_sids *sids;
    struct tpa_api_instance *instance;
    bool begun;
} stack;

static __thread struct tpa_base_clock thread_clock;
static __thread uint64_t clock_checked;

struct tpa_api_instance *tpa_api_default_instance(void)
{
    return stack.instance;
}

static int log_open(char reason[TPA_API_REASON_SIZE])
{
    int level = (int)stack.options.log.level;
    int error;

    if (stack.options.log.file[0] == '\0') {
        tpa_base_log_init_fd(&stack.log, STDERR_FILENO, level);
        return TPA_OK;
    }
    error = tpa_base_log_init_file(&stack.log, stack.options.log.file, level);
    if (error != TPA_OK)
        snprintf(reason, TPA_API_REASON_SIZE, "log.file: can't open %.160s: %s",
                 stack.options.log.file, tpa_base_error_text(error));
    return error;
}

static int shared_create(char reason[TPA_API_REASON_SIZE])
{
    stack.memory = tpa_mem_registry_create();
    stack.sids = tpa_api_sids_create(stack.options.tcp.nr_max_sock);
    if (stack.memory != NULL && stack.sids != NULL)
        return TPA_OK;
    snprintf(reason, TPA_API_REASON_SIZE, "no memory for the tables of %u socks",
             stack.options.tcp.nr_max_sock);
    return TPA_ENOMEM;
}

static int instance_open(uint32_t worker_count, char reason[TPA_API_REASON_SIZE])
{
    struct tpa_api_instance_config config;
    int error;

    error = tpa_api_configure_instance(&stack.options, worker_count, &stack.pool, &config, reason);
    if (error != TPA_OK)
        return error;
    config.registry = stack.memory;
    config.sids = stack.sids;
    config.log = &stack.log;
    error = tpa_base_entropy_get(&config.seed, sizeof(config.seed));
    if (error == TPA_OK)
        error = tpa_base_entropy_get(config.secret, sizeof(config.secret));
    if (error != TPA_OK)
        snprintf(reason, TPA_API_REASON_SIZE, "the system has no random numbers");
    else
        error = tpa_api_instance_create(&config, &stack.instance, reason);
    if (error != TPA_OK)
        tpa_api_configure_close(&config);
    return error;
}

/* What a failed start leaves is freed, so that the program may correct its configuration and try
 * again. */
static void stack_close(void)
{
    tpa_api_sids_destroy(stack.sids);
    stack.sids = NULL;
    if (stack.memory != NULL)
        tpa_mem_registry_destroy(stack.memory);
    stack.memory = NULL;
    if (stack.pool.mempool != NULL)
        (void)tpa_mem_pool_destroy(&stack.pool);
    memset(&stack.pool, 0, sizeof(stack.pool));
    tpa_base_log_fini(&stack.log);
}

static int stack_open(uint32_t worker_count, char reason[TPA_API_REASON_SIZE])
{
    int error;

    error = log_open(reason);
    if (error == TPA_OK)
        error = tpa_api_configure_eal(&stack.options, program_invocation_short_name, reason);
    if (error == TPA_OK)
        error = tpa_api_configure_pool(&stack.options, &stack.pool, reason);
    if (error == TPA_OK)
        error = shared_create(reason);
    if (error == TPA_OK)
        error = instance_open(worker_count, reason);
    return error;
}

static int start(int nr_worker, char reason[TPA_API_REASON_SIZE])
{
    int error;

    if (stack.begun) {
        snprintf(reason, TPA_API_REASON_SIZE, "it was called before");
        return TPA_EEXIST;
    }
    if (nr_worker <= 0 || nr_worker > TPA_API_WORKERS_MAX) {
        snprintf(reason, TPA_API_REASON_SIZE, "%d workers: 1 to %d are possible", nr_worker,
                 TPA_API_WORKERS_MAX);
        return TPA_EINVAL;
    }
    error = tpa_api_configure_read(&stack.registry, &stack.options, reason);
    if (error != TPA_OK)
        return error;
    error = stack_open((uint32_t)nr_worker, reason);
    if (error != TPA_OK)
        stack_close();
    return error;
}

/* At the end of the process; workers may be running still. */
static void export_remove(void)
{
    tpa_api_export_remove(stack.instance);
}

/* An instance that can't be watched runs all the same. */
static void export_open(void)
{
    char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE];
    struct tpa_api_export_config config = {
        .instance = stack.instance,
        .registry = &stack.registry,
        .options = &stack.options,
        .log = &stack.log,
        .program = program_invocation_short_name,
        .id = getenv("TPA_ID"),
    };
    char reason[TPA_API_REASON_SIZE] = "";
    int error = tpa_api_export_create(&config, prefixes, tpa_api_export_prefixes(prefixes), reason);

    if (error != TPA_OK)
        TPA_BASE_LOG_WARNING_LINE(&stack.log, "the tpa tool won't see this program: %s", reason);
    else
        (void)atexit(export_remove);
}

static void postinit_run(void)
{
    const char *command = stack.options.shell.postinit_cmd;

    if (command[0] != '\0' && system(command) != 0)
        TPA_BASE_LOG_WARNING_LINE(&stack.log, "shell.postinit_cmd failed: %s", command);
}

int tpa_init(int nr_worker)
{
    char reason[TPA_API_REASON_SIZE] = "";
    int error = start(nr_worker, reason);

    if (error != TPA_OK) {
        fprintf(stderr, "tpa_init: %s\n", reason[0] != '\0' ? reason : tpa_base_error_text(error));
        return tpa_api_fail(error);
    }
    stack.begun = true;
    tpa_cfg_registry_start(&stack.registry);
    export_open();
    postinit_run();
    return 0;
}

struct tpa_worker *tpa_worker_init(void)
{
    struct tpa_worker *worker;

    if (stack.instance == NULL) {
        errno = EINVAL;
        return NULL;
    }
    if (tpa_api_worker_current() != NULL) {
        errno = EEXIST;
        return NULL;
    }
    tpa_base_clock_init(&thread_clock);
    clock_checked = tpa_base_clock_now(&thread_clock);
    worker = tpa_api_worker_create(stack.instance, clock_checked);
    if (worker == NULL)
        errno = atomic_load(&stack.instance->workers_created) < stack.instance->worker_count
                    ? ENOMEM
                    : ENOSPC;
    return worker;
}

void tpa_worker_run(struct tpa_worker *worker)
{
    uint64_t now;

    if (TPA_BASE_UNLIKELY(worker == NULL || worker->thread != tpa_api_thread_identity())) {
        errno = EINVAL;
        return;
    }
    now = tpa_base_clock_now(&thread_clock);

    if (TPA_BASE_UNLIKELY(now - clock_checked > TPA_BASE_CLOCK_RECALIBRATE_NS)) {
        clock_checked = now;
        (void)tpa_base_clock_recalibrate(&thread_clock);
    }
    tpa_api_worker_step(worker, now);
}
