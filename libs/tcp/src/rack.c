#include "rack.h"

/* Section 6.2, step 4: the window grows once a round in which the peer got something twice. A tail
 * loss probe that was for nothing says nothing about reordering. */
static void widen(struct tpa_tcp_connection *connection, const struct tpa_tcp_flight_acked *acked)
{
    struct tpa_tcp_flight_notes *notes = tpa_tcp_flight_notes(&connection->flight);

    if (notes != NULL && notes->has_reordering_round &&
        tpa_base_seq_geq(connection->flight.una, notes->reordering_round))
        notes->has_reordering_round = false;
    if (!acked->duplicate || (notes != NULL && notes->has_reordering_round))
        return;
    if ((connection->loss_flags & TPA_TCP_LOSS_PROBE_SENT) != 0 &&
        acked->duplicate_block.right == connection->probe_end)
        return;
    if (connection->reordering_steps < UINT8_MAX)
        connection->reordering_steps++;
    connection->reordering_persist = TPA_TCP_REORDERING_PERSIST;
    if (notes == NULL)
        return;
    notes->has_reordering_round = true;
    notes->reordering_round = connection->flight.nxt;
}

void tpa_tcp_rack_update(struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_flight_acked *acked, uint64_t now)
{
    tpa_tcp_flight_arrived(&connection->flight, acked, now);
    if (acked->reordered)
        connection->loss_flags |= TPA_TCP_LOSS_REORDERING_SEEN;
    widen(connection, acked);
}

/* RACK.segs_sacked reached DupThresh: by the ACKs that told of them, or by their bytes. */
static bool many_are_sacked(const struct tpa_tcp_connection *connection)
{
    return connection->flight.sacked >
               (TPA_TCP_DUPLICATE_THRESHOLD - 1) * (uint64_t)connection->window.mss ||
           (connection->flight.sacked != 0 &&
            connection->duplicate_acks >= TPA_TCP_DUPLICATE_THRESHOLD);
}

/* RACK.reo_wnd, ns. */
static uint64_t reordering_window(const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_rtt *rtt = &connection->rtt;
    uint64_t quarters = 1u + connection->reordering_steps;
    uint64_t window = 0;

    if (!(connection->loss_flags & TPA_TCP_LOSS_REORDERING_SEEN) &&
        (connection->recovery != TPA_TCP_RECOVERY_NONE || many_are_sacked(connection)))
        return 0;
    if (rtt->srtt != 0)
        window =
            TPA_BASE_MIN(quarters * rtt->minimum * 1000 / 4, tpa_tcp_rtt_smoothed_nanoseconds(rtt));
    /* What a worker can't tell apart is no order. */
    return TPA_BASE_MAX(window, TPA_TCP_RTO_GRANULARITY);
}

uint32_t tpa_tcp_rack_detect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now)
{
    struct tpa_tcp_flight_overtaken overtaken =
        tpa_tcp_flight_detect_overtaken(&connection->flight, reordering_window(connection), now);

    tpa_tcp_start_reordering_timer(worker, connection, overtaken.wait, now);
    if (overtaken.lost == 0)
        return 0;
    worker->counters.rack_losses++;
    if (overtaken.lost_again != 0)
        worker->counters.lost_retransmissions++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RACK_LOSS, overtaken.lost,
                         overtaken.lost_again, connection->flight.una, overtaken.wait);
    return overtaken.lost;
}

void tpa_tcp_rack_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    uint64_t rtt = tpa_tcp_flight_latest_rtt(&connection->flight);

    if (rtt == 0)
        rtt = tpa_tcp_rtt_smoothed_nanoseconds(&connection->rtt);
    tpa_tcp_flight_timeout_by_time(&connection->flight, &worker->flight, connection->window.mss,
                                   now - rtt - reordering_window(connection) + 1);
}

void tpa_tcp_rack_recovered(struct tpa_tcp_connection *connection)
{
    if (connection->reordering_persist == 0)
        return;
    connection->reordering_persist--;
    if (connection->reordering_persist == 0)
        connection->reordering_steps = 0;
}
