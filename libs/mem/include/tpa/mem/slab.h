/*
 * Objects of one size, for one thread: connections, send extents, flight ranges, path entries.
 * Memory is taken in chunks as it is needed and kept; an object's address never changes. Nothing is
 * allocated on the path of a packet except by taking the head of a free list.
 */
#ifndef TPA_MEM_SLAB_H
#define TPA_MEM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where chunks come from: passed in, so that a test can count and fail them. */
struct tpa_mem_chunk_source {
    void *(*take)(void *context, size_t size, size_t alignment); /* zeroed memory or NULL */
    void (*give)(void *context, void *chunk, size_t size);
    void *context;
};

/* Anonymous memory of the process (mmap). */
extern const struct tpa_mem_chunk_source tpa_mem_chunk_source_default;

struct tpa_mem_slab_object {
    struct tpa_mem_slab_object *next;
};

struct tpa_mem_slab_chunk;

struct tpa_mem_slab {
    struct tpa_mem_slab_object *free;
    uint32_t in_use;         /* objects handed out */
    uint32_t limit;          /* objects that may be handed out at once */
    uint32_t size;           /* bytes of an object, rounded up to its alignment */
    uint32_t alignment;      /* a power of two, 8 to 64 */
    int64_t fault_countdown; /* as in struct tpa_mem_pool */
    bool fault_sticky;
    const struct tpa_mem_chunk_source *source;
    struct tpa_mem_slab_chunk *chunks;
};

/* An empty slab; takes no memory yet. `limit` 0 = no limit. 0; TPA_EINVAL. */
int tpa_mem_slab_init(struct tpa_mem_slab *slab, const struct tpa_mem_chunk_source *source,
                      uint32_t object_size, uint32_t alignment, uint32_t limit);

/* Gives all chunks back. TPA_EBUSY, and nothing done, while objects are in use; else 0. */
int tpa_mem_slab_destroy(struct tpa_mem_slab *slab);

/* Adds a chunk; TPA_ENOMEM, TPA_ENOSPC (limit). Called by tpa_mem_slab_alloc. */
int tpa_mem_slab_grow(struct tpa_mem_slab *slab);

bool tpa_mem_slab_fault(struct tpa_mem_slab *slab);

/* An object with undefined contents, or NULL. */
static inline void *tpa_mem_slab_alloc(struct tpa_mem_slab *slab)
{
    struct tpa_mem_slab_object *object;

    if (__builtin_expect(slab->fault_countdown != 0, 0) && tpa_mem_slab_fault(slab))
        return NULL;
    if (__builtin_expect(slab->free == NULL, 0) && tpa_mem_slab_grow(slab) != 0)
        return NULL;
    if (__builtin_expect(slab->limit != 0 && slab->in_use >= slab->limit, 0))
        return NULL;
    object = slab->free;
    slab->free = object->next;
    slab->in_use++;
    return object;
}

static inline void tpa_mem_slab_free(struct tpa_mem_slab *slab, void *memory)
{
    struct tpa_mem_slab_object *object = memory;

    object->next = slab->free;
    slab->free = object;
    slab->in_use--;
}

/* Bytes of memory that the slab holds. */
size_t tpa_mem_slab_footprint(const struct tpa_mem_slab *slab);

#endif
