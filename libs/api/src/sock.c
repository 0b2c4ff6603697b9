#include "sock.h"

#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "export.h"
#include "worker.h"

_Static_assert(TPA_EVENT_IN == TPA_EVENT_READY_IN && TPA_EVENT_OUT == TPA_EVENT_READY_OUT &&
                   TPA_EVENT_ERR == TPA_EVENT_READY_ERR && TPA_EVENT_HUP == TPA_EVENT_READY_HUP,
               "one set of bits");

static struct tpa_api_sock *sock_of(struct tpa_tcp_connection *connection)
{
    return TPA_BASE_CONTAINER_OF(connection, struct tpa_api_sock, tcp);
}

struct tpa_api_sock *tpa_api_sock_create(struct tpa_worker *worker)
{
    struct tpa_api_instance *instance = worker->instance;
    struct tpa_api_sock *sock;

    if (atomic_fetch_add(&instance->sock_count, 1) >= instance->sock_max) {
        atomic_fetch_sub(&instance->sock_count, 1);
        return NULL;
    }
    sock = tpa_mem_slab_alloc(&worker->socks);
    if (sock == NULL) {
        atomic_fetch_sub(&instance->sock_count, 1);
        return NULL;
    }
    memset(sock, 0, sizeof(*sock));
    sock->worker = worker;
    sock->sid = -1;
    worker->counters.socks++;
    return sock;
}

/* What outlives the sock where a TIME-WAIT record takes its place: the claims on its local port. */
static void port_claims_give(struct tpa_worker *worker, const struct tpa_tcp_tuple *tuple,
                             uint8_t flags)
{
    if ((flags & TPA_API_SOCK_HOLDS_PORT) != 0)
        tpa_api_port_release(&worker->instance->placement, &worker->holds, worker->index,
                             tuple->local_port);
    if ((flags & TPA_API_SOCK_FIXED_PORT) != 0)
        tpa_api_fixed_port_give(&worker->instance->fixed_ports, tuple);
}

static void half_open_forget(struct tpa_api_sock *sock)
{
    if ((sock->flags & TPA_API_SOCK_HALF_OPEN) != 0)
        sock->pending.listener->half_open[sock->worker->index]--;
    sock->flags &= (uint8_t)~TPA_API_SOCK_HALF_OPEN;
}

static void listener_forget(struct tpa_api_sock *sock)
{
    half_open_forget(sock);
    sock->pending.listener->pending[sock->worker->index]--;
    sock->pending.listener = NULL;
}

static void pending_forget(struct tpa_api_sock *sock)
{
    tpa_base_list_remove(&sock->pending.link);
    if (sock->pending.listener != NULL)
        listener_forget(sock);
    sock->flags &= (uint8_t)~TPA_API_SOCK_PENDING;
}

/* Everything but the tables' entry and the claims on the port. */
static void sock_free(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_base_trace *trace = sock->tcp.trace;

    if ((sock->flags & TPA_API_SOCK_PENDING) != 0)
        pending_forget(sock);
    else if ((sock->flags & TPA_API_SOCK_CLOSED) != 0)
        tpa_api_orphan_forget(sock);
    else
        (void)tpa_event_source_remove(&sock->event);
    tpa_tcp_finish(&worker->tcp, &sock->tcp);
    tpa_api_export_trace_end(worker, trace);
    if (sock->path != NULL)
        tpa_ip_path_put(worker->ip, sock->path);
    if (sock->sid >= 0) {
        tpa_api_export_sid_closed(worker, sock->sid);
        tpa_api_sid_give(worker->instance->sids, sock->sid);
    }
    sock->worker = NULL;
    tpa_mem_slab_free(&worker->socks, sock);
    worker->counters.socks--;
    atomic_fetch_sub(&worker->instance->sock_count, 1);
}

void tpa_api_sock_destroy(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    if ((sock->flags & TPA_API_SOCK_IN_TABLE) != 0)
        (void)tpa_api_demux_remove(&worker->demux, &sock->flow);
    port_claims_give(worker, &sock->flow.tuple, sock->flags);
    sock_free(sock);
}

static uint32_t ready_bits(const struct tpa_api_sock *sock)
{
    uint32_t bits = 0;

    if (tpa_tcp_connection_error(&sock->tcp) != TPA_OK)
        bits |= TPA_EVENT_READY_ERR | TPA_EVENT_READY_HUP;
    if (tpa_api_sock_readable(sock))
        bits |= TPA_EVENT_READY_IN;
    if (tpa_tcp_send_room(&sock->worker->tcp, &sock->tcp) > 0)
        bits |= TPA_EVENT_READY_OUT;
    return bits;
}

int tpa_api_sock_hand_over(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;
    int sid = tpa_api_sid_take(worker->instance->sids, sock);

    if (sid < 0)
        return sid;
    sock->listener_data = sock->pending.listener->data;
    pending_forget(sock);
    sock->sid = sid;
    tpa_api_export_sock_opened(sock);
    tpa_event_source_init(&sock->event);
    tpa_event_source_raise(&worker->events, &sock->event, ready_bits(sock));
    return TPA_OK;
}

void tpa_api_sock_enter_time_wait(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_api_time_wait *time_wait;

    if (worker->counters.time_waits >= worker->instance->time_wait_max &&
        !tpa_base_list_is_empty(&worker->time_waits))
        tpa_api_time_wait_destroy(
            worker, TPA_BASE_CONTAINER_OF(worker->time_waits.next, struct tpa_api_time_wait, link));
    time_wait = tpa_mem_slab_alloc(&worker->time_wait_slab);
    if (time_wait == NULL) {
        tpa_api_sock_destroy(sock);
        return;
    }
    time_wait->flow = sock->flow;
    time_wait->flags = sock->flags & (TPA_API_SOCK_HOLDS_PORT | TPA_API_SOCK_FIXED_PORT);
    tpa_tcp_time_wait_init(&worker->tcp, &time_wait->tcp, &sock->tcp, worker->now);
    tpa_base_list_push_back(&worker->time_waits, &time_wait->link);
    worker->counters.time_waits++;
    tpa_api_demux_replace(&worker->demux, &sock->flow, &time_wait->flow, TPA_API_DEMUX_TIME_WAIT);
    sock_free(sock);
}

void tpa_api_time_wait_destroy(struct tpa_worker *worker, struct tpa_api_time_wait *time_wait)
{
    (void)tpa_api_demux_remove(&worker->demux, &time_wait->flow);
    port_claims_give(worker, &time_wait->flow.tuple, time_wait->flags);
    tpa_base_list_remove(&time_wait->link);
    tpa_mem_slab_free(&worker->time_wait_slab, time_wait);
    worker->counters.time_waits--;
}

/* In order of entry, and so of deadlines but for those that a late FIN has restarted: these wait at
 * the end again. */
void tpa_api_time_wait_expire(struct tpa_worker *worker)
{
    for (unsigned int i = 0; i < TPA_API_TIME_WAIT_BUDGET; i++) {
        struct tpa_api_time_wait *time_wait;

        if (tpa_base_list_is_empty(&worker->time_waits))
            return;
        time_wait = TPA_BASE_CONTAINER_OF(worker->time_waits.next, struct tpa_api_time_wait, link);
        if (time_wait->tcp.deadline > worker->now)
            return;
        tpa_api_time_wait_destroy(worker, time_wait);
    }
}

static void sock_established(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    if ((sock->flags & TPA_API_SOCK_PENDING) == 0) {
        worker->counters.connected++;
        return;
    }
    if (sock->pending.listener == NULL)
        return;
    half_open_forget(sock);
    tpa_base_list_remove(&sock->pending.link);
    tpa_base_list_push_back(&worker->accept_queue, &sock->pending.link);
}

static void sock_raise(struct tpa_api_sock *sock, uint32_t signals)
{
    uint32_t bits = 0;

    if ((signals & (TPA_TCP_SIGNAL_READABLE | TPA_TCP_SIGNAL_END)) != 0)
        bits |= TPA_EVENT_READY_IN;
    if ((signals & (TPA_TCP_SIGNAL_ESTABLISHED | TPA_TCP_SIGNAL_WRITABLE)) != 0)
        bits |= TPA_EVENT_READY_OUT;
    if ((signals & TPA_TCP_SIGNAL_ERROR) != 0)
        bits |= TPA_EVENT_READY_ERR | TPA_EVENT_READY_HUP;
    if (bits != 0)
        tpa_event_source_raise(&sock->worker->events, &sock->event, bits);
}

static void path_advise(struct tpa_api_sock *sock, uint32_t signals)
{
    if (sock->path == NULL)
        return;
    if ((signals & TPA_TCP_SIGNAL_PROGRESS) != 0)
        tpa_ip_path_confirm(sock->path, sock->worker->now);
    if ((signals & TPA_TCP_SIGNAL_SUSPECT) != 0)
        tpa_ip_path_suspect(sock->path);
}

/* A connection that ended takes its tuple out of the table at once; the sock stays for as long as
 * the program has not closed it. */
static void sock_ended(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    if ((sock->flags & (TPA_API_SOCK_CLOSED | TPA_API_SOCK_PENDING)) != 0) {
        tpa_api_sock_destroy(sock);
        return;
    }
    if ((sock->flags & TPA_API_SOCK_IN_TABLE) == 0)
        return;
    (void)tpa_api_demux_remove(&worker->demux, &sock->flow);
    port_claims_give(worker, &sock->flow.tuple, sock->flags);
    sock->flags &=
        (uint8_t) ~(TPA_API_SOCK_IN_TABLE | TPA_API_SOCK_HOLDS_PORT | TPA_API_SOCK_FIXED_PORT);
}

static void signals_apply(struct tpa_api_sock *sock, uint32_t signals)
{
    if ((signals & TPA_TCP_SIGNAL_ESTABLISHED) != 0)
        sock_established(sock);
    path_advise(sock, signals);
    if ((signals & (TPA_TCP_SIGNAL_ESTABLISHED | TPA_TCP_SIGNAL_END | TPA_TCP_SIGNAL_ERROR |
                    TPA_TCP_SIGNAL_TIME_WAIT | TPA_TCP_SIGNAL_CLOSED)) != 0)
        tpa_api_export_sock_changed(sock);
    if ((sock->flags & (TPA_API_SOCK_CLOSED | TPA_API_SOCK_PENDING)) == 0)
        sock_raise(sock, signals);
    if ((signals & TPA_TCP_SIGNAL_CLOSED) != 0)
        sock_ended(sock);
    else if ((signals & TPA_TCP_SIGNAL_TIME_WAIT) != 0 && (sock->flags & TPA_API_SOCK_CLOSED) != 0)
        tpa_api_sock_enter_time_wait(sock);
}

void tpa_api_signals_process(struct tpa_worker *worker)
{
    struct tpa_tcp_connection *connection;
    uint32_t signals;

    while ((connection = tpa_tcp_signalled(&worker->tcp, &signals)) != NULL)
        signals_apply(sock_of(connection), signals);
}

/* It waits among the embryos, without its listener, until its reset is sent. */
static void pending_abort(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    listener_forget(sock);
    tpa_base_list_remove(&sock->pending.link);
    tpa_base_list_push_back(&worker->embryos, &sock->pending.link);
    tpa_tcp_abort(&worker->tcp, &sock->tcp, worker->now);
}

static void list_purge(struct tpa_base_list *list)
{
    TPA_BASE_LIST_FOREACH_SAFE(node, following, list)
    {
        struct tpa_api_sock *sock = TPA_BASE_CONTAINER_OF(node, struct tpa_api_sock, pending.link);

        if (sock->pending.listener != NULL && atomic_load(&sock->pending.listener->closed))
            pending_abort(sock);
    }
}

/* Their peers get a reset; the socks go when it is sent. Nothing points at the listener then. */
void tpa_api_pending_purge(struct tpa_worker *worker)
{
    struct tpa_api_listeners *listeners = &worker->instance->listeners;
    uint32_t generation = atomic_load(&listeners->generation);

    if (generation == worker->listeners_generation)
        return;
    list_purge(&worker->embryos);
    list_purge(&worker->accept_queue);
    worker->listeners_generation = generation;
    tpa_api_listeners_settle(
        listeners, worker->index,
        (uint32_t)((UINT64_C(1) << atomic_load(&worker->instance->workers_created)) - 1));
}

static void list_destroy(struct tpa_base_list *list)
{
    TPA_BASE_LIST_FOREACH_SAFE(node, following, list)
    tpa_api_sock_destroy(TPA_BASE_CONTAINER_OF(node, struct tpa_api_sock, pending.link));
}

void tpa_api_socks_drop_all(struct tpa_worker *worker)
{
    struct tpa_api_sids *sids = worker->instance->sids;

    list_destroy(&worker->embryos);
    list_destroy(&worker->accept_queue);
    for (uint32_t sid = 0; sid < tpa_api_sids_limit(sids); sid++) {
        void *object = tpa_api_sid_object(sids, (int)sid);
        struct tpa_api_sock *sock = tpa_api_object_sock(object);
        struct tpa_api_listener *listener = tpa_api_object_listener(object);

        if (sock != NULL && sock->worker == worker) {
            tpa_api_sock_destroy(sock);
        } else if (listener != NULL && listener->worker == worker) {
            tpa_api_export_sid_closed(worker, (int)sid);
            tpa_api_sid_give(sids, (int)sid);
        }
    }
}
