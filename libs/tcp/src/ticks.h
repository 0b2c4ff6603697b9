/*
 * Times in 32 bits, so that a connection stays small.
 *
 * Fine: 2^14 ns (16.4 us, the wheel's tick), for deadlines at most 9 h away. Coarse: 2^23 ns (8.4
 * ms), for times up to 208 days apart; of their low 16 bits,
 * times up to 9 minutes apart. Slow: 2^30 ns (1.07 s), for lengths of time. Deadlines are rounded
 * up, never early; 0 is "off", and the one tick in 2^32 that would be 0 becomes 1.
 */
#ifndef TPA_TCP_TICKS_H
#define TPA_TCP_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#define TPA_TCP_FINE_SHIFT   14
#define TPA_TCP_COARSE_SHIFT 23
#define TPA_TCP_SLOW_SHIFT   30

/* The longest delays that these deadlines can express. */
#define TPA_TCP_FINE_DELAY_MAX   (UINT64_C(0x7fffff00) << TPA_TCP_FINE_SHIFT)
#define TPA_TCP_COARSE_DELAY_MAX (UINT64_C(0x7fffff00) << TPA_TCP_COARSE_SHIFT)

static inline uint32_t tpa_tcp_ticks_deadline(uint64_t at, unsigned int shift)
{
    uint32_t ticks = (uint32_t)((at + (UINT64_C(1) << shift) - 1) >> shift);

    return ticks != 0 ? ticks : 1;
}

static inline uint64_t tpa_tcp_ticks_nanoseconds(uint32_t ticks, unsigned int shift, uint64_t now)
{
    uint64_t current = now >> shift;
    int32_t ahead = (int32_t)(ticks - (uint32_t)current);

    return (current + (uint64_t)(int64_t)ahead) << shift;
}

static inline uint32_t tpa_tcp_fine_deadline(uint64_t at)
{
    return tpa_tcp_ticks_deadline(at, TPA_TCP_FINE_SHIFT);
}

static inline bool tpa_tcp_fine_due(uint32_t deadline, uint64_t now)
{
    return deadline != 0 && (int32_t)((uint32_t)(now >> TPA_TCP_FINE_SHIFT) - deadline) >= 0;
}

static inline uint64_t tpa_tcp_fine_nanoseconds(uint32_t deadline, uint64_t now)
{
    return tpa_tcp_ticks_nanoseconds(deadline, TPA_TCP_FINE_SHIFT, now);
}

static inline uint32_t tpa_tcp_coarse(uint64_t now)
{
    return (uint32_t)(now >> TPA_TCP_COARSE_SHIFT);
}

static inline uint32_t tpa_tcp_coarse_deadline(uint64_t at)
{
    return tpa_tcp_ticks_deadline(at, TPA_TCP_COARSE_SHIFT);
}

static inline bool tpa_tcp_coarse_due(uint32_t deadline, uint64_t now)
{
    return deadline != 0 && (int32_t)(tpa_tcp_coarse(now) - deadline) >= 0;
}

static inline uint64_t tpa_tcp_coarse_nanoseconds(uint32_t deadline, uint64_t now)
{
    return tpa_tcp_ticks_nanoseconds(deadline, TPA_TCP_COARSE_SHIFT, now);
}

/* Nanoseconds since the coarse time `since`. */
static inline uint64_t tpa_tcp_coarse_elapsed(uint32_t since, uint64_t now)
{
    return (uint64_t)(tpa_tcp_coarse(now) - since) << TPA_TCP_COARSE_SHIFT;
}

#endif
