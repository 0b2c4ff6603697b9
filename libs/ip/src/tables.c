#include "tables.h"

#include <stdlib.h>
#include <string.h>

bool tpa_ip_tables_is_broadcast(const struct tpa_ip_tables *tables, uint32_t ipv4_be)
{
    for (uint16_t i = 0; i < tables->interface_count; i++) {
        if (tpa_ip_tables_is_subnet_broadcast(tables, &tables->interfaces[i], ipv4_be))
            return true;
    }
    return false;
}

bool tpa_ip_tables_is_on_link(const struct tpa_ip_tables *tables, uint8_t interface,
                              const struct tpa_base_address *address)
{
    bool ipv4 = tpa_base_address_is_ipv4(address);

    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];

        if (own->interface == interface && tpa_base_address_is_ipv4(&own->address) == ipv4 &&
            tpa_base_address_prefix_equal(&own->address, address, own->prefix_length))
            return true;
    }
    return false;
}

const struct tpa_ip_own_address *tpa_ip_tables_first_own(const struct tpa_ip_tables *tables,
                                                         uint8_t interface, bool ipv4)
{
    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];

        if (own->interface == interface && tpa_base_address_is_ipv4(&own->address) == ipv4)
            return own;
    }
    return NULL;
}

struct tpa_base_address tpa_ip_solicited_node_group(const struct tpa_base_address *address)
{
    struct tpa_base_address group = {
        .u8 = {0xff, 0x02, [11] = 0x01, [12] = 0xff},
    };

    memcpy(&group.u8[13], &address->u8[13], 3);
    return group;
}

bool tpa_ip_tables_in_solicited_group(const struct tpa_ip_tables *tables, uint8_t interface,
                                      const struct tpa_base_address *group)
{
    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];
        struct tpa_base_address own_group = tpa_ip_solicited_node_group(&own->address);

        if (own->interface == interface && !tpa_base_address_is_ipv4(&own->address) &&
            tpa_base_address_equal(&own_group, group))
            return true;
    }
    return false;
}

static void derive_slots(struct tpa_ip_tables *tables)
{
    memset(tables->slots, 0, sizeof(tables->slots));
    for (uint16_t i = 0; i < tables->address_count; i++) {
        uint32_t slot = tpa_ip_address_slot(&tables->addresses[i].address);

        while (tables->slots[slot] != 0)
            slot = (slot + 1) % TPA_IP_ADDRESS_SLOTS;
        tables->slots[slot] = (uint16_t)(i + 1);
    }
}

/* Prefixes of 31 and 32 bits have no broadcast address (RFC 3021). */
static bool has_broadcast(const struct tpa_ip_own_address *own)
{
    return tpa_base_address_is_ipv4(&own->address) && own->prefix_length < TPA_IP_PREFIX_MAX - 1;
}

static void derive_subnets(struct tpa_ip_tables *tables)
{
    uint16_t count = 0;

    for (uint16_t n = 0; n < tables->interface_count; n++) {
        struct tpa_ip_interface *interface = &tables->interfaces[n];

        interface->subnet_first = count;
        for (uint16_t i = 0; i < tables->address_count; i++) {
            const struct tpa_ip_own_address *own = &tables->addresses[i];
            uint32_t host_bits, ipv4;

            if (own->interface != n || !has_broadcast(own))
                continue;
            host_bits = (uint32_t)(UINT64_MAX >> (own->prefix_length - TPA_IP_MAPPED_BITS + 32));
            ipv4 = tpa_base_be32_to_host(tpa_base_address_ipv4(&own->address));
            tables->subnets[count++] = (struct tpa_ip_subnet){
                .network_be = tpa_base_host_to_be32(ipv4 & ~host_bits),
                .broadcast_be = tpa_base_host_to_be32(ipv4 | host_bits),
            };
        }
        interface->subnet_count = (uint16_t)(count - interface->subnet_first);
    }
}

/* Longest prefix first; of one length connected ones first. */
static int compare_routes(const void *a, const void *b)
{
    const struct tpa_ip_route *x = a;
    const struct tpa_ip_route *y = b;

    if (x->prefix_length != y->prefix_length)
        return (int)y->prefix_length - (int)x->prefix_length;
    return (int)y->connected - (int)x->connected;
}

static void derive_routes(struct tpa_ip_tables *tables)
{
    uint16_t count = 0;

    for (uint16_t i = 0; i < tables->route_count; i++) {
        if (!tables->routes[i].connected)
            tables->routes[count++] = tables->routes[i];
    }
    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];

        tables->routes[count++] = (struct tpa_ip_route){
            .destination = own->address,
            .prefix_length = own->prefix_length,
            .interface = own->interface,
            .ipv4 = tpa_base_address_is_ipv4(&own->address),
            .connected = true,
        };
    }
    tables->route_count = count;
    qsort(tables->routes, count, sizeof(tables->routes[0]), compare_routes);
}

void tpa_ip_tables_derive(struct tpa_ip_tables *tables)
{
    derive_routes(tables);
    derive_slots(tables);
    derive_subnets(tables);
}
