/*
 * The wheel against a plain array of deadlines, through random calls over random spans of time.
 */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <tpa/base/clock.h>
#include <tpa/base/random.h>

#include "wheel_check.h"

#define TIMERS 400

/* Smaller than what one call moves, so that NULL always means that nothing is left to do. */
TPA_BASE_STATIC_ASSERT(TIMERS < 2 * TPA_TIMER_MOVE_BUDGET, "see expire()");

struct world {
    struct tpa_timer_wheel wheel;
    struct tpa_base_random random;
    uint64_t now;
    struct tpa_timer timers[TIMERS];
    uint64_t deadlines[TIMERS]; /* UINT64_MAX: not armed */
    uint64_t expired;
    uint64_t armed;
};

/* From nanoseconds to days, each order of magnitude alike. */
static uint64_t span(struct world *w)
{
    return tpa_base_random_u64(&w->random) >> (14 + tpa_base_random_below(&w->random, 50));
}

static size_t any_timer(struct world *w)
{
    return tpa_base_random_below(&w->random, TIMERS);
}

static void arm(struct world *w, size_t i)
{
    /* Now and then in the past. */
    uint64_t late = tpa_base_random_below(&w->random, 10) == 0 ? span(w) : 0;
    uint64_t deadline = late > w->now ? 0 : w->now - late + span(w);

    w->deadlines[i] = deadline;
    tpa_timer_arm(&w->wheel, &w->timers[i], deadline);
    w->armed++;
}

static void cancel(struct world *w, size_t i)
{
    w->deadlines[i] = UINT64_MAX;
    tpa_timer_cancel(&w->wheel, &w->timers[i]);
}

static uint64_t rounded_up(const struct world *w, uint64_t time)
{
    uint64_t tick = (uint64_t)1 << w->wheel.tick_shift;

    return (time + tick - 1) & ~(tick - 1);
}

/* Takes all that has expired; handlers do things to timers too. */
static void expire(struct world *w)
{
    do {
        struct tpa_timer *timer;

        while ((timer = tpa_timer_wheel_next_expired(&w->wheel, w->now)) != NULL) {
            size_t i = (size_t)(timer - w->timers);

            cr_assert(i < TIMERS && w->deadlines[i] != UINT64_MAX, "fired without being armed");
            cr_assert_leq(w->deadlines[i], w->now, "fired early");
            w->deadlines[i] = UINT64_MAX;
            w->expired++;
            if (tpa_base_random_below(&w->random, 3) == 0)
                arm(w, i);
            if (tpa_base_random_below(&w->random, 5) == 0)
                cancel(w, any_timer(w));
            if (tpa_base_random_below(&w->random, 5) == 0)
                arm(w, any_timer(w));
        }
    } while (tpa_timer_wheel_next_deadline(&w->wheel) <= w->now);
}

/* Everything that should have fired has, and the wheel and the array agree on what is armed. */
static void check(const struct world *w)
{
    uint64_t first = UINT64_MAX;
    size_t armed = 0;

    for (size_t i = 0; i < TIMERS; i++) {
        cr_assert_eq(tpa_timer_is_armed(&w->timers[i]), w->deadlines[i] != UINT64_MAX);
        if (w->deadlines[i] == UINT64_MAX)
            continue;
        armed++;
        cr_assert_gt(rounded_up(w, w->deadlines[i]), w->now, "late");
        cr_assert_eq(tpa_timer_deadline(&w->wheel, &w->timers[i]), rounded_up(w, w->deadlines[i]));
        first = TPA_BASE_MIN(first, rounded_up(w, w->deadlines[i]));
    }
    cr_assert_eq(check_wheel(&w->wheel), armed);
    cr_assert_gt(tpa_timer_wheel_next_deadline(&w->wheel), w->now);
    cr_assert_leq(tpa_timer_wheel_next_deadline(&w->wheel), first);
    if (armed == 0)
        cr_assert_eq(tpa_timer_wheel_next_deadline(&w->wheel), TPA_TIMER_NEVER);
}

static void step(struct world *w)
{
    for (uint64_t calls = tpa_base_random_below(&w->random, 20); calls > 0; calls--) {
        if (tpa_base_random_below(&w->random, 3) == 0)
            cancel(w, any_timer(w));
        else
            arm(w, any_timer(w));
    }
    if (tpa_base_random_below(&w->random, 3) == 0)
        w->now = TPA_BASE_MAX(w->now, TPA_BASE_MIN(tpa_timer_wheel_next_deadline(&w->wheel),
                                                   w->now + 24 * TPA_BASE_HOUR));
    else
        w->now += span(w);
    expire(w);
    check(w);
}

ParameterizedTestParameters(wheel_random, agrees_with_an_array_of_deadlines)
{
    static unsigned shifts[] = {TPA_TIMER_TICK_SHIFT_MIN, 13, TPA_TIMER_TICK_SHIFT_DEFAULT, 16, 20,
                                TPA_TIMER_TICK_SHIFT_MAX};

    return cr_make_param_array(unsigned, shifts, TPA_BASE_ARRAY_SIZE(shifts));
}

ParameterizedTest(unsigned *shift, wheel_random, agrees_with_an_array_of_deadlines)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *w = calloc(1, sizeof(*w));

        tpa_base_random_seed(&w->random, seed);
        w->now = span(w);
        cr_assert_eq(tpa_timer_wheel_init(&w->wheel, *shift, w->now), 0);
        for (size_t i = 0; i < TIMERS; i++)
            w->deadlines[i] = UINT64_MAX;
        for (int i = 0; i < 400; i++)
            step(w);
        for (size_t i = 0; i < TIMERS; i++)
            cancel(w, i);
        check(w);
        cr_assert(w->expired > 500, "only %lu of %lu fired", w->expired, w->armed);
        free(w);
    }
}
