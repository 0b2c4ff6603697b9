/*
 * What a connection sends when it is its turn, and how much: RFC 9293 3.8.6 (windows, SWS
 * avoidance, Nagle), RFC 6675 section 5 (what recovery sends first).
 */
#include <assert.h>

#include "delivery.h"
#include "ecn.h"
#include "emit.h"
#include "recovery.h"
#include "undo.h"

enum outcome {
    OUTCOME_DONE,    /* nothing more to send for now */
    OUTCOME_MORE,    /* the burst is full, or others wait for their turn */
    OUTCOME_STARVED, /* no memory: try in the next step */
};

static bool has_flag(const struct tpa_tcp_connection *connection, uint32_t flag)
{
    return (connection->flags & flag) != 0;
}

/* No more may go now: the pacing timer goes on with it. */
static bool is_held(const struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    return TPA_BASE_UNLIKELY(connection->delivery != NULL) &&
           tpa_tcp_pacing_holds(burst->worker, connection, burst->now);
}

static bool turn_is_over(const struct tpa_tcp_burst *burst, uint16_t turn)
{
    return burst->count >= turn || burst->segments == 0;
}

/* Numbers that the peer's window has room for from `sequence` on. */
static uint32_t window_room(const struct tpa_tcp_connection *connection, uint32_t sequence)
{
    int32_t room = tpa_base_seq_diff(connection->flight.una + connection->snd_wnd, sequence);

    return room > 0 ? (uint32_t)room : 0;
}

static uint32_t congestion_room(const struct tpa_tcp_connection *connection)
{
    uint32_t pipe = tpa_tcp_flight_pipe(&connection->flight);
    const struct tpa_tcp_prr *prr = tpa_tcp_prr_of(connection);

    if (TPA_BASE_UNLIKELY(prr != NULL))
        return prr->room;
    return connection->window.cwnd > pipe ? connection->window.cwnd - pipe : 0;
}

/* Nagle's algorithm lets a small segment go (RFC 9293 3.7.4); behind the last data there is nothing
 * to wait for. */
static bool may_send_small(const struct tpa_tcp_connection *connection)
{
    return has_flag(connection, TPA_TCP_NODELAY | TPA_TCP_FIN_QUEUED | TPA_TCP_OVERRIDE_SWS) ||
           tpa_tcp_outstanding(connection) == 0;
}

static uint32_t super_frame_max(const struct tpa_tcp_worker *worker,
                                const struct tpa_tcp_connection *connection)
{
    return TPA_BASE_MIN(worker->config->tso_length_max, tpa_tcp_pacing_packet_max(connection));
}

/* `length` bytes, cut to whole segments and to what one packet may hold. */
static uint32_t whole_segments(const struct tpa_tcp_worker *worker,
                               const struct tpa_tcp_connection *connection, uint32_t length)
{
    uint32_t mss = connection->window.mss;

    assert(mss != 0); /* struct tpa_tcp_window */
    if (!worker->config->segmentation || length < 2 * mss)
        return length < mss ? 0 : mss;
    length = TPA_BASE_MIN(length, super_frame_max(worker, connection));
    return length < mss ? mss : length - length % mss;
}

/* What fits is less than what waits (RFC 1122 4.2.3.4, MUST-38): whole segments, or at least half
 * of the largest window ever offered. */
static uint32_t limited_length(const struct tpa_tcp_worker *worker,
                               const struct tpa_tcp_connection *connection, uint32_t fits,
                               bool by_window)
{
    if (fits >= connection->window.mss)
        return whole_segments(worker, connection, fits);
    if (!by_window || !may_send_small(connection))
        return 0;
    return has_flag(connection, TPA_TCP_OVERRIDE_SWS) || fits >= connection->snd_wnd_max / 2 ? fits
                                                                                             : 0;
}

/* All that waits fits: whole segments, and the rest if Nagle lets it go. */
static uint32_t unlimited_length(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_connection *connection, uint32_t waiting)
{
    uint32_t mss = connection->window.mss;
    uint32_t longest =
        worker->config->segmentation ? TPA_BASE_MAX(super_frame_max(worker, connection), mss) : mss;

    if (waiting <= longest && (may_send_small(connection) || waiting == mss))
        return waiting;
    return whole_segments(worker, connection, waiting);
}

/* Numbers, text and FIN, that the next packet is to have; 0: nothing may go now. */
static uint32_t next_length(const struct tpa_tcp_worker *worker,
                            const struct tpa_tcp_connection *connection)
{
    uint32_t unsent = tpa_tcp_unsent(connection);
    uint32_t waiting = unsent - (unsent != 0 && has_flag(connection, TPA_TCP_FIN_QUEUED));
    uint32_t window = window_room(connection, connection->flight.nxt);
    uint32_t fits = TPA_BASE_MIN(window, congestion_room(connection));
    uint32_t length;

    if (fits < waiting)
        return limited_length(worker, connection, fits, window == fits);
    length = unlimited_length(worker, connection, waiting);
    if (length == waiting && length < unsent && length < window)
        length++; /* the FIN */
    return length;
}

/* RFC 5681 section 4.1. An idle time of a multiple of 9 minutes, to an RTO, passes for a short one.
 */
static void restart_after_idle(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    uint16_t ticks = (uint16_t)(tpa_tcp_coarse(burst->now) - connection->last_sent);
    uint64_t idle = (uint64_t)ticks << TPA_TCP_COARSE_SHIFT;

    /* Waiting for the pacing timer isn't idle. */
    if (connection->delivery != NULL && connection->delivery->app_limited == 0)
        return;
    if (idle > burst->worker->config->rto_min && idle > tpa_tcp_rto(burst->worker, connection))
        connection->window.algorithm->on_idle(&connection->window, idle, burst->now);
}

/* Something is outstanding again. Keepalives that went unanswered are no retransmissions of it. */
static void begin_flight(const struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    connection->probes = 0;
    tpa_tcp_start_retransmit_timer(burst->worker, connection, burst->now);
}

/* New data as a probe of the path's MTU. Until cwnd has room for all of it nothing new is sent: at
 * most for the time that some segments take to be acknowledged. */
static enum outcome send_mtu_probe(struct tpa_tcp_burst *burst,
                                   struct tpa_tcp_connection *connection, uint32_t length,
                                   uint16_t turn)
{
    bool first = tpa_tcp_outstanding(connection) == 0;
    uint32_t sent;

    if (turn_is_over(burst, turn))
        return OUTCOME_MORE;
    tpa_tcp_mtu_probe_begin(connection);
    sent = tpa_tcp_emit_new(burst, connection, length);
    tpa_tcp_mtu_probe_sent(burst->worker, connection, sent == length, burst->now);
    if (sent == 0)
        return OUTCOME_STARVED;
    if (first)
        begin_flight(burst, connection);
    return OUTCOME_DONE;
}

static enum outcome send_new(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                             uint16_t turn)
{
    uint32_t nxt = connection->flight.nxt;
    enum outcome outcome = OUTCOME_DONE;
    uint32_t probe;

    if (tpa_tcp_unsent(connection) == 0)
        return OUTCOME_DONE;
    if (tpa_tcp_outstanding(connection) == 0)
        restart_after_idle(burst, connection);
    if (TPA_BASE_UNLIKELY(connection->mtu < connection->mtu_max) && !is_held(burst, connection) &&
        tpa_tcp_mtu_probe_is_wanted(burst->worker, connection, window_room(connection, nxt),
                                    burst->now, &probe)) {
        if (congestion_room(connection) < probe)
            return OUTCOME_DONE;
        outcome = send_mtu_probe(burst, connection, probe, turn);
    }
    if (outcome != OUTCOME_DONE)
        return outcome;
    while (tpa_tcp_unsent(connection) != 0 && !is_held(burst, connection)) {
        bool first = tpa_tcp_outstanding(connection) == 0;
        uint32_t length = next_length(burst->worker, connection);

        if (length == 0)
            break;
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (tpa_tcp_emit_new(burst, connection, length) == 0)
            return OUTCOME_STARVED;
        if (first)
            begin_flight(burst, connection);
    }
    connection->flags &= ~TPA_TCP_OVERRIDE_SWS;
    if (connection->flight.nxt != nxt)
        tpa_tcp_schedule_loss_probe(burst->worker, connection, burst->now);
    return OUTCOME_DONE;
}

/* RFC 9293 3.8.6.2.1 keeps what is sent again inside the window, too (SHLD-16). */
static enum outcome send_lost(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                              uint16_t turn)
{
    struct tpa_tcp_flight *flight = &connection->flight;
    uint32_t start, length;

    while (tpa_tcp_flight_next_lost(flight, connection->window.mss, &start, &length)) {
        length = TPA_BASE_MIN(length, window_room(connection, start));
        if (length == 0)
            break;
        if (!has_flag(connection, TPA_TCP_SEND_FIRST_LOST) &&
            (length > congestion_room(connection) || is_held(burst, connection)))
            break;
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (tpa_tcp_emit_again(burst, connection, start, length) == 0)
            return OUTCOME_STARVED;
        connection->flags &= ~TPA_TCP_SEND_FIRST_LOST;
    }
    return OUTCOME_DONE;
}

/*
 * RFC 6675 section 5, NextSeg() (3) and (4), where loss isn't found by time: what is below the
 * highest SACKed byte is sent again though it isn't surely lost, and once a recovery the last
 * segment, so that there is an answer to it.
 */
static enum outcome send_doubtful(struct tpa_tcp_burst *burst,
                                  struct tpa_tcp_connection *connection, uint16_t turn)
{
    uint32_t mss = connection->window.mss;
    uint32_t start, length;

    while (congestion_room(connection) >= mss) {
        bool rescue = !tpa_tcp_flight_next_doubtful(&connection->flight, mss, &start, &length);

        if (rescue && ((connection->loss_flags & TPA_TCP_LOSS_RESCUED) != 0 ||
                       !tpa_tcp_flight_last(&connection->flight, mss, &start, &length)))
            break;
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (tpa_tcp_emit_again(burst, connection, start, length) == 0)
            return OUTCOME_STARVED;
        if (rescue)
            connection->loss_flags |= TPA_TCP_LOSS_RESCUED;
    }
    return OUTCOME_DONE;
}

static bool may_send_doubtful(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_connection *connection)
{
    return connection->recovery == TPA_TCP_RECOVERY_FAST &&
           has_flag(connection, TPA_TCP_USES_SACK) && !tpa_tcp_uses_rack(worker, connection);
}

/* RFC 8985 section 7.3, TLP_send_probe(): new data if there is any and the peer's window has room,
 * else the last segment again. cwnd doesn't matter. */
static enum outcome send_loss_probe(struct tpa_tcp_burst *burst,
                                    struct tpa_tcp_connection *connection, uint16_t turn)
{
    uint32_t mss = connection->window.mss;
    uint32_t length = TPA_BASE_MIN(tpa_tcp_unsent(connection), mss);
    uint32_t start = 0, sent;
    bool again;

    if (!tpa_tcp_loss_probe_is_due(connection)) {
        connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_SEND_PROBE;
        return OUTCOME_DONE;
    }
    if (turn_is_over(burst, turn))
        return OUTCOME_MORE;
    length = TPA_BASE_MIN(length, window_room(connection, connection->flight.nxt));
    again = length == 0;
    if (again)
        (void)tpa_tcp_flight_last(&connection->flight, tpa_tcp_last_segment_max(connection), &start,
                                  &length);
    sent = again ? tpa_tcp_emit_again(burst, connection, start, length)
                 : tpa_tcp_emit_new(burst, connection, length);
    if (sent == 0)
        return OUTCOME_STARVED;
    tpa_tcp_loss_probe_sent(burst->worker, connection, again, burst->now);
    return OUTCOME_DONE;
}

/* One octet, of what was sent before or else of what was not. */
static uint32_t emit_octet(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    if (tpa_tcp_outstanding(connection) != 0)
        return tpa_tcp_emit_again(burst, connection, connection->flight.una, 1);
    return tpa_tcp_emit_new(burst, connection, 1);
}

/* Into a closed window one octet (MUST-36); into one that is only too small to be worth while, what
 * fits. */
static enum outcome send_probe(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                               uint16_t turn)
{
    bool waits = tpa_tcp_outstanding(connection) != 0 || tpa_tcp_unsent(connection) != 0;

    if (waits && connection->snd_wnd == 0) {
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (emit_octet(burst, connection) == 0)
            return OUTCOME_STARVED;
        burst->worker->counters.zero_window_probes++;
    } else if (waits) {
        connection->flags |= TPA_TCP_OVERRIDE_SWS;
    }
    connection->flags &= ~TPA_TCP_SEND_PROBE;
    return OUTCOME_DONE;
}

/* One ACK, and to a peer without SACK as many as there were reasons: it counts them. */
static enum outcome send_acks(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                              uint16_t turn)
{
    if (TPA_BASE_UNLIKELY(tpa_tcp_ecn_marked_apart(connection) != 0)) {
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (!tpa_tcp_emit_unmarked_ack(burst, connection))
            return OUTCOME_STARVED;
    }
    do {
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (!tpa_tcp_emit_ack(burst, connection, connection->flight.nxt))
            return OUTCOME_STARVED;
        if (connection->duplicate_acks_owed > 0)
            connection->duplicate_acks_owed--;
    } while (connection->duplicate_acks_owed > 0);
    return OUTCOME_DONE;
}

static enum outcome send_keepalive(struct tpa_tcp_burst *burst,
                                   struct tpa_tcp_connection *connection, uint16_t turn)
{
    if (turn_is_over(burst, turn))
        return OUTCOME_MORE;
    if (!tpa_tcp_emit_ack(burst, connection, connection->flight.nxt - 1))
        return OUTCOME_STARVED;
    connection->flags &= ~TPA_TCP_SEND_KEEPALIVE;
    burst->worker->counters.keepalive_probes++;
    return OUTCOME_DONE;
}

/* Blocks don't travel with text: its segments are full. */
static bool needs_ack_of_its_own(const struct tpa_tcp_connection *connection)
{
    return has_flag(connection, TPA_TCP_SEND_ACK) &&
           (connection->duplicate_acks_owed > 0 || tpa_tcp_ecn_marked_apart(connection) != 0 ||
            (has_flag(connection, TPA_TCP_USES_SACK) &&
             tpa_tcp_reassembly_has_blocks(&connection->reassembly)));
}

/* What is lost and was not sent again goes before what is new. */
static bool lost_waits(struct tpa_tcp_connection *connection)
{
    uint32_t start, length;

    return connection->flight.lost != 0 &&
           tpa_tcp_flight_next_lost(&connection->flight, 1, &start, &length);
}

/* CheckIfApplicationLimited() of draft-ietf-ccwg-bbr. */
static bool ran_out(struct tpa_tcp_connection *connection)
{
    return tpa_tcp_unsent(connection) == 0 && congestion_room(connection) != 0 &&
           !lost_waits(connection);
}

static enum outcome send_text(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                              uint16_t turn)
{
    enum outcome outcome = OUTCOME_DONE;
    bool holds_back = tpa_tcp_undo_holds_back(connection);
    bool is_probing = (connection->loss_flags & TPA_TCP_LOSS_SEND_PROBE) != 0;

    if (has_flag(connection, TPA_TCP_SEND_PROBE))
        outcome = send_probe(burst, connection, turn);
    if (outcome == OUTCOME_DONE && connection->flight.lost != 0 && !holds_back)
        outcome = send_lost(burst, connection, turn);
    if (outcome == OUTCOME_DONE && TPA_BASE_UNLIKELY(is_probing))
        outcome = send_loss_probe(burst, connection, turn);
    if (outcome == OUTCOME_DONE && (holds_back || !lost_waits(connection)))
        outcome = send_new(burst, connection, turn);
    if (outcome == OUTCOME_DONE && may_send_doubtful(burst->worker, connection))
        outcome = send_doubtful(burst, connection, turn);
    if (congestion_room(connection) < connection->window.mss)
        connection->flags |= TPA_TCP_CWND_LIMITED;
    else
        connection->flags &= ~TPA_TCP_CWND_LIMITED;
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL) && ran_out(connection))
        tpa_tcp_delivery_ran_out(connection);
    return outcome;
}

/* Something is outstanding, or waits for the window to open: a timer runs. Pacing has its own. */
static void watch(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    if (tpa_tcp_outstanding(connection) == 0 && connection->delivery != NULL &&
        connection->delivery->is_waiting)
        return;
    if (connection->retransmit_deadline == 0 &&
        (tpa_tcp_outstanding(connection) != 0 || tpa_tcp_unsent(connection) != 0))
        tpa_tcp_start_retransmit_timer(burst->worker, connection, burst->now);
}

static enum outcome send_synchronized(struct tpa_tcp_burst *burst,
                                      struct tpa_tcp_connection *connection, uint16_t turn)
{
    enum outcome outcome = OUTCOME_DONE;

    if (needs_ack_of_its_own(connection))
        outcome = send_acks(burst, connection, turn);
    if (outcome == OUTCOME_DONE && tpa_tcp_may_transmit(connection)) {
        outcome = send_text(burst, connection, turn);
        watch(burst, connection);
    }
    if (outcome == OUTCOME_DONE && has_flag(connection, TPA_TCP_SEND_KEEPALIVE))
        outcome = send_keepalive(burst, connection, turn);
    if (outcome == OUTCOME_DONE && has_flag(connection, TPA_TCP_SEND_ACK))
        outcome = send_acks(burst, connection, turn);
    tpa_tcp_offer_time_wait(burst->worker, connection);
    return outcome;
}

static enum outcome send_handshake(struct tpa_tcp_burst *burst,
                                   struct tpa_tcp_connection *connection, uint16_t turn)
{
    if (has_flag(connection, TPA_TCP_SEND_RESET_REPLY)) {
        if (!tpa_tcp_emit_reset_reply(burst, connection, connection->snd_wl2))
            return OUTCOME_STARVED;
        connection->flags &= ~TPA_TCP_SEND_RESET_REPLY;
    }
    if (has_flag(connection, TPA_TCP_SEND_SYN)) {
        if (turn_is_over(burst, turn))
            return OUTCOME_MORE;
        if (!tpa_tcp_emit_syn(burst, connection))
            return OUTCOME_STARVED;
        connection->flags &= ~TPA_TCP_SEND_SYN;
        if (connection->retransmit_deadline == 0)
            tpa_tcp_start_retransmit_timer(burst->worker, connection, burst->now);
    }
    if (has_flag(connection, TPA_TCP_SEND_ACK) && connection->state == TPA_TCP_SYN_RECEIVED)
        return send_acks(burst, connection, turn);
    return OUTCOME_DONE;
}

/* The connection has ended. A reset that can't be had is not waited for. */
static enum outcome send_last(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    if (!has_flag(connection, TPA_TCP_SEND_RESET))
        return OUTCOME_DONE;
    connection->flags &= ~TPA_TCP_SEND_RESET;
    if (!tpa_tcp_emit_reset(burst, connection))
        burst->worker->counters.allocation_failures++;
    tpa_tcp_signal(burst->worker, connection, TPA_TCP_SIGNAL_CLOSED);
    return OUTCOME_DONE;
}

static enum outcome take_turn(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    uint16_t turn = (uint16_t)TPA_BASE_MIN(burst->count + TPA_TCP_OUTPUT_TURN, burst->max);

    if (has_flag(connection, TPA_TCP_WANTS_MEMORY)) {
        connection->flags &= ~TPA_TCP_WANTS_MEMORY;
        tpa_tcp_signal(burst->worker, connection, TPA_TCP_SIGNAL_WRITABLE);
    }
    switch (connection->state) {
    case TPA_TCP_CLOSED:
        return send_last(burst, connection);
    case TPA_TCP_SYN_SENT:
    case TPA_TCP_SYN_RECEIVED:
        return send_handshake(burst, connection, turn);
    default:
        return send_synchronized(burst, connection, turn);
    }
}

uint16_t tpa_tcp_output(struct tpa_tcp_worker *worker, struct rte_mbuf **packets, uint16_t max,
                        uint32_t *segments, uint64_t now)
{
    struct tpa_tcp_burst burst = {worker, packets, 0, max, *segments, now};
    struct tpa_base_list starved;

    tpa_base_list_init(&starved);
    while (!tpa_tcp_burst_is_full(&burst) && !tpa_base_list_is_empty(&worker->output)) {
        struct tpa_base_list *link = tpa_base_list_pop_front(&worker->output);
        struct tpa_tcp_connection *connection =
            TPA_BASE_CONTAINER_OF(link, struct tpa_tcp_connection, output_link);

        switch (take_turn(&burst, connection)) {
        case OUTCOME_MORE:
            tpa_base_list_push_back(&worker->output, link);
            break;
        case OUTCOME_STARVED:
            worker->counters.allocation_failures++;
            tpa_base_list_push_back(&starved, link);
            break;
        case OUTCOME_DONE:
            break;
        }
    }
    tpa_base_list_splice_front(&worker->output, &starved);
    *segments = burst.segments;
    return burst.count;
}
