/*
 * test/support/pools.h for a process that runs many iterations: a pool is made once and serves
 * every iteration that asks for one of its shape.
 */
#include "test/support/pools.h"

#include <criterion/criterion.h>

#include "test/support/eal.h"

static struct tpa_mem_pool *find(struct tpa_mem_pool *pools, int used, uint32_t packet_count,
                                 uint32_t data_size)
{
    for (int i = 0; i < used; i++) {
        if (pools[i].packet_count == packet_count && pools[i].data_size == data_size)
            return &pools[i];
    }
    return NULL;
}

struct tpa_mem_pool *tpa_test_pool_sized(uint32_t packet_count, uint32_t data_size)
{
    static struct tpa_mem_pool pools[TPA_TEST_POOLS_MAX];
    static int used;
    struct tpa_mem_pool_config config = {
        .packet_count = packet_count,
        .data_size = data_size != 0 ? data_size : TPA_MEM_POOL_DATA_SIZE_DEFAULT,
    };
    char name[TPA_MEM_POOL_NAME_SIZE];
    struct tpa_mem_pool *pool = find(pools, used, packet_count, config.data_size);

    if (pool != NULL)
        return pool;
    tpa_test_eal_init();
    snprintf(name, sizeof(name), "fuzz-pool-%d", used);
    config.name = name;
    cr_assert_lt(used, TPA_TEST_POOLS_MAX);
    cr_assert_eq(tpa_mem_pool_create(&pools[used], &config), 0, "no pool");
    return &pools[used++];
}

struct tpa_mem_pool *tpa_test_pool(uint32_t packet_count)
{
    return tpa_test_pool_sized(packet_count, 0);
}

void tpa_test_pool_expect_idle(const struct tpa_mem_pool *pool)
{
    cr_assert_eq(tpa_mem_pool_in_use(pool), 0, "%u packets of %s are missing",
                 tpa_mem_pool_in_use(pool), pool->name);
}
