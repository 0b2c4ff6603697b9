/*
 * A network port, whatever is behind it: capabilities, queues, bursts, link, counters.
 *
 * A device is a table of functions over an object: a backend (a DPDK port, the in-process loop, the
 * mock of tests) or middleware that wraps another device (software offloads, impairment, capture).
 * The layers above see one device whose capabilities are always complete:
 * tpa_netdev_offload_wrap() supplies in software what the backend lacks and is left out where
 * nothing is lacking.
 *
 * One thread at a time may use one queue; different queues may be used by different threads. All
 * other calls may be made by any thread, one at a time; link and counters at any time.
 */
#ifndef TPA_NETDEV_NETDEV_H
#define TPA_NETDEV_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/drop.h>
#include <tpa/base/error.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_NAME_SIZE   64
#define TPA_NETDEV_REASON_SIZE 256 /* one line that says what failed and what to do */
#define TPA_NETDEV_QUEUES_MAX  64
#define TPA_NETDEV_BURST_MAX   64 /* packets in one call; more is allowed, callers use this */
#define TPA_NETDEV_RSS_KEY_MAX 64
#define TPA_NETDEV_RETA_MAX    512

/* Bytes of Ethernet in front of the MTU's; a VLAN tag may come on top. */
#define TPA_NETDEV_ETHERNET_HEADER 14
#define TPA_NETDEV_VLAN_TAG        4

/* TCP payload of a super-frame: its IPv4 total length is a 16-bit field, and headers are at most 60
 * bytes each (RFC 791, RFC 9293). */
#define TPA_NETDEV_TSO_LENGTH_MAX (65535 - 60 - 60)

/* What a device does by itself. */
enum tpa_netdev_capability {
    TPA_NETDEV_TX_IPV4_CHECKSUM = 1 << 0,
    TPA_NETDEV_TX_TCP_CHECKSUM = 1 << 1,
    TPA_NETDEV_TX_UDP_CHECKSUM = 1 << 2,
    TPA_NETDEV_TX_TCP_SEGMENTATION = 1 << 3, /* IPv4 and IPv6 */
    TPA_NETDEV_TX_CHAINS = 1 << 4,           /* packets of several segments */
    TPA_NETDEV_TX_VLAN = 1 << 5,
    TPA_NETDEV_RX_CHECKSUM = 1 << 6,  /* RTE_MBUF_F_RX_*_CKSUM_* flags are set: IPv4, TCP, UDP */
    TPA_NETDEV_RX_VLAN = 1 << 7,      /* tags are stripped into vlan_tci */
    TPA_NETDEV_RX_STEERING = 1 << 8,  /* RSS with a known key and redirection table */
    TPA_NETDEV_DMA = 1 << 9,          /* reads memory by its IOVA: payload must be registered */
    TPA_NETDEV_TX_EXTERNAL = 1 << 10, /* segments may lie outside of DPDK's own memory (for a device
                                         with DMA: where tpa_netdev_dma_map() was told of it) */
};

#define TPA_NETDEV_CAPABILITIES_ALL 0x7ff

/*
 * Requests on a transmitted packet are DPDK's own: ol_flags RTE_MBUF_F_TX_{IPV4,IPV6,IP_CKSUM,
 * TCP_CKSUM,UDP_CKSUM,TCP_SEG,VLAN} with l2_len, l3_len, l4_len, tso_segsz, vlan_tci. A packet with
 * any of the first six set says its family by IPV4 or IPV6, sets all of l2_len, l3_len and (TCP)
 * l4_len, and has these headers in its first segment. TCP_SEG implies TCP_CKSUM and, for IPv4,
 * IP_CKSUM. The transport checksum field holds anything: the device (or the offload layer) sets the
 * pseudo-header's sum where hardware wants it.
 *
 * Results on a received packet are RTE_MBUF_F_RX_{IP,L4}_CKSUM_{GOOD,BAD,NONE,UNKNOWN},
 * RTE_MBUF_F_RX_VLAN(_STRIPPED), RSS_HASH; where the port does not check, they stay UNKNOWN and
 * `ip` checks in software on its way through the packet.
 */

struct tpa_netdev_info {
    char name[TPA_NETDEV_NAME_SIZE];
    uint8_t mac[6];                 /* the stack's address on this port */
    uint16_t mtu;                   /* bytes of an IP packet */
    uint16_t mtu_max;               /* the largest that set_mtu accepts */
    uint16_t rx_queue_count;        /* configured */
    uint16_t tx_queue_count;        /* configured */
    uint32_t capabilities;          /* enum tpa_netdev_capability, or'ed */
    uint16_t segment_count_max;     /* segments of one transmitted packet */
    uint16_t tso_segment_count_max; /* the same, of a packet that asks for segmentation */
    uint32_t tso_length_max; /* bytes of TCP payload in such a packet; 0 without the capability */
    bool promiscuous;
};

struct tpa_netdev_link {
    bool up;
    bool gone;           /* the port has vanished and won't come back; `up` is false */
    uint32_t speed_mbps; /* 0 = unknown */
};

struct tpa_netdev_counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_missed;    /* the port had no room */
    uint64_t rx_errors;    /* broken on the wire */
    uint64_t rx_no_buffer; /* the pool was empty */
    uint64_t tx_errors;
    uint64_t tx_full;                    /* calls that found a transmit queue full */
    struct tpa_base_drop_counters drops; /* by this layer and those it wraps */
};

/* How received packets are spread over queues, where the port tells. */
struct tpa_netdev_steering {
    uint8_t key[TPA_NETDEV_RSS_KEY_MAX];
    uint16_t key_length; /* bytes; 0 = steering can't be predicted */
    uint16_t reta_size;
    uint16_t reta[TPA_NETDEV_RETA_MAX]; /* queue by (hash % reta_size) */
};

struct tpa_netdev;

/*
 * Every function gets the device. Those that may be NULL are set_mtu, set_link, steering (then:
 * TPA_EUNSUPPORTED), dma_map and dma_unmap (then: nothing to do).
 */
struct tpa_netdev_ops {
    const char *kind; /* "ethdev", "loop", "mock", "offload", "impair", "capture" */
    uint16_t (*rx_burst)(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now);
    uint16_t (*tx_burst)(struct tpa_netdev *device, uint16_t queue, struct rte_mbuf **packets,
                         uint16_t count, uint64_t now);
    uint32_t (*tx_flush)(struct tpa_netdev *device, uint16_t queue, uint64_t now);
    void (*info)(struct tpa_netdev *device, struct tpa_netdev_info *info);
    void (*link)(struct tpa_netdev *device, struct tpa_netdev_link *link);
    void (*counters)(struct tpa_netdev *device, struct tpa_netdev_counters *counters);
    int (*set_mtu)(struct tpa_netdev *device, uint16_t mtu);
    int (*set_link)(struct tpa_netdev *device, bool up);
    int (*steering)(struct tpa_netdev *device, struct tpa_netdev_steering *steering);
    int (*dma_map)(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);
    int (*dma_unmap)(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);
    int (*start)(struct tpa_netdev *device);
    void (*stop)(struct tpa_netdev *device);
    /* Frees the object and what it holds; a wrapper does not close what it wraps. */
    void (*close)(struct tpa_netdev *device);
};

/* First member of every backend's and middleware's own struct. */
struct tpa_netdev {
    const struct tpa_netdev_ops *ops;
    struct tpa_netdev *lower; /* what a wrapper wraps, else NULL */
};

/*
 * Receives up to `count` packets of a queue into `packets`; the caller owns them. `now` in ns is
 * the time of the step, which middleware uses; arrival in the packet's private area is set to it.
 * Returns how many; 0 also when the link is down or the port has vanished.
 */
static inline uint16_t tpa_netdev_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                           struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    return device->ops->rx_burst(device, queue, packets, count, now);
}

/*
 * Sends up to `count` packets. Returns how many were accepted, from the front: those belong to the
 * device and will not be lost by it (a wire may lose them). The rest stays the caller's, who tries
 * again; the device may have fulfilled some of their requests already and taken the flags off, so
 * they are to be sent again as they are. A packet that can never be sent (longer than the MTU
 * allows, malformed request) is accepted, counted with a drop reason and freed.
 */
static inline uint16_t tpa_netdev_tx_burst(struct tpa_netdev *device, uint16_t queue,
                                           struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    return device->ops->tx_burst(device, queue, packets, count, now);
}

/*
 * Moves on packets that were accepted and are not yet with the port, as far as it goes: to be
 * called once in each step that has no tx_burst of its own. Returns how many are still held.
 */
static inline uint32_t tpa_netdev_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return device->ops->tx_flush(device, queue, now);
}

void tpa_netdev_info(struct tpa_netdev *device, struct tpa_netdev_info *info);
/*
 * The state as it is now: asks the driver, so not for every burst. For a port that has to look for
 * its peer (a client of net_memif) each call while it is down is an attempt: it is to be called now
 * and then, say every second.
 */
void tpa_netdev_link(struct tpa_netdev *device, struct tpa_netdev_link *link);
/* Sums over all queues, since the device was opened. */
void tpa_netdev_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters);

/* Bytes of an IP packet. 0; TPA_EINVAL (out of range), TPA_EUNSUPPORTED, TPA_EBUSY (the driver
 * wants the device stopped), TPA_EIO. */
int tpa_netdev_set_mtu(struct tpa_netdev *device, uint16_t mtu);
/* 0; TPA_EUNSUPPORTED, TPA_EIO. */
int tpa_netdev_set_link(struct tpa_netdev *device, bool up);
/* 0; TPA_EUNSUPPORTED: the spread over queues can't be predicted. */
int tpa_netdev_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering);
/* The queue that a packet of this tuple (network order, address_length 4 or 16) arrives at; 0 where
 * `steering` can't be used. */
uint16_t tpa_netdev_steering_queue(const struct tpa_netdev_steering *steering,
                                   const uint8_t *source, const uint8_t *destination,
                                   uint8_t address_length, uint16_t source_port,
                                   uint16_t destination_port);

/*
 * Lets a device with TPA_NETDEV_DMA read `length` bytes at `base`, under the address `iova`, and
 * ends that; the memory is known to DPDK (rte_extmem_register). 0, also where nothing needs to be
 * done; TPA_EIO: the port refused.
 */
int tpa_netdev_dma_map(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);
int tpa_netdev_dma_unmap(struct tpa_netdev *device, void *base, uint64_t iova, size_t length);

/* 0; TPA_EIO, TPA_EBUSY. Started twice is fine. */
int tpa_netdev_start(struct tpa_netdev *device);
void tpa_netdev_stop(struct tpa_netdev *device);
/* Stops and frees a device and all that it wraps; packets it still holds are freed. NULL is
 * allowed. */
void tpa_netdev_close(struct tpa_netdev *device);

TPA_BASE_DECLARATIONS_END

#endif
