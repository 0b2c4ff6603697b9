/* The shared stack: its life, and changes of interfaces and addresses. */
#include <stdlib.h>
#include <string.h>

#include "shared.h"

#define NEIGHBOURS_DEFAULT           4096
#define PENDING_PACKETS_DEFAULT      256
#define PENDING_TOTAL_DEFAULT        1024
#define FRAGMENTS_MEMORY_DEFAULT     (1u << 20)
#define FRAGMENTS_PER_SOURCE_DEFAULT 16
#define FRAGMENT_TIMEOUT_DEFAULT     (30 * TPA_BASE_SECOND)
#define ICMP_RATE_DEFAULT            1000
#define REACHABLE_DEFAULT            (30 * TPA_BASE_SECOND)
#define PATHS_DEFAULT                65536
#define EXTENSION_HEADERS_DEFAULT    8
#define OUTPUT_QUEUE_DEFAULT         8192
#define PATH_MTUS_DEFAULT            1024
#define PATH_MTU_AGE_DEFAULT         (10 * TPA_BASE_MINUTE)

#define VLAN_MAX 4094

#define OR_DEFAULT(value, fallback) \
    do {                            \
        if ((value) == 0)           \
            (value) = (fallback);   \
    } while (0)

static struct tpa_ip_limits limits_with_defaults(const struct tpa_ip_limits *given)
{
    struct tpa_ip_limits limits = given != NULL ? *given : (struct tpa_ip_limits){0};

    OR_DEFAULT(limits.neighbours, NEIGHBOURS_DEFAULT);
    OR_DEFAULT(limits.pending_packets, PENDING_PACKETS_DEFAULT);
    OR_DEFAULT(limits.pending_total, PENDING_TOTAL_DEFAULT);
    OR_DEFAULT(limits.fragments_memory, FRAGMENTS_MEMORY_DEFAULT);
    OR_DEFAULT(limits.fragments_per_source, FRAGMENTS_PER_SOURCE_DEFAULT);
    OR_DEFAULT(limits.fragment_timeout, FRAGMENT_TIMEOUT_DEFAULT);
    OR_DEFAULT(limits.icmp_rate, ICMP_RATE_DEFAULT);
    OR_DEFAULT(limits.neighbour_reachable, REACHABLE_DEFAULT);
    OR_DEFAULT(limits.paths, PATHS_DEFAULT);
    OR_DEFAULT(limits.extension_headers, EXTENSION_HEADERS_DEFAULT);
    OR_DEFAULT(limits.output_queue, OUTPUT_QUEUE_DEFAULT);
    OR_DEFAULT(limits.path_mtus, PATH_MTUS_DEFAULT);
    OR_DEFAULT(limits.path_mtu_age, PATH_MTU_AGE_DEFAULT);
    limits.neighbours = TPA_BASE_MIN(limits.neighbours, TPA_IP_LIMIT_MAX);
    limits.pending_total = TPA_BASE_MIN(limits.pending_total, TPA_IP_LIMIT_MAX);
    limits.paths = TPA_BASE_MIN(limits.paths, TPA_IP_LIMIT_MAX);
    limits.path_mtus = TPA_BASE_MIN(limits.path_mtus, TPA_IP_LIMIT_MAX);
    return limits;
}

struct tpa_ip_stack *tpa_ip_stack_create(const struct tpa_ip_limits *limits)
{
    struct tpa_ip_stack *stack = calloc(1, sizeof(*stack));

    if (stack == NULL)
        return NULL;
    stack->limits = limits_with_defaults(limits);
    stack->tables = calloc(1, sizeof(*stack->tables));
    if (stack->tables == NULL)
        goto no_tables;
    if (tpa_ip_neighbour_table_init(&stack->neighbours, stack->limits.neighbours,
                                    stack->limits.neighbour_reachable, stack->limits.hash_key) != 0)
        goto no_neighbours;
    if (tpa_ip_path_mtu_table_init(&stack->path_mtus, stack->limits.path_mtus,
                                   stack->limits.hash_key) != 0)
        goto no_path_mtus;
    pthread_mutex_init(&stack->lock, NULL);
    return stack;

no_path_mtus:
    tpa_ip_neighbour_table_fini(&stack->neighbours);
no_neighbours:
    free(stack->tables);
no_tables:
    free(stack);
    return NULL;
}

void tpa_ip_stack_destroy(struct tpa_ip_stack *stack)
{
    if (stack == NULL)
        return;
    tpa_ip_path_mtu_table_fini(&stack->path_mtus);
    tpa_ip_neighbour_table_fini(&stack->neighbours);
    pthread_mutex_destroy(&stack->lock);
    free(stack->tables);
    free(stack);
}

struct tpa_ip_tables *tpa_ip_change_begin(struct tpa_ip_stack *stack)
{
    struct tpa_ip_tables *next = malloc(sizeof(*next));

    if (next == NULL)
        return NULL;
    pthread_mutex_lock(&stack->lock);
    memcpy(next, stack->tables, sizeof(*next));
    return next;
}

static void reclaim_tables(struct tpa_mem_rcu_head *head)
{
    free(TPA_BASE_CONTAINER_OF(head, struct tpa_ip_tables, rcu));
}

int tpa_ip_change_commit(struct tpa_ip_stack *stack, struct tpa_ip_tables *next, int result)
{
    struct tpa_ip_tables *previous = stack->tables;

    tpa_ip_tables_derive(next);
    TPA_IP_RCU_PUBLISH(stack->tables, next);
    tpa_ip_stack_changed(stack, TPA_IP_GENERATION_TABLES);
    pthread_mutex_unlock(&stack->lock);
    tpa_mem_rcu_call(&previous->rcu, reclaim_tables);
    return result;
}

int tpa_ip_change_abort(struct tpa_ip_stack *stack, struct tpa_ip_tables *next, int error)
{
    pthread_mutex_unlock(&stack->lock);
    free(next);
    return error;
}

static bool is_group_mac(const uint8_t mac[6])
{
    return mac[0] & 1;
}

static bool interface_config_is_valid(const struct tpa_ip_interface_config *config)
{
    static const uint8_t nobody[6];
    size_t length = config->name != NULL ? strlen(config->name) : 0;

    return length > 0 && length < TPA_IP_INTERFACE_NAME_SIZE && !is_group_mac(config->mac) &&
           memcmp(config->mac, nobody, sizeof(nobody)) != 0 && config->mtu >= TPA_IP_MTU_MIN_IPV4 &&
           config->vlan <= VLAN_MAX;
}

static bool has_name(const struct tpa_ip_tables *tables, const char *name)
{
    for (uint16_t i = 0; i < tables->interface_count; i++) {
        if (strcmp(tables->interfaces[i].name, name) == 0)
            return true;
    }
    return false;
}

int tpa_ip_interface_add(struct tpa_ip_stack *stack, const struct tpa_ip_interface_config *config)
{
    struct tpa_ip_tables *next;
    struct tpa_ip_interface *interface;

    if (!interface_config_is_valid(config))
        return TPA_EINVAL;
    next = tpa_ip_change_begin(stack);
    if (next == NULL)
        return TPA_ENOMEM;
    if (has_name(next, config->name))
        return tpa_ip_change_abort(stack, next, TPA_EEXIST);
    if (next->interface_count == TPA_IP_INTERFACES_MAX)
        return tpa_ip_change_abort(stack, next, TPA_ENOSPC);

    interface = &next->interfaces[next->interface_count];
    *interface = (struct tpa_ip_interface){
        .mtu = config->mtu,
        .vlan = config->vlan,
        .up = true,
    };
    memcpy(interface->mac, config->mac, sizeof(interface->mac));
    memcpy(interface->name, config->name, strlen(config->name));
    next->interface_count++;
    return tpa_ip_change_commit(stack, next, next->interface_count - 1);
}

int tpa_ip_interface_set_mtu(struct tpa_ip_stack *stack, uint8_t interface, uint16_t mtu)
{
    struct tpa_ip_tables *next = tpa_ip_change_begin(stack);
    bool has_ipv6;

    if (next == NULL)
        return TPA_ENOMEM;
    if (interface >= next->interface_count)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    has_ipv6 = tpa_ip_tables_first_own(next, interface, false) != NULL;
    if (mtu < (has_ipv6 ? TPA_IP_MTU_MIN_IPV6 : TPA_IP_MTU_MIN_IPV4))
        return tpa_ip_change_abort(stack, next, TPA_EINVAL);
    next->interfaces[interface].mtu = mtu;
    return tpa_ip_change_commit(stack, next, 0);
}

/* Workers announce an address whose serial number is new to them. */
static void announce_again(struct tpa_ip_stack *stack, struct tpa_ip_tables *next,
                           uint8_t interface)
{
    for (uint16_t i = 0; i < next->address_count; i++) {
        if (next->addresses[i].interface == interface)
            next->addresses[i].serial = ++stack->serial;
    }
}

int tpa_ip_interface_announce(struct tpa_ip_stack *stack, uint8_t interface)
{
    struct tpa_ip_tables *next = tpa_ip_change_begin(stack);

    if (next == NULL)
        return TPA_ENOMEM;
    if (interface >= next->interface_count)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    announce_again(stack, next, interface);
    return tpa_ip_change_commit(stack, next, 0);
}

int tpa_ip_interface_set_up(struct tpa_ip_stack *stack, uint8_t interface, bool up)
{
    struct tpa_ip_tables *next = tpa_ip_change_begin(stack);

    if (next == NULL)
        return TPA_ENOMEM;
    if (interface >= next->interface_count)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    if (next->interfaces[interface].up == up)
        return tpa_ip_change_abort(stack, next, 0);
    next->interfaces[interface].up = up;
    if (up)
        announce_again(stack, next, interface);
    return tpa_ip_change_commit(stack, next, 0);
}

/* An identifier that no other address has. */
static uint16_t free_id(const struct tpa_ip_tables *tables)
{
    for (uint16_t id = 0;; id++) {
        uint16_t i = 0;

        while (i < tables->address_count && tables->addresses[i].id != id)
            i++;
        if (i == tables->address_count)
            return id;
    }
}

static int append_address(struct tpa_ip_stack *stack, struct tpa_ip_tables *next,
                          const struct tpa_ip_own_address *address)
{
    struct tpa_ip_own_address *own;

    /* The slots are those from before the change, so this finds what was there then. */
    if (tpa_ip_tables_own(next, &address->address) != NULL)
        return TPA_EEXIST;
    if (next->address_count == TPA_IP_ADDRESSES_MAX || next->route_count == TPA_IP_ROUTES_MAX)
        return TPA_ENOSPC;
    own = &next->addresses[next->address_count];
    *own = *address;
    own->id = free_id(next);
    own->serial = ++stack->serial;
    next->address_count++;
    next->route_count++; /* its connected route, which is derived */
    next->routes[next->route_count - 1].connected = true;
    return 0;
}

/* RFC 4291 appendix A: the modified EUI-64 form of a MAC address under fe80::/64. */
static struct tpa_base_address link_local_from_mac(const uint8_t mac[6])
{
    return (struct tpa_base_address){
        .u8 = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4],
               mac[5]},
    };
}

static int append_link_local(struct tpa_ip_stack *stack, struct tpa_ip_tables *next,
                             uint8_t interface)
{
    struct tpa_ip_own_address own = {
        .address = link_local_from_mac(next->interfaces[interface].mac),
        .prefix_length = 64,
        .interface = interface,
        .automatic = true,
    };
    int error = append_address(stack, next, &own);

    /* Two interfaces with one MAC address: the first has it. */
    return error == TPA_EEXIST ? 0 : error;
}

static bool is_assignable(const struct tpa_base_address *address, uint8_t prefix_length)
{
    uint32_t host_bits, ipv4;

    if (!tpa_base_address_is_unicast(address) || tpa_base_address_is_loopback(address))
        return false;
    if (!tpa_base_address_is_ipv4(address))
        return prefix_length <= 128;
    if (prefix_length >= 31)
        return prefix_length <= 32;
    host_bits = UINT32_MAX >> prefix_length;
    ipv4 = tpa_base_be32_to_host(tpa_base_address_ipv4(address));
    return (ipv4 & host_bits) != host_bits && (ipv4 & host_bits) != 0;
}

int tpa_ip_address_add(struct tpa_ip_stack *stack, uint8_t interface,
                       const struct tpa_base_address *address, uint8_t prefix_length)
{
    bool ipv4 = tpa_base_address_is_ipv4(address);
    struct tpa_ip_own_address own = {.address = *address, .interface = interface};
    struct tpa_ip_tables *next;
    bool first_ipv6;
    int error;

    if (!is_assignable(address, prefix_length))
        return TPA_EINVAL;
    own.prefix_length = (uint8_t)(ipv4 ? prefix_length + TPA_IP_MAPPED_BITS : prefix_length);
    next = tpa_ip_change_begin(stack);
    if (next == NULL)
        return TPA_ENOMEM;
    if (interface >= next->interface_count)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    if (!ipv4 && next->interfaces[interface].mtu < TPA_IP_MTU_MIN_IPV6)
        return tpa_ip_change_abort(stack, next, TPA_EINVAL);
    first_ipv6 = !ipv4 && tpa_ip_tables_first_own(next, interface, false) == NULL;

    error = append_address(stack, next, &own);
    if (error == 0 && first_ipv6 && !tpa_base_address_is_link_local(address))
        error = append_link_local(stack, next, interface);
    if (error != 0)
        return tpa_ip_change_abort(stack, next, error);
    return tpa_ip_change_commit(stack, next, 0);
}

static void remove_address(struct tpa_ip_tables *next, uint16_t index)
{
    next->address_count--;
    memmove(&next->addresses[index], &next->addresses[index + 1],
            (next->address_count - index) * sizeof(next->addresses[0]));
}

/* The automatic link-local address goes with the last one that it came for. */
static void remove_lone_link_local(struct tpa_ip_tables *next, uint8_t interface)
{
    uint16_t automatic = 0, count = 0;

    for (uint16_t i = 0; i < next->address_count; i++) {
        const struct tpa_ip_own_address *own = &next->addresses[i];

        if (own->interface != interface || tpa_base_address_is_ipv4(&own->address))
            continue;
        count++;
        if (own->automatic)
            automatic = i;
    }
    if (count == 1 && next->addresses[automatic].automatic &&
        next->addresses[automatic].interface == interface)
        remove_address(next, automatic);
}

int tpa_ip_address_remove(struct tpa_ip_stack *stack, const struct tpa_base_address *address)
{
    struct tpa_ip_tables *next = tpa_ip_change_begin(stack);
    const struct tpa_ip_own_address *own;
    uint8_t interface;

    if (next == NULL)
        return TPA_ENOMEM;
    own = tpa_ip_tables_own(next, address);
    if (own == NULL)
        return tpa_ip_change_abort(stack, next, TPA_ENOENT);
    interface = own->interface;
    remove_address(next, (uint16_t)(own - next->addresses));
    remove_lone_link_local(next, interface);
    return tpa_ip_change_commit(stack, next, 0);
}

bool tpa_ip_is_local(struct tpa_ip_stack *stack, const struct tpa_base_address *address)
{
    bool own;

    if (tpa_base_address_is_loopback(address))
        return true;
    pthread_mutex_lock(&stack->lock);
    own = tpa_ip_tables_own(stack->tables, address) != NULL;
    pthread_mutex_unlock(&stack->lock);
    return own;
}

bool tpa_ip_has_family(struct tpa_ip_stack *stack, bool ipv4)
{
    bool found = false;

    pthread_mutex_lock(&stack->lock);
    for (uint16_t i = 0; i < stack->tables->interface_count && !found; i++)
        found = tpa_ip_tables_first_own(stack->tables, (uint8_t)i, ipv4) != NULL;
    pthread_mutex_unlock(&stack->lock);
    return found;
}
