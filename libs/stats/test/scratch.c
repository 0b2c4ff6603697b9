#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw */
#endif

#include "scratch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scratch_make(struct scratch *scratch)
{
    const char *base = getenv("TEST_TMPDIR");

    snprintf(scratch->path, sizeof(scratch->path), "%s/tpa.XXXXXX", base != NULL ? base : P_tmpdir);
    cr_assert_not_null(mkdtemp(scratch->path));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
    cr_assert_eq(nftw(scratch->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void path_of(const struct scratch *scratch, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", scratch->path, name);
}

void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t size)
{
    char path[512];

    path_of(scratch, name, path);
    if (strchr(name, '/') != NULL) {
        char *slash = strrchr(path, '/');

        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }

    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

int scratch_has(const struct scratch *scratch, const char *name)
{
    char path[512];

    path_of(scratch, name, path);
    return access(path, F_OK) == 0;
}
