#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "clock_steer.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

/* Nanoseconds per tick, times 2^32, at 20 GHz and at 100 MHz. */
#define MULTIPLIER_MIN (((uint64_t)1 << 32) / 20)
#define MULTIPLIER_MAX (((uint64_t)1 << 32) * 10)

/* Of several paired readings the one with the shortest way between its two ends is used. */
#define READING_ATTEMPTS 8

struct reading {
    uint64_t ticks;
    uint64_t ns;
};

static struct reading read_both(void)
{
    struct reading best = {0, 0};
    uint64_t best_width = UINT64_MAX;

    for (int i = 0; i < READING_ATTEMPTS; i++) {
        uint64_t before = tpa_base_clock_ticks();
        uint64_t ns = tpa_base_clock_monotonic();
        uint64_t width = tpa_base_clock_ticks() - before;

        if (width < best_width) {
            best_width = width;
            best = (struct reading){before + width / 2, ns};
        }
    }
    return best;
}

/* Does the counter run at one rate in all power states (CPUID 8000_0007h, EDX bit 8)? */
static bool has_invariant_counter(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
#else
    return false;
#endif
}

/* Nanoseconds per tick, times 2^32. */
static uint64_t rate(uint64_t ticks, uint64_t ns)
{
    return ticks == 0 ? 0 : (uint64_t)(((wide)ns << 32) / ticks);
}

static bool is_plausible(uint64_t multiplier)
{
    return multiplier >= MULTIPLIER_MIN && multiplier <= MULTIPLIER_MAX;
}

bool tpa_base_clock_calibrate(struct tpa_base_clock *clock, uint64_t first_ticks, uint64_t first_ns,
                              uint64_t second_ticks, uint64_t second_ns)
{
    uint64_t multiplier;

    if (second_ticks <= first_ticks || second_ns <= first_ns)
        return false;
    multiplier = rate(second_ticks - first_ticks, second_ns - first_ns);
    if (!is_plausible(multiplier))
        return false;
    *clock = (struct tpa_base_clock){
        .base_ticks = second_ticks,
        .base_ns = second_ns,
        .multiplier = multiplier,
        .rate = multiplier,
        .reference_ticks = first_ticks,
        .reference_ns = first_ns,
        .uses_counter = true,
    };
    return true;
}

uint64_t tpa_base_clock_at(const struct tpa_base_clock *clock, uint64_t ticks)
{
    if (ticks < clock->base_ticks)
        return clock->base_ns;
    return clock->base_ns +
           (uint64_t)(((wide)(ticks - clock->base_ticks) * clock->multiplier) >> 32);
}

static bool is_near(uint64_t a, uint64_t b)
{
    uint64_t distance = a > b ? a - b : b - a;

    return distance < b / 1000000 * CLOCK_DISTURBED_PPM;
}

/*
 * Measures the rate since the reference. One that differs much from what was known says that the
 * counter was disturbed (the machine slept, or moved to another host): the known rate stands and
 * the measurement starts again from here. What comes out of such a fresh start is then believed.
 */
static void measure(struct tpa_base_clock *clock, uint64_t ticks, uint64_t ns)
{
    bool fresh = clock->reference_ticks == clock->base_ticks;
    uint64_t measured = 0;

    if (ticks > clock->reference_ticks) {
        if (ns < clock->reference_ns + TPA_BASE_CLOCK_CALIBRATION_NS)
            return;
        measured = rate(ticks - clock->reference_ticks, ns - clock->reference_ns);
    }
    if (is_plausible(measured) && (fresh || is_near(measured, clock->rate))) {
        clock->rate = measured;
        return;
    }
    clock->reference_ticks = ticks;
    clock->reference_ns = ns;
}

/* The rate at which a difference of `ahead` nanoseconds is gone after the next interval. */
static uint64_t bent_rate(uint64_t rate_now, int64_t ahead)
{
    const int64_t interval = (int64_t)TPA_BASE_CLOCK_RECALIBRATE_NS;
    const int64_t most = interval / 1000000 * CLOCK_STEER_PPM_MAX;
    int64_t bend = TPA_BASE_MAX(-most, TPA_BASE_MIN(most, ahead));

    return rate_now - (uint64_t)((signed_wide)rate_now * bend / interval);
}

int64_t tpa_base_clock_steer(struct tpa_base_clock *clock, uint64_t ticks, uint64_t monotonic_ns)
{
    uint64_t shown = tpa_base_clock_at(clock, ticks);
    int64_t ahead = (int64_t)(shown - monotonic_ns);

    measure(clock, ticks, monotonic_ns);
    clock->base_ticks = ticks;
    clock->base_ns = ahead < -(int64_t)CLOCK_JUMP_NS ? monotonic_ns : shown;
    clock->multiplier = bent_rate(clock->rate, (int64_t)(clock->base_ns - monotonic_ns));
    return ahead;
}

uint64_t tpa_base_clock_monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * TPA_BASE_SECOND + (uint64_t)time.tv_nsec;
}

void tpa_base_clock_init_system(struct tpa_base_clock *clock)
{
    *clock = (struct tpa_base_clock){.uses_counter = false};
}

void tpa_base_clock_init(struct tpa_base_clock *clock)
{
    struct reading first, second;

    tpa_base_clock_init_system(clock);
    if (!has_invariant_counter())
        return;
    first = read_both();
    while (tpa_base_clock_monotonic() < first.ns + TPA_BASE_CLOCK_CALIBRATION_NS)
        ;
    second = read_both();
    (void)tpa_base_clock_calibrate(clock, first.ticks, first.ns, second.ticks, second.ns);
}

int64_t tpa_base_clock_recalibrate(struct tpa_base_clock *clock)
{
    struct reading now;

    if (!clock->uses_counter)
        return 0;
    now = read_both();
    return tpa_base_clock_steer(clock, now.ticks, now.ns);
}
