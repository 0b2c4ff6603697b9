/* Keepalive (RFC 9293 3.8.4, MUST-24 to MUST-29), user time-out (3.8.3), one wheel entry for all.
 */
#include <tpa/base/error.h>

#include "machine.h"
#include "wire.h"

static void enter_with_keepalive(struct wire *wire)
{
    wire->host.config.keepalive = 100 * SECONDS;
    wire->host.config.keepalive_interval = 10 * SECONDS;
    wire->host.config.keepalive_probes = 3;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
}

/* MUST-25: an idle connection has no timer and lasts for ever. */
WIRE_TEST(keepalive, is_off_by_default)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_wait(wire, 1000 * 3600 * SECONDS);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_eq(host_next_deadline(&wire->host), TPA_TIMER_NEVER);
}

/* Attack 50. MUST-26, SHLD-12: no data, the number before the next. */
WIRE_TEST(keepalive, probes_an_idle_peer)
{
    enter_with_keepalive(wire);
    wire_wait(wire, 99 * SECONDS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * SECONDS);
    EXPECT(.seq = -1);
    RECEIVE();
    wire_wait(wire, 99 * SECONDS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * SECONDS);
    EXPECT(.seq = -1);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* Attack 50. MUST-29: one lost answer is no end, a dead peer is. */
WIRE_TEST(keepalive, gives_up_after_its_probes)
{
    enter_with_keepalive(wire);
    wire_wait(wire, 101 * SECONDS);
    EXPECT(.seq = -1);
    wire_wait(wire, 10 * SECONDS);
    EXPECT(.seq = -1);
    wire_wait(wire, 10 * SECONDS);
    EXPECT(.seq = -1);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    wire_wait(wire, 11 * SECONDS);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ETIMEDOUT);
}

WIRE_TEST(keepalive, late_answer_begins_it_anew)
{
    enter_with_keepalive(wire);
    wire_wait(wire, 121 * SECONDS);
    cr_assert_eq(wire_ignore(wire), 3);
    RECEIVE();
    wire_wait(wire, 99 * SECONDS);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

WIRE_TEST(keepalive, traffic_puts_it_off)
{
    enter_with_keepalive(wire);
    for (int64_t i = 0; i < 5; i++) {
        wire_wait(wire, 90 * SECONDS);
        RECEIVE(.seq = 10 * i, .length = 10);
        EXPECT(.ack = 10 * (i + 1));
    }
    wire_wait(wire, 99 * SECONDS);
    EXPECT_NOTHING();
}

/* Attack 50. A peer that has crashed and come up again says so. */
WIRE_TEST(keepalive, reset_in_answer_ends_it)
{
    enter_with_keepalive(wire);
    wire_wait(wire, 101 * SECONDS);
    EXPECT(.seq = -1);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ERESET);
}

/* MUST-24, MUST-27. */
WIRE_TEST(keepalive, is_set_for_one_connection)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(
        tpa_tcp_set_keepalive(&wire->host.worker, &wire->host.connection, 5 * SECONDS, wire->now),
        0);
    wire_wait(wire, 6 * SECONDS);
    EXPECT(.seq = -1);
    RECEIVE();
    cr_assert_eq(tpa_tcp_set_keepalive(&wire->host.worker, &wire->host.connection, 0, wire->now),
                 0);
    wire_wait(wire, 1000 * SECONDS);
    EXPECT_NOTHING();
    cr_assert_eq(tpa_tcp_set_keepalive(&wire->host.worker, &wire->host.connection,
                                       20 * 3600 * SECONDS, wire->now),
                 TPA_EINVAL);
}

/* The peer's side of it. */
WIRE_TEST(keepalive, probe_is_answered)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = -1);
    EXPECT();
    wire_wait(wire, SECONDS);
    RECEIVE(.seq = -1, .length = 1);
    EXPECT();
    cr_assert_eq(wire->host.worker.counters.window_probes_in, 2);
}

/* Attack 50. RFC 9293 3.8.3 (MUST-21). */
WIRE_TEST(user_timeout, ends_a_connection_that_makes_no_progress)
{
    wire->host.config.user_timeout = 300 * SECONDS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_wait(wire, 1000 * SECONDS);
    wire_write(wire, 100);
    EXPECT(.seq = 0, .length = 100);
    wire_wait(wire, 290 * SECONDS);
    cr_assert_gt(wire_ignore(wire), 7);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    wire_wait(wire, 11 * SECONDS);
    wire_ignore(wire);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_ETIMEDOUT);
}

/* Progress is signalled about once a second, for the neighbour's entry. */
WIRE_TEST(progress, is_signalled_now_and_then)
{
    unsigned int signals = 0;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 0; i < 100; i++) {
        wire_write(wire, 10);
        wire_ignore(wire);
        wire_wait(wire, 50 * MS);
        wire_ignore(wire);
        RECEIVE(.ack = 10 * (i + 1));
        signals += (host_take_signals(&wire->host) & TPA_TCP_SIGNAL_PROGRESS) != 0;
    }
    cr_assert_geq(signals, 4);
    cr_assert_leq(signals, 6);
}

/* Each ACK restarts the retransmission timer, and the wheel isn't asked to. */
WIRE_TEST(wheel, entry_stays_where_deadlines_move_later)
{
    uint64_t tick;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 14600);
    cr_assert_eq(wire_ignore(wire), 10);
    tick = wire->host.connection.timer.deadline_tick;
    for (int64_t i = 1; i <= 6; i++) {
        wire_wait(wire, 5 * MS);
        RECEIVE(.ack = 1460 * i);
        cr_assert_eq(wire->host.connection.timer.deadline_tick, tick);
    }
    wire_wait(wire, tpa_tcp_rto(&wire->host.worker, &wire->host.connection) - MS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.seq = 8760, .length = 1460, .retransmission = true);
}

/* Attack 47. Time that went by without a step makes no storm: each timer fires once, when what
 * arrived meanwhile has had its chance. */
WIRE_TEST(stall, fires_each_timer_once)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1460);
    EXPECT(.seq = 0, .length = 1460);
    wire->now += 60 * SECONDS;
    wire_send(wire);
    EXPECT_NOTHING();
    wire_wait(wire, TPA_TCP_STALL_GRACE + MS);
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    wire_send(wire);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}
