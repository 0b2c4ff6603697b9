/* DPDK ports that need nothing but this process. The others are in test/netdev/. */
#include <tpa/netdev/ethdev.h>

#include <criterion/criterion.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <tpa/base/hash.h>
#include <tpa/netdev/offload.h>

#include "driver.h"
#include "expect.h"
#include "test/support/eal.h"
#include "test/support/pools.h"

static struct tpa_mem_pool *pool;
static struct frame frame;
static char reason[TPA_NETDEV_REASON_SIZE];

static void setup(void)
{
    tpa_test_eal_init();
    pool = tpa_test_pool(4096);
    cr_assert_eq(rte_vdev_init("net_ring0", ""), 0);
    cr_assert_eq(rte_vdev_init("net_null0", "size=100"), 0);
}

static void teardown(void)
{
    rte_vdev_uninit("net_ring0");
    rte_vdev_uninit("net_null0");
    tpa_test_pool_expect_idle(pool);
}

static struct tpa_netdev_ethdev_config config_of(const char *name)
{
    return (struct tpa_netdev_ethdev_config){
        .name = name, .queue_count = 1, .rx_ring_size = 128, .tx_ring_size = 128, .pool = pool};
}

static struct tpa_netdev *open_port(const struct tpa_netdev_ethdev_config *config)
{
    struct tpa_netdev *device = NULL;
    int result = tpa_netdev_ethdev_open(config, &device, reason);

    cr_assert_eq(result, 0, "%d: %s", result, reason);
    cr_assert_eq(tpa_netdev_start(device), 0);
    return device;
}

static struct tpa_netdev *open_ring(void)
{
    struct tpa_netdev_ethdev_config config = config_of("net_ring0");
    struct tpa_netdev *device = tpa_netdev_offload_wrap(open_port(&config), pool);

    cr_assert_not_null(device);
    return device;
}

TestSuite(ethdev, .init = setup, .fini = teardown);

Test(ethdev, ports_are_listed)
{
    cr_assert_eq(tpa_netdev_ethdev_count(), 2);
    cr_assert_str_eq(tpa_netdev_ethdev_name(0), "net_ring0");
    cr_assert_str_eq(tpa_netdev_ethdev_name(1), "net_null0");
    cr_assert_null(tpa_netdev_ethdev_name(2));
}

Test(ethdev, a_port_says_what_it_is)
{
    struct tpa_netdev_ethdev_config config = config_of(NULL);
    struct tpa_netdev_info info;
    struct tpa_netdev_link link;
    struct tpa_netdev *device;

    config.port_id = 0;
    device = open_port(&config);
    tpa_netdev_info(device, &info);
    cr_assert_str_eq(info.name, "net_ring0");
    cr_assert_eq(info.mtu, 1500);
    cr_assert_eq(info.rx_queue_count, 1);
    cr_assert_not(info.capabilities & TPA_NETDEV_DMA, "a virtual port reads memory as we do");
    cr_assert_not(info.capabilities & TPA_NETDEV_TX_EXTERNAL, "the receiver keeps what it gets");
    tpa_netdev_link(device, &link);
    cr_assert(link.up);
    cr_assert_not(link.gone);
    tpa_netdev_close(device);
}

Test(ethdev, frames_go_through_a_ring_whole_and_without_the_senders_flags)
{
    static const uint32_t sizes[] = {333, 1, 0};
    struct tpa_netdev *device = open_ring();
    struct rte_mbuf *packet;
    struct rte_mbuf *received;

    frame_build(&(struct frame_template){.payload = 1001}, &frame);
    packet = frame_packet(&frame, pool, 0, sizes);
    packet_request(packet, &frame, 0);
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_RETRANSMISSION;
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 4711), 1);
    reference_fill_checksums(&frame);
    expect_packet_is(received, &frame, "through the ring");
    cr_assert_eq(received->ol_flags, 0);
    cr_assert_eq(tpa_mem_packet_private(received)->arrival, 4711);
    cr_assert_eq(tpa_mem_packet_private(received)->note, TPA_MEM_PACKET_NOTE_NONE);
    tpa_mem_packet_free(received);
    tpa_netdev_close(device);
}

Test(ethdev, segmentation_in_software_through_a_full_ring_loses_nothing)
{
    struct tpa_netdev *device = open_ring();
    struct rte_mbuf *packet;
    struct rte_mbuf *received[64];
    uint32_t sequence = 0;
    uint32_t expected = 0;

    /* Offer more than the ring holds, and take out less than is put in. */
    for (int round = 0; round < 200; round++) {
        uint16_t count;

        frame_build(&(struct frame_template){.payload = 64000, .sequence = sequence}, &frame);
        packet = frame_packet(&frame, pool, 0, NULL);
        packet_request(packet, &frame, 1000);
        if (tpa_netdev_tx_burst(device, 0, &packet, 1, 0) == 1)
            sequence += 64000;
        else
            tpa_mem_packet_free(packet);
        do {
            tpa_netdev_tx_flush(device, 0, 0);
            count = tpa_netdev_rx_burst(device, 0, received, round < 199 ? 40 : 64, 0);
            for (uint16_t i = 0; i < count; i++) {
                const uint8_t *tcp = rte_pktmbuf_mtod_offset(received[i], uint8_t *, 34);

                cr_assert_eq(tpa_base_load_be32(tcp + 4), expected);
                expected += 1000;
            }
            tpa_mem_packet_free_burst(received, count);
        } while (round == 199 && count > 0);
    }
    cr_assert_eq(expected, sequence);
    cr_assert_gt(sequence, 64000 * 50);
    tpa_netdev_close(device);
}

Test(ethdev, packets_that_cannot_be_sent_are_dropped_among_those_that_can)
{
    struct tpa_netdev_ethdev_config config = config_of("net_ring0");
    struct tpa_netdev *device = open_port(&config);
    struct rte_mbuf *burst[4];
    struct rte_mbuf *received[4];

    for (uint32_t i = 0; i < 4; i++) {
        frame_build(&(struct frame_template){.payload = i == 1 ? 1900 : 10, .sequence = i}, &frame);
        burst[i] = frame_packet(&frame, pool, 1900, NULL);
    }
    packet_request(burst[3], &frame, 0); /* net_ring computes nothing */
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, burst, 4, 0), 4);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, received, 4, 0), 2);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_OVERSIZE), 1);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_TX_REFUSED), 1);
    tpa_mem_packet_free_burst(received, 2);
    tpa_netdev_close(device);
}

Test(ethdev, a_port_is_opened_once)
{
    struct tpa_netdev_ethdev_config config = config_of("net_ring0");
    struct tpa_netdev *device = open_port(&config);
    struct tpa_netdev *second = NULL;

    cr_assert_eq(tpa_netdev_ethdev_open(&config, &second, reason), TPA_EBUSY);
    cr_assert_not_null(strstr(reason, "net_ring0"));
    cr_assert_null(second);
    tpa_netdev_close(device);
}

Test(ethdev, what_cannot_work_is_refused_with_the_reason)
{
    struct tpa_netdev_ethdev_config config = config_of("net_nowhere");
    struct tpa_netdev *device = NULL;

    cr_assert_eq(tpa_netdev_ethdev_open(&config, &device, reason), TPA_ENOENT);
    cr_assert_not_null(strstr(reason, "net_nowhere"));
    config = config_of(NULL);
    config.port_id = 31;
    cr_assert_eq(tpa_netdev_ethdev_open(&config, &device, reason), TPA_ENOENT);
    config = config_of("net_ring0");
    config.rx_ring_size = 8192; /* of 4096 buffers */
    cr_assert_eq(tpa_netdev_ethdev_open(&config, &device, reason), TPA_EINVAL);
    cr_assert_not_null(strstr(reason, "buffers"));
    /* And none of these keeps the port from being opened. */
    config = config_of("net_ring0");
    tpa_netdev_close(open_port(&config));
}

Test(ethdev, queues_are_those_that_the_port_has)
{
    struct tpa_netdev_ethdev_config config = config_of("net_ring0");
    struct tpa_netdev *device;
    struct tpa_netdev_info info;

    config.queue_count = 500;
    device = open_port(&config);
    tpa_netdev_info(device, &info);
    cr_assert_eq(info.rx_queue_count, 16);
    cr_assert_eq(info.tx_queue_count, 16);
    tpa_netdev_close(device);
}

Test(ethdev, key_and_table_are_read_where_the_port_tells)
{
    struct tpa_netdev_ethdev_config config = config_of("net_null0");
    struct tpa_netdev *device;
    struct tpa_netdev_steering steering;
    struct tpa_netdev_info info;
    const uint8_t source[4] = {66, 9, 149, 187};
    const uint8_t destination[4] = {161, 142, 100, 80};

    config.queue_count = 4;
    device = open_port(&config);
    tpa_netdev_info(device, &info);
    cr_assert_eq(info.rx_queue_count, 4);
    cr_assert(info.capabilities & TPA_NETDEV_RX_STEERING);
    cr_assert_eq(tpa_netdev_steering(device, &steering), 0);
    cr_assert_eq(steering.key_length, 40);
    cr_assert_arr_eq(steering.key, tpa_base_toeplitz_default_key, 40);
    /* Microsoft's first example: 0x51ccc178. */
    cr_assert_eq(tpa_netdev_steering_queue(&steering, source, destination, 4,
                                           rte_cpu_to_be_16(2794), rte_cpu_to_be_16(1766)),
                 steering.reta[0x51ccc178 % steering.reta_size]);
    tpa_netdev_close(device);
}

Test(ethdev, a_port_without_them_cannot_be_predicted)
{
    struct tpa_netdev *device = open_ring();
    struct tpa_netdev_steering steering;

    cr_assert_eq(tpa_netdev_steering(device, &steering), TPA_EUNSUPPORTED);
    cr_assert_eq(steering.key_length, 0);
    cr_assert_eq(tpa_netdev_steering_queue(&steering, (uint8_t[4]){1}, (uint8_t[4]){2}, 4, 1, 2),
                 0);
    tpa_netdev_close(device);
}

Test(ethdev, stopped_is_down_and_starts_again)
{
    struct tpa_netdev *device = open_ring();
    struct tpa_netdev_link link;

    tpa_netdev_stop(device);
    tpa_netdev_link(device, &link);
    cr_assert_not(link.up);
    cr_assert_eq(tpa_netdev_start(device), 0);
    cr_assert_eq(tpa_netdev_set_link(device, false), 0);
    tpa_netdev_link(device, &link);
    cr_assert_not(link.up);
    cr_assert_eq(tpa_netdev_set_link(device, true), 0);
    tpa_netdev_link(device, &link);
    cr_assert(link.up);
    tpa_netdev_close(device);
}

Test(ethdev, a_port_that_is_removed_says_so_and_takes_nothing)
{
    struct tpa_netdev_ethdev_config config = config_of("net_ring0");
    struct tpa_netdev *device = open_port(&config);
    struct tpa_netdev_link link;
    struct rte_mbuf *packet;

    cr_assert_eq(rte_vdev_uninit("net_ring0"), 0);
    frame_build(&(struct frame_template){.payload = 10}, &frame);
    packet = frame_packet(&frame, pool, 10, NULL);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 0);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, &packet, 1, 0), 0);
    tpa_netdev_link(device, &link);
    cr_assert(link.gone);
    cr_assert_eq(tpa_netdev_set_mtu(device, 1400), TPA_EIO);
    tpa_mem_packet_free(packet);
    tpa_netdev_close(device);
}

Test(ethdev, buffers_must_hold_a_frame_where_the_port_does_not_scatter)
{
    cr_assert_eq(tpa_netdev_ethdev_buffer_size("net_nowhere", 0), 0);
    cr_assert_geq(tpa_netdev_ethdev_buffer_size("net_null0", 9000), 9018);
}

Test(driver, what_is_known_of_drivers_limits_the_mtu)
{
    struct rte_eth_dev_info port = {
        .driver_name = "net_af_packet", .max_mtu = UINT16_MAX, .max_rx_pktlen = 65535};

    cr_assert_eq(tpa_netdev_driver_mtu_max(&port), 1920, "frames of 2048 in the kernel's ring");
    cr_assert_eq(tpa_netdev_driver_buffer_size(&port), 2016);
    port.driver_name = "net_af_xdp";
    port.max_mtu = 3542;
    port.max_rx_pktlen = 3560;
    cr_assert_eq(tpa_netdev_driver_mtu_max(&port), 3542);
    cr_assert_eq(tpa_netdev_driver_find("net_unheard_of")->own_memory_only, false);
}
