/* Any DPDK port as a device. */
#ifndef TPA_NETDEV_ETHDEV_H
#define TPA_NETDEV_ETHDEV_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_ETHDEV_RING_DEFAULT 1024 /* descriptors of a queue */

struct tpa_netdev_ethdev_config {
    const char *name;      /* DPDK's port name ("net_tap0", "0000:00:05.0"), or NULL: by port_id */
    uint16_t port_id;      /* used where name is NULL */
    uint16_t queue_count;  /* wanted, 0 = 1; the device may give fewer (see info) */
    uint16_t rx_ring_size; /* descriptors a queue; 0 = TPA_NETDEV_ETHDEV_RING_DEFAULT, cut to the
                              port's range */
    uint16_t tx_ring_size;
    uint16_t mtu;              /* 0 = the port's own; info says what came of it */
    struct tpa_mem_pool *pool; /* receive buffers; outlives the device */
    const uint8_t *mac; /* six bytes, or NULL: the port's own (net_tap: one beside it, since the
                           kernel's end has the port's) */
    bool promiscuous;   /* receive frames to any address; switched on unasked where the stack's
                           MAC is not the port's and can't be made so (see info) */
};

/*
 * Opens and configures a port with every offload it has. *device is owned by the caller; not
 * started. 0; TPA_ENOENT (no such port), TPA_EBUSY (open already), TPA_EINVAL, TPA_ENOMEM, TPA_EIO;
 * then `reason` says in one line what failed and what to do.
 */
int tpa_netdev_ethdev_open(const struct tpa_netdev_ethdev_config *config,
                           struct tpa_netdev **device, char reason[TPA_NETDEV_REASON_SIZE]);

/* Ports that DPDK has found: count, and the name of the n-th (NULL past the last; valid while the
 * port exists). */
uint16_t tpa_netdev_ethdev_count(void);
const char *tpa_netdev_ethdev_name(uint16_t index);

/*
 * The data_size that a pool must have at least for the port to receive into it frames of an MTU of
 * `mtu` (0 = 1500): a whole frame where the port can't spread it over buffers, and what its driver
 * insists on beyond that. 0: no such port.
 */
uint32_t tpa_netdev_ethdev_buffer_size(const char *name, uint16_t mtu);

TPA_BASE_DECLARATIONS_END

#endif
