/* What follows the IP headers: TCP is delivered, ICMP is dealt with, all else is refused. */
#include "datagram.h"
#include "icmp.h"
#include "offload.h"
#include "state.h"

static int tcp_input(struct tpa_ip_datagram *datagram)
{
    struct rte_mbuf *packet = datagram->packet;
    enum tpa_ip_checksum_verdict verdict =
        datagram->reassembled ? TPA_IP_CHECKSUM_UNKNOWN : tpa_ip_rx_transport_checksum(packet);

    if (TPA_BASE_UNLIKELY(datagram->group))
        return TPA_BASE_DROP_TCP_ADDRESS;
    if (TPA_BASE_UNLIKELY(datagram->length < TPA_IP_TCP_LENGTH))
        return TPA_BASE_DROP_TCP_TRUNCATED;
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CHECKSUM_GOOD) &&
        (verdict == TPA_IP_CHECKSUM_BAD || !tpa_ip_checksum_holds(datagram, true)))
        return TPA_BASE_DROP_TCP_CHECKSUM;

    datagram->received->header_length = (uint16_t)(datagram->transport - datagram->network);
    if (TPA_BASE_UNLIKELY(tpa_mem_packet_length(packet) != datagram->transport + datagram->length))
        tpa_mem_packet_truncate(packet, datagram->transport + datagram->length);
    tpa_mem_packet_trim_front(packet, datagram->transport);
    if (TPA_BASE_UNLIKELY(tpa_mem_packet_segment_length(packet) < TPA_IP_CONTIGUOUS) &&
        !tpa_ip_pull_up(packet, TPA_IP_CONTIGUOUS))
        return TPA_BASE_DROP_INTERNAL;
    return TPA_IP_DELIVER;
}

/* A UDP checksum of 0 says, over IPv4 only, that there is none (RFC 768, RFC 8200 section 8.1). */
static bool udp_checksum_holds(const struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[2];
    const void *field =
        tpa_mem_packet_read(datagram->packet, datagram->transport + 6, sizeof(buffer), buffer);

    if (tpa_base_load16(field) == 0)
        return datagram->ipv4;
    return tpa_ip_checksum_holds(datagram, true);
}

/* Nobody listens to UDP here: that is what the sender is told. */
static int udp_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[2];
    const void *field;
    uint16_t udp_length;

    if (datagram->length < TPA_IP_UDP_LENGTH)
        return TPA_BASE_DROP_UDP_MALFORMED;
    field = tpa_mem_packet_read(datagram->packet, datagram->transport + 4, sizeof(buffer), buffer);
    udp_length = tpa_base_load_be16(field);
    if (udp_length < TPA_IP_UDP_LENGTH || udp_length > datagram->length)
        return TPA_BASE_DROP_UDP_MALFORMED;
    datagram->length = udp_length;
    if (!udp_checksum_holds(datagram))
        return TPA_BASE_DROP_UDP_CHECKSUM;
    if (datagram->ipv4)
        tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMP_UNREACHABLE, TPA_IP_ICMP_CODE_PORT, 0);
    else
        tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMPV6_UNREACHABLE, TPA_IP_ICMPV6_CODE_PORT, 0);
    return TPA_BASE_DROP_UDP_PORT_UNREACHABLE;
}

static int refuse_protocol(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    if (datagram->ipv4) {
        tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMP_UNREACHABLE, TPA_IP_ICMP_CODE_PROTOCOL, 0);
        return TPA_BASE_DROP_IPV4_NO_PROTOCOL;
    }
    tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMPV6_PARAMETER_PROBLEM,
                      TPA_IP_ICMPV6_CODE_NEXT_HEADER, datagram->protocol_at);
    return TPA_BASE_DROP_IPV6_NO_PROTOCOL;
}

int tpa_ip_transport_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    if (TPA_BASE_LIKELY(datagram->protocol == TPA_IP_PROTOCOL_TCP))
        return tcp_input(datagram);
    if (datagram->protocol == TPA_IP_PROTOCOL_ICMP && datagram->ipv4)
        return tpa_ip_icmp_input(worker, datagram);
    if (datagram->protocol == TPA_IP_PROTOCOL_ICMPV6 && !datagram->ipv4)
        return tpa_ip_icmpv6_input(worker, datagram);
    if (datagram->group)
        return datagram->ipv4 ? TPA_BASE_DROP_IPV4_MULTICAST : TPA_BASE_DROP_IPV6_MULTICAST;
    if (datagram->protocol == TPA_IP_PROTOCOL_UDP)
        return udp_input(worker, datagram);
    return refuse_protocol(worker, datagram);
}
