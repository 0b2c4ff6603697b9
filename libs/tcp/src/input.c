/*
 * A segment arrives: the checks of RFC 9293 3.10.7.4 in their order, with RFC 7323's (PAWS) and RFC
 * 5961's (resets, SYNs) in their places. In front of them the short way of nearly all segments.
 */
#include <tpa/base/error.h>

#include "ecn.h"
#include "machine.h"

void tpa_tcp_input_drop(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_segment *segment, enum tpa_base_drop reason,
                        uint64_t now)
{
    tpa_base_drop_count(worker->drops, reason);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_DROP, reason, segment->seq,
                         TPA_BASE_TRACE_SEGMENT(segment->flags, segment->length), 0);
}

void tpa_tcp_challenge(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       const struct tpa_tcp_segment *segment, uint64_t now)
{
    const uint16_t interval = TPA_TCP_CHALLENGE_INTERVAL >> TPA_TCP_COARSE_SHIFT;
    uint16_t current = (uint16_t)tpa_tcp_coarse(now);

    if ((uint16_t)(current - connection->challenge_start) >= interval) {
        connection->challenge_start = current;
        connection->challenge_left =
            (uint8_t)(TPA_TCP_CHALLENGES +
                      tpa_base_random_below(worker->random, TPA_TCP_CHALLENGES_RANDOM));
    }
    if (connection->challenge_left == 0)
        return;
    connection->challenge_left--;
    worker->counters.challenge_acks++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_CHALLENGE_ACK, segment->seq,
                         TPA_BASE_TRACE_SEGMENT(segment->flags, segment->length), 0, 0);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}

/* Sequence numbers that the segment takes: text and FIN. */
static uint32_t segment_span(const struct tpa_tcp_segment *segment)
{
    return segment->length + ((segment->flags & TPA_TCP_FIN) != 0);
}

static bool is_probe(const struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_segment *segment)
{
    bool window_closed = connection->rcv_adv == connection->rcv_nxt;

    return segment->length <= 1 && (segment->seq == connection->rcv_nxt - 1 ||
                                    (window_closed && segment->seq == connection->rcv_nxt));
}

/* An unacceptable segment is answered by an ACK. Those that take no sequence numbers only now and
 * then: their answers are of the same kind, and two peers could go on for ever. */
static void answer_unacceptable(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment, uint64_t now)
{
    const uint16_t interval = (TPA_TCP_STRAY_REPLY_INTERVAL >> TPA_TCP_COARSE_SHIFT) + 1;
    uint16_t current = (uint16_t)tpa_tcp_coarse(now);

    if (is_probe(connection, segment))
        worker->counters.window_probes_in++;
    if (segment_span(segment) == 0) {
        if ((uint16_t)(current - connection->stray_reply) < interval)
            return;
        connection->stray_reply = current;
    }
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}

/* RFC 7323 section 5: TS.Recent is older than any peer's clock can be trusted. */
static bool timestamp_is_stale(const struct tpa_tcp_connection *connection, uint64_t now)
{
    return tpa_tcp_coarse_elapsed(connection->last_received, now) > TPA_TCP_TIMESTAMP_AGE_MAX;
}

static bool check_timestamp(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!(connection->flags & TPA_TCP_USES_TIMESTAMPS) || (segment->flags & TPA_TCP_RST))
        return true;
    if (!segment->has_timestamp) {
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_NO_TIMESTAMP, now);
        return false;
    }
    if (tpa_base_seq_geq(segment->timestamp, connection->ts_recent) ||
        timestamp_is_stale(connection, now))
        return true;
    answer_unacceptable(worker, connection, segment, now);
    tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_PAWS, now);
    return false;
}

static bool is_acceptable(const struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_segment *segment)
{
    uint32_t span = segment_span(segment);
    uint32_t window = connection->rcv_adv - connection->rcv_nxt;

    /* Nothing fits, but what stands at the window's edge may carry an ACK (RFC 9293 3.10.7.4). */
    if (segment->seq == connection->rcv_nxt)
        return true;
    /* A peer that has used up the window, and lost some of it, acknowledges from its very end:
     * those ACKs must count, or both directions wait for the hole to be filled. */
    if (span == 0 && !(segment->flags & (TPA_TCP_SYN | TPA_TCP_RST)))
        window++;
    if (span == 0)
        return tpa_base_seq_in_window(segment->seq, connection->rcv_nxt, window);
    return window > 0 && tpa_base_seq_lt(segment->seq, connection->rcv_adv) &&
           tpa_base_seq_gt(segment->seq + span, connection->rcv_nxt);
}

/* All of the segment lies before rcv_nxt: D-SACK tells (RFC 2883). */
static void note_duplicate(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_segment *segment)
{
    uint32_t end = segment->seq + segment->length;

    if (segment->length == 0 || tpa_base_seq_gt(end, connection->rcv_nxt))
        return;
    worker->counters.duplicate_segments++;
    if (connection->flags & TPA_TCP_USES_SACK)
        tpa_tcp_reassembly_duplicate(&connection->reassembly, segment->seq, end);
}

static enum tpa_base_drop reject(struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection,
                                 const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (segment->flags & TPA_TCP_RST)
        return TPA_BASE_DROP_TCP_RST_IGNORED;
    if (segment->flags & TPA_TCP_SYN) {
        tpa_tcp_challenge(worker, connection, segment, now);
        return TPA_BASE_DROP_TCP_SYN_CHALLENGE;
    }
    note_duplicate(worker, connection, segment);
    answer_unacceptable(worker, connection, segment, now);
    /* The peer has not seen the ACK of its FIN: 2 MSL begin anew. */
    if (connection->state == TPA_TCP_TIME_WAIT && (segment->flags & TPA_TCP_FIN) &&
        segment->seq + segment_span(segment) == connection->rcv_nxt)
        tpa_tcp_start_state_timer(worker, connection, worker->config->time_wait, now);
    return tpa_base_seq_lt(segment->seq, connection->rcv_nxt) ? TPA_BASE_DROP_TCP_DUPLICATE
                                                              : TPA_BASE_DROP_TCP_OUT_OF_WINDOW;
}

static bool check_sequence(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (TPA_BASE_LIKELY(is_acceptable(connection, segment)))
        return true;
    tpa_tcp_input_drop(worker, connection, segment, reject(worker, connection, segment, now), now);
    return false;
}

static int reset_error(const struct tpa_tcp_connection *connection)
{
    switch (connection->state) {
    case TPA_TCP_SYN_RECEIVED:
        return connection->flags & TPA_TCP_PASSIVE ? TPA_ERESET : TPA_EREFUSED;
    case TPA_TCP_CLOSING:
    case TPA_TCP_LAST_ACK:
        return TPA_OK;
    default:
        return TPA_ERESET;
    }
}

/* RFC 5961 section 3.2; RFC 1337: no reset ends TIME-WAIT. */
static bool check_reset(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_segment *segment, uint64_t now)
{
    enum tpa_base_drop reason = TPA_BASE_DROP_TCP_CONSUMED;

    if (!(segment->flags & TPA_TCP_RST))
        return true;
    if (connection->state == TPA_TCP_TIME_WAIT) {
        reason = TPA_BASE_DROP_TCP_RST_IGNORED;
    } else if (segment->seq != connection->rcv_nxt) {
        tpa_tcp_challenge(worker, connection, segment, now);
        reason = TPA_BASE_DROP_TCP_RST_CHALLENGE;
    } else {
        worker->counters.resets_in++;
        tpa_tcp_terminate(worker, connection, reset_error(connection), now);
    }
    tpa_tcp_input_drop(worker, connection, segment, reason, now);
    return false;
}

/* RFC 5961 section 4.2. A half-open connection of a listener is given up for a new SYN. */
static bool check_syn(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!(segment->flags & TPA_TCP_SYN))
        return true;
    if (connection->state == TPA_TCP_SYN_RECEIVED && (connection->flags & TPA_TCP_PASSIVE))
        tpa_tcp_terminate(worker, connection, TPA_ERESET, now);
    else
        tpa_tcp_challenge(worker, connection, segment, now);
    tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_SYN_CHALLENGE, now);
    return false;
}

/* The peer lives. Retransmissions go on being counted as long as it doesn't acknowledge (R2). */
static void note_sign_of_life(struct tpa_tcp_connection *connection, uint64_t now)
{
    connection->last_received = tpa_tcp_coarse(now);
    if (tpa_tcp_outstanding(connection) == 0 || connection->snd_wnd == 0)
        connection->probes = 0;
}

/* RFC 7323 section 4.3, (2) and (3): the earliest segment that is not acknowledged is echoed. */
static void record_timestamp(struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *segment)
{
    if (segment->has_timestamp && (connection->flags & TPA_TCP_USES_TIMESTAMPS) &&
        tpa_base_seq_leq(segment->seq, connection->rcv_acked))
        connection->ts_recent = segment->timestamp;
}

static bool check_ack(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!(segment->flags & TPA_TCP_ACK)) {
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_NO_ACK, now);
        return false;
    }
    if (connection->state == TPA_TCP_SYN_RECEIVED &&
        !tpa_tcp_input_syn_received(worker, connection, segment, now))
        return false;
    if (!tpa_tcp_input_ack(worker, connection, segment, now))
        return false;
    /* Not before: who doesn't know what we sent must not set what later timestamps have to exceed,
     * nor keep a dead connection alive. */
    note_sign_of_life(connection, now);
    record_timestamp(connection, segment);
    if (TPA_BASE_UNLIKELY(connection->ecn != 0))
        tpa_tcp_ecn_receive(worker, connection, segment);
    return true;
}

/* RFC 9293 3.10.7.4, first to fifth. */
static bool check(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                  const struct tpa_tcp_segment *segment, uint64_t now)
{
    return check_timestamp(worker, connection, segment, now) &&
           check_sequence(worker, connection, segment, now) &&
           check_reset(worker, connection, segment, now) &&
           check_syn(worker, connection, segment, now) &&
           check_ack(worker, connection, segment, now);
}

static void input_by_state(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                           uint64_t now)
{
    bool go_on;

    switch (connection->state) {
    case TPA_TCP_CLOSED:
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_NO_CONNECTION, now);
        go_on = false;
        break;
    case TPA_TCP_SYN_SENT:
        go_on = tpa_tcp_input_syn_sent(worker, connection, segment, now);
        break;
    case TPA_TCP_SYN_RECEIVED:
        if (tpa_tcp_is_repeated_syn(connection, segment)) {
            go_on = tpa_tcp_input_repeated_syn(worker, connection, segment, now);
            break;
        }
        /* fall through */
    default:
        go_on = check(worker, connection, segment, now);
    }
    if (go_on)
        tpa_tcp_input_text(worker, connection, packet, segment, now);
    else
        tpa_mem_packet_free(packet);
}

/*
 * Header prediction: in ESTABLISHED, the next text in order or an acknowledgement of new data,
 * nothing special in the header, nothing out of order in either direction. All that the long way
 * would check is then known to hold.
 */
static inline bool is_predicted(const struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment)
{
    const struct tpa_tcp_flight *flight = &connection->flight;
    bool uses_timestamps = (connection->flags & TPA_TCP_USES_TIMESTAMPS) != 0;

    return connection->state == TPA_TCP_ESTABLISHED &&
           (segment->flags & ~TPA_TCP_PSH) == TPA_TCP_ACK && segment->seq == connection->rcv_nxt &&
           segment->has_timestamp == uses_timestamps && segment->sack_count == 0 &&
           (!uses_timestamps || tpa_base_seq_geq(segment->timestamp, connection->ts_recent)) &&
           segment->length <= connection->rcv_adv - connection->rcv_nxt &&
           connection->recovery == TPA_TCP_RECOVERY_NONE && connection->reassembly.ranges == NULL &&
           !connection->reassembly.has_fin && connection->snd_wnd != 0 && segment->window != 0 &&
           tpa_base_seq_between(segment->ack, flight->una, flight->nxt) && flight->sacked == 0 &&
           flight->lost == 0 && (segment->ack != flight->una || segment->length != 0);
}

static void input_predicted(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                            uint64_t now)
{
    note_sign_of_life(connection, now);
    record_timestamp(connection, segment);
    tpa_tcp_input_ack_predicted(worker, connection, segment, now);
    if (TPA_BASE_UNLIKELY(connection->ecn != 0))
        tpa_tcp_ecn_receive(worker, connection, segment);
    if (segment->length != 0) {
        tpa_tcp_input_text_predicted(worker, connection, packet, segment, now);
        return;
    }
    tpa_base_drop_count(worker->drops, TPA_BASE_DROP_TCP_CONSUMED);
    tpa_mem_packet_free(packet);
}

void tpa_tcp_input(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   struct rte_mbuf *packet, const struct tpa_tcp_segment *segment, uint64_t now)
{
    worker->counters.segments_in++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_SEGMENT_IN,
                         TPA_BASE_TRACE_SEGMENT(segment->flags, segment->length), segment->seq,
                         segment->ack, segment->window);
    if (TPA_BASE_LIKELY(is_predicted(connection, segment)))
        input_predicted(worker, connection, packet, segment, now);
    else
        input_by_state(worker, connection, packet, segment, now);
}
