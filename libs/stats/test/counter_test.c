#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/stats/counter.h>

TestSuite(counter);

/* As a crate declares its counters, without knowing this one. */
#define TOY_COUNTERS(X)               \
    X(packets_in, "packets received") \
    X(packets_out, "packets sent")    \
    X(bytes_in, "payload received")

struct toy_counters {
#define FIELD(name, text) uint64_t name;
    TOY_COUNTERS(FIELD)
#undef FIELD
};

static const struct tpa_stats_counter_description toy_counters[] = {
    TOY_COUNTERS(TPA_STATS_COUNTER)};

#define TOY_COUNT ((uint32_t)TPA_BASE_ARRAY_SIZE(toy_counters))

enum {
    TOY,
    DROP
};

/* Two groups (the toy's and the drop reasons) for `workers` workers, with memory. */
static void make(struct tpa_stats_counters *set, uint32_t workers)
{
    cr_assert_eq(tpa_stats_counters_init(set, workers), 0);
    cr_assert_eq(tpa_stats_counters_add(set, "toy", toy_counters, TOY_COUNT), TOY);
    cr_assert_eq(tpa_stats_counters_add(set, "drop", tpa_stats_drop_counters, TPA_BASE_DROP_COUNT),
                 DROP);

    size_t size = workers * tpa_stats_counters_block_size(set);
    void *memory = aligned_alloc(TPA_BASE_CACHE_LINE, size);

    memset(memory, 0xee, size);
    cr_assert_eq(tpa_stats_counters_attach(set, memory, size), 0);
}

static void destroy(struct tpa_stats_counters *set)
{
    free(set->values);
}

static struct toy_counters *toy_of(struct tpa_stats_counters *set, uint32_t worker)
{
    return (struct toy_counters *)tpa_stats_counters_values(set, TOY, worker);
}

static uint64_t read_one(struct tpa_stats_counters *set, uint32_t worker, const char *name)
{
    struct tpa_stats_counter_record records[512];
    uint64_t values[512];
    int count = tpa_stats_counters_describe(set, records, 512);

    cr_assert_gt(count, 0);
    cr_assert_leq(set->block_length, 512);
    cr_assert_eq(tpa_stats_counters_read(set, worker, values), 0);

    const struct tpa_stats_counter_record *record =
        tpa_stats_counter_find(records, (uint32_t)count, name);

    cr_assert_not_null(record, "%s", name);
    return values[record->index];
}

Test(counter, a_crates_structure_is_counted_in_place)
{
    struct tpa_stats_counters set;

    make(&set, 2);
    toy_of(&set, 0)->packets_in++;
    tpa_stats_counter_bump(&toy_of(&set, 1)->packets_in, 41);
    tpa_stats_counter_bump(&toy_of(&set, 1)->bytes_in, 9000);

    cr_assert_eq(read_one(&set, 0, "toy.packets_in"), 1);
    cr_assert_eq(read_one(&set, 1, "toy.packets_in"), 41);
    cr_assert_eq(read_one(&set, TPA_STATS_ALL_WORKERS, "toy.packets_in"), 42);
    cr_assert_eq(read_one(&set, TPA_STATS_ALL_WORKERS, "toy.bytes_in"), 9000);
    cr_assert_eq(read_one(&set, TPA_STATS_ALL_WORKERS, "toy.packets_out"), 0);
    destroy(&set);
}

Test(counter, a_crates_structure_is_stored_from_where_it_lives)
{
    struct tpa_stats_counters set;
    struct toy_counters toy = {.packets_in = 3, .packets_out = 4, .bytes_in = 5};

    make(&set, 3);
    cr_assert_eq(tpa_stats_counters_store(&set, TOY, 2, &toy), 0);

    cr_assert_eq(read_one(&set, 2, "toy.bytes_in"), 5);
    cr_assert_eq(read_one(&set, 0, "toy.bytes_in"), 0);
    cr_assert_eq(read_one(&set, TPA_STATS_ALL_WORKERS, "toy.packets_out"), 4);
    cr_assert_eq(tpa_stats_counters_store(&set, TOY, 3, &toy), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_store(&set, 2, 0, &toy), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_store(&set, -1, 0, &toy), TPA_EINVAL);
    destroy(&set);
}

Test(counter, drop_reasons_are_a_table_like_any_other)
{
    struct tpa_stats_counters set;

    make(&set, 1);

    struct tpa_base_drop_counters *drops =
        (struct tpa_base_drop_counters *)tpa_stats_counters_values(&set, DROP, 0);

    tpa_base_drop_count(drops, TPA_BASE_DROP_TCP_PAWS);
    cr_assert_eq(read_one(&set, 0, "drop.tcp.paws"), 1);
    cr_assert_eq(read_one(&set, 0, "drop.tcp.checksum"), 0);
    destroy(&set);
}

Test(counter, workers_and_groups_share_no_cache_line)
{
    struct tpa_stats_counters set;

    make(&set, 2);
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (int group = TOY; group <= DROP; group++) {
            uintptr_t address = (uintptr_t)tpa_stats_counters_values(&set, group, worker);

            cr_assert_eq(address % TPA_BASE_CACHE_LINE, 0);
        }
    }
    cr_assert_geq((char *)toy_of(&set, 1) - (char *)toy_of(&set, 0),
                  (ptrdiff_t)sizeof(struct tpa_base_drop_counters));
    destroy(&set);
}

Test(counter, what_a_set_refuses)
{
    struct tpa_stats_counters set;
    _Alignas(64) static uint64_t memory[64];

    cr_assert_eq(tpa_stats_counters_init(&set, 0), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_init(&set, TPA_STATS_WORKERS_MAX + 1), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_init(&set, 1), 0);

    cr_assert_eq(tpa_stats_counters_add(&set, "", toy_counters, 1), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_add(&set, NULL, toy_counters, 1), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_add(&set, "a", toy_counters, 0), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_add(&set, "a", toy_counters, TPA_STATS_GROUP_SIZE + 1),
                 TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_add(&set, "a", toy_counters, TOY_COUNT), 0);
    cr_assert_eq(tpa_stats_counters_add(&set, "a", toy_counters, TOY_COUNT), TPA_EEXIST);

    uint64_t values[8];

    cr_assert_null(tpa_stats_counters_values(&set, 0, 0));
    cr_assert_eq(tpa_stats_counters_read(&set, 0, values), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_attach(&set, memory, 63), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_attach(&set, memory + 1, 64), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_attach(&set, NULL, 64), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_attach(&set, memory, 64), 0);

    cr_assert_eq(tpa_stats_counters_add(&set, "b", toy_counters, TOY_COUNT), TPA_EBUSY);
    cr_assert_null(tpa_stats_counters_values(&set, 0, 1));
    cr_assert_null(tpa_stats_counters_values(&set, 1, 0));
    cr_assert_null(tpa_stats_counters_values(&set, -1, 0));
    cr_assert_eq(tpa_stats_counters_read(&set, 1, values), TPA_EINVAL);
    cr_assert_eq(tpa_stats_counters_read(&set, 0, values), 0);
}

Test(counter, the_number_of_groups_is_bounded)
{
    static char names[TPA_STATS_GROUPS_MAX][2];
    struct tpa_stats_counters set;

    cr_assert_eq(tpa_stats_counters_init(&set, 1), 0);
    for (int i = 0; i < TPA_STATS_GROUPS_MAX; i++) {
        names[i][0] = (char)('A' + i);
        cr_assert_eq(tpa_stats_counters_add(&set, names[i], toy_counters, TOY_COUNT), i);
    }
    cr_assert_eq(tpa_stats_counters_add(&set, "more", toy_counters, TOY_COUNT), TPA_ENOSPC);
}

Test(counter, a_difference_survives_the_wrap)
{
    const uint64_t before[] = {UINT64_MAX, 5, 0};
    uint64_t after[] = {1, 5, 7};

    tpa_stats_counters_subtract(after, before, after, 3);
    cr_assert_eq(after[0], 2);
    cr_assert_eq(after[1], 0);
    cr_assert_eq(after[2], 7);
}

Test(counter, descriptions_stop_at_the_room_given)
{
    struct tpa_stats_counters set;
    struct tpa_stats_counter_record records[3];

    make(&set, 1);
    cr_assert_eq(tpa_stats_counters_count(&set), TOY_COUNT + TPA_BASE_DROP_COUNT);
    memset(records, 0x77, sizeof(records));
    cr_assert_eq(tpa_stats_counters_describe(&set, records, 2), TPA_ENOSPC);
    cr_assert_str_eq(records[0].name, "toy.packets_in");
    cr_assert_str_eq(records[1].help, "packets sent");
    cr_assert_eq(records[2].name[0], 0x77);
    destroy(&set);
}

Test(counter, every_drop_reason_fits_its_record)
{
    struct tpa_stats_counters set;
    struct tpa_stats_counter_record records[512];

    make(&set, 1);

    int count = tpa_stats_counters_describe(&set, records, 512);

    for (int i = TOY_COUNT; i < count; i++) {
        cr_assert_str_eq(records[i].name + strlen("drop."),
                         tpa_base_drop_name((enum tpa_base_drop)(i - (int)TOY_COUNT)));
        cr_assert_str_eq(records[i].help,
                         tpa_base_drop_text((enum tpa_base_drop)(i - (int)TOY_COUNT)));
        cr_assert_str_eq(records[i].unit, "packets");
    }
    destroy(&set);
}

/* Prints to a buffer of the test's. */
static int print(const struct tpa_stats_counter_print *what, char *text, size_t size)
{
    FILE *stream = fmemopen(text, size, "w");
    int lines = tpa_stats_counters_print(what, stream);

    fclose(stream);
    return lines;
}

Test(counter, prints_what_is_not_zero_and_has_the_prefix)
{
    const struct tpa_stats_counter_record records[] = {
        {.name = "a.x", .help = "first", .index = 0},
        {.name = "a.y", .help = "second", .unit = "bytes", .index = 1},
        {.name = "b.z", .help = "third", .index = 2},
    };
    const uint64_t values[] = {0, 17, 18446744073709551615u};
    struct tpa_stats_counter_print what = {
        .records = records, .record_count = 3, .values = values, .value_count = 3};
    char text[1024];

    cr_assert_eq(print(&what, text, sizeof(text)), 2);
    cr_assert_not_null(strstr(text, "17 bytes "));
    cr_assert_not_null(strstr(text, "18446744073709551615"));
    cr_assert_null(strstr(text, "a.x"));

    what.zeros = true;
    what.prefix = "a.";
    cr_assert_eq(print(&what, text, sizeof(text)), 2);
    cr_assert_not_null(strstr(text, "a.x"));
    cr_assert_null(strstr(text, "b.z"));
}

Test(counter, prints_rates_between_two_readings)
{
    const struct tpa_stats_counter_record records[] = {
        {.name = "rx", .unit = "bytes", .index = 0},
        {.name = "events", .index = 1},
    };
    const uint64_t before[] = {UINT64_MAX - 999, 7}, after[] = {4000, 8};
    struct tpa_stats_counter_print what = {.records = records,
                                           .record_count = 2,
                                           .values = after,
                                           .before = before,
                                           .value_count = 2,
                                           .interval = 500000000};
    char text[1024];

    cr_assert_eq(print(&what, text, sizeof(text)), 2);
    cr_assert_not_null(strstr(text, "10000 bytes/s"), "%s", text);
    cr_assert_not_null(strstr(text, "2 1/s"), "%s", text);

    what.interval = 0;
    cr_assert_eq(print(&what, text, sizeof(text)), 2);
    cr_assert_not_null(strstr(text, "5000 bytes/s"), "%s", text);
}

Test(counter, records_from_a_hostile_file_are_left_out_or_tamed)
{
    struct tpa_stats_counter_record records[3];
    const uint64_t values[] = {1};
    struct tpa_stats_counter_print what = {
        .records = records, .record_count = 3, .values = values, .value_count = 1};
    char text[2048];

    memset(records, 'A', sizeof(records)); /* no NUL anywhere, index out of range */
    strcpy(records[1].name, "evil\x1b[2J");
    memset(records[1].help, 'h', sizeof(records[1].help));
    records[1].index = 0;
    records[2].index = 0;

    cr_assert_eq(print(&what, text, sizeof(text)), 1);
    cr_assert_not_null(strstr(text, "evil?[2J"));
    what.zeros = true;
    records[1].index = 1; /* the first beyond the block */
    cr_assert_eq(print(&what, text, sizeof(text)), 0);
    records[1].index = 0;
    cr_assert_eq(print(&what, text, sizeof(text)), 1);
    cr_assert_null(strchr(text, '\x1b'));

    cr_assert_null(tpa_stats_counter_find(records, 3, "AAAA"));
    char full[65];

    memset(full, 'A', 64);
    full[64] = '\0';
    cr_assert_null(tpa_stats_counter_find(records, 3, full));
}
