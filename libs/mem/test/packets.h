/* What the tests of packets share: patterned packets of chosen segment lengths. */
#ifndef TPA_MEM_TEST_PACKETS_H
#define TPA_MEM_TEST_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/mem/pool.h>

/* The byte at `offset` of the pattern: no two neighbouring 256-byte blocks are the same. */
uint8_t test_pattern_byte(uint32_t offset);

/* Fills `bytes` with the pattern from `offset` on. */
void test_pattern_fill(uint8_t *bytes, uint32_t length, uint32_t offset);

/* A packet whose segments have these lengths (ended by -1), filled with the pattern. */
struct rte_mbuf *test_packet(struct tpa_mem_pool *pool, const int *lengths);

#define TEST_PACKET(pool, ...) test_packet(pool, (const int[]){__VA_ARGS__, -1})

/*
 * True when the packet is sound (lengths and segments add up) and holds the pattern's bytes from
 * `offset` to `offset + length`, no more and no less.
 */
bool test_packet_holds(const struct rte_mbuf *packet, uint32_t offset, uint32_t length);

#endif
