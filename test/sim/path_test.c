/* Long paths, and paths that carry less than their ends believe. */
#include <tpa/tcp/worker.h>

#include "flow.h"
#include "worker.h"

TestSuite(path);

static struct sim sim;

static struct sim_host *hosts[2];

static struct sim_link *begin(const struct sim_pipe_config *pipe)
{
    struct sim_host_config config;

    sim_begin(&sim, 1, 1);
    sim_host_default(&config);
    for (int i = 0; i < 2; i++)
        hosts[i] = sim_host_add(&sim, &config);
    return sim_link_add(&sim, sim_at_host(hosts[0]), sim_at_host(hosts[1]), pipe, pipe);
}

/* Nothing is configured: windows and queues find the size of the path by themselves. */
Test(path, of_100_ms_at_1_gigabit_is_filled_by_default)
{
    const struct sim_pipe_config pipe = {
        .delay = 50 * SIM_MS, .rate = 1000000000, .queue.limit = 12500000};
    struct sim_flow_plan plan = {.bytes = {1000000000, 0}, .write_size = {65536, 0}};
    const struct tpa_tcp_worker *reader;
    struct sim_flow *flow;
    uint64_t before;

    begin(&pipe);
    plan.hosts[0] = hosts[0];
    plan.hosts[1] = hosts[1];
    flow = sim_flow_add(&sim, &plan);
    sim_run(&sim, 1800 * SIM_MS);
    before = sim_flow_upload(flow);
    sim_run(&sim, 300 * SIM_MS);
    /* 1,448 bytes of 1,514 on the wire: 35.8 MB. */
    SIM_MUST(&sim, sim_flow_upload(flow) - before > 34000000, "%llu bytes in 300 ms",
             (unsigned long long)(sim_flow_upload(flow) - before));
    sim_flow_stop(flow);
    sim_run_flows(&sim, 60 * SIM_S);
    reader = &hosts[1]->worker->tcp;
    SIM_MUST(&sim, reader->receive_budget.used == 0);
    sim_end(&sim);
}

static void transfer_both_ways(const struct sim_pipe_config *pipe)
{
    struct sim_flow_plan plan = {.bytes = {500000, 500000}};

    begin(pipe);
    plan.hosts[0] = hosts[0];
    plan.hosts[1] = hosts[1];
    sim_flow_add(&sim, &plan);
    sim_run_flows(&sim, 60 * SIM_S);
}

Test(path, that_swallows_what_is_long_is_survived_in_both_directions)
{
    const struct sim_pipe_config pipe = {
        .delay = 10 * SIM_MS, .rate = 100000000, .mtu = 1300, .black_hole = true};

    transfer_both_ways(&pipe);
    for (int i = 0; i < 2; i++) {
        SIM_MUST(&sim, sim.flows[0].sides[i].read == 500000);
        SIM_MUST(&sim, sim_host_counters(hosts[i])->black_holes == 1);
    }
    sim_end(&sim);
}

Test(path, whose_router_tells_its_mtu_needs_no_time_out)
{
    const struct sim_pipe_config pipe = {.delay = 10 * SIM_MS, .rate = 100000000, .mtu = 1300};

    transfer_both_ways(&pipe);
    for (int i = 0; i < 2; i++) {
        SIM_MUST(&sim, sim.flows[0].sides[i].read == 500000);
        SIM_MUST(&sim, sim_host_counters(hosts[i])->retransmission_timeouts == 0);
        SIM_MUST(&sim, sim_host_counters(hosts[i])->black_holes == 0);
    }
    sim_end(&sim);
}
