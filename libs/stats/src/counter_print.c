#include <inttypes.h>
#include <string.h>

#include <tpa/stats/counter.h>

#include "plain_text.h"

#define NANOSECONDS_PER_SECOND 1000000000ull

const struct tpa_stats_counter_record *tpa_stats_counter_find(
    const struct tpa_stats_counter_record *records, uint32_t record_count, const char *name)
{
    for (uint32_t i = 0; i < record_count; i++) {
        if (strncmp(records[i].name, name, sizeof(records[i].name)) == 0 &&
            strlen(name) < sizeof(records[i].name))
            return &records[i];
    }
    return NULL;
}

static bool is_wanted(const struct tpa_stats_counter_print *print,
                      const struct tpa_stats_counter_record *record)
{
    if (record->index >= print->value_count)
        return false;
    if (!tpa_stats_text_is_terminated(record->name, sizeof(record->name)))
        return false;
    if (print->prefix != NULL && strncmp(record->name, print->prefix, strlen(print->prefix)) != 0)
        return false;
    return true;
}

/* What changed in the interval, scaled to a second: exact up to 2^64 / 10^9 events, then coarser.
 */
static uint64_t rate_of(uint64_t change, uint64_t interval)
{
    if (interval == 0)
        interval = NANOSECONDS_PER_SECOND;
    return (uint64_t)((unsigned __int128)change * NANOSECONDS_PER_SECOND / interval);
}

static uint64_t value_of(const struct tpa_stats_counter_print *print, uint32_t index)
{
    uint64_t value = print->values[index];

    if (print->before == NULL)
        return value;
    return rate_of(value - print->before[index], print->interval);
}

static void print_line(const struct tpa_stats_counter_print *print,
                       const struct tpa_stats_counter_record *record, uint64_t value, FILE *stream)
{
    char name[sizeof(record->name)];
    char unit[sizeof(record->unit)];
    char help[sizeof(record->help)];
    char rate[sizeof(unit) + sizeof("/s")];

    tpa_stats_text_copy(name, sizeof(name), record->name, sizeof(record->name));
    tpa_stats_text_copy(unit, sizeof(unit), record->unit, sizeof(record->unit));
    tpa_stats_text_copy(help, sizeof(help), record->help, sizeof(record->help));
    if (print->before != NULL)
        snprintf(rate, sizeof(rate), "%s/s", unit[0] != '\0' ? unit : "1");
    fprintf(stream, "%20" PRIu64 " %-9s %-36s %s\n", value, print->before != NULL ? rate : unit,
            name, help);
}

int tpa_stats_counters_print(const struct tpa_stats_counter_print *print, FILE *stream)
{
    int lines = 0;

    for (uint32_t i = 0; i < print->record_count; i++) {
        const struct tpa_stats_counter_record *record = &print->records[i];

        if (!is_wanted(print, record))
            continue;

        uint64_t value = value_of(print, record->index);

        if (value == 0 && !print->zeros)
            continue;
        print_line(print, record, value, stream);
        lines++;
    }
    return ferror(stream) ? TPA_EIO : lines;
}
