/* Software for what a port lacks: checksums, TCP segmentation, chains, VLAN tags. */
#ifndef TPA_NETDEV_OFFLOAD_H
#define TPA_NETDEV_OFFLOAD_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * Pieces that one super-frame is split into at most: 64 KB at the MSS of 48 that the smallest
 * IPv4 MTU leaves (RFC 791: 68 - 20) come to 1364.
 */
#define TPA_NETDEV_PIECES_MAX 1536

/* Segments of a packet that every device takes above this layer. A port that takes fewer is
 * lacking. */
#define TPA_NETDEV_SEGMENTS_MIN 64

/*
 * A device with the full set of transmit capabilities, and of VLAN stripping, over `lower`. Where
 * `lower` has them all, returns `lower` itself. NULL when memory is exhausted. `pool`: headers of
 * pieces (payload is shared, not copied, where the port is hardware that takes chains) and copies;
 * outlives the device. Checksums of received packets are left to `ip` (see netdev.h).
 *
 * A super-frame whose pieces do not fit into the port's queue at once is held here (bounded: one
 * super-frame per queue) and counts as accepted; tx_flush moves it on. While it is held, nothing
 * more is accepted on that queue. A packet for which `pool` has no buffers is not accepted.
 */
struct tpa_netdev *tpa_netdev_offload_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool);

/*
 * The segmenter alone: splits a packet that asks for RTE_MBUF_F_TX_TCP_SEG into what TSO would
 * send: payload of tso_segsz bytes each, lengths, sequence numbers and IPv4 identifications counted
 * on, FIN and PSH on the last piece only, CWR on the first only. The pieces ask for IP_CKSUM (IPv4)
 * and TCP_CKSUM, and for what else the packet asked (VLAN); note and arrival are the packet's.
 * `copy_payload`: pieces are made of as few buffers as possible; else they share the packet's.
 *
 * Consumes `packet` on success. Returns the number of pieces; TPA_ENOMEM, TPA_ENOSPC (more than
 * pieces_max), TPA_EMALFORMED (the request), and then nothing is consumed.
 */
int tpa_netdev_segment(struct rte_mbuf *packet, struct tpa_mem_pool *pool, struct rte_mbuf **pieces,
                       unsigned int pieces_max, bool copy_payload);

/*
 * Computes in place the checksums that a packet's flags ask for and clears those flags (IPV4 and
 * IPV6, which say what the packet is, stay). Not for TCP_SEG. 0; TPA_EMALFORMED: nothing was
 * changed.
 */
int tpa_netdev_checksum(struct rte_mbuf *packet);

TPA_BASE_DECLARATIONS_END

#endif
