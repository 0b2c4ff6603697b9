#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw */
#endif

#include "test/support/scratch.h"

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

void scratch_path(const struct scratch *scratch, const char *name, char path[SCRATCH_PATH_SIZE])
{
    snprintf(path, SCRATCH_PATH_SIZE, "%s/%s", scratch->path, name);
}

void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t size)
{
    char path[SCRATCH_PATH_SIZE];

    scratch_path(scratch, name, path);
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
    char path[SCRATCH_PATH_SIZE];

    scratch_path(scratch, name, path);
    return access(path, F_OK) == 0;
}
