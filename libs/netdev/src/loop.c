/* The in-process loop: two ends, a ring of packets for each receiving queue. */
#include <tpa/netdev/loop.h>
#include <tpa/netdev/offload.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_ring.h>

#include "layer.h"
#include "loop_spread.h"
#include "segment.h"
#include "transmit_limits.h"
#include "vlan.h"

#define MTU_DEFAULT 1500
#define MTU_MIN     68 /* RFC 791 */
#define SEGMENTS    1024

struct loop_queue {
    struct rte_ring *received; /* written by all senders, read by this queue's thread */
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_full;
    struct tpa_base_drop_counters drops;
    /* Written by all senders. */
    TPA_BASE_CACHE_ALIGNED _Atomic uint64_t rx_missed;
    _Atomic uint64_t rx_no_buffer;
    _Atomic uint64_t rx_errors;
} TPA_BASE_CACHE_ALIGNED;

struct loop;

struct loop_end {
    struct tpa_netdev device;
    struct loop *loop;
    struct loop_end *peer; /* itself where there is one end */
    struct tpa_mem_pool *pool;
    struct tpa_netdev_limits limits;
    uint32_t capabilities;
    uint8_t mac[6];
    char name[TPA_NETDEV_NAME_SIZE];
    _Atomic uint16_t mtu;
    _Atomic bool started;
    _Atomic bool switched_on;
    struct loop_queue *queues;
};

struct loop {
    uint16_t queue_count;
    atomic_int ends_open; /* the last one to be closed frees it all */
    struct tpa_netdev_steering steering;
    struct loop_end ends[2];
};

/* Packets on their way to one ring, handed over together. */
struct delivery {
    struct loop_queue *to;
    uint16_t to_index;
    uint16_t count;
    struct rte_mbuf *packets[TPA_NETDEV_BURST_MAX];
};

static struct loop_end *end_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct loop_end, device);
}

static bool end_runs(const struct loop_end *end)
{
    return atomic_load_explicit(&end->started, memory_order_relaxed) &&
           atomic_load_explicit(&end->switched_on, memory_order_relaxed);
}

static bool link_is_up(const struct loop_end *end)
{
    return end_runs(end) && end_runs(end->peer);
}

static void count_shared(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void deliver(struct delivery *delivery)
{
    unsigned int taken;

    if (delivery->count == 0)
        return;
    taken = rte_ring_mp_enqueue_burst(delivery->to->received, (void **)delivery->packets,
                                      delivery->count, NULL);
    /* Room was seen before; another sender took it. */
    if (TPA_BASE_UNLIKELY(taken < delivery->count)) {
        count_shared(&delivery->to->rx_missed, delivery->count - taken);
        rte_pktmbuf_free_bulk(delivery->packets + taken, delivery->count - taken);
    }
    delivery->count = 0;
}

static void deliver_later(struct delivery *delivery, struct rte_mbuf *packet)
{
    delivery->packets[delivery->count++] = packet;
    if (delivery->count == TPA_NETDEV_BURST_MAX)
        deliver(delivery);
}

/* The receiving end's results for what the sender's requests were; it has done what was asked. */
static void finish_received(const struct loop_end *receiver, const struct rte_mbuf *sent,
                            struct rte_mbuf *packet)
{
    bool super_frame = sent->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    uint64_t results = 0;

    if (!(receiver->capabilities & TPA_NETDEV_RX_CHECKSUM)) {
        tpa_netdev_checksum(packet);
    } else {
        if (packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
            results |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        if (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK || super_frame)
            results |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
    if (sent->ol_flags & RTE_MBUF_F_TX_VLAN) {
        if (receiver->capabilities & TPA_NETDEV_RX_VLAN)
            results |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
        else
            tpa_netdev_vlan_insert(packet);
    }
    packet->ol_flags = results;
    packet->tx_offload = 0;
    if ((receiver->capabilities & TPA_NETDEV_RX_VLAN) && !(results & RTE_MBUF_F_RX_VLAN))
        tpa_netdev_vlan_strip(packet);
}

/* The requests that a copy of `sent`, or a piece of it, has when it leaves. */
static void copy_requests(const struct rte_mbuf *sent, struct rte_mbuf *packet)
{
    uint64_t flags =
        sent->ol_flags & (TPA_NETDEV_FAMILY_FLAGS | TPA_NETDEV_REQUEST_FLAGS | RTE_MBUF_F_TX_VLAN);

    if (flags & RTE_MBUF_F_TX_TCP_SEG) {
        flags &= ~RTE_MBUF_F_TX_TCP_SEG;
        flags |= RTE_MBUF_F_TX_TCP_CKSUM;
        flags |= flags & RTE_MBUF_F_TX_IPV4 ? RTE_MBUF_F_TX_IP_CKSUM : 0;
    }
    packet->ol_flags = flags;
    packet->tx_offload = sent->tx_offload;
    packet->tso_segsz = 0;
    packet->vlan_tci = sent->vlan_tci;
}

static void receive_one(const struct loop_end *receiver, const struct rte_mbuf *sent,
                        struct rte_mbuf *packet, uint32_t hash, struct delivery *delivery)
{
    copy_requests(sent, packet);
    finish_received(receiver, sent, packet);
    if (receiver->loop->queue_count > 1) {
        packet->hash.rss = hash;
        packet->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
    }
    deliver_later(delivery, packet);
}

/* Copies one frame of `length` bytes: `header` first, the rest from `source`. NULL: out of buffers.
 */
static struct rte_mbuf *copy_frame(const struct loop_end *receiver, const uint8_t *header,
                                   uint16_t header_length, struct tpa_netdev_source *source,
                                   uint32_t length)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(receiver->pool);

    if (packet == NULL)
        return NULL;
    if (header_length > 0)
        memcpy(rte_pktmbuf_mtod(packet, uint8_t *), header, header_length);
    packet->data_len = header_length;
    packet->pkt_len = header_length;
    if (tpa_netdev_source_append(source, packet, receiver->pool, length - header_length) != 0) {
        rte_pktmbuf_free(packet);
        return NULL;
    }
    return packet;
}

static void send_pieces(const struct loop_end *receiver, struct rte_mbuf *sent,
                        const struct tpa_netdev_super_frame *frame, uint32_t hash,
                        struct delivery *delivery)
{
    uint16_t header_length = frame->request.payload_offset;
    struct tpa_netdev_source source = tpa_netdev_source_at(sent, header_length);
    uint8_t header[TPA_NETDEV_HEADER_MAX];

    for (uint32_t i = 0; i < frame->piece_count; i++) {
        uint32_t length = header_length + tpa_netdev_piece_length(frame, i);
        struct rte_mbuf *packet;

        tpa_netdev_piece_header(sent, frame, i, header);
        packet = copy_frame(receiver, header, header_length, &source, length);
        if (TPA_BASE_UNLIKELY(packet == NULL)) {
            count_shared(&delivery->to->rx_no_buffer, frame->piece_count - i);
            return;
        }
        receive_one(receiver, sent, packet, hash, delivery);
    }
}

static void send_whole(const struct loop_end *receiver, struct rte_mbuf *sent, uint32_t hash,
                       struct delivery *delivery)
{
    struct tpa_netdev_source source = tpa_netdev_source_at(sent, 0);
    struct rte_mbuf *packet = copy_frame(receiver, NULL, 0, &source, sent->pkt_len);

    if (TPA_BASE_UNLIKELY(packet == NULL))
        count_shared(&delivery->to->rx_no_buffer, 1);
    else
        receive_one(receiver, sent, packet, hash, delivery);
}

/* What a packet will be on the wire. NONE, or why it can't be sent. */
static enum tpa_base_drop read_packet(const struct loop_end *self, const struct rte_mbuf *packet,
                                      struct tpa_netdev_super_frame *frame)
{
    enum tpa_base_drop refusal = tpa_netdev_limits_check(&self->limits, packet);

    frame->piece_count = 1;
    if (refusal != TPA_BASE_DROP_NONE)
        return refusal;
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
        if (tpa_netdev_super_frame_read(packet, frame) != 0)
            return TPA_BASE_DROP_NETDEV_SEGMENTATION;
        return frame->piece_count > rte_ring_get_capacity(self->queues[0].received)
                   ? TPA_BASE_DROP_NETDEV_SEGMENTATION
                   : TPA_BASE_DROP_NONE;
    }
    if ((packet->ol_flags & TPA_NETDEV_REQUEST_FLAGS) &&
        tpa_netdev_request_read(packet, &frame->request) != 0)
        return TPA_BASE_DROP_NETDEV_TX_REFUSED;
    return TPA_BASE_DROP_NONE;
}

/* False: the receiver has no room, and nothing was done. */
static bool send_one(struct loop_end *self, struct loop_queue *from, struct rte_mbuf *packet,
                     struct delivery *delivery)
{
    struct loop_end *receiver = self->peer;
    struct tpa_netdev_super_frame frame;
    enum tpa_base_drop refusal = read_packet(self, packet, &frame);
    struct loop_queue *to;
    uint16_t to_index = 0;
    uint32_t hash = 0;

    if (TPA_BASE_UNLIKELY(refusal != TPA_BASE_DROP_NONE)) {
        tpa_netdev_drop(&from->drops, packet, refusal);
        return true;
    }
    if (self->loop->queue_count > 1) {
        hash = tpa_netdev_loop_hash(packet);
        to_index = self->loop->steering.reta[hash % TPA_NETDEV_LOOP_RETA];
    }
    if (delivery->to_index != to_index)
        deliver(delivery);
    to = &receiver->queues[to_index];
    delivery->to = to;
    delivery->to_index = to_index;
    if (rte_ring_free_count(to->received) < frame.piece_count + delivery->count)
        return false;

    tpa_netdev_counter_add(&from->tx_packets, frame.piece_count);
    tpa_netdev_counter_add(&from->tx_bytes, packet->pkt_len);
    if (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
        send_pieces(receiver, packet, &frame, hash, delivery);
    else if (packet->pkt_len > tpa_netdev_frame_max(receiver->mtu))
        count_shared(&to->rx_errors, 1);
    else
        send_whole(receiver, packet, hash, delivery);
    rte_pktmbuf_free(packet);
    return true;
}

static uint16_t loop_tx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                              uint16_t count, uint64_t now)
{
    struct loop_end *self = end_of(device);
    struct loop_queue *from = &self->queues[queue];
    struct delivery delivery = {.count = 0};
    uint16_t accepted = 0;

    if (!link_is_up(self))
        return 0;
    while (accepted < count && send_one(self, from, packets[accepted], &delivery))
        accepted++;
    deliver(&delivery);
    if (accepted < count)
        tpa_netdev_counter_add(&from->tx_full, 1);
    return accepted;
}

static uint16_t loop_rx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                              uint16_t count, uint64_t now)
{
    struct loop_end *self = end_of(device);
    struct loop_queue *state = &self->queues[queue];
    uint64_t bytes = 0;
    uint16_t received;

    if (!end_runs(self))
        return 0;
    received = (uint16_t)rte_ring_sc_dequeue_burst(state->received, (void **)packets, count, NULL);
    if (received == 0)
        return 0;
    for (uint16_t i = 0; i < received; i++) {
        tpa_netdev_mark_received(packets[i], now);
        bytes += packets[i]->pkt_len;
    }
    tpa_netdev_counter_add(&state->rx_packets, received);
    tpa_netdev_counter_add(&state->rx_bytes, bytes);
    return received;
}

static uint32_t loop_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return 0;
}

static void loop_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    struct loop_end *self = end_of(device);
    bool chains = self->capabilities & TPA_NETDEV_TX_CHAINS;

    snprintf(info->name, sizeof(info->name), "%s", self->name);
    memcpy(info->mac, self->mac, sizeof(info->mac));
    info->mtu = self->mtu;
    info->mtu_max = UINT16_MAX - TPA_NETDEV_ETHERNET_HEADER;
    info->rx_queue_count = self->loop->queue_count;
    info->tx_queue_count = self->loop->queue_count;
    info->capabilities = self->capabilities;
    info->segment_count_max = chains ? SEGMENTS : 1;
    info->tso_segment_count_max = info->segment_count_max;
    info->tso_length_max =
        self->capabilities & TPA_NETDEV_TX_TCP_SEGMENTATION ? TPA_NETDEV_TSO_LENGTH_MAX : 0;
}

static void loop_link(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    link->up = link_is_up(end_of(device));
}

static void loop_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    struct loop_end *self = end_of(device);

    for (uint16_t i = 0; i < self->loop->queue_count; i++) {
        struct loop_queue *queue = &self->queues[i];

        counters->rx_packets += tpa_netdev_counter_get(&queue->rx_packets);
        counters->rx_bytes += tpa_netdev_counter_get(&queue->rx_bytes);
        counters->tx_packets += tpa_netdev_counter_get(&queue->tx_packets);
        counters->tx_bytes += tpa_netdev_counter_get(&queue->tx_bytes);
        counters->tx_full += tpa_netdev_counter_get(&queue->tx_full);
        counters->rx_missed += queue->rx_missed;
        counters->rx_no_buffer += queue->rx_no_buffer;
        counters->rx_errors += queue->rx_errors;
        tpa_netdev_counters_add_drops(counters, &queue->drops);
    }
}

static void update_limits(struct loop_end *self)
{
    struct tpa_netdev_info info;

    tpa_netdev_info(&self->device, &info);
    tpa_netdev_limits_set(&self->limits, &info);
}

static int loop_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    struct loop_end *self = end_of(device);

    if (mtu < MTU_MIN || mtu > UINT16_MAX - TPA_NETDEV_ETHERNET_HEADER)
        return TPA_EINVAL;
    self->mtu = mtu;
    update_limits(self);
    return 0;
}

static int loop_set_link(struct tpa_netdev *device, bool up)
{
    end_of(device)->switched_on = up;
    return 0;
}

static int loop_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering)
{
    struct loop_end *self = end_of(device);

    if (!(self->capabilities & TPA_NETDEV_RX_STEERING))
        return TPA_EUNSUPPORTED;
    *steering = self->loop->steering;
    return 0;
}

static int loop_start(struct tpa_netdev *device)
{
    end_of(device)->started = true;
    return 0;
}

static void drain(struct loop_end *self)
{
    void *packet;

    for (uint16_t i = 0; i < self->loop->queue_count; i++) {
        while (rte_ring_sc_dequeue(self->queues[i].received, &packet) == 0)
            rte_pktmbuf_free(packet);
    }
}

static void loop_stop(struct tpa_netdev *device)
{
    struct loop_end *self = end_of(device);

    self->started = false;
    drain(self);
}

static void free_queues(struct loop_end *self, uint16_t queue_count)
{
    if (self->queues == NULL)
        return;
    for (uint16_t i = 0; i < queue_count; i++)
        free(self->queues[i].received);
    free(self->queues);
}

static void loop_destroy(struct loop *loop)
{
    for (int i = 0; i < 2; i++)
        free_queues(&loop->ends[i], loop->queue_count);
    free(loop);
}

static void loop_close(struct tpa_netdev *device)
{
    struct loop_end *self = end_of(device);
    struct loop *loop = self->loop;

    loop_stop(device);
    if (atomic_fetch_sub(&loop->ends_open, 1) > 1)
        return;
    /* The other end may have been in the middle of sending when it was closed. */
    if (self->peer != self)
        drain(self->peer);
    loop_destroy(loop);
}

static const struct tpa_netdev_ops loop_ops = {
    .kind = "loop",
    .rx_burst = loop_rx_burst,
    .tx_burst = loop_tx_burst,
    .tx_flush = loop_tx_flush,
    .info = loop_info,
    .link = loop_link,
    .counters = loop_counters,
    .set_mtu = loop_set_mtu,
    .set_link = loop_set_link,
    .steering = loop_steering,
    .start = loop_start,
    .stop = loop_stop,
    .close = loop_close,
};

static int ring_create(struct rte_ring **ring, uint32_t size)
{
    ssize_t bytes = rte_ring_get_memsize(size);

    if (bytes < 0)
        return TPA_EINVAL;
    *ring = aligned_alloc(TPA_BASE_CACHE_LINE, RTE_ALIGN_CEIL((size_t)bytes, TPA_BASE_CACHE_LINE));
    if (*ring == NULL)
        return TPA_ENOMEM;
    return rte_ring_init(*ring, "loop", size, RING_F_SC_DEQ) == 0 ? 0 : TPA_EINVAL;
}

static int queues_create(struct loop_end *self, uint32_t ring_size)
{
    uint16_t count = self->loop->queue_count;
    int result = 0;

    self->queues = aligned_alloc(TPA_BASE_CACHE_LINE, count * sizeof(*self->queues));
    if (self->queues == NULL)
        return TPA_ENOMEM;
    memset(self->queues, 0, count * sizeof(*self->queues));
    for (uint16_t i = 0; i < count && result == 0; i++)
        result = ring_create(&self->queues[i].received, ring_size);
    return result;
}

static int end_create(struct loop *loop, int index, int count,
                      const struct tpa_netdev_loop_config *config)
{
    struct loop_end *self = &loop->ends[index];
    uint32_t ring_size = config->ring_size != 0 ? config->ring_size : TPA_NETDEV_LOOP_RING_DEFAULT;
    int result;

    self->device.ops = &loop_ops;
    self->loop = loop;
    self->peer = &loop->ends[count - 1 - index];
    self->pool = config->pool[index];
    self->capabilities = config->capabilities != 0
                             ? config->capabilities
                             : TPA_NETDEV_CAPABILITIES_ALL & ~(uint32_t)TPA_NETDEV_DMA;
    self->mtu = config->mtu != 0 ? config->mtu : MTU_DEFAULT;
    self->switched_on = true;
    memcpy(self->mac, config->mac[index], sizeof(self->mac));
    snprintf(self->name, sizeof(self->name), "loop%d", index);
    result =
        queues_create(self, rte_align32pow2(TPA_BASE_MAX(ring_size, TPA_NETDEV_LOOP_RING_MIN)));
    if (result == 0)
        update_limits(self);
    return result;
}

static int create(const struct tpa_netdev_loop_config *config, struct tpa_netdev **devices,
                  int count)
{
    struct loop *loop;

    if (config->queue_count > TPA_NETDEV_QUEUES_MAX || config->pool[0] == NULL ||
        config->pool[count - 1] == NULL || config->ring_size > RTE_RING_SZ_MASK / 2)
        return TPA_EINVAL;
    loop = aligned_alloc(TPA_BASE_CACHE_LINE,
                         RTE_ALIGN_CEIL(sizeof(*loop), (size_t)TPA_BASE_CACHE_LINE));
    if (loop == NULL)
        return TPA_ENOMEM;
    memset(loop, 0, sizeof(*loop));
    loop->queue_count = config->queue_count != 0 ? config->queue_count : 1;
    loop->ends_open = count;
    tpa_netdev_loop_steering(loop->queue_count, &loop->steering);
    for (int i = 0; i < count; i++) {
        int result = end_create(loop, i, count, config);

        if (result != 0) {
            loop_destroy(loop);
            return result;
        }
    }
    for (int i = 0; i < count; i++)
        devices[i] = &loop->ends[i].device;
    return 0;
}

int tpa_netdev_loop_create(const struct tpa_netdev_loop_config *config, struct tpa_netdev *ends[2])
{
    return create(config, ends, 2);
}

int tpa_netdev_loop_create_self(const struct tpa_netdev_loop_config *config,
                                struct tpa_netdev **device)
{
    return create(config, device, 1);
}
