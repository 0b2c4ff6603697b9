/* The stack's end of the wire: a DPDK port with all that netdev puts on top of it. */
#include "wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tpa/base/byteorder.h>
#include <tpa/mem/eal.h>
#include <tpa/netdev/ethdev.h>
#include <tpa/netdev/offload.h>

enum {
    BUFFERS = 8192,
    RING = 512,
    BURST = 32,
    PATIENCE = 5,
    POOL_CACHE = 64
};

double wire_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool make_pool(struct wire_port *port, const char *name, uint16_t mtu, char *reason)
{
    struct tpa_mem_pool_config config = {
        .name = "wire", .packet_count = BUFFERS, .cache_size = POOL_CACHE};
    uint32_t needed = tpa_netdev_ethdev_buffer_size(name, mtu);

    if (needed > TPA_MEM_POOL_DATA_SIZE_DEFAULT)
        config.data_size = needed;
    if (tpa_mem_pool_create(&port->pool, &config) == 0)
        return true;
    snprintf(reason, TPA_NETDEV_REASON_SIZE, "no pool of %u buffers of %u bytes", BUFFERS, needed);
    return false;
}

bool wire_port_open(struct wire_port *port, const char *name, const char *eal_args, bool no_huge,
                    uint16_t mtu, char reason[TPA_NETDEV_REASON_SIZE])
{
    struct tpa_mem_eal_config eal = {
        .program = "wire", .extra_args = eal_args, .no_huge = no_huge, .memory_size = 192 << 20};
    struct tpa_netdev_ethdev_config config = {.name = name,
                                              .queue_count = 1,
                                              .rx_ring_size = RING,
                                              .tx_ring_size = RING,
                                              .mtu = mtu,
                                              .pool = &port->pool,
                                              .mac = WIRE_STACK_MAC};

    if (tpa_mem_eal_init(&eal, reason) != 0)
        return false;
    if (!no_huge && !tpa_mem_eal_has_hugepages()) {
        snprintf(reason, TPA_NETDEV_REASON_SIZE, "there are no free hugepages");
        return false;
    }
    if (!make_pool(port, name, mtu, reason) ||
        tpa_netdev_ethdev_open(&config, &port->device, reason) != 0)
        return false;
    port->device = tpa_netdev_offload_wrap(port->device, &port->pool);
    if (tpa_netdev_start(port->device) != 0) {
        snprintf(reason, TPA_NETDEV_REASON_SIZE, "%s does not start", name);
        return false;
    }
    tpa_netdev_info(port->device, &port->info);
    return true;
}

static void swap(uint8_t *a, uint8_t *b, size_t length)
{
    uint8_t saved[16];

    memcpy(saved, a, length);
    memcpy(a, b, length);
    memcpy(b, saved, length);
}

/* Turns a datagram round and asks for its checksums. False: not one of ours. */
static bool answer_udp(struct rte_mbuf *packet, uint8_t *frame, bool ipv6)
{
    uint8_t *ip = frame + 14;
    uint8_t *udp = ip + (ipv6 ? 40 : 20);

    if (packet->data_len < 14 + 20 + 8 || (ipv6 && packet->data_len < 14 + 40 + 8) ||
        (ipv6 ? ip[6] : ip[9]) != IPPROTO_UDP || tpa_base_load_be16(udp + 2) != WIRE_UDP_PORT)
        return false;
    swap(ip + (ipv6 ? 8 : 12), ip + (ipv6 ? 24 : 16), ipv6 ? 16 : 4);
    swap(udp, udp + 2, 2);
    memset(udp + 6, 0xee, 2);
    packet->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM |
                       (ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
    packet->l2_len = 14;
    packet->l3_len = ipv6 ? 40 : 20;
    packet->l4_len = 8;
    return true;
}

static bool answer(struct rte_mbuf *packet)
{
    uint8_t *frame = rte_pktmbuf_mtod(packet, uint8_t *);
    uint16_t type;
    bool ours;

    if (packet->data_len < 14)
        return false;
    type = tpa_base_load_be16(frame + 12);
    ours = type == WIRE_TYPE_ECHO || (type == 0x0800 && answer_udp(packet, frame, false)) ||
           (type == 0x86dd && answer_udp(packet, frame, true));
    if (!ours)
        return false;
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, WIRE_STACK_MAC, 6);
    return true;
}

static uint64_t now_ns(void)
{
    return (uint64_t)(wire_clock() * 1e9);
}

bool wire_port_send(struct wire_port *port, struct rte_mbuf *packet)
{
    double end = wire_clock() + PATIENCE;

    while (wire_clock() < end) {
        if (tpa_netdev_tx_burst(port->device, 0, &packet, 1, now_ns()) == 1)
            return true;
    }
    tpa_mem_packet_free(packet);
    return false;
}

unsigned int wire_port_step(struct wire_port *port)
{
    struct rte_mbuf *packets[BURST];
    uint16_t count = tpa_netdev_rx_burst(port->device, 0, packets, BURST, now_ns());

    for (uint16_t i = 0; i < count; i++) {
        if (!port->mirror && !answer(packets[i]))
            tpa_mem_packet_free(packets[i]);
        else
            wire_port_send(port, packets[i]);
    }
    tpa_netdev_tx_flush(port->device, 0, now_ns());
    return count;
}

bool wire_port_close(struct wire_port *port, uint32_t *missing)
{
    tpa_netdev_close(port->device);
    *missing = tpa_mem_pool_in_use(&port->pool);
    return *missing == 0;
}
