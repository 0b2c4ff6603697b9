/* Any allocation may fail: nothing leaks, nothing that was accepted is lost, all goes on later. */
#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "pair.h"
#include "stream.h"

static void prepare(struct pair *pair)
{
    pair_prepare(pair, UINT32_MAX - 3000, UINT32_MAX);
    pair->applications[0].to_write = 30000;
    pair->applications[1].to_write = 20000;
    pair->applications[1].zero_copy = true;
    for (int i = 0; i < 2; i++) {
        pair->applications[i].write_size = 3000;
        pair->applications[i].shutdown = pair->applications[i].close = true;
    }
}

static void finish(struct pair *pair, const char *what, int64_t n)
{
    cr_assert(pair_transfer(pair, 30 * SECONDS), "%s %ld: %lu of 20000, %lu of 30000", what, n,
              pair->hosts[0].read, pair->hosts[1].read);
    pair_run(pair, 100 * SECONDS);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(tpa_tcp_connection_state(&pair->hosts[i].connection), TPA_TCP_CLOSED,
                     "%s %ld: host %d is %s", what, n, i,
                     tpa_tcp_state_text(tpa_tcp_connection_state(&pair->hosts[i].connection)));
    pair_close(pair);
}

static uint64_t failures(const struct pair *pair)
{
    return pair->hosts[0].worker.counters.allocation_failures +
           pair->hosts[1].worker.counters.allocation_failures;
}

/* Attack 46. The n-th buffer can't be had, for every n. */
Test(memory, each_buffer_fails_once)
{
    static struct pair pair;

    for (int64_t n = 1; n < 200; n++) {
        prepare(&pair);
        pair_open(&pair);
        pair.pool->fault_countdown = n;
        finish(&pair, "buffer", n);
        if (pair.pool->fault_countdown > 0) {
            pair.pool->fault_countdown = 0;
            return;
        }
    }
    cr_assert_fail("the exchange takes too many buffers");
}

/* From the n-th buffer on there are none for a while. */
Test(memory, buffers_are_gone_for_a_second)
{
    static struct pair pair;

    for (int64_t n = 1; n < 60; n++) {
        prepare(&pair);
        pair_open(&pair);
        pair.pool->fault_countdown = n;
        pair.pool->fault_sticky = true;
        pair_run(&pair, SECONDS);
        cr_assert_gt(failures(&pair), 0);
        pair.pool->fault_countdown = 0;
        pair.pool->fault_sticky = false;
        finish(&pair, "buffers from", n);
    }
}

static enum fate third_is_late(struct pair *pair, unsigned int from, unsigned int index,
                               const struct tpa_tcp_segment *segment)
{
    (void)pair;
    (void)from;
    return segment->length > 0 && index % 3 == 0 ? FATE_LATE : FATE_DELIVER;
}

/* The objects of TCP itself: extents, ranges in flight, ranges out of order. */
static struct tpa_mem_slab *slab_of(struct pair *pair, unsigned int which)
{
    struct tpa_tcp_worker *worker = &pair->hosts[which & 1].worker;

    switch (which >> 1) {
    case 0:
        return &worker->send.extents;
    case 1:
        return &worker->flight.classes[0];
    default:
        return &worker->reassembly.few;
    }
}

/* Attack 46. */
Test(memory, each_object_fails_once)
{
    static struct pair pair;

    for (unsigned int which = 0; which < 6; which++) {
        for (int64_t n = 1; n < 40; n++) {
            struct tpa_mem_slab *slab;

            prepare(&pair);
            pair.fate = third_is_late;
            pair_open(&pair);
            slab = slab_of(&pair, which);
            slab->fault_countdown = n;
            finish(&pair, "object", n + which * 1000);
            if (n == 1)
                cr_assert_leq(slab->fault_countdown, 0, "slab %u was not used", which);
        }
    }
}
