/*
 * Ethernet, ARP, IPv4, IPv6, Neighbour Discovery, ICMP: from frames to TCP segments and back.
 *
 * One struct tpa_ip_stack an instance holds what workers share: interfaces, addresses, routes, neighbours,
 * path MTUs. Any thread may change it while workers run; workers read it under RCU (tpa/mem/rcu.h). One
 * struct tpa_ip_worker a worker holds the rest: packets that wait for a neighbour, fragments, paths, rate limits, and the packets to be sent.
 *
 * Nothing here calls a port: frames to be sent are queued per interface and taken by the caller.
 */
#ifndef TPA_IP_IP_H
#define TPA_IP_IP_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/drop.h>
#include <tpa/base/random.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

#define TPA_IP_INTERFACES_MAX 16
#define TPA_IP_INTERFACE_LOOPBACK 0xff /* packets that the stack sends to itself */

struct tpa_ip_stack;
struct tpa_ip_worker;
struct tpa_ip_path;

struct tpa_ip_limits {            /* 0 = the default in parentheses */
    uint32_t neighbours;          /* entries of all interfaces (4096) */
    uint32_t pending_packets;     /* packets a worker holds for one unresolved neighbour (16) */
    uint32_t pending_total;       /* and for all (1024) */
    uint32_t fragments_memory;    /* bytes of buffers, whole ones, a worker holds for reassembly (1 MiB) */
    uint32_t fragments_per_source;/* datagrams in reassembly of one source (16) */
    uint64_t fragment_timeout;    /* ns (30 s; RFC 8200 60 s is the most) */
    uint32_t icmp_rate;           /* ICMP messages a second a worker sends, errors and echo replies each (1000) */
    uint64_t neighbour_reachable; /* ns until an entry is probed again (30 s) */
    uint32_t paths;               /* destinations a worker caches (65,536) */
    uint32_t extension_headers;   /* of one IPv6 packet (8) */
};

/* NULL when memory is exhausted. */
struct tpa_ip_stack *tpa_ip_stack_create(const struct tpa_ip_limits *limits);
void tpa_ip_stack_destroy(struct tpa_ip_stack *stack);

struct tpa_ip_interface_config {
    const char *name;
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t vlan;  /* 802.1Q identifier of all frames, 0 = untagged */
};

/* Configuration: 0 or the index; TPA_EINVAL, TPA_ENOSPC, TPA_EEXIST, TPA_ENOENT. Duplicate address detection: an announcement (gratuitous ARP,
 * unsolicited NA) is sent and a conflict is counted and logged, the address is kept. */
int tpa_ip_interface_add(struct tpa_ip_stack *stack, const struct tpa_ip_interface_config *config);
int tpa_ip_interface_set_mtu(struct tpa_ip_stack *stack, uint8_t interface, uint16_t mtu);
int tpa_ip_interface_set_up(struct tpa_ip_stack *stack, uint8_t interface, bool up);
int tpa_ip_address_add(struct tpa_ip_stack *stack, uint8_t interface, const struct tpa_base_address *address, uint8_t prefix_length);
int tpa_ip_address_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *address);
/* gateway NULL or unspecified = on link. IPv4 prefix lengths count IPv4 bits. */
int tpa_ip_route_add(struct tpa_ip_stack *stack, const struct tpa_base_address *destination, uint8_t prefix_length,
                     const struct tpa_base_address *gateway, uint8_t interface);
int tpa_ip_route_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *destination, uint8_t prefix_length);
/* True for the stack's own addresses and for 127.0.0.0/8 and ::1. */
bool tpa_ip_is_local(const struct tpa_ip_stack *stack, const struct tpa_base_address *address);
/* Any address of this family configured? */
bool tpa_ip_has_family(const struct tpa_ip_stack *stack, bool ipv4);

enum tpa_ip_neighbour_state { TPA_IP_NEIGHBOUR_INCOMPLETE, TPA_IP_NEIGHBOUR_REACHABLE, TPA_IP_NEIGHBOUR_STALE, TPA_IP_NEIGHBOUR_PROBE,
                              TPA_IP_NEIGHBOUR_FAILED, TPA_IP_NEIGHBOUR_PERMANENT };
struct tpa_ip_neighbour {
    struct tpa_base_address address;
    uint8_t mac[6];
    uint8_t interface;
    uint8_t state;
    uint64_t confirmed; /* ns */
};
int tpa_ip_neighbour_set(struct tpa_ip_stack *stack, const struct tpa_ip_neighbour *neighbour, uint64_t now); /* permanent */
int tpa_ip_neighbour_remove(struct tpa_ip_stack *stack, uint8_t interface, const struct tpa_base_address *address);
/* Copies up to `max` entries; returns how many there are. */
uint32_t tpa_ip_neighbours(struct tpa_ip_stack *stack, struct tpa_ip_neighbour *neighbours, uint32_t max);

struct tpa_ip_worker_config {
    struct tpa_mem_pool *pool;
    struct tpa_base_random *random;
    struct tpa_base_drop_counters *drops;
    /* Called with each packet that is dropped, before it is freed, or NULL (capture). */
    void (*on_drop)(void *context, uint8_t interface, struct rte_mbuf *packet, enum tpa_base_drop reason);
    void *on_drop_context;
};
struct tpa_ip_worker *tpa_ip_worker_create(struct tpa_ip_stack *stack, const struct tpa_ip_worker_config *config, uint64_t now);
void tpa_ip_worker_destroy(struct tpa_ip_worker *worker);

/* What is known of a received TCP packet: its tpa_mem_packet_layer. */
struct tpa_ip_received {
    struct tpa_base_address source;      /*  0 */
    struct tpa_base_address destination; /* 16 */
    uint8_t interface;                   /* 32 */
    uint8_t traffic_class;               /* 33: TOS byte: DSCP and ECN */
    uint8_t ttl;                         /* 34 */
    uint8_t header_length;               /* 35: bytes of IP header(s) that stand before the data (options, extensions included; 0 after reassembly) */
    uint16_t largest_fragment;           /* 36: 0 = was not fragmented */
    uint16_t reserved;
};

/*
 * Takes `count` frames (or, for TPA_IP_INTERFACE_LOOPBACK, IP packets without a link header) and owns them. ARP, ND, ICMP, fragments are dealt with inside. Valid TCP
 * packets for one of the stack's addresses come out in `tcp` (room for `count` + TPA_IP_INPUT_EXTRA), checksum verified, data starting at the TCP header,
 * link padding cut off, struct tpa_ip_received in their layer. Returns how many. Bounded work per packet.
 */
#define TPA_IP_INPUT_EXTRA 0
uint16_t tpa_ip_input(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames, uint16_t count, struct rte_mbuf **tcp, uint64_t now);

/*
 * The way to a destination, cached a worker: source address, interface, next hop, link header. Connections keep one and check it at each use.
 * tpa_ip_path_get: `source` NULL or unspecified = chosen by RFC 6724's rules as far as they apply (MUST-44). 127.0.0.0/8, ::1 and own addresses give a loopback path
 * (destination 127.0.0.1 / ::1 is replaced by an own address of that family: see tpa_ip_path_destination). NULL with *error: TPA_EUNREACHABLE (no route, no address of that family), TPA_EINVAL
 * (multicast, broadcast, unspecified; source not ours), TPA_ENOMEM, TPA_ENOSPC. Each get needs a put.
 */
struct tpa_ip_path *tpa_ip_path_get(struct tpa_ip_worker *worker, const struct tpa_base_address *source,
                                    const struct tpa_base_address *destination, int *error);
void tpa_ip_path_put(struct tpa_ip_worker *worker, struct tpa_ip_path *path);
const struct tpa_base_address *tpa_ip_path_source(const struct tpa_ip_path *path);
const struct tpa_base_address *tpa_ip_path_destination(const struct tpa_ip_path *path);
uint8_t tpa_ip_path_interface(const struct tpa_ip_path *path);
/* Largest IP packet in bytes: the interface's MTU or what path MTU discovery learnt (RFC 1191, 8201). */
uint16_t tpa_ip_path_mtu(const struct tpa_ip_path *path);
/* Progress that TCP saw: the neighbour is reachable (RFC 4861, 7.3.1). */
void tpa_ip_path_confirm(struct tpa_ip_path *path, uint64_t now);
/* Retransmissions past R1: the next hop is to be probed again (RFC 1122, 3.3.1.4). */
void tpa_ip_path_suspect(struct tpa_ip_path *path);

/*
 * Sends a packet whose data starts at the transport header. Takes it. Headers are prepended, checksum requests set (RTE_MBUF_F_TX_*; TSO where the caller set
 * RTE_MBUF_F_TX_TCP_SEG, l4_len and tso_segsz). DF is always set for TCP. Unresolved neighbours: queued with a bound, oldest dropped.
 */
struct tpa_ip_send {
    uint8_t traffic_class;
    uint8_t ttl; /* 0 = 64 */
    uint8_t protocol;
};
void tpa_ip_output(struct tpa_ip_worker *worker, struct tpa_ip_path *path, struct rte_mbuf *packet, const struct tpa_ip_send *send, uint64_t now);
/* The same back to where a received packet came from (stateless resets and acknowledgements). Never to multicast or broadcast. */
void tpa_ip_reply(struct tpa_ip_worker *worker, const struct tpa_ip_received *received, struct rte_mbuf *packet, const struct tpa_ip_send *send, uint64_t now);

/* Frames that wait to be sent on an interface, at most `max`; they are the caller's. tpa_ip_untake gives back, in front, what a port did not accept. */
uint16_t tpa_ip_take(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames, uint16_t max);
void tpa_ip_untake(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames, uint16_t count);
/* Interfaces with frames waiting: bit n = interface n; bit 31 = loopback. */
uint32_t tpa_ip_waiting(const struct tpa_ip_worker *worker);

/* Errors that ICMP told about TCP connections of this stack; connection state is the caller's to check (RFC 5927). */
enum tpa_ip_error_kind {
    TPA_IP_ERROR_UNREACHABLE_SOFT, /* net, host unreachable, source route failed, time exceeded, parameter problem */
    TPA_IP_ERROR_UNREACHABLE_HARD, /* protocol, port unreachable, administratively prohibited */
    TPA_IP_ERROR_PACKET_TOO_BIG,   /* mtu is set; the path's MTU is not lowered until tpa_ip_path_mtu_accept */
};
struct tpa_ip_error {
    struct tpa_base_address source;      /* of the packet that failed: ours */
    struct tpa_base_address destination;
    uint16_t source_port;                /* network order */
    uint16_t destination_port;
    uint32_t sequence;                   /* host order */
    uint16_t mtu;                        /* bytes; never below 576 / 1280 floor minus nothing: floors applied */
    uint8_t kind;
    uint8_t interface;
};
uint16_t tpa_ip_errors_take(struct tpa_ip_worker *worker, struct tpa_ip_error *errors, uint16_t max);
/* The caller found the error's sequence number in its window: remember the MTU for that destination (10 minutes, then the interface's again). */
void tpa_ip_path_mtu_accept(struct tpa_ip_worker *worker, const struct tpa_ip_error *error, uint64_t now);

/* Neighbour probes, ageing, reassembly time-outs, rate limits; once a step. Cheap when nothing is due. next = when it wants to be called at the latest. */
void tpa_ip_timers(struct tpa_ip_worker *worker, uint64_t now);
uint64_t tpa_ip_next_deadline(const struct tpa_ip_worker *worker);

#endif
