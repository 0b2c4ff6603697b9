/*
 * What the owner does with the streams of a connection: SEND and RECEIVE of RFC 9293 3.10.
 */
#include <tpa/base/error.h>

#include "machine.h"

static int send_error(const struct tpa_tcp_connection *connection)
{
    if (connection->error != TPA_OK)
        return tpa_tcp_error(connection);
    if (connection->state == TPA_TCP_SYN_SENT || connection->state == TPA_TCP_SYN_RECEIVED)
        return TPA_ENOTCONN;
    if (connection->state == TPA_TCP_CLOSED || (connection->flags & TPA_TCP_FIN_QUEUED))
        return TPA_EPIPE;
    return TPA_OK;
}

static int64_t refuse(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      int64_t error)
{
    switch (error) {
    case TPA_EAGAIN:
        connection->flags |= TPA_TCP_WANTS_ROOM;
        return TPA_EAGAIN;
    case TPA_ENOMEM:
        worker->counters.allocation_failures++;
        tpa_tcp_send_flag(worker, connection, TPA_TCP_WANTS_MEMORY);
        return TPA_EAGAIN;
    default:
        return error;
    }
}

int64_t tpa_tcp_send(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_send_piece *pieces, unsigned int count, bool atomic,
                     uint64_t now)
{
    bool idle = connection->flight.una == connection->send_queue.end;
    int error = send_error(connection);
    int64_t taken;

    if (TPA_BASE_UNLIKELY(error != TPA_OK))
        return error;
    taken = tpa_tcp_send_queue_append(&connection->send_queue, &worker->send, pieces, count, atomic,
                                      tpa_tcp_send_limit(worker, connection));
    if (TPA_BASE_UNLIKELY(taken < 0))
        return refuse(worker, connection, taken);
    if (taken > 0) {
        if (idle)
            connection->progress = tpa_tcp_coarse(now);
        tpa_tcp_schedule(worker, connection);
    }
    return taken;
}

int tpa_tcp_receive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    struct rte_mbuf **segments, unsigned int count, uint64_t now)
{
    if (connection->receive_queue.bytes > 0) {
        unsigned int taken = tpa_tcp_receive_queue_take(&connection->receive_queue,
                                                        &worker->receive_budget, segments, count);

        tpa_tcp_receive_tune(worker, connection, now);
        tpa_tcp_receive_room_grew(worker, connection);
        return (int)taken;
    }
    if (connection->error != TPA_OK)
        return tpa_tcp_error(connection);
    if (connection->state == TPA_TCP_SYN_SENT || connection->state == TPA_TCP_SYN_RECEIVED)
        return TPA_ENOTCONN;
    return tpa_tcp_may_receive(connection) ? TPA_EAGAIN : 0;
}

void tpa_tcp_receive_undo(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          struct rte_mbuf **segments, unsigned int count)
{
    (void)worker;
    tpa_tcp_receive_queue_undo(&connection->receive_queue, segments, count);
}

void tpa_tcp_release(struct tpa_tcp_worker *worker, struct rte_mbuf *segment)
{
    tpa_tcp_charge_free(&worker->receive_budget, segment);
}

uint32_t tpa_tcp_send_room(const struct tpa_tcp_worker *worker,
                           const struct tpa_tcp_connection *connection)
{
    if (send_error(connection) != TPA_OK)
        return 0;
    return tpa_tcp_send_queue_room(&connection->send_queue, &worker->send,
                                   tpa_tcp_send_limit(worker, connection));
}

uint32_t tpa_tcp_receive_pending(const struct tpa_tcp_connection *connection)
{
    return connection->receive_queue.bytes;
}
