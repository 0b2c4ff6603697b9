/*
 * The queue in front of a rate: tail drop, RED (Floyd and Jacobson 1993, as RFC 2309 recommends
 * it) or CoDel (RFC 8289); both mark instead where the packet is ECT (RFC 3168).
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <tpa/base/random.h>

#include "frame.h"

enum sim_discipline {
    SIM_TAIL_DROP,
    SIM_RED,
    SIM_CODEL,
};

struct sim_queue_config {
    enum sim_discipline discipline;
    uint64_t limit; /* bytes that wait at most, in every discipline; 0 = no limit */
    bool ecn;       /* mark ECT packets instead of dropping them */
    /* RED, on the average of the bytes that wait. */
    uint64_t red_minimum, red_maximum; /* bytes; equal: a step */
    double red_probability;            /* at red_maximum */
    uint8_t red_weight;                /* the average moves by 2^-weight; 0 = it is the queue */
    /* CoDel; 0 = RFC 8289's 5 ms and 100 ms. */
    uint64_t codel_target, codel_interval;
};

struct sim_queue_counters {
    uint64_t dropped_full, dropped_early, marked;
    uint64_t bytes_max; /* most that ever waited */
};

struct sim_queue {
    struct sim_queue_config config;
    struct sim_frames frames;
    struct sim_queue_counters counters;
    double red_average;
    int64_t red_count; /* packets since the last drop or mark; -1 = below the minimum */
    uint64_t red_idle; /* when it became empty */
    bool codel_dropping;
    uint32_t codel_count, codel_last_count;
    uint64_t codel_first_above, codel_next;
};

void sim_queue_init(struct sim_queue *queue, const struct sim_queue_config *config);

/* Takes the frame, or frees it. `frame_time`: ns that a typical frame takes at the rate. */
void sim_queue_enter(struct sim_queue *queue, struct sim_frame *frame, uint64_t frame_time,
                     struct tpa_base_random *random, uint64_t now);

/* The next to be sent; NULL when none is left. */
struct sim_frame *sim_queue_leave(struct sim_queue *queue, uint64_t now);

#endif
