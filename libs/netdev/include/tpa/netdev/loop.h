/*
 * The in-process loop: two devices, each of which receives what the other sends. Payload is copied
 * once, into buffers of the receiver's pool, as a NIC's DMA would do. Requests for checksums and
 * segmentation are taken as done, since a NIC's work is not the CPU's: the receiver gets MSS-sized
 * packets, flagged as having good checksums. A packet that asks for no checksum arrives unflagged.
 *
 * A receiving queue that is full holds its sender back, as flow control on a wire would: nothing is
 * lost (but where two senders fill one queue in the same moment: rx_missed). An empty pool of the
 * receiver loses packets (rx_no_buffer).
 */
#ifndef TPA_NETDEV_LOOP_H
#define TPA_NETDEV_LOOP_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_LOOP_RING_DEFAULT 1024
/* A super-frame is accepted as a whole: its pieces at the smallest MSS that is ever used must fit.
 */
#define TPA_NETDEV_LOOP_RING_MIN 64

struct tpa_netdev_loop_config {
    uint16_t queue_count;  /* of each end, 0 = 1; received packets are spread by RSS, known key */
    uint32_t ring_size;    /* packets a queue holds; 0 = TPA_NETDEV_LOOP_RING_DEFAULT; rounded up to
                              a power of two, at least TPA_NETDEV_LOOP_RING_MIN */
    uint16_t mtu;          /* 0 = 1500 */
    uint32_t capabilities; /* what each end claims to do by itself; 0 = everything but DMA */
    struct tpa_mem_pool *pool[2]; /* receive buffers of each end; both may be the same */
    uint8_t mac[2][6];
};

/* 0; TPA_EINVAL, TPA_ENOMEM. Both ends are closed on their own; a closed or stopped end is a link
 * that is down for the other. */
int tpa_netdev_loop_create(const struct tpa_netdev_loop_config *config, struct tpa_netdev *ends[2]);

/* One end alone: what it sends, it receives (addresses swapped by nobody). pool[0] and mac[0]. */
int tpa_netdev_loop_create_self(const struct tpa_netdev_loop_config *config,
                                struct tpa_netdev **device);

TPA_BASE_DECLARATIONS_END

#endif
