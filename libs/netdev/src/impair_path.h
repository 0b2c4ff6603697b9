/* One queue of an impaired wire in one direction: what happens to each packet, and when it leaves.
 */
#ifndef TPA_NETDEV_IMPAIR_PATH_H
#define TPA_NETDEV_IMPAIR_PATH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/random.h>
#include <tpa/netdev/impair.h>

/* A direction: what all of its queues share. */
struct tpa_netdev_impair_wire {
    atomic_bool active;               /* anything is set */
    atomic_uint generation;           /* counts changes of `set` */
    struct tpa_netdev_impairment set; /* under the device's lock */
    _Atomic uint64_t packet_number;   /* since set, for masks */
    _Atomic uint64_t free_at;         /* when the last bit that the rate allows has left */
};

struct tpa_netdev_impair_path {
    struct tpa_netdev_impair_wire *wire;
    struct tpa_mem_pool *pool;
    struct tpa_netdev_impairment current;
    struct tpa_base_random random;
    unsigned int generation;
    bool masks;    /* current has any */
    bool holds;    /* current does; else what is held leaves at once */
    bool received; /* direction: packets carry a port's results */
    uint64_t last_due;
    uint64_t passed;                     /* packets that have left in order */
    struct tpa_mem_packet_queue shaped;  /* wait for the rate, in order */
    struct tpa_mem_packet_queue ordered; /* wait for their delay, in order */
    struct tpa_mem_packet_queue aside;   /* wait to be overtaken */
    struct tpa_base_drop_counters drops;
};

/* Does it make packets wait? */
static inline bool tpa_netdev_impairment_holds(const struct tpa_netdev_impairment *impairment)
{
    return impairment->delay != 0 || impairment->jitter != 0 ||
           impairment->rate_bits_per_second != 0 || impairment->reorder_ppm != 0;
}

static inline bool tpa_netdev_impairment_masks(const struct tpa_netdev_impairment *impairment)
{
    uint64_t any = 0;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(impairment->drop_mask); i++)
        any |= impairment->drop_mask[i] | impairment->duplicate_mask[i];
    return any != 0;
}

/* Packets that have come in and not yet left. */
static inline uint32_t tpa_netdev_impair_path_held(const struct tpa_netdev_impair_path *path)
{
    return path->shaped.count + path->ordered.count + path->aside.count;
}

/* Takes over what was set since, if anything; `lock` guards the wire's setting. */
void tpa_netdev_impair_path_refresh(struct tpa_netdev_impair_path *path, pthread_mutex_t *lock);

/* A packet comes in, as the wire has it (no requests). The path owns it. */
void tpa_netdev_impair_path_enter(struct tpa_netdev_impair_path *path, struct rte_mbuf *packet,
                                  uint64_t now);

/* The next packet to leave at `now`; NULL when none is due. */
struct rte_mbuf *tpa_netdev_impair_path_leave(struct tpa_netdev_impair_path *path, uint64_t now);

/* Frees what is held. */
void tpa_netdev_impair_path_clear(struct tpa_netdev_impair_path *path);

#endif
