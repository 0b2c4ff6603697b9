#include "path.h"

enum {
    BUFFER = 12 << 20, /* bytes: no path here has a larger product */
    CHECK_EVERY = 32,  /* steps: invariants are the random scenarios' matter */
    POLL = 50000,
    ACCESS_DELAY = 1000,
};

#define ENDLESS      (UINT64_C(1) << 40)
#define DURATION_MAX (UINT64_C(3600) * SIM_S)

static void host_config(const struct sim_path *path, struct sim_host_config *config)
{
    sim_host_default(config);
    config->poll = path->poll != 0 ? path->poll : POLL;
    config->ring = SIM_PACKETS;
    config->tcp.receive_buffer = config->tcp.send_buffer = BUFFER;
    /* Controls are compared, not windows: what they find does not depend on how these grow. */
    config->tcp.receive_buffer_initial = config->tcp.send_buffer_min = BUFFER;
    config->tcp.receive_queue_entries = config->tcp.out_of_order_entries = SIM_PACKETS;
    config->tcp.send_queue_entries = 4096;
}

void sim_dumbbell_begin(struct sim_dumbbell *dumbbell, const struct sim_path *path, uint64_t seed,
                        uint32_t flows)
{
    struct sim_pipe_config there = {
        .rate = path->rate,
        .delay = path->delay,
        .jitter = path->jitter,
        .loss_ppm = path->loss_ppm,
        .queue = {.limit = path->queue},
    };
    struct sim_pipe_config back = there;
    struct sim *sim = &dumbbell->sim;
    struct sim_host_config config;

    if (path->mark != 0)
        there.queue = (struct sim_queue_config){.discipline = SIM_RED,
                                                .limit = path->queue,
                                                .ecn = true,
                                                .red_minimum = path->mark,
                                                .red_maximum = path->mark};
    back.loss_ppm = 0;
    sim_begin(sim, seed, flows);
    sim->check_every = CHECK_EVERY;
    host_config(path, &config);
    sim_switch_add(sim);
    sim_switch_add(sim);
    dumbbell->bottleneck = sim_link_add(sim, sim_at_switch(sim->switches[0]),
                                        sim_at_switch(sim->switches[1]), &there, &back);
    dumbbell->receiver = sim_host_add(sim, &config);
    there = (struct sim_pipe_config){.delay = ACCESS_DELAY};
    sim_link_add(sim, sim_at_host(dumbbell->receiver), sim_at_switch(sim->switches[1]), &there,
                 &there);
}

struct sim_host *sim_dumbbell_sender(struct sim_dumbbell *dumbbell,
                                     const struct tpa_tcp_congestion *control)
{
    static const struct sim_pipe_config access = {.delay = ACCESS_DELAY};
    struct sim *sim = &dumbbell->sim;
    struct sim_host_config config = dumbbell->receiver->config;
    struct sim_host *host;

    config.tcp.congestion = control;
    host = sim_host_add(sim, &config);
    sim_link_add(sim, sim_at_host(host), sim_at_switch(sim->switches[0]), &access, &access);
    return host;
}

struct sim_flow *sim_dumbbell_flow(struct sim_dumbbell *dumbbell, struct sim_host *sender,
                                   uint64_t bytes, uint64_t start)
{
    return sim_flow_add(&dumbbell->sim, &(struct sim_flow_plan){
                                            .hosts = {sender, dumbbell->receiver},
                                            .start = start,
                                            .bytes = {bytes},
                                            .write_size = {16384},
                                            .zero_copy = {true},
                                        });
}

uint64_t sim_path_transfer(const struct sim_path *path, const struct tpa_tcp_congestion *control,
                           uint64_t bytes, uint64_t seed)
{
    struct sim_dumbbell dumbbell;
    struct sim_flow *flow;
    uint64_t time;

    sim_dumbbell_begin(&dumbbell, path, seed, 1);
    flow = sim_dumbbell_flow(&dumbbell, sim_dumbbell_sender(&dumbbell, control), bytes, 0);
    sim_run_flows(&dumbbell.sim, DURATION_MAX);
    time = sim_flow_time(flow);
    sim_end(&dumbbell.sim);
    return time;
}

/* Ends endless flows, whatever is under way: their time is over. */
static void stop_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->flow_count; i++)
        sim_flow_stop(&sim->flows[i]);
    sim_run_flows(sim, DURATION_MAX);
    sim_end(sim);
}

double sim_path_share(const struct sim_path *path, const struct tpa_tcp_congestion *const *controls,
                      const unsigned int *counts, uint64_t warm_up, uint64_t duration,
                      double *shares)
{
    struct sim_dumbbell dumbbell;
    struct sim *sim = &dumbbell.sim;
    uint32_t flows = 0;
    double sum = 0;

    for (int i = 0; controls[i] != NULL; i++)
        flows += counts[i];
    sim_dumbbell_begin(&dumbbell, path, 1, flows);
    for (int i = 0; controls[i] != NULL; i++) {
        struct sim_host *sender = sim_dumbbell_sender(&dumbbell, controls[i]);

        for (unsigned int j = 0; j < counts[i]; j++)
            sim_dumbbell_flow(&dumbbell, sender, ENDLESS, sim->flow_count * 2 * path->delay);
    }
    sim_run(sim, warm_up);
    for (uint32_t i = 0; i < flows; i++)
        shares[i] = -(double)sim_flow_upload(&sim->flows[i]);
    sim_run(sim, duration);
    for (uint32_t i = 0; i < flows; i++) {
        shares[i] += (double)sim_flow_upload(&sim->flows[i]);
        shares[i] *= 8e9 / (double)duration;
        sum += shares[i];
    }
    stop_all(sim);
    return sum;
}
