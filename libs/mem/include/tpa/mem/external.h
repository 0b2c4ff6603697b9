/*
 * Memory that is not a packet buffer: the program's own, sent without a copy.
 *
 * A packet's segment can point at such memory. The memory must stay as it is until both the stack
 * (waiting for the acknowledgement) and every packet that points at it (a port may still read it)
 * are done. Both count in one struct tpa_mem_external, whose last reference is always the
 * stack's: a port that frees a packet in another thread only lowers a number, and no callback ever
 * runs there. The owner asks tpa_mem_external_idle() in its own thread.
 */
#ifndef TPA_MEM_EXTERNAL_H
#define TPA_MEM_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

struct tpa_mem_external {
    struct rte_mbuf_ext_shared_info shared; /* its count includes the owner's own reference */
};

/* One reference, the owner's. */
void tpa_mem_external_init(struct tpa_mem_external *external);

/* True when no packet points at the memory any more. */
static inline bool tpa_mem_external_idle(struct tpa_mem_external *external)
{
    return rte_mbuf_ext_refcnt_read(&external->shared) == 1;
}

/* Limit of references to one struct (DPDK counts in 16 bits); past it, copy. */
#define TPA_MEM_EXTERNAL_REFERENCES_MAX 60000

/*
 * An otherwise empty packet segment whose data is the `length` (at most 65,535) bytes at `base`, of
 * which `iova` is the address that devices use. No headroom. NULL when the pool is empty or the
 * references are exhausted.
 */
struct rte_mbuf *tpa_mem_packet_external(struct tpa_mem_pool *pool, const void *base, uint64_t iova,
                                         uint32_t length, struct tpa_mem_external *external);

/*
 * A segment that shares `length` bytes at `offset` of `segment`'s data (both buffers stay until the
 * last reference is freed). No headroom. NULL when the pool is empty.
 */
struct rte_mbuf *tpa_mem_packet_share(struct tpa_mem_pool *pool, struct rte_mbuf *segment,
                                      uint32_t offset, uint32_t length);

/*
 * The registry of memory that ports can read: DPDK's own segments and what programs register. Read
 * by workers under RCU, changed by any thread.
 */
struct tpa_mem_registry;

struct tpa_mem_region {
    void *virt_addr;
    uint64_t
        phys_addr; /* of its first byte; TPA_MEM_IOVA_BAD where regions' pages are not contiguous */
    size_t size;   /* bytes */
    size_t page_size; /* bytes */
};

#define TPA_MEM_IOVA_BAD             UINT64_MAX
#define TPA_MEM_REGISTRY_REGIONS_MAX 1024

/* NULL when memory is exhausted. */
struct tpa_mem_registry *tpa_mem_registry_create(void);
void tpa_mem_registry_destroy(struct tpa_mem_registry *registry);

/*
 * Registers `size` bytes at `virt_addr` (both multiples of page_size). `phys_addrs`: one per page,
 * or NULL: the virtual addresses serve (IOVA as VA) or are asked from the kernel where DPDK runs in
 * PA mode. 0; TPA_EINVAL (alignment, zero, page count times page size is not the size, wrap),
 * TPA_EEXIST (overlaps a registered region), TPA_ENOSPC (TPA_MEM_REGISTRY_REGIONS_MAX), TPA_EIO (a
 * port refused the mapping).
 */
int tpa_mem_registry_add(struct tpa_mem_registry *registry, void *virt_addr, size_t size,
                         const uint64_t *phys_addrs, uint32_t page_count, size_t page_size);

/* The inverse. TPA_ENOENT (not exactly a registered region), TPA_EBUSY (references are held). */
int tpa_mem_registry_remove(struct tpa_mem_registry *registry, void *virt_addr, size_t size);

/*
 * Looks `length` bytes at `base` up, and takes a reference to its region for as long as a write
 * refers to it. 0 with *iova and *reference set (reference is NULL for DPDK's own memory, which
 * can't be removed); TPA_ENOENT. Called by workers, under RCU (between their quiescent states).
 */
int tpa_mem_registry_hold(struct tpa_mem_registry *registry, const void *base, size_t length,
                          uint64_t *iova, void **reference);
void tpa_mem_registry_release(void *reference);

/* All segments, ended by an all-zero entry; owned by the registry, valid until the next change. */
const struct tpa_mem_region *tpa_mem_registry_regions(struct tpa_mem_registry *registry);

#endif
