/* A bad wire around a device. */
#include <tpa/netdev/impair.h>

#include <stdlib.h>
#include <string.h>

#include <tpa/netdev/offload.h>

#include "impair_path.h"
#include "layer.h"

#define KIND "impair"

/* Packets on their way to the lower device, which may refuse them for now. */
enum {
    READY_MAX = TPA_NETDEV_BURST_MAX
};

struct impair_queue {
    struct tpa_netdev_impair_path rx;
    struct tpa_netdev_impair_path tx;
    uint16_t ready_first;
    uint16_t ready_count;
    struct rte_mbuf *ready[READY_MAX];
    struct rte_mbuf *pieces[TPA_NETDEV_PIECES_MAX];
} TPA_BASE_CACHE_ALIGNED;

struct impair {
    struct tpa_netdev device;
    struct tpa_mem_pool *pool;
    pthread_mutex_t lock;
    uint16_t queue_count;
    struct tpa_netdev_impair_wire wires[2]; /* by enum tpa_netdev_direction */
    struct impair_queue queues[];
};

static struct impair *impair_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct impair, device);
}

static bool is_idle(const struct tpa_netdev_impair_path *path)
{
    return !atomic_load_explicit(&path->wire->active, memory_order_relaxed) &&
           tpa_netdev_impair_path_held(path) == 0;
}

static uint16_t leave_burst(struct tpa_netdev_impair_path *path, struct rte_mbuf **packets,
                            uint16_t count, uint64_t now)
{
    uint16_t left = 0;

    while (left < count) {
        packets[left] = tpa_netdev_impair_path_leave(path, now);
        if (packets[left] == NULL)
            break;
        left++;
    }
    return left;
}

static uint16_t impaired_rx_burst(struct impair *self, uint16_t queue_index,
                                  struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct tpa_netdev_impair_path *path = &self->queues[queue_index].rx;
    uint16_t left;
    uint16_t arrived;

    tpa_netdev_impair_path_refresh(path, &self->lock);
    left = leave_burst(path, packets, count, now);
    arrived = tpa_netdev_rx_burst(self->device.lower, queue_index, packets + left,
                                  (uint16_t)(count - left), now);
    for (uint16_t i = 0; i < arrived; i++)
        tpa_netdev_impair_path_enter(path, packets[left + i], now);
    left = (uint16_t)(left + leave_burst(path, packets + left, (uint16_t)(count - left), now));
    for (uint16_t i = 0; i < left; i++)
        tpa_netdev_mark_received(packets[i], now);
    return left;
}

static uint16_t impair_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct impair *self = impair_of(device);

    if (TPA_BASE_LIKELY(is_idle(&self->queues[queue].rx)))
        return tpa_netdev_rx_burst(device->lower, queue, packets, count, now);
    return impaired_rx_burst(self, queue, packets, count, now);
}

/* Hands what is due to the lower device. False while that takes no more. */
static bool send_due(struct impair *self, uint16_t queue_index, uint64_t now)
{
    struct impair_queue *queue = &self->queues[queue_index];

    for (;;) {
        uint16_t sent;

        if (queue->ready_count == 0) {
            queue->ready_first = 0;
            queue->ready_count = leave_burst(&queue->tx, queue->ready, READY_MAX, now);
            if (queue->ready_count == 0)
                return true;
        }
        sent = tpa_netdev_tx_burst(self->device.lower, queue_index,
                                   queue->ready + queue->ready_first, queue->ready_count, now);
        queue->ready_first = (uint16_t)(queue->ready_first + sent);
        queue->ready_count = (uint16_t)(queue->ready_count - sent);
        if (queue->ready_count > 0)
            return false;
    }
}

static void enter_finished(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet,
                           uint64_t now)
{
    if (tpa_netdev_checksum(packet) != 0)
        tpa_netdev_drop(&path->drops, packet, TPA_BASE_DROP_NETDEV_TX_REFUSED);
    else
        tpa_netdev_impair_path_enter(path, packet, now);
}

/* Lets a packet in as what the wire would have of it. False: no buffers for that, nothing done. */
static bool enter_sent(struct impair *self, struct impair_queue *queue, struct rte_mbuf *packet,
                       uint64_t now)
{
    int count;

    if (!(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
        enter_finished(&queue->tx, packet, now);
        return true;
    }
    count = tpa_netdev_segment(packet, self->pool, queue->pieces, TPA_NETDEV_PIECES_MAX, true);
    if (count == TPA_ENOMEM)
        return false;
    if (count < 0)
        tpa_netdev_drop(&queue->tx.drops, packet, TPA_BASE_DROP_NETDEV_SEGMENTATION);
    for (int i = 0; i < count; i++)
        enter_finished(&queue->tx, queue->pieces[i], now);
    return true;
}

static uint16_t impaired_tx_burst(struct impair *self, uint16_t queue_index,
                                  struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct impair_queue *queue = &self->queues[queue_index];
    uint16_t accepted = 0;

    tpa_netdev_impair_path_refresh(&queue->tx, &self->lock);
    if (!send_due(self, queue_index, now))
        return 0;
    while (accepted < count && enter_sent(self, queue, packets[accepted], now))
        accepted++;
    send_due(self, queue_index, now);
    return accepted;
}

static uint16_t impair_tx_burst(struct tpa_netdev *device, uint16_t queue,
                                struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct impair *self = impair_of(device);
    struct impair_queue *state = &self->queues[queue];

    if (TPA_BASE_LIKELY(is_idle(&state->tx) && state->ready_count == 0))
        return tpa_netdev_tx_burst(device->lower, queue, packets, count, now);
    return impaired_tx_burst(self, queue, packets, count, now);
}

static uint32_t impair_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    struct impair *self = impair_of(device);
    struct impair_queue *state = &self->queues[queue];
    uint32_t held = 0;

    if (tpa_netdev_impair_path_held(&state->tx) > 0 || state->ready_count > 0) {
        tpa_netdev_impair_path_refresh(&state->tx, &self->lock);
        send_due(self, queue, now);
        held = tpa_netdev_impair_path_held(&state->tx) + state->ready_count;
    }
    return held + tpa_netdev_tx_flush(device->lower, queue, now);
}

static void impair_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    struct impair *self = impair_of(device);

    device->lower->ops->counters(device->lower, counters);
    for (uint16_t i = 0; i < self->queue_count; i++) {
        tpa_netdev_counters_add_drops(counters, &self->queues[i].rx.drops);
        tpa_netdev_counters_add_drops(counters, &self->queues[i].tx.drops);
    }
}

static void clear_queue(struct impair_queue *queue)
{
    tpa_netdev_impair_path_clear(&queue->rx);
    tpa_netdev_impair_path_clear(&queue->tx);
    for (uint16_t i = 0; i < queue->ready_count; i++)
        tpa_netdev_drop(&queue->tx.drops, queue->ready[queue->ready_first + i],
                        TPA_BASE_DROP_NETDEV_PORT_GONE);
    queue->ready_count = 0;
}

static void impair_stop(struct tpa_netdev *device)
{
    struct impair *self = impair_of(device);

    tpa_netdev_stop(device->lower);
    for (uint16_t i = 0; i < self->queue_count; i++)
        clear_queue(&self->queues[i]);
}

static void impair_close(struct tpa_netdev *device)
{
    struct impair *self = impair_of(device);

    pthread_mutex_destroy(&self->lock);
    free(self);
}

static const struct tpa_netdev_ops impair_ops = {
    .kind = KIND,
    .rx_burst = impair_rx_burst,
    .tx_burst = impair_tx_burst,
    .tx_flush = impair_tx_flush,
    .info = tpa_netdev_layer_info,
    .link = tpa_netdev_layer_link,
    .counters = impair_counters,
    .set_mtu = tpa_netdev_layer_set_mtu,
    .set_link = tpa_netdev_layer_set_link,
    .steering = tpa_netdev_layer_steering,
    .dma_map = tpa_netdev_layer_dma_map,
    .dma_unmap = tpa_netdev_layer_dma_unmap,
    .start = tpa_netdev_layer_start,
    .stop = impair_stop,
    .close = impair_close,
};

static void path_init(struct impair *self, struct tpa_netdev_impair_path *path,
                      enum tpa_netdev_direction direction, uint16_t queue, uint64_t seed)
{
    path->wire = &self->wires[direction];
    path->pool = self->pool;
    path->received = direction == TPA_NETDEV_RX;
    tpa_base_random_seed(&path->random, seed + UINT64_C(0x9e3779b97f4a7c15) *
                                                   (2 * (uint64_t)queue + direction + 1));
}

struct tpa_netdev *tpa_netdev_impair_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool,
                                          uint64_t seed)
{
    struct tpa_netdev_info info;
    struct impair *self;
    uint16_t queue_count;
    size_t size;

    tpa_netdev_info(lower, &info);
    queue_count = TPA_BASE_MAX(info.rx_queue_count, info.tx_queue_count);
    size = RTE_ALIGN_CEIL(sizeof(*self), (size_t)TPA_BASE_CACHE_LINE) +
           queue_count * sizeof(struct impair_queue);
    self = aligned_alloc(TPA_BASE_CACHE_LINE, size);
    if (self == NULL)
        return NULL;
    memset(self, 0, size);
    self->device.ops = &impair_ops;
    self->device.lower = lower;
    self->pool = pool;
    self->queue_count = queue_count;
    pthread_mutex_init(&self->lock, NULL);
    for (uint16_t i = 0; i < queue_count; i++) {
        path_init(self, &self->queues[i].rx, TPA_NETDEV_RX, i, seed);
        path_init(self, &self->queues[i].tx, TPA_NETDEV_TX, i, seed);
    }
    return &self->device;
}

static bool is_sound(const struct tpa_netdev_impairment *impairment)
{
    return impairment->drop_ppm <= TPA_NETDEV_IMPAIR_PPM &&
           impairment->duplicate_ppm <= TPA_NETDEV_IMPAIR_PPM &&
           impairment->corrupt_ppm <= TPA_NETDEV_IMPAIR_PPM &&
           impairment->cut_ppm <= TPA_NETDEV_IMPAIR_PPM &&
           impairment->reorder_ppm <= TPA_NETDEV_IMPAIR_PPM &&
           impairment->delay <= TPA_NETDEV_IMPAIR_TIME_MAX &&
           impairment->jitter <= TPA_NETDEV_IMPAIR_TIME_MAX &&
           impairment->reorder_delay <= TPA_NETDEV_IMPAIR_TIME_MAX;
}

static bool does_anything(const struct tpa_netdev_impairment *impairment)
{
    return impairment->drop_ppm != 0 || impairment->duplicate_ppm != 0 ||
           impairment->corrupt_ppm != 0 || impairment->cut_ppm != 0 ||
           tpa_netdev_impairment_holds(impairment) || tpa_netdev_impairment_masks(impairment);
}

int tpa_netdev_impair_set(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                          const struct tpa_netdev_impairment *impairment)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);
    struct tpa_netdev_impair_wire *wire;
    struct impair *self;

    if (layer == NULL)
        return TPA_EUNSUPPORTED;
    if (!is_sound(impairment) || (direction != TPA_NETDEV_RX && direction != TPA_NETDEV_TX))
        return TPA_EINVAL;
    self = impair_of(layer);
    wire = &self->wires[direction];
    pthread_mutex_lock(&self->lock);
    wire->set = *impairment;
    atomic_store(&wire->packet_number, 0);
    atomic_store(&wire->free_at, 0);
    atomic_fetch_add_explicit(&wire->generation, 1, memory_order_release);
    atomic_store(&wire->active, does_anything(impairment));
    pthread_mutex_unlock(&self->lock);
    return 0;
}

void tpa_netdev_impair_get(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                           struct tpa_netdev_impairment *impairment)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);
    struct impair *self;

    memset(impairment, 0, sizeof(*impairment));
    if (layer == NULL)
        return;
    self = impair_of(layer);
    pthread_mutex_lock(&self->lock);
    *impairment = self->wires[direction].set;
    pthread_mutex_unlock(&self->lock);
}
