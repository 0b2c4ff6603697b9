/* Pacing and rate samples, with a control that paces at a rate of the test's choosing. */
#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/tcp/congestion.h>

#include "delivery.h"
#include "pair.h"

TestSuite(pacing);
TestSuite(rate_sample);

/* The control: a window as large as it gets, and these. */
static uint64_t rate;
static struct tpa_tcp_rate_sample latest;
static uint64_t highest_rate;
static bool latest_limited;

static void paced_init(struct tpa_tcp_window *window, uint64_t now)
{
    window->cwnd = window->cwnd_max;
}

static void paced_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    cr_assert_not_null(sample->rate);
    latest = *sample->rate;
    highest_rate = TPA_BASE_MAX(highest_rate, latest.delivery_rate);
    latest_limited = latest.is_app_limited;
}

static void paced_on_congestion(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
}

static void paced_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                         uint64_t now)
{
}

static void paced_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
}

static void paced_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
}

static uint64_t paced_rate(const struct tpa_tcp_window *window)
{
    return rate;
}

static const struct tpa_tcp_congestion paced = {
    .name = "paced",
    .rate_samples = true,
    .init = paced_init,
    .on_ack = paced_on_ack,
    .on_loss_event = paced_on_congestion,
    .on_exit_recovery = paced_on_congestion,
    .on_rto = paced_on_rto,
    .on_idle = paced_on_idle,
    .on_spurious = paced_on_spurious,
    .pacing_rate = paced_rate,
};

/* What host 0 has sent, against its rate. */
struct meter {
    uint64_t start; /* of the first data segment */
    uint64_t bytes;
    uint64_t most_ahead; /* bytes */
    uint32_t longest;
    unsigned int wakes; /* different times of sending */
    uint64_t last;
};

static enum fate measure(struct pair *pair, unsigned int from, unsigned int index,
                         const struct tpa_tcp_segment *segment)
{
    struct meter *meter = pair->context;
    uint64_t due;

    if (from != 0 || segment->length == 0)
        return FATE_DELIVER;
    if (meter->bytes == 0)
        meter->start = pair->now;
    if (pair->now != meter->last)
        meter->wakes++;
    meter->last = pair->now;
    meter->bytes += segment->length;
    meter->longest = TPA_BASE_MAX(meter->longest, segment->length);
    due = (pair->now - meter->start) * rate / SECONDS;
    if (meter->bytes > due)
        meter->most_ahead = TPA_BASE_MAX(meter->most_ahead, meter->bytes - due);
    return FATE_DELIVER;
}

static void paced_prepare(struct pair *pair, struct meter *meter, uint64_t bytes)
{
    pair_prepare(pair, UINT32_MAX - 100000, 5);
    pair->hosts[0].config.congestion = &paced;
    pair->hosts[0].config.cwnd_max = 1 << 20;
    /* The rate is all that holds it back, from the start. */
    pair->hosts[1].config.receive_buffer_initial = pair->hosts[1].config.receive_buffer;
    pair->applications[0].to_write = bytes;
    pair->applications[0].write_size = 65536;
    pair->fate = measure;
    pair->context = meter;
    highest_rate = 0;
}

static void expect_rate(const struct pair *pair, const struct meter *meter, uint64_t bytes)
{
    uint64_t quantum = TPA_BASE_MIN(TPA_BASE_MAX(rate >> 10, 2u * 1448), 65536u);
    uint64_t took = meter->last - meter->start;
    uint64_t expected = bytes * SECONDS / rate;

    cr_assert(took + 3 * quantum * SECONDS / rate >= expected &&
                  took <= expected + expected / 50 + 2 * MS,
              "rate %lu: %lu us, not %lu", rate, took / 1000, expected / 1000);
    /* A quantum ahead, a quantum made up for, and a packet. */
    cr_assert_leq(meter->most_ahead, 2 * quantum + TPA_BASE_MAX(meter->longest, 1448u) + 1448,
                  "rate %lu: %lu bytes ahead", rate, meter->most_ahead);
}

Test(pacing, keeps_the_rate, .timeout = 60)
{
    static const uint64_t rates[] = {20000, 300000, 1000000, 10000000, 125000000};
    static struct pair pair;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(rates); i++) {
        for (int tso = 0; tso < 2; tso++) {
            struct meter meter = {0};
            uint64_t bytes = rates[i] > 200000 ? 1000000 : 100000;

            rate = rates[i];
            paced_prepare(&pair, &meter, bytes);
            pair.hosts[0].config.segmentation = tso != 0;
            pair_open(&pair);
            /* The peer's first window isn't scaled; this opens it. */
            pair.applications[0].to_write = 1000;
            cr_assert(pair_transfer(&pair, 10 * SECONDS));
            pair_run(&pair, 500 * MS);
            meter = (struct meter){0};
            pair.applications[0].to_write += bytes;
            cr_assert(pair_transfer(&pair, 60 * SECONDS));
            expect_rate(&pair, &meter, bytes);
            cr_assert_eq(pair.hosts[0].worker.counters.retransmission_timeouts, 0);
            cr_assert_eq(pair.hosts[0].worker.counters.zero_window_probes, 0);
            pair_close(&pair);
        }
    }
}

/* Super-frames are as long as a quantum. */
Test(pacing, super_frames_are_quanta)
{
    static struct pair pair;
    struct meter meter = {0};

    rate = 10000000;
    paced_prepare(&pair, &meter, 1000000);
    pair.hosts[0].config.segmentation = true;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    cr_assert_leq(meter.longest, rate >> 10);
    cr_assert_gt(meter.longest, (rate >> 10) - 1448);
    pair_close(&pair);
}

/* While it waits it isn't on the output list, and its timer is what wakes it. */
Test(pacing, waits_without_work)
{
    static struct pair pair;
    struct meter meter = {0};
    struct tpa_tcp_worker *worker = &pair.hosts[0].worker;

    rate = 100000;
    paced_prepare(&pair, &meter, 100000);
    pair_open(&pair);
    pair_run(&pair, 500 * MS);
    cr_assert_lt(meter.bytes, 60000);
    cr_assert(tpa_base_list_is_empty(&worker->output));
    cr_assert(pair.hosts[0].connection.delivery->is_waiting);
    /* A wake for each quantum, and one for acknowledgements here and there. */
    cr_assert_leq(meter.wakes, 2 * meter.bytes / 2896 + 2);
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    pair_close(&pair);
}

/* Idle time is no credit beyond a quantum. */
Test(pacing, is_no_savings_bank)
{
    static struct pair pair;
    struct meter meter = {0};

    rate = 1000000;
    paced_prepare(&pair, &meter, 20000);
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    pair_run(&pair, 5 * SECONDS);
    meter = (struct meter){0};
    pair.applications[0].to_write += 200000;
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    expect_rate(&pair, &meter, 200000);
    pair_close(&pair);
}

/* A control that doesn't pace has no object, and one that stops to sends at once. */
Test(pacing, ends_with_the_control)
{
    static struct pair pair;
    struct meter meter = {0};
    struct host *host = &pair.hosts[0];

    rate = 10000;
    paced_prepare(&pair, &meter, 1000000);
    pair_open(&pair);
    pair_run(&pair, 200 * MS);
    cr_assert_eq(host->worker.deliveries.in_use, 1);
    cr_assert_eq(tpa_tcp_set_congestion(&host->worker, &host->connection, &tpa_tcp_congestion_cubic,
                                        pair.now),
                 0);
    cr_assert_eq(host->worker.deliveries.in_use, 0);
    cr_assert_null(host->connection.delivery);
    cr_assert(pair_transfer(&pair, 2 * SECONDS));

    host->worker.deliveries.fault_countdown = 1;
    cr_assert_eq(tpa_tcp_set_congestion(&host->worker, &host->connection, &paced, pair.now),
                 TPA_ENOMEM);
    cr_assert_eq(host->connection.window.algorithm, &tpa_tcp_congestion_cubic);
    cr_assert_eq(tpa_tcp_set_congestion(&host->worker, &host->connection, &paced, pair.now), 0);
    rate = 1000000;
    pair.applications[0].to_write += 500000;
    meter = (struct meter){0};
    cr_assert(pair_transfer(&pair, 5 * SECONDS));
    expect_rate(&pair, &meter, 500000);
    pair_close(&pair);
}

/* ---- Delivery rate ---- */

static void bottleneck(struct pair *pair, struct meter *meter, uint64_t bytes, uint64_t wire)
{
    paced_prepare(pair, meter, bytes);
    pair->hosts[0].config.cwnd_max = 500000;
    pair->rate = wire;
    pair->queue = 1 << 30;
}

/* Faster than the wire: the rate of delivery is the wire's, and no sample is above it. */
Test(rate_sample, is_the_rate_of_the_bottleneck, .timeout = 60)
{
    static const uint64_t wires[] = {200000, 5000000, 100000000};
    static struct pair pair;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(wires); i++) {
        uint64_t payload = wires[i] / 1480 * 1448; /* headers of 32 bytes, none of IP */
        struct meter meter = {0};

        rate = 2 * wires[i];
        bottleneck(&pair, &meter, wires[i] < 10000000 ? 2000000 : 10000000, wires[i]);
        pair.hosts[0].config.cwnd_max = 1500000;
        pair_open(&pair);
        cr_assert(pair_transfer(&pair, 60 * SECONDS));
        cr_assert(highest_rate >= payload - payload / 10 && highest_rate <= payload + payload / 50,
                  "%lu, not %lu", highest_rate, payload);
        pair_close(&pair);
    }
}

/* Slower than the wire: its own. */
Test(rate_sample, is_the_rate_of_sending)
{
    static struct pair pair;
    struct meter meter = {0};

    rate = 1000000;
    bottleneck(&pair, &meter, 1000000, 100000000);
    pair.delay = 50 * MS; /* a quantum is little of what is in flight */
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 60 * SECONDS));
    cr_assert(latest.delivery_rate == 0 || latest.delivery_rate > rate * 8 / 10);
    cr_assert_leq(highest_rate, rate * 11 / 10, "%lu", highest_rate);
    pair_close(&pair);
}

/* An application that has nothing to send limits the rate, and the sample says so. */
Test(rate_sample, tells_what_the_application_limited)
{
    static struct pair pair;
    struct meter meter = {0};

    rate = 10000000;
    bottleneck(&pair, &meter, 1000, 1000000);
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, SECONDS));
    pair_run(&pair, 100 * MS);
    for (int i = 0; i < 5; i++) {
        pair.applications[0].to_write += 1000;
        cr_assert(pair_transfer(&pair, SECONDS));
        pair_run(&pair, 100 * MS);
        cr_assert(latest_limited);
    }
    /* A bulk transfer isn't limited, once what was sent before it has arrived. */
    pair.applications[0].to_write += 1000000;
    pair_run(&pair, 300 * MS);
    cr_assert_not(latest_limited);
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    pair_close(&pair);
}

/* The log is bounded, whatever is in flight: 500 KB in packets that all leave at times of their
 * own, over a second. */
Test(rate_sample, holds_for_a_flight_longer_than_the_log)
{
    static struct pair pair;
    struct meter meter = {0};

    rate = 450000;
    bottleneck(&pair, &meter, 2000000, 10000000);
    pair.delay = 500 * MS;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 60 * SECONDS));
    cr_assert(highest_rate >= rate * 9 / 10 && highest_rate <= rate * 11 / 10, "%lu", highest_rate);
    pair_close(&pair);
}
