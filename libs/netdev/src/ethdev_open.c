/* Opening a DPDK port: what it has, cut to what is wanted. */
#include <tpa/netdev/ethdev.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <tpa/base/hash.h>

#include "ethdev.h"
#include "kernel_interface.h"

#define OWNER_NAME "tpa"

/* Of the offloads that we have a use for. */
#define RX_OFFLOADS                                                                                \
    (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | \
     RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_RSS_HASH)
#define TX_OFFLOADS                                                                                \
    (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
     RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT)
#define RX_CHECKSUMS \
    (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define RSS_TYPES (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* Where a driver doesn't say how many segments a packet may have. */
#define SEGMENTS_UNSAID 64

/* What the frame of an ordinary packet has beside the MTU: header and one tag. */
#define FRAME_OVERHEAD (TPA_NETDEV_ETHERNET_HEADER + TPA_NETDEV_VLAN_TAG)

/* One attempt to open a port. */
struct opening {
    const struct tpa_netdev_ethdev_config *config;
    const char *name;
    uint16_t port_id;
    uint16_t queue_count;
    uint16_t rx_ring_size;
    uint16_t tx_ring_size;
    uint16_t mtu;
    uint16_t mtu_max;
    struct rte_eth_dev_info port;
    const struct tpa_netdev_driver *driver;
    struct rte_eth_conf conf;
    struct tpa_netdev_ethdev *self;
    char *reason;
};

TPA_BASE_PRINTF(2, 3)
static void explain(const struct opening *opening, const char *format, ...)
{
    char text[TPA_NETDEV_REASON_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(opening->reason, TPA_NETDEV_REASON_SIZE, "port %.63s: %.180s",
             opening->name != NULL ? opening->name : "?", text);
}

/* The error, after its explanation. */
#define FAIL(opening, error, ...) (explain((opening), __VA_ARGS__), (error))

static int error_of_driver(int result)
{
    switch (-result) {
    case ENOMEM:
        return TPA_ENOMEM;
    case EBUSY:
        return TPA_EBUSY;
    case EINVAL:
        return TPA_EINVAL;
    default:
        return TPA_EIO;
    }
}

/* DPDK only copies names out; these stand beside its table of ports. */
static const char *port_name(uint16_t port_id)
{
    static char names[RTE_MAX_ETHPORTS][RTE_ETH_NAME_MAX_LEN];

    return rte_eth_dev_get_name_by_port(port_id, names[port_id]) == 0 ? names[port_id] : NULL;
}

static int find_port(struct opening *opening)
{
    const struct tpa_netdev_ethdev_config *config = opening->config;

    opening->port_id = config->port_id;
    if (config->name != NULL && rte_eth_dev_get_port_by_name(config->name, &opening->port_id) != 0)
        return FAIL(opening, TPA_ENOENT,
                    "DPDK has no port of that name; name a PCI address it may use or give --vdev");
    if (!rte_eth_dev_is_valid_port(opening->port_id))
        return FAIL(opening, TPA_ENOENT, "DPDK has no port %u", opening->port_id);
    opening->name = port_name(opening->port_id);
    if (opening->name == NULL || rte_eth_dev_info_get(opening->port_id, &opening->port) != 0)
        return FAIL(opening, TPA_EIO, "its driver doesn't answer");
    opening->driver = tpa_netdev_driver_find(opening->port.driver_name);
    return 0;
}

/* Bytes of a frame's buffer beside the MTU. */
static uint32_t buffer_overhead(const struct rte_eth_dev_info *port)
{
    return FRAME_OVERHEAD + tpa_netdev_driver_find(port->driver_name)->receive_overhead;
}

static uint32_t port_buffer_size(const struct rte_eth_dev_info *port, uint16_t mtu)
{
    uint32_t least = tpa_netdev_driver_buffer_size(port);

    if (port->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER)
        return least;
    least = TPA_BASE_MAX(least, mtu + buffer_overhead(port));
    return TPA_BASE_MIN(least, tpa_netdev_driver_buffer_max(port));
}

static int check_buffers(struct opening *opening)
{
    uint32_t buffer = opening->config->pool->data_size;
    uint32_t least = TPA_BASE_MAX(tpa_netdev_driver_buffer_size(&opening->port),
                                  buffer_overhead(&opening->port) + opening->port.min_mtu);
    uint32_t most = tpa_netdev_driver_buffer_max(&opening->port);

    if (buffer < least)
        return FAIL(opening, TPA_EINVAL,
                    "receive buffers of %u bytes are too small for it, it needs %u", buffer, least);
    if (buffer > most)
        return FAIL(opening, TPA_EINVAL,
                    "receive buffers of %u bytes are too large for it, it takes %u", buffer, most);
    return 0;
}

static int choose_mtu(struct opening *opening)
{
    const struct tpa_netdev_ethdev_config *config = opening->config;
    uint32_t buffer = config->pool->data_size;
    uint16_t interface_mtu = tpa_netdev_interface_mtu(opening->port.if_index);
    uint16_t own_mtu = 0;

    opening->mtu_max = tpa_netdev_driver_mtu_max(&opening->port);
    if (!(opening->port.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER))
        opening->mtu_max =
            (uint16_t)TPA_BASE_MIN(opening->mtu_max, buffer - buffer_overhead(&opening->port));

    if (rte_eth_dev_get_mtu(opening->port_id, &own_mtu) != 0 || own_mtu == 0)
        own_mtu = RTE_ETHER_MTU;
    opening->mtu = config->mtu != 0 ? config->mtu : interface_mtu != 0 ? interface_mtu : own_mtu;
    opening->mtu = TPA_BASE_MIN(opening->mtu, opening->mtu_max);
    if (opening->mtu < opening->port.min_mtu)
        return FAIL(opening, TPA_EINVAL, "an MTU of %u is below its least, %u", opening->mtu,
                    opening->port.min_mtu);
    return 0;
}

static void choose_queues(struct opening *opening)
{
    uint16_t wanted = opening->config->queue_count;

    /* As many to send as to receive: net_tap insists, and a worker has one of each. */
    wanted = TPA_BASE_MIN(wanted, opening->port.max_rx_queues);
    wanted = TPA_BASE_MIN(wanted, opening->port.max_tx_queues);
    wanted = TPA_BASE_MIN(wanted, TPA_NETDEV_QUEUES_MAX);
    opening->queue_count = TPA_BASE_MAX(wanted, 1);
}

static uint16_t ring_size(uint16_t wanted)
{
    return wanted != 0 ? wanted : TPA_NETDEV_ETHDEV_RING_DEFAULT;
}

/* The same key on every port that can be given one: Microsoft's, repeated where it is too short. */
static void choose_rss(struct opening *opening)
{
    struct rte_eth_rss_conf *rss = &opening->conf.rx_adv_conf.rss_conf;
    uint64_t types = opening->port.flow_type_rss_offloads & RSS_TYPES;
    uint8_t key_length = opening->port.hash_key_size;

    if (opening->queue_count == 1 || types == 0)
        return;
    opening->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    rss->rss_hf = types;
    if (key_length == 0 || key_length > TPA_NETDEV_RSS_KEY_MAX)
        return;
    for (uint8_t i = 0; i < key_length; i++)
        opening->self->rss_key[i] = tpa_base_toeplitz_default_key[i % TPA_BASE_TOEPLITZ_KEY_SIZE];
    rss->rss_key = opening->self->rss_key;
    rss->rss_key_len = key_length;
}

static void choose_offloads(struct opening *opening)
{
    uint64_t rx = opening->port.rx_offload_capa & ~opening->driver->rx_offloads_unused;
    uint64_t tx = opening->port.tx_offload_capa & ~opening->driver->tx_offloads_unused;

    opening->conf.rxmode.mtu = tpa_netdev_driver_configured_mtu(&opening->port, opening->mtu);
    opening->conf.rxmode.offloads = rx & RX_OFFLOADS;
    if ((uint32_t)opening->mtu + FRAME_OVERHEAD > opening->config->pool->data_size)
        opening->conf.rxmode.offloads |= rx & RTE_ETH_RX_OFFLOAD_SCATTER;
    if (opening->conf.rxmode.mq_mode != RTE_ETH_MQ_RX_RSS)
        opening->conf.rxmode.offloads &= ~RTE_ETH_RX_OFFLOAD_RSS_HASH;
    opening->conf.txmode.offloads = tx & TX_OFFLOADS;
}

static int configure(struct opening *opening)
{
    int result;

    choose_rss(opening);
    choose_offloads(opening);
    result = rte_eth_dev_configure(opening->port_id, opening->queue_count, opening->queue_count,
                                   &opening->conf);
    if (result != 0)
        return FAIL(opening, error_of_driver(result),
                    "its driver refuses %u queues with an MTU of %u (%s)", opening->queue_count,
                    opening->mtu, rte_strerror(-result));
    opening->rx_ring_size = ring_size(opening->config->rx_ring_size);
    opening->tx_ring_size = ring_size(opening->config->tx_ring_size);
    result = rte_eth_dev_adjust_nb_rx_tx_desc(opening->port_id, &opening->rx_ring_size,
                                              &opening->tx_ring_size);
    if (result != 0)
        return FAIL(opening, error_of_driver(result), "its driver refuses rings of that size (%s)",
                    rte_strerror(-result));
    return 0;
}

static int set_up_queue(struct opening *opening, uint16_t queue)
{
    struct rte_eth_rxconf rx = opening->port.default_rxconf;
    struct rte_eth_txconf tx = opening->port.default_txconf;
    struct tpa_mem_pool *pool = opening->config->pool;
    int socket = rte_eth_dev_socket_id(opening->port_id);
    unsigned int node = socket < 0 ? 0 : (unsigned int)socket;
    int result;

    rx.offloads = opening->conf.rxmode.offloads;
    tx.offloads = opening->conf.txmode.offloads;
    result = rte_eth_rx_queue_setup(opening->port_id, queue, opening->rx_ring_size, node, &rx,
                                    pool->mempool);
    if (result != 0)
        return FAIL(opening, error_of_driver(result),
                    "receive queue %u of %u buffers of %u bytes failed (%s)", queue,
                    opening->rx_ring_size, pool->data_size, rte_strerror(-result));
    result = rte_eth_tx_queue_setup(opening->port_id, queue, opening->tx_ring_size, node, &tx);
    if (result != 0)
        return FAIL(opening, error_of_driver(result), "transmit queue %u of %u entries failed (%s)",
                    queue, opening->tx_ring_size, rte_strerror(-result));
    return 0;
}

static int set_up_queues(struct opening *opening)
{
    uint64_t buffers = (uint64_t)opening->rx_ring_size * opening->queue_count;

    if (buffers >= opening->config->pool->packet_count)
        return FAIL(opening, TPA_EINVAL,
                    "its %u receive queues of %u take all %u buffers; allow for more packets",
                    opening->queue_count, opening->rx_ring_size,
                    opening->config->pool->packet_count);
    for (uint16_t queue = 0; queue < opening->queue_count; queue++) {
        int result = set_up_queue(opening, queue);

        if (result != 0)
            return result;
    }
    return 0;
}

/* The port's own MTU is what it has; another one is asked for, and taken as it comes. */
static void apply_mtu(struct opening *opening)
{
    uint16_t interface_mtu;

    if (opening->config->mtu != 0)
        tpa_netdev_ethdev_set_port_mtu(opening->self, opening->mtu);
    interface_mtu = tpa_netdev_interface_mtu(opening->port.if_index);
    if (interface_mtu != 0)
        opening->mtu = TPA_BASE_MIN(opening->mtu, interface_mtu);
}

static uint32_t offload_capabilities(const struct opening *opening)
{
    static const struct {
        uint64_t offload;
        uint32_t capability;
    } transmit[] = {
        {RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, TPA_NETDEV_TX_IPV4_CHECKSUM},
        {RTE_ETH_TX_OFFLOAD_TCP_CKSUM, TPA_NETDEV_TX_TCP_CHECKSUM},
        {RTE_ETH_TX_OFFLOAD_UDP_CKSUM, TPA_NETDEV_TX_UDP_CHECKSUM},
        {RTE_ETH_TX_OFFLOAD_TCP_TSO, TPA_NETDEV_TX_TCP_SEGMENTATION},
        {RTE_ETH_TX_OFFLOAD_MULTI_SEGS, TPA_NETDEV_TX_CHAINS},
        {RTE_ETH_TX_OFFLOAD_VLAN_INSERT, TPA_NETDEV_TX_VLAN},
    };
    uint32_t capabilities = 0;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(transmit); i++) {
        if (opening->conf.txmode.offloads & transmit[i].offload)
            capabilities |= transmit[i].capability;
    }
    if ((opening->conf.rxmode.offloads & RX_CHECKSUMS) == RX_CHECKSUMS)
        capabilities |= TPA_NETDEV_RX_CHECKSUM;
    if (opening->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP)
        capabilities |= TPA_NETDEV_RX_VLAN;
    if (!tpa_netdev_driver_is_virtual(&opening->port))
        capabilities |= TPA_NETDEV_DMA;
    if (tpa_netdev_driver_takes_external(&opening->port))
        capabilities |= TPA_NETDEV_TX_EXTERNAL;
    return capabilities;
}

static void segment_limits(const struct rte_eth_desc_lim *limits, struct tpa_netdev_info *info)
{
    uint16_t whole = limits->nb_seg_max;
    uint16_t frame = limits->nb_mtu_seg_max;

    info->tso_segment_count_max = whole != 0 ? whole : SEGMENTS_UNSAID;
    info->segment_count_max =
        frame != 0 ? TPA_BASE_MIN(frame, info->tso_segment_count_max) : info->tso_segment_count_max;
    if (!(info->capabilities & TPA_NETDEV_TX_CHAINS)) {
        info->segment_count_max = 1;
        info->tso_segment_count_max = 1;
    }
}

/* The stack's address: the configured one, else the port's or, where the kernel has that, another.
 */
static void choose_mac(const struct opening *opening, struct tpa_netdev_info *info)
{
    struct rte_ether_addr own = {0};

    rte_eth_macaddr_get(opening->port_id, &own);
    memcpy(info->mac, own.addr_bytes, sizeof(info->mac));
    if (opening->config->mac != NULL)
        memcpy(info->mac, opening->config->mac, sizeof(info->mac));
    else if (opening->driver->peer_has_mac) {
        info->mac[0] |= 0x02; /* locally administered (IEEE 802) */
        info->mac[5] ^= 0x01;
    }
    if (memcmp(info->mac, own.addr_bytes, sizeof(info->mac)) == 0)
        return;
    if (!opening->driver->peer_has_mac) {
        struct rte_ether_addr wanted;

        memcpy(wanted.addr_bytes, info->mac, sizeof(info->mac));
        if (rte_eth_dev_default_mac_addr_set(opening->port_id, &wanted) == 0)
            return;
    }
    info->promiscuous = true;
}

static void describe(const struct opening *opening, struct tpa_netdev_ethdev *self)
{
    struct tpa_netdev_info *info = &self->info;

    snprintf(info->name, sizeof(info->name), "%s", opening->name);
    info->mtu_max = opening->mtu_max;
    info->rx_queue_count = opening->queue_count;
    info->tx_queue_count = opening->queue_count;
    info->capabilities = offload_capabilities(opening);
    segment_limits(&opening->port.tx_desc_lim, info);
    info->tso_length_max =
        info->capabilities & TPA_NETDEV_TX_TCP_SEGMENTATION ? TPA_NETDEV_TSO_LENGTH_MAX : 0;
    info->promiscuous = opening->config->promiscuous;
    choose_mac(opening, info);
    tpa_netdev_ethdev_set_reported_mtu(self, opening->mtu);
}

static int make_device(struct opening *opening)
{
    size_t size = sizeof(struct tpa_netdev_ethdev) +
                  opening->queue_count * sizeof(struct tpa_netdev_ethdev_queue);
    struct tpa_netdev_ethdev *self = aligned_alloc(TPA_BASE_CACHE_LINE, size);

    if (self == NULL)
        return FAIL(opening, TPA_ENOMEM, "memory is exhausted");
    memset(self, 0, size);
    self->device.ops = &tpa_netdev_ethdev_ops;
    self->port_id = opening->port_id;
    self->driver = opening->driver;
    self->port = opening->port;
    self->rx_flags =
        opening->driver->passes_packets ? RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL : UINT64_MAX;
    opening->self = self;
    return 0;
}

static int acquire(struct opening *opening)
{
    struct rte_eth_dev_owner mine = {.name = OWNER_NAME};

    if (rte_eth_dev_owner_new(&mine.id) != 0)
        return FAIL(opening, TPA_EIO, "DPDK has no owner left to give");
    if (rte_eth_dev_owner_set(opening->port_id, &mine) != 0)
        return FAIL(opening, TPA_EBUSY,
                    "somebody else in this process uses it; close it there first");
    opening->self->owner = mine.id;
    return 0;
}

static int set_up(struct opening *opening)
{
    int result = check_buffers(opening);

    if (result == 0)
        result = choose_mtu(opening);
    if (result == 0)
        result = configure(opening);
    if (result == 0)
        result = set_up_queues(opening);
    if (result != 0) {
        rte_eth_dev_owner_unset(opening->port_id, opening->self->owner);
        return result;
    }
    apply_mtu(opening);
    return 0;
}

int tpa_netdev_ethdev_open(const struct tpa_netdev_ethdev_config *config,
                           struct tpa_netdev **device, char reason[TPA_NETDEV_REASON_SIZE])
{
    struct opening opening = {.config = config, .name = config->name, .reason = reason};
    int result;

    reason[0] = '\0';
    result = find_port(&opening);
    if (result != 0)
        return result;
    choose_queues(&opening);
    result = make_device(&opening);
    if (result != 0)
        return result;
    result = acquire(&opening);
    if (result == 0)
        result = set_up(&opening);
    if (result != 0) {
        free(opening.self);
        return result;
    }
    describe(&opening, opening.self);
    tpa_netdev_ethdev_watch(opening.self);
    *device = &opening.self->device;
    return 0;
}

uint16_t tpa_netdev_ethdev_count(void)
{
    return rte_eth_dev_count_total();
}

const char *tpa_netdev_ethdev_name(uint16_t index)
{
    uint16_t port_id;

    /* Also those that somebody owns: they are there. */
    for (port_id = rte_eth_find_next(0); port_id < RTE_MAX_ETHPORTS;
         port_id = rte_eth_find_next((uint16_t)(port_id + 1))) {
        if (index-- == 0)
            return port_name(port_id);
    }
    return NULL;
}

uint32_t tpa_netdev_ethdev_buffer_size(const char *name, uint16_t mtu)
{
    struct rte_eth_dev_info port;
    uint16_t port_id;

    if (rte_eth_dev_get_port_by_name(name, &port_id) != 0 ||
        rte_eth_dev_info_get(port_id, &port) != 0)
        return 0;
    return port_buffer_size(&port, mtu != 0 ? mtu : RTE_ETHER_MTU);
}
