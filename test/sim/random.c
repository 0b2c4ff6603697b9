#include "random.h"

#include <math.h>
#include <stdlib.h>

enum {
    FLOWS_MAX = 1000,
    BYTES = 1500000, /* of all flows, in each direction, at most */
    CHECK_DEAR = 8,  /* with so many socks not every step is checked */
};

/* Nothing may take longer: 40 time-outs of a minute, some of them in a row. */
#define DURATION_MAX (UINT64_C(100) * 3600 * SIM_S)

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return tpa_base_random_below(&sim->random, bound);
}

static bool chance(struct sim *sim, unsigned int percent)
{
    return below(sim, 100) < percent;
}

/* Between two bounds, each order of magnitude as likely as any other. */
static uint64_t magnitude(struct sim *sim, double low, double high)
{
    return (uint64_t)exp(log(low) + tpa_base_random_unit(&sim->random) * (log(high) - log(low)));
}

static void choose_queue(struct sim *sim, struct sim_pipe_config *pipe)
{
    struct sim_queue_config *queue = &pipe->queue;

    queue->limit = magnitude(sim, 20000, 2000000);
    queue->discipline = (enum sim_discipline)below(sim, 3);
    queue->ecn = chance(sim, 50);
    queue->red_minimum = queue->limit / 10;
    queue->red_maximum = queue->limit / 2;
    queue->red_probability = 0.1;
    queue->red_weight = (uint8_t)below(sim, 10);
}

static void choose_pipe(struct sim *sim, struct sim_pipe_config *pipe)
{
    *pipe = (struct sim_pipe_config){
        .rate = magnitude(sim, 3e5, 1e10),
        .delay = magnitude(sim, 1e3, 3e8),
    };
    choose_queue(sim, pipe);
    if (chance(sim, 30))
        pipe->jitter = magnitude(sim, 1e3, 1e8);
    if (chance(sim, 60))
        pipe->loss_ppm = (uint32_t)magnitude(sim, 100, 200000);
    if (chance(sim, 30)) {
        pipe->reorder_ppm = (uint32_t)magnitude(sim, 100, 300000);
        pipe->reorder_delay = magnitude(sim, 1e4, 1e8);
    }
    if (chance(sim, 20))
        pipe->duplicate_ppm = (uint32_t)magnitude(sim, 100, 100000);
    if (chance(sim, 20))
        pipe->corrupt_ppm = (uint32_t)magnitude(sim, 100, 30000);
}

static void choose_tcp(struct sim *sim, struct tpa_tcp_config *tcp)
{
    /* At 20 % each way many in a row do get lost now and then. */
    tcp->retries = tcp->syn_retries = 40;
    /* A slow reader's peer has closed long before it: it must not be forgotten, or a keepalive
     * probe is answered by a reset. */
    tcp->fin_wait_2 = 3600 * SIM_S;
    tcp->sack = chance(sim, 75);
    tcp->timestamps = chance(sim, 75);
    tcp->window_scale = chance(sim, 75);
    tcp->segmentation = chance(sim, 75);
    tcp->receive_buffer = (uint32_t)magnitude(sim, 3000, 2e6);
    tcp->send_buffer = (uint32_t)magnitude(sim, 100000, 2e6);
    tcp->delayed_ack = chance(sim, 50) ? 1 * SIM_MS : below(sim, 200 * SIM_MS);
    if (chance(sim, 25))
        tcp->user_mss = (uint16_t)(300 + below(sim, 1200));
    if (chance(sim, 25))
        tcp->keepalive = SIM_S + below(sim, 100 * SIM_S);
    if (chance(sim, 25))
        tcp->receive_queue_entries = (uint32_t)(4 + below(sim, 100));
    if (chance(sim, 25))
        tcp->out_of_order_entries = (uint32_t)below(sim, 100);
}

static struct sim_host *choose_host(struct sim *sim)
{
    static const uint16_t mtus[] = {1500, 1500, 1500, 9000, 1280, 1492};
    struct sim_host_config config;

    sim_host_default(&config);
    config.mtu = mtus[below(sim, sizeof(mtus) / sizeof(mtus[0]))];
    config.nagle = chance(sim, 30);
    config.poll = magnitude(sim, 1e3, 1e5);
    choose_tcp(sim, &config.tcp);
    return sim_host_add(sim, &config);
}

/* What a path may do to a packet that is longer than a part of it takes. */
static uint16_t path_mtu(const struct sim *sim)
{
    uint16_t least = 65535;

    for (unsigned int i = 0; i < sim->host_count; i++)
        least = sim->hosts[i]->config.mtu < least ? sim->hosts[i]->config.mtu : least;
    return least;
}

/* Two hosts on one link; or several, with a bottleneck between two switches. */
static void choose_network(struct sim *sim)
{
    struct sim_pipe_config there, back;
    struct sim_switch *left, *right;
    unsigned int hosts = chance(sim, 70) ? 2 : 3 + (unsigned int)below(sim, 2);

    for (unsigned int i = 0; i < hosts; i++)
        choose_host(sim);
    choose_pipe(sim, &there);
    choose_pipe(sim, &back);
    there.mtu = back.mtu = path_mtu(sim);
    if (chance(sim, 20) && there.mtu > 1300)
        there.mtu = (uint16_t)(1280 + below(sim, there.mtu - 1280u));
    if (hosts == 2) {
        sim_link_add(sim, sim_at_host(sim->hosts[0]), sim_at_host(sim->hosts[1]), &there, &back);
        return;
    }
    left = sim_switch_add(sim);
    right = sim_switch_add(sim);
    sim_link_add(sim, sim_at_switch(left), sim_at_switch(right), &there, &back);
    for (unsigned int i = 0; i < hosts; i++) {
        static const struct sim_pipe_config access = {.delay = 10 * SIM_US};

        sim_link_add(sim, sim_at_host(sim->hosts[i]), sim_at_switch(i % 2 == 0 ? left : right),
                     &access, &access);
    }
}

static void choose_flow(struct sim *sim, uint64_t bytes)
{
    unsigned int client = (unsigned int)below(sim, sim->host_count);
    unsigned int server =
        (client + 1 + (unsigned int)below(sim, sim->host_count - 1)) % sim->host_count;
    struct sim_flow_plan plan = {
        .hosts = {sim->hosts[client], sim->hosts[server]},
        .pattern = (enum sim_pattern)below(sim, SIM_PATTERNS),
        .ipv6 = chance(sim, 40),
        .server_closes_first = chance(sim, 30),
        .shutdown = chance(sim, 30),
        .start = chance(sim, 50) ? 0 : magnitude(sim, 1e4, 1e10),
    };

    for (int i = 0; i < 2; i++) {
        plan.bytes[i] = magnitude(sim, chance(sim, 50) ? 1 : (double)bytes / 20, (double)bytes);
        if (chance(sim, 10))
            plan.bytes[i] = 0;
        plan.write_size[i] = (uint32_t)magnitude(sim, (double)plan.bytes[i] / 300 + 1, 20000);
        plan.zero_copy[i] = chance(sim, 30);
        if (chance(sim, 25)) { /* a slow reader */
            plan.read_size[i] = 1 + (uint32_t)below(sim, 4);
            plan.read_interval[i] = magnitude(sim, 1e5, 1e9);
        }
    }
    if (plan.pattern == SIM_REQUEST_RESPONSE || plan.pattern == SIM_WRITE_WRITE_READ) {
        uint64_t turns = 1 + below(sim, 20);

        plan.bytes[0] = turns * plan.write_size[0];
        plan.bytes[1] = turns * plan.write_size[1];
    }
    sim_flow_add(sim, &plan);
}

static uint32_t choose_flow_count(struct sim *sim)
{
    if (chance(sim, 50))
        return 1;
    return (uint32_t)(chance(sim, 90) ? magnitude(sim, 1, 40) : magnitude(sim, 40, FLOWS_MAX));
}

void sim_random_run(uint64_t seed)
{
    struct sim sim;
    uint32_t flows;

    sim_begin(&sim, seed, FLOWS_MAX);
    flows = choose_flow_count(&sim);
    sim.check_every = flows > 100 ? CHECK_DEAR : 1;
    choose_network(&sim);
    for (uint32_t i = 0; i < flows; i++)
        choose_flow(&sim, BYTES / flows + 100);
    sim_run_flows(&sim, DURATION_MAX);
    sim_end(&sim);
}
