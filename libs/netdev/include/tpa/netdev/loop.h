/*
 * The in-process loop: two devices, each of which receives what the other sends. Payload is copied once, into buffers of the
 * receiver's pool, as a NIC's DMA would do; checksums and segmentation requests are taken as done (no NIC's work is charged to the CPU).
 */
#ifndef TPA_NETDEV_LOOP_H
#define TPA_NETDEV_LOOP_H

#include <tpa/netdev/netdev.h>

struct tpa_netdev_loop_config {
    uint16_t queue_count;    /* of each end; received packets are spread by RSS with a known key */
    uint32_t ring_size;      /* packets a queue holds; 0 = 1024 */
    uint16_t mtu;            /* 0 = 1500 */
    uint32_t capabilities;   /* what each end claims to do by itself; 0 = everything but DMA */
    struct tpa_mem_pool *pool[2];
    uint8_t mac[2][6];
};

/* 0; TPA_EINVAL, TPA_ENOMEM. Both ends are closed on their own; a closed end is a link that is down for the other. */
int tpa_netdev_loop_create(const struct tpa_netdev_loop_config *config, struct tpa_netdev *ends[2]);

/* One end alone: what it sends, it receives (addresses swapped by nobody). */
int tpa_netdev_loop_create_self(const struct tpa_netdev_loop_config *config, struct tpa_netdev **device);

#endif
