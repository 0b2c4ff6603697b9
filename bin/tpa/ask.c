/*
 * What changes a running instance: tpa pktfuzz, capture, route, address, link, cfg set, neigh add.
 */
#include "tool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tpa/base/clock.h>
#include <tpa/base/parse.h>
#include <tpa/stats/mailbox.h>

/* Appends a word; one with blanks in quotes. False: it does not fit, or can't be written. */
static bool word_append(char request[TPA_STATS_REQUEST_MAX + 1], const char *word)
{
    bool quoted = word[0] == '\0' || strpbrk(word, " \t") != NULL;
    size_t used = strlen(request);
    size_t room = TPA_STATS_REQUEST_MAX + 1 - used;
    int length =
        snprintf(request + used, room, quoted ? "%s\"%s\"" : "%s%s", used > 0 ? " " : "", word);

    return strchr(word, '"') == NULL && length > 0 && (size_t)length < room;
}

static double oldest_step(struct tool *tool)
{
    uint64_t count;
    struct tpa_api_export_worker *workers =
        tool_records(tool, TPA_API_EXPORT_REGION_WORKERS, sizeof(*workers), &count);
    double age = workers != NULL && count > 0 && workers[0].thread != 0
                     ? (double)tool_age(workers[0].last_step) / 1e9
                     : 0;

    free(workers);
    return age;
}

static int answer_missing(struct tool *tool, int error, uint64_t seconds)
{
    switch (error) {
    case TPA_ETIMEDOUT:
        return tool_failed("%s did not answer within %llu s; worker 0, which answers, made its "
                           "last step %.1f s ago",
                           tool->id, (unsigned long long)seconds, oldest_step(tool));
    case TPA_EPERM:
        return tool_failed("%s runs as another user: only that one and root may change it",
                           tool->id);
    case TPA_ENOENT:
        return tool_failed("%s can be watched, but not told anything (it has no mailbox)",
                           tool->id);
    default:
        return tool_failed("%s: %s", tool->id, tpa_base_error_text(error));
    }
}

static int send(struct tool *tool, const char *request, uint64_t seconds)
{
    static char answer[TPA_STATS_ANSWER_MAX + 1];
    struct tpa_stats_mailbox_client client;
    int status = TPA_OK;
    int error = tpa_stats_mailbox_open(&client, tool->directory);

    if (error != TPA_OK)
        return answer_missing(tool, error, seconds);
    error = tpa_stats_mailbox_ask(&client, request, seconds * TPA_BASE_SECOND, &status, answer,
                                  sizeof(answer));
    tpa_stats_mailbox_close(&client);
    if (error != TPA_OK)
        return answer_missing(tool, error, seconds);
    if (status != TPA_OK)
        return tool_failed("%s", answer[0] != '\0' ? answer : tpa_base_error_text(status));
    if (answer[0] != '\0')
        printf("%s\n", answer);
    return TOOL_OK;
}

int tool_ask(struct tool *tool, const char *const *words, int count)
{
    char request[TPA_STATS_REQUEST_MAX + 1] = "";
    uint64_t seconds;

    for (int i = 0; i < count; i++) {
        if (!word_append(request, words[i]))
            return tool_misused(tool, "%s: too long, or with a quote in it", words[i]);
    }
    if (!tool_number(tool, 't', 2, 3600, &seconds))
        return tool_misused(tool, "-t %s: not a number of seconds", tool->value['t']);
    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    if (!tool->alive)
        return tool_failed("%s is dead and can't be told anything", tool->id);
    return send(tool, request, seconds);
}

enum {
    WORDS_MAX = 64
};

/* The instance has another working directory: its files are named in full. */
static bool is_capture_file(const struct tool *tool, int index)
{
    return strcmp(tool->command->name, "capture") == 0 && index == 1 &&
           strcmp(tool->argv[0], "start") == 0 && tool->argv[1][0] != '/';
}

int tool_request(struct tool *tool)
{
    const char *words[WORDS_MAX];
    char directory[PATH_MAX];
    char file[2 * PATH_MAX];

    if (tool->argc >= WORDS_MAX)
        return tool_misused(tool, "too many words");
    if (tool->argc == 0 && strcmp(tool->command->name, "pktfuzz") != 0)
        return tool_misused(tool, "what is to be done?");
    words[0] = tool->command->name;
    for (int i = 0; i < tool->argc; i++) {
        words[i + 1] = tool->argv[i];
        if (is_capture_file(tool, i) && getcwd(directory, sizeof(directory)) != NULL) {
            snprintf(file, sizeof(file), "%s/%s", directory, tool->argv[i]);
            words[i + 1] = file;
        }
    }
    return tool_ask(tool, words, tool->argc + 1);
}
