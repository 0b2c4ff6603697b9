/* VLAN tags (IEEE 802.1Q) in software. */
#include "vlan.h"

#include <tpa/base/byteorder.h>
#include <tpa/netdev/netdev.h>

enum {
    ADDRESSES = 12,
    TYPE_VLAN = 0x8100
};

int tpa_netdev_vlan_insert(struct rte_mbuf *packet)
{
    uint8_t *frame;

    if (packet->data_len < TPA_NETDEV_ETHERNET_HEADER)
        return TPA_EMALFORMED;
    frame = tpa_mem_packet_prepend(packet, TPA_NETDEV_VLAN_TAG);
    if (frame == NULL)
        return TPA_EMALFORMED;
    memmove(frame, frame + TPA_NETDEV_VLAN_TAG, ADDRESSES);
    tpa_base_store_be16(frame + ADDRESSES, TYPE_VLAN);
    tpa_base_store_be16(frame + ADDRESSES + 2, packet->vlan_tci);
    packet->ol_flags &= ~RTE_MBUF_F_TX_VLAN;
    if (packet->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6))
        packet->l2_len += TPA_NETDEV_VLAN_TAG;
    return 0;
}

void tpa_netdev_vlan_strip(struct rte_mbuf *packet)
{
    uint8_t *frame = rte_pktmbuf_mtod(packet, uint8_t *);

    if (packet->data_len < TPA_NETDEV_ETHERNET_HEADER + TPA_NETDEV_VLAN_TAG ||
        tpa_base_load_be16(frame + ADDRESSES) != TYPE_VLAN)
        return;
    packet->vlan_tci = tpa_base_load_be16(frame + ADDRESSES + 2);
    packet->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    memmove(frame + TPA_NETDEV_VLAN_TAG, frame, ADDRESSES);
    tpa_mem_packet_trim_front(packet, TPA_NETDEV_VLAN_TAG);
}
