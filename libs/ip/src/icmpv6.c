/* ICMPv6 reception (RFC 4443). */
#include <tpa/base/cursor.h>

#include "icmp.h"
#include "mld.h"
#include "state.h"

struct icmpv6 {
    uint8_t type;
    uint8_t code;
    uint32_t parameter; /* the header's second word */
};

static bool icmpv6_read(const struct tpa_ip_datagram *datagram, struct icmpv6 *icmp)
{
    uint8_t buffer[TPA_IP_ICMP_LENGTH];
    struct tpa_base_cursor cursor;

    if (datagram->length < TPA_IP_ICMP_LENGTH)
        return false;
    cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport, sizeof(buffer), buffer),
        sizeof(buffer));
    icmp->type = tpa_base_cursor_u8(&cursor);
    icmp->code = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 2);
    icmp->parameter = tpa_base_cursor_be32(&cursor);
    return tpa_base_cursor_ok(&cursor);
}

static struct tpa_ip_error error_of(const struct icmpv6 *icmp)
{
    struct tpa_ip_error error = {.kind = TPA_IP_ERROR_UNREACHABLE_SOFT};
    bool refused =
        icmp->type == TPA_IP_ICMPV6_UNREACHABLE &&
        (icmp->code == TPA_IP_ICMPV6_CODE_PROHIBITED || icmp->code == TPA_IP_ICMPV6_CODE_PORT ||
         icmp->code == TPA_IP_ICMPV6_CODE_POLICY || icmp->code == TPA_IP_ICMPV6_CODE_REJECT_ROUTE);
    bool no_tcp = icmp->type == TPA_IP_ICMPV6_PARAMETER_PROBLEM &&
                  icmp->code == TPA_IP_ICMPV6_CODE_NEXT_HEADER;

    if (refused || no_tcp)
        error.kind = TPA_IP_ERROR_UNREACHABLE_HARD;
    if (icmp->type == TPA_IP_ICMPV6_PACKET_TOO_BIG) {
        error.kind = TPA_IP_ERROR_PACKET_TOO_BIG;
        error.mtu = (uint16_t)TPA_BASE_MIN(icmp->parameter, (uint32_t)TPA_IP_DATAGRAM_MAX);
    }
    return error;
}

/* What only hosts with an address send, and only to one. */
static int unicast_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                         const struct icmpv6 *icmp)
{
    struct tpa_ip_error error;

    if (tpa_base_address_is_unspecified(&datagram->received->source))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    if (datagram->group)
        return TPA_BASE_DROP_ICMP_BROADCAST;
    switch (icmp->type) {
    case TPA_IP_ICMPV6_ECHO_REQUEST:
        return tpa_ip_echo_reply(worker, datagram, TPA_IP_ICMPV6_ECHO_REPLY);
    case TPA_IP_ICMPV6_UNREACHABLE:
    case TPA_IP_ICMPV6_PACKET_TOO_BIG:
    case TPA_IP_ICMPV6_TIME_EXCEEDED:
    case TPA_IP_ICMPV6_PARAMETER_PROBLEM:
        error = error_of(icmp);
        return tpa_ip_icmp_quote(worker, datagram, &error);
    default:
        return TPA_BASE_DROP_ICMP_UNWANTED; /* router advertisements and redirects among them */
    }
}

int tpa_ip_icmpv6_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    struct icmpv6 icmp;

    if (!icmpv6_read(datagram, &icmp))
        return TPA_BASE_DROP_ICMP_TRUNCATED;
    if (!tpa_ip_checksum_holds(datagram, true))
        return TPA_BASE_DROP_ICMP_CHECKSUM;
    switch (icmp.type) {
    case TPA_IP_ICMPV6_NEIGHBOUR_SOLICITATION:
    case TPA_IP_ICMPV6_NEIGHBOUR_ADVERTISEMENT:
        return tpa_ip_nd_input(worker, datagram, icmp.type);
    case TPA_IP_ICMPV6_MLD_QUERY:
        return tpa_ip_mld_query(worker, datagram);
    default:
        return unicast_input(worker, datagram, &icmp);
    }
}
