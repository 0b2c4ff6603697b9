#include <tpa/mem/registry.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>

#include <tpa/base/error.h>

#include "dpdk_memory.h"
#include "region.h"

TPA_BASE_STATIC_ASSERT(TPA_MEM_REGISTRY_PORTS_MAX == RTE_MAX_ETHPORTS, "a slot for every port");

#define PAGE_SIZE_MIN 4096

struct entry {
    uintptr_t begin;
    uintptr_t end; /* one past the last byte; the top of the address space is nobody's memory */
    struct tpa_mem_registered *registered;
};

/* What workers read: never changed, replaced as a whole. Sorted by address. */
struct table {
    struct tpa_mem_rcu_head rcu;
    size_t count;
    struct entry entries[];
};

struct tpa_mem_registry {
    struct table *table;  /* RCU */
    pthread_mutex_t lock; /* of all that follows, and of replacing the table */
    const struct tpa_mem_registry_port *ports[TPA_MEM_REGISTRY_PORTS_MAX];
    unsigned int port_count;
    struct tpa_mem_region *published; /* what tpa_mem_registry_regions() returned last */
};

static struct table *table_alloc(size_t count)
{
    struct table *table = malloc(sizeof(*table) + count * sizeof(table->entries[0]));

    if (table != NULL)
        table->count = count;
    return table;
}

static void table_free_by_rcu(struct tpa_mem_rcu_head *head)
{
    free(TPA_BASE_CONTAINER_OF(head, struct table, rcu));
}

static void table_replace(struct tpa_mem_registry *registry, struct table *table)
{
    struct table *old = registry->table;

    __atomic_store_n(&registry->table, table, __ATOMIC_RELEASE);
    tpa_mem_rcu_call(&old->rcu, table_free_by_rcu);
}

/* For readers: what they find in it stays until their next quiescent state. */
static const struct table *table_read(const struct tpa_mem_registry *registry)
{
    return __atomic_load_n(&registry->table, __ATOMIC_ACQUIRE);
}

/* The number of entries that begin at or below the address. */
static size_t table_position(const struct table *table, uintptr_t address)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->entries[middle].begin <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The entry that all of the bytes lie in, or NULL. */
static const struct entry *table_find(const struct table *table, const void *base, size_t length)
{
    uintptr_t begin = (uintptr_t)base;
    size_t position = table_position(table, begin);
    const struct entry *entry;

    if (position == 0)
        return NULL;
    entry = &table->entries[position - 1];
    if (begin >= entry->end || length > entry->end - begin)
        return NULL;
    return entry;
}

static struct table *table_with(const struct table *table, struct tpa_mem_registered *registered)
{
    uintptr_t begin = (uintptr_t)registered->region.virt_addr;
    size_t position = table_position(table, begin);
    struct table *larger = table_alloc(table->count + 1);

    if (larger == NULL)
        return NULL;
    memcpy(larger->entries, table->entries, position * sizeof(struct entry));
    memcpy(larger->entries + position + 1, table->entries + position,
           (table->count - position) * sizeof(struct entry));
    larger->entries[position] = (struct entry){
        .begin = begin, .end = begin + registered->region.size, .registered = registered};
    return larger;
}

static struct table *table_without(const struct table *table, size_t position)
{
    struct table *smaller = table_alloc(table->count - 1);

    if (smaller == NULL)
        return NULL;
    memcpy(smaller->entries, table->entries, position * sizeof(struct entry));
    memcpy(smaller->entries + position, table->entries + position + 1,
           (table->count - position - 1) * sizeof(struct entry));
    return smaller;
}

struct tpa_mem_registry *tpa_mem_registry_create(void)
{
    struct tpa_mem_registry *registry = calloc(1, sizeof(*registry));

    if (registry == NULL)
        return NULL;
    registry->table = table_alloc(0);
    if (registry->table == NULL) {
        free(registry);
        return NULL;
    }
    pthread_mutex_init(&registry->lock, NULL);
    return registry;
}

/* Of the first `count` ports. */
static void ports_unmap(const struct tpa_mem_registry *registry, unsigned int count,
                        const struct tpa_mem_registered *registered)
{
    for (unsigned int i = 0; i < count; i++)
        tpa_mem_registered_unmap(registered, registry->ports[i]);
}

static int ports_map(const struct tpa_mem_registry *registry,
                     const struct tpa_mem_registered *registered)
{
    for (unsigned int i = 0; i < registry->port_count; i++) {
        if (tpa_mem_registered_map(registered, registry->ports[i]) != 0) {
            ports_unmap(registry, i, registered);
            return TPA_EIO;
        }
    }
    return 0;
}

void tpa_mem_registry_destroy(struct tpa_mem_registry *registry)
{
    for (size_t i = 0; i < registry->table->count; i++) {
        struct tpa_mem_registered *registered = registry->table->entries[i].registered;

        ports_unmap(registry, registry->port_count, registered);
        tpa_mem_registered_withdraw(registered);
        tpa_mem_registered_free(registered);
    }
    free(registry->table);
    free(registry->published);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

static bool arguments_are_valid(const void *virt_addr, size_t size, uint32_t page_count,
                                size_t page_size)
{
    if (virt_addr == NULL || size == 0 || page_size < PAGE_SIZE_MIN ||
        (page_size & (page_size - 1)) != 0)
        return false;
    if ((uintptr_t)virt_addr % page_size != 0 || size % page_size != 0 ||
        size / page_size != page_count)
        return false;
    return size <= UINTPTR_MAX - (uintptr_t)virt_addr;
}

/* True when a registered region has a byte of those at virt_addr. */
static bool overlaps(const struct table *table, const void *virt_addr, size_t size)
{
    uintptr_t begin = (uintptr_t)virt_addr;
    size_t position = table_position(table, begin + size - 1);

    return position > 0 && table->entries[position - 1].end > begin;
}

/* Tells DPDK and the ports, or nobody. */
static int announce(struct tpa_mem_registry *registry, struct tpa_mem_registered *registered)
{
    int error = tpa_mem_registered_announce(registered);

    if (error != 0)
        return error;
    error = ports_map(registry, registered);
    if (error != 0)
        tpa_mem_registered_withdraw(registered);
    return error;
}

static int add_locked(struct tpa_mem_registry *registry, struct tpa_mem_registered *registered)
{
    const struct tpa_mem_region *region = &registered->region;
    struct table *larger;
    int error;

    if (overlaps(registry->table, region->virt_addr, region->size) ||
        tpa_mem_dpdk_overlaps(region->virt_addr, region->size))
        return TPA_EEXIST;
    if (registry->table->count == TPA_MEM_REGISTRY_REGIONS_MAX)
        return TPA_ENOSPC;
    larger = table_with(registry->table, registered);
    if (larger == NULL)
        return TPA_ENOMEM;
    error = announce(registry, registered);
    if (error != 0) {
        free(larger);
        return error;
    }
    table_replace(registry, larger);
    return 0;
}

int tpa_mem_registry_add(struct tpa_mem_registry *registry, void *virt_addr, size_t size,
                         const uint64_t *phys_addrs, uint32_t page_count, size_t page_size)
{
    struct tpa_mem_registered *registered;
    int error;

    if (!arguments_are_valid(virt_addr, size, page_count, page_size))
        return TPA_EINVAL;
    error = tpa_mem_registered_create(&registered, virt_addr, size, phys_addrs, page_size);
    if (error != 0)
        return error;
    pthread_mutex_lock(&registry->lock);
    error = add_locked(registry, registered);
    pthread_mutex_unlock(&registry->lock);
    if (error != 0)
        tpa_mem_registered_free(registered);
    return error;
}

/* The position of exactly this region; the table's count when there is none. */
static size_t table_exact(const struct table *table, const void *virt_addr, size_t size)
{
    const struct entry *entry = table_find(table, virt_addr, size);

    if (entry == NULL || entry->begin != (uintptr_t)virt_addr || entry->end - entry->begin != size)
        return table->count;
    return (size_t)(entry - table->entries);
}

static int remove_locked(struct tpa_mem_registry *registry, const void *virt_addr, size_t size)
{
    size_t position = table_exact(registry->table, virt_addr, size);
    struct tpa_mem_registered *registered;
    struct table *smaller;

    if (position == registry->table->count)
        return TPA_ENOENT;
    registered = registry->table->entries[position].registered;
    if (!tpa_mem_registered_close(registered))
        return TPA_EBUSY;
    smaller = table_without(registry->table, position);
    if (smaller == NULL) {
        tpa_mem_registered_reopen(registered);
        return TPA_ENOMEM;
    }
    table_replace(registry, smaller);
    ports_unmap(registry, registry->port_count, registered);
    tpa_mem_registered_withdraw(registered);
    tpa_mem_registered_defer_free(registered);
    return 0;
}

int tpa_mem_registry_remove(struct tpa_mem_registry *registry, void *virt_addr, size_t size)
{
    int error;

    pthread_mutex_lock(&registry->lock);
    error = remove_locked(registry, virt_addr, size);
    pthread_mutex_unlock(&registry->lock);
    return error;
}

static int hold_dpdk(const void *base, size_t length, uint64_t *iova, void **reference)
{
    if (tpa_mem_dpdk_contiguous(base, length, iova) != length)
        return tpa_mem_dpdk_owns(base, length) ? TPA_ETRUNCATED : TPA_ENOENT;
    *reference = NULL;
    return 0;
}

int tpa_mem_registry_hold(struct tpa_mem_registry *registry, const void *base, size_t length,
                          uint64_t *iova, void **reference)
{
    const struct entry *entry = table_find(table_read(registry), base, length);
    size_t offset;

    if (length == 0)
        return TPA_ENOENT;
    if (entry == NULL)
        return hold_dpdk(base, length, iova, reference);
    offset = (uintptr_t)base - entry->begin;
    if (tpa_mem_registered_contiguous(entry->registered, offset, length, iova) != length)
        return TPA_ETRUNCATED;
    if (!tpa_mem_registered_hold(entry->registered))
        return TPA_ENOENT;
    *reference = entry->registered;
    return 0;
}

size_t tpa_mem_registry_contiguous(struct tpa_mem_registry *registry, const void *base,
                                   size_t length)
{
    const struct entry *entry = table_find(table_read(registry), base, length);
    uint64_t iova;

    if (entry == NULL)
        return tpa_mem_dpdk_owns(base, length) ? tpa_mem_dpdk_contiguous(base, length, &iova) : 0;
    return tpa_mem_registered_contiguous(entry->registered, (uintptr_t)base - entry->begin, length,
                                         &iova);
}

void tpa_mem_registry_release(void *reference)
{
    if (reference != NULL)
        tpa_mem_registered_release(reference);
}

static bool same_regions(const struct tpa_mem_region *a, const struct tpa_mem_region_list *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct tpa_mem_region *region = &b->regions[i];

        if (a[i].virt_addr != region->virt_addr || a[i].phys_addr != region->phys_addr ||
            a[i].size != region->size || a[i].page_size != region->page_size)
            return false;
        /* The end of `a`: `b` is longer, or both end here. */
        if (a[i].size == 0)
            return true;
    }
    return false;
}

static const struct tpa_mem_region *regions_locked(struct tpa_mem_registry *registry)
{
    const struct tpa_mem_region end = {.size = 0};
    struct tpa_mem_region_list list = {.count = 0};

    tpa_mem_dpdk_regions(&list);
    for (size_t i = 0; i < registry->table->count; i++)
        tpa_mem_region_list_add(&list, &registry->table->entries[i].registered->region);
    tpa_mem_region_list_add(&list, &end);
    if (list.failed) {
        free(list.regions);
        return NULL;
    }
    if (registry->published != NULL && same_regions(registry->published, &list)) {
        free(list.regions);
        return registry->published;
    }
    free(registry->published);
    registry->published = list.regions;
    return registry->published;
}

const struct tpa_mem_region *tpa_mem_registry_regions(struct tpa_mem_registry *registry)
{
    const struct tpa_mem_region *regions;

    pthread_mutex_lock(&registry->lock);
    regions = regions_locked(registry);
    pthread_mutex_unlock(&registry->lock);
    return regions;
}

static unsigned int port_position(const struct tpa_mem_registry *registry,
                                  const struct tpa_mem_registry_port *port)
{
    unsigned int position = 0;

    while (position < registry->port_count && registry->ports[position] != port)
        position++;
    return position;
}

/* Unmaps the first `count` regions at one port. */
static void regions_unmap(const struct table *table, size_t count,
                          const struct tpa_mem_registry_port *port)
{
    for (size_t i = 0; i < count; i++)
        tpa_mem_registered_unmap(table->entries[i].registered, port);
}

static int attach_locked(struct tpa_mem_registry *registry,
                         const struct tpa_mem_registry_port *port)
{
    const struct table *table = registry->table;

    if (port_position(registry, port) < registry->port_count)
        return TPA_EEXIST;
    if (registry->port_count == TPA_MEM_REGISTRY_PORTS_MAX)
        return TPA_ENOSPC;
    for (size_t i = 0; i < table->count; i++) {
        if (tpa_mem_registered_map(table->entries[i].registered, port) != 0) {
            regions_unmap(table, i, port);
            return TPA_EIO;
        }
    }
    registry->ports[registry->port_count++] = port;
    return 0;
}

int tpa_mem_registry_attach(struct tpa_mem_registry *registry,
                            const struct tpa_mem_registry_port *port)
{
    int error;

    pthread_mutex_lock(&registry->lock);
    error = attach_locked(registry, port);
    pthread_mutex_unlock(&registry->lock);
    return error;
}

void tpa_mem_registry_detach(struct tpa_mem_registry *registry,
                             const struct tpa_mem_registry_port *port)
{
    unsigned int position;

    pthread_mutex_lock(&registry->lock);
    position = port_position(registry, port);
    if (position < registry->port_count) {
        regions_unmap(registry->table, registry->table->count, port);
        registry->ports[position] = registry->ports[--registry->port_count];
    }
    pthread_mutex_unlock(&registry->lock);
}
