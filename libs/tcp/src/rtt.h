/*
 * Round-trip time estimator and retransmission time-out: RFC 6298, with its smoothing spread over
 * the samples of one round trip (RFC 7323, appendix G).
 */
#ifndef TPA_TCP_RTT_H
#define TPA_TCP_RTT_H

#include <tpa/tcp/parts.h>

/* RTO before the first sample (RFC 6298 section 2.1), and after a SYN was lost (section 5.7). */
#define TPA_TCP_RTO_INITIAL       UINT64_C(1000000000)
#define TPA_TCP_RTO_AFTER_SYN_RTO UINT64_C(3000000000)

/* Clock granularity G of RFC 6298: the timer wheel's tick and the polling interval, ns. */
#define TPA_TCP_RTO_GRANULARITY UINT64_C(100000)

/* A longer sample is taken as this, ns: srtt must fit its 32 bits. */
#define TPA_TCP_RTT_SAMPLE_MAX UINT64_C(60000000000)

void tpa_tcp_rtt_init(struct tpa_tcp_rtt *rtt);

/*
 * A measurement in ns of data that was sent once (Karn's algorithm is the caller's, from
 * struct tpa_tcp_flight_acked or a timestamp's echo). `samples_per_rtt`: how many of these to
 * expect in a round trip, at least 1: flight / (2 * mss); counted in powers of two. Ends back-off.
 */
void tpa_tcp_rtt_sample(struct tpa_tcp_rtt *rtt, uint64_t sample, uint32_t samples_per_rtt);

/* The first measurement behind a time-out that was for nothing: the estimate is at least what such
 * a delay takes (RFC 4015 section 3), so that the next one isn't taken for a loss. Ends back-off.
 */
void tpa_tcp_rtt_adapt(struct tpa_tcp_rtt *rtt, uint64_t sample);

/* The RTO in ns, backed off, within [minimum, maximum]. */
uint64_t tpa_tcp_rtt_rto(const struct tpa_tcp_rtt *rtt, uint64_t minimum, uint64_t maximum);

/* The timer expired (RFC 6298 section 5.5); saturates. */
void tpa_tcp_rtt_back_off(struct tpa_tcp_rtt *rtt);

/* New data was acknowledged without a sample: the next RTO is not backed off. */
void tpa_tcp_rtt_progress(struct tpa_tcp_rtt *rtt);

/* In microseconds; 0 = no sample yet. */
static inline uint32_t tpa_tcp_rtt_smoothed(const struct tpa_tcp_rtt *rtt)
{
    return rtt->srtt >> 6;
}

/* The same in nanoseconds. */
static inline uint64_t tpa_tcp_rtt_smoothed_nanoseconds(const struct tpa_tcp_rtt *rtt)
{
    return (uint64_t)rtt->srtt * 125 / 8;
}

static inline uint32_t tpa_tcp_rtt_variation(const struct tpa_tcp_rtt *rtt)
{
    return rtt->rttvar >> 6;
}

#endif
