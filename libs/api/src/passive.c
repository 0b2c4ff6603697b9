#include "passive.h"

#include <tpa/base/error.h>

#include "export.h"
#include "worker.h"

/* A pending sock in the tables and among the embryos; NULL: no memory, or the limit of socks. */
static struct tpa_api_sock *embryo_create(struct tpa_worker *worker,
                                          struct tpa_api_listener *listener,
                                          const struct tpa_api_arrival *arrival)
{
    struct tpa_api_sock *sock = tpa_api_sock_create(worker);
    int error;

    if (sock == NULL)
        return NULL;
    sock->flow.tuple = arrival->tuple;
    sock->pending.listener = listener;
    sock->flags = TPA_API_SOCK_PENDING;
    tpa_base_list_push_back(&worker->embryos, &sock->pending.link);
    listener->pending[worker->index]++;

    sock->path = tpa_ip_path_get(worker->ip, &arrival->tuple.local, &arrival->tuple.remote, &error);
    if (sock->path == NULL ||
        tpa_api_demux_insert(&worker->demux, &sock->flow, TPA_API_DEMUX_SOCK) != TPA_OK) {
        tpa_api_sock_destroy(sock);
        return NULL;
    }
    sock->flags |= TPA_API_SOCK_IN_TABLE;
    if (!listener->scaling) {
        tpa_api_port_hold(&worker->instance->placement, &worker->holds, worker->index,
                          arrival->tuple.local_port);
        sock->flags |= TPA_API_SOCK_HOLDS_PORT;
    }
    return sock;
}

static void embryo_begin(struct tpa_worker *worker, const struct tpa_api_listener *listener,
                         struct tpa_api_sock *sock)
{
    if (worker->instance->nagle)
        tpa_tcp_set_nodelay(&worker->tcp, &sock->tcp, false);
    /* Without memory for it the connection goes on with the control that is configured. */
    if (listener->congestion != NULL)
        (void)tpa_tcp_set_congestion(&worker->tcp, &sock->tcp, listener->congestion, worker->now);
    tpa_api_export_trace_begin(sock);
    worker->counters.accepted++;
}

static void open_half(struct tpa_worker *worker, struct tpa_api_listener *listener,
                      struct tpa_api_arrival *arrival)
{
    struct tpa_api_sock *sock = embryo_create(worker, listener, arrival);

    if (sock == NULL) {
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_MEMORY);
        return;
    }
    if (tpa_tcp_accept(&worker->tcp, &sock->tcp, &sock->flow.tuple, tpa_ip_path_mtu(sock->path),
                       &arrival->segment, worker->now) != TPA_OK) {
        tpa_api_sock_destroy(sock);
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_MEMORY);
        return;
    }
    sock->flags |= TPA_API_SOCK_HALF_OPEN;
    listener->half_open[worker->index]++;
    embryo_begin(worker, listener, sock);
    tpa_mem_packet_free(arrival->packet);
}

static void note_cookie(struct tpa_api_listener *listener, uint64_t now)
{
    uint64_t last = atomic_load_explicit(&listener->cookies_at, memory_order_relaxed);

    if (last == 0 || (int64_t)(now - last) >= (int64_t)TPA_API_COOKIES_INTERVAL)
        atomic_store_explicit(&listener->cookies_at, now, memory_order_relaxed);
}

static void answer_by_cookie(struct tpa_worker *worker, struct tpa_api_listener *listener,
                             struct tpa_api_arrival *arrival)
{
    uint16_t mtu = tpa_ip_reply_mtu(worker->ip, arrival->received, worker->now);
    struct rte_mbuf *answer =
        tpa_tcp_cookie_reply(&worker->tcp, &arrival->tuple, mtu, &arrival->segment, worker->now);

    if (answer == NULL) {
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_MEMORY);
        return;
    }
    note_cookie(listener, worker->now);
    tpa_api_arrival_reply(worker, arrival, answer);
    tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_CONSUMED);
}

static bool accept_queue_is_full(const struct tpa_worker *worker,
                                 const struct tpa_api_listener *listener)
{
    uint32_t waiting = listener->pending[worker->index] - listener->half_open[worker->index];

    return waiting >= worker->instance->listen_backlog;
}

static bool syn_queue_is_full(const struct tpa_worker *worker,
                              const struct tpa_api_listener *listener)
{
    return listener->half_open[worker->index] >= worker->instance->syn_backlog ||
           listener->pending[worker->index] >= worker->instance->listen_backlog;
}

void tpa_api_passive_syn(struct tpa_worker *worker, struct tpa_api_listener *listener,
                         struct tpa_api_arrival *arrival)
{
    enum tpa_api_syn_cookies cookies = worker->instance->syn_cookies;
    bool full = syn_queue_is_full(worker, listener);

    if (accept_queue_is_full(worker, listener))
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_ACCEPT_QUEUE_FULL);
    else if (cookies == TPA_API_SYN_COOKIES_ALWAYS || (full && cookies == TPA_API_SYN_COOKIES_AUTO))
        answer_by_cookie(worker, listener, arrival);
    else if (full)
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_LISTEN_BACKLOG);
    else
        open_half(worker, listener, arrival);
}

/* Without room, or memory, nothing is said: the peer sends its text again. */
void tpa_api_passive_cookie(struct tpa_worker *worker, struct tpa_api_listener *listener,
                            struct tpa_api_arrival *arrival, const struct tpa_tcp_segment *syn)
{
    struct tpa_api_sock *sock;

    if (accept_queue_is_full(worker, listener)) {
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_ACCEPT_QUEUE_FULL);
        return;
    }
    sock = embryo_create(worker, listener, arrival);
    if (sock == NULL) {
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_MEMORY);
        return;
    }
    if (tpa_tcp_accept_cookie(&worker->tcp, &sock->tcp, &sock->flow.tuple,
                              tpa_ip_path_mtu(sock->path), syn, &arrival->segment,
                              worker->now) != TPA_OK) {
        tpa_api_sock_destroy(sock);
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_MEMORY);
        return;
    }
    embryo_begin(worker, listener, sock);
    tpa_tcp_input(&worker->tcp, &sock->tcp, arrival->packet, &arrival->segment, worker->now);
}
