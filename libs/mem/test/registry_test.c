#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <criterion/criterion.h>

#include <rte_malloc.h>

#include <tpa/base/error.h>
#include <tpa/mem/eal.h>
#include <tpa/mem/rcu.h>
#include <tpa/mem/registry.h>

#include "test/support/eal.h"

#define PAGE 4096

static struct tpa_mem_registry *registry;

static void set_up(void)
{
    tpa_test_eal_init();
    registry = tpa_mem_registry_create();
    cr_assert_not_null(registry);
}

static void tear_down(void)
{
    tpa_mem_registry_destroy(registry);
    tpa_mem_rcu_barrier();
}

TestSuite(registry, .init = set_up, .fini = tear_down, .timeout = 30);

static uint8_t *pages(size_t count)
{
    void *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    cr_assert_neq(memory, MAP_FAILED);
    return memory;
}

static int add(void *memory, size_t count)
{
    return tpa_mem_registry_add(registry, memory, count * PAGE, NULL, (uint32_t)count, PAGE);
}

static int lookup(const void *base, size_t length)
{
    void *reference;
    uint64_t iova;
    int error = tpa_mem_registry_hold(registry, base, length, &iova, &reference);

    if (error == 0)
        tpa_mem_registry_release(reference);
    return error;
}

Test(registry, refuses_bad_arguments)
{
    uint8_t *memory = pages(4);
    uint8_t *top = (uint8_t *)(UINTPTR_MAX - PAGE + 1);

    cr_expect_eq(tpa_mem_registry_add(registry, NULL, PAGE, NULL, 1, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, 0, NULL, 0, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory + 64, PAGE, NULL, 1, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, PAGE + 1, NULL, 1, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, 2 * PAGE, NULL, 1, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, PAGE, NULL, 1, 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, 2048, NULL, 1, 2048), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, memory, 12288, NULL, 1, 12288), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, top, PAGE, NULL, 1, PAGE), TPA_EINVAL);
    cr_expect_eq(tpa_mem_registry_add(registry, top, 2 * PAGE, NULL, 2, PAGE), TPA_EINVAL);
    cr_expect_eq(add(memory, 4), 0);
}

Test(registry, finds_what_lies_in_one_region)
{
    uint8_t *memory = pages(8);
    uint8_t *region = memory + 2 * PAGE;
    void *reference;
    uint64_t iova;

    cr_assert_eq(add(region, 2), 0);
    cr_expect_eq(tpa_mem_registry_hold(registry, region + 100, 2 * PAGE - 100, &iova, &reference),
                 0);
    cr_expect_eq(iova, (uintptr_t)region + 100, "EAL without hugepages runs in VA mode");
    cr_expect_not_null(reference);
    tpa_mem_registry_release(reference);

    cr_expect_eq(lookup(region, 1), 0);
    cr_expect_eq(lookup(region + 2 * PAGE - 1, 1), 0);
    cr_expect_eq(lookup(region - 1, 1), TPA_ENOENT);
    cr_expect_eq(lookup(region - 1, 2), TPA_ENOENT);
    cr_expect_eq(lookup(region + 2 * PAGE, 1), TPA_ENOENT);
    cr_expect_eq(lookup(region + 2 * PAGE - 1, 2), TPA_ENOENT);
    cr_expect_eq(lookup(region, SIZE_MAX), TPA_ENOENT, "the end must not wrap");
    cr_expect_eq(lookup(region, 0), TPA_ENOENT);
    cr_expect_eq(lookup(NULL, 1), TPA_ENOENT);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, region + 1, PAGE), PAGE);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, memory, PAGE), 0);
}

Test(registry, regions_do_not_overlap_but_may_touch)
{
    uint8_t *memory = pages(8);

    cr_assert_eq(add(memory + 2 * PAGE, 2), 0);
    cr_expect_eq(add(memory + 2 * PAGE, 2), TPA_EEXIST);
    cr_expect_eq(add(memory + 3 * PAGE, 1), TPA_EEXIST);
    cr_expect_eq(add(memory + 1 * PAGE, 2), TPA_EEXIST);
    cr_expect_eq(add(memory, 8), TPA_EEXIST);
    cr_expect_eq(add(memory + 4 * PAGE, 1), 0);
    cr_expect_eq(add(memory + 1 * PAGE, 1), 0);
    cr_expect_eq(lookup(memory + 2 * PAGE - 1, 2), TPA_ENOENT, "not in one region");
}

Test(registry, removes_exactly_what_was_registered)
{
    uint8_t *memory = pages(8);

    cr_assert_eq(add(memory + 2 * PAGE, 4), 0);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory + 2 * PAGE, 2 * PAGE), TPA_ENOENT);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory + 3 * PAGE, 3 * PAGE), TPA_ENOENT);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory + 2 * PAGE, 5 * PAGE), TPA_ENOENT);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory + 2 * PAGE, 4 * PAGE), 0);
    cr_expect_eq(lookup(memory + 2 * PAGE, 1), TPA_ENOENT);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory + 2 * PAGE, 4 * PAGE), TPA_ENOENT);
    cr_expect_eq(add(memory, 8), 0, "and it can be registered again");
}

Test(registry, a_reference_keeps_its_region)
{
    uint8_t *memory = pages(2);
    void *references[2];
    uint64_t iova;

    cr_assert_eq(add(memory, 2), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(tpa_mem_registry_hold(registry, memory, 10, &iova, &references[i]), 0);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, 2 * PAGE), TPA_EBUSY);
    tpa_mem_registry_release(references[0]);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, 2 * PAGE), TPA_EBUSY);
    cr_expect_eq(lookup(memory, 10), 0, "a refused removal changes nothing");
    tpa_mem_registry_release(references[1]);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, 2 * PAGE), 0);
}

Test(registry, has_room_for_the_number_it_names)
{
    uint8_t *memory = pages(2 * TPA_MEM_REGISTRY_REGIONS_MAX + 2);

    /* From both ends to the middle, so that the table is filled out of order. */
    for (int i = 0; i < TPA_MEM_REGISTRY_REGIONS_MAX; i++) {
        int place = i % 2 == 0 ? i : 2 * TPA_MEM_REGISTRY_REGIONS_MAX - i;

        cr_assert_eq(add(memory + place * PAGE, 1), 0, "region %d", i);
    }
    cr_expect_eq(add(memory + (2 * TPA_MEM_REGISTRY_REGIONS_MAX + 1) * PAGE, 1), TPA_ENOSPC);
    for (int i = 0; i < TPA_MEM_REGISTRY_REGIONS_MAX; i++) {
        int place = i % 2 == 0 ? i : 2 * TPA_MEM_REGISTRY_REGIONS_MAX - i;

        cr_expect_eq(lookup(memory + place * PAGE, PAGE), 0, "region %d", i);
    }
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, PAGE), 0);
    cr_expect_eq(add(memory + (2 * TPA_MEM_REGISTRY_REGIONS_MAX + 1) * PAGE, 1), 0);
}

/* What programs register: 512 MiB by pages of 4096. */
Test(registry, a_large_region_is_quick)
{
    enum {
        COUNT = 131072
    };
    uint8_t *memory = pages(COUNT);
    struct timespec begin, end;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    cr_assert_eq(add(memory, COUNT), 0);
    cr_expect_eq(lookup(memory + 1000 * PAGE - 1, 65535), 0);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, (size_t)COUNT * PAGE), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect_lt(end.tv_sec - begin.tv_sec, 2);
}

Test(registry, pages_that_a_device_sees_apart)
{
    uint8_t *memory = pages(5);
    const uint64_t addresses[] = {0x10000, 0x11000, 0x50000, 0x12000, 0x13000};
    void *reference;
    uint64_t iova;

    cr_assert_eq(tpa_mem_registry_add(registry, memory, 5 * PAGE, addresses, 5, PAGE), 0);
    cr_expect_eq(tpa_mem_registry_hold(registry, memory + 10, 2 * PAGE - 10, &iova, &reference), 0);
    cr_expect_eq(iova, 0x1000a);
    tpa_mem_registry_release(reference);
    cr_expect_eq(tpa_mem_registry_hold(registry, memory + 10, 2 * PAGE, &iova, &reference),
                 TPA_ETRUNCATED);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, memory + 10, 4 * PAGE), 2 * PAGE - 10);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, memory + 2 * PAGE, 3 * PAGE), PAGE);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, memory + 3 * PAGE, 2 * PAGE), 2 * PAGE);
    cr_expect_eq(tpa_mem_registry_hold(registry, memory + 3 * PAGE + 1, PAGE, &iova, &reference),
                 0);
    cr_expect_eq(iova, 0x12001);
    tpa_mem_registry_release(reference);
    cr_expect_eq(tpa_mem_registry_remove(registry, memory, 5 * PAGE), 0);
}

Test(registry, addresses_that_follow_each_other_are_one_piece)
{
    uint8_t *memory = pages(3);
    const uint64_t addresses[] = {0x10000, 0x11000, 0x12000};
    void *reference;
    uint64_t iova;

    cr_assert_eq(tpa_mem_registry_add(registry, memory, 3 * PAGE, addresses, 3, PAGE), 0);
    cr_expect_eq(tpa_mem_registry_hold(registry, memory, 3 * PAGE, &iova, &reference), 0);
    cr_expect_eq(iova, 0x10000);
    tpa_mem_registry_release(reference);
}

Test(registry, knows_dpdks_own_memory)
{
    uint8_t *block = rte_malloc("test", 3 * PAGE, 64);
    uint64_t iova;
    void *reference = block;

    cr_assert_eq(tpa_mem_registry_hold(registry, block, 3 * PAGE, &iova, &reference), 0);
    cr_expect_null(reference);
    cr_expect_eq(iova, rte_malloc_virt2iova(block));
    tpa_mem_registry_release(reference);
    cr_expect_eq(tpa_mem_registry_contiguous(registry, block, 3 * PAGE), 3 * PAGE);
    cr_expect_eq(lookup(block, SIZE_MAX), TPA_ENOENT);
    cr_expect_eq(lookup(block, (size_t)1 << 40), TPA_ENOENT);
    rte_free(block);
}

Test(registry, dpdks_own_memory_cannot_be_registered)
{
    uint8_t *block = rte_malloc("test", 3 * PAGE, PAGE);

    cr_expect_eq(add(block, 1), TPA_EEXIST);
    rte_free(block);
}

static const struct tpa_mem_region *find_region(const void *address)
{
    const struct tpa_mem_region *region = tpa_mem_registry_regions(registry);

    while (region->size != 0 && region->virt_addr != address)
        region++;
    return region;
}

Test(registry, lists_all_segments)
{
    uint8_t *memory = pages(4);
    const struct tpa_mem_region *regions = tpa_mem_registry_regions(registry);
    size_t dpdk_bytes = 0;

    for (; regions->size != 0; regions++)
        dpdk_bytes += regions->size;
    cr_expect_eq(dpdk_bytes, 64u << 20, "EAL's -m 64");

    cr_assert_eq(add(memory, 4), 0);
    cr_expect_eq(find_region(memory)->size, 4 * PAGE);
    cr_expect_eq(find_region(memory)->page_size, PAGE);
    cr_expect_eq(find_region(memory)->phys_addr, (uintptr_t)memory);
    cr_expect_eq(tpa_mem_registry_regions(registry), tpa_mem_registry_regions(registry),
                 "the same list while nothing changes");
    cr_assert_eq(tpa_mem_registry_remove(registry, memory, 4 * PAGE), 0);
    cr_expect_eq(find_region(memory)->size, 0);
}

Test(registry, lists_a_region_of_scattered_pages_without_an_address)
{
    uint8_t *memory = pages(2);
    const uint64_t addresses[] = {0x20000, 0x10000};

    cr_assert_eq(tpa_mem_registry_add(registry, memory, 2 * PAGE, addresses, 2, PAGE), 0);
    cr_expect_eq(find_region(memory)->phys_addr, TPA_MEM_IOVA_BAD);
}

/* A port that counts what is mapped, and refuses the n-th mapping. */
struct port {
    struct tpa_mem_registry_port hooks;
    size_t bytes;
    int runs;
    int refuse_at; /* counts down; 0 = never */
};

static int port_map(void *context, void *virt_addr, uint64_t iova, size_t size)
{
    struct port *port = context;

    if (port->refuse_at > 0 && --port->refuse_at == 0)
        return -1;
    port->bytes += size;
    port->runs++;
    return 0;
}

static void port_unmap(void *context, void *virt_addr, uint64_t iova, size_t size)
{
    struct port *port = context;

    port->bytes -= size;
    port->runs--;
}

#define PORT(name) struct port name = {.hooks = {port_map, port_unmap, &(name)}}

Test(registry, ports_are_told_of_regions)
{
    uint8_t *memory = pages(8);
    const uint64_t scattered[] = {0x20000, 0x10000, 0x11000};
    PORT(early);
    PORT(late);

    cr_assert_eq(tpa_mem_registry_attach(registry, &early.hooks), 0);
    cr_expect_eq(tpa_mem_registry_attach(registry, &early.hooks), TPA_EEXIST);
    cr_assert_eq(add(memory, 2), 0);
    cr_assert_eq(tpa_mem_registry_add(registry, memory + 4 * PAGE, 3 * PAGE, scattered, 3, PAGE),
                 0);
    cr_expect_eq(early.bytes, 5 * PAGE);
    cr_expect_eq(early.runs, 3, "one of two pages; one, and two");
    cr_assert_eq(tpa_mem_registry_attach(registry, &late.hooks), 0);
    cr_expect_eq(late.bytes, 5 * PAGE);
    cr_expect_eq(late.runs, 3);

    cr_assert_eq(tpa_mem_registry_remove(registry, memory + 4 * PAGE, 3 * PAGE), 0);
    cr_expect_eq(early.bytes, 2 * PAGE);
    tpa_mem_registry_detach(registry, &early.hooks);
    tpa_mem_registry_detach(registry, &early.hooks);
    cr_expect_eq(early.bytes, 0);
    cr_expect_eq(late.bytes, 2 * PAGE);
    tpa_mem_registry_detach(registry, &late.hooks);
    cr_expect_eq(late.runs, 0);
}

Test(registry, a_port_that_refuses_leaves_nothing_mapped)
{
    uint8_t *memory = pages(8);
    const uint64_t scattered[] = {0x20000, 0x10000, 0x30000};
    PORT(willing);
    PORT(refusing);

    cr_assert_eq(tpa_mem_registry_attach(registry, &willing.hooks), 0);
    cr_assert_eq(tpa_mem_registry_attach(registry, &refusing.hooks), 0);
    refusing.refuse_at = 3;
    cr_expect_eq(tpa_mem_registry_add(registry, memory, 3 * PAGE, scattered, 3, PAGE), TPA_EIO);
    cr_expect_eq(willing.runs, 0);
    cr_expect_eq(refusing.runs, 0);
    cr_expect_eq(lookup(memory, 1), TPA_ENOENT);
    cr_expect_eq(add(memory, 3), 0, "nothing of it is left in DPDK either");
    cr_expect_eq(willing.bytes, 3 * PAGE);

    cr_assert_eq(add(memory + 4 * PAGE, 1), 0);
    tpa_mem_registry_detach(registry, &refusing.hooks);
    refusing.refuse_at = 2;
    cr_expect_eq(tpa_mem_registry_attach(registry, &refusing.hooks), TPA_EIO);
    cr_expect_eq(refusing.bytes, 0);
    tpa_mem_registry_detach(registry, &willing.hooks);
}

Test(registry, has_a_slot_for_every_port)
{
    struct tpa_mem_registry_port ports[TPA_MEM_REGISTRY_PORTS_MAX + 1];
    struct port counts = {.runs = 0};

    for (int i = 0; i <= TPA_MEM_REGISTRY_PORTS_MAX; i++) {
        ports[i] = (struct tpa_mem_registry_port){port_map, port_unmap, &counts};
        cr_expect_eq(tpa_mem_registry_attach(registry, &ports[i]),
                     i < TPA_MEM_REGISTRY_PORTS_MAX ? 0 : TPA_ENOSPC);
    }
    for (int i = 0; i <= TPA_MEM_REGISTRY_PORTS_MAX; i++)
        tpa_mem_registry_detach(registry, &ports[i]);
}

/*
 * Two workers look one region up while it comes and goes. Whoever holds a reference must find the
 * memory registered: the remover writes a mark into the page as soon as it has it to itself.
 */
enum {
    MARK_REGISTERED = 1,
    MARK_REMOVED = 2,
    CYCLES = 300
};

struct worker {
    pthread_t thread;
    atomic_int *mark;
    atomic_bool *stop;
    long holds;
    long violations;
};

static void *worker_run(void *argument)
{
    struct worker *worker = argument;

    tpa_mem_rcu_join();
    cr_expect_eq(tpa_mem_thread_join(), 0);
    while (!atomic_load(worker->stop)) {
        void *reference;
        uint64_t iova;

        if (tpa_mem_registry_hold(registry, worker->mark, PAGE, &iova, &reference) == 0) {
            for (int i = 0; i < 10; i++)
                worker->violations += atomic_load(worker->mark) != MARK_REGISTERED;
            tpa_mem_registry_release(reference);
            worker->holds++;
        }
        tpa_mem_rcu_quiescent();
        sched_yield();
    }
    tpa_mem_rcu_leave();
    return NULL;
}

Test(registry, comes_and_goes_under_readers)
{
    uint8_t *memory = pages(4);
    atomic_int *mark = (atomic_int *)(void *)(memory + PAGE);
    atomic_bool stop = false;
    struct worker workers[2] = {{.mark = mark, .stop = &stop}, {.mark = mark, .stop = &stop}};
    long busy = 0;

    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        int error;

        atomic_store(mark, MARK_REGISTERED);
        cr_assert_eq(add(memory, 4), 0);
        sched_yield();
        while ((error = tpa_mem_registry_remove(registry, memory, 4 * PAGE)) == TPA_EBUSY) {
            busy++;
            sched_yield();
        }
        cr_assert_eq(error, 0);
        atomic_store(mark, MARK_REMOVED);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(workers[i].thread, NULL);
        cr_expect_eq(workers[i].violations, 0);
    }
    cr_expect_gt(workers[0].holds + workers[1].holds, 0, "nobody looked (%ld times busy)", busy);
}
