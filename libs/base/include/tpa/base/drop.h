/*
 * Drop reasons of the whole stack: every packet that is freed without being delivered is counted
 * under one of these.
 *
 * One list serves all crates, so that a capture, a counter table and a trace name a thing alike. A
 * crate that has to drop a packet takes the most exact reason of its own layer; if there is none,
 * it adds one to the list below.
 */
#ifndef TPA_BASE_DROP_H
#define TPA_BASE_DROP_H

#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * X(constant, name, text): `name` is what tools print and read ("layer.reason", stable), `text`
 * says it to a person. A reader outside the process finds reasons by name, never by number: reasons
 * may be added anywhere.
 */
/* clang-format off */
#define TPA_BASE_DROP_LIST(X) \
    X(NONE, "none", "not dropped") \
    /* netdev: ports, queues, middleware */ \
    X(NETDEV_NO_BUFFER, "netdev.no_buffer", "no packet buffer was free") \
    X(NETDEV_TX_QUEUE_FULL, "netdev.tx_queue_full", "the port's transmit queue was full") \
    X(NETDEV_LINK_DOWN, "netdev.link_down", "the link was down") \
    X(NETDEV_PORT_GONE, "netdev.port_gone", "the port vanished or was stopped") \
    X(NETDEV_RX_ERROR, "netdev.rx_error", "the port reported a receive error") \
    X(NETDEV_OVERSIZE, "netdev.oversize", "frame longer than the MTU allows") \
    X(NETDEV_TX_REFUSED, "netdev.tx_refused", "the port refused the packet for transmission") \
    X(NETDEV_SEGMENTATION, "netdev.segmentation", \
      "software segmentation could not split the packet") \
    X(NETDEV_SEGMENT_LIMIT, "netdev.segment_limit", \
      "more buffers chained than the port can send") \
    X(NETDEV_HANDOFF_FULL, "netdev.handoff_full", \
      "the ring to the worker that owns the connection was full") \
    X(NETDEV_HANDOFF_NO_OWNER, "netdev.handoff_no_owner", \
      "the worker that owns the connection is not running") \
    X(NETDEV_IMPAIRMENT, "netdev.impairment", "dropped on purpose by the impairment middleware") \
    X(NETDEV_IMPAIRMENT_QUEUE, "netdev.impairment_queue", \
      "the queue of the impairment middleware was full") \
    /* Ethernet */ \
    X(ETHERNET_RUNT, "ethernet.runt", "frame shorter than an Ethernet header") \
    X(ETHERNET_NOT_FOR_US, "ethernet.not_for_us", "destination MAC address is not ours") \
    X(ETHERNET_SOURCE, "ethernet.source", "source MAC address is a group address or our own") \
    X(ETHERNET_UNKNOWN_TYPE, "ethernet.unknown_type", "EtherType without a handler") \
    X(ETHERNET_LENGTH, "ethernet.length", "IEEE 802.3 length field instead of an EtherType") \
    X(VLAN_TRUNCATED, "vlan.truncated", "frame ends inside a VLAN tag") \
    X(VLAN_UNKNOWN, "vlan.unknown", "VLAN that is not ours") \
    X(VLAN_NESTED, "vlan.nested", "more VLAN tags than supported") \
    /* ARP (RFC 826) */ \
    X(ARP_MALFORMED, "arp.malformed", \
      "short packet, or wrong hardware, protocol or length fields") \
    X(ARP_OPERATION, "arp.operation", "operation other than request and reply") \
    X(ARP_NOT_FOR_US, "arp.not_for_us", "target protocol address is not ours") \
    X(ARP_SENDER, "arp.sender", "sender address that nobody can have") \
    X(ARP_CONFLICT, "arp.conflict", "another host claims an address of ours") \
    X(ARP_UNSOLICITED, "arp.unsolicited", "reply that was not asked for") \
    X(ARP_CONSUMED, "arp.consumed", "handled by ARP; nothing to deliver") \
    /* neighbours: resolution of next hops */ \
    X(NEIGHBOUR_QUEUE_FULL, "neighbour.queue_full", \
      "too many packets wait for this next hop's address") \
    X(NEIGHBOUR_UNRESOLVED, "neighbour.unresolved", "the next hop did not answer") \
    X(NEIGHBOUR_TABLE_FULL, "neighbour.table_full", "no free neighbour entry") \
    X(NEIGHBOUR_BUDGET, "neighbour.budget", \
      "packets waiting for all next hops have used up their budget") \
    X(NEIGHBOUR_REMOVED, "neighbour.removed", \
      "the neighbour was removed while the packet waited") \
    /* IPv4 (RFC 791, RFC 1122) */ \
    X(IPV4_TRUNCATED, "ipv4.truncated", "packet shorter than an IPv4 header") \
    X(IPV4_VERSION, "ipv4.version", "version field is not 4") \
    X(IPV4_HEADER_LENGTH, "ipv4.header_length", "header length below 20 or beyond the packet") \
    X(IPV4_TOTAL_LENGTH, "ipv4.total_length", \
      "total length below the header's or beyond the frame") \
    X(IPV4_CHECKSUM, "ipv4.checksum", "header checksum wrong") \
    X(IPV4_TTL, "ipv4.ttl", "time to live is 0") \
    X(IPV4_OPTIONS, "ipv4.options", "malformed or unwanted options") \
    X(IPV4_SOURCE_ROUTE, "ipv4.source_route", "source route option") \
    X(IPV4_FLAGS, "ipv4.flags", "reserved flag set, or contradicting fragment flags") \
    X(IPV4_SOURCE_MARTIAN, "ipv4.source_martian", "source address that no host may send from") \
    X(IPV4_NOT_FOR_US, "ipv4.not_for_us", "destination address is not ours") \
    X(IPV4_MULTICAST, "ipv4.multicast", "multicast or broadcast that nobody here listens to") \
    X(IPV4_NO_PROTOCOL, "ipv4.no_protocol", "protocol without a handler") \
    /* IPv6 (RFC 8200) */ \
    X(IPV6_TRUNCATED, "ipv6.truncated", "packet shorter than an IPv6 header") \
    X(IPV6_VERSION, "ipv6.version", "version field is not 6") \
    X(IPV6_PAYLOAD_LENGTH, "ipv6.payload_length", "payload length beyond the frame") \
    X(IPV6_HOP_LIMIT, "ipv6.hop_limit", "hop limit is 0, or not 255 where it has to be") \
    X(IPV6_JUMBO, "ipv6.jumbo", "payload length 0 (jumbogram)") \
    X(IPV6_EXTENSION_TRUNCATED, "ipv6.extension_truncated", \
      "packet ends inside an extension header") \
    X(IPV6_EXTENSION_COUNT, "ipv6.extension_count", "more extension headers than allowed") \
    X(IPV6_EXTENSION_ORDER, "ipv6.extension_order", "hop-by-hop options that do not stand first") \
    X(IPV6_EXTENSION_OPTION, "ipv6.extension_option", "option that asks to discard the packet") \
    X(IPV6_OPTION_COUNT, "ipv6.option_count", "more options in an extension header than allowed") \
    X(IPV6_HOP_BY_HOP, "ipv6.hop_by_hop", "malformed hop-by-hop options") \
    X(IPV6_DESTINATION_OPTIONS, "ipv6.destination_options", "malformed destination options") \
    X(IPV6_ROUTING_TYPE_0, "ipv6.routing_type_0", "routing header of type 0 (RFC 5095)") \
    X(IPV6_ROUTING, "ipv6.routing", "routing header of an unknown type with segments left") \
    X(IPV6_SOURCE_MARTIAN, "ipv6.source_martian", "source address that no host may send from") \
    X(IPV6_NOT_FOR_US, "ipv6.not_for_us", "destination address is not ours") \
    X(IPV6_MULTICAST, "ipv6.multicast", "multicast group that nobody here has joined") \
    X(IPV6_NO_NEXT_HEADER, "ipv6.no_next_header", "next header is 59: nothing follows") \
    X(IPV6_NO_PROTOCOL, "ipv6.no_protocol", "next header without a handler") \
    /* fragments of both families (RFC 815, RFC 5722, RFC 6946) */ \
    X(FRAGMENT_OVERLAP, "fragment.overlap", "fragments overlap: the whole datagram is discarded") \
    X(FRAGMENT_DUPLICATE, "fragment.duplicate", "fragment that was received before") \
    X(FRAGMENT_TOO_BIG, "fragment.too_big", "datagram would exceed 65,535 bytes") \
    X(FRAGMENT_LENGTH, "fragment.length", \
      "fragment without data, or not a multiple of 8 where it has to be") \
    X(FRAGMENT_INCONSISTENT, "fragment.inconsistent", \
      "fragments disagree about the datagram's end") \
    X(FRAGMENT_FIRST_TOO_SMALL, "fragment.first_too_small", \
      "first fragment does not hold all headers (RFC 7112)") \
    X(FRAGMENT_TIMEOUT, "fragment.timeout", "datagram not complete in time") \
    X(FRAGMENT_LIMIT, "fragment.limit", "too many datagrams in reassembly") \
    X(FRAGMENT_SOURCE_LIMIT, "fragment.source_limit", \
      "too many datagrams in reassembly from one source") \
    X(FRAGMENT_COUNT, "fragment.count", "too many fragments of one datagram") \
    X(FRAGMENT_BUDGET, "fragment.budget", "reassembly has used up its memory budget") \
    X(FRAGMENT_DISABLED, "fragment.disabled", "reassembly is switched off") \
    /* routes and output of packets */ \
    X(ROUTE_NONE, "route.none", "no route to the destination") \
    X(ROUTE_NO_SOURCE, "route.no_source", "no address of ours suits the destination") \
    X(OUTPUT_TOO_BIG, "output.too_big", \
      "packet larger than the path MTU that must not be fragmented") \
    X(OUTPUT_NO_HEADROOM, "output.no_headroom", "no room in the buffer for the headers") \
    X(LOOPBACK_FULL, "loopback.full", "the queue to the stack itself was full") \
    /* ICMP (RFC 792) and ICMPv6 (RFC 4443), Neighbour Discovery (RFC 4861) */ \
    X(ICMP_TRUNCATED, "icmp.truncated", "packet shorter than an ICMP header") \
    X(ICMP_CHECKSUM, "icmp.checksum", "ICMP checksum wrong") \
    X(ICMP_MALFORMED, "icmp.malformed", \
      "malformed ICMP message, or error that quotes too little") \
    X(ICMP_RATE_LIMITED, "icmp.rate_limited", "answer suppressed by the rate limit") \
    X(ICMP_UNWANTED, "icmp.unwanted", "type or code that is ignored") \
    X(ICMP_BROADCAST, "icmp.broadcast", "echo request to a group address") \
    X(ICMP_NO_MATCH, "icmp.no_match", "error that belongs to nothing of ours") \
    X(ICMP_CONSUMED, "icmp.consumed", "handled by ICMP; nothing to deliver") \
    X(ND_MALFORMED, "nd.malformed", "malformed Neighbour Discovery message or option") \
    X(ND_HOP_LIMIT, "nd.hop_limit", \
      "Neighbour Discovery from beyond the link: hop limit is not 255") \
    X(ND_NOT_FOR_US, "nd.not_for_us", "target address is not ours") \
    X(ND_UNSOLICITED, "nd.unsolicited", "advertisement that was not asked for") \
    X(ND_CONFLICT, "nd.conflict", "another host claims an address of ours") \
    X(ND_OPTION_COUNT, "nd.option_count", "more options than allowed") \
    X(ND_CONSUMED, "nd.consumed", "handled by Neighbour Discovery; nothing to deliver") \
    /* UDP */ \
    X(UDP_MALFORMED, "udp.malformed", "bad UDP header or length") \
    X(UDP_CHECKSUM, "udp.checksum", "UDP checksum wrong") \
    X(UDP_PORT_UNREACHABLE, "udp.port_unreachable", "no listener on that UDP port") \
    /* TCP (RFC 9293, RFC 5961, RFC 7323) */ \
    X(TCP_TRUNCATED, "tcp.truncated", "segment shorter than a TCP header") \
    X(TCP_HEADER_LENGTH, "tcp.header_length", "data offset below 5 or beyond the segment") \
    X(TCP_CHECKSUM, "tcp.checksum", "TCP checksum wrong") \
    X(TCP_OPTION, "tcp.option", "malformed option") \
    X(TCP_FLAGS, "tcp.flags", "combination of flags that means nothing") \
    X(TCP_PORT_ZERO, "tcp.port_zero", "source or destination port 0") \
    X(TCP_ADDRESS, "tcp.address", "address that TCP does not talk to (group, unspecified)") \
    X(TCP_LAND, "tcp.land", "source and destination are the same, from outside") \
    X(TCP_NO_CONNECTION, "tcp.no_connection", "no connection and no listener: answered by RST") \
    X(TCP_NO_CONNECTION_RST, "tcp.no_connection_rst", "RST for no connection") \
    X(TCP_RST_RATE_LIMITED, "tcp.rst_rate_limited", \
      "no connection; RST suppressed by the rate limit") \
    X(TCP_LISTEN_FLAGS, "tcp.listen_flags", \
      "segment for a listener that does not open a connection") \
    X(TCP_LISTEN_BACKLOG, "tcp.listen_backlog", "too many half-open connections on the listener") \
    X(TCP_ACCEPT_QUEUE_FULL, "tcp.accept_queue_full", "too many connections wait to be accepted") \
    X(TCP_SOCK_LIMIT, "tcp.sock_limit", "no free sock") \
    X(TCP_SYN_COOKIE, "tcp.syn_cookie", "ACK that carries no valid SYN cookie") \
    X(TCP_BAD_ACK, "tcp.bad_ack", "acknowledges what was never sent") \
    X(TCP_OLD_ACK, "tcp.old_ack", "acknowledgement too old to be believed (RFC 5961)") \
    X(TCP_NO_ACK, "tcp.no_ack", "segment without ACK on a synchronized connection") \
    X(TCP_OUT_OF_WINDOW, "tcp.out_of_window", "sequence numbers outside the receive window") \
    X(TCP_DUPLICATE, "tcp.duplicate", "data that was received before") \
    X(TCP_PAWS, "tcp.paws", "timestamp too old (PAWS)") \
    X(TCP_NO_TIMESTAMP, "tcp.no_timestamp", "timestamp missing after it was negotiated") \
    X(TCP_RST_CHALLENGE, "tcp.rst_challenge", "RST in the window but not exact: challenge ACK") \
    X(TCP_RST_IGNORED, "tcp.rst_ignored", "RST outside the window, or in TIME-WAIT") \
    X(TCP_SYN_CHALLENGE, "tcp.syn_challenge", "SYN on a synchronized connection: challenge ACK") \
    X(TCP_OOO_LIMIT, "tcp.ooo_limit", "too much out-of-order data held") \
    X(TCP_RCV_QUEUE_FULL, "tcp.rcv_queue_full", "receive queue full") \
    X(TCP_ZERO_WINDOW, "tcp.zero_window", "data into a closed receive window") \
    X(TCP_MEMORY, "tcp.memory", "memory budget used up") \
    X(TCP_AFTER_CLOSE, "tcp.after_close", "data for a sock that the application has closed") \
    X(TCP_AFTER_FIN, "tcp.after_fin", "data beyond the peer's FIN") \
    X(TCP_TIME_WAIT, "tcp.time_wait", "segment for a connection in TIME-WAIT") \
    X(TCP_URGENT, "tcp.urgent", "urgent pointer that points at nothing") \
    X(TCP_RESET, "tcp.reset", "queued data discarded because the connection was reset") \
    X(TCP_CONSUMED, "tcp.consumed", "handled by TCP; nothing to deliver (pure ACK, FIN, SYN)") \
    /* anywhere */ \
    X(SHUTDOWN, "shutdown", "the stack was being taken down") \
    X(INTERNAL, "internal", "a state that cannot be: please report")
/* clang-format on */

enum tpa_base_drop {
#define TPA_BASE_DROP_ENUM(constant, name, text) TPA_BASE_DROP_##constant,
    TPA_BASE_DROP_LIST(TPA_BASE_DROP_ENUM)
#undef TPA_BASE_DROP_ENUM
    TPA_BASE_DROP_COUNT,
};

/*
 * One counter per reason. Written by one thread (its worker), read by any: keep one per worker.
 * A plain array of uint64_t, so that it can be a table of libs/stats and lie in shared memory.
 */
struct tpa_base_drop_counters {
    uint64_t count[TPA_BASE_DROP_COUNT];
};

/*
 * Is this reason bookkeeping rather than a complaint: NONE, and packets that their layer consumed
 * on purpose?
 * `reason`: any value. Returns 1 or 0.
 */
static inline int tpa_base_drop_is_benign(enum tpa_base_drop reason)
{
    return reason == TPA_BASE_DROP_NONE || reason == TPA_BASE_DROP_ARP_CONSUMED ||
           reason == TPA_BASE_DROP_ICMP_CONSUMED || reason == TPA_BASE_DROP_ND_CONSUMED ||
           reason == TPA_BASE_DROP_TCP_CONSUMED;
}

/*
 * Adds `packets` drops for `reason`.
 *
 * `counters`: the calling worker's own; it has a single writer, so this is a load and a store, no
 * locked instruction.
 * `reason`: below TPA_BASE_DROP_COUNT; anything else is counted as INTERNAL.
 */
static inline void tpa_base_drop_count_many(struct tpa_base_drop_counters *counters,
                                            enum tpa_base_drop reason, uint64_t packets)
{
    if ((unsigned int)reason >= TPA_BASE_DROP_COUNT)
        reason = TPA_BASE_DROP_INTERNAL;

    uint64_t *count = &counters->count[reason];
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + packets, __ATOMIC_RELAXED);
}

/* Adds one drop for `reason`; see tpa_base_drop_count_many(). */
static inline void tpa_base_drop_count(struct tpa_base_drop_counters *counters,
                                       enum tpa_base_drop reason)
{
    tpa_base_drop_count_many(counters, reason, 1);
}

/* The number counted for `reason`; 0 for a value that is no reason. Callable from any thread. */
static inline uint64_t tpa_base_drop_get(const struct tpa_base_drop_counters *counters,
                                         enum tpa_base_drop reason)
{
    if ((unsigned int)reason >= TPA_BASE_DROP_COUNT)
        return 0;
    return __atomic_load_n(&counters->count[reason], __ATOMIC_RELAXED);
}

/* The sum over all reasons that are not benign. May be called from any thread. */
uint64_t tpa_base_drop_total(const struct tpa_base_drop_counters *counters);

/* The reason's name, "layer.reason"; "unknown" for a value that is no reason. Static storage. */
const char *tpa_base_drop_name(enum tpa_base_drop reason);

/*
 * What the reason means, in a few words; "unknown drop reason" for a value that is none. Static
 * storage.
 */
const char *tpa_base_drop_text(enum tpa_base_drop reason);

/*
 * The reason of that name.
 *
 * `name`: as given by tpa_base_drop_name(), zero-terminated.
 * Returns the reason, or TPA_BASE_DROP_COUNT if there is none of that name.
 */
enum tpa_base_drop tpa_base_drop_from_name(const char *name);

TPA_BASE_DECLARATIONS_END

#endif
