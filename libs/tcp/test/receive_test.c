/* What is received, and how it is acknowledged: RFC 9293 3.8.6.2.2, 3.8.6.3, RFC 5681 4.2, RFC 2018
 * and RFC 2883. */
#include <tpa/base/error.h>

#include "machine.h"
#include "wire.h"

WIRE_TEST(quick_ack, of_the_first_segments)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 0; i < 16; i++) {
        RECEIVE(.seq = i * 10, .length = 10);
        EXPECT(.ack = (i + 1) * 10);
    }
    RECEIVE(.seq = 160, .length = 10);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 170);
}

/* Attack 49. SHLD-18, MUST-40. */
WIRE_TEST(delayed_ack, waits_for_its_timer)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_no_quick_acks(wire);
    RECEIVE(.length = 100);
    wire_wait(wire, MS - 50000);
    EXPECT_NOTHING();
    wire_wait(wire, 100000);
    EXPECT(.ack = 100);
    cr_assert_eq(wire->host.worker.counters.acks_delayed, 1);
    wire_wait(wire, SECONDS);
    EXPECT_NOTHING();
}

/* SHLD-19. */
WIRE_TEST(delayed_ack, not_of_the_second_full_segment)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_no_quick_acks(wire);
    RECEIVE(.length = 1460);
    EXPECT_NOTHING();
    RECEIVE(.seq = 1460, .length = 1460);
    EXPECT(.ack = 2920);
    RECEIVE(.seq = 2920, .length = 1460);
    EXPECT_NOTHING();
    RECEIVE(.seq = 4380, .length = 1460);
    EXPECT(.ack = 5840);
}

WIRE_TEST(delayed_ack, travels_with_data)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_no_quick_acks(wire);
    RECEIVE(.length = 100);
    wire_write(wire, 50);
    EXPECT(.seq = 0, .ack = 100, .length = 50);
    wire_wait(wire, 50 * MS);
    EXPECT_NOTHING();
}

/* MUST-58, MUST-59. */
WIRE_TEST(ack, one_for_a_burst)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    for (int64_t i = 0; i < 8; i++)
        RECEIVE(.seq = i * 1000, .length = 1000);
    wire_go_on(wire);
    EXPECT(.ack = 8000);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_READABLE);
}

WIRE_TEST(out_of_order, is_acknowledged_at_once_and_kept)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_no_quick_acks(wire);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 0);
    RECEIVE(.seq = 2000, .length = 1000);
    EXPECT(.ack = 0);
    EXPECT_SIGNALS(0);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 3000);
    cr_assert_eq(wire_read(wire), 3000);
    cr_assert_eq(wire->host.worker.counters.out_of_order_segments, 2);
    cr_assert_eq(wire->host.worker.counters.bytes_in, 3000);
}

/* A peer without SACK counts the duplicates: each segment of a burst gets its own. */
WIRE_TEST(out_of_order, each_segment_of_a_burst_counts)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    for (int64_t i = 1; i <= 4; i++)
        RECEIVE(.seq = i * 1000, .length = 1000);
    wire_go_on(wire);
    for (int i = 0; i < 4; i++)
        EXPECT(.ack = 0);
}

WIRE_TEST(sack, reports_the_newest_range_first)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 0, .sack_count = 1, .sack = {{1000, 2000}});
    RECEIVE(.seq = 4000, .length = 1000);
    EXPECT(.ack = 0, .sack_count = 2, .sack = {{4000, 5000}, {1000, 2000}});
    RECEIVE(.seq = 2000, .length = 1000);
    EXPECT(.ack = 0, .sack_count = 2, .sack = {{1000, 3000}, {4000, 5000}});
    RECEIVE(.length = 1000);
    EXPECT(.ack = 3000, .sack_count = 1, .sack = {{4000, 5000}});
    RECEIVE(.seq = 3000, .length = 1000);
    EXPECT(.ack = 5000);
}

WIRE_TEST(sack, one_ack_tells_of_a_burst)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    for (int64_t i = 1; i <= 4; i++)
        RECEIVE(.seq = i * 1000, .length = 1000);
    wire_go_on(wire);
    EXPECT(.ack = 0, .sack_count = 1, .sack = {{1000, 5000}});
}

/* Text has no room for blocks: they go ahead of it. */
WIRE_TEST(sack, does_not_travel_with_data)
{
    wire->options = WIRE_SACK | WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    RECEIVE(.seq = 1000, .length = 1000);
    wire_write(wire, 100);
    wire_go_on(wire);
    EXPECT(.ack = 0, .sack_count = 1, .sack = {{1000, 2000}});
    EXPECT(.seq = 0, .length = 100);
}

/* RFC 2883. */
WIRE_TEST(sack, reports_a_duplicate_once)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000);
    RECEIVE(.seq = 500, .length = 500);
    EXPECT(.ack = 1000, .sack_count = 1, .sack = {{500, 1000}});
    cr_assert_eq(wire->host.worker.counters.dsacks_out, 1);
    RECEIVE(.seq = 1000, .length = 10);
    EXPECT(.ack = 1010);
}

/* RFC 2883 section 4.1: of what is out of order; the block that holds it comes second. */
WIRE_TEST(sack, reports_a_duplicate_out_of_order)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.sack_count = 1, .sack = {{1000, 2000}});
    RECEIVE(.seq = 3000, .length = 1000);
    EXPECT(.sack_count = 2, .sack = {{3000, 4000}, {1000, 2000}});
    RECEIVE(.seq = 1200, .length = 300);
    EXPECT(.sack_count = 3, .sack = {{1200, 1500}, {1000, 2000}, {3000, 4000}});
    RECEIVE(.length = 1000);
    EXPECT(.ack = 2000, .sack_count = 1, .sack = {{3000, 4000}});
}

/* RFC 2883 section 4.2: only that part which was received already. */
WIRE_TEST(sack, reports_the_duplicate_part)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000);
    RECEIVE(.seq = 500, .length = 1000);
    EXPECT(.ack = 1500, .sack_count = 1, .sack = {{500, 1000}});
    RECEIVE(.seq = 3000, .length = 1000);
    EXPECT(.ack = 1500, .sack_count = 1, .sack = {{3000, 4000}});
    RECEIVE(.seq = 2500, .length = 1000);
    EXPECT(.ack = 1500, .sack_count = 2, .sack = {{3000, 3500}, {2500, 4000}});
}

WIRE_TEST(sack, is_not_sent_when_not_agreed)
{
    wire->host.config.sack = true;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 0);
}

/* SHLD-14: what was offered stays offered, although the memory is gone meanwhile. */
WIRE_TEST(window, right_edge_never_moves_back)
{
    wire->host.config.receive_buffer = 10000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000, .window = 9000);
    wire->host.worker.receive_budget.limit = wire->host.worker.receive_budget.used;
    RECEIVE(.seq = 5000);
    EXPECT_NOTHING();
    wire->host.worker.receive_budget.limit = 32 << 20;
    RECEIVE(.seq = 1000, .length = 100);
    EXPECT(.ack = 1100, .window = 8900);
}

/* Attack 33. MUST-39, RFC 1122 4.2.3.3. */
WIRE_TEST(window, opens_in_whole_segments)
{
    wire->host.config.receive_buffer = 5840;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    for (int64_t i = 0; i < 4; i++)
        RECEIVE(.seq = i * 1460, .length = 1460);
    wire_go_on(wire);
    EXPECT(.ack = 5840, .zero_window = true);

    cr_assert_eq(host_read(&wire->host, 1, wire->now), 1460);
    wire_send(wire);
    EXPECT_NOTHING();
    cr_assert_eq(host_read(&wire->host, 1, wire->now), 1460);
    wire_send(wire);
    EXPECT(.ack = 5840, .window = 2920);
}

WIRE_TEST(window, probe_is_answered)
{
    wire->host.config.receive_buffer = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000, .zero_window = true);
    RECEIVE(.seq = 1000, .length = 1);
    EXPECT(.ack = 1000, .zero_window = true);
    cr_assert_eq(wire->host.worker.counters.window_probes_in, 1);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_ZERO_WINDOW), 1);
    cr_assert_eq(wire_read(wire), 1000);
    EXPECT(.ack = 1000, .window = 1000);
}

/* A closed window doesn't keep ACKs out (RFC 9293 3.10.7.4). */
WIRE_TEST(window, closed_one_lets_acknowledgements_in)
{
    wire->host.config.receive_buffer = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000, .zero_window = true);
    wire_write(wire, 10);
    EXPECT(.seq = 0, .ack = 1000, .length = 10, .zero_window = true);
    RECEIVE(.seq = 1000, .ack = 10, .length = 500);
    EXPECT(.seq = 10, .ack = 1000, .zero_window = true);
    cr_assert_eq(wire->host.copied, 0);
}

/* Attack 13. Accounted at what it pins, and the peer is told. */
WIRE_TEST(memory, budget_used_up_drops_and_recovers)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire->host.worker.receive_budget.limit = 3000;
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000, .window = 64535);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 1000);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_MEMORY), 1);
    cr_assert_eq(wire_read(wire), 1000);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 2000);
}

/* The scarcer memory gets, the less of it one connection may hold. */
WIRE_TEST(memory, a_window_is_at_most_half_of_what_is_free)
{
    wire->host.config.receive_buffer = 60000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire->host.worker.receive_budget.limit = 20000;
    cr_assert_eq(tpa_tcp_receive_room(&wire->host.worker, &wire->host.connection), 10000);
    wire->host.worker.receive_budget.used += 16000; /* somebody else's */
    cr_assert_eq(tpa_tcp_receive_room(&wire->host.worker, &wire->host.connection), 2000);
    wire->host.worker.receive_budget.used -= 16000;
}

WIRE_TEST(memory, entries_are_bounded)
{
    wire->host.config.receive_queue_entries = 4;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    for (int64_t i = 0; i < 5; i++)
        RECEIVE(.seq = i * 1000, .length = 1000);
    wire_go_on(wire);
    /* 4 packets of an MSS were on offer, and stay so. */
    EXPECT(.ack = 4000, .window = 4 * 1460 - 4000);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_RCV_QUEUE_FULL), 1);
    cr_assert_eq(wire_read(wire), 4000);
    EXPECT(.ack = 4000, .window = 4 * 1460);
}

/* Small segments share buffers: a peer that sends bytes doesn't pin buffers. */
WIRE_TEST(memory, small_segments_are_merged)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 0; i < 100; i++) {
        RECEIVE(.seq = i, .length = 1);
        wire_ignore(wire);
        wire_wait(wire, 2 * MS);
        wire_ignore(wire);
    }
    cr_assert_leq(wire->host.worker.receive_budget.used, 3000);
    cr_assert_eq(wire_read(wire), 100);
}

/* Data in order is worth more than data that may never become so. */
WIRE_TEST(memory, data_out_of_order_makes_room)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire->host.worker.receive_budget.limit = 3000;
    RECEIVE(.seq = 5000, .length = 1000);
    EXPECT(.ack = 0, .sack_count = 1, .sack = {{5000, 6000}});
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000);
    cr_assert_eq(wire_read(wire), 1000);
}

WIRE_TEST(receive, undo_puts_back_what_was_taken)
{
    struct rte_mbuf *segments[2];

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000);
    RECEIVE(.seq = 1000, .length = 1000);
    EXPECT(.ack = 2000);
    cr_assert_eq(
        tpa_tcp_receive(&wire->host.worker, &wire->host.connection, segments, 2, wire->now), 2);
    tpa_tcp_receive_undo(&wire->host.worker, &wire->host.connection, segments, 2);
    cr_assert_eq(tpa_tcp_receive_pending(&wire->host.connection), 2000);
    cr_assert_eq(wire_read(wire), 2000);
    cr_assert_eq(wire_read(wire), TPA_EAGAIN);
}

/* The reader may hold segments longer than the connection lives. */
WIRE_TEST(receive, released_after_the_end)
{
    struct rte_mbuf *segment;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1000);
    EXPECT(.ack = 1000);
    cr_assert_eq(
        tpa_tcp_receive(&wire->host.worker, &wire->host.connection, &segment, 1, wire->now), 1);
    tpa_tcp_finish(&wire->host.worker, &wire->host.connection);
    cr_assert_eq(tpa_tcp_worker_fini(&wire->host.worker), TPA_EBUSY);
    tpa_tcp_release(&wire->host.worker, segment);
}
