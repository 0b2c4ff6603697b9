/*
 * tpa_zreadv, tpa_zwritev, tpa_write, and events.
 */
#include "call.h"

#include <sched.h>
#include <string.h>

enum {
    READ_BATCH = 32, /* segments taken from TCP at once */
    IOVS_MAX = 1024, /* of one tpa_zwritev: as IOV_MAX */
};

/* ---- Reading ---- */

/* Buffers go back in the thread of their worker; what another thread gives back waits for it. */
static void read_done(void *base, void *parameter)
{
    struct rte_mbuf *segment = parameter;
    struct tpa_worker *worker = tpa_mem_packet_private(segment)->holder;

    (void)base;
    if (worker->thread == tpa_api_thread_identity()) {
        tpa_tcp_release(&worker->tcp, segment);
        return;
    }
    while (tpa_mem_ring_push(&worker->releases, (void **)&segment, 1) == 0)
        sched_yield();
}

static void iov_fill(struct tpa_worker *worker, struct rte_mbuf *segment, struct tpa_iovec *iov)
{
    tpa_mem_packet_private(segment)->holder = worker;
    iov->iov_base = tpa_mem_packet_data(segment);
    iov->iov_phys = tpa_mem_packet_iova(segment);
    iov->iov_len = tpa_mem_packet_segment_length(segment);
    iov->iov_reserved = 0;
    iov->iov_param = segment;
    iov->iov_read_done = read_done;
}

/* Up to READ_BATCH iovs. Count; 0 at the end of the stream; an error. */
static int read_batch(struct tpa_api_sock *sock, struct tpa_iovec *iov, int nr_iov, ssize_t *bytes)
{
    struct tpa_worker *worker = sock->worker;
    struct rte_mbuf *segments[READ_BATCH];
    int wanted = nr_iov < READ_BATCH ? nr_iov : READ_BATCH;
    int count =
        tpa_tcp_receive(&worker->tcp, &sock->tcp, segments, (unsigned int)wanted, worker->now);

    for (int i = 0; i < count; i++) {
        iov_fill(worker, segments[i], &iov[i]);
        *bytes += iov[i].iov_len;
    }
    return count;
}

/* IN stays ready where another read would not say EAGAIN. */
static void read_ready_update(struct tpa_api_sock *sock)
{
    if (!tpa_api_sock_readable(sock))
        tpa_event_source_clear(&sock->event, TPA_EVENT_READY_IN);
}

ssize_t tpa_zreadv(int sid, struct tpa_iovec *iov, int nr_iov)
{
    struct tpa_api_sock *sock;
    ssize_t bytes = 0;
    int filled = 0;
    int count;

    sock = tpa_api_call_sock(sid, &count);
    if (sock == NULL)
        return tpa_api_fail(count);
    if (iov == NULL || nr_iov <= 0)
        return tpa_api_fail(TPA_EINVAL);
    do {
        count = read_batch(sock, iov + filled, nr_iov - filled, &bytes);
        if (count > 0)
            filled += count;
    } while (count == READ_BATCH && filled < nr_iov);
    read_ready_update(sock);
    if (filled > 0)
        return bytes;
    return count == 0 ? 0 : tpa_api_fail(count);
}

/* ---- Writing ---- */

static int piece_fill(struct tpa_worker *worker, const struct tpa_iovec *iov,
                      struct tpa_tcp_send_piece *piece)
{
    int error;

    if (iov->iov_base == NULL || iov->iov_len == 0)
        return TPA_EINVAL;
    memset(piece, 0, sizeof(*piece));
    piece->base = iov->iov_base;
    piece->length = iov->iov_len;
    piece->done = iov->iov_write_done;
    piece->parameter = iov->iov_param;
    piece->copy = iov->iov_phys == 0;
    if (piece->copy)
        return TPA_OK;
    error = tpa_mem_registry_hold(worker->instance->registry, iov->iov_base, iov->iov_len,
                                  &piece->iova, &piece->reference);
    if (error == TPA_OK)
        return TPA_OK;
    /* The program knows better than we do, or the pages do not lie side by side for a device. */
    if (iov->iov_phys != 1)
        piece->iova = iov->iov_phys;
    else if (error == TPA_ETRUNCATED)
        piece->copy = true;
    else
        return TPA_EINVAL;
    return TPA_OK;
}

static void pieces_release(const struct tpa_tcp_send_piece *pieces, int count)
{
    for (int i = 0; i < count; i++)
        tpa_mem_registry_release(pieces[i].reference);
}

static ssize_t sock_send(struct tpa_api_sock *sock, const struct tpa_tcp_send_piece *pieces,
                         int count)
{
    struct tpa_worker *worker = sock->worker;
    int64_t sent =
        tpa_tcp_send(&worker->tcp, &sock->tcp, pieces, (unsigned int)count, true, worker->now);

    if (sent == TPA_ENOMEM)
        sent = TPA_EAGAIN;
    if (sent == TPA_EAGAIN)
        tpa_event_source_clear(&sock->event, TPA_EVENT_READY_OUT);
    /* More than the queue ever takes: the same to the program, but nothing will change it. */
    return sent == TPA_EMSGSIZE ? TPA_EAGAIN : sent;
}

ssize_t tpa_zwritev(int sid, const struct tpa_iovec *iov, int nr_iov)
{
    struct tpa_tcp_send_piece pieces[IOVS_MAX];
    struct tpa_api_sock *sock;
    ssize_t sent;
    int error;

    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL)
        return tpa_api_fail(error);
    if (nr_iov == 0)
        return 0;
    if (iov == NULL || nr_iov < 0 || nr_iov > IOVS_MAX)
        return tpa_api_fail(TPA_EINVAL);
    for (int i = 0; i < nr_iov; i++) {
        error = piece_fill(sock->worker, &iov[i], &pieces[i]);
        if (error != TPA_OK) {
            pieces_release(pieces, i);
            return tpa_api_fail(error);
        }
    }
    sent = sock_send(sock, pieces, nr_iov);
    if (sent >= 0)
        return sent;
    pieces_release(pieces, nr_iov);
    return tpa_api_fail((int)sent);
}

ssize_t tpa_write(int sid, const void *buf, size_t count)
{
    struct tpa_tcp_send_piece piece = {.base = buf, .length = (uint32_t)count, .copy = true};
    struct tpa_api_sock *sock;
    ssize_t sent;
    int error;

    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL)
        return tpa_api_fail(error == TPA_EINVAL ? TPA_EPIPE : error);
    if (count == 0)
        return 0;
    if (buf == NULL || count > UINT32_MAX)
        return tpa_api_fail(TPA_EINVAL);
    sent = sock_send(sock, &piece, 1);
    return sent >= 0 ? sent : tpa_api_fail((int)sent);
}

/* ---- Events ---- */

_Static_assert(sizeof(struct tpa_event) == sizeof(struct tpa_event_report) &&
                   offsetof(struct tpa_event, events) ==
                       offsetof(struct tpa_event_report, events) &&
                   offsetof(struct tpa_event, data) == offsetof(struct tpa_event_report, data),
               "reports are filled in place");

static int event_control(struct tpa_api_sock *sock, int op, const struct tpa_event *event)
{
    if (op == TPA_EVENT_CTRL_DEL)
        return tpa_event_source_remove(&sock->event);
    if (event == NULL)
        return TPA_EINVAL;
    if (op == TPA_EVENT_CTRL_ADD)
        return tpa_event_source_add(&sock->worker->events, &sock->event, event->events,
                                    event->data);
    if (op == TPA_EVENT_CTRL_MOD)
        return tpa_event_source_modify(&sock->worker->events, &sock->event, event->events,
                                       event->data);
    return TPA_EINVAL;
}

int tpa_event_ctrl(int sid, int op, struct tpa_event *event)
{
    struct tpa_api_sock *sock;
    int error;

    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL || event_control(sock, op, event) != TPA_OK)
        return tpa_api_fail(TPA_EINVAL);
    return 0;
}

int tpa_event_poll(struct tpa_worker *worker, struct tpa_event *events, int max)
{
    if (worker == NULL || events == NULL || worker->thread != tpa_api_thread_identity())
        return 0;
    return tpa_event_queue_poll(&worker->events, (struct tpa_event_report *)(void *)events, max);
}
