#include "flight.h"

#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "flight_ranges.h"

/* Ranges of each class: one request; a bulk transfer; a flight full of holes. */
static const uint16_t capacities[TPA_TCP_FLIGHT_CLASSES] = {
    8, TPA_TCP_FLIGHT_RANGES_TIMED + TPA_TCP_FLIGHT_RANGES_TIMED / 2, TPA_TCP_FLIGHT_RANGES_ALL};

#define STATE_SIZE(ranges) \
    (sizeof(struct tpa_tcp_flight_ranges) + (ranges) * sizeof(struct tpa_tcp_flight_range))

_Static_assert(STATE_SIZE(TPA_TCP_FLIGHT_RANGES_ALL) <= TPA_MEM_SLAB_OBJECT_SIZE_MAX, "one object");

int tpa_tcp_flight_worker_init(struct tpa_tcp_flight_worker *worker,
                               const struct tpa_mem_chunk_source *source)
{
    for (unsigned int i = 0; i < TPA_TCP_FLIGHT_CLASSES; i++) {
        int error =
            tpa_mem_slab_init(&worker->classes[i], source, STATE_SIZE(capacities[i]), 16, 0);

        if (error != 0)
            return error;
    }
    return 0;
}

int tpa_tcp_flight_worker_fini(struct tpa_tcp_flight_worker *worker)
{
    for (unsigned int i = 0; i < TPA_TCP_FLIGHT_CLASSES; i++) {
        if (worker->classes[i].in_use != 0)
            return TPA_EBUSY;
    }
    for (unsigned int i = 0; i < TPA_TCP_FLIGHT_CLASSES; i++)
        tpa_mem_slab_destroy(&worker->classes[i]);
    return 0;
}

void tpa_tcp_flight_init(struct tpa_tcp_flight *flight, uint32_t sequence)
{
    *flight = (struct tpa_tcp_flight){.una = sequence, .nxt = sequence};
}

static void state_free(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker)
{
    if (flight->ranges == NULL)
        return;
    tpa_mem_slab_free(&worker->classes[flight->ranges->class], flight->ranges);
    flight->ranges = NULL;
}

void tpa_tcp_flight_drop(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker)
{
    state_free(flight, worker);
    tpa_tcp_flight_init(flight, flight->nxt);
}

/* Room for one more range at the end of the array, up to `limit` ranges. 0; TPA_ENOMEM. */
static int reserve(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                   unsigned int limit)
{
    struct tpa_tcp_flight_ranges *old = flight->ranges;
    struct tpa_tcp_flight_ranges *new;
    uint16_t class = old == NULL ? 0 : (uint16_t)(old->class + 1);

    if (old != NULL && old->count >= limit)
        return TPA_ENOMEM;
    if (old != NULL && old->first + old->count < old->capacity)
        return 0;
    if (old != NULL && old->first > 0) {
        memmove(&old->range[0], tpa_tcp_flight_at(old, 0), old->count * sizeof(old->range[0]));
        old->first = 0;
        return 0;
    }
    if (class == TPA_TCP_FLIGHT_CLASSES)
        return TPA_ENOMEM;
    new = tpa_mem_slab_alloc(&worker->classes[class]);
    if (new == NULL)
        return TPA_ENOMEM;
    *new = (struct tpa_tcp_flight_ranges){
        .capacity = capacities[class],
        .class = class,
        .lost_from = flight->nxt,
        .highest = flight->una,
    };
    if (old != NULL) {
        memcpy(new, old, sizeof(*new));
        new->first = 0;
        new->capacity = capacities[class];
        new->class = class;
        memcpy(&new->range[0], &old->range[0], old->count * sizeof(old->range[0]));
        state_free(flight, worker);
    }
    flight->ranges = new;
    return 0;
}

int tpa_tcp_flight_split(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                         unsigned int index, uint32_t sequence, unsigned int limit)
{
    struct tpa_tcp_flight_ranges *ranges;

    if (tpa_tcp_flight_start_of(flight, index) == sequence)
        return (int)index;
    if (reserve(flight, worker, limit) != 0)
        return TPA_ENOMEM;
    ranges = flight->ranges;
    memmove(tpa_tcp_flight_at(ranges, index + 1), tpa_tcp_flight_at(ranges, index),
            (ranges->count - index) * sizeof(struct tpa_tcp_flight_range));
    ranges->count++;
    tpa_tcp_flight_at(ranges, index + 1)->start = sequence;
    return (int)index + 1;
}

/* Is this range's time good for one that is (re)sent at `now`, at the price of TPA_TCP_RANGE_MIXED?
 */
static bool can_extend(const struct tpa_tcp_flight_ranges *ranges,
                       const struct tpa_tcp_flight_range *range, uint32_t flags, uint64_t now)
{
    if (ranges->count < TPA_TCP_FLIGHT_RANGES_TIMED)
        return range->flags == flags && range->sent == now;
    return (range->flags & ~(uint32_t)TPA_TCP_RANGE_MIXED) == flags;
}

static void touch(struct tpa_tcp_flight_range *range, uint64_t now)
{
    if (range->sent != now)
        tpa_tcp_flight_set_times(range, tpa_tcp_flight_first_time(range), now);
}

/* Something is sent: the next look for what was overtaken has to take it in. */
static void note_send(struct tpa_tcp_flight_ranges *ranges, uint64_t now)
{
    if (now < ranges->unscanned)
        ranges->unscanned = now;
}

int tpa_tcp_flight_sent(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                        uint32_t length, uint64_t now)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    struct tpa_tcp_flight_range *last = NULL;

    if (ranges != NULL) {
        last = tpa_tcp_flight_at(ranges, ranges->count - 1u);
        note_send(ranges, now);
    }
    if (last != NULL && can_extend(ranges, last, 0, now)) {
        touch(last, now);
        flight->nxt += length;
        return 0;
    }
    if (reserve(flight, worker, TPA_TCP_FLIGHT_RANGES_ALL) != 0) {
        if (last == NULL || (last->flags & ~(uint32_t)TPA_TCP_RANGE_MIXED) != 0)
            return TPA_ENOMEM;
        touch(last, now);
        flight->nxt += length;
        return 0;
    }
    ranges = flight->ranges;
    *tpa_tcp_flight_at(ranges, ranges->count++) =
        (struct tpa_tcp_flight_range){.sent = now, .start = flight->nxt};
    flight->nxt += length;
    return 0;
}

/* RFC 8985 section 6.2, step 2. Of a range that was sent bit by bit the first time counts. */
static void note_latest(const struct tpa_tcp_flight_range *range, uint32_t end,
                        struct tpa_tcp_flight_acked *acked)
{
    uint64_t sent = tpa_tcp_flight_first_time(range);

    if (((range->flags & TPA_TCP_RANGE_EVER_RETRANSMITTED) != 0 && sent > acked->again_before) ||
        range->spread == TPA_TCP_FLIGHT_SPREAD_MAX)
        return;
    if (!tpa_tcp_flight_sent_after(sent, end, acked->latest_sent, acked->latest_end))
        return;
    acked->latest_sent = sent;
    acked->latest_end = end;
}

/* A range that was sent bit by bit: its first time makes the round trip longer by 1/16 at most. */
static bool is_sample(const struct tpa_tcp_flight_range *range, uint64_t now)
{
    uint64_t spread = (uint64_t)range->spread << TPA_TCP_FLIGHT_SPREAD_SHIFT;

    return range->spread != TPA_TCP_FLIGHT_SPREAD_MAX && now > range->sent &&
           spread <= (now - range->sent) / 16;
}

void tpa_tcp_flight_delivered(const struct tpa_tcp_flight *flight,
                              const struct tpa_tcp_flight_range *range, uint32_t length,
                              struct tpa_tcp_flight_acked *acked)
{
    uint32_t end = range->start + length;
    uint64_t sent;

    if ((range->flags & TPA_TCP_RANGE_SACKED) != 0)
        return;
    acked->delivered += length;
    note_latest(range, end, acked);
    if ((range->flags & TPA_TCP_RANGE_LOST) != 0)
        acked->was_lost = true;
    if ((range->flags & TPA_TCP_RANGE_EVER_RETRANSMITTED) != 0) {
        acked->retransmitted = true;
        return;
    }
    if (tpa_base_seq_lt(end, flight->ranges->highest))
        acked->reordered = true;
    if (tpa_base_seq_leq(end, acked->original_end))
        acked->original = true;
    sent = tpa_tcp_flight_first_time(range);
    if ((range->flags & TPA_TCP_RANGE_MIXED) != 0 && !is_sample(range, acked->now))
        return;
    if (acked->oldest_sent == 0 || sent < acked->oldest_sent)
        acked->oldest_sent = sent;
    if (sent > acked->newest_sent)
        acked->newest_sent = sent;
}

void tpa_tcp_flight_acknowledged(struct tpa_tcp_flight *flight,
                                 struct tpa_tcp_flight_worker *worker, uint32_t ack,
                                 struct tpa_tcp_flight_acked *acked)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    uint32_t not_lost = 0;

    if (ack == flight->una)
        return;
    while (flight->una != ack) {
        struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(ranges, 0);
        uint32_t end = tpa_tcp_flight_end_of(flight, 0);
        uint32_t length = tpa_base_seq_min(end, ack) - flight->una;

        tpa_tcp_flight_delivered(flight, range, length, acked);
        tpa_tcp_flight_account(flight, range->flags, length, false);
        if ((range->flags & TPA_TCP_RANGE_LOST) == 0)
            not_lost += length;
        flight->una += length;
        acked->acked += length;
        range->start = flight->una;
        if (flight->una != end)
            break;
        ranges->first++;
        ranges->count--;
        if (ranges->count == 0)
            break;
    }
    /* What wasn't lost had arrived before, and each of its segments made a duplicate ACK. */
    flight->assumed -= TPA_BASE_MIN(flight->assumed, not_lost);
    ranges->lost_from = tpa_base_seq_max(ranges->lost_from, flight->una);
    ranges->highest = tpa_base_seq_max(ranges->highest, flight->una);
    tpa_tcp_flight_limit_assumed(flight);
    if (ranges->count == 0)
        state_free(flight, worker);
}

bool tpa_tcp_flight_next_lost(struct tpa_tcp_flight *flight, uint32_t length_max, uint32_t *start,
                              uint32_t *length)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    unsigned int index;

    if (flight->lost == 0)
        return false;
    ranges->lost_from = tpa_base_seq_max(ranges->lost_from, flight->una);
    if (ranges->lost_from == flight->nxt)
        return false;
    index = tpa_tcp_flight_find(flight, ranges->lost_from);
    while (index < ranges->count &&
           !tpa_tcp_flight_is_pending(tpa_tcp_flight_at(ranges, index)->flags))
        index++;
    ranges->lost_from =
        index < ranges->count ? tpa_tcp_flight_start_of(flight, index) : flight->nxt;
    *start = ranges->lost_from;
    *length = 0;
    while (index < ranges->count && *length < length_max &&
           tpa_tcp_flight_is_pending(tpa_tcp_flight_at(ranges, index)->flags))
        *length += tpa_tcp_flight_length_of(flight, index++);
    *length = TPA_BASE_MIN(*length, length_max);
    return *length > 0;
}

#define AGAIN (TPA_TCP_RANGE_RETRANSMITTED | TPA_TCP_RANGE_EVER_RETRANSMITTED)

/*
 * The usual case while a hole is filled from its start: the range before was sent again just now,
 * and takes the bytes [start of `index`, end) over. False: it is not so.
 */
static bool move_boundary(struct tpa_tcp_flight *flight, unsigned int index, uint32_t end,
                          uint64_t now)
{
    struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, index);
    uint32_t flags = range->flags & TPA_TCP_RANGE_LOST;
    uint32_t length = end - range->start;

    if (index == 0 || tpa_base_seq_geq(end, tpa_tcp_flight_end_of(flight, index)) ||
        !can_extend(flight->ranges, range - 1, flags | AGAIN, now))
        return false;
    tpa_tcp_flight_account(flight, range->flags, length, false);
    tpa_tcp_flight_account(flight, flags | AGAIN, length, true);
    range->start = end;
    touch(range - 1, now);
    return true;
}

int tpa_tcp_flight_retransmitted(struct tpa_tcp_flight *flight,
                                 struct tpa_tcp_flight_worker *worker, uint32_t start,
                                 uint32_t length, uint64_t now)
{
    uint32_t end = start + length;
    unsigned int index = tpa_tcp_flight_find(flight, start);
    int from, to;

    note_send(flight->ranges, now);
    if (tpa_tcp_flight_start_of(flight, index) == start && move_boundary(flight, index, end, now))
        return 0;
    from = tpa_tcp_flight_split(flight, worker, index, start, TPA_TCP_FLIGHT_RANGES_ALL);
    if (from < 0)
        return TPA_ENOMEM;
    to = flight->ranges->count;
    if (end != flight->nxt)
        to = tpa_tcp_flight_split(flight, worker, tpa_tcp_flight_find(flight, end), end,
                                  TPA_TCP_FLIGHT_RANGES_ALL);
    if (to < 0)
        return TPA_ENOMEM;

    for (int i = from; i < to; i++) {
        struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, (unsigned int)i);

        tpa_tcp_flight_set_flags(flight, (unsigned int)i,
                                 (range->flags & TPA_TCP_RANGE_LOST) | AGAIN);
        range->sent = now;
        range->spread = 0;
    }
    if (from > 0 &&
        can_extend(flight->ranges, tpa_tcp_flight_at(flight->ranges, (unsigned int)from - 1),
                   tpa_tcp_flight_at(flight->ranges, (unsigned int)from)->flags, now))
        touch(tpa_tcp_flight_at(flight->ranges, (unsigned int)--from), now);
    for (int i = to - 1; i > from; i--) {
        if (((tpa_tcp_flight_at(flight->ranges, (unsigned int)i)->flags ^
              tpa_tcp_flight_at(flight->ranges, (unsigned int)i - 1)->flags) &
             ~(uint32_t)TPA_TCP_RANGE_MIXED) == 0)
            tpa_tcp_flight_remove_ranges(flight->ranges, (unsigned int)i, (unsigned int)i + 1);
    }
    return 0;
}

uint32_t tpa_tcp_flight_highest_sacked(const struct tpa_tcp_flight *flight)
{
    if (flight->sacked == 0)
        return flight->una;
    for (unsigned int i = flight->ranges->count; i > 0; i--) {
        if ((tpa_tcp_flight_at(flight->ranges, i - 1)->flags & TPA_TCP_RANGE_SACKED) != 0)
            return tpa_tcp_flight_end_of(flight, i - 1);
    }
    return flight->una;
}

uint64_t tpa_tcp_flight_first_sent(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL ? tpa_tcp_flight_at(flight->ranges, 0)->sent : 0;
}

uint32_t tpa_tcp_flight_range_count(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL ? flight->ranges->count : 0;
}

const struct tpa_tcp_flight_range *tpa_tcp_flight_range_at(const struct tpa_tcp_flight *flight,
                                                           uint32_t index)
{
    return tpa_tcp_flight_at(flight->ranges, index);
}
