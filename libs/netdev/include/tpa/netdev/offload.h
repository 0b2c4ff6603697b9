/* Software for what a port lacks: checksums, TCP segmentation, chains, VLAN tags. */
#ifndef TPA_NETDEV_OFFLOAD_H
#define TPA_NETDEV_OFFLOAD_H

#include <tpa/netdev/netdev.h>

/*
 * A device with the full set of transmit capabilities over `lower`. Where `lower` has them all, returns `lower` itself. NULL when
 * memory is exhausted. `pool`: headers of segments (payload is shared, not copied, where the port takes chains).
 * A super-frame whose pieces do not fit into the port's queue at once is held here (bounded: one super-frame per queue) and counts as accepted; tx_flush moves it on.
 */
struct tpa_netdev *tpa_netdev_offload_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool);

/*
 * The segmenter alone: splits a packet that asks for RTE_MBUF_F_TX_TCP_SEG into what TSO would send (sequence numbers, IPv4 identification, FIN and PSH
 * on the last, CWR on the first piece, lengths), checksums requested or computed as the flags say. Consumes `packet` on success. Returns pieces; TPA_ENOMEM (nothing consumed), TPA_EMALFORMED.
 */
int tpa_netdev_segment(struct rte_mbuf *packet, struct tpa_mem_pool *pool, struct rte_mbuf **pieces,
                       unsigned int pieces_max, bool copy_payload);

/* Computes in place the checksums that a packet's flags ask for and clears those flags. 0; TPA_EMALFORMED. */
int tpa_netdev_checksum(struct rte_mbuf *packet);

#endif
