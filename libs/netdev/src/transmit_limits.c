/* What a device takes, from what it says about itself. */
#include "transmit_limits.h"

#include "layer.h"

/* RTE_MBUF_F_TX_L4_MASK as a number, see tpa_netdev_transport_request(). */
enum {
    REQUEST_NONE = 0,
    REQUEST_TCP = 1,
    REQUEST_UDP = RTE_MBUF_F_TX_UDP_CKSUM / RTE_MBUF_F_TX_TCP_CKSUM,
};

static uint8_t transports_taken(uint32_t capabilities)
{
    uint8_t taken = 1 << REQUEST_NONE;

    if (capabilities & TPA_NETDEV_TX_TCP_CHECKSUM)
        taken |= 1 << REQUEST_TCP;
    if (capabilities & TPA_NETDEV_TX_UDP_CHECKSUM)
        taken |= 1 << REQUEST_UDP;
    return taken;
}

static uint64_t flags_refused(uint32_t capabilities)
{
    uint64_t refused = 0;

    if (!(capabilities & TPA_NETDEV_TX_IPV4_CHECKSUM))
        refused |= RTE_MBUF_F_TX_IP_CKSUM;
    if (!(capabilities & TPA_NETDEV_TX_TCP_SEGMENTATION))
        refused |= RTE_MBUF_F_TX_TCP_SEG;
    if (!(capabilities & TPA_NETDEV_TX_VLAN))
        refused |= RTE_MBUF_F_TX_VLAN;
    return refused;
}

void tpa_netdev_limits_set(struct tpa_netdev_limits *limits, const struct tpa_netdev_info *info)
{
    limits->frame_max = tpa_netdev_frame_max(info->mtu);
    limits->tso_length_max = info->tso_length_max;
    limits->segment_count_max = info->segment_count_max;
    limits->tso_segment_count_max = info->tso_segment_count_max;
    limits->transports = transports_taken(info->capabilities);
    limits->refused_flags = flags_refused(info->capabilities);
}
