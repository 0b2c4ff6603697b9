#include "recovery.h"

static bool uses_sack(const struct tpa_tcp_connection *connection)
{
    return (connection->flags & TPA_TCP_USES_SACK) != 0;
}

static void leave(struct tpa_tcp_connection *connection, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;

    if (connection->recovery == TPA_TCP_RECOVERY_FAST)
        window->algorithm->on_exit_recovery(window, tpa_tcp_outstanding(connection), now);
    connection->recovery = TPA_TCP_RECOVERY_NONE;
    connection->flags &= ~(TPA_TCP_PARTIAL_ACK | TPA_TCP_SEND_FIRST_LOST);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RECOVERY_EXIT,
                         connection->flight.una, window->cwnd, window->ssthresh, 0);
}

/* RFC 6675 section 5, (4); RFC 6582 section 3.2, step 2. */
static void enter(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                  uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;
    uint32_t outstanding = tpa_tcp_outstanding(connection);

    if (connection->flight.lost == 0)
        tpa_tcp_flight_lose_first(&connection->flight, &worker->flight,
                                  TPA_BASE_MIN(window->mss, outstanding));
    connection->recovery = TPA_TCP_RECOVERY_FAST;
    connection->recovery_point = connection->flight.nxt;
    connection->flags &= ~TPA_TCP_PARTIAL_ACK;
    worker->counters.fast_retransmits++;
    window->algorithm->on_loss_event(window, outstanding, now);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RECOVERY_ENTER,
                         connection->recovery_point, window->cwnd, window->ssthresh, outstanding);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_FIRST_LOST);
}

/* Without SACK an ACK of what was sent before the last recovery may be the echo of that recovery's
 * own retransmissions (RFC 6582 section 3.2, step 1). */
static bool may_enter(const struct tpa_tcp_connection *connection)
{
    return tpa_tcp_outstanding(connection) != 0 &&
           (uses_sack(connection) ||
            tpa_base_seq_gt(connection->flight.una, connection->recovery_point));
}

static void count_duplicates(struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_flight_acked *acked, bool duplicate)
{
    if (acked->acked != 0)
        connection->duplicate_acks = 0;
    if (!duplicate)
        return;
    if (connection->duplicate_acks < UINT8_MAX)
        connection->duplicate_acks++;
    if (!uses_sack(connection))
        tpa_tcp_flight_duplicate_ack(&connection->flight, connection->window.mss);
}

/* RFC 6582 section 3.2, step 3: the next segment was lost too. */
static void partial_ack(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        uint64_t now)
{
    uint32_t length = TPA_BASE_MIN(connection->window.mss, tpa_tcp_outstanding(connection));

    tpa_tcp_flight_lose_first(&connection->flight, &worker->flight, length);
    /* Only the first one restarts the timer. */
    if (!(connection->flags & TPA_TCP_PARTIAL_ACK))
        tpa_tcp_start_retransmit_timer(worker, connection, now);
    connection->flags |= TPA_TCP_PARTIAL_ACK | TPA_TCP_SEND_FIRST_LOST;
    tpa_tcp_schedule(worker, connection);
}

void tpa_tcp_recover(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_flight_acked *acked, bool duplicate, uint64_t now)
{
    uint32_t lost = 0;

    if (connection->recovery != TPA_TCP_RECOVERY_NONE &&
        tpa_base_seq_geq(connection->flight.una, connection->recovery_point))
        leave(connection, now);
    count_duplicates(connection, acked, duplicate);
    if (uses_sack(connection) && connection->flight.sacked != 0)
        lost = tpa_tcp_flight_detect_loss(&connection->flight, connection->window.mss);

    if (connection->recovery == TPA_TCP_RECOVERY_FAST) {
        if (acked->acked != 0 && !uses_sack(connection))
            partial_ack(worker, connection, now);
    } else if (connection->recovery == TPA_TCP_RECOVERY_NONE) {
        if ((lost != 0 || connection->duplicate_acks >= TPA_TCP_DUPLICATE_THRESHOLD) &&
            may_enter(connection))
            enter(worker, connection, now);
    }
}
