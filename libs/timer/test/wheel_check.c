#include <criterion/criterion.h>

#include "wheel_check.h"

static const struct tpa_timer *timer_of(const struct tpa_base_list *link)
{
    return TPA_BASE_CONTAINER_OF(link, struct tpa_timer, link);
}

static size_t count(const struct tpa_base_list *head)
{
    size_t count = 0;

    TPA_BASE_LIST_FOREACH(link, head)
    {
        cr_assert_eq(link->next->prev, link);
        count++;
    }
    return count;
}

/* The level of a timer's highest digit that differs from now, and that digit. */
static void check_place(const struct tpa_timer_wheel *wheel, const struct tpa_timer *timer,
                        unsigned level, unsigned slot)
{
    unsigned shift = level * TPA_TIMER_SLOT_BITS;

    cr_assert_gt(timer->deadline_tick, wheel->current_tick);
    cr_assert_eq(timer->deadline_tick >> shift >> TPA_TIMER_SLOT_BITS,
                 wheel->current_tick >> shift >> TPA_TIMER_SLOT_BITS);
    cr_assert_eq((timer->deadline_tick >> shift) % TPA_TIMER_SLOTS, slot);
    cr_assert_neq((wheel->current_tick >> shift) % TPA_TIMER_SLOTS, slot);
    cr_assert_leq(wheel->next_tick, timer->deadline_tick);
}

size_t count_moving(const struct tpa_timer_wheel *wheel)
{
    size_t total = 0;

    for (unsigned level = 0; level < TPA_TIMER_LEVELS; level++) {
        size_t here = count(&wheel->moving[level]);

        cr_assert_eq(here > 0, (wheel->moving_levels >> level & 1) != 0);
        total += here;
    }
    return total;
}

size_t check_wheel(const struct tpa_timer_wheel *wheel)
{
    size_t total = count(&wheel->due) + count_moving(wheel);

    if (total > 0)
        cr_assert_leq(wheel->next_tick, wheel->current_tick);
    for (unsigned level = 0; level < TPA_TIMER_LEVELS; level++) {
        cr_assert_eq(wheel->occupied[level] != 0, (wheel->levels >> level & 1) != 0);
        for (unsigned slot = 0; slot < TPA_TIMER_SLOTS; slot++) {
            const struct tpa_base_list *head = &wheel->slots[level][slot];

            cr_assert_eq(!tpa_base_list_is_empty(head), (wheel->occupied[level] >> slot & 1) != 0);
            TPA_BASE_LIST_FOREACH(link, head)
            check_place(wheel, timer_of(link), level, slot);
            total += count(head);
        }
    }
    return total;
}
