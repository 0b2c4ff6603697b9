#include "dpdk_memory.h"

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_memory.h>

#include <tpa/base/compiler.h>

/* The heap's segment that the byte lies in, or NULL. Takes no lock: a worker may ask. */
static const struct rte_memseg *segment_of(const void *byte, const struct rte_memseg_list *list)
{
    const struct rte_memseg *segment = rte_mem_virt2memseg(byte, list);

    /* The lists cover more address space than is in use. */
    return segment != NULL && segment->len != 0 ? segment : NULL;
}

/* Memory that somebody registered with DPDK is no heap: it could go away. */
static const struct rte_memseg_list *heap_list_of(const void *byte)
{
    const struct rte_memseg_list *list = rte_mem_virt2memseg_list(byte);

    return list != NULL && !list->external ? list : NULL;
}

static uint64_t iova_of(const struct rte_memseg *segment, const uint8_t *byte)
{
    if (rte_eal_iova_mode() == RTE_IOVA_VA)
        return (uintptr_t)byte;
    return segment->iova + (uint64_t)(byte - (const uint8_t *)segment->addr);
}

/* Bytes from `byte` to the end of its segment. */
static size_t rest_of(const struct rte_memseg *segment, const uint8_t *byte)
{
    return (size_t)((const uint8_t *)segment->addr + segment->len - byte);
}

struct range {
    uintptr_t begin;
    uintptr_t end;
};

static int list_overlaps(const struct rte_memseg_list *list, void *context)
{
    const struct range *range = context;
    uintptr_t begin = (uintptr_t)list->base_va;

    return begin < range->end && range->begin < begin + list->len;
}

bool tpa_mem_dpdk_overlaps(const void *base, size_t length)
{
    struct range range = {.begin = (uintptr_t)base, .end = (uintptr_t)base + length};

    return rte_memseg_list_walk(list_overlaps, &range) != 0;
}

bool tpa_mem_dpdk_owns(const void *base, size_t length)
{
    const struct rte_memseg_list *list = heap_list_of(base);
    const uint8_t *bytes = base;

    if (list == NULL || length > SIZE_MAX - (uintptr_t)base)
        return false;
    for (size_t done = 0; done < length;) {
        const struct rte_memseg *segment = segment_of(bytes + done, list);

        if (segment == NULL)
            return false;
        done += rest_of(segment, bytes + done);
    }
    return true;
}

size_t tpa_mem_dpdk_contiguous(const void *base, size_t length, uint64_t *iova)
{
    const struct rte_memseg_list *list = heap_list_of(base);
    const uint8_t *bytes = base;
    size_t done = 0;

    while (list != NULL && done < length) {
        const struct rte_memseg *segment = segment_of(bytes + done, list);

        if (segment == NULL)
            break;
        if (done == 0)
            *iova = iova_of(segment, bytes);
        else if (iova_of(segment, bytes + done) != *iova + done)
            break;
        done += rest_of(segment, bytes + done);
    }
    return TPA_BASE_MIN(done, length);
}

void tpa_mem_region_list_add(struct tpa_mem_region_list *list, const struct tpa_mem_region *region)
{
    if (list->count == list->room) {
        size_t room = list->room != 0 ? list->room * 2 : 16;
        struct tpa_mem_region *regions = realloc(list->regions, room * sizeof(*regions));

        if (regions == NULL) {
            list->failed = true;
            return;
        }
        list->regions = regions;
        list->room = room;
    }
    list->regions[list->count++] = *region;
}

static int add_piece(const struct rte_memseg_list *list, const struct rte_memseg *first,
                     size_t size, void *context)
{
    uint64_t iova = TPA_MEM_IOVA_BAD;
    struct tpa_mem_region region = {
        .virt_addr = first->addr,
        .phys_addr = TPA_MEM_IOVA_BAD,
        .size = size,
        .page_size = list->page_sz,
    };

    if (list->external)
        return 0;
    if (tpa_mem_dpdk_contiguous(first->addr, size, &iova) == size)
        region.phys_addr = iova;
    tpa_mem_region_list_add(context, &region);
    return 0;
}

void tpa_mem_dpdk_regions(struct tpa_mem_region_list *list)
{
    rte_memseg_contig_walk(add_piece, list);
}
