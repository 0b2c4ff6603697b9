/* Two connections over a wire that loses, repeats and swaps: always the same bytes, in time. */
#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/base/random.h>

#include "pair.h"
#include "stream.h"

enum {
    LONGEST = 40
};

/* What befalls one segment, the `victim`-th of host `host`. */
struct accident {
    unsigned int host;
    unsigned int victim;
    enum fate fate;
};

static enum fate one_accident(struct pair *pair, unsigned int from, unsigned int index,
                              const struct tpa_tcp_segment *segment)
{
    const struct accident *accident = pair->context;

    (void)segment;
    return from == accident->host && index == accident->victim ? accident->fate : FATE_DELIVER;
}

static void set_options(struct pair *pair, bool on)
{
    for (int i = 0; i < 2; i++) {
        pair->hosts[i].config.sack = on;
        pair->hosts[i].config.timestamps = on;
        pair->hosts[i].config.window_scale = on;
    }
}

static bool is_closed(const struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        if (tpa_tcp_connection_state(&pair->hosts[i].connection) != TPA_TCP_CLOSED)
            return false;
    }
    return true;
}

/* Both write some segments and close. How many segments host `from` sends without accidents. */
static void exchange(struct pair *pair, struct accident *accident, uint32_t iss, bool options,
                     uint64_t time)
{
    pair_prepare(pair, iss, UINT32_MAX - iss);
    set_options(pair, options);
    pair->applications[0].to_write = 6000;
    pair->applications[1].to_write = 9000;
    for (int i = 0; i < 2; i++)
        pair->applications[i].shutdown = pair->applications[i].close = true;
    pair->fate = one_accident;
    pair->context = accident;
    pair_open(pair);
    pair_run(pair, time);
}

static void expect_complete(struct pair *pair, const struct accident *accident)
{
    cr_assert_eq(pair->hosts[0].read, 9000, "host %u, segment %u, fate %d: %lu of 9000",
                 accident->host, accident->victim, accident->fate, pair->hosts[0].read);
    cr_assert_eq(pair->hosts[1].read, 6000, "host %u, segment %u, fate %d: %lu of 6000",
                 accident->host, accident->victim, accident->fate, pair->hosts[1].read);
    cr_assert(pair->hosts[0].at_end && pair->hosts[1].at_end);
}

/* Each segment of a whole exchange, SYN and FIN included, meets each accident once. */
static void each_segment(enum fate fate, bool options)
{
    static struct pair pair;

    for (unsigned int start = 0; start < STREAM_STARTS; start++) {
        for (unsigned int host = 0; host < 2; host++) {
            for (unsigned int victim = 0; victim < LONGEST; victim++) {
                struct accident accident = {host, victim, fate};
                unsigned int sent;

                /* A lost SYN costs a second, everything else some RTOs of 100 ms. */
                exchange(&pair, &accident, stream_starts[start], options, 4 * SECONDS);
                expect_complete(&pair, &accident);
                sent = pair.sent[host];
                pair_run(&pair, 70 * SECONDS);
                cr_assert(is_closed(&pair), "host %u, segment %u: %s, %s", host, victim,
                          tpa_tcp_state_text(tpa_tcp_connection_state(&pair.hosts[0].connection)),
                          tpa_tcp_state_text(tpa_tcp_connection_state(&pair.hosts[1].connection)));
                pair_close(&pair);
                if (victim >= sent)
                    break;
            }
        }
    }
}

Test(each_segment, lost)
{
    each_segment(FATE_DROP, true);
}

Test(each_segment, lost_without_options)
{
    each_segment(FATE_DROP, false);
}

Test(each_segment, repeated)
{
    each_segment(FATE_REPEAT, true);
}

Test(each_segment, repeated_without_options)
{
    each_segment(FATE_REPEAT, false);
}

Test(each_segment, late)
{
    each_segment(FATE_LATE, true);
}

Test(each_segment, late_without_options)
{
    each_segment(FATE_LATE, false);
}

struct weather {
    struct tpa_base_random random;
    unsigned int loss, repeat, late; /* of 1,000 */
};

static enum fate by_chance(struct pair *pair, unsigned int from, unsigned int index,
                           const struct tpa_tcp_segment *segment)
{
    struct weather *weather = pair->context;
    uint64_t chance = tpa_base_random_below(&weather->random, 1000);

    (void)from;
    (void)index;
    (void)segment;
    if (chance < weather->loss)
        return FATE_DROP;
    if (chance < weather->loss + weather->repeat)
        return FATE_REPEAT;
    return chance < weather->loss + weather->repeat + weather->late ? FATE_LATE : FATE_DELIVER;
}

/* Varies by the seed what an exchange can vary in. */
static void vary(struct pair *pair, struct tpa_base_random *random)
{
    pair->delay = 1000 + tpa_base_random_below(random, 20 * MS);
    set_options(pair, tpa_base_random_below(random, 3) != 0);
    for (int i = 0; i < 2; i++) {
        struct host *host = &pair->hosts[i];
        struct pair_application *application = &pair->applications[i];

        host->config.segmentation = tpa_base_random_below(random, 2) != 0;
        /* At 10 % each way eight in a row do get lost now and then. */
        host->config.retries = 15;
        host->config.receive_buffer = (uint32_t)(2000 + tpa_base_random_below(random, 200000));
        application->to_write = tpa_base_random_below(random, 200000);
        application->write_size = (uint32_t)(1 + tpa_base_random_below(random, 20000));
        /* One piece is under way at a time: small ones would take hours. */
        application->zero_copy = application->write_size > 1000;
        application->shutdown = tpa_base_random_below(random, 2) != 0;
    }
}

static void random_exchange(uint64_t seed, unsigned int loss)
{
    static struct pair pair;
    struct weather weather = {.loss = loss, .repeat = 10, .late = 20};
    struct tpa_base_random random;

    tpa_base_random_seed(&random, seed);
    tpa_base_random_seed(&weather.random, seed + 1);
    pair_prepare(&pair, tpa_base_random_u32(&random), UINT32_MAX - (uint32_t)(seed % 70000));
    vary(&pair, &random);
    pair.fate = by_chance;
    pair.context = &weather;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 3600 * SECONDS), "seed %lu: %s %lu of %lu, %s %lu of %lu", seed,
              tpa_tcp_state_text(tpa_tcp_connection_state(&pair.hosts[0].connection)),
              pair.hosts[0].read, pair.applications[1].to_write,
              tpa_tcp_state_text(tpa_tcp_connection_state(&pair.hosts[1].connection)),
              pair.hosts[1].read, pair.applications[0].to_write);
    pair_close(&pair);
}

Test(random_weather, fair, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 150; seed++)
        random_exchange(seed, 0);
}

Test(random_weather, one_percent, .timeout = 120)
{
    for (uint64_t seed = 1000; seed < 1150; seed++)
        random_exchange(seed, 10);
}

Test(random_weather, ten_percent, .timeout = 120)
{
    for (uint64_t seed = 2000; seed < 2100; seed++)
        random_exchange(seed, 100);
}

/* SACK repairs a burst of losses in about a round trip; the time-out would take 100 ms each. */
static enum fate every_eighth(struct pair *pair, unsigned int from, unsigned int index,
                              const struct tpa_tcp_segment *segment)
{
    (void)pair;
    return from == 0 && segment->length != 0 && index > 100 && index < 140 && index % 8 == 0
               ? FATE_DROP
               : FATE_DELIVER;
}

Test(recovery, needs_no_timeout_for_holes_in_a_window)
{
    static struct pair pair;

    pair_prepare(&pair, UINT32_MAX - 100000, 5);
    /* Its flights hold no more of these holes than one ACK has SACK blocks. */
    pair.hosts[0].config.congestion = &tpa_tcp_congestion_newreno;
    pair.applications[0].to_write = 1000000;
    pair.fate = every_eighth;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 5 * SECONDS));
    cr_assert_eq(pair.hosts[0].worker.counters.retransmission_timeouts, 0);
    cr_assert_eq(pair.hosts[0].worker.counters.retransmitted_segments, 5);
    cr_assert_leq(pair.hosts[0].worker.counters.fast_retransmits, 5);
    pair_close(&pair);
}

/* A reader that stops closes the window, and nothing is lost when it goes on. */
Test(window, slow_reader)
{
    static struct pair pair;

    pair_prepare(&pair, UINT32_MAX - 30000, 5);
    pair.hosts[1].config.receive_buffer = 20000;
    pair.applications[0].to_write = 300000;
    pair.applications[1].does_not_read = true;
    pair_open(&pair);
    pair_run(&pair, 200 * SECONDS);
    cr_assert_eq(tpa_tcp_receive_pending(&pair.hosts[1].connection), 20000);
    cr_assert_eq(pair.hosts[0].worker.counters.retransmission_timeouts, 0);
    cr_assert_gt(pair.hosts[0].worker.counters.zero_window_probes, 3);
    pair.applications[1].does_not_read = false;
    cr_assert(pair_transfer(&pair, 120 * SECONDS));
    pair_close(&pair);
}

/* Attack 36. MUST-10: both open at once, over a wire; all of it also with each segment lost. */
Test(simultaneous, open)
{
    static struct pair pair;

    for (unsigned int victim = 0; victim <= 4; victim++) {
        for (unsigned int host = 0; host < 2; host++) {
            struct accident accident = {host, victim, FATE_DROP};

            pair_prepare(&pair, UINT32_MAX, UINT32_MAX - 1);
            pair.applications[0].to_write = pair.applications[1].to_write = 5000;
            pair.fate = one_accident;
            pair.context = &accident;
            pair_open(&pair);
            host_connect(&pair.hosts[1], pair.iss[1], pair.now);
            cr_assert(pair_transfer(&pair, 10 * SECONDS), "host %u, segment %u", host, victim);
            pair_close(&pair);
        }
    }
}

Test(simultaneous, close)
{
    static struct pair pair;

    for (unsigned int victim = 0; victim <= 4; victim++) {
        for (unsigned int host = 0; host < 2; host++) {
            struct accident accident = {host, victim, FATE_DROP};

            pair_prepare(&pair, UINT32_MAX, UINT32_MAX - 1);
            pair.applications[0].close_early = pair.applications[1].close_early = true;
            pair.fate = one_accident;
            pair.context = &accident;
            pair_open(&pair);
            pair_run(&pair, 150 * SECONDS);
            cr_assert(is_closed(&pair), "host %u, segment %u", host, victim);
            pair_close(&pair);
        }
    }
}
