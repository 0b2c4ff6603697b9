/* What was not lost but late: Eifel (RFC 3522, 4015), F-RTO (RFC 5682), D-SACK (RFC 2883, 3708). */
#include "round_trip.h"

/* Ten segments are outstanding for a round trip; cwnd is ten segments, there is no ssthresh. */
static void enter(struct wire *wire)
{
    enter_with_round_trip(wire);
    send_segments(wire, 0, 10);
    wire_wait(wire, ROUND_TRIP);
}

static void expect_undone(struct wire *wire)
{
    const struct tpa_tcp_connection *connection = connection_of(wire);

    cr_assert_eq(counters_of(wire)->spurious_recoveries, 1);
    cr_assert_eq(connection->recovery, TPA_TCP_RECOVERY_NONE);
    cr_assert_eq(connection->window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    cr_assert_geq(connection->window.cwnd, 10 * SEGMENT);
    cr_assert_eq(connection->flight.lost, 0);
}

static void expect_not_undone(struct wire *wire)
{
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 0);
    cr_assert_leq(connection_of(wire)->window.ssthresh, 5 * SEGMENT);
}

/* RFC 3522 section 3.2: the ACK echoes what was sent before the retransmission. */
WIRE_TEST(eifel, echo_of_the_original_undoes_a_fast_retransmission)
{
    uint32_t echo;

    wire->options = WIRE_SACK | WIRE_TIMESTAMPS;
    enter(wire);
    echo = wire->timestamp;
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    wire_wait(wire, MS);
    wire->timestamp = echo;
    RECEIVE(.ack = 4 * SEGMENT);
    expect_undone(wire);
    EXPECT_NOTHING();
    /* The retransmission arrives as well; it says nothing new. */
    RECEIVE_SACK(4, 0, 1);
    RECEIVE(.ack = 10 * SEGMENT);
    EXPECT_NOTHING();
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 1);
}

WIRE_TEST(eifel, echo_of_the_retransmission_does_not)
{
    wire->options = WIRE_SACK | WIRE_TIMESTAMPS;
    enter(wire);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 10 * SEGMENT);
    expect_not_undone(wire);
}

/* RFC 3522 for a time-out: no go-back-N, and RFC 4015's window. */
WIRE_TEST(eifel, echo_of_the_original_undoes_a_timeout)
{
    uint32_t echo;

    wire->options = WIRE_TIMESTAMPS;
    enter(wire);
    echo = wire->timestamp;
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    cr_assert_eq(connection_of(wire)->window.cwnd, SEGMENT);
    wire->timestamp = echo;
    RECEIVE(.ack = 2 * SEGMENT);
    expect_undone(wire);
    EXPECT_NOTHING();
    cr_assert_eq(connection_of(wire)->rtt.backoff, 0);
    RECEIVE(.ack = 10 * SEGMENT);
    cr_assert_eq(counters_of(wire)->retransmitted_segments, 1);
}

static uint32_t round_trip_of(struct wire *wire)
{
    return tpa_tcp_rtt_smoothed(&connection_of(wire)->rtt);
}

/* RFC 4015 section 3: the first round trip of what was sent since counts in full, then no more. */
WIRE_TEST(eifel, timer_gets_patience_for_delays)
{
    uint32_t echo, before;

    wire->options = WIRE_TIMESTAMPS;
    enter(wire);
    echo = wire->timestamp;
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    wire->timestamp = echo;
    RECEIVE(.ack = 2 * SEGMENT);
    expect_undone(wire);
    before = round_trip_of(wire);
    RECEIVE(.ack = 10 * SEGMENT);
    cr_assert_lt(round_trip_of(wire), before + 20000, "of the originals: smoothed");
    send_segments(wire, 10, 1);
    wire_wait(wire, 80 * MS);
    RECEIVE(.ack = 11 * SEGMENT);
    cr_assert_geq(round_trip_of(wire), 80000);
    cr_assert_geq(tpa_tcp_rtt_variation(&connection_of(wire)->rtt), 40000);
    send_segments(wire, 11, 1);
    wire_wait(wire, 160 * MS);
    RECEIVE(.ack = 12 * SEGMENT);
    cr_assert_lt(round_trip_of(wire), 100000);
}

/* Only the first ACK of new data counts (RFC 3522 section 3.2, step 4). */
WIRE_TEST(eifel, later_echoes_do_not_count)
{
    uint32_t echo;

    wire->options = WIRE_SACK | WIRE_TIMESTAMPS;
    enter(wire);
    echo = wire->timestamp;
    RECEIVE_SACK(0, 2, 6);
    EXPECT_AGAIN(0);
    wire_ignore(wire);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(1, 2, 6);
    wire_ignore(wire);
    wire->timestamp = echo;
    RECEIVE(.ack = 10 * SEGMENT);
    expect_not_undone(wire);
}

/* RFC 2883: every retransmission of the recovery is reported as a duplicate, be it behind its end.
 */
WIRE_TEST(dsack, of_all_retransmissions_undoes)
{
    wire->options = WIRE_SACK;
    enter(wire);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = 10 * SEGMENT);
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 0);
    RECEIVE_SACK(10, 0, 1);
    expect_undone(wire);
    cr_assert_eq(counters_of(wire)->dsacks_in, 1);
    RECEIVE_SACK(10, 0, 1);
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 1);
}

/* One of two was needed. */
WIRE_TEST(dsack, of_some_does_not)
{
    wire->options = WIRE_SACK;
    enter(wire);
    RECEIVE_SACK(0, 2, 10);
    EXPECT_AGAIN(0);
    EXPECT_AGAIN(1);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 10 * SEGMENT);
    RECEIVE_SACK(10, 1, 2);
    expect_not_undone(wire);
}

/* Nor does what was not sent again in it. */
WIRE_TEST(dsack, of_something_else_does_not)
{
    wire->options = WIRE_SACK;
    enter(wire);
    RECEIVE(.ack = 2 * SEGMENT);
    RECEIVE_SACK(2, 3, 7);
    EXPECT_AGAIN(2);
    RECEIVE_SACK(2, 0, 1);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 10 * SEGMENT);
    expect_not_undone(wire);
    cr_assert_eq(counters_of(wire)->dsacks_in, 1);
}

/* A window's worth later it is about something else. */
WIRE_TEST(dsack, is_not_waited_for_forever)
{
    int64_t from = 10;

    wire->options = WIRE_SACK;
    enter(wire);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = 10 * SEGMENT);
    for (int i = 0; i < 8; i++, from += 2) {
        send_segments(wire, from, 2);
        RECEIVE(.ack = (from + 2) * SEGMENT);
    }
    RECEIVE_SACK(from, 0, 1);
    expect_not_undone(wire);
}

/* RFC 5682 section 2.1: after the time-out an ACK of the first segment, then new data, then an ACK
 * of what was not sent again. Nothing but the first segment was sent again. */
WIRE_TEST(frto, timeout_was_for_nothing)
{
    enter(wire);
    wire_write(wire, 4 * SEGMENT);
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = SEGMENT);
    EXPECT_SEGMENT(10);
    EXPECT_SEGMENT(11);
    RECEIVE(.ack = 2 * SEGMENT);
    expect_undone(wire);
    wire_ignore(wire);
    RECEIVE(.ack = connection_of(wire)->flight.nxt - wire_seq(wire, 0));
    wire_ignore(wire);
    cr_assert_eq(counters_of(wire)->retransmitted_segments, 1);
}

/* Section 2.1, step 3a: a duplicate says that there is a hole. */
WIRE_TEST(frto, duplicate_goes_back)
{
    enter(wire);
    wire_write(wire, 4 * SEGMENT);
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = SEGMENT);
    EXPECT_SEGMENT(10);
    EXPECT_SEGMENT(11);
    RECEIVE(.ack = SEGMENT);
    EXPECT_AGAIN(1);
    RECEIVE(.ack = 12 * SEGMENT);
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 0);
    wire_ignore(wire);
    RECEIVE(.ack = 14 * SEGMENT);
}

/* Section 2.1, step 2b: nothing new to send, so it is the ordinary time-out. */
WIRE_TEST(frto, needs_new_data)
{
    enter(wire);
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = SEGMENT);
    EXPECT_AGAIN(1);
    EXPECT_AGAIN(2);
    RECEIVE(.ack = 10 * SEGMENT);
}

/* Section 3.1: SACK tells of the original segments, too. RACK's probe would go first: without. */
static void enter_with_sack(struct wire *wire)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    enter(wire);
    wire_write(wire, 4 * SEGMENT);
    wire_wait(wire, 90 * MS);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = SEGMENT);
    EXPECT_SEGMENT(10);
    EXPECT_SEGMENT(11);
}

/* Step 3b. */
WIRE_TEST(frto, sack_of_an_original_tells)
{
    enter_with_sack(wire);
    RECEIVE_SACK(1, 2, 3);
    expect_undone(wire);
    wire_ignore(wire);
    RECEIVE(.ack = connection_of(wire)->flight.nxt - wire_seq(wire, 0));
    wire_ignore(wire);
}

/* Step 3a: only what was sent after the time-out has arrived. */
WIRE_TEST(frto, sack_of_new_data_does_not)
{
    enter_with_sack(wire);
    RECEIVE_SACK(1, 10, 11);
    EXPECT_AGAIN(1);
    wire_ignore(wire);
    cr_assert_eq(counters_of(wire)->spurious_recoveries, 0);
    RECEIVE(.ack = 12 * SEGMENT);
    wire_ignore(wire);
    RECEIVE(.ack = 14 * SEGMENT);
}
