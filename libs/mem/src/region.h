/*
 * One registered region: where its pages lie, and who refers to it.
 */
#ifndef TPA_MEM_REGION_H
#define TPA_MEM_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/mem/rcu.h>
#include <tpa/mem/registry.h>

/*
 * References are counted in stripes, one cache line each, that threads choose by their lcore: two
 * workers that write from one region don't take turns with one line. A stripe alone may be negative
 * (taken here, given back there); their sum is the count.
 */
#define TPA_MEM_REGION_STRIPES 16

struct tpa_mem_region_stripe {
    int64_t count;
} TPA_BASE_CACHE_ALIGNED;

struct tpa_mem_registered {
    struct tpa_mem_region region;
    uint64_t *page_iovas; /* one per page, or NULL where region.phys_addr says it all */
    size_t page_count;
    bool closing; /* atomic: no new references */
    struct tpa_mem_rcu_head rcu;
    struct tpa_mem_region_stripe stripes[TPA_MEM_REGION_STRIPES];
};

/*
 * A region without references. `phys_addrs` as in tpa_mem_registry_add(), whose argument errors
 * are checked before. 0, TPA_ENOMEM, TPA_EPERM.
 */
int tpa_mem_registered_create(struct tpa_mem_registered **registered, void *virt_addr, size_t size,
                              const uint64_t *phys_addrs, size_t page_size);

/* At once, or when no reader can look at it any more. */
void tpa_mem_registered_free(struct tpa_mem_registered *registered);
void tpa_mem_registered_defer_free(struct tpa_mem_registered *registered);

/* How many of `length` bytes at `offset` are contiguous for devices, and the first one's *iova. */
size_t tpa_mem_registered_contiguous(const struct tpa_mem_registered *registered, size_t offset,
                                     size_t length, uint64_t *iova);

/* False when the region is closing. */
bool tpa_mem_registered_hold(struct tpa_mem_registered *registered);
void tpa_mem_registered_release(struct tpa_mem_registered *registered);

/* Refuses new references from now on, when there are none; else false, and all stays as it was. */
bool tpa_mem_registered_close(struct tpa_mem_registered *registered);
void tpa_mem_registered_reopen(struct tpa_mem_registered *registered);

/* Lets a port map or unmap the region. 0, or TPA_EIO: then nothing of it stays mapped. */
int tpa_mem_registered_map(const struct tpa_mem_registered *registered,
                           const struct tpa_mem_registry_port *port);
void tpa_mem_registered_unmap(const struct tpa_mem_registered *registered,
                              const struct tpa_mem_registry_port *port);

/* Makes the region known to DPDK's own tables, for drivers that look there, and forgets it. */
int tpa_mem_registered_announce(const struct tpa_mem_registered *registered);
void tpa_mem_registered_withdraw(const struct tpa_mem_registered *registered);

#endif
