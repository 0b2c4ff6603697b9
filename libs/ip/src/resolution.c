#include "resolution.h"

#include <string.h>

#include <tpa/base/cursor.h>

#include "arp.h"
#include "nd.h"
#include "offload.h"
#include "output.h"
#include "state.h"

static struct tpa_base_list *bucket_of(struct tpa_ip_worker *worker, uint8_t interface,
                                       const struct tpa_base_address *next_hop)
{
    uint64_t words[3] = {next_hop->u64[0], next_hop->u64[1], interface};

    return &worker->resolver
                .buckets[tpa_base_hash_words(&worker->key, words, 3) % TPA_IP_RESOLVER_BUCKETS];
}

static struct tpa_ip_resolution *find(struct tpa_ip_worker *worker, uint8_t interface,
                                      const struct tpa_base_address *next_hop)
{
    struct tpa_base_list *bucket = bucket_of(worker, interface, next_hop);

    TPA_BASE_LIST_FOREACH(node, bucket)
    {
        struct tpa_ip_resolution *resolution =
            TPA_BASE_CONTAINER_OF(node, struct tpa_ip_resolution, bucket);

        if (resolution->interface == interface &&
            tpa_base_address_equal(&resolution->next_hop, next_hop))
            return resolution;
    }
    return NULL;
}

static struct rte_mbuf *pop(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution)
{
    worker->resolver.packets--;
    return tpa_mem_packet_queue_pop(&resolution->packets);
}

static void finish(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution)
{
    tpa_timer_cancel(&worker->wheel, &resolution->timer.timer);
    tpa_base_list_remove(&resolution->bucket);
    tpa_base_list_remove(&resolution->all);
    tpa_mem_slab_free(&worker->resolver.slab, resolution);
}

static void send_with(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *frame,
                      const uint8_t mac[6])
{
    memcpy(tpa_mem_packet_data(frame), mac, TPA_IP_MAC_LENGTH);
    tpa_ip_enqueue(worker, interface, frame);
}

static void send_all(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution,
                     const uint8_t mac[6])
{
    while (resolution->packets.first != NULL)
        send_with(worker, resolution->interface, pop(worker, resolution), mac);
    finish(worker, resolution);
}

/* The addresses and the protocol of a frame of ours: its header is well formed. */
static uint8_t read_own_header(const struct rte_mbuf *frame, struct tpa_ip_error *error)
{
    const uint8_t *header = tpa_mem_packet_data(frame) + tpa_ip_tx_network(frame);

    if (header[0] >> 4 == 4) {
        error->source = tpa_base_address_from_ipv4(tpa_base_load32(header + 12));
        error->destination = tpa_base_address_from_ipv4(tpa_base_load32(header + 16));
        return header[9];
    }
    error->source = tpa_base_address_from_ipv6(header + 8);
    error->destination = tpa_base_address_from_ipv6(header + 24);
    return header[6];
}

static void fail_frame(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *frame,
                       enum tpa_base_drop reason)
{
    struct tpa_ip_error error = {
        .kind = TPA_IP_ERROR_UNREACHABLE_SOFT,
        .interface = interface,
    };

    if (read_own_header(frame, &error) == TPA_IP_PROTOCOL_TCP)
        tpa_ip_output_failed(worker, interface, &error, frame, tpa_ip_tx_transport(frame), reason);
    else
        tpa_ip_drop(worker, interface, frame, reason);
}

static void fail_all(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution)
{
    while (resolution->packets.first != NULL)
        fail_frame(worker, resolution->interface, pop(worker, resolution),
                   TPA_BASE_DROP_NEIGHBOUR_UNRESOLVED);
    finish(worker, resolution);
}

/* Asks for the neighbour; false: known or given up, and the resolution is done. */
static bool pursue(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution)
{
    struct tpa_ip_link link;
    int solicitation = tpa_ip_neighbour_advance(worker->stack, resolution->interface,
                                                &resolution->next_hop, worker->now, &link);

    if (solicitation < 0 || link.state == TPA_IP_NEIGHBOUR_FAILED) {
        fail_all(worker, resolution);
        return false;
    }
    if (solicitation == TPA_IP_SOLICIT_GROUP)
        tpa_ip_solicit(worker, resolution->interface, &resolution->next_hop, NULL);
    if (tpa_ip_link_is_usable(&link)) {
        send_all(worker, resolution, link.mac);
        return false;
    }
    tpa_timer_arm(&worker->wheel, &resolution->timer.timer, link.ask_again);
    return true;
}

void tpa_ip_resolution_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer)
{
    (void)pursue(worker, TPA_BASE_CONTAINER_OF(timer, struct tpa_ip_resolution, timer));
}

void tpa_ip_resolution_poll(struct tpa_ip_worker *worker)
{
    uint64_t generation = tpa_ip_stack_generation(worker->stack);

    if (generation == worker->resolver.generation)
        return;
    worker->resolver.generation = generation;
    TPA_BASE_LIST_FOREACH_SAFE(node, following, &worker->resolver.all)
    {
        struct tpa_ip_resolution *resolution =
            TPA_BASE_CONTAINER_OF(node, struct tpa_ip_resolution, all);
        struct tpa_ip_link link;

        if (!tpa_ip_neighbour_find(worker->stack, resolution->interface, &resolution->next_hop,
                                   &link))
            continue;
        if (tpa_ip_link_is_usable(&link))
            send_all(worker, resolution, link.mac);
        else if (link.state == TPA_IP_NEIGHBOUR_FAILED)
            fail_all(worker, resolution);
    }
}

static struct tpa_ip_resolution *begin(struct tpa_ip_worker *worker, uint8_t interface,
                                       const struct tpa_base_address *next_hop)
{
    struct tpa_ip_resolution *resolution = tpa_mem_slab_alloc(&worker->resolver.slab);

    if (resolution == NULL)
        return NULL;
    *resolution = (struct tpa_ip_resolution){
        .timer.kind = TPA_IP_TIMER_RESOLUTION,
        .next_hop = *next_hop,
        .interface = interface,
    };
    tpa_base_list_push_back(bucket_of(worker, interface, next_hop), &resolution->bucket);
    tpa_base_list_push_back(&worker->resolver.all, &resolution->all);
    return resolution;
}

/* Keeps the bounds: of this neighbour's packets the oldest goes, of all neighbours' the new one. */
static bool make_room(struct tpa_ip_worker *worker, struct tpa_ip_resolution *resolution)
{
    const struct tpa_ip_limits *limits = &worker->stack->limits;

    if (resolution->packets.count >= limits->pending_packets)
        tpa_ip_drop(worker, resolution->interface, pop(worker, resolution),
                    TPA_BASE_DROP_NEIGHBOUR_QUEUE_FULL);
    return worker->resolver.packets < limits->pending_total;
}

void tpa_ip_resolution_wait(struct tpa_ip_worker *worker, uint8_t interface,
                            const struct tpa_base_address *next_hop, struct rte_mbuf *frame)
{
    struct tpa_ip_resolution *resolution = find(worker, interface, next_hop);
    bool is_new = resolution == NULL;

    if (is_new && worker->resolver.packets < worker->stack->limits.pending_total)
        resolution = begin(worker, interface, next_hop);
    if (resolution == NULL || !make_room(worker, resolution)) {
        tpa_ip_drop(worker, interface, frame, TPA_BASE_DROP_NEIGHBOUR_BUDGET);
        return;
    }
    tpa_mem_packet_queue_push(&resolution->packets, frame);
    worker->resolver.packets++;
    if (is_new)
        (void)pursue(worker, resolution);
}

void tpa_ip_solicit(struct tpa_ip_worker *worker, uint8_t interface,
                    const struct tpa_base_address *next_hop, const uint8_t *mac)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    const struct tpa_ip_own_address *own =
        tpa_ip_source_select(tables, next_hop, interface, next_hop);

    if (interface >= tables->interface_count || own == NULL)
        return;
    if (tpa_base_address_is_ipv4(next_hop))
        tpa_ip_arp_request(worker, tables, interface, &own->address, next_hop, mac);
    else
        tpa_ip_nd_solicit(worker, tables, interface, &own->address, next_hop, mac);
}

int tpa_ip_resolver_init(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks)
{
    struct tpa_ip_resolver *resolver = &worker->resolver;

    tpa_base_list_init(&resolver->all);
    for (unsigned int i = 0; i < TPA_IP_RESOLVER_BUCKETS; i++)
        tpa_base_list_init(&resolver->buckets[i]);
    return tpa_mem_slab_init(&resolver->slab, chunks, sizeof(struct tpa_ip_resolution), 8,
                             worker->stack->limits.pending_total);
}

void tpa_ip_resolver_fini(struct tpa_ip_worker *worker)
{
    TPA_BASE_LIST_FOREACH_SAFE(node, following, &worker->resolver.all)
    {
        struct tpa_ip_resolution *resolution =
            TPA_BASE_CONTAINER_OF(node, struct tpa_ip_resolution, all);

        while (resolution->packets.first != NULL)
            tpa_ip_drop(worker, resolution->interface, pop(worker, resolution),
                        TPA_BASE_DROP_SHUTDOWN);
        finish(worker, resolution);
    }
    (void)tpa_mem_slab_destroy(&worker->resolver.slab);
}
