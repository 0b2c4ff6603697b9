/*
 * Segments of the handshake: RFC 9293 3.10.7.3 (SYN-SENT), and the ACK step of SYN-RECEIVED.
 */
#include <tpa/base/error.h>

#include "ecn.h"
#include "machine.h"

/* <SEQ=SEG.ACK><CTL=RST>; the connection stays as it is. Until it is established snd_wl2 has no
 * other use. */
static void reset_reply(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_segment *segment)
{
    connection->snd_wl2 = segment->ack;
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_RESET_REPLY);
}

/* SND.UNA < SEG.ACK =< SND.NXT: our SYN is acknowledged. A SYN that was not sent yet, was not. */
static bool acknowledges_syn(const struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *segment)
{
    return tpa_base_seq_gt(segment->ack, connection->flight.una) &&
           tpa_base_seq_leq(segment->ack, connection->flight.nxt);
}

/* Our SYN arrived; it gives the first sample of the round trip (not if it was sent again). */
static void syn_acknowledged(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *segment, uint64_t now)
{
    struct tpa_tcp_flight_acked acked = {0};

    tpa_tcp_flight_acknowledged(&connection->flight, &worker->flight, segment->ack, &acked);
    if (acked.oldest_sent != 0)
        tpa_tcp_rtt_sample(&connection->rtt, now - acked.oldest_sent, 1);
    else
        tpa_tcp_rtt_progress(&connection->rtt);
    connection->recovery_point = segment->ack - 1;
    tpa_tcp_establish(worker, connection, now);
}

/* First and second: the ACK and the RST of a segment in SYN-SENT. True: there may be a SYN. */
static bool check_syn_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_segment *segment, uint64_t now)
{
    bool has_ack = (segment->flags & TPA_TCP_ACK) != 0;
    bool has_reset = (segment->flags & TPA_TCP_RST) != 0;

    if (has_ack && !acknowledges_syn(connection, segment)) {
        if (!has_reset)
            reset_reply(worker, connection, segment);
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_BAD_ACK, now);
        return false;
    }
    if (!has_reset)
        return true;
    if (has_ack) {
        worker->counters.resets_in++;
        tpa_tcp_terminate(worker, connection, TPA_EREFUSED, now);
    }
    tpa_tcp_input_drop(worker, connection, segment,
                       has_ack ? TPA_BASE_DROP_TCP_CONSUMED : TPA_BASE_DROP_TCP_RST_IGNORED, now);
    return false;
}

/* Both ends sent their SYN at once (MUST-10): ours goes out again with the ACK. Text is not queued:
 * the peer sends it again. */
static void simultaneous_open(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    tpa_tcp_set_state(connection, TPA_TCP_SYN_RECEIVED, now);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_SYN);
}

bool tpa_tcp_input_syn_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!check_syn_sent(worker, connection, segment, now))
        return false;
    if (!(segment->flags & TPA_TCP_SYN)) {
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_FLAGS, now);
        return false;
    }
    connection->last_received = tpa_tcp_coarse(now);
    tpa_tcp_start_receiving(worker, connection, segment);
    if (!(segment->flags & TPA_TCP_ACK)) {
        simultaneous_open(worker, connection, now);
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_CONSUMED, now);
        return false;
    }
    connection->snd_wl2 = segment->ack;
    syn_acknowledged(worker, connection, segment, now);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
    return true;
}

/* The window of a SYN is not scaled (RFC 7323 section 2.2). */
static uint32_t first_window(const struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *segment)
{
    return segment->flags & TPA_TCP_SYN ? segment->window
                                        : (uint32_t)segment->window << connection->snd_scale;
}

bool tpa_tcp_input_syn_received(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!acknowledges_syn(connection, segment)) {
        reset_reply(worker, connection, segment);
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_BAD_ACK, now);
        return false;
    }
    connection->snd_wnd = connection->snd_wnd_max = first_window(connection, segment);
    connection->snd_wl1 = segment->seq;
    connection->snd_wl2 = segment->ack;
    syn_acknowledged(worker, connection, segment, now);
    return true;
}

bool tpa_tcp_input_repeated_syn(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (!(segment->flags & TPA_TCP_ACK)) {
        tpa_tcp_ecn_syn_repeated(connection, segment);
        tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_SYN);
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_DUPLICATE, now);
        return false;
    }
    if (!tpa_tcp_input_syn_received(worker, connection, segment, now))
        return false;
    tpa_tcp_ecn_syn_repeated(connection, segment);
    connection->last_received = tpa_tcp_coarse(now);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
    return true;
}
