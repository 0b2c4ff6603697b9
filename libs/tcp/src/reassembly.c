#include "reassembly.h"

#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/base/seq.h>

/* Ranges that got data last: as many as blocks can be reported. */
#define RECENT_MAX TPA_TCP_SACK_BLOCKS_MAX

struct range {
    uint32_t start;
    uint32_t end; /* one past the last byte */
    struct rte_mbuf *first;
    struct rte_mbuf *last;
};

struct tpa_tcp_reassembly_ranges {
    uint16_t count;
    uint16_t capacity;
    uint32_t entries;            /* packets */
    uint32_t bytes;              /* payload */
    uint32_t recent_count;       /* newest first: a sequence number inside the range that was */
    uint32_t recent[RECENT_MAX]; /*   added to */
    struct range range[];
};

#define STATE_SIZE(ranges) \
    (sizeof(struct tpa_tcp_reassembly_ranges) + (ranges) * sizeof(struct range))

_Static_assert(STATE_SIZE(TPA_TCP_REASSEMBLY_RANGES_MAX) <= TPA_MEM_SLAB_OBJECT_SIZE_MAX,
               "one object");

int tpa_tcp_reassembly_worker_init(struct tpa_tcp_reassembly_worker *worker,
                                   struct tpa_mem_budget *budget,
                                   const struct tpa_mem_chunk_source *source, uint32_t entries_max)
{
    int error;

    worker->budget = budget;
    worker->entries_max = entries_max;
    error =
        tpa_mem_slab_init(&worker->few, source, STATE_SIZE(TPA_TCP_REASSEMBLY_RANGES_FEW), 8, 0);
    if (error != 0)
        return error;
    return tpa_mem_slab_init(&worker->many, source, STATE_SIZE(TPA_TCP_REASSEMBLY_RANGES_MAX), 8,
                             0);
}

int tpa_tcp_reassembly_worker_fini(struct tpa_tcp_reassembly_worker *worker)
{
    if (worker->few.in_use != 0 || worker->many.in_use != 0)
        return TPA_EBUSY;
    tpa_mem_slab_destroy(&worker->few);
    tpa_mem_slab_destroy(&worker->many);
    return 0;
}

static struct rte_mbuf **next_of(struct rte_mbuf *packet)
{
    return &tpa_mem_packet_private(packet)->next_packet;
}

static void state_free(struct tpa_tcp_reassembly *reassembly,
                       struct tpa_tcp_reassembly_worker *worker)
{
    struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;

    reassembly->ranges = NULL;
    if (ranges->capacity == TPA_TCP_REASSEMBLY_RANGES_FEW)
        tpa_mem_slab_free(&worker->few, ranges);
    else
        tpa_mem_slab_free(&worker->many, ranges);
}

/* Room for one more range. NONE; TCP_OOO_LIMIT, TCP_MEMORY. */
static enum tpa_base_drop state_reserve(struct tpa_tcp_reassembly *reassembly,
                                        struct tpa_tcp_reassembly_worker *worker)
{
    struct tpa_tcp_reassembly_ranges *old = reassembly->ranges;
    struct tpa_tcp_reassembly_ranges *new;

    if (old != NULL && old->count < old->capacity)
        return TPA_BASE_DROP_NONE;
    if (old != NULL && old->capacity == TPA_TCP_REASSEMBLY_RANGES_MAX)
        return TPA_BASE_DROP_TCP_OOO_LIMIT;
    new = tpa_mem_slab_alloc(old == NULL ? &worker->few : &worker->many);
    if (new == NULL)
        return TPA_BASE_DROP_TCP_MEMORY;
    if (old == NULL) {
        *new = (struct tpa_tcp_reassembly_ranges){.capacity = TPA_TCP_REASSEMBLY_RANGES_FEW};
    } else {
        memcpy(new, old, STATE_SIZE(old->count));
        new->capacity = TPA_TCP_REASSEMBLY_RANGES_MAX;
        state_free(reassembly, worker);
    }
    reassembly->ranges = new;
    return TPA_BASE_DROP_NONE;
}

/* The first range that ends at or behind `sequence`; count if there is none. */
static unsigned int find(const struct tpa_tcp_reassembly_ranges *ranges, uint32_t sequence)
{
    unsigned int low = 0, high = ranges->count;

    while (low < high) {
        unsigned int middle = (low + high) / 2;

        if (tpa_base_seq_lt(ranges->range[middle].end, sequence))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The range that holds the byte `sequence`, or NULL. */
static const struct range *range_holding(const struct tpa_tcp_reassembly_ranges *ranges,
                                         uint32_t sequence)
{
    unsigned int index = find(ranges, sequence + 1);

    if (index == ranges->count || tpa_base_seq_lt(sequence, ranges->range[index].start))
        return NULL;
    return &ranges->range[index];
}

/* Takes the ranges [from, to) out of the array; their packets are elsewhere already. */
static void remove_ranges(struct tpa_tcp_reassembly_ranges *ranges, unsigned int from,
                          unsigned int to)
{
    memmove(&ranges->range[from], &ranges->range[to], (ranges->count - to) * sizeof(struct range));
    ranges->count = (uint16_t)(ranges->count - (to - from));
}

static void free_packet(struct tpa_tcp_reassembly_ranges *ranges, struct tpa_mem_budget *budget,
                        struct rte_mbuf *packet)
{
    ranges->entries--;
    ranges->bytes -= tpa_mem_packet_length(packet);
    tpa_tcp_charge_free(budget, packet);
}

static void free_range(struct tpa_tcp_reassembly_ranges *ranges, struct tpa_mem_budget *budget,
                       const struct range *range)
{
    struct rte_mbuf *packet = range->first;

    while (packet != NULL) {
        struct rte_mbuf *next = packet == range->last ? NULL : *next_of(packet);

        free_packet(ranges, budget, packet);
        packet = next;
    }
}

/* Notes that the range of [start, end) is the one that was added to last. */
static void note_recent(struct tpa_tcp_reassembly_ranges *ranges, const struct range *range)
{
    uint32_t kept[RECENT_MAX] = {range->start};
    unsigned int count = 1;

    for (unsigned int i = 0; i < ranges->recent_count && count < RECENT_MAX; i++) {
        uint32_t sequence = ranges->recent[i];

        if (!tpa_base_seq_in_window(sequence, range->start, range->end - range->start))
            kept[count++] = sequence;
    }
    memcpy(ranges->recent, kept, sizeof(kept));
    ranges->recent_count = count;
}

/* Where a segment [start, end) goes, once what is there already was cut off it. */
struct place {
    uint32_t start;
    uint32_t end;
    unsigned int from; /* ranges [from, to) are covered by it altogether */
    unsigned int to;
    bool joins_left;  /* range from - 1 ends at start */
    bool joins_right; /* range to starts at end */
};

static void note_duplicate(struct tpa_tcp_reassembly *reassembly, uint32_t left, uint32_t right,
                           bool *noted)
{
    if (!*noted)
        tpa_tcp_reassembly_duplicate(reassembly, left, right);
    *noted = true;
}

/* False: all of it is there already. */
static bool find_place(struct tpa_tcp_reassembly *reassembly, struct place *place)
{
    struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;
    bool noted = false;
    unsigned int index;

    place->from = place->to = 0;
    place->joins_left = place->joins_right = false;
    if (ranges == NULL)
        return true;

    index = find(ranges, place->start);
    if (index < ranges->count && tpa_base_seq_leq(ranges->range[index].start, place->start)) {
        uint32_t held = ranges->range[index].end;

        if (tpa_base_seq_leq(place->end, held)) {
            tpa_tcp_reassembly_duplicate(reassembly, place->start, place->end);
            note_recent(ranges, &ranges->range[index]);
            return false;
        }
        if (place->start != held)
            note_duplicate(reassembly, place->start, held, &noted);
        place->start = held;
        place->joins_left = true;
        index++;
    }

    place->from = place->to = index;
    while (place->to < ranges->count &&
           tpa_base_seq_leq(ranges->range[place->to].end, place->end)) {
        note_duplicate(reassembly, ranges->range[place->to].start, ranges->range[place->to].end,
                       &noted);
        place->to++;
    }
    if (place->to < ranges->count && tpa_base_seq_leq(ranges->range[place->to].start, place->end)) {
        uint32_t held = ranges->range[place->to].start;

        if (held != place->end)
            note_duplicate(reassembly, held, place->end, &noted);
        place->end = held;
        place->joins_right = true;
    }
    return true;
}

/* Links `packet` (NULL: it was copied into the last buffer on the left) in at `place`. */
static struct range *link_packet(struct tpa_tcp_reassembly_ranges *ranges,
                                 const struct place *place, struct rte_mbuf *packet)
{
    struct range added = {place->start, place->end, packet, packet};
    unsigned int from = place->from, to = place->to;

    if (place->joins_left) {
        const struct range *left = &ranges->range[--from];

        added.start = left->start;
        added.first = left->first;
        if (packet != NULL)
            *next_of(left->last) = packet;
        else
            added.last = left->last;
    }
    if (place->joins_right) {
        const struct range *right = &ranges->range[to++];

        added.end = right->end;
        *next_of(added.last) = right->first;
        added.last = right->last;
    }
    if (from == to) {
        memmove(&ranges->range[from + 1], &ranges->range[from],
                (ranges->count - from) * sizeof(struct range));
        ranges->count++;
    } else {
        remove_ranges(ranges, from + 1, to);
    }
    ranges->range[from] = added;
    return &ranges->range[from];
}

/* Cuts `packet`, whose payload begins at `sequence`, to [place->start, place->end). */
static void cut(struct rte_mbuf *packet, uint32_t sequence, const struct place *place)
{
    tpa_mem_packet_truncate(packet, place->end - sequence);
    if (place->start != sequence)
        tpa_mem_packet_trim_front(packet, place->start - sequence);
}

enum tpa_base_drop tpa_tcp_reassembly_insert(struct tpa_tcp_reassembly *reassembly,
                                             struct tpa_tcp_reassembly_worker *worker,
                                             struct rte_mbuf *packet, uint32_t sequence)
{
    struct place place = {.start = sequence, .end = sequence + tpa_mem_packet_length(packet)};
    struct tpa_tcp_reassembly_ranges *ranges;
    enum tpa_base_drop reason;
    struct range *range;

    if (reassembly->has_fin && tpa_base_seq_gt(place.end, reassembly->fin)) {
        if (tpa_base_seq_geq(sequence, reassembly->fin))
            return TPA_BASE_DROP_TCP_AFTER_FIN;
        place.end = reassembly->fin;
    }
    if (!find_place(reassembly, &place))
        return TPA_BASE_DROP_TCP_DUPLICATE;
    cut(packet, sequence, &place);

    if (!place.joins_left && !place.joins_right && place.from == place.to) {
        reason = state_reserve(reassembly, worker);
        if (reason != TPA_BASE_DROP_NONE)
            return reason;
    }
    ranges = reassembly->ranges;
    if (place.joins_left && tpa_tcp_copy_break(ranges->range[place.from - 1].last, packet)) {
        packet = NULL;
    } else {
        if (ranges->entries >= worker->entries_max)
            reason = TPA_BASE_DROP_TCP_OOO_LIMIT;
        else if (!tpa_tcp_charge(worker->budget, packet))
            reason = TPA_BASE_DROP_TCP_MEMORY;
        else
            reason = TPA_BASE_DROP_NONE;
        if (reason != TPA_BASE_DROP_NONE) {
            if (ranges->count == 0)
                state_free(reassembly, worker);
            return reason;
        }
        tpa_tcp_received(packet)->sequence = place.start;
        ranges->entries++;
    }
    for (unsigned int i = place.from; i < place.to; i++)
        free_range(ranges, worker->budget, &ranges->range[i]);
    range = link_packet(ranges, &place, packet);
    ranges->bytes += place.end - place.start;
    note_recent(ranges, range);
    return TPA_BASE_DROP_NONE;
}

bool tpa_tcp_reassembly_fin(struct tpa_tcp_reassembly *reassembly, uint32_t sequence)
{
    const struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;

    if (reassembly->has_fin)
        return reassembly->fin == sequence;
    if (ranges != NULL && tpa_base_seq_gt(ranges->range[ranges->count - 1].end, sequence))
        return false;
    reassembly->fin = sequence;
    reassembly->has_fin = true;
    return true;
}

/* Moves the packets of a range behind those of `queue`, without what lies before rcv_nxt. */
static void hand_over(struct tpa_tcp_reassembly_ranges *ranges, struct tpa_mem_budget *budget,
                      struct tpa_tcp_receive_queue *queue, const struct range *range,
                      uint32_t rcv_nxt)
{
    struct rte_mbuf *packet = range->first;

    while (packet != NULL) {
        struct rte_mbuf *next = packet == range->last ? NULL : *next_of(packet);
        uint32_t length = tpa_mem_packet_length(packet);
        uint32_t start = tpa_tcp_received(packet)->sequence;

        if (tpa_base_seq_leq(start + length, rcv_nxt)) {
            free_packet(ranges, budget, packet);
        } else {
            ranges->entries--;
            ranges->bytes -= length;
            if (tpa_base_seq_lt(start, rcv_nxt))
                tpa_mem_packet_trim_front(packet, rcv_nxt - start);
            tpa_tcp_receive_queue_append(queue, packet);
        }
        packet = next;
    }
}

uint32_t tpa_tcp_reassembly_advance(struct tpa_tcp_reassembly *reassembly,
                                    struct tpa_tcp_reassembly_worker *worker,
                                    struct tpa_tcp_receive_queue *queue, uint32_t rcv_nxt)
{
    struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;
    unsigned int done = 0;

    if (ranges == NULL)
        return rcv_nxt;
    while (done < ranges->count && tpa_base_seq_leq(ranges->range[done].start, rcv_nxt)) {
        const struct range *range = &ranges->range[done++];

        if (range->start != rcv_nxt)
            tpa_tcp_reassembly_duplicate(reassembly, range->start,
                                         tpa_base_seq_min(range->end, rcv_nxt));
        hand_over(ranges, worker->budget, queue, range, rcv_nxt);
        rcv_nxt = tpa_base_seq_max(range->end, rcv_nxt);
    }
    remove_ranges(ranges, 0, done);
    if (ranges->count == 0)
        state_free(reassembly, worker);
    return rcv_nxt;
}

static bool is_reported(const struct tpa_tcp_sack_block *blocks, unsigned int from,
                        unsigned int count, const struct range *range)
{
    for (unsigned int i = from; i < count; i++) {
        if (blocks[i].left == range->start)
            return true;
    }
    return false;
}

unsigned int tpa_tcp_reassembly_blocks(struct tpa_tcp_reassembly *reassembly,
                                       struct tpa_tcp_sack_block *blocks, unsigned int max)
{
    const struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;
    unsigned int count = 0, held;

    if (max > 0 && reassembly->duplicate_left != reassembly->duplicate_right) {
        blocks[count].left = reassembly->duplicate_left;
        blocks[count++].right = reassembly->duplicate_right;
        tpa_tcp_reassembly_duplicate(reassembly, 0, 0);
    }
    if (ranges == NULL)
        return count;
    held = count;
    for (unsigned int i = 0; i < ranges->recent_count + ranges->count && count < max; i++) {
        const struct range *range = i < ranges->recent_count
                                        ? range_holding(ranges, ranges->recent[i])
                                        : &ranges->range[i - ranges->recent_count];

        if (range == NULL || is_reported(blocks, held, count, range))
            continue;
        blocks[count].left = range->start;
        blocks[count++].right = range->end;
    }
    return count;
}

uint64_t tpa_tcp_reassembly_prune(struct tpa_tcp_reassembly *reassembly,
                                  struct tpa_tcp_reassembly_worker *worker, uint64_t bytes)
{
    struct tpa_tcp_reassembly_ranges *ranges = reassembly->ranges;
    uint64_t before = worker->budget->used;

    if (ranges == NULL)
        return 0;
    while (ranges->count > 0 && before - worker->budget->used < bytes)
        free_range(ranges, worker->budget, &ranges->range[--ranges->count]);
    if (ranges->count == 0)
        state_free(reassembly, worker);
    return before - worker->budget->used;
}

void tpa_tcp_reassembly_drop(struct tpa_tcp_reassembly *reassembly,
                             struct tpa_tcp_reassembly_worker *worker)
{
    tpa_tcp_reassembly_prune(reassembly, worker, UINT64_MAX);
    *reassembly = (struct tpa_tcp_reassembly){0};
}

uint32_t tpa_tcp_reassembly_entries(const struct tpa_tcp_reassembly *reassembly)
{
    return reassembly->ranges != NULL ? reassembly->ranges->entries : 0;
}

uint32_t tpa_tcp_reassembly_bytes(const struct tpa_tcp_reassembly *reassembly)
{
    return reassembly->ranges != NULL ? reassembly->ranges->bytes : 0;
}

uint32_t tpa_tcp_reassembly_range_count(const struct tpa_tcp_reassembly *reassembly)
{
    return reassembly->ranges != NULL ? reassembly->ranges->count : 0;
}
