/*
 * The device of tests: the test puts in what the stack is to receive and takes out what it sent; capabilities, queue limits, link
 * and failures are the test's to set while it runs.
 */
#ifndef TPA_NETDEV_MOCK_H
#define TPA_NETDEV_MOCK_H

#include <tpa/netdev/netdev.h>

struct tpa_netdev_mock_config {
    uint16_t queue_count; /* 0 = 1 */
    uint16_t mtu;         /* 0 = 1500 */
    uint32_t capabilities;
    uint8_t mac[6];
    uint32_t tx_limit; /* packets a transmit queue holds before it is full; 0 = 4096 */
};

int tpa_netdev_mock_create(const struct tpa_netdev_mock_config *config, struct tpa_netdev **device);

/* Gives a packet to be received at `queue`; the mock owns it. */
void tpa_netdev_mock_inject(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf *packet);
/* The oldest packet sent on `queue`, now the caller's; NULL when there is none. */
struct rte_mbuf *tpa_netdev_mock_take(struct tpa_netdev *device, uint16_t queue);
uint32_t tpa_netdev_mock_pending(struct tpa_netdev *device, uint16_t queue);
void tpa_netdev_mock_set_tx_limit(struct tpa_netdev *device, uint32_t limit);
void tpa_netdev_mock_set_capabilities(struct tpa_netdev *device, uint32_t capabilities);
/* The port vanishes: bursts return 0, calls fail with TPA_EIO. */
void tpa_netdev_mock_vanish(struct tpa_netdev *device);

#endif
