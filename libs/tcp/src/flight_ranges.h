/*
 * The ranges of a flight, shared by its sources.
 */
#ifndef TPA_TCP_FLIGHT_RANGES_H
#define TPA_TCP_FLIGHT_RANGES_H

#include <string.h>

#include <tpa/base/compiler.h>

#include "flight.h"

/* The ranges are range[first] to range[first + count - 1]: taking from the front moves nothing. */
struct tpa_tcp_flight_ranges {
    uint16_t first;
    uint16_t count;
    uint16_t capacity;
    uint16_t class;
    uint32_t lost_from;   /*  8: no range before it is lost and not sent again */
    uint32_t highest;     /* 12: RACK.fack: one past the highest byte that has arrived */
    uint64_t latest_sent; /* 16: RACK.xmit_ts: of what was sent last and arrived; 0 = unknown */
    uint64_t latest_rtt;  /* 24: RACK.rtt, ns */
    uint32_t latest_end;  /* 32: RACK.end_seq */
    uint32_t reserved;    /* 36 */
    uint64_t unscanned;   /* 40: what was sent before is SACKed, or lost and not sent again */
    struct tpa_tcp_flight_notes notes; /* 48 */
    struct tpa_tcp_flight_range range[];
};

/* What SACK may not use up is left for sending, and sending again, while all holes are taken. */
#define TPA_TCP_FLIGHT_RANGES_ALL (TPA_TCP_FLIGHT_RANGES_MAX + 16)

static inline struct tpa_tcp_flight_range *tpa_tcp_flight_at(struct tpa_tcp_flight_ranges *ranges,
                                                             unsigned int index)
{
    return &ranges->range[ranges->first + index];
}

static inline uint32_t tpa_tcp_flight_start_of(const struct tpa_tcp_flight *flight,
                                               unsigned int index)
{
    return tpa_tcp_flight_at(flight->ranges, index)->start;
}

static inline uint32_t tpa_tcp_flight_end_of(const struct tpa_tcp_flight *flight,
                                             unsigned int index)
{
    return index + 1 < flight->ranges->count ? tpa_tcp_flight_start_of(flight, index + 1)
                                             : flight->nxt;
}

static inline uint32_t tpa_tcp_flight_length_of(const struct tpa_tcp_flight *flight,
                                                unsigned int index)
{
    return tpa_tcp_flight_end_of(flight, index) - tpa_tcp_flight_start_of(flight, index);
}

/* The range that holds the byte `sequence`, which is outstanding. */
static inline unsigned int tpa_tcp_flight_find(const struct tpa_tcp_flight *flight,
                                               uint32_t sequence)
{
    unsigned int low = 0, high = flight->ranges->count;

    while (high - low > 1) {
        unsigned int middle = (low + high) / 2;

        if (tpa_base_seq_leq(tpa_tcp_flight_start_of(flight, middle), sequence))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Adds `length` bytes of the state `flags` to the sums, or takes them out. */
static inline void tpa_tcp_flight_account(struct tpa_tcp_flight *flight, uint32_t flags,
                                          uint32_t length, bool add)
{
    uint32_t change = add ? length : 0u - length;

    if ((flags & TPA_TCP_RANGE_SACKED) != 0)
        flight->sacked += change;
    if ((flags & TPA_TCP_RANGE_LOST) != 0)
        flight->lost += change;
    if ((flags & TPA_TCP_RANGE_RETRANSMITTED) != 0)
        flight->retransmitted += change;
}

static inline void tpa_tcp_flight_set_flags(struct tpa_tcp_flight *flight, unsigned int index,
                                            uint32_t flags)
{
    struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, index);
    uint32_t length = tpa_tcp_flight_length_of(flight, index);

    tpa_tcp_flight_account(flight, range->flags, length, false);
    tpa_tcp_flight_account(flight, flags, length, true);
    range->flags = flags & 0xff;
}

static inline bool tpa_tcp_flight_is_pending(uint32_t flags)
{
    return (flags & (TPA_TCP_RANGE_LOST | TPA_TCP_RANGE_RETRANSMITTED)) == TPA_TCP_RANGE_LOST;
}

/* RACK_sent_after() of RFC 8985 section 6.2. */
static inline bool tpa_tcp_flight_sent_after(uint64_t sent, uint32_t end, uint64_t than_sent,
                                             uint32_t than_end)
{
    return sent > than_sent || (sent == than_sent && tpa_base_seq_gt(end, than_end));
}

/* When the first of a range's bytes was sent, or a little before. */
static inline uint64_t tpa_tcp_flight_first_time(const struct tpa_tcp_flight_range *range)
{
    uint64_t spread = (uint64_t)range->spread << TPA_TCP_FLIGHT_SPREAD_SHIFT;

    return range->sent - TPA_BASE_MIN(spread, range->sent);
}

/* Sets the times of a range whose bytes were sent between these two. */
static inline void tpa_tcp_flight_set_times(struct tpa_tcp_flight_range *range, uint64_t first,
                                            uint64_t last)
{
    uint64_t units =
        (last - first + (1u << TPA_TCP_FLIGHT_SPREAD_SHIFT) - 1) >> TPA_TCP_FLIGHT_SPREAD_SHIFT;

    range->sent = last;
    range->spread = (uint32_t)TPA_BASE_MIN(units, (uint64_t)TPA_TCP_FLIGHT_SPREAD_MAX) & 0xffffff;
    if (first != last)
        range->flags |= TPA_TCP_RANGE_MIXED;
}

/* Lost, whether it was sent again or not. */
static inline void tpa_tcp_flight_lose(struct tpa_tcp_flight *flight, unsigned int index)
{
    uint32_t flags = tpa_tcp_flight_at(flight->ranges, index)->flags;

    tpa_tcp_flight_set_flags(flight, index,
                             (flags & ~(uint32_t)TPA_TCP_RANGE_RETRANSMITTED) | TPA_TCP_RANGE_LOST);
    flight->ranges->lost_from =
        tpa_base_seq_min(flight->ranges->lost_from, tpa_tcp_flight_start_of(flight, index));
}

static inline void tpa_tcp_flight_set_lost(struct tpa_tcp_flight *flight, unsigned int index)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    uint32_t flags = tpa_tcp_flight_at(ranges, index)->flags | TPA_TCP_RANGE_LOST;

    tpa_tcp_flight_set_flags(flight, index, flags);
    if (tpa_tcp_flight_is_pending(flags))
        ranges->lost_from =
            tpa_base_seq_min(ranges->lost_from, tpa_tcp_flight_start_of(flight, index));
}

/* What is lost has left the network already: duplicate ACKs can't have told of it. */
static inline void tpa_tcp_flight_limit_assumed(struct tpa_tcp_flight *flight)
{
    uint32_t most = tpa_tcp_flight_outstanding(flight) - flight->sacked - flight->lost;

    flight->assumed = TPA_BASE_MIN(flight->assumed, most);
}

/* Takes the ranges [from, to) out; the one before them, or the flight's start, takes their bytes.
 */
static inline void tpa_tcp_flight_remove_ranges(struct tpa_tcp_flight_ranges *ranges,
                                                unsigned int from, unsigned int to)
{
    if (from == to)
        return;
    memmove(tpa_tcp_flight_at(ranges, from), tpa_tcp_flight_at(ranges, to),
            (ranges->count - to) * sizeof(struct tpa_tcp_flight_range));
    ranges->count = (uint16_t)(ranges->count - (to - from));
}

/*
 * Makes a range begin at `sequence`, which lies in range `index`, if that makes no more than
 * `limit` ranges. Returns that range's index; TPA_ENOMEM. The array may be another one afterwards.
 */
int tpa_tcp_flight_split(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                         unsigned int index, uint32_t sequence, unsigned int limit);

/* The first `length` bytes of a range are known to have arrived. */
void tpa_tcp_flight_delivered(const struct tpa_tcp_flight *flight,
                              const struct tpa_tcp_flight_range *range, uint32_t length,
                              struct tpa_tcp_flight_acked *acked);

#endif
