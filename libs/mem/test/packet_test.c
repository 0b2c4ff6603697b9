#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/base/checksum.h>
#include <tpa/base/error.h>
#include <tpa/mem/packet.h>

#include "packets.h"
#include "test/support/pools.h"

Test(packet, a_new_one_is_empty_with_headroom)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

    cr_expect_eq(tpa_mem_packet_length(packet), 0);
    cr_expect_eq(tpa_mem_packet_segment_length(packet), 0);
    cr_expect_null(tpa_mem_packet_next_segment(packet));
    cr_expect_not_null(tpa_mem_packet_prepend(packet, TPA_MEM_HEADROOM));
    cr_expect_null(tpa_mem_packet_prepend(packet, 1));
    cr_expect_not_null(tpa_mem_packet_append(packet, (uint16_t)pool->data_size));
    cr_expect_null(tpa_mem_packet_append(packet, 1));
    cr_expect_eq(tpa_mem_packet_length(packet), TPA_MEM_HEADROOM + pool->data_size);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, a_full_buffer_has_a_byte_behind_it_that_is_nobodys)
{
    struct tpa_mem_pool *pool = tpa_test_pool(64);
    struct rte_mbuf *packets[64];

    for (int i = 0; i < 64; i++) {
        const uint8_t *end;

        packets[i] = TEST_PACKET(pool, (int)pool->data_size);
        cr_assert_eq(rte_pktmbuf_tailroom(packets[i]), 0);
        end = tpa_mem_packet_data(packets[i]) + pool->data_size;
        cr_assert_leq(end + TPA_MEM_TAILROOM, (uint8_t *)packets[i] + pool->mempool->elt_size);
    }
    for (int i = 0; i < 64; i++)
        memset(tpa_mem_packet_data(packets[i]) + pool->data_size, 0xff, TPA_MEM_TAILROOM);
    for (int i = 0; i < 64; i++)
        cr_assert(test_packet_holds(packets[i], 0, pool->data_size));
    rte_mempool_audit(pool->mempool);
    tpa_mem_packet_free_burst(packets, 64);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, drivers_are_told_the_room_without_the_tail)
{
    struct tpa_mem_pool *pool = tpa_test_pool_sized(8, 1000);

    cr_expect_eq(rte_pktmbuf_data_room_size(pool->mempool), TPA_MEM_HEADROOM + 1000);
    cr_expect_geq(pool->mempool->elt_size, sizeof(struct rte_mbuf) +
                                               sizeof(struct tpa_mem_packet_private) +
                                               TPA_MEM_HEADROOM + 1000 + TPA_MEM_TAILROOM);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, trimmed_front_within_the_first_segment)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 100, 50);

    tpa_mem_packet_trim_front(packet, 0);
    cr_expect(test_packet_holds(packet, 0, 150));
    tpa_mem_packet_trim_front(packet, 99);
    cr_expect(test_packet_holds(packet, 99, 51));
    cr_expect_eq(packet->nb_segs, 2);
    cr_expect_not_null(tpa_mem_packet_prepend(packet, TPA_MEM_HEADROOM + 99));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, trimmed_front_at_each_place)
{
    struct tpa_mem_pool *pool = tpa_test_pool(64);

    for (uint32_t length = 0; length <= 60; length++) {
        struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20, 0, 5, 25);
        struct rte_mbuf *first = packet;

        tpa_mem_packet_trim_front(packet, length);
        cr_assert_eq(packet, first);
        cr_assert(test_packet_holds(packet, length, 60 - length), "after %u", length);
        if (tpa_mem_packet_segment_length(packet) == 0 && length < 60)
            cr_assert_gt(tpa_mem_packet_segment_length(tpa_mem_packet_next_segment(packet)), 0);
        if (length == 60)
            cr_assert_null(tpa_mem_packet_next_segment(packet));
        tpa_mem_packet_free(packet);
    }
    tpa_test_pool_expect_idle(pool);
}

Test(packet, truncated_at_each_place)
{
    struct tpa_mem_pool *pool = tpa_test_pool(64);

    for (uint32_t length = 0; length <= 70; length++) {
        struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20, 0, 5, 25);

        tpa_mem_packet_truncate(packet, length);
        cr_assert(test_packet_holds(packet, 0, length < 60 ? length : 60), "to %u", length);
        tpa_mem_packet_free(packet);
    }
    tpa_test_pool_expect_idle(pool);
}

Test(packet, truncating_frees_the_segments_behind)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20, 30);

    tpa_mem_packet_truncate(packet, 30);
    cr_expect_eq(tpa_mem_pool_in_use(pool), 2);
    tpa_mem_packet_truncate(packet, 10);
    cr_expect_eq(tpa_mem_pool_in_use(pool), 1);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, read_points_into_a_segment_or_copies)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20);
    uint8_t buffer[30], expected[30];
    const uint8_t *read;

    cr_expect_eq(tpa_mem_packet_read(packet, 4, 6, buffer), tpa_mem_packet_data(packet) + 4);
    cr_expect_eq(tpa_mem_packet_read(packet, 10, 20, buffer), tpa_mem_packet_data(packet->next));
    read = tpa_mem_packet_read(packet, 5, 25, buffer);
    test_pattern_fill(expected, 25, 5);
    cr_expect_eq(read, buffer);
    cr_expect_arr_eq(buffer, expected, 25);
    cr_expect_null(tpa_mem_packet_read(packet, 5, 26, buffer));
    cr_expect_null(tpa_mem_packet_read(packet, 31, 0, buffer));
    cr_expect_null(tpa_mem_packet_read(packet, UINT32_MAX, 2, buffer), "the sum must not wrap");
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, chaining_stops_at_what_dpdk_can_count)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *head = TEST_PACKET(pool, 10), *tail = TEST_PACKET(pool, 20);

    head->nb_segs = UINT16_MAX;
    cr_expect_eq(tpa_mem_packet_chain(head, tail), TPA_ENOSPC);
    cr_expect_null(tpa_mem_packet_next_segment(head));
    cr_expect_eq(tpa_mem_packet_length(head), 10);
    head->nb_segs = 1;
    cr_expect_eq(tpa_mem_packet_chain(head, tail), 0);
    cr_expect_eq(tpa_mem_packet_length(head), 30);
    tpa_mem_packet_free(head);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, split_first_makes_two_packets)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20, 30);
    struct rte_mbuf *rest = tpa_mem_packet_split_first(packet);

    cr_expect(test_packet_holds(packet, 0, 10));
    cr_expect(test_packet_holds(rest, 10, 50));
    cr_expect_null(tpa_mem_packet_split_first(packet));
    tpa_mem_packet_free(packet);
    tpa_mem_packet_free(rest);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, links_a_segment_behind_the_last)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20, 30);
    struct rte_mbuf *rest = tpa_mem_packet_split_first(packet);
    struct rte_mbuf *last = tpa_mem_packet_split_first(rest);

    tpa_mem_packet_link(packet, packet, rest);
    tpa_mem_packet_link(packet, rest, last);
    cr_expect_eq(tpa_mem_packet_segments(packet), 3);
    cr_expect(test_packet_holds(packet, 0, 60));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, own_tailroom_is_the_last_segments)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 10, 20);
    uint16_t room = tpa_mem_packet_own_tailroom(packet);

    cr_expect_eq(room, pool->data_size - 20);
    cr_expect_not_null(tpa_mem_packet_append(packet, room));
    cr_expect_eq(tpa_mem_packet_own_tailroom(packet), 0);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

static uint32_t checksum_of_pattern(uint32_t offset, uint32_t length)
{
    uint8_t bytes[4096];

    test_pattern_fill(bytes, length, offset);
    return tpa_base_checksum_fold(tpa_base_checksum_partial(bytes, length, 0));
}

Test(packet, checksum_over_segments_of_odd_lengths)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 7, 1, 0, 13, 2, 31);

    for (uint32_t offset = 0; offset <= 54; offset++) {
        for (uint32_t length = 0; length <= 54 - offset; length++)
            cr_assert_eq(tpa_base_checksum_fold(tpa_mem_packet_checksum(packet, offset, length, 0)),
                         checksum_of_pattern(offset, length), "%u bytes at %u", length, offset);
    }
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, checksum_continues_a_sum)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 7, 13);
    uint32_t pseudo = tpa_base_checksum_add_be32(0, 0xc0a80101);

    cr_expect_eq(tpa_base_checksum_fold(tpa_mem_packet_checksum(packet, 0, 20, pseudo)),
                 tpa_base_checksum_fold(tpa_base_checksum_add(pseudo, checksum_of_pattern(0, 20))));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, truesize_counts_whole_buffers)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 1, 1, 1);

    cr_expect_eq(tpa_mem_packet_truesize(packet), 3 * tpa_mem_pool_buffer_size(pool));
    cr_expect_gt(tpa_mem_pool_buffer_size(pool), TPA_MEM_HEADROOM + pool->data_size);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(packet, queue_is_first_in_first_out)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct tpa_mem_packet_queue queue = {NULL, NULL, 0};
    struct rte_mbuf *packets[3];

    cr_expect_null(tpa_mem_packet_queue_pop(&queue));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            packets[i] = TEST_PACKET(pool, 10);
            tpa_mem_packet_queue_push(&queue, packets[i]);
        }
        cr_expect_eq(queue.count, 3);
        for (int i = 0; i < 3; i++) {
            cr_expect_eq(tpa_mem_packet_queue_pop(&queue), packets[i]);
            tpa_mem_packet_free(packets[i]);
        }
        cr_expect_null(tpa_mem_packet_queue_pop(&queue));
        cr_expect_eq(queue.count, 0);
    }
    tpa_test_pool_expect_idle(pool);
}

struct view {
    uint64_t numbers[TPA_MEM_PACKET_LAYER_SIZE / 8];
};

Test(packet, the_layers_bytes_are_apart_from_the_rest)
{
    struct tpa_mem_pool *pool = tpa_test_pool(16);
    struct rte_mbuf *packet = TEST_PACKET(pool, 100);

    memset(tpa_mem_packet_layer(packet, struct view), 0xff, sizeof(struct view));
    cr_expect_null(tpa_mem_packet_private(packet)->next_packet);
    cr_expect_eq(tpa_mem_packet_private(packet)->note, TPA_MEM_PACKET_NOTE_NONE);
    cr_expect(test_packet_holds(packet, 0, 100));
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}
