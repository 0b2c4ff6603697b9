#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include <tpa/base/byteorder.h>

enum {
    ETHERNET = 14,
    IPV6 = 40,
    TCP = 6
};

static struct test_wire *wire_of(struct tpa_netdev *device)
{
    return (struct test_wire *)(void *)device;
}

static uint32_t any_queue(struct test_wire *wire)
{
    wire->random = wire->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(wire->random >> 33) % wire->queue_count;
}

void test_wire_arrive(struct test_wire *wire, uint16_t queue, struct rte_mbuf *packet)
{
    if (wire->held_count[queue] == TEST_WIRE_HELD_MAX)
        tpa_mem_packet_free(packet);
    else
        wire->held[queue][wire->held_count[queue]++] = packet;
}

static uint16_t held_take(struct test_wire *wire, uint16_t queue, struct rte_mbuf **packets,
                          uint16_t count)
{
    uint32_t held = wire->held_count[queue];
    uint16_t taken = (uint16_t)(held < count ? held : count);

    for (uint32_t i = 0; i < taken; i++)
        packets[i] = wire->held[queue][i];
    for (uint32_t i = taken; i < held; i++)
        wire->held[queue][i - taken] = wire->held[queue][i];
    wire->held_count[queue] -= taken;
    return taken;
}

static uint16_t rx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now)
{
    struct test_wire *wire = wire_of(device);
    bool sprayed = wire->spread == TEST_WIRE_SPRAYED;
    uint16_t received, taken;

    if (wire->gone || wire->slow)
        return 0;
    received = tpa_netdev_rx_burst(device->lower, sprayed ? 0 : queue, packets, count, now);
    for (uint16_t i = 0; i < received; i++) {
        if (wire->cut)
            tpa_mem_packet_free(packets[i]);
        else
            test_wire_arrive(wire, sprayed ? (uint16_t)any_queue(wire) : queue, packets[i]);
    }
    taken = held_take(wire, queue, packets, count);
    for (uint16_t i = 0; i < taken; i++)
        tpa_mem_packet_private(packets[i])->arrival = now;
    return taken;
}

static bool has_payload(const struct rte_mbuf *packet)
{
    const uint8_t *ip = tpa_mem_packet_data(packet) + ETHERNET;
    uint32_t length = tpa_mem_packet_length(packet) - ETHERNET;
    uint32_t header = ip[0] >> 4 == 4 ? (ip[0] & 15u) * 4 : IPV6;

    if ((ip[0] >> 4 == 4 ? ip[9] : ip[6]) != TCP)
        return false;
    return length > header + (uint32_t)(ip[header + 12] >> 4) * 4;
}

static uint32_t segments_of(const struct rte_mbuf *packet)
{
    uint32_t headers = packet->l2_len + packet->l3_len + packet->l4_len;

    if ((packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0)
        return 1;
    return (tpa_mem_packet_length(packet) - headers + packet->tso_segsz - 1) / packet->tso_segsz;
}

static void frame_record(struct test_wire *wire, const struct rte_mbuf *packet)
{
    uint32_t length = tpa_mem_packet_segment_length(packet);

    wire->frame_length = length < TEST_WIRE_FRAME_MAX ? length : TEST_WIRE_FRAME_MAX;
    memcpy(wire->frame, tpa_mem_packet_data(packet), wire->frame_length);
    wire->sent++;
    wire->sent_segments += segments_of(packet);
}

/* True: the packet was lost on the way. */
static bool lost(struct test_wire *wire, struct rte_mbuf *packet)
{
    bool lose = wire->cut;

    if (!lose && wire->lose_payload > 0 && has_payload(packet)) {
        wire->lose_payload--;
        lose = true;
    }
    if (lose)
        tpa_mem_packet_free(packet);
    return lose;
}

static uint16_t tx_burst(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now)
{
    struct test_wire *wire = wire_of(device);
    uint16_t below = wire->spread == TEST_WIRE_SPRAYED ? 0 : queue;

    if (wire->gone || wire->full)
        return 0;
    for (uint16_t i = 0; i < count; i++) {
        frame_record(wire, packets[i]);
        if (lost(wire, packets[i]))
            continue;
        if (tpa_netdev_tx_burst(device->lower, below, &packets[i], 1, now) == 0)
            return i;
    }
    return count;
}

static uint32_t tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    struct test_wire *wire = wire_of(device);

    return wire->gone ? 0
                      : tpa_netdev_tx_flush(device->lower,
                                            wire->spread == TEST_WIRE_SPRAYED ? 0 : queue, now);
}

static void info(struct tpa_netdev *device, struct tpa_netdev_info *information)
{
    tpa_netdev_info(device->lower, information);
    information->rx_queue_count = wire_of(device)->queue_count;
    information->tx_queue_count = wire_of(device)->queue_count;
}

static void link_state(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    tpa_netdev_link(device->lower, link);
    link->gone = wire_of(device)->gone;
    if (link->gone || wire_of(device)->unplugged)
        link->up = false;
}

static void counters(struct tpa_netdev *device, struct tpa_netdev_counters *sums)
{
    tpa_netdev_counters(device->lower, sums);
}

static int steering(struct tpa_netdev *device, struct tpa_netdev_steering *how)
{
    if (wire_of(device)->spread != TEST_WIRE_AS_LOWER)
        return TPA_EUNSUPPORTED;
    return tpa_netdev_steering(device->lower, how);
}

static int start(struct tpa_netdev *device)
{
    return tpa_netdev_start(device->lower);
}

static void stop(struct tpa_netdev *device)
{
    tpa_netdev_stop(device->lower);
}

static void wire_close(struct tpa_netdev *device)
{
    struct test_wire *wire = wire_of(device);

    for (uint16_t queue = 0; queue < wire->queue_count; queue++) {
        for (uint32_t i = 0; i < wire->held_count[queue]; i++)
            tpa_mem_packet_free(wire->held[queue][i]);
    }
    free(wire);
}

static const struct tpa_netdev_ops ops = {
    .kind = "test-wire",
    .rx_burst = rx_burst,
    .tx_burst = tx_burst,
    .tx_flush = tx_flush,
    .info = info,
    .link = link_state,
    .counters = counters,
    .steering = steering,
    .start = start,
    .stop = stop,
    .close = wire_close,
};

struct test_wire *test_wire_wrap(struct tpa_netdev *lower, uint16_t queue_count,
                                 enum test_wire_spread spread)
{
    struct test_wire *wire = calloc(1, sizeof(*wire));

    if (wire == NULL)
        return NULL;
    wire->device.ops = &ops;
    wire->device.lower = lower;
    wire->queue_count = queue_count;
    wire->spread = spread;
    wire->random = 1;
    return wire;
}
