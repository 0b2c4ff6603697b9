/* Closed and shrinking windows: RFC 9293 3.8.6.1, MUST-34 to MUST-37, SHLD-14 to SHLD-17, SHLD-29,
 * SHLD-30. */
#include <tpa/base/error.h>

#include "wire.h"

/* The peer has closed its window; `length` bytes wait. */
static void enter_closed_window(struct wire *wire, uint32_t length)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.zero_window = true);
    cr_assert_eq(wire_write(wire, length), length);
    EXPECT_NOTHING();
}

/* The peer answers all that comes with `ack` and a closed window. Returns what came. */
static unsigned int answer_probes(struct wire *wire, unsigned int seconds, int64_t ack)
{
    unsigned int probes = 0;

    for (unsigned int i = 0; i < seconds; i++) {
        unsigned int came;

        wire_wait(wire, SECONDS);
        came = wire_ignore(wire);
        if (came > 0)
            RECEIVE(.ack = ack, .zero_window = true);
        probes += came;
    }
    return probes;
}

/* Attack 32. MUST-36, SHLD-29, SHLD-30. */
WIRE_TEST(probe, backs_off)
{
    enter_closed_window(wire, 3000);
    for (unsigned int i = 0; i < 5; i++) {
        wire_wait(wire, (100 * MS << i) - MS);
        EXPECT_NOTHING();
        wire_wait(wire, MS + 100000);
        EXPECT(.seq = 0, .length = 1, .retransmission = i > 0);
        wire->now -= 100000;
        RECEIVE(.zero_window = true);
    }
    cr_assert_eq(wire->host.worker.counters.zero_window_probes, 5);
    cr_assert_eq(wire->host.worker.counters.retransmission_timeouts, 0);
}

/* Attack 32. MUST-37: and the interval doesn't grow beyond the largest RTO. */
WIRE_TEST(probe, goes_on_as_long_as_the_peer_answers)
{
    unsigned int probes;

    enter_closed_window(wire, 3000);
    probes = answer_probes(wire, 2 * 3600, 0);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_geq(probes, 2 * 60);
    cr_assert_leq(probes, 2 * 60 + 10);
    RECEIVE();
    EXPECT(.seq = 0, .length = 1, .retransmission = true);
    EXPECT(.seq = 1, .length = 1460);
    EXPECT(.seq = 1461, .length = 1460);
    EXPECT(.seq = 2921, .length = 79);
}

WIRE_TEST(probe, unanswered_is_given_up)
{
    enter_closed_window(wire, 3000);
    wire_wait(wire, 100 * SECONDS);
    cr_assert_eq(wire_ignore(wire), 7);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ETIMEDOUT);
}

/* Attack 32. A user time-out ends it although the peer answers (RFC 6429). */
WIRE_TEST(probe, ends_with_the_user_timeout)
{
    wire->host.config.user_timeout = 10 * SECONDS;
    enter_closed_window(wire, 3000);
    answer_probes(wire, 9, 0);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    answer_probes(wire, 10, 0);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ETIMEDOUT);
}

WIRE_TEST(probe, that_is_taken_advances)
{
    enter_closed_window(wire, 3000);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1);
    RECEIVE(.ack = 1, .zero_window = true);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 1, .length = 1);
}

WIRE_TEST(probe, window_opens_before_any)
{
    enter_closed_window(wire, 3000);
    RECEIVE();
    EXPECT(.seq = 0, .length = 1460);
    EXPECT(.seq = 1460, .length = 1460);
    EXPECT(.seq = 2920, .length = 80);
}

/* The FIN is the octet where there is no other. */
WIRE_TEST(probe, with_the_fin)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.zero_window = true);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT_NOTHING();
    wire_wait(wire, 101 * MS);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 0);
    RECEIVE(.ack = 1, .zero_window = true);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}

/* Closing loses nothing: what waits is delivered when the window opens. */
WIRE_TEST(probe, closed_connection_goes_on)
{
    enter_closed_window(wire, 100);
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT_NOTHING();
    RECEIVE();
    EXPECT(.flags = TPA_TCP_FIN, .seq = 0, .length = 100);
}

/* Attack 32. RFC 6429: what its owner has closed nobody else would end. */
WIRE_TEST(probe, closed_connection_is_given_up_in_time)
{
    enter_closed_window(wire, 3000);
    answer_probes(wire, 3000, 0);
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    answer_probes(wire, 58, 0);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
    cr_assert(tpa_tcp_is_persisting(&wire->host.connection));
    answer_probes(wire, 3, 0);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(wire->host.worker.counters.resets_out, 1);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ETIMEDOUT);
    cr_assert_not(tpa_tcp_is_persisting(&wire->host.connection));
}

/* A reset stands where the peer believes it: at its window's edge, not behind the probe. */
WIRE_TEST(probe, is_not_counted_by_a_reset)
{
    enter_closed_window(wire, 3000);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1);
    tpa_tcp_abort(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_RST, .seq = 0);
}

/* One whose peer takes something now and then goes on. */
WIRE_TEST(probe, closed_connection_lives_by_progress)
{
    enter_closed_window(wire, 3000);
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    for (int64_t taken = 1; taken <= 5; taken++) {
        answer_probes(wire, 50, taken);
        EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
    }
    answer_probes(wire, 130, 5);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

static void shrink(struct wire *wire, uint32_t window)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire_write(wire, 5840), 5840);
    for (int64_t i = 0; i < 4; i++)
        EXPECT(.seq = 1460 * i, .length = 1460);
    if (window == 0)
        RECEIVE(.ack = 1460, .zero_window = true);
    else
        RECEIVE(.ack = 1460, .window = window);
}

/* Attack 34. SHLD-15, SHLD-16: nothing new, and what is sent again stays inside. */
WIRE_TEST(shrink, keeps_to_the_new_edge)
{
    shrink(wire, 2000);
    cr_assert_eq(wire_write(wire, 1000), 1000);
    EXPECT_NOTHING();
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 2920, .window = 540);
    EXPECT(.seq = 2920, .length = 540, .retransmission = true);
    RECEIVE(.ack = 3460);
    EXPECT(.seq = 3460, .length = 1460, .retransmission = true);
    EXPECT(.seq = 4920, .length = 920, .retransmission = true);
}

/* Attack 34. SHLD-17: what lies beyond the edge doesn't time the connection out. */
WIRE_TEST(shrink, to_nothing_is_probed)
{
    shrink(wire, 0);
    cr_assert_gt(answer_probes(wire, 1000, 1460), 15);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.ack = 1460);
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
    EXPECT(.seq = 2920, .length = 1460, .retransmission = true);
    EXPECT(.seq = 4380, .length = 1460, .retransmission = true);
}

/* An old segment doesn't bring an old window back (SND.WL1, SND.WL2). */
WIRE_TEST(window, old_update_is_ignored)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 100);
    EXPECT(.seq = 0, .length = 100);
    RECEIVE(.seq = 0, .ack = 100, .window = 5000);
    RECEIVE(.seq = 0, .ack = 0, .window = 9000);
    cr_assert_eq(wire->host.connection.snd_wnd, 5000);
    RECEIVE(.seq = 0, .ack = 100, .window = 7000);
    cr_assert_eq(wire->host.connection.snd_wnd, 7000);
}

/* MUST-1: 65,535 is a large window, not a small negative one. */
WIRE_TEST(window, is_unsigned)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.window = 65535);
    cr_assert_eq(wire->host.connection.snd_wnd, 65535);
    wire_write(wire, 1460);
    EXPECT(.seq = 0, .length = 1460);
}
