#include "hugepages.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

/* The number in `directory`/`size`/`file`; 0 where that can't be read. */
static uint64_t read_number(const char *directory, const char *size, const char *file)
{
    char path[PATH_MAX];
    uint64_t number = 0;
    FILE *stream;

    if (snprintf(path, sizeof(path), "%s/%s/%s", directory, size, file) >= (int)sizeof(path))
        return 0;
    stream = fopen(path, "re");
    if (stream == NULL)
        return 0;
    if (fscanf(stream, "%" SCNu64, &number) != 1)
        number = 0;
    fclose(stream);
    return number;
}

uint64_t tpa_mem_hugepages_free(const char *directory)
{
    DIR *sizes = opendir(directory);
    const struct dirent *entry;
    uint64_t bytes = 0;

    if (sizes == NULL)
        return 0;
    while ((entry = readdir(sizes)) != NULL) {
        uint64_t kilobytes, free_pages, reserved;

        if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kilobytes) != 1)
            continue;
        free_pages = read_number(directory, entry->d_name, "free_hugepages");
        reserved = read_number(directory, entry->d_name, "resv_hugepages");
        if (free_pages > reserved)
            bytes += (free_pages - reserved) * kilobytes * 1024;
    }
    closedir(sizes);
    return bytes;
}
