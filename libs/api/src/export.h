/*
 * Export: the instance shows itself in a file (<tpa/api/export_layout.h>) and listens to a mailbox.
 *
 * Workers write their own records with plain stores, a bounded number a millisecond; without an
 * export each of these calls is one branch.
 */
#ifndef TPA_API_EXPORT_H
#define TPA_API_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/api/export_layout.h>
#include <tpa/cfg/options.h>

#include "worker.h"

struct tpa_api_export;

struct tpa_api_export_config {
    struct tpa_api_instance *instance;
    struct tpa_cfg_registry *registry; /* outlives the export, as the next two */
    struct tpa_cfg_options *options;
    struct tpa_base_log *log;
    const char *program;
    const char *id; /* NULL = program */
};

/*
 * Makes the export of an instance whose workers are not created yet. `prefixes`: `count`
 * directories, tried in turn. A living instance of the same id makes this one "<id>-<pid>". 0; or
 * an error of tpa_stats_export_create and `reason`: nothing is shown then.
 */
int tpa_api_export_create(const struct tpa_api_export_config *config,
                          char (*prefixes)[TPA_API_EXPORT_PREFIX_SIZE], int count,
                          char reason[TPA_API_REASON_SIZE]);

/* Removes the files and lets go of the memory, with all workers destroyed. */
void tpa_api_export_destroy(struct tpa_api_instance *instance);

/* Removes the files alone: workers may still be running, as they are when a program exits. */
void tpa_api_export_remove(struct tpa_api_instance *instance);

/* Removes what dead instances called "<id>-<pid>" have left under a prefix. */
void tpa_api_export_orphans_remove(const char *prefix, const char *id);

/* The instance's directory. */
const char *tpa_api_export_directory(const struct tpa_api_export *export);

/* The configuration's records again, after an option was set. */
void tpa_api_export_options(struct tpa_api_export *export);

/* A new worker, by its thread; sets worker->export_due. */
void tpa_api_export_worker_open(struct tpa_worker *worker, uint64_t now);

/* What is due; to be called once worker->export_due has come. */
void tpa_api_export_tick(struct tpa_worker *worker, uint64_t now);

/* The slow paths of what follows. */
void tpa_api_export_sock_write(struct tpa_api_sock *sock, bool fresh);
void tpa_api_export_sock_clear(struct tpa_worker *worker, int sid);
void tpa_api_export_listener_write(struct tpa_api_listener *listener, bool fresh);
void tpa_api_export_trace_take(struct tpa_api_sock *sock);
void tpa_api_export_trace_give(struct tpa_worker *worker, struct tpa_base_trace *trace);

/* A connection has got a sid, or changed its state. */
static inline void tpa_api_export_sock_opened(struct tpa_api_sock *sock)
{
    if (sock->worker->instance->export != NULL)
        tpa_api_export_sock_write(sock, true);
}

static inline void tpa_api_export_sock_changed(struct tpa_api_sock *sock)
{
    if (sock->worker->instance->export != NULL && sock->sid >= 0)
        tpa_api_export_sock_write(sock, false);
}

static inline void tpa_api_export_listener_opened(struct tpa_api_listener *listener)
{
    if (listener->worker->instance->export != NULL)
        tpa_api_export_listener_write(listener, true);
}

/* A sid of this worker's is about to be given back. */
static inline void tpa_api_export_sid_closed(struct tpa_worker *worker, int sid)
{
    if (worker->instance->export != NULL)
        tpa_api_export_sock_clear(worker, sid);
}

/* A connection has begun: gives it a ring to record into, where that is wanted. */
static inline void tpa_api_export_trace_begin(struct tpa_api_sock *sock)
{
    if (sock->worker->instance->export != NULL)
        tpa_api_export_trace_take(sock);
}

/* Its ring, after TCP has finished with the connection; NULL allowed. */
static inline void tpa_api_export_trace_end(struct tpa_worker *worker, struct tpa_base_trace *trace)
{
    if (trace != NULL && worker->instance->export != NULL)
        tpa_api_export_trace_give(worker, trace);
}

#endif
