#include "nd.h"

#include <string.h>

#include <tpa/base/cursor.h>

#include "conflict.h"
#include "datagram.h"
#include "ethernet.h"
#include "icmpv6_frame.h"
#include "state.h"

/* A message is read in one piece; none that makes sense is longer than the least MTU. */
#define MESSAGE_MAX 1280

#define LINK_OPTION_LENGTH 8

static const struct tpa_base_address all_nodes = {.u8 = {0xff, 0x02, [15] = 1}};

/* A solicitation or an advertisement. */
struct message {
    uint8_t code;
    uint8_t flags;
    struct tpa_base_address target;
    const uint8_t *link_address; /* of its source or target option; NULL = none */
};

static void write_message(struct tpa_base_writer *writer, uint8_t type, uint8_t flags,
                          const struct tpa_base_address *target, uint8_t option,
                          const uint8_t mac[6])
{
    tpa_base_writer_u8(writer, type);
    tpa_base_writer_u8(writer, 0);
    tpa_base_writer_be16(writer, 0);
    tpa_base_writer_u8(writer, flags);
    tpa_base_writer_fill(writer, 0, 3);
    tpa_base_writer_bytes(writer, target->u8, sizeof(target->u8));
    tpa_base_writer_u8(writer, option);
    tpa_base_writer_u8(writer, LINK_OPTION_LENGTH / TPA_IP_ND_OPTION_UNIT);
    tpa_base_writer_bytes(writer, mac, TPA_IP_MAC_LENGTH);
}

void tpa_ip_nd_solicit(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                       uint8_t interface, const struct tpa_base_address *source,
                       const struct tpa_base_address *target, const uint8_t *mac)
{
    struct tpa_ip_icmpv6_frame frame = {
        .source = *source,
        .destination = mac != NULL ? *target : tpa_ip_solicited_node_group(target),
        .mac = mac,
        .interface = interface,
        .hop_limit = TPA_IP_ND_HOP_LIMIT,
        .length = TPA_IP_ND_LENGTH + LINK_OPTION_LENGTH,
    };

    if (!tpa_ip_icmpv6_frame_begin(worker, tables, &frame))
        return;
    write_message(&frame.writer, TPA_IP_ICMPV6_NEIGHBOUR_SOLICITATION, 0, target,
                  TPA_IP_ND_OPTION_SOURCE_LINK, tables->interfaces[interface].mac);
    tpa_ip_icmpv6_frame_send(worker, &frame);
}

static void advertise(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                      const struct tpa_ip_own_address *own,
                      const struct tpa_base_address *destination, const uint8_t *mac, uint8_t flags)
{
    struct tpa_ip_icmpv6_frame frame = {
        .source = own->address,
        .destination = *destination,
        .mac = mac,
        .interface = own->interface,
        .hop_limit = TPA_IP_ND_HOP_LIMIT,
        .length = TPA_IP_ND_LENGTH + LINK_OPTION_LENGTH,
    };

    if (!tpa_ip_icmpv6_frame_begin(worker, tables, &frame))
        return;
    write_message(&frame.writer, TPA_IP_ICMPV6_NEIGHBOUR_ADVERTISEMENT, flags, &own->address,
                  TPA_IP_ND_OPTION_TARGET_LINK, tables->interfaces[own->interface].mac);
    tpa_ip_icmpv6_frame_send(worker, &frame);
}

void tpa_ip_nd_announce(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                        const struct tpa_ip_own_address *own)
{
    advertise(worker, tables, own, &all_nodes, NULL, TPA_IP_ND_OVERRIDE);
}

/* Options that we don't know are skipped; one of length 0 would never end (RFC 4861 section 4.6).
 */
static int parse_options(struct tpa_base_cursor *cursor, uint8_t wanted, struct message *message)
{
    for (unsigned int count = 0; tpa_base_cursor_remaining(cursor) > 0; count++) {
        uint8_t type = tpa_base_cursor_u8(cursor);
        uint8_t units = tpa_base_cursor_u8(cursor);
        const uint8_t *body;

        if (count == TPA_IP_ND_OPTIONS_MAX)
            return TPA_BASE_DROP_ND_OPTION_COUNT;
        if (units == 0)
            return TPA_BASE_DROP_ND_MALFORMED;
        body = tpa_base_cursor_bytes(cursor, (size_t)units * TPA_IP_ND_OPTION_UNIT - 2);
        if (body == NULL)
            return TPA_BASE_DROP_ND_MALFORMED;
        if (type == wanted && units == 1)
            message->link_address = body;
    }
    return TPA_IP_CONTINUE;
}

static int parse(const void *bytes, uint32_t length, uint8_t wanted, struct message *message)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, length);

    *message = (struct message){0};
    tpa_base_cursor_skip(&cursor, 1);
    message->code = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 2);
    message->flags = tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_skip(&cursor, 3);
    tpa_base_cursor_copy(&cursor, &message->target, sizeof(message->target));
    if (!tpa_base_cursor_ok(&cursor) || message->code != 0 ||
        !tpa_base_address_is_unicast(&message->target) ||
        tpa_base_address_is_ipv4(&message->target))
        return TPA_BASE_DROP_ND_MALFORMED;
    return parse_options(&cursor, wanted, message);
}

static bool is_group_mac(const uint8_t *mac)
{
    return mac != NULL && (mac[0] & 1);
}

static bool is_solicited_node_group(const struct tpa_base_address *address)
{
    struct tpa_base_address group = tpa_ip_solicited_node_group(address);

    return tpa_base_address_equal(address, &group);
}

/* RFC 4861 section 7.1.1: a host that has no address yet asks the group, and names no link address.
 */
static bool is_valid_probe(const struct tpa_ip_received *received, const struct message *message)
{
    return is_solicited_node_group(&received->destination) && message->link_address == NULL;
}

static const uint8_t *sender_mac(const struct tpa_ip_datagram *datagram)
{
    /* Nothing arrives by loopback from another host, so there is a link header. */
    return tpa_mem_packet_data(datagram->packet) + TPA_IP_MAC_LENGTH;
}

static int solicitation_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                              const struct message *message)
{
    const struct tpa_ip_received *received = datagram->received;
    const struct tpa_ip_own_address *own = tpa_ip_tables_own(datagram->tables, &message->target);
    bool probe = tpa_base_address_is_unspecified(&received->source);
    const uint8_t *mac =
        message->link_address != NULL ? message->link_address : sender_mac(datagram);

    if (probe && !is_valid_probe(received, message))
        return TPA_BASE_DROP_ND_MALFORMED;
    if (own == NULL || own->interface != received->interface)
        return TPA_BASE_DROP_ND_NOT_FOR_US;
    if (probe) {
        tpa_ip_conflict(worker, datagram->tables, own, mac);
        return TPA_BASE_DROP_ND_CONFLICT;
    }
    if (message->link_address != NULL)
        (void)tpa_ip_neighbour_heard(worker->stack, received->interface, &received->source,
                                     message->link_address, true, worker->now);
    advertise(worker, datagram->tables, own, &received->source, mac,
              TPA_IP_ND_SOLICITED | TPA_IP_ND_OVERRIDE);
    return TPA_BASE_DROP_ND_CONSUMED;
}

static int advertisement_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                               const struct message *message)
{
    const struct tpa_ip_received *received = datagram->received;
    const struct tpa_ip_own_address *own = tpa_ip_tables_own(datagram->tables, &message->target);
    bool solicited = message->flags & TPA_IP_ND_SOLICITED;

    if (tpa_base_address_is_unspecified(&received->source))
        return TPA_BASE_DROP_IPV6_SOURCE_MARTIAN;
    if (solicited && tpa_base_address_is_multicast(&received->destination))
        return TPA_BASE_DROP_ND_MALFORMED;
    if (own != NULL) {
        tpa_ip_conflict(worker, datagram->tables, own, sender_mac(datagram));
        return TPA_BASE_DROP_ND_CONFLICT;
    }
    if (tpa_ip_neighbour_advertised(worker->stack, received->interface, &message->target,
                                    message->link_address, solicited,
                                    message->flags & TPA_IP_ND_OVERRIDE, worker->now) != 0)
        return TPA_BASE_DROP_ND_UNSOLICITED;
    return TPA_BASE_DROP_ND_CONSUMED;
}

int tpa_ip_nd_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                    uint8_t type)
{
    bool solicitation = type == TPA_IP_ICMPV6_NEIGHBOUR_SOLICITATION;
    uint8_t buffer[MESSAGE_MAX];
    struct message message;
    int verdict;

    if (datagram->received->ttl != TPA_IP_ND_HOP_LIMIT || tpa_ip_is_loopback(datagram))
        return TPA_BASE_DROP_ND_HOP_LIMIT;
    if (datagram->length > sizeof(buffer))
        return TPA_BASE_DROP_ND_MALFORMED;
    verdict =
        parse(tpa_mem_packet_read(datagram->packet, datagram->transport, datagram->length, buffer),
              datagram->length,
              solicitation ? TPA_IP_ND_OPTION_SOURCE_LINK : TPA_IP_ND_OPTION_TARGET_LINK, &message);
    if (verdict != TPA_IP_CONTINUE)
        return verdict;
    if (is_group_mac(message.link_address))
        return TPA_BASE_DROP_ND_MALFORMED;
    return solicitation ? solicitation_input(worker, datagram, &message)
                        : advertisement_input(worker, datagram, &message);
}
