/*
 * Memory that is not a packet buffer: the program's own, sent without a copy.
 *
 * A packet's segment can point at such memory. The memory must stay as it is until both the stack
 * (waiting for the acknowledgement) and every packet that points at it (a port may still read it)
 * are done. Both count in one struct tpa_mem_external, whose last reference is always the
 * stack's: a port that frees a packet in another thread only lowers a number, and no callback ever
 * runs there. The owner asks tpa_mem_external_idle() in its own thread.
 *
 * Which memory ports can read, and where, is the registry's business (registry.h).
 *
 * Ports must not be set up with RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE where such packets are sent: it
 * puts segments back without looking at what they point at.
 */
#ifndef TPA_MEM_EXTERNAL_H
#define TPA_MEM_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/registry.h>

TPA_BASE_DECLARATIONS_BEGIN

/* One per piece of memory whose end of use somebody wants to know of. Its owner is one thread. */
struct tpa_mem_external {
    struct rte_mbuf_ext_shared_info shared; /* its count includes the owner's own reference */
};

/* One reference, the owner's. */
void tpa_mem_external_init(struct tpa_mem_external *external);

/*
 * True when no packet points at the memory any more: it, and the struct, may be reused. For the
 * owner's thread.
 */
static inline bool tpa_mem_external_idle(struct tpa_mem_external *external)
{
    /* Acquire (rte_mbuf_ext_refcnt_read() is not): other threads' reads of the memory are over. */
    return __atomic_load_n(&external->shared.refcnt, __ATOMIC_ACQUIRE) == 1;
}

/*
 * Limit of references to one struct, and of packets that share one segment: DPDK counts them in 16
 * bits, and the rest is for shares that other threads take at the same moment. Past it, copy.
 */
#define TPA_MEM_EXTERNAL_REFERENCES_MAX 60000

/*
 * An otherwise empty packet segment whose data is the `length` (at most 65,535) bytes at `base`, of
 * which `iova` is the address that devices use. Neither headroom nor tailroom. For the thread that
 * owns `external`. NULL when the pool is empty, the references are exhausted or `length` is more.
 */
struct rte_mbuf *tpa_mem_packet_external(struct tpa_mem_pool *pool, const void *base, uint64_t iova,
                                         uint32_t length, struct tpa_mem_external *external);

/*
 * A segment that shares `length` bytes at `offset` of `segment`'s data, which they must lie within
 * (both buffers, or the external memory, stay until the last reference is freed). Neither headroom
 * nor tailroom: the bytes around are the other's; no offload flags. NULL when the pool is empty or
 * the segment's references are exhausted. For the thread that holds `segment`.
 */
struct rte_mbuf *tpa_mem_packet_share(struct tpa_mem_pool *pool, struct rte_mbuf *segment,
                                      uint32_t offset, uint32_t length);

TPA_BASE_DECLARATIONS_END

#endif
