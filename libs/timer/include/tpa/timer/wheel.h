/*
 * A hierarchical timer wheel in which idle time costs nothing.
 *
 * Time is divided into ticks of 2^tick_shift nanoseconds. A deadline is rounded up to a tick, `now`
 * down, so that a timer never fires early and, if the wheel is asked often enough, less than one
 * tick plus the asking interval late.
 *
 * A timer sits at the level of the highest 6-bit digit in which its deadline differs from the
 * current tick, in the slot that this digit names. So everything at a lower level is due before
 * anything at a higher one, the next slot to look at is the lowest bit of the lowest non-empty
 * level, and time jumps straight to it: no walk over empty slots, and a jump of hours costs what
 * the timers in it cost. A timer moves down at most once per level in its life.
 *
 * There are no callbacks. The owner asks for expired timers one at a time and may arm or cancel any
 * timer in between:
 *
 *     while ((timer = tpa_timer_wheel_next_expired(&wheel, now)) != NULL)
 *         connection_timer(TPA_BASE_CONTAINER_OF(timer, struct connection, timer), now);
 *
 * One wheel per worker, not shared between threads. Timers are intrusive; the wheel owns nothing,
 * there is no fini.
 */
#ifndef TPA_TIMER_WHEEL_H
#define TPA_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/bits.h>
#include <tpa/base/compiler.h>
#include <tpa/base/list.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * 2^14 ns = 16.4 us: 1.6 % of the shortest protocol timer (delayed ACK, 1 ms), and fine enough to
 * pace with. A short tick costs no more than a long one here, since empty ticks are never visited.
 */
#define TPA_TIMER_TICK_SHIFT_DEFAULT 14

/* 2 us .. 1 s. The lower end keeps 2^64 ns, rounded up, within TPA_TIMER_LEVELS levels. */
#define TPA_TIMER_TICK_SHIFT_MIN 11
#define TPA_TIMER_TICK_SHIFT_MAX 30

#define TPA_TIMER_SLOT_BITS 6
#define TPA_TIMER_SLOTS     (1u << TPA_TIMER_SLOT_BITS) /* per level: a bitmap of one word */
#define TPA_TIMER_LEVELS    9 /* 54 bits of ticks: every uint64_t deadline has a place */

/*
 * How many timers one call of next_expired moves down a level at most. A slot of a high level may
 * hold a million keepalive timers; moving them all at once would hold up the worker for tens of
 * milliseconds. 256 moves are some microseconds.
 */
#define TPA_TIMER_MOVE_BUDGET 256

/* No timer is armed. */
#define TPA_TIMER_NEVER UINT64_MAX

/* Embedded in the object that it times. Zeroed memory is a valid, unarmed timer. */
struct tpa_timer {
    struct tpa_base_list link; /*  0: next is NULL while unarmed */
    uint64_t deadline_tick;    /* 16 */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_timer) == 24, "one per connection: keep it small");

struct tpa_timer_wheel {
    uint64_t next_tick;                  /*  0: nothing happens before this tick (a lower bound) */
    uint64_t current_tick;               /*  8 */
    uint8_t tick_shift;                  /* 16 */
    uint16_t levels;                     /* 18: bit n: occupied[n] is not zero */
    uint16_t moving_levels;              /* 20: bit n: moving[n] is not empty */
    uint64_t occupied[TPA_TIMER_LEVELS]; /* 24: bit n: slot n of that level is not empty */
    struct tpa_base_list due;            /* expired, not handed out yet */
    struct tpa_base_list moving[TPA_TIMER_LEVELS]; /* from slots whose time has come, to be sorted
                                                      into lower levels */
    struct tpa_base_list slots[TPA_TIMER_LEVELS][TPA_TIMER_SLOTS];
};

/*
 * Makes an empty wheel. `tick_shift`: log2 of the tick in nanoseconds, TPA_TIMER_TICK_SHIFT_MIN ..
 * _MAX. `now`: current time in nanoseconds. 0, or TPA_EINVAL for a shift outside its range.
 */
int tpa_timer_wheel_init(struct tpa_timer_wheel *wheel, unsigned tick_shift,
                         uint64_t now) TPA_BASE_MUST_CHECK;

/* Makes an unarmed timer. */
static inline void tpa_timer_init(struct tpa_timer *timer)
{
    tpa_base_list_node_init(&timer->link);
    timer->deadline_tick = 0;
}

/* True from arm until cancelled or handed out by next_expired. */
static inline bool tpa_timer_is_armed(const struct tpa_timer *timer)
{
    return tpa_base_list_is_linked(&timer->link);
}

/* The time in nanoseconds at which a tick begins; saturates at TPA_TIMER_NEVER. */
static inline uint64_t tpa_timer_tick_time(const struct tpa_timer_wheel *wheel, uint64_t tick)
{
    return tick > UINT64_MAX >> wheel->tick_shift ? TPA_TIMER_NEVER : tick << wheel->tick_shift;
}

/* The deadline of an armed timer in nanoseconds, rounded up to the tick. */
static inline uint64_t tpa_timer_deadline(const struct tpa_timer_wheel *wheel,
                                          const struct tpa_timer *timer)
{
    return tpa_timer_tick_time(wheel, timer->deadline_tick);
}

/*
 * Arms a timer for `deadline` (nanoseconds, the same scale as `now`); an armed one is moved. O(1).
 * A deadline that has passed by a tick expires at the next call of next_expired, a later one with
 * its tick.
 */
void tpa_timer_arm(struct tpa_timer_wheel *wheel, struct tpa_timer *timer, uint64_t deadline);

/* Disarms; nothing happens to an unarmed timer. O(1). The object may be freed afterwards. */
void tpa_timer_cancel(struct tpa_timer_wheel *wheel, struct tpa_timer *timer);

/* The part of next_expired behind its fast path; not to be called directly. */
struct tpa_timer *tpa_timer_wheel_advance(struct tpa_timer_wheel *wheel, uint64_t now_tick);

/*
 * Advances to `now` (nanoseconds; a value before an earlier one counts as that) and returns one
 * expired timer, disarmed, or NULL. Timers come out by deadline tick, within one tick in the order
 * in which they got there.
 *
 * NULL means: none is expired, or the budget of moves was used up; next_deadline() is then not
 * later than `now`, and a later call goes on. Timers not yet moved may fire late by as much; others
 * are not held up.
 */
static inline struct tpa_timer *tpa_timer_wheel_next_expired(struct tpa_timer_wheel *wheel,
                                                             uint64_t now)
{
    uint64_t now_tick = now >> wheel->tick_shift;

    if (TPA_BASE_LIKELY(now_tick < wheel->next_tick)) {
        if (now_tick > wheel->current_tick)
            wheel->current_tick = now_tick;
        return NULL;
    }
    return tpa_timer_wheel_advance(wheel, now_tick);
}

/*
 * The earliest time (nanoseconds) at which next_expired may have something to do: nothing expires
 * before it. Exact for timers within 64 ticks, else possibly earlier than the first deadline by the
 * width of a slot; asking again at that time gives a closer one, and after at most TPA_TIMER_LEVELS
 * such steps a timer fires. TPA_TIMER_NEVER if none is armed.
 */
uint64_t tpa_timer_wheel_next_deadline(const struct tpa_timer_wheel *wheel);

TPA_BASE_DECLARATIONS_END

#endif
