#include "bin/tperf/histogram.h"

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)

/* Values below SUB_COUNT have a bucket each; above, the bits behind the leading one choose. */
static uint32_t bucket_of(uint64_t value)
{
    uint32_t shift;

    if (value < SUB_COUNT)
        return (uint32_t)value;
    shift = 63u - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + (uint32_t)(value >> shift) - SUB_COUNT;
}

/* The highest value that falls into the bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
    uint32_t shift;

    if (bucket < SUB_COUNT)
        return bucket;
    shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    return (((uint64_t)(bucket % SUB_COUNT) + SUB_COUNT) << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    if (histogram->count == 0 || value < histogram->lowest)
        histogram->lowest = value;
    if (value > histogram->highest)
        histogram->highest = value;
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->lowest < into->lowest)
        into->lowest = from->lowest;
    if (from->highest > into->highest)
        into->highest = from->highest;
    into->count += from->count;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
    double wanted = fraction * (double)histogram->count;
    uint64_t seen = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t value = bucket_end(i);

            return value < histogram->highest ? value : histogram->highest;
        }
    }
    return histogram->highest;
}
