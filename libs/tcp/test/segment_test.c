#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <tpa/base/random.h>

#include "segment.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(segment);

/* The fixed header of every row: ports 1000 and 80, an ACK. */
static const uint8_t fixed[TPA_TCP_HEADER_MIN] = {
    0x03, 0xe8, 0x00, 0x50, /* ports */
    0x11, 0x22, 0x33, 0x44, /* seq */
    0x55, 0x66, 0x77, 0x88, /* ack */
    0x50, 0x10, 0x12, 0x34, /* data offset, flags, window */
    0x00, 0x00, 0x56, 0x78, /* checksum, urgent */
};

struct bytes {
    uint8_t byte[200];
    uint32_t length;
};

/* A segment with these options, padded, and `payload` bytes. */
static struct bytes with_options(const uint8_t *options, uint32_t count, uint8_t flags,
                                 uint32_t payload)
{
    struct bytes bytes = {.length = TPA_TCP_HEADER_MIN + (count + 3) / 4 * 4};

    memcpy(bytes.byte, fixed, sizeof(fixed));
    if (count > 0)
        memcpy(bytes.byte + sizeof(fixed), options, count);
    bytes.byte[12] = (uint8_t)(bytes.length << 2);
    bytes.byte[13] = flags;
    bytes.length += payload;
    return bytes;
}

/* In buffers of `data_size` bytes, so that the parser sees every cut; nothing is leaked. */
static int parse_in(uint32_t data_size, const struct bytes *bytes, struct tpa_tcp_segment *segment)
{
    static struct tpa_mem_pool *pools[128];
    struct rte_mbuf *packet;
    int result;

    if (pools[data_size] == NULL)
        pools[data_size] = tpa_test_pool_sized(600, data_size);
    packet = tpa_mem_packet_from_bytes(pools[data_size], bytes->byte, bytes->length);
    memset(segment, 0xa5, sizeof(*segment));
    result = tpa_tcp_segment_parse(packet, 0x2e, segment);
    cr_assert_eq(tpa_mem_packet_length(packet), bytes->length);
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pools[data_size]);
    return result;
}

/* In one buffer and in many. */
static int parse(const struct bytes *bytes, struct tpa_tcp_segment *segment)
{
    struct tpa_tcp_segment cut;
    int result = parse_in(120, bytes, segment);

    cr_assert_eq(parse_in(7, bytes, &cut), result);
    if (result == 0) {
        cr_assert_eq(cut.seq, segment->seq);
        cr_assert_eq(cut.has_timestamp, segment->has_timestamp);
        cr_assert_eq(cut.timestamp, segment->timestamp);
        cr_assert_eq(cut.sack_count, segment->sack_count);
    }
    return result;
}

Test(segment, fixed_header)
{
    struct tpa_tcp_segment segment;
    struct bytes bytes = with_options(NULL, 0, 0x10, 33);

    cr_assert_eq(parse(&bytes, &segment), 0);
    cr_assert_eq(segment.source_port, 1000);
    cr_assert_eq(segment.destination_port, 80);
    cr_assert_eq(segment.seq, 0x11223344);
    cr_assert_eq(segment.ack, 0x55667788);
    cr_assert_eq(segment.window, 0x1234);
    cr_assert_eq(segment.urgent, 0x5678);
    cr_assert_eq(segment.flags, TPA_TCP_ACK);
    cr_assert_eq(segment.header_length, 20);
    cr_assert_eq(segment.length, 33);
    cr_assert_eq(segment.traffic_class, 0x2e);
    cr_assert_eq(segment.mss, 0);
    cr_assert_eq(segment.window_scale, TPA_TCP_WINDOW_SCALE_NONE);
    cr_assert_not(segment.has_timestamp);
    cr_assert_not(segment.sack_permitted);
    cr_assert_eq(segment.sack_count, 0);
}

/* Attacks 3 and 5, and what no state of a connection gives a meaning to. */
Test(segment, malformed_headers_have_a_reason)
{
    const struct {
        const char *what;
        uint8_t at, value;
        uint32_t length;
        enum tpa_base_drop reason;
    } rows[] = {
        {"no header", 0, 3, 0, TPA_BASE_DROP_TCP_TRUNCATED},
        {"one byte", 0, 3, 1, TPA_BASE_DROP_TCP_TRUNCATED},
        {"19 bytes", 0, 3, 19, TPA_BASE_DROP_TCP_TRUNCATED},
        {"data offset 0", 12, 0x00, 40, TPA_BASE_DROP_TCP_HEADER_LENGTH},
        {"data offset 4", 12, 0x40, 40, TPA_BASE_DROP_TCP_HEADER_LENGTH},
        {"data offset 6 of 20 bytes", 12, 0x60, 20, TPA_BASE_DROP_TCP_HEADER_LENGTH},
        {"data offset 15 of 20 bytes", 12, 0xf0, 20, TPA_BASE_DROP_TCP_HEADER_LENGTH},
        {"data offset 15 of 59 bytes", 12, 0xf0, 59, TPA_BASE_DROP_TCP_HEADER_LENGTH},
        {"SYN FIN", 13, 0x03, 20, TPA_BASE_DROP_TCP_FLAGS},
        {"SYN RST", 13, 0x06, 20, TPA_BASE_DROP_TCP_FLAGS},
        {"all flags", 13, 0xff, 20, TPA_BASE_DROP_TCP_FLAGS},
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        struct bytes bytes = {.length = rows[row].length};
        struct tpa_tcp_segment segment;

        memcpy(bytes.byte, fixed, sizeof(fixed));
        bytes.byte[rows[row].at] = rows[row].value;
        cr_assert_eq(parse(&bytes, &segment), -(int)rows[row].reason, "%s", rows[row].what);
    }
}

Test(segment, ports_are_not_zero)
{
    struct tpa_tcp_segment segment;
    struct bytes bytes = with_options(NULL, 0, 0x10, 0);

    bytes.byte[0] = bytes.byte[1] = 0;
    cr_assert_eq(parse(&bytes, &segment), -TPA_BASE_DROP_TCP_PORT_ZERO);
    bytes.byte[1] = 1;
    bytes.byte[3] = 0;
    cr_assert_eq(parse(&bytes, &segment), -TPA_BASE_DROP_TCP_PORT_ZERO);
}

static void expect_syn_options(const struct tpa_tcp_segment *segment)
{
    cr_assert_eq(segment->mss, 1460);
    cr_assert_eq(segment->window_scale, 7);
    cr_assert(segment->sack_permitted);
    cr_assert(segment->has_timestamp);
    cr_assert_eq(segment->timestamp, 0x01020304);
    cr_assert_eq(segment->timestamp_echo, 0x05060708);
}

/* MUST-64: in any order, at any alignment. */
Test(segment, options_in_every_order)
{
    static const struct {
        uint8_t byte[10], length;
    } options[] = {
        {{2, 4, 0x05, 0xb4}, 4},
        {{3, 3, 7}, 3},
        {{4, 2}, 2},
        {{8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, 10},
        {{1}, 1},                         /* NOP */
        {{0xfe, 5, 0xde, 0xad, 0xbe}, 5}, /* unknown, MUST-6 */
    };
    int order[] = {0, 1, 2, 3, 4, 5};

    for (int permutation = 0; permutation < 720; permutation++) {
        uint8_t all[40];
        uint32_t count = 0;
        struct tpa_tcp_segment segment;
        struct bytes bytes;
        int rest = permutation;

        for (int i = 0; i < 6; i++)
            order[i] = i;
        for (int i = 5; i > 0; i--) {
            int other = rest % (i + 1), kept = order[i];

            rest /= i + 1;
            order[i] = order[other];
            order[other] = kept;
        }
        for (int i = 0; i < 6; i++) {
            memcpy(all + count, options[order[i]].byte, options[order[i]].length);
            count += options[order[i]].length;
        }
        bytes = with_options(all, count, TPA_TCP_SYN, 0);
        cr_assert_eq(parse(&bytes, &segment), 0);
        expect_syn_options(&segment);
    }
}

/* Attack 35. */
Test(segment, options_of_the_handshake_mean_nothing_outside_it)
{
    const uint8_t options[] = {2, 4, 0x05, 0xb4, 3, 3, 7, 4, 2};
    struct tpa_tcp_segment segment;
    struct bytes bytes = with_options(options, sizeof(options), TPA_TCP_ACK, 10);

    cr_assert_eq(parse(&bytes, &segment), 0);
    cr_assert_eq(segment.mss, 0);
    cr_assert_eq(segment.window_scale, TPA_TCP_WINDOW_SCALE_NONE);
    cr_assert_not(segment.sack_permitted);
    cr_assert_eq(segment.length, 10);
}

/* Attacks 1, 2 and 35. MUST-7, and options of another length than theirs, which are skipped. */
Test(segment, odd_options)
{
    static const struct {
        const char *what;
        uint8_t byte[40];
        uint32_t length;
        bool refused;
    } rows[] = {
        {"length 0", {2, 0, 1, 1}, 4, true},
        {"length 1", {2, 1, 1, 1}, 4, true},
        {"unknown, length 0", {254, 0, 1, 1}, 4, true},
        {"beyond the header", {8, 10, 1, 1}, 4, true},
        {"beyond the header by one", {1, 2, 4, 5}, 4, true},
        {"kind without length", {1, 1, 1, 8}, 4, true},
        {"length 255", {30, 255, 0, 0}, 4, true},
        {"ends the options", {0, 2, 0, 0}, 4, false},
        {"MSS of 3", {2, 3, 9, 1}, 4, false},
        {"MSS of 5", {2, 5, 9, 9, 9, 1, 1, 1}, 8, false},
        {"window scale of 2", {3, 2, 1, 1}, 4, false},
        {"window scale of 4", {3, 4, 7, 7}, 4, false},
        {"SACK permitted of 3", {4, 3, 1, 1}, 4, false},
        {"timestamp of 8", {8, 8, 1, 2, 3, 4, 5, 6}, 8, false},
        {"SACK of 2", {5, 2, 1, 1}, 4, false},
        {"SACK of 9", {5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1}, 12, false},
        {"SACK of 11", {5, 11, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1}, 12, false},
        {"only NOPs", {1, 1, 1, 1, 1, 1, 1, 1}, 8, false},
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        for (unsigned int flags = TPA_TCP_SYN; flags <= TPA_TCP_ACK; flags <<= 3) {
            struct tpa_tcp_segment segment;
            struct bytes bytes = with_options(rows[row].byte, rows[row].length, (uint8_t)flags, 0);

            cr_assert_eq(parse(&bytes, &segment), rows[row].refused ? -TPA_BASE_DROP_TCP_OPTION : 0,
                         "%s", rows[row].what);
            if (rows[row].refused)
                continue;
            cr_assert_eq(segment.mss, 0, "%s", rows[row].what);
            cr_assert_eq(segment.window_scale, TPA_TCP_WINDOW_SCALE_NONE, "%s", rows[row].what);
            cr_assert_not(segment.sack_permitted, "%s", rows[row].what);
            cr_assert_not(segment.has_timestamp, "%s", rows[row].what);
            cr_assert_eq(segment.sack_count, 0, "%s", rows[row].what);
        }
    }
}

Test(segment, usual_timestamp_layout)
{
    const uint8_t options[] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    struct tpa_tcp_segment segment;
    struct bytes bytes = with_options(options, sizeof(options), TPA_TCP_ACK, 100);

    cr_assert_eq(parse(&bytes, &segment), 0);
    cr_assert(segment.has_timestamp);
    cr_assert_eq(segment.timestamp, 0x01020304);
    cr_assert_eq(segment.timestamp_echo, 0x05060708);
    cr_assert_eq(segment.length, 100);
    cr_assert_eq(segment.header_length, 32);
}

/* Attacks 8 and 9. */
Test(segment, sack_blocks)
{
    uint8_t options[40] = {1, 1, 5, 34};
    struct tpa_tcp_segment segment;
    struct bytes bytes;

    for (uint8_t i = 0; i < 8; i++)
        options[4 + 4 * i + 3] = (uint8_t)(10 * (i + 1));
    bytes = with_options(options, 36, TPA_TCP_ACK, 0);
    cr_assert_eq(parse(&bytes, &segment), 0);
    cr_assert_eq(segment.sack_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(segment.sack[i].left, 20 * i + 10);
        cr_assert_eq(segment.sack[i].right, 20 * i + 20);
    }
    bytes = with_options(options, 36, TPA_TCP_SYN, 0);
    cr_assert_eq(parse(&bytes, &segment), 0);
    cr_assert_eq(segment.sack_count, 0);
}

/* Attacks 1 and 2. Whatever the bytes: no read outside (ASan), a reason or a sound result. */
Test(segment, random_bytes)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    for (int i = 0; i < 200000; i++) {
        struct bytes bytes = {.length = (uint32_t)tpa_base_random_below(&random, 70)};
        struct tpa_tcp_segment segment;
        int result;

        tpa_base_random_bytes(&random, bytes.byte, bytes.length);
        if (i % 4 != 0)
            bytes.byte[12] = (uint8_t)(0x50 + (tpa_base_random_below(&random, 11) << 4));
        result = parse_in(i % 8 == 0 ? 7 : 120, &bytes, &segment);
        cr_assert_leq(result, 0);
        cr_assert_gt(result, -(int)TPA_BASE_DROP_COUNT);
        if (result != 0)
            continue;
        cr_assert_eq(segment.length + segment.header_length, bytes.length);
        cr_assert_leq(segment.sack_count, TPA_TCP_SACK_BLOCKS_MAX);
    }
}

/* What we build: parsed again, it is the same. */
static struct tpa_tcp_segment there_and_back(const struct tpa_tcp_header *header)
{
    struct tpa_mem_pool *pool = tpa_test_pool(8);
    struct rte_mbuf *packet = tpa_tcp_header_packet(pool, header);
    struct tpa_tcp_segment segment;

    cr_assert_not_null(packet);
    cr_assert_eq(tpa_mem_packet_length(packet), tpa_tcp_header_length(header));
    cr_assert_eq(tpa_mem_packet_length(packet) % 4, 0);
    cr_assert_eq(packet->l4_len, tpa_tcp_header_length(header), "what devices want to know");
    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0);
    cr_assert_eq(segment.header_length, tpa_tcp_header_length(header));
    cr_assert_eq(segment.seq, header->seq);
    cr_assert_eq(segment.ack, header->ack);
    cr_assert_eq(segment.source_port, header->source_port);
    cr_assert_eq(segment.destination_port, header->destination_port);
    cr_assert_eq(segment.flags, header->flags);
    cr_assert_eq(segment.window, header->window);
    cr_assert_eq(segment.urgent, 0);
    cr_assert_eq(segment.has_timestamp, header->has_timestamp);
    if (header->has_timestamp) {
        cr_assert_eq(segment.timestamp, header->timestamp);
        cr_assert_eq(segment.timestamp_echo, header->timestamp_echo);
    }
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
    return segment;
}

static const struct tpa_tcp_header usual = {
    .seq = 0xfffffffe,
    .ack = 0x01020304,
    .source_port = 80,
    .destination_port = 50000,
    .window = 0xabcd,
    .flags = TPA_TCP_ACK | TPA_TCP_PSH,
    .timestamp = 77,
    .timestamp_echo = 88,
};

Test(segment, built_without_options)
{
    cr_assert_eq(there_and_back(&usual).header_length, 20);
}

Test(segment, built_syn_with_every_set_of_options)
{
    for (int set = 0; set < 16; set++) {
        struct tpa_tcp_header header = usual;
        struct tpa_tcp_segment segment;

        header.flags = TPA_TCP_SYN;
        header.mss = (set & 1) != 0 ? 8960 : 0;
        header.sack_permitted = (set & 2) != 0;
        header.has_timestamp = (set & 4) != 0;
        header.has_window_scale = (set & 8) != 0;
        header.window_scale = 0;
        segment = there_and_back(&header);
        cr_assert_eq(segment.mss, header.mss);
        cr_assert_eq(segment.sack_permitted, header.sack_permitted);
        cr_assert_eq(segment.window_scale, header.has_window_scale ? 0 : TPA_TCP_WINDOW_SCALE_NONE);
    }
}

/* MUST-65, and blocks that find no room beside the timestamp. */
Test(segment, built_with_sack_blocks)
{
    for (uint8_t count = 0; count <= TPA_TCP_SACK_BLOCKS_MAX; count++) {
        for (int timestamp = 0; timestamp < 2; timestamp++) {
            struct tpa_tcp_header header = usual;
            struct tpa_tcp_segment segment;

            header.mss = 1460;
            header.sack_permitted = header.has_window_scale = true;
            header.has_timestamp = timestamp != 0;
            header.sack_count = count;
            for (uint32_t i = 0; i < TPA_TCP_SACK_BLOCKS_MAX; i++)
                header.sack[i] = (struct tpa_tcp_sack_block){100 * i, 100 * i + 50};
            segment = there_and_back(&header);
            cr_assert_eq(segment.sack_count, timestamp && count == 4 ? 3 : count);
            for (uint32_t i = 0; i < segment.sack_count; i++) {
                cr_assert_eq(segment.sack[i].left, 100 * i);
                cr_assert_eq(segment.sack[i].right, 100 * i + 50);
            }
            cr_assert_leq(segment.header_length, TPA_TCP_HEADER_MAX);
        }
    }
}

/* MUST-69: nothing of the buffer's last use shows. */
Test(segment, padding_is_zero)
{
    struct tpa_mem_pool *pool = tpa_test_pool(8);
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);
    struct tpa_tcp_header header = usual;
    const uint8_t *bytes;

    memset(packet->buf_addr, 0xee, packet->buf_len);
    header.flags = TPA_TCP_SYN;
    header.has_window_scale = true;
    cr_assert_eq(tpa_tcp_header_prepend(packet, &header), 24);
    bytes = tpa_mem_packet_data(packet);
    cr_assert_eq(bytes[23], 0);
    cr_assert_eq(bytes[16] | bytes[17], 0); /* checksum: to be filled in */
    tpa_mem_packet_free(packet);
    tpa_test_pool_expect_idle(pool);
}

Test(segment, no_headroom_no_header)
{
    struct tpa_mem_pool *pool = tpa_test_pool(8);
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

    tpa_mem_packet_prepend(packet, TPA_MEM_HEADROOM - 10);
    cr_assert_eq(tpa_tcp_header_prepend(packet, &usual), 0);
    tpa_mem_packet_free(packet);
    pool->fault_countdown = 1;
    cr_assert_null(tpa_tcp_header_packet(pool, &usual));
    tpa_test_pool_expect_idle(pool);
}
