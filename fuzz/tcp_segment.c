/*
 * A TCP header with its options, from bytes: decoded within its bounds, or refused. What is decoded
 * is encoded and decoded again, to the same. The answers to it of no connection and of TIME-WAIT
 * are well-formed, and no reset is answered.
 */
#include "libs/tcp/test/host.h"
#include "segment.h"
#include "support/packet.h"
#include "support/target.h"
#include "test/support/pools.h"

#define NOW UINT64_C(1000000000000)

enum {
    PACKETS = 1024,
    ANSWERS = 16,
};

static void expect_sound(const struct tpa_tcp_segment *segment, uint32_t packet_length)
{
    cr_assert_eq(segment->header_length % 4, 0);
    cr_assert(segment->header_length >= TPA_TCP_HEADER_MIN &&
              segment->header_length <= TPA_TCP_HEADER_MAX);
    cr_assert_eq(segment->header_length + segment->length, packet_length);
    cr_assert(segment->window_scale <= TPA_TCP_WINDOW_SCALE_MAX ||
              segment->window_scale == TPA_TCP_WINDOW_SCALE_NONE);
    cr_assert_leq(segment->sack_count, TPA_TCP_SACK_BLOCKS_MAX);
    cr_assert_neq(segment->source_port, 0);
    cr_assert_neq(segment->destination_port, 0);
}

static struct tpa_tcp_header header_of(const struct tpa_tcp_segment *segment)
{
    struct tpa_tcp_header header = {
        .seq = segment->seq,
        .ack = segment->ack,
        .source_port = segment->source_port,
        .destination_port = segment->destination_port,
        .window = segment->window,
        .flags = segment->flags,
        .sack_count = segment->sack_count,
        .mss = segment->mss,
        .has_window_scale = segment->window_scale != TPA_TCP_WINDOW_SCALE_NONE,
        .window_scale = segment->window_scale,
        .sack_permitted = segment->sack_permitted,
        .has_timestamp = segment->has_timestamp,
        .timestamp = segment->timestamp,
        .timestamp_echo = segment->timestamp_echo,
    };

    memcpy(header.sack, segment->sack, segment->sack_count * sizeof(segment->sack[0]));
    return header;
}

static void expect_same_when_encoded(struct tpa_mem_pool *pool,
                                     const struct tpa_tcp_segment *segment)
{
    struct tpa_tcp_header header = header_of(segment);
    struct rte_mbuf *packet = tpa_tcp_header_packet(pool, &header);
    struct tpa_tcp_segment again;

    cr_assert_not_null(packet);
    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &again), 0);
    tpa_mem_packet_free(packet);
    cr_assert(again.seq == segment->seq && again.ack == segment->ack);
    cr_assert(again.flags == segment->flags && again.window == segment->window);
    cr_assert(again.mss == segment->mss && again.window_scale == segment->window_scale);
    cr_assert_eq(again.sack_permitted, segment->sack_permitted);
    cr_assert_eq(again.has_timestamp, segment->has_timestamp);
    cr_assert(!again.has_timestamp || (again.timestamp == segment->timestamp &&
                                       again.timestamp_echo == segment->timestamp_echo));
    cr_assert_eq(again.sack_count, segment->sack_count);
    cr_assert_eq(memcmp(again.sack, segment->sack, again.sack_count * sizeof(again.sack[0])), 0);
}

/* An answer is a header alone, to where the segment came from. */
static void expect_answer(struct rte_mbuf *answer, const struct tpa_tcp_segment *segment,
                          uint8_t flag)
{
    struct tpa_tcp_segment header;

    cr_assert_eq(segment->flags & TPA_TCP_RST, 0, "a reset was answered");
    cr_assert_eq(tpa_tcp_segment_parse(answer, 0, &header), 0);
    cr_assert_eq(header.length, 0);
    cr_assert_neq(header.flags & flag, 0);
    cr_assert_eq(header.destination_port, segment->source_port);
    tpa_mem_packet_free(answer);
}

static void expect_answers(struct host *host, const struct tpa_tcp_segment *segment)
{
    struct tpa_tcp_time_wait time_wait = {
        .deadline = NOW + host->config.time_wait,
        .snd_nxt = segment->ack,
        .rcv_nxt = segment->seq + 1,
        .ts_recent = segment->timestamp_echo,
        .rcv_wnd = segment->window,
        .local_port = segment->destination_port,
        .remote_port = segment->source_port,
        .timestamps = segment->has_timestamp,
    };
    enum tpa_base_drop reason;
    struct rte_mbuf *answer = tpa_tcp_reset_for(&host->worker, segment, &reason, NOW);

    if (answer != NULL)
        expect_answer(answer, segment, TPA_TCP_RST);
    else
        cr_assert_neq(segment->flags & TPA_TCP_RST, 0, "no reset");
    if (tpa_tcp_time_wait_input(&host->worker, &time_wait, segment, &answer, NOW) ==
        TPA_TCP_TIME_WAIT_REPLY)
        expect_answer(answer, segment, TPA_TCP_ACK);
    else
        cr_assert_null(answer);
}

/* The first byte says how the packet lies in memory; the rest is the packet. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct host host;
    struct tpa_mem_pool *pool = tpa_test_pool(PACKETS);
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);
    uint32_t segment_length = tpa_base_cursor_u8(&input) % 64;
    uint32_t length = PACKETS / 2;
    const uint8_t *data = fuzz_bytes(&input, &length);
    struct rte_mbuf *packet = fuzz_packet(pool, data, length, segment_length);
    struct tpa_tcp_segment segment;

    host_prepare(&host, tpa_test_pool(ANSWERS));
    host_start(&host, NOW);
    if (tpa_tcp_segment_parse(packet, 0, &segment) == 0) {
        expect_sound(&segment, length);
        expect_same_when_encoded(host.pool, &segment);
        expect_answers(&host, &segment);
    }
    tpa_mem_packet_free(packet);
    host_stop(&host);
    tpa_test_pool_expect_idle(pool);
    tpa_test_pool_expect_idle(host.pool);
    return 0;
}
