#include <tpa/base/cursor.h>

#include "segment.h"

/* SACK blocks that have room beside a timestamp: 40 bytes of options - 12 - 4, in eights. */
#define SACK_BLOCKS_BESIDE_TIMESTAMP 3

static uint8_t sack_count(const struct tpa_tcp_header *header)
{
    uint8_t room = header->has_timestamp ? SACK_BLOCKS_BESIDE_TIMESTAMP : TPA_TCP_SACK_BLOCKS_MAX;

    return TPA_BASE_MIN(header->sack_count, room);
}

static uint32_t syn_options_length(const struct tpa_tcp_header *header)
{
    uint32_t length = 0;

    if (header->mss != 0)
        length += 4;
    if (header->sack_permitted)
        length += 2;
    if (header->has_window_scale)
        length += 3;
    return length;
}

static bool is_syn(const struct tpa_tcp_header *header)
{
    return (header->flags & TPA_TCP_SYN) != 0;
}

uint8_t tpa_tcp_header_length(const struct tpa_tcp_header *header)
{
    uint32_t length = TPA_TCP_HEADER_MIN;

    if (is_syn(header)) {
        length += syn_options_length(header);
        length += header->has_timestamp ? 10 : 0;
        return (uint8_t)((length + 3) & ~3u);
    }
    length += header->has_timestamp ? TPA_TCP_OPTION_TIMESTAMP_LENGTH : 0;
    length += TPA_TCP_OPTION_SACK_LENGTH((uint32_t)sack_count(header));
    return (uint8_t)length;
}

static void write_timestamp(struct tpa_base_writer *writer, const struct tpa_tcp_header *header)
{
    tpa_base_writer_be16(writer, 0x080a);
    tpa_base_writer_be32(writer, header->timestamp);
    tpa_base_writer_be32(writer, header->timestamp_echo);
}

static void write_syn_options(struct tpa_base_writer *writer, const struct tpa_tcp_header *header)
{
    if (header->mss != 0) {
        tpa_base_writer_be16(writer, 0x0204);
        tpa_base_writer_be16(writer, header->mss);
    }
    if (header->sack_permitted)
        tpa_base_writer_be16(writer, 0x0402);
    if (header->has_timestamp)
        write_timestamp(writer, header);
    if (header->has_window_scale) {
        tpa_base_writer_be16(writer, 0x0303);
        tpa_base_writer_u8(writer, header->window_scale);
    }
    /* The end of the options, and zeros behind it (MUST-69). */
    tpa_base_writer_fill(writer, 0, tpa_base_writer_remaining(writer));
}

static void write_options(struct tpa_base_writer *writer, const struct tpa_tcp_header *header)
{
    uint8_t count = sack_count(header);

    if (header->has_timestamp) {
        tpa_base_writer_be16(writer, 0x0101);
        write_timestamp(writer, header);
    }
    if (count == 0)
        return;
    tpa_base_writer_be16(writer, 0x0101);
    tpa_base_writer_u8(writer, 5);
    tpa_base_writer_u8(writer, (uint8_t)(2 + 8 * count));
    for (uint8_t i = 0; i < count; i++) {
        tpa_base_writer_be32(writer, header->sack[i].left);
        tpa_base_writer_be32(writer, header->sack[i].right);
    }
}

uint8_t tpa_tcp_header_prepend(struct rte_mbuf *packet, const struct tpa_tcp_header *header)
{
    uint8_t length = tpa_tcp_header_length(header);
    uint8_t *bytes = tpa_mem_packet_prepend(packet, length);
    struct tpa_base_writer writer;

    if (bytes == NULL)
        return 0;
    writer = tpa_base_writer_make(bytes, length);
    tpa_base_writer_be16(&writer, header->source_port);
    tpa_base_writer_be16(&writer, header->destination_port);
    tpa_base_writer_be32(&writer, header->seq);
    tpa_base_writer_be32(&writer, header->ack);
    tpa_base_writer_u8(&writer, (uint8_t)(length << 2));
    tpa_base_writer_u8(&writer, header->flags);
    tpa_base_writer_be16(&writer, header->window);
    tpa_base_writer_be32(&writer, 0); /* checksum, which is filled in below us; urgent pointer */
    if (is_syn(header))
        write_syn_options(&writer, header);
    else
        write_options(&writer, header);
    return length;
}

struct rte_mbuf *tpa_tcp_header_packet(struct tpa_mem_pool *pool,
                                       const struct tpa_tcp_header *header)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

    if (packet == NULL)
        return NULL;
    packet->l4_len = tpa_tcp_header_prepend(packet, header);
    if (packet->l4_len == 0) {
        tpa_mem_packet_free(packet);
        return NULL;
    }
    return packet;
}
