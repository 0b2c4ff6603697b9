#include <pthread.h>
#include <sched.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/mem/ring.h>

#include "test/support/eal.h"

static struct tpa_mem_ring ring;

static void make(void)
{
    tpa_test_eal_init();
    cr_assert_eq(tpa_mem_ring_create(&ring, "ring", 100), 0);
}

static void drop(void)
{
    tpa_mem_ring_destroy(&ring);
}

TestSuite(ring, .init = make, .fini = drop, .timeout = 30);

static void *number(uintptr_t value)
{
    return (void *)value;
}

Test(ring, refuses_arguments_out_of_range)
{
    struct tpa_mem_ring other = {NULL};

    cr_expect_eq(tpa_mem_ring_create(&other, "other", 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_ring_create(&other, "other", (1 << 20) + 1), TPA_EINVAL);
    cr_expect_eq(tpa_mem_ring_create(&other, "1234567890123456789012345", 1), TPA_EINVAL);
    cr_expect_eq(tpa_mem_ring_create(&other, "ring", 1), TPA_EEXIST);
    cr_expect_eq(tpa_mem_ring_create(&other, "123456789012345678901234", 1), 0);
    tpa_mem_ring_destroy(&other);
    tpa_mem_ring_destroy(&other);
}

Test(ring, takes_what_it_has_room_for_and_keeps_the_order)
{
    void *in[120], *out[120];

    for (uintptr_t i = 0; i < 120; i++)
        in[i] = number(i + 1);
    cr_expect_eq(tpa_mem_ring_pop(&ring, out, 120), 0);
    cr_expect_eq(tpa_mem_ring_push(&ring, in, 120), 100);
    cr_expect_eq(tpa_mem_ring_push(&ring, in, 1), 0);
    cr_expect_eq(tpa_mem_ring_pop(&ring, out, 30), 30);
    cr_expect_eq(tpa_mem_ring_push(&ring, in + 100, 20), 20);
    cr_expect_eq(tpa_mem_ring_pop(&ring, out + 30, 120), 90);
    for (int i = 0; i < 120; i++)
        cr_assert_eq(out[i], in[i]);
}

enum {
    PUSHED = 20000
};

/* Pushes its numbers in order; the upper bits say whose they are. */
static void *push_all(void *first)
{
    for (uintptr_t i = 0; i < PUSHED;) {
        void *object = number((uintptr_t)first + i);

        if (tpa_mem_ring_push(&ring, &object, 1) == 1)
            i++;
        else
            sched_yield();
    }
    return NULL;
}

Test(ring, loses_nothing_between_threads)
{
    uintptr_t next[2] = {0, 0};
    pthread_t threads[2];

    for (uintptr_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, push_all, number((i << 32) | 1)), 0);
    while (next[0] + next[1] < 2 * PUSHED) {
        void *out[32];
        unsigned int count = tpa_mem_ring_pop(&ring, out, 32);

        for (unsigned int i = 0; i < count; i++) {
            uintptr_t value = (uintptr_t)out[i];

            cr_assert_eq((value & UINT32_MAX) - 1, next[value >> 32]++);
        }
        if (count == 0)
            sched_yield();
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}
