/* Routes (longest prefix match) and the choice of a source address. */
#include <string.h>

#include "shared.h"

static bool is_link_local_ipv6(const struct tpa_base_address *address)
{
    return !tpa_base_address_is_ipv4(address) && tpa_base_address_is_link_local(address);
}

/* The interface that a link-local destination is on, or -1: any. */
static int link_of(const struct tpa_ip_tables *tables, const struct tpa_base_address *source,
                   const struct tpa_base_address *destination)
{
    const struct tpa_ip_own_address *own;

    if (!is_link_local_ipv6(destination) || !is_link_local_ipv6(source))
        return -1;
    own = tpa_ip_tables_own(tables, source);
    return own != NULL ? own->interface : -1;
}

const struct tpa_ip_route *tpa_ip_route_find(const struct tpa_ip_tables *tables,
                                             const struct tpa_base_address *source,
                                             const struct tpa_base_address *destination)
{
    bool ipv4 = tpa_base_address_is_ipv4(destination);
    int link = link_of(tables, source, destination);

    for (uint16_t i = 0; i < tables->route_count; i++) {
        const struct tpa_ip_route *route = &tables->routes[i];

        if (route->ipv4 == ipv4 && (link < 0 || route->interface == link) &&
            tables->interfaces[route->interface].up &&
            tpa_base_address_prefix_equal(&route->destination, destination, route->prefix_length))
            return route;
    }
    return NULL;
}

/* Equal leading bits, at most `limit`. */
static unsigned int common_prefix(const struct tpa_base_address *a,
                                  const struct tpa_base_address *b, unsigned int limit)
{
    unsigned int bits = 0;

    for (unsigned int i = 0; i < sizeof(a->u8) && bits < limit; i++, bits += 8) {
        uint8_t difference = a->u8[i] ^ b->u8[i];

        if (difference != 0) {
            bits += (unsigned int)__builtin_clz(difference) - 24;
            break;
        }
    }
    return TPA_BASE_MIN(bits, limit);
}

/* How well an address of ours serves as source: RFC 6724 rules 1, 2, 5 and 8, the first weighs
 * most. */
static unsigned int rate_source(const struct tpa_ip_own_address *own,
                                const struct tpa_base_address *destination, uint8_t interface,
                                const struct tpa_base_address *next_hop)
{
    bool ipv4 = tpa_base_address_is_ipv4(destination);
    bool same_scope = tpa_base_address_is_link_local(&own->address) ==
                      tpa_base_address_is_link_local(destination);
    /* IPv4 addresses of one prefix share a link and little else: the next hop decides. */
    unsigned int prefix =
        common_prefix(&own->address, ipv4 ? next_hop : destination, own->prefix_length);

    if (tpa_base_address_equal(&own->address, destination))
        return UINT32_MAX;
    return (unsigned int)same_scope << 10 | (unsigned int)(own->interface == interface) << 9 |
           prefix;
}

const struct tpa_ip_own_address *tpa_ip_source_select(const struct tpa_ip_tables *tables,
                                                      const struct tpa_base_address *destination,
                                                      uint8_t interface,
                                                      const struct tpa_base_address *next_hop)
{
    bool ipv4 = tpa_base_address_is_ipv4(destination);
    const struct tpa_ip_own_address *best = NULL;
    unsigned int best_rating = 0;

    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];
        unsigned int rating;

        if (tpa_base_address_is_ipv4(&own->address) != ipv4)
            continue;
        rating = rate_source(own, destination, interface, next_hop);
        if (best == NULL || rating > best_rating) {
            best = own;
            best_rating = rating;
        }
    }
    return best;
}

/* The prefix length in bits of 128; negative if it is out of its range. */
static int prefix_length_of_128(const struct tpa_base_address *address, uint8_t prefix_length)
{
    if (!tpa_base_address_is_ipv4(address))
        return prefix_length <= 128 ? prefix_length : TPA_EINVAL;
    return prefix_length <= 32 ? prefix_length + TPA_IP_MAPPED_BITS : TPA_EINVAL;
}

static struct tpa_ip_route *find_configured(struct tpa_ip_tables *tables,
                                            const struct tpa_base_address *destination,
                                            uint8_t prefix_length)
{
    for (uint16_t i = 0; i < tables->route_count; i++) {
        struct tpa_ip_route *route = &tables->routes[i];

        if (!route->connected && route->prefix_length == prefix_length &&
            route->ipv4 == tpa_base_address_is_ipv4(destination) &&
            tpa_base_address_prefix_equal(&route->destination, destination, prefix_length))
            return route;
    }
    return NULL;
}

static bool is_gateway(const struct tpa_base_address *gateway,
                       const struct tpa_base_address *destination)
{
    return tpa_base_address_is_unicast(gateway) && !tpa_base_address_is_loopback(gateway) &&
           tpa_base_address_is_ipv4(gateway) == tpa_base_address_is_ipv4(destination);
}

int tpa_ip_route_add(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                     uint8_t prefix_length, const struct tpa_base_address *gateway,
                     uint8_t interface)
{
    bool on_link = gateway == NULL || tpa_base_address_is_unspecified(gateway);
    int prefix = prefix_length_of_128(destination, prefix_length);
    struct tpa_ip_tables *next;
    struct tpa_ip_route *route;

    if (prefix < 0 || (!on_link && !is_gateway(gateway, destination)))
        return TPA_EINVAL;
    next = tpa_ip_change_begin(stack);
    if (next == NULL)
        return TPA_ENOMEM;
    if (interface >= next->interface_count)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    if (find_configured(next, destination, (uint8_t)prefix) != NULL)
        return tpa_ip_change_abort(stack, next, TPA_EEXIST);
    if (next->route_count == TPA_IP_ROUTES_MAX)
        return tpa_ip_change_abort(stack, next, TPA_ENOSPC);

    route = &next->routes[next->route_count++];
    *route = (struct tpa_ip_route){
        .destination = *destination,
        .prefix_length = (uint8_t)prefix,
        .interface = interface,
        .ipv4 = tpa_base_address_is_ipv4(destination),
    };
    if (!on_link)
        route->gateway = *gateway;
    return tpa_ip_change_commit(stack, next, 0);
}

int tpa_ip_route_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                        uint8_t prefix_length)
{
    int prefix = prefix_length_of_128(destination, prefix_length);
    struct tpa_ip_tables *next;
    struct tpa_ip_route *route;

    if (prefix < 0)
        return TPA_EINVAL;
    next = tpa_ip_change_begin(stack);
    if (next == NULL)
        return TPA_ENOMEM;
    route = find_configured(next, destination, (uint8_t)prefix);
    if (route == NULL)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    *route = next->routes[--next->route_count];
    return tpa_ip_change_commit(stack, next, 0);
}
