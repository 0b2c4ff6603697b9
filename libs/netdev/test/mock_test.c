/* The device of tests is tested too: what others conclude from it rests on its strictness. */
#include <tpa/netdev/mock.h>

#include <criterion/criterion.h>

#include "expect.h"
#include "test/support/pools.h"

static struct tpa_mem_pool *pool;
static struct tpa_netdev *mock;
static struct frame frame;

static void create(const struct tpa_netdev_mock_config *config)
{
    cr_assert_eq(tpa_netdev_mock_create(config, &mock), 0);
    cr_assert_eq(tpa_netdev_start(mock), 0);
}

static void setup(void)
{
    pool = tpa_test_pool(256);
    create(&(struct tpa_netdev_mock_config){.queue_count = 2, .mac = {2, 0, 0, 0, 0, 9}});
}

static void teardown(void)
{
    tpa_netdev_close(mock);
    tpa_test_pool_expect_idle(pool);
}

/* In one segment, so that it asks for nothing. */
static struct rte_mbuf *make(uint32_t payload)
{
    frame_build(&(struct frame_template){.payload = payload}, &frame);
    return frame_packet(&frame, pool, payload, NULL);
}

static uint16_t send(struct rte_mbuf *packet)
{
    return tpa_netdev_tx_burst(mock, 0, &packet, 1, 0);
}

TestSuite(mock, .init = setup, .fini = teardown);

Test(mock, what_is_injected_is_received_once_in_order_at_its_queue)
{
    struct rte_mbuf *received[3];
    struct rte_mbuf *first = make(1);
    struct rte_mbuf *second = make(2);

    first->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
    tpa_netdev_mock_inject(mock, 1, first);
    tpa_netdev_mock_inject(mock, 1, second);
    cr_assert_eq(tpa_netdev_rx_burst(mock, 0, received, 3, 0), 0);
    cr_assert_eq(tpa_netdev_rx_burst(mock, 1, received, 1, 5), 1);
    cr_assert_eq(received[0], first);
    cr_assert_eq(first->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_BAD, "as the test put it");
    cr_assert_eq(tpa_mem_packet_private(first)->arrival, 5);
    cr_assert_eq(tpa_netdev_rx_burst(mock, 1, received + 1, 2, 5), 1);
    cr_assert_eq(received[1], second);
    tpa_mem_packet_free_burst(received, 2);
}

Test(mock, a_full_queue_refuses_until_something_is_taken)
{
    struct rte_mbuf *packet = make(1);
    struct tpa_netdev_counters counters;

    tpa_netdev_mock_set_tx_limit(mock, 1);
    cr_assert_eq(send(packet), 1);
    packet = make(1);
    cr_assert_eq(send(packet), 0);
    tpa_mem_packet_free(tpa_netdev_mock_take(mock, 0));
    cr_assert_null(tpa_netdev_mock_take(mock, 0));
    cr_assert_eq(send(packet), 1);
    tpa_netdev_counters(mock, &counters);
    cr_assert_eq(counters.tx_full, 1);
    cr_assert_eq(counters.tx_packets, 2);
    tpa_netdev_mock_set_tx_limit(mock, 0);
    packet = make(1);
    cr_assert_eq(send(packet), 0);
    tpa_mem_packet_free(packet);
}

Test(mock, requests_without_the_capability_are_refused)
{
    static const struct {
        uint64_t flags;
        uint32_t capability;
    } rows[] = {
        {RTE_MBUF_F_TX_IP_CKSUM, TPA_NETDEV_TX_IPV4_CHECKSUM},
        {RTE_MBUF_F_TX_TCP_CKSUM, TPA_NETDEV_TX_TCP_CHECKSUM},
        {RTE_MBUF_F_TX_UDP_CKSUM, TPA_NETDEV_TX_UDP_CHECKSUM},
        {RTE_MBUF_F_TX_TCP_SEG, TPA_NETDEV_TX_TCP_SEGMENTATION},
        {RTE_MBUF_F_TX_VLAN, TPA_NETDEV_TX_VLAN},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rte_mbuf *packet = make(10);

        packet->ol_flags |= rows[i].flags;
        packet->tso_segsz = 5;
        tpa_netdev_mock_set_capabilities(mock, TPA_NETDEV_CAPABILITIES_ALL & ~rows[i].capability);
        cr_assert_eq(send(packet), 1);
        cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 0, "row %zu went out", i);
        cr_assert_eq(device_drops(mock, TPA_BASE_DROP_NETDEV_TX_REFUSED), i + 1);

        packet = make(10);
        packet->ol_flags |= rows[i].flags;
        packet->tso_segsz = 5;
        tpa_netdev_mock_set_capabilities(mock, rows[i].capability);
        cr_assert_eq(send(packet), 1);
        cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 1, "row %zu was refused", i);
        tpa_mem_packet_free(tpa_netdev_mock_take(mock, 0));
    }
}

Test(mock, chains_are_for_ports_that_take_them_up_to_their_number)
{
    static const uint32_t sizes[] = {1, 0};
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 2}, &frame);
    cr_assert_eq(send(frame_packet(&frame, pool, 0, sizes)), 1);
    cr_assert_eq(device_drops(mock, TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT), 1);

    tpa_netdev_close(mock);
    create(&(struct tpa_netdev_mock_config){.capabilities = TPA_NETDEV_TX_CHAINS |
                                                            TPA_NETDEV_TX_TCP_SEGMENTATION,
                                            .segment_count_max = 2,
                                            .tso_segment_count_max = 3});
    cr_assert_eq(send(frame_packet(&frame, pool, 0, sizes)), 1);
    cr_assert_eq(device_drops(mock, TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT), 1);
    packet = frame_packet(&frame, pool, 0, sizes);
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = 1;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 1);
}

Test(mock, frames_above_the_mtu_are_refused)
{
    cr_assert_eq(send(make(1460 + 4)), 1, "a tag is no violation");
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 1);
    cr_assert_eq(send(make(1460 + 5)), 1);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 1);
    cr_assert_eq(device_drops(mock, TPA_BASE_DROP_NETDEV_OVERSIZE), 1);
    cr_assert_eq(tpa_netdev_set_mtu(mock, 67), TPA_EINVAL);
}

Test(mock, link_and_start_decide_whether_packets_pass)
{
    struct rte_mbuf *packet = make(1);
    struct rte_mbuf *received;
    struct tpa_netdev_link link;

    tpa_netdev_mock_inject(mock, 0, make(2));
    cr_assert_eq(tpa_netdev_set_link(mock, false), 0);
    tpa_netdev_link(mock, &link);
    cr_assert_not(link.up);
    cr_assert_eq(send(packet), 0);
    cr_assert_eq(tpa_netdev_rx_burst(mock, 0, &received, 1, 0), 0);
    cr_assert_eq(tpa_netdev_set_link(mock, true), 0);
    tpa_netdev_stop(mock);
    cr_assert_eq(send(packet), 0);
    cr_assert_eq(tpa_netdev_start(mock), 0);
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(tpa_netdev_rx_burst(mock, 0, &received, 1, 0), 1);
    tpa_mem_packet_free(received);
}

Test(mock, a_port_that_has_vanished_does_nothing_more)
{
    struct rte_mbuf *packet = make(1);
    struct tpa_netdev_link link;

    tpa_netdev_mock_vanish(mock);
    tpa_netdev_link(mock, &link);
    cr_assert(link.gone);
    cr_assert_not(link.up);
    cr_assert_eq(send(packet), 0);
    cr_assert_eq(tpa_netdev_start(mock), TPA_EIO);
    cr_assert_eq(tpa_netdev_set_mtu(mock, 1400), TPA_EIO);
    cr_assert_eq(tpa_netdev_set_link(mock, true), TPA_EIO);
    tpa_mem_packet_free(packet);
}

Test(mock, what_it_has_not_is_unsupported)
{
    struct tpa_netdev_steering steering;
    struct tpa_netdev *none;

    cr_assert_eq(tpa_netdev_steering(mock, &steering), TPA_EUNSUPPORTED);
    cr_assert_eq(tpa_netdev_dma_map(mock, &frame, 0, 4096), 0, "nothing to do");
    cr_assert_eq(tpa_netdev_dma_unmap(mock, &frame, 0, 4096), 0);
    cr_assert_eq(
        tpa_netdev_mock_create(
            &(struct tpa_netdev_mock_config){.queue_count = TPA_NETDEV_QUEUES_MAX + 1}, &none),
        TPA_EINVAL);
}
