/*
 * BBR over links in virtual time: what section "BBR Example Test Cases" of draft-ietf-ccwg-bbr asks
 * for, as far as one flow shows it.
 */
#include <criterion/criterion.h>

#include <tpa/tcp/congestion.h>

#include "flight.h"
#include "libs/tcp/cc/bbr/bbr.h"
#include "pair.h"

TestSuite(bbr, .timeout = 60);

/* Payload that a wire of this rate carries, per second. */
static uint64_t goodput(uint64_t wire)
{
    return wire / 1480 * 1448;
}

static const struct bbr *bbr_of(const struct pair *pair)
{
    return pair->hosts[0].connection.window.state;
}

static void link_prepare(struct pair *pair, uint64_t wire, uint64_t delay, uint64_t queue)
{
    pair_prepare(pair, UINT32_MAX - 1000000, 5);
    pair->hosts[0].config.congestion = tpa_tcp_congestion_find("bbr");
    pair->rate = wire;
    pair->delay = delay;
    pair->queue = queue;
    pair->applications[0].write_size = 65536;
    pair->applications[0].to_write = UINT64_MAX / 2;
}

static uint64_t received_in(struct pair *pair, uint64_t duration)
{
    uint64_t before = pair->hosts[1].read;

    pair_run(pair, duration);
    return pair->hosts[1].read - before;
}

static void pair_abandon(struct pair *pair)
{
    pair->applications[0].to_write = pair->hosts[0].written;
    cr_assert(pair_transfer(pair, 60 * SECONDS));
    pair_close(pair);
}

/* "Exiting STARTUP on Bandwidth Plateau", "Exiting DRAIN Based on Inflight": and then the path is
 * full, with a queue much below what a loss-based control needs. */
Test(bbr, finds_the_bandwidth_and_leaves_the_queue_empty)
{
    static const struct {
        uint64_t wire, delay;
    } cases[] = {{1250000, 20 * MS}, {12500000, 5 * MS}, {250000, 50 * MS}};
    static struct pair pair;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        uint64_t wire = cases[i].wire, received;

        link_prepare(&pair, wire, cases[i].delay, 1 << 30);
        pair_open(&pair);
        pair_run(&pair, 40 * cases[i].delay);
        cr_assert(bbr_of(&pair)->full_bw_reached, "case %zu", i);
        cr_assert(bbr_is_probing_bw_state(bbr_of(&pair)), "case %zu", i);
        cr_assert_float_eq((double)bbr_of(&pair)->bw / (double)goodput(wire), 1, 0.05);
        cr_assert_float_eq((double)bbr_of(&pair)->min_rtt / (double)(2 * cases[i].delay), 1, 0.15);
        received = received_in(&pair, 3 * SECONDS);
        cr_assert_geq(received, goodput(wire) * 3 * 92 / 100, "case %zu: %lu of %lu", i, received,
                      goodput(wire) * 3);
        cr_assert_leq(tpa_tcp_flight_outstanding(&pair.hosts[0].connection.flight),
                      goodput(wire) * cases[i].delay * 2 / SECONDS * 3 / 2 + 20 * 1448);
        cr_assert_eq(pair.hosts[0].worker.counters.retransmission_timeouts, 0);
        pair_abandon(&pair);
    }
}

/* "Entering and Exiting PROBE_RTT": each 5 s, for 200 ms, without much harm. */
Test(bbr, measures_the_round_trip_time_every_five_seconds)
{
    static struct pair pair;
    bool was_in = false;
    unsigned int entries = 0;
    uint64_t in = 0;

    link_prepare(&pair, 375000, 40 * MS, 1 << 30);
    pair_open(&pair);
    for (int i = 0; i < 3000; i++) {
        bool is_in;

        pair_run(&pair, 10 * MS);
        is_in = bbr_of(&pair)->state == BBR_PROBE_RTT;
        entries += is_in && !was_in;
        in += is_in ? 10 * MS : 0;
        was_in = is_in;
    }
    cr_assert(entries >= 4 && entries <= 6, "%u times in 30 s", entries);
    cr_assert(in >= entries * 200 * MS && in <= entries * 500 * MS, "%lu ms", in / MS);
    cr_assert_geq(pair.hosts[1].read, goodput(375000) * 30 * 88 / 100);
    pair_abandon(&pair);
}

/* "Decreasing Bandwidth 10x and Ensuring Max Bandwidth Adapts Down", and up again. */
Test(bbr, follows_a_bandwidth_that_changes)
{
    static struct pair pair;

    link_prepare(&pair, 1000000, 20 * MS, 40000);
    pair_open(&pair);
    pair_run(&pair, 5 * SECONDS);
    pair.rate = 100000;
    pair_run(&pair, 30 * SECONDS);
    cr_assert_leq(bbr_of(&pair)->bw, goodput(100000) * 12 / 10);
    pair.rate = 1000000;
    pair_run(&pair, 15 * SECONDS);
    cr_assert_geq(bbr_of(&pair)->bw, goodput(1000000) * 8 / 10, "%lu", bbr_of(&pair)->bw);
    pair_abandon(&pair);
}

static enum fate one_in_hundred(struct pair *pair, unsigned int from, unsigned int index,
                                const struct tpa_tcp_segment *segment)
{
    return from == 0 && index % 100 == 57 ? FATE_DROP : FATE_DELIVER;
}

/* Below LossThresh loss is noise: a window-based control would get a fraction. */
Test(bbr, one_percent_of_loss_costs_little)
{
    static struct pair pair;
    uint64_t received;

    link_prepare(&pair, 5000000, 20 * MS, 1 << 30);
    pair.fate = one_in_hundred;
    pair_open(&pair);
    received = received_in(&pair, 4 * SECONDS);
    cr_assert_geq(received, goodput(5000000) * 4 * 70 / 100, "%lu of %lu", received,
                  goodput(5000000) * 4);
    pair.fate = NULL;
    pair_abandon(&pair);
}

/* A buffer of a fifth of the bandwidth-delay product: full use, and the loss stays bounded. */
Test(bbr, shallow_buffer)
{
    static struct pair pair;
    uint64_t received;

    link_prepare(&pair, 2500000, 25 * MS, 25000);
    pair_open(&pair);
    pair_run(&pair, 2 * SECONDS);
    pair.overflows = 0;
    received = received_in(&pair, 6 * SECONDS);
    cr_assert_geq(received, goodput(2500000) * 6 * 80 / 100, "%lu of %lu", received,
                  goodput(2500000) * 6);
    cr_assert_leq(pair.overflows, received / 1448 * 3 / 100, "%u of %lu segments", pair.overflows,
                  received / 1448);
    pair_abandon(&pair);
}

/* "Never Exiting PROBE_UP (or STARTUP) When Application-Limited With No Loss". */
Test(bbr, an_application_that_limits_itself_stays_in_startup)
{
    static struct pair pair;

    link_prepare(&pair, 12500000, 10 * MS, 1 << 30);
    pair.applications[0].to_write = 0;
    pair_open(&pair);
    for (int i = 0; i < 150; i++) {
        pair.applications[0].to_write += 5000;
        pair_run(&pair, 30 * MS);
    }
    cr_assert_eq(bbr_of(&pair)->state, BBR_STARTUP);
    cr_assert_not(bbr_of(&pair)->full_bw_reached);
    pair_abandon(&pair);
}

/* "Skipping PROBE_RTT Due to Application-Limited Sending": silence refreshes min_rtt. */
Test(bbr, idle_time_spares_probe_rtt)
{
    static struct pair pair;

    link_prepare(&pair, 1250000, 20 * MS, 1 << 30);
    pair_open(&pair);
    pair_run(&pair, 4 * SECONDS);
    pair.applications[0].to_write = pair.hosts[0].written;
    pair_run(&pair, 10 * SECONDS);
    pair.applications[0].to_write += 1000000;
    for (int i = 0; i < 50; i++) {
        pair_run(&pair, 10 * MS);
        cr_assert_neq(bbr_of(&pair)->state, BBR_PROBE_RTT);
    }
    pair_abandon(&pair);
}

/* A path that goes away and comes back. */
Test(bbr, recovers_from_a_time_out)
{
    static struct pair pair;
    uint64_t received;

    link_prepare(&pair, 1250000, 20 * MS, 1 << 30);
    pair_open(&pair);
    pair_run(&pair, 4 * SECONDS);
    pair.queue = 0;
    pair.wire_free[0] = pair.wire_free[1] = pair.now + 700 * MS;
    pair_run(&pair, 700 * MS);
    pair.queue = 1 << 30;
    cr_assert_gt(pair.hosts[0].worker.counters.retransmission_timeouts, 0);
    pair_run(&pair, 2 * SECONDS);
    received = received_in(&pair, 3 * SECONDS);
    cr_assert_geq(received, goodput(1250000) * 3 * 85 / 100, "%lu of %lu", received,
                  goodput(1250000) * 3);
    pair_abandon(&pair);
}

/* To another control and back, while data is under way. */
Test(bbr, exchanged_while_the_connection_lives)
{
    static const char *const names[] = {"cubic", "bbr", "newreno", "bbr", "dctcp", "bbr"};
    static struct pair pair;
    struct host *host = &pair.hosts[0];

    link_prepare(&pair, 1250000, 20 * MS, 50000);
    pair_open(&pair);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(names); i++) {
        uint64_t received;

        pair_run(&pair, 500 * MS);
        cr_assert_eq(tpa_tcp_set_congestion(&host->worker, &host->connection,
                                            tpa_tcp_congestion_find(names[i]), pair.now),
                     0);
        received = received_in(&pair, 1 * SECONDS);
        cr_assert_geq(received, goodput(1250000) / 2, "%s: %lu", names[i], received);
    }
    pair_abandon(&pair);
}
