/*
 * What each worker does for the export, at its own time.
 */
#define _GNU_SOURCE /* gettid */
#include "export_private.h"

#include <unistd.h>

#include "control.h"

static void worker_publish(struct tpa_worker *worker, int32_t thread, uint64_t embryos)
{
    const struct tpa_api_worker_counters *counters = &worker->counters;
    struct tpa_api_export_worker record = {
        .index = worker->index,
        .thread = thread,
        .last_step = worker->now,
        .steps = counters->steps,
        .packets_in = counters->packets_in,
        .packets_out = counters->packets_out,
        .handed_off = counters->handed_off,
        .handed_in = counters->handed_in,
        .accepted = counters->accepted,
        .connected = counters->connected,
        .socks = counters->socks,
        .time_waits = counters->time_waits,
        .embryos = embryos,
        .drops = tpa_base_drop_total(&worker->drops),
    };

    tpa_api_export_publish(&worker->instance->export->workers[worker->index], &record,
                           sizeof(record));
}

static void counters_publish(struct tpa_worker *worker)
{
    struct tpa_api_export *export = worker->instance->export;
    const struct tpa_api_worker_counters *counters = &worker->counters;
    /* In the order of the table in export.c. */
    const uint64_t own[] = {counters->steps,      counters->packets_in,   counters->packets_out,
                            counters->handed_off, counters->handed_in,    counters->accepted,
                            counters->connected,  counters->orphans_reset};

    (void)tpa_stats_counters_store(&export->counters, export->group_worker, worker->index, own);
    (void)tpa_stats_counters_store(&export->counters, export->group_tcp, worker->index,
                                   &worker->tcp.counters);
    (void)tpa_stats_counters_store(&export->counters, export->group_drop, worker->index,
                                   &worker->drops);
}

void tpa_api_export_worker_open(struct tpa_worker *worker, uint64_t now)
{
    if (worker->instance->export == NULL) {
        worker->export_due = UINT64_MAX;
        return;
    }
    worker->export_due = now;
    worker_publish(worker, (int32_t)gettid(), 0);
}

/* What only one worker does for all. */
static void shared_tick(struct tpa_worker *worker, uint64_t now)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_lane *lane = &export->lanes[worker->index];

    if (now >= lane->slowest_due) {
        lane->slowest_due = now + TPA_API_EXPORT_SLOWEST_INTERVAL;
        tpa_api_export_ports_refresh(export);
        tpa_api_export_neighbours_refresh(export);
    }
    if (export->has_mailbox && now >= lane->control_due) {
        lane->control_due = now + TPA_API_EXPORT_CONTROL_INTERVAL;
        if (tpa_api_control_poll(export->control, &export->mailbox, now) > 0)
            lane->slowest_due = now; /* so that what was done is seen at once */
    }
}

void tpa_api_export_tick(struct tpa_worker *worker, uint64_t now)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_worker *record = &export->workers[worker->index];
    struct tpa_api_export_lane *lane = &export->lanes[worker->index];
    uint64_t embryos = record->embryos;

    worker->export_due = now + TPA_API_EXPORT_INTERVAL;
    tpa_api_export_socks_refresh(worker);
    if (now >= lane->slow_due) {
        lane->slow_due = now + TPA_API_EXPORT_SLOW_INTERVAL;
        embryos = tpa_api_export_unnumbered_refresh(worker);
        tpa_api_export_memory_refresh(worker);
    }
    worker_publish(worker, record->thread, embryos);
    counters_publish(worker);
    if (worker->index == 0)
        shared_tick(worker, now);
}
