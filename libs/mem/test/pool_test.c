#include <pthread.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/mem/eal.h>
#include <tpa/mem/pool.h>

#include "packets.h"
#include "test/support/eal.h"
#include "test/support/pools.h"

static int create(struct tpa_mem_pool *pool, const char *name, uint32_t count, uint32_t data_size)
{
    return tpa_mem_pool_create(
        pool,
        &(struct tpa_mem_pool_config){.name = name, .packet_count = count, .data_size = data_size});
}

Test(pool, refuses_a_config_out_of_range, .init = tpa_test_eal_init)
{
    struct tpa_mem_pool pool;

    cr_expect_eq(create(&pool, NULL, 8, 0), TPA_EINVAL);
    cr_expect_eq(create(&pool, "", 8, 0), TPA_EINVAL);
    cr_expect_eq(create(&pool, "123456789012345678901234", 8, 0), TPA_EINVAL);
    cr_expect_eq(create(&pool, "none", 0, 0), TPA_EINVAL);
    cr_expect_eq(create(&pool, "large", 8, TPA_MEM_POOL_DATA_SIZE_MAX + 1), TPA_EINVAL);
}

Test(pool, accepts_the_ends_of_the_ranges, .init = tpa_test_eal_init)
{
    struct tpa_mem_pool pool;
    struct rte_mbuf *packet;

    cr_assert_eq(create(&pool, "12345678901234567890123", 1, TPA_MEM_POOL_DATA_SIZE_MAX), 0);
    packet = tpa_mem_packet_alloc(&pool);
    cr_assert_not_null(packet);
    cr_expect_not_null(tpa_mem_packet_append(packet, TPA_MEM_POOL_DATA_SIZE_MAX));
    cr_expect_null(tpa_mem_packet_alloc(&pool));
    tpa_mem_packet_free(packet);
    cr_expect_eq(tpa_mem_pool_destroy(&pool), 0);
}

Test(pool, a_name_is_taken_until_its_pool_is_destroyed, .init = tpa_test_eal_init)
{
    struct tpa_mem_pool pool, other;

    cr_assert_eq(create(&pool, "name", 8, 0), 0);
    cr_expect_eq(create(&other, "name", 8, 0), TPA_EEXIST);
    cr_expect_eq(tpa_mem_pool_destroy(&pool), 0);
    cr_expect_eq(create(&other, "name", 8, 0), 0);
    cr_expect_eq(tpa_mem_pool_destroy(&other), 0);
}

Test(pool, says_when_memory_is_exhausted_and_leaves_nothing_behind, .init = tpa_test_eal_init)
{
    struct tpa_mem_pool pool;

    cr_expect_eq(create(&pool, "huge", 1000000, 0), TPA_ENOMEM);
    cr_assert_eq(create(&pool, "huge", 1000, 0), 0);
    cr_expect_eq(tpa_mem_pool_destroy(&pool), 0);
}

Test(pool, the_default_holds_a_frame_and_pleases_drivers, .init = tpa_test_eal_init)
{
    struct tpa_mem_pool pool;

    cr_assert_eq(create(&pool, "default", 8, 0), 0);
    cr_expect_eq(pool.data_size, TPA_MEM_POOL_DATA_SIZE_DEFAULT);
    cr_expect_geq(rte_pktmbuf_data_room_size(pool.mempool) - RTE_PKTMBUF_HEADROOM, 2048);
    cr_expect_eq(tpa_mem_pool_destroy(&pool), 0);
}

Test(pool, hands_out_all_its_packets_and_not_one_more)
{
    enum {
        COUNT = 1000
    };
    struct tpa_mem_pool *pool = tpa_test_pool(COUNT);
    struct rte_mbuf *packets[COUNT];

    for (int i = 0; i < COUNT; i++)
        cr_assert_not_null(packets[i] = tpa_mem_packet_alloc(pool), "packet %d", i);
    cr_expect_null(tpa_mem_packet_alloc(pool));
    cr_expect_eq(tpa_mem_pool_in_use(pool), COUNT);
    cr_expect_eq(tpa_mem_pool_destroy(pool), TPA_EBUSY);
    tpa_mem_packet_free_burst(packets, COUNT);
    tpa_test_pool_expect_idle(pool);
}

Test(pool, a_burst_is_all_or_nothing)
{
    struct tpa_mem_pool *pool = tpa_test_pool(32);
    struct rte_mbuf *packets[33];

    cr_expect_eq(tpa_mem_packet_alloc_burst(pool, packets, 33), TPA_ENOMEM);
    tpa_test_pool_expect_idle(pool);
    cr_assert_eq(tpa_mem_packet_alloc_burst(pool, packets, 20), 0);
    cr_expect_eq(tpa_mem_packet_alloc_burst(pool, packets + 20, 13), TPA_ENOMEM);
    cr_expect_eq(tpa_mem_pool_in_use(pool), 20);
    cr_expect_eq(tpa_mem_packet_alloc_burst(pool, packets + 20, 12), 0);
    tpa_mem_packet_free_burst(packets, 32);
    tpa_test_pool_expect_idle(pool);
}

Test(pool, a_reused_packet_shows_nothing_of_its_last_life)
{
    struct tpa_mem_pool *pool = tpa_test_pool(1);
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

    tpa_mem_packet_append(packet, 100);
    tpa_mem_packet_prepend(packet, 14);
    packet->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM;
    tpa_mem_packet_private(packet)->next_packet = packet;
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_DROPPED;
    tpa_mem_packet_free(packet);

    cr_assert_eq(tpa_mem_packet_alloc(pool), packet);
    cr_expect_eq(tpa_mem_packet_length(packet), 0);
    cr_expect_eq(packet->ol_flags, 0);
    cr_expect_eq(rte_pktmbuf_headroom(packet), TPA_MEM_HEADROOM);
    cr_expect_null(tpa_mem_packet_private(packet)->next_packet);
    cr_expect_eq(tpa_mem_packet_private(packet)->note, TPA_MEM_PACKET_NOTE_NONE);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(pool, from_bytes_makes_as_few_segments_as_it_can)
{
    struct tpa_mem_pool *pool = tpa_test_pool_sized(200, 100);
    static const uint32_t lengths[] = {0, 1, 99, 100, 101, 200, 3200, 3201, 10000};
    static uint8_t bytes[10000];

    test_pattern_fill(bytes, sizeof(bytes), 0);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(lengths); i++) {
        struct rte_mbuf *packet = tpa_mem_packet_from_bytes(pool, bytes, lengths[i]);

        cr_assert_not_null(packet);
        cr_expect(test_packet_holds(packet, 0, lengths[i]), "%u bytes", lengths[i]);
        cr_expect_eq(packet->nb_segs, lengths[i] == 0 ? 1 : (lengths[i] + 99) / 100);
        cr_expect_eq(rte_pktmbuf_headroom(packet), TPA_MEM_HEADROOM);
        tpa_mem_packet_free(packet);
    }
    tpa_test_pool_expect_idle(pool);
}

Test(pool, from_bytes_gives_all_back_when_the_pool_runs_dry)
{
    struct tpa_mem_pool *pool = tpa_test_pool_sized(100, 100);
    static uint8_t bytes[10001];

    cr_expect_null(tpa_mem_packet_from_bytes(pool, bytes, 10001));
    tpa_test_pool_expect_idle(pool);
    cr_expect_null(tpa_mem_packet_from_bytes(pool, bytes, UINT32_MAX), "more segments than fit");
    tpa_test_pool_expect_idle(pool);
}

Test(pool, a_copy_is_deep_and_takes_the_metadata_along)
{
    struct tpa_mem_pool *pool = tpa_test_pool(32);
    struct tpa_mem_pool *small = tpa_test_pool_sized(64, 64);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 0, 500, 1, 89);
    struct rte_mbuf *copy;

    packet->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
    packet->l2_len = 14;
    packet->l3_len = 20;
    packet->vlan_tci = 77;
    packet->hash.rss = 0x12345678;
    packet->port = 3;
    tpa_mem_packet_private(packet)->arrival = 99;
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    tpa_mem_packet_private(packet)->next_packet = packet;
    memset(tpa_mem_packet_private(packet)->layer, 0x5a, TPA_MEM_PACKET_LAYER_SIZE);

    copy = tpa_mem_packet_copy(small, packet);
    cr_assert_not_null(copy);
    cr_expect(test_packet_holds(copy, 0, 600));
    cr_expect_eq(copy->nb_segs, 10);
    cr_expect_eq(copy->ol_flags, packet->ol_flags);
    cr_expect_eq(copy->tx_offload, packet->tx_offload);
    cr_expect_eq(copy->vlan_tci, 77);
    cr_expect_eq(copy->hash.rss, 0x12345678);
    cr_expect_eq(copy->port, 3);
    cr_expect_eq(tpa_mem_packet_private(copy)->arrival, 99);
    cr_expect_eq(tpa_mem_packet_private(copy)->note, TPA_MEM_PACKET_NOTE_RETRANSMISSION);
    cr_expect_eq(tpa_mem_packet_private(copy)->layer[39], 0x5a);
    cr_expect_null(tpa_mem_packet_private(copy)->next_packet);

    memset(tpa_mem_packet_data(packet), 0, 10);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
    cr_expect(test_packet_holds(copy, 0, 600));
    tpa_mem_packet_free(copy);
    tpa_test_pool_expect_idle(small);
}

Test(pool, a_copy_fails_cleanly)
{
    struct tpa_mem_pool *pool = tpa_test_pool(8);
    struct tpa_mem_pool *small = tpa_test_pool_sized(5, 100);
    struct rte_mbuf *packet = TEST_PACKET(pool, 501);

    cr_expect_null(tpa_mem_packet_copy(small, packet));
    tpa_test_pool_expect_idle(small);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(pool, fails_the_allocation_that_a_test_names)
{
    struct tpa_mem_pool *pool = tpa_test_pool(32);
    struct rte_mbuf *packets[8];

    pool->fault_countdown = 2;
    cr_assert_not_null(packets[0] = tpa_mem_packet_alloc(pool));
    cr_expect_null(tpa_mem_packet_alloc(pool));
    cr_assert_not_null(packets[1] = tpa_mem_packet_alloc(pool));

    pool->fault_countdown = 1;
    cr_expect_eq(tpa_mem_packet_alloc_burst(pool, packets + 2, 4), TPA_ENOMEM);
    cr_expect_eq(tpa_mem_packet_alloc_burst(pool, packets + 2, 4), 0);

    pool->fault_countdown = 1;
    pool->fault_sticky = true;
    for (int i = 0; i < 3; i++)
        cr_expect_null(tpa_mem_packet_alloc(pool));
    cr_expect_null(tpa_mem_packet_from_bytes(pool, "x", 1));
    pool->fault_countdown = 0;
    cr_assert_not_null(packets[6] = tpa_mem_packet_alloc(pool));
    tpa_mem_packet_free_burst(packets, 7);
    tpa_test_pool_expect_idle(pool);
}

/* Takes packets that the thread before it left in its cache, or can't. */
struct taker {
    struct tpa_mem_pool *pool;
    uint32_t taken;
    bool joined;
};

static void *take_all(void *argument)
{
    struct taker *taker = argument;
    struct rte_mbuf *packets[64];

    if (taker->joined)
        cr_expect_eq(tpa_mem_thread_join(), 0);
    while (taker->taken < 64 && (packets[taker->taken] = tpa_mem_packet_alloc(taker->pool)) != NULL)
        taker->taken++;
    tpa_mem_packet_free_burst(packets, taker->taken);
    return NULL;
}

static uint32_t taken_by_a_thread(struct tpa_mem_pool *pool, bool joined)
{
    struct taker taker = {.pool = pool, .joined = joined};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, take_all, &taker), 0);
    pthread_join(thread, NULL);
    return taker.taken;
}

Test(pool, threads_that_end_leave_nothing_in_their_caches)
{
    struct tpa_mem_pool *pool = tpa_test_pool(60);

    cr_expect_eq(taken_by_a_thread(pool, true), 60);
    cr_expect_eq(taken_by_a_thread(pool, false), 60, "they went back to the ring");
    cr_expect_eq(taken_by_a_thread(pool, true), 60);
    tpa_test_pool_expect_idle(pool);
}

Test(budget, takes_up_to_its_limit)
{
    struct tpa_mem_budget budget = {.limit = 100};

    cr_expect(tpa_mem_budget_take(&budget, 60));
    cr_expect_not(tpa_mem_budget_take(&budget, 41));
    cr_expect_not(tpa_mem_budget_take(&budget, UINT64_MAX), "the sum must not wrap");
    cr_expect_eq(budget.used, 60);
    cr_expect(tpa_mem_budget_take(&budget, 40));
    cr_expect(tpa_mem_budget_take(&budget, 0));
    cr_expect_not(tpa_mem_budget_take(&budget, 1));
    tpa_mem_budget_give(&budget, 100);
    cr_expect_eq(budget.used, 0);
}
