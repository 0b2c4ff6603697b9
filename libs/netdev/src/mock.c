/* The device of tests. */
#include <tpa/netdev/mock.h>

#include <stdio.h>
#include <stdlib.h>

#include "layer.h"
#include "transmit_limits.h"

#define SEGMENTS_DEFAULT 64
#define MTU_DEFAULT      1500

struct mock_queue {
    struct tpa_mem_packet_queue received;
    struct tpa_mem_packet_queue sent;
    struct tpa_netdev_counters counters;
};

struct mock {
    struct tpa_netdev device;
    struct tpa_netdev_mock_config config;
    struct tpa_netdev_limits limits;
    uint16_t mtu;
    bool started;
    bool link_up;
    bool gone;
    struct mock_queue queues[];
};

static struct mock *mock_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct mock, device);
}

static bool mock_works(const struct mock *self)
{
    return self->started && self->link_up && !self->gone;
}

static uint16_t mock_rx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                              uint16_t count, uint64_t now)
{
    struct mock *self = mock_of(device);
    struct mock_queue *state = &self->queues[queue];
    uint16_t received;

    if (!mock_works(self))
        return 0;
    for (received = 0; received < count && state->received.count > 0; received++) {
        packets[received] = tpa_mem_packet_queue_pop(&state->received);
        state->counters.rx_packets++;
        state->counters.rx_bytes += packets[received]->pkt_len;
        tpa_netdev_mark_received(packets[received], now);
    }
    return received;
}

static void mock_send(struct mock *self, struct mock_queue *state, struct rte_mbuf *packet)
{
    enum tpa_base_drop refusal = tpa_netdev_limits_check(&self->limits, packet);

    if (refusal != TPA_BASE_DROP_NONE) {
        tpa_netdev_drop(&state->counters.drops, packet, refusal);
        return;
    }
    state->counters.tx_packets++;
    state->counters.tx_bytes += packet->pkt_len;
    tpa_mem_packet_queue_push(&state->sent, packet);
}

static uint16_t mock_tx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                              uint16_t count, uint64_t now)
{
    struct mock *self = mock_of(device);
    struct mock_queue *state = &self->queues[queue];
    uint16_t accepted;

    if (!mock_works(self))
        return 0;
    for (accepted = 0; accepted < count; accepted++) {
        if (state->sent.count >= self->config.tx_limit) {
            state->counters.tx_full++;
            break;
        }
        mock_send(self, state, packets[accepted]);
    }
    return accepted;
}

static uint32_t mock_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return 0;
}

static void mock_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    struct mock *self = mock_of(device);
    bool chains = self->config.capabilities & TPA_NETDEV_TX_CHAINS;
    bool segments = self->config.capabilities & TPA_NETDEV_TX_TCP_SEGMENTATION;

    snprintf(info->name, sizeof(info->name), "mock");
    memcpy(info->mac, self->config.mac, sizeof(info->mac));
    info->mtu = self->mtu;
    info->mtu_max = UINT16_MAX - TPA_NETDEV_ETHERNET_HEADER;
    info->rx_queue_count = self->config.queue_count;
    info->tx_queue_count = self->config.queue_count;
    info->capabilities = self->config.capabilities;
    info->segment_count_max = chains ? self->config.segment_count_max : 1;
    info->tso_segment_count_max = chains ? self->config.tso_segment_count_max : 1;
    info->tso_length_max = segments ? self->config.tso_length_max : 0;
}

static void mock_link(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    struct mock *self = mock_of(device);

    link->up = mock_works(self);
    link->gone = self->gone;
}

static void add_counters(struct tpa_netdev_counters *to, const struct tpa_netdev_counters *from)
{
    to->rx_packets += from->rx_packets;
    to->rx_bytes += from->rx_bytes;
    to->tx_packets += from->tx_packets;
    to->tx_bytes += from->tx_bytes;
    to->tx_full += from->tx_full;
    tpa_netdev_counters_add_drops(to, &from->drops);
}

static void mock_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    struct mock *self = mock_of(device);

    for (uint16_t queue = 0; queue < self->config.queue_count; queue++)
        add_counters(counters, &self->queues[queue].counters);
}

static void mock_update_limits(struct mock *self)
{
    struct tpa_netdev_info info;

    tpa_netdev_info(&self->device, &info);
    tpa_netdev_limits_set(&self->limits, &info);
}

static int mock_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    struct mock *self = mock_of(device);

    if (self->gone)
        return TPA_EIO;
    if (mtu < 68 || mtu > UINT16_MAX - TPA_NETDEV_ETHERNET_HEADER)
        return TPA_EINVAL;
    self->mtu = mtu;
    mock_update_limits(self);
    return 0;
}

static int mock_set_link(struct tpa_netdev *device, bool up)
{
    struct mock *self = mock_of(device);

    if (self->gone)
        return TPA_EIO;
    self->link_up = up;
    return 0;
}

static int mock_start(struct tpa_netdev *device)
{
    struct mock *self = mock_of(device);

    if (self->gone)
        return TPA_EIO;
    self->started = true;
    return 0;
}

static void mock_stop(struct tpa_netdev *device)
{
    mock_of(device)->started = false;
}

static void free_queue(struct tpa_mem_packet_queue *queue)
{
    while (queue->count > 0)
        tpa_mem_packet_free(tpa_mem_packet_queue_pop(queue));
}

static void mock_close(struct tpa_netdev *device)
{
    struct mock *self = mock_of(device);

    for (uint16_t queue = 0; queue < self->config.queue_count; queue++) {
        free_queue(&self->queues[queue].received);
        free_queue(&self->queues[queue].sent);
    }
    free(self);
}

static const struct tpa_netdev_ops mock_ops = {
    .kind = "mock",
    .rx_burst = mock_rx_burst,
    .tx_burst = mock_tx_burst,
    .tx_flush = mock_tx_flush,
    .info = mock_info,
    .link = mock_link,
    .counters = mock_counters,
    .set_mtu = mock_set_mtu,
    .set_link = mock_set_link,
    .start = mock_start,
    .stop = mock_stop,
    .close = mock_close,
};

#define OR_DEFAULT(value, fallback) ((value) != 0 ? (value) : (fallback))

int tpa_netdev_mock_create(const struct tpa_netdev_mock_config *config, struct tpa_netdev **device)
{
    uint16_t queue_count = OR_DEFAULT(config->queue_count, 1);
    struct mock *self;

    if (queue_count > TPA_NETDEV_QUEUES_MAX)
        return TPA_EINVAL;
    self = calloc(1, sizeof(*self) + queue_count * sizeof(struct mock_queue));
    if (self == NULL)
        return TPA_ENOMEM;
    self->device.ops = &mock_ops;
    self->config = *config;
    self->config.queue_count = queue_count;
    self->config.tx_limit = OR_DEFAULT(config->tx_limit, TPA_NETDEV_MOCK_TX_LIMIT_DEFAULT);
    self->config.segment_count_max = OR_DEFAULT(config->segment_count_max, SEGMENTS_DEFAULT);
    self->config.tso_segment_count_max =
        OR_DEFAULT(config->tso_segment_count_max, SEGMENTS_DEFAULT);
    self->config.tso_length_max = OR_DEFAULT(config->tso_length_max, TPA_NETDEV_TSO_LENGTH_MAX);
    self->mtu = OR_DEFAULT(config->mtu, MTU_DEFAULT);
    self->link_up = true;
    mock_update_limits(self);
    *device = &self->device;
    return 0;
}

void tpa_netdev_mock_inject(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf *packet)
{
    tpa_mem_packet_queue_push(&mock_of(device)->queues[queue].received, packet);
}

struct rte_mbuf *tpa_netdev_mock_take(struct tpa_netdev *device, uint16_t queue)
{
    return tpa_mem_packet_queue_pop(&mock_of(device)->queues[queue].sent);
}

uint32_t tpa_netdev_mock_pending(struct tpa_netdev *device, uint16_t queue)
{
    return mock_of(device)->queues[queue].sent.count;
}

void tpa_netdev_mock_set_tx_limit(struct tpa_netdev *device, uint32_t limit)
{
    mock_of(device)->config.tx_limit = limit;
}

void tpa_netdev_mock_set_capabilities(struct tpa_netdev *device, uint32_t capabilities)
{
    struct mock *self = mock_of(device);

    self->config.capabilities = capabilities;
    mock_update_limits(self);
}

void tpa_netdev_mock_vanish(struct tpa_netdev *device)
{
    mock_of(device)->gone = true;
}
