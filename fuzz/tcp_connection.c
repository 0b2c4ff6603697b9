/*
 * One connection, led to a state of the input's choosing, then fed segments, time and calls.
 *
 * The segments' numbers are relative to the connection's own, so that they get past the checks; the
 * peer's stream is one stream, whatever pieces of it come, so that what is read can be compared.
 * After each step the invariants of libs/tcp/test/host.c hold, and what was sent is sound: within
 * what was queued, byte for byte, with a window whose right edge never moves back. At the end the
 * connection is closed and left alone, and has to come to its end by itself.
 */
#include <tpa/base/seq.h>

#include "libs/tcp/test/stream.h"
#include "libs/tcp/test/wire.h"
#include "machine.h"
#include "support/target.h"
#include "test/support/pools.h"

enum {
    RECEIVED_POOL = 3000,
    STEPS_MAX = 200,
    PAYLOAD_MAX = 3000,
    WRITE_MAX = 60000,
    BURST = 64,
    /* Packets that one step may send: the send buffer's worth of the smallest segments. */
    STORM = 5000,
    /* Timers that may fire before a connection that nobody answers is at its end. */
    PATIENCE = 2000,
};

static struct wire wire;
static struct host *const host = &wire.host;
static struct tpa_tcp_connection *const connection = &wire.host.connection;

static struct {
    uint32_t edge; /* right edge of the windows on offer so far */
    uint32_t irs;  /* the peer's ISN, as the connection knows it */
    bool has_edge;
    bool was_syn_sent;
    bool closed; /* the program has closed or aborted it */
} seen;

/* ---- What comes out ---- */

static void say(const char *what, const struct tpa_tcp_segment *segment)
{
    fuzz_say("%.4f %s: %s flags %02x seq %d ack %d length %u window %u",
             (double)wire.now / (double)SECONDS, tpa_tcp_state_text(connection->state), what,
             segment->flags, (int)(segment->seq - wire.iss), (int)(segment->ack - seen.irs),
             segment->length, segment->window);
}

static void check_window(const struct tpa_tcp_segment *segment)
{
    uint32_t scale = segment->flags & TPA_TCP_SYN ? 0 : connection->rcv_scale;
    uint32_t edge = segment->ack + ((uint32_t)segment->window << scale);

    if (!(segment->flags & TPA_TCP_ACK) || (segment->flags & TPA_TCP_RST))
        return;
    if (seen.has_edge && tpa_base_seq_lt(edge, seen.edge)) {
        /* It was on offer in finer units (RFC 7323 section 2.4), or a SYN can't say more. */
        cr_assert(seen.edge - edge < 1u << connection->rcv_scale ||
                      (segment->flags & TPA_TCP_SYN && segment->window == UINT16_MAX),
                  "the window's right edge moved back by %u", seen.edge - edge);
        return;
    }
    seen.edge = edge;
    seen.has_edge = true;
}

static void check_text(const struct rte_mbuf *packet, const struct tpa_tcp_segment *segment)
{
    if (segment->length == 0)
        return;
    cr_assert(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG ||
              segment->length <= connection->window.mss);
    cr_assert(tpa_base_seq_leq(segment->seq + segment->length, connection->send_queue.end));
    stream_expect(packet, segment->header_length, segment->seq - wire.iss - 1);
}

static void check_sent(struct rte_mbuf *packet)
{
    struct tpa_tcp_segment segment;

    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0, "a malformed segment was sent");
    cr_assert(!(segment.flags & TPA_TCP_ACK) || connection->state == TPA_TCP_CLOSED ||
                  tpa_base_seq_leq(segment.ack, connection->rcv_nxt),
              "acknowledges what never came");
    say("sent", &segment);
    check_window(&segment);
    check_text(packet, &segment);
    tpa_mem_packet_free(packet);
}

static void take_turn(void)
{
    unsigned int total = 0, count;

    do {
        struct rte_mbuf *packets[BURST];

        count = host_step(host, packets, BURST, wire.now);
        for (unsigned int i = 0; i < count; i++)
            check_sent(packets[i]);
        total += count;
        cr_assert_leq(total, STORM, "it sends and sends");
    } while (count == BURST);
}

static bool is_over(void)
{
    return connection->state == TPA_TCP_CLOSED;
}

/* ---- What goes in ---- */

static uint32_t relative(struct tpa_base_cursor *input, const uint32_t *bases, uint32_t count)
{
    uint8_t how = tpa_base_cursor_u8(input);
    uint32_t base = bases[how % 16 % count];

    switch (how >> 4 & 3) {
    case 0:
        return base;
    case 1:
        return base + (uint32_t)(int8_t)tpa_base_cursor_u8(input);
    case 2:
        return base + (uint32_t)(int16_t)tpa_base_cursor_be16(input);
    default:
        return base + tpa_base_cursor_be32(input);
    }
}

static uint32_t peer_number(struct tpa_base_cursor *input)
{
    const uint32_t bases[] = {connection->rcv_nxt,        connection->rcv_adv,
                              connection->rcv_acked,      seen.irs,
                              connection->rcv_nxt + 1460, connection->rcv_nxt + 2920};

    return relative(input, bases, TPA_BASE_ARRAY_SIZE(bases));
}

static uint32_t own_number(struct tpa_base_cursor *input)
{
    const uint32_t una = connection->flight.una;
    const uint32_t bases[] = {connection->flight.nxt,           una,
                              tpa_tcp_send_end(connection),     una + connection->window.mss,
                              una + 2 * connection->window.mss, wire.iss,
                              connection->recovery_point};

    return relative(input, bases, TPA_BASE_ARRAY_SIZE(bases));
}

static uint8_t choose_flags(struct tpa_base_cursor *input)
{
    static const uint8_t usual[] = {
        TPA_TCP_ACK,
        TPA_TCP_ACK,
        TPA_TCP_ACK | TPA_TCP_PSH,
        TPA_TCP_ACK | TPA_TCP_FIN,
        TPA_TCP_ACK | TPA_TCP_SYN,
        TPA_TCP_SYN,
        TPA_TCP_RST | TPA_TCP_ACK,
        TPA_TCP_RST,
    };
    uint8_t how = tpa_base_cursor_u8(input);
    uint8_t flags = how < 128 ? usual[how % 8] : tpa_base_cursor_u8(input);

    /* Contradictory ones are refused before a connection sees them: target tcp_segment. */
    return flags & TPA_TCP_SYN ? flags & (uint8_t) ~(TPA_TCP_FIN | TPA_TCP_RST) : flags;
}

static void choose_options(struct tpa_base_cursor *input, struct tpa_tcp_header *header)
{
    uint8_t how = tpa_base_cursor_u8(input);

    header->has_timestamp =
        ((how & 1) != 0) != ((connection->flags & TPA_TCP_USES_TIMESTAMPS) != 0);
    header->timestamp = connection->ts_recent + (how & 2 ? tpa_base_cursor_u8(input) - 128u : 1);
    header->timestamp_echo =
        how & 4 ? tpa_base_cursor_be32(input) : tpa_tcp_timestamp(connection->ts_offset, wire.now);
    header->sack_count = how >> 3 & 3;
    for (unsigned int i = 0; i < header->sack_count; i++) {
        header->sack[i].left = own_number(input);
        header->sack[i].right = header->sack[i].left + fuzz_length(input, UINT16_MAX);
    }
    if (!(header->flags & TPA_TCP_SYN))
        return;
    header->mss = how & 32 ? tpa_base_cursor_be16(input) : WIRE_PEER_MSS;
    header->has_window_scale = (how & 64) != 0;
    header->window_scale = how & 3;
    header->sack_permitted = (how & 128) != 0;
}

static void receive_segment(struct tpa_base_cursor *input)
{
    struct tpa_tcp_header header = {
        .flags = choose_flags(input),
        .seq = peer_number(input),
        .ack = own_number(input),
        .source_port = HOST_PEER_PORT,
        .destination_port = HOST_PORT,
    };
    uint32_t length = fuzz_length(input, PAYLOAD_MAX);
    uint32_t first = header.seq + ((header.flags & TPA_TCP_SYN) != 0);
    uint32_t position = seen.was_syn_sent ? 0 : first - seen.irs - 1;
    struct rte_mbuf *packet = stream_packet(tpa_test_pool(RECEIVED_POOL), position, length);
    uint8_t window = tpa_base_cursor_u8(input);
    struct tpa_tcp_segment segment;

    header.window =
        window < 200 ? (uint16_t)(UINT16_MAX - window) : (uint16_t)((window - 200) * 40);
    choose_options(input, &header);
    cr_assert_neq(tpa_tcp_header_prepend(packet, &header), 0);
    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0);
    say("received", &segment);
    (void)host_input_marked(host, packet, window & 3, wire.now);
    if (seen.was_syn_sent && connection->state > TPA_TCP_SYN_SENT) {
        seen.irs = header.seq;
        seen.was_syn_sent = false;
    }
}

static void pass_time(struct tpa_base_cursor *input)
{
    static const uint64_t units[] = {MS / 10, 10 * MS, SECONDS, 60 * SECONDS};
    uint64_t until = wire.now + units[fuzz_choice(input, 4)] * tpa_base_cursor_u8(input);

    for (int i = 0; i < PATIENCE; i++) {
        uint64_t next = host_next_deadline(host);

        if (next > until)
            break;
        wire.now = TPA_BASE_MAX(wire.now + 1, next);
        take_turn();
    }
    wire.now = TPA_BASE_MAX(wire.now, until);
}

static void write_some(struct tpa_base_cursor *input)
{
    uint32_t length = 1 + fuzz_length(input, WRITE_MAX - 1);

    /* The memory of a piece in place is used again when the piece is done. */
    if (host->shared == 0)
        (void)host_write(host, length, fuzz_choice(input, 2) == 0, wire.now);
}

static void read_some(struct tpa_base_cursor *input)
{
    (void)host_read(host, 1 + fuzz_choice(input, 16), wire.now);
}

static void read_and_put_back(struct tpa_base_cursor *input)
{
    struct rte_mbuf *segments[4];
    int taken = tpa_tcp_receive(&host->worker, connection, segments, 4, wire.now);

    if (taken > 0)
        tpa_tcp_receive_undo(&host->worker, connection, segments, (unsigned int)taken);
}

static void shut_down(struct tpa_base_cursor *input)
{
    if (fuzz_choice(input, 4) != 0)
        (void)tpa_tcp_shutdown(&host->worker, connection, wire.now);
    else if (fuzz_choice(input, 8) == 0)
        tpa_tcp_abort(&host->worker, connection, wire.now);
    else
        tpa_tcp_close(&host->worker, connection, wire.now);
}

static void change_option(struct tpa_base_cursor *input)
{
    uint8_t value = tpa_base_cursor_u8(input);

    switch (value % 4) {
    case 0:
        tpa_tcp_set_nodelay(&host->worker, connection, (value & 4) != 0);
        break;
    case 1:
        (void)tpa_tcp_set_keepalive(&host->worker, connection, (value >> 2) * SECONDS, wire.now);
        break;
    case 2:
        tpa_tcp_set_dscp(connection, value >> 2);
        break;
    default:
        host->pool->fault_countdown = 1 + (value >> 2);
        break;
    }
}

static void receive_error(struct tpa_base_cursor *input)
{
    uint32_t sequence = own_number(input);
    uint8_t how = tpa_base_cursor_u8(input);

    if (how & 1)
        tpa_tcp_unreachable(&host->worker, connection, sequence, (how & 2) != 0, wire.now);
    else
        (void)tpa_tcp_path_mtu_changed(&host->worker, connection, sequence,
                                       (uint16_t)(552 + how * 8), wire.now);
}

static void answer_nothing(struct tpa_base_cursor *input)
{
    take_turn();
}

static void step(struct tpa_base_cursor *input)
{
    static void (*const steps[])(struct tpa_base_cursor *) = {
        receive_segment, pass_time,         write_some,    read_some,      shut_down,
        change_option,   read_and_put_back, receive_error, answer_nothing,
    };
    uint8_t which = tpa_base_cursor_u8(input);

    /* The upper bit: whatever follows happens before the connection's turn to send. */
    fuzz_say("step %u", which % 128u % (unsigned int)TPA_BASE_ARRAY_SIZE(steps));
    steps[which % 128 % TPA_BASE_ARRAY_SIZE(steps)](input);
    if (which < 128)
        take_turn();
}

/* ---- A life ---- */

static void choose_congestion(uint8_t how)
{
    static const char *const names[] = {"newreno", "cubic", "bbr", "dctcp"};
    const struct tpa_tcp_congestion *algorithm = tpa_tcp_congestion_find(names[how % 4]);

    if (algorithm != NULL)
        host->config.congestion = algorithm;
}

static void choose_settings(struct tpa_base_cursor *input)
{
    uint8_t how = tpa_base_cursor_u8(input);

    wire.options = how & 7;
    wire.active = (how & 8) != 0;
    host->config.segmentation = (how & 16) != 0;
    host->config.send_buffer = 256 << 10;
    if (how & 32) {
        host->config.receive_buffer = 8000;
        host->config.receive_queue_entries = 8;
        host->config.out_of_order_entries = 8;
        host->config.send_queue_entries = 8;
        host->config.send_buffer = 20000;
    }
    if (how & 64)
        host->config.user_timeout = 30 * SECONDS;
    if (how & 128)
        wire.options |= WIRE_ECN;
    choose_congestion(tpa_base_cursor_u8(input));
}

static void begin(struct tpa_base_cursor *input)
{
    static const uint32_t starts[][2] = {{1000, 2000},
                                         {UINT32_MAX, UINT32_MAX - 1},
                                         {UINT32_MAX - 5000, UINT32_MAX - 5000},
                                         {0x7ffffff0, 0x80000000}};
    const uint32_t *start = starts[fuzz_choice(input, TPA_BASE_ARRAY_SIZE(starts))];
    enum tpa_tcp_state state = TPA_TCP_SYN_SENT + fuzz_choice(input, TPA_TCP_TIME_WAIT);

    memset(&seen, 0, sizeof(seen));
    wire_prepare(&wire, start[0], start[1]);
    choose_settings(input);
    wire_enter(&wire, state);
    seen.irs = wire.irs;
    seen.was_syn_sent = state == TPA_TCP_SYN_SENT;
}

/* Closed, and never answered again: it ends all the same. */
static void end(void)
{
    host->pool->fault_countdown = 0;
    tpa_tcp_close(&host->worker, connection, wire.now);
    take_turn();
    for (int i = 0; i < PATIENCE && !is_over(); i++) {
        uint64_t next = host_next_deadline(host);

        cr_assert_neq(next, TPA_TIMER_NEVER, "it waits for ever, in %s",
                      tpa_tcp_state_text(connection->state));
        wire.now = TPA_BASE_MAX(wire.now + 1, next);
        take_turn();
    }
    cr_assert(is_over(), "it does not end, in %s", tpa_tcp_state_text(connection->state));
    host_stop(host);
    tpa_test_pool_expect_idle(host->pool);
    tpa_test_pool_expect_idle(tpa_test_pool(RECEIVED_POOL));
    cr_assert_eq(stream_chunks, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);

    begin(&input);
    for (int i = 0; i < STEPS_MAX && tpa_base_cursor_remaining(&input) > 0 && !is_over(); i++)
        step(&input);
    end();
    return 0;
}
