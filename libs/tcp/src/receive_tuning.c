/*
 * How large a window is offered: as much as the program reads in some round trips, so that it is
 * never the window that holds the peer back, and no more than is of use (dynamic right-sizing,
 * Fisk and Feng 2001).
 *
 * What is read in a round trip was sent in the one before; a window that is offered now governs the
 * one behind it, for which a peer in slow start has four times as much. Hence the factor. Only who
 * keeps up gets more: a reader before whom data piles up is not helped by a larger pile.
 *
 * A round trip is not shorter than any that was measured with our own data or SYN, nor than the
 * youngest echo of our timestamps in what came in (RFC 7323; a peer that had nothing to say echoes
 * late, hence the shortest of a round). Without either it is the time that a whole window takes to
 * be read; that ends a round in any case, since what lies behind it was sent after it was offered.
 */
#include "machine.h"

#define GROWTH 4

/* Of the stream: what the program reads next. */
static uint32_t next_unread(const struct tpa_tcp_connection *connection)
{
    return connection->rcv_nxt - connection->receive_queue.bytes;
}

/* ns; UINT64_MAX if nothing is known. */
static uint64_t round_trip(const struct tpa_tcp_connection *connection)
{
    uint64_t own = (uint64_t)connection->rtt.minimum * 1000;
    uint64_t echo = (uint64_t)connection->rcv_round_echo * TPA_TCP_TIMESTAMP_TICK;
    bool has_own = connection->rtt.srtt != 0;

    if (connection->rcv_round_echo == TPA_TCP_ROUND_ECHO_NONE)
        return has_own ? own : UINT64_MAX;
    return has_own ? TPA_BASE_MAX(own, echo) : echo;
}

static void begin_round(struct tpa_tcp_connection *connection, uint64_t now)
{
    connection->rcv_round_start = (uint32_t)(now >> TPA_TCP_FINE_SHIFT);
    connection->rcv_round_unread = next_unread(connection);
    connection->rcv_round_echo = TPA_TCP_ROUND_ECHO_NONE;
}

void tpa_tcp_receive_tuning_init(const struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection, uint64_t now)
{
    connection->rcv_limit = tpa_tcp_receive_limit_initial(worker->config);
    begin_round(connection, now);
}

void tpa_tcp_receive_tune(const struct tpa_tcp_worker *worker,
                          struct tpa_tcp_connection *connection, uint64_t now)
{
    uint32_t most = worker->config->receive_buffer;
    uint32_t limit = connection->rcv_limit;
    uint32_t read = next_unread(connection) - connection->rcv_round_unread;
    uint32_t ticks = (uint32_t)(now >> TPA_TCP_FINE_SHIFT) - connection->rcv_round_start;
    uint64_t elapsed = ((uint64_t)ticks + 1) << TPA_TCP_FINE_SHIFT; /* or a little less */

    if (limit >= most)
        return;
    if (read < limit && elapsed < round_trip(connection))
        return;
    if (read > limit / GROWTH && connection->receive_queue.bytes <= limit / GROWTH) {
        connection->rcv_limit = (uint32_t)TPA_BASE_MIN((uint64_t)read * GROWTH, (uint64_t)most);
        tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RECEIVE_LIMIT,
                             connection->rcv_limit, read, elapsed, 0);
    }
    begin_round(connection, now);
}
