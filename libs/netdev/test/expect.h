/* What Criterion tests of this crate assert. */
#ifndef TPA_NETDEV_TEST_EXPECT_H
#define TPA_NETDEV_TEST_EXPECT_H

#include "frames.h"

/* Fails the test unless the packet has exactly the frame's bytes. */
void expect_packet_is(const struct rte_mbuf *packet, const struct frame *frame, const char *what);

/* Fails the test unless the chain's counts agree with its segments. */
void expect_packet_sound(const struct rte_mbuf *packet);

/* The count of one drop reason, in all layers of a device. */
uint64_t device_drops(struct tpa_netdev *device, enum tpa_base_drop reason);

#endif
