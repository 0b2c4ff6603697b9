/*
 * The device of tests: the test puts in what the stack is to receive and takes out what it sent;
 * capabilities, queue limits, link (tpa_netdev_set_link) and failures are the test's to set while
 * it runs.
 *
 * It is strict: a packet that asks for what the mock has no capability for is not sent, but freed
 * and counted (TPA_BASE_DROP_NETDEV_TX_REFUSED), as are packets longer than the MTU
 * (..._OVERSIZE) and of too many segments (..._SEGMENT_LIMIT).
 */
#ifndef TPA_NETDEV_MOCK_H
#define TPA_NETDEV_MOCK_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_MOCK_TX_LIMIT_DEFAULT 4096

struct tpa_netdev_mock_config {
    uint16_t queue_count; /* 0 = 1 */
    uint16_t mtu;         /* 0 = 1500 */
    uint32_t capabilities;
    uint8_t mac[6];
    uint32_t tx_limit;              /* packets a transmit queue holds before it is full; 0 =
                                       TPA_NETDEV_MOCK_TX_LIMIT_DEFAULT */
    uint16_t segment_count_max;     /* 0 = 64; 1 without TPA_NETDEV_TX_CHAINS */
    uint16_t tso_segment_count_max; /* 0 = 64 */
    uint32_t tso_length_max;        /* 0 = TPA_NETDEV_TSO_LENGTH_MAX */
};

/* Link up, not started. 0; TPA_EINVAL (more than TPA_NETDEV_QUEUES_MAX queues), TPA_ENOMEM. */
int tpa_netdev_mock_create(const struct tpa_netdev_mock_config *config, struct tpa_netdev **device);

/* Gives a packet to be received at `queue`; the mock owns it. Its flags are received as they are.
 */
void tpa_netdev_mock_inject(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf *packet);
/* The oldest packet sent on `queue`, now the caller's; NULL when there is none. */
struct rte_mbuf *tpa_netdev_mock_take(struct tpa_netdev *device, uint16_t queue);
/* Packets sent on `queue` and not yet taken. */
uint32_t tpa_netdev_mock_pending(struct tpa_netdev *device, uint16_t queue);
/* 0 is a queue that is full. */
void tpa_netdev_mock_set_tx_limit(struct tpa_netdev *device, uint32_t limit);
void tpa_netdev_mock_set_capabilities(struct tpa_netdev *device, uint32_t capabilities);
/* The port vanishes: bursts return 0, calls fail with TPA_EIO, link says gone. */
void tpa_netdev_mock_vanish(struct tpa_netdev *device);

TPA_BASE_DECLARATIONS_END

#endif
