/*
 * tpa run: starts a program with the library's environment.
 */
#define _GNU_SOURCE /* asprintf */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* On top of what TPA_CFG says already: the last setting wins. */
static bool configuration_add(const char *text)
{
    const char *before = getenv("TPA_CFG");
    char *both = NULL;
    bool done;

    if (asprintf(&both, "%s%s%s", before != NULL ? before : "", before != NULL ? "\n" : "", text) <
        0)
        return false;
    done = setenv("TPA_CFG", both, 1) == 0;
    free(both);
    return done;
}

int tool_run(struct tool *tool)
{
    char directory[TPA_STATS_PATH_SIZE];
    const char *id = tool->value['i'];

    if (tool->argc == 0)
        return tool_misused(tool, "which program?");
    if (id == NULL)
        id = base_name(tool->argv[0]);
    if (tpa_stats_export_directory("/", id, directory) != TPA_OK)
        return tool_misused(tool, "-i \"%s\": can't be an instance's name", id);
    if (setenv("TPA_ID", id, 1) < 0 ||
        (tool->value['c'] != NULL && !configuration_add(tool->value['c'])))
        return tool_failed("no memory");
    execvp(tool->argv[0], tool->argv);
    tool_failed("%s: %s", tool->argv[0], strerror(errno));
    return errno == ENOENT ? 127 : 126;
}
