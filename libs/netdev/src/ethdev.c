/* A DPDK port in use. */

/* rte_dev_dma_map() is marked as experimental in DPDK 22.11, and the only way. */
#define ALLOW_EXPERIMENTAL_API

#include "ethdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <tpa/base/hash.h>

#include "kernel_interface.h"
#include "layer.h"
#include "request.h"

static struct tpa_netdev_ethdev *ethdev_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct tpa_netdev_ethdev, device);
}

static uint8_t state_of(const struct tpa_netdev_ethdev *self)
{
    return __atomic_load_n(&self->state, __ATOMIC_RELAXED);
}

/* What is gone stays so. */
static void set_state(struct tpa_netdev_ethdev *self, enum tpa_netdev_ethdev_state state)
{
    uint8_t was = state_of(self);

    while (was != TPA_NETDEV_ETHDEV_GONE &&
           !__atomic_compare_exchange_n(&self->state, &was, (uint8_t)state, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        continue;
}

static bool is_gone(const struct tpa_netdev_ethdev *self)
{
    return state_of(self) == TPA_NETDEV_ETHDEV_GONE;
}

static uint16_t ethdev_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    uint16_t received;

    if (TPA_BASE_UNLIKELY(state_of(self) != TPA_NETDEV_ETHDEV_PRESENT))
        return 0;
    received = rte_eth_rx_burst(self->port_id, queue, packets, count);
    for (uint16_t i = 0; i < received; i++)
        TPA_BASE_PREFETCH_WRITE(tpa_mem_packet_private(packets[i]));
    for (uint16_t i = 0; i < received; i++) {
        packets[i]->ol_flags &= self->rx_flags;
        tpa_netdev_mark_received(packets[i], now);
    }
    return received;
}

/* Why the packet can't be sent; NONE where it can, with its checksum fields ready. */
static enum tpa_base_drop ready_packet(const struct tpa_netdev_ethdev *self,
                                       struct rte_mbuf *packet)
{
    enum tpa_base_drop refusal = tpa_netdev_limits_check(&self->limits, packet);

    if (TPA_BASE_UNLIKELY(refusal != TPA_BASE_DROP_NONE))
        return refusal;
    if ((packet->ol_flags & TPA_NETDEV_REQUEST_FLAGS) && tpa_netdev_request_prepare(packet) != 0)
        return TPA_BASE_DROP_NETDEV_TX_REFUSED;
    return TPA_BASE_DROP_NONE;
}

/* How many packets from the front can be sent; where not all, *why is the next one's reason. */
static uint16_t ready_run(struct tpa_netdev_ethdev *self, uint16_t queue, struct rte_mbuf **packets,
                          uint16_t count, enum tpa_base_drop *why)
{
    uint16_t prepared;
    uint16_t run;

    *why = TPA_BASE_DROP_NONE;
    for (run = 0; run < count && *why == TPA_BASE_DROP_NONE; run++)
        *why = ready_packet(self, packets[run]);
    if (*why != TPA_BASE_DROP_NONE)
        run--;
    prepared = rte_eth_tx_prepare(self->port_id, queue, packets, run);
    if (TPA_BASE_UNLIKELY(prepared < run))
        *why = TPA_BASE_DROP_NETDEV_TX_REFUSED;
    return prepared;
}

static uint16_t ethdev_tx_burst(struct tpa_netdev *device, uint16_t queue,
                                struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    uint16_t accepted = 0;

    if (TPA_BASE_UNLIKELY(state_of(self) != TPA_NETDEV_ETHDEV_PRESENT))
        return 0;
    while (accepted < count) {
        enum tpa_base_drop why;
        uint16_t run = ready_run(self, queue, packets + accepted, count - accepted, &why);
        uint16_t sent = rte_eth_tx_burst(self->port_id, queue, packets + accepted, run);

        accepted = (uint16_t)(accepted + sent);
        if (sent < run) {
            tpa_netdev_counter_add(&self->queues[queue].tx_full, 1);
            return accepted;
        }
        if (why != TPA_BASE_DROP_NONE)
            tpa_netdev_drop(&self->queues[queue].drops, packets[accepted++], why);
    }
    return accepted;
}

static uint32_t ethdev_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return 0;
}

static void ethdev_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    *info = self->info;
    info->mtu = __atomic_load_n(&self->reported_mtu, __ATOMIC_RELAXED);
}

void tpa_netdev_ethdev_set_reported_mtu(struct tpa_netdev_ethdev *self, uint16_t mtu)
{
    struct tpa_netdev_info info;

    __atomic_store_n(&self->reported_mtu, mtu, __ATOMIC_RELAXED);
    ethdev_info(&self->device, &info);
    tpa_netdev_limits_set(&self->limits, &info);
}

static int on_removal(uint16_t port_id, enum rte_eth_event_type type, void *context, void *unused)
{
    struct tpa_netdev_ethdev *self = context;

    set_state(self, TPA_NETDEV_ETHDEV_GONE);
    return 0;
}

void tpa_netdev_ethdev_watch(struct tpa_netdev_ethdev *self)
{
    /* Hardware that was pulled out, and a port that the program took away. */
    rte_eth_dev_callback_register(self->port_id, RTE_ETH_EVENT_INTR_RMV, on_removal, self);
    rte_eth_dev_callback_register(self->port_id, RTE_ETH_EVENT_DESTROY, on_removal, self);
}

/* False once the port was taken away; another one may have its number. */
static bool is_ours(const struct tpa_netdev_ethdev *self)
{
    struct rte_eth_dev_owner owner;

    return rte_eth_dev_is_valid_port(self->port_id) &&
           rte_eth_dev_owner_get(self->port_id, &owner) == 0 && owner.id == self->owner;
}

/* The kernel's interface below a port, where it can be asked: it is in this namespace. */
static unsigned int interface_of(const struct tpa_netdev_ethdev *self)
{
    return self->driver->survives_netns ? 0 : self->port.if_index;
}

static bool interface_gone(const struct tpa_netdev_ethdev *self)
{
    return interface_of(self) != 0 && !tpa_netdev_interface_exists(interface_of(self));
}

/* Drivers on top of the kernel's interfaces say "up" whatever the kernel says. */
static bool interface_runs(const struct tpa_netdev_ethdev *self)
{
    return interface_of(self) == 0 || tpa_netdev_interface_runs(interface_of(self));
}

/* Starts the port, which may mean that it looks for its peer. */
static bool connect_port(struct tpa_netdev_ethdev *self)
{
    bool started = rte_eth_dev_start(self->port_id) == 0;

    set_state(self, started ? TPA_NETDEV_ETHDEV_PRESENT : TPA_NETDEV_ETHDEV_UNCONNECTED);
    return started;
}

/* A client whose server went away, or was not ready, asks again; bursts meanwhile do nothing. */
static void reconnect_port(struct tpa_netdev_ethdev *self)
{
    if (state_of(self) == TPA_NETDEV_ETHDEV_PRESENT)
        rte_eth_dev_stop(self->port_id);
    set_state(self, TPA_NETDEV_ETHDEV_UNCONNECTED);
    connect_port(self);
}

static bool link_is_up(struct tpa_netdev_ethdev *self, struct rte_eth_link *state)
{
    memset(state, 0, sizeof(*state));
    return state_of(self) == TPA_NETDEV_ETHDEV_PRESENT &&
           rte_eth_link_get_nowait(self->port_id, state) == 0 &&
           state->link_status == RTE_ETH_LINK_UP && interface_runs(self);
}

static void ethdev_link(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    struct rte_eth_link state;

    if (!is_gone(self) && (rte_eth_dev_is_removed(self->port_id) == 1 || interface_gone(self)))
        set_state(self, TPA_NETDEV_ETHDEV_GONE);
    link->gone = is_gone(self);
    if (link->gone || !self->started)
        return;
    link->up = link_is_up(self, &state);
    if (!link->up && tpa_netdev_driver_connects_at_start(&self->port))
        reconnect_port(self);
    link->speed_mbps = state.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : state.link_speed;
}

static void ethdev_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    struct rte_eth_stats stats = {0};

    if (is_ours(self) && rte_eth_stats_get(self->port_id, &stats) == 0) {
        counters->rx_packets += stats.ipackets;
        counters->rx_bytes += stats.ibytes;
        counters->tx_packets += stats.opackets;
        counters->tx_bytes += stats.obytes;
        counters->rx_missed += stats.imissed;
        counters->rx_errors += stats.ierrors;
        counters->rx_no_buffer += stats.rx_nombuf;
        counters->tx_errors += stats.oerrors;
    }
    for (uint16_t queue = 0; queue < self->info.tx_queue_count; queue++) {
        counters->tx_full += tpa_netdev_counter_get(&self->queues[queue].tx_full);
        tpa_netdev_counters_add_drops(counters, &self->queues[queue].drops);
    }
}

int tpa_netdev_ethdev_set_port_mtu(struct tpa_netdev_ethdev *self, uint16_t mtu)
{
    int result;

    if (self->driver->interface_mtu)
        return tpa_netdev_interface_set_mtu(self->port.if_index, mtu);
    result = rte_eth_dev_set_mtu(self->port_id, mtu);
    switch (-result) {
    case 0:
    case ENOTSUP: /* takes frames up to what it says is its largest */
        return 0;
    case EINVAL:
        return TPA_EINVAL;
    case EBUSY:
        return TPA_EBUSY;
    default:
        return TPA_EIO;
    }
}

static int ethdev_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    int result;

    if (is_gone(self))
        return TPA_EIO;
    if (mtu < self->port.min_mtu || mtu > self->info.mtu_max)
        return TPA_EINVAL;
    result = tpa_netdev_ethdev_set_port_mtu(self, mtu);
    if (result == 0)
        tpa_netdev_ethdev_set_reported_mtu(self, mtu);
    return result;
}

static int ethdev_set_link(struct tpa_netdev *device, bool up)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);
    int result;

    if (is_gone(self))
        return TPA_EIO;
    result = up ? rte_eth_dev_set_link_up(self->port_id) : rte_eth_dev_set_link_down(self->port_id);
    if (result == 0)
        return 0;
    return result == -ENOTSUP ? TPA_EUNSUPPORTED : TPA_EIO;
}

static int ethdev_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    if (is_gone(self))
        return TPA_EIO;
    if (self->steering.key_length == 0)
        return TPA_EUNSUPPORTED;
    *steering = self->steering;
    return 0;
}

static bool read_key(struct tpa_netdev_ethdev *self)
{
    const uint64_t needed = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    struct rte_eth_rss_conf conf = {.rss_key = self->steering.key,
                                    .rss_key_len = TPA_NETDEV_RSS_KEY_MAX};

    if (self->port.hash_key_size > TPA_NETDEV_RSS_KEY_MAX)
        return false;
    if (rte_eth_dev_rss_hash_conf_get(self->port_id, &conf) != 0)
        return false;
    return (conf.rss_hf & needed) == needed;
}

static bool read_table(struct tpa_netdev_ethdev *self)
{
    struct rte_eth_rss_reta_entry64 groups[TPA_NETDEV_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
    uint16_t size = self->port.reta_size;

    if (size == 0 || size > TPA_NETDEV_RETA_MAX)
        return false;
    memset(groups, 0, sizeof(groups));
    for (uint16_t i = 0; i < size; i++)
        groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
    if (rte_eth_dev_rss_reta_query(self->port_id, groups, size) != 0)
        return false;
    for (uint16_t i = 0; i < size; i++) {
        self->steering.reta[i] =
            groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
        if (self->steering.reta[i] >= self->info.rx_queue_count)
            return false;
    }
    self->steering.reta_size = size;
    return true;
}

void tpa_netdev_ethdev_read_steering(struct tpa_netdev_ethdev *self)
{
    self->info.capabilities &= ~(uint32_t)TPA_NETDEV_RX_STEERING;
    memset(&self->steering, 0, sizeof(self->steering));
    if (self->info.rx_queue_count < 2 || !read_key(self) || !read_table(self))
        return;
    /* Drivers that don't say mean the size that was once the only one. */
    self->steering.key_length =
        self->port.hash_key_size != 0 ? self->port.hash_key_size : TPA_BASE_TOEPLITZ_KEY_SIZE;
    self->info.capabilities |= TPA_NETDEV_RX_STEERING;
}

static int ethdev_dma_map(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    if (!(self->info.capabilities & TPA_NETDEV_DMA) ||
        rte_dev_dma_map(self->port.device, base, iova, length) == 0)
        return 0;
    /* Without an IOMMU in between there is nothing to be mapped. */
    return rte_errno == ENOTSUP ? 0 : TPA_EIO;
}

static int ethdev_dma_unmap(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    if (!(self->info.capabilities & TPA_NETDEV_DMA) ||
        rte_dev_dma_unmap(self->port.device, base, iova, length) == 0)
        return 0;
    return rte_errno == ENOTSUP ? 0 : TPA_EIO;
}

static int ethdev_start(struct tpa_netdev *device)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    if (is_gone(self))
        return TPA_EIO;
    if (self->started)
        return 0;
    if (!connect_port(self) && !tpa_netdev_driver_connects_at_start(&self->port)) {
        set_state(self, TPA_NETDEV_ETHDEV_PRESENT);
        return TPA_EIO;
    }
    self->started = true;
    /* Some ports hear everything anyway and know no such mode. */
    if (self->info.promiscuous)
        rte_eth_promiscuous_enable(self->port_id);
    rte_eth_allmulticast_enable(self->port_id);
    tpa_netdev_ethdev_read_steering(self);
    return 0;
}

static void ethdev_stop(struct tpa_netdev *device)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    if (!self->started)
        return;
    self->started = false;
    if (is_ours(self) && state_of(self) != TPA_NETDEV_ETHDEV_UNCONNECTED)
        rte_eth_dev_stop(self->port_id);
    set_state(self, TPA_NETDEV_ETHDEV_PRESENT);
}

static void ethdev_close(struct tpa_netdev *device)
{
    struct tpa_netdev_ethdev *self = ethdev_of(device);

    ethdev_stop(device);
    if (is_ours(self)) {
        rte_eth_dev_callback_unregister(self->port_id, RTE_ETH_EVENT_INTR_RMV, on_removal, self);
        rte_eth_dev_callback_unregister(self->port_id, RTE_ETH_EVENT_DESTROY, on_removal, self);
        rte_eth_dev_owner_unset(self->port_id, self->owner);
        rte_eth_dev_close(self->port_id);
    }
    free(self);
}

const struct tpa_netdev_ops tpa_netdev_ethdev_ops = {
    .kind = "ethdev",
    .rx_burst = ethdev_rx_burst,
    .tx_burst = ethdev_tx_burst,
    .tx_flush = ethdev_tx_flush,
    .info = ethdev_info,
    .link = ethdev_link,
    .counters = ethdev_counters,
    .set_mtu = ethdev_set_mtu,
    .set_link = ethdev_set_link,
    .steering = ethdev_steering,
    .dma_map = ethdev_dma_map,
    .dma_unmap = ethdev_dma_unmap,
    .start = ethdev_start,
    .stop = ethdev_stop,
    .close = ethdev_close,
};
