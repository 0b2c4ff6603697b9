/*
 * Goodput over loss and buffer sizes, for each congestion control, held against the table in
 * goodput.txt: what a change does to it shows in the diff. Cells may be off by TOLERANCE before the
 * table must be written anew; a control that is not in it yet is said. To write it:
 *
 *     TPA_SIM_WRITE=$PWD/test/sim/goodput.txt bazel run //test/sim:goodput_test
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "congestion_table.h"
#include "path.h"

TestSuite(goodput);

enum {
    BYTES = 6000000,
    TEXT = 16384,
    TOLERANCE = 10, /* percent: what a few segments sooner or later come to */
};

static const uint32_t losses_ppm[] = {0, 100, 1000, 10000, 50000};
/* Thousandths of the bandwidth-delay product. */
static const uint32_t buffers[] = {50, 250, 1000, 4000};

static const struct sim_path path = {"50 Mb/s, 40 ms", 50000000, 20 * SIM_MS, 0, 0, 0, 0, 0};

static double goodput(const struct tpa_tcp_congestion *control, uint32_t loss_ppm, uint32_t buffer)
{
    struct sim_path this_path = path;

    this_path.loss_ppm = loss_ppm;
    this_path.queue = sim_path_bdp(&path) * buffer / 1000;
    return BYTES * 8e3 / (double)sim_path_transfer(&this_path, control, BYTES, 1);
}

static void add(char *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *table, const char *format, ...)
{
    size_t length = strlen(table);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(table + length, TEXT - length, format, arguments);
    va_end(arguments);
}

static void add_control(char *table, const struct tpa_tcp_congestion *control)
{
    add(table, "\n%s\n%10s", control->name, "loss");
    for (size_t b = 0; b < TPA_BASE_ARRAY_SIZE(buffers); b++)
        add(table, "   buffer %4.2f", buffers[b] / 1000.0);
    add(table, "\n");
    for (size_t l = 0; l < TPA_BASE_ARRAY_SIZE(losses_ppm); l++) {
        add(table, "%8.2f %%", losses_ppm[l] / 10000.0);
        for (size_t b = 0; b < TPA_BASE_ARRAY_SIZE(buffers); b++)
            add(table, "%14.2f", goodput(control, losses_ppm[l], buffers[b]));
        add(table, "\n");
    }
}

static void table_write(const char *to, const char *table)
{
    FILE *file = fopen(to, "w");

    cr_assert_not_null(file, "%s", to);
    cr_assert_geq(fputs(table, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void table_read(char table[TEXT])
{
    FILE *file = fopen("test/sim/goodput.txt", "r");

    cr_assert_not_null(file, "test/sim/goodput.txt");
    table[fread(table, 1, TEXT - 1, file)] = '\0';
    fclose(file);
}

static bool is_near(double kept, double now)
{
    return now * 100 >= kept * (100 - TOLERANCE) && now * 100 <= kept * (100 + TOLERANCE);
}

/* A control's part of the kept table, cell by cell. */
static void compare(const char *kept, const char *part, const struct tpa_tcp_congestion *control)
{
    char title[64], *kept_end, *part_end;

    snprintf(title, sizeof(title), "\n%s\n", control->name);
    kept = strstr(kept, title);
    if (kept == NULL) {
        fprintf(stderr, "test/sim/goodput.txt has no table of %s yet:\n%s", control->name, part);
        return;
    }
    while (*part != '\0') {
        double was = strtod(kept, &kept_end), is = strtod(part, &part_end);

        if (part_end == part) { /* no number here: a letter */
            cr_assert_eq(*kept, *part, "goodput.txt is another table: '%.20s', '%.20s'", kept,
                         part);
            kept++;
            part++;
            continue;
        }
        cr_expect(is_near(was, is), "%s: %.2f, and goodput.txt says %.2f, before '%.30s'",
                  control->name, is, was, part_end);
        kept = kept_end;
        part = part_end;
    }
}

Test(goodput, is_what_the_table_says)
{
    const char *to = getenv("TPA_SIM_WRITE");
    static char table[TEXT], kept[TEXT];

    add(table,
        "Goodput in Mb/s of %d bytes over %s, by random loss and by buffer in\n"
        "bandwidth-delay products. Written by goodput_test.c, which says how.\n",
        BYTES, path.name);
    if (to == NULL)
        table_read(kept);
    for (const struct tpa_tcp_congestion *const *control = tpa_tcp_congestion_table;
         *control != NULL; control++) {
        size_t before = strlen(table);

        add_control(table, *control);
        if (to == NULL)
            compare(kept, table + before, *control);
    }
    if (to != NULL)
        table_write(to, table);
}
