/* A token bucket: `rate` a second on average, a burst of TPA_IP_BUCKET_BURST. */
#ifndef TPA_IP_BUCKET_H
#define TPA_IP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/clock.h>

/* What may be sent at once after a pause: enough for a trace route or a handful of pings, far from
 * a flood. Rates below it have a burst of one second. */
#define TPA_IP_BUCKET_BURST 50

struct tpa_ip_bucket {
    uint64_t interval; /* ns of one token */
    uint64_t depth;    /* ns: all tokens of a full bucket */
    uint64_t full_at;  /* when it will be full again */
};

static inline void tpa_ip_bucket_init(struct tpa_ip_bucket *bucket, uint32_t rate, uint64_t now)
{
    bucket->interval = TPA_BASE_SECOND / rate;
    bucket->depth = bucket->interval * (rate < TPA_IP_BUCKET_BURST ? rate : TPA_IP_BUCKET_BURST);
    bucket->full_at = now;
}

/* Takes a token; false when there is none. */
static inline bool tpa_ip_bucket_take(struct tpa_ip_bucket *bucket, uint64_t now)
{
    uint64_t from = bucket->full_at > now ? bucket->full_at : now;

    if (from + bucket->interval > now + bucket->depth)
        return false;
    bucket->full_at = from + bucket->interval;
    return true;
}

#endif
