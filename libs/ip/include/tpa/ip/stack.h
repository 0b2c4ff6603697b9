/*
 * What the workers of an instance share: interfaces, addresses, routes, neighbours, path MTUs.
 *
 * Any thread may call what is declared here while workers run. Interfaces, addresses and routes are
 * one immutable table that every change replaces; workers read it under RCU (<tpa/mem/rcu.h>) and
 * notice the change by one load per packet. A change is in force for a worker from its next call
 * on.
 *
 * Addresses are in the form of <tpa/base/address.h>. Times are nanoseconds on the same monotonic
 * scale as the workers' `now`.
 */
#ifndef TPA_IP_STACK_H
#define TPA_IP_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

TPA_BASE_DECLARATIONS_BEGIN

/* Bounds of the shared table; it is copied at each change and searched linearly only off the fast
 * path. */
#define TPA_IP_INTERFACES_MAX 16   /* a bit each in tpa_ip_waiting() */
#define TPA_IP_ADDRESSES_MAX  256  /* of all interfaces together */
#define TPA_IP_ROUTES_MAX     1024 /* connected ones included */

/* The interface of packets that the stack sends to itself. */
#define TPA_IP_INTERFACE_LOOPBACK 0xff

/* Bytes of a packet on the loopback interface, and of any IP packet. */
#define TPA_IP_LOOPBACK_MTU 65535

/* Smallest MTU an interface may have: the least that IPv6 works with (RFC 8200 section 5). An
 * interface between 576 and this has IPv4 only. */
#define TPA_IP_MTU_MIN_IPV4 576
#define TPA_IP_MTU_MIN_IPV6 1280

/* Room for an interface's name with its NUL. */
#define TPA_IP_INTERFACE_NAME_SIZE 64

struct tpa_ip_stack;

/* No table may be larger, whatever the limits say: a million entries. */
#define TPA_IP_LIMIT_MAX (UINT32_C(1) << 20)

/* Bounds and times; 0 = the default in parentheses. Numbers of entries are cut to
 * TPA_IP_LIMIT_MAX. */
struct tpa_ip_limits {
    uint32_t neighbours;           /* entries of all interfaces (4096) */
    uint32_t pending_packets;      /* packets a worker holds for one unresolved neighbour: the SYNs
                                      of a burst of connects (256) */
    uint32_t pending_total;        /* and for all of them (1024) */
    uint32_t fragments_memory;     /* bytes of buffers, whole ones, that a worker holds for
                                      reassembly (1 MiB) */
    uint32_t fragments_per_source; /* datagrams of one source in reassembly (16) */
    uint64_t fragment_timeout;     /* ns from a datagram's first fragment to arrive (30 s) */
    uint32_t icmp_rate;            /* ICMP messages a second that a worker sends: errors, and echo
                                      replies, each (1000) */
    uint64_t neighbour_reachable;  /* ns for which a confirmation counts (30 s) */
    uint32_t paths;                /* destinations that a worker caches (65,536) */
    uint32_t extension_headers;    /* of one IPv6 packet (8) */
    uint32_t output_queue;         /* frames that wait for one interface (8192) */
    uint32_t path_mtus;            /* destinations with a learnt path MTU (1024) */
    uint64_t path_mtu_age;         /* ns for which a learnt path MTU holds (10 min) */
    uint64_t hash_key;             /* a random number: keys the shared hash tables, so that nobody
                                      can prepare collisions (0: not keyed, for tests) */
};

/*
 * Makes an empty stack. `limits` NULL = all defaults. NULL when memory is exhausted.
 */
struct tpa_ip_stack *tpa_ip_stack_create(const struct tpa_ip_limits *limits);

/* Frees the stack. All its workers must have been destroyed. NULL is allowed. */
void tpa_ip_stack_destroy(struct tpa_ip_stack *stack);

struct tpa_ip_interface_config {
    const char *name; /* unique, 1 to TPA_IP_INTERFACE_NAME_SIZE - 1 characters; copied */
    uint8_t mac[6];   /* unicast */
    uint16_t mtu;     /* bytes of an IP packet, TPA_IP_MTU_MIN_IPV4 .. 65,535 */
    uint16_t vlan;    /* 802.1Q identifier (1 .. 4094) of all frames, 0 = untagged */
};

/*
 * Adds an interface, which is up. Returns its index, counted from 0; TPA_EINVAL (a field out of
 * its range), TPA_EEXIST (name), TPA_ENOSPC (TPA_IP_INTERFACES_MAX), TPA_ENOMEM.
 */
int tpa_ip_interface_add(struct tpa_ip_stack *stack, const struct tpa_ip_interface_config *config);

/* `mtu` as in the config. 0; TPA_ENOENT (no such interface), TPA_EINVAL, TPA_ENOMEM. */
int tpa_ip_interface_set_mtu(struct tpa_ip_stack *stack, uint8_t interface, uint16_t mtu);

/*
 * Routes over an interface that is down are not used. When it comes up its addresses are announced
 * again. 0; TPA_ENOENT, TPA_ENOMEM.
 */
int tpa_ip_interface_set_up(struct tpa_ip_stack *stack, uint8_t interface, bool up);

/*
 * Its addresses are announced again: what is at the other end of the wire may have changed. 0;
 * TPA_ENOENT, TPA_ENOMEM.
 */
int tpa_ip_interface_announce(struct tpa_ip_stack *stack, uint8_t interface);

/*
 * Gives an interface an address and a connected route to its prefix. `prefix_length`: 0 .. 32 for
 * IPv4, 0 .. 128 for IPv6. With its first IPv6 address an interface also gets the link-local
 * address that follows from its MAC address (RFC 4291 section 2.8 and appendix A).
 *
 * A worker announces a new address (gratuitous ARP, RFC 5227 section 2.3; unsolicited Neighbour
 * Advertisement, RFC 4861 section 7.2.6) and joins its solicited-node group (MLDv2, RFC 3810).
 * There is no probing beforehand: when another host uses the address, that is counted
 * (arp.conflict, nd.conflict), logged and answered by an announcement, and the address is kept.
 *
 * 0; TPA_EINVAL (not a unicast address, loopback, the prefix's broadcast address, prefix length,
 * IPv6 on an MTU below 1280), TPA_ENOENT (interface), TPA_EEXIST, TPA_ENOSPC, TPA_ENOMEM.
 */
int tpa_ip_address_add(struct tpa_ip_stack *stack, uint8_t interface,
                       const struct tpa_base_address *address, uint8_t prefix_length);

/* Takes an address and its connected route away. 0; TPA_ENOENT, TPA_ENOMEM. */
int tpa_ip_address_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *address);

/*
 * Adds a route. `prefix_length`: 0 .. 32 for IPv4, 0 .. 128 for IPv6; bits of `destination` behind
 * it are ignored. `gateway`: the next hop, which is taken to be on the link; NULL or unspecified =
 * destinations are on the link themselves. The longest prefix wins, connected routes before
 * configured ones of the same length.
 *
 * 0; TPA_EINVAL (prefix length, families that differ, a gateway that is not unicast), TPA_ENOENT
 * (interface), TPA_EEXIST (same prefix), TPA_ENOSPC (TPA_IP_ROUTES_MAX), TPA_ENOMEM.
 */
int tpa_ip_route_add(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                     uint8_t prefix_length, const struct tpa_base_address *gateway,
                     uint8_t interface);

/* Removes a configured route. 0; TPA_EINVAL (prefix length), TPA_ENOENT, TPA_ENOMEM. */
int tpa_ip_route_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                        uint8_t prefix_length);

/* True for the stack's own addresses and for 127.0.0.0/8 and ::1. Takes the stack's lock. */
bool tpa_ip_is_local(struct tpa_ip_stack *stack, const struct tpa_base_address *address);

/* Is there an address of this family? Takes the stack's lock. */
bool tpa_ip_has_family(struct tpa_ip_stack *stack, bool ipv4);

/* RFC 4861 section 7.3.2; for IPv4 the same machine is driven by ARP. */
enum tpa_ip_neighbour_state {
    TPA_IP_NEIGHBOUR_INCOMPLETE, /* asked for, no answer yet */
    TPA_IP_NEIGHBOUR_REACHABLE,  /* confirmed within neighbour_reachable; as of its last use */
    TPA_IP_NEIGHBOUR_STALE,      /* to be confirmed at its next use */
    TPA_IP_NEIGHBOUR_DELAY,      /* in use again; TCP gets a moment to confirm it */
    TPA_IP_NEIGHBOUR_PROBE,      /* unicast probes are being sent */
    TPA_IP_NEIGHBOUR_FAILED,     /* did not answer */
    TPA_IP_NEIGHBOUR_PERMANENT,  /* configured: neither aged nor changed by what others send */
};

struct tpa_ip_neighbour {
    struct tpa_base_address address;
    uint8_t mac[6];
    uint8_t interface;
    uint8_t state;      /* enum tpa_ip_neighbour_state */
    uint64_t confirmed; /* when it last was known to be reachable; 0 = never */
};

/*
 * Sets a permanent entry; `state` and `confirmed` are not read. 0; TPA_EINVAL (address not unicast,
 * MAC address a group's), TPA_ENOENT (interface), TPA_ENOSPC (the table is full of permanent
 * entries), TPA_ENOMEM.
 */
int tpa_ip_neighbour_set(struct tpa_ip_stack *stack, const struct tpa_ip_neighbour *neighbour,
                         uint64_t now);

/* Forgets an entry of any state; it is resolved anew when it is needed. 0; TPA_ENOENT. */
int tpa_ip_neighbour_remove(struct tpa_ip_stack *stack, uint8_t interface,
                            const struct tpa_base_address *address);

/* Copies up to `max` entries, oldest first; returns how many there are. */
uint32_t tpa_ip_neighbours(struct tpa_ip_stack *stack, struct tpa_ip_neighbour *neighbours,
                           uint32_t max);

TPA_BASE_DECLARATIONS_END

#endif
