#include "test/support/chunks.h"

#include <stdlib.h>
#include <string.h>

static void *take(void *context, size_t size, size_t alignment)
{
    struct test_chunks *chunks = context;
    void *chunk;

    if (++chunks->calls == chunks->fail_at)
        return NULL;
    chunk = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (chunk == NULL)
        return NULL;
    memset(chunk, 0, size);
    chunks->taken += size;
    return chunk;
}

static void give(void *context, void *chunk, size_t size)
{
    struct test_chunks *chunks = context;

    chunks->taken -= size;
    free(chunk);
}

void test_chunks_init(struct test_chunks *chunks)
{
    memset(chunks, 0, sizeof(*chunks));
    chunks->source.take = take;
    chunks->source.give = give;
    chunks->source.context = chunks;
}
