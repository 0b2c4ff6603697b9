/*
 * The registry of memory that ports can read: DPDK's own segments and what programs register. Read
 * by workers under RCU (rcu.h), changed by any thread. Needs EAL (eal.h).
 *
 * Devices see memory by IOVA. Where DPDK runs in VA mode (without PCI devices, or with an IOMMU)
 * those are the virtual addresses, and a region is contiguous for devices too. In PA mode they are
 * physical addresses, and pages that lie side by side for the program may not for a device.
 */
#ifndef TPA_MEM_REGISTRY_H
#define TPA_MEM_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_mem_registry;

struct tpa_mem_region {
    void *virt_addr;
    uint64_t phys_addr; /* of its first byte; TPA_MEM_IOVA_BAD where its pages are not contiguous */
    size_t size;        /* bytes */
    size_t page_size;   /* bytes */
};

#define TPA_MEM_IOVA_BAD UINT64_MAX

/*
 * Regions that can be registered at once. DPDK describes memory in 128 lists, of which its own heap
 * takes up to 16 on one socket and 64 on many: this many are left in any case.
 */
#define TPA_MEM_REGISTRY_REGIONS_MAX 64

/* Ports that are told of regions: RTE_MAX_ETHPORTS. */
#define TPA_MEM_REGISTRY_PORTS_MAX 32

/* NULL when memory is exhausted. */
struct tpa_mem_registry *tpa_mem_registry_create(void);

/* All references must be released, and no worker may use it any more. Ports are told. */
void tpa_mem_registry_destroy(struct tpa_mem_registry *registry);

/*
 * Registers `size` bytes at `virt_addr` (both multiples of page_size, which is a power of two, at
 * least 4096). `phys_addrs`: one IOVA per page, taken as they are, or NULL: the virtual addresses
 * serve (VA mode) or the physical ones are asked from the kernel (PA mode; needs root, and pages
 * that the kernel doesn't move: hugepages, or locked and not compacted). `page_count` times
 * page_size must be `size`. The memory must stay mapped until it is removed.
 *
 * 0; TPA_EINVAL (alignment, zero, page count, wrap around the address space), TPA_EEXIST (overlaps
 * a registered region or memory that DPDK knows), TPA_ENOSPC (TPA_MEM_REGISTRY_REGIONS_MAX),
 * TPA_ENOMEM, TPA_EPERM (the kernel doesn't tell physical addresses), TPA_EIO (a port refused the
 * mapping).
 */
int tpa_mem_registry_add(struct tpa_mem_registry *registry, void *virt_addr, size_t size,
                         const uint64_t *phys_addrs, uint32_t page_count, size_t page_size);

/*
 * The inverse. 0; TPA_ENOENT (not exactly a registered region), TPA_EBUSY (references are held, or
 * are being taken at this moment), TPA_ENOMEM (nothing was removed). After 0 the memory is the
 * program's alone. Doesn't wait for workers.
 */
int tpa_mem_registry_remove(struct tpa_mem_registry *registry, void *virt_addr, size_t size);

/*
 * Looks `length` bytes at `base` up, and takes a reference to their region for as long as a write
 * refers to it. Called by workers, under RCU (between their quiescent states); never waits.
 *
 * 0 with *iova (of the first byte; the rest follow contiguously) and *reference set; the reference
 * is NULL for DPDK's own memory, which can't be removed. TPA_ENOENT (not all of it is registered,
 * in one region). TPA_ETRUNCATED (in PA mode only: the bytes lie in pages that are not contiguous
 * for devices): hold the first tpa_mem_registry_contiguous() bytes, then the next, each with a
 * reference of its own. Nothing is held on an error.
 */
int tpa_mem_registry_hold(struct tpa_mem_registry *registry, const void *base, size_t length,
                          uint64_t *iova, void **reference);

/* How many of the `length` bytes at `base`, from the first on, a device sees contiguously; 0 where
 * they are not registered. */
size_t tpa_mem_registry_contiguous(struct tpa_mem_registry *registry, const void *base,
                                   size_t length);

/* Gives back what tpa_mem_registry_hold() set, once; NULL does nothing. Any thread. */
void tpa_mem_registry_release(void *reference);

/*
 * All segments, DPDK's own first, ended by an all-zero entry. Owned by the registry; valid until
 * the call after the next change (of the registry, or of DPDK's heap). NULL when memory is
 * exhausted.
 */
const struct tpa_mem_region *tpa_mem_registry_regions(struct tpa_mem_registry *registry);

/*
 * A port that must map memory before its device can read it (rte_dev_dma_map). `map` is called for
 * each run of contiguous IOVAs, with the registry locked: it must not call the registry. It returns
 * 0 or any negative number.
 */
struct tpa_mem_registry_port {
    int (*map)(void *context, void *virt_addr, uint64_t iova, size_t size);
    void (*unmap)(void *context, void *virt_addr, uint64_t iova, size_t size);
    void *context;
};

/*
 * From now on the port is told of each region that is added and removed; of those that are there,
 * at once. 0; TPA_EIO (it refused one: it is not attached, and nothing stays mapped), TPA_ENOSPC
 * (TPA_MEM_REGISTRY_PORTS_MAX), TPA_EEXIST. `port` must stay valid until it is detached.
 */
int tpa_mem_registry_attach(struct tpa_mem_registry *registry,
                            const struct tpa_mem_registry_port *port);

/* Unmaps all regions and forgets the port. Nothing for one that is not attached. */
void tpa_mem_registry_detach(struct tpa_mem_registry *registry,
                             const struct tpa_mem_registry_port *port);

TPA_BASE_DECLARATIONS_END

#endif
