/*
 * A bounded queue of pointers between threads: any number push, one pops. For packets that are
 * handed from the worker that received them to the one that owns their connection, and the like.
 */
#ifndef TPA_MEM_RING_H
#define TPA_MEM_RING_H

#include <stdint.h>

#include <rte_config.h>
#include <rte_ring.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_mem_ring {
    struct rte_ring *ring;
};

/* Makes a ring for at least `size` (1 to 2^20) pointers; `name` is unique in the process, at most
 * 24 characters. 0; TPA_EINVAL, TPA_EEXIST (the name is taken), TPA_ENOMEM. */
int tpa_mem_ring_create(struct tpa_mem_ring *ring, const char *name, uint32_t size);

/* Frees the ring; what is still in it is the caller's to have taken out. A zeroed ring is allowed.
 */
void tpa_mem_ring_destroy(struct tpa_mem_ring *ring);

/* Appends up to `count` pointers. How many there was room for, from the front. Any thread. */
static inline unsigned int tpa_mem_ring_push(struct tpa_mem_ring *ring, void *const *objects,
                                             unsigned int count)
{
    return rte_ring_mp_enqueue_burst(ring->ring, objects, count, NULL);
}

/* Takes up to `count` pointers. How many. One thread only. */
static inline unsigned int tpa_mem_ring_pop(struct tpa_mem_ring *ring, void **objects,
                                            unsigned int count)
{
    return rte_ring_sc_dequeue_burst(ring->ring, objects, count, NULL);
}

TPA_BASE_DECLARATIONS_END

#endif
