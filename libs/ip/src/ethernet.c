#include "ethernet.h"

#include <string.h>

#include "offload.h"
#include "state.h"

/* Packets ahead whose first bytes and private area are brought into the cache. */
#define PREFETCH_DISTANCE 3

const uint8_t tpa_ip_mac_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

uint8_t tpa_ip_ethernet_header(uint8_t header[TPA_IP_LINK_LENGTH_MAX],
                               const struct tpa_ip_interface *interface, const uint8_t *destination,
                               uint16_t ethertype)
{
    struct tpa_base_writer writer = tpa_base_writer_make(header, TPA_IP_LINK_LENGTH_MAX);

    static const uint8_t unknown[TPA_IP_MAC_LENGTH];

    tpa_base_writer_bytes(&writer, destination != NULL ? destination : unknown, TPA_IP_MAC_LENGTH);
    tpa_base_writer_bytes(&writer, interface->mac, TPA_IP_MAC_LENGTH);
    if (interface->vlan != 0) {
        tpa_base_writer_be16(&writer, TPA_IP_ETHERTYPE_VLAN);
        tpa_base_writer_be16(&writer, interface->vlan);
    }
    tpa_base_writer_be16(&writer, ethertype);
    return (uint8_t)tpa_base_writer_written(&writer);
}

struct rte_mbuf *tpa_ip_ethernet_frame(struct tpa_ip_worker *worker,
                                       const struct tpa_ip_interface *interface,
                                       const uint8_t *destination, uint16_t ethertype,
                                       uint16_t length, struct tpa_base_writer *writer)
{
    struct rte_mbuf *frame = tpa_mem_packet_alloc(worker->pool);
    uint8_t link[TPA_IP_LINK_LENGTH_MAX];
    uint8_t link_length = tpa_ip_ethernet_header(link, interface, destination, ethertype);
    uint8_t *bytes;

    if (frame == NULL)
        return NULL;
    bytes = tpa_mem_packet_append(frame, (uint16_t)(link_length + length));
    if (bytes == NULL) {
        tpa_mem_packet_free(frame);
        return NULL;
    }
    memcpy(bytes, link, link_length);
    *writer = tpa_base_writer_make(bytes + link_length, length);
    return frame;
}

static bool mac_equal(const uint8_t *a, const uint8_t *b)
{
    return tpa_base_load32(a) == tpa_base_load32(b) &&
           tpa_base_load16(a + 4) == tpa_base_load16(b + 4);
}

/*
 * The 802.1Q identifier of a frame, whoever read its tag; 0 for an untagged one and for one with
 * priority only. Moves `ethertype` to what the tag is about. Negative: a verdict.
 */
static int vlan_of(struct rte_mbuf *packet, struct tpa_base_cursor *cursor, uint16_t *ethertype)
{
    uint16_t tag;
    bool stripped = tpa_ip_rx_vlan_stripped(packet, &tag);

    if (TPA_BASE_LIKELY(*ethertype != TPA_IP_ETHERTYPE_VLAN &&
                        *ethertype != TPA_IP_ETHERTYPE_VLAN_SERVICE))
        return stripped ? tag & TPA_IP_VLAN_ID_MASK : 0;
    if (stripped)
        return -TPA_BASE_DROP_VLAN_NESTED;
    if (*ethertype == TPA_IP_ETHERTYPE_VLAN_SERVICE)
        return -TPA_BASE_DROP_VLAN_UNKNOWN;
    tag = tpa_base_cursor_be16(cursor);
    *ethertype = tpa_base_cursor_be16(cursor);
    if (!tpa_base_cursor_ok(cursor))
        return -TPA_BASE_DROP_VLAN_TRUNCATED;
    if (*ethertype == TPA_IP_ETHERTYPE_VLAN || *ethertype == TPA_IP_ETHERTYPE_VLAN_SERVICE)
        return -TPA_BASE_DROP_VLAN_NESTED;
    return tag & TPA_IP_VLAN_ID_MASK;
}

static int check_addresses(const struct tpa_ip_interface *interface, const uint8_t *macs,
                           bool *group)
{
    const uint8_t *source = macs + TPA_IP_MAC_LENGTH;

    if (TPA_BASE_UNLIKELY((source[0] & 1) || mac_equal(source, interface->mac)))
        return TPA_BASE_DROP_ETHERNET_SOURCE;
    *group = macs[0] & 1;
    if (TPA_BASE_UNLIKELY(!*group && !mac_equal(macs, interface->mac)))
        return TPA_BASE_DROP_ETHERNET_NOT_FOR_US;
    return TPA_IP_CONTINUE;
}

static int ethernet_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    const struct tpa_ip_interface *interface =
        &datagram->tables->interfaces[datagram->received->interface];
    struct tpa_base_cursor cursor = tpa_base_cursor_make(
        tpa_mem_packet_data(datagram->packet), tpa_mem_packet_segment_length(datagram->packet));
    const uint8_t *macs = tpa_base_cursor_bytes(&cursor, 2 * TPA_IP_MAC_LENGTH);
    uint16_t ethertype = tpa_base_cursor_be16(&cursor);
    int verdict, vlan;

    if (TPA_BASE_UNLIKELY(!tpa_base_cursor_ok(&cursor)))
        return TPA_BASE_DROP_ETHERNET_RUNT;
    verdict = check_addresses(interface, macs, &datagram->group);
    if (TPA_BASE_UNLIKELY(verdict != TPA_IP_CONTINUE))
        return verdict;
    vlan = vlan_of(datagram->packet, &cursor, &ethertype);
    if (TPA_BASE_UNLIKELY(vlan != interface->vlan))
        return vlan < 0 ? -vlan : TPA_BASE_DROP_VLAN_UNKNOWN;

    datagram->network = (uint32_t)(cursor.position - tpa_mem_packet_data(datagram->packet));
    switch (ethertype) {
    case TPA_IP_ETHERTYPE_IPV4:
        return tpa_ip_ipv4_input(worker, datagram);
    case TPA_IP_ETHERTYPE_IPV6:
        return tpa_ip_ipv6_input(worker, datagram);
    case TPA_IP_ETHERTYPE_ARP:
        return tpa_ip_arp_input(worker, datagram);
    default:
        return ethertype < TPA_IP_ETHERTYPE_MIN ? TPA_BASE_DROP_ETHERNET_LENGTH
                                                : TPA_BASE_DROP_ETHERNET_UNKNOWN_TYPE;
    }
}

/* A packet from ourselves begins with its IP header. */
static int loopback_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(
        tpa_mem_packet_data(datagram->packet), tpa_mem_packet_segment_length(datagram->packet));

    if (tpa_base_cursor_peek_u8(&cursor) >> 4 == 4)
        return tpa_ip_ipv4_input(worker, datagram);
    return tpa_ip_ipv6_input(worker, datagram);
}

static int input_one(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram)
{
    struct rte_mbuf *packet = datagram->packet;

    if (TPA_BASE_UNLIKELY(tpa_mem_packet_next_segment(packet) != NULL) &&
        !tpa_ip_pull_up(packet, TPA_IP_HEADERS_CONTIGUOUS))
        return TPA_BASE_DROP_INTERNAL;
    if (tpa_ip_is_loopback(datagram))
        return loopback_input(worker, datagram);
    return ethernet_input(worker, datagram);
}

static bool is_interface(const struct tpa_ip_tables *tables, uint8_t interface)
{
    return interface < tables->interface_count || interface == TPA_IP_INTERFACE_LOOPBACK;
}

static void prefetch(struct rte_mbuf **frames, uint16_t i, uint16_t count)
{
    if (i >= count)
        return;
    TPA_BASE_PREFETCH(tpa_mem_packet_data(frames[i]));
    TPA_BASE_PREFETCH_WRITE(tpa_mem_packet_private(frames[i]));
}

uint16_t tpa_ip_input(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                      uint16_t count, struct rte_mbuf **tcp, uint64_t now)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    uint16_t delivered = 0;

    worker->now = now;
    if (!is_interface(tables, interface)) {
        for (uint16_t i = 0; i < count; i++)
            tpa_ip_drop(worker, interface, frames[i], TPA_BASE_DROP_NETDEV_PORT_GONE);
        return 0;
    }
    for (uint16_t i = 0; i < PREFETCH_DISTANCE; i++)
        prefetch(frames, i, count);
    for (uint16_t i = 0; i < count; i++) {
        struct rte_mbuf *packet = frames[i];
        struct tpa_ip_datagram datagram = {
            .packet = packet,
            .received = tpa_mem_packet_layer(packet, struct tpa_ip_received),
            .tables = tables,
        };
        int verdict;

        prefetch(frames, (uint16_t)(i + PREFETCH_DISTANCE), count);
        datagram.received->interface = interface;
        verdict = input_one(worker, &datagram);
        if (TPA_BASE_LIKELY(verdict == TPA_IP_DELIVER))
            tcp[delivered++] = datagram.packet;
        else if (verdict != TPA_IP_TAKEN)
            tpa_ip_drop(worker, interface, datagram.packet, (enum tpa_base_drop)verdict);
    }
    if (TPA_BASE_UNLIKELY(worker->resolver.packets > 0))
        tpa_ip_resolution_poll(worker);
    return delivered;
}
