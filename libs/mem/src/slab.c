#include <tpa/mem/slab.h>

#include <string.h>
#include <sys/mman.h>

#include <tpa/base/error.h>

#include "fault.h"

/* At the start of each chunk. */
struct tpa_mem_slab_chunk {
    struct tpa_mem_slab_chunk *next;
    size_t size; /* bytes, this structure included */
};

/* Objects are put on the free list by this many bytes: a page fault at a time, not a whole chunk's.
 */
#define CARVE_BYTES TPA_MEM_SLAB_CHUNK_UNIT

TPA_BASE_STATIC_ASSERT(TPA_MEM_SLAB_CHUNK_MIN >= 3 * TPA_MEM_SLAB_OBJECT_SIZE_MAX + 64,
                       "three objects and the chunk's header");

static void *anonymous_take(void *context, size_t size, size_t alignment)
{
    void *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)context;
    (void)alignment; /* pages are aligned to the most that may be asked for */
    return chunk != MAP_FAILED ? chunk : NULL;
}

static void anonymous_give(void *context, void *chunk, size_t size)
{
    (void)context;
    munmap(chunk, size);
}

const struct tpa_mem_chunk_source tpa_mem_chunk_source_default = {
    .take = anonymous_take,
    .give = anonymous_give,
};

static size_t round_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

int tpa_mem_slab_init(struct tpa_mem_slab *slab, const struct tpa_mem_chunk_source *source,
                      uint32_t object_size, uint32_t alignment, uint32_t limit)
{
    if (object_size == 0 || object_size > TPA_MEM_SLAB_OBJECT_SIZE_MAX)
        return TPA_EINVAL;
    if (alignment < 8 || alignment > 64 || (alignment & (alignment - 1)) != 0)
        return TPA_EINVAL;

    memset(slab, 0, sizeof(*slab));
    slab->source = source;
    slab->limit = limit;
    slab->alignment = alignment;
    slab->size = (uint32_t)round_up(object_size, alignment);
    return 0;
}

int tpa_mem_slab_destroy(struct tpa_mem_slab *slab)
{
    if (slab->in_use != 0)
        return TPA_EBUSY;
    while (slab->chunks != NULL) {
        struct tpa_mem_slab_chunk *chunk = slab->chunks;

        slab->chunks = chunk->next;
        TPA_MEM_SLAB_UNPOISON(chunk, chunk->size);
        slab->source->give(slab->source->context, chunk, chunk->size);
    }
    slab->free = NULL;
    slab->fresh = NULL;
    slab->fresh_end = NULL;
    return 0;
}

static size_t header_size(const struct tpa_mem_slab *slab)
{
    return round_up(sizeof(struct tpa_mem_slab_chunk), slab->alignment);
}

static size_t next_chunk_size(const struct tpa_mem_slab *slab)
{
    size_t size = TPA_MEM_SLAB_CHUNK_MIN, needed;

    if (slab->chunks != NULL)
        size = TPA_BASE_MIN(slab->chunks->size * 2, TPA_MEM_SLAB_CHUNK_MAX);
    if (slab->limit == 0)
        return size;
    needed = header_size(slab) + (size_t)(slab->limit - slab->in_use) * slab->size;
    return TPA_BASE_MIN(size, round_up(needed, TPA_MEM_SLAB_CHUNK_UNIT));
}

static int chunk_take(struct tpa_mem_slab *slab)
{
    size_t size = next_chunk_size(slab);
    struct tpa_mem_slab_chunk *chunk =
        slab->source->take(slab->source->context, size, TPA_BASE_CACHE_LINE);

    if (chunk == NULL)
        return TPA_ENOMEM;
    chunk->next = slab->chunks;
    chunk->size = size;
    slab->chunks = chunk;
    slab->fresh = (uint8_t *)chunk + header_size(slab);
    slab->fresh_end = slab->fresh + (size - header_size(slab)) / slab->size * slab->size;
    return 0;
}

int tpa_mem_slab_grow(struct tpa_mem_slab *slab)
{
    size_t carve = TPA_BASE_MAX(CARVE_BYTES / slab->size * slab->size, slab->size);
    uint8_t *end, *memory;

    if (slab->limit != 0 && slab->in_use >= slab->limit)
        return TPA_ENOSPC;
    if (slab->fresh == slab->fresh_end && chunk_take(slab) != 0)
        return TPA_ENOMEM;

    end = slab->fresh + TPA_BASE_MIN(carve, (size_t)(slab->fresh_end - slab->fresh));
    /* From the last to the first, so that they are handed out in the order of their addresses. */
    for (memory = end; memory > slab->fresh;) {
        struct tpa_mem_slab_object *object;

        memory -= slab->size;
        object = (struct tpa_mem_slab_object *)(void *)memory;
        object->next = slab->free;
        TPA_MEM_SLAB_POISON(object, slab->size);
        slab->free = object;
    }
    slab->fresh = end;
    return 0;
}

bool tpa_mem_slab_fault(struct tpa_mem_slab *slab)
{
    return tpa_mem_fault(&slab->fault_countdown, slab->fault_sticky);
}

size_t tpa_mem_slab_footprint(const struct tpa_mem_slab *slab)
{
    size_t bytes = 0;

    for (const struct tpa_mem_slab_chunk *chunk = slab->chunks; chunk != NULL; chunk = chunk->next)
        bytes += chunk->size;
    return bytes;
}
