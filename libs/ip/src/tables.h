/*
 * The immutable table of interfaces, addresses and routes. One is current at any time; a change
 * copies it, modifies the copy, derives what is derived and publishes it under RCU.
 */
#ifndef TPA_IP_TABLES_H
#define TPA_IP_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/hash.h>
#include <tpa/ip/stack.h>
#include <tpa/mem/rcu.h>

/*
 * Pointers that are read under RCU. Like liburcu's rcu_dereference() and rcu_assign_pointer(),
 * which are function calls to who is not LGPL, in the compiler's own atomics.
 */
#define TPA_IP_RCU_LOAD(pointer)           __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define TPA_IP_RCU_PUBLISH(pointer, value) __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

/* IPv4 prefix lengths are counted in the bits of the mapped address. */
#define TPA_IP_MAPPED_BITS 96
#define TPA_IP_PREFIX_MAX  128

/* Open addressing at a load of at most a half. */
#define TPA_IP_ADDRESS_SLOTS (2 * TPA_IP_ADDRESSES_MAX)

struct tpa_ip_interface {
    uint8_t mac[6];
    uint16_t mtu;          /* bytes */
    uint16_t vlan;         /* 0 = untagged */
    uint16_t subnet_first; /* its part of tables->subnets */
    uint16_t subnet_count;
    bool up;
    char name[TPA_IP_INTERFACE_NAME_SIZE];
};

/* What nobody may send from, and what is a broadcast: of one IPv4 address's subnet. */
struct tpa_ip_subnet {
    uint32_t network_be;
    uint32_t broadcast_be;
};

struct tpa_ip_own_address {
    struct tpa_base_address address;
    uint64_t serial;       /* grows with each announcement that is due */
    uint16_t id;           /* 0 .. TPA_IP_ADDRESSES_MAX - 1, its own for as long as it is there */
    uint8_t prefix_length; /* of 128 */
    uint8_t interface;
    bool automatic; /* the link-local address that came with the first IPv6 one */
};

struct tpa_ip_route {
    struct tpa_base_address destination;
    struct tpa_base_address gateway; /* unspecified: on link */
    uint8_t prefix_length;           /* of 128 */
    uint8_t interface;
    bool ipv4;
    bool connected; /* derived from an address */
};

struct tpa_ip_tables {
    uint16_t interface_count;
    uint16_t address_count;
    uint16_t route_count; /* connected ones included */
    struct tpa_ip_interface interfaces[TPA_IP_INTERFACES_MAX];
    struct tpa_ip_own_address addresses[TPA_IP_ADDRESSES_MAX]; /* in the order they came */
    struct tpa_ip_route routes[TPA_IP_ROUTES_MAX];             /* longest prefix first */
    /* derived from the addresses */
    struct tpa_ip_subnet subnets[TPA_IP_ADDRESSES_MAX];
    uint16_t slots[TPA_IP_ADDRESS_SLOTS]; /* hash table: index of an address + 1, 0 = free */
    struct tpa_mem_rcu_head rcu;
};

static inline uint32_t tpa_ip_address_slot(const struct tpa_base_address *address)
{
    return (uint32_t)tpa_base_hash_multiply_fold(address->u64[0] ^ UINT64_C(0x9e3779b97f4a7c15),
                                                 address->u64[1] ^ UINT64_C(0xbf58476d1ce4e5b9)) %
           TPA_IP_ADDRESS_SLOTS;
}

/* The entry of an address of ours, or NULL. */
static inline const struct tpa_ip_own_address *tpa_ip_tables_own(
    const struct tpa_ip_tables *tables, const struct tpa_base_address *address)
{
    uint32_t slot = tpa_ip_address_slot(address);

    for (; tables->slots[slot] != 0; slot = (slot + 1) % TPA_IP_ADDRESS_SLOTS) {
        const struct tpa_ip_own_address *own = &tables->addresses[tables->slots[slot] - 1];

        if (tpa_base_address_equal(&own->address, address))
            return own;
    }
    return NULL;
}

/* Is it the broadcast address, in either form (RFC 1122 section 3.3.6), of a subnet of this
 * interface? */
static inline bool tpa_ip_tables_is_subnet_broadcast(const struct tpa_ip_tables *tables,
                                                     const struct tpa_ip_interface *interface,
                                                     uint32_t ipv4_be)
{
    const struct tpa_ip_subnet *subnet = &tables->subnets[interface->subnet_first];

    for (uint16_t i = 0; i < interface->subnet_count; i++) {
        if (ipv4_be == subnet[i].broadcast_be || ipv4_be == subnet[i].network_be)
            return true;
    }
    return false;
}

/* The same for all interfaces. */
bool tpa_ip_tables_is_broadcast(const struct tpa_ip_tables *tables, uint32_t ipv4_be);

/* Is the address within a prefix of ours on this interface, so that it can be a neighbour? */
bool tpa_ip_tables_is_on_link(const struct tpa_ip_tables *tables, uint8_t interface,
                              const struct tpa_base_address *address);

/* An address of ours of this family on the interface, or NULL. */
const struct tpa_ip_own_address *tpa_ip_tables_first_own(const struct tpa_ip_tables *tables,
                                                         uint8_t interface, bool ipv4);

/* Has an own address whose solicited-node group is `group` (RFC 4291 section 2.7.1)? */
bool tpa_ip_tables_in_solicited_group(const struct tpa_ip_tables *tables, uint8_t interface,
                                      const struct tpa_base_address *group);

/* ff02::1:ffXX:XXXX of an address. */
struct tpa_base_address tpa_ip_solicited_node_group(const struct tpa_base_address *address);

/* Works out connected routes, the routes' order, subnets and slots after a change. */
void tpa_ip_tables_derive(struct tpa_ip_tables *tables);

/*
 * The route to a destination, or NULL. Interfaces that are down don't count. A link-local IPv6
 * destination is looked for on the link of `source`, where that is link-local too.
 */
const struct tpa_ip_route *tpa_ip_route_find(const struct tpa_ip_tables *tables,
                                             const struct tpa_base_address *source,
                                             const struct tpa_base_address *destination);

/*
 * The own address to use as source towards `destination` over `interface`, where the next hop is
 * `next_hop` (RFC 6724 section 5, see tpa_ip_path_get); NULL if there is none of its family.
 */
const struct tpa_ip_own_address *tpa_ip_source_select(const struct tpa_ip_tables *tables,
                                                      const struct tpa_base_address *destination,
                                                      uint8_t interface,
                                                      const struct tpa_base_address *next_hop);

#endif
