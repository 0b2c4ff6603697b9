#include "rtt.h"

#include <tpa/base/bits.h>
#include <tpa/base/compiler.h>

/* The estimator's unit: 1/64 us. 60 s are 3.84e9 of them. */
#define UNITS_PER_MICROSECOND 64

/* 2^10 times any RTO is beyond every sensible maximum. */
#define BACKOFF_MAX 10

_Static_assert(TPA_TCP_RTT_SAMPLE_MAX / 1000 * UNITS_PER_MICROSECOND <= UINT32_MAX, "srtt fits");

void tpa_tcp_rtt_init(struct tpa_tcp_rtt *rtt)
{
    *rtt = (struct tpa_tcp_rtt){.minimum = UINT32_MAX};
}

/* old + (new - old) / 2^shift, rounded to the nearest; no division on the way of each ACK. */
static uint32_t smooth(uint32_t old, uint32_t new, unsigned int shift)
{
    int64_t difference = (int64_t) new - old;
    int64_t half = INT64_C(1) << (shift - 1);

    return (uint32_t)(old + ((difference + half) >> shift));
}

/* A measurement in the estimator's unit. */
static uint32_t units_of(uint64_t sample)
{
    uint32_t units = (uint32_t)(sample * UNITS_PER_MICROSECOND / 1000);

    return TPA_BASE_MAX(units, 1u); /* 0 says that there was no sample */
}

void tpa_tcp_rtt_adapt(struct tpa_tcp_rtt *rtt, uint64_t sample)
{
    uint32_t units = units_of(TPA_BASE_MIN(sample, TPA_TCP_RTT_SAMPLE_MAX));

    rtt->srtt = TPA_BASE_MAX(rtt->srtt, units);
    rtt->rttvar = TPA_BASE_MAX(rtt->rttvar, units / 2);
    rtt->backoff = 0;
}

void tpa_tcp_rtt_sample(struct tpa_tcp_rtt *rtt, uint64_t sample, uint32_t samples_per_rtt)
{
    /* More samples than this in a round trip weigh as if they were this many: enough to follow. */
    uint32_t samples = TPA_BASE_MIN(TPA_BASE_MAX(samples_per_rtt, 1u), 1024u);
    unsigned int shift = tpa_base_bits_log2_floor(samples);
    uint32_t units;

    sample = TPA_BASE_MIN(sample, TPA_TCP_RTT_SAMPLE_MAX);
    units = units_of(sample);
    rtt->minimum = TPA_BASE_MIN(rtt->minimum, (uint32_t)(sample / 1000));
    rtt->backoff = 0;
    if (rtt->srtt == 0) {
        rtt->srtt = units;
        rtt->rttvar = units / 2;
        return;
    }
    rtt->rttvar =
        smooth(rtt->rttvar, units > rtt->srtt ? units - rtt->srtt : rtt->srtt - units, 2 + shift);
    rtt->srtt = TPA_BASE_MAX(smooth(rtt->srtt, units, 3 + shift), 1u);
}

static uint64_t nanoseconds(uint64_t units)
{
    return units * 1000 / UNITS_PER_MICROSECOND;
}

uint64_t tpa_tcp_rtt_rto(const struct tpa_tcp_rtt *rtt, uint64_t minimum, uint64_t maximum)
{
    uint64_t rto = TPA_TCP_RTO_INITIAL;

    if (rtt->srtt != 0)
        rto = nanoseconds(rtt->srtt) +
              TPA_BASE_MAX(TPA_TCP_RTO_GRANULARITY, nanoseconds(4 * (uint64_t)rtt->rttvar));
    rto = TPA_BASE_MAX(rto, minimum);
    return TPA_BASE_MIN(rto << rtt->backoff, maximum);
}

void tpa_tcp_rtt_back_off(struct tpa_tcp_rtt *rtt)
{
    if (rtt->backoff < BACKOFF_MAX)
        rtt->backoff++;
}

void tpa_tcp_rtt_progress(struct tpa_tcp_rtt *rtt)
{
    rtt->backoff = 0;
}
