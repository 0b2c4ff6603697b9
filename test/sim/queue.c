#include "queue.h"

#include <math.h>
#include <stddef.h>

enum {
    MILLISECOND = 1000000,
    CODEL_TARGET = 5 * MILLISECOND,
    CODEL_INTERVAL = 100 * MILLISECOND,
    CODEL_FRAME = 1514, /* bytes: as little as this is no standing queue */
};

void sim_queue_init(struct sim_queue *queue, const struct sim_queue_config *config)
{
    *queue = (struct sim_queue){.config = *config, .red_count = -1};
    if (queue->config.codel_target == 0)
        queue->config.codel_target = CODEL_TARGET;
    if (queue->config.codel_interval == 0)
        queue->config.codel_interval = CODEL_INTERVAL;
}

/* True: the congestion was told by a mark. False: the frame has to go. */
static bool mark(struct sim_queue *queue, struct sim_frame *frame)
{
    struct sim_view view;

    if (!queue->config.ecn)
        return false;
    sim_frame_view(frame, &view);
    if (!sim_view_is_ect(&view))
        return false;
    sim_frame_mark(frame);
    queue->counters.marked++;
    return true;
}

/* ---- RED ---- */

static void red_average(struct sim_queue *queue, uint64_t frame_time, uint64_t now)
{
    double weight = ldexp(1, -queue->config.red_weight);

    if (queue->frames.count == 0 && frame_time > 0) /* as if so many small queues had been seen */
        queue->red_average *= pow(1 - weight, (double)(now - queue->red_idle) / (double)frame_time);
    queue->red_average += weight * ((double)queue->frames.bytes - queue->red_average);
}

/* Between the thresholds: evenly spread, by the count since the last one. */
static bool red_happens(struct sim_queue *queue, struct tpa_base_random *random)
{
    const struct sim_queue_config *config = &queue->config;
    double above = queue->red_average - (double)config->red_minimum;
    double width = (double)(config->red_maximum - config->red_minimum);
    double base = config->red_probability * above / width;
    double rest = 1 - (double)++queue->red_count * base;

    if (rest > 0 && tpa_base_random_unit(random) >= base / rest)
        return false;
    queue->red_count = 0;
    return true;
}

/* True: the frame has to go. */
static bool red_drops(struct sim_queue *queue, struct sim_frame *frame, uint64_t frame_time,
                      struct tpa_base_random *random, uint64_t now)
{
    red_average(queue, frame_time, now);
    if (queue->red_average < (double)queue->config.red_minimum) {
        queue->red_count = -1;
        return false;
    }
    if (queue->red_average < (double)queue->config.red_maximum && !red_happens(queue, random))
        return false;
    return !mark(queue, frame);
}

void sim_queue_enter(struct sim_queue *queue, struct sim_frame *frame, uint64_t frame_time,
                     struct tpa_base_random *random, uint64_t now)
{
    const struct sim_queue_config *config = &queue->config;

    if (config->discipline == SIM_RED && red_drops(queue, frame, frame_time, random, now)) {
        queue->counters.dropped_early++;
        sim_frame_free(frame);
        return;
    }
    if (config->limit != 0 && queue->frames.bytes + frame->length > config->limit) {
        queue->counters.dropped_full++;
        sim_frame_free(frame);
        return;
    }
    frame->queued = now;
    sim_frames_push(&queue->frames, frame);
    if (queue->frames.bytes > queue->counters.bytes_max)
        queue->counters.bytes_max = queue->frames.bytes;
}

/* ---- CoDel (RFC 8289 section 5) ---- */

static bool codel_ok_to_drop(struct sim_queue *queue, const struct sim_frame *frame, uint64_t now)
{
    if (now - frame->queued < queue->config.codel_target || queue->frames.bytes <= CODEL_FRAME) {
        queue->codel_first_above = 0;
        return false;
    }
    if (queue->codel_first_above == 0) {
        queue->codel_first_above = now + queue->config.codel_interval;
        return false;
    }
    return now >= queue->codel_first_above;
}

static uint64_t codel_control_law(const struct sim_queue *queue, uint64_t time)
{
    return time + (uint64_t)((double)queue->config.codel_interval / sqrt(queue->codel_count));
}

/* The frame, marked, or the one behind it. */
static struct sim_frame *codel_signal(struct sim_queue *queue, struct sim_frame *frame)
{
    if (mark(queue, frame))
        return frame;
    queue->counters.dropped_early++;
    sim_frame_free(frame);
    return sim_frames_pop(&queue->frames);
}

static struct sim_frame *codel_go_on(struct sim_queue *queue, struct sim_frame *frame, uint64_t now)
{
    while (frame != NULL && now >= queue->codel_next && queue->codel_dropping) {
        struct sim_frame *next = codel_signal(queue, frame);
        bool marked = next == frame;

        queue->codel_count++;
        frame = next;
        if (frame == NULL || (!marked && !codel_ok_to_drop(queue, frame, now)))
            queue->codel_dropping = false;
        else
            queue->codel_next = codel_control_law(queue, queue->codel_next);
        if (marked)
            break;
    }
    return frame;
}

static struct sim_frame *codel_begin(struct sim_queue *queue, struct sim_frame *frame, uint64_t now)
{
    uint32_t delta = queue->codel_count - queue->codel_last_count;

    frame = codel_signal(queue, frame);
    queue->codel_dropping = true;
    queue->codel_count = 1;
    if (delta > 1 && now - queue->codel_next < 16 * queue->config.codel_interval)
        queue->codel_count = delta;
    queue->codel_next = codel_control_law(queue, now);
    queue->codel_last_count = queue->codel_count;
    return frame;
}

static struct sim_frame *codel_leave(struct sim_queue *queue, struct sim_frame *frame, uint64_t now)
{
    bool drop = codel_ok_to_drop(queue, frame, now);

    if (queue->codel_dropping) {
        if (!drop)
            queue->codel_dropping = false;
        return codel_go_on(queue, frame, now);
    }
    return drop ? codel_begin(queue, frame, now) : frame;
}

struct sim_frame *sim_queue_leave(struct sim_queue *queue, uint64_t now)
{
    struct sim_frame *frame = sim_frames_pop(&queue->frames);

    if (frame != NULL && queue->config.discipline == SIM_CODEL)
        frame = codel_leave(queue, frame, now);
    if (queue->frames.count == 0)
        queue->red_idle = now;
    return frame;
}
