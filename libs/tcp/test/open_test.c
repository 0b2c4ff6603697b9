/* The handshake: RFC 9293 3.10.1, 3.10.7.2, 3.10.7.3, and what SYN-RECEIVED adds in 3.10.7.4. */
#include <tpa/base/error.h>

#include "wire.h"

static int error_of(const struct wire *wire)
{
    return tpa_tcp_connection_error(&wire->host.connection);
}

WIRE_TEST(syn_sent, acknowledged_by_syn_ack)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED);
}

WIRE_TEST(syn_sent, takes_data_of_the_syn_ack)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    cr_assert_eq(wire_read(wire), 10);
}

WIRE_TEST(syn_sent, answers_a_wrong_ack_with_a_reset)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1, .ack = 1);
    EXPECT(.flags = TPA_TCP_RST, .no_ack = true, .seq = 1);
    RECEIVE(.seq = 7, .ack = -1);
    EXPECT(.flags = TPA_TCP_RST, .no_ack = true, .seq = -1);
    EXPECT_STATE(TPA_TCP_SYN_SENT);
}

WIRE_TEST(syn_sent, is_refused_by_reset_with_ack)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_RST, .seq = -1);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(error_of(wire), TPA_EREFUSED);
    cr_assert_eq(wire->host.worker.counters.connections_failed, 1);
}

WIRE_TEST(syn_sent, ignores_resets_that_prove_nothing)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = -1);
    RECEIVE(.flags = TPA_TCP_RST, .seq = -1, .ack = 5);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_SYN_SENT);
}

WIRE_TEST(syn_sent, ignores_ack_without_syn)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE();
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_SYN_SENT);
}

/* Attack 36. MUST-10, RFC 9293 figure 8. */
WIRE_TEST(simultaneous_open, both_syns_cross)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .retransmission = true);
    EXPECT_STATE(TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
}

/* Attack 36. */
WIRE_TEST(simultaneous_open, is_refused)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .retransmission = true);
    RECEIVE(.flags = TPA_TCP_RST);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(error_of(wire), TPA_EREFUSED);
}

WIRE_TEST(syn_received, established_by_ack)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE();
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED);
}

WIRE_TEST(syn_received, established_by_data)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED | TPA_TCP_SIGNAL_READABLE);
    cr_assert_eq(wire_read(wire), 100);
}

WIRE_TEST(syn_received, established_and_ended_by_fin)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_FIN, .length = 100);
    EXPECT(.ack = 101);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED | TPA_TCP_SIGNAL_READABLE | TPA_TCP_SIGNAL_END);
}

WIRE_TEST(syn_received, answers_a_wrong_ack_with_a_reset)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.ack = 1);
    EXPECT(.flags = TPA_TCP_RST, .no_ack = true, .seq = 1);
    EXPECT_STATE(TPA_TCP_SYN_RECEIVED);
    RECEIVE(.ack = -1);
    EXPECT(.flags = TPA_TCP_RST, .no_ack = true, .seq = -1);
    EXPECT_STATE(TPA_TCP_SYN_RECEIVED);
}

WIRE_TEST(syn_received, repeats_its_answer_to_a_repeated_syn)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .retransmission = true);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .length = 20);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .retransmission = true);
    RECEIVE();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* An ACK that goes before the handshake is done offers the scaled window, of 2 MB. */
WIRE_TEST(syn_received, repeats_its_window_although_more_was_offered)
{
    wire->options = WIRE_WINDOW_SCALE;
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.seq = -100);
    EXPECT(.window = 0x8000);
    wire_wait(wire, SECONDS + 2 * MS);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .window = UINT16_MAX, .retransmission = true);
}

WIRE_TEST(syn_received, returns_to_listen_on_reset_and_new_syn)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_RST);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(error_of(wire), TPA_ERESET);
}

WIRE_TEST(syn_received, gives_up_for_another_syn)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = 50);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_CLOSED);
}

WIRE_TEST(syn_received, closed_by_its_owner)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT_NOTHING();
    RECEIVE();
    EXPECT(.flags = TPA_TCP_FIN);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_1);
    EXPECT_SIGNALS(0);
}

/* 7 retransmissions with back-off take more than three minutes (MUST-22, MUST-23). */
WIRE_TEST(syn_sent, gives_up_after_r2)
{
    static const unsigned int after[] = {1, 2, 4, 8, 16, 32, 60};
    uint64_t began;

    wire_enter(wire, TPA_TCP_SYN_SENT);
    began = wire->now;
    for (unsigned int i = 0; i < TPA_BASE_ARRAY_SIZE(after); i++) {
        wire_wait(wire, after[i] * SECONDS - MS);
        EXPECT_NOTHING();
        wire_wait(wire, 2 * MS);
        EXPECT(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .retransmission = true);
        wire->now -= MS;
    }
    wire_wait(wire, 61 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(error_of(wire), TPA_ETIMEDOUT);
    cr_assert_geq(wire->now - began, 180 * SECONDS);
    cr_assert(host_take_signals(&wire->host) & TPA_TCP_SIGNAL_SUSPECT);
}

WIRE_TEST(syn_received, gives_up_after_r2)
{
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    wire_wait(wire, 182 * SECONDS);
    cr_assert_eq(wire_ignore(wire), 7);
    EXPECT_STATE(TPA_TCP_SYN_RECEIVED);
    wire_wait(wire, 2 * SECONDS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(error_of(wire), TPA_ETIMEDOUT);
}

/* RFC 5681 section 3.1, RFC 6928 section 2. */
WIRE_TEST(initial_window, is_ten_segments)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 20000);
    for (int i = 0; i < 10; i++)
        EXPECT(.seq = 1460 * i, .length = 1460);
    EXPECT_NOTHING();
}

WIRE_TEST(initial_window, is_one_segment_after_a_lost_syn)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    wire_wait(wire, 1001 * MS);
    EXPECT(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .retransmission = true);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    wire_write(wire, 20000);
    EXPECT(.seq = 0, .length = 1460);
    EXPECT_NOTHING();
}

WIRE_TEST(mss, default_where_none_is_announced)
{
    wire->peer_mss = 0;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1000);
    EXPECT(.seq = 0, .length = 536);
    EXPECT(.seq = 536, .length = 464);
}

/* Attack 11. The peer can't make us send segments of nothing. */
WIRE_TEST(mss, too_small_is_raised)
{
    wire->peer_mss = 1;
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 216);
    EXPECT(.seq = 0, .length = 204);
    EXPECT(.seq = 204, .length = 12);
}

WIRE_TEST(mss, announced_from_the_mtu)
{
    wire->active = true;
    wire->host.config.user_mss = 0;
    wire_enter(wire, TPA_TCP_CLOSED);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .mss = 1460);
}

WIRE_TEST(mss, announced_as_configured)
{
    wire->host.config.user_mss = 1000;
    wire_enter(wire, TPA_TCP_CLOSED);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_SYN, .no_ack = true, .seq = -1, .mss = 1000);
}

WIRE_TEST(window_scale, is_applied_after_the_handshake_only)
{
    wire->options = WIRE_WINDOW_SCALE;
    wire->peer_window = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire->host.connection.snd_wnd, 1000 << WIRE_PEER_SCALE);
    wire->host.connection.quick_acks = 1;
    RECEIVE(.length = 10);
    EXPECT(.ack = 10, .window = ((2 << 20) - 10) >> 6);
}

/* Attack 35. */
WIRE_TEST(window_scale, is_not_used_when_the_peer_does_not)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 10, .window = 500);
    EXPECT(.ack = 10, .window = 65525);
    cr_assert_eq(wire->host.connection.snd_wnd, 500);
}

/* Attack 35. A shift beyond 14 counts as 14 (RFC 7323 section 2.3). */
WIRE_TEST(window_scale, is_clamped)
{
    wire->options = WIRE_WINDOW_SCALE;
    wire->peer_scale = 255;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire->host.connection.snd_wnd, WIRE_PEER_WINDOW << 14);
}

Test(accept, refuses_what_is_not_a_bare_syn)
{
    static const uint8_t flags[] = {TPA_TCP_SYN | TPA_TCP_ACK, TPA_TCP_ACK, TPA_TCP_RST, 0,
                                    TPA_TCP_SYN | TPA_TCP_FIN};
    static struct wire wire;

    wire_prepare(&wire, 1, 2);
    wire_enter(&wire, TPA_TCP_CLOSED);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(flags); i++) {
        struct tpa_tcp_segment segment = {.flags = flags[i]};

        cr_expect_eq(tpa_tcp_accept(&wire.host.worker, &wire.host.connection, &wire.host.tuple,
                                    HOST_MTU, &segment, wire.now),
                     TPA_EINVAL);
    }
    wire_finish(&wire);
}

Test(connect, refuses_an_mtu_without_room)
{
    static struct wire wire;

    wire_prepare(&wire, 1, 2);
    wire_enter(&wire, TPA_TCP_CLOSED);
    cr_expect_eq(
        tpa_tcp_connect(&wire.host.worker, &wire.host.connection, &wire.host.tuple, 200, wire.now),
        TPA_EINVAL);
    wire_finish(&wire);
}

WIRE_TEST(send, is_refused_before_the_handshake_is_done)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    cr_assert_eq(wire_write(wire, 10), TPA_ENOTCONN);
    cr_assert_eq(wire_read(wire), TPA_ENOTCONN);
    cr_assert_eq(tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now),
                 TPA_ENOTCONN);
}

WIRE_TEST(close, of_an_unanswered_open_is_silent)
{
    wire_enter(wire, TPA_TCP_SYN_SENT);
    tpa_tcp_close(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_CLOSED);
}
