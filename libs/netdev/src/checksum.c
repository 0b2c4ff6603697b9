/* Checksums of packets to be sent: computed here, or made ready for a port that computes them. */
#include <netinet/in.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>
#include <tpa/netdev/offload.h>

#include "request.h"

/* Bytes of the transport header that must lie in the first segment; negative: no such transport. */
static int transport_header_length(const struct rte_mbuf *packet)
{
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        return packet->l4_len;
    switch (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
    case RTE_MBUF_F_TX_L4_NO_CKSUM:
        return 0;
    case RTE_MBUF_F_TX_TCP_CKSUM:
        return packet->l4_len;
    case RTE_MBUF_F_TX_UDP_CKSUM:
        return TPA_NETDEV_UDP_HEADER;
    default:
        return TPA_EMALFORMED;
    }
}

static bool is_tcp(const struct rte_mbuf *packet)
{
    return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) ||
           (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
}

static bool network_header_sound(const struct rte_mbuf *packet,
                                 const struct tpa_netdev_request *request)
{
    if (request->ipv6)
        return !(packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) &&
               packet->l3_len >= TPA_NETDEV_IPV6_HEADER && request->l3[0] >> 4 == 6;
    return packet->l3_len >= TPA_NETDEV_IPV4_HEADER && packet->l3_len % 4 == 0 &&
           request->l3[0] >> 4 == 4;
}

int tpa_netdev_request_read(const struct rte_mbuf *packet, struct tpa_netdev_request *request)
{
    uint64_t family = packet->ol_flags & TPA_NETDEV_FAMILY_FLAGS;
    int transport = transport_header_length(packet);

    if (transport < 0 || packet->l2_len < TPA_NETDEV_ETHERNET_HEADER || packet->l3_len % 2 != 0)
        return TPA_EMALFORMED;
    if (family != RTE_MBUF_F_TX_IPV4 && family != RTE_MBUF_F_TX_IPV6)
        return TPA_EMALFORMED;
    if (is_tcp(packet) &&
        (transport < TPA_NETDEV_TCP_HEADER || transport > TPA_NETDEV_TCP_HEADER_MAX))
        return TPA_EMALFORMED;

    request->ipv6 = family == RTE_MBUF_F_TX_IPV6;
    request->l3_offset = (uint16_t)packet->l2_len;
    request->l4_offset = (uint16_t)(packet->l2_len + packet->l3_len);
    request->payload_offset = (uint16_t)(request->l4_offset + transport);
    if (request->payload_offset > packet->data_len ||
        packet->pkt_len - request->l3_offset > UINT16_MAX)
        return TPA_EMALFORMED;
    request->l3 = rte_pktmbuf_mtod_offset(packet, uint8_t *, request->l3_offset);
    request->l4 = rte_pktmbuf_mtod_offset(packet, uint8_t *, request->l4_offset);
    return network_header_sound(packet, request) ? 0 : TPA_EMALFORMED;
}

static uint32_t pseudo_header_sum(const struct tpa_netdev_request *request, uint8_t protocol,
                                  uint32_t length)
{
    if (request->ipv6)
        return tpa_base_checksum_pseudo_ipv6(request->l3 + TPA_NETDEV_IPV6_SOURCE,
                                             request->l3 + TPA_NETDEV_IPV6_DESTINATION, protocol,
                                             length);
    return tpa_base_checksum_pseudo_ipv4(tpa_base_load32(request->l3 + TPA_NETDEV_IPV4_SOURCE),
                                         tpa_base_load32(request->l3 + TPA_NETDEV_IPV4_DESTINATION),
                                         protocol, (uint16_t)length);
}

static uint8_t transport_protocol(const struct rte_mbuf *packet)
{
    return is_tcp(packet) ? IPPROTO_TCP : IPPROTO_UDP;
}

static uint8_t *transport_checksum_field(const struct rte_mbuf *packet,
                                         const struct tpa_netdev_request *request)
{
    return request->l4 + (is_tcp(packet) ? TPA_NETDEV_TCP_CHECKSUM : TPA_NETDEV_UDP_CHECKSUM);
}

int tpa_netdev_request_prepare(struct rte_mbuf *packet)
{
    struct tpa_netdev_request request;
    uint32_t length;

    if (tpa_netdev_request_read(packet, &request) != 0)
        return TPA_EMALFORMED;
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        packet->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | (request.ipv6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
    if (packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
        tpa_base_store16(request.l3 + TPA_NETDEV_IPV4_CHECKSUM, 0);
    if (request.payload_offset == request.l4_offset)
        return 0;
    length = packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? 0 : packet->pkt_len - request.l4_offset;
    tpa_base_store16(
        transport_checksum_field(packet, &request),
        tpa_base_checksum_fold(pseudo_header_sum(&request, transport_protocol(packet), length)));
    return 0;
}

static void network_checksum(const struct tpa_netdev_request *request)
{
    uint8_t *field = request->l3 + TPA_NETDEV_IPV4_CHECKSUM;
    size_t length = (size_t)(request->l4_offset - request->l3_offset);

    tpa_base_store16(field, 0);
    tpa_base_store16(field,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(request->l3, length, 0)));
}

static uint16_t finish_transport(const struct rte_mbuf *packet, uint32_t sum)
{
    return is_tcp(packet) ? tpa_base_checksum_finish(sum) : tpa_base_checksum_finish_udp(sum);
}

static void transport_checksum(struct rte_mbuf *packet, const struct tpa_netdev_request *request)
{
    uint8_t *field = transport_checksum_field(packet, request);
    uint32_t length = packet->pkt_len - request->l4_offset;
    uint32_t sum = pseudo_header_sum(request, transport_protocol(packet), length);

    tpa_base_store16(field, 0);
    sum = tpa_mem_packet_checksum(packet, request->l4_offset, length, sum);
    tpa_base_store16(field, finish_transport(packet, sum));
}

int tpa_netdev_checksum(struct rte_mbuf *packet)
{
    struct tpa_netdev_request request;

    if (!(packet->ol_flags & TPA_NETDEV_REQUEST_FLAGS))
        return 0;
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        return TPA_EMALFORMED;
    if (tpa_netdev_request_read(packet, &request) != 0)
        return TPA_EMALFORMED;
    if (packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
        network_checksum(&request);
    if (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK)
        transport_checksum(packet, &request);
    packet->ol_flags &= ~TPA_NETDEV_REQUEST_FLAGS;
    return 0;
}

void tpa_netdev_checksum_copy(const struct rte_mbuf *packet, uint8_t *copy)
{
    struct tpa_netdev_request request;
    bool super_frame = packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    uint32_t length;
    uint32_t sum;
    uint8_t *field;

    if (!(packet->ol_flags & TPA_NETDEV_REQUEST_FLAGS) ||
        tpa_netdev_request_read(packet, &request) != 0)
        return;
    request.l3 = copy + request.l3_offset;
    request.l4 = copy + request.l4_offset;
    if (!request.ipv6 && (super_frame || (packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)))
        network_checksum(&request);
    if (request.payload_offset == request.l4_offset)
        return;
    length = packet->pkt_len - request.l4_offset;
    field = transport_checksum_field(packet, &request);
    tpa_base_store16(field, 0);
    sum = pseudo_header_sum(&request, transport_protocol(packet), length);
    sum = tpa_base_checksum_partial(request.l4, length, sum);
    tpa_base_store16(field, finish_transport(packet, sum));
}
