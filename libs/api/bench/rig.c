#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/api/instance.h>
#include <tpa/base/byteorder.h>
#include <tpa/base/error.h>
#include <tpa/base/random.h>
#include <tpa/mem/eal.h>
#include <tpa/netdev/loop.h>

#include "demux.h"

enum {
    PACKETS = 16383,
    SIDS = 4096,
    PORT = 80,
    TICK = 1000,       /* ns of virtual time a step */
    STEPS_MAX = 100000 /* of one transaction: it hangs */
};

static struct {
    uint64_t now;
    struct tpa_mem_pool pool;
    struct tpa_netdev *client_device;
    struct tpa_worker *client, *server;
    uint32_t syns;
    int client_sid, server_sid;
} rig;

static void check(int error, const char *what)
{
    if (error >= 0)
        return;
    fprintf(stderr, "%s: error %d\n", what, error);
    exit(1);
}

static void instance_make(struct tpa_netdev *device, const char *address,
                          struct tpa_mem_registry *registry, struct tpa_api_sids *sids,
                          struct tpa_worker **worker)
{
    struct tpa_api_address_config own = {.prefix_length = 24};
    struct tpa_api_port_config port = {.device = device, .addresses = &own, .address_count = 1};
    struct tpa_api_instance_config config;
    struct tpa_api_instance *instance;
    char reason[TPA_API_REASON_SIZE];

    tpa_ip_from_str((struct tpa_ip *)(void *)&own.address, address);
    tpa_api_instance_config_default(&config);
    config.ports = &port;
    config.port_count = 1;
    config.pool = &rig.pool;
    config.registry = registry;
    config.sids = sids;
    config.tcp.time_wait = 10 * 1000 * 1000; /* so that tuples do not run out */
    check(tpa_api_instance_create(&config, &instance, reason), reason);
    *worker = tpa_api_worker_create(instance, rig.now);
    check(*worker != NULL ? 0 : TPA_ENOMEM, "tpa_api_worker_create");
}

static void step(void)
{
    tpa_api_worker_enter(rig.client);
    tpa_api_worker_step(rig.client, rig.now);
    tpa_api_worker_enter(rig.server);
    tpa_api_worker_step(rig.server, rig.now);
    rig.now += TICK;
}

void rig_start(void)
{
    struct tpa_mem_pool_config pool = {.name = "bench", .packet_count = PACKETS};
    struct tpa_mem_eal_config eal = {.no_huge = false};
    struct tpa_netdev_loop_config loop = {
        .pool = {&rig.pool, &rig.pool},
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
    };
    char reason[TPA_MEM_EAL_REASON_SIZE];
    struct tpa_mem_registry *registry;
    struct tpa_netdev *ends[2];
    struct tpa_api_sids *sids;

    if (rig.client != NULL)
        return;
    rig.now = 1000 * 1000 * 1000;
    check(tpa_mem_eal_init(&eal, reason), reason);
    check(tpa_mem_pool_create(&rig.pool, &pool), "tpa_mem_pool_create");
    check(tpa_netdev_loop_create(&loop, ends), "tpa_netdev_loop_create");
    rig.client_device = ends[0];
    registry = tpa_mem_registry_create();
    sids = tpa_api_sids_create(SIDS);
    instance_make(ends[0], "10.0.0.1", registry, sids, &rig.client);
    instance_make(ends[1], "10.0.0.2", registry, sids, &rig.server);
    check(tpa_listen_on(NULL, PORT, NULL), "tpa_listen_on");
}

void rig_open(void)
{
    tpa_api_worker_enter(rig.client);
    rig.client_sid = tpa_connect_to("10.0.0.2", PORT, NULL);
    check(rig.client_sid, "tpa_connect_to");
    rig.server_sid = -1;
    for (int i = 0; i < STEPS_MAX && rig.server_sid < 0; i++) {
        step();
        (void)tpa_accept_burst(rig.server, &rig.server_sid, 1);
    }
    check(rig.server_sid, "no connection came");
}

void rig_close(void)
{
    uint64_t socks =
        tpa_api_worker_counters(rig.client)->socks + tpa_api_worker_counters(rig.server)->socks;

    tpa_close(rig.client_sid);
    tpa_close(rig.server_sid);
    for (int i = 0; i < STEPS_MAX; i++) {
        step();
        if (tpa_api_worker_counters(rig.client)->socks +
                tpa_api_worker_counters(rig.server)->socks ==
            socks - 2)
            return;
    }
    check(TPA_EAGAIN, "a connection does not end");
}

void rig_connect_close(void)
{
    rig_open();
    rig_close();
}

static void send_and_take(int from, int to, uint32_t size)
{
    static const char bytes[65536];
    struct tpa_iovec iovs[RIG_BURST];
    ssize_t taken = 0;

    check(tpa_write(from, bytes, size) > 0 ? 0 : TPA_EAGAIN, "tpa_write");
    for (int i = 0; i < STEPS_MAX && taken < size; i++) {
        ssize_t length;

        step();
        length = tpa_zreadv(to, iovs, RIG_BURST);
        taken += length > 0 ? length : 0;
        for (int n = 0; length > 0; n++) {
            length -= iovs[n].iov_len;
            iovs[n].iov_read_done(iovs[n].iov_base, iovs[n].iov_param);
        }
    }
    check(taken == size ? 0 : TPA_EAGAIN, "data does not arrive");
}

void rig_request_response(uint32_t size)
{
    send_and_take(rig.client_sid, rig.server_sid, size);
    send_and_take(rig.server_sid, rig.client_sid, size);
}

/* From 10.0.0.1, and another port and number each time. */
static struct rte_mbuf *syn_make(void)
{
    uint8_t bytes[] = {2,  0,    0,           0,    0, 2, 2, 0,    0, 0, 0, 1,  8,   0, 0x45,
                       0,  0,    60,          0,    0, 0, 0, 64,   6, 0, 0, 10, 0,   0, 1,
                       10, 0,    0,           2,    0, 0, 0, PORT, 0, 0, 0, 0,  0,   0, 0,
                       0,  0xa0, TPA_TCP_SYN, 0x80, 0, 0, 0, 0,    0, 2, 4, 5,  180, 4, 2,
                       8,  10,   0,           0,    0, 9, 0, 0,    0, 0, 1, 3,  3,   7};
    struct rte_mbuf *packet;

    rig.syns++;
    tpa_base_store_be16(bytes + 34, (uint16_t)(1 + rig.syns % 65535));
    tpa_base_store_be32(bytes + 38, rig.syns);
    packet = tpa_mem_packet_from_bytes(&rig.pool, bytes, sizeof(bytes));
    check(packet != NULL ? 0 : TPA_ENOMEM, "no packet");
    packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
    packet->l2_len = 14;
    packet->l3_len = 20;
    packet->l4_len = 40;
    return packet;
}

void rig_syn_burst(void)
{
    struct rte_mbuf *packets[RIG_BURST];
    uint16_t count;

    for (int i = 0; i < RIG_BURST; i++)
        packets[i] = syn_make();
    count = tpa_netdev_tx_burst(rig.client_device, 0, packets, RIG_BURST, rig.now);
    check(count == RIG_BURST ? 0 : TPA_EAGAIN, "the loop is full");
    tpa_api_worker_enter(rig.server);
    tpa_api_worker_step(rig.server, rig.now);
    rig.now += TICK;
    while ((count = tpa_netdev_rx_burst(rig.client_device, 0, packets, RIG_BURST, rig.now)) > 0) {
        for (uint16_t i = 0; i < count; i++)
            tpa_mem_packet_free(packets[i]);
    }
}

void rig_idle_step(void)
{
    tpa_api_worker_step(rig.server, rig.now);
    rig.now += TICK;
}

/* ---- Demultiplexing ---- */

static const struct tpa_base_hash_key key = {.k0 = 1, .k1 = 2};
static struct tpa_api_demux demux;
static struct tpa_api_flow *flows;
static uint32_t flow_count;
static struct tpa_base_random choices;

void rig_demux_fill(uint32_t count)
{
    flows = calloc(count, sizeof(*flows));
    flow_count = count;
    check(flows != NULL ? 0 : TPA_ENOMEM, "calloc");
    check(tpa_api_demux_init(&demux, &tpa_mem_chunk_source_default, &key), "tpa_api_demux_init");
    tpa_base_random_seed(&choices, 1);
    for (uint32_t n = 0; n < count; n++) {
        flows[n].tuple.local = tpa_base_address_from_ipv4(0x0100000a);
        flows[n].tuple.remote = tpa_base_address_from_ipv4(0x0200000a + (n >> 16 << 24));
        flows[n].tuple.local_port = PORT;
        flows[n].tuple.remote_port = (uint16_t)n;
        check(tpa_api_demux_insert(&demux, &flows[n], TPA_API_DEMUX_SOCK), "insert");
    }
}

void rig_demux_burst(void)
{
    struct tpa_tcp_tuple tuples[RIG_BURST];
    uint64_t hashes[RIG_BURST];
    enum tpa_api_demux_kind kind;

    for (int i = 0; i < RIG_BURST; i++)
        tuples[i] = flows[tpa_base_random_below(&choices, flow_count)].tuple;
    for (int i = 0; i < RIG_BURST; i++) {
        hashes[i] = tpa_api_flow_hash(&key, &tuples[i]);
        tpa_api_demux_prefetch(&demux, hashes[i]);
    }
    for (int i = 0; i < RIG_BURST; i++)
        tpa_api_demux_prefetch_object(&demux, hashes[i]);
    for (int i = 0; i < RIG_BURST; i++)
        check(tpa_api_demux_find(&demux, hashes[i], &tuples[i], &kind) != NULL ? 0 : TPA_ENOENT,
              "find");
}

void rig_demux_empty(void)
{
    tpa_api_demux_fini(&demux);
    free(flows);
}
