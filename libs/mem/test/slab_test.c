#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/mem/slab.h>

/* A source that counts its chunks and has only `chunks_left` of them. */
struct counted {
    int chunks_left;
    int chunks_out;
    size_t bytes_out;
    size_t last_size;
};

static void *counted_take(void *context, size_t size, size_t alignment)
{
    struct counted *counted = context;

    if (counted->chunks_left == 0)
        return NULL;
    counted->chunks_left--;
    counted->chunks_out++;
    counted->bytes_out += size;
    counted->last_size = size;
    return memset(aligned_alloc(alignment, size), 0, size);
}

static void counted_give(void *context, void *chunk, size_t size)
{
    struct counted *counted = context;

    counted->chunks_out--;
    counted->bytes_out -= size;
    free(chunk);
}

#define COUNTED(name, limit_of_chunks)                                \
    struct counted name##_count = {.chunks_left = (limit_of_chunks)}; \
    struct tpa_mem_chunk_source name = {counted_take, counted_give, &name##_count}

static struct tpa_mem_slab slab_of(const struct tpa_mem_chunk_source *source, uint32_t size,
                                   uint32_t limit)
{
    struct tpa_mem_slab slab;

    cr_assert_eq(tpa_mem_slab_init(&slab, source, size, 8, limit), 0);
    return slab;
}

Test(slab, refuses_sizes_and_alignments_out_of_range)
{
    const struct tpa_mem_chunk_source *source = &tpa_mem_chunk_source_default;
    struct tpa_mem_slab slab;

    cr_expect_eq(tpa_mem_slab_init(&slab, source, 0, 8, 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_slab_init(&slab, source, TPA_MEM_SLAB_OBJECT_SIZE_MAX + 1, 8, 0),
                 TPA_EINVAL);
    cr_expect_eq(tpa_mem_slab_init(&slab, source, 16, 4, 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_slab_init(&slab, source, 16, 24, 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_slab_init(&slab, source, 16, 128, 0), TPA_EINVAL);
    cr_expect_eq(tpa_mem_slab_init(&slab, source, TPA_MEM_SLAB_OBJECT_SIZE_MAX, 64, 0), 0);
}

Test(slab, takes_no_memory_before_the_first_object_and_gives_all_back)
{
    COUNTED(source, -1);
    struct tpa_mem_slab slab = slab_of(&source, 100, 0);
    void *object;

    cr_expect_eq(tpa_mem_slab_footprint(&slab), 0);
    object = tpa_mem_slab_alloc(&slab);
    cr_expect_not_null(object);
    cr_expect_eq(tpa_mem_slab_footprint(&slab), TPA_MEM_SLAB_CHUNK_MIN);
    cr_expect_eq(tpa_mem_slab_destroy(&slab), TPA_EBUSY);
    cr_expect_eq(source_count.chunks_out, 1, "a refused destroy does nothing");
    tpa_mem_slab_free(&slab, object);
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
    cr_expect_eq(source_count.chunks_out, 0);
    cr_expect_eq(source_count.bytes_out, 0);
}

Test(slab, chunks_double_up_to_the_largest)
{
    COUNTED(source, -1);
    struct tpa_mem_slab slab = slab_of(&source, 1024, 0);
    size_t size = TPA_MEM_SLAB_CHUNK_MIN;
    int chunk = 0;

    while (chunk < 8) {
        cr_assert_not_null(tpa_mem_slab_alloc(&slab));
        if (source_count.chunks_out == chunk)
            continue;
        chunk++;
        cr_expect_eq(source_count.last_size, size, "chunk %d has %zu bytes", chunk,
                     source_count.last_size);
        if (size < TPA_MEM_SLAB_CHUNK_MAX)
            size *= 2;
    }
    cr_expect_eq(tpa_mem_slab_footprint(&slab), source_count.bytes_out);
    slab.in_use = 0; /* the objects go with their chunks */
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}

Test(slab, a_limit_holds_and_keeps_chunks_small)
{
    COUNTED(source, -1);
    struct tpa_mem_slab slab = slab_of(&source, 64, 10);
    void *objects[10];

    for (int i = 0; i < 10; i++)
        cr_assert_not_null(objects[i] = tpa_mem_slab_alloc(&slab));
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    cr_expect_eq(tpa_mem_slab_grow(&slab), TPA_ENOSPC);
    cr_expect_eq(tpa_mem_slab_footprint(&slab), TPA_MEM_SLAB_CHUNK_UNIT);

    tpa_mem_slab_free(&slab, objects[3]);
    cr_expect_eq(tpa_mem_slab_alloc(&slab), objects[3], "the last one freed is the first reused");
    for (int i = 0; i < 10; i++)
        tpa_mem_slab_free(&slab, objects[i]);
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}

Test(slab, survives_a_source_that_runs_dry)
{
    COUNTED(source, 1);
    struct tpa_mem_slab slab = slab_of(&source, TPA_MEM_SLAB_OBJECT_SIZE_MAX, 0);
    void *objects[3];

    for (int i = 0; i < 3; i++)
        cr_assert_not_null(objects[i] = tpa_mem_slab_alloc(&slab));
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    cr_expect_eq(slab.in_use, 3);
    source_count.chunks_left = 1;
    void *more = tpa_mem_slab_alloc(&slab);

    cr_expect_not_null(more);
    tpa_mem_slab_free(&slab, more);
    for (int i = 0; i < 3; i++)
        tpa_mem_slab_free(&slab, objects[i]);
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
    cr_expect_eq(source_count.chunks_out, 0);
}

Test(slab, fails_the_allocation_that_a_test_names)
{
    struct tpa_mem_slab slab = slab_of(&tpa_mem_chunk_source_default, 32, 0);
    void *objects[4];

    slab.fault_countdown = 3;
    cr_assert_not_null(objects[0] = tpa_mem_slab_alloc(&slab));
    cr_assert_not_null(objects[1] = tpa_mem_slab_alloc(&slab));
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    cr_assert_not_null(objects[2] = tpa_mem_slab_alloc(&slab));

    slab.fault_countdown = 1;
    slab.fault_sticky = true;
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    cr_expect_null(tpa_mem_slab_alloc(&slab));
    slab.fault_countdown = 0;
    cr_assert_not_null(objects[3] = tpa_mem_slab_alloc(&slab));

    cr_expect_eq(slab.in_use, 4);
    for (int i = 0; i < 4; i++)
        tpa_mem_slab_free(&slab, objects[i]);
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}

/* Fills an object with a pattern that only its index makes, or checks it. */
static bool object_holds(const uint8_t *object, uint32_t size, uint8_t value)
{
    for (uint32_t i = 0; i < size; i++) {
        if (object[i] != value)
            return false;
    }
    return true;
}

static void random_use(uint32_t size, uint32_t alignment)
{
    enum {
        SLOTS = 3000,
        STEPS = 60000
    };
    static uint8_t *slots[SLOTS];
    struct tpa_mem_slab slab;
    uint32_t held = 0;
    unsigned int seed = size;

    cr_assert_eq(tpa_mem_slab_init(&slab, &tpa_mem_chunk_source_default, size, alignment, 0), 0);
    for (int step = 0; step < STEPS; step++) {
        int slot = rand_r(&seed) % SLOTS;

        if (slots[slot] == NULL) {
            cr_assert_not_null(slots[slot] = tpa_mem_slab_alloc(&slab));
            cr_assert_eq((uintptr_t)slots[slot] % alignment, 0);
            memset(slots[slot], slot & 0xff, size);
            held++;
        } else {
            cr_assert(object_holds(slots[slot], size, slot & 0xff), "object %d was overwritten",
                      slot);
            tpa_mem_slab_free(&slab, slots[slot]);
            slots[slot] = NULL;
            held--;
        }
        cr_assert_eq(slab.in_use, held);
    }
    for (int slot = 0; slot < SLOTS; slot++) {
        if (slots[slot] != NULL) {
            cr_assert(object_holds(slots[slot], size, slot & 0xff));
            tpa_mem_slab_free(&slab, slots[slot]);
            slots[slot] = NULL;
        }
    }
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}

Test(slab, objects_keep_apart_in_random_use)
{
    random_use(1, 8);
    random_use(24, 8);
    random_use(100, 16);
    random_use(416, 64);
    random_use(5000, 64);
}

Test(slab, an_object_costs_its_own_size)
{
    COUNTED(source, -1);
    struct tpa_mem_slab slab = slab_of(&source, 416, 0);
    enum {
        OBJECTS = 20000
    };

    for (int i = 0; i < OBJECTS; i++)
        cr_assert_not_null(tpa_mem_slab_alloc(&slab));
    /* Chunks that double are at least half full, and all full but for the newest. */
    cr_expect_lt(tpa_mem_slab_footprint(&slab), OBJECTS * 416u * 5 / 4);
    slab.in_use = 0;
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}

#ifdef TPA_MEM_SLAB_SANITIZED
Test(slab, a_free_object_is_poisoned)
{
    struct tpa_mem_slab slab = slab_of(&tpa_mem_chunk_source_default, 32, 0);
    uint8_t *object = tpa_mem_slab_alloc(&slab);

    cr_expect_null(__asan_region_is_poisoned(object, 32));
    cr_expect(__asan_address_is_poisoned(object + 32), "the object behind it was never handed out");
    tpa_mem_slab_free(&slab, object);
    cr_expect(__asan_address_is_poisoned(object));
    cr_expect(__asan_address_is_poisoned(object + 31));
    cr_expect_eq(tpa_mem_slab_destroy(&slab), 0);
}
#endif
