/* Any DPDK port as a device. */
#ifndef TPA_NETDEV_ETHDEV_H
#define TPA_NETDEV_ETHDEV_H

#include <tpa/netdev/netdev.h>

struct tpa_netdev_ethdev_config {
    const char *name;          /* DPDK's port name ("net_tap0", "0000:00:05.0"), or NULL: by port_id */
    uint16_t port_id;
    uint16_t queue_count;      /* wanted; the device may give fewer (see info) */
    uint16_t rx_ring_size;     /* descriptors a queue; 0 = 1024, cut to the port's range */
    uint16_t tx_ring_size;
    uint16_t mtu;              /* 0 = the port's own */
    struct tpa_mem_pool *pool; /* receive buffers */
    const uint8_t *mac;        /* six bytes, or NULL: the port's own */
    bool promiscuous;          /* needed where the stack's MAC is not the port's (net_tap) */
};

/*
 * Opens and configures a port with every offload it has. *device is owned by the caller; not started. 0; TPA_ENOENT (no such port),
 * TPA_EBUSY, TPA_EINVAL, TPA_ENOMEM, TPA_EIO; then `reason` says in one line what failed and what to do.
 */
int tpa_netdev_ethdev_open(const struct tpa_netdev_ethdev_config *config, struct tpa_netdev **device,
                           char reason[TPA_NETDEV_REASON_SIZE]);

/* Ports that DPDK has found: count, and the name of the n-th (NULL past the last). */
uint16_t tpa_netdev_ethdev_count(void);
const char *tpa_netdev_ethdev_name(uint16_t index);

#endif
