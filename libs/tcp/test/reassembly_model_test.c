/* Reassembly against a bitmap of bytes, in random order, with random cuts. */
#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/random.h>

#include "reassembly.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(reassembly_model, .timeout = 120);

#define BYTES 4000u

struct pair {
    struct tpa_mem_pool *pool;
    struct tpa_mem_budget budget;
    struct tpa_tcp_reassembly_worker worker;
    struct tpa_tcp_reassembly held;
    struct tpa_tcp_receive_queue queue;
    struct tpa_base_random random;
    uint32_t start;
    uint32_t rcv_nxt; /* offset */
    bool there[BYTES + 1];
};

static uint32_t below(struct pair *p, uint32_t bound)
{
    return (uint32_t)tpa_base_random_below(&p->random, bound);
}

static void expect_stream(struct pair *p, uint32_t from)
{
    struct rte_mbuf *segments[16];
    unsigned int count;

    while ((count = tpa_tcp_receive_queue_take(&p->queue, &p->budget, segments, 16)) > 0) {
        for (unsigned int i = 0; i < count; i++) {
            stream_expect(segments[i], 0, p->start + from);
            from += tpa_mem_packet_length(segments[i]);
            tpa_tcp_charge_free(&p->budget, segments[i]);
        }
    }
    cr_assert_eq(from, p->rcv_nxt);
}

/* A segment [left, right), as input treats it. */
static void receive(struct pair *p, uint32_t left, uint32_t right)
{
    struct rte_mbuf *packet = stream_packet(p->pool, p->start + left, right - left);
    uint32_t before = p->rcv_nxt;
    enum tpa_base_drop reason;
    bool is_new = false;

    for (uint32_t i = left; i < right; i++)
        is_new |= i >= p->rcv_nxt && !p->there[i];
    if (left > p->rcv_nxt) {
        reason = tpa_tcp_reassembly_insert(&p->held, &p->worker, packet, p->start + left);
        cr_assert_eq(reason, is_new ? TPA_BASE_DROP_NONE : TPA_BASE_DROP_TCP_DUPLICATE);
        if (reason != TPA_BASE_DROP_NONE)
            tpa_mem_packet_free(packet);
        memset(&p->there[left], true, right - left);
        return;
    }
    if (right <= p->rcv_nxt) {
        tpa_mem_packet_free(packet);
        return;
    }
    tpa_mem_packet_trim_front(packet, p->rcv_nxt - left);
    cr_assert_eq(tpa_tcp_receive_queue_push(&p->queue, &p->budget, packet, UINT32_MAX), 0);
    memset(&p->there[left], true, right - left);
    while (p->there[p->rcv_nxt])
        p->rcv_nxt++;
    cr_assert_eq(tpa_tcp_reassembly_advance(&p->held, &p->worker, &p->queue, p->start + right) -
                     p->start,
                 p->rcv_nxt);
    expect_stream(p, before);
}

static void expect_same(struct pair *p)
{
    struct tpa_tcp_sack_block blocks[TPA_TCP_SACK_BLOCKS_MAX];
    uint32_t bytes = 0, ranges = 0;
    unsigned int count, expected;

    for (uint32_t i = p->rcv_nxt; i < BYTES; i++) {
        bytes += p->there[i];
        ranges += p->there[i] && (i == 0 || !p->there[i - 1]);
    }
    cr_assert_eq(tpa_tcp_reassembly_bytes(&p->held), bytes);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&p->held), ranges);

    tpa_tcp_reassembly_duplicate(&p->held, 0, 0); /* reassembly_test.c has the reports of these */
    expected = ranges < TPA_TCP_SACK_BLOCKS_MAX ? ranges : TPA_TCP_SACK_BLOCKS_MAX;
    count = tpa_tcp_reassembly_blocks(&p->held, blocks, TPA_TCP_SACK_BLOCKS_MAX);
    cr_assert_eq(count, expected);
    for (unsigned int i = 0; i < count; i++) {
        uint32_t left = blocks[i].left - p->start, right = blocks[i].right - p->start;

        cr_assert(!p->there[left - 1] && !p->there[right]);
        for (uint32_t byte = left; byte < right; byte++)
            cr_assert(p->there[byte]);
        for (unsigned int j = 0; j < i; j++)
            cr_assert_neq(blocks[j].left, blocks[i].left);
    }
}

static void run(struct pair *p, uint64_t seed, uint32_t start)
{
    uint32_t longest;

    memset(&p->budget, 0, sizeof(*p) - offsetof(struct pair, budget));
    p->budget.limit = UINT64_MAX;
    p->start = start;
    tpa_base_random_seed(&p->random, seed);
    longest = 1 + below(p, 700);
    cr_assert_eq(
        tpa_tcp_reassembly_worker_init(&p->worker, &p->budget, &stream_chunk_source, UINT32_MAX),
        0);
    for (unsigned int steps = 0; p->rcv_nxt < BYTES; steps++) {
        uint32_t left = below(p, BYTES);
        uint32_t right = left + 1 + below(p, longest);

        /* In the end, what is missing: else short segments take for ever. */
        if (steps > 400)
            left = p->rcv_nxt - (p->rcv_nxt > 0 ? below(p, 2) : 0), right = left + longest + 1;
        receive(p, left, right < BYTES ? right : BYTES);
        expect_same(p);
    }
    cr_assert_null(p->held.ranges);
    cr_assert_eq(p->budget.used, 0);
    cr_assert_eq(tpa_tcp_reassembly_worker_fini(&p->worker), 0);
    cr_assert_eq(stream_chunks, 0);
    tpa_test_pool_expect_idle(p->pool);
}

Test(reassembly_model, random_order_at_every_start)
{
    static struct pair pair;

    pair.pool = tpa_test_pool(1000);
    for (uint64_t seed = 1; seed <= 60; seed++)
        run(&pair, seed, stream_starts[seed % STREAM_STARTS] - (uint32_t)(seed % 4000));
}

Test(reassembly_model, random_order_of_chains)
{
    static struct pair pair;

    pair.pool = tpa_test_pool_sized(4000, 48);
    for (uint64_t seed = 1; seed <= 40; seed++)
        run(&pair, seed, stream_starts[seed % STREAM_STARTS] - (uint32_t)(seed % 4000));
}
