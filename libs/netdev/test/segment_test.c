/* The segmenter and the checksums, held against references that are written for clarity alone. */
#include <tpa/netdev/offload.h>

#include <criterion/criterion.h>
#include <tpa/mem/external.h>

#include "expect.h"
#include "test/support/pools.h"

static struct tpa_mem_pool *pool;
static struct tpa_mem_pool *small_pool; /* buffers of 256 bytes: copied pieces become chains */
static struct frame frame;
static struct rte_mbuf *pieces[TPA_NETDEV_PIECES_MAX];

static const uint32_t odd_sizes[] = {1, 13, 27, 1999, 2, 1023, 0};
static const uint32_t no_sizes[] = {0};

static void setup(void)
{
    pool = tpa_test_pool(6000);
    small_pool = tpa_test_pool_sized(2000, 256);
}

static void teardown(void)
{
    tpa_test_pool_expect_idle(pool);
    tpa_test_pool_expect_idle(small_pool);
}

static void check_piece(const struct frame *piece, unsigned int index, void *context)
{
    const unsigned int *count = context;

    cr_assert_lt(index, *count, "too few pieces: %u", *count);
    cr_assert_eq(tpa_netdev_checksum(pieces[index]), 0);
    cr_assert_not(pieces[index]->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK));
    expect_packet_is(pieces[index], piece, "piece");
}

static void segment_and_compare(struct rte_mbuf *packet, uint16_t mss, struct tpa_mem_pool *from,
                                bool copy)
{
    unsigned int count;
    int result;

    packet_request(packet, &frame, mss);
    result = tpa_netdev_segment(packet, from, pieces, TPA_NETDEV_PIECES_MAX, copy);
    cr_assert_gt(result, 0, "error %d", result);
    count = (unsigned int)result;
    cr_assert_eq(reference_segment(&frame, mss, check_piece, &count), count);
    tpa_mem_packet_free_burst(pieces, count);
}

/* Every way to lie in memory, shared and copied. */
static void segment_in_all_ways(const struct frame_template *template, uint16_t mss)
{
    frame_build(template, &frame);
    for (int copy = 0; copy < 2; copy++) {
        segment_and_compare(frame_packet(&frame, pool, 0, odd_sizes), mss, pool, copy);
        segment_and_compare(frame_packet(&frame, pool, 0, no_sizes), mss, pool, copy);
    }
    segment_and_compare(frame_packet(&frame, pool, 1, odd_sizes), mss, small_pool, true);
}

TestSuite(segment, .init = setup, .fini = teardown);

/* Attack 45. */
Test(segment, payloads_of_k_mss_and_one_byte_around)
{
    const uint16_t mss = 1448;

    for (uint32_t k = 1; k <= 3; k++) {
        for (int around = -1; around <= 1; around++) {
            struct frame_template template = {
                .tcp_options = 12,
                .tcp_flags = TCP_ACK | TCP_PSH,
                .sequence = 0x12345678,
                .identification = 7,
                .payload = (uint32_t)((int)(k * mss) + around),
            };

            segment_in_all_ways(&template, mss);
            template.ipv6 = true;
            segment_in_all_ways(&template, mss);
        }
    }
}

/* Attack 45. */
Test(segment, the_largest_super_frame_of_each_family)
{
    struct frame_template template = {
        .tcp_flags = TCP_ACK, .payload = 65535 - 20 - 20, .sequence = 0xffff8000};

    segment_in_all_ways(&template, 1460);
    template.ipv6 = true;
    template.payload = 65535 - 40 - 20;
    segment_in_all_ways(&template, 1440);
}

Test(segment, flags_that_belong_to_the_first_or_the_last_piece)
{
    static const uint8_t flags[] = {
        TCP_ACK,
        TCP_ACK | TCP_FIN,
        TCP_ACK | TCP_PSH,
        TCP_ACK | TCP_CWR,
        TCP_ACK | TCP_FIN | TCP_PSH | TCP_CWR,
    };

    for (size_t i = 0; i < sizeof(flags); i++) {
        struct frame_template template = {.tcp_flags = flags[i], .payload = 5000};

        segment_in_all_ways(&template, 1000);
        template.payload = 999; /* one piece is first and last */
        segment_in_all_ways(&template, 1000);
    }
}

Test(segment, headers_with_all_options_and_a_tag)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct frame_template template = {
            .ipv6 = ipv6,
            .vlan = true,
            .ip_options = 40,
            .tcp_options = 40,
            .tcp_flags = TCP_ACK,
            .payload = 4001,
        };

        segment_in_all_ways(&template, 536);
    }
}

Test(segment, identification_and_sequence_wrap)
{
    struct frame_template template = {
        .identification = 0xfffe, .sequence = 0xfffffffe, .payload = 3000, .tcp_flags = TCP_ACK};

    segment_in_all_ways(&template, 500);
}

/* Attack 45. */
Test(segment, the_smallest_mss_and_one_byte_pieces)
{
    struct frame_template template = {.payload = 65416, .tcp_flags = TCP_ACK};

    frame_build(&template, &frame);
    segment_and_compare(frame_packet(&frame, pool, 0, no_sizes), 48, pool, true);
    template.payload = 17;
    segment_in_all_ways(&template, 1);
}

Test(segment, no_payload_is_one_piece)
{
    segment_in_all_ways(&(struct frame_template){.tcp_flags = TCP_ACK | TCP_FIN}, 1460);
}

Test(segment, pieces_of_external_memory_hold_it_until_they_are_freed)
{
    static uint8_t memory[20000];
    struct tpa_mem_external external;
    struct rte_mbuf *packet;
    struct rte_mbuf *payload;
    int count;

    tpa_mem_external_init(&external);
    frame_build(&(struct frame_template){.payload = 20000, .tcp_flags = TCP_ACK}, &frame);
    memcpy(memory, frame.bytes + frame_headers(&frame), sizeof(memory));
    packet = frame_packet(&frame, pool, 0, no_sizes);
    tpa_mem_packet_truncate(packet, frame_headers(&frame));
    payload = tpa_mem_packet_external(pool, memory, (uintptr_t)memory, sizeof(memory), &external);
    cr_assert_not_null(payload);
    cr_assert_eq(tpa_mem_packet_chain(packet, payload), 0);

    packet_request(packet, &frame, 1460);
    count = tpa_netdev_segment(packet, pool, pieces, TPA_NETDEV_PIECES_MAX, false);
    cr_assert_eq(count, 14);
    cr_assert_not(tpa_mem_external_idle(&external));
    reference_segment(&frame, 1460, check_piece, &count);
    tpa_mem_packet_free_burst(pieces, (unsigned int)count);
    cr_assert(tpa_mem_external_idle(&external));
}

Test(segment, notes_and_tag_requests_are_on_every_piece)
{
    struct rte_mbuf *packet;
    int count;

    frame_build(&(struct frame_template){.payload = 3000}, &frame);
    packet = frame_packet(&frame, pool, 0, no_sizes);
    packet_request(packet, &frame, 1000);
    packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
    packet->vlan_tci = 0x2005;
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    count = tpa_netdev_segment(packet, pool, pieces, TPA_NETDEV_PIECES_MAX, false);
    cr_assert_eq(count, 3);
    for (int i = 0; i < count; i++) {
        cr_assert(pieces[i]->ol_flags & RTE_MBUF_F_TX_VLAN);
        cr_assert_eq(pieces[i]->vlan_tci, 0x2005);
        cr_assert_eq(tpa_mem_packet_private(pieces[i])->note, TPA_MEM_PACKET_NOTE_RETRANSMISSION);
    }
    tpa_mem_packet_free_burst(pieces, (unsigned int)count);
}

/* Attack 46. */
Test(segment, any_allocation_may_fail_and_nothing_is_consumed)
{
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 5000}, &frame);
    packet = frame_packet(&frame, pool, 0, odd_sizes);
    packet_request(packet, &frame, 1000);
    for (int copy = 0; copy < 2; copy++) {
        struct tpa_mem_pool *from = copy ? small_pool : pool;
        bool failed = true;

        for (int64_t n = 1; failed; n++) {
            int result;

            from->fault_countdown = n;
            result = tpa_netdev_segment(packet, from, pieces, TPA_NETDEV_PIECES_MAX, copy);
            failed = from->fault_countdown == 0;
            from->fault_countdown = 0;
            if (failed) {
                cr_assert_eq(result, TPA_ENOMEM, "allocation %d", (int)n);
                expect_packet_is(packet, &frame, "the packet is as it was");
                continue;
            }
            cr_assert_eq(result, 5);
            cr_assert_gt(n, 1);
            tpa_mem_packet_free_burst(pieces, 5);
        }
        packet = frame_packet(&frame, pool, 0, odd_sizes);
        packet_request(packet, &frame, 1000);
    }
    tpa_mem_packet_free(packet);
}

static struct rte_mbuf *super_frame(void)
{
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 5000}, &frame);
    packet = frame_packet(&frame, pool, 0, no_sizes);
    packet_request(packet, &frame, 1000);
    return packet;
}

static void expect_refused(struct rte_mbuf *packet, int error, const char *what)
{
    int result = tpa_netdev_segment(packet, pool, pieces, 16, false);

    cr_assert_eq(result, error, "%s: %d", what, result);
    tpa_mem_packet_free(packet);
}

Test(segment, requests_that_contradict_themselves_or_the_frame)
{
    struct rte_mbuf *packet = super_frame();

    packet->tso_segsz = 0;
    expect_refused(packet, TPA_EMALFORMED, "MSS 0");
    packet = super_frame();
    packet->ol_flags &= ~RTE_MBUF_F_TX_IPV4;
    expect_refused(packet, TPA_EMALFORMED, "no family");
    packet = super_frame();
    packet->ol_flags |= RTE_MBUF_F_TX_IPV6;
    expect_refused(packet, TPA_EMALFORMED, "two families");
    packet = super_frame();
    packet->ol_flags ^= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IPV4;
    packet->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
    packet->l3_len = 40;
    packet->l2_len = 14;
    expect_refused(packet, TPA_EMALFORMED, "the other family");
    packet = super_frame();
    packet->l2_len = 13;
    expect_refused(packet, TPA_EMALFORMED, "Ethernet too short");
    packet = super_frame();
    packet->l3_len = 16;
    expect_refused(packet, TPA_EMALFORMED, "IP too short");
    packet = super_frame();
    packet->l4_len = 16;
    expect_refused(packet, TPA_EMALFORMED, "TCP too short");
    packet = super_frame();
    packet->l4_len = 64;
    expect_refused(packet, TPA_EMALFORMED, "TCP too long");
    packet = super_frame();
    packet->l3_len = 508;
    expect_refused(packet, TPA_EMALFORMED, "headers beyond the first segment");
    packet = super_frame();
    packet->ol_flags &= ~RTE_MBUF_F_TX_TCP_SEG;
    expect_refused(packet, TPA_EMALFORMED, "no request");
    packet = super_frame();
    packet->tso_segsz = 100;
    expect_refused(packet, TPA_ENOSPC, "50 pieces for 16 places");
}

TestSuite(checksum, .init = setup, .fini = teardown);

Test(checksum, over_chains_of_odd_segments_and_any_length)
{
    for (uint32_t payload = 0; payload < 130; payload++) {
        for (int kind = 0; kind < 4; kind++) {
            static const uint32_t sizes[] = {1, 13, 27, 0};
            struct frame_template template = {
                .ipv6 = kind & 1, .udp = kind & 2, .payload = payload, .seed = payload};
            struct rte_mbuf *packet;

            frame_build(&template, &frame);
            packet = frame_packet(&frame, pool, 3, sizes);
            packet_request(packet, &frame, 0);
            cr_assert_eq(tpa_netdev_checksum(packet), 0);
            reference_fill_checksums(&frame);
            expect_packet_is(packet, &frame, "checksum");
            tpa_mem_packet_free(packet);
        }
    }
}

Test(checksum, a_computed_zero_of_udp_is_sent_as_ones)
{
    struct rte_mbuf *packet;
    uint8_t *checksum;
    uint8_t *word;

    frame_build(&(struct frame_template){.udp = true, .payload = 2}, &frame);
    word = frame.bytes + frame_headers(&frame);
    word[0] = 0;
    word[1] = 0;
    reference_fill_checksums(&frame);
    checksum = frame.bytes + frame.l2 + frame.l3 + 6;
    memcpy(word, checksum, 2); /* now all sums to 0xffff */
    packet = frame_packet(&frame, pool, 0, no_sizes);
    packet_request(packet, &frame, 0);
    cr_assert_eq(tpa_netdev_checksum(packet), 0);
    packet_flatten(packet, &frame);
    cr_assert_eq(checksum[0], 0xff);
    cr_assert_eq(checksum[1], 0xff);
    tpa_mem_packet_free(packet);
}

Test(checksum, only_what_was_asked_for_is_written)
{
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 100}, &frame);
    packet = frame_packet(&frame, pool, 0, no_sizes);
    cr_assert_eq(tpa_netdev_checksum(packet), 0);
    expect_packet_is(packet, &frame, "no request");
    packet->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    cr_assert_eq(tpa_netdev_checksum(packet), 0);
    packet_flatten(packet, &frame);
    cr_assert_eq(frame.bytes[14 + 20 + 16], 0xbe);
    cr_assert_eq(reference_checksum(frame.bytes + 14, 20, 0), 0);
    tpa_mem_packet_free(packet);
}

Test(checksum, requests_that_are_malformed_change_nothing)
{
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 100}, &frame);
    packet = frame_packet(&frame, pool, 0, no_sizes);
    packet_request(packet, &frame, 0);
    packet->l3_len = 200;
    cr_assert_eq(tpa_netdev_checksum(packet), TPA_EMALFORMED);
    expect_packet_is(packet, &frame, "as it was");
    packet->l3_len = 20;
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    cr_assert_eq(tpa_netdev_checksum(packet), TPA_EMALFORMED);
    tpa_mem_packet_free(packet);
}
