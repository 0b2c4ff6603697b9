/* Applications over a clean network: the patterns, both families, many connections. */
#include "flow.h"

TestSuite(flow);

static struct sim sim;

static struct sim_host *hosts[2];

static void begin(uint32_t flows, const struct sim_pipe_config *pipe)
{
    struct sim_host_config config;

    sim_begin(&sim, 1, flows);
    sim_host_default(&config);
    for (int i = 0; i < 2; i++)
        hosts[i] = sim_host_add(&sim, &config);
    sim_link_add(&sim, sim_at_host(hosts[0]), sim_at_host(hosts[1]), pipe, pipe);
}

Test(flow, every_pattern_carries_its_bytes)
{
    static const struct sim_pipe_config pipe = {.delay = 5 * SIM_MS, .rate = 100000000};

    begin(2 * SIM_PATTERNS, &pipe);
    for (int i = 0; i < 2 * SIM_PATTERNS; i++) {
        struct sim_flow_plan plan = {
            .hosts = {hosts[0], hosts[1]},
            .pattern = (enum sim_pattern)(i / 2),
            .ipv6 = i % 2 != 0,
            .bytes = {100000, 200000},
            .write_size = {1000, 2000},
            .zero_copy = {i % 2 != 0},
        };

        sim_flow_add(&sim, &plan);
    }
    sim_run_flows(&sim, 60 * SIM_S);
    for (int i = 0; i < 2 * SIM_PATTERNS; i++) {
        cr_assert_eq(sim.flows[i].sides[0].read, 200000);
        cr_assert_eq(sim.flows[i].sides[1].read, 100000);
        cr_assert_gt(sim_flow_time(&sim.flows[i]), 20 * SIM_MS);
    }
    cr_assert_eq(sim_host_counters(hosts[0])->retransmitted_segments, 0);
    sim_end(&sim);
}
