/*
 * A bad wire, from a seed: around any device, in each direction on its own, changeable while it
 * runs.
 *
 * It works on packets as the wire has them: with an impairment set for transmission, super-frames
 * are segmented and checksums computed here first. Without one, and with nothing held, a burst
 * costs one branch. Delayed packets move in rx_burst, tx_burst and tx_flush, by their `now`; when
 * what delays them is switched off, all that is held leaves with the next of these.
 *
 * The choices for one queue depend on the seed, the queue, the direction and the packets so far,
 * and on nothing else. Masks count packets of all queues of a direction.
 */
#ifndef TPA_NETDEV_IMPAIR_H
#define TPA_NETDEV_IMPAIR_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_IMPAIR_MASK_MAX      256   /* packets that an exact mask covers */
#define TPA_NETDEV_IMPAIR_HELD_MAX      65536 /* packets a queue delays at once; past it: dropped */
#define TPA_NETDEV_IMPAIR_PPM           1000000 /* certainty */
#define TPA_NETDEV_IMPAIR_QUEUE_DEFAULT 1000    /* packets that wait for the rate */
/* Times beyond an hour are a mistake, and sums of them could wrap. */
#define TPA_NETDEV_IMPAIR_TIME_MAX UINT64_C(3600000000000)
/* How long a reordered packet is held where nobody says, and nothing passes it. */
#define TPA_NETDEV_IMPAIR_REORDER_DELAY UINT64_C(10000000)

/* Rates are probabilities in units of 1 / 1,000,000. All zero: nothing is changed. */
struct tpa_netdev_impairment {
    uint32_t drop_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm;   /* one bit of the packet is flipped */
    uint32_t cut_ppm;       /* the packet loses bytes at its end, but not of its Ethernet header */
    uint32_t reorder_ppm;   /* the packet is held until `reorder_depth` others have passed, or
                               reorder_delay */
    uint32_t reorder_depth; /* 0 = until reorder_delay */
    uint64_t reorder_delay; /* ns; 0 = TPA_NETDEV_IMPAIR_REORDER_DELAY */
    uint64_t delay;         /* ns, each packet */
    uint64_t jitter;        /* ns, uniform in [0, jitter], on top of delay; order is kept */
    uint64_t rate_bits_per_second; /* of the frames, all queues together; 0 = unlimited */
    uint32_t queue_limit; /* packets of a queue that wait for the rate before tail drop; 0 =
                             TPA_NETDEV_IMPAIR_QUEUE_DEFAULT */
    uint64_t drop_mask[TPA_NETDEV_IMPAIR_MASK_MAX / 64]; /* bit n: the n-th packet since set, from
                                                            0, is dropped */
    uint64_t duplicate_mask[TPA_NETDEV_IMPAIR_MASK_MAX / 64];
};

enum tpa_netdev_direction {
    TPA_NETDEV_RX = 0,
    TPA_NETDEV_TX = 1
};

/* Wraps `lower`; NULL when memory is exhausted. `pool` for duplicates and for what must be changed;
 * outlives the device. `seed` decides every choice. */
struct tpa_netdev *tpa_netdev_impair_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool,
                                          uint64_t seed);

/*
 * Takes effect with the next packet of any queue; may be called by any thread. `device`: the
 * wrapper, or any that wraps it. 0; TPA_EINVAL (a probability above certainty, a
 * time above TPA_NETDEV_IMPAIR_TIME_MAX), TPA_EUNSUPPORTED
 * (no impairment in this device).
 */
int tpa_netdev_impair_set(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                          const struct tpa_netdev_impairment *impairment);
/* What is set; all zero where there is no impairment in this device. */
void tpa_netdev_impair_get(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                           struct tpa_netdev_impairment *impairment);

/*
 * Reads words "key=value", separated by blanks or commas, into an impairment; what is not named is
 * zero, and no word at all (or "off") is no impairment:
 *
 *   drop dup corrupt cut reorder   probability: "1%", "0.25%", "300ppm", or bare: percent
 *   depth                          packets (reorder_depth)
 *   hold delay jitter              time: "10ms", "250us", bare: us (hold = reorder_delay)
 *   rate                           bits per second: "100M", "1.5G", "64k", "9600"
 *   queue                          packets (queue_limit)
 *   dropmask dupmask               numbers of packets from 0, "0+3+7-9"
 *
 * 0; TPA_EINVAL, then `reason` names the word and what is wrong with it, and *impairment is as it
 * was.
 */
int tpa_netdev_impairment_parse(const char *text, struct tpa_netdev_impairment *impairment,
                                char reason[TPA_NETDEV_REASON_SIZE]);

#define TPA_NETDEV_IMPAIRMENT_TEXT 4096

/* The inverse: text that parse reads back to the same; "off" for none. Returns its length. */
size_t tpa_netdev_impairment_format(const struct tpa_netdev_impairment *impairment,
                                    char text[TPA_NETDEV_IMPAIRMENT_TEXT]);

TPA_BASE_DECLARATIONS_END

#endif
