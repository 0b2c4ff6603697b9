/* Packet pools for unit tests (Criterion). Include as "test/support/pools.h". */
#ifndef TPA_TEST_SUPPORT_POOLS_H
#define TPA_TEST_SUPPORT_POOLS_H

#include <stdint.h>

#include <tpa/mem/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pools that one test may make. */
#define TPA_TEST_POOLS_MAX 16

/*
 * A pool of `packet_count` buffers of the default size, EAL brought up for it where needed
 * (tpa_test_eal_init: its 64 MB hold some 20,000 of them). Aborts where it can't be had. It lives
 * until the test's process ends.
 */
struct tpa_mem_pool *tpa_test_pool(uint32_t packet_count);

/* The same with buffers that hold `data_size` bytes: small ones make chains. */
struct tpa_mem_pool *tpa_test_pool_sized(uint32_t packet_count, uint32_t data_size);

/* Fails the running Criterion test when not all of the pool's packets are back. Every test that
 * uses a pool ends with it. */
void tpa_test_pool_expect_idle(const struct tpa_mem_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
