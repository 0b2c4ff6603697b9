/* Blocks of a pcapng file. */
#include "pcapng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/byteorder.h>

#include "request.h"

/* Section numbers of draft-ietf-opsawg-pcapng. */
enum {
    BLOCK_SECTION = 0x0a0d0d0a,   /* 4.1 */
    BLOCK_INTERFACE = 0x00000001, /* 4.2 */
    BLOCK_PACKET = 0x00000006,    /* 4.3 */
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    VERSION_MAJOR = 1,
    LINK_TYPE_ETHERNET = 1,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_USER_APPLICATION = 4,
    OPTION_INTERFACE_NAME = 2,
    OPTION_INTERFACE_MAC = 6,
    OPTION_TIME_RESOLUTION = 9,
    OPTION_PACKET_FLAGS = 2,
    OPTION_PACKET_QUEUE = 6,
    NANOSECONDS = 9, /* 10^-9 s */
    BLOCK_LENGTH_OFFSET = 4,
};

enum {
    ADDRESSES = 12,
    COMMENT = 200,
    BLOCK_OVERHEAD = 512
};

static size_t padded(size_t length)
{
    return (length + 3) & ~(size_t)3;
}

static int reserve(struct tpa_netdev_pcapng *out, size_t length)
{
    size_t capacity = out->capacity != 0 ? out->capacity : 4096;
    uint8_t *bytes;

    if (out->length + length <= out->capacity)
        return 0;
    while (capacity < out->length + length)
        capacity *= 2;
    bytes = realloc(out->bytes, capacity);
    if (bytes == NULL)
        return TPA_ENOMEM;
    out->bytes = bytes;
    out->capacity = capacity;
    return 0;
}

/* All of these have room reserved. */

static void put(struct tpa_netdev_pcapng *out, const void *bytes, size_t length)
{
    memcpy(out->bytes + out->length, bytes, length);
    memset(out->bytes + out->length + length, 0, padded(length) - length);
    out->length += padded(length);
}

static void put32(struct tpa_netdev_pcapng *out, uint32_t value)
{
    put(out, &value, sizeof(value));
}

static void put16_pair(struct tpa_netdev_pcapng *out, uint16_t first, uint16_t second)
{
    uint16_t pair[2] = {first, second};

    put(out, pair, sizeof(pair));
}

static void put_option(struct tpa_netdev_pcapng *out, uint16_t code, const void *value,
                       size_t length)
{
    put16_pair(out, code, (uint16_t)length);
    put(out, value, length);
}

static size_t begin_block(struct tpa_netdev_pcapng *out, uint32_t type)
{
    size_t start = out->length;

    put32(out, type);
    put32(out, 0);
    return start;
}

static void end_block(struct tpa_netdev_pcapng *out, size_t start)
{
    uint32_t length;

    put16_pair(out, OPTION_END, 0);
    length = (uint32_t)(out->length - start + sizeof(length));
    memcpy(out->bytes + start + BLOCK_LENGTH_OFFSET, &length, sizeof(length));
    put32(out, length);
}

int tpa_netdev_pcapng_header(struct tpa_netdev_pcapng *out, const struct tpa_netdev_info *info,
                             uint32_t snap_length)
{
    const int64_t unknown = -1; /* the section's length */
    const uint8_t resolution = NANOSECONDS;
    size_t start;

    if (reserve(out, BLOCK_OVERHEAD) != 0)
        return TPA_ENOMEM;
    start = begin_block(out, BLOCK_SECTION);
    put32(out, BYTE_ORDER_MAGIC);
    put16_pair(out, VERSION_MAJOR, 0);
    put(out, &unknown, sizeof(unknown));
    put_option(out, OPTION_USER_APPLICATION, "tpa", 3);
    end_block(out, start);

    start = begin_block(out, BLOCK_INTERFACE);
    put16_pair(out, LINK_TYPE_ETHERNET, 0);
    put32(out, snap_length);
    put_option(out, OPTION_INTERFACE_NAME, info->name, strlen(info->name));
    put_option(out, OPTION_INTERFACE_MAC, info->mac, sizeof(info->mac));
    put_option(out, OPTION_TIME_RESOLUTION, &resolution, sizeof(resolution));
    end_block(out, start);
    return 0;
}

/* What is said of the packet; "" for nothing. */
static void comment_of(const struct tpa_netdev_pcapng_packet *packet, char text[COMMENT])
{
    enum tpa_base_drop reason = (enum tpa_base_drop)packet->note_detail;

    text[0] = '\0';
    if (packet->note == TPA_MEM_PACKET_NOTE_RETRANSMISSION)
        snprintf(text, COMMENT, "retransmission");
    else if (packet->note == TPA_MEM_PACKET_NOTE_DROPPED)
        snprintf(text, COMMENT, "dropped: %s (%s)", tpa_base_drop_name(reason),
                 tpa_base_drop_text(reason));
}

/* The tag that the frame has on the wire, beside it here. */
static bool tag_is_beside(const struct rte_mbuf *packet)
{
    return packet->data_len >= ADDRESSES &&
           packet->ol_flags & (RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
}

/* Copies the packet's frame, whole, to `to`. Returns its length on the wire. */
static uint32_t copy_frame(const struct rte_mbuf *packet, uint8_t *to)
{
    uint32_t length = 0;

    for (const struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next) {
        memcpy(to + length, rte_pktmbuf_mtod(segment, const void *), segment->data_len);
        length += segment->data_len;
    }
    tpa_netdev_checksum_copy(packet, to);
    if (!tag_is_beside(packet))
        return length;
    memmove(to + ADDRESSES + TPA_NETDEV_VLAN_TAG, to + ADDRESSES, length - ADDRESSES);
    tpa_base_store_be16(to + ADDRESSES, 0x8100);
    tpa_base_store_be16(to + ADDRESSES + 2, packet->vlan_tci);
    return length + TPA_NETDEV_VLAN_TAG;
}

static void put_frame(struct tpa_netdev_pcapng *out, const struct tpa_netdev_pcapng_packet *packet)
{
    size_t lengths = out->length;
    uint32_t original;
    uint32_t captured;

    out->length += 2 * sizeof(uint32_t);
    original = copy_frame(packet->packet, out->bytes + out->length);
    captured = TPA_BASE_MIN(original, packet->snap_length);
    memcpy(out->bytes + lengths, &captured, sizeof(captured));
    memcpy(out->bytes + lengths + sizeof(captured), &original, sizeof(original));
    memset(out->bytes + out->length + captured, 0, padded(captured) - captured);
    out->length += padded(captured);
}

int tpa_netdev_pcapng_packet(struct tpa_netdev_pcapng *out,
                             const struct tpa_netdev_pcapng_packet *packet)
{
    const uint32_t flags = packet->direction;
    const uint32_t queue = packet->queue;
    char comment[COMMENT];
    size_t start;

    if (reserve(out, packet->packet->pkt_len + BLOCK_OVERHEAD) != 0)
        return TPA_ENOMEM;
    start = begin_block(out, BLOCK_PACKET);
    put32(out, 0); /* the one interface */
    put32(out, (uint32_t)(packet->time >> 32));
    put32(out, (uint32_t)packet->time);
    put_frame(out, packet);
    put_option(out, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
    put_option(out, OPTION_PACKET_QUEUE, &queue, sizeof(queue));
    comment_of(packet, comment);
    if (comment[0] != '\0')
        put_option(out, OPTION_COMMENT, comment, strlen(comment));
    end_block(out, start);
    return 0;
}

void tpa_netdev_pcapng_free(struct tpa_netdev_pcapng *out)
{
    free(out->bytes);
    memset(out, 0, sizeof(*out));
}
