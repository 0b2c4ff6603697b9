/* Every order in which a connection can end: RFC 9293 3.6, 3.10.4, 3.10.5, and FIN in 3.10.7.4. */
#include <tpa/base/error.h>

#include "wire.h"

static void close_it(struct wire *wire)
{
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
}

static void abort_it(struct wire *wire)
{
    tpa_tcp_abort(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
}

static int shut_down(struct wire *wire)
{
    int error = tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);

    wire_send(wire);
    return error;
}

/* RFC 9293 figure 12. */
WIRE_TEST(close, first)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
    RECEIVE(.ack = 1);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
    RECEIVE(.flags = TPA_TCP_FIN, .ack = 1);
    EXPECT(.seq = 1, .ack = 1);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_TIME_WAIT);
    wire_wait(wire, 59 * SECONDS);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    wire_wait(wire, 2 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
}

WIRE_TEST(close, second)
{
    wire_enter(wire, TPA_TCP_CLOSE_WAIT);
    cr_assert_eq(wire_read(wire), 0, "the end of the stream");
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN, .ack = 1);
    EXPECT_STATE(TPA_TCP_LAST_ACK);
    RECEIVE(.seq = 1, .ack = 1);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_OK);
}

/* RFC 9293 figure 13. */
WIRE_TEST(close, both_at_once)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    RECEIVE(.flags = TPA_TCP_FIN);
    EXPECT(.seq = 1, .ack = 1);
    EXPECT_STATE(TPA_TCP_CLOSING);
    RECEIVE(.seq = 1, .ack = 1);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_TIME_WAIT);
}

WIRE_TEST(close, fin_that_acknowledges_ours)
{
    wire_enter(wire, TPA_TCP_FIN_WAIT_1);
    RECEIVE(.flags = TPA_TCP_FIN, .ack = 1);
    EXPECT(.seq = 1, .ack = 1);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_END);
}

WIRE_TEST(close, fin_behind_queued_data)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    wire_write(wire, 2000);
    close_it(wire);
    wire_go_on(wire);
    EXPECT(.seq = 0, .length = 1460);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 1460, .length = 540);
    RECEIVE(.ack = 2001);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}

WIRE_TEST(close, fin_waits_for_the_congestion_window)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 20000);
    cr_assert_eq(wire_ignore(wire), 10);
    close_it(wire);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
    RECEIVE(.ack = 14600);
    EXPECT(.seq = 14600, .length = 1460);
    EXPECT(.seq = 16060, .length = 1460);
    EXPECT(.seq = 17520, .length = 1460);
    EXPECT(.seq = 18980, .length = 1020, .flags = TPA_TCP_FIN);
}

WIRE_TEST(close, half_close_goes_on_receiving)
{
    wire_enter(wire, TPA_TCP_FIN_WAIT_2);
    RECEIVE(.ack = 1, .length = 100);
    EXPECT(.seq = 1, .ack = 100);
    cr_assert_eq(wire_read(wire), 100);
    cr_assert_eq(wire_write(wire, 1), TPA_EPIPE);
    cr_assert_eq(shut_down(wire), TPA_EPIPE);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100, .ack = 1);
    EXPECT(.seq = 1, .ack = 101);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    cr_assert_eq(wire_read(wire), 0);
}

/* A half-closed connection has no time limit as long as somebody holds it. */
WIRE_TEST(fin_wait_2, of_a_reader_lasts)
{
    wire_enter(wire, TPA_TCP_FIN_WAIT_2);
    wire_wait(wire, 600 * SECONDS);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}

/* Attack 38. */
WIRE_TEST(fin_wait_2, of_an_orphan_ends)
{
    wire_enter(wire, TPA_TCP_FIN_WAIT_2);
    close_it(wire);
    wire_wait(wire, 59 * SECONDS);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
    wire_wait(wire, 2 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
}

WIRE_TEST(fin_wait_2, of_a_closed_connection_ends)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    RECEIVE(.ack = 1);
    wire_wait(wire, 61 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* Attack 38. What a FIN says holds wherever it arrives. */
WIRE_TEST(fin, with_data_behind_a_hole)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100, .length = 50);
    EXPECT(.ack = 0);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 151);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
    cr_assert_eq(wire_read(wire), 150);
    cr_assert_eq(wire_read(wire), 0);
}

WIRE_TEST(fin, alone_behind_a_hole)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100);
    EXPECT(.ack = 0);
    RECEIVE(.length = 100);
    EXPECT(.ack = 101);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
}

/* Attack 38. */
WIRE_TEST(fin, repeated)
{
    wire_enter(wire, TPA_TCP_CLOSE_WAIT);
    RECEIVE(.flags = TPA_TCP_FIN);
    EXPECT(.ack = 1);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
}

WIRE_TEST(fin, repeated_in_time_wait_begins_it_anew)
{
    wire_enter(wire, TPA_TCP_TIME_WAIT);
    wire_wait(wire, 40 * SECONDS);
    RECEIVE(.flags = TPA_TCP_FIN, .ack = 1);
    EXPECT(.seq = 1, .ack = 1);
    wire_wait(wire, 40 * SECONDS);
    EXPECT_STATE(TPA_TCP_TIME_WAIT);
    wire_wait(wire, 21 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* Attack 38. */
WIRE_TEST(fin, data_beyond_it_is_dropped)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100);
    EXPECT(.ack = 0);
    RECEIVE(.seq = 100, .length = 10);
    EXPECT(.ack = 0);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_AFTER_FIN), 1);
    RECEIVE(.length = 100);
    EXPECT(.ack = 101);
    cr_assert_eq(wire_read(wire), 100);
}

/* Attack 38. */
WIRE_TEST(fin, with_a_closed_window)
{
    wire->host.config.receive_buffer = 100;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .length = 100);
    EXPECT(.ack = 101, .zero_window = true);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
}

/* Attack 38. */
WIRE_TEST(fin, is_sent_again_until_acknowledged)
{
    wire_enter(wire, TPA_TCP_FIN_WAIT_1);
    for (unsigned int i = 0; i < 7; i++) {
        wire_wait(wire, (100 * MS << i) + MS);
        EXPECT(.flags = TPA_TCP_FIN, .retransmission = true);
    }
    RECEIVE(.ack = 1);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}

/* Attack 38. RFC 1122 4.2.2.13 (SHLD-3). */
WIRE_TEST(close, with_unread_data_is_a_reset)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_READABLE);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_RST, .ack = 100);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
}

WIRE_TEST(close, data_that_comes_later_is_answered_by_a_reset)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    RECEIVE(.length = 10);
    EXPECT(.flags = TPA_TCP_RST, .seq = 1);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_AFTER_CLOSE), 1);
}

/* What the peer sends again was read, and is no new data. */
WIRE_TEST(close, repeated_old_data_is_no_reason_for_a_reset)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100);
    cr_assert_eq(wire_read(wire), 100);
    close_it(wire);
    EXPECT(.flags = TPA_TCP_FIN, .ack = 100);
    RECEIVE(.length = 100);
    EXPECT(.seq = 1, .ack = 100);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
}

WIRE_TEST(close, in_time_wait_hands_it_over)
{
    wire_enter(wire, TPA_TCP_TIME_WAIT);
    close_it(wire);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_TIME_WAIT);
}

WIRE_TEST(close, after_the_end_is_signalled)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    close_it(wire);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
    close_it(wire);
    EXPECT_SIGNALS(0);
}

/* RFC 9293 3.10.5. */
WIRE_TEST(abort, sends_a_reset)
{
    static const enum tpa_tcp_state states[] = {TPA_TCP_SYN_RECEIVED, TPA_TCP_ESTABLISHED,
                                                TPA_TCP_FIN_WAIT_1,   TPA_TCP_FIN_WAIT_2,
                                                TPA_TCP_CLOSE_WAIT,   TPA_TCP_LAST_ACK};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(states); i++) {
        int64_t fin = states[i] == TPA_TCP_FIN_WAIT_1 || states[i] == TPA_TCP_FIN_WAIT_2 ||
                      states[i] == TPA_TCP_LAST_ACK;
        int64_t peer_fin = states[i] == TPA_TCP_CLOSE_WAIT || states[i] == TPA_TCP_LAST_ACK;

        if (i > 0) {
            wire_finish(wire);
            wire_prepare(wire, wire->iss, wire->irs);
        }
        wire_enter(wire, states[i]);
        abort_it(wire);
        EXPECT(.flags = TPA_TCP_RST, .seq = fin, .ack = peer_fin);
        EXPECT_STATE(TPA_TCP_CLOSED);
        EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
    }
}

WIRE_TEST(abort, is_silent_where_nobody_knows_of_us)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    abort_it(wire);
    EXPECT_NOTHING();
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
}

WIRE_TEST(abort, gives_queued_data_up)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 20000);
    cr_assert_eq(wire_ignore(wire), 10);
    abort_it(wire);
    EXPECT(.flags = TPA_TCP_RST, .seq = 14600);
    cr_assert_eq(wire->host.copied, 0, "the completion came");
}

WIRE_TEST(finish, in_any_state_gives_everything_back)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 20000);
    wire_ignore(wire);
    RECEIVE(.length = 100);
    wire_ignore(wire);
    RECEIVE(.seq = 500, .length = 100);
    wire_ignore(wire);
    tpa_tcp_finish(&wire->host.worker, &wire->host.connection);
    tpa_tcp_finish(&wire->host.worker, &wire->host.connection);
}
