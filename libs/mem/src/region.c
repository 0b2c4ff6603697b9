#include "region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include <tpa/base/error.h>

#include "physical.h"

static size_t page_offset(const struct tpa_mem_registered *registered, size_t page)
{
    return page * registered->region.page_size;
}

/* Drops the table of pages where they turn out to be one run. */
static void simplify(struct tpa_mem_registered *registered)
{
    uint64_t first = registered->page_iovas[0];

    registered->region.phys_addr = TPA_MEM_IOVA_BAD;
    for (size_t page = 1; page < registered->page_count; page++) {
        if (registered->page_iovas[page] != first + page_offset(registered, page))
            return;
    }
    registered->region.phys_addr = first;
    free(registered->page_iovas);
    registered->page_iovas = NULL;
}

static int find_pages(struct tpa_mem_registered *registered, const uint64_t *phys_addrs)
{
    size_t bytes = registered->page_count * sizeof(*registered->page_iovas);
    int error = 0;

    registered->page_iovas = malloc(bytes);
    if (registered->page_iovas == NULL)
        return TPA_ENOMEM;
    if (phys_addrs != NULL)
        memcpy(registered->page_iovas, phys_addrs, bytes);
    else
        error = tpa_mem_physical_pages(registered->region.virt_addr, registered->page_count,
                                       registered->region.page_size, registered->page_iovas);
    if (error == 0)
        simplify(registered);
    return error;
}

int tpa_mem_registered_create(struct tpa_mem_registered **registered, void *virt_addr, size_t size,
                              const uint64_t *phys_addrs, size_t page_size)
{
    struct tpa_mem_registered *made =
        aligned_alloc(_Alignof(struct tpa_mem_registered), sizeof(*made));
    int error = 0;

    if (made == NULL)
        return TPA_ENOMEM;
    memset(made, 0, sizeof(*made));
    made->region.virt_addr = virt_addr;
    made->region.phys_addr = (uintptr_t)virt_addr;
    made->region.size = size;
    made->region.page_size = page_size;
    made->page_count = size / page_size;
    if (phys_addrs != NULL || rte_eal_iova_mode() != RTE_IOVA_VA)
        error = find_pages(made, phys_addrs);
    if (error != 0) {
        tpa_mem_registered_free(made);
        return error;
    }
    *registered = made;
    return 0;
}

void tpa_mem_registered_free(struct tpa_mem_registered *registered)
{
    free(registered->page_iovas);
    free(registered);
}

static void free_by_rcu(struct tpa_mem_rcu_head *head)
{
    tpa_mem_registered_free(TPA_BASE_CONTAINER_OF(head, struct tpa_mem_registered, rcu));
}

void tpa_mem_registered_defer_free(struct tpa_mem_registered *registered)
{
    tpa_mem_rcu_call(&registered->rcu, free_by_rcu);
}

size_t tpa_mem_registered_contiguous(const struct tpa_mem_registered *registered, size_t offset,
                                     size_t length, uint64_t *iova)
{
    size_t page_size = registered->region.page_size;
    size_t page = offset / page_size;
    size_t count = page_size - offset % page_size;

    if (registered->page_iovas == NULL) {
        *iova = registered->region.phys_addr + offset;
        return length;
    }
    *iova = registered->page_iovas[page] + offset % page_size;
    while (count < length &&
           registered->page_iovas[page + 1] == registered->page_iovas[page] + page_size) {
        count += page_size;
        page++;
    }
    return TPA_BASE_MIN(count, length);
}

static struct tpa_mem_region_stripe *own_stripe(struct tpa_mem_registered *registered)
{
    return &registered->stripes[rte_lcore_id() % TPA_MEM_REGION_STRIPES];
}

/*
 * Taking a reference and closing are each a store followed by a load of the other's: sequentially
 * consistent, so that at least one of the two sees the other and gives way.
 */
bool tpa_mem_registered_hold(struct tpa_mem_registered *registered)
{
    struct tpa_mem_region_stripe *stripe = own_stripe(registered);

    __atomic_fetch_add(&stripe->count, 1, __ATOMIC_SEQ_CST);
    if (TPA_BASE_LIKELY(!__atomic_load_n(&registered->closing, __ATOMIC_SEQ_CST)))
        return true;
    __atomic_fetch_sub(&stripe->count, 1, __ATOMIC_SEQ_CST);
    return false;
}

void tpa_mem_registered_release(struct tpa_mem_registered *registered)
{
    __atomic_fetch_sub(&own_stripe(registered)->count, 1, __ATOMIC_RELEASE);
}

bool tpa_mem_registered_close(struct tpa_mem_registered *registered)
{
    int64_t references = 0;

    /*
     * While closing the true count only falls, so a sum that misses some of what happens meanwhile
     * is too high, never too low: 0 means that nobody holds any.
     */
    __atomic_store_n(&registered->closing, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < TPA_MEM_REGION_STRIPES; i++)
        references += __atomic_load_n(&registered->stripes[i].count, __ATOMIC_SEQ_CST);
    if (references == 0)
        return true;
    tpa_mem_registered_reopen(registered);
    return false;
}

void tpa_mem_registered_reopen(struct tpa_mem_registered *registered)
{
    __atomic_store_n(&registered->closing, false, __ATOMIC_SEQ_CST);
}

/* Unmaps the runs that lie within the first `size` bytes. */
static void unmap_first(const struct tpa_mem_registered *registered, size_t size,
                        const struct tpa_mem_registry_port *port)
{
    uint8_t *base = registered->region.virt_addr;

    for (size_t offset = 0, count; offset < size; offset += count) {
        uint64_t iova;

        count = tpa_mem_registered_contiguous(registered, offset, registered->region.size - offset,
                                              &iova);
        port->unmap(port->context, base + offset, iova, count);
    }
}

int tpa_mem_registered_map(const struct tpa_mem_registered *registered,
                           const struct tpa_mem_registry_port *port)
{
    uint8_t *base = registered->region.virt_addr;
    size_t size = registered->region.size;

    for (size_t offset = 0, count; offset < size; offset += count) {
        uint64_t iova;

        count = tpa_mem_registered_contiguous(registered, offset, size - offset, &iova);
        if (port->map(port->context, base + offset, iova, count) != 0) {
            unmap_first(registered, offset, port);
            return TPA_EIO;
        }
    }
    return 0;
}

void tpa_mem_registered_unmap(const struct tpa_mem_registered *registered,
                              const struct tpa_mem_registry_port *port)
{
    unmap_first(registered, registered->region.size, port);
}

/* DPDK wants an address for every page. */
static uint64_t *all_iovas(const struct tpa_mem_registered *registered)
{
    uint64_t *iovas = malloc(registered->page_count * sizeof(*iovas));

    for (size_t page = 0; iovas != NULL && page < registered->page_count; page++)
        iovas[page] = registered->region.phys_addr + page_offset(registered, page);
    return iovas;
}

int tpa_mem_registered_announce(const struct tpa_mem_registered *registered)
{
    uint64_t *made = registered->page_iovas == NULL ? all_iovas(registered) : NULL;
    uint64_t *iovas = made != NULL ? made : registered->page_iovas;
    int error = TPA_ENOMEM;

    if (iovas == NULL)
        return TPA_ENOMEM;
    if (rte_extmem_register(registered->region.virt_addr, registered->region.size, iovas,
                            (unsigned int)registered->page_count,
                            registered->region.page_size) == 0)
        error = 0;
    else if (rte_errno == EEXIST)
        error = TPA_EEXIST;
    else if (rte_errno == ENOSPC)
        error = TPA_ENOSPC;
    free(made);
    return error;
}

void tpa_mem_registered_withdraw(const struct tpa_mem_registered *registered)
{
    rte_extmem_unregister(registered->region.virt_addr, registered->region.size);
}
