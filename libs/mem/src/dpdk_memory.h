/*
 * DPDK's own memory (its heap: pools, rte_malloc), as its tables of memory segments describe it.
 */
#ifndef TPA_MEM_DPDK_MEMORY_H
#define TPA_MEM_DPDK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/mem/registry.h>

/*
 * True when DPDK knows any of the bytes: as its own, also in address space that it reserved to grow
 * into, or because somebody registered them.
 */
bool tpa_mem_dpdk_overlaps(const void *base, size_t length);

/* True when all of the bytes are DPDK's. */
bool tpa_mem_dpdk_owns(const void *base, size_t length);

/* How many of the bytes are DPDK's and contiguous for devices, and the first one's *iova. */
size_t tpa_mem_dpdk_contiguous(const void *base, size_t length, uint64_t *iova);

/* A list that grows. All zero is empty. */
struct tpa_mem_region_list {
    struct tpa_mem_region *regions;
    size_t count;
    size_t room;
    bool failed; /* memory was exhausted: something is missing */
};

void tpa_mem_region_list_add(struct tpa_mem_region_list *list, const struct tpa_mem_region *region);

/* Adds each contiguous (for the program) piece of DPDK's memory. */
void tpa_mem_dpdk_regions(struct tpa_mem_region_list *list);

#endif
