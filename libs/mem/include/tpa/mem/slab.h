/*
 * Objects of one size, for one thread: connections, send extents, flight ranges, path entries.
 * Memory is taken in chunks as it is needed and kept; an object's address never changes. Nothing is
 * allocated on the path of a packet except by taking the head of a free list. No bytes are spent
 * per object beyond its own.
 *
 * Built with AddressSanitizer, free objects are poisoned: use after free, and freeing twice, are
 * reported as for malloc(3).
 */
#ifndef TPA_MEM_SLAB_H
#define TPA_MEM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

#if defined(__SANITIZE_ADDRESS__)
#define TPA_MEM_SLAB_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TPA_MEM_SLAB_SANITIZED 1
#endif
#endif

#ifdef TPA_MEM_SLAB_SANITIZED
#include <sanitizer/asan_interface.h>
#define TPA_MEM_SLAB_POISON(memory, size)   __asan_poison_memory_region((memory), (size))
#define TPA_MEM_SLAB_UNPOISON(memory, size) __asan_unpoison_memory_region((memory), (size))
#else
#define TPA_MEM_SLAB_POISON(memory, size)   ((void)(memory), (void)(size))
#define TPA_MEM_SLAB_UNPOISON(memory, size) ((void)(memory), (void)(size))
#endif

TPA_BASE_DECLARATIONS_BEGIN

/*
 * Where chunks come from: passed in, so that a test can count and fail them. `take` returns zeroed
 * memory or NULL; `alignment` is a power of two, at most 4096. `give` gets what `take` returned,
 * with the same size.
 */
struct tpa_mem_chunk_source {
    void *(*take)(void *context, size_t size, size_t alignment);
    void (*give)(void *context, void *chunk, size_t size);
    void *context;
};

/* Anonymous memory of the process (mmap). */
extern const struct tpa_mem_chunk_source tpa_mem_chunk_source_default;

/*
 * A slab's first chunk, and the largest: each is twice as large as the one before it, so that a
 * small slab stays small and a large one has few chunks. With a limit, no chunk is larger than what
 * the objects up to the limit need (in whole units of TPA_MEM_SLAB_CHUNK_UNIT).
 */
#define TPA_MEM_SLAB_CHUNK_MIN  (64u * 1024)
#define TPA_MEM_SLAB_CHUNK_MAX  (2048u * 1024)
#define TPA_MEM_SLAB_CHUNK_UNIT 4096u

/* Three of these still fit the smallest chunk. */
#define TPA_MEM_SLAB_OBJECT_SIZE_MAX (16u * 1024)

struct tpa_mem_slab_object {
    struct tpa_mem_slab_object *next;
};

struct tpa_mem_slab_chunk;

/* Opaque but for in_use and the fault injection (as in struct tpa_mem_pool). Offsets in bytes. */
struct tpa_mem_slab {
    struct tpa_mem_slab_object *free; /*  0 */
    uint32_t in_use;                  /*  8: objects handed out */
    uint32_t limit;                   /* 12: objects that may be handed out at once; 0 = any */
    int64_t fault_countdown;          /* 16 */
    uint32_t size;                    /* 24: bytes of an object, rounded up to its alignment */
    uint32_t alignment;               /* 28: a power of two, 8 to 64 */
    const struct tpa_mem_chunk_source *source; /* 32 */
    struct tpa_mem_slab_chunk *chunks;         /* 40: newest first */
    uint8_t *fresh;     /* 48: in the newest chunk, memory that was never an object yet: */
    uint8_t *fresh_end; /* 56: pages that nobody needed are never touched */
    bool fault_sticky;  /* 64 */
};

TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_mem_slab, fresh_end) == 56, "hot fields in one line");

/*
 * An empty slab; takes no memory yet. `source` must outlive it. `object_size` 1 to
 * TPA_MEM_SLAB_OBJECT_SIZE_MAX bytes, `alignment` a power of two from 8 to 64, `limit` 0 = no
 * limit. 0; TPA_EINVAL.
 */
int tpa_mem_slab_init(struct tpa_mem_slab *slab, const struct tpa_mem_chunk_source *source,
                      uint32_t object_size, uint32_t alignment, uint32_t limit);

/* Gives all chunks back. TPA_EBUSY, and nothing done, while objects are in use; else 0. */
int tpa_mem_slab_destroy(struct tpa_mem_slab *slab);

/*
 * Adds objects to the free list: the next page's worth of the newest chunk, or of a new one where
 * that is used up. 0; TPA_ENOMEM (the source has none), TPA_ENOSPC (limit). Called by
 * tpa_mem_slab_alloc.
 */
int tpa_mem_slab_grow(struct tpa_mem_slab *slab);

/* True when the fault injection says that this allocation fails. */
bool tpa_mem_slab_fault(struct tpa_mem_slab *slab);

/* An object with undefined contents, or NULL (limit, no memory, injected fault). */
static inline void *tpa_mem_slab_alloc(struct tpa_mem_slab *slab)
{
    struct tpa_mem_slab_object *object;

    if (TPA_BASE_UNLIKELY(slab->fault_countdown != 0) && tpa_mem_slab_fault(slab))
        return NULL;
    if (TPA_BASE_UNLIKELY(slab->limit != 0 && slab->in_use >= slab->limit))
        return NULL;
    if (TPA_BASE_UNLIKELY(slab->free == NULL) && tpa_mem_slab_grow(slab) != 0)
        return NULL;
    object = slab->free;
    TPA_MEM_SLAB_UNPOISON(object, slab->size);
    slab->free = object->next;
    slab->in_use++;
    return object;
}

/* Takes an object of this slab back. */
static inline void tpa_mem_slab_free(struct tpa_mem_slab *slab, void *memory)
{
    struct tpa_mem_slab_object *object = (struct tpa_mem_slab_object *)memory;

    object->next = slab->free;
    TPA_MEM_SLAB_POISON(object, slab->size);
    slab->free = object;
    slab->in_use--;
}

/* Bytes of memory that the slab holds: its chunks, used or not. */
size_t tpa_mem_slab_footprint(const struct tpa_mem_slab *slab);

TPA_BASE_DECLARATIONS_END

#endif
