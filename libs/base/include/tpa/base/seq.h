/*
 * Sequence number arithmetic modulo 2^32 (RFC 9293 section 3.4; RFC 1982 for the comparison). The
 * comparisons are meaningful for numbers less than 2^31 apart, which TCP's largest window (2^30,
 * RFC 7323 section 2.3) ensures. At a distance of exactly 2^31 each number is "less" than the
 * other.
 */
#ifndef TPA_BASE_SEQ_H
#define TPA_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* a - b as a signed distance: > 0 if a is after b. */
static inline int32_t tpa_base_seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool tpa_base_seq_lt(uint32_t a, uint32_t b)
{
    return tpa_base_seq_diff(a, b) < 0;
}

static inline bool tpa_base_seq_leq(uint32_t a, uint32_t b)
{
    return tpa_base_seq_diff(a, b) <= 0;
}

static inline bool tpa_base_seq_gt(uint32_t a, uint32_t b)
{
    return tpa_base_seq_diff(b, a) < 0;
}

static inline bool tpa_base_seq_geq(uint32_t a, uint32_t b)
{
    return tpa_base_seq_diff(b, a) <= 0;
}

/* low <= seq <= high, both ends included, for any length of the interval up to 2^32 - 1. */
static inline bool tpa_base_seq_between(uint32_t seq, uint32_t low, uint32_t high)
{
    return high - low >= seq - low;
}

/* start <= seq < start + length: the half-open form of a window. False for length 0. */
static inline bool tpa_base_seq_in_window(uint32_t seq, uint32_t start, uint32_t length)
{
    return seq - start < length;
}

static inline uint32_t tpa_base_seq_max(uint32_t a, uint32_t b)
{
    return tpa_base_seq_lt(a, b) ? b : a;
}

static inline uint32_t tpa_base_seq_min(uint32_t a, uint32_t b)
{
    return tpa_base_seq_lt(b, a) ? b : a;
}

#endif
