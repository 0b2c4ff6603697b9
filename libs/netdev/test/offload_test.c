/* The software that fills in for a port, over the strict mock: what the mock sends is the wire. */
#include <tpa/netdev/offload.h>

#include <criterion/criterion.h>
#include <tpa/mem/external.h>
#include <tpa/netdev/mock.h>

#include "expect.h"
#include "test/support/pools.h"

static struct tpa_mem_pool *pool;
static struct tpa_netdev *mock;
static struct tpa_netdev *device;
static struct frame frame;

static const uint32_t no_sizes[] = {0};
static const uint32_t odd_sizes[] = {101, 1, 333, 0};

static void create(const struct tpa_netdev_mock_config *config)
{
    cr_assert_eq(tpa_netdev_mock_create(config, &mock), 0);
    device = tpa_netdev_offload_wrap(mock, pool);
    cr_assert_not_null(device);
    cr_assert_eq(tpa_netdev_start(device), 0);
}

static void setup(void)
{
    pool = tpa_test_pool(4096);
    create(&(struct tpa_netdev_mock_config){.capabilities = 0});
}

static void teardown(void)
{
    tpa_netdev_close(device);
    tpa_test_pool_expect_idle(pool);
}

static void recreate(const struct tpa_netdev_mock_config *config)
{
    tpa_netdev_close(device);
    create(config);
}

static struct rte_mbuf *make(const struct frame_template *template, const uint32_t *sizes,
                             uint16_t mss)
{
    struct rte_mbuf *packet;

    frame_build(template, &frame);
    packet = frame_packet(&frame, pool, 0, sizes);
    packet_request(packet, &frame, mss);
    return packet;
}

static uint16_t send(struct rte_mbuf *packet)
{
    return tpa_netdev_tx_burst(device, 0, &packet, 1, 0);
}

static void expect_sent(const struct frame *expected, const char *what)
{
    struct rte_mbuf *packet = tpa_netdev_mock_take(mock, 0);

    expect_packet_is(packet, expected, what);
    tpa_mem_packet_free(packet);
}

static void expect_piece(const struct frame *piece, unsigned int index, void *context)
{
    expect_sent(piece, "piece");
}

static void expect_nothing_more(void)
{
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 0);
}

TestSuite(offload, .init = setup, .fini = teardown);

Test(offload, is_left_out_where_nothing_is_lacking)
{
    struct tpa_netdev_mock_config config = {.capabilities = TPA_NETDEV_CAPABILITIES_ALL};
    struct tpa_netdev *complete;

    cr_assert_eq(tpa_netdev_mock_create(&config, &complete), 0);
    cr_assert_eq(tpa_netdev_offload_wrap(complete, pool), complete);
    tpa_netdev_close(complete);
    config.segment_count_max = 8;
    cr_assert_eq(tpa_netdev_mock_create(&config, &complete), 0);
    complete = tpa_netdev_offload_wrap(complete, pool);
    cr_assert_not_null(complete->lower, "a port of few segments is lacking");
    tpa_netdev_close(complete);
}

Test(offload, says_that_everything_is_there)
{
    struct tpa_netdev_info info;

    tpa_netdev_info(device, &info);
    cr_assert_eq(info.capabilities, TPA_NETDEV_TX_IPV4_CHECKSUM | TPA_NETDEV_TX_TCP_CHECKSUM |
                                        TPA_NETDEV_TX_UDP_CHECKSUM |
                                        TPA_NETDEV_TX_TCP_SEGMENTATION | TPA_NETDEV_TX_CHAINS |
                                        TPA_NETDEV_TX_VLAN | TPA_NETDEV_TX_EXTERNAL |
                                        TPA_NETDEV_RX_VLAN);
    cr_assert_geq(info.segment_count_max, TPA_NETDEV_SEGMENTS_MIN);
    cr_assert_eq(info.tso_length_max, TPA_NETDEV_TSO_LENGTH_MAX);
}

Test(offload, whatever_the_port_can_do_the_wire_is_the_same)
{
    for (uint32_t bits = 0; bits <= 0x7f; bits++) {
        /* The last bit: hardware, whose pieces share the payload. */
        uint32_t capabilities =
            bits > 0x3f ? (bits & 0x3f) | TPA_NETDEV_DMA | TPA_NETDEV_TX_EXTERNAL : bits;
        bool segments = capabilities & TPA_NETDEV_TX_TCP_SEGMENTATION;
        uint32_t finishes = TPA_NETDEV_TX_IPV4_CHECKSUM | TPA_NETDEV_TX_TCP_CHECKSUM;

        /* What the mock is asked to finish, it doesn't: that is not for comparing. */
        if (segments || (capabilities & finishes))
            continue;
        recreate(&(struct tpa_netdev_mock_config){.capabilities = capabilities});
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            struct frame_template template = {
                .ipv6 = ipv6, .tcp_flags = TCP_ACK | TCP_PSH, .payload = 10001};

            cr_assert_eq(send(make(&template, odd_sizes, 1400)), 1);
            cr_assert_eq(reference_segment(&frame, 1400, expect_piece, NULL), 8);
            template.payload = 1401;
            cr_assert_eq(send(make(&template, odd_sizes, 0)), 1);
            reference_fill_checksums(&frame);
            expect_sent(&frame, "frame");
            expect_nothing_more();
        }
    }
}

Test(offload, requests_that_the_port_fulfils_are_left_to_it)
{
    struct rte_mbuf *packet;
    struct tpa_netdev_counters counters;

    recreate(&(struct tpa_netdev_mock_config){.capabilities = TPA_NETDEV_CAPABILITIES_ALL &
                                                              ~TPA_NETDEV_TX_VLAN});
    cr_assert_eq(send(make(&(struct frame_template){.payload = 9000}, NULL, 1400)), 1);
    packet = tpa_netdev_mock_take(mock, 0);
    cr_assert(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
    expect_packet_is(packet, &frame, "untouched");
    tpa_mem_packet_free(packet);
    tpa_netdev_counters(device, &counters);
    cr_assert_eq(counters.tx_packets, 1);
}

Test(offload, super_frames_beyond_what_the_port_segments_are_split_here)
{
    recreate(&(struct tpa_netdev_mock_config){.capabilities = TPA_NETDEV_TX_TCP_SEGMENTATION |
                                                              TPA_NETDEV_TX_CHAINS |
                                                              TPA_NETDEV_TX_EXTERNAL,
                                              .tso_length_max = 4000});
    cr_assert_eq(send(make(&(struct frame_template){.payload = 4001}, NULL, 1400)), 1);
    cr_assert_eq(reference_segment(&frame, 1400, expect_piece, NULL), 3);
    expect_nothing_more();
}

Test(offload, chains_of_more_segments_than_the_port_takes_are_copied_together)
{
    static const uint32_t tiny[] = {7, 0};
    struct rte_mbuf *packet;

    recreate(&(struct tpa_netdev_mock_config){
        .capabilities = TPA_NETDEV_TX_CHAINS | TPA_NETDEV_TX_EXTERNAL | TPA_NETDEV_DMA,
        .segment_count_max = 3});
    cr_assert_eq(send(make(&(struct frame_template){.payload = 700}, tiny, 0)), 1);
    reference_fill_checksums(&frame);
    packet = tpa_netdev_mock_take(mock, 0);
    cr_assert_leq(packet->nb_segs, 3);
    expect_packet_is(packet, &frame, "copied together");
    tpa_mem_packet_free(packet);
    /* And so are pieces that would be such chains. */
    cr_assert_eq(send(make(&(struct frame_template){.payload = 700}, tiny, 200)), 1);
    cr_assert_eq(reference_segment(&frame, 200, expect_piece, NULL), 4);
}

Test(offload, a_frame_that_fits_no_buffer_of_a_port_without_chains_is_dropped)
{
    recreate(&(struct tpa_netdev_mock_config){.capabilities = 0, .mtu = 9000});
    cr_assert_eq(send(make(&(struct frame_template){.payload = 8000}, NULL, 0)), 1);
    expect_nothing_more();
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT), 1);
}

Test(offload, a_port_that_reads_only_dpdks_memory_gets_copies)
{
    static uint8_t memory[500];
    struct tpa_mem_external external;
    struct rte_mbuf *packet;

    recreate(&(struct tpa_netdev_mock_config){.capabilities = TPA_NETDEV_TX_CHAINS});
    tpa_mem_external_init(&external);
    frame_build(&(struct frame_template){.payload = 500}, &frame);
    memcpy(memory, frame.bytes + frame_headers(&frame), sizeof(memory));
    packet = frame_packet(&frame, pool, 0, no_sizes);
    tpa_mem_packet_truncate(packet, frame_headers(&frame));
    cr_assert_eq(
        tpa_mem_packet_chain(packet, tpa_mem_packet_external(pool, memory, 0, 500, &external)), 0);
    packet_request(packet, &frame, 0);
    cr_assert_eq(send(packet), 1);
    cr_assert(tpa_mem_external_idle(&external), "nobody reads the program's memory any more");
    reference_fill_checksums(&frame);
    expect_sent(&frame, "copy");
}

Test(offload, a_super_frame_that_does_not_fit_the_queue_is_held_and_nothing_is_lost)
{
    struct rte_mbuf *second;
    uint32_t taken = 0;

    tpa_netdev_mock_set_tx_limit(mock, 5);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 20000}, odd_sizes, 1000)), 1);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 5);
    second = make(&(struct frame_template){.payload = 10, .sequence = 5}, NULL, 0);
    cr_assert_eq(send(second), 0, "nothing overtakes what is held");
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 0), 15);

    frame_build(&(struct frame_template){.payload = 20000}, &frame);
    tpa_netdev_mock_set_tx_limit(mock, 20);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 0), 0);
    taken = reference_segment(&frame, 1000, expect_piece, NULL);
    cr_assert_eq(taken, 20);
    cr_assert_eq(send(second), 1);
    frame_build(&(struct frame_template){.payload = 10, .sequence = 5}, &frame);
    reference_fill_checksums(&frame);
    expect_sent(&frame, "second");
}

Test(offload, what_a_full_queue_refuses_is_sent_again_as_it_is)
{
    struct rte_mbuf *burst[3];

    tpa_netdev_mock_set_tx_limit(mock, 1);
    for (uint32_t i = 0; i < 3; i++)
        burst[i] = make(&(struct frame_template){.payload = 100, .sequence = i}, odd_sizes, 0);
    /* The second became a copy for a port without chains: held, since it can't be given back. */
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst, 3, 0), 2);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 1);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst + 2, 1, 0), 0);
    tpa_netdev_mock_set_tx_limit(mock, 100);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst + 2, 1, 0), 1);
    for (uint32_t i = 0; i < 3; i++) {
        frame_build(&(struct frame_template){.payload = 100, .sequence = i}, &frame);
        reference_fill_checksums(&frame);
        expect_sent(&frame, "in order, once");
    }
    expect_nothing_more();
}

Test(offload, what_is_held_when_the_port_stops_is_freed_and_counted)
{
    tpa_netdev_mock_set_tx_limit(mock, 5);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 20000}, NULL, 1000)), 1);
    tpa_netdev_mock_vanish(mock);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 0), 15);
    tpa_netdev_stop(device);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_PORT_GONE), 15);
}

Test(offload, without_buffers_nothing_is_accepted_and_later_all_is_sent)
{
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5000}, odd_sizes, 1000);

    pool->fault_countdown = 1;
    pool->fault_sticky = true;
    cr_assert_eq(send(packet), 0);
    expect_packet_is(packet, &frame, "still ours");
    pool->fault_countdown = 0;
    pool->fault_sticky = false;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(reference_segment(&frame, 1000, expect_piece, NULL), 5);
}

Test(offload, when_any_one_allocation_fails_what_is_accepted_is_whole)
{
    for (int64_t n = 1; n < 60; n++) {
        uint64_t dropped = device_drops(device, TPA_BASE_DROP_NETDEV_NO_BUFFER);
        struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5000}, odd_sizes, 1000);
        uint32_t sent;

        pool->fault_countdown = n;
        while (send(packet) == 0)
            cr_assert_eq(pool->fault_countdown, 0, "refused without a reason");
        pool->fault_countdown = 0;
        sent = tpa_netdev_mock_pending(mock, 0);
        dropped = device_drops(device, TPA_BASE_DROP_NETDEV_NO_BUFFER) - dropped;
        cr_assert_eq(sent + dropped, 5, "%u sent, %u dropped", sent, (unsigned int)dropped);
        while (sent-- > 0)
            tpa_mem_packet_free(tpa_netdev_mock_take(mock, 0));
    }
}

Test(offload, tags_are_inserted_before_checksums_and_stripped_on_receipt)
{
    struct rte_mbuf *packet;
    struct rte_mbuf *received;

    for (uint32_t payload = 10; payload <= 2010; payload += 2000) {
        packet = make(&(struct frame_template){.payload = payload}, odd_sizes,
                      payload > 1000 ? 1000 : 0);
        packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
        packet->vlan_tci = 0x2005;
        cr_assert_eq(send(packet), 1);
        frame_build(&(struct frame_template){.payload = payload, .vlan = true}, &frame);
        reference_segment(&frame, payload > 1000 ? 1000 : 5000, expect_piece, NULL);
        expect_nothing_more();
    }
    frame_build(&(struct frame_template){.payload = 50, .vlan = true}, &frame);
    tpa_netdev_mock_inject(mock, 0, frame_packet(&frame, pool, 0, no_sizes));
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 0), 1);
    frame_build(&(struct frame_template){.payload = 50}, &frame);
    expect_packet_is(received, &frame, "stripped");
    cr_assert_eq(received->vlan_tci, 0x2005);
    cr_assert_eq(received->ol_flags & (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED),
                 RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
    tpa_mem_packet_free(received);
}

Test(offload, frames_that_end_inside_a_tag_are_left_alone)
{
    struct rte_mbuf *received;

    frame_build(&(struct frame_template){.payload = 50, .vlan = true}, &frame);
    for (frame.length = 12; frame.length < 18; frame.length++) {
        tpa_netdev_mock_inject(mock, 0, tpa_mem_packet_from_bytes(pool, frame.bytes, frame.length));
        cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 0), 1);
        expect_packet_is(received, &frame, "short");
        tpa_mem_packet_free(received);
    }
}

Test(offload, malformed_requests_in_a_burst_are_dropped_and_the_others_sent)
{
    struct rte_mbuf *burst[4];

    for (uint32_t i = 0; i < 4; i++)
        burst[i] =
            make(&(struct frame_template){.payload = 10, .sequence = i}, no_sizes, i == 2 ? 5 : 0);
    burst[0]->l3_len = 300;
    burst[2]->tso_segsz = 0;
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst, 4, 0), 4);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_TX_REFUSED), 1);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_SEGMENTATION), 1);
    for (uint32_t i = 1; i < 4; i += 2) {
        frame_build(&(struct frame_template){.payload = 10, .sequence = i}, &frame);
        reference_fill_checksums(&frame);
        expect_sent(&frame, "sound");
    }
}

Test(offload, the_mtu_is_the_ports_and_followed)
{
    struct tpa_netdev_info info;

    cr_assert_eq(send(make(&(struct frame_template){.payload = 1465}, no_sizes, 0)), 1);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_OVERSIZE), 1);
    cr_assert_eq(tpa_netdev_set_mtu(device, 1600), 0);
    tpa_netdev_info(device, &info);
    cr_assert_eq(info.mtu, 1600);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 1465}, no_sizes, 0)), 1);
    reference_fill_checksums(&frame);
    expect_sent(&frame, "larger");
}

Test(offload, a_port_that_vanishes_takes_and_gives_nothing)
{
    struct rte_mbuf *packet;
    struct tpa_netdev_link link;

    recreate(&(struct tpa_netdev_mock_config){.capabilities = TPA_NETDEV_TX_CHAINS});
    packet = make(&(struct frame_template){.payload = 10}, no_sizes, 0);
    tpa_netdev_mock_vanish(mock);
    cr_assert_eq(send(packet), 0);
    tpa_netdev_link(device, &link);
    cr_assert(link.gone);
    cr_assert_not(link.up);
    cr_assert_eq(tpa_netdev_set_mtu(device, 1400), TPA_EIO);
    cr_assert_eq(tpa_netdev_start(device), TPA_EIO);
    tpa_mem_packet_free(packet);
}
