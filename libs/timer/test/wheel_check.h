/*
 * The wheel's invariants, checked slot by slot.
 */
#ifndef TPA_TIMER_TEST_WHEEL_CHECK_H
#define TPA_TIMER_TEST_WHEEL_CHECK_H

#include <tpa/timer/wheel.h>

/* Fails the running test if the wheel contradicts itself. Returns the number of armed timers. */
size_t check_wheel(const struct tpa_timer_wheel *wheel);

/* The armed timers that wait to be moved down. */
size_t count_moving(const struct tpa_timer_wheel *wheel);

#endif
