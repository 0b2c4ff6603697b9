#define _GNU_SOURCE

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <tpa/base/error.h>
#include <tpa/mem/eal.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/rcu.h>
#include <tpa/mem/registry.h>

#include "hugepages.h"
#include "test/support/eal.h"

#define MEGABYTE (UINT64_C(1) << 20)

static char reason[TPA_MEM_EAL_REASON_SIZE];

static int init(bool no_huge, const char *extra_args)
{
    return tpa_mem_eal_init(&(struct tpa_mem_eal_config){.program = "eal_test",
                                                         .memory_size = 64 * MEGABYTE,
                                                         .no_huge = no_huge,
                                                         .extra_args = extra_args},
                            reason);
}

static void need_hugepages(void)
{
    if (tpa_mem_hugepages_free(TPA_MEM_HUGEPAGES_DIRECTORY) < 64 * MEGABYTE)
        cr_skip_test("64 MB in free hugepages are needed");
}

/* Output of the process since `catch_output()`: nothing must come of a normal start. */
static FILE *caught;

static void catch_output(void)
{
    caught = tmpfile();
    fflush(stdout);
    fflush(stderr);
    dup2(fileno(caught), STDOUT_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
}

static long bytes_caught(void)
{
    fflush(stdout);
    fflush(stderr);
    return (long)lseek(fileno(caught), 0, SEEK_END);
}

Test(eal, comes_up_without_hugepages_and_without_a_word)
{
    cpu_set_t before, after;

    cr_expect_not(tpa_mem_eal_is_up());
    sched_getaffinity(0, sizeof(before), &before);
    catch_output();
    cr_assert_eq(init(true, NULL), 0, "%s", reason);
    cr_expect_eq(bytes_caught(), 0);
    cr_expect_str_eq(reason, "");
    cr_expect(tpa_mem_eal_is_up());
    cr_expect_not(tpa_mem_eal_has_hugepages());
    cr_expect_eq(rte_eal_iova_mode(), RTE_IOVA_VA);
    sched_getaffinity(0, sizeof(after), &after);
    cr_expect(CPU_EQUAL(&before, &after), "the program's choice of CPUs is its own");
}

Test(eal, comes_up_with_hugepages)
{
    struct tpa_mem_pool pool;

    need_hugepages();
    catch_output();
    cr_assert_eq(init(false, NULL), 0, "%s", reason);
    cr_expect_eq(bytes_caught(), 0);
    cr_expect(tpa_mem_eal_has_hugepages());
    cr_expect_eq(rte_eal_iova_mode(), RTE_IOVA_VA);
    cr_assert_eq(tpa_mem_pool_create(
                     &pool, &(struct tpa_mem_pool_config){.name = "pool", .packet_count = 8191}),
                 0);
    cr_expect_eq(pool.mempool->nb_mem_chunks, 1, "AF_XDP wants one piece");
    cr_expect_eq(tpa_mem_pool_destroy(&pool), 0);
}

Test(eal, is_up_once)
{
    cr_assert_eq(init(true, NULL), 0, "%s", reason);
    cr_expect_eq(init(true, NULL), TPA_EEXIST);
    cr_expect_str_neq(reason, "");
}

Test(eal, started_by_the_program_itself_is_fine)
{
    tpa_test_eal_init();
    cr_expect(tpa_mem_eal_is_up());
    cr_expect_eq(init(true, NULL), TPA_EEXIST);
    cr_expect_eq(tpa_mem_thread_join(), 0);
}

static void expect_failure(const char *extra_args, const char *word)
{
    catch_output();
    cr_expect_eq(init(true, extra_args), TPA_EIO);
    cr_expect_eq(bytes_caught(), 0, "the caller says it, in one line");
    cr_expect_not_null(strstr(reason, word), "%s", reason);
    cr_expect_null(strchr(reason, '\n'));
    cr_expect_not(tpa_mem_eal_is_up());
    cr_expect_eq(init(true, NULL), TPA_EIO, "EAL can't be tried again");
    cr_expect_not_null(strstr(reason, "again"));
}

Test(eal, names_an_option_that_it_does_not_know)
{
    expect_failure("--bogus", "unrecognized option '--bogus'");
}

Test(eal, names_a_device_that_it_does_not_know)
{
    expect_failure("--vdev=net_bogus0", "net_bogus0");
}

Test(eal, names_a_cpu_that_is_not_there)
{
    expect_failure("-l 127", "127");
}

static int init_with(uint64_t memory_size)
{
    return tpa_mem_eal_init(
        &(struct tpa_mem_eal_config){.memory_size = memory_size, .no_huge = true}, reason);
}

Test(eal, says_that_memory_is_missing)
{
    cr_expect_eq(init_with(UINT64_C(1) << 46), TPA_EIO);
    cr_expect_not_null(strstr(reason, "less memory"), "%s", reason);
}

Test(eal, a_refused_config_leaves_it_to_be_tried_again)
{
    cr_expect_eq(init(true, "'"), TPA_EINVAL);
    cr_expect_eq(init_with(UINT64_MAX), TPA_EINVAL);
    cr_expect_not(tpa_mem_eal_is_up());
    cr_expect_eq(init(true, NULL), 0, "%s", reason);
}

Test(thread, cannot_join_what_is_not_up)
{
    cr_expect_eq(tpa_mem_thread_join(), TPA_EINVAL);
    tpa_mem_thread_leave();
}

static void *join_twice(void *lcore)
{
    cr_expect_eq(tpa_mem_thread_join(), 0);
    *(unsigned int *)lcore = rte_lcore_id();
    cr_expect_eq(tpa_mem_thread_join(), 0);
    cr_expect_eq(rte_lcore_id(), *(unsigned int *)lcore);
    return NULL;
}

Test(thread, one_that_ends_has_left)
{
    unsigned int lcores[2];
    pthread_t thread;

    tpa_test_eal_init();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_create(&thread, NULL, join_twice, &lcores[i]), 0);
        pthread_join(thread, NULL);
    }
    cr_expect_neq(lcores[0], LCORE_ID_ANY);
    cr_expect_neq(lcores[0], rte_lcore_id());
    cr_expect_eq(lcores[0], lcores[1], "the second got what the first gave back");
}

struct crowd {
    pthread_barrier_t *barrier;
    int error;
};

static void *join_and_stay(void *argument)
{
    struct crowd *crowd = argument;

    crowd->error = tpa_mem_thread_join();
    pthread_barrier_wait(crowd->barrier);
    return NULL;
}

Test(thread, there_is_room_for_as_many_as_dpdk_counts)
{
    static struct crowd crowd[RTE_MAX_LCORE];
    static pthread_t threads[RTE_MAX_LCORE];
    pthread_barrier_t barrier;
    int refused = 0;

    tpa_test_eal_init();
    pthread_barrier_init(&barrier, NULL, RTE_MAX_LCORE + 1);
    for (int i = 0; i < RTE_MAX_LCORE; i++) {
        crowd[i].barrier = &barrier;
        cr_assert_eq(pthread_create(&threads[i], NULL, join_and_stay, &crowd[i]), 0);
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < RTE_MAX_LCORE; i++) {
        pthread_join(threads[i], NULL);
        if (crowd[i].error != 0) {
            cr_expect_eq(crowd[i].error, TPA_ENOSPC);
            refused++;
        }
    }
    cr_expect_eq(refused, 1, "the main thread has one");
}

static void need_physical_addresses(void)
{
    need_hugepages();
    if (geteuid() != 0)
        cr_skip_test("physical addresses are for root");
    cr_assert_eq(init(false, "--iova-mode=pa"), 0, "%s", reason);
}

/* Hugepages of the kernel's pool, of which the neighbours in memory may lie anywhere. */
Test(physical, hugepages_have_the_addresses_that_the_kernel_says)
{
    struct tpa_mem_registry *registry;
    size_t page = 2 * MEGABYTE;
    uint8_t *memory;
    void *reference;
    uint64_t iova;

    need_physical_addresses();
    memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
                  -1, 0);
    if (memory == MAP_FAILED)
        cr_skip_test("hugepages of 2 MB are needed");
    registry = tpa_mem_registry_create();
    cr_assert_eq(tpa_mem_registry_add(registry, memory, 4 * page, NULL, 4, page), 0);
    for (int i = 0; i < 4; i++) {
        const uint8_t *byte = memory + i * page + 12345;

        cr_assert_eq(tpa_mem_registry_hold(registry, byte, 1000, &iova, &reference), 0);
        cr_expect_eq(iova, rte_mem_virt2phy(byte));
        cr_expect_neq(iova, (uintptr_t)byte);
        tpa_mem_registry_release(reference);
    }
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, 4 * page), 0);
    tpa_mem_registry_destroy(registry);
}

Test(physical, small_pages_are_looked_up_one_by_one)
{
    enum {
        COUNT = 1500
    };
    struct tpa_mem_registry *registry;
    uint8_t *memory;
    void *reference;
    uint64_t iova;

    need_physical_addresses();
    memory = mmap(NULL, COUNT * 4096, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    registry = tpa_mem_registry_create();
    cr_assert_eq(tpa_mem_registry_add(registry, memory, COUNT * 4096, NULL, COUNT, 4096), 0);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(tpa_mem_registry_hold(registry, memory + i * 4096, 4096, &iova, &reference),
                     0);
        cr_assert_eq(iova, rte_mem_virt2phy(memory + i * 4096), "page %d", i);
        tpa_mem_registry_release(reference);
    }
    tpa_mem_registry_destroy(registry);
}

Test(physical, dpdks_memory_has_dpdks_addresses)
{
    struct tpa_mem_registry *registry;
    size_t size = 12 * MEGABYTE;
    uint8_t *block;
    size_t done = 0;

    need_physical_addresses();
    registry = tpa_mem_registry_create();
    block = rte_malloc("test", size, 64);
    cr_assert_not_null(block);
    while (done < size) {
        size_t count = tpa_mem_registry_contiguous(registry, block + done, size - done);
        void *reference;
        uint64_t iova;

        cr_assert_gt(count, 0);
        cr_assert_eq(tpa_mem_registry_hold(registry, block + done, count, &iova, &reference), 0);
        cr_expect_eq(iova, rte_mem_virt2iova(block + done));
        if (done + count < size)
            cr_expect_eq(
                tpa_mem_registry_hold(registry, block + done, count + 1, &iova, &reference),
                TPA_ETRUNCATED);
        done += count;
    }
    rte_free(block);
    tpa_mem_registry_destroy(registry);
}
