#include <stddef.h>

#include <tpa/base/error.h>
#include <tpa/timer/wheel.h>

/* Rounding up may carry into one bit more. */
TPA_BASE_STATIC_ASSERT(64 - TPA_TIMER_TICK_SHIFT_MIN < TPA_TIMER_LEVELS * TPA_TIMER_SLOT_BITS,
                       "every deadline has a level");
TPA_BASE_STATIC_ASSERT(TPA_TIMER_SLOTS == 64, "a level's bitmap is one word");
TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_timer_wheel, occupied) == 24, "as in the header");
TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_timer, link) == 0, "timer_of()");

static struct tpa_timer *timer_of(struct tpa_base_list *link)
{
    return TPA_BASE_CONTAINER_OF(link, struct tpa_timer, link);
}

static uint64_t tick_rounded_up(const struct tpa_timer_wheel *wheel, uint64_t nanoseconds)
{
    uint64_t below = ((uint64_t)1 << wheel->tick_shift) - 1;

    return (nanoseconds >> wheel->tick_shift) + ((nanoseconds & below) != 0);
}

/* The tick at which the time of a level's slot comes; its timers' deadlines are not before that. */
static uint64_t slot_start(const struct tpa_timer_wheel *wheel, unsigned level, unsigned slot)
{
    unsigned shift = level * TPA_TIMER_SLOT_BITS;
    uint64_t block = (((uint64_t)TPA_TIMER_SLOTS << shift) - 1);

    return (wheel->current_tick & ~block) | (uint64_t)slot << shift;
}

/* The first tick at which there is something to do. */
static uint64_t first_tick(const struct tpa_timer_wheel *wheel)
{
    unsigned level;

    if (wheel->moving_levels != 0 || !tpa_base_list_is_empty(&wheel->due))
        return wheel->current_tick;
    if (wheel->levels == 0)
        return TPA_TIMER_NEVER;
    level = tpa_base_bits_lowest(wheel->levels);
    return slot_start(wheel, level, tpa_base_bits_lowest(wheel->occupied[level]));
}

/* Puts an unlinked timer where its deadline belongs; returns the tick at which to look there. */
static uint64_t place(struct tpa_timer_wheel *wheel, struct tpa_timer *timer)
{
    uint64_t tick = timer->deadline_tick;
    unsigned level, slot;

    if (tick <= wheel->current_tick) {
        tpa_base_list_push_back(&wheel->due, &timer->link);
        return wheel->current_tick;
    }
    level = tpa_base_bits_log2_floor(tick ^ wheel->current_tick) / TPA_TIMER_SLOT_BITS;
    slot = (tick >> (level * TPA_TIMER_SLOT_BITS)) % TPA_TIMER_SLOTS;
    tpa_base_list_push_back(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= (uint64_t)1 << slot;
    wheel->levels |= (uint16_t)(1u << level);
    return slot_start(wheel, level, slot);
}

static void mark_empty(struct tpa_timer_wheel *wheel, unsigned level, unsigned slot)
{
    wheel->occupied[level] &= ~((uint64_t)1 << slot);
    if (wheel->occupied[level] == 0)
        wheel->levels &= (uint16_t) ~(1u << level);
}

/* Takes an armed timer out of its list. A list that becomes empty is known by its head's address.
 */
static void take_out(struct tpa_timer_wheel *wheel, struct tpa_timer *timer)
{
    struct tpa_base_list *next = timer->link.next;
    struct tpa_base_list *prev = timer->link.prev;
    size_t index;

    tpa_base_list_remove(&timer->link);
    /* Its two neighbours are one: the head of a list that is empty now. */
    if (next != prev)
        return;
    index = ((uintptr_t)next - (uintptr_t)wheel->slots) / sizeof(*next);
    if (index < TPA_TIMER_LEVELS * TPA_TIMER_SLOTS) {
        mark_empty(wheel, (unsigned)index / TPA_TIMER_SLOTS, (unsigned)index % TPA_TIMER_SLOTS);
        return;
    }
    index = ((uintptr_t)next - (uintptr_t)wheel->moving) / sizeof(*next);
    if (index < TPA_TIMER_LEVELS)
        wheel->moving_levels &= (uint16_t) ~(1u << index);
}

int tpa_timer_wheel_init(struct tpa_timer_wheel *wheel, unsigned tick_shift, uint64_t now)
{
    if (tick_shift < TPA_TIMER_TICK_SHIFT_MIN || tick_shift > TPA_TIMER_TICK_SHIFT_MAX)
        return TPA_EINVAL;
    wheel->next_tick = TPA_TIMER_NEVER;
    wheel->current_tick = now >> tick_shift;
    wheel->tick_shift = (uint8_t)tick_shift;
    wheel->levels = 0;
    wheel->moving_levels = 0;
    tpa_base_list_init(&wheel->due);
    for (unsigned level = 0; level < TPA_TIMER_LEVELS; level++) {
        wheel->occupied[level] = 0;
        tpa_base_list_init(&wheel->moving[level]);
        for (unsigned slot = 0; slot < TPA_TIMER_SLOTS; slot++)
            tpa_base_list_init(&wheel->slots[level][slot]);
    }
    return TPA_OK;
}

void tpa_timer_arm(struct tpa_timer_wheel *wheel, struct tpa_timer *timer, uint64_t deadline)
{
    uint64_t tick = tick_rounded_up(wheel, deadline);

    if (tpa_timer_is_armed(timer)) {
        if (tick == timer->deadline_tick)
            return;
        take_out(wheel, timer);
    }
    timer->deadline_tick = tick;
    tick = place(wheel, timer);
    if (tick < wheel->next_tick)
        wheel->next_tick = tick;
}

void tpa_timer_cancel(struct tpa_timer_wheel *wheel, struct tpa_timer *timer)
{
    /* next_tick may stay too early: it is a lower bound, corrected by the next advance. */
    if (tpa_timer_is_armed(timer))
        take_out(wheel, timer);
}

/* Sorts one timer of the lowest level that has any waiting into a lower one. */
static void move_down(struct tpa_timer_wheel *wheel)
{
    unsigned level = tpa_base_bits_lowest(wheel->moving_levels);
    struct tpa_base_list *link = tpa_base_list_pop_front(&wheel->moving[level]);

    TPA_BASE_PREFETCH_WRITE(wheel->moving[level].next->next);
    if (tpa_base_list_is_empty(&wheel->moving[level]))
        wheel->moving_levels &= (uint16_t) ~(1u << level);
    (void)place(wheel, timer_of(link));
}

/* Goes to the next occupied slot and takes its timers; false if that lies after now_tick. */
static bool next_slot(struct tpa_timer_wheel *wheel, uint64_t now_tick)
{
    unsigned level, slot;
    uint64_t start;

    if (wheel->levels == 0)
        return false;
    level = tpa_base_bits_lowest(wheel->levels);
    slot = tpa_base_bits_lowest(wheel->occupied[level]);
    start = slot_start(wheel, level, slot);
    if (start > now_tick)
        return false;
    wheel->current_tick = start;
    mark_empty(wheel, level, slot);
    if (level == 0) {
        tpa_base_list_splice_back(&wheel->due, &wheel->slots[0][slot]);
    } else {
        tpa_base_list_splice_back(&wheel->moving[level], &wheel->slots[level][slot]);
        wheel->moving_levels |= (uint16_t)(1u << level);
    }
    return true;
}

struct tpa_timer *tpa_timer_wheel_advance(struct tpa_timer_wheel *wheel, uint64_t now_tick)
{
    unsigned budget = TPA_TIMER_MOVE_BUDGET;

    for (;;) {
        struct tpa_base_list *link = tpa_base_list_pop_front(&wheel->due);

        if (link != NULL) {
            wheel->next_tick = 0; /* there may be more */
            return timer_of(link);
        }
        if (wheel->moving_levels != 0 && budget > 0) {
            budget--;
            move_down(wheel);
        } else if (!next_slot(wheel, now_tick)) {
            break;
        }
    }
    if (now_tick > wheel->current_tick)
        wheel->current_tick = now_tick;
    wheel->next_tick = wheel->moving_levels != 0 ? 0 : first_tick(wheel);
    return NULL;
}

uint64_t tpa_timer_wheel_next_deadline(const struct tpa_timer_wheel *wheel)
{
    return tpa_timer_tick_time(wheel, first_tick(wheel));
}
