#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <tpa/base/random.h>

#include "clock_steer.h"

/*
 * A simulated counter of 3 GHz next to a CLOCK_MONOTONIC that starts at 1000 s. `drift_ppm`: how
 * much faster the counter really is than it was during calibration.
 */
struct machine {
    struct tpa_base_clock clock;
    uint64_t ticks;
    uint64_t ns;
    int drift_ppm;
};

static void pass(struct machine *machine, uint64_t ns)
{
    machine->ns += ns;
    machine->ticks += ns * 3 + (uint64_t)((int64_t)(ns * 3) / 1000000 * machine->drift_ppm);
}

static struct machine calibrated(void)
{
    struct machine machine = {.ticks = 5000000000, .ns = 1000 * TPA_BASE_SECOND};
    uint64_t ticks = machine.ticks, ns = machine.ns;

    pass(&machine, TPA_BASE_CLOCK_CALIBRATION_NS);
    cr_assert(tpa_base_clock_calibrate(&machine.clock, ticks, ns, machine.ticks, machine.ns));
    return machine;
}

static uint64_t shown(const struct machine *machine)
{
    return tpa_base_clock_at(&machine->clock, machine->ticks);
}

static int64_t error_of(const struct machine *machine)
{
    return (int64_t)(shown(machine) - machine->ns);
}

static int64_t steer(struct machine *machine)
{
    uint64_t before = shown(machine);
    int64_t difference = tpa_base_clock_steer(&machine->clock, machine->ticks, machine->ns);

    cr_assert_geq(shown(machine), before, "the clock went back");
    return difference;
}

Test(clock, scales_the_counter)
{
    struct machine machine = calibrated();

    cr_assert_eq(error_of(&machine), 0);
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_leq(llabs(error_of(&machine)), 1);
    pass(&machine, 1000 * TPA_BASE_HOUR);
    cr_assert_leq(llabs(error_of(&machine)), 2000000, "%ld", error_of(&machine));
}

Test(clock, a_counter_at_an_odd_rate_is_not_used)
{
    struct tpa_base_clock clock;
    const uint64_t second = TPA_BASE_SECOND;

    /* 50 MHz, 30 GHz, standing still, running backwards. */
    cr_assert_not(tpa_base_clock_calibrate(&clock, 100, second, 100 + 50000000, 2 * second));
    cr_assert_not(tpa_base_clock_calibrate(&clock, 100, second, 100 + 30 * second, 2 * second));
    cr_assert_not(tpa_base_clock_calibrate(&clock, 100, second, 100, 2 * second));
    cr_assert_not(tpa_base_clock_calibrate(&clock, 100, second, 50, 2 * second));
    cr_assert_not(tpa_base_clock_calibrate(&clock, 100, second, 200, second));
    cr_assert(tpa_base_clock_calibrate(&clock, 100, second, 100 + second, 2 * second));
}

Test(clock, an_error_of_calibration_is_measured_out)
{
    struct machine machine = calibrated();

    machine.drift_ppm = 30;
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_gt(steer(&machine), 25000);
    for (int i = 0; i < 20; i++) {
        pass(&machine, TPA_BASE_SECOND);
        steer(&machine);
    }
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_leq(llabs(error_of(&machine)), 1000, "%ld", error_of(&machine));
}

Test(clock, a_small_lag_or_lead_is_steered_away_without_a_jump)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        struct machine machine = calibrated();
        uint64_t before;

        pass(&machine, TPA_BASE_SECOND);
        machine.ns = (uint64_t)((int64_t)machine.ns - sign * 500000); /* half a millisecond */
        before = shown(&machine);
        cr_assert_leq(llabs(steer(&machine) - sign * 500000), 100);
        cr_assert_eq(shown(&machine), before);
        pass(&machine, TPA_BASE_SECOND);
        cr_assert_leq(llabs(error_of(&machine)), 1000, "%ld", error_of(&machine));
    }
}

Test(clock, a_long_lag_is_made_up_at_once)
{
    struct machine machine = calibrated();

    pass(&machine, TPA_BASE_SECOND);
    machine.ns += 5 * TPA_BASE_SECOND; /* the counter stood still for that long */
    cr_assert_leq(steer(&machine), -(int64_t)(5 * TPA_BASE_SECOND) + 100);
    cr_assert_eq(error_of(&machine), 0);
    /* And the rate has not suffered. */
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_leq(llabs(error_of(&machine)), 100);
}

Test(clock, a_long_lead_is_made_up_by_going_slower_never_by_going_back)
{
    struct machine machine = calibrated();

    pass(&machine, TPA_BASE_SECOND);
    machine.ticks += 3 * 20000000; /* 20 ms of counting while the kernel's clock stood still */
    steer(&machine);
    for (int i = 0; i < 25; i++) {
        pass(&machine, TPA_BASE_SECOND);
        steer(&machine);
    }
    cr_assert_leq(llabs(error_of(&machine)), 1000, "%ld", error_of(&machine));
}

Test(clock, a_counter_that_was_set_back_stops_the_clock_until_it_is_recalibrated)
{
    struct machine machine = calibrated();
    uint64_t before;

    pass(&machine, TPA_BASE_SECOND);
    steer(&machine);
    before = shown(&machine);
    machine.ticks = 1000;
    machine.ns += TPA_BASE_SECOND;
    cr_assert_eq(shown(&machine), before);
    steer(&machine);
    cr_assert_eq(error_of(&machine), 0);
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_leq(llabs(error_of(&machine)), 100);
}

/* Moved to a host whose counter runs at another rate. */
Test(clock, a_counter_that_changed_its_rate_is_measured_anew)
{
    struct machine machine = calibrated();

    pass(&machine, TPA_BASE_SECOND);
    steer(&machine);
    machine.drift_ppm = -200000;
    for (int i = 0; i < 4; i++) {
        pass(&machine, TPA_BASE_SECOND);
        steer(&machine);
    }
    pass(&machine, TPA_BASE_SECOND);
    cr_assert_leq(llabs(error_of(&machine)), 1000, "%ld", error_of(&machine));
}

Test(clock, jitter_and_drift_at_random_never_turn_it_back_and_keep_it_close)
{
    struct machine machine = calibrated();
    struct tpa_base_random random;
    uint64_t last = 0;

    tpa_base_random_seed(&random, 1);
    for (int i = 0; i < 20000; i++) {
        machine.drift_ppm = (int)tpa_base_random_below(&random, 101) - 50;
        pass(&machine, tpa_base_random_below(&random, 2 * TPA_BASE_SECOND));
        cr_assert_geq(shown(&machine), last);
        cr_assert_leq(llabs(error_of(&machine)), 1000000, "%ld", error_of(&machine));
        steer(&machine);
        last = shown(&machine);
    }
}

/* The real one. Bounds are wide: other programs may take this test off the core at any time. */
Test(clock, follows_clock_monotonic_and_never_goes_back)
{
    struct tpa_base_clock clock;
    uint64_t last = 0;

    tpa_base_clock_init(&clock);
    for (int round = 0; round < 20; round++) {
        uint64_t before = tpa_base_clock_monotonic(), now = tpa_base_clock_now(&clock);
        uint64_t after = tpa_base_clock_monotonic();

        cr_assert_geq(now + 1000000, before, "behind by %lu ns", before - now);
        cr_assert_leq(now, after + 1000000, "ahead by %lu ns", now - after);
        for (int i = 0; i < 1000; i++) {
            now = tpa_base_clock_now(&clock);
            cr_assert_geq(now, last);
            last = now;
        }
        usleep(5000);
        tpa_base_clock_recalibrate(&clock);
    }
}

Test(clock, without_a_counter_it_is_clock_monotonic)
{
    struct tpa_base_clock clock;
    uint64_t before = tpa_base_clock_monotonic(), now;

    tpa_base_clock_init_system(&clock);
    now = tpa_base_clock_now(&clock);
    cr_assert(before <= now && now <= tpa_base_clock_monotonic());
    cr_assert_eq(tpa_base_clock_recalibrate(&clock), 0);
}
