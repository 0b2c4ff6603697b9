#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "receive_queue.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(receive_queue);

#define ENTRIES_MAX 64

struct fixture {
    struct tpa_mem_pool *pool;
    struct tpa_mem_budget budget;
    struct tpa_tcp_receive_queue queue;
    uint32_t pushed; /* sequence numbers: the stream begins with 0 */
    uint32_t taken;
};

static struct fixture set_up(uint32_t data_size)
{
    return (struct fixture){
        .pool = tpa_test_pool_sized(2000, data_size),
        .budget = {.limit = UINT64_MAX},
    };
}

static void tear_down(struct fixture *f)
{
    tpa_tcp_receive_queue_drop(&f->queue, &f->budget);
    cr_assert_eq(f->queue.bytes, 0);
    cr_assert_eq(f->queue.entries, 0);
    cr_assert_eq(f->budget.used, 0);
    tpa_test_pool_expect_idle(f->pool);
}

/* 0, or why the next `length` bytes of the stream weren't taken. */
static int push(struct fixture *f, uint32_t length)
{
    struct rte_mbuf *packet = stream_packet(f->pool, f->pushed, length);
    int error = tpa_tcp_receive_queue_push(&f->queue, &f->budget, packet, ENTRIES_MAX);

    if (error != 0)
        tpa_mem_packet_free(packet);
    else
        f->pushed += length;
    return error;
}

/* Takes up to `count` segments, checks that they go on with the stream, and frees them. */
static unsigned int take(struct fixture *f, unsigned int count)
{
    struct rte_mbuf *segments[ENTRIES_MAX];
    unsigned int taken = tpa_tcp_receive_queue_take(&f->queue, &f->budget, segments, count);

    for (unsigned int i = 0; i < taken; i++) {
        cr_assert_null(tpa_mem_packet_next_segment(segments[i]));
        cr_assert_gt(tpa_mem_packet_length(segments[i]), 0);
        stream_expect(segments[i], 0, f->taken);
        f->taken += tpa_mem_packet_length(segments[i]);
        tpa_tcp_charge_free(&f->budget, segments[i]);
    }
    return taken;
}

Test(receive_queue, first_in_first_out)
{
    struct fixture f = set_up(0);

    cr_assert_eq(push(&f, 1000), 0);
    cr_assert_eq(push(&f, 2000), 0);
    cr_assert_eq(push(&f, 1500), 0);
    cr_assert_eq(f.queue.bytes, 4500);
    cr_assert_eq(f.queue.entries, 3);
    cr_assert_eq(f.budget.used, 3 * tpa_mem_pool_buffer_size(f.pool));
    cr_assert_eq(take(&f, 2), 2);
    cr_assert_eq(take(&f, 2), 1);
    cr_assert_eq(take(&f, 2), 0);
    cr_assert_eq(f.taken, f.pushed);
    tear_down(&f);
}

Test(receive_queue, chains_are_split_into_segments)
{
    struct fixture f = set_up(100);

    cr_assert_eq(push(&f, 450), 0);
    cr_assert_eq(f.budget.used, 5 * tpa_mem_pool_buffer_size(f.pool));
    cr_assert_eq(take(&f, 3), 3);
    cr_assert_eq(f.queue.bytes, 150);
    cr_assert_eq(f.budget.used, 2 * tpa_mem_pool_buffer_size(f.pool));
    cr_assert_eq(take(&f, 10), 2);
    cr_assert_eq(f.budget.used, 0);
    cr_assert_eq(f.taken, 450);
    tear_down(&f);
}

/* Trimming a header that fills the first buffer leaves it empty in front. */
Test(receive_queue, empty_first_segments_are_not_handed_out)
{
    struct fixture f = set_up(100);
    struct rte_mbuf *packet = stream_packet(f.pool, 0, 350);

    tpa_mem_packet_trim_front(packet, 100);
    cr_assert_eq(tpa_tcp_receive_queue_push(&f.queue, &f.budget, packet, ENTRIES_MAX), 0);
    f.taken = 100;
    cr_assert_eq(take(&f, 10), 3);
    cr_assert_eq(f.budget.used, 0);
    tear_down(&f);
}

Test(receive_queue, undo_restores_the_order)
{
    struct fixture f = set_up(100);
    struct rte_mbuf *segments[8];

    cr_assert_eq(push(&f, 350), 0);
    cr_assert_eq(push(&f, 290), 0);
    cr_assert_eq(tpa_tcp_receive_queue_take(&f.queue, &f.budget, segments, 5), 5);
    tpa_tcp_charge_free(&f.budget, segments[0]);
    f.taken = 100;
    tpa_tcp_receive_queue_undo(&f.queue, segments + 1, 4);
    cr_assert_eq(f.queue.bytes, 540);
    cr_assert_eq(take(&f, 10), 6);
    cr_assert_eq(f.taken, 640);

    /* Into an empty queue, with more to come behind. */
    cr_assert_eq(push(&f, 300), 0);
    cr_assert_eq(tpa_tcp_receive_queue_take(&f.queue, &f.budget, segments, 8), 3);
    tpa_tcp_receive_queue_undo(&f.queue, segments, 3);
    cr_assert_eq(push(&f, 300), 0);
    take(&f, 10);
    cr_assert_eq(f.taken, f.pushed);
    tear_down(&f);
}

Test(receive_queue, entries_are_bounded)
{
    struct fixture f = set_up(0);

    for (int i = 0; i < ENTRIES_MAX; i++)
        cr_assert_eq(push(&f, 1000), 0);
    cr_assert_eq(push(&f, 1000), TPA_ENOSPC);
    take(&f, 1);
    cr_assert_eq(push(&f, 1000), 0);
    tear_down(&f);
}

Test(receive_queue, the_budget_bounds_what_is_pinned)
{
    struct fixture f = set_up(0);

    f.budget.limit = 3 * tpa_mem_pool_buffer_size(f.pool) + 5;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(push(&f, 1000), 0);
    cr_assert_eq(push(&f, 1000), TPA_ENOMEM);
    take(&f, 1);
    cr_assert_eq(push(&f, 1000), 0);
    tear_down(&f);
}

/* Attacks 12 and 13. What a byte may pin. */
Test(receive_queue, small_payloads_share_buffers)
{
    struct fixture f = set_up(0);

    for (int i = 0; i < 100000; i++)
        cr_assert_eq(push(&f, 1), 0);
    cr_assert_eq(f.queue.bytes, 100000);
    cr_assert_leq(f.budget.used, 50 * tpa_mem_pool_buffer_size(f.pool));
    cr_assert_leq(tpa_mem_pool_in_use(f.pool), 50);
    while (take(&f, 10) > 0)
        continue;
    cr_assert_eq(f.taken, 100000);
    tear_down(&f);
}

Test(receive_queue, buffers_that_others_see_are_not_written)
{
    struct fixture f = set_up(0);
    struct rte_mbuf *packet = stream_packet(f.pool, 0, 1000);

    cr_assert_eq(tpa_tcp_receive_queue_push(&f.queue, &f.budget, packet, ENTRIES_MAX), 0);
    f.pushed = 1000;
    rte_mbuf_refcnt_update(packet, 1);
    cr_assert_eq(push(&f, 1), 0);
    cr_assert_eq(f.queue.entries, 2);
    tpa_mem_packet_free(packet); /* the other's reference */
    take(&f, 10);
    cr_assert_eq(f.taken, 1001);
    tear_down(&f);
}

/* The connection is gone, the reader still has its data. */
Test(receive_queue, taken_segments_outlive_the_queue)
{
    struct fixture f = set_up(0);
    struct rte_mbuf *segments[2];

    push(&f, 1000);
    push(&f, 1000);
    push(&f, 1000);
    cr_assert_eq(tpa_tcp_receive_queue_take(&f.queue, &f.budget, segments, 2), 2);
    tpa_tcp_receive_queue_drop(&f.queue, &f.budget);
    cr_assert_eq(f.budget.used, 2 * tpa_mem_pool_buffer_size(f.pool));
    tpa_tcp_charge_free(&f.budget, segments[1]);
    tpa_tcp_charge_free(&f.budget, segments[0]);
    tear_down(&f);
}
