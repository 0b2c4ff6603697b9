/* A bad wire, from a seed: around any device, in each direction on its own, changeable while it runs. */
#ifndef TPA_NETDEV_IMPAIR_H
#define TPA_NETDEV_IMPAIR_H

#include <tpa/netdev/netdev.h>

#define TPA_NETDEV_IMPAIR_MASK_MAX 256 /* packets that an exact mask covers */
#define TPA_NETDEV_IMPAIR_HELD_MAX 65536 /* packets delayed at once; past it they are dropped */

/* Rates are probabilities in units of 1 / 1,000,000. All zero: nothing is changed. */
struct tpa_netdev_impairment {
    uint32_t drop_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit of the packet is flipped */
    uint32_t cut_ppm;     /* the packet loses bytes at its end */
    uint32_t reorder_ppm; /* the packet is held until `reorder_depth` others have passed, or reorder_delay */
    uint32_t reorder_depth;
    uint64_t reorder_delay;            /* ns */
    uint64_t delay;                    /* ns, each packet */
    uint64_t jitter;                   /* ns, uniform in [0, jitter], on top of delay; order is kept unless reorder_ppm */
    uint64_t rate_bits_per_second;     /* 0 = unlimited */
    uint32_t queue_limit;              /* packets that wait for the rate before tail drop; 0 = 1000 */
    uint64_t drop_mask[TPA_NETDEV_IMPAIR_MASK_MAX / 64]; /* bit n: the n-th packet since set is dropped */
    uint64_t duplicate_mask[TPA_NETDEV_IMPAIR_MASK_MAX / 64];
};

enum tpa_netdev_direction { TPA_NETDEV_RX = 0, TPA_NETDEV_TX = 1 };

/* Wraps `lower`; NULL when memory is exhausted. `pool` for duplicates. `seed` decides every choice. */
struct tpa_netdev *tpa_netdev_impair_wrap(struct tpa_netdev *lower, struct tpa_mem_pool *pool, uint64_t seed);

/* Takes effect with the next packet of any queue; may be called by any thread. TPA_EINVAL: a rate above 1,000,000. */
int tpa_netdev_impair_set(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                          const struct tpa_netdev_impairment *impairment);
void tpa_netdev_impair_get(struct tpa_netdev *device, enum tpa_netdev_direction direction,
                           struct tpa_netdev_impairment *impairment);

#endif
