/* Packets of ours that others complain about: enough is quoted to find their connection. */
#include <tpa/base/cursor.h>

#include "icmp.h"
#include "ipv6.h"
#include "state.h"

/* Quoted bytes that are looked at: IP header with what it may have behind it, and 8 of TCP. */
#define QUOTE_MAX 512

struct quote {
    uint8_t protocol;
    bool first; /* not a later fragment */
    uint16_t total_length;
};

static struct quote quote_ipv4(struct tpa_base_cursor *cursor, struct tpa_ip_error *error)
{
    uint8_t first = tpa_base_cursor_u8(cursor);
    size_t header_length = (first & 0xfu) * 4;
    struct quote quote = {0};
    uint32_t address;

    if (first >> 4 != 4 || header_length < TPA_IP_IPV4_LENGTH)
        tpa_base_cursor_fail(cursor);
    tpa_base_cursor_skip(cursor, 1);
    quote.total_length = tpa_base_cursor_be16(cursor);
    tpa_base_cursor_skip(cursor, 2);
    quote.first = (tpa_base_cursor_be16(cursor) & TPA_IP_IPV4_OFFSET_MASK) == 0;
    tpa_base_cursor_skip(cursor, 1);
    quote.protocol = tpa_base_cursor_u8(cursor);
    tpa_base_cursor_skip(cursor, 2);
    tpa_base_cursor_copy(cursor, &address, sizeof(address));
    error->source = tpa_base_address_from_ipv4(address);
    tpa_base_cursor_copy(cursor, &address, sizeof(address));
    error->destination = tpa_base_address_from_ipv4(address);
    tpa_base_cursor_skip(cursor, header_length - TPA_IP_IPV4_LENGTH);
    return quote;
}

static struct quote quote_ipv6(struct tpa_base_cursor *cursor, struct tpa_ip_error *error,
                               unsigned int extensions_max)
{
    struct quote quote = {.first = true};

    if (tpa_base_cursor_u8(cursor) >> 4 != 6)
        tpa_base_cursor_fail(cursor);
    tpa_base_cursor_skip(cursor, 5);
    quote.protocol = tpa_base_cursor_u8(cursor);
    tpa_base_cursor_skip(cursor, 1);
    tpa_base_cursor_copy(cursor, &error->source, sizeof(error->source));
    tpa_base_cursor_copy(cursor, &error->destination, sizeof(error->destination));
    quote.protocol = tpa_ip_ipv6_skip_extensions(cursor, quote.protocol, extensions_max);
    return quote;
}

/* A router that doesn't say its MTU is asked for by plateaus; floors hold in any case. */
static uint16_t believable_mtu(const struct quote *quote, uint16_t mtu, bool ipv4)
{
    if (!ipv4)
        return TPA_BASE_MAX(mtu, TPA_IP_PATH_MTU_MIN_IPV6);
    if (mtu == 0)
        mtu = tpa_ip_path_mtu_plateau(quote->total_length);
    return TPA_BASE_MAX(mtu, TPA_IP_PATH_MTU_MIN_IPV4);
}

int tpa_ip_icmp_quote(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                      struct tpa_ip_error *error)
{
    uint8_t buffer[QUOTE_MAX];
    uint32_t length = TPA_BASE_MIN(datagram->length - TPA_IP_ICMP_LENGTH, sizeof(buffer));
    struct tpa_base_cursor cursor = tpa_base_cursor_make(
        tpa_mem_packet_read(datagram->packet, datagram->transport + TPA_IP_ICMP_LENGTH, length,
                            buffer),
        length);
    struct quote quote;

    quote = datagram->ipv4 ? quote_ipv4(&cursor, error)
                           : quote_ipv6(&cursor, error, worker->stack->limits.extension_headers);
    error->source_port = tpa_base_host_to_be16(tpa_base_cursor_be16(&cursor));
    error->destination_port = tpa_base_host_to_be16(tpa_base_cursor_be16(&cursor));
    error->sequence = tpa_base_cursor_be32(&cursor);
    if (!tpa_base_cursor_ok(&cursor))
        return TPA_BASE_DROP_ICMP_MALFORMED;
    if (quote.protocol != TPA_IP_PROTOCOL_TCP || !quote.first ||
        tpa_base_address_is_ipv4(&error->source) != datagram->ipv4 ||
        tpa_ip_tables_own(datagram->tables, &error->source) == NULL)
        return TPA_BASE_DROP_ICMP_NO_MATCH;
    if (error->kind == TPA_IP_ERROR_PACKET_TOO_BIG)
        error->mtu = believable_mtu(&quote, error->mtu, datagram->ipv4);
    error->interface = datagram->received->interface;
    tpa_ip_error_push(worker, error);
    return TPA_BASE_DROP_ICMP_CONSUMED;
}
