#include "wires.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <tpa/base/byteorder.h>
#include <tpa/mem/eal.h>
#include <tpa/netdev/capture.h>
#include <tpa/netdev/ethdev.h>
#include <tpa/netdev/impair.h>
#include <tpa/netdev/loop.h>
#include <tpa/netdev/offload.h>

enum {
    L2 = 14,
    L3 = 20,
    L4 = 32,
    HEADERS = L2 + L3 + L4,
    BUFFERS = 16383,
    MTU = 1500
};
enum {
    CHAIN_STEP = 101,
    PIECES = WIRES_SUPER_PAYLOAD / WIRES_MSS + 1
};

static struct tpa_mem_pool pool;
static struct tpa_netdev *loop[2];
static struct tpa_netdev *null_port;
static struct tpa_netdev *null_middleware;

static void check(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "%s: error %d\n", what, error);
    exit(1);
}

static struct tpa_netdev *open_null(void)
{
    struct tpa_netdev_ethdev_config config = {.name = "net_null0", .queue_count = 1, .pool = &pool};
    char reason[TPA_NETDEV_REASON_SIZE];
    struct tpa_netdev *device;

    check(rte_vdev_init("net_null0", "no-rx=1"), "net_null");
    check(tpa_netdev_ethdev_open(&config, &device, reason), reason);
    check(tpa_netdev_start(device), "start");
    return device;
}

static void set_up(void)
{
    struct tpa_mem_eal_config eal = {.program = "bench"};
    struct tpa_mem_pool_config config = {.name = "bench", .packet_count = BUFFERS};
    struct tpa_netdev_loop_config ends = {.pool = {&pool, &pool}};
    char reason[TPA_MEM_EAL_REASON_SIZE];

    if (pool.mempool != NULL)
        return;
    check(tpa_mem_eal_init(&eal, reason), reason);
    check(tpa_mem_pool_create(&pool, &config), "pool");
    check(tpa_netdev_loop_create(&ends, loop), "loop");
    check(tpa_netdev_start(loop[0]), "start");
    check(tpa_netdev_start(loop[1]), "start");
    null_port = open_null();
    null_middleware = tpa_netdev_offload_wrap(null_port, &pool);
    null_middleware = tpa_netdev_impair_wrap(null_middleware, &pool, 1);
    null_middleware = tpa_netdev_capture_wrap(null_middleware);
}

static void write_headers(uint8_t *frame, uint32_t length)
{
    memset(frame, 0, HEADERS);
    tpa_base_store_be16(frame + 12, 0x0800);
    frame[L2] = 0x45;
    tpa_base_store_be16(frame + L2 + 2, (uint16_t)(length - L2));
    frame[L2 + 9] = 6;
    frame[L2 + L3 + 12] = L4 / 4 << 4;
}

static void request(struct rte_mbuf *packet)
{
    packet->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
    packet->l2_len = L2;
    packet->l3_len = L3;
    packet->l4_len = L4;
}

/* A frame in buffers of `step` bytes each behind the first. */
static struct rte_mbuf *make_packet(uint32_t length, uint32_t step)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(&pool);
    uint32_t rest = length - HEADERS;

    write_headers(tpa_mem_packet_append(packet, HEADERS), length);
    while (rest > 0) {
        uint32_t part = rest < step ? rest : step;
        struct rte_mbuf *segment = tpa_mem_packet_alloc(&pool);

        memset(tpa_mem_packet_append(segment, (uint16_t)part), 0x5a, part);
        tpa_mem_packet_chain(packet, segment);
        rest -= part;
    }
    request(packet);
    return packet;
}

static struct rte_mbuf *make_super_frame(void)
{
    struct rte_mbuf *packet = make_packet(WIRES_SUPER_PAYLOAD + HEADERS, 2048);

    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = WIRES_MSS;
    return packet;
}

/* Frames as a stack would make them: the same bytes are not written anew. */
static void make_burst(struct rte_mbuf **packets, uint32_t length)
{
    check(tpa_mem_packet_alloc_burst(&pool, packets, WIRES_BURST), "buffers");
    for (int i = 0; i < WIRES_BURST; i++) {
        write_headers(tpa_mem_packet_append(packets[i], (uint16_t)length), length);
        request(packets[i]);
    }
}

static void burst_over(struct tpa_netdev *from, struct tpa_netdev *to, uint32_t length)
{
    struct rte_mbuf *packets[WIRES_BURST];
    uint16_t count;

    make_burst(packets, length);
    count = tpa_netdev_tx_burst(from, 0, packets, WIRES_BURST, 0);
    check(count != WIRES_BURST, "not all were accepted");
    count = tpa_netdev_rx_burst(to, 0, packets, WIRES_BURST, 0);
    tpa_mem_packet_free_burst(packets, count);
}

/* net_null computes nothing: its packets ask for nothing. */
static void burst_to_null(struct tpa_netdev *device, uint32_t length)
{
    struct rte_mbuf *packets[WIRES_BURST];

    make_burst(packets, length);
    for (int i = 0; i < WIRES_BURST; i++)
        packets[i]->ol_flags = 0;
    check(tpa_netdev_tx_burst(device, 0, packets, WIRES_BURST, 0) != WIRES_BURST,
          "not all were accepted");
    tpa_netdev_rx_burst(device, 0, packets, WIRES_BURST, 0);
    tpa_netdev_tx_flush(device, 0, 0);
}

void wires_burst(enum wires_path path, uint32_t length)
{
    set_up();
    if (path == WIRES_LOOP)
        burst_over(loop[0], loop[1], length);
    else
        burst_to_null(path == WIRES_NULL ? null_port : null_middleware, length);
}

/* The same super-frame over and over: each use takes a reference to all of its segments. */
static struct rte_mbuf *super_frame_again(void)
{
    static struct rte_mbuf *packet;

    set_up();
    if (packet == NULL)
        packet = make_super_frame();
    for (struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next)
        rte_mbuf_refcnt_update(segment, 1);
    return packet;
}

uint32_t wires_loop_super_frame(void)
{
    struct rte_mbuf *packet = super_frame_again();
    struct rte_mbuf *received[PIECES];
    uint16_t count;

    check(tpa_netdev_tx_burst(loop[0], 0, &packet, 1, 0) != 1, "not accepted");
    count = tpa_netdev_rx_burst(loop[1], 0, received, PIECES, 0);
    tpa_mem_packet_free_burst(received, count);
    return count;
}

void wires_segment(int copy, int checksums)
{
    struct rte_mbuf *pieces[PIECES];
    int count = tpa_netdev_segment(super_frame_again(), &pool, pieces, PIECES, copy);

    check(count <= 0, "segmentation");
    for (int i = 0; checksums && i < count; i++)
        tpa_netdev_checksum(pieces[i]);
    tpa_mem_packet_free_burst(pieces, (unsigned int)count);
}

void wires_copy_super_frame(void)
{
    static uint8_t from[WIRES_SUPER_PAYLOAD];
    static uint8_t to[WIRES_SUPER_PAYLOAD];

    memcpy(to, from, sizeof(to));
    __asm__ volatile("" : : "r"(to) : "memory");
}

void wires_checksum(uint32_t length, int chained)
{
    static struct rte_mbuf *packets[2];
    static uint32_t lengths[2];

    set_up();
    if (packets[chained] == NULL || lengths[chained] != length) {
        if (packets[chained] != NULL)
            tpa_mem_packet_free(packets[chained]);
        packets[chained] = make_packet(length, chained ? CHAIN_STEP : 2048);
        lengths[chained] = length;
    }
    request(packets[chained]);
    tpa_netdev_checksum(packets[chained]);
}
