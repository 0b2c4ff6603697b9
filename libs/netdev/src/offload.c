/* Software for what a port lacks, packet by packet. */
#include <tpa/netdev/offload.h>

#include <stdlib.h>

#include "layer.h"
#include "request.h"
#include "transmit_limits.h"
#include "vlan.h"

/* Segments of a packet that this layer takes: any count can be copied together. */
#define SEGMENTS 1024

/* What the layers above rely on. */
#define TX_COMPLETE                                                                          \
    (TPA_NETDEV_TX_IPV4_CHECKSUM | TPA_NETDEV_TX_TCP_CHECKSUM | TPA_NETDEV_TX_UDP_CHECKSUM | \
     TPA_NETDEV_TX_TCP_SEGMENTATION | TPA_NETDEV_TX_CHAINS | TPA_NETDEV_TX_VLAN |            \
     TPA_NETDEV_TX_EXTERNAL)

struct offload_queue {
    uint32_t first; /* of pending */
    uint32_t count;
    struct tpa_base_drop_counters drops;
    struct rte_mbuf *pending[TPA_NETDEV_PIECES_MAX]; /* accepted, and not yet with the port */
} TPA_BASE_CACHE_ALIGNED;

struct offload {
    struct tpa_netdev device;
    struct tpa_mem_pool *pool;
    struct tpa_netdev_limits limits; /* of the lower device */
    bool strips_vlan;
    bool copies_payload; /* pieces of super-frames do not share the original's memory */
    bool own_memory_only;
    uint16_t queue_count;
    struct offload_queue queues[];
};

static struct offload *offload_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct offload, device);
}

static bool all_direct(const struct rte_mbuf *packet)
{
    while (packet != NULL && RTE_MBUF_DIRECT(packet))
        packet = packet->next;
    return packet == NULL;
}

/* Does the port take these segments, whatever the packet asks for? */
static bool segments_suit(const struct offload *self, const struct rte_mbuf *packet)
{
    return tpa_netdev_limits_segments(&self->limits, packet) &&
           (!self->own_memory_only || all_direct(packet));
}

/* Is the packet to be sent as others in its place: pieces, or a copy? */
static bool must_replace(const struct offload *self, const struct rte_mbuf *packet)
{
    if (TPA_BASE_UNLIKELY(!segments_suit(self, packet)))
        return true;
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        return (self->limits.refused_flags & RTE_MBUF_F_TX_TCP_SEG) ||
               !tpa_netdev_limits_length(&self->limits, packet) ||
               !tpa_netdev_limits_requests(&self->limits, packet);
    /* Headers of others are not written to. */
    return !tpa_netdev_limits_requests(&self->limits, packet) && !RTE_MBUF_DIRECT(packet);
}

/* Does in place what the port can't. 0; TPA_EMALFORMED. */
static int fulfil(const struct offload *self, struct rte_mbuf *packet)
{
    if (TPA_BASE_LIKELY(tpa_netdev_limits_requests(&self->limits, packet)))
        return 0;
    if ((packet->ol_flags & self->limits.refused_flags & RTE_MBUF_F_TX_VLAN) &&
        tpa_netdev_vlan_insert(packet) != 0)
        return TPA_EMALFORMED;
    if (tpa_netdev_limits_requests(&self->limits, packet))
        return 0;
    return tpa_netdev_checksum(packet);
}

/* How many packets from the front can go to the port; the next one needs to be replaced, or can't
 * be sent. */
static uint16_t fulfil_run(const struct offload *self, struct rte_mbuf **packets, uint16_t count)
{
    uint16_t run;

    for (run = 0; run < count; run++) {
        if (must_replace(self, packets[run]) || fulfil(self, packets[run]) != 0)
            break;
    }
    return run;
}

/* A packet of few full buffers in the place of one of many, or of shared ones. */
static int linearize(struct offload *self, struct rte_mbuf **packet)
{
    struct rte_mbuf *copy = tpa_mem_packet_copy(self->pool, *packet);

    if (copy == NULL)
        return TPA_ENOMEM;
    tpa_mem_packet_free(*packet);
    *packet = copy;
    return 0;
}

/*
 * Makes a packet ready to be sent. 0; TPA_ENOMEM, with the packet as it was; TPA_EMALFORMED,
 * TPA_ENOSPC (too many segments even as a copy).
 */
static int ready_packet(struct offload *self, struct rte_mbuf **packet)
{
    if (must_replace(self, *packet) && linearize(self, packet) != 0)
        return TPA_ENOMEM;
    if (!segments_suit(self, *packet))
        return TPA_ENOSPC;
    return fulfil(self, *packet);
}

static enum tpa_base_drop drop_reason(int error)
{
    return error == TPA_ENOSPC ? TPA_BASE_DROP_NETDEV_SEGMENT_LIMIT
                               : TPA_BASE_DROP_NETDEV_TX_REFUSED;
}

/* Pieces in `pending` that can't be sent leave a gap, which is closed. */
static void ready_pieces(struct offload *self, struct offload_queue *queue, uint32_t count)
{
    uint32_t ready = 0;

    for (uint32_t i = 0; i < count; i++) {
        int result = ready_packet(self, &queue->pending[i]);

        if (result == 0)
            queue->pending[ready++] = queue->pending[i];
        else
            tpa_netdev_drop(&queue->drops, queue->pending[i],
                            result == TPA_ENOMEM ? TPA_BASE_DROP_NETDEV_NO_BUFFER
                                                 : drop_reason(result));
    }
    queue->count = ready;
}

static int split(struct offload *self, struct offload_queue *queue, struct rte_mbuf *packet)
{
    int result = TPA_ENOMEM;

    if (!self->copies_payload)
        result =
            tpa_netdev_segment(packet, self->pool, queue->pending, TPA_NETDEV_PIECES_MAX, false);
    /* Sharing takes more buffers than copying does, and references may be exhausted. */
    if (result == TPA_ENOMEM)
        result =
            tpa_netdev_segment(packet, self->pool, queue->pending, TPA_NETDEV_PIECES_MAX, true);
    return result;
}

/* Fills `pending` with what is sent in the packet's place. False: no buffers, nothing was done. */
static bool replace(struct offload *self, struct offload_queue *queue, struct rte_mbuf *packet)
{
    int result;

    queue->first = 0;
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
        result = split(self, queue, packet);
        if (result > 0)
            ready_pieces(self, queue, (uint32_t)result);
        else if (result != TPA_ENOMEM)
            tpa_netdev_drop(&queue->drops, packet, TPA_BASE_DROP_NETDEV_SEGMENTATION);
        return result != TPA_ENOMEM;
    }
    result = ready_packet(self, &packet);
    if (result == TPA_ENOMEM)
        return false;
    if (result == 0)
        queue->pending[queue->count++] = packet;
    else
        tpa_netdev_drop(&queue->drops, packet, drop_reason(result));
    return true;
}

/* Returns how many packets are still pending. */
static uint32_t flush(struct offload *self, uint16_t queue_index, uint64_t now)
{
    struct offload_queue *queue = &self->queues[queue_index];

    while (queue->count > 0) {
        uint16_t burst = (uint16_t)TPA_BASE_MIN(queue->count, TPA_NETDEV_BURST_MAX);
        uint16_t sent = tpa_netdev_tx_burst(self->device.lower, queue_index,
                                            queue->pending + queue->first, burst, now);

        queue->first += sent;
        queue->count -= sent;
        if (sent < burst)
            break;
    }
    return queue->count;
}

static uint16_t offload_tx_burst(struct tpa_netdev *device, uint16_t queue_index,
                                 struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct offload *self = offload_of(device);
    struct offload_queue *queue = &self->queues[queue_index];
    uint16_t accepted = 0;

    if (TPA_BASE_UNLIKELY(queue->count > 0) && flush(self, queue_index, now) > 0)
        return 0;
    while (accepted < count) {
        uint16_t run = fulfil_run(self, packets + accepted, count - accepted);
        uint16_t sent = 0;

        if (run > 0)
            sent = tpa_netdev_tx_burst(device->lower, queue_index, packets + accepted, run, now);
        accepted = (uint16_t)(accepted + sent);
        if (sent < run || accepted == count)
            return accepted;
        if (!replace(self, queue, packets[accepted]))
            return accepted;
        accepted++;
        if (flush(self, queue_index, now) > 0)
            return accepted;
    }
    return accepted;
}

static uint32_t offload_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    struct offload *self = offload_of(device);
    uint32_t held = self->queues[queue].count > 0 ? flush(self, queue, now) : 0;

    return held + tpa_netdev_tx_flush(device->lower, queue, now);
}

static uint16_t offload_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                 struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct offload *self = offload_of(device);
    uint16_t received = tpa_netdev_rx_burst(device->lower, queue, packets, count, now);

    if (!self->strips_vlan)
        return received;
    for (uint16_t i = 0; i < received; i++)
        tpa_netdev_vlan_strip(packets[i]);
    return received;
}

static void offload_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    device->lower->ops->info(device->lower, info);
    info->capabilities |= TX_COMPLETE | TPA_NETDEV_RX_VLAN;
    info->segment_count_max = SEGMENTS;
    info->tso_segment_count_max = SEGMENTS;
    info->tso_length_max = TPA_NETDEV_TSO_LENGTH_MAX;
}

static void offload_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    struct offload *self = offload_of(device);

    device->lower->ops->counters(device->lower, counters);
    for (uint16_t i = 0; i < self->queue_count; i++)
        tpa_netdev_counters_add_drops(counters, &self->queues[i].drops);
}

static void follow_lower(struct offload *self)
{
    struct tpa_netdev_info info;

    tpa_netdev_info(self->device.lower, &info);
    tpa_netdev_limits_set(&self->limits, &info);
    self->strips_vlan = !(info.capabilities & TPA_NETDEV_RX_VLAN);
    self->own_memory_only = !(info.capabilities & TPA_NETDEV_TX_EXTERNAL);
    /* A port that is a program copies payload anyway: it reads what is in the cache by then, and
     * each piece takes one buffer instead of two. Measured: SuperFrameSegment in the benchmark. */
    self->copies_payload = self->own_memory_only || !(info.capabilities & TPA_NETDEV_TX_CHAINS) ||
                           !(info.capabilities & TPA_NETDEV_DMA);
}

static int offload_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    int result = tpa_netdev_set_mtu(device->lower, mtu);

    if (result == 0)
        follow_lower(offload_of(device));
    return result;
}

static void drop_held(struct offload_queue *queue)
{
    while (queue->count > 0) {
        tpa_netdev_drop(&queue->drops, queue->pending[queue->first++],
                        TPA_BASE_DROP_NETDEV_PORT_GONE);
        queue->count--;
    }
}

static void offload_stop(struct tpa_netdev *device)
{
    struct offload *self = offload_of(device);

    tpa_netdev_stop(device->lower);
    for (uint16_t i = 0; i < self->queue_count; i++)
        drop_held(&self->queues[i]);
}

static void offload_close(struct tpa_netdev *device)
{
    free(offload_of(device));
}

static const struct tpa_netdev_ops offload_ops = {
    .kind = "offload",
    .rx_burst = offload_rx_burst,
    .tx_burst = offload_tx_burst,
    .tx_flush = offload_tx_flush,
    .info = offload_info,
    .link = tpa_netdev_layer_link,
    .counters = offload_counters,
    .set_mtu = offload_set_mtu,
    .set_link = tpa_netdev_layer_set_link,
    .steering = tpa_netdev_layer_steering,
    .dma_map = tpa_netdev_layer_dma_map,
    .dma_unmap = tpa_netdev_layer_dma_unmap,
    .start = tpa_netdev_layer_start,
    .stop = offload_stop,
    .close = offload_close,
};

static bool is_complete(const struct tpa_netdev_info *info)
{
    const uint32_t needed = TX_COMPLETE | TPA_NETDEV_RX_VLAN;

    return (info->capabilities & needed) == needed &&
           info->segment_count_max >= TPA_NETDEV_SEGMENTS_MIN &&
           info->tso_segment_count_max >= TPA_NETDEV_SEGMENTS_MIN;
}

struct tpa_netdev *tpa_netdev_offload_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool)
{
    struct tpa_netdev_info info;
    struct offload *self;
    size_t size;

    tpa_netdev_info(lower, &info);
    if (is_complete(&info))
        return lower;
    size = sizeof(*self) + info.tx_queue_count * sizeof(struct offload_queue);
    self = aligned_alloc(TPA_BASE_CACHE_LINE, size);
    if (self == NULL)
        return NULL;
    memset(self, 0, size);
    self->device.ops = &offload_ops;
    self->device.lower = lower;
    self->pool = pool;
    self->queue_count = info.tx_queue_count;
    follow_lower(self);
    return &self->device;
}
