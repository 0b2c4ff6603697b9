#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpa/stats/export.h>
#include <tpa/stats/reader.h>

#include "instance.h"
#include "test/support/scratch.h"

/* Files that nobody wrote in good faith. */

static struct scratch scratch;
static char path[TPA_STATS_PATH_SIZE];
static uint8_t *image; /* of a sound file */
static size_t image_size;

#define FILE_NAME INSTANCE_ID "/" TPA_STATS_EXPORT_FILE

static void setup(void)
{
    struct tpa_stats_export instance;

    scratch_make(&scratch);
    instance_directory(&scratch, path);
    instance_create(&instance, &scratch);
    image_size = instance.header->file_size;
    image = malloc(image_size);
    memcpy(image, instance.header, image_size);
    tpa_stats_export_destroy(&instance);
}

static void teardown(void)
{
    free(image);
    scratch_remove(&scratch);
}

TestSuite(reader, .init = setup, .fini = teardown);

static struct tpa_stats_export_header *header(void)
{
    return (struct tpa_stats_export_header *)image;
}

/* Writes the image as it is now and opens it; also reads all of all regions. */
static int open_image(struct tpa_stats_reader *reader)
{
    char reason[TPA_STATS_REASON_SIZE] = "";

    scratch_write(&scratch, FILE_NAME, image, image_size);

    int error = tpa_stats_reader_open(reader, path, reason);

    cr_assert_eq(error < 0, reason[0] != '\0');
    if (error < 0)
        return error;
    for (uint32_t i = 0; i < reader->header.region_count; i++) {
        const struct tpa_stats_export_region *region = &reader->header.region[i];
        size_t size = region->record_count * region->record_size;
        void *records = malloc(size);

        cr_assert_eq(tpa_stats_reader_copy(reader, region, 0, region->record_count, records), 0);
        free(records);
    }
    return 0;
}

static int try_image(void)
{
    struct tpa_stats_reader reader;
    int error = open_image(&reader);

    if (error == 0)
        tpa_stats_reader_close(&reader);
    return error;
}

Test(reader, a_sound_file_that_no_process_holds)
{
    struct tpa_stats_reader reader;

    cr_assert_eq(open_image(&reader), 0);
    cr_assert_not(tpa_stats_reader_is_alive(&reader));
    tpa_stats_reader_close(&reader);
}

Test(reader, each_field_of_the_header_is_checked)
{
    const struct tpa_stats_export_header sound = *header();

#define EXPECT(change, error)                      \
    do {                                           \
        *header() = sound;                         \
        header()->change;                          \
        cr_assert_eq(try_image(), error, #change); \
    } while (0)

    EXPECT(magic++, TPA_EMALFORMED);
    EXPECT(version++, TPA_EUNSUPPORTED);
    EXPECT(header_size = 0, TPA_EUNSUPPORTED);
    EXPECT(header_size = UINT32_MAX, TPA_EUNSUPPORTED);
    EXPECT(file_size++, TPA_EMALFORMED);
    EXPECT(file_size = UINT64_MAX, TPA_EMALFORMED);
    EXPECT(file_size = 0, TPA_EMALFORMED);
    EXPECT(region_count = TPA_STATS_REGIONS_MAX + 1, TPA_EMALFORMED);
    EXPECT(region_count = UINT32_MAX, TPA_EMALFORMED);
    EXPECT(region_count = 3, TPA_EMALFORMED);
    EXPECT(region_count = 0, 0);
    EXPECT(region[0].offset = 0, TPA_EMALFORMED);
    EXPECT(region[0].offset = sizeof(sound) - 1, TPA_EMALFORMED);
    EXPECT(region[0].offset = image_size, TPA_EMALFORMED);
    EXPECT(region[0].offset = UINT64_MAX, TPA_EMALFORMED);
    EXPECT(region[1].record_count = UINT64_MAX, TPA_EMALFORMED);
    EXPECT(region[1].record_count = UINT64_MAX / SOCK_SIZE + 2, TPA_EMALFORMED);
    EXPECT(region[1].record_count = 0, TPA_EMALFORMED);
    EXPECT(region[1].record_size = 0, TPA_EMALFORMED);
    EXPECT(region[1].record_size = 7, TPA_EMALFORMED);
    EXPECT(region[1].record_size = UINT32_MAX - 7, TPA_EMALFORMED);
#undef EXPECT
}

Test(reader, one_region_more_than_the_table_holds)
{
    for (uint32_t i = 2; i < TPA_STATS_REGIONS_MAX; i++)
        header()->region[i] = header()->region[0];
    header()->region_count = TPA_STATS_REGIONS_MAX;
    cr_assert_eq(try_image(), 0);
    header()->region_count++;
    cr_assert_eq(try_image(), TPA_EMALFORMED);
}

Test(reader, the_last_byte_of_a_region_may_be_the_last_of_the_file)
{
    struct tpa_stats_export_region *last = &header()->region[1];

    last->record_size = 8;
    last->record_count = (image_size - last->offset) / 8;
    cr_assert_eq(try_image(), 0);
    last->record_count++;
    cr_assert_eq(try_image(), TPA_EMALFORMED);
}

Test(reader, texts_come_out_terminated_and_printable)
{
    struct tpa_stats_reader reader;

    memset(header()->program, 'p', sizeof(header()->program));
    memset(header()->build, 0x1b, sizeof(header()->build));
    memset(header()->region[0].name, 'n', sizeof(header()->region[0].name));
    strcpy(header()->region[0].text, "\x1b[2Jboo");
    cr_assert_eq(open_image(&reader), 0);

    cr_assert_eq(strlen(reader.header.program), sizeof(reader.header.program) - 1);
    cr_assert_null(strchr(reader.header.build, 0x1b));
    cr_assert_eq(strlen(reader.header.region[0].name), sizeof(reader.header.region[0].name) - 1);
    cr_assert_str_eq(reader.header.region[0].text, "?[2Jboo");
    tpa_stats_reader_close(&reader);
}

Test(reader, a_file_that_ends_anywhere)
{
    size_t whole = image_size;

    for (size_t size = 0; size < sizeof(struct tpa_stats_export_header); size += 64) {
        image_size = size;
        cr_assert_eq(try_image(), TPA_ETRUNCATED, "%zu bytes", size);
    }
    for (size_t size = sizeof(struct tpa_stats_export_header); size < whole; size += 1024) {
        image_size = size;
        cr_assert_eq(try_image(), TPA_EMALFORMED, "%zu bytes", size);
    }
}

Test(reader, a_file_that_is_cut_while_it_is_open_is_an_error_not_a_signal)
{
    struct tpa_stats_reader reader;
    char file[TPA_STATS_PATH_SIZE + 16];
    uint8_t record[SOCK_SIZE];

    cr_assert_eq(open_image(&reader), 0);
    snprintf(file, sizeof(file), "%s/%s", path, TPA_STATS_EXPORT_FILE);
    cr_assert_eq(truncate(file, 100), 0);
    cr_assert_eq(
        tpa_stats_reader_copy(&reader, tpa_stats_reader_region(&reader, "socks"), 0, 1, record),
        TPA_ETRUNCATED);
    tpa_stats_reader_close(&reader);
}

Test(reader, records_beyond_the_region_are_refused)
{
    struct tpa_stats_reader reader;
    uint8_t record[SOCK_SIZE];

    cr_assert_eq(open_image(&reader), 0);

    const struct tpa_stats_export_region *socks = tpa_stats_reader_region(&reader, "socks");

    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, SOCK_COUNT - 1, 1, record), 0);
    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, SOCK_COUNT, 0, record), 0);
    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, SOCK_COUNT, 1, record), TPA_EINVAL);
    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, SOCK_COUNT - 1, 2, record), TPA_EINVAL);
    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, 1, UINT64_MAX, record), TPA_EINVAL);
    cr_assert_eq(tpa_stats_reader_copy(&reader, socks, UINT64_MAX, 2, record), TPA_EINVAL);
    tpa_stats_reader_close(&reader);
}

Test(reader, a_region_of_another_layout_is_not_taken_for_ours)
{
    struct tpa_stats_reader reader;

    cr_assert_eq(open_image(&reader), 0);
    cr_assert_not_null(tpa_stats_reader_region_of(&reader, "socks", 1, SOCK_SIZE));
    cr_assert_null(tpa_stats_reader_region_of(&reader, "socks", 2, SOCK_SIZE));
    cr_assert_null(tpa_stats_reader_region_of(&reader, "socks", 1, SOCK_SIZE + 8));
    cr_assert_null(tpa_stats_reader_region_of(&reader, "socket", 1, SOCK_SIZE));
    tpa_stats_reader_close(&reader);
}

/* A cheap generator: which bytes are hit must not depend on the C library. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(reader, random_damage_to_the_header_is_survived)
{
    uint8_t *sound = malloc(sizeof(struct tpa_stats_export_header));
    uint32_t random = 1;
    int opened = 0, refused = 0;

    memcpy(sound, image, sizeof(struct tpa_stats_export_header));
    for (int round = 0; round < 3000; round++) {
        memcpy(image, sound, sizeof(struct tpa_stats_export_header));
        for (uint32_t hits = 1 + next_random(&random) % 4; hits > 0; hits--) {
            /* Half of the hits among the numbers, which stand in front. */
            uint32_t range = hits % 2 ? 320 : sizeof(struct tpa_stats_export_header);

            image[next_random(&random) % range] = (uint8_t)next_random(&random);
        }
        if (try_image() == 0)
            opened++;
        else
            refused++;
    }
    cr_assert_gt(opened, 0);
    cr_assert_gt(refused, 0);
    free(sound);
}

Test(reader, what_is_no_file_is_refused_without_blocking)
{
    struct tpa_stats_reader reader;
    char file[TPA_STATS_PATH_SIZE + 16];

    snprintf(file, sizeof(file), "%s/%s", path, TPA_STATS_EXPORT_FILE);
    cr_assert_eq(mkfifo(file, 0600), 0);
    cr_assert_eq(tpa_stats_reader_open(&reader, path, NULL), TPA_EIO);
    cr_assert_eq(unlink(file), 0);
    cr_assert_eq(mkdir(file, 0700), 0);
    cr_assert_eq(tpa_stats_reader_open(&reader, path, NULL), TPA_EIO);
    cr_assert_eq(rmdir(file), 0);
    cr_assert_eq(symlink("nowhere", file), 0);
    cr_assert_eq(tpa_stats_reader_open(&reader, path, NULL), TPA_ENOENT);

    static char long_path[2 * TPA_STATS_PATH_SIZE];

    memset(long_path, 'a', sizeof(long_path) - 1);
    cr_assert_lt(tpa_stats_reader_open(&reader, long_path, NULL), 0);
}

Test(reader, lists_the_instances_under_a_prefix)
{
    char ids[2][TPA_STATS_ID_SIZE];

    cr_assert_eq(tpa_stats_reader_instances(scratch.path, ids, 2), 0);
    scratch_write(&scratch, "one/" TPA_STATS_EXPORT_FILE, image, image_size);
    scratch_write(&scratch, "empty/other", "", 0);
    scratch_write(&scratch, "file", "", 0);
    cr_assert_eq(tpa_stats_reader_instances(scratch.path, ids, 2), 1);
    cr_assert_str_eq(ids[0], "one");

    scratch_write(&scratch, "two/" TPA_STATS_EXPORT_FILE, image, image_size);
    scratch_write(&scratch, "three/" TPA_STATS_EXPORT_FILE, image, image_size);
    cr_assert_eq(tpa_stats_reader_instances(scratch.path, ids, 2), 3);
    cr_assert_eq(tpa_stats_reader_instances(scratch.path, NULL, 0), 3);
    cr_assert_eq(tpa_stats_reader_instances(path, ids, 2), 0);

    char nowhere[TPA_STATS_PATH_SIZE + 16];

    snprintf(nowhere, sizeof(nowhere), "%s/nowhere", scratch.path);
    cr_assert_eq(tpa_stats_reader_instances(nowhere, ids, 2), TPA_ENOENT);
}
