#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_port *port_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct sim_port, device);
}

void sim_port_arrive(struct sim_port *port, struct sim_frame *frame)
{
    if (port->received.count < port->config.ring) {
        sim_frames_push(&port->received, frame);
        return;
    }
    port->missed++;
    sim_frame_free(frame);
}

static uint16_t rx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now)
{
    struct sim_port *port = port_of(device);
    uint16_t received = 0;

    while (received < count && port->received.count > 0) {
        struct sim_frame *frame = sim_frames_pop(&port->received);
        struct rte_mbuf *packet =
            tpa_mem_packet_from_bytes(port->config.pool, frame->bytes, frame->length);

        sim_frame_free(frame);
        if (packet == NULL) {
            port->missed++;
            continue;
        }
        tpa_mem_packet_private(packet)->arrival = now;
        packets[received++] = packet;
    }
    return received;
}

static struct sim_frame *frame_of(const struct rte_mbuf *packet)
{
    struct sim_frame *frame = sim_frame_new(tpa_mem_packet_length(packet));
    uint32_t offset = 0;

    if (frame == NULL)
        return NULL;
    for (; packet != NULL; packet = tpa_mem_packet_next_segment(packet)) {
        uint32_t length = tpa_mem_packet_segment_length(packet);

        memcpy(frame->bytes + offset, tpa_mem_packet_data(packet), length);
        offset += length;
    }
    return frame;
}

static uint16_t tx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now)
{
    struct sim_port *port = port_of(device);

    for (uint16_t i = 0; i < count; i++) {
        struct sim_frame *frame = frame_of(packets[i]);

        if (frame == NULL)
            return i;
        tpa_mem_packet_free(packets[i]);
        port->sent++;
        port->config.send(port->config.context, frame, now);
    }
    return count;
}

static uint32_t tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return 0;
}

static void info(struct tpa_netdev *device, struct tpa_netdev_info *information)
{
    const struct sim_port *port = port_of(device);

    snprintf(information->name, sizeof(information->name), "sim");
    memcpy(information->mac, port->config.mac, sizeof(information->mac));
    information->mtu = information->mtu_max = port->config.mtu;
    information->rx_queue_count = information->tx_queue_count = 1;
    information->capabilities = TPA_NETDEV_TX_CHAINS | TPA_NETDEV_TX_EXTERNAL;
    information->segment_count_max = TPA_NETDEV_BURST_MAX;
}

static void link_state(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    link->up = true;
}

static void counters(struct tpa_netdev *device, struct tpa_netdev_counters *sums)
{
    const struct sim_port *port = port_of(device);

    sums->tx_packets += port->sent;
    sums->rx_missed += port->missed;
}

static int start(struct tpa_netdev *device)
{
    return TPA_OK;
}

static void stop(struct tpa_netdev *device)
{
    sim_frames_clear(&port_of(device)->received);
}

static void port_close(struct tpa_netdev *device)
{
    sim_frames_clear(&port_of(device)->received);
    free(port_of(device));
}

static const struct tpa_netdev_ops ops = {
    .kind = "sim",
    .rx_burst = rx_burst,
    .tx_burst = tx_burst,
    .tx_flush = tx_flush,
    .info = info,
    .link = link_state,
    .counters = counters,
    .start = start,
    .stop = stop,
    .close = port_close,
};

struct sim_port *sim_port_create(const struct sim_port_config *config)
{
    struct sim_port *port = calloc(1, sizeof(*port));

    if (port == NULL)
        return NULL;
    port->device.ops = &ops;
    port->config = *config;
    return port;
}
