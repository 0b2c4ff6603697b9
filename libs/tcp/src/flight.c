#include "flight.h"

#include <stddef.h>
#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

/* The ranges are range[first] to range[first + count - 1]: taking from the front moves nothing. */
struct tpa_tcp_flight_ranges {
    uint16_t first;
    uint16_t count;
    uint16_t capacity;
    uint16_t class;
    uint32_t lost_from; /* no range before it is lost and not sent again */
    uint32_t reserved;
    struct tpa_tcp_flight_range range[];
};

/* What SACK may not use up is left for sending, and sending again, while all holes are taken. */
#define ALL_RANGES (TPA_TCP_FLIGHT_RANGES_MAX + 20)

/* Ranges of each class: one request; a bulk transfer; a flight full of holes. */
static const uint16_t capacities[TPA_TCP_FLIGHT_CLASSES] = {
    8, TPA_TCP_FLIGHT_RANGES_TIMED + TPA_TCP_FLIGHT_RANGES_TIMED / 2, ALL_RANGES};

#define STATE_SIZE(ranges) \
    (sizeof(struct tpa_tcp_flight_ranges) + (ranges) * sizeof(struct tpa_tcp_flight_range))

_Static_assert(STATE_SIZE(ALL_RANGES) <= TPA_MEM_SLAB_OBJECT_SIZE_MAX, "one object");

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

static struct tpa_tcp_flight_range *at(struct tpa_tcp_flight_ranges *ranges, unsigned int index)
{
    return &ranges->range[ranges->first + index];
}

static uint32_t start_of(const struct tpa_tcp_flight *flight, unsigned int index)
{
    return at(flight->ranges, index)->start;
}

static uint32_t end_of(const struct tpa_tcp_flight *flight, unsigned int index)
{
    return index + 1 < flight->ranges->count ? start_of(flight, index + 1) : flight->nxt;
}

static uint32_t length_of(const struct tpa_tcp_flight *flight, unsigned int index)
{
    return end_of(flight, index) - start_of(flight, index);
}

/* The range that holds the byte `sequence`, which is outstanding. */
static unsigned int find(const struct tpa_tcp_flight *flight, uint32_t sequence)
{
    unsigned int low = 0, high = flight->ranges->count;

    while (high - low > 1) {
        unsigned int middle = (low + high) / 2;

        if (tpa_base_seq_leq(start_of(flight, middle), sequence))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Adds `length` bytes of the state `flags` to the sums, or takes them out. */
static void account(struct tpa_tcp_flight *flight, uint32_t flags, uint32_t length, bool add)
{
    uint32_t change = add ? length : 0u - length;

    if ((flags & TPA_TCP_RANGE_SACKED) != 0)
        flight->sacked += change;
    if ((flags & TPA_TCP_RANGE_LOST) != 0)
        flight->lost += change;
    if ((flags & TPA_TCP_RANGE_RETRANSMITTED) != 0)
        flight->retransmitted += change;
}

static void set_flags(struct tpa_tcp_flight *flight, unsigned int index, uint32_t flags)
{
    struct tpa_tcp_flight_range *range = at(flight->ranges, index);
    uint32_t length = length_of(flight, index);

    account(flight, range->flags, length, false);
    account(flight, flags, length, true);
    range->flags = flags;
}

static bool is_pending(uint32_t flags)
{
    return (flags & (TPA_TCP_RANGE_LOST | TPA_TCP_RANGE_RETRANSMITTED)) == TPA_TCP_RANGE_LOST;
}

static void set_lost(struct tpa_tcp_flight *flight, unsigned int index)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    uint32_t flags = at(ranges, index)->flags | TPA_TCP_RANGE_LOST;

    set_flags(flight, index, flags);
    if (is_pending(flags))
        ranges->lost_from = tpa_base_seq_min(ranges->lost_from, start_of(flight, index));
}

/* What is lost has left the network already: duplicate ACKs can't have told of it. */
static void limit_assumed(struct tpa_tcp_flight *flight)
{
    uint32_t most = tpa_tcp_flight_outstanding(flight) - flight->sacked - flight->lost;

    flight->assumed = TPA_BASE_MIN(flight->assumed, most);
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
        memmove(&old->range[0], at(old, 0), old->count * sizeof(old->range[0]));
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
    };
    if (old != NULL) {
        new->count = old->count;
        new->lost_from = old->lost_from;
        memcpy(&new->range[0], &old->range[0], old->count * sizeof(old->range[0]));
        state_free(flight, worker);
    }
    flight->ranges = new;
    return 0;
}

/* Takes the ranges [from, to) out; the one before them, or the flight's start, takes their bytes.
 */
static void remove_ranges(struct tpa_tcp_flight_ranges *ranges, unsigned int from, unsigned int to)
{
    if (from == to)
        return;
    memmove(at(ranges, from), at(ranges, to),
            (ranges->count - to) * sizeof(struct tpa_tcp_flight_range));
    ranges->count = (uint16_t)(ranges->count - (to - from));
}

/*
 * Makes a range begin at `sequence`, which lies in range `index`. Returns that range's index;
 * TPA_ENOMEM. The caller looks the ranges up anew.
 */
static int split(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                 unsigned int index, uint32_t sequence, unsigned int limit)
{
    struct tpa_tcp_flight_ranges *ranges;

    if (start_of(flight, index) == sequence)
        return (int)index;
    if (reserve(flight, worker, limit) != 0)
        return TPA_ENOMEM;
    ranges = flight->ranges;
    memmove(at(ranges, index + 1), at(ranges, index),
            (ranges->count - index) * sizeof(struct tpa_tcp_flight_range));
    ranges->count++;
    at(ranges, index + 1)->start = sequence;
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
        range->flags |= TPA_TCP_RANGE_MIXED;
    range->sent = now;
}

int tpa_tcp_flight_sent(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                        uint32_t length, uint64_t now)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    struct tpa_tcp_flight_range *last = NULL;

    if (ranges != NULL)
        last = at(ranges, ranges->count - 1u);
    if (last != NULL && can_extend(ranges, last, 0, now)) {
        touch(last, now);
        flight->nxt += length;
        return 0;
    }
    if (reserve(flight, worker, ALL_RANGES) != 0) {
        if (last == NULL || (last->flags & ~(uint32_t)TPA_TCP_RANGE_MIXED) != 0)
            return TPA_ENOMEM;
        touch(last, now);
        flight->nxt += length;
        return 0;
    }
    ranges = flight->ranges;
    *at(ranges, ranges->count++) = (struct tpa_tcp_flight_range){.sent = now, .start = flight->nxt};
    flight->nxt += length;
    return 0;
}

/* `length` bytes of a range are known to have arrived. */
static void note_delivered(const struct tpa_tcp_flight_range *range, uint32_t length,
                           struct tpa_tcp_flight_acked *acked)
{
    if ((range->flags & TPA_TCP_RANGE_SACKED) != 0)
        return;
    acked->delivered += length;
    if ((range->flags & TPA_TCP_RANGE_LOST) != 0)
        acked->was_lost = true;
    if ((range->flags & TPA_TCP_RANGE_EVER_RETRANSMITTED) != 0) {
        acked->retransmitted = true;
        return;
    }
    if ((range->flags & TPA_TCP_RANGE_MIXED) != 0)
        return;
    if (acked->oldest_sent == 0 || range->sent < acked->oldest_sent)
        acked->oldest_sent = range->sent;
    if (range->sent > acked->newest_sent)
        acked->newest_sent = range->sent;
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
        struct tpa_tcp_flight_range *range = at(ranges, 0);
        uint32_t end = end_of(flight, 0);
        uint32_t length = tpa_base_seq_min(end, ack) - flight->una;

        note_delivered(range, length, acked);
        account(flight, range->flags, length, false);
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
    limit_assumed(flight);
    if (ranges->count == 0)
        state_free(flight, worker);
}

/* `range` takes in a neighbour: flags of either are flags of both. */
static void absorb(struct tpa_tcp_flight_range *range, const struct tpa_tcp_flight_range *other)
{
    range->flags |= other->flags;
    if (range->sent != other->sent)
        range->flags |= TPA_TCP_RANGE_MIXED;
    range->sent = TPA_BASE_MAX(range->sent, other->sent);
}

/* Makes the ranges [from, to) one SACKed range, together with SACKed neighbours. */
static void merge_sacked(struct tpa_tcp_flight *flight, unsigned int from, unsigned int to)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    if (from > 0 && (at(ranges, from - 1)->flags & TPA_TCP_RANGE_SACKED) != 0)
        from--;
    if (to < ranges->count && (at(ranges, to)->flags & TPA_TCP_RANGE_SACKED) != 0)
        to++;
    for (unsigned int i = from + 1; i < to; i++)
        absorb(at(ranges, from), at(ranges, i));
    remove_ranges(ranges, from + 1, to);
}

/* [left, right) is outstanding and has arrived, but for ends that can't be cut off their range. */
static void mark_sacked(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                        uint32_t left, uint32_t right, struct tpa_tcp_flight_acked *acked)
{
    const uint32_t remembered = TPA_TCP_RANGE_EVER_RETRANSMITTED | TPA_TCP_RANGE_MIXED;
    unsigned int index = find(flight, left);
    unsigned int from;

    if (start_of(flight, index) != left) {
        bool is_sacked = (at(flight->ranges, index)->flags & TPA_TCP_RANGE_SACKED) != 0;

        if (!is_sacked)
            (void)split(flight, worker, index, left, TPA_TCP_FLIGHT_RANGES_MAX);
        index++;
    }
    for (from = index; index < flight->ranges->count; index++) {
        struct tpa_tcp_flight_range *range = at(flight->ranges, index);

        if (tpa_base_seq_geq(range->start, right))
            break;
        if ((range->flags & TPA_TCP_RANGE_SACKED) != 0)
            continue;
        if (tpa_base_seq_gt(end_of(flight, index), right) &&
            split(flight, worker, index, right, TPA_TCP_FLIGHT_RANGES_MAX) < 0)
            break;
        range = at(flight->ranges, index);
        note_delivered(range, length_of(flight, index), acked);
        acked->sack_new = true;
        set_flags(flight, index, TPA_TCP_RANGE_SACKED | (range->flags & remembered));
    }
    if (index > from)
        merge_sacked(flight, from, index);
}

/* RFC 2883 section 4: the first block is below the acknowledgement or inside the second one. */
static bool is_duplicate_report(uint32_t ack, const struct tpa_tcp_sack_block *blocks,
                                unsigned int count)
{
    if (tpa_base_seq_leq(blocks[0].right, ack))
        return true;
    return count > 1 && tpa_base_seq_leq(blocks[1].left, blocks[0].left) &&
           tpa_base_seq_leq(blocks[0].right, blocks[1].right);
}

void tpa_tcp_flight_sacked(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                           uint32_t ack, const struct tpa_tcp_sack_block *blocks,
                           unsigned int count, struct tpa_tcp_flight_acked *acked)
{
    for (unsigned int i = 0; i < count; i++) {
        uint32_t left = blocks[i].left, right = blocks[i].right;

        if (tpa_base_seq_geq(left, right))
            continue;
        if (i == 0 && is_duplicate_report(ack, blocks, count)) {
            acked->duplicate = true;
            continue;
        }
        /* A segment that was overtaken may report what has been acknowledged since. */
        left = tpa_base_seq_max(left, flight->una);
        if (tpa_base_seq_geq(left, right) || tpa_base_seq_gt(right, flight->nxt) ||
            tpa_base_seq_lt(blocks[i].left, ack))
            continue;
        mark_sacked(flight, worker, left, right, acked);
    }
}

/* Ranges [0, result) have enough SACKed above them to be lost (RFC 6675's IsLost). */
static unsigned int loss_boundary(const struct tpa_tcp_flight *flight, uint32_t mss)
{
    unsigned int blocks = 0;
    uint64_t bytes = 0;

    for (unsigned int i = flight->ranges->count; i > 0; i--) {
        if ((at(flight->ranges, i - 1)->flags & TPA_TCP_RANGE_SACKED) == 0)
            continue;
        blocks++;
        bytes += length_of(flight, i - 1);
        if (blocks >= TPA_TCP_DUPLICATE_THRESHOLD ||
            bytes > (TPA_TCP_DUPLICATE_THRESHOLD - 1) * (uint64_t)mss)
            return i - 1;
        if (bytes == flight->sacked)
            break;
    }
    return 0;
}

uint32_t tpa_tcp_flight_detect_loss(struct tpa_tcp_flight *flight, uint32_t mss)
{
    uint32_t before = flight->lost;

    if (flight->sacked == 0)
        return 0;
    for (unsigned int i = loss_boundary(flight, mss); i > 0; i--) {
        uint32_t flags = at(flight->ranges, i - 1)->flags;

        if ((flags & TPA_TCP_RANGE_LOST) != 0)
            break; /* and so is what lies before it: loss is always marked down to una */
        if ((flags & TPA_TCP_RANGE_SACKED) == 0)
            set_lost(flight, i - 1);
    }
    limit_assumed(flight);
    return flight->lost - before;
}

void tpa_tcp_flight_duplicate_ack(struct tpa_tcp_flight *flight, uint32_t mss)
{
    flight->assumed += mss;
    limit_assumed(flight);
}

uint32_t tpa_tcp_flight_lose_first(struct tpa_tcp_flight *flight,
                                   struct tpa_tcp_flight_worker *worker, uint32_t length)
{
    uint32_t before = flight->lost;
    uint32_t end = flight->una + TPA_BASE_MIN(length, tpa_tcp_flight_outstanding(flight));

    if (flight->ranges == NULL)
        return 0;
    for (unsigned int i = 0; i < flight->ranges->count; i++) {
        if (tpa_base_seq_geq(start_of(flight, i), end))
            break;
        if ((at(flight->ranges, i)->flags & (TPA_TCP_RANGE_SACKED | TPA_TCP_RANGE_LOST)) != 0)
            continue;
        if (tpa_base_seq_gt(end_of(flight, i), end) &&
            split(flight, worker, i, end, TPA_TCP_FLIGHT_RANGES_MAX) < 0)
            break;
        set_lost(flight, i);
    }
    limit_assumed(flight);
    return flight->lost - before;
}

/* Makes neighbours of the same flags one range. */
static void merge_alike(struct tpa_tcp_flight_ranges *ranges)
{
    unsigned int kept = 0;

    for (unsigned int i = 1; i < ranges->count; i++) {
        struct tpa_tcp_flight_range *last = at(ranges, kept);
        const struct tpa_tcp_flight_range *range = at(ranges, i);

        if (((last->flags ^ range->flags) & ~(uint32_t)TPA_TCP_RANGE_MIXED) != 0) {
            *at(ranges, ++kept) = *range;
            continue;
        }
        absorb(last, range);
    }
    ranges->count = (uint16_t)(kept + 1);
}

void tpa_tcp_flight_timeout(struct tpa_tcp_flight *flight)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    const uint32_t forgotten = TPA_TCP_RANGE_SACKED | TPA_TCP_RANGE_RETRANSMITTED;

    if (ranges == NULL)
        return;
    for (unsigned int i = 0; i < ranges->count; i++)
        at(ranges, i)->flags = (at(ranges, i)->flags & ~forgotten) | TPA_TCP_RANGE_LOST;
    merge_alike(ranges);
    ranges->lost_from = flight->una;
    flight->sacked = 0;
    flight->retransmitted = 0;
    flight->assumed = 0;
    flight->lost = tpa_tcp_flight_outstanding(flight);
}

void tpa_tcp_flight_undo(struct tpa_tcp_flight *flight)
{
    if (flight->ranges == NULL)
        return;
    for (unsigned int i = 0; i < flight->ranges->count; i++)
        set_flags(flight, i, at(flight->ranges, i)->flags & ~(uint32_t)TPA_TCP_RANGE_LOST);
    flight->ranges->lost_from = flight->nxt;
}

void tpa_tcp_flight_lose_all(struct tpa_tcp_flight *flight)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    if (ranges == NULL)
        return;
    for (unsigned int i = 0; i < ranges->count; i++) {
        uint32_t flags = at(ranges, i)->flags;

        if ((flags & TPA_TCP_RANGE_SACKED) == 0)
            set_flags(flight, i,
                      (flags & ~(uint32_t)TPA_TCP_RANGE_RETRANSMITTED) | TPA_TCP_RANGE_LOST);
    }
    ranges->lost_from = flight->una;
    limit_assumed(flight);
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
    index = find(flight, ranges->lost_from);
    while (index < ranges->count && !is_pending(at(ranges, index)->flags))
        index++;
    ranges->lost_from = index < ranges->count ? start_of(flight, index) : flight->nxt;
    *start = ranges->lost_from;
    *length = 0;
    while (index < ranges->count && *length < length_max && is_pending(at(ranges, index)->flags))
        *length += length_of(flight, index++);
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
    struct tpa_tcp_flight_range *range = at(flight->ranges, index);
    uint32_t flags = range->flags & TPA_TCP_RANGE_LOST;
    uint32_t length = end - range->start;

    if (index == 0 || tpa_base_seq_geq(end, end_of(flight, index)) ||
        !can_extend(flight->ranges, range - 1, flags | AGAIN, now))
        return false;
    account(flight, range->flags, length, false);
    account(flight, flags | AGAIN, length, true);
    range->start = end;
    touch(range - 1, now);
    return true;
}

int tpa_tcp_flight_retransmitted(struct tpa_tcp_flight *flight,
                                 struct tpa_tcp_flight_worker *worker, uint32_t start,
                                 uint32_t length, uint64_t now)
{
    uint32_t end = start + length;
    unsigned int index = find(flight, start);
    int from, to;

    if (start_of(flight, index) == start && move_boundary(flight, index, end, now))
        return 0;
    from = split(flight, worker, index, start, ALL_RANGES);
    if (from < 0)
        return TPA_ENOMEM;
    to = flight->ranges->count;
    if (end != flight->nxt)
        to = split(flight, worker, find(flight, end), end, ALL_RANGES);
    if (to < 0)
        return TPA_ENOMEM;

    for (int i = from; i < to; i++) {
        struct tpa_tcp_flight_range *range = at(flight->ranges, (unsigned int)i);

        set_flags(flight, (unsigned int)i, (range->flags & TPA_TCP_RANGE_LOST) | AGAIN);
        range->sent = now;
    }
    if (from > 0 && can_extend(flight->ranges, at(flight->ranges, (unsigned int)from - 1),
                               at(flight->ranges, (unsigned int)from)->flags, now))
        touch(at(flight->ranges, (unsigned int)--from), now);
    for (int i = to - 1; i > from; i--) {
        if (((at(flight->ranges, (unsigned int)i)->flags ^
              at(flight->ranges, (unsigned int)i - 1)->flags) &
             ~(uint32_t)TPA_TCP_RANGE_MIXED) == 0)
            remove_ranges(flight->ranges, (unsigned int)i, (unsigned int)i + 1);
    }
    return 0;
}

uint32_t tpa_tcp_flight_highest_sacked(const struct tpa_tcp_flight *flight)
{
    if (flight->sacked == 0)
        return flight->una;
    for (unsigned int i = flight->ranges->count; i > 0; i--) {
        if ((at(flight->ranges, i - 1)->flags & TPA_TCP_RANGE_SACKED) != 0)
            return end_of(flight, i - 1);
    }
    return flight->una;
}

uint64_t tpa_tcp_flight_first_sent(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL ? at(flight->ranges, 0)->sent : 0;
}

uint32_t tpa_tcp_flight_range_count(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL ? flight->ranges->count : 0;
}

const struct tpa_tcp_flight_range *tpa_tcp_flight_range_at(const struct tpa_tcp_flight *flight,
                                                           uint32_t index)
{
    return at(flight->ranges, index);
}
