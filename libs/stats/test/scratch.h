/* A directory of its own for a test, removed with what is in it. */
#ifndef TPA_STATS_TEST_SCRATCH_H
#define TPA_STATS_TEST_SCRATCH_H

#include <stddef.h>

struct scratch {
    char path[256];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);

/* Writes a file below it; `name` may contain one directory, which is made. */
void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t size);

/* Is there a file or directory of that name? */
int scratch_has(const struct scratch *scratch, const char *name);

#endif
