/* A worker that stands still (row 47 of the hostile packets): no storm, and no time-outs for what
 * has arrived meanwhile and wasn't looked at. */
#include <criterion/criterion.h>

#include "pair.h"
#include "round_trip.h"

/* A worker looks at so many segments in a step, however many wait. */
#define BURST 8

#define BYTES 3000000

static void begin(struct pair *pair)
{
    pair_prepare(pair, UINT32_MAX - 400000, 5);
    pair->burst = BURST;
    pair->applications[0].to_write = BYTES;
    for (unsigned int i = 0; i < 2; i++)
        pair->hosts[i].config.retries = 40;
    pair_open(pair);
    pair_run(pair, 80 * MS);
    cr_assert_gt(pair->hosts[1].read, 0);
    cr_assert_lt(pair->hosts[1].read, BYTES);
}

static void stall(struct pair *pair, unsigned int host, uint64_t duration)
{
    pair->stalled_until[host] = pair->now + duration;
}

static const uint64_t durations[] = {50 * MS, SECONDS, 60 * SECONDS};

/* The acknowledgements wait in its queue: nothing was lost, and nothing is sent again. */
Test(stall, of_the_sender)
{
    static struct pair pair;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(durations); i++) {
        const struct tpa_tcp_counters *counters = &pair.hosts[0].worker.counters;

        begin(&pair);
        stall(&pair, 0, durations[i]);
        cr_assert(pair_transfer(&pair, durations[i] + 5 * SECONDS));
        cr_assert_eq(counters->retransmission_timeouts, 0);
        cr_assert_eq(counters->loss_probes, 0);
        cr_assert_eq(counters->retransmitted_segments, 0);
        pair_close(&pair);
    }
}

/* The sender can't know: it goes on asking, at longer and longer intervals; when the receiver is
 * back all of that proves to have been for nothing, and costs no more than a few segments. */
Test(stall, of_the_receiver)
{
    static struct pair pair;
    static const uint64_t timeouts_max[] = {0, 5, 12};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(durations); i++) {
        const struct tpa_tcp_counters *counters = &pair.hosts[0].worker.counters;

        begin(&pair);
        stall(&pair, 1, durations[i]);
        cr_assert(pair_transfer(&pair, durations[i] + 5 * SECONDS));
        pair_run(&pair, SECONDS); /* the last answers are on their way */
        cr_assert_leq(counters->retransmission_timeouts, timeouts_max[i]);
        cr_assert_leq(counters->retransmitted_segments, timeouts_max[i] + 2);
        cr_assert_eq(pair.hosts[1].worker.counters.retransmission_timeouts, 0);
        if (counters->retransmission_timeouts != 0)
            cr_assert_gt(counters->spurious_recoveries, 0);
        pair_close(&pair);
    }
}

/* The machine stood still. */
Test(stall, of_both)
{
    static struct pair pair;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(durations); i++) {
        begin(&pair);
        stall(&pair, 0, durations[i]);
        stall(&pair, 1, durations[i]);
        cr_assert(pair_transfer(&pair, durations[i] + 5 * SECONDS));
        for (unsigned int host = 0; host < 2; host++) {
            cr_assert_eq(pair.hosts[host].worker.counters.retransmission_timeouts, 0);
            cr_assert_leq(pair.hosts[host].worker.counters.retransmitted_segments, 1);
        }
        pair_close(&pair);
    }
}

/* The first step after it doesn't reach the acknowledgement, and the time-out is long due. */
WIRE_TEST(stall, what_waits_is_looked_at_before_a_late_timer_acts)
{
    wire->options = WIRE_SACK;
    enter_with_round_trip(wire);
    send_segments(wire, 0, 3);
    wire->now += SECONDS;
    wire_send(wire);
    wire->now += TPA_TCP_STALL_GRACE / 2;
    RECEIVE(.ack = 3 * SEGMENT);
    wire_wait(wire, SECONDS);
    EXPECT_NOTHING();
    cr_assert_eq(counters_of(wire)->loss_probes + counters_of(wire)->retransmission_timeouts, 0);
}

/* Who is always late acts all the same: the second time. */
WIRE_TEST(stall, slow_worker_times_out)
{
    enter_with_round_trip(wire);
    send_segments(wire, 0, 3);
    wire->now += 150 * MS;
    wire_send(wire);
    EXPECT_NOTHING();
    wire->now += 50 * MS;
    wire_send(wire);
    EXPECT_AGAIN(0);
    cr_assert_eq(counters_of(wire)->retransmission_timeouts, 1);
    RECEIVE(.ack = 3 * SEGMENT);
}
