/*
 * Records of socks. The n-th record belongs to sid n, and is written by the worker that has the
 * sid: from before anybody can see it until after it was cleared.
 */
#include "export_private.h"

static void tuple_fill(struct tpa_api_export_sock *record, const struct tpa_tcp_tuple *tuple)
{
    record->local = tuple->local;
    record->remote = tuple->remote;
    record->local_port = tuple->local_port;
    record->remote_port = tuple->remote_port;
}

static void connection_fill(struct tpa_api_export_sock *record, const struct tpa_worker *worker,
                            const struct tpa_api_sock *sock)
{
    struct tpa_tcp_connection_info info;

    tpa_tcp_connection_info(&worker->tcp, &sock->tcp, &info);
    record->state = (uint8_t)info.state;
    record->flags =
        (uint8_t)(((sock->flags & TPA_API_SOCK_CLOSED) != 0 ? TPA_API_EXPORT_SOCK_GIVEN_UP : 0) |
                  (info.timestamps ? TPA_API_EXPORT_SOCK_TIMESTAMPS : 0) |
                  (info.sack ? TPA_API_EXPORT_SOCK_SACK : 0) |
                  (info.ecn ? TPA_API_EXPORT_SOCK_ECN : 0));
    record->error = tpa_tcp_connection_error(&sock->tcp);
    record->snd_una = info.snd_una;
    record->snd_nxt = info.snd_nxt;
    record->snd_wnd = info.snd_wnd;
    record->rcv_nxt = info.rcv_nxt;
    record->rcv_wnd = info.rcv_wnd;
    record->cwnd = info.cwnd;
    record->ssthresh = info.ssthresh;
    record->mss = info.mss;
    record->srtt = info.srtt_us;
    record->rttvar = info.rttvar_us;
    record->rto = info.rto_us;
    record->send_queued = info.send_queued;
    record->receive_queued = info.receive_queued;
    record->retransmissions = info.retransmissions;
    record->send_window_scale = info.send_window_scale;
    record->receive_window_scale = info.receive_window_scale;
    record->trace = tpa_api_export_trace_number(worker->instance->export, sock->tcp.trace);
}

static void sock_fill(struct tpa_api_export_sock *record, const struct tpa_worker *worker,
                      const struct tpa_api_sock *sock)
{
    record->worker = (uint8_t)worker->index;
    record->sid = sock->sid;
    record->updated = worker->now;
    tuple_fill(record, &sock->flow.tuple);
    connection_fill(record, worker, sock);
}

static void top_raise(struct tpa_api_export *export, uint32_t sid)
{
    uint32_t top = atomic_load_explicit(&export->sock_top, memory_order_relaxed);

    while (top <= sid && !atomic_compare_exchange_weak(&export->sock_top, &top, sid + 1))
        ;
}

void tpa_api_export_sock_write(struct tpa_api_sock *sock, bool fresh)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_sock record = {.kind = TPA_API_EXPORT_CONNECTION};

    if ((uint32_t)sock->sid >= export->sock_count)
        return;
    record.opened = fresh ? worker->now : export->socks[sock->sid].opened;
    if (fresh) {
        top_raise(export, (uint32_t)sock->sid);
        if (sock->tcp.trace != NULL)
            __atomic_store_n(&sock->tcp.trace->owner, (uint32_t)sock->sid, __ATOMIC_RELAXED);
    }
    sock_fill(&record, worker, sock);
    tpa_api_export_publish(&export->socks[sock->sid], &record, sizeof(record));
}

void tpa_api_export_sock_clear(struct tpa_worker *worker, int sid)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_sock record = {.kind = TPA_API_EXPORT_FREE, .sid = -1};

    if (sid >= 0 && (uint32_t)sid < export->sock_count)
        tpa_api_export_publish(&export->socks[sid], &record, sizeof(record));
}

void tpa_api_export_listener_write(struct tpa_api_listener *listener, bool fresh)
{
    struct tpa_worker *worker = listener->worker;
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_sock record = {
        .kind = TPA_API_EXPORT_LISTENER,
        .worker = (uint8_t)worker->index,
        .sid = listener->sid,
        .local = listener->local,
        .local_port = listener->port,
        .updated = worker->now,
    };

    if ((uint32_t)listener->sid >= export->sock_count)
        return;
    if (fresh)
        top_raise(export, (uint32_t)listener->sid);
    record.opened = fresh ? worker->now : export->socks[listener->sid].opened;
    record.flags = (uint8_t)((listener->any_address ? TPA_API_EXPORT_SOCK_ANY_ADDRESS : 0) |
                             (listener->scaling ? TPA_API_EXPORT_SOCK_SCALING : 0));
    for (uint32_t i = 0; i < worker->instance->worker_count; i++)
        record.receive_queued += __atomic_load_n(&listener->pending[i], __ATOMIC_RELAXED);
    tpa_api_export_publish(&export->socks[listener->sid], &record, sizeof(record));
}

/* A record of this worker's own: nobody else writes it, and what it stands for is there. */
static bool is_own(const struct tpa_worker *worker, const struct tpa_api_export_sock *record)
{
    uint64_t word =
        __atomic_load_n((const uint64_t *)(const void *)&record->kind, __ATOMIC_RELAXED);
    uint8_t kind = (uint8_t)word;

    return (kind == TPA_API_EXPORT_CONNECTION || kind == TPA_API_EXPORT_LISTENER) &&
           (uint8_t)(word >> 24) == worker->index;
}

_Static_assert(offsetof(struct tpa_api_export_sock, kind) == 8 &&
                   offsetof(struct tpa_api_export_sock, worker) == 11,
               "read as one word, little-endian");

static void sid_refresh(struct tpa_worker *worker, uint32_t sid)
{
    void *object = tpa_api_sid_object(worker->instance->sids, (int)sid);

    if (object == NULL)
        return;
    if (tpa_api_object_listener(object) != NULL)
        tpa_api_export_listener_write(tpa_api_object_listener(object), false);
    else
        tpa_api_export_sock_write(tpa_api_object_sock(object), false);
}

void tpa_api_export_socks_refresh(struct tpa_worker *worker)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_lane *lane = &export->lanes[worker->index];
    uint32_t top = atomic_load_explicit(&export->sock_top, memory_order_acquire);
    uint32_t scanned_max = TPA_BASE_MIN(top, (uint32_t)TPA_API_EXPORT_SOCKS_SCANNED);
    uint32_t refreshed = 0;

    for (uint32_t scanned = 0;
         scanned < scanned_max && refreshed < TPA_API_EXPORT_SOCKS_PER_INTERVAL; scanned++) {
        uint32_t sid = lane->next_sid < top ? lane->next_sid : 0;

        lane->next_sid = sid + 1;
        if (is_own(worker, &export->socks[sid])) {
            sid_refresh(worker, sid);
            refreshed++;
        }
    }
}

/* ---- Without a sid: a sample ---- */

struct sample {
    struct tpa_worker *worker;
    struct tpa_api_export_sock *records;
    uint32_t count;
};

static bool sample_add(struct sample *sample, struct tpa_api_export_sock *record)
{
    record->sid = -1;
    record->worker = (uint8_t)sample->worker->index;
    tpa_api_export_publish(&sample->records[sample->count++], record, sizeof(*record));
    return sample->count < TPA_API_EXPORT_UNNUMBERED_MAX;
}

static void sample_embryos(struct sample *sample, const struct tpa_base_list *list)
{
    if (sample->count == TPA_API_EXPORT_UNNUMBERED_MAX)
        return;
    TPA_BASE_LIST_FOREACH(node, list)
    {
        const struct tpa_api_sock *sock =
            TPA_BASE_CONTAINER_OF(node, struct tpa_api_sock, pending.link);
        struct tpa_api_export_sock record = {.kind = TPA_API_EXPORT_EMBRYO};

        sock_fill(&record, sample->worker, sock);
        if (!sample_add(sample, &record))
            return;
    }
}

static void sample_time_waits(struct sample *sample)
{
    if (sample->count == TPA_API_EXPORT_UNNUMBERED_MAX)
        return;
    TPA_BASE_LIST_FOREACH(node, &sample->worker->time_waits)
    {
        const struct tpa_api_time_wait *time_wait =
            TPA_BASE_CONTAINER_OF(node, struct tpa_api_time_wait, link);
        struct tpa_api_export_sock record = {
            .kind = TPA_API_EXPORT_TIME_WAIT,
            .state = TPA_TCP_TIME_WAIT,
            .updated = time_wait->tcp.deadline,
            .snd_nxt = time_wait->tcp.snd_nxt,
            .rcv_nxt = time_wait->tcp.rcv_nxt,
            .rcv_wnd = time_wait->tcp.rcv_wnd,
        };

        tuple_fill(&record, &time_wait->flow.tuple);
        if (!sample_add(sample, &record))
            return;
    }
}

uint32_t tpa_api_export_unnumbered_refresh(struct tpa_worker *worker)
{
    struct tpa_api_export *export = worker->instance->export;
    struct tpa_api_export_lane *lane = &export->lanes[worker->index];
    struct tpa_api_export_sock none = {.kind = TPA_API_EXPORT_FREE, .sid = -1};
    struct sample sample = {
        .worker = worker,
        .records = &export->unnumbered[worker->index * TPA_API_EXPORT_UNNUMBERED_MAX],
    };
    uint32_t embryos;

    sample_embryos(&sample, &worker->embryos);
    sample_embryos(&sample, &worker->accept_queue);
    embryos = sample.count;
    sample_time_waits(&sample);
    for (uint32_t i = sample.count; i < lane->unnumbered; i++)
        tpa_api_export_publish(&sample.records[i], &none, sizeof(none));
    lane->unnumbered = sample.count;
    return embryos;
}
