/* An exchange is the same wherever its sequence numbers begin. Each WIRE_TEST is that,
 * at some hundred pairs of ISNs that wrap within it; here is one long exchange and all the rest. */
#include "machine.h"
#include "wire.h"

enum {
    SEGMENTS = 48, /* 70,080 bytes each way */
    MSS = 1460,
    BYTES = SEGMENTS * MSS,
};

/* Text of ours goes out, with a hole at the peer that SACK tells of, and a time-out. */
static void send_text(struct wire *wire, uint64_t *trace)
{
    const int64_t hole = 5 * MSS;
    int64_t nxt;

    cr_assert_eq(wire_write(wire, BYTES / 2), BYTES / 2);
    cr_assert_eq(wire_write(wire, BYTES / 2), BYTES / 2);
    wire_fold(wire, trace);
    RECEIVE(.ack = 4 * MSS);
    wire_fold(wire, trace);
    RECEIVE(.ack = hole, .sack_count = 1, .sack = {{hole + MSS, hole + 4 * MSS}});
    wire_fold(wire, trace);
    RECEIVE(.ack = hole, .sack_count = 2,
            .sack = {{hole + 5 * MSS, hole + 6 * MSS}, {hole + MSS, hole + 4 * MSS}});
    wire_fold(wire, trace);
    wire_wait(wire, 400 * MS);
    wire_fold(wire, trace);
    while ((nxt = wire->host.connection.flight.nxt - wire_seq(wire, 0)) < BYTES ||
           tpa_tcp_outstanding(&wire->host.connection) != 0) {
        RECEIVE(.seq = 0, .ack = nxt);
        wire_fold(wire, trace);
    }
}

/* Text comes: every fifth segment late, every seventh twice, with a stray reset and SYN. */
static void receive_text(struct wire *wire, uint64_t *trace)
{
    for (int64_t i = 0; i < SEGMENTS; i++) {
        int64_t at = i % 5 == 3 ? i + 1 : i % 5 == 4 ? i - 1 : i;

        if (at >= SEGMENTS)
            at = i;
        RECEIVE(.seq = at * MSS, .ack = BYTES, .length = MSS);
        wire_fold(wire, trace);
        if (i % 7 == 0)
            RECEIVE(.seq = at * MSS, .ack = BYTES, .length = MSS);
        wire_fold(wire, trace);
        if (i == 20)
            RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = at * MSS + 3000);
        wire_fold(wire, trace);
        if (i % 16 == 15)
            cr_assert_eq(wire_read(wire), 16 * MSS);
        wire_fold(wire, trace);
    }
}

static void close_both(struct wire *wire, uint64_t *trace)
{
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    wire_fold(wire, trace);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = BYTES, .ack = BYTES + 1);
    wire_fold(wire, trace);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
}

static uint64_t exchange(uint32_t iss, uint32_t irs)
{
    static struct wire memory;
    struct wire *wire = &memory;
    uint64_t trace = 0;

    wire_prepare(wire, iss, irs);
    wire->options = WIRE_TIMESTAMPS | WIRE_SACK | WIRE_WINDOW_SCALE;
    wire->peer_mss = MSS + TPA_TCP_OPTION_TIMESTAMP_LENGTH;
    wire->host.config.user_mss = 1460;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_text(wire, &trace);
    receive_text(wire, &trace);
    close_both(wire, &trace);
    wire_finish(wire);
    return trace;
}

/* Whether the wrap is at, or next to, the edge of a segment. */
static bool is_at_an_edge(uint32_t k)
{
    return k % MSS <= 2 || k % MSS >= MSS - 2 || k % 1448 <= 2;
}

/* Attack 39. All that wrap within the first segments or at the edge of any, and every 97th of the
 * rest. */
Test(wrap, leaves_the_exchange_as_it_is, .timeout = 300)
{
    const uint64_t expected = exchange(1000, 2000);

    for (uint32_t k = 0; k <= 70000; k++) {
        if (k > 100 && k % 97 != 0 && !is_at_an_edge(k))
            continue;
        cr_assert_eq(exchange(UINT32_MAX - k, 2000), expected, "ours 2^32 - 1 - %u", k);
        cr_assert_eq(exchange(1000, UINT32_MAX - k), expected, "the peer's 2^32 - 1 - %u", k);
    }
}
