/* Loss by time: RFC 8985 (RACK), over ranges instead of segments. */
#include "flight_ranges.h"

void tpa_tcp_flight_arrived(struct tpa_tcp_flight *flight, const struct tpa_tcp_flight_acked *acked,
                            uint64_t now)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    if (ranges == NULL || acked->latest_sent == 0 ||
        !tpa_tcp_flight_sent_after(acked->latest_sent, acked->latest_end, ranges->latest_sent,
                                   ranges->latest_end))
        return;
    ranges->latest_sent = acked->latest_sent;
    ranges->latest_end = acked->latest_end;
    ranges->latest_rtt = now - acked->latest_sent;
}

uint64_t tpa_tcp_flight_latest_rtt(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL && flight->ranges->latest_sent != 0 ? flight->ranges->latest_rtt
                                                                      : 0;
}

struct tpa_tcp_flight_notes *tpa_tcp_flight_notes(const struct tpa_tcp_flight *flight)
{
    return flight->ranges != NULL ? &flight->ranges->notes : NULL;
}

/* It may still arrive: neither SACKed nor given up. */
static bool is_awaited(const struct tpa_tcp_flight_range *range)
{
    return (range->flags & TPA_TCP_RANGE_SACKED) == 0 && !tpa_tcp_flight_is_pending(range->flags);
}

static bool is_overtaken(const struct tpa_tcp_flight *flight, unsigned int index)
{
    const struct tpa_tcp_flight_ranges *ranges = flight->ranges;

    return tpa_tcp_flight_sent_after(ranges->latest_sent, ranges->latest_end,
                                     tpa_tcp_flight_at(flight->ranges, index)->sent,
                                     tpa_tcp_flight_end_of(flight, index));
}

static void lose_overtaken(struct tpa_tcp_flight *flight, unsigned int index,
                           struct tpa_tcp_flight_overtaken *overtaken)
{
    uint32_t length = tpa_tcp_flight_length_of(flight, index);
    uint32_t flags = tpa_tcp_flight_at(flight->ranges, index)->flags;

    overtaken->lost += length;
    if ((flags & TPA_TCP_RANGE_RETRANSMITTED) != 0)
        overtaken->lost_again += length;
    tpa_tcp_flight_lose(flight, index);
}

/* Everything is in the order in which it was sent: nothing can have been overtaken. */
static bool is_in_order(const struct tpa_tcp_flight *flight)
{
    return flight->sacked == 0 && flight->lost == 0 && flight->retransmitted == 0;
}

/*
 * The ranges are looked at one by one, at most TPA_TCP_FLIGHT_RANGES_ALL; and not at all while
 * nothing of what is awaited is as old as what arrived last.
 */
struct tpa_tcp_flight_overtaken tpa_tcp_flight_detect_overtaken(struct tpa_tcp_flight *flight,
                                                                uint64_t window, uint64_t now)
{
    struct tpa_tcp_flight_ranges *ranges = flight->ranges;
    struct tpa_tcp_flight_overtaken overtaken = {0};
    uint64_t oldest = UINT64_MAX;

    if (ranges == NULL || is_in_order(flight) || ranges->latest_sent < ranges->unscanned)
        return overtaken;
    for (unsigned int i = 0; i < ranges->count; i++) {
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(ranges, i);
        uint64_t due = range->sent + ranges->latest_rtt + window;

        if (!is_awaited(range))
            continue;
        if (!is_overtaken(flight, i)) {
            oldest = TPA_BASE_MIN(oldest, range->sent);
        } else if (due <= now) {
            lose_overtaken(flight, i, &overtaken);
        } else {
            oldest = TPA_BASE_MIN(oldest, range->sent);
            overtaken.wait = TPA_BASE_MAX(overtaken.wait, due - now);
        }
    }
    ranges->unscanned = oldest;
    tpa_tcp_flight_limit_assumed(flight);
    return overtaken;
}

/* The first `length` bytes, whole ranges where memory is short. */
static void lose_head(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                      uint32_t length)
{
    uint32_t end = flight->una + TPA_BASE_MIN(length, tpa_tcp_flight_outstanding(flight));

    for (unsigned int i = 0; i < flight->ranges->count; i++) {
        if (tpa_base_seq_geq(tpa_tcp_flight_start_of(flight, i), end))
            return;
        if ((tpa_tcp_flight_at(flight->ranges, i)->flags & TPA_TCP_RANGE_SACKED) != 0)
            return;
        if (tpa_base_seq_gt(tpa_tcp_flight_end_of(flight, i), end))
            (void)tpa_tcp_flight_split(flight, worker, i, end, TPA_TCP_FLIGHT_RANGES_ALL);
        tpa_tcp_flight_lose(flight, i);
    }
}

void tpa_tcp_flight_timeout_by_time(struct tpa_tcp_flight *flight,
                                    struct tpa_tcp_flight_worker *worker, uint32_t mss,
                                    uint64_t before)
{
    if (flight->ranges == NULL)
        return;
    if ((tpa_tcp_flight_at(flight->ranges, 0)->flags & TPA_TCP_RANGE_SACKED) != 0) {
        tpa_tcp_flight_timeout(flight);
        return;
    }
    lose_head(flight, worker, mss);
    for (unsigned int i = 0; i < flight->ranges->count; i++) {
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, i);

        if (is_awaited(range) && range->sent < before)
            tpa_tcp_flight_lose(flight, i);
    }
    tpa_tcp_flight_limit_assumed(flight);
}

bool tpa_tcp_flight_next_doubtful(const struct tpa_tcp_flight *flight, uint32_t length_max,
                                  uint32_t *start, uint32_t *length)
{
    const uint32_t told = TPA_TCP_RANGE_SACKED | TPA_TCP_RANGE_LOST | TPA_TCP_RANGE_RETRANSMITTED;
    uint32_t highest = tpa_tcp_flight_highest_sacked(flight);

    for (unsigned int i = 0; i < tpa_tcp_flight_range_count(flight); i++) {
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_at(flight->ranges, i);

        if (tpa_base_seq_geq(range->start, highest))
            return false;
        if ((range->flags & told) != 0)
            continue;
        *start = range->start;
        *length = TPA_BASE_MIN(tpa_tcp_flight_length_of(flight, i), length_max);
        return true;
    }
    return false;
}

bool tpa_tcp_flight_last(const struct tpa_tcp_flight *flight, uint32_t length_max, uint32_t *start,
                         uint32_t *length)
{
    for (unsigned int i = tpa_tcp_flight_range_count(flight); i > 0; i--) {
        uint32_t end = tpa_tcp_flight_end_of(flight, i - 1);

        if ((tpa_tcp_flight_at(flight->ranges, i - 1)->flags & TPA_TCP_RANGE_SACKED) != 0)
            continue;
        *length = TPA_BASE_MIN(tpa_tcp_flight_length_of(flight, i - 1), length_max);
        *start = end - *length;
        return true;
    }
    return false;
}
