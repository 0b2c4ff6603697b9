/* RSS as the in-process loop does it. */
#ifndef TPA_NETDEV_LOOP_SPREAD_H
#define TPA_NETDEV_LOOP_SPREAD_H

#include <stdint.h>

#include <tpa/netdev/netdev.h>

#define TPA_NETDEV_LOOP_RETA 128

void tpa_netdev_loop_steering(uint16_t queue_count, struct tpa_netdev_steering *steering);

/*
 * The Toeplitz hash of a frame: of addresses and ports where it is TCP or UDP and no fragment, of
 * addresses where it is other IP, 0 for all else.
 */
uint32_t tpa_netdev_loop_hash(const struct rte_mbuf *packet);

#endif
