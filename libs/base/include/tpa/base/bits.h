/*
 * Bit and alignment helpers.
 */
#ifndef TPA_BASE_BITS_H
#define TPA_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool tpa_base_bits_is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* `alignment` is a power of two. Wraps to 0 if the result does not fit. */
static inline uint64_t tpa_base_bits_align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t tpa_base_bits_align_down(uint64_t value, uint64_t alignment)
{
    return value & ~(alignment - 1);
}

/* Position of the highest bit set, 0..63: floor(log2(value)). `value` is not 0. */
static inline unsigned tpa_base_bits_log2_floor(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

/* ceil(log2(value)); `value` is not 0. */
static inline unsigned tpa_base_bits_log2_ceil(uint64_t value)
{
    return value == 1 ? 0 : tpa_base_bits_log2_floor(value - 1) + 1;
}

/* Smallest power of two >= value; 1 for 0. `value` <= 2^63. */
static inline uint64_t tpa_base_bits_next_power_of_two(uint64_t value)
{
    return value <= 1 ? 1 : (uint64_t)1 << tpa_base_bits_log2_ceil(value);
}

/* Position of the lowest bit set, 0..63. `value` is not 0. */
static inline unsigned tpa_base_bits_lowest(uint64_t value)
{
    return (unsigned)__builtin_ctzll(value);
}

static inline unsigned tpa_base_bits_count(uint64_t value)
{
    return (unsigned)__builtin_popcountll(value);
}

/* `distance` is 0..63. */
static inline uint64_t tpa_base_bits_rotate_left64(uint64_t value, unsigned distance)
{
    return (value << distance) | (value >> ((64u - distance) & 63u));
}

static inline uint32_t tpa_base_bits_rotate_left32(uint32_t value, unsigned distance)
{
    return (value << distance) | (value >> ((32u - distance) & 31u));
}

#endif
