/* What ports do for us: verdicts on received checksums, requests for sent ones. */
#ifndef TPA_IP_OFFLOAD_H
#define TPA_IP_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/mem/packet.h>

enum tpa_ip_checksum_verdict {
    TPA_IP_CHECKSUM_UNKNOWN, /* compute it */
    TPA_IP_CHECKSUM_BAD,
    TPA_IP_CHECKSUM_GOOD, /* or the bytes are known to be good, whatever the field says */
};

static inline enum tpa_ip_checksum_verdict tpa_ip_rx_ipv4_checksum(const struct rte_mbuf *packet)
{
    switch (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) {
    case RTE_MBUF_F_RX_IP_CKSUM_BAD:
        return TPA_IP_CHECKSUM_BAD;
    case RTE_MBUF_F_RX_IP_CKSUM_GOOD:
    case RTE_MBUF_F_RX_IP_CKSUM_NONE:
        return TPA_IP_CHECKSUM_GOOD;
    default:
        return TPA_IP_CHECKSUM_UNKNOWN;
    }
}

static inline enum tpa_ip_checksum_verdict tpa_ip_rx_transport_checksum(
    const struct rte_mbuf *packet)
{
    switch (packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_BAD:
        return TPA_IP_CHECKSUM_BAD;
    case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
    case RTE_MBUF_F_RX_L4_CKSUM_NONE:
        return TPA_IP_CHECKSUM_GOOD;
    default:
        return TPA_IP_CHECKSUM_UNKNOWN;
    }
}

/* Was an 802.1Q tag stripped by the port? */
static inline bool tpa_ip_rx_vlan_stripped(const struct rte_mbuf *packet, uint16_t *tag)
{
    *tag = packet->vlan_tci;
    return (packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
}

/* The request of a super-frame, and the largest transport header and data that it becomes. */
static inline bool tpa_ip_tx_is_segmented(const struct rte_mbuf *packet)
{
    return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
}

static inline uint32_t tpa_ip_tx_segment_length(const struct rte_mbuf *packet)
{
    return (uint32_t)packet->l4_len + packet->tso_segsz;
}

static inline void tpa_ip_tx_request(struct rte_mbuf *packet, bool ipv4, bool tcp,
                                     uint8_t link_length, uint8_t network_length)
{
    packet->l2_len = link_length;
    packet->l3_len = network_length;
    packet->ol_flags |= ipv4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6;
    if (tcp)
        packet->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
}

/* Where the IP and the transport header of a frame of ours are. */
static inline uint32_t tpa_ip_tx_network(const struct rte_mbuf *packet)
{
    return packet->l2_len;
}

static inline uint32_t tpa_ip_tx_transport(const struct rte_mbuf *packet)
{
    return (uint32_t)packet->l2_len + packet->l3_len;
}

/* A packet for ourselves: nothing to ask a port for, nothing to be checked. */
static inline void tpa_ip_mark_loopback(struct rte_mbuf *packet)
{
    packet->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    packet->tx_offload = 0;
}

#endif
