#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/trace.h>

TestSuite(trace);

#define RECORDS 5
#define SIZE    (sizeof(struct tpa_base_trace) + RECORDS * sizeof(struct tpa_base_trace_record))

/* A ring of RECORDS slots with a guard behind it. */
struct ring {
    _Alignas(64) uint8_t memory[SIZE];
    uint8_t guard[64];
};

static struct tpa_base_trace *make(struct ring *ring, uint32_t flags)
{
    memset(ring->memory, 0, sizeof(ring->memory));
    memset(ring->guard, 0xa5, sizeof(ring->guard));

    struct tpa_base_trace *trace = tpa_base_trace_init(ring->memory, SIZE, flags, 17);

    cr_assert_not_null(trace);
    return trace;
}

static void check_guard(const struct ring *ring)
{
    for (size_t i = 0; i < sizeof(ring->guard); i++)
        cr_assert_eq(ring->guard[i], 0xa5);
}

static uint64_t time_of(const struct tpa_base_trace *trace, unsigned int slot)
{
    return trace->record[slot].stamp >> TPA_BASE_TRACE_KIND_BITS;
}

Test(trace, null_records_nothing_and_does_not_crash)
{
    tpa_base_trace_write(NULL, 1, TPA_BASE_TRACE_STATE, 1, 2, 3, 4);
}

Test(trace, a_record_holds_time_kind_and_arguments)
{
    static struct ring ring;
    struct tpa_base_trace *trace = make(&ring, 0);

    cr_assert_eq(trace->capacity, RECORDS);
    cr_assert_eq(trace->owner, 17);
    tpa_base_trace_write(trace, 123456789, TPA_BASE_TRACE_RTO, 1, UINT64_MAX, 3, 4);

    cr_assert_eq(trace->written, 1);
    cr_assert_eq(time_of(trace, 0), 123456789);
    cr_assert_eq(trace->record[0].stamp & 0xff, TPA_BASE_TRACE_RTO);
    cr_assert_eq(trace->record[0].argument[0], 1);
    cr_assert_eq(trace->record[0].argument[1], UINT64_MAX);
    cr_assert_eq(trace->record[0].argument[2], 3);
    cr_assert_eq(trace->record[0].argument[3], 4);
    check_guard(&ring);
}

Test(trace, wraps_over_the_oldest_record)
{
    static struct ring ring;
    struct tpa_base_trace *trace = make(&ring, 0);

    for (uint64_t now = 0; now < 3 * RECORDS + 2; now++)
        tpa_base_trace_write(trace, now, TPA_BASE_TRACE_MARK, now, 0, 0, 0);

    cr_assert_eq(trace->written, 3 * RECORDS + 2);
    cr_assert_eq(trace->lost, 0);
    cr_assert_eq(time_of(trace, 0), 3 * RECORDS);
    cr_assert_eq(time_of(trace, 1), 3 * RECORDS + 1);
    cr_assert_eq(time_of(trace, 2), 2 * RECORDS + 2);
    check_guard(&ring);
}

Test(trace, no_wrap_keeps_the_oldest_and_counts_the_rest)
{
    static struct ring ring;
    struct tpa_base_trace *trace = make(&ring, TPA_BASE_TRACE_NO_WRAP);

    for (uint64_t now = 0; now < RECORDS + 3; now++)
        tpa_base_trace_write(trace, now, TPA_BASE_TRACE_MARK, 0, 0, 0, 0);

    cr_assert_eq(trace->written, RECORDS);
    cr_assert_eq(trace->lost, 3);
    for (unsigned int slot = 0; slot < RECORDS; slot++)
        cr_assert_eq(time_of(trace, slot), slot);
    check_guard(&ring);
}

Test(trace, detail_is_recorded_only_when_asked_for)
{
    static struct ring ring;
    struct tpa_base_trace *trace = make(&ring, 0);

    tpa_base_trace_write(trace, 1, TPA_BASE_TRACE_SEGMENT_IN, 0, 0, 0, 0);
    tpa_base_trace_write(trace, 2, TPA_BASE_TRACE_STATE, 0, 0, 0, 0);
    cr_assert_eq(trace->written, 1);
    cr_assert_eq(time_of(trace, 0), 2);

    trace = make(&ring, TPA_BASE_TRACE_DETAIL);
    tpa_base_trace_write(trace, 1, TPA_BASE_TRACE_SEGMENT_IN, 0, 0, 0, 0);
    tpa_base_trace_write(trace, 2, TPA_BASE_TRACE_STATE, 0, 0, 0, 0);
    cr_assert_eq(trace->written, 2);
}

Test(trace, the_list_has_all_basic_kinds_first)
{
    enum {
        BASIC,
        DETAIL
    };
    static const int level[] = {
#define LEVEL(constant, level, name, format) level,
        TPA_BASE_TRACE_LIST(LEVEL)
#undef LEVEL
    };

    for (unsigned int kind = 0; kind < TPA_BASE_TRACE_COUNT; kind++)
        cr_assert_eq(level[kind], kind >= TPA_BASE_TRACE_FIRST_DETAIL ? DETAIL : BASIC);
}

Test(trace, memory_too_small_gives_no_trace)
{
    static struct ring ring;

    memset(&ring, 0, sizeof(ring));
    cr_assert_null(tpa_base_trace_init(ring.memory, 0, 0, 1));
    cr_assert_null(tpa_base_trace_init(ring.memory, sizeof(struct tpa_base_trace) + 39, 0, 1));

    struct tpa_base_trace *trace =
        tpa_base_trace_init(ring.memory, sizeof(struct tpa_base_trace) + 40, 0, 1);

    cr_assert_not_null(trace);
    cr_assert_eq(trace->capacity, 1);
    tpa_base_trace_write(trace, 5, TPA_BASE_TRACE_MARK, 1, 0, 0, 0);
    tpa_base_trace_write(trace, 6, TPA_BASE_TRACE_MARK, 2, 0, 0, 0);
    cr_assert_eq(trace->written, 2);
    cr_assert_eq(time_of(trace, 0), 6);
    cr_assert_eq(trace->next, 0);
}

Test(trace, the_default_size_of_8_kb_holds_203_records)
{
    static _Alignas(64) uint8_t memory[8192];

    cr_assert_eq(tpa_base_trace_init(memory, sizeof(memory), 0, 1)->capacity, 203);
}

Test(trace, a_ring_that_is_made_anew_is_empty_and_counts_its_generation)
{
    static struct ring ring;
    struct tpa_base_trace *trace = make(&ring, 0);
    uint64_t generation = trace->generation;

    for (uint64_t now = 0; now < RECORDS + 1; now++)
        tpa_base_trace_write(trace, now, TPA_BASE_TRACE_MARK, 0, 0, 0, 0);
    trace = tpa_base_trace_init(ring.memory, SIZE, 0, 99);

    cr_assert_eq(trace->written, 0);
    cr_assert_eq(trace->next, 0);
    cr_assert_eq(trace->owner, 99);
    cr_assert_eq(trace->generation, generation + 1);
}
