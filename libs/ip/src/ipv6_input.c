/* IPv6 reception (RFC 8200): parsed and validated in one pass. */
#include <tpa/base/cursor.h>

#include "ipv6.h"
#include "state.h"

/* The next header field's place in the header. */
#define PROTOCOL_AT 6

struct ipv6_header {
    uint8_t version;
    uint8_t traffic_class;
    uint8_t next_header;
    uint8_t hop_limit;
    uint16_t payload_length;
};

static inline struct ipv6_header ipv6_parse(const uint8_t *bytes, struct tpa_ip_received *received)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, TPA_IP_IPV6_LENGTH);
    uint32_t first = tpa_base_cursor_be32(&cursor);
    struct ipv6_header header = {
        .version = (uint8_t)(first >> 28),
        .traffic_class = (uint8_t)(first >> 20),
    };

    header.payload_length = tpa_base_cursor_be16(&cursor);
    header.next_header = tpa_base_cursor_u8(&cursor);
    header.hop_limit = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_copy(&cursor, &received->source, sizeof(received->source));
    tpa_base_cursor_copy(&cursor, &received->destination, sizeof(received->destination));
    return header;
}

static int check_header(const struct tpa_ip_datagram *datagram, const struct ipv6_header *header)
{
    uint32_t available = tpa_mem_packet_length(datagram->packet) - datagram->network;

    if (TPA_BASE_UNLIKELY(header->version != 6))
        return TPA_BASE_DROP_IPV6_VERSION;
    if (TPA_BASE_UNLIKELY(header->payload_length > available - TPA_IP_IPV6_LENGTH))
        return TPA_BASE_DROP_IPV6_PAYLOAD_LENGTH;
    if (TPA_BASE_UNLIKELY(header->payload_length == 0 &&
                          header->next_header == TPA_IP_PROTOCOL_HOP_BY_HOP))
        return TPA_BASE_DROP_IPV6_JUMBO;
    return TPA_IP_CONTINUE;
}

/*
 * Nobody's packets come from groups, from ::1 or from a v4-mapped address, which inside this stack
 * means IPv4. From the unspecified address only Neighbour Discovery sends, which checks it.
 */
static int check_source(const struct tpa_ip_datagram *datagram)
{
    const struct tpa_base_address *source = &datagram->received->source;
    bool own;

    if (TPA_BASE_UNLIKELY(tpa_base_address_is_ipv4(source)))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    own = tpa_ip_tables_own(datagram->tables, source) != NULL;
    if (TPA_BASE_UNLIKELY(own != tpa_ip_is_loopback(datagram)))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    if (TPA_BASE_UNLIKELY(source->u8[0] == 0xff || tpa_base_address_is_loopback(source)))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    if (TPA_BASE_UNLIKELY(tpa_base_address_is_unspecified(source) &&
                          datagram->protocol != TPA_IP_PROTOCOL_ICMPV6))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    return TPA_IP_CONTINUE;
}

static bool is_all_nodes(const struct tpa_base_address *group)
{
    static const struct tpa_base_address all_nodes = {.u8 = {0xff, 0x02, [15] = 1}};

    return tpa_base_address_equal(group, &all_nodes);
}

static int check_destination(struct tpa_ip_datagram *datagram)
{
    const struct tpa_base_address *destination = &datagram->received->destination;

    if (TPA_BASE_UNLIKELY(tpa_base_address_is_ipv4(destination)))
        return TPA_BASE_DROP_IPV6_NOT_FOR_US;
    if (TPA_BASE_LIKELY(tpa_ip_tables_own(datagram->tables, destination) != NULL))
        return TPA_IP_CONTINUE;
    if (destination->u8[0] != 0xff)
        return TPA_BASE_DROP_IPV6_NOT_FOR_US;
    datagram->group = true;
    if (is_all_nodes(destination) ||
        tpa_ip_tables_in_solicited_group(datagram->tables, datagram->received->interface,
                                         destination))
        return TPA_IP_CONTINUE;
    return TPA_BASE_DROP_IPV6_MULTICAST;
}

int tpa_ip_ipv6_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    struct tpa_ip_received *received = datagram->received;
    uint8_t buffer[TPA_IP_IPV6_LENGTH];
    const uint8_t *bytes =
        tpa_mem_packet_read(datagram->packet, datagram->network, TPA_IP_IPV6_LENGTH, buffer);
    struct ipv6_header header;
    int verdict;

    if (TPA_BASE_UNLIKELY(bytes == NULL))
        return TPA_BASE_DROP_IPV6_TRUNCATED;
    header = ipv6_parse(bytes, received);
    verdict = check_header(datagram, &header);
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CONTINUE))
        return verdict;

    received->traffic_class = header.traffic_class;
    received->ttl = header.hop_limit;
    received->largest_fragment = 0;
    datagram->ipv4 = false;
    datagram->protocol = header.next_header;
    datagram->protocol_at = PROTOCOL_AT;
    datagram->transport = datagram->network + TPA_IP_IPV6_LENGTH;
    datagram->length = header.payload_length;

    verdict = check_source(datagram);
    if (TPA_BASE_LIKELY(verdict == TPA_IP_CONTINUE))
        verdict = check_destination(datagram);
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CONTINUE))
        return verdict;
    if (TPA_BASE_LIKELY(header.next_header == TPA_IP_PROTOCOL_TCP))
        return tpa_ip_transport_input(worker, datagram);
    return tpa_ip_ipv6_extensions(worker, datagram);
}
