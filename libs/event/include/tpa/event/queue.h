/*
 * Readiness: what a handle is ready for, who wants to know, and telling each once.
 *
 * A source (one per handle) has three sets of bits:
 *
 * - ready: what holds now. Sticky: set by raise, unset by clear, both called by the stack. Kept
 *   whether or not anybody is interested.
 * - interest: what the program asked for with add or modify. ERR and HUP are always in it while
 *   registered.
 * - pending: what will be reported by the next poll; always a subset of both others. A source is
 *   linked in its queue exactly while this is not empty.
 *
 * Edges. Each raise of a bit that is in the interest makes it pending, also if it was ready before:
 * new data that arrives while old data is unread is a new edge, as with an edge-triggered epoll.
 * Several raises between two polls are one report. add and modify make everything pending that is
 * ready and in the new interest. clear takes a bit back from pending as well: what is no longer
 * true is not reported.
 *
 * A queue belongs to one worker and so do its sources; nothing here is shared between threads.
 * Sources are intrusive; neither type owns anything.
 */
#ifndef TPA_EVENT_QUEUE_H
#define TPA_EVENT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/list.h>

TPA_BASE_DECLARATIONS_BEGIN

/* The values of the public API's TPA_EVENT_IN and so on. */
#define TPA_EVENT_READY_IN  0x1u
#define TPA_EVENT_READY_OUT 0x4u
#define TPA_EVENT_READY_ERR 0x8u
#define TPA_EVENT_READY_HUP 0x10u

#define TPA_EVENT_READY_ALWAYS (TPA_EVENT_READY_ERR | TPA_EVENT_READY_HUP)
#define TPA_EVENT_READY_ALL    (TPA_EVENT_READY_IN | TPA_EVENT_READY_OUT | TPA_EVENT_READY_ALWAYS)

/* Embedded in the handle. Zeroed memory is a valid source: nothing ready, not registered. */
struct tpa_event_source {
    struct tpa_base_list link; /*  0: linked while pending is not empty */
    void *data;                /* 16: the program's, handed back in reports */
    uint8_t ready;             /* 24 */
    uint8_t interest;          /* 25: 0 while not registered, else with ERR and HUP */
    uint8_t pending;           /* 26 */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_event_source) == 32, "one per handle: keep it small");

/* The sources with something to report, first come first served. */
struct tpa_event_queue {
    struct tpa_base_list sources;
};

/* One report: the layout of the public API's struct tpa_event. */
struct tpa_event_report {
    uint32_t events;
    void *data;
};

void tpa_event_queue_init(struct tpa_event_queue *queue);

/* Makes a source with nothing ready that is not registered. */
void tpa_event_source_init(struct tpa_event_source *source);

/*
 * Registers `source` with `queue`. `interest`: any of TPA_EVENT_READY_* (others are ignored); ERR
 * and HUP are added. `data` is handed back in each report. What is ready already becomes pending.
 * 0, or TPA_EEXIST if it is registered.
 */
int tpa_event_source_add(struct tpa_event_queue *queue, struct tpa_event_source *source,
                         uint32_t interest, void *data);

/*
 * Replaces interest and data. What is ready and in the new interest becomes pending again; what is
 * not is no longer. 0, or TPA_ENOENT if it is not registered.
 */
int tpa_event_source_modify(struct tpa_event_queue *queue, struct tpa_event_source *source,
                            uint32_t interest, void *data);

/*
 * Takes the source off, O(1); no report of it comes afterwards, and its memory may be reused. The
 * ready bits stay. 0, or TPA_ENOENT if it was not registered.
 */
int tpa_event_source_remove(struct tpa_event_source *source);

static inline bool tpa_event_source_is_registered(const struct tpa_event_source *source)
{
    return source->interest != 0;
}

/* Sets ready bits; each one that is in the interest is an edge (see above). `queue`: the one it was
 * added to, if any. */
static inline void tpa_event_source_raise(struct tpa_event_queue *queue,
                                          struct tpa_event_source *source, uint32_t bits)
{
    uint8_t wanted = (uint8_t)(bits & source->interest);

    source->ready |= (uint8_t)(bits & TPA_EVENT_READY_ALL);
    if (wanted == 0)
        return;
    if (source->pending == 0)
        tpa_base_list_push_back(&queue->sources, &source->link);
    source->pending |= wanted;
}

/* Unsets ready bits, also those that are pending. */
static inline void tpa_event_source_clear(struct tpa_event_source *source, uint32_t bits)
{
    source->ready &= (uint8_t)~bits;
    if (source->pending == 0)
        return;
    source->pending &= (uint8_t)~bits;
    if (source->pending == 0)
        tpa_base_list_remove(&source->link);
}

/* True if a poll would report something. */
static inline bool tpa_event_queue_has_pending(const struct tpa_event_queue *queue)
{
    return !tpa_base_list_is_empty(&queue->sources);
}

/*
 * Edge-triggered: reports up to `max` sources, each once with all its pending bits, and forgets
 * these bits. Those for which there was no room come first next time. Returns the count, 0 .. max;
 * 0 for max <= 0.
 */
int tpa_event_queue_poll(struct tpa_event_queue *queue, struct tpa_event_report *reports, int max);

/*
 * Level-triggered: reports up to `max` sources, each at most once with all bits that are ready and
 * in its interest, and keeps reporting them in later calls for as long as they are. Sources
 * reported go to the end of the queue, so that all get their turn. A queue is polled by one of the
 * two calls, always the same: what the edge form has reported, the level form reports only after
 * another raise, add or modify.
 */
int tpa_event_queue_poll_level(struct tpa_event_queue *queue, struct tpa_event_report *reports,
                               int max);

TPA_BASE_DECLARATIONS_END

#endif
