#include "expect.h"

#include <criterion/criterion.h>

void expect_packet_sound(const struct rte_mbuf *packet)
{
    uint32_t bytes = 0;
    uint32_t segments = 0;

    for (const struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next) {
        bytes += segment->data_len;
        segments++;
    }
    cr_assert_eq(packet->pkt_len, bytes, "pkt_len %u, but its segments have %u bytes",
                 packet->pkt_len, bytes);
    cr_assert_eq(packet->nb_segs, segments, "nb_segs %u, but there are %u", packet->nb_segs,
                 segments);
}

void expect_packet_is(const struct rte_mbuf *packet, const struct frame *frame, const char *what)
{
    static struct frame flat;

    cr_assert_not_null(packet, "%s: no packet", what);
    expect_packet_sound(packet);
    packet_flatten(packet, &flat);
    cr_assert_eq(flat.length, frame->length, "%s: %u bytes, expected %u", what, flat.length,
                 frame->length);
    for (uint32_t i = 0; i < frame->length; i++)
        cr_assert_eq(flat.bytes[i], frame->bytes[i], "%s: byte %u is %02x, expected %02x", what, i,
                     flat.bytes[i], frame->bytes[i]);
}

uint64_t device_drops(struct tpa_netdev *device, enum tpa_base_drop reason)
{
    struct tpa_netdev_counters counters;

    tpa_netdev_counters(device, &counters);
    return counters.drops.count[reason];
}
