#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/api/version.h>
#include <tpa/base/clock.h>
#include <tpa/base/compiler.h>

enum {
    CHUNK = 1024, /* records copied at once */
    TRIES = 100,  /* to get a record that nobody writes meanwhile; a dead writer's stays torn */
};

static uint64_t sequence_of(const char *record)
{
    uint64_t sequence;

    memcpy(&sequence, record, sizeof(sequence));
    return sequence;
}

struct chunk {
    struct tool *tool;
    const struct tpa_stats_export_region *region;
    size_t size;
};

/* Reads one record again until it is whole, or as whole as it will ever be. */
static int record_again(const struct chunk *chunk, uint64_t index, char *record, char *second)
{
    for (int i = 0; i < TRIES; i++) {
        int error = tpa_stats_reader_copy(&chunk->tool->reader, chunk->region, index, 1, record);

        if (error == TPA_OK)
            error = tpa_stats_reader_copy(&chunk->tool->reader, chunk->region, index, 1, second);
        if (error != TPA_OK)
            return error;
        if (sequence_of(record) == sequence_of(second) && sequence_of(record) % 2 == 0)
            return TPA_OK;
    }
    return TPA_OK;
}

static int chunk_copy(const struct chunk *chunk, uint64_t first, uint64_t count, char *to,
                      char *second)
{
    int error = tpa_stats_reader_copy(&chunk->tool->reader, chunk->region, first, count, to);

    if (error == TPA_OK)
        error = tpa_stats_reader_copy(&chunk->tool->reader, chunk->region, first, count, second);
    for (uint64_t i = 0; i < count && error == TPA_OK; i++) {
        char *record = to + i * chunk->size;
        uint64_t sequence = sequence_of(record);

        if (sequence % 2 != 0 || sequence != sequence_of(second + i * chunk->size))
            error = record_again(chunk, first + i, record, second);
    }
    return error;
}

static int all_copy(const struct chunk *chunk, uint64_t count, char *records)
{
    char *second = malloc(CHUNK * chunk->size);
    int error = second == NULL ? TPA_ENOMEM : TPA_OK;

    for (uint64_t first = 0; first < count && error == TPA_OK; first += CHUNK)
        error = chunk_copy(chunk, first, TPA_BASE_MIN(count - first, (uint64_t)CHUNK),
                           records + first * chunk->size, second);
    free(second);
    return error;
}

void *tool_records(struct tool *tool, const char *name, size_t size, uint64_t *count)
{
    struct chunk chunk = {.tool = tool, .size = size};
    char *records;
    int error;

    chunk.region =
        tpa_stats_reader_region_of(&tool->reader, name, TPA_API_EXPORT_VERSION, (uint32_t)size);
    if (chunk.region == NULL) {
        tool_failed("%s is of version %s, and its %s are not what version %s of this tool reads",
                    tool->id, tool->reader.header.build, name, tpa_api_version());
        return NULL;
    }
    *count = chunk.region->record_count;
    records = malloc(*count * size);
    error = records == NULL ? TPA_ENOMEM : all_copy(&chunk, *count, records);
    if (error == TPA_OK)
        return records;
    tool_failed("%s: %s: %s", tool->id, name, tpa_base_error_text(error));
    free(records);
    return NULL;
}

void tool_clean(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

uint64_t tool_age(uint64_t time)
{
    uint64_t now = tpa_base_clock_monotonic();

    return now > time ? now - time : 0;
}

void tool_endpoint(const struct tpa_base_address *address, uint16_t port, bool any,
                   char text[TOOL_ENDPOINT_SIZE])
{
    char literal[TPA_BASE_ADDRESS_TEXT] = "*";

    if (!any)
        tpa_base_address_format(address, literal);
    snprintf(text, TOOL_ENDPOINT_SIZE,
             any || tpa_base_address_is_ipv4(address) ? "%s:%u" : "[%s]:%u", literal, port);
}
