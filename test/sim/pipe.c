#include "pipe.h"

#include <stddef.h>

enum {
    ETHERNET = 14,
    FRAME_TYPICAL = 1514,
    BITS = 8,
    SECOND = 1000000000,
    LATE_WAIT = 10000000,
};

void sim_pipe_configure(struct sim_pipe *pipe, const struct sim_pipe_config *config)
{
    bool same_queue = pipe->config.queue.discipline == config->queue.discipline;

    pipe->config = *config;
    pipe->counters.tcp = 0;
    if (same_queue)
        pipe->queue.config.limit = config->queue.limit;
}

void sim_pipe_init(struct sim_pipe *pipe, const struct sim_pipe_config *config, uint64_t seed)
{
    *pipe = (struct sim_pipe){.config = *config};
    tpa_base_random_seed(&pipe->random, seed);
    sim_queue_init(&pipe->queue, &config->queue);
}

static bool happens(struct sim_pipe *pipe, uint32_t ppm)
{
    return ppm != 0 && tpa_base_random_below(&pipe->random, SIM_PPM) < ppm;
}

static uint64_t wire_time(const struct sim_pipe *pipe, uint32_t length)
{
    return pipe->config.rate == 0 ? 0 : (uint64_t)length * BITS * SECOND / pipe->config.rate;
}

static uint64_t late_wait(const struct sim_pipe *pipe)
{
    return pipe->config.reorder_delay != 0 ? pipe->config.reorder_delay : LATE_WAIT;
}

/* The frame's last bit has left at `departed`. */
static void fly(struct sim_pipe *pipe, struct sim_frame *frame, uint64_t departed)
{
    uint64_t due = departed + pipe->config.delay;

    if (pipe->config.jitter != 0)
        due += tpa_base_random_below(&pipe->random, pipe->config.jitter + 1);
    if (happens(pipe, pipe->config.reorder_ppm)) {
        pipe->counters.reordered++;
        frame->due = due + late_wait(pipe);
    } else {
        frame->due = pipe->last_due = due > pipe->last_due ? due : pipe->last_due;
    }
    sim_frames_insert(&pipe->flight, frame);
}

/* What waits goes as far as the rate allows. */
static void serve(struct sim_pipe *pipe, uint64_t now)
{
    while (pipe->queue.frames.count > 0 && pipe->busy_until <= now) {
        struct sim_frame *frame = sim_queue_leave(&pipe->queue, now);

        if (frame == NULL)
            return;
        pipe->busy_until = now + wire_time(pipe, frame->length);
        fly(pipe, frame, pipe->busy_until);
    }
}

static void corrupt(struct sim_pipe *pipe, struct sim_frame *frame)
{
    uint64_t bit =
        tpa_base_random_below(&pipe->random, (uint64_t)(frame->length - ETHERNET) * BITS);

    frame->bytes[ETHERNET + bit / BITS] ^= (uint8_t)(1u << bit % BITS);
    pipe->counters.corrupted++;
}

static void enqueue(struct sim_pipe *pipe, struct sim_frame *frame, uint64_t now)
{
    sim_queue_enter(&pipe->queue, frame, wire_time(pipe, FRAME_TYPICAL), &pipe->random, now);
    serve(pipe, now);
}

static void duplicate(struct sim_pipe *pipe, const struct sim_frame *frame, uint64_t now)
{
    struct sim_frame *copy = sim_frame_copy(frame);

    if (copy == NULL)
        return;
    pipe->counters.duplicated++;
    enqueue(pipe, copy, now);
}

static void release_late(struct sim_pipe *pipe, uint64_t now)
{
    struct sim_frame *frame = pipe->late;

    pipe->late = NULL;
    if (frame != NULL)
        enqueue(pipe, frame, now);
}

static struct sim_frame *lose(struct sim_pipe *pipe, struct sim_frame *frame)
{
    pipe->counters.lost++;
    sim_frame_free(frame);
    return NULL;
}

static struct sim_frame *refuse(struct sim_pipe *pipe, struct sim_frame *frame)
{
    struct sim_frame *error =
        pipe->config.black_hole ? NULL : sim_frame_too_big(frame, pipe->config.mtu);

    pipe->counters.too_big++;
    sim_frame_free(frame);
    return error;
}

struct sim_frame *sim_pipe_enter(struct sim_pipe *pipe, struct sim_frame *frame, uint64_t now)
{
    const struct sim_pipe_config *config = &pipe->config;
    uint64_t number = SIM_NEVER;
    struct sim_view view;

    sim_frame_view(frame, &view);
    pipe->counters.entered++;
    if (view.tcp)
        number = pipe->counters.tcp++;
    if (view.tcp && pipe->observe != NULL)
        pipe->observe(pipe->context, &view, number);
    if (config->down || sim_mask_has(&config->drop, number) || happens(pipe, config->loss_ppm))
        return lose(pipe, frame);
    if (config->mtu != 0 && view.ip && view.length > config->mtu)
        return refuse(pipe, frame);
    if (view.ip && happens(pipe, config->corrupt_ppm))
        corrupt(pipe, frame);
    if (sim_mask_has(&config->duplicate, number) || happens(pipe, config->duplicate_ppm))
        duplicate(pipe, frame, now);
    if (sim_mask_has(&config->late, number)) {
        release_late(pipe, now);
        pipe->late = frame;
        pipe->late_until = now + late_wait(pipe);
        return NULL;
    }
    enqueue(pipe, frame, now);
    if (view.tcp)
        release_late(pipe, now);
    return NULL;
}

struct sim_frame *sim_pipe_leave(struct sim_pipe *pipe, uint64_t now)
{
    struct sim_frame *frame;

    if (pipe->late != NULL && pipe->late_until <= now)
        release_late(pipe, now);
    serve(pipe, now);
    if (pipe->flight.first == NULL || pipe->flight.first->due > now)
        return NULL;
    frame = sim_frames_pop(&pipe->flight);
    pipe->counters.delivered++;
    pipe->counters.delivered_bytes += frame->length;
    return frame;
}

uint64_t sim_pipe_next(const struct sim_pipe *pipe)
{
    uint64_t next = pipe->flight.first != NULL ? pipe->flight.first->due : SIM_NEVER;

    if (pipe->queue.frames.count > 0 && pipe->busy_until < next)
        next = pipe->busy_until;
    if (pipe->late != NULL && pipe->late_until < next)
        next = pipe->late_until;
    return next;
}

void sim_pipe_clear(struct sim_pipe *pipe)
{
    sim_frames_clear(&pipe->queue.frames);
    sim_frames_clear(&pipe->flight);
    if (pipe->late != NULL)
        sim_frame_free(pipe->late);
    pipe->late = NULL;
}
