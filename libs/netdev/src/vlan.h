/* VLAN tags (IEEE 802.1Q) in software. */
#ifndef TPA_NETDEV_VLAN_H
#define TPA_NETDEV_VLAN_H

#include <tpa/mem/packet.h>

/*
 * Puts the tag that a packet asks for (RTE_MBUF_F_TX_VLAN) between its addresses and its type and
 * takes the flag off. 0; TPA_EMALFORMED: no addresses, or no headroom; nothing was changed.
 */
int tpa_netdev_vlan_insert(struct rte_mbuf *packet);

/* Moves the tag of a received packet that has one into vlan_tci, with the flags that say so. */
void tpa_netdev_vlan_strip(struct rte_mbuf *packet);

#endif
