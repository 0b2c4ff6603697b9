#include "path.h"

#include <stdlib.h>
#include <string.h>

#include <tpa/base/bits.h>
#include <tpa/base/error.h>

#include "ethernet.h"
#include "state.h"

/* A confirmation that comes this part of neighbour_reachable after the last one changes little. */
#define CONFIRM_FRACTION 4

int tpa_ip_path_cache_init(struct tpa_ip_path_cache *cache, uint32_t limit,
                           const struct tpa_mem_chunk_source *chunks)
{
    uint32_t bucket_count = (uint32_t)tpa_base_bits_next_power_of_two(limit);

    cache->buckets = calloc(bucket_count, sizeof(void *));
    if (cache->buckets == NULL)
        return TPA_ENOMEM;
    cache->bucket_mask = bucket_count - 1;
    cache->limit = limit;
    tpa_base_list_init(&cache->idle);
    return tpa_mem_slab_init(&cache->slab, chunks, sizeof(struct tpa_ip_path), TPA_BASE_CACHE_LINE,
                             limit);
}

void tpa_ip_path_cache_fini(struct tpa_ip_path_cache *cache)
{
    for (uint32_t i = 0; cache->buckets != NULL && i <= cache->bucket_mask; i++) {
        while (cache->buckets[i] != NULL) {
            struct tpa_ip_path *path = cache->buckets[i];

            cache->buckets[i] = path->next;
            tpa_mem_slab_free(&cache->slab, path);
        }
    }
    (void)tpa_mem_slab_destroy(&cache->slab);
    free(cache->buckets);
}

static struct tpa_ip_path **bucket_of(struct tpa_ip_worker *worker,
                                      const struct tpa_base_address *source,
                                      const struct tpa_base_address *destination)
{
    return &worker->paths.buckets[tpa_base_hash_tuple(&worker->key, source, destination, 0) &
                                  worker->paths.bucket_mask];
}

static struct tpa_ip_path *find(struct tpa_ip_worker *worker, const struct tpa_base_address *source,
                                const struct tpa_base_address *destination)
{
    struct tpa_ip_path *path = *bucket_of(worker, source, destination);

    while (path != NULL && !(tpa_base_address_equal(&path->destination, destination) &&
                             tpa_base_address_equal(&path->source, source)))
        path = path->next;
    return path;
}

/* The template of the IP header: everything but lengths, traffic class, TTL, protocol, id. */
static void write_ip_header(struct tpa_ip_path *path)
{
    size_t length = path->ipv4 ? TPA_IP_IPV4_LENGTH : TPA_IP_IPV6_LENGTH;
    struct tpa_base_writer writer = tpa_base_writer_make(path->header + path->link_length, length);

    if (path->ipv4) {
        tpa_base_writer_be32(&writer, UINT32_C(0x45000000));
        tpa_base_writer_be32(&writer, TPA_IP_IPV4_DF);
        tpa_base_writer_be32(&writer, 0);
        tpa_base_writer_bytes(&writer, &path->source.u8[12], 4);
        tpa_base_writer_bytes(&writer, &path->destination.u8[12], 4);
    } else {
        tpa_base_writer_be32(&writer, UINT32_C(0x60000000));
        tpa_base_writer_be32(&writer, 0);
        tpa_base_writer_bytes(&writer, path->source.u8, 16);
        tpa_base_writer_bytes(&writer, path->destination.u8, 16);
    }
    path->header_length = (uint8_t)(path->link_length + length);
}

static void refresh_loopback(struct tpa_ip_path *path)
{
    path->state = TPA_IP_PATH_LOOPBACK;
    path->interface = TPA_IP_INTERFACE_LOOPBACK;
    path->mtu = TPA_IP_LOOPBACK_MTU;
    path->mtu_expires = UINT64_MAX;
    path->refresh_at = UINT64_MAX;
    path->link_length = 0;
    write_ip_header(path);
}

static void refresh_mtu(struct tpa_ip_path *path, const struct tpa_ip_interface *interface)
{
    struct tpa_ip_worker *worker = path->worker;
    uint64_t expires;
    uint16_t learnt =
        tpa_ip_path_mtu_find(worker->stack, &path->destination, worker->now, &expires);

    path->mtu = interface->mtu;
    path->mtu_expires = UINT64_MAX;
    if (learnt != 0 && learnt < interface->mtu) {
        path->mtu = learnt;
        path->mtu_expires = expires;
    }
}

static void break_path(struct tpa_ip_path *path, enum tpa_ip_path_state state)
{
    path->state = (uint8_t)state;
    path->mtu_expires = UINT64_MAX;
    path->refresh_at = UINT64_MAX;
}

/* Route, MTU and headers. */
static void refresh_route(struct tpa_ip_path *path)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(path->worker->stack);
    const struct tpa_ip_interface *interface;
    const struct tpa_ip_route *route;

    if (tpa_ip_tables_own(tables, &path->source) == NULL) {
        break_path(path, TPA_IP_PATH_NO_SOURCE);
        return;
    }
    if (tpa_ip_tables_own(tables, &path->destination) != NULL) {
        refresh_loopback(path);
        return;
    }
    route = tpa_ip_route_find(tables, &path->source, &path->destination);
    if (route == NULL) {
        break_path(path, TPA_IP_PATH_NO_ROUTE);
        return;
    }
    interface = &tables->interfaces[route->interface];
    path->state = TPA_IP_PATH_UNRESOLVED;
    path->interface = route->interface;
    path->next_hop =
        tpa_base_address_is_unspecified(&route->gateway) ? path->destination : route->gateway;
    refresh_mtu(path, interface);
    path->link_length = tpa_ip_ethernet_header(
        path->header, interface, NULL, path->ipv4 ? TPA_IP_ETHERTYPE_IPV4 : TPA_IP_ETHERTYPE_IPV6);
    write_ip_header(path);
}

static bool has_neighbour(const struct tpa_ip_path *path)
{
    return path->state == TPA_IP_PATH_READY || path->state == TPA_IP_PATH_UNRESOLVED;
}

static void use_link(struct tpa_ip_path *path, const struct tpa_ip_link *link)
{
    if (!tpa_ip_link_is_usable(link)) {
        /* Its resolution moves the generation; until then packets wait. */
        path->state = TPA_IP_PATH_UNRESOLVED;
        path->refresh_at = path->mtu_expires;
        return;
    }
    memcpy(path->header, link->mac, sizeof(link->mac));
    path->state = TPA_IP_PATH_READY;
    path->refresh_at = TPA_BASE_MIN(link->ask_again, path->mtu_expires);
}

static void refresh_neighbour(struct tpa_ip_path *path)
{
    struct tpa_ip_link link = {.state = TPA_IP_NEIGHBOUR_INCOMPLETE};

    (void)tpa_ip_neighbour_find(path->worker->stack, path->interface, &path->next_hop, &link);
    use_link(path, &link);
}

void tpa_ip_path_refresh(struct tpa_ip_path *path)
{
    uint64_t generation = tpa_ip_stack_generation(path->worker->stack);

    if ((path->generation ^ generation) >= TPA_IP_GENERATION_TABLES)
        refresh_route(path);
    path->generation = generation;
    if (has_neighbour(path))
        refresh_neighbour(path);
}

/* What is used is kept alive: the neighbour's state moves on, and it is probed if that says so. */
static void advance_neighbour(struct tpa_ip_path *path, uint64_t now)
{
    struct tpa_ip_worker *worker = path->worker;
    struct tpa_ip_link link;
    int solicitation;

    solicitation =
        tpa_ip_neighbour_advance(worker->stack, path->interface, &path->next_hop, now, &link);
    if (solicitation < 0)
        return;
    use_link(path, &link);
    if (solicitation == TPA_IP_SOLICIT_UNICAST)
        tpa_ip_solicit(worker, path->interface, &path->next_hop, link.mac);
}

void tpa_ip_path_renew(struct tpa_ip_path *path, uint64_t now)
{
    if (now >= path->mtu_expires)
        path->generation = ~tpa_ip_stack_generation(path->worker->stack);
    tpa_ip_path_refresh(path);
    if (path->state == TPA_IP_PATH_READY && now >= path->refresh_at)
        advance_neighbour(path, now);
}

static void path_init(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                      const struct tpa_base_address *source,
                      const struct tpa_base_address *destination)
{
    *path = (struct tpa_ip_path){
        .worker = worker,
        .generation = ~tpa_ip_stack_generation(worker->stack),
        .source = *source,
        .destination = *destination,
        .ipv4 = tpa_base_address_is_ipv4(destination),
        .identification = (uint16_t)tpa_base_random_u32(worker->random),
    };
    tpa_ip_path_refresh(path);
}

struct tpa_ip_path *tpa_ip_path_for(struct tpa_ip_worker *worker,
                                    const struct tpa_base_address *source,
                                    const struct tpa_base_address *destination,
                                    struct tpa_ip_path *transient)
{
    struct tpa_ip_path *path = find(worker, source, destination);

    if (path == NULL) {
        path_init(worker, transient, source, destination);
        return transient;
    }
    if (path->generation != tpa_ip_stack_generation(worker->stack))
        tpa_ip_path_refresh(path);
    return path;
}

static void cache_remove(struct tpa_ip_worker *worker, struct tpa_ip_path *path)
{
    struct tpa_ip_path **link = bucket_of(worker, &path->source, &path->destination);

    while (*link != path)
        link = &(*link)->next;
    *link = path->next;
    tpa_mem_slab_free(&worker->paths.slab, path);
}

/* Room for a path; at the limit the one that was unused for longest goes. */
static struct tpa_ip_path *cache_alloc(struct tpa_ip_worker *worker, int *error)
{
    struct tpa_ip_path_cache *cache = &worker->paths;
    struct tpa_ip_path *path;
    struct tpa_base_list *idle;

    if (cache->slab.in_use >= cache->limit) {
        idle = tpa_base_list_pop_front(&cache->idle);
        if (idle == NULL) {
            *error = TPA_ENOSPC;
            return NULL;
        }
        cache_remove(worker, TPA_BASE_CONTAINER_OF(idle, struct tpa_ip_path, idle));
    }
    path = tpa_mem_slab_alloc(&cache->slab);
    if (path == NULL)
        *error = TPA_ENOMEM;
    return path;
}

static struct tpa_ip_path *cache_insert(struct tpa_ip_worker *worker,
                                        const struct tpa_base_address *source,
                                        const struct tpa_base_address *destination, int *error)
{
    struct tpa_ip_path **bucket = bucket_of(worker, source, destination);
    struct tpa_ip_path *path = cache_alloc(worker, error);

    if (path == NULL)
        return NULL;
    path_init(worker, path, source, destination);
    path->next = *bucket;
    *bucket = path;
    return path;
}

/* 127.0.0.0/8 and ::1 stand for an address of ours. 0, or TPA_EUNREACHABLE without one. */
static int replace_loopback(const struct tpa_ip_tables *tables, struct tpa_base_address *address)
{
    bool ipv4 = tpa_base_address_is_ipv4(address);

    if (!tpa_base_address_is_loopback(address))
        return 0;
    for (uint16_t i = 0; i < tables->interface_count; i++) {
        const struct tpa_ip_own_address *own = tpa_ip_tables_first_own(tables, (uint8_t)i, ipv4);

        if (own != NULL) {
            *address = own->address;
            return 0;
        }
    }
    return TPA_EUNREACHABLE;
}

static bool is_destination(const struct tpa_ip_tables *tables,
                           const struct tpa_base_address *destination)
{
    if (!tpa_base_address_is_unicast(destination))
        return false;
    return !tpa_base_address_is_ipv4(destination) ||
           !tpa_ip_tables_is_broadcast(tables, tpa_base_address_ipv4(destination));
}

static int choose_source(const struct tpa_ip_tables *tables,
                         const struct tpa_base_address *destination,
                         struct tpa_base_address *source)
{
    static const struct tpa_base_address any;
    const struct tpa_ip_own_address *own = tpa_ip_tables_own(tables, destination);
    const struct tpa_ip_route *route;

    if (own == NULL) {
        route = tpa_ip_route_find(tables, &any, destination);
        if (route == NULL)
            return TPA_EUNREACHABLE;
        own = tpa_ip_source_select(
            tables, destination, route->interface,
            tpa_base_address_is_unspecified(&route->gateway) ? destination : &route->gateway);
    }
    if (own == NULL)
        return TPA_EUNREACHABLE;
    *source = own->address;
    return 0;
}

static int check_source(const struct tpa_ip_tables *tables,
                        const struct tpa_base_address *destination, struct tpa_base_address *source)
{
    int error = replace_loopback(tables, source);

    if (error != 0)
        return error;
    if (tpa_ip_tables_own(tables, source) == NULL ||
        tpa_base_address_is_ipv4(source) != tpa_base_address_is_ipv4(destination))
        return TPA_EINVAL;
    return 0;
}

static void take_reference(struct tpa_ip_path *path)
{
    if (path->references++ == 0 && tpa_base_list_is_linked(&path->idle))
        tpa_base_list_remove(&path->idle);
}

struct tpa_ip_path *tpa_ip_path_get(struct tpa_ip_worker *worker,
                                    const struct tpa_base_address *source,
                                    const struct tpa_base_address *destination, int *error)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    struct tpa_base_address to = *destination, from;
    struct tpa_ip_path *path;

    *error = replace_loopback(tables, &to);
    if (*error != 0)
        return NULL;
    if (!is_destination(tables, &to)) {
        *error = TPA_EINVAL;
        return NULL;
    }
    if (source == NULL || tpa_base_address_is_unspecified(source)) {
        *error = choose_source(tables, &to, &from);
    } else {
        from = *source;
        *error = check_source(tables, &to, &from);
    }
    if (*error != 0)
        return NULL;

    path = find(worker, &from, &to);
    if (path != NULL && path->generation != tpa_ip_stack_generation(worker->stack))
        tpa_ip_path_refresh(path);
    if (path == NULL)
        path = cache_insert(worker, &from, &to, error);
    if (path == NULL)
        return NULL;
    take_reference(path);
    if (tpa_ip_path_is_broken(path)) {
        tpa_ip_path_put(worker, path);
        *error = TPA_EUNREACHABLE;
        return NULL;
    }
    return path;
}

void tpa_ip_path_put(struct tpa_ip_worker *worker, struct tpa_ip_path *path)
{
    if (--path->references == 0)
        tpa_base_list_push_back(&worker->paths.idle, &path->idle);
}

const struct tpa_base_address *tpa_ip_path_source(const struct tpa_ip_path *path)
{
    return &path->source;
}

const struct tpa_base_address *tpa_ip_path_destination(const struct tpa_ip_path *path)
{
    return &path->destination;
}

static void bring_up_to_date(struct tpa_ip_path *path)
{
    if (path->generation != tpa_ip_stack_generation(path->worker->stack))
        tpa_ip_path_refresh(path);
}

uint8_t tpa_ip_path_interface(struct tpa_ip_path *path)
{
    bring_up_to_date(path);
    return path->interface;
}

uint16_t tpa_ip_path_mtu(struct tpa_ip_path *path)
{
    bring_up_to_date(path);
    return path->mtu;
}

void tpa_ip_path_confirm(struct tpa_ip_path *path, uint64_t now)
{
    struct tpa_ip_stack *stack = path->worker->stack;

    if (now < path->confirm_after)
        return;
    bring_up_to_date(path);
    if (path->state != TPA_IP_PATH_READY)
        return;
    path->confirm_after = now + stack->neighbours.reachable / CONFIRM_FRACTION;
    tpa_ip_neighbour_confirm(stack, path->interface, &path->next_hop, now);
    refresh_neighbour(path);
}

void tpa_ip_path_suspect(struct tpa_ip_path *path)
{
    bring_up_to_date(path);
    if (path->state != TPA_IP_PATH_READY)
        return;
    tpa_ip_neighbour_suspect(path->worker->stack, path->interface, &path->next_hop);
    path->confirm_after = 0;
    path->refresh_at = 0;
}
