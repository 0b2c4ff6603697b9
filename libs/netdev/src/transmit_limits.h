/* What a device takes, in the form in which each packet to be sent is held against it. */
#ifndef TPA_NETDEV_TRANSMIT_LIMITS_H
#define TPA_NETDEV_TRANSMIT_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/netdev/netdev.h>

struct tpa_netdev_limits {
    uint32_t frame_max;             /* bytes on the wire */
    uint32_t tso_length_max;        /* bytes of payload */
    uint16_t segment_count_max;     /* of an ordinary packet */
    uint16_t tso_segment_count_max; /* of a super-frame */
    uint8_t transports;     /* bit n: checksum request n of RTE_MBUF_F_TX_L4_MASK is taken */
    uint64_t refused_flags; /* requests that are not taken */
};

/* RTE_MBUF_F_TX_L4_MASK as a number from 0 to 3. */
static inline unsigned int tpa_netdev_transport_request(const struct rte_mbuf *packet)
{
    return (unsigned int)((packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) / RTE_MBUF_F_TX_TCP_CKSUM);
}

void tpa_netdev_limits_set(struct tpa_netdev_limits *limits, const struct tpa_netdev_info *info);

static inline bool tpa_netdev_limits_requests(const struct tpa_netdev_limits *limits,
                                              const struct rte_mbuf *packet)
{
    return !(packet->ol_flags & limits->refused_flags) &&
           limits->transports >> tpa_netdev_transport_request(packet) & 1;
}

static inline bool tpa_netdev_limits_segments(const struct tpa_netdev_limits *limits,
                                              const struct rte_mbuf *packet)
{
    if (TPA_BASE_LIKELY(packet->nb_segs <= limits->segment_count_max))
        return true;
    return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) &&
           packet->nb_segs <= limits->tso_segment_count_max;
}

static inline bool tpa_netdev_limits_length(const struct tpa_netdev_limits *limits,
                                            const struct rte_mbuf *packet)
{
    uint32_t headers;

    if (TPA_BASE_LIKELY(packet->pkt_len <= limits->frame_max))
        return true;
    headers = (uint32_t)packet->l2_len + packet->l3_len + packet->l4_len;
    return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) &&
           headers + packet->tso_segsz <= limits->frame_max &&
           packet->pkt_len - headers <= limits->tso_length_max;
}

/* NONE where the device takes the packet, else the reason why it can never be sent. */
static inline enum tpa_base_drop tpa_netdev_limits_check(const struct tpa_netdev_limits *limits,
                                                         const struct rte_mbuf *packet)
{
    if (TPA_BASE_UNLIKELY(!tpa_netdev_limits_length(limits, packet)))
        return TPA_BASE_DROP_NETDEV_OVERSIZE;
    if (TPA_BASE_UNLIKELY(!tpa_netdev_limits_segments(limits, packet)))
        return TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT;
    if (TPA_BASE_UNLIKELY(!tpa_netdev_limits_requests(limits, packet)))
        return TPA_BASE_DROP_NETDEV_TX_REFUSED;
    return TPA_BASE_DROP_NONE;
}

#endif
