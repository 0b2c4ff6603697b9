/* IPv4 reception (RFC 791, RFC 1122 section 3.2.1): parsed and validated in one pass. */
#include <tpa/base/checksum.h>
#include <tpa/base/cursor.h>

#include "datagram.h"
#include "fragment.h"
#include "offload.h"
#include "state.h"

/* The protocol field's place in the header. */
#define PROTOCOL_AT 9

/* Options are skipped, which MUST-50 of RFC 9293 allows; but not without end, and no source route:
 * it would have us talk to whom the packet doesn't come from. */
static int check_options(const uint8_t *bytes, size_t length)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, length);

    while (tpa_base_cursor_remaining(&cursor) > 0) {
        uint8_t kind = tpa_base_cursor_u8(&cursor);
        uint8_t option_length;

        if (kind == TPA_IP_IPV4_OPTION_END)
            return TPA_IP_CONTINUE;
        if (kind == TPA_IP_IPV4_OPTION_NOP)
            continue;
        option_length = tpa_base_cursor_u8(&cursor);
        if (option_length < 2)
            return TPA_BASE_DROP_IPV4_OPTIONS;
        tpa_base_cursor_skip(&cursor, option_length - 2);
        if (!tpa_base_cursor_ok(&cursor))
            return TPA_BASE_DROP_IPV4_OPTIONS;
        if (kind == TPA_IP_IPV4_OPTION_LSRR || kind == TPA_IP_IPV4_OPTION_SSRR)
            return TPA_BASE_DROP_IPV4_SOURCE_ROUTE;
    }
    return TPA_IP_CONTINUE;
}

static int check_checksum(const struct tpa_ip_datagram *datagram, const uint8_t *header,
                          uint32_t header_length)
{
    enum tpa_ip_checksum_verdict verdict = tpa_ip_rx_ipv4_checksum(datagram->packet);

    if (TPA_BASE_LIKELY(verdict == TPA_IP_CHECKSUM_GOOD))
        return TPA_IP_CONTINUE;
    if (verdict == TPA_IP_CHECKSUM_BAD ||
        tpa_base_checksum_finish(tpa_base_checksum_partial(header, header_length, 0)) != 0)
        return TPA_BASE_DROP_IPV4_CHECKSUM;
    return TPA_IP_CONTINUE;
}

/* 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4 and 240.0.0.0/4 (RFC 1122 section 3.2.1.3). */
static bool is_martian(uint32_t ipv4_be)
{
    uint8_t first = (uint8_t)(tpa_base_be32_to_host(ipv4_be) >> 24);

    return first == 0 || first == 127 || first >= 224;
}

static int check_source(const struct tpa_ip_datagram *datagram)
{
    const struct tpa_ip_received *received = datagram->received;
    uint32_t source = tpa_base_address_ipv4(&received->source);
    bool own = tpa_ip_tables_own(datagram->tables, &received->source) != NULL;

    if (TPA_BASE_UNLIKELY(own != tpa_ip_is_loopback(datagram)))
        return TPA_BASE_DROP_IPV4_SOURCE_MARTIAN;
    if (own)
        return TPA_IP_CONTINUE;
    if (TPA_BASE_UNLIKELY(is_martian(source)) ||
        tpa_ip_tables_is_subnet_broadcast(
            datagram->tables, &datagram->tables->interfaces[received->interface], source))
        return TPA_BASE_DROP_IPV4_SOURCE_MARTIAN;
    return TPA_IP_CONTINUE;
}

static int check_destination(struct tpa_ip_datagram *datagram)
{
    const struct tpa_base_address *destination = &datagram->received->destination;
    uint32_t ipv4 = tpa_base_address_ipv4(destination);

    if (TPA_BASE_LIKELY(tpa_ip_tables_own(datagram->tables, destination) != NULL))
        return TPA_IP_CONTINUE;
    if (tpa_base_address_is_broadcast(destination) || tpa_base_address_is_multicast(destination) ||
        tpa_ip_tables_is_broadcast(datagram->tables, ipv4)) {
        datagram->group = true;
        return TPA_IP_CONTINUE;
    }
    return TPA_BASE_DROP_IPV4_NOT_FOR_US;
}

/* The fixed part of the header; numbers in host order, addresses as they lie. */
struct ipv4_header {
    uint8_t version;
    uint8_t length; /* bytes, options included */
    uint8_t traffic_class;
    uint8_t ttl;
    uint8_t protocol;
    uint16_t total_length;
    uint16_t identification;
    uint16_t fragment_field;
    uint32_t source_be;
    uint32_t destination_be;
};

static inline struct ipv4_header ipv4_parse(const uint8_t *bytes)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, TPA_IP_IPV4_LENGTH);
    uint8_t first = tpa_base_cursor_u8(&cursor);
    struct ipv4_header header = {.version = first >> 4, .length = (uint8_t)((first & 0xf) * 4)};

    header.traffic_class = tpa_base_cursor_u8(&cursor);
    header.total_length = tpa_base_cursor_be16(&cursor);
    header.identification = tpa_base_cursor_be16(&cursor);
    header.fragment_field = tpa_base_cursor_be16(&cursor);
    header.ttl = tpa_base_cursor_u8(&cursor);
    header.protocol = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 2); /* the checksum, which is part of the sum */
    tpa_base_cursor_copy(&cursor, &header.source_be, 4);
    tpa_base_cursor_copy(&cursor, &header.destination_be, 4);
    return header;
}

/* What the header says about itself. `bytes`: its fixed part. */
static int check_header(const struct tpa_ip_datagram *datagram, const struct ipv4_header *header,
                        const uint8_t *bytes)
{
    uint32_t available = tpa_mem_packet_length(datagram->packet) - datagram->network;
    uint8_t buffer[TPA_IP_IPV4_LENGTH_MAX];
    bool has_options = header->length != TPA_IP_IPV4_LENGTH;
    int verdict;

    if (TPA_BASE_UNLIKELY(header->version != 4))
        return TPA_BASE_DROP_IPV4_VERSION;
    if (TPA_BASE_UNLIKELY(has_options)) {
        if (header->length < TPA_IP_IPV4_LENGTH)
            return TPA_BASE_DROP_IPV4_HEADER_LENGTH;
        bytes = tpa_mem_packet_read(datagram->packet, datagram->network, header->length, buffer);
        if (bytes == NULL)
            return TPA_BASE_DROP_IPV4_HEADER_LENGTH;
    }
    if (TPA_BASE_UNLIKELY(header->total_length < header->length ||
                          header->total_length > available))
        return TPA_BASE_DROP_IPV4_TOTAL_LENGTH;
    verdict = check_checksum(datagram, bytes, header->length);
    if (TPA_BASE_LIKELY(verdict == TPA_IP_CONTINUE) && TPA_BASE_UNLIKELY(has_options))
        verdict =
            check_options(bytes + TPA_IP_IPV4_LENGTH, (size_t)header->length - TPA_IP_IPV4_LENGTH);
    return verdict;
}

static int fragment_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram,
                          const struct ipv4_header *header)
{
    struct tpa_ip_fragment fragment = {
        .identification = header->identification,
        .offset =
            (uint32_t)(header->fragment_field & TPA_IP_IPV4_OFFSET_MASK) * TPA_IP_FRAGMENT_UNIT,
        .more = (header->fragment_field & TPA_IP_IPV4_MF) != 0,
    };

    if (header->fragment_field & TPA_IP_IPV4_RESERVED)
        return TPA_BASE_DROP_IPV4_FLAGS;
    return tpa_ip_fragment_input(worker, datagram, &fragment);
}

int tpa_ip_ipv4_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    struct tpa_ip_received *received = datagram->received;
    uint8_t buffer[TPA_IP_IPV4_LENGTH];
    const uint8_t *bytes =
        tpa_mem_packet_read(datagram->packet, datagram->network, TPA_IP_IPV4_LENGTH, buffer);
    struct ipv4_header header;
    int verdict;

    if (TPA_BASE_UNLIKELY(bytes == NULL))
        return TPA_BASE_DROP_IPV4_TRUNCATED;
    header = ipv4_parse(bytes);
    verdict = check_header(datagram, &header, bytes);
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CONTINUE))
        return verdict;

    received->source = tpa_base_address_from_ipv4(header.source_be);
    received->destination = tpa_base_address_from_ipv4(header.destination_be);
    received->traffic_class = header.traffic_class;
    received->ttl = header.ttl;
    received->largest_fragment = 0;
    datagram->ipv4 = true;
    datagram->protocol = header.protocol;
    datagram->protocol_at = PROTOCOL_AT;
    datagram->transport = datagram->network + header.length;
    datagram->length = (uint32_t)header.total_length - header.length;

    verdict = check_source(datagram);
    if (TPA_BASE_LIKELY(verdict == TPA_IP_CONTINUE))
        verdict = check_destination(datagram);
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CONTINUE))
        return verdict;
    if (TPA_BASE_UNLIKELY(header.fragment_field & ~(unsigned int)TPA_IP_IPV4_DF)) {
        verdict = fragment_input(worker, datagram, &header);
        if (verdict != TPA_IP_CONTINUE)
            return verdict;
    }
    return tpa_ip_transport_input(worker, datagram);
}
