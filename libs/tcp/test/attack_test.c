/* Attacks that concern no single step of the machine, or a connection's peer as a whole. */
#include <tpa/base/error.h>

#include "machine.h"
#include "pair.h"
#include "wire.h"

static uint32_t cwnd(const struct wire *wire)
{
    return wire->host.connection.window.cwnd;
}

/* Attack 7. In front of a connection and while it opens: the pointer means nothing. */
WIRE_TEST(urgent, in_the_handshake_is_ignored)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN | TPA_TCP_URG, .seq = -1, .urgent = 0xffff);
    EXPECT();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    cr_assert_eq(wire_read(wire), 10);
}

/* Attack 7. */
WIRE_TEST(urgent, in_a_closed_window_consumes_nothing)
{
    wire->host.config.receive_buffer = 100;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100, .flags = TPA_TCP_URG, .urgent = 101);
    EXPECT(.ack = 100, .zero_window = true);
    for (int i = 0; i < 3; i++) {
        wire_wait(wire, SECONDS);
        RECEIVE(.seq = 100, .length = 1, .flags = TPA_TCP_URG, .urgent = 0);
        EXPECT(.ack = 100, .zero_window = true);
    }
    cr_assert_eq(wire_read(wire), 100);
    EXPECT(.ack = 100, .window = 100);
    RECEIVE(.seq = 100, .length = 1, .flags = TPA_TCP_URG, .urgent = 0xffff);
    EXPECT(.ack = 101);
    cr_assert_eq(wire_read(wire), 1);
}

/* Attack 7. Behind a hole, where the pointer leads beyond all that is known. */
WIRE_TEST(urgent, out_of_order_is_in_line)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 10, .length = 10, .flags = TPA_TCP_URG, .urgent = 0xfff0);
    EXPECT();
    RECEIVE(.length = 10, .flags = TPA_TCP_URG, .urgent = 15);
    EXPECT(.ack = 20);
    cr_assert_eq(wire_read(wire), 20);
}

/* Attack 11. What is announced too small is raised, and never divides by nothing. */
Test(mss, any_announced_is_survived)
{
    static const uint16_t announced[] = {1, 2, 12, 48, 64, 88, 215, 216, 217, 535, 65535};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(announced); i++) {
        static struct wire memory;
        struct wire *wire = &memory;

        wire_prepare(wire, 1, 2);
        wire->options = WIRE_TIMESTAMPS | WIRE_SACK;
        wire->peer_mss = announced[i];
        wire_enter(wire, TPA_TCP_ESTABLISHED);
        cr_assert_geq(wire->host.connection.window.mss,
                      wire->host.config.mss_min - TPA_TCP_OPTION_TIMESTAMP_LENGTH);
        cr_assert_leq(wire->host.connection.window.mss, 1448);
        wire_write(wire, 3000);
        cr_assert_gt(wire_ignore(wire), 0);
        RECEIVE(.ack = 1);
        wire_ignore(wire);
        wire_finish(wire);
    }
}

/* Attack 29. Acknowledgements of what was only just sent open the window by what was outstanding,
 * those of what was not sent do nothing. */
WIRE_TEST(optimistic_acks, gain_no_more_than_what_was_sent)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 60000);
    for (int i = 0; i < 3; i++) {
        uint32_t outstanding = tpa_tcp_flight_outstanding(&wire->host.connection.flight);
        uint32_t before = cwnd(wire);
        int64_t nxt = wire->host.connection.flight.nxt - wire_seq(wire, 0);

        wire_ignore(wire);
        RECEIVE(.ack = nxt + 1460);
        wire_ignore(wire);
        RECEIVE(.ack = nxt + 100000);
        wire_ignore(wire);
        cr_assert_eq(cwnd(wire), before);
        RECEIVE(.ack = nxt);
        cr_assert_leq(cwnd(wire), before + outstanding);
    }
    wire_ignore(wire);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_BAD_ACK), 6);
}

/* Attack 30. In slow start a segment that is acknowledged byte by byte is one segment. */
WIRE_TEST(ack_division, gains_nothing)
{
    uint32_t before;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 20 * 1460);
    cr_assert_eq(wire_ignore(wire), 10);
    before = cwnd(wire);
    for (int64_t ack = 1; ack <= 1460; ack++) {
        RECEIVE(.ack = ack);
        wire_ignore(wire);
    }
    cr_assert_leq(cwnd(wire), before + 1460);
}

/* Attack 36. The SYN-ACK in two halves: the roles stay what they were. */
WIRE_TEST(split_handshake, is_a_simultaneous_open)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(); /* the acknowledgement alone */
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .retransmission = true);
    EXPECT_STATE(TPA_TCP_SYN_RECEIVED);
    cr_assert_not(wire->host.connection.flags & TPA_TCP_PASSIVE);
    RECEIVE();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED);
    cr_assert_eq(wire->host.worker.counters.connections_accepted, 0);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
}

/* Attack 40. Zero is a timestamp like any other, and so is what comes when the clock wraps. */
WIRE_TEST(paws, zero_and_the_wrap_of_the_clock)
{
    wire->options = WIRE_TIMESTAMPS;
    wire->peer_timestamp = 0;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    wire->peer_timestamp = UINT32_MAX - 5;
    RECEIVE(.seq = 10, .length = 10);
    EXPECT(.ack = 10);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_PAWS), 1);
    RECEIVE(.seq = 10, .length = 10, .timestamp = 0x7fffffff);
    EXPECT(.ack = 20);
    RECEIVE(.seq = 20, .length = 10, .timestamp = 0xfffffffe);
    EXPECT(.ack = 30);
    wire->peer_timestamp = 0;
    RECEIVE(.seq = 30, .length = 10);
    EXPECT(.ack = 40);
}

/* Attack 50. The peer has forgotten us and opens anew: our challenge makes it tell. */
WIRE_TEST(half_open, rebooted_peer_opens_anew)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = 123456789);
    EXPECT();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ERESET);
}

/* Attack 50. It answers what we send by a reset. */
WIRE_TEST(half_open, rebooted_peer_resets_what_comes)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 10);
    EXPECT(.length = 10);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ERESET);
}

/* ---- Two ends ---- */

static void open_pair(struct pair *pair)
{
    pair->delay = 50000;
    pair_open(pair);
    pair_run(pair, 100 * MS);
    cr_assert_eq(tpa_tcp_connection_state(&pair->hosts[0].connection), TPA_TCP_ESTABLISHED);
}

/* Attack 26. Two ends that disagree about all numbers: each segment of one is wrong for the other,
 * who says so. */
Test(ack_war, dies_down)
{
    static struct pair pair;
    struct tpa_tcp_connection *connection = &pair.hosts[0].connection;
    unsigned int before;

    pair_prepare(&pair, UINT32_MAX - 100, 7);
    open_pair(&pair);
    tpa_tcp_flight_init(&connection->flight, connection->flight.nxt + (1u << 30));
    connection->send_queue.end += 1u << 30;
    connection->rcv_nxt = connection->rcv_acked = connection->rcv_nxt + (1u << 29);
    connection->rcv_adv += 1u << 29;
    before = pair.sent[0] + pair.sent[1];
    tpa_tcp_send_flag(&pair.hosts[0].worker, connection, TPA_TCP_SEND_ACK);
    pair_run(&pair, 60 * SECONDS);
    cr_assert_leq(pair.sent[0] + pair.sent[1] - before, 2 * 2 * 60 + 2);
    pair_close(&pair);
}

/* Time until host `to` has read `length` bytes more. */
static uint64_t time_to_read(struct pair *pair, unsigned int to, uint32_t length)
{
    uint64_t start = pair->now, target = pair->hosts[to].read + length;

    while (pair->hosts[to].read < target) {
        cr_assert_lt(pair->now - start, SECONDS);
        pair_run(pair, 50000);
    }
    return pair->now - start;
}

/* Attack 49. Two small writes and a read, with Nagle's algorithm: the second write waits for an
 * acknowledgement, which the first of a connection get at once and later ones within the delay that
 * is configured: no 40 ms. */
Test(write_write_read, waits_no_longer_than_the_delayed_ack)
{
    static struct pair pair;

    pair_prepare(&pair, 1, 2);
    open_pair(&pair);
    tpa_tcp_set_nodelay(&pair.hosts[0].worker, &pair.hosts[0].connection, false);
    for (int round = 0; round < 40; round++) {
        uint64_t limit = round < 5 ? 400000 : 2 * MS;

        cr_assert_eq(host_write(&pair.hosts[0], 100, true, pair.now), 100);
        cr_assert_eq(host_write(&pair.hosts[0], 100, true, pair.now), 100);
        cr_assert_leq(time_to_read(&pair, 1, 200), limit, "round %d", round);
        cr_assert_eq(host_write(&pair.hosts[1], 10, true, pair.now), 10);
        cr_assert_leq(time_to_read(&pair, 0, 10), limit);
    }
    pair_close(&pair);
}
