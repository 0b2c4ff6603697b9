/*
 * Which instance is meant, and how it is.
 */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>

#include "json.h"

enum {
    FOUND_MAX = 256,
};

struct found {
    char prefix[TPA_API_EXPORT_PREFIX_SIZE];
    char id[TPA_STATS_ID_SIZE];
    char program[64];
    int pid;
    bool alive;
};

static int in_prefix(const char *prefix, struct found *found, int maximum)
{
    static char ids[FOUND_MAX][TPA_STATS_ID_SIZE];
    int there = tpa_stats_reader_instances(prefix, ids, FOUND_MAX);
    int count = 0;

    for (int i = 0; i < there && i < FOUND_MAX && count < maximum; i++) {
        struct tpa_stats_reader reader;
        char directory[TPA_STATS_PATH_SIZE];

        if (tpa_stats_export_directory(prefix, ids[i], directory) != TPA_OK ||
            tpa_stats_reader_open(&reader, directory, NULL) != TPA_OK)
            continue;
        snprintf(found[count].prefix, sizeof(found[count].prefix), "%.255s", prefix);
        memcpy(found[count].id, ids[i], sizeof(found[count].id));
        memcpy(found[count].program, reader.header.program, sizeof(found[count].program));
        found[count].pid = reader.header.pid;
        found[count++].alive = tpa_stats_reader_is_alive(&reader);
        tpa_stats_reader_close(&reader);
    }
    return count;
}

static int all_instances(struct found found[FOUND_MAX])
{
    char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE];
    int prefix_count = tpa_api_export_prefixes(prefixes);
    int count = 0;

    for (int i = 0; i < prefix_count; i++)
        count += in_prefix(prefixes[i], found + count, FOUND_MAX - count);
    return count;
}

static void print_found(const struct found *found, int count, FILE *stream)
{
    for (int i = 0; i < count; i++)
        fprintf(stream, "%-24s %-16s pid %-8d %-6s %s\n", found[i].id, found[i].program,
                found[i].pid, found[i].alive ? "alive" : "dead", found[i].prefix);
}

static void nobody(void)
{
    char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE];
    int count = tpa_api_export_prefixes(prefixes);

    fprintf(stderr, "tpa: no instance shows itself in");
    for (int i = 0; i < count; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", prefixes[i]);
    fprintf(stderr, " (another place: TPA_ROOT_PREFIX)\n");
}

/* The only one that lives; else the only one that is dead. -1: none or several, which was said. */
static int only_one(const struct found *found, int count)
{
    int living = 0, index = 0;

    for (int i = 0; i < count; i++) {
        if (found[i].alive) {
            living++;
            index = i;
        }
    }
    if (living == 1 || (living == 0 && count == 1))
        return index;
    if (count == 0) {
        nobody();
        return -1;
    }
    tool_failed("there are several instances: choose one with -i");
    print_found(found, count, stderr);
    return -1;
}

/* The one of that name; a living one before a dead one. -1: there is none, which was said. */
static int of_name(const struct found *found, int count, const char *id)
{
    int index = -1;

    for (int i = 0; i < count; i++) {
        if (strcmp(found[i].id, id) == 0 && (index < 0 || found[i].alive))
            index = i;
    }
    if (index >= 0)
        return index;
    tool_failed("there is no instance \"%s\"%s", id, count > 0 ? ", only:" : "");
    if (count > 0)
        print_found(found, count, stderr);
    else
        nobody();
    return -1;
}

void tool_report_stuck(struct tool *tool)
{
    uint64_t count;
    struct tpa_api_export_worker *workers =
        tool_records(tool, TPA_API_EXPORT_REGION_WORKERS, sizeof(*workers), &count);

    for (uint64_t i = 0; workers != NULL && i < count; i++) {
        uint64_t age = tool_age(workers[i].last_step);

        if (workers[i].thread != 0 && age > TOOL_STUCK)
            fprintf(stderr, "tpa: worker %u: no step for %.1f s\n", workers[i].index,
                    (double)age / 1e9);
    }
    free(workers);
}

int tool_open(struct tool *tool)
{
    static struct found found[FOUND_MAX];
    char reason[TPA_STATS_REASON_SIZE] = "";
    int count = all_instances(found);
    const char *id = tool->value['i'];
    int index = id != NULL ? of_name(found, count, id) : only_one(found, count);

    if (index < 0)
        return TOOL_FAILED;
    memcpy(tool->id, found[index].id, sizeof(tool->id));
    if (tpa_stats_export_directory(found[index].prefix, tool->id, tool->directory) != TPA_OK ||
        tpa_stats_reader_open(&tool->reader, tool->directory, reason) != TPA_OK)
        return tool_failed("%s: %s", tool->id, reason);
    tool->alive = tpa_stats_reader_is_alive(&tool->reader);
    if (!tool->alive)
        fprintf(stderr, "tpa: %s (%s, process %d) died; this is what it left\n", tool->id,
                tool->reader.header.program, tool->reader.header.pid);
    else
        tool_report_stuck(tool);
    return TOOL_OK;
}

void tool_close(struct tool *tool)
{
    if (tool->directory[0] != '\0')
        tpa_stats_reader_close(&tool->reader);
}

void tool_json_begin(struct tool *tool)
{
    json_object(NULL);
    json_text("instance", tool->id);
    json_text("program", tool->reader.header.program);
    json_text("version", tool->reader.header.build);
    json_signed("pid", tool->reader.header.pid);
    json_bool("alive", tool->alive);
}

void tool_json_end(void)
{
    json_object_end();
    json_finish();
}

static void clean(const struct found *dead)
{
    char directory[TPA_STATS_PATH_SIZE];
    int error = tpa_stats_export_directory(dead->prefix, dead->id, directory);

    if (error == TPA_OK)
        error = tpa_api_export_clean(directory);
    if (error != TPA_OK)
        tool_failed("%s/%s: %s", dead->prefix, dead->id, tpa_base_error_text(error));
}

static void list_json(const struct found *found, int count)
{
    json_object(NULL);
    json_array("instances");
    for (int i = 0; i < count; i++) {
        json_object(NULL);
        json_text("instance", found[i].id);
        json_text("program", found[i].program);
        json_signed("pid", found[i].pid);
        json_bool("alive", found[i].alive);
        json_text("prefix", found[i].prefix);
        json_object_end();
    }
    json_array_end();
    json_object_end();
    json_finish();
}

int tool_list(struct tool *tool)
{
    static struct found found[FOUND_MAX];
    int count = all_instances(found);

    if (tool->argc > 0)
        return tool_misused(tool, "%s: not expected", tool->argv[0]);
    if (tool->flag['j'])
        list_json(found, count);
    else
        print_found(found, count, stdout);
    for (int i = 0; i < count && tool->flag['c']; i++) {
        if (!found[i].alive)
            clean(&found[i]);
    }
    return TOOL_OK;
}
