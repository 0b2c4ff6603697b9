#include <criterion/criterion.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "reassembly.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(reassembly);

#define ENTRIES_MAX 1000

struct fixture {
    struct tpa_mem_pool *pool;
    struct tpa_mem_budget budget;
    struct tpa_tcp_reassembly_worker worker;
    struct tpa_tcp_reassembly held;
    struct tpa_tcp_receive_queue queue;
    uint32_t start; /* rcv_nxt at the beginning; offsets below are from here */
};

static void set_up_sized(struct fixture *f, uint32_t start, uint32_t data_size)
{
    static struct tpa_mem_pool *pool;

    if (pool == NULL)
        pool = tpa_test_pool_sized(3000, data_size);
    *f = (struct fixture){.pool = pool, .budget = {.limit = UINT64_MAX}, .start = start};
    cr_assert_eq(
        tpa_tcp_reassembly_worker_init(&f->worker, &f->budget, &stream_chunk_source, ENTRIES_MAX),
        0);
}

static void set_up(struct fixture *f, uint32_t start)
{
    set_up_sized(f, start, 0);
}

static void tear_down(struct fixture *f)
{
    tpa_tcp_reassembly_drop(&f->held, &f->worker);
    tpa_tcp_receive_queue_drop(&f->queue, &f->budget);
    cr_assert_eq(f->budget.used, 0);
    cr_assert_eq(tpa_tcp_reassembly_worker_fini(&f->worker), 0);
    cr_assert_eq(stream_chunks, 0);
    tpa_test_pool_expect_idle(f->pool);
}

static enum tpa_base_drop insert(struct fixture *f, uint32_t left, uint32_t right)
{
    struct rte_mbuf *packet = stream_packet(f->pool, f->start + left, right - left);
    enum tpa_base_drop reason =
        tpa_tcp_reassembly_insert(&f->held, &f->worker, packet, f->start + left);

    if (reason != TPA_BASE_DROP_NONE)
        tpa_mem_packet_free(packet);
    return reason;
}

static void expect_taken(struct fixture *f, uint32_t left, uint32_t right)
{
    enum tpa_base_drop reason = insert(f, left, right);

    cr_assert_eq(reason, TPA_BASE_DROP_NONE, "%u..%u: %s", left, right, tpa_base_drop_name(reason));
}

/* rcv_nxt moved to start + offset; returns where it is then, as an offset. */
static uint32_t advance(struct fixture *f, uint32_t offset)
{
    return tpa_tcp_reassembly_advance(&f->held, &f->worker, &f->queue, f->start + offset) -
           f->start;
}

/* The queue holds exactly the bytes [left, right). */
static void expect_queued(struct fixture *f, uint32_t left, uint32_t right)
{
    struct rte_mbuf *segment;

    cr_assert_eq(f->queue.bytes, right - left);
    while (tpa_tcp_receive_queue_take(&f->queue, &f->budget, &segment, 1) == 1) {
        stream_expect(segment, 0, f->start + left);
        left += tpa_mem_packet_length(segment);
        tpa_tcp_charge_free(&f->budget, segment);
    }
    cr_assert_eq(left, right);
}

struct span {
    uint32_t left, right;
};

static void expect_blocks(struct fixture *f, unsigned int max, const struct span *spans,
                          unsigned int count)
{
    struct tpa_tcp_sack_block blocks[TPA_TCP_SACK_BLOCKS_MAX];

    cr_assert_eq(tpa_tcp_reassembly_has_blocks(&f->held), count > 0);
    cr_assert_eq(tpa_tcp_reassembly_blocks(&f->held, blocks, max), count);
    for (unsigned int i = 0; i < count; i++) {
        cr_assert_eq(blocks[i].left - f->start, spans[i].left, "block %u", i);
        cr_assert_eq(blocks[i].right - f->start, spans[i].right, "block %u", i);
    }
}

#define EXPECT_BLOCKS(f, ...)                                                     \
    expect_blocks(f, TPA_TCP_SACK_BLOCKS_MAX, (const struct span[]){__VA_ARGS__}, \
                  TPA_BASE_ARRAY_SIZE(((const struct span[]){__VA_ARGS__})))

Test(reassembly, nothing_held_costs_nothing)
{
    struct fixture f;

    set_up(&f, 0);
    cr_assert_eq(advance(&f, 100), 100);
    expect_blocks(&f, 4, NULL, 0);
    cr_assert_eq(f.worker.few.in_use, 0);
    tear_down(&f);
}

Test(reassembly, a_hole_is_filled)
{
    for (int i = 0; i < STREAM_STARTS; i++) {
        struct fixture f;

        set_up(&f, stream_starts[i]);
        expect_taken(&f, 1000, 2000);
        expect_taken(&f, 3000, 4000);
        cr_assert_eq(tpa_tcp_reassembly_bytes(&f.held), 2000);
        cr_assert_eq(f.budget.used, 2 * tpa_mem_pool_buffer_size(f.pool));
        cr_assert_eq(advance(&f, 500), 500);
        cr_assert_eq(advance(&f, 1000), 2000);
        expect_queued(&f, 1000, 2000);
        cr_assert_eq(advance(&f, 3000), 4000);
        expect_queued(&f, 3000, 4000);
        cr_assert_eq(f.worker.few.in_use, 0);
        tear_down(&f);
    }
}

Test(reassembly, what_came_twice_is_trimmed_on_both_sides)
{
    const struct {
        struct span in, queued_from; /* the segment, and what is held afterwards, in one range */
        struct span duplicate;       /* D-SACK */
    } rows[] = {
        {{1500, 2500}, {1000, 2500}, {1500, 2000}}, /* front */
        {{500, 1500}, {500, 2000}, {1000, 1500}},   /* back */
        {{500, 2500}, {500, 2500}, {1000, 2000}},   /* covers what is there */
        {{2000, 2600}, {1000, 2600}, {0, 0}},       /* joins behind */
        {{400, 1000}, {400, 2000}, {0, 0}},         /* joins before */
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        struct fixture f;
        const struct span *in = &rows[row].in, *held = &rows[row].queued_from;

        set_up(&f, 0xfffffa00);
        expect_taken(&f, 1000, 2000);
        expect_taken(&f, in->left, in->right);
        if (rows[row].duplicate.right != 0)
            EXPECT_BLOCKS(&f, rows[row].duplicate, *held);
        EXPECT_BLOCKS(&f, *held);
        cr_assert_eq(advance(&f, held->left), held->right, "row %zu", row);
        expect_queued(&f, held->left, held->right);
        tear_down(&f);
    }
}

Test(reassembly, pure_duplicates_are_refused_and_reported)
{
    struct fixture f;

    set_up(&f, 0);
    expect_taken(&f, 1000, 2000);
    cr_assert_eq(insert(&f, 1000, 2000), TPA_BASE_DROP_TCP_DUPLICATE);
    EXPECT_BLOCKS(&f, {1000, 2000}, {1000, 2000});
    cr_assert_eq(insert(&f, 1300, 1301), TPA_BASE_DROP_TCP_DUPLICATE);
    EXPECT_BLOCKS(&f, {1300, 1301}, {1000, 2000});
    EXPECT_BLOCKS(&f, {1000, 2000}); /* once only */
    tear_down(&f);
}

/* RFC 2883 section 4.1: below rcv_nxt. */
Test(reassembly, old_data_is_reported_without_anything_held)
{
    struct fixture f;

    set_up(&f, 0xffffffff);
    tpa_tcp_reassembly_duplicate(&f.held, f.start - 500, f.start - 300);
    EXPECT_BLOCKS(&f, {(uint32_t)-500, (uint32_t)-300});
    expect_blocks(&f, 4, NULL, 0);
    tear_down(&f);
}

/* RFC 2018 section 4: the example of its section 5, case 3, and newest first. */
Test(reassembly, blocks_come_newest_first)
{
    struct fixture f;

    set_up(&f, 0);
    expect_taken(&f, 1000, 1100);
    expect_taken(&f, 2000, 2100);
    expect_taken(&f, 3000, 3100);
    expect_taken(&f, 4000, 4100);
    expect_taken(&f, 5000, 5100);
    EXPECT_BLOCKS(&f, {5000, 5100}, {4000, 4100}, {3000, 3100}, {2000, 2100});
    expect_taken(&f, 2100, 2200);
    EXPECT_BLOCKS(&f, {2000, 2200}, {5000, 5100}, {4000, 4100}, {3000, 3100});
    expect_blocks(&f, 2, (const struct span[]){{2000, 2200}, {5000, 5100}}, 2);
    expect_taken(&f, 4100, 5000); /* two become one */
    EXPECT_BLOCKS(&f, {4000, 5100}, {2000, 2200}, {3000, 3100}, {1000, 1100});
    cr_assert_eq(advance(&f, 3000), 3100);
    EXPECT_BLOCKS(&f, {2000, 2200}, {4000, 5100}); /* it came again, in order */
    tear_down(&f);
}

Test(reassembly, data_in_order_may_overlap_what_is_held)
{
    struct fixture f;

    set_up(&f, 0);
    expect_taken(&f, 100, 200);
    expect_taken(&f, 200, 300);
    expect_taken(&f, 400, 500);
    cr_assert_eq(advance(&f, 250), 300); /* in order, and 50 bytes into the second packet */
    expect_queued(&f, 250, 300);
    EXPECT_BLOCKS(&f, {100, 250}, {400, 500});
    cr_assert_eq(advance(&f, 600), 600); /* beyond all of it */
    expect_queued(&f, 600, 600);
    EXPECT_BLOCKS(&f, {400, 500});
    tear_down(&f);
}

Test(reassembly, chains_are_held_and_trimmed)
{
    struct fixture f;

    set_up_sized(&f, 0xfffffff0, 64);
    expect_taken(&f, 1000, 1400);
    expect_taken(&f, 500, 1100);
    expect_taken(&f, 1300, 1777);
    cr_assert_eq(advance(&f, 650), 1777);
    expect_queued(&f, 650, 1777);
    tear_down(&f);
}

Test(reassembly, fin)
{
    struct fixture f;

    set_up(&f, 0xffffff00);
    expect_taken(&f, 1000, 1100);
    cr_assert_not(tpa_tcp_reassembly_fin(&f.held, f.start + 1099)); /* data lies beyond it */
    cr_assert(tpa_tcp_reassembly_fin(&f.held, f.start + 1200));
    cr_assert(tpa_tcp_reassembly_fin(&f.held, f.start + 1200));
    cr_assert_not(tpa_tcp_reassembly_fin(&f.held, f.start + 1300)); /* the first one holds */
    cr_assert_eq(insert(&f, 1200, 1201), TPA_BASE_DROP_TCP_AFTER_FIN);
    cr_assert_eq(insert(&f, 5000, 5001), TPA_BASE_DROP_TCP_AFTER_FIN);
    expect_taken(&f, 1150, 1250); /* up to it */
    EXPECT_BLOCKS(&f, {1150, 1200}, {1000, 1100});
    tear_down(&f);
}

/* Attack 12 (SegmentSmack). Every other byte, again and again. */
Test(reassembly, holes_and_memory_are_bounded)
{
    struct fixture f;
    uint32_t taken = 0;

    set_up(&f, 0xffffff00);
    for (uint32_t i = 0; i < 20000; i++)
        taken += insert(&f, 2 * i + 1, 2 * i + 2) == TPA_BASE_DROP_NONE;
    cr_assert_eq(taken, TPA_TCP_REASSEMBLY_RANGES_MAX);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), TPA_TCP_REASSEMBLY_RANGES_MAX);
    cr_assert_eq(tpa_tcp_reassembly_entries(&f.held), TPA_TCP_REASSEMBLY_RANGES_MAX);
    cr_assert_eq(insert(&f, 50001, 50002), TPA_BASE_DROP_TCP_OOO_LIMIT);
    /* The connection goes on: what fills holes is taken, whatever is held. */
    expect_taken(&f, 0, 1000);
    cr_assert_eq(advance(&f, 0), 1000);
    expect_queued(&f, 0, 1000);
    tear_down(&f);
}

/* The same from the end: each insert moves the whole array. */
Test(reassembly, holes_in_falling_order)
{
    struct fixture f;

    set_up(&f, 0);
    for (uint32_t i = TPA_TCP_REASSEMBLY_RANGES_MAX; i > 0; i--)
        expect_taken(&f, 2 * i, 2 * i + 1);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), TPA_TCP_REASSEMBLY_RANGES_MAX);
    for (uint32_t i = TPA_TCP_REASSEMBLY_RANGES_MAX; i > 0; i--)
        expect_taken(&f, 2 * i - 1, 2 * i);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), 1);
    cr_assert_eq(advance(&f, 1), 2 * TPA_TCP_REASSEMBLY_RANGES_MAX + 1);
    expect_queued(&f, 1, 2 * TPA_TCP_REASSEMBLY_RANGES_MAX + 1);
    tear_down(&f);
}

/* Attack 13. Adjacent bytes don't pin a buffer each. */
Test(reassembly, small_payloads_share_buffers)
{
    struct fixture f;

    set_up(&f, 0xfffff000);
    for (uint32_t i = 1; i < 10000; i++)
        expect_taken(&f, i, i + 1);
    cr_assert_leq(tpa_mem_pool_in_use(f.pool), 8);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), 1);
    cr_assert_eq(tpa_tcp_reassembly_bytes(&f.held), 9999);
    cr_assert_eq(advance(&f, 1), 10000);
    expect_queued(&f, 1, 10000);
    tear_down(&f);
}

Test(reassembly, packets_are_bounded)
{
    struct fixture f;

    set_up(&f, 0);
    for (uint32_t i = 0; i < ENTRIES_MAX; i++)
        expect_taken(&f, 1000 * i + 1, 1000 * (i + 1) + 1);
    cr_assert_eq(insert(&f, 1000 * ENTRIES_MAX + 1, 1000 * ENTRIES_MAX + 1001),
                 TPA_BASE_DROP_TCP_OOO_LIMIT);
    cr_assert_eq(insert(&f, 0, 1), TPA_BASE_DROP_TCP_OOO_LIMIT);
    tear_down(&f);
}

Test(reassembly, the_budget_bounds_what_is_pinned)
{
    struct fixture f;

    set_up(&f, 0);
    f.budget.limit = 2 * tpa_mem_pool_buffer_size(f.pool);
    expect_taken(&f, 1000, 2000);
    expect_taken(&f, 3000, 4000);
    cr_assert_eq(insert(&f, 5000, 6000), TPA_BASE_DROP_TCP_MEMORY);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), 2);
    /* Data in order needs the memory more. */
    cr_assert_eq(tpa_tcp_reassembly_prune(&f.held, &f.worker, 1), tpa_mem_pool_buffer_size(f.pool));
    EXPECT_BLOCKS(&f, {1000, 2000});
    cr_assert_eq(tpa_tcp_reassembly_prune(&f.held, &f.worker, 100000),
                 tpa_mem_pool_buffer_size(f.pool));
    expect_blocks(&f, 4, NULL, 0);
    cr_assert_eq(tpa_tcp_reassembly_prune(&f.held, &f.worker, 1), 0);

    f.budget.limit = 0;
    cr_assert_eq(insert(&f, 5000, 6000), TPA_BASE_DROP_TCP_MEMORY);
    cr_assert_eq(f.worker.few.in_use, 0);
    tear_down(&f);
}

Test(reassembly, states_run_out)
{
    struct fixture f;

    set_up(&f, 0);
    f.worker.few.fault_countdown = 1;
    cr_assert_eq(insert(&f, 1000, 2000), TPA_BASE_DROP_TCP_MEMORY);
    for (uint32_t i = 1; i <= TPA_TCP_REASSEMBLY_RANGES_FEW; i++)
        expect_taken(&f, 1000 * i, 1000 * i + 500);
    f.worker.many.fault_countdown = 1;
    cr_assert_eq(insert(&f, 100, 200), TPA_BASE_DROP_TCP_MEMORY);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&f.held), TPA_TCP_REASSEMBLY_RANGES_FEW);
    expect_taken(&f, 100, 200); /* the next one gets it */
    cr_assert_eq(f.worker.few.in_use, 0);
    tear_down(&f);
}
