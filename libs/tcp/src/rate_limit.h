/*
 * At most so many events in an interval; how many exactly, nobody outside knows: whoever counts the
 * answers to his own packets doesn't learn from it how many others got (CVE-2016-5696).
 */
#ifndef TPA_TCP_RATE_LIMIT_H
#define TPA_TCP_RATE_LIMIT_H

#include <tpa/base/random.h>
#include <tpa/tcp/parts.h>

/*
 * True: the event may happen, and is counted. In each `interval` ns there may be `least` events and
 * up to `more` on top, drawn anew for each.
 */
static inline bool tpa_tcp_rate_limit_take(struct tpa_tcp_rate_limit *rate, uint32_t least,
                                           uint32_t more, uint64_t interval,
                                           struct tpa_base_random *random, uint64_t now)
{
    if (rate->limit == 0 || now - rate->start >= interval) {
        rate->start = now;
        rate->used = 0;
        rate->limit = least + (uint32_t)tpa_base_random_below(random, (uint64_t)more + 1);
    }
    if (rate->used >= rate->limit)
        return false;
    rate->used++;
    return true;
}

#endif
