#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/checksum.h>
#include <tpa/base/clock.h>
#include <tpa/ip/ip.h>

#include "test/support/eal.h"
#include "wire.h"

#define POOL_SIZE 1024

struct rig {
    uint64_t now;
    uint8_t interface;
    uint8_t header_length; /* of link and IP, of the packets in `received` */
    struct tpa_mem_pool pool;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_ip_stack *stack;
    struct tpa_ip_worker *worker;
    struct rte_mbuf *received[RIG_BURST];
    uint64_t flags;
    struct rte_mbuf *sent[RIG_BURST];
    struct tpa_ip_path *paths[RIG_BURST];
};

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "ip bench: %s\n", what);
    abort();
}

static struct tpa_base_address host_address(bool ipv6, uint8_t host)
{
    struct tpa_base_address address = {.u8 = {0x20, 0x01, 0x0d, 0xb8, [15] = host}};

    return ipv6 ? address : tpa_base_address_from_ipv4(tpa_base_host_to_be32(0x0a000000u + host));
}

static void add_hosts(struct rig *rig, bool ipv6)
{
    struct tpa_base_address own = host_address(ipv6, 1);

    check(tpa_ip_address_add(rig->stack, rig->interface, &own, ipv6 ? 64 : 24) == 0, "address");
    for (uint8_t i = 0; i < RIG_BURST; i++) {
        struct tpa_ip_neighbour neighbour = {
            .address = host_address(ipv6, (uint8_t)(10 + i)),
            .mac = {2, 0, 0, 0, 1, i},
            .interface = rig->interface,
        };

        check(tpa_ip_neighbour_set(rig->stack, &neighbour, rig->now) == 0, "neighbour");
    }
}

static void discard_waiting(struct rig *rig)
{
    struct rte_mbuf *frame;

    while (tpa_ip_take(rig->worker, rig->interface, &frame, 1) > 0)
        tpa_mem_packet_free(frame);
}

static void begin(struct rig *rig)
{
    struct tpa_ip_interface_config interface = {.name = "eth0", .mac = {2, 1}, .mtu = 1500};
    struct tpa_mem_pool_config pool = {.name = "ip_bench", .packet_count = POOL_SIZE};
    struct tpa_ip_worker_config config = {
        .pool = &rig->pool,
        .random = &rig->random,
        .drops = &rig->drops,
    };

    tpa_test_eal_init();
    check(tpa_mem_pool_create(&rig->pool, &pool) == 0, "pool");
    tpa_base_random_seed(&rig->random, 1);
    rig->now = TPA_BASE_SECOND;
    rig->stack = tpa_ip_stack_create(NULL);
    check(rig->stack != NULL, "stack");
    check(tpa_ip_interface_add(rig->stack, &interface) == 0, "interface");
    add_hosts(rig, false);
    add_hosts(rig, true);
    rig->worker = tpa_ip_worker_create(rig->stack, &config, rig->now);
    check(rig->worker != NULL, "worker");
    tpa_ip_timers(rig->worker, rig->now);
    discard_waiting(rig);
}

struct rig *rig_get(void)
{
    static struct rig rig;

    if (rig.stack == NULL)
        begin(&rig);
    return &rig;
}

static uint32_t write_ip(uint8_t *to, bool ipv6, uint8_t peer, uint32_t length)
{
    struct tpa_base_address source = host_address(ipv6, peer), own = host_address(ipv6, 1);

    memset(to, 0, TPA_IP_IPV6_LENGTH);
    if (ipv6) {
        to[0] = 0x60;
        tpa_base_store_be16(to + 4, (uint16_t)length);
        to[6] = TPA_IP_PROTOCOL_TCP;
        to[7] = 64;
        memcpy(to + 8, source.u8, 16);
        memcpy(to + 24, own.u8, 16);
        return tpa_base_checksum_pseudo_ipv6(to + 8, to + 24, TPA_IP_PROTOCOL_TCP, length);
    }
    to[0] = 0x45;
    tpa_base_store_be16(to + 2, (uint16_t)(TPA_IP_IPV4_LENGTH + length));
    to[8] = 64;
    to[9] = TPA_IP_PROTOCOL_TCP;
    memcpy(to + 12, &source.u8[12], 4);
    memcpy(to + 16, &own.u8[12], 4);
    tpa_base_store16(
        to + 10, tpa_base_checksum_finish(tpa_base_checksum_partial(to, TPA_IP_IPV4_LENGTH, 0)));
    return tpa_base_checksum_pseudo_ipv4(tpa_base_load32(to + 12), tpa_base_load32(to + 16),
                                         TPA_IP_PROTOCOL_TCP, (uint16_t)length);
}

static void write_tcp(uint8_t *to, uint32_t payload, uint32_t sum)
{
    uint32_t length = TPA_IP_TCP_LENGTH + payload;

    memset(to, 0x5a, length);
    to[12] = 0x50;
    tpa_base_store16(to + 16, 0);
    tpa_base_store16(to + 16, tpa_base_checksum_finish(tpa_base_checksum_partial(to, length, sum)));
}

void rig_make_received(struct rig *rig, bool ipv6, uint32_t payload, bool verified)
{
    uint32_t ip_length = ipv6 ? TPA_IP_IPV6_LENGTH : TPA_IP_IPV4_LENGTH;

    rig->header_length = (uint8_t)(TPA_IP_ETHERNET_LENGTH + ip_length);
    rig->flags = verified ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
    for (uint8_t i = 0; i < RIG_BURST; i++) {
        uint8_t bytes[2048] = {2, 1, [6] = 2, 0, 0, 0, 1, i, ipv6 ? 0x86 : 8, ipv6 ? 0xdd : 0};
        uint8_t *ip = bytes + TPA_IP_ETHERNET_LENGTH;
        uint32_t sum = write_ip(ip, ipv6, (uint8_t)(10 + i), TPA_IP_TCP_LENGTH + payload);

        write_tcp(ip + ip_length, payload, sum);
        rig->received[i] = tpa_mem_packet_from_bytes(
            &rig->pool, bytes, rig->header_length + TPA_IP_TCP_LENGTH + payload);
        check(rig->received[i] != NULL, "packet");
        rig->received[i]->ol_flags = rig->flags;
    }
}

void rig_input(struct rig *rig)
{
    uint16_t count = tpa_ip_input(rig->worker, rig->interface, rig->received, RIG_BURST,
                                  rig->received, rig->now);

    check(count == RIG_BURST, "packets were dropped");
    for (unsigned int i = 0; i < RIG_BURST; i++)
        (void)tpa_mem_packet_prepend(rig->received[i], rig->header_length);
}

void rig_free_received(struct rig *rig)
{
    tpa_mem_packet_free_burst(rig->received, RIG_BURST);
}

void rig_make_sent(struct rig *rig, bool ipv6, uint32_t payload)
{
    static const uint8_t zeros[2048];

    for (uint8_t i = 0; i < RIG_BURST; i++) {
        struct tpa_base_address peer = host_address(ipv6, (uint8_t)(10 + i));
        int error;

        rig->paths[i] = tpa_ip_path_get(rig->worker, NULL, &peer, &error);
        check(rig->paths[i] != NULL, "path");
        rig->sent[i] = tpa_mem_packet_from_bytes(&rig->pool, zeros, TPA_IP_TCP_LENGTH + payload);
        check(rig->sent[i] != NULL, "packet");
        rig->sent[i]->l4_len = TPA_IP_TCP_LENGTH;
    }
    rig->header_length =
        (uint8_t)(TPA_IP_ETHERNET_LENGTH + (ipv6 ? TPA_IP_IPV6_LENGTH : TPA_IP_IPV4_LENGTH));
}

void rig_output(struct rig *rig)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP, .ttl = 64};

    for (unsigned int i = 0; i < RIG_BURST; i++)
        tpa_ip_output(rig->worker, rig->paths[i], rig->sent[i], &send, rig->now);
    check(tpa_ip_take(rig->worker, rig->interface, rig->sent, RIG_BURST) == RIG_BURST,
          "frames were not queued");
    for (unsigned int i = 0; i < RIG_BURST; i++) {
        tpa_mem_packet_trim_front(rig->sent[i], rig->header_length);
        rig->sent[i]->ol_flags = 0;
    }
}

void rig_free_sent(struct rig *rig)
{
    tpa_mem_packet_free_burst(rig->sent, RIG_BURST);
    for (unsigned int i = 0; i < RIG_BURST; i++)
        tpa_ip_path_put(rig->worker, rig->paths[i]);
}

void rig_paths(struct rig *rig, bool ipv6)
{
    for (uint8_t i = 0; i < RIG_BURST; i++) {
        struct tpa_base_address own = host_address(ipv6, 1);
        struct tpa_base_address peer = host_address(ipv6, (uint8_t)(10 + i));
        int error;
        struct tpa_ip_path *path = tpa_ip_path_get(rig->worker, &own, &peer, &error);

        check(path != NULL, "path");
        tpa_ip_path_put(rig->worker, path);
    }
}

void rig_change(struct rig *rig)
{
    static uint16_t mtu = 1500;

    mtu = mtu == 1500 ? 1499 : 1500;
    check(tpa_ip_interface_set_mtu(rig->stack, rig->interface, mtu) == 0, "change");
}

void rig_timers(struct rig *rig)
{
    tpa_ip_timers(rig->worker, rig->now);
}
