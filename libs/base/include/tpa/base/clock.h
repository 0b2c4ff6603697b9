/*
 * The time source of a worker's loop: monotonic nanoseconds, read once a step and passed on as
 * `now`.
 *
 * Where the CPU's time-stamp counter is invariant it is scaled by multiply and shift, which costs a
 * fraction of clock_gettime(); else CLOCK_MONOTONIC is read. Nothing but the loop's owner needs
 * this header: everything else takes a number, and virtual time is just another number.
 */
#ifndef TPA_BASE_CLOCK_H
#define TPA_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/* Nanoseconds per unit. */
#define TPA_BASE_MICROSECOND UINT64_C(1000)
#define TPA_BASE_MILLISECOND UINT64_C(1000000)
#define TPA_BASE_SECOND      UINT64_C(1000000000)
#define TPA_BASE_MINUTE      (60 * TPA_BASE_SECOND)
#define TPA_BASE_HOUR        (60 * TPA_BASE_MINUTE)

/*
 * How long init measures the counter's frequency. 10 ms at clock_gettime()'s jitter of some 100 ns
 * are 10 ppm of error; each recalibration measures over the whole time since init, so the error
 * falls from there.
 */
#define TPA_BASE_CLOCK_CALIBRATION_NS (10 * TPA_BASE_MILLISECOND)

/* How often to call tpa_base_clock_recalibrate(): 10 ppm of a second are 10 us of drift. */
#define TPA_BASE_CLOCK_RECALIBRATE_NS TPA_BASE_SECOND

/* One per worker; written only by init and recalibrate. */
struct tpa_base_clock {
    uint64_t base_ticks;      /* counter at the last (re)calibration */
    uint64_t base_ns;         /* what this clock showed then */
    uint64_t multiplier;      /* nanoseconds per tick, times 2^32, with the steering in it */
    uint64_t rate;            /* the same without */
    uint64_t reference_ticks; /* where the measurement of the rate began, */
    uint64_t reference_ns;    /* and CLOCK_MONOTONIC at that moment */
    bool uses_counter;        /* false: every read is a clock_gettime() */
};

/*
 * Calibrates; takes TPA_BASE_CLOCK_CALIBRATION_NS where there is a usable counter. Never fails:
 * without a usable counter (no invariant TSC, or not x86-64) it falls back to clock_gettime().
 */
void tpa_base_clock_init(struct tpa_base_clock *clock);

/* A clock that always reads CLOCK_MONOTONIC: for tools that read it seldom. Takes no time. */
void tpa_base_clock_init_system(struct tpa_base_clock *clock);

/*
 * Compares with CLOCK_MONOTONIC, refines the rate and steers the difference away over the coming
 * TPA_BASE_CLOCK_RECALIBRATE_NS, without ever going backwards. To be called from the slow path
 * about that often; a lag of more than a millisecond (the machine was suspended, the counter was
 * changed) is made up at once. Returns the difference found, this clock minus CLOCK_MONOTONIC, in
 * nanoseconds (0 without a counter).
 */
int64_t tpa_base_clock_recalibrate(struct tpa_base_clock *clock);

/* CLOCK_MONOTONIC in nanoseconds, by system call or vDSO. */
uint64_t tpa_base_clock_monotonic(void);

/* The raw counter; 0 on machines without one. */
static inline uint64_t tpa_base_clock_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/*
 * Nanoseconds since an unspecified start, monotonic, within small drift of CLOCK_MONOTONIC. Two
 * workers' clocks differ by their drift, some microseconds: times are not compared across workers.
 */
static inline uint64_t tpa_base_clock_now(const struct tpa_base_clock *clock)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t ticks;

    if (TPA_BASE_UNLIKELY(!clock->uses_counter))
        return tpa_base_clock_monotonic();
    ticks = tpa_base_clock_ticks();
    /* Another core's counter may lie a little behind the one that calibrated. */
    if (TPA_BASE_UNLIKELY(ticks < clock->base_ticks))
        return clock->base_ns;
    return clock->base_ns +
           (uint64_t)(((wide)(ticks - clock->base_ticks) * clock->multiplier) >> 32);
}

TPA_BASE_DECLARATIONS_END

#endif
