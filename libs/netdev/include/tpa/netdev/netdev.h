/*
 * A network port, whatever is behind it: capabilities, queues, bursts, link, counters.
 *
 * A device is a table of functions over an object: a backend (a DPDK port, the in-process loop, the
 * mock of tests) or middleware that wraps another device (software offloads, impairment, capture).
 * The layers above see one device whose capabilities are always complete: tpa_netdev_offload_wrap()
 * supplies in software what the backend lacks and is left out where nothing is lacking.
 *
 * One thread at a time may use one queue; different queues may be used by different threads.
 */
#ifndef TPA_NETDEV_NETDEV_H
#define TPA_NETDEV_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/drop.h>
#include <tpa/base/error.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

#define TPA_NETDEV_NAME_SIZE 64
#define TPA_NETDEV_QUEUES_MAX 64
#define TPA_NETDEV_BURST_MAX 64 /* packets in one call; more is allowed, this is what callers use */
#define TPA_NETDEV_RSS_KEY_MAX 64
#define TPA_NETDEV_RETA_MAX 512

/* What a device does by itself. */
enum tpa_netdev_capability {
    TPA_NETDEV_TX_IPV4_CHECKSUM = 1 << 0,
    TPA_NETDEV_TX_TCP_CHECKSUM = 1 << 1,
    TPA_NETDEV_TX_UDP_CHECKSUM = 1 << 2,
    TPA_NETDEV_TX_TCP_SEGMENTATION = 1 << 3, /* IPv4 and IPv6 */
    TPA_NETDEV_TX_CHAINS = 1 << 4,           /* packets of several segments */
    TPA_NETDEV_TX_VLAN = 1 << 5,
    TPA_NETDEV_RX_CHECKSUM = 1 << 6, /* RTE_MBUF_F_RX_*_CKSUM_* flags are set: IPv4, TCP, UDP */
    TPA_NETDEV_RX_VLAN = 1 << 7,     /* tags are stripped into vlan_tci */
    TPA_NETDEV_RX_STEERING = 1 << 8, /* RSS with a known key and redirection table */
    TPA_NETDEV_DMA = 1 << 9,         /* reads memory by its IOVA: payload must be registered */
};

/*
 * Requests on a transmitted packet are DPDK's own: ol_flags RTE_MBUF_F_TX_{IPV4,IPV6,IP_CKSUM,TCP_CKSUM,
 * UDP_CKSUM,TCP_SEG,VLAN} with l2_len, l3_len, l4_len, tso_segsz, vlan_tci. The transport checksum field holds
 * anything: the device (or the offload layer) sets the pseudo-header's sum where hardware wants it. Results on a
 * received packet are RTE_MBUF_F_RX_{IP,L4}_CKSUM_{GOOD,BAD,NONE,UNKNOWN}, RTE_MBUF_F_RX_VLAN(_STRIPPED), RSS_HASH; where the port does
 * not check, they stay UNKNOWN and `ip` checks in software on its way through the packet.
 */

struct tpa_netdev_info {
    char name[TPA_NETDEV_NAME_SIZE];
    uint8_t mac[6];
    uint16_t mtu;             /* bytes of an IP packet */
    uint16_t mtu_max;         /* the largest that set_mtu accepts */
    uint16_t rx_queue_count;  /* configured */
    uint16_t tx_queue_count;
    uint32_t capabilities;    /* enum tpa_netdev_capability, or'ed */
    uint16_t segment_count_max; /* segments of one transmitted packet */
    uint32_t tso_length_max;  /* bytes of TCP payload in one packet that asks for segmentation */
    bool promiscuous;
};

struct tpa_netdev_link {
    bool up;
    uint32_t speed_mbps; /* 0 = unknown */
};

struct tpa_netdev_counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_missed;   /* the port had no buffer or no room */
    uint64_t rx_errors;
    uint64_t rx_no_buffer;
    uint64_t tx_errors;
    uint64_t tx_full;     /* calls that found a transmit queue full */
    struct tpa_base_drop_counters drops; /* by this layer and those it wraps */
};

/* How received packets are spread over queues, where the port tells. */
struct tpa_netdev_steering {
    uint8_t key[TPA_NETDEV_RSS_KEY_MAX];
    uint16_t key_length;  /* bytes; 0 = steering can't be predicted */
    uint16_t reta_size;
    uint16_t reta[TPA_NETDEV_RETA_MAX]; /* queue by (hash % reta_size) */
};

struct tpa_netdev;

/*
 * Every function gets the device. Optional ones may be NULL: set_mtu, set_link, steering,
 * (then: TPA_EUNSUPPORTED).
 */
struct tpa_netdev_ops {
    uint16_t (*rx_burst)(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now);
    uint16_t (*tx_burst)(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now);
    /* Packets accepted by this layer and not yet with the port: moves them on as far as it goes. Returns those still held. */
    uint32_t (*tx_flush)(struct tpa_netdev *device, uint16_t queue, uint64_t now);
    void (*info)(struct tpa_netdev *device, struct tpa_netdev_info *info);
    void (*link)(struct tpa_netdev *device, struct tpa_netdev_link *link);
    void (*counters)(struct tpa_netdev *device, struct tpa_netdev_counters *counters);
    int (*set_mtu)(struct tpa_netdev *device, uint16_t mtu);
    int (*set_link)(struct tpa_netdev *device, bool up);
    int (*steering)(struct tpa_netdev *device, struct tpa_netdev_steering *steering);
    int (*start)(struct tpa_netdev *device);
    void (*stop)(struct tpa_netdev *device);
    void (*close)(struct tpa_netdev *device); /* frees the object; a wrapper does not close what it wraps */
};

/* First member of every backend's and middleware's own struct. */
struct tpa_netdev {
    const struct tpa_netdev_ops *ops;
    struct tpa_netdev *lower; /* what a wrapper wraps, else NULL */
};

/*
 * Receives up to `count` packets of a queue into `packets`; the caller owns them. `now` in ns is the time of
 * the step, which middleware uses; arrival in the packet's private area is set to it. Returns how many; 0 also when the link is down.
 */
static inline uint16_t tpa_netdev_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                           struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    return device->ops->rx_burst(device, queue, packets, count, now);
}

/*
 * Sends up to `count` packets. Returns how many were accepted, from the front: those belong to the device and will not be lost
 * by it (a wire may lose them). The rest stays the caller's, who tries again. A packet that can never be sent (longer than the
 * MTU allows, malformed request) is accepted, counted with a drop reason and freed.
 */
static inline uint16_t tpa_netdev_tx_burst(struct tpa_netdev *device, uint16_t queue,
                                           struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    return device->ops->tx_burst(device, queue, packets, count, now);
}

static inline uint32_t tpa_netdev_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return device->ops->tx_flush(device, queue, now);
}

void tpa_netdev_info(struct tpa_netdev *device, struct tpa_netdev_info *info);
void tpa_netdev_link(struct tpa_netdev *device, struct tpa_netdev_link *link);
void tpa_netdev_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters);

/* 0; TPA_EINVAL (out of range), TPA_EUNSUPPORTED, TPA_EIO. */
int tpa_netdev_set_mtu(struct tpa_netdev *device, uint16_t mtu);
int tpa_netdev_set_link(struct tpa_netdev *device, bool up);
/* 0; TPA_EUNSUPPORTED: the spread over queues can't be predicted. */
int tpa_netdev_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering);
/* The queue that a packet of this tuple (network order, address_length 4 or 16) arrives at. */
uint16_t tpa_netdev_steering_queue(const struct tpa_netdev_steering *steering, const uint8_t *source,
                                   const uint8_t *destination, uint8_t address_length,
                                   uint16_t source_port, uint16_t destination_port);

/* 0; TPA_EIO, TPA_EBUSY. */
int tpa_netdev_start(struct tpa_netdev *device);
void tpa_netdev_stop(struct tpa_netdev *device);
/* Stops and frees a device and all that it wraps; packets it still holds are freed. NULL is allowed. */
void tpa_netdev_close(struct tpa_netdev *device);

#define TPA_NETDEV_REASON_SIZE 256

#endif
