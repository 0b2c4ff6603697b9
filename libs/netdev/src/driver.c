/* What DPDK's drivers don't say about themselves, or say wrongly (found with DPDK 22.11). */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <tpa/base/compiler.h>
#include <tpa/netdev/netdev.h>

#define TX_CHECKSUMS \
    (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

/* In a frame of net_af_packet's ring (TPACKET_V2): before its data when received, and the part of
 * that which its queue setup does not count. */
enum {
    AF_PACKET_FRAME_OVERHEAD = 128,
    AF_PACKET_SETUP_OVERHEAD = 32
};

/*
 * The kernel keeps XDP_PACKET_HEADROOM bytes of a buffer, and takes buffers (in its words chunks)
 * of at most a page: with DPDK's headers, our private area, headroom and tail (tpa/mem/pool.h), and
 * the cache line by which a mempool spreads its objects over memory channels.
 */
enum {
    XDP_HEADROOM = 256,
    XDP_CHUNK = 4096,
    XDP_CHUNK_OVERHEAD = 64 + 128 + 64 + 128 + 64 + 64
};

static const struct tpa_netdev_driver drivers[] = {
    {
        .name = "net_tap",
        /* Both are the CPU's work there too: segmentation is for IPv4 alone and copies, and
         * checksums over segments of odd lengths come out wrong. */
        .tx_offloads_unused = RTE_ETH_TX_OFFLOAD_TCP_TSO | TX_CHECKSUMS,
        .peer_has_mac = true,
        .survives_netns = true,
    },
    {
        .name = "net_ring",
        /* What it hands over must be the receiver's to keep and to write behind. */
        .own_memory_only = true,
        .passes_packets = true,
    },
    /* It tells DPDK of 1500 bytes, and has what its ring's frames and the interface have. */
    {.name = "net_af_packet", .interface_mtu = true, .frame_default = 2048},
    {
        .name = "net_af_xdp",
        /* Takes a packet's data to lie in its own buffer. */
        .own_memory_only = true,
        .receive_overhead = XDP_HEADROOM,
        .buffer_max = XDP_CHUNK - XDP_CHUNK_OVERHEAD,
    },
    /* Their backends map DPDK's memory, and nothing else. */
    {.name = "net_virtio_user", .own_memory_only = true},
    /* Sends by ports that may be hardware, which it does not tell of memory. */
    {.name = "net_bonding", .own_memory_only = true},
};

static const struct tpa_netdev_driver ordinary = {.name = ""};

const struct tpa_netdev_driver *tpa_netdev_driver_find(const char *name)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(drivers); i++) {
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    }
    return &ordinary;
}

/* The driver's arguments as the user wrote them; "" without. */
static const char *driver_arguments(const struct rte_eth_dev_info *port)
{
    const struct rte_devargs *devargs = port->device != NULL ? rte_dev_devargs(port->device) : NULL;

    return devargs != NULL && devargs->args != NULL ? devargs->args : "";
}

bool tpa_netdev_driver_is_virtual(const struct rte_eth_dev_info *port)
{
    const struct rte_bus *bus = port->device != NULL ? rte_dev_bus(port->device) : NULL;

    return bus == NULL || strcmp(rte_bus_name(bus), "vdev") == 0;
}

bool tpa_netdev_driver_takes_external(const struct rte_eth_dev_info *port)
{
    if (tpa_netdev_driver_find(port->driver_name)->own_memory_only)
        return false;
    /* net_memif then passes offsets into the memory that it shares. */
    return strstr(driver_arguments(port), "zero-copy=yes") == NULL;
}

bool tpa_netdev_driver_connects_at_start(const struct rte_eth_dev_info *port)
{
    /* A client is what it is by default. */
    return strcmp(port->driver_name, "net_memif") == 0 &&
           strstr(driver_arguments(port), "role=server") == NULL &&
           strstr(driver_arguments(port), "role=master") == NULL;
}

static uint32_t ring_frame_size(const struct rte_eth_dev_info *port)
{
    const struct tpa_netdev_driver *driver = tpa_netdev_driver_find(port->driver_name);
    const char *argument = strstr(driver_arguments(port), "framesz=");

    if (driver->frame_default == 0 || argument == NULL)
        return driver->frame_default;
    return (uint32_t)strtoul(argument + strlen("framesz="), NULL, 10);
}

uint32_t tpa_netdev_driver_buffer_size(const struct rte_eth_dev_info *port)
{
    uint32_t frame = ring_frame_size(port);

    if (frame > AF_PACKET_SETUP_OVERHEAD)
        return frame - AF_PACKET_SETUP_OVERHEAD;
    return port->min_rx_bufsize == UINT32_MAX ? 0 : port->min_rx_bufsize;
}

uint32_t tpa_netdev_driver_buffer_max(const struct rte_eth_dev_info *port)
{
    uint32_t most = tpa_netdev_driver_find(port->driver_name)->buffer_max;

    return most != 0 ? most : UINT32_MAX;
}

/* As rte_eth_dev_configure() counts it. */
static uint32_t dpdk_mtu_max(const struct rte_eth_dev_info *port)
{
    uint32_t overhead = TPA_NETDEV_ETHERNET_HEADER + RTE_ETHER_CRC_LEN;

    if (port->max_mtu != UINT16_MAX && port->max_rx_pktlen > port->max_mtu)
        overhead = port->max_rx_pktlen - port->max_mtu;
    if (port->max_rx_pktlen <= overhead)
        return port->max_mtu;
    return TPA_BASE_MIN(port->max_mtu, port->max_rx_pktlen - overhead);
}

uint16_t tpa_netdev_driver_configured_mtu(const struct rte_eth_dev_info *port, uint16_t mtu)
{
    return (uint16_t)TPA_BASE_MIN(mtu, dpdk_mtu_max(port));
}

uint16_t tpa_netdev_driver_mtu_max(const struct rte_eth_dev_info *port)
{
    const struct tpa_netdev_driver *driver = tpa_netdev_driver_find(port->driver_name);
    uint32_t frame = ring_frame_size(port);
    uint32_t mtu = driver->interface_mtu ? UINT16_MAX : dpdk_mtu_max(port);

    /* Beyond it net_af_packet cuts frames off without a word. */
    if (frame > AF_PACKET_FRAME_OVERHEAD)
        mtu = TPA_BASE_MIN(mtu, frame - AF_PACKET_FRAME_OVERHEAD);
    return (uint16_t)TPA_BASE_MIN(mtu, UINT16_MAX - TPA_NETDEV_ETHERNET_HEADER);
}
