/* ICMP reception (RFC 792, RFC 1122 section 3.2.2). */
#include "icmp.h"

#include <tpa/base/cursor.h>

#include "state.h"

struct icmp {
    uint8_t type;
    uint8_t code;
    uint16_t mtu; /* of "fragmentation needed" (RFC 1191 section 4) */
};

static bool icmp_read(const struct tpa_ip_datagram *datagram, struct icmp *icmp)
{
    uint8_t buffer[TPA_IP_ICMP_LENGTH];
    struct tpa_base_cursor cursor;
    const void *bytes;

    if (datagram->length < TPA_IP_ICMP_LENGTH)
        return false;
    bytes = tpa_mem_packet_read(datagram->packet, datagram->transport, sizeof(buffer), buffer);
    cursor = tpa_base_cursor_make(bytes, sizeof(buffer));
    icmp->type = tpa_base_cursor_u8(&cursor);
    icmp->code = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 4);
    icmp->mtu = tpa_base_cursor_be16(&cursor);
    return tpa_base_cursor_ok(&cursor);
}

static uint8_t unreachable_kind(uint8_t code)
{
    switch (code) {
    case TPA_IP_ICMP_CODE_FRAGMENTATION_NEEDED:
        return TPA_IP_ERROR_PACKET_TOO_BIG;
    case TPA_IP_ICMP_CODE_PROTOCOL:
    case TPA_IP_ICMP_CODE_PORT:
    case TPA_IP_ICMP_CODE_NET_PROHIBITED:
    case TPA_IP_ICMP_CODE_HOST_PROHIBITED:
    case TPA_IP_ICMP_CODE_PROHIBITED:
        return TPA_IP_ERROR_UNREACHABLE_HARD;
    default:
        return TPA_IP_ERROR_UNREACHABLE_SOFT;
    }
}

int tpa_ip_icmp_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    struct tpa_ip_error error = {.kind = TPA_IP_ERROR_UNREACHABLE_SOFT};
    struct icmp icmp;

    if (!icmp_read(datagram, &icmp))
        return TPA_BASE_DROP_ICMP_TRUNCATED;
    if (!tpa_ip_checksum_holds(datagram, false))
        return TPA_BASE_DROP_ICMP_CHECKSUM;
    if (datagram->group)
        return TPA_BASE_DROP_ICMP_BROADCAST;
    switch (icmp.type) {
    case TPA_IP_ICMP_ECHO_REQUEST:
        return tpa_ip_echo_reply(worker, datagram, TPA_IP_ICMP_ECHO_REPLY);
    case TPA_IP_ICMP_UNREACHABLE:
        error.kind = unreachable_kind(icmp.code);
        if (error.kind == TPA_IP_ERROR_PACKET_TOO_BIG)
            error.mtu = icmp.mtu;
        return tpa_ip_icmp_quote(worker, datagram, &error);
    case TPA_IP_ICMP_TIME_EXCEEDED:
    case TPA_IP_ICMP_PARAMETER_PROBLEM:
        return tpa_ip_icmp_quote(worker, datagram, &error);
    default:
        return TPA_BASE_DROP_ICMP_UNWANTED; /* source quench (MUST-55), redirects, replies */
    }
}
