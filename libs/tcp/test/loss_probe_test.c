/* Tail loss probes: RFC 8985 section 7. */
#include "round_trip.h"

/* Of more than one segment: 2 * SRTT; a lone one may be acknowledged with a delay. */
#define PROBE_TIMEOUT (2 * ROUND_TRIP)
#define LONE_TIMEOUT  (2 * ROUND_TRIP + 50 * MS)

static void enter(struct wire *wire)
{
    wire->options |= WIRE_SACK;
    enter_with_round_trip(wire);
}

static uint32_t cwnd_of(const struct wire *wire)
{
    return wire->host.connection.window.cwnd;
}

/* Section 7.2; 7.3: nothing is left to be sent, so the last segment goes again. */
WIRE_TEST(probe, sends_the_last_segment_again)
{
    enter(wire);
    send_segments(wire, 0, 3);
    wire_wait(wire, PROBE_TIMEOUT - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT_AGAIN(2);
    cr_assert_eq(counters_of(wire)->loss_probes, 1);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 0);
    cr_assert_eq(connection_of(wire)->recovery, TPA_TCP_RECOVERY_NONE);
    RECEIVE(.ack = 3 * SEGMENT);
}

/* TLP.max_ack_delay */
WIRE_TEST(probe, of_a_lone_segment_waits_for_a_delayed_acknowledgement)
{
    enter(wire);
    send_segments(wire, 0, 1);
    wire_wait(wire, LONE_TIMEOUT - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT_AGAIN(0);
    RECEIVE(.ack = SEGMENT);
}

/* A FIN behind a full segment's text makes no second segment of it: neither for the time that the
 * probe waits, nor for what it sends. */
WIRE_TEST(probe, of_a_lone_segment_with_a_fin_is_that_segment)
{
    enter(wire);
    cr_assert_eq(host_write(&wire->host, SEGMENT, true, wire->now), SEGMENT);
    cr_assert_eq(tpa_tcp_shutdown(&wire->host.worker, connection_of(wire), wire->now), 0);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_FIN, .length = SEGMENT);
    wire_wait(wire, LONE_TIMEOUT - TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * TICK);
    EXPECT(.flags = TPA_TCP_FIN, .length = SEGMENT, .retransmission = true);
    RECEIVE(.ack = SEGMENT + 1);
}

/* Section 7.3: what wasn't sent yet, whatever the congestion window says. */
WIRE_TEST(probe, prefers_new_data)
{
    uint32_t cwnd;

    enter(wire);
    send_segments(wire, 0, 10);
    cwnd = cwnd_of(wire);
    wire_write(wire, 2 * SEGMENT);
    EXPECT_NOTHING();
    wire_wait(wire, PROBE_TIMEOUT + TICK);
    EXPECT_SEGMENT(10);
    cr_assert_eq(counters_of(wire)->loss_probes, 1);
    cr_assert_eq(counters_of(wire)->retransmitted_segments, 0);
    cr_assert_gt(tpa_tcp_flight_pipe(&connection_of(wire)->flight), cwnd);
    RECEIVE(.ack = 11 * SEGMENT);
    EXPECT_SEGMENT(11);
    cr_assert_geq(cwnd_of(wire), cwnd, "new data that arrives is no sign of a loss");
    RECEIVE(.ack = 12 * SEGMENT);
}

/* The peer's window has no room: section 7.3 says to send again. */
WIRE_TEST(probe, minds_the_peers_window)
{
    enter(wire);
    RECEIVE(.window = 3 * SEGMENT);
    send_segments(wire, 0, 3);
    wire_write(wire, SEGMENT);
    EXPECT_NOTHING();
    wire_wait(wire, PROBE_TIMEOUT + TICK);
    EXPECT_AGAIN(2);
    RECEIVE(.ack = 3 * SEGMENT);
    EXPECT_SEGMENT(3);
}

/* Section 7.3: one at a time; and no second before the round trip was measured again. Then the
 * retransmission timer has its turn, counted from the probe. */
WIRE_TEST(probe, is_followed_by_the_timeout)
{
    enter(wire);
    send_segments(wire, 0, 3);
    wire_wait(wire, PROBE_TIMEOUT + TICK);
    EXPECT_AGAIN(2);
    wire_wait(wire, 100 * MS - 2 * TICK);
    EXPECT_NOTHING();
    wire_wait(wire, 3 * TICK);
    EXPECT_AGAIN(0);
    cr_assert_eq(counters_of(wire)->loss_probes, 1);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 1);
    RECEIVE(.ack = 3 * SEGMENT);
}

/* Section 7.1: the answer to the probe tells RACK what else was lost: no time-out. */
WIRE_TEST(probe, finds_a_lost_tail)
{
    enter(wire);
    send_segments(wire, 0, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 2 * SEGMENT);
    wire_wait(wire, PROBE_TIMEOUT + TICK);
    EXPECT_AGAIN(4);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(2, 4, 5);
    EXPECT_AGAIN(2);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(3, 4, 5);
    EXPECT_AGAIN(3);
    cr_assert_eq(counters_of(wire)->fast_retransmits, 1);
    RECEIVE(.ack = 5 * SEGMENT);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 0);
}

/* A segment that was all there was to lose. */
static void probe_last_of_three(struct wire *wire)
{
    enter(wire);
    send_segments(wire, 0, 3);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 2 * SEGMENT);
    wire_wait(wire, LONE_TIMEOUT + TICK);
    EXPECT_AGAIN(2);
    wire_wait(wire, ROUND_TRIP);
}

/* Section 7.4.2, the last case: the probe repaired a loss, which congestion control is to know. */
WIRE_TEST(probe, repair_is_a_loss)
{
    probe_last_of_three(wire);
    RECEIVE(.ack = 3 * SEGMENT);
    cr_assert_eq(counters_of(wire)->loss_probe_repairs, 0, "a D-SACK may follow");
    send_segments(wire, 3, 8);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE(.ack = 4 * SEGMENT);
    cr_assert_eq(counters_of(wire)->loss_probe_repairs, 1);
    cr_assert_leq(wire->host.connection.window.ssthresh, 4 * SEGMENT);
    cr_assert_eq(connection_of(wire)->recovery, TPA_TCP_RECOVERY_NONE);
    RECEIVE(.ack = 11 * SEGMENT);
    cr_assert_eq(counters_of(wire)->loss_probe_repairs, 1);
}

/* Section 7.4.2: it arrived twice, so nothing was lost. */
WIRE_TEST(probe, duplicate_is_no_loss)
{
    probe_last_of_three(wire);
    RECEIVE(.ack = 3 * SEGMENT);
    RECEIVE_SACK(3, 2, 3);
    send_segments(wire, 3, 2);
    RECEIVE(.ack = 5 * SEGMENT);
    cr_assert_eq(counters_of(wire)->loss_probe_repairs, 0);
    cr_assert_eq(wire->host.connection.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    cr_assert_eq(connection_of(wire)->reordering_steps, 0, "nor is it reordering");
}

/* The same by a peer that doesn't know D-SACK. */
WIRE_TEST(probe, plain_duplicate_is_no_loss)
{
    probe_last_of_three(wire);
    RECEIVE(.ack = 3 * SEGMENT);
    RECEIVE(.ack = 3 * SEGMENT);
    send_segments(wire, 3, 2);
    RECEIVE(.ack = 5 * SEGMENT);
    cr_assert_eq(counters_of(wire)->loss_probe_repairs, 0);
}

/* Section 7.2: not while there is better news. */
WIRE_TEST(probe, is_not_sent_in_recovery)
{
    enter(wire);
    send_segments(wire, 0, 5);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE_SACK(0, 1, 4);
    EXPECT_AGAIN(0);
    wire_wait(wire, PROBE_TIMEOUT + MS);
    EXPECT_NOTHING();
    cr_assert_eq(counters_of(wire)->loss_probes, 0);
    RECEIVE(.ack = 5 * SEGMENT);
}

/* A FIN is a segment, too. */
WIRE_TEST(probe, sends_the_fin_again)
{
    enter(wire);
    tpa_tcp_shutdown(&wire->host.worker, connection_of(wire), wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_FIN);
    wire_wait(wire, LONE_TIMEOUT + TICK);
    EXPECT(.flags = TPA_TCP_FIN, .retransmission = true);
    cr_assert_eq(counters_of(wire)->loss_probes, 1);
    RECEIVE(.ack = 1);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}

/* Section 7.2: without SACK there is no probe. */
WIRE_TEST(probe, needs_sack)
{
    enter_with_round_trip(wire);
    send_segments(wire, 0, 3);
    wire_wait(wire, PROBE_TIMEOUT + MS);
    EXPECT_NOTHING();
    RECEIVE(.ack = 3 * SEGMENT);
}
