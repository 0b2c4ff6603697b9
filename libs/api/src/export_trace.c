/*
 * Rings that connections record into (<tpa/base/trace.h>). Each worker has its share of them.
 */
#include "export_private.h"

#include <stdlib.h>

static int rings_init(struct tpa_api_export_rings *rings, uint32_t first, uint32_t count)
{
    if (count == 0)
        return TPA_OK;
    rings->free = malloc(count * sizeof(*rings->free));
    if (rings->free == NULL)
        return TPA_ENOMEM;
    rings->count = rings->free_count = count;
    for (uint32_t i = 0; i < count; i++)
        rings->free[i] = first + i;
    return TPA_OK;
}

int tpa_api_export_rings_init(struct tpa_api_export *export)
{
    uint32_t workers = export->instance->worker_count;

    for (uint32_t i = 0; i < workers; i++) {
        uint32_t first = (uint32_t)((uint64_t) export->trace_count * i / workers);
        uint32_t end = (uint32_t)((uint64_t) export->trace_count * (i + 1) / workers);
        int error = rings_init(&export->lanes[i].rings, first, end - first);

        if (error != TPA_OK)
            return error;
    }
    return TPA_OK;
}

void tpa_api_export_rings_fini(struct tpa_api_export *export)
{
    for (uint32_t i = 0; i < TPA_API_WORKERS_MAX; i++)
        free(export->lanes[i].rings.free);
}

/* Who it is: the first events of each ring. */
static void identify(struct tpa_base_trace *trace, const struct tpa_tcp_tuple *tuple, uint64_t now)
{
    tpa_base_trace_write(trace, now, TPA_BASE_TRACE_LOCAL, tuple->local.u64[0], tuple->local.u64[1],
                         tuple->local_port, 0);
    tpa_base_trace_write(trace, now, TPA_BASE_TRACE_REMOTE, tuple->remote.u64[0],
                         tuple->remote.u64[1], tuple->remote_port, 0);
}

void tpa_api_export_trace_take(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_rings *rings = &export->lanes[worker->index].rings;
    const struct tpa_cfg_trace *options = &export->options->trace;
    uint32_t flags = (options->more_trace != 0 ? TPA_BASE_TRACE_DETAIL : 0) |
                     (options->no_wrap != 0 ? TPA_BASE_TRACE_NO_WRAP : 0);
    struct tpa_base_trace *trace;
    uint32_t ring;

    if (options->enable == 0 || rings->free_count == 0)
        return;
    ring = rings->free[rings->first];
    rings->first = rings->first + 1 == rings->count ? 0 : rings->first + 1;
    rings->free_count--;
    trace = tpa_base_trace_init(export->traces + (size_t)ring * export->trace_size,
                                export->trace_size, flags, (uint32_t)sock->sid);
    identify(trace, &sock->flow.tuple, worker->now);
    tpa_tcp_set_trace(&sock->tcp, trace);
}

void tpa_api_export_trace_give(struct tpa_worker *worker, struct tpa_base_trace *trace)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_rings *rings = &export->lanes[worker->index].rings;

    rings->free[(rings->first + rings->free_count) % rings->count] =
        tpa_api_export_trace_number(export, trace) - 1;
    rings->free_count++;
}
