#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/random.h>
#include <tpa/tcp/congestion.h>

#include "flight.h"
#include "keyed.h"
#include "reassembly.h"
#include "receive_queue.h"
#include "rtt.h"
#include "segment.h"
#include "send_queue.h"
#include "test/support/eal.h"

#define MSS 1448u

static struct tpa_mem_pool pool;

/* What the compiler must not find out. */
static volatile uint32_t sink;

static void check(int error)
{
    if (error == 0)
        return;
    fprintf(stderr, "parts_bench: error %d\n", error);
    abort();
}

void parts_init(void)
{
    const struct tpa_mem_pool_config config = {.name = "parts", .packet_count = 8000};

    if (pool.mempool != NULL)
        return;
    tpa_test_eal_init();
    check(tpa_mem_pool_create(&pool, &config));
}

static struct tpa_tcp_header make_header(enum parts_layout layout)
{
    struct tpa_tcp_header header = {
        .source_port = 80, .destination_port = 40000, .flags = TPA_TCP_ACK, .window = 1000};

    header.has_timestamp = layout != PARTS_NO_OPTIONS;
    header.sack_count = layout == PARTS_SACK ? 3 : 0;
    if (layout == PARTS_SYN) {
        header.flags = TPA_TCP_SYN;
        header.mss = MSS;
        header.sack_permitted = header.has_window_scale = true;
    }
    return header;
}

void parts_parse(enum parts_layout layout, uint64_t count)
{
    const struct tpa_tcp_header header = make_header(layout);
    struct rte_mbuf *packet = tpa_tcp_header_packet(&pool, &header);
    struct tpa_tcp_segment segment;

    for (uint64_t i = 0; i < count; i++) {
        check(tpa_tcp_segment_parse(packet, 0, &segment));
        sink = segment.timestamp + segment.sack[2].right;
    }
    tpa_mem_packet_free(packet);
}

void parts_header(enum parts_layout layout, uint64_t count)
{
    struct tpa_tcp_header header = make_header(layout);
    struct rte_mbuf *packet = tpa_mem_packet_alloc(&pool);

    for (uint64_t i = 0; i < count; i++) {
        header.seq = (uint32_t)i;
        tpa_mem_packet_trim_front(packet, tpa_tcp_header_prepend(packet, &header));
    }
    tpa_mem_packet_free(packet);
}

static struct rte_mbuf *make_packet(uint32_t length)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(&pool);

    if (packet == NULL || tpa_mem_packet_append(packet, (uint16_t)length) == NULL)
        abort();
    return packet;
}

void parts_receive_queue(uint64_t count)
{
    struct tpa_tcp_receive_queue queue = {0};
    struct tpa_mem_budget budget = {.limit = UINT64_MAX};
    struct rte_mbuf *segment;

    for (uint64_t i = 0; i < count; i++) {
        check(tpa_tcp_receive_queue_push(&queue, &budget, make_packet(MSS), 1000));
        sink = tpa_tcp_receive_queue_take(&queue, &budget, &segment, 1);
        tpa_tcp_charge_free(&budget, segment);
    }
}

void parts_reassembly(uint32_t holes, uint64_t count)
{
    struct tpa_mem_budget budget = {.limit = UINT64_MAX};
    struct tpa_tcp_reassembly_worker worker;
    struct tpa_tcp_reassembly held = {0};
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    check(tpa_tcp_reassembly_worker_init(&worker, &budget, &tpa_mem_chunk_source_default, 4000));
    for (uint64_t i = 0; i < count; i++) {
        uint32_t sequence = MSS * (1 + 2 * (uint32_t)tpa_base_random_below(&random, holes));
        struct rte_mbuf *packet = make_packet(MSS);

        if (tpa_tcp_reassembly_insert(&held, &worker, packet, sequence) != TPA_BASE_DROP_NONE)
            tpa_mem_packet_free(packet);
        if (tpa_tcp_reassembly_range_count(&held) > holes / 2)
            sink = (uint32_t)tpa_tcp_reassembly_prune(&held, &worker, 1);
    }
    tpa_tcp_reassembly_drop(&held, &worker);
    check(tpa_tcp_reassembly_worker_fini(&worker));
}

void parts_send_queue(int copied, uint32_t length, uint32_t ahead, uint64_t count)
{
    static uint8_t memory[65536];
    const struct tpa_tcp_send_worker_config config = {
        .source = &tpa_mem_chunk_source_default,
        .pool = &pool,
        .budget = UINT64_MAX,
        .entries_max = 2000,
        .bytes_max = 1u << 30,
        .chunk_size = 16384,
        .segments_max = 45,
    };
    const struct tpa_tcp_send_piece piece = {
        .base = memory, .iova = (uintptr_t)memory, .length = length, .copy = copied != 0};
    struct tpa_tcp_send_worker worker;
    struct tpa_tcp_send_queue queue;

    check(tpa_tcp_send_worker_init(&worker, &config));
    tpa_tcp_send_queue_init(&queue, 0);
    for (uint64_t i = 0; i < count; i++) {
        struct rte_mbuf *packet = tpa_mem_packet_alloc(&pool);

        if (tpa_tcp_send_queue_append(&queue, &worker, &piece, 1, true, worker.bytes_max) != length)
            abort();
        if (tpa_tcp_send_queue_read(&queue, &worker, queue.end - length, length, packet) != length)
            abort();
        tpa_mem_packet_free(packet);
        if (tpa_tcp_send_queue_bytes(&queue) > ahead * length)
            tpa_tcp_send_queue_acknowledge(&queue, &worker, queue.end - ahead * length);
    }
    tpa_tcp_send_queue_drop(&queue, &worker);
    check(tpa_tcp_send_worker_fini(&worker));
}

void parts_flight(uint32_t outstanding, uint64_t count)
{
    struct tpa_tcp_flight_worker worker;
    struct tpa_tcp_flight flight;
    struct tpa_tcp_flight_acked acked = {0};

    check(tpa_tcp_flight_worker_init(&worker, &tpa_mem_chunk_source_default));
    tpa_tcp_flight_init(&flight, 0);
    for (uint64_t i = 0; i < count; i++) {
        check(tpa_tcp_flight_sent(&flight, &worker, MSS, i));
        if (tpa_tcp_flight_outstanding(&flight) >= outstanding * MSS)
            tpa_tcp_flight_acknowledged(&flight, &worker, flight.una + MSS, &acked);
    }
    sink = acked.acked;
    tpa_tcp_flight_drop(&flight, &worker);
    check(tpa_tcp_flight_worker_fini(&worker));
}

void parts_flight_sack(uint32_t holes, uint64_t count)
{
    struct tpa_tcp_flight_worker worker;
    struct tpa_tcp_flight flight;
    struct tpa_tcp_flight_acked acked = {0};

    check(tpa_tcp_flight_worker_init(&worker, &tpa_mem_chunk_source_default));
    tpa_tcp_flight_init(&flight, 0);
    for (uint64_t i = 0; i < count;) {
        check(tpa_tcp_flight_sent(&flight, &worker, 2 * holes * MSS, i));
        for (uint32_t hole = 0; hole < holes && i < count; hole++, i++) {
            struct tpa_tcp_sack_block blocks[4];

            for (uint32_t block = 0; block < 4; block++) {
                uint32_t number = hole >= block ? hole - block : 0;

                blocks[block].left = flight.una + (2 * number + 1) * MSS;
                blocks[block].right = blocks[block].left + MSS;
            }
            tpa_tcp_flight_sacked(&flight, &worker, flight.una, blocks, 4, &acked);
            sink = tpa_tcp_flight_detect_loss(&flight, MSS);
        }
        tpa_tcp_flight_acknowledged(&flight, &worker, flight.nxt, &acked);
    }
    tpa_tcp_flight_drop(&flight, &worker);
    check(tpa_tcp_flight_worker_fini(&worker));
}

/* A flow of 100 segments in flight with a round trip of 10 ms. */
static void fill_rate(struct tpa_tcp_rate_sample *rate)
{
    rate->total_delivered += 2 * MSS;
    rate->newly_delivered = 2 * MSS;
    rate->delivered = rate->tx_in_flight = rate->in_flight = 100 * MSS;
    rate->prior_delivered = rate->total_delivered - TPA_BASE_MIN(rate->total_delivered, 100 * MSS);
    rate->interval = 10000000;
    rate->delivery_rate = UINT64_C(10000) * MSS;
}

void parts_congestion(const char *name, uint64_t count)
{
    struct tpa_tcp_congestion_states states;
    struct tpa_tcp_window window;
    struct tpa_tcp_rate_sample rate = {.is_selective = true};
    struct tpa_tcp_ack_sample sample = {
        .now = UINT64_C(1000000000),
        .rtt = 10000000,
        .srtt = 10000000,
        .acked = 2 * MSS,
        .delivered = 2 * MSS,
        .in_flight = 100 * MSS,
        .rate = &rate,
        .window_limited = true,
    };

    check(tpa_tcp_congestion_states_init(&states, &tpa_mem_chunk_source_default));
    check(tpa_tcp_window_init(&window, tpa_tcp_congestion_find(name), &states, MSS, 10 * MSS,
                              1u << 30, sample.now));
    window.algorithm->on_loss_event(&window, 100 * MSS, sample.now);
    window.algorithm->on_exit_recovery(&window, 50 * MSS, sample.now);
    for (uint64_t i = 0; i < count; i++) {
        sample.now += 200000;
        sample.snd_una += 2 * MSS;
        sample.snd_nxt = sample.snd_una + 100 * MSS;
        fill_rate(&rate);
        window.algorithm->on_ack(&window, &sample);
    }
    sink = window.cwnd;
    tpa_tcp_window_fini(&window, &states);
    check(tpa_tcp_congestion_states_destroy(&states));
}

void parts_rtt(uint64_t count)
{
    struct tpa_tcp_rtt rtt;

    tpa_tcp_rtt_init(&rtt);
    for (uint64_t i = 0; i < count; i++) {
        tpa_tcp_rtt_sample(&rtt, 100000 + (i & 1023), 4);
        sink = (uint32_t)tpa_tcp_rtt_rto(&rtt, 0, UINT64_C(60000000000));
    }
}

void parts_isn(uint64_t count)
{
    const uint8_t secret[16] = {1, 2, 3};
    struct tpa_tcp_tuple tuple = {.local_port = 1};
    struct tpa_base_random random;
    struct tpa_tcp_keys keys;

    tpa_base_random_seed(&random, 1);
    tpa_tcp_keys_init(&keys, secret, &random);
    for (uint64_t i = 0; i < count; i++) {
        tuple.remote_port = (uint16_t)i;
        sink = tpa_tcp_isn(&keys, &tuple, i);
    }
}
