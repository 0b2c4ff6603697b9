#include "segment.h"

#include <tpa/base/byteorder.h>
#include <tpa/base/cursor.h>

enum option_kind {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMP = 8,
};

/* Length bytes, kind and length included (RFC 9293 section 3.2, RFC 7323, RFC 2018). */
enum option_length {
    LENGTH_MSS = 4,
    LENGTH_WINDOW_SCALE = 3,
    LENGTH_SACK_PERMITTED = 2,
    LENGTH_TIMESTAMP = 10,
    LENGTH_SACK_BLOCK = 8,
};

/* NOP NOP timestamp 10: how RFC 7323, appendix A, lays the option out, and nearly everyone sends
 * it. */
#define LAYOUT_TIMESTAMP        TPA_BASE_BE32(0x0101080a)
#define LENGTH_LAYOUT_TIMESTAMP 12

static void parse_timestamp(struct tpa_base_cursor *option, struct tpa_tcp_segment *segment)
{
    segment->has_timestamp = true;
    segment->timestamp = tpa_base_cursor_be32(option);
    segment->timestamp_echo = tpa_base_cursor_be32(option);
}

/* RFC 7323 section 2.3: more than 14 is taken as 14. */
static void parse_window_scale(struct tpa_base_cursor *option, struct tpa_tcp_segment *segment)
{
    uint8_t scale = tpa_base_cursor_u8(option);

    segment->window_scale = TPA_BASE_MIN(scale, TPA_TCP_WINDOW_SCALE_MAX);
}

/* The blocks' meaning depends on the connection: the scoreboard judges them one by one. */
static void parse_sack(struct tpa_base_cursor *option, struct tpa_tcp_segment *segment)
{
    size_t count = tpa_base_cursor_remaining(option) / LENGTH_SACK_BLOCK;

    if (tpa_base_cursor_remaining(option) % LENGTH_SACK_BLOCK != 0)
        return;
    for (size_t i = 0; i < count && i < TPA_TCP_SACK_BLOCKS_MAX; i++) {
        segment->sack[i].left = tpa_base_cursor_be32(option);
        segment->sack[i].right = tpa_base_cursor_be32(option);
        segment->sack_count = (uint8_t)(i + 1);
    }
}

/* Known options of another length than theirs are skipped like unknown ones (MUST-6). */
static void parse_option(uint8_t kind, struct tpa_base_cursor *option,
                         struct tpa_tcp_segment *segment)
{
    size_t length = tpa_base_cursor_remaining(option) + 2;
    bool syn = (segment->flags & TPA_TCP_SYN) != 0;

    switch (kind) {
    case OPTION_MSS:
        if (syn && length == LENGTH_MSS)
            segment->mss = tpa_base_cursor_be16(option);
        break;
    case OPTION_WINDOW_SCALE:
        if (syn && length == LENGTH_WINDOW_SCALE)
            parse_window_scale(option, segment);
        break;
    case OPTION_SACK_PERMITTED:
        if (syn && length == LENGTH_SACK_PERMITTED)
            segment->sack_permitted = true;
        break;
    case OPTION_SACK:
        if (!syn)
            parse_sack(option, segment);
        break;
    case OPTION_TIMESTAMP:
        if (length == LENGTH_TIMESTAMP)
            parse_timestamp(option, segment);
        break;
    default:
        break;
    }
}

/* 0, or the negative of TCP_OPTION where a length is less than 2 or leads out of the header
 * (MUST-7). */
static int parse_options(struct tpa_base_cursor *options, struct tpa_tcp_segment *segment)
{
    while (tpa_base_cursor_remaining(options) > 0) {
        uint8_t kind = tpa_base_cursor_u8(options);
        struct tpa_base_cursor option;
        uint8_t length;

        if (kind == OPTION_END)
            break;
        if (kind == OPTION_NOP)
            continue;
        length = tpa_base_cursor_u8(options);
        if (length < 2)
            return -TPA_BASE_DROP_TCP_OPTION;
        option = tpa_base_cursor_sub(options, length - 2u);
        if (!tpa_base_cursor_ok(&option))
            return -TPA_BASE_DROP_TCP_OPTION;
        parse_option(kind, &option, segment);
    }
    return tpa_base_cursor_ok(options) ? 0 : -TPA_BASE_DROP_TCP_OPTION;
}

static bool is_timestamp_layout(const struct tpa_base_cursor *options)
{
    return tpa_base_cursor_remaining(options) == LENGTH_LAYOUT_TIMESTAMP &&
           tpa_base_load32(options->position) == LAYOUT_TIMESTAMP;
}

static void parse_fixed(struct tpa_base_cursor *cursor, struct tpa_tcp_segment *segment)
{
    segment->source_port = tpa_base_cursor_be16(cursor);
    segment->destination_port = tpa_base_cursor_be16(cursor);
    segment->seq = tpa_base_cursor_be32(cursor);
    segment->ack = tpa_base_cursor_be32(cursor);
    segment->header_length = (uint8_t)(tpa_base_cursor_u8(cursor) >> 4 << 2);
    segment->flags = tpa_base_cursor_u8(cursor);
    segment->window = tpa_base_cursor_be16(cursor);
    tpa_base_cursor_skip(cursor, 2); /* checksum: verified below us */
    segment->urgent = tpa_base_cursor_be16(cursor);
    segment->mss = 0;
    segment->window_scale = TPA_TCP_WINDOW_SCALE_NONE;
    segment->has_timestamp = false;
    segment->sack_permitted = false;
    segment->sack_count = 0;
}

/* A SYN opens, FIN and RST end: no state gives a meaning to both. */
static bool flags_contradict(uint8_t flags)
{
    return (flags & TPA_TCP_SYN) != 0 && (flags & (TPA_TCP_FIN | TPA_TCP_RST)) != 0;
}

int tpa_tcp_segment_parse(const struct rte_mbuf *packet, uint8_t traffic_class,
                          struct tpa_tcp_segment *segment)
{
    uint8_t buffer[TPA_TCP_HEADER_MAX];
    uint32_t available = TPA_BASE_MIN(tpa_mem_packet_length(packet), TPA_TCP_HEADER_MAX);
    struct tpa_base_cursor cursor;

    if (available < TPA_TCP_HEADER_MIN)
        return -TPA_BASE_DROP_TCP_TRUNCATED;
    cursor = tpa_base_cursor_make(tpa_mem_packet_read(packet, 0, available, buffer), available);
    parse_fixed(&cursor, segment);
    segment->traffic_class = traffic_class;

    if (segment->header_length < TPA_TCP_HEADER_MIN || segment->header_length > available)
        return -TPA_BASE_DROP_TCP_HEADER_LENGTH;
    segment->length = tpa_mem_packet_length(packet) - segment->header_length;
    if (segment->source_port == 0 || segment->destination_port == 0)
        return -TPA_BASE_DROP_TCP_PORT_ZERO;
    if (flags_contradict(segment->flags))
        return -TPA_BASE_DROP_TCP_FLAGS;

    tpa_base_cursor_limit(&cursor, segment->header_length - TPA_TCP_HEADER_MIN);
    if (TPA_BASE_LIKELY(is_timestamp_layout(&cursor))) {
        tpa_base_cursor_skip(&cursor, 4);
        parse_timestamp(&cursor, segment);
        return 0;
    }
    return parse_options(&cursor, segment);
}
