/* A byte stream whose every byte tells its sequence number, and memory that is counted. */
#ifndef TPA_TCP_TEST_STREAM_H
#define TPA_TCP_TEST_STREAM_H

#include <stdint.h>

#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>

uint8_t stream_byte(uint32_t sequence);

/* Writes the bytes [sequence, sequence + length). */
void stream_fill(uint8_t *to, uint32_t sequence, uint32_t length);

/* A packet of them (a chain, where the pool's buffers are small). */
struct rte_mbuf *stream_packet(struct tpa_mem_pool *pool, uint32_t sequence, uint32_t length);

/* Fails the test unless the packet's data from `offset` on is the stream from `sequence` on. */
void stream_expect(const struct rte_mbuf *packet, uint32_t offset, uint32_t sequence);

/* Chunks taken and not given back. */
extern unsigned int stream_chunks;
extern const struct tpa_mem_chunk_source stream_chunk_source;

/* Sequence numbers where tests begin: 0, the middle, and so that the test wraps. */
extern const uint32_t stream_starts[];
#define STREAM_STARTS 4

#endif
