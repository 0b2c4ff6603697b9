#include "wire.h"

#include <string.h>

#include "segment.h"
#include "stream.h"
#include "test/support/pools.h"

#define PACKETS 8000

/* ISNs of the connection and of its peer. */
static const uint32_t starts[][2] = {
    {1000, 2000},
    {UINT32_MAX, UINT32_MAX - 1},
    {UINT32_MAX - 1, 77},
    {99, UINT32_MAX},
    {UINT32_MAX - 700, UINT32_MAX - 1460},
    {0x7ffffff0, 0x80000000},
    {UINT32_MAX - 5000, UINT32_MAX - 65000},
};

/* The latest wrap: behind a whole window. */
#define WRAP_MAX 70000

/* Most exchanges are some bytes long, or some segments. */
static uint32_t wrap_step(uint32_t k)
{
    return k < 50 ? 1 : (k < 3000 ? 73 : 2909);
}

static void run(wire_test test, uint32_t iss, uint32_t irs)
{
    static struct wire wire;

    wire_prepare(&wire, iss, irs);
    test(&wire);
    wire_finish(&wire);
}

void wire_run(wire_test test)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(starts); i++)
        run(test, starts[i][0], starts[i][1]);
    for (uint32_t k = 0; k <= WRAP_MAX; k += wrap_step(k)) {
        run(test, UINT32_MAX - k, 1000);
        run(test, 1000, UINT32_MAX - k);
    }
}

void wire_prepare(struct wire *wire, uint32_t iss, uint32_t irs)
{
    static struct tpa_mem_pool *pool;

    if (pool == NULL)
        pool = tpa_test_pool(PACKETS);
    memset(wire, 0, sizeof(*wire));
    host_prepare(&wire->host, pool);
    wire->host.config.segmentation = false;
    /* The window on offer says what was read, and not how fast. */
    wire->host.config.receive_buffer = wire->host.config.receive_buffer_initial = 2 << 20;
    /* And time-outs are of segments that stay as long as they are. */
    wire->host.config.mtu_probing = TPA_TCP_MTU_PROBING_OFF;
    /* The numbers in these tests are RFC 5681's; each control has a test of its own. */
    wire->host.config.congestion = &tpa_tcp_congestion_newreno;
    wire->now = 500 * SECONDS;
    wire->iss = iss;
    wire->irs = irs;
    wire->peer_mss = WIRE_PEER_MSS;
    wire->peer_window = WIRE_PEER_WINDOW;
    wire->peer_scale = WIRE_PEER_SCALE;
    wire->peer_timestamp = 0xfffffff0; /* it wraps, too */
}

void wire_finish(struct wire *wire)
{
    wire_expect_nothing(wire, __FILE__, __LINE__);
    host_stop(&wire->host);
    tpa_test_pool_expect_idle(wire->host.pool);
    cr_assert_eq(stream_chunks, 0);
}

static void push_sent(struct wire *wire, struct rte_mbuf *packet)
{
    cr_assert_lt(wire->sent_count, WIRE_SENT_MAX, "too much is sent");
    wire->sent[(wire->sent_first + wire->sent_count++) % WIRE_SENT_MAX] = packet;
}

static void take_turn(struct wire *wire)
{
    struct rte_mbuf *packets[WIRE_SENT_MAX];
    unsigned int count;

    if (wire->holding)
        return;
    count = host_step(&wire->host, packets, WIRE_SENT_MAX, wire->now);
    for (unsigned int i = 0; i < count; i++)
        push_sent(wire, packets[i]);
}

void wire_send(struct wire *wire)
{
    take_turn(wire);
}

void wire_hold(struct wire *wire)
{
    wire->holding = true;
}

void wire_go_on(struct wire *wire)
{
    wire->holding = false;
    take_turn(wire);
}

static bool uses_timestamps(const struct wire *wire)
{
    return (wire->options & WIRE_TIMESTAMPS) != 0;
}

static void fill_options(struct wire *wire, const struct wire_segment *segment,
                         struct tpa_tcp_header *header)
{
    bool syn = (segment->flags & TPA_TCP_SYN) != 0;

    header->mss = segment->mss != 0 ? segment->mss : (syn ? wire->peer_mss : 0);
    header->sack_permitted = syn && (wire->options & WIRE_SACK);
    header->has_window_scale = syn && (wire->options & WIRE_WINDOW_SCALE);
    header->window_scale = wire->peer_scale;
    header->has_timestamp = uses_timestamps(wire) && !segment->no_timestamp;
    header->timestamp = segment->timestamp != 0 ? segment->timestamp : wire->peer_timestamp;
    header->timestamp_echo = wire->timestamp;
    header->sack_count = (uint8_t)segment->sack_count;
    for (unsigned int i = 0; i < segment->sack_count; i++) {
        header->sack[i].left = wire_seq(wire, segment->sack[i].left);
        header->sack[i].right = wire_seq(wire, segment->sack[i].right);
    }
}

static struct rte_mbuf *build(struct wire *wire, const struct wire_segment *segment)
{
    struct tpa_tcp_header header = {
        .seq = wire_peer_seq(wire, segment->seq),
        .ack = segment->no_ack ? 0 : wire_seq(wire, segment->ack),
        .source_port = HOST_PEER_PORT,
        .destination_port = HOST_PORT,
        .flags = (uint8_t)(segment->flags | (segment->no_ack ? 0 : TPA_TCP_ACK)),
        .window = (uint16_t)(segment->window != 0 ? segment->window : wire->peer_window),
    };
    struct rte_mbuf *packet =
        stream_packet(wire->host.pool, (uint32_t)segment->seq, segment->length);
    uint8_t *bytes;

    if (segment->zero_window)
        header.window = 0;
    fill_options(wire, segment, &header);
    cr_assert_neq(tpa_tcp_header_prepend(packet, &header), 0);
    bytes = tpa_mem_packet_data(packet);
    bytes[18] = (uint8_t)(segment->urgent >> 8);
    bytes[19] = (uint8_t)segment->urgent;
    return packet;
}

void wire_receive(struct wire *wire, struct wire_segment segment)
{
    wire_expect_nothing(wire, segment.file, segment.line);
    wire_receive_anyway(wire, segment);
}

void wire_receive_anyway(struct wire *wire, struct wire_segment segment)
{
    struct rte_mbuf *packet = build(wire, &segment);

    if (wire->host.connection.window.algorithm == NULL) {
        struct tpa_tcp_segment syn;

        cr_assert_eq(tpa_tcp_segment_parse(packet, segment.ecn, &syn), 0);
        host_accept(&wire->host, wire->iss, &syn, wire->now);
        tpa_mem_packet_free(packet);
    } else {
        cr_assert(host_input_marked(&wire->host, packet, segment.ecn, wire->now),
                  "%s:%d: malformed", segment.file, segment.line);
    }
    take_turn(wire);
}

void wire_receive_stray(struct wire *wire, struct wire_segment segment)
{
    struct rte_mbuf *packet = build(wire, &segment), *reset;
    struct tpa_tcp_segment parsed;
    enum tpa_base_drop reason;

    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &parsed), 0);
    reset = tpa_tcp_reset_for(&wire->host.worker, &parsed, &reason, wire->now);
    if (reset != NULL)
        push_sent(wire, reset);
    tpa_mem_packet_free(packet);
}

static void describe(const struct wire *wire, const struct tpa_tcp_segment *segment, char *text,
                     size_t size)
{
    snprintf(text, size, "flags %02x seq %d ack %d length %u window %u sack %u", segment->flags,
             (int)(segment->seq - wire->iss - 1), (int)(segment->ack - wire->irs - 1),
             segment->length, segment->window, segment->sack_count);
}

static struct rte_mbuf *pop_sent(struct wire *wire)
{
    struct rte_mbuf *packet = wire->sent[wire->sent_first];

    wire->sent_first = (wire->sent_first + 1) % WIRE_SENT_MAX;
    wire->sent_count--;
    return packet;
}

static bool blocks_match(const struct wire *wire, const struct wire_segment *expected,
                         const struct tpa_tcp_segment *segment)
{
    if (segment->sack_count != expected->sack_count)
        return false;
    for (unsigned int i = 0; i < expected->sack_count; i++) {
        if (segment->sack[i].left != wire_peer_seq(wire, expected->sack[i].left) ||
            segment->sack[i].right != wire_peer_seq(wire, expected->sack[i].right))
            return false;
    }
    return true;
}

static bool window_matches(const struct wire_segment *expected,
                           const struct tpa_tcp_segment *segment)
{
    if (expected->zero_window)
        return segment->window == 0;
    return expected->window == 0 || segment->window == expected->window;
}

static bool timestamp_matches(const struct wire *wire, const struct wire_segment *expected,
                              const struct tpa_tcp_segment *segment)
{
    if (segment->flags & TPA_TCP_RST)
        return true;
    if (segment->has_timestamp != (uses_timestamps(wire) && !expected->no_timestamp))
        return false;
    return expected->timestamp == 0 || segment->timestamp_echo == expected->timestamp;
}

static bool header_matches(const struct wire *wire, const struct wire_segment *expected,
                           const struct tpa_tcp_segment *segment)
{
    uint8_t flags = (uint8_t)(expected->flags | (expected->no_ack ? 0 : TPA_TCP_ACK));
    uint32_t ack = expected->no_ack ? 0 : wire_peer_seq(wire, expected->ack);

    return (segment->flags & ~TPA_TCP_PSH) == (flags & ~TPA_TCP_PSH) &&
           segment->seq == wire_seq(wire, expected->seq) && segment->ack == ack &&
           segment->length == expected->length &&
           (expected->mss == 0 || segment->mss == expected->mss);
}

static void compare(struct wire *wire, const struct wire_segment *expected, struct rte_mbuf *packet)
{
    struct tpa_tcp_segment segment;
    char text[160];
    bool retransmission =
        tpa_mem_packet_private(packet)->note == TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    bool super_frame = (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
    uint8_t ecn = tpa_mem_packet_layer(packet, struct tpa_tcp_transmit)->traffic_class & 3;

    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0);
    describe(wire, &segment, text, sizeof(text));
    cr_assert(
        header_matches(wire, expected, &segment) && blocks_match(wire, expected, &segment) &&
            window_matches(expected, &segment) && timestamp_matches(wire, expected, &segment) &&
            retransmission == expected->retransmission && super_frame == expected->super_frame,
        "%s:%d: not what was expected: %s%s%s", expected->file, expected->line, text,
        retransmission ? " retransmission" : "", super_frame ? " super-frame" : "");
    cr_assert_eq(packet->l4_len, segment.header_length);
    cr_assert(wire->entering || ecn == expected->ecn, "%s:%d: codepoint %u: %s", expected->file,
              expected->line, ecn, text);
    cr_assert_eq(tpa_mem_packet_layer(packet, struct tpa_tcp_transmit)->connection,
                 expected->stray ? NULL : &wire->host.connection);
    if (segment.length > 0)
        stream_expect(packet, segment.header_length, (uint32_t)expected->seq);
    if (segment.has_timestamp)
        wire->timestamp = segment.timestamp;
}

void wire_expect(struct wire *wire, struct wire_segment expected)
{
    struct rte_mbuf *packet;

    cr_assert_gt(wire->sent_count, 0, "%s:%d: nothing was sent", expected.file, expected.line);
    packet = pop_sent(wire);
    compare(wire, &expected, packet);
    tpa_mem_packet_free(packet);
}

void wire_expect_nothing(struct wire *wire, const char *file, int line)
{
    struct tpa_tcp_segment segment;
    char text[160];

    if (wire->sent_count == 0)
        return;
    cr_assert_eq(tpa_tcp_segment_parse(wire->sent[wire->sent_first], 0, &segment), 0);
    describe(wire, &segment, text, sizeof(text));
    cr_assert_fail("%s:%d: sent, and not expected: %s", file, line, text);
}

static void fold(uint64_t *trace, uint64_t value)
{
    *trace = (*trace ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    *trace ^= *trace >> 29;
}

static void fold_segment(const struct wire *wire, struct rte_mbuf *packet, uint64_t *trace)
{
    struct tpa_tcp_segment segment;

    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0);
    fold(trace, segment.flags);
    fold(trace, segment.seq - wire->iss);
    fold(trace, segment.ack - wire->irs);
    fold(trace, segment.length);
    fold(trace, segment.window);
    for (unsigned int i = 0; i < segment.sack_count; i++) {
        fold(trace, segment.sack[i].left - wire->irs);
        fold(trace, segment.sack[i].right - wire->irs);
    }
}

void wire_fold(struct wire *wire, uint64_t *trace)
{
    while (wire->sent_count > 0) {
        struct rte_mbuf *packet = pop_sent(wire);

        fold_segment(wire, packet, trace);
        tpa_mem_packet_free(packet);
    }
    fold(trace, 1);
}

unsigned int wire_ignore(struct wire *wire)
{
    unsigned int count = wire->sent_count;

    while (wire->sent_count > 0) {
        struct rte_mbuf *packet = pop_sent(wire);
        struct tpa_tcp_segment segment;

        if (tpa_tcp_segment_parse(packet, 0, &segment) == 0 && segment.has_timestamp)
            wire->timestamp = segment.timestamp;
        tpa_mem_packet_free(packet);
    }
    return count;
}

void wire_wait(struct wire *wire, uint64_t duration)
{
    uint64_t until = wire->now + duration;

    wire_expect_nothing(wire, "before the wait", 0);
    wire->peer_timestamp += (uint32_t)(duration / MS);
    for (;;) {
        uint64_t next = host_next_deadline(&wire->host);

        if (next == TPA_TIMER_NEVER || next > until)
            break;
        wire->now = TPA_BASE_MAX(wire->now, next);
        take_turn(wire);
        if (next == wire->now && host_next_deadline(&wire->host) == next)
            wire->now++;
    }
    wire->now = until;
    take_turn(wire);
}

int64_t wire_write(struct wire *wire, uint32_t length)
{
    int64_t taken = host_write(&wire->host, length, true, wire->now);

    take_turn(wire);
    return taken;
}

int64_t wire_read(struct wire *wire)
{
    int64_t total = 0, taken;

    while ((taken = host_read(&wire->host, 16, wire->now)) > 0)
        total += taken;
    take_turn(wire);
    return total > 0 ? total : taken;
}

void wire_expect_state(struct wire *wire, enum tpa_tcp_state state, const char *file, int line)
{
    enum tpa_tcp_state is = tpa_tcp_connection_state(&wire->host.connection);

    cr_assert_eq(is, state, "%s:%d: %s instead of %s", file, line, tpa_tcp_state_text(is),
                 tpa_tcp_state_text(state));
}

void wire_expect_signals(struct wire *wire, uint32_t signals, const char *file, int line)
{
    uint32_t were = host_take_signals(&wire->host);

    cr_assert_eq(were, signals, "%s:%d: signals %x instead of %x", file, line, were, signals);
}

void wire_no_quick_acks(struct wire *wire)
{
    wire->host.connection.quick_acks = 0;
}

static void start(struct wire *wire)
{
    wire->host.config.timestamps = (wire->options & WIRE_TIMESTAMPS) != 0;
    wire->host.config.sack = (wire->options & WIRE_SACK) != 0;
    wire->host.config.window_scale = (wire->options & WIRE_WINDOW_SCALE) != 0;
    if (wire->options & WIRE_ECN)
        wire->host.config.ecn = TPA_TCP_ECN_ASK;
    host_start(&wire->host, wire->now);
}

/* RFC 3168 section 6.1.1: of a SYN, and of the SYN-ACK to one that asked. */
static const uint8_t setup_syn = TPA_TCP_ECE | TPA_TCP_CWR, setup_syn_ack = TPA_TCP_ECE;

static bool connection_asks(const struct wire *wire)
{
    const struct tpa_tcp_config *config = &wire->host.config;

    return config->ecn == TPA_TCP_ECN_ASK ||
           (config->ecn != TPA_TCP_ECN_OFF && config->congestion->counts_marks);
}

static void open_actively(struct wire *wire, enum tpa_tcp_state state)
{
    bool peer_agrees = (wire->options & WIRE_ECN) != 0;
    uint8_t own_syn = TPA_TCP_SYN | (connection_asks(wire) ? setup_syn : 0);
    uint8_t syn = TPA_TCP_SYN | (peer_agrees ? setup_syn : 0);
    uint8_t syn_ack = TPA_TCP_SYN | (peer_agrees ? setup_syn_ack : 0);

    host_connect(&wire->host, wire->iss, wire->now);
    take_turn(wire);
    EXPECT(.flags = own_syn, .no_ack = true, .seq = -1);
    if (state == TPA_TCP_SYN_RECEIVED) {
        RECEIVE(.flags = syn, .no_ack = true, .seq = -1);
        EXPECT(.flags = syn_ack, .seq = -1, .retransmission = true);
    } else if (state != TPA_TCP_SYN_SENT) {
        RECEIVE(.flags = syn_ack, .seq = -1);
        EXPECT();
    }
}

static void open_passively(struct wire *wire, bool to_established)
{
    bool peer_asks = (wire->options & WIRE_ECN) != 0;

    RECEIVE(.flags = TPA_TCP_SYN | (peer_asks ? setup_syn : 0), .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN | (peer_asks ? setup_syn_ack : 0), .seq = -1);
    if (to_established)
        RECEIVE();
}

static void shut_down(struct wire *wire)
{
    cr_assert_eq(tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now), 0);
    take_turn(wire);
}

static void close_from_established(struct wire *wire, enum tpa_tcp_state state)
{
    if (state == TPA_TCP_CLOSE_WAIT || state == TPA_TCP_LAST_ACK) {
        RECEIVE(.flags = TPA_TCP_FIN);
        EXPECT(.ack = 1);
        if (state == TPA_TCP_LAST_ACK) {
            shut_down(wire);
            EXPECT(.flags = TPA_TCP_FIN, .ack = 1);
        }
        return;
    }
    shut_down(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    if (state == TPA_TCP_CLOSING) {
        RECEIVE(.flags = TPA_TCP_FIN);
        EXPECT(.seq = 1, .ack = 1);
    } else if (state != TPA_TCP_FIN_WAIT_1) {
        RECEIVE(.ack = 1);
        if (state == TPA_TCP_TIME_WAIT) {
            RECEIVE(.flags = TPA_TCP_FIN, .ack = 1);
            EXPECT(.seq = 1, .ack = 1);
        }
    }
}

void wire_enter(struct wire *wire, enum tpa_tcp_state state)
{
    start(wire);
    if (state == TPA_TCP_CLOSED)
        return;
    wire->entering = true;
    if (state == TPA_TCP_SYN_SENT || wire->active)
        open_actively(wire, state);
    else
        open_passively(wire, state != TPA_TCP_SYN_RECEIVED);
    if (state > TPA_TCP_ESTABLISHED)
        close_from_established(wire, state);
    wire->entering = false;
    wire_expect_state(wire, state, __FILE__, __LINE__);
    host_take_signals(&wire->host);
}
