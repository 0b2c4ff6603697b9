/*
 * The ACK step of RFC 9293 3.10.7.4: what is acknowledged, the peer's window, the samples for
 * round-trip time and congestion control, and the states that an acknowledged FIN leads to.
 */
#include <tpa/base/bits.h>
#include <tpa/base/error.h>

#include "delivery.h"
#include "ecn.h"
#include "machine.h"
#include "recovery.h"

/* 2^7 coarse ticks are 1.07 s: between two signals of progress. */
#define PROGRESS_SHIFT 7

static bool has_work(const struct tpa_tcp_connection *connection)
{
    return connection->flight.lost != 0 || tpa_tcp_unsent(connection) != 0 ||
           connection->recovery == TPA_TCP_RECOVERY_FAST;
}

static void note_progress(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    uint32_t current = tpa_tcp_coarse(now);

    connection->probes = 0;
    if (connection->progress >> PROGRESS_SHIFT != current >> PROGRESS_SHIFT)
        tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_PROGRESS);
    connection->progress = current;
}

/* After a send was refused the owner is told when a quarter of the queue is free: not for each
 * segment. */
static void offer_room(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    uint32_t entries = worker->config->send_queue_entries;
    uint32_t limit = tpa_tcp_send_limit(worker, connection);

    if (TPA_BASE_LIKELY(!(connection->flags & TPA_TCP_WANTS_ROOM)))
        return;
    if (tpa_tcp_send_queue_bytes(&connection->send_queue) > limit - limit / 4 ||
        connection->send_queue.entries > entries - entries / 4)
        return;
    connection->flags &= ~TPA_TCP_WANTS_ROOM;
    tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_WRITABLE);
}

/* What begins at `sequence` was sent behind a time-out that was for nothing (RFC 4015 section 3),
 * unless it was outstanding already. */
static void adapt(struct tpa_tcp_connection *connection, uint32_t sequence, uint64_t sample)
{
    if (tpa_base_seq_lt(sequence, connection->recovery_point))
        return;
    tpa_tcp_rtt_adapt(&connection->rtt, sample);
    connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_ADAPT;
}

/* RFC 6298 with RFC 7323, appendix G: about one sample for every second segment. */
static void measure(struct tpa_tcp_connection *connection, const struct tpa_tcp_segment *segment,
                    const struct tpa_tcp_flight_acked *acked, uint32_t in_flight, uint64_t now)
{
    unsigned int two_segments = tpa_base_bits_log2_floor(connection->window.mss) + 1;

    if (TPA_BASE_LIKELY(acked->oldest_sent != 0)) {
        tpa_tcp_rtt_sample(&connection->rtt, now - acked->oldest_sent, in_flight >> two_segments);
        if (TPA_BASE_UNLIKELY((connection->loss_flags & TPA_TCP_LOSS_ADAPT) != 0))
            adapt(connection, segment->ack - acked->acked, now - acked->oldest_sent);
        connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_PROBE_RESTS;
    } else if (segment->has_timestamp) {
        /* Karn's algorithm keeps the RTO backed off where one can't tell which transmission was
         * acknowledged; the echo can. */
        tpa_tcp_rtt_progress(&connection->rtt);
    }
}

/* SND.UNA < SEG.ACK =< SND.NXT */
static void acknowledge(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_segment *segment, struct tpa_tcp_flight_acked *acked,
                        uint64_t now)
{
    uint32_t in_flight = tpa_tcp_outstanding(connection);

    tpa_tcp_flight_acknowledged(&connection->flight, &worker->flight, segment->ack, acked);
    tpa_tcp_send_queue_acknowledge(&connection->send_queue, &worker->send,
                                   tpa_base_seq_min(segment->ack, connection->send_queue.end));
    if (TPA_BASE_UNLIKELY(connection->loss_flags & TPA_TCP_LOSS_MTU_PROBE))
        tpa_tcp_mtu_probe_acknowledged(worker, connection, now);
    measure(connection, segment, acked, in_flight, now);
    note_progress(worker, connection, now);
    offer_room(worker, connection);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_ACKED, acked->acked, segment->ack,
                         tpa_tcp_outstanding(connection), connection->window.cwnd);
}

static void grow_window(struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_flight_acked *acked, uint32_t in_flight,
                        bool in_recovery, uint32_t marked, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;
    struct tpa_tcp_rate_sample rate;
    struct tpa_tcp_ack_sample sample = {
        .now = now,
        .rtt = acked->newest_sent != 0 ? now - acked->newest_sent : 0,
        .acked = acked->acked,
        .srtt = (uint64_t)tpa_tcp_rtt_smoothed(&connection->rtt) * 1000,
        .delivered = acked->delivered,
        .in_flight = in_flight,
        .snd_una = connection->flight.una,
        .snd_nxt = connection->flight.nxt,
        .marked = marked,
        .window_limited = (connection->flags & TPA_TCP_CWND_LIMITED) != 0,
        .in_recovery = in_recovery,
        .after_timeout = connection->recovery == TPA_TCP_RECOVERY_TIMEOUT,
    };

    if (TPA_BASE_UNLIKELY(connection->delivery != NULL)) {
        tpa_tcp_delivery_acknowledged(connection, &rate, now);
        sample.rate = &rate;
    }
    window->algorithm->on_ack(window, &sample);
}

/* RFC 6298 sections 5.2 and 5.3; in NewReno's recovery only the first partial ACK restarts it (RFC
 * 6582 section 3.2, step 3). */
static void restart_timer(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    if (tpa_tcp_outstanding(connection) == 0) {
        connection->retransmit_deadline = 0;
        connection->loss_deadline = 0;
        return;
    }
    if (connection->recovery != TPA_TCP_RECOVERY_FAST || !(connection->flags & TPA_TCP_PARTIAL_ACK))
        tpa_tcp_restart_retransmit_timer(worker, connection, now);
    tpa_tcp_schedule_loss_probe(worker, connection, now);
}

/* What is outstanding was thrown away while the window was closed: it was a probe, or the window
 * had shrunk. No sign of congestion. */
static void window_opened(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_WINDOW_OPEN, connection->snd_wnd, 0,
                         0, 0);
    tpa_tcp_flight_lose_all(&connection->flight);
    tpa_tcp_rtt_progress(&connection->rtt);
    connection->probes = 0;
    connection->retransmit_deadline = 0;
    tpa_tcp_schedule(worker, connection);
}

/* SND.UNA =< SEG.ACK =< SND.NXT */
static void update_window(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_segment *segment, uint64_t now)
{
    uint32_t old = connection->snd_wnd;

    if (tpa_base_seq_gt(connection->snd_wl1, segment->seq) ||
        (connection->snd_wl1 == segment->seq && tpa_base_seq_gt(connection->snd_wl2, segment->ack)))
        return;
    /* The windows of SYNs are not scaled, and were taken when they came. */
    if (segment->flags & TPA_TCP_SYN)
        return;
    connection->snd_wnd = (uint32_t)segment->window << connection->snd_scale;
    connection->snd_wl1 = segment->seq;
    connection->snd_wl2 = segment->ack;
    connection->snd_wnd_max = TPA_BASE_MAX(connection->snd_wnd_max, connection->snd_wnd);
    if (old == 0 && connection->snd_wnd != 0)
        window_opened(worker, connection, now);
    else if (old != 0 && connection->snd_wnd == 0)
        tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_ZERO_WINDOW, segment->ack,
                             tpa_tcp_send_end(connection) - segment->ack, 0, 0);
}

/* RFC 5961 section 5.2: neither what was never sent, nor what is older than any window. */
static enum tpa_base_drop check_range(const struct tpa_tcp_connection *connection,
                                      const struct tpa_tcp_segment *segment)
{
    if (tpa_base_seq_gt(segment->ack, connection->flight.nxt))
        return TPA_BASE_DROP_TCP_BAD_ACK;
    if (tpa_base_seq_lt(segment->ack, connection->flight.una - connection->snd_wnd_max))
        return TPA_BASE_DROP_TCP_OLD_ACK;
    return TPA_BASE_DROP_NONE;
}

/* RFC 5681 section 2. With SACK it is news from a block that counts (RFC 6675 section 5). */
static bool is_duplicate(const struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_segment *segment,
                         const struct tpa_tcp_flight_acked *acked, uint32_t old_window)
{
    if (acked->acked != 0)
        return false;
    if (connection->flags & TPA_TCP_USES_SACK)
        return acked->sack_new;
    return tpa_tcp_outstanding(connection) != 0 && segment->length == 0 &&
           (segment->flags & (TPA_TCP_SYN | TPA_TCP_FIN)) == 0 && old_window != 0 &&
           connection->snd_wnd == old_window;
}

/* False: that was the end of the connection. */
static bool fin_acknowledged(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *segment, uint64_t now)
{
    switch (connection->state) {
    case TPA_TCP_FIN_WAIT_1:
        tpa_tcp_set_state(connection, TPA_TCP_FIN_WAIT_2, now);
        if (connection->flags & TPA_TCP_ORPHAN)
            tpa_tcp_start_state_timer(worker, connection, worker->config->fin_wait_2, now);
        return true;
    case TPA_TCP_CLOSING:
        tpa_tcp_enter_time_wait(worker, connection, now);
        return true;
    case TPA_TCP_LAST_ACK:
        tpa_tcp_terminate(worker, connection, TPA_OK, now);
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_CONSUMED, now);
        return false;
    default:
        return true;
    }
}

/* Nothing is sent while an acknowledgement is processed: what this grew by was found lost. */
static uint32_t lost_not_resent(const struct tpa_tcp_flight *flight)
{
    return flight->lost - flight->retransmitted;
}

static void count_lost(struct tpa_tcp_connection *connection, uint32_t before)
{
    int32_t found = (int32_t)(lost_not_resent(&connection->flight) - before);

    if (found > 0)
        tpa_tcp_delivery_lost(connection, (uint32_t)found);
}

static void process(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    const struct tpa_tcp_segment *segment, uint64_t now)
{
    struct tpa_tcp_flight_acked acked;
    bool was_recovering = connection->recovery == TPA_TCP_RECOVERY_FAST;
    uint32_t in_flight = tpa_tcp_outstanding(connection);
    uint32_t old_window = connection->snd_wnd;
    uint32_t not_resent;
    bool echo = tpa_tcp_ecn_is_echo(connection, segment);

    tpa_tcp_prepare_acked(connection, segment, &acked, now);
    if (segment->ack != connection->flight.una)
        acknowledge(worker, connection, segment, &acked, now);
    update_window(worker, connection, segment, now);
    if (segment->sack_count != 0 && (connection->flags & TPA_TCP_USES_SACK))
        tpa_tcp_flight_sacked(&connection->flight, &worker->flight, segment->ack, segment->sack,
                              segment->sack_count, &acked);
    not_resent = lost_not_resent(&connection->flight);
    tpa_tcp_recover(worker, connection, segment, &acked,
                    is_duplicate(connection, segment, &acked, old_window), now);
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL))
        count_lost(connection, not_resent);
    tpa_tcp_ecn_acknowledged(connection);
    if (acked.delivered != 0)
        grow_window(connection, &acked, in_flight,
                    was_recovering || connection->recovery == TPA_TCP_RECOVERY_FAST,
                    echo ? acked.acked : 0, now);
    if (TPA_BASE_UNLIKELY(echo))
        tpa_tcp_ecn_echoed(worker, connection, in_flight, now);
    if (acked.acked != 0)
        restart_timer(worker, connection, now);
    if (has_work(connection))
        tpa_tcp_schedule(worker, connection);
}

bool tpa_tcp_input_ack(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       const struct tpa_tcp_segment *segment, uint64_t now)
{
    enum tpa_base_drop fault = check_range(connection, segment);

    if (TPA_BASE_UNLIKELY(fault != TPA_BASE_DROP_NONE)) {
        tpa_tcp_challenge(worker, connection, segment, now);
        tpa_tcp_input_drop(worker, connection, segment, fault, now);
        return false;
    }
    if (tpa_base_seq_lt(segment->ack, connection->flight.una))
        return true;
    process(worker, connection, segment, now);
    if (tpa_tcp_fin_acknowledged(connection))
        return fin_acknowledged(worker, connection, segment, now);
    return true;
}

static void take_new(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_segment *segment, uint64_t now)
{
    struct tpa_tcp_flight_acked acked = {.now = now};
    uint32_t in_flight = tpa_tcp_outstanding(connection);

    connection->duplicate_acks = 0;
    acknowledge(worker, connection, segment, &acked, now);
    if (TPA_BASE_UNLIKELY(connection->loss_flags & TPA_TCP_LOSS_PROBE_SENT))
        tpa_tcp_loss_probe_acknowledged(worker, connection, &acked, false, now);
    tpa_tcp_ecn_acknowledged(connection);
    grow_window(connection, &acked, in_flight, false, 0, now);
    restart_timer(worker, connection, now);
}

void tpa_tcp_input_ack_predicted(struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection,
                                 const struct tpa_tcp_segment *segment, uint64_t now)
{
    uint32_t old_window = connection->snd_wnd;

    connection->snd_wnd = (uint32_t)segment->window << connection->snd_scale;
    connection->snd_wl1 = segment->seq;
    connection->snd_wl2 = segment->ack;
    connection->snd_wnd_max = TPA_BASE_MAX(connection->snd_wnd_max, connection->snd_wnd);
    if (segment->ack != connection->flight.una)
        take_new(worker, connection, segment, now);
    else if (TPA_BASE_LIKELY(connection->snd_wnd <= old_window))
        return;
    if (has_work(connection))
        tpa_tcp_schedule(worker, connection);
}
