#include "emit.h"

#include "delivery.h"
#include "ecn.h"
#include "recovery.h"
#include "undo.h"

static uint32_t segments_on_wire(const struct rte_mbuf *packet, uint32_t length)
{
    if ((packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0)
        return 1;
    return (length + packet->tso_segsz - 1) / packet->tso_segsz;
}

static void add(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                struct rte_mbuf *packet, const struct tpa_tcp_header *header, uint32_t length,
                bool new_data)
{
    struct tpa_tcp_transmit *transmit = tpa_mem_packet_layer(packet, struct tpa_tcp_transmit);

    *transmit = (struct tpa_tcp_transmit){
        .connection = connection,
        .traffic_class = connection->traffic_class | tpa_tcp_ecn_codepoint(connection, new_data),
        .ttl = burst->worker->config->ttl,
    };
    burst->packets[burst->count++] = packet;
    burst->segments -= TPA_BASE_MIN(burst->segments, segments_on_wire(packet, length));
    burst->worker->counters.segments_out++;
    tpa_base_trace_write(connection->trace, burst->now, TPA_BASE_TRACE_SEGMENT_OUT,
                         TPA_BASE_TRACE_SEGMENT(header->flags, length), header->seq, header->ack,
                         header->window);
}

static bool add_header_only(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_header *header)
{
    struct rte_mbuf *packet = tpa_tcp_header_packet(burst->worker->pool, header);

    if (packet == NULL)
        return false;
    packet->l4_len = tpa_tcp_header_length(header);
    add(burst, connection, packet, header, 0, false);
    return true;
}

static void fill_timestamp(const struct tpa_tcp_burst *burst,
                           const struct tpa_tcp_connection *connection,
                           struct tpa_tcp_header *header)
{
    header->has_timestamp = true;
    header->timestamp = tpa_tcp_timestamp(connection->ts_offset, burst->now);
    header->timestamp_echo = header->flags & TPA_TCP_ACK ? connection->ts_recent : 0;
}

/* What each segment with an ACK has in common. Moves the right edge of the window that is offered.
 */
static struct tpa_tcp_header make_header(const struct tpa_tcp_burst *burst,
                                         struct tpa_tcp_connection *connection, uint32_t sequence,
                                         uint8_t flags)
{
    struct tpa_tcp_header header = {
        .seq = sequence,
        .ack = connection->rcv_nxt,
        .source_port = connection->local_port,
        .destination_port = connection->remote_port,
        .flags = flags | TPA_TCP_ACK | tpa_tcp_ecn_ack_flags(connection),
        .window = tpa_tcp_offer_window(burst->worker, connection),
    };

    if (connection->flags & TPA_TCP_USES_TIMESTAMPS)
        fill_timestamp(burst, connection, &header);
    return header;
}

static void acknowledgement_sent(struct tpa_tcp_connection *connection)
{
    connection->rcv_acked = connection->rcv_nxt;
    connection->ack_deadline = 0;
    connection->flags &= ~TPA_TCP_SEND_ACK;
    tpa_tcp_ecn_ack_sent(connection);
}

static bool record_syn(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    struct tpa_tcp_flight *flight = &connection->flight;
    struct tpa_tcp_flight_worker *worker = &burst->worker->flight;

    if (tpa_tcp_outstanding(connection) == 0)
        return tpa_tcp_flight_sent(flight, worker, 1, burst->now) == 0;
    return tpa_tcp_flight_retransmitted(flight, worker, flight->una, 1, burst->now) == 0;
}

static void count_retransmission(struct tpa_tcp_connection *connection)
{
    if (connection->retransmissions < UINT16_MAX)
        connection->retransmissions++;
}

/* The window of a SYN-ACK, which is not scaled. A segment sent since the first one may have offered
 * more than the field can say. */
static uint16_t syn_ack_window(const struct tpa_tcp_connection *connection)
{
    return (uint16_t)TPA_BASE_MIN(connection->rcv_adv - connection->rcv_nxt, UINT16_MAX);
}

bool tpa_tcp_emit_syn(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    bool has_ack = connection->state == TPA_TCP_SYN_RECEIVED;
    bool again = tpa_tcp_outstanding(connection) != 0;
    struct tpa_tcp_header header = {
        .seq = connection->flight.una,
        .ack = has_ack ? connection->rcv_nxt : 0,
        .source_port = connection->local_port,
        .destination_port = connection->remote_port,
        .flags = has_ack ? TPA_TCP_SYN | TPA_TCP_ACK : TPA_TCP_SYN,
        .window =
            has_ack ? syn_ack_window(connection) : tpa_tcp_syn_window(burst->worker, connection),
        .mss = tpa_tcp_announced_mss(burst->worker, connection),
        .sack_permitted = (connection->flags & TPA_TCP_USES_SACK) != 0,
        .has_window_scale = (connection->flags & TPA_TCP_USES_WINDOW_SCALE) != 0,
        .window_scale = connection->rcv_scale,
    };

    header.flags |= tpa_tcp_ecn_syn_flags(burst->worker, connection, again);
    if (connection->flags & TPA_TCP_USES_TIMESTAMPS)
        fill_timestamp(burst, connection, &header);
    if (!add_header_only(burst, connection, &header))
        return false;
    if (!record_syn(burst, connection)) {
        tpa_mem_packet_free(burst->packets[--burst->count]);
        burst->worker->counters.segments_out--;
        return false;
    }
    if (again) {
        tpa_mem_packet_private(burst->packets[burst->count - 1])->note =
            TPA_MEM_PACKET_NOTE_RETRANSMISSION;
        burst->worker->counters.retransmitted_segments++;
        count_retransmission(connection);
    }
    acknowledgement_sent(connection);
    return true;
}

bool tpa_tcp_emit_ack(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                      uint32_t sequence)
{
    struct tpa_tcp_header header = make_header(burst, connection, sequence, 0);

    if (tpa_tcp_reassembly_has_duplicate(&connection->reassembly))
        burst->worker->counters.dsacks_out++;
    if (connection->flags & TPA_TCP_USES_SACK)
        header.sack_count = (uint8_t)tpa_tcp_reassembly_blocks(&connection->reassembly, header.sack,
                                                               header.has_timestamp ? 3 : 4);
    if (!add_header_only(burst, connection, &header))
        return false;
    acknowledgement_sent(connection);
    return true;
}

/* The window field says no more than what was on offer already. */
bool tpa_tcp_emit_unmarked_ack(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    uint32_t marked = tpa_tcp_ecn_marked_apart(connection);
    struct tpa_tcp_header header = make_header(burst, connection, connection->flight.nxt, 0);
    uint32_t window = connection->rcv_adv - connection->rcv_nxt + marked;

    header.ack -= marked;
    header.flags &= (uint8_t)~TPA_TCP_ECE;
    header.window = (uint16_t)TPA_BASE_MIN(window >> connection->rcv_scale, UINT16_MAX);
    if (!add_header_only(burst, connection, &header))
        return false;
    connection->rcv_acked = header.ack;
    return true;
}

bool tpa_tcp_emit_reset(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_header header = {
        .seq = connection->flight.nxt,
        .ack = connection->rcv_nxt,
        .source_port = connection->local_port,
        .destination_port = connection->remote_port,
        .flags = TPA_TCP_RST | TPA_TCP_ACK,
    };

    if (!add_header_only(burst, connection, &header))
        return false;
    burst->worker->counters.resets_out++;
    return true;
}

bool tpa_tcp_emit_reset_reply(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                              uint32_t sequence)
{
    const struct tpa_tcp_header header = {
        .seq = sequence,
        .source_port = connection->local_port,
        .destination_port = connection->remote_port,
        .flags = TPA_TCP_RST,
    };

    if (!add_header_only(burst, connection, &header))
        return false;
    burst->worker->counters.resets_out++;
    return true;
}

/* A packet with the text of [sequence, sequence + *length), for a header to be put in front;
 * *length is cut to what it holds, of text and FIN. NULL: no memory. */
static struct rte_mbuf *read_text(struct tpa_tcp_burst *burst,
                                  struct tpa_tcp_connection *connection, uint32_t sequence,
                                  uint32_t *length, bool *has_fin)
{
    struct tpa_tcp_worker *worker = burst->worker;
    uint32_t text = tpa_base_seq_min(sequence + *length, connection->send_queue.end) - sequence;
    struct rte_mbuf *packet = tpa_mem_packet_alloc(worker->pool);
    uint32_t read = 0;

    if (packet == NULL)
        return NULL;
    if (text != 0)
        read =
            tpa_tcp_send_queue_read(&connection->send_queue, &worker->send, sequence, text, packet);
    if (text != 0 && read == 0) {
        tpa_mem_packet_free(packet);
        return NULL;
    }
    *has_fin = read == text && *length > text;
    *length = read + *has_fin;
    return packet;
}

static void mark_super_frame(const struct tpa_tcp_connection *connection, struct rte_mbuf *packet)
{
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = (uint16_t)connection->window.mss;
}

static uint8_t text_flags(const struct tpa_tcp_connection *connection, uint32_t end, bool has_fin)
{
    uint8_t flags = has_fin ? TPA_TCP_FIN : 0;

    /* All that was queued has now been sent (MUST-61). */
    if (tpa_base_seq_geq(end, connection->send_queue.end))
        flags |= TPA_TCP_PSH;
    return flags;
}

static bool is_mtu_probe(const struct tpa_tcp_connection *connection, uint32_t sequence)
{
    return (connection->loss_flags & TPA_TCP_LOSS_MTU_PROBE) != 0 &&
           sequence == connection->mtu_probe;
}

static void finish_text(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                        struct rte_mbuf *packet, uint32_t sequence, uint32_t length, bool has_fin,
                        bool again)
{
    uint32_t text = length - has_fin;
    bool new_data = !again && text != 0 && connection->snd_wnd != 0;
    struct tpa_tcp_header header = make_header(burst, connection, sequence,
                                               text_flags(connection, sequence + length, has_fin));

    if (new_data)
        header.flags |= tpa_tcp_ecn_take_cwr(connection);

    packet->l4_len = tpa_tcp_header_prepend(packet, &header);
    if (text > connection->window.mss && !is_mtu_probe(connection, sequence))
        mark_super_frame(connection, packet);
    add(burst, connection, packet, &header, text, new_data);
    acknowledgement_sent(connection);
    connection->last_sent = (uint16_t)tpa_tcp_coarse(burst->now);
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL))
        tpa_tcp_pacing_sent(connection, text, burst->now);
}

static void count_in_recovery(const struct tpa_tcp_connection *connection, uint32_t length)
{
    struct tpa_tcp_prr *prr = tpa_tcp_prr_of(connection);

    if (prr != NULL)
        tpa_tcp_prr_sent(prr, length);
}

uint32_t tpa_tcp_emit_new(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                          uint32_t length)
{
    struct tpa_tcp_worker *worker = burst->worker;
    uint32_t sequence = connection->flight.nxt;
    bool has_fin;
    struct rte_mbuf *packet = read_text(burst, connection, sequence, &length, &has_fin);

    if (packet == NULL)
        return 0;
    if (tpa_tcp_flight_sent(&connection->flight, &worker->flight, length, burst->now) != 0) {
        tpa_mem_packet_free(packet);
        return 0;
    }
    worker->counters.bytes_out += length - has_fin;
    count_in_recovery(connection, length);
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL))
        tpa_tcp_delivery_sent(connection, sequence, length, burst->now);
    finish_text(burst, connection, packet, sequence, length, has_fin, false);
    return length;
}

uint32_t tpa_tcp_emit_again(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                            uint32_t sequence, uint32_t length)
{
    struct tpa_tcp_worker *worker = burst->worker;
    bool has_fin;
    struct rte_mbuf *packet = read_text(burst, connection, sequence, &length, &has_fin);

    if (packet == NULL)
        return 0;
    if (tpa_tcp_flight_retransmitted(&connection->flight, &worker->flight, sequence, length,
                                     burst->now) != 0) {
        tpa_mem_packet_free(packet);
        return 0;
    }
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    worker->counters.retransmitted_segments++;
    worker->counters.retransmitted_bytes += length - has_fin;
    count_retransmission(connection);
    count_in_recovery(connection, length);
    if (connection->recovery != TPA_TCP_RECOVERY_NONE)
        tpa_tcp_undo_retransmitted(connection, length, burst->now);
    tpa_base_trace_write(connection->trace, burst->now, TPA_BASE_TRACE_RETRANSMIT, sequence, length,
                         connection->retransmissions, 0);
    finish_text(burst, connection, packet, sequence, length, has_fin, true);
    return length;
}
