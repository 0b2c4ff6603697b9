/*
 * Latencies in memory of fixed size: each power of two is cut into 64 buckets, so that a value is
 * known to better than 1.6 %. Minimum and maximum are exact.
 */
#ifndef TPERF_HISTOGRAM_H
#define TPERF_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS  ((64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* All zero is empty. */
struct histogram {
    uint64_t count;
    uint64_t lowest;
    uint64_t highest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `fraction` (0 to 1) of all values do not exceed; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

#endif
