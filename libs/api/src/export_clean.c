/*
 * What dead instances have left.
 */
#include "export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tpa/stats/mailbox.h>
#include <tpa/stats/reader.h>

enum {
    INSTANCES_MAX = 256, /* looked at under one prefix */
};

static bool is_alive(const char *directory)
{
    struct tpa_stats_reader reader;
    bool alive;

    if (tpa_stats_reader_open(&reader, directory, NULL) != TPA_OK)
        return false;
    alive = tpa_stats_reader_is_alive(&reader);
    tpa_stats_reader_close(&reader);
    return alive;
}

int tpa_api_export_clean(const char *directory)
{
    static const char *const files[] = {TPA_STATS_EXPORT_FILE, TPA_STATS_MAILBOX_FILE};
    char path[TPA_STATS_PATH_SIZE + 16];

    if (is_alive(directory))
        return TPA_EBUSY;
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof(path), "%.*s/%s", TPA_STATS_PATH_SIZE, directory, files[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return tpa_base_error_from_errno(errno);
    }
    (void)rmdir(directory);
    return TPA_OK;
}

/* "<id>-<digits>" */
static bool is_second_name(const char *name, const char *id)
{
    size_t length = strlen(id);

    return strncmp(name, id, length) == 0 && name[length] == '-' && name[length + 1] != '\0' &&
           strspn(name + length + 1, "0123456789") == strlen(name + length + 1);
}

void tpa_api_export_orphans_remove(const char *prefix, const char *id)
{
    char ids[INSTANCES_MAX][TPA_STATS_ID_SIZE];
    int count = tpa_stats_reader_instances(prefix, ids, INSTANCES_MAX);

    for (int i = 0; i < count && i < INSTANCES_MAX; i++) {
        char directory[TPA_STATS_PATH_SIZE];

        if (is_second_name(ids[i], id) &&
            tpa_stats_export_directory(prefix, ids[i], directory) == TPA_OK)
            (void)tpa_api_export_clean(directory);
    }
}
