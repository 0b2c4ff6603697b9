/*
 * tpa st: a sock's trace.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/parse.h>
#include <tpa/stats/trace.h>

enum {
    TRIES = 5, /* to read a ring that is being made anew */
};

struct rings {
    struct tool *tool;
    const struct tpa_stats_export_region *region;
    struct tpa_base_trace *ring; /* room for one */
    struct tpa_stats_trace_event *events;
    uint32_t event_max;
};

/* The events of a ring; negative: none that can be read. */
static int ring_read(const struct rings *rings, uint64_t index,
                     struct tpa_stats_trace_summary *summary)
{
    int count = TPA_EAGAIN;

    for (int i = 0; i < TRIES && count == TPA_EAGAIN; i++) {
        if (tpa_stats_reader_copy(&rings->tool->reader, rings->region, index, 1, rings->ring) !=
            TPA_OK)
            return TPA_EIO;
        if (rings->ring->capacity == 0)
            return TPA_ENOENT;
        count = tpa_stats_trace_read(rings->ring, rings->region->record_size, summary,
                                     rings->events, rings->event_max);
    }
    return count;
}

static void ring_print(const struct rings *rings, int count,
                       const struct tpa_stats_trace_summary *summary)
{
    printf("sid %u: %" PRIu64 " events", summary->owner, summary->written);
    if (summary->overwritten > 0)
        printf(", the first %" PRIu64 " overwritten", summary->overwritten);
    if (summary->lost > 0)
        printf(", the last %" PRIu64 " not recorded", summary->lost);
    putchar('\n');
    (void)tpa_stats_trace_print(rings->events, (uint32_t)count, stdout);
}

/* The ring of a sid that was written last, or -1; with -a all but that are printed on the way. */
static int64_t rings_search(const struct rings *rings, uint32_t sid)
{
    uint64_t newest_time = 0;
    int64_t newest = -1;

    for (uint64_t i = 0; i < rings->region->record_count; i++) {
        struct tpa_stats_trace_summary summary;
        int count = ring_read(rings, i, &summary);

        if (count <= 0 || summary.owner != sid)
            continue;
        if (rings->tool->flag['a'])
            ring_print(rings, count, &summary);
        if (newest < 0 || rings->events[count - 1].time >= newest_time) {
            newest_time = rings->events[count - 1].time;
            newest = (int64_t)i;
        }
    }
    return newest;
}

/* The ring that a sock records into now, or -1. */
static int64_t ring_of_sock(struct tool *tool, uint32_t sid)
{
    uint64_t count;
    struct tpa_api_export_sock *socks =
        tool_records(tool, TPA_API_EXPORT_REGION_SOCKS, sizeof(*socks), &count);
    int64_t ring = -1;

    if (socks != NULL && sid < count && socks[sid].kind == TPA_API_EXPORT_CONNECTION)
        ring = (int64_t)socks[sid].trace - 1;
    free(socks);
    return ring;
}

static int trace_print(const struct rings *rings, uint32_t sid)
{
    struct tpa_stats_trace_summary summary;
    int64_t index = rings->tool->flag['a'] ? -1 : ring_of_sock(rings->tool, sid);
    int count;

    if (index < 0 || (uint64_t)index >= rings->region->record_count)
        index = rings_search(rings, sid);
    if (index < 0)
        return tool_failed("%s has no trace of sock %u (options trace.enable, trace.nr_trace)",
                           rings->tool->id, sid);
    if (rings->tool->flag['a'])
        return TOOL_OK;
    count = ring_read(rings, (uint64_t)index, &summary);
    if (count < 0)
        return tool_failed("the trace can't be read: %s", tpa_base_error_text(count));
    ring_print(rings, count, &summary);
    return TOOL_OK;
}

int tool_st(struct tool *tool)
{
    struct rings rings = {.tool = tool};
    uint64_t sid;
    int result;

    if (tool->argc != 1 ||
        tpa_base_parse_u64_max(tool->argv[0], TPA_BASE_PARSE_NUL, INT32_MAX, &sid) != TPA_OK)
        return tool_misused(tool, "%s: not a sid", tool->argc > 0 ? tool->argv[0] : "nothing");
    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    rings.region = tpa_stats_reader_region(&tool->reader, TPA_API_EXPORT_REGION_TRACES);
    if (rings.region == NULL || rings.region->version != TPA_API_EXPORT_VERSION ||
        rings.region->record_size < sizeof(*rings.ring))
        return tool_failed("%s records no traces (options trace.enable, trace.nr_trace)", tool->id);
    rings.event_max = rings.region->record_size / sizeof(struct tpa_base_trace_record);
    rings.ring = malloc(rings.region->record_size);
    rings.events = malloc(rings.event_max * sizeof(*rings.events));
    result = rings.ring == NULL || rings.events == NULL ? tool_failed("no memory")
                                                        : trace_print(&rings, (uint32_t)sid);
    free(rings.ring);
    free(rings.events);
    return result;
}
