/*
 * Pools of packets, and budgets that say who may hold how much of them.
 */
#ifndef TPA_MEM_POOL_H
#define TPA_MEM_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/mem/packet.h>

#define TPA_MEM_POOL_NAME_SIZE 24

struct tpa_mem_pool_config {
    const char *name;      /* unique in the process, at most TPA_MEM_POOL_NAME_SIZE - 1 characters */
    uint32_t packet_count; /* buffers in the pool, > 0 */
    uint32_t data_size;    /* bytes of data a buffer holds behind the headroom; 0 = 1920, which makes
                              a buffer of 2 KB; at most 65,000 */
    uint32_t cache_size;   /* buffers a thread keeps for itself; 0 = 256, cut to what DPDK allows */
};

/*
 * A pool. `fault_countdown` lets a test fail the n-th allocation: when it is above zero each
 * allocation lowers it by one and the one that reaches zero fails (and all after it while
 * `fault_sticky`). Opaque otherwise.
 */
struct tpa_mem_pool {
    struct rte_mempool *mempool;
    uint32_t data_size;
    uint32_t packet_count;
    int64_t fault_countdown;
    bool fault_sticky;
    char name[TPA_MEM_POOL_NAME_SIZE];
};

/*
 * Makes a pool. 0; TPA_EINVAL (a field out of its range), TPA_EEXIST (name taken), TPA_ENOMEM (memory
 * or hugepages exhausted).
 */
int tpa_mem_pool_create(struct tpa_mem_pool *pool, const struct tpa_mem_pool_config *config);

/* Frees the pool. All its packets must be back: TPA_EBUSY otherwise, and the pool stays. */
int tpa_mem_pool_destroy(struct tpa_mem_pool *pool);

/* Packets that are not in the pool (threads' caches count as in the pool). Slow; for tests and tools. */
uint32_t tpa_mem_pool_in_use(const struct tpa_mem_pool *pool);

/* True when the fault injection says that this allocation fails. */
bool tpa_mem_pool_fault(struct tpa_mem_pool *pool);

/* An empty packet of one segment, headroom TPA_MEM_HEADROOM, private area's link and note cleared;
 * NULL when the pool is empty. */
static inline struct rte_mbuf *tpa_mem_packet_alloc(struct tpa_mem_pool *pool)
{
    struct rte_mbuf *packet;

    if (__builtin_expect(pool->fault_countdown != 0, 0) && tpa_mem_pool_fault(pool))
        return NULL;
    packet = rte_pktmbuf_alloc(pool->mempool);
    if (packet == NULL)
        return NULL;
    tpa_mem_packet_private(packet)->next_packet = NULL;
    tpa_mem_packet_private(packet)->note = TPA_MEM_PACKET_NOTE_NONE;
    return packet;
}

/* `count` packets at once, all or none. 0; TPA_ENOMEM. */
int tpa_mem_packet_alloc_burst(struct tpa_mem_pool *pool, struct rte_mbuf **packets,
                               unsigned int count);

/* A packet (chained where one buffer is too small) that holds a copy of `length` bytes; NULL when
 * the pool is empty. At least TPA_MEM_TAILROOM writable byte follows the data of each segment. */
struct rte_mbuf *tpa_mem_packet_from_bytes(struct tpa_mem_pool *pool, const void *bytes,
                                           uint32_t length);

/* A deep copy of a packet with its private area; NULL when the pool is empty. */
struct rte_mbuf *tpa_mem_packet_copy(struct tpa_mem_pool *pool, const struct rte_mbuf *packet);

/* A bound on bytes held, for one worker: receive queues, send queues, reassembly, ... */
struct tpa_mem_budget {
    uint64_t limit; /* bytes */
    uint64_t used;  /* bytes */
};

/* Takes `bytes` from the budget; false, and nothing taken, when it would pass the limit. */
static inline bool tpa_mem_budget_take(struct tpa_mem_budget *budget, uint64_t bytes)
{
    if (bytes > budget->limit - budget->used)
        return false;
    budget->used += bytes;
    return true;
}

static inline void tpa_mem_budget_give(struct tpa_mem_budget *budget, uint64_t bytes)
{
    budget->used -= bytes;
}

#endif
