#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "hugepages.h"

/* A directory like /sys/kernel/mm/hugepages. */
static char directory[] = "hugepages_test.XXXXXX";

static void make(void)
{
    cr_assert_not_null(mkdtemp(directory));
}

static void put(const char *size, const char *file, const char *text)
{
    char path[128];
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s", directory, size);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/%s/%s", directory, size, file);
    stream = fopen(path, "w");
    cr_assert_not_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static void drop(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(hugepages, .init = make, .fini = drop);

Test(hugepages, sums_all_sizes)
{
    put("hugepages-2048kB", "free_hugepages", "3\n");
    put("hugepages-2048kB", "resv_hugepages", "0\n");
    put("hugepages-1048576kB", "free_hugepages", "2\n");
    put("hugepages-1048576kB", "resv_hugepages", "0\n");
    cr_expect_eq(tpa_mem_hugepages_free(directory), (UINT64_C(2) << 30) + (6 << 20));
}

Test(hugepages, those_promised_to_others_are_not_free)
{
    put("hugepages-2048kB", "free_hugepages", "3\n");
    put("hugepages-2048kB", "resv_hugepages", "2\n");
    cr_expect_eq(tpa_mem_hugepages_free(directory), 2 << 20);
    put("hugepages-2048kB", "resv_hugepages", "5\n");
    cr_expect_eq(tpa_mem_hugepages_free(directory), 0);
}

Test(hugepages, what_cannot_be_read_is_none)
{
    put("hugepages-2048kB", "nr_hugepages", "3\n");
    put("hugepages-64kB", "free_hugepages", "many\n");
    put("else", "free_hugepages", "7\n");
    cr_expect_eq(tpa_mem_hugepages_free(directory), 0);
    cr_expect_eq(tpa_mem_hugepages_free("/nonexistent"), 0);
}
