/*
 * Extension headers: bounded in number and in options. Hop-by-hop options stand first or not at
 * all; what asks for a complaint gets one.
 */
#include "ipv6.h"

#include "fragment.h"
#include "icmp.h"
#include "state.h"

/* The two highest bits of an option's type: what to do if it is unknown (RFC 8200 section 4.2). */
enum {
    ACTION_SKIP = 0,
    ACTION_DISCARD = 1
};

#define EXTENSION_UNIT 8

static void parameter_problem(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                              uint8_t code, uint32_t pointer)
{
    tpa_ip_icmp_error(worker, datagram, TPA_IP_ICMPV6_PARAMETER_PROBLEM, code, pointer);
}

/* The extension header's offset from the IP header, as pointers in complaints count. */
static uint32_t offset_of(const struct tpa_ip_datagram *datagram)
{
    return datagram->transport - datagram->network;
}

static void advance(struct tpa_ip_datagram *datagram, uint8_t next_header, uint32_t length)
{
    datagram->protocol_at = (uint16_t)offset_of(datagram);
    datagram->protocol = next_header;
    datagram->transport += length;
    datagram->length -= length;
}

/* Reads the extension header at hand, of a length in units of 8 bytes; a failed cursor if it isn't
 * whole. */
static struct tpa_base_cursor extension_cursor(const struct tpa_ip_datagram *datagram,
                                               uint8_t buffer[TPA_IP_IPV6_EXTENSION_MAX])
{
    struct tpa_base_cursor cursor = {.failed = true};
    const uint8_t *bytes;
    uint32_t length;

    if (datagram->length < EXTENSION_UNIT)
        return cursor;
    bytes = tpa_mem_packet_read(datagram->packet, datagram->transport, EXTENSION_UNIT, buffer);
    length = (bytes[1] + 1u) * EXTENSION_UNIT;
    if (datagram->length < length)
        return cursor;
    bytes = tpa_mem_packet_read(datagram->packet, datagram->transport, length, buffer);
    return tpa_base_cursor_make(bytes, length);
}

static int unknown_option(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                          uint8_t type, uint32_t at)
{
    if (type >> 6 == ACTION_SKIP)
        return TPA_IP_CONTINUE;
    if (type >> 6 != ACTION_DISCARD)
        parameter_problem(worker, datagram, TPA_IP_ICMPV6_CODE_OPTION, offset_of(datagram) + at);
    return TPA_BASE_DROP_IPV6_EXTENSION_OPTION;
}

/* Hop-by-hop and destination options: none means anything to us. */
static int options_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram,
                         enum tpa_base_drop malformed)
{
    uint8_t buffer[TPA_IP_IPV6_EXTENSION_MAX];
    struct tpa_base_cursor cursor = extension_cursor(datagram, buffer);
    const uint8_t *start = cursor.position;
    uint32_t length = (uint32_t)tpa_base_cursor_remaining(&cursor);
    uint8_t next_header = tpa_base_cursor_u8(&cursor);
    unsigned int count = 0;

    tpa_base_cursor_skip(&cursor, 1);
    if (!tpa_base_cursor_ok(&cursor))
        return TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED;
    while (tpa_base_cursor_remaining(&cursor) > 0) {
        uint32_t at = (uint32_t)(cursor.position - start);
        uint8_t type = tpa_base_cursor_u8(&cursor);
        int verdict;

        if (++count > TPA_IP_IPV6_OPTIONS_MAX)
            return TPA_BASE_DROP_IPV6_OPTION_COUNT;
        if (type == TPA_IP_IPV6_OPTION_PAD1)
            continue;
        tpa_base_cursor_skip(&cursor, tpa_base_cursor_u8(&cursor));
        if (!tpa_base_cursor_ok(&cursor))
            return malformed;
        verdict = unknown_option(worker, datagram, type, at);
        if (verdict != TPA_IP_CONTINUE)
            return verdict;
    }
    advance(datagram, next_header, length);
    return TPA_IP_CONTINUE;
}

/* A host that routes for nobody: with segments left it refuses, of type 0 too (RFC 5095). */
static int routing_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[TPA_IP_IPV6_EXTENSION_MAX];
    struct tpa_base_cursor cursor = extension_cursor(datagram, buffer);
    uint32_t length = (uint32_t)tpa_base_cursor_remaining(&cursor);
    uint8_t next_header = tpa_base_cursor_u8(&cursor);
    uint8_t type, segments_left;

    tpa_base_cursor_skip(&cursor, 1);
    type = tpa_base_cursor_u8(&cursor);
    segments_left = tpa_base_cursor_u8(&cursor);
    if (!tpa_base_cursor_ok(&cursor))
        return TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED;
    if (segments_left != 0) {
        parameter_problem(worker, datagram, TPA_IP_ICMPV6_CODE_FIELD, offset_of(datagram) + 2);
        return type == 0 ? TPA_BASE_DROP_IPV6_ROUTING_TYPE_0 : TPA_BASE_DROP_IPV6_ROUTING;
    }
    advance(datagram, next_header, length);
    return TPA_IP_CONTINUE;
}

static int fragment_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    uint8_t buffer[TPA_IP_IPV6_FRAGMENT_LENGTH];
    struct tpa_ip_fragment fragment;
    struct tpa_base_cursor cursor;
    uint16_t field, named_at = datagram->protocol_at;
    uint8_t next_header;

    if (datagram->length < TPA_IP_IPV6_FRAGMENT_LENGTH)
        return TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED;
    if (datagram->reassembled)
        return TPA_BASE_DROP_IPV6_EXTENSION_ORDER;
    cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport, sizeof(buffer), buffer),
        sizeof(buffer));
    next_header = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 1);
    field = tpa_base_cursor_be16(&cursor);
    fragment.identification = tpa_base_cursor_be32(&cursor);
    fragment.offset = field & ~(uint32_t)(TPA_IP_FRAGMENT_UNIT - 1);
    fragment.more = field & 1;

    advance(datagram, next_header, TPA_IP_IPV6_FRAGMENT_LENGTH);
    if (fragment.offset == 0 && !fragment.more)
        return TPA_IP_CONTINUE; /* the whole datagram (RFC 6946) */
    datagram->protocol_at = named_at;
    return tpa_ip_fragment_input(worker, datagram, &fragment);
}

static int one_extension(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram, bool first)
{
    switch (datagram->protocol) {
    case TPA_IP_PROTOCOL_HOP_BY_HOP:
        if (!first) {
            parameter_problem(worker, datagram, TPA_IP_ICMPV6_CODE_NEXT_HEADER,
                              datagram->protocol_at);
            return TPA_BASE_DROP_IPV6_EXTENSION_ORDER;
        }
        return options_input(worker, datagram, TPA_BASE_DROP_IPV6_HOP_BY_HOP);
    case TPA_IP_PROTOCOL_DESTINATION_OPTIONS:
        return options_input(worker, datagram, TPA_BASE_DROP_IPV6_DESTINATION_OPTIONS);
    case TPA_IP_PROTOCOL_ROUTING:
        return routing_input(worker, datagram);
    default:
        return fragment_input(worker, datagram);
    }
}

static bool is_extension(uint8_t protocol)
{
    return protocol == TPA_IP_PROTOCOL_HOP_BY_HOP ||
           protocol == TPA_IP_PROTOCOL_DESTINATION_OPTIONS || protocol == TPA_IP_PROTOCOL_ROUTING ||
           protocol == TPA_IP_PROTOCOL_FRAGMENT;
}

int tpa_ip_ipv6_extensions(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    for (unsigned int count = 0; is_extension(datagram->protocol); count++) {
        int verdict;

        if (count == worker->stack->limits.extension_headers)
            return TPA_BASE_DROP_IPV6_EXTENSION_COUNT;
        verdict = one_extension(worker, datagram, count == 0);
        if (verdict != TPA_IP_CONTINUE)
            return verdict;
    }
    if (datagram->protocol == TPA_IP_PROTOCOL_NONE)
        return TPA_BASE_DROP_IPV6_NO_NEXT_HEADER;
    return tpa_ip_transport_input(worker, datagram);
}

uint8_t tpa_ip_ipv6_skip_extensions(struct tpa_base_cursor *cursor, uint8_t protocol,
                                    unsigned int max)
{
    for (unsigned int count = 0; count < max && is_extension(protocol); count++) {
        bool fragment = protocol == TPA_IP_PROTOCOL_FRAGMENT;
        size_t units;

        protocol = tpa_base_cursor_u8(cursor);
        units = tpa_base_cursor_u8(cursor);
        if (fragment)
            units = 0; /* that byte is reserved in a fragment header */
        tpa_base_cursor_skip(cursor, (units + 1) * EXTENSION_UNIT - 2);
    }
    return protocol;
}
