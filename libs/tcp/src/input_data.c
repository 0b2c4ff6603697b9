/*
 * The last steps of RFC 9293 3.10.7.4: URG, text and FIN.
 *
 * Urgent data is delivered in line, as RFC 6093 asks of everybody; the pointer changes nothing
 * here, so it can't be abused.
 */
#include <tpa/base/error.h>

#include "machine.h"

static void ack_now(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}

/* A segment out of order, or one that can't be kept: the peer counts what we answer (RFC 5681
 * section 3.2). With SACK the blocks say more than the count. */
static void ack_duplicate(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    if (!(connection->flags & TPA_TCP_USES_SACK) && connection->duplicate_acks_owed < UINT8_MAX)
        connection->duplicate_acks_owed++;
    ack_now(worker, connection);
}

/* RFC 9293 3.8.6.3 (SHLD-18, SHLD-19). */
static void ack_in_order(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         uint64_t now)
{
    if (connection->flags & TPA_TCP_SEND_ACK)
        return;
    if (connection->quick_acks > 0) {
        connection->quick_acks--;
        ack_now(worker, connection);
    } else if (connection->rcv_nxt - connection->rcv_acked >= 2u * connection->rcv_mss) {
        ack_now(worker, connection);
    } else if (connection->ack_deadline == 0) {
        tpa_tcp_start_ack_timer(worker, connection, now);
    }
}

static void note_size(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      uint32_t length)
{
    if (TPA_BASE_UNLIKELY(length > connection->rcv_mss))
        connection->rcv_mss =
            (uint16_t)TPA_BASE_MIN(length, tpa_tcp_announced_mss(worker, connection));
}

/* To the reader. When memory is short, data out of order makes room for what is in order. */
static int push(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                struct rte_mbuf *packet)
{
    struct tpa_tcp_receive_queue *queue = &connection->receive_queue;
    uint32_t entries_max = worker->config->receive_queue_entries;
    int error = tpa_tcp_receive_queue_push(queue, &worker->receive_budget, packet, entries_max);

    if (TPA_BASE_LIKELY(error != TPA_ENOMEM) || connection->reassembly.ranges == NULL)
        return error;
    tpa_tcp_reassembly_prune(&connection->reassembly, &worker->reassembly,
                             tpa_mem_packet_truesize(packet));
    return tpa_tcp_receive_queue_push(queue, &worker->receive_budget, packet, entries_max);
}

static void refuse(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                   enum tpa_base_drop reason, uint64_t now)
{
    tpa_tcp_input_drop(worker, connection, segment, reason, now);
    tpa_mem_packet_free(packet);
    ack_duplicate(worker, connection);
}

static void take_in_order(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                          uint64_t now)
{
    uint32_t length = tpa_mem_packet_length(packet);
    uint32_t old = connection->rcv_nxt;
    int error = push(worker, connection, packet);

    if (TPA_BASE_UNLIKELY(error != 0)) {
        refuse(worker, connection, packet, segment,
               error == TPA_ENOSPC ? TPA_BASE_DROP_TCP_RCV_QUEUE_FULL : TPA_BASE_DROP_TCP_MEMORY,
               now);
        return;
    }
    connection->rcv_nxt += length;
    if (TPA_BASE_UNLIKELY(connection->reassembly.ranges != NULL)) {
        connection->rcv_nxt =
            tpa_tcp_reassembly_advance(&connection->reassembly, &worker->reassembly,
                                       &connection->receive_queue, connection->rcv_nxt);
        /* A hole was filled, in whole or in part (RFC 5681 section 4.2). */
        ack_now(worker, connection);
    }
    worker->counters.bytes_in += connection->rcv_nxt - old;
    tpa_tcp_receive_tuning_echo(connection, segment, now);
    note_size(worker, connection, length);
    tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_READABLE);
    ack_in_order(worker, connection, now);
}

static void take_out_of_order(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                              uint32_t sequence, uint64_t now)
{
    uint32_t length = tpa_mem_packet_length(packet);
    enum tpa_base_drop fault =
        tpa_tcp_reassembly_insert(&connection->reassembly, &worker->reassembly, packet, sequence);

    if (fault != TPA_BASE_DROP_NONE) {
        if (fault == TPA_BASE_DROP_TCP_DUPLICATE)
            worker->counters.duplicate_segments++;
        refuse(worker, connection, packet, segment, fault, now);
        return;
    }
    worker->counters.out_of_order_segments++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_OUT_OF_ORDER, sequence,
                         sequence + length, 0, connection->rcv_nxt);
    ack_duplicate(worker, connection);
}

/* Where text must end: at the window's edge, or at the FIN if that is known. */
static uint32_t text_end(const struct tpa_tcp_connection *connection)
{
    if (!connection->reassembly.has_fin)
        return connection->rcv_adv;
    return tpa_base_seq_min(connection->reassembly.fin, connection->rcv_adv);
}

/* Cuts the text to what is from rcv_nxt to its end. Returns the number of its first byte. */
static uint32_t trim_to_window(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               struct rte_mbuf *packet, uint32_t sequence)
{
    uint32_t length = tpa_mem_packet_length(packet);
    uint32_t end = sequence + length;
    uint32_t limit = text_end(connection);

    if (tpa_base_seq_lt(sequence, connection->rcv_nxt)) {
        uint32_t old = TPA_BASE_MIN(connection->rcv_nxt - sequence, length);

        if (connection->flags & TPA_TCP_USES_SACK)
            tpa_tcp_reassembly_duplicate(&connection->reassembly, sequence, sequence + old);
        tpa_mem_packet_trim_front(packet, old);
        sequence += old;
        ack_now(worker, connection);
    }
    if (tpa_base_seq_gt(end, limit)) {
        uint32_t fits = limit - sequence;

        tpa_mem_packet_truncate(packet, tpa_base_seq_gt(limit, sequence) ? fits : 0);
        ack_now(worker, connection);
    }
    return sequence;
}

/* Why nothing was left of a text that ended at `end`. */
static enum tpa_base_drop nothing_left(struct tpa_tcp_worker *worker,
                                       const struct tpa_tcp_connection *connection,
                                       const struct tpa_tcp_segment *segment, uint32_t end)
{
    if (tpa_base_seq_leq(end, connection->rcv_nxt))
        return TPA_BASE_DROP_TCP_DUPLICATE;
    if (tpa_base_seq_lt(text_end(connection), connection->rcv_adv))
        return TPA_BASE_DROP_TCP_AFTER_FIN;
    if (segment->length == 1)
        worker->counters.window_probes_in++;
    return TPA_BASE_DROP_TCP_ZERO_WINDOW;
}

static void input_payload(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                          uint32_t sequence, uint64_t now)
{
    uint32_t end = sequence + segment->length;

    tpa_mem_packet_trim_front(packet, segment->header_length);
    sequence = trim_to_window(worker, connection, packet, sequence);
    if (tpa_mem_packet_length(packet) == 0) {
        tpa_tcp_input_drop(worker, connection, segment,
                           nothing_left(worker, connection, segment, end), now);
        tpa_mem_packet_free(packet);
    } else if (TPA_BASE_LIKELY(sequence == connection->rcv_nxt)) {
        take_in_order(worker, connection, packet, segment, now);
    } else {
        take_out_of_order(worker, connection, packet, segment, sequence, now);
    }
}

/* All text before the FIN is here. */
static void take_fin(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     uint64_t now)
{
    connection->rcv_nxt++;
    connection->rcv_adv = tpa_base_seq_max(connection->rcv_adv, connection->rcv_nxt);
    ack_now(worker, connection);
    tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_END);
    switch (connection->state) {
    case TPA_TCP_ESTABLISHED:
        tpa_tcp_set_state(connection, TPA_TCP_CLOSE_WAIT, now);
        break;
    case TPA_TCP_FIN_WAIT_1:
        tpa_tcp_set_state(connection, TPA_TCP_CLOSING, now);
        break;
    case TPA_TCP_FIN_WAIT_2:
        tpa_tcp_enter_time_wait(worker, connection, now);
        break;
    }
}

/* A FIN right behind a window that its text fills needs no room: it is taken. */
static void note_fin(struct tpa_tcp_connection *connection, uint32_t sequence)
{
    if (tpa_base_seq_leq(sequence, connection->rcv_adv))
        tpa_tcp_reassembly_fin(&connection->reassembly, sequence);
}

static bool fin_is_in_order(const struct tpa_tcp_connection *connection)
{
    return connection->reassembly.has_fin && connection->reassembly.fin == connection->rcv_nxt;
}

/* False: the connection has come to its end, or nothing is received any more. */
static bool may_take_text(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_segment *segment, uint32_t sequence, uint64_t now)
{
    bool is_new = tpa_base_seq_gt(sequence + segment->length, connection->rcv_nxt);

    if (!tpa_tcp_may_receive(connection)) {
        tpa_tcp_input_drop(
            worker, connection, segment,
            segment->length != 0 ? TPA_BASE_DROP_TCP_AFTER_FIN : TPA_BASE_DROP_TCP_CONSUMED, now);
        return false;
    }
    /* Nobody will read it: the peer is to know (RFC 1122 4.2.2.13). */
    if ((connection->flags & TPA_TCP_ORPHAN) && segment->length != 0 && is_new) {
        tpa_tcp_input_drop(worker, connection, segment, TPA_BASE_DROP_TCP_AFTER_CLOSE, now);
        tpa_tcp_terminate_with_reset(worker, connection, TPA_ERESET, now);
        return false;
    }
    return true;
}

void tpa_tcp_input_text(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                        uint64_t now)
{
    /* A SYN takes the first number. */
    uint32_t sequence = segment->seq + ((segment->flags & TPA_TCP_SYN) != 0);

    if (!may_take_text(worker, connection, segment, sequence, now)) {
        tpa_mem_packet_free(packet);
        return;
    }
    if (segment->flags & TPA_TCP_FIN)
        note_fin(connection, sequence + segment->length);
    if (segment->length != 0) {
        input_payload(worker, connection, packet, segment, sequence, now);
    } else {
        tpa_base_drop_count(worker->drops, TPA_BASE_DROP_TCP_CONSUMED);
        tpa_mem_packet_free(packet);
        if ((segment->flags & TPA_TCP_FIN) && !fin_is_in_order(connection))
            ack_duplicate(worker, connection);
    }
    if (fin_is_in_order(connection))
        take_fin(worker, connection, now);
}

void tpa_tcp_input_text_predicted(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, struct rte_mbuf *packet,
                                  const struct tpa_tcp_segment *segment, uint64_t now)
{
    tpa_mem_packet_trim_front(packet, segment->header_length);
    take_in_order(worker, connection, packet, segment, now);
}
