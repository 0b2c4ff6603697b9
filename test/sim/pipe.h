/*
 * One direction of a link. A frame that enters meets, in this order: the link's state, its MTU,
 * loss, corruption, duplication, the queue, the rate, then delay, jitter and reordering.
 */
#ifndef SIM_PIPE_H
#define SIM_PIPE_H

#include "queue.h"

#define SIM_PPM      1000000 /* certainty */
#define SIM_MASK_MAX 256     /* packets that an exact mask covers */

#define SIM_NEVER UINT64_MAX

/* Bit n is the n-th packet with TCP that entered since the pipe was configured, from 0. */
struct sim_mask {
    uint64_t word[SIM_MASK_MAX / 64];
};

static inline void sim_mask_add(struct sim_mask *mask, unsigned int number)
{
    mask->word[number / 64] |= UINT64_C(1) << number % 64;
}

static inline bool sim_mask_has(const struct sim_mask *mask, uint64_t number)
{
    return number < SIM_MASK_MAX && (mask->word[number / 64] >> number % 64 & 1) != 0;
}

/* All zero is a perfect wire. */
struct sim_pipe_config {
    uint64_t rate;                 /* bits per second, of whole frames; 0 = without limit */
    uint64_t delay;                /* ns */
    uint64_t jitter;               /* ns, uniform in [0, jitter] on top of delay; order is kept */
    struct sim_queue_config queue; /* of what waits for the rate */
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm;   /* one bit of the IP packet is flipped */
    uint32_t reorder_ppm;   /* arrives so much later than it would: */
    uint64_t reorder_delay; /* ns; also the longest that a late one (mask) waits for the next;
                               0 = 10 ms */
    uint16_t mtu;           /* bytes of an IP packet; 0 = any. Longer ones are dropped, */
    bool black_hole;        /*   and no ICMP tells */
    bool down;              /* what enters is lost */
    struct sim_mask drop, duplicate;
    struct sim_mask late; /* swapped with the next one with TCP */
};

struct sim_pipe_counters {
    uint64_t entered, lost, too_big, corrupted, duplicated, reordered;
    uint64_t delivered, delivered_bytes;
    uint64_t tcp; /* packets with TCP that entered since the pipe was configured */
};

struct sim_pipe {
    struct sim_pipe_config config;
    struct tpa_base_random random;
    struct sim_queue queue;
    struct sim_frames flight; /* by due time */
    struct sim_frame *late;   /* waits for the next one to pass */
    uint64_t late_until;
    uint64_t busy_until; /* the rate's */
    uint64_t last_due;
    struct sim_pipe_counters counters;
    /* For a test to see what enters with TCP, with its number; or NULL. */
    void (*observe)(void *context, const struct sim_view *view, uint64_t number);
    void *context;
};

void sim_pipe_init(struct sim_pipe *pipe, const struct sim_pipe_config *config, uint64_t seed);

/* Changes it while it runs; what is on its way stays. Masks count from 0 again. */
void sim_pipe_configure(struct sim_pipe *pipe, const struct sim_pipe_config *config);

/* A frame at the time `now`, which the pipe owns from here on. Returns an ICMP error for the way
 * back, or NULL. */
struct sim_frame *sim_pipe_enter(struct sim_pipe *pipe, struct sim_frame *frame, uint64_t now);

/* Frames that have arrived by `now`, one a call, then NULL. */
struct sim_frame *sim_pipe_leave(struct sim_pipe *pipe, uint64_t now);

/* When something happens in it next; SIM_NEVER. */
uint64_t sim_pipe_next(const struct sim_pipe *pipe);

void sim_pipe_clear(struct sim_pipe *pipe);

#endif
