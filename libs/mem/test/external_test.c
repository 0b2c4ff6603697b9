#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/mem/external.h>
#include <tpa/mem/ring.h>

#include "packets.h"
#include "test/support/pools.h"

#define IOVA UINT64_C(0x7000000000)

Test(external, a_segment_points_at_the_memory)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct tpa_mem_external external;
    static uint8_t memory[UINT16_MAX];
    struct rte_mbuf *segment;

    test_pattern_fill(memory, sizeof(memory), 0);
    tpa_mem_external_init(&external);
    cr_expect(tpa_mem_external_idle(&external));

    segment = tpa_mem_packet_external(pool, memory, IOVA, UINT16_MAX, &external);
    cr_assert_not_null(segment);
    cr_expect_eq(tpa_mem_packet_data(segment), memory, "nothing is copied");
    cr_expect_eq(rte_pktmbuf_iova(segment), IOVA);
    cr_expect(test_packet_holds(segment, 0, UINT16_MAX));
    cr_expect_null(tpa_mem_packet_prepend(segment, 1));
    cr_expect_null(tpa_mem_packet_append(segment, 1));
    cr_expect_eq(tpa_mem_packet_own_tailroom(segment), 0);
    cr_expect_eq(tpa_mem_packet_truesize(segment), tpa_mem_pool_buffer_size(pool) + UINT16_MAX);
    cr_expect_not(tpa_mem_external_idle(&external));

    tpa_mem_packet_free(segment);
    cr_expect(tpa_mem_external_idle(&external));
    tpa_test_pool_expect_idle(pool);
}

Test(external, refuses_what_a_segment_cannot_say)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct tpa_mem_external external;
    static uint8_t memory[UINT16_MAX + 1];

    tpa_mem_external_init(&external);
    cr_expect_null(tpa_mem_packet_external(pool, memory, IOVA, UINT16_MAX + 1, &external));
    cr_expect(tpa_mem_external_idle(&external));
    tpa_test_pool_expect_idle(pool);
}

Test(external, the_buffer_is_an_ordinary_one_again)
{
    struct tpa_mem_pool *pool = tpa_test_pool(1);
    struct tpa_mem_external external;
    static uint8_t memory[100];
    struct rte_mbuf *packet;

    tpa_mem_external_init(&external);
    tpa_mem_packet_free(tpa_mem_packet_external(pool, memory, IOVA, 100, &external));
    packet = TEST_PACKET(pool, 1500);
    cr_expect(test_packet_holds(packet, 0, 1500));
    cr_expect_not_null(tpa_mem_packet_prepend(packet, TPA_MEM_HEADROOM));
    cr_expect_eq(tpa_mem_packet_truesize(packet), tpa_mem_pool_buffer_size(pool));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(external, references_stop_at_their_limit)
{
    struct tpa_mem_pool *pool = tpa_test_pool_sized(16, 64);
    struct tpa_mem_external external;
    uint8_t memory[10];
    struct rte_mbuf *segment;

    tpa_mem_external_init(&external);
    rte_mbuf_ext_refcnt_set(&external.shared, TPA_MEM_EXTERNAL_REFERENCES_MAX - 1);
    segment = tpa_mem_packet_external(pool, memory, IOVA, 10, &external);
    cr_assert_not_null(segment);
    cr_expect_null(tpa_mem_packet_external(pool, memory, IOVA, 10, &external));
    cr_expect_null(tpa_mem_packet_share(pool, segment, 0, 10));
    tpa_mem_packet_free(segment);
    cr_expect_eq(rte_mbuf_ext_refcnt_read(&external.shared), TPA_MEM_EXTERNAL_REFERENCES_MAX - 1);
    tpa_test_pool_expect_idle(pool);
}

Test(external, an_empty_pool_takes_no_reference)
{
    struct tpa_mem_pool *pool = tpa_test_pool(1);
    struct rte_mbuf *only = tpa_mem_packet_alloc(pool);
    struct tpa_mem_external external;
    uint8_t memory[10];

    tpa_mem_external_init(&external);
    cr_expect_null(tpa_mem_packet_external(pool, memory, IOVA, 10, &external));
    cr_expect(tpa_mem_external_idle(&external));
    cr_expect_null(tpa_mem_packet_share(pool, only, 0, 0));
    cr_expect_eq(rte_mbuf_refcnt_read(only), 1);
    tpa_mem_packet_free(only);
    tpa_test_pool_expect_idle(pool);
}

/* A port in another thread, which frees what it has sent. */
struct sender {
    struct tpa_mem_ring ring;
    atomic_bool stop;
    uint32_t sum; /* of the bytes that it read */
};

static void *send_all(void *argument)
{
    struct sender *sender = argument;
    void *packet;

    for (;;) {
        /* In this order: what was pushed before the stop is still sent. */
        bool stop = atomic_load(&sender->stop);

        if (tpa_mem_ring_pop(&sender->ring, &packet, 1) == 1) {
            sender->sum += *tpa_mem_packet_data(packet);
            tpa_mem_packet_free(packet);
        } else if (stop) {
            return NULL;
        } else {
            sched_yield();
        }
    }
}

Test(external, memory_is_reused_when_a_port_is_done_with_it, .timeout = 30)
{
    enum {
        ROUNDS = 2000
    };
    struct tpa_mem_pool *pool = tpa_test_pool(64);
    struct sender sender = {.stop = false};
    struct tpa_mem_external external;
    uint32_t expected = 0;
    uint8_t memory[1];
    pthread_t thread;

    cr_assert_eq(tpa_mem_ring_create(&sender.ring, "sender", 16), 0);
    cr_assert_eq(pthread_create(&thread, NULL, send_all, &sender), 0);
    tpa_mem_external_init(&external);
    for (int round = 0; round < ROUNDS; round++) {
        memory[0] = (uint8_t)round;
        for (int i = 0; i < 3; i++) {
            void *packet = tpa_mem_packet_external(pool, memory, IOVA, 1, &external);

            cr_assert_not_null(packet);
            cr_assert_eq(tpa_mem_ring_push(&sender.ring, &packet, 1), 1);
            expected += memory[0];
        }
        while (!tpa_mem_external_idle(&external))
            sched_yield();
    }
    atomic_store(&sender.stop, true);
    pthread_join(thread, NULL);
    cr_expect_eq(sender.sum, expected);
    tpa_mem_ring_destroy(&sender.ring);
    tpa_test_pool_expect_idle(pool);
}

Test(share, shows_a_part_of_the_others_bytes)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 1000);
    struct rte_mbuf *share = tpa_mem_packet_share(pool, packet, 100, 300);

    cr_assert_not_null(share);
    cr_expect_eq(tpa_mem_packet_data(share), tpa_mem_packet_data(packet) + 100);
    cr_expect_eq(rte_pktmbuf_iova(share), rte_pktmbuf_iova(packet) + 100);
    cr_expect(test_packet_holds(share, 100, 300));
    cr_expect_null(tpa_mem_packet_prepend(share, 1), "the bytes before it are the packet's");
    cr_expect_null(tpa_mem_packet_append(share, 1), "the bytes behind it are the packet's");
    cr_expect_eq(tpa_mem_packet_own_tailroom(packet), 0, "a shared buffer is nobody's own");
    cr_expect_eq(tpa_mem_packet_truesize(share), 2 * tpa_mem_pool_buffer_size(pool));
    tpa_mem_packet_free(share);
    cr_expect_gt(tpa_mem_packet_own_tailroom(packet), 0);
    cr_expect(test_packet_holds(packet, 0, 1000));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(share, outlives_the_packet)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 1000, 500);
    struct rte_mbuf *share = tpa_mem_packet_share(pool, packet, 0, 1000);
    struct rte_mbuf *share_of_share = tpa_mem_packet_share(pool, share, 10, 90);

    tpa_mem_packet_free(packet);
    cr_expect_eq(tpa_mem_pool_in_use(pool), 3, "the second segment is back, the first is not");
    cr_expect(test_packet_holds(share, 0, 1000));
    tpa_mem_packet_free(share);
    cr_expect(test_packet_holds(share_of_share, 10, 90));
    cr_expect_eq(tpa_mem_pool_in_use(pool), 2);
    tpa_mem_packet_free(share_of_share);
    tpa_test_pool_expect_idle(pool);
}

Test(share, of_external_memory_counts_at_its_owner)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct tpa_mem_external external;
    static uint8_t memory[1000];
    struct rte_mbuf *segment, *share, *share_of_share;

    test_pattern_fill(memory, sizeof(memory), 0);
    tpa_mem_external_init(&external);
    segment = tpa_mem_packet_external(pool, memory, IOVA, 1000, &external);
    tpa_mem_packet_trim_front(segment, 50);
    share = tpa_mem_packet_share(pool, segment, 50, 800);
    share_of_share = tpa_mem_packet_share(pool, share, 100, 10);

    cr_expect(test_packet_holds(share, 100, 800));
    cr_expect_eq(rte_pktmbuf_iova(share), IOVA + 100);
    cr_expect(test_packet_holds(share_of_share, 200, 10));
    cr_expect_eq(rte_pktmbuf_iova(share_of_share), IOVA + 200);
    cr_expect_null(tpa_mem_packet_prepend(share, 1));
    cr_expect_null(tpa_mem_packet_append(share, 1));

    tpa_mem_packet_free(segment);
    tpa_mem_packet_free(share);
    cr_expect_not(tpa_mem_external_idle(&external));
    tpa_mem_packet_free(share_of_share);
    cr_expect(tpa_mem_external_idle(&external));
    tpa_test_pool_expect_idle(pool);
}

Test(share, has_no_offloads_of_the_packet)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 100);
    struct rte_mbuf *share;

    packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = 1460;
    share = tpa_mem_packet_share(pool, packet, 0, 100);
    cr_expect_eq(share->ol_flags, RTE_MBUF_F_INDIRECT);
    cr_expect_eq(share->tx_offload, 0);
    tpa_mem_packet_free(share);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(share, stops_at_the_limit_of_references)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 100);
    struct rte_mbuf *share = tpa_mem_packet_share(pool, packet, 0, 100);

    rte_mbuf_refcnt_set(packet, TPA_MEM_EXTERNAL_REFERENCES_MAX);
    cr_expect_null(tpa_mem_packet_share(pool, packet, 0, 100));
    cr_expect_null(tpa_mem_packet_share(pool, share, 0, 100));
    rte_mbuf_refcnt_set(packet, 2);
    tpa_mem_packet_free(share);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

/* How a segment is sent: headers of its own, the payload shared, and again for a retransmission. */
Test(share, headers_in_front_of_shared_payload)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *payload = TEST_PACKET(pool, 1000);

    for (int transmission = 0; transmission < 3; transmission++) {
        struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

        cr_assert_not_null(tpa_mem_packet_prepend(packet, 54));
        memset(tpa_mem_packet_data(packet), transmission, 54);
        cr_assert_eq(tpa_mem_packet_chain(packet, tpa_mem_packet_share(pool, payload, 200, 600)),
                     0);
        cr_expect_eq(tpa_mem_packet_length(packet), 654);
        tpa_mem_packet_trim_front(packet, 54);
        cr_expect(test_packet_holds(packet, 200, 600));
        tpa_mem_packet_free(packet);
    }
    cr_expect_eq(rte_mbuf_refcnt_read(payload), 1);
    tpa_mem_packet_free(payload);
    tpa_test_pool_expect_idle(pool);
}
