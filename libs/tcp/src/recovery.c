#include "recovery.h"

#include "delivery.h"
#include "ecn.h"
#include "rack.h"
#include "undo.h"

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
    tpa_tcp_rack_recovered(connection);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RECOVERY_EXIT,
                         connection->flight.una, window->cwnd, window->ssthresh, 0);
}

static void begin_prr(struct tpa_tcp_connection *connection, uint32_t delivered)
{
    struct tpa_tcp_prr *prr = tpa_tcp_prr_of(connection);

    if (prr != NULL)
        tpa_tcp_prr_begin(prr,
                          tpa_tcp_outstanding(connection) - connection->flight.sacked + delivered,
                          connection->window.ssthresh);
}

/* RFC 6675 section 5, (4); RFC 6582 section 3.2, step 2. `delivered`: by the acknowledgement that
 * told of the loss. */
static void enter(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                  uint32_t delivered, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;
    uint32_t outstanding = tpa_tcp_outstanding(connection);

    if (connection->flight.lost == 0)
        tpa_tcp_flight_lose_first(&connection->flight, &worker->flight,
                                  TPA_BASE_MIN(window->mss, outstanding));
    connection->recovery = TPA_TCP_RECOVERY_FAST;
    connection->recovery_point = connection->flight.nxt;
    connection->flags &= ~TPA_TCP_PARTIAL_ACK;
    connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_RESCUED;
    tpa_tcp_undo_begin(connection, false);
    worker->counters.fast_retransmits++;
    window->algorithm->on_loss_event(window, tpa_tcp_flight_size(connection, window->cwnd), now);
    tpa_tcp_ecn_window_reduced(connection);
    begin_prr(connection, delivered);
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

/* RFC 4015 section 3.2: what was not lost isn't sent again, and the window is what it was. */
static void undo(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;

    worker->counters.spurious_recoveries++;
    /* Reordering made it, then, or a delay that may come again. */
    connection->loss_flags |= TPA_TCP_LOSS_REORDERING_SEEN;
    if (connection->recovery == TPA_TCP_RECOVERY_TIMEOUT)
        connection->loss_flags |= TPA_TCP_LOSS_ADAPT;
    if (connection->recovery != TPA_TCP_RECOVERY_NONE) {
        tpa_tcp_flight_undo(&connection->flight);
        leave(connection, now);
    }
    tpa_tcp_rtt_progress(&connection->rtt);
    window->algorithm->on_spurious(window, now);
    tpa_tcp_ecn_window_restored(connection);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RECOVERY_UNDO, window->cwnd,
                         window->ssthresh, tpa_tcp_outstanding(connection), 0);
    tpa_tcp_schedule(worker, connection);
}

/* Bytes newly lost by what SACK, or the time of sending, tells. */
static uint32_t detect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       uint64_t now)
{
    if (tpa_tcp_uses_rack(worker, connection))
        return tpa_tcp_rack_detect(worker, connection, now);
    if (!uses_sack(connection) || connection->flight.sacked == 0)
        return 0;
    return tpa_tcp_flight_detect_loss(&connection->flight, connection->window.mss);
}

static bool is_loss(const struct tpa_tcp_worker *worker,
                    const struct tpa_tcp_connection *connection, uint32_t lost)
{
    if (lost != 0 || tpa_tcp_uses_rack(worker, connection))
        return lost != 0;
    return connection->duplicate_acks >= TPA_TCP_DUPLICATE_THRESHOLD;
}

static void use_prr(struct tpa_tcp_connection *connection, const struct tpa_tcp_flight_acked *acked,
                    uint32_t lost)
{
    struct tpa_tcp_prr *prr = tpa_tcp_prr_of(connection);

    if (prr != NULL)
        tpa_tcp_prr_acknowledged(prr, acked->delivered, tpa_tcp_flight_pipe(&connection->flight),
                                 connection->window.ssthresh, connection->window.mss,
                                 acked->acked != 0 && lost == 0);
}

/* The latest time at which a retransmission can have been sent that this segment acknowledges (RFC
 * 8985 section 6.2, step 2): not in less than any round trip, nor after what is echoed. */
static uint64_t latest_retransmission(const struct tpa_tcp_connection *connection,
                                      const struct tpa_tcp_segment *segment, uint64_t now)
{
    const uint64_t tick = TPA_TCP_TIMESTAMP_TICK;
    uint64_t latest = now - (uint64_t)connection->rtt.minimum * 1000;
    uint32_t age;

    if (connection->rtt.srtt == 0)
        return 0;
    if (!(connection->flags & TPA_TCP_USES_TIMESTAMPS) || !segment->has_timestamp)
        return latest;
    age = tpa_tcp_timestamp(connection->ts_offset, now) - segment->timestamp_echo;
    if (age > now / tick)
        return 0;
    return TPA_BASE_MIN(latest, (now / tick - age + 1) * tick - 1);
}

void tpa_tcp_prepare_acked(const struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_segment *segment,
                           struct tpa_tcp_flight_acked *acked, uint64_t now)
{
    bool sent_again = connection->flight.retransmitted != 0 || connection->flight.lost != 0;

    *acked = (struct tpa_tcp_flight_acked){
        .now = now,
        .original_end = connection->recovery_point,
        .again_before = sent_again ? latest_retransmission(connection, segment, now) : 0,
    };
}

/* What is lost is a probe of the path's MTU, and that alone. */
static bool is_mtu_probe_lost(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    if (TPA_BASE_LIKELY(!(connection->loss_flags & TPA_TCP_LOSS_MTU_PROBE)))
        return false;
    if (tpa_tcp_mtu_probe_lost(worker, connection, now))
        return true;
    tpa_tcp_mtu_probe_is_doubtful(connection, now);
    return false;
}

void tpa_tcp_recover(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_segment *segment,
                     const struct tpa_tcp_flight_acked *acked, bool duplicate, uint64_t now)
{
    bool is_over = false;
    uint32_t lost;

    worker->counters.dsacks_in += acked->duplicate;
    count_duplicates(connection, acked, duplicate);
    if (tpa_tcp_uses_rack(worker, connection))
        tpa_tcp_rack_update(connection, acked, now);
    if (tpa_tcp_undo_is_due(worker, connection, segment, acked, duplicate))
        undo(worker, connection, now);
    tpa_tcp_loss_probe_acknowledged(worker, connection, acked,
                                    acked->acked == 0 && segment->sack_count == 0, now);
    if (connection->recovery != TPA_TCP_RECOVERY_NONE &&
        tpa_base_seq_geq(connection->flight.una, connection->recovery_point)) {
        leave(connection, now);
        is_over = true;
    }

    lost = detect(worker, connection, now);
    if (lost != 0 && is_mtu_probe_lost(worker, connection, now))
        return;
    if (connection->recovery == TPA_TCP_RECOVERY_FAST) {
        if (acked->acked != 0 && !uses_sack(connection))
            partial_ack(worker, connection, now);
    } else if (connection->recovery == TPA_TCP_RECOVERY_NONE) {
        /* What was sent in the last recovery, and lost in it, is a loss of its own. */
        if ((is_loss(worker, connection, lost) || (is_over && connection->flight.lost != 0)) &&
            may_enter(connection))
            enter(worker, connection, acked->delivered, now);
    }
    use_prr(connection, acked, lost);
}

void tpa_tcp_recover_overtaken(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t now)
{
    uint32_t lost = tpa_tcp_rack_detect(worker, connection, now);
    struct tpa_tcp_prr *prr;

    if (lost == 0 || is_mtu_probe_lost(worker, connection, now))
        return;
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL))
        tpa_tcp_delivery_lost(connection, lost);
    if (connection->recovery == TPA_TCP_RECOVERY_NONE)
        enter(worker, connection, 0, now);
    prr = tpa_tcp_prr_of(connection);
    if (prr != NULL)
        tpa_tcp_prr_lost(prr, lost, tpa_tcp_flight_pipe(&connection->flight),
                         connection->window.ssthresh, connection->window.mss);
    tpa_tcp_schedule(worker, connection);
}

/* RFC 5682 section 2.1, step 1: not where fast recovery was under way. */
static void begin_timeout(struct tpa_tcp_connection *connection)
{
    bool frto_fits = connection->recovery == TPA_TCP_RECOVERY_NONE ||
                     (connection->loss_flags & TPA_TCP_LOSS_FRTO_FIRST) != 0;

    if (connection->recovery != TPA_TCP_RECOVERY_TIMEOUT)
        tpa_tcp_undo_begin(connection, frto_fits);
    connection->loss_flags &=
        (uint16_t) ~(TPA_TCP_LOSS_FRTO_SECOND | TPA_TCP_LOSS_PROBE_SENT | TPA_TCP_LOSS_PROBE_OLD |
                     TPA_TCP_LOSS_PROBE_TIMER | TPA_TCP_LOSS_SEND_PROBE);
}

void tpa_tcp_recover_from_timeout(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;
    /* What was outstanding may have been sent with the window that a reduction, or a time-out, has
     * left only the threshold of. */
    uint32_t most = window->ssthresh == TPA_TCP_SSTHRESH_INFINITE
                        ? window->cwnd
                        : TPA_BASE_MAX(window->cwnd, window->ssthresh);

    tpa_tcp_path_mtu_timeout(worker, connection, now);
    window->algorithm->on_rto(window, tpa_tcp_flight_size(connection, most), connection->probes > 0,
                              now);
    tpa_tcp_ecn_window_reduced(connection);
    /* The second in a row: what SACK told hasn't helped, and may have used up the ranges. */
    if (tpa_tcp_uses_rack(worker, connection) && connection->probes == 0)
        tpa_tcp_rack_timeout(worker, connection, now);
    else
        tpa_tcp_flight_timeout(&connection->flight);
    begin_timeout(connection);
    connection->recovery = TPA_TCP_RECOVERY_TIMEOUT;
    connection->recovery_point = connection->flight.nxt;
    connection->duplicate_acks = 0;
    connection->loss_deadline = 0;
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_FIRST_LOST);
}
