#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/base/clock.h>
#include <tpa/base/error.h>

#include "wheel_check.h"

#define SHIFT TPA_TIMER_TICK_SHIFT_DEFAULT
#define TICK  ((uint64_t)1 << SHIFT)

/* A start that is no multiple of anything, some days after boot. */
#define START (123456 * TPA_BASE_SECOND + 789)

static struct tpa_timer_wheel wheel;

static void start_at(uint64_t now)
{
    cr_assert_eq(tpa_timer_wheel_init(&wheel, SHIFT, now), 0);
}

/* Asks until nothing is left to do at `now`; returns how many timers expired. */
static int expire_all(uint64_t now)
{
    int count = 0;

    do {
        while (tpa_timer_wheel_next_expired(&wheel, now) != NULL)
            count++;
    } while (tpa_timer_wheel_next_deadline(&wheel) <= now);
    check_wheel(&wheel);
    return count;
}

Test(wheel, refuses_ticks_out_of_range)
{
    cr_assert_eq(tpa_timer_wheel_init(&wheel, TPA_TIMER_TICK_SHIFT_MIN - 1, 0), TPA_EINVAL);
    cr_assert_eq(tpa_timer_wheel_init(&wheel, TPA_TIMER_TICK_SHIFT_MAX + 1, 0), TPA_EINVAL);
    cr_assert_eq(tpa_timer_wheel_init(&wheel, TPA_TIMER_TICK_SHIFT_MIN, 0), 0);
    cr_assert_eq(tpa_timer_wheel_init(&wheel, TPA_TIMER_TICK_SHIFT_MAX, UINT64_MAX), 0);
}

Test(wheel, an_empty_wheel_never_has_anything_to_do)
{
    start_at(START);
    cr_assert_eq(tpa_timer_wheel_next_deadline(&wheel), TPA_TIMER_NEVER);
    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, START));
    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, UINT64_MAX));
    cr_assert_eq(tpa_timer_wheel_next_deadline(&wheel), TPA_TIMER_NEVER);
}

/* The protocol's own durations, and those at which digits of the wheel roll over. */
static const uint64_t durations[] = {1,
                                     TICK - 1,
                                     TICK,
                                     TICK + 1,
                                     8 * TPA_BASE_MICROSECOND,
                                     63 * TICK,
                                     64 * TICK,
                                     65 * TICK,
                                     TPA_BASE_MILLISECOND,
                                     40 * TPA_BASE_MILLISECOND,
                                     4095 * TICK,
                                     4096 * TICK,
                                     4097 * TICK,
                                     100 * TPA_BASE_MILLISECOND,
                                     TPA_BASE_SECOND,
                                     TPA_BASE_MINUTE,
                                     2 * TPA_BASE_MINUTE,
                                     2 * TPA_BASE_HOUR,
                                     3 * TPA_BASE_HOUR,
                                     24 * TPA_BASE_HOUR,
                                     100 * 24 * TPA_BASE_HOUR};

Test(wheel, fires_never_early_and_at_most_a_tick_late)
{
    for (uint64_t phase = 0; phase < 200 * TICK; phase += TICK / 3 + 7) {
        for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(durations); i++) {
            uint64_t start = START + phase, deadline = start + durations[i];
            struct tpa_timer timer = {.deadline_tick = 0};

            start_at(start);
            tpa_timer_arm(&wheel, &timer, deadline);
            cr_assert(tpa_timer_is_armed(&timer));
            cr_assert_eq(expire_all(deadline - 1), 0, "early: %lu", durations[i]);
            cr_assert_eq(expire_all(deadline + TICK - 1), 1, "late: %lu", durations[i]);
            cr_assert_not(tpa_timer_is_armed(&timer));
        }
    }
}

Test(wheel, stepping_from_next_deadline_to_next_deadline_reaches_every_timer)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(durations); i++) {
        struct tpa_timer timer = {.deadline_tick = 0};
        uint64_t now = START, next;
        int steps = 0;

        start_at(START);
        tpa_timer_arm(&wheel, &timer, START + durations[i]);
        do {
            next = tpa_timer_wheel_next_deadline(&wheel);
            cr_assert(next > now && next <= START + durations[i] + TICK, "%lu", durations[i]);
            now = next;
            steps++;
        } while (tpa_timer_wheel_next_expired(&wheel, now) == NULL);
        cr_assert_leq(steps, TPA_TIMER_LEVELS + 1);
        cr_assert(now >= START + durations[i]);
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
        cr_assert_eq(tpa_timer_wheel_next_deadline(&wheel), TPA_TIMER_NEVER);
    }
}

Test(wheel, a_deadline_that_has_passed_expires_at_once_or_with_its_tick)
{
    struct tpa_timer a = {.deadline_tick = 0}, b = {.deadline_tick = 0};

    start_at(START);
    tpa_timer_arm(&wheel, &a, START - TICK);
    tpa_timer_arm(&wheel, &b, START - 1);
    cr_assert_eq(check_wheel(&wheel), 2);
    cr_assert_leq(tpa_timer_wheel_next_deadline(&wheel), START);
    cr_assert_eq(expire_all(START), 1);
    cr_assert_eq(expire_all(START + TICK), 1);
}

Test(wheel, the_last_deadline_is_never)
{
    for (unsigned shift = TPA_TIMER_TICK_SHIFT_MIN; shift <= TPA_TIMER_TICK_SHIFT_MAX; shift++) {
        struct tpa_timer timer = {.deadline_tick = 0};

        cr_assert_eq(tpa_timer_wheel_init(&wheel, shift, 0), 0);
        tpa_timer_arm(&wheel, &timer, UINT64_MAX);
        check_wheel(&wheel);
        cr_assert_eq(tpa_timer_deadline(&wheel, &timer), TPA_TIMER_NEVER);
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, UINT64_MAX));
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, UINT64_MAX));
        cr_assert(tpa_timer_is_armed(&timer));
        tpa_timer_cancel(&wheel, &timer);
        cr_assert_eq(check_wheel(&wheel), 0);
    }
}

Test(wheel, deadline_is_the_tick_after_what_was_asked_for)
{
    struct tpa_timer timer = {.deadline_tick = 0};

    start_at(0);
    tpa_timer_arm(&wheel, &timer, 5 * TICK);
    cr_assert_eq(tpa_timer_deadline(&wheel, &timer), 5 * TICK);
    tpa_timer_arm(&wheel, &timer, 5 * TICK + 1);
    cr_assert_eq(tpa_timer_deadline(&wheel, &timer), 6 * TICK);
}

Test(wheel, arming_an_armed_timer_moves_it)
{
    struct tpa_timer timer = {.deadline_tick = 0};

    start_at(START);
    tpa_timer_arm(&wheel, &timer, START + TPA_BASE_SECOND);
    tpa_timer_arm(&wheel, &timer, START + 2 * TPA_BASE_SECOND);
    cr_assert_eq(check_wheel(&wheel), 1);
    cr_assert_eq(expire_all(START + 3 * TPA_BASE_SECOND / 2), 0);
    /* Earlier than the wheel has been looking. */
    tpa_timer_arm(&wheel, &timer, START + 7 * TPA_BASE_SECOND / 4);
    cr_assert_eq(expire_all(START + 7 * TPA_BASE_SECOND / 4 + TICK), 1);
    cr_assert_eq(expire_all(START + TPA_BASE_HOUR), 0);
}

Test(wheel, a_cancelled_timer_does_not_fire_and_can_be_armed_again)
{
    struct tpa_timer timer;

    start_at(START);
    tpa_timer_init(&timer);
    tpa_timer_cancel(&wheel, &timer); /* not armed: nothing happens */
    tpa_timer_arm(&wheel, &timer, START + TPA_BASE_SECOND);
    tpa_timer_cancel(&wheel, &timer);
    cr_assert_not(tpa_timer_is_armed(&timer));
    tpa_timer_cancel(&wheel, &timer);
    cr_assert_eq(tpa_timer_wheel_next_deadline(&wheel), TPA_TIMER_NEVER);
    cr_assert_eq(expire_all(START + 2 * TPA_BASE_SECOND), 0);
    tpa_timer_arm(&wheel, &timer, START + 3 * TPA_BASE_SECOND);
    cr_assert_eq(expire_all(START + 3 * TPA_BASE_SECOND + TICK), 1);
}

Test(wheel, time_that_goes_back_is_as_if_it_stood_still)
{
    struct tpa_timer a = {.deadline_tick = 0}, b = {.deadline_tick = 0};

    start_at(START);
    tpa_timer_arm(&wheel, &a, START + TPA_BASE_SECOND);
    tpa_timer_arm(&wheel, &b, START + TPA_BASE_SECOND);
    cr_assert_not_null(tpa_timer_wheel_next_expired(&wheel, START + TPA_BASE_SECOND + TICK));
    /* The other is due already, and stays so. */
    cr_assert_not_null(tpa_timer_wheel_next_expired(&wheel, START));
    tpa_timer_arm(&wheel, &a, START + TPA_BASE_SECOND / 2);
    cr_assert_eq(expire_all(START), 1);
}

/* Also through the path that looks at nothing but the next tick. */
Test(wheel, time_that_goes_back_does_not_move_the_wheel)
{
    struct tpa_timer timer = {.deadline_tick = 0};
    uint64_t later = START + TPA_BASE_SECOND;

    start_at(START);
    tpa_timer_arm(&wheel, &timer, START + TPA_BASE_HOUR);
    for (uint64_t now = later; now >= START; now -= TPA_BASE_SECOND / 10) {
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
        cr_assert_eq(wheel.current_tick, later >> SHIFT);
    }
    cr_assert_eq(check_wheel(&wheel), 1);
}

/* Else a timer armed after a long silence would be put far too high, and moved down again and
 * again. */
Test(wheel, follows_time_while_nothing_expires)
{
    struct tpa_timer timer = {.deadline_tick = 0};

    start_at(START);
    for (uint64_t now = START; now < START + TPA_BASE_MINUTE; now += TPA_BASE_SECOND / 3) {
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
        cr_assert_eq(wheel.current_tick, now >> SHIFT);
    }
    /* A slot's time comes and its timer is moved down, all before `now`. */
    tpa_timer_arm(&wheel, &timer, START + TPA_BASE_HOUR);
    for (uint64_t now = START + TPA_BASE_MINUTE; now < START + TPA_BASE_HOUR;
         now += TPA_BASE_SECOND / 3) {
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
        cr_assert_eq(wheel.current_tick, now >> SHIFT);
    }
}

Test(wheel, expires_in_the_order_of_deadlines_also_over_a_jump)
{
    enum {
        count = 2000
    };
    static struct tpa_timer timers[count];
    uint64_t last = 0, end = START + 3 * TPA_BASE_HOUR + TICK;
    struct tpa_timer *timer;
    int expired = 0;

    start_at(START);
    for (size_t i = 0; i < count; i++)
        tpa_timer_arm(&wheel, &timers[i],
                      START + (i * 7919 % count + 1) * (3 * TPA_BASE_HOUR / count));
    do {
        timer = tpa_timer_wheel_next_expired(&wheel, end);
        if (timer != NULL) {
            cr_assert_geq(timer->deadline_tick, last);
            last = timer->deadline_tick;
            expired++;
        }
    } while (timer != NULL || tpa_timer_wheel_next_deadline(&wheel) <= end);
    cr_assert_eq(expired, count);
}

Test(wheel, within_one_tick_first_armed_first_fired)
{
    struct tpa_timer timers[5] = {{.deadline_tick = 0}};

    start_at(START);
    for (size_t i = 0; i < 5; i++)
        tpa_timer_arm(&wheel, &timers[i], START + TPA_BASE_MILLISECOND);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, START + TPA_BASE_SECOND), &timers[i]);
}

/* What a handler may do: to its own timer, and to others that have expired as well, or are about
 * to. */
Test(wheel, a_handler_may_arm_and_cancel_any_timer)
{
    struct tpa_timer timers[4] = {{.deadline_tick = 0}};
    uint64_t now = START + TPA_BASE_SECOND;

    start_at(START);
    for (size_t i = 0; i < 4; i++)
        tpa_timer_arm(&wheel, &timers[i], now - TPA_BASE_MILLISECOND);
    cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, now), &timers[0]);
    tpa_timer_arm(&wheel, &timers[0], now + TPA_BASE_SECOND);
    tpa_timer_cancel(&wheel, &timers[1]);
    tpa_timer_arm(&wheel, &timers[2], now + TPA_BASE_SECOND);
    check_wheel(&wheel);
    cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, now), &timers[3]);
    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
    cr_assert_eq(check_wheel(&wheel), 2);
    cr_assert_eq(expire_all(now + TPA_BASE_SECOND + TICK), 2);
}

Test(wheel, a_timer_that_is_armed_again_for_now_does_not_starve_the_rest)
{
    struct tpa_timer restless = {.deadline_tick = 0}, other = {.deadline_tick = 0};

    start_at(START);
    tpa_timer_arm(&wheel, &restless, START);
    tpa_timer_arm(&wheel, &other, START);
    cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, START + TICK), &restless);
    tpa_timer_arm(&wheel, &restless, START);
    cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, START + TICK), &other);
}

/* Timers of a high level that are sorted down when their slot's time comes. */
enum {
    crowd = 4 * TPA_TIMER_MOVE_BUDGET + 100
};

static struct tpa_timer crowded[crowd];

/* All in one slot of a high level, each with a deadline of its own. Returns when that slot's time
 * comes. */
static uint64_t arm_crowd(void)
{
    uint64_t slot = (uint64_t)1 << (SHIFT + 3 * TPA_TIMER_SLOT_BITS);

    start_at(0);
    for (size_t i = 0; i < crowd; i++)
        tpa_timer_arm(&wheel, &crowded[i], slot + (i + 1) * 16 * TICK);
    return slot;
}

Test(wheel, one_call_moves_no_more_than_its_budget)
{
    uint64_t now = arm_crowd();

    for (size_t calls = 1; calls <= crowd / TPA_TIMER_MOVE_BUDGET; calls++) {
        cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
        cr_assert_eq(count_moving(&wheel), crowd - calls * TPA_TIMER_MOVE_BUDGET);
        cr_assert_leq(tpa_timer_wheel_next_deadline(&wheel), now);
        cr_assert_eq(check_wheel(&wheel), crowd);
    }
    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
    cr_assert_eq(count_moving(&wheel), 0);
    cr_assert_eq(tpa_timer_wheel_next_deadline(&wheel), now + 16 * TICK);
}

Test(wheel, a_crowd_being_moved_does_not_hold_up_other_timers)
{
    uint64_t now = arm_crowd();
    struct tpa_timer urgent = {.deadline_tick = 0};

    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
    cr_assert_gt(count_moving(&wheel), 0);
    tpa_timer_arm(&wheel, &urgent, now + 5 * TICK);
    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now + 4 * TICK));
    cr_assert_gt(count_moving(&wheel), TPA_TIMER_MOVE_BUDGET);
    cr_assert_eq(tpa_timer_wheel_next_expired(&wheel, now + 5 * TICK), &urgent);
}

Test(wheel, a_timer_that_waits_to_be_moved_can_be_armed_and_cancelled)
{
    uint64_t now = arm_crowd();

    cr_assert_null(tpa_timer_wheel_next_expired(&wheel, now));
    for (size_t i = TPA_TIMER_MOVE_BUDGET; i < crowd; i++) {
        if (i % 2 == 0)
            tpa_timer_cancel(&wheel, &crowded[i]);
        else
            tpa_timer_arm(&wheel, &crowded[i], now + TPA_BASE_HOUR);
    }
    cr_assert_eq(count_moving(&wheel), 0);
    check_wheel(&wheel);
    cr_assert_eq(expire_all(now + TPA_BASE_MINUTE), TPA_TIMER_MOVE_BUDGET);
    cr_assert_eq(expire_all(now + TPA_BASE_HOUR + TICK), (crowd - TPA_TIMER_MOVE_BUDGET) / 2);
}

Test(wheel, after_a_jump_past_a_crowd_all_of_it_expires)
{
    uint64_t now = arm_crowd();

    cr_assert_eq(expire_all(now + 3 * TPA_BASE_HOUR), crowd);
    cr_assert_eq(check_wheel(&wheel), 0);
}
