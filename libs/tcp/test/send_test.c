/* What is sent and when: RFC 9293 3.7.4 (Nagle), 3.8.6.2.1 (SWS), PSH, super-frames, copying. */
#include <tpa/base/error.h>

#include "wire.h"

/* Attack 33. Without Nagle each write goes at once (the default, as programs of the API expect). */
WIRE_TEST(nodelay, small_writes_go_at_once)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 0; i < 3; i++) {
        wire_write(wire, 10);
        EXPECT(.seq = 10 * i, .length = 10);
    }
}

WIRE_TEST(nagle, small_write_waits_for_what_is_outstanding)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_set_nodelay(&wire->host.worker, &wire->host.connection, false);
    wire_write(wire, 10);
    EXPECT(.seq = 0, .length = 10);
    wire_write(wire, 10);
    wire_write(wire, 20);
    EXPECT_NOTHING();
    RECEIVE(.ack = 10);
    EXPECT(.seq = 10, .length = 30);
}

WIRE_TEST(nagle, whole_segments_go)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_set_nodelay(&wire->host.worker, &wire->host.connection, false);
    wire_write(wire, 10);
    EXPECT(.seq = 0, .length = 10);
    wire_write(wire, 2000);
    EXPECT(.seq = 10, .length = 1460);
    EXPECT_NOTHING();
    RECEIVE(.ack = 1470);
    EXPECT(.seq = 1470, .length = 540);
}

/* MUST-17. */
WIRE_TEST(nagle, switched_off_sends_what_waits)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_set_nodelay(&wire->host.worker, &wire->host.connection, false);
    wire_write(wire, 10);
    EXPECT(.seq = 0, .length = 10);
    wire_write(wire, 10);
    tpa_tcp_set_nodelay(&wire->host.worker, &wire->host.connection, true);
    wire_send(wire);
    EXPECT(.seq = 10, .length = 10);
}

WIRE_TEST(nagle, does_not_hold_the_fin)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_set_nodelay(&wire->host.worker, &wire->host.connection, false);
    wire_write(wire, 10);
    EXPECT(.seq = 0, .length = 10);
    wire_write(wire, 10);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 10, .length = 10);
}

/* Attack 33. MUST-38: a window of less than a segment, and less than half of the largest, isn't
 * filled. */
WIRE_TEST(sws, waits_for_a_window_worth_while)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.window = 700, .length = 1);
    EXPECT(.ack = 1);
    wire_write(wire, 3000);
    EXPECT_NOTHING();
    RECEIVE(.seq = 1, .window = 1460);
    EXPECT(.seq = 0, .ack = 1, .length = 1460);
}

/* Attack 33. */
WIRE_TEST(sws, half_of_the_largest_window_is_enough)
{
    wire->peer_window = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.window = 500, .length = 1);
    EXPECT(.ack = 1);
    wire_write(wire, 3000);
    EXPECT(.seq = 0, .ack = 1, .length = 500);
}

WIRE_TEST(sws, is_overridden_after_a_while)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.window = 700, .length = 1);
    EXPECT(.ack = 1);
    wire_write(wire, 3000);
    wire_wait(wire, 99 * MS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.seq = 0, .ack = 1, .length = 700);
    RECEIVE(.seq = 1, .ack = 700, .window = 3000);
    EXPECT(.seq = 700, .ack = 1, .length = 1460);
    EXPECT(.seq = 2160, .ack = 1, .length = 840);
}

/* All that waits fits: it goes, however small the window. */
WIRE_TEST(sws, what_fits_whole_goes)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.window = 700, .length = 1);
    EXPECT(.ack = 1);
    wire_write(wire, 700);
    EXPECT(.seq = 0, .ack = 1, .length = 700);
}

static uint8_t flags_of_first(struct wire *wire)
{
    struct tpa_tcp_segment segment;

    cr_assert_gt(wire->sent_count, 0);
    cr_assert_eq(tpa_tcp_segment_parse(wire->sent[wire->sent_first], 0, &segment), 0);
    return segment.flags;
}

/* MUST-61, SHLD-27. */
WIRE_TEST(push, stands_on_the_last_segment_of_what_waits)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 2000);
    cr_assert_eq(flags_of_first(wire), TPA_TCP_ACK);
    EXPECT(.seq = 0, .length = 1460);
    cr_assert_eq(flags_of_first(wire), TPA_TCP_ACK | TPA_TCP_PSH);
    EXPECT(.seq = 1460, .length = 540);
}

WIRE_TEST(super_frame, holds_what_the_window_allows)
{
    wire->host.config.segmentation = true;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 40000);
    EXPECT(.seq = 0, .length = 14600, .super_frame = true);
    RECEIVE(.ack = 14600);
    EXPECT(.seq = 14600, .length = 17520, .super_frame = true);
    RECEIVE(.ack = 32120);
    EXPECT(.seq = 32120, .length = 7880, .super_frame = true);
}

/* One segment is none, one byte more is. */
WIRE_TEST(super_frame, is_none_at_one_segment)
{
    wire->host.config.segmentation = true;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1460);
    EXPECT(.seq = 0, .length = 1460);
    wire_write(wire, 1461);
    EXPECT(.seq = 1460, .length = 1461, .super_frame = true);
    wire_write(wire, 2919);
    EXPECT(.seq = 2921, .length = 2919, .super_frame = true);
}

WIRE_TEST(super_frame, is_bounded)
{
    wire->host.config.segmentation = true;
    wire->host.config.tso_length_max = 5000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 10000);
    EXPECT(.seq = 0, .length = 4380, .super_frame = true);
    EXPECT(.seq = 4380, .length = 4380, .super_frame = true);
    EXPECT(.seq = 8760, .length = 1240);
}

/* Attack 45. What is lost of a super-frame goes again, not all of it. */
WIRE_TEST(super_frame, is_repaired_in_segments)
{
    wire->host.config.segmentation = true;
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 14600);
    EXPECT(.seq = 0, .length = 14600, .super_frame = true);
    RECEIVE(.ack = 2920, .sack_count = 1, .sack = {{4380, 14600}});
    EXPECT(.seq = 2920, .length = 1460, .retransmission = true);
}

/* What waits joins the FIN in one segment. */
WIRE_TEST(fin, travels_with_the_last_data)
{
    wire->host.config.segmentation = true;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    wire_write(wire, 4000);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_go_on(wire);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 0, .length = 4000, .super_frame = true);
}

/* So that a worker comes back to receive before it has sent more than it can have answers to. */
WIRE_TEST(send, stops_at_the_segments_that_its_owner_allows)
{
    struct rte_mbuf *packets[32];
    uint32_t segments = 3;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    wire_write(wire, 7 * 1460);
    cr_assert_eq(tpa_tcp_output(&wire->host.worker, packets, 32, &segments, wire->now), 3);
    cr_assert_eq(segments, 0);
    tpa_mem_packet_free_burst(packets, 3);
    cr_assert_eq(tpa_tcp_output(&wire->host.worker, packets, 32, &segments, wire->now), 0);
    wire_go_on(wire);
    for (int i = 3; i < 7; i++)
        EXPECT(.seq = i * 1460, .length = 1460);
}

WIRE_TEST(send, counts_the_segments_of_a_super_frame)
{
    struct rte_mbuf *packets[32];
    uint32_t segments = 12;

    wire->host.config.segmentation = true;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    wire_write(wire, 9 * 1460 + 1);
    cr_assert_eq(tpa_tcp_output(&wire->host.worker, packets, 32, &segments, wire->now), 1);
    cr_assert_eq(segments, 2);
    tpa_mem_packet_free(packets[0]);
    wire_go_on(wire);
}

WIRE_TEST(zero_copy, completes_at_the_acknowledgement)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(host_write(&wire->host, 1400, false, wire->now), 1400);
    wire_send(wire);
    cr_assert_eq(wire->host.shared, 1);
    EXPECT(.seq = 0, .length = 1400);
    RECEIVE(.ack = 700);
    cr_assert_eq(wire->host.shared, 1);
    RECEIVE(.ack = 1400);
    wire_send(wire);
    cr_assert_eq(wire->host.shared, 0);
}

/* The port still reads it: the program has to wait. */
WIRE_TEST(zero_copy, completes_when_no_port_reads_it_any_more)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    host_write(&wire->host, 1400, false, wire->now);
    wire_send(wire);
    RECEIVE_ANYWAY(.ack = 1400);
    cr_assert_eq(wire->host.shared, 1);
    EXPECT(.seq = 0, .length = 1400);
    wire_send(wire);
    cr_assert_eq(wire->host.shared, 0);
}

WIRE_TEST(send, room_is_signalled_after_a_refusal)
{
    wire->host.config.send_buffer = 4000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 4000);
    wire_ignore(wire);
    cr_assert_eq(wire_write(wire, 1), TPA_EAGAIN);
    EXPECT_SIGNALS(0);
    RECEIVE(.ack = 500);
    EXPECT_SIGNALS(0);
    RECEIVE(.ack = 1460);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_WRITABLE);
    RECEIVE(.ack = 2920);
    EXPECT_SIGNALS(0);
    cr_assert_eq(tpa_tcp_send_room(&wire->host.worker, &wire->host.connection), 2920);
}

/* For want of memory the owner is told to try again in the next step. */
WIRE_TEST(send, refusal_for_memory_is_followed_by_a_signal)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire->host.worker.send.budget.limit = 1000;
    cr_assert_eq(wire_write(wire, 10), TPA_EAGAIN);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_WRITABLE);
    wire->host.worker.send.budget.limit = 16 << 20;
    cr_assert_eq(wire_write(wire, 10), 10);
    EXPECT(.seq = 0, .length = 10);
}

/* A connection that can't have a buffer goes on as soon as there is one. */
WIRE_TEST(send, goes_on_when_the_pool_has_buffers_again)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    wire_write(wire, 10);
    wire->host.pool->fault_countdown = 1;
    wire->host.pool->fault_sticky = true;
    wire_go_on(wire);
    EXPECT_NOTHING();
    wire->host.pool->fault_countdown = 0;
    wire->host.pool->fault_sticky = false;
    wire_send(wire);
    EXPECT(.seq = 0, .length = 10);
}

/* RFC 5681 section 4.1. */
WIRE_TEST(congestion_window, is_restarted_after_idle_time)
{
    int64_t sent = 0;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(wire_write(wire, 14600), 14600);
        cr_assert_eq(wire_ignore(wire), 10);
        for (int i = 0; i < 5; i++)
            RECEIVE(.ack = sent += 2920);
    }
    cr_assert_gt(wire->host.connection.window.cwnd, 14600);
    wire_wait(wire, 200 * MS);
    wire_write(wire, 60000);
    cr_assert_eq(wire_ignore(wire), 10);
}

/* Attack 30. RFC 3465: cwnd grows by bytes acknowledged, whatever the number of ACKs. */
WIRE_TEST(congestion_window, does_not_grow_by_ack_division)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 14600);
    wire_ignore(wire);
    for (int64_t i = 1; i <= 1460; i++)
        RECEIVE(.ack = i);
    cr_assert_leq(wire->host.connection.window.cwnd, 14600 + 1460);
}

WIRE_TEST(congestion_window, does_not_grow_while_it_is_not_used)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 1; i <= 50; i++) {
        wire_write(wire, 100);
        EXPECT(.seq = 100 * (i - 1), .length = 100);
        RECEIVE(.ack = 100 * i);
    }
    cr_assert_eq(wire->host.connection.window.cwnd, 14600);
}

WIRE_TEST(dscp, is_passed_down)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_set_dscp(&wire->host.connection, 46);
    wire_write(wire, 10);
    cr_assert_eq(
        tpa_mem_packet_layer(wire->sent[wire->sent_first], struct tpa_tcp_transmit)->traffic_class,
        46 << 2);
    cr_assert_eq(tpa_mem_packet_layer(wire->sent[wire->sent_first], struct tpa_tcp_transmit)->ttl,
                 64);
    EXPECT(.seq = 0, .length = 10);
}
