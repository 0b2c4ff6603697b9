/*
 * A directory of its own for a test, removed with what is in it. Include as
 * "test/support/scratch.h".
 */
#ifndef TPA_TEST_SUPPORT_SCRATCH_H
#define TPA_TEST_SUPPORT_SCRATCH_H

#include <stddef.h>

#define SCRATCH_PATH_SIZE 512

struct scratch {
    char path[256];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);

/* The path of a file in it. */
void scratch_path(const struct scratch *scratch, const char *name, char path[SCRATCH_PATH_SIZE]);

/* Writes a file below it; `name` may contain one directory, which is made. */
void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t size);

/* Is there a file or directory of that name? */
int scratch_has(const struct scratch *scratch, const char *name);

#endif
