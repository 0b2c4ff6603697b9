#include "counter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int names_read(struct tool *tool, struct counters *counters)
{
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region_of(&tool->reader, TPA_API_EXPORT_REGION_NAMES,
                                   TPA_API_EXPORT_VERSION, sizeof(struct tpa_stats_counter_record));

    if (region == NULL || region->record_count > UINT32_MAX)
        return TPA_EUNSUPPORTED;
    counters->name_count = (uint32_t)region->record_count;
    counters->names = malloc(region->record_count * region->record_size);
    if (counters->names == NULL)
        return TPA_ENOMEM;
    return tpa_stats_reader_copy(&tool->reader, region, 0, region->record_count, counters->names);
}

int counters_read(struct tool *tool, struct counters *counters)
{
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region(&tool->reader, TPA_API_EXPORT_REGION_COUNTERS);
    int error =
        tpa_stats_reader_copy(&tool->reader, region, 0, counters->worker_count, counters->values);

    if (error == TPA_OK)
        return TOOL_OK;
    return tool_failed("%s: counters: %s", tool->id, tpa_base_error_text(error));
}

int counters_open(struct tool *tool, struct counters *counters)
{
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region(&tool->reader, TPA_API_EXPORT_REGION_COUNTERS);

    memset(counters, 0, sizeof(*counters));
    if (region == NULL || region->record_count > TPA_STATS_WORKERS_MAX ||
        names_read(tool, counters) != TPA_OK) {
        counters_close(counters);
        return tool_failed("%s shows no counters that this tool can read", tool->id);
    }
    counters->worker_count = (uint32_t)region->record_count;
    counters->block_length = region->record_size / sizeof(uint64_t);
    counters->values = calloc(counters->worker_count, region->record_size);
    if (counters->values == NULL)
        return tool_failed("no memory");
    return counters_read(tool, counters);
}

void counters_close(struct counters *counters)
{
    free(counters->names);
    free(counters->values);
}

uint64_t counter_of(const struct counters *counters, uint32_t worker, const char *name)
{
    const struct tpa_stats_counter_record *record =
        tpa_stats_counter_find(counters->names, counters->name_count, name);

    if (record == NULL || record->index >= counters->block_length)
        return 0;
    return counters->values[(size_t)worker * counters->block_length + record->index];
}

void counters_print(const struct counters *counters, uint32_t worker, const uint64_t *before,
                    uint64_t interval)
{
    size_t offset = (size_t)worker * counters->block_length;
    struct tpa_stats_counter_print print = {
        .records = counters->names,
        .record_count = counters->name_count,
        .values = counters->values + offset,
        .before = before == NULL ? NULL : before + offset,
        .value_count = counters->block_length,
        .interval = interval,
    };

    (void)tpa_stats_counters_print(&print, stdout);
}
