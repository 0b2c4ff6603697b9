/* What ICMP tells about a connection: RFC 1191, RFC 5927, RFC 9293 3.9.2.2 (MUST-54 to MUST-56). */
#include <tpa/base/error.h>

#include "wire.h"

static bool too_big(struct wire *wire, int64_t sequence, uint16_t mtu)
{
    bool believed = tpa_tcp_path_mtu_changed(&wire->host.worker, &wire->host.connection,
                                             wire_seq(wire, sequence), mtu, wire->now);

    wire_send(wire);
    return believed;
}

static void unreachable(struct wire *wire, int64_t sequence, bool hard)
{
    tpa_tcp_unreachable(&wire->host.worker, &wire->host.connection, wire_seq(wire, sequence), hard,
                        wire->now);
    wire_send(wire);
}

WIRE_TEST(path_mtu, smaller_cuts_anew_what_is_outstanding)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 2920);
    EXPECT(.seq = 0, .length = 1460);
    EXPECT(.seq = 1460, .length = 1460);
    cr_assert(too_big(wire, 1460, 1040));
    EXPECT(.seq = 0, .length = 1000, .retransmission = true);
    EXPECT(.seq = 1000, .length = 1000, .retransmission = true);
    EXPECT(.seq = 2000, .length = 920, .retransmission = true);
    cr_assert_geq(wire->host.connection.window.cwnd, 14600, "no sign of congestion");
    RECEIVE(.ack = 2920);
    wire_write(wire, 1100);
    EXPECT(.seq = 2920, .length = 1000);
    EXPECT(.seq = 3920, .length = 100);
}

/* Attack 41. */
WIRE_TEST(path_mtu, is_not_believed_about_what_is_not_outstanding)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1000);
    EXPECT(.seq = 0, .length = 1000);
    cr_assert_not(too_big(wire, 1000, 576));
    cr_assert_not(too_big(wire, -1, 576));
    RECEIVE(.ack = 1000);
    cr_assert_not(too_big(wire, 0, 576));
    cr_assert_eq(wire->host.connection.mtu, HOST_MTU);
}

/* Attack 41. */
WIRE_TEST(path_mtu, does_not_grow_and_has_a_floor)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 500);
    EXPECT(.seq = 0, .length = 500);
    cr_assert_not(too_big(wire, 0, 1500));
    cr_assert_not(too_big(wire, 0, 9000));
    cr_assert(too_big(wire, 0, 0));
    cr_assert_eq(wire->host.connection.mtu, 20 + 20 + 12 + 216);
    wire_ignore(wire);
    cr_assert_not(too_big(wire, 0, 68));
    EXPECT_NOTHING();
}

/* A new MSS while loss is being repaired: the invariants hold, the data arrives. */
WIRE_TEST(path_mtu, changes_during_recovery)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 14600);
    wire_ignore(wire);
    RECEIVE(.sack_count = 1, .sack = {{2920, 8760}});
    cr_assert_gt(wire_ignore(wire), 0);
    cr_assert(too_big(wire, 8760, 576));
    wire_ignore(wire);
    for (int i = 0; i < 40; i++) {
        wire_wait(wire, 300 * MS);
        wire_ignore(wire);
    }
    wire_ignore(wire);
    cr_assert_eq(wire->host.connection.window.mss, 536);
}

/* Attack 42. */
WIRE_TEST(unreachable, hard_error_ends_an_open)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    unreachable(wire, -1, true);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_EREFUSED);
}

/* Attack 42. */
WIRE_TEST(unreachable, soft_error_is_the_reason_should_it_time_out)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    unreachable(wire, -1, false);
    EXPECT_STATE(TPA_TCP_SYN_SENT);
    wire_wait(wire, 200 * SECONDS);
    wire_ignore(wire);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_EUNREACHABLE);
}

WIRE_TEST(unreachable, is_not_believed_about_what_was_not_sent)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    unreachable(wire, 5, true);
    unreachable(wire, -2, true);
    EXPECT_STATE(TPA_TCP_SYN_SENT);
}

/* Attack 42. RFC 5927 section 5.2: a synchronized connection survives even hard errors. */
WIRE_TEST(unreachable, does_not_end_an_established_connection)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 100);
    EXPECT(.seq = 0, .length = 100);
    unreachable(wire, 0, true);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.ack = 100);
    EXPECT_SIGNALS(0);
}
