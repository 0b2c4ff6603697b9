/* One queue of an impaired wire in one direction. */
#include "impair_path.h"

#include "layer.h"

enum {
    NANOSECONDS = 1000000000,
    BITS = 8
};

/* In the private area of a packet that is held. */
struct hold {
    uint64_t departs;   /* when the rate lets it go */
    uint64_t due;       /* when it leaves */
    uint64_t overtaken; /* value of `passed` at which it leaves even before that */
};

_Static_assert(sizeof(struct hold) <= TPA_MEM_PACKET_LAYER_SIZE, "fits the holder's bytes");

static struct hold *hold_of(struct rte_mbuf *packet)
{
    return tpa_mem_packet_layer(packet, struct hold);
}

static bool is_due(const struct tpa_netdev_impair_path *path, uint64_t time, uint64_t now)
{
    return time <= now || !path->holds;
}

/* What has waited for the rate begins its delay. */
static void move_shaped(struct tpa_netdev_impair_path *path, uint64_t now)
{
    while (path->shaped.count > 0 && is_due(path, hold_of(path->shaped.first)->departs, now))
        tpa_mem_packet_queue_push(&path->ordered, tpa_mem_packet_queue_pop(&path->shaped));
}

static bool happens(struct tpa_netdev_impair_path *path, uint32_t ppm)
{
    return ppm != 0 && tpa_base_random_below(&path->random, TPA_NETDEV_IMPAIR_PPM) < ppm;
}

static bool mask_has(const uint64_t *mask, uint64_t number)
{
    return number < TPA_NETDEV_IMPAIR_MASK_MAX && (mask[number / 64] >> number % 64 & 1);
}

void tpa_netdev_impair_path_refresh(struct tpa_netdev_impair_path *path, pthread_mutex_t *lock)
{
    unsigned int generation = atomic_load_explicit(&path->wire->generation, memory_order_acquire);

    if (TPA_BASE_LIKELY(generation == path->generation))
        return;
    pthread_mutex_lock(lock);
    path->current = path->wire->set;
    path->generation = atomic_load_explicit(&path->wire->generation, memory_order_relaxed);
    pthread_mutex_unlock(lock);
    path->masks = tpa_netdev_impairment_masks(&path->current);
    path->holds = tpa_netdev_impairment_holds(&path->current);
    /* Nobody waits behind those that leave at once. */
    if (!path->holds)
        path->last_due = 0;
}

/* A copy that may be written to in the place of a packet whose bytes may be others' as well. NULL,
 * and the packet is dropped: no buffers. */
static struct rte_mbuf *make_writable(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet)
{
    struct rte_mbuf *copy = tpa_mem_packet_copy(path->pool, packet);

    if (copy == NULL) {
        tpa_netdev_drop(&path->drops, packet, TPA_BASE_DROP_NETDEV_NO_BUFFER);
        return NULL;
    }
    tpa_mem_packet_free(packet);
    /* What the port said of the original's checksums is void. */
    if (path->received)
        copy->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
    return copy;
}

static struct rte_mbuf *cut(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet)
{
    if (packet->pkt_len <= TPA_NETDEV_ETHERNET_HEADER)
        return packet;
    packet = make_writable(path, packet);
    if (packet == NULL)
        return NULL;
    tpa_mem_packet_truncate(
        packet, TPA_NETDEV_ETHERNET_HEADER +
                    (uint32_t)tpa_base_random_below(&path->random,
                                                    packet->pkt_len - TPA_NETDEV_ETHERNET_HEADER));
    return packet;
}

static struct rte_mbuf *corrupt(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet)
{
    struct rte_mbuf *segment;
    uint64_t bit;

    if (packet->pkt_len == 0)
        return packet;
    packet = make_writable(path, packet);
    if (packet == NULL)
        return NULL;
    bit = tpa_base_random_below(&path->random, (uint64_t)packet->pkt_len * BITS);
    segment = packet;
    while (bit >= (uint64_t)segment->data_len * BITS) {
        bit -= (uint64_t)segment->data_len * BITS;
        segment = segment->next;
    }
    *rte_pktmbuf_mtod_offset(segment, uint8_t *, bit / BITS) ^= (uint8_t)(1u << bit % BITS);
    return packet;
}

/* When a frame that is ready at `now` has passed a wire of the set rate. */
static uint64_t departure(struct tpa_netdev_impair_path *path, const struct rte_mbuf *packet,
                          uint64_t now)
{
    uint64_t rate = path->current.rate_bits_per_second;
    uint64_t free_at = atomic_load_explicit(&path->wire->free_at, memory_order_relaxed);
    uint64_t departs;

    if (rate == 0)
        return now;
    do {
        departs =
            TPA_BASE_MAX(free_at, now) + (uint64_t)packet->pkt_len * BITS * NANOSECONDS / rate;
    } while (!atomic_compare_exchange_weak(&path->wire->free_at, &free_at, departs));
    return departs;
}

static void set_aside(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet,
                      uint64_t departs)
{
    const struct tpa_netdev_impairment *current = &path->current;
    struct hold *hold = hold_of(packet);
    uint64_t delay =
        current->reorder_delay != 0 ? current->reorder_delay : TPA_NETDEV_IMPAIR_REORDER_DELAY;

    hold->due = departs + current->delay + delay;
    hold->overtaken = current->reorder_depth != 0 ? path->passed + path->shaped.count +
                                                        path->ordered.count + current->reorder_depth
                                                  : UINT64_MAX;
    tpa_mem_packet_queue_push(&path->aside, packet);
}

static uint64_t transit_time(struct tpa_netdev_impair_path *path)
{
    uint64_t time = path->current.delay;

    if (path->current.jitter != 0)
        time += tpa_base_random_below(&path->random, path->current.jitter + 1);
    return time;
}

static bool rate_queue_full(const struct tpa_netdev_impair_path *path)
{
    uint32_t limit = path->current.queue_limit != 0 ? path->current.queue_limit
                                                    : TPA_NETDEV_IMPAIR_QUEUE_DEFAULT;

    return path->current.rate_bits_per_second != 0 && path->shaped.count >= limit;
}

static void hold(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet, uint64_t now)
{
    bool reordered = happens(path, path->current.reorder_ppm);
    struct hold *hold = hold_of(packet);

    move_shaped(path, now);
    if (tpa_netdev_impair_path_held(path) >= TPA_NETDEV_IMPAIR_HELD_MAX || rate_queue_full(path)) {
        tpa_netdev_drop(&path->drops, packet, TPA_BASE_DROP_NETDEV_IMPAIRMENT_QUEUE);
        return;
    }
    hold->departs = departure(path, packet, now);
    if (reordered) {
        set_aside(path, packet, hold->departs);
        return;
    }
    hold->due = TPA_BASE_MAX(hold->departs + transit_time(path), path->last_due);
    path->last_due = hold->due;
    tpa_mem_packet_queue_push(hold->departs > now ? &path->shaped : &path->ordered, packet);
}

static void duplicate(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet, uint64_t now)
{
    struct rte_mbuf *copy = tpa_mem_packet_copy(path->pool, packet);

    if (copy == NULL)
        tpa_base_drop_count(&path->drops, TPA_BASE_DROP_NETDEV_NO_BUFFER);
    else
        hold(path, copy, now);
}

void tpa_netdev_impair_path_enter(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet,
                                  uint64_t now)
{
    const struct tpa_netdev_impairment *current = &path->current;
    uint64_t number = UINT64_MAX;

    if (path->masks)
        number = atomic_fetch_add_explicit(&path->wire->packet_number, 1, memory_order_relaxed);
    if (mask_has(current->drop_mask, number) || happens(path, current->drop_ppm)) {
        tpa_netdev_drop(&path->drops, packet, TPA_BASE_DROP_NETDEV_IMPAIRMENT);
        return;
    }
    if (happens(path, current->cut_ppm))
        packet = cut(path, packet);
    if (packet != NULL && happens(path, current->corrupt_ppm))
        packet = corrupt(path, packet);
    if (packet == NULL)
        return;
    if (mask_has(current->duplicate_mask, number) || happens(path, current->duplicate_ppm))
        duplicate(path, packet, now);
    hold(path, packet, now);
}

static bool aside_is_due(const struct tpa_netdev_impair_path *path, uint64_t now)
{
    const struct hold *hold;

    if (path->aside.first == NULL)
        return false;
    hold = hold_of(path->aside.first);
    return is_due(path, hold->due, now) || hold->overtaken <= path->passed;
}

struct rte_mbuf *tpa_netdev_impair_path_leave(struct tpa_netdev_impair_path *path, uint64_t now)
{
    if (aside_is_due(path, now))
        return tpa_mem_packet_queue_pop(&path->aside);
    move_shaped(path, now);
    if (path->ordered.first == NULL || !is_due(path, hold_of(path->ordered.first)->due, now))
        return NULL;
    path->passed++;
    return tpa_mem_packet_queue_pop(&path->ordered);
}

static void clear(struct tpa_netdev_impair_path *path, struct tpa_mem_packet_queue *queue)
{
    while (queue->count > 0)
        tpa_netdev_drop(&path->drops, tpa_mem_packet_queue_pop(queue),
                        TPA_BASE_DROP_NETDEV_PORT_GONE);
}

void tpa_netdev_impair_path_clear(struct tpa_netdev_impair_path *path)
{
    clear(path, &path->shaped);
    clear(path, &path->ordered);
    clear(path, &path->aside);
}
