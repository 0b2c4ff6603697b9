/* Loss found by the time of sending: RFC 8985 section 6. */
#include "rack.h"

#include "round_trip.h"

/* A quarter of the round trip: RACK.reo_wnd at first. */
#define REORDERING_WINDOW (ROUND_TRIP / 4)

static void enter(struct wire *wire)
{
    wire->options |= WIRE_SACK;
    enter_with_round_trip(wire);
}

/* Section 6.2, step 5: what was sent before something that arrived has the reordering window to
 * arrive in, and is lost when the timer fires. */
WIRE_TEST(rack, waits_for_the_reordering_window)
{
    enter(wire);
    send_segments(wire, 0, 4);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 2);
    wire_wait(wire, REORDERING_WINDOW - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT_AGAIN(0);
    cr_assert_eq(counters_of(wire)->rack_losses, 1);
    cr_assert_eq(counters_of(wire)->fast_retransmits, 1);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 0);
    RECEIVE(.ack = 4 * SEGMENT);
}

WIRE_TEST(rack, late_segment_ends_the_wait)
{
    enter(wire);
    send_segments(wire, 0, 4);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 2);
    wire_wait(wire, REORDERING_WINDOW / 2);
    RECEIVE(.ack = 4 * SEGMENT);
    wire_wait(wire, SECONDS);
    EXPECT_NOTHING();
    cr_assert_eq(counters_of(wire)->fast_retransmits, 0);
}

/* Section 6.2, step 4: without reordering on this path, DupThresh segments are enough. */
WIRE_TEST(rack, three_sacked_segments_are_not_waited_for)
{
    enter(wire);
    send_segments(wire, 0, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 2);
    RECEIVE_SACK(0, 1, 3);
    EXPECT_NOTHING();
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
}

/* Three of any size: by their count, not by bytes. */
WIRE_TEST(rack, three_small_segments_are_enough)
{
    enter(wire);
    for (int64_t i = 0; i < 5; i++) {
        wire_write(wire, 100);
        EXPECT(.seq = 100 * i, .length = 100);
    }
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.sack_count = 1, .sack = {{100, 200}});
    RECEIVE(.sack_count = 1, .sack = {{100, 300}});
    EXPECT_NOTHING();
    RECEIVE(.sack_count = 1, .sack = {{100, 400}});
    EXPECT(.seq = 0, .length = 100, .retransmission = true);
}

/* Section 6.2, step 3: something sent once that arrives below what had arrived was reordered; from
 * then on the window is kept. */
WIRE_TEST(rack, reordering_makes_it_wait)
{
    enter(wire);
    send_segments(wire, 0, 4);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 2);
    RECEIVE(.ack = 2 * SEGMENT);
    cr_assert(connection_of(wire)->loss_flags & TPA_TCP_LOSS_REORDERING_SEEN);
    RECEIVE(.ack = 4 * SEGMENT);
    send_segments(wire, 4, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(4, 5, 9);
    EXPECT_NOTHING();
    wire_wait(wire, REORDERING_WINDOW + TICK);
    EXPECT_AGAIN(4);
}

/* The blocks of one segment are in no order: an ACK that was lost isn't reordering. */
WIRE_TEST(rack, two_new_blocks_at_once_are_no_reordering)
{
    enter(wire);
    send_segments(wire, 0, 8);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.sack_count = 2, .sack = {{5 * SEGMENT, 6 * SEGMENT}, {SEGMENT, 2 * SEGMENT}});
    cr_assert_eq(connection_of(wire)->loss_flags & TPA_TCP_LOSS_REORDERING_SEEN, 0);
    RECEIVE(.ack = 8 * SEGMENT);
}

/* A round in which the peer reports a duplicate: segment `index` was received already. */
static void report_duplicate(struct wire *wire, int64_t index)
{
    RECEIVE(.ack = SEGMENT * (index + 1), .sack_count = 1,
            .sack = {{SEGMENT * index, SEGMENT * (index + 1)}});
}

/* Section 6.2, step 4: a D-SACK widens the window by a quarter of the round trip, once a round. */
WIRE_TEST(rack, duplicates_widen_the_window)
{
    enter(wire);
    connection_of(wire)->loss_flags |= TPA_TCP_LOSS_REORDERING_SEEN;
    send_segments(wire, 0, 8);
    wire_wait(wire, ROUND_TRIP);
    report_duplicate(wire, 0);
    report_duplicate(wire, 0);
    report_duplicate(wire, 1);
    cr_assert_eq(connection_of(wire)->reordering_steps, 1);
    cr_assert_eq(connection_of(wire)->reordering_persist, TPA_TCP_REORDERING_PERSIST);
    RECEIVE_SACK(2, 3, 8);
    wire_wait(wire, 2 * REORDERING_WINDOW - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT_AGAIN(2);
}

/* min(..., SRTT) */
WIRE_TEST(rack, window_is_no_wider_than_the_round_trip)
{
    enter(wire);
    connection_of(wire)->loss_flags |= TPA_TCP_LOSS_REORDERING_SEEN;
    connection_of(wire)->reordering_steps = 200;
    send_segments(wire, 0, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 5);
    wire_wait(wire, ROUND_TRIP - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT_AGAIN(0);
}

/* RACK.reo_wnd_persist: sixteen recoveries without a duplicate. */
Test(rack, widened_window_is_forgotten)
{
    struct tpa_tcp_connection connection = {.reordering_steps = 7,
                                            .reordering_persist = TPA_TCP_REORDERING_PERSIST};

    for (int i = 0; i < 15; i++)
        tpa_tcp_rack_recovered(&connection);
    cr_assert_eq(connection.reordering_steps, 7);
    tpa_tcp_rack_recovered(&connection);
    cr_assert_eq(connection.reordering_steps, 0);
    tpa_tcp_rack_recovered(&connection);
    cr_assert_eq(connection.reordering_persist, 0);
}

/* Section 3.1: what was sent behind a retransmission, and arrives, tells that it was lost, too. */
WIRE_TEST(rack, lost_retransmission_is_found)
{
    enter(wire);
    send_segments(wire, 0, 10);
    wire_write(wire, 4 * SEGMENT);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 10);
    EXPECT_AGAIN(0);
    for (int64_t i = 10; i < 14; i++)
        EXPECT_SEGMENT(i);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 11);
    EXPECT_AGAIN(0);
    cr_assert_eq(counters_of(wire)->lost_retransmissions, 1);
    cr_assert_eq(counters_of(wire)->fast_retransmits, 1, "it is all one recovery");
    RECEIVE(.ack = 14 * SEGMENT);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 0);
}

/* Section 6.2, step 2: an answer that comes sooner than any has, is to the original. */
WIRE_TEST(rack, early_answer_is_not_to_the_retransmission)
{
    enter(wire);
    send_segments(wire, 0, 6);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    wire_wait(wire, ROUND_TRIP / 4);
    /* Were it to the retransmission, segments 4 and 5 would be overtaken. */
    RECEIVE(.ack = 4 * SEGMENT);
    wire_wait(wire, ROUND_TRIP / 4);
    EXPECT_NOTHING();
    cr_assert_eq(counters_of(wire)->retransmitted_segments, 1);
    RECEIVE(.ack = 6 * SEGMENT);
}

/* The same by a timestamp's echo, however late it is. */
WIRE_TEST(rack, echo_of_the_original_is_not_of_the_retransmission)
{
    uint32_t echo;

    wire->options = WIRE_TIMESTAMPS;
    enter(wire);
    send_segments(wire, 0, 6);
    echo = wire->timestamp;
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    wire_wait(wire, ROUND_TRIP + MS);
    wire->timestamp = echo;
    RECEIVE(.ack = 4 * SEGMENT);
    EXPECT_NOTHING();
    RECEIVE(.ack = 6 * SEGMENT);
}

/* Section 6.3: the time-out retransmits the first segment and what is old enough; what SACK has
 * told is kept. */
WIRE_TEST(rack, timeout_keeps_what_was_reported)
{
    enter(wire);
    send_segments(wire, 0, 2);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 2);
    wire_wait(wire, REORDERING_WINDOW + TICK);
    EXPECT_AGAIN(0);
    wire_wait(wire, 200 * MS);
    EXPECT_AGAIN(0);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 1);
    cr_assert_eq(connection_of(wire)->flight.sacked, SEGMENT);
    RECEIVE(.ack = 2 * SEGMENT);
    EXPECT_NOTHING();
}

/* RFC 2018 section 8: the receiver dropped what it had reported. It shows when its ACK stops where
 * a reported block begins. */
WIRE_TEST(rack, timeout_forgets_where_the_receiver_did)
{
    enter(wire);
    send_segments(wire, 0, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 5);
    EXPECT_AGAIN(0);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = SEGMENT);
    EXPECT_NOTHING();
    wire_wait(wire, 200 * MS);
    EXPECT_AGAIN(1);
    cr_assert_eq(connection_of(wire)->flight.sacked, 0);
    RECEIVE(.ack = 2 * SEGMENT);
    EXPECT_AGAIN(2);
    EXPECT_AGAIN(3);
    RECEIVE(.ack = 5 * SEGMENT);
}

/* What a recovery sends, and loses, is a loss of its own when it is over. */
WIRE_TEST(rack, loss_in_a_recovery_begins_the_next)
{
    enter(wire);
    send_segments(wire, 0, 10);
    wire_write(wire, 4 * SEGMENT);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 10);
    EXPECT_AGAIN(0);
    cr_assert_eq(wire_ignore(wire), 4);
    wire_wait(wire, ROUND_TRIP);
    /* The retransmission is late, and one of the new segments is lost. */
    RECEIVE(.sack_count = 2, .sack = {{11 * SEGMENT, 14 * SEGMENT}, {SEGMENT, 10 * SEGMENT}});
    cr_assert_eq(wire_ignore(wire), 2);
    RECEIVE(.ack = 10 * SEGMENT, .sack_count = 1, .sack = {{11 * SEGMENT, 14 * SEGMENT}});
    cr_assert_eq(counters_of(wire)->fast_retransmits, 2);
    RECEIVE(.ack = 14 * SEGMENT);
    cr_assert_eq(connection_of(wire)->recovery, TPA_TCP_RECOVERY_NONE);
}

/* RFC 5681's FlightSize is not what SACK has let out beyond the window: here three windows are
 * outstanding, most of them SACKed, when the next loss is found. The reduction is one. */
WIRE_TEST(rack, a_loss_while_much_is_sacked_reduces_the_window)
{
    struct tpa_tcp_connection *connection = connection_of(wire);
    const int64_t hole = 10; /* the second: sent in the recovery of the first */
    uint32_t cwnd;
    int64_t sent;

    enter(wire);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(wire_write(wire, 40 * SEGMENT), 40 * SEGMENT);
    wire_ignore(wire);
    RECEIVE_SACK(0, 1, 10);
    wire_ignore(wire);
    cwnd = connection->window.cwnd;
    do {
        wire_wait(wire, ROUND_TRIP / 2);
        wire_ignore(wire);
        sent = (connection->flight.nxt - wire_seq(wire, 0)) / SEGMENT;
        cr_assert_gt(sent, hole + 1);
        RECEIVE(.sack_count = 2,
                .sack = {{SEGMENT * (hole + 1), SEGMENT * sent}, {SEGMENT, SEGMENT * hole}});
        wire_ignore(wire);
    } while (tpa_tcp_flight_outstanding(&connection->flight) < 3 * cwnd);
    RECEIVE_SACK(hole, hole + 1, sent);
    wire_ignore(wire);
    cr_assert_eq(connection->recovery, TPA_TCP_RECOVERY_FAST);
    cr_assert_lt(connection->window.cwnd, cwnd);
    RECEIVE(.ack = (int64_t)(connection->flight.nxt - wire_seq(wire, 0)));
    wire_ignore(wire);
}
