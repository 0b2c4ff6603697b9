/*
 * At most so many events in an interval.
 */
#ifndef TPA_TCP_RATE_LIMIT_H
#define TPA_TCP_RATE_LIMIT_H

#include <tpa/tcp/parts.h>

/* True: the event may happen, and is counted. `limit` events in each `interval` ns. */
static inline bool tpa_tcp_rate_limit_take(struct tpa_tcp_rate_limit *rate, uint32_t limit,
                                           uint64_t interval, uint64_t now)
{
    if (now - rate->start >= interval) {
        rate->start = now;
        rate->used = 0;
    }
    if (rate->used >= limit)
        return false;
    rate->used++;
    return true;
}

#endif
