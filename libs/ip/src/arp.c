#include "arp.h"

#include <string.h>

#include <tpa/base/cursor.h>

#include "conflict.h"
#include "datagram.h"
#include "ethernet.h"
#include "state.h"

struct arp {
    uint16_t operation;
    const uint8_t *sender_mac;
    const uint8_t *target_mac;
    struct tpa_base_address sender;
    struct tpa_base_address target;
};

static void arp_send(struct tpa_ip_worker *worker, const struct tpa_ip_interface *interface,
                     uint8_t interface_index, const uint8_t *destination, const struct arp *arp)
{
    struct tpa_base_writer writer;
    struct rte_mbuf *frame = tpa_ip_ethernet_frame(
        worker, interface, destination, TPA_IP_ETHERTYPE_ARP, TPA_IP_ARP_LENGTH, &writer);

    if (frame == NULL)
        return;
    tpa_base_writer_be16(&writer, TPA_IP_ARP_HARDWARE_ETHERNET);
    tpa_base_writer_be16(&writer, TPA_IP_ETHERTYPE_IPV4);
    tpa_base_writer_u8(&writer, TPA_IP_MAC_LENGTH);
    tpa_base_writer_u8(&writer, sizeof(uint32_t));
    tpa_base_writer_be16(&writer, arp->operation);
    tpa_base_writer_bytes(&writer, arp->sender_mac, TPA_IP_MAC_LENGTH);
    tpa_base_writer_bytes(&writer, &arp->sender.u8[12], sizeof(uint32_t));
    tpa_base_writer_bytes(&writer, arp->target_mac, TPA_IP_MAC_LENGTH);
    tpa_base_writer_bytes(&writer, &arp->target.u8[12], sizeof(uint32_t));
    tpa_ip_enqueue(worker, interface_index, frame);
}

static const uint8_t mac_unknown[6];

void tpa_ip_arp_request(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                        uint8_t interface, const struct tpa_base_address *sender,
                        const struct tpa_base_address *target, const uint8_t *mac)
{
    struct arp request = {
        .operation = TPA_IP_ARP_REQUEST,
        .sender_mac = tables->interfaces[interface].mac,
        .target_mac = mac_unknown,
        .sender = *sender,
        .target = *target,
    };

    arp_send(worker, &tables->interfaces[interface], interface,
             mac != NULL ? mac : tpa_ip_mac_broadcast, &request);
}

void tpa_ip_arp_announce(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                         const struct tpa_ip_own_address *own)
{
    tpa_ip_arp_request(worker, tables, own->interface, &own->address, &own->address, NULL);
}

static struct tpa_base_address read_ipv4(struct tpa_base_cursor *cursor)
{
    uint32_t ipv4;

    tpa_base_cursor_copy(cursor, &ipv4, sizeof(ipv4));
    return tpa_base_address_from_ipv4(ipv4);
}

static bool arp_parse(const void *bytes, struct arp *arp)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, TPA_IP_ARP_LENGTH);
    uint16_t hardware = tpa_base_cursor_be16(&cursor);
    uint16_t protocol = tpa_base_cursor_be16(&cursor);
    uint8_t hardware_length = tpa_base_cursor_u8(&cursor);
    uint8_t protocol_length = tpa_base_cursor_u8(&cursor);

    arp->operation = tpa_base_cursor_be16(&cursor);
    arp->sender_mac = tpa_base_cursor_bytes(&cursor, TPA_IP_MAC_LENGTH);
    arp->sender = read_ipv4(&cursor);
    arp->target_mac = tpa_base_cursor_bytes(&cursor, TPA_IP_MAC_LENGTH);
    arp->target = read_ipv4(&cursor);
    return tpa_base_cursor_ok(&cursor) && hardware == TPA_IP_ARP_HARDWARE_ETHERNET &&
           protocol == TPA_IP_ETHERTYPE_IPV4 && hardware_length == TPA_IP_MAC_LENGTH &&
           protocol_length == sizeof(uint32_t);
}

/* A host that checks whether an address is free has none yet (RFC 5227 section 1.1). */
static bool is_probe(const struct arp *arp)
{
    return tpa_base_address_is_unspecified(&arp->sender) && arp->operation == TPA_IP_ARP_REQUEST;
}

static bool is_sender(const struct tpa_ip_datagram *datagram, const struct arp *arp)
{
    const struct tpa_ip_tables *tables = datagram->tables;

    if (arp->sender_mac[0] & 1)
        return false;
    if (is_probe(arp))
        return true;
    return tpa_base_address_is_unicast(&arp->sender) &&
           !tpa_base_address_is_loopback(&arp->sender) &&
           !tpa_ip_tables_is_broadcast(tables, tpa_base_address_ipv4(&arp->sender));
}

static void arp_reply(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                      const struct arp *request)
{
    uint8_t index = datagram->received->interface;
    const struct tpa_ip_interface *interface = &datagram->tables->interfaces[index];
    struct arp reply = {
        .operation = TPA_IP_ARP_REPLY,
        .sender_mac = interface->mac,
        .target_mac = request->sender_mac,
        .sender = request->target,
        .target = request->sender,
    };

    arp_send(worker, interface, index, request->sender_mac, &reply);
}

/* RFC 826's packet reception: known senders are updated, new ones entered when they ask for us. */
static int learn(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                 const struct arp *arp, bool for_us)
{
    uint8_t interface = datagram->received->interface;
    bool create;

    if (arp->operation == TPA_IP_ARP_REPLY && for_us)
        return tpa_ip_neighbour_advertised(worker->stack, interface, &arp->sender, arp->sender_mac,
                                           true, true, worker->now);
    create = for_us && tpa_ip_tables_is_on_link(datagram->tables, interface, &arp->sender);
    return tpa_ip_neighbour_heard(worker->stack, interface, &arp->sender, arp->sender_mac, create,
                                  worker->now);
}

int tpa_ip_arp_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram)
{
    const struct tpa_ip_tables *tables = datagram->tables;
    uint8_t interface = datagram->received->interface;
    uint8_t buffer[TPA_IP_ARP_LENGTH];
    const void *bytes =
        tpa_mem_packet_read(datagram->packet, datagram->network, sizeof(buffer), buffer);
    const struct tpa_ip_own_address *own;
    bool for_us;
    struct arp arp;
    int known;

    if (bytes == NULL || !arp_parse(bytes, &arp))
        return TPA_BASE_DROP_ARP_MALFORMED;
    if (arp.operation != TPA_IP_ARP_REQUEST && arp.operation != TPA_IP_ARP_REPLY)
        return TPA_BASE_DROP_ARP_OPERATION;
    if (!is_sender(datagram, &arp))
        return TPA_BASE_DROP_ARP_SENDER;
    own = tpa_ip_tables_own(tables, &arp.sender);
    if (own != NULL) {
        tpa_ip_conflict(worker, tables, own, arp.sender_mac);
        return TPA_BASE_DROP_ARP_CONFLICT;
    }
    own = tpa_ip_tables_own(tables, &arp.target);
    for_us = own != NULL && own->interface == interface;
    known = is_probe(&arp) ? 0 : learn(worker, datagram, &arp, for_us);
    if (for_us && arp.operation == TPA_IP_ARP_REQUEST) {
        arp_reply(worker, datagram, &arp);
        return TPA_BASE_DROP_ARP_CONSUMED;
    }
    if (!for_us)
        return known == 0 && !is_probe(&arp) ? TPA_BASE_DROP_ARP_CONSUMED
                                             : TPA_BASE_DROP_ARP_NOT_FOR_US;
    return known == 0 ? TPA_BASE_DROP_ARP_CONSUMED : TPA_BASE_DROP_ARP_UNSOLICITED;
}
