/*
 * tpa cfg: the configuration.
 */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static void print_option(const struct tool *tool, const struct tpa_api_export_option *option)
{
    if (!tool->flag['j']) {
        printf("%c %-28s %s\n", (option->flags & 1) != 0 ? '*' : ' ', option->name, option->value);
        return;
    }
    json_object(NULL);
    json_text("name", option->name);
    json_text("value", option->value);
    json_bool("at_start_only", (option->flags & 1) != 0);
    json_object_end();
}

/* Those of a name; all if it is NULL. Returns how many, or -1. */
static int64_t print_options(struct tool *tool, const char *name)
{
    uint64_t count;
    int64_t printed = 0;
    struct tpa_api_export_option *options =
        tool_records(tool, TPA_API_EXPORT_REGION_CONFIG, sizeof(*options), &count);

    if (options == NULL)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        tool_clean(options[i].name, sizeof(options[i].name));
        tool_clean(options[i].value, sizeof(options[i].value));
        if (options[i].name[0] == '\0' || (name != NULL && strcmp(options[i].name, name) != 0))
            continue;
        printed++;
        if (name != NULL && !tool->flag['j'])
            printf("%s\n", options[i].value);
        else
            print_option(tool, &options[i]);
    }
    free(options);
    return printed;
}

static int show(struct tool *tool, const char *name)
{
    int64_t printed;

    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    if (tool->flag['j']) {
        tool_json_begin(tool);
        json_array("options");
    }
    printed = print_options(tool, name);
    if (tool->flag['j']) {
        json_array_end();
        tool_json_end();
    }
    if (printed == 0 && name != NULL)
        return tool_failed("invalid option name: %s", name);
    return printed < 0 ? TOOL_FAILED : TOOL_OK;
}

int tool_cfg(struct tool *tool)
{
    const char *verb = tool->argc > 0 ? tool->argv[0] : "list";

    if (strcmp(verb, "list") == 0 && tool->argc <= 1)
        return show(tool, NULL);
    if (strcmp(verb, "get") == 0 && tool->argc == 2)
        return show(tool, tool->argv[1]);
    if (strcmp(verb, "set") == 0 && tool->argc == 3) {
        const char *words[] = {"cfg", "set", tool->argv[1], tool->argv[2]};

        return tool_ask(tool, words, 4);
    }
    return tool_misused(tool, "list, get NAME or set NAME VALUE");
}
