/*
 * Files in memory that can be sent without a copy: read once, kept while they do not change.
 */
#ifndef TPA_BIN_CONTENT_H
#define TPA_BIN_CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CONTENT_FILES_MAX 32           /* each takes one region of registered memory */
#define CONTENT_BYTES_MAX (4ull << 30) /* of all files together */
#define CONTENT_PATH_SIZE 512

struct content_file {
    char path[CONTENT_PATH_SIZE];
    char *data;
    size_t length;
    size_t mapped;
    struct timespec changed;
    uint32_t users;
    uint64_t last_used;
};

/* One thread's. All zero is empty. */
struct content {
    int directory; /* below which all paths lie */
    struct content_file files[CONTENT_FILES_MAX];
    size_t bytes;
    uint64_t uses;
};

/* Opens the directory. -1 and errno. */
int content_open(struct content *content, const char *directory);

/*
 * The file at a path relative to the directory, with one user more; NULL and errno: ENOENT, EACCES
 * (outside the directory, no regular file), ENOMEM (no room), or what the system said.
 */
struct content_file *content_get(struct content *content, const char *path);
void content_put(struct content_file *file);

#endif
