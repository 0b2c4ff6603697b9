#include "test/support/pools.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "test/support/eal.h"

struct tpa_mem_pool *tpa_test_pool_sized(uint32_t packet_count, uint32_t data_size)
{
    static struct tpa_mem_pool pools[TPA_TEST_POOLS_MAX];
    static int used;
    struct tpa_mem_pool_config config = {.packet_count = packet_count, .data_size = data_size};
    char name[TPA_MEM_POOL_NAME_SIZE];
    int error = TPA_ENOSPC;

    tpa_test_eal_init();
    snprintf(name, sizeof(name), "test-pool-%d", used);
    config.name = name;
    if (used < TPA_TEST_POOLS_MAX)
        error = tpa_mem_pool_create(&pools[used], &config);
    if (error != 0) {
        fprintf(stderr, "tpa_test_pool: %u packets of %u bytes: %s\n", packet_count, data_size,
                tpa_base_error_text(error));
        abort();
    }
    return &pools[used++];
}

struct tpa_mem_pool *tpa_test_pool(uint32_t packet_count)
{
    return tpa_test_pool_sized(packet_count, 0);
}

void tpa_test_pool_expect_idle(const struct tpa_mem_pool *pool)
{
    cr_expect_eq(tpa_mem_pool_in_use(pool), 0, "%u packets of %s are missing",
                 tpa_mem_pool_in_use(pool), pool->name);
}
