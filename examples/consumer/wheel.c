/* A program that uses one crate of tpa alone: it arms three timers and prints when they fire. */
#include <inttypes.h>
#include <stdio.h>

#include <tpa/timer/wheel.h>

#define MILLISECOND UINT64_C(1000000)

int main(void)
{
    static struct tpa_timer_wheel wheel;
    const uint64_t deadlines[] = {30, 10, 20};
    struct tpa_timer timers[3];
    struct tpa_timer *timer;
    int fired = 0;

    if (tpa_timer_wheel_init(&wheel, TPA_TIMER_TICK_SHIFT_DEFAULT, 0) != 0)
        return 1;

    for (int i = 0; i < 3; i++) {
        tpa_timer_init(&timers[i]);
        tpa_timer_arm(&wheel, &timers[i], deadlines[i] * MILLISECOND);
    }

    for (uint64_t now = 0; now < 40 * MILLISECOND; now += MILLISECOND) {
        while ((timer = tpa_timer_wheel_next_expired(&wheel, now)) != NULL) {
            printf("timer %d fired at %" PRIu64 " ms\n", (int)(timer - timers), now / MILLISECOND);
            fired++;
        }
    }
    return fired == 3 ? 0 : 1;
}
