/*
 * What middleware is made of: the calls that a wrapper hands on as they are, and counters of one
 * queue that others may read.
 */
#ifndef TPA_NETDEV_LAYER_H
#define TPA_NETDEV_LAYER_H

#include <tpa/netdev/netdev.h>

/* The uppermost layer of `device` of that kind; NULL where there is none. */
struct tpa_netdev *tpa_netdev_layer_find(struct tpa_netdev *device, const char *kind);

void tpa_netdev_layer_info(struct tpa_netdev *device, struct tpa_netdev_info *info);
void tpa_netdev_layer_link(struct tpa_netdev *device, struct tpa_netdev_link *link);
void tpa_netdev_layer_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters);
int tpa_netdev_layer_set_mtu(struct tpa_netdev *device, uint16_t mtu);
int tpa_netdev_layer_set_link(struct tpa_netdev *device, bool up);
int tpa_netdev_layer_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering);
int tpa_netdev_layer_dma_map(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);
int tpa_netdev_layer_dma_unmap(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);
int tpa_netdev_layer_start(struct tpa_netdev *device);
void tpa_netdev_layer_stop(struct tpa_netdev *device);

/* Adds `drops`, which its queue's thread may be writing, to what is reported. */
void tpa_netdev_counters_add_drops(struct tpa_netdev_counters *counters,
                                   const struct tpa_base_drop_counters *drops);

/* A counter with a single writer and any number of readers. */
static inline void tpa_netdev_counter_add(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + value, __ATOMIC_RELAXED);
}

static inline uint64_t tpa_netdev_counter_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Frees a packet that will not be delivered, and counts why. */
static inline void tpa_netdev_drop(struct tpa_base_drop_counters *drops, struct rte_mbuf *packet,
                                   enum tpa_base_drop reason)
{
    tpa_base_drop_count(drops, reason);
    rte_pktmbuf_free(packet);
}

/* What a received packet's private area says when it leaves the port. */
static inline void tpa_netdev_mark_received(struct rte_mbuf *packet, uint64_t now)
{
    struct tpa_mem_packet_private *private = tpa_mem_packet_private(packet);

    private->next_packet = NULL;
    private->arrival = now;
    private->note = TPA_MEM_PACKET_NOTE_NONE;
    private->note_detail = 0;
}

/* Longest frame of an ordinary packet; one more tag is no violation of the MTU. */
static inline uint32_t tpa_netdev_frame_max(uint16_t mtu)
{
    return (uint32_t)mtu + TPA_NETDEV_ETHERNET_HEADER + TPA_NETDEV_VLAN_TAG;
}

#endif
