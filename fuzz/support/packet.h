/* Packets whose bytes end where they say: behind each segment's data stands poisoned memory. */
#ifndef TPA_FUZZ_PACKET_H
#define TPA_FUZZ_PACKET_H

#include <tpa/mem/pool.h>

/*
 * A packet of `length` bytes in segments of at most `segment` bytes (0 = one, as far as a buffer
 * goes). With the address sanitizer, an access behind a segment's data is an error until the buffer
 * is used for another packet of this function: nobody else takes packets from `pool`.
 */
struct rte_mbuf *fuzz_packet(struct tpa_mem_pool *pool, const uint8_t *bytes, uint32_t length,
                             uint32_t segment);

#endif
