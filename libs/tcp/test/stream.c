#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

unsigned int stream_chunks;

const uint32_t stream_starts[STREAM_STARTS] = {0, 0x7ffffff0, 0xffffff00, 0xfffffffe};

uint8_t stream_byte(uint32_t sequence)
{
    return (uint8_t)(sequence * 2654435761u >> 13);
}

void stream_fill(uint8_t *to, uint32_t sequence, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        to[i] = stream_byte(sequence + i);
}

struct rte_mbuf *stream_packet(struct tpa_mem_pool *pool, uint32_t sequence, uint32_t length)
{
    uint8_t *bytes = malloc(length + 1);
    struct rte_mbuf *packet;

    stream_fill(bytes, sequence, length);
    packet = tpa_mem_packet_from_bytes(pool, bytes, length);
    cr_assert_not_null(packet, "the pool is too small for the test");
    free(bytes);
    return packet;
}

void stream_expect(const struct rte_mbuf *packet, uint32_t offset, uint32_t sequence)
{
    uint32_t length = tpa_mem_packet_length(packet);

    for (uint32_t i = offset; i < length; i++) {
        uint8_t buffer;
        const uint8_t *byte = tpa_mem_packet_read(packet, i, 1, &buffer);

        cr_assert_not_null(byte);
        cr_assert_eq(*byte, stream_byte(sequence + i - offset), "byte %u of a packet of %u", i,
                     length);
    }
}

static void *take(void *context, size_t size, size_t alignment)
{
    void *chunk = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

    (void)context;
    cr_assert_leq(alignment, 4096);
    if (chunk == NULL)
        return NULL;
    memset(chunk, 0, size);
    stream_chunks++;
    return chunk;
}

static void give(void *context, void *chunk, size_t size)
{
    (void)context;
    (void)size;
    free(chunk);
    stream_chunks--;
}

const struct tpa_mem_chunk_source stream_chunk_source = {.take = take, .give = give};
