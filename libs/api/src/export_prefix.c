#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tpa/api/export_layout.h>

#define SYSTEM_PREFIX "/var/run/tpa"

static int append(char prefixes[][TPA_API_EXPORT_PREFIX_SIZE], int count, const char *directory,
                  const char *rest)
{
    int length = snprintf(prefixes[count], TPA_API_EXPORT_PREFIX_SIZE, "%s%s", directory, rest);

    return length < TPA_API_EXPORT_PREFIX_SIZE ? count + 1 : count;
}

int tpa_api_export_prefixes(char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE])
{
    const char *given = getenv("TPA_ROOT_PREFIX");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char user[32];
    int count = 0;

    if (given != NULL && given[0] != '\0')
        return append(prefixes, 0, given, "");
    count = append(prefixes, count, SYSTEM_PREFIX, "");
    if (runtime != NULL && runtime[0] == '/')
        count = append(prefixes, count, runtime, "/tpa");
    snprintf(user, sizeof(user), "/tmp/tpa-%u", (unsigned int)getuid());
    return append(prefixes, count, user, "");
}
