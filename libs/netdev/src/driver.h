/* What DPDK's drivers don't say about themselves, or say wrongly. */
#ifndef TPA_NETDEV_DRIVER_H
#define TPA_NETDEV_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

struct tpa_netdev_driver {
    const char *name;
    uint64_t tx_offloads_unused; /* RTE_ETH_TX_OFFLOAD_* that it offers and we do better without */
    uint64_t rx_offloads_unused;
    bool own_memory_only;      /* reads or hands on buffers of DPDK's memory only */
    bool peer_has_mac;         /* the port's address is the kernel's end's */
    bool passes_packets;       /* the receiver gets the sender's buffers, with the sender's flags */
    bool survives_netns;       /* its interface may move to another network namespace */
    bool interface_mtu;        /* its MTU is the interface's, whatever DPDK says */
    uint32_t frame_default;    /* bytes of the frames of its own ring, from "framesz="; 0 = none */
    uint32_t receive_overhead; /* bytes of a buffer that it uses itself, beside the headroom */
    uint32_t buffer_max;       /* bytes of data that a buffer may have; 0 = any */
};

/* The row for a driver's name; a row of nothing special where there is none. */
const struct tpa_netdev_driver *tpa_netdev_driver_find(const char *name);

/* True for drivers that are programs, not hardware: they read memory as we do. */
bool tpa_netdev_driver_is_virtual(const struct rte_eth_dev_info *port);

/* True where segments may lie outside of DPDK's memory. */
bool tpa_netdev_driver_takes_external(const struct rte_eth_dev_info *port);

/* True where the port connects to a peer when it is started, and only then. */
bool tpa_netdev_driver_connects_at_start(const struct rte_eth_dev_info *port);

/* Bytes that a receive buffer must have because the driver says so, whatever the MTU; 0 = none. */
uint32_t tpa_netdev_driver_buffer_size(const struct rte_eth_dev_info *port);

/* Bytes that a receive buffer may have. */
uint32_t tpa_netdev_driver_buffer_max(const struct rte_eth_dev_info *port);

/* The largest MTU that driver and port allow, before buffers are looked at. */
uint16_t tpa_netdev_driver_mtu_max(const struct rte_eth_dev_info *port);

/* What DPDK is to be told for an MTU of `mtu`: no more than it thinks the port can do. */
uint16_t tpa_netdev_driver_configured_mtu(const struct rte_eth_dev_info *port, uint16_t mtu);

#endif
