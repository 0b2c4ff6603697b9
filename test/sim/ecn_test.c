/*
 * Congestion notification from end to end: queues that mark, whole stacks that echo and reduce.
 * Nothing is lost, the link is used, and the queue stays where its discipline wants it.
 */
#include <tpa/tcp/congestion.h>

#include "flow.h"

TestSuite(ecn);

static struct sim sim;

/* 100 Mb/s and 10 ms: 125 KB fill the path. */
#define RATE  UINT64_C(100000000)
#define DELAY (5 * SIM_MS)
#define BYTES (UINT64_C(20) << 20)

static const struct sim_pipe_config clear = {.delay = DELAY, .rate = RATE};

static struct sim_queue_config codel(void)
{
    return (struct sim_queue_config){.discipline = SIM_CODEL, .ecn = true};
}

/* RFC 8257 section 3.1: a mark for all that meets more than a threshold. */
static struct sim_queue_config step(uint64_t threshold)
{
    return (struct sim_queue_config){
        .discipline = SIM_RED, .ecn = true, .red_minimum = threshold, .red_maximum = threshold};
}

static struct sim_queue_config red(void)
{
    return (struct sim_queue_config){.discipline = SIM_RED,
                                     .ecn = true,
                                     .red_minimum = 60000,
                                     .red_maximum = 400000,
                                     .red_probability = 0.1,
                                     .red_weight = 6};
}

struct outcome {
    double utilisation; /* of the bottleneck, headers included */
    struct sim_queue_counters queue;
    struct tpa_tcp_counters sender, receiver;
};

/* One bulk transfer by `congestion` over a bottleneck with that queue. */
static struct outcome transfer(const char *congestion, uint8_t ecn, struct sim_queue_config queue)
{
    struct sim_pipe_config bottleneck = clear;
    struct sim_host_config config;
    struct sim_host *hosts[2];
    struct sim_flow_plan plan = {.bytes = {BYTES}};
    struct sim_link *link;
    struct sim_flow *flow;
    struct outcome outcome;

    bottleneck.queue = queue;
    sim_begin(&sim, 1, 1);
    sim_host_default(&config);
    config.tcp.congestion = tpa_tcp_congestion_find(congestion);
    for (int i = 0; i < 2; i++) {
        config.tcp.ecn = i == 0 ? ecn : TPA_TCP_ECN_ANSWER;
        plan.hosts[i] = hosts[i] = sim_host_add(&sim, &config);
    }
    link = sim_link_add(&sim, sim_at_host(hosts[0]), sim_at_host(hosts[1]), &bottleneck, &clear);
    flow = sim_flow_add(&sim, &plan);
    sim_run_flows(&sim, 60 * SIM_S);
    outcome = (struct outcome){
        .utilisation = (double)BYTES * 8e9 / ((double)sim_flow_time(flow) * (double)RATE),
        .queue = link->pipes[0].queue.counters,
        .sender = *sim_host_counters(hosts[0]),
        .receiver = *sim_host_counters(hosts[1]),
    };
    sim_end(&sim);
    return outcome;
}

static void expect_clean(const struct outcome *outcome, double utilisation)
{
    cr_assert_gt(outcome->queue.marked, 0);
    cr_assert_eq(outcome->receiver.marked_segments, outcome->queue.marked, "%lu of %lu",
                 outcome->receiver.marked_segments, outcome->queue.marked);
    cr_assert_gt(outcome->sender.mark_reductions, 0);
    cr_assert_eq(outcome->queue.dropped_early + outcome->queue.dropped_full, 0);
    cr_assert_eq(outcome->sender.retransmitted_segments, 0);
    cr_assert_gt(outcome->utilisation, utilisation, "utilisation %f", outcome->utilisation);
}

Test(ecn, cubic_over_codel)
{
    struct outcome outcome = transfer("cubic", TPA_TCP_ECN_ASK, codel());

    expect_clean(&outcome, 0.85);
}

Test(ecn, cubic_over_red)
{
    struct outcome outcome = transfer("cubic", TPA_TCP_ECN_ASK, red());

    expect_clean(&outcome, 0.85);
}

Test(ecn, newreno_over_codel)
{
    struct outcome outcome = transfer("newreno", TPA_TCP_ECN_ASK, codel());

    expect_clean(&outcome, 0.8);
}

/* The same queue drops from a sender that did not ask. */
Test(ecn, who_did_not_ask_loses)
{
    struct outcome outcome = transfer("cubic", TPA_TCP_ECN_ANSWER, codel());

    cr_assert_eq(outcome.queue.marked, 0);
    cr_assert_gt(outcome.queue.dropped_early, 0);
    cr_assert_gt(outcome.sender.retransmitted_segments, 0);
}

/* DCTCP asks by itself, and its queue stays near the threshold: a sixth of the path here, slow
 * start's overshoot apart. */
Test(ecn, dctcp_over_a_step)
{
    struct outcome outcome = transfer("dctcp", TPA_TCP_ECN_ANSWER, step(40000));

    expect_clean(&outcome, 0.85);
    cr_assert_lt(outcome.queue.bytes_max, 250000);
}
