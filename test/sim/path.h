/* Kinds of paths, and bulk transfers over them: for completion times, goodput, fairness. */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include "flow.h"

/* A bottleneck between two switches; senders on one side, receivers on the other. */
struct sim_path {
    const char *name;
    uint64_t rate;   /* bits per second */
    uint64_t delay;  /* ns, one way */
    uint64_t jitter; /* ns, one way */
    uint64_t queue;  /* bytes in front of the rate */
    uint32_t loss_ppm;
    uint64_t mark; /* bytes of queue from which ECT packets are marked; 0 = no marks */
    uint64_t poll; /* ns between steps of the hosts; 0 = 50 us */
};

static inline uint64_t sim_path_bdp(const struct sim_path *path)
{
    return path->rate / 8 * 2 * path->delay / SIM_S;
}

struct sim_dumbbell {
    struct sim sim;
    struct sim_link *bottleneck;
    struct sim_host *receiver;
};

/* The bottleneck, and one receiver behind it. */
void sim_dumbbell_begin(struct sim_dumbbell *dumbbell, const struct sim_path *path, uint64_t seed,
                        uint32_t flows);
/* Another sender, all of whose flows have this congestion control. */
struct sim_host *sim_dumbbell_sender(struct sim_dumbbell *dumbbell,
                                     const struct tpa_tcp_congestion *control);
/* `bytes` from a sender to the receiver, beginning after `start` ns. */
struct sim_flow *sim_dumbbell_flow(struct sim_dumbbell *dumbbell, struct sim_host *sender,
                                   uint64_t bytes, uint64_t start);

/* One transfer alone: ns from the SYN to the last byte read. */
uint64_t sim_path_transfer(const struct sim_path *path, const struct tpa_tcp_congestion *control,
                           uint64_t bytes, uint64_t seed);

/*
 * `counts[i]` endless flows of each control, until `controls[i]` is NULL, started one after the
 * other. After `warm_up`, what each flow delivers in `duration` goes to `shares` (bits per second).
 * Returns the sum.
 */
double sim_path_share(const struct sim_path *path, const struct tpa_tcp_congestion *const *controls,
                      const unsigned int *counts, uint64_t warm_up, uint64_t duration,
                      double *shares);

#endif
