/*
 * Pools of packets, and budgets that say who may hold how much of them.
 *
 * A buffer, in the order of its memory (bytes): DPDK's header 64, struct rte_mbuf 128, private area
 * 64, headroom 128, data_size, tail 64. The tail lies behind what DPDK and its drivers are told
 * (rte_mbuf.buf_len, rte_pktmbuf_data_room_size): a driver that fills a buffer, as it does with
 * each but the last segment of a long frame, leaves it alone. That makes TPA_MEM_TAILROOM hold for
 * received packets on every port whose driver goes by the data room; that is all but net_af_xdp in
 * its zero-copy mode, whose kernel side knows only the element's end. There a frame must not be
 * longer than data_size, which the port's MTU sees to.
 */
#ifndef TPA_MEM_POOL_H
#define TPA_MEM_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/mem/packet.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_MEM_POOL_NAME_SIZE 24

/*
 * A frame of 1518 bytes with two VLAN tags needs 1526. Drivers round what a pool offers down to
 * their hardware's steps (ixgbe to 1 KB, i40e and ice to 128 bytes) and many refuse less than 1 or
 * 2 KB: 2048 behind the headroom is what all of them are run with, and loses nothing to rounding.
 */
#define TPA_MEM_POOL_DATA_SIZE_DEFAULT 2048

/* headroom + data_size is counted by DPDK in 16 bits. */
#define TPA_MEM_POOL_DATA_SIZE_MAX 65000

/* Eight bursts of 32: filled and drained by bursts, a thread goes to the shared ring now and then.
 */
#define TPA_MEM_POOL_CACHE_SIZE_DEFAULT 256

struct tpa_mem_pool_config {
    const char *name;      /* unique in the process, 1 to TPA_MEM_POOL_NAME_SIZE - 1 characters */
    uint32_t packet_count; /* buffers in the pool, > 0 */
    uint32_t data_size;    /* bytes of data a buffer holds behind the headroom, at most
                              TPA_MEM_POOL_DATA_SIZE_MAX; 0 = TPA_MEM_POOL_DATA_SIZE_DEFAULT */
    uint32_t cache_size;   /* buffers a thread keeps for itself, out of reach of other threads;
                              0 = TPA_MEM_POOL_CACHE_SIZE_DEFAULT; cut to what DPDK allows: 512, and
                              two thirds of packet_count */
};

/*
 * A pool. `fault_countdown` lets a test fail the n-th allocation: when it is above zero each
 * allocation (a burst is one) lowers it by one and the one that reaches zero fails; with
 * `fault_sticky` all after it fail too, until a test sets the countdown to 0. Not synchronised: for
 * tests in which one thread allocates. Opaque otherwise.
 */
struct tpa_mem_pool {
    struct rte_mempool *mempool;
    uint32_t data_size; /* bytes, never 0 */
    uint32_t packet_count;
    int64_t fault_countdown;
    bool fault_sticky;
    char name[TPA_MEM_POOL_NAME_SIZE];
};

/*
 * Makes a pool, with EAL up (tpa_mem_eal_init). 0; TPA_EINVAL (a field out of its range),
 * TPA_EEXIST (name taken), TPA_ENOMEM (memory or hugepages exhausted).
 */
int tpa_mem_pool_create(struct tpa_mem_pool *pool, const struct tpa_mem_pool_config *config);

/* Frees the pool. All its packets must be back: TPA_EBUSY otherwise, and the pool stays. */
int tpa_mem_pool_destroy(struct tpa_mem_pool *pool);

/*
 * Packets that are not in the pool (threads' caches count as in the pool). Slow, and a snapshot
 * only while other threads work; for tests and tools.
 */
uint32_t tpa_mem_pool_in_use(const struct tpa_mem_pool *pool);

/*
 * Bytes of memory that one buffer takes, all parts counted: what tpa_mem_packet_truesize() says
 * for a packet of one segment. For budgets.
 */
uint32_t tpa_mem_pool_buffer_size(const struct tpa_mem_pool *pool);

/* True when the fault injection says that this allocation fails. */
bool tpa_mem_pool_fault(struct tpa_mem_pool *pool);

/*
 * An empty packet of one segment, headroom TPA_MEM_HEADROOM, private area's link and note cleared;
 * NULL when the pool is empty.
 */
static inline struct rte_mbuf *tpa_mem_packet_alloc(struct tpa_mem_pool *pool)
{
    struct rte_mbuf *packet;

    if (TPA_BASE_UNLIKELY(pool->fault_countdown != 0) && tpa_mem_pool_fault(pool))
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

/*
 * A packet (chained where one buffer is too small) that holds a copy of `length` bytes; NULL when
 * the pool is empty, or the chain would have more segments than DPDK can count (65,535).
 */
struct rte_mbuf *tpa_mem_packet_from_bytes(struct tpa_mem_pool *pool, const void *bytes,
                                           uint32_t length);

/*
 * A deep copy of a packet with its metadata (offloads, VLAN tag, hash, packet type, port) and
 * private area, except for the queue's link, which is NULL. The copy's segments are as full as
 * `pool` makes them, whatever the original's were. NULL as for tpa_mem_packet_from_bytes().
 */
struct rte_mbuf *tpa_mem_packet_copy(struct tpa_mem_pool *pool, const struct rte_mbuf *packet);

/* A bound on bytes held, for one worker: receive queues, send queues, reassembly, ... */
struct tpa_mem_budget {
    uint64_t limit; /* bytes */
    uint64_t used;  /* bytes; never above limit */
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

TPA_BASE_DECLARATIONS_END

#endif
