/*
 * The arithmetic of the clock without its sources, so that tests can give it any counter.
 */
#ifndef TPA_BASE_CLOCK_STEER_H
#define TPA_BASE_CLOCK_STEER_H

#include <tpa/base/clock.h>

/* Beyond this lag the clock jumps forward instead of hurrying. */
#define CLOCK_JUMP_NS TPA_BASE_MILLISECOND

/* The most by which the rate is bent to make up a difference: 0.1 %. */
#define CLOCK_STEER_PPM_MAX 1000

/* A rate measured this much off the known one is a disturbance, not a better measurement. */
#define CLOCK_DISTURBED_PPM 100

TPA_BASE_DECLARATIONS_BEGIN

/*
 * Starts the clock from two simultaneous readings of counter and CLOCK_MONOTONIC. Returns false if
 * the counter's frequency is not within 100 MHz .. 20 GHz, and then leaves the clock alone.
 */
bool tpa_base_clock_calibrate(struct tpa_base_clock *clock, uint64_t first_ticks, uint64_t first_ns,
                              uint64_t second_ticks, uint64_t second_ns);

/* tpa_base_clock_recalibrate() with the readings as parameters. */
int64_t tpa_base_clock_steer(struct tpa_base_clock *clock, uint64_t ticks, uint64_t monotonic_ns);

/* What the clock shows at that reading of the counter. */
uint64_t tpa_base_clock_at(const struct tpa_base_clock *clock, uint64_t ticks);

TPA_BASE_DECLARATIONS_END

#endif
