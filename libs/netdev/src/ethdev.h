/* A DPDK port: what opening it and using it share. */
#ifndef TPA_NETDEV_ETHDEV_PRIVATE_H
#define TPA_NETDEV_ETHDEV_PRIVATE_H

#include <rte_ethdev.h>
#include <tpa/netdev/netdev.h>

#include "driver.h"
#include "transmit_limits.h"

struct tpa_netdev_ethdev_queue {
    uint64_t tx_full;
    struct tpa_base_drop_counters drops;
} TPA_BASE_CACHE_ALIGNED;

enum tpa_netdev_ethdev_state {
    TPA_NETDEV_ETHDEV_PRESENT,
    TPA_NETDEV_ETHDEV_UNCONNECTED, /* no peer to connect to, yet */
    TPA_NETDEV_ETHDEV_GONE,
};

struct tpa_netdev_ethdev {
    struct tpa_netdev device;
    uint16_t port_id;
    bool started;
    uint8_t state;         /* enum tpa_netdev_ethdev_state; also set by DPDK's event thread */
    uint16_t reported_mtu; /* what info says, and limits follow */
    struct tpa_netdev_limits limits;
    uint64_t rx_flags; /* flags of received packets that mean something */
    uint64_t owner;    /* of the port, as DPDK counts owners */
    const struct tpa_netdev_driver *driver;
    struct rte_eth_dev_info port;
    struct tpa_netdev_info info;
    struct tpa_netdev_steering steering;
    uint8_t rss_key[TPA_NETDEV_RSS_KEY_MAX]; /* DPDK's configuration points at it */
    struct tpa_netdev_ethdev_queue queues[];
};

extern const struct tpa_netdev_ops tpa_netdev_ethdev_ops;

/* Tells the port, or the interface below it. 0; TPA_EINVAL, TPA_EBUSY, TPA_EIO. */
int tpa_netdev_ethdev_set_port_mtu(struct tpa_netdev_ethdev *self, uint16_t mtu);

void tpa_netdev_ethdev_set_reported_mtu(struct tpa_netdev_ethdev *self, uint16_t mtu);

/* Learns from DPDK when the port vanishes. */
void tpa_netdev_ethdev_watch(struct tpa_netdev_ethdev *self);

/* Reads key and table of a started port; steering.key_length stays 0 where it doesn't tell. */
void tpa_netdev_ethdev_read_steering(struct tpa_netdev_ethdev *self);

#endif
