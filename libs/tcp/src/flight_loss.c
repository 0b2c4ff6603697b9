/* What SACK, duplicate ACKs and time-outs say about a flight. */
#include <tpa/base/compiler.h>

#include "flight_ranges.h"

/* `range` takes in a neighbour: flags of either are flags of both. */
static void absorb(struct tpa_tcp_flight_range *range, const struct tpa_tcp_flight_range *other)
{
    uint64_t first =
        TPA_BASE_MIN(tpa_tcp_flight_first_time(range), tpa_tcp_flight_first_time(other));

    range->flags |= other->flags;
    if (range->sent != other->sent)
        range->flags |= TPA_TCP_RANGE_MIXED;
    tpa_tcp_flight_set_times(range, first, TPA_BASE_MAX(range->sent, other->sent));
}

/* Makes the ranges [from, to) one SACKed range, together with SACKed neighbours. */
static void merge_sacked(struct tpa_tcp_flight *flight, unsigned int from, unsigned int to)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    if (from > 0 && (tpa_tcp_flight_at(ranges, from - 1)->flags & TPA_TCP_RANGE_SACKED) != 0)
        from--;
    if (to < ranges->count && (tpa_tcp_flight_at(ranges, to)->flags & TPA_TCP_RANGE_SACKED) != 0)
        to++;
    for (unsigned int i = from + 1; i < to; i++)
        absorb(tpa_tcp_flight_at(ranges, from), tpa_tcp_flight_at(ranges, i));
    tpa_tcp_flight_remove_ranges(ranges, from + 1, to);
}

/* [left, right) is outstanding and has arrived, but for ends that can't be cut off their range. */
static void mark_sacked(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                        uint32_t left, uint32_t right, struct tpa_tcp_flight_acked *acked)
{
    const uint32_t remembered = TPA_TCP_RANGE_EVER_RETRANSMITTED | TPA_TCP_RANGE_MIXED;
    unsigned int index = tpa_tcp_flight_find(flight, left);
    unsigned int from;

    if (tpa_tcp_flight_start_of(flight, index) != left) {
        bool is_sacked =
            (tpa_tcp_flight_at(flight->ranges, index)->flags & TPA_TCP_RANGE_SACKED) != 0;

        if (!is_sacked)
            (void)tpa_tcp_flight_split(flight, worker, index, left, TPA_TCP_FLIGHT_RANGES_MAX);
        index++;
    }
    for (from = index; index < flight->ranges->count; index++) {
        struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, index);

        if (tpa_base_seq_geq(range->start, right))
            break;
        if ((range->flags & TPA_TCP_RANGE_SACKED) != 0)
            continue;
        if (tpa_base_seq_gt(tpa_tcp_flight_end_of(flight, index), right) &&
            tpa_tcp_flight_split(flight, worker, index, right, TPA_TCP_FLIGHT_RANGES_MAX) < 0)
            break;
        range = tpa_tcp_flight_at(flight->ranges, index);
        tpa_tcp_flight_delivered(flight, range, tpa_tcp_flight_length_of(flight, index), acked);
        acked->sack_new = true;
        tpa_tcp_flight_set_flags(flight, index, TPA_TCP_RANGE_SACKED | (range->flags & remembered));
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
    uint32_t highest = flight->una;

    for (unsigned int i = 0; i < count; i++) {
        uint32_t left = blocks[i].left, right = blocks[i].right;

        if (tpa_base_seq_geq(left, right))
            continue;
        if (i == 0 && is_duplicate_report(ack, blocks, count)) {
            acked->duplicate = true;
            acked->duplicate_block = blocks[0];
            continue;
        }
        /* A segment that was overtaken may report what has been acknowledged since. */
        left = tpa_base_seq_max(left, flight->una);
        if (tpa_base_seq_geq(left, right) || tpa_base_seq_gt(right, flight->nxt) ||
            tpa_base_seq_lt(blocks[i].left, ack))
            continue;
        mark_sacked(flight, worker, left, right, acked);
        highest = tpa_base_seq_max(highest, right);
    }
    /* Not before: the blocks of one segment are in no order. */
    if (flight->ranges != NULL)
        flight->ranges->highest = tpa_base_seq_max(flight->ranges->highest, highest);
}

/* Ranges [0, result) have enough SACKed above them to be lost (RFC 6675's IsLost). */
static unsigned int loss_boundary(const struct tpa_tcp_flight *flight, uint32_t mss)
{
    unsigned int blocks = 0;
    uint64_t bytes = 0;

    for (unsigned int i = flight->ranges->count; i > 0; i--) {
        if ((tpa_tcp_flight_at(flight->ranges, i - 1)->flags & TPA_TCP_RANGE_SACKED) == 0)
            continue;
        blocks++;
        bytes += tpa_tcp_flight_length_of(flight, i - 1);
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
        uint32_t flags = tpa_tcp_flight_at(flight->ranges, i - 1)->flags;

        if ((flags & TPA_TCP_RANGE_LOST) != 0)
            break; /* and so is what lies before it: loss is always marked down to una */
        if ((flags & TPA_TCP_RANGE_SACKED) == 0)
            tpa_tcp_flight_set_lost(flight, i - 1);
    }
    tpa_tcp_flight_limit_assumed(flight);
    return flight->lost - before;
}

void tpa_tcp_flight_duplicate_ack(struct tpa_tcp_flight *flight, uint32_t mss)
{
    flight->assumed += mss;
    tpa_tcp_flight_limit_assumed(flight);
}

uint32_t tpa_tcp_flight_lose_first(struct tpa_tcp_flight *flight,
                                   struct tpa_tcp_flight_worker *worker, uint32_t length)
{
    uint32_t before = flight->lost;
    uint32_t end = flight->una + TPA_BASE_MIN(length, tpa_tcp_flight_outstanding(flight));

    if (flight->ranges == NULL)
        return 0;
    for (unsigned int i = 0; i < flight->ranges->count; i++) {
        if (tpa_base_seq_geq(tpa_tcp_flight_start_of(flight, i), end))
            break;
        if ((tpa_tcp_flight_at(flight->ranges, i)->flags &
             (TPA_TCP_RANGE_SACKED | TPA_TCP_RANGE_LOST)) != 0)
            continue;
        if (tpa_base_seq_gt(tpa_tcp_flight_end_of(flight, i), end) &&
            tpa_tcp_flight_split(flight, worker, i, end, TPA_TCP_FLIGHT_RANGES_MAX) < 0)
            break;
        tpa_tcp_flight_set_lost(flight, i);
    }
    tpa_tcp_flight_limit_assumed(flight);
    return flight->lost - before;
}

/* Makes neighbours of the same flags one range. */
static void merge_alike(struct tpa_tcp_flight_ranges *ranges)
{
    unsigned int kept = 0;

    for (unsigned int i = 1; i < ranges->count; i++) {
        struct tpa_tcp_flight_range *last = tpa_tcp_flight_at(ranges, kept);
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(ranges, i);

        if (((last->flags ^ range->flags) & ~(uint32_t)TPA_TCP_RANGE_MIXED) != 0) {
            *tpa_tcp_flight_at(ranges, ++kept) = *range;
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
        tpa_tcp_flight_at(ranges, i)->flags =
            (tpa_tcp_flight_at(ranges, i)->flags & ~forgotten) | TPA_TCP_RANGE_LOST;
    merge_alike(ranges);
    ranges->lost_from = flight->una;
    ranges->latest_sent = 0;
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
        tpa_tcp_flight_set_flags(
            flight, i, tpa_tcp_flight_at(flight->ranges, i)->flags & ~(uint32_t)TPA_TCP_RANGE_LOST);
    flight->ranges->lost_from = flight->nxt;
    flight->ranges->unscanned = 0;
    /* What was sent again seemed to have arrived, and had not. */
    flight->ranges->latest_sent = 0;
}

void tpa_tcp_flight_lose_all(struct tpa_tcp_flight *flight)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    if (ranges == NULL)
        return;
    for (unsigned int i = 0; i < ranges->count; i++) {
        uint32_t flags = tpa_tcp_flight_at(ranges, i)->flags;

        if ((flags & TPA_TCP_RANGE_SACKED) == 0)
            tpa_tcp_flight_set_flags(
                flight, i, (flags & ~(uint32_t)TPA_TCP_RANGE_RETRANSMITTED) | TPA_TCP_RANGE_LOST);
    }
    ranges->lost_from = flight->una;
    tpa_tcp_flight_limit_assumed(flight);
}
