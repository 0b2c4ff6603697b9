#define _GNU_SOURCE
#include "bin/support/content.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tpa.h>

#define PAGE_SIZE 4096u

int content_open(struct content *content, const char *directory)
{
    content->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return content->directory < 0 ? -1 : 0;
}

static void file_drop(struct content *content, struct content_file *file)
{
    if (file->mapped > 0) {
        (void)tpa_extmem_unregister(file->data, file->mapped);
        munmap(file->data, file->mapped);
    }
    content->bytes -= file->mapped;
    memset(file, 0, sizeof(*file));
}

/* Symbolic links and ".." that lead out of the directory are refused by the kernel. */
static int open_beneath(int directory, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH};
    long fd = syscall(SYS_openat2, directory, path, &how, sizeof(how));

    if (fd < 0 && errno == EXDEV)
        errno = EACCES;
    return (int)fd;
}

static bool is_same(const struct content_file *file, const char *path, const struct stat *status)
{
    return strcmp(file->path, path) == 0 && file->length == (size_t)status->st_size &&
           file->changed.tv_sec == status->st_mtim.tv_sec &&
           file->changed.tv_nsec == status->st_mtim.tv_nsec;
}

/* A place for another file: a free one, else that of the file used longest ago. */
static struct content_file *place_find(struct content *content, size_t bytes)
{
    for (;;) {
        struct content_file *oldest = NULL;

        for (int i = 0; i < CONTENT_FILES_MAX; i++) {
            struct content_file *file = &content->files[i];

            if (file->path[0] == '\0' && content->bytes + bytes <= CONTENT_BYTES_MAX)
                return file;
            if (file->path[0] != '\0' && file->users == 0 &&
                (oldest == NULL || file->last_used < oldest->last_used))
                oldest = file;
        }
        if (oldest == NULL)
            return NULL;
        file_drop(content, oldest);
    }
}

static bool read_whole(int fd, char *data, size_t length)
{
    while (length > 0) {
        ssize_t bytes = read(fd, data, length);

        if (bytes <= 0)
            return false;
        data += bytes;
        length -= (size_t)bytes;
    }
    return true;
}

/* An empty file needs no memory. */
static bool file_load(struct content_file *file, int fd, size_t length)
{
    size_t mapped = (length + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;

    if (mapped == 0)
        return true;
    file->data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file->data == MAP_FAILED)
        return false;
    if (read_whole(fd, file->data, length) &&
        tpa_extmem_register(file->data, mapped, NULL, (int)(mapped / PAGE_SIZE), PAGE_SIZE) == 0) {
        file->mapped = mapped;
        file->length = length;
        return true;
    }
    munmap(file->data, mapped);
    errno = EIO;
    return false;
}

static struct content_file *file_find(struct content *content, const char *path,
                                      const struct stat *status)
{
    for (int i = 0; i < CONTENT_FILES_MAX; i++) {
        if (is_same(&content->files[i], path, status))
            return &content->files[i];
    }
    return NULL;
}

static struct content_file *file_add(struct content *content, const char *path, int fd,
                                     const struct stat *status)
{
    struct content_file *file = place_find(content, (size_t)status->st_size + PAGE_SIZE);

    if (file == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (!file_load(file, fd, (size_t)status->st_size)) {
        memset(file, 0, sizeof(*file));
        return NULL;
    }
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->changed = status->st_mtim;
    content->bytes += file->mapped;
    return file;
}

struct content_file *content_get(struct content *content, const char *path)
{
    struct content_file *file = NULL;
    struct stat status;
    int fd;

    if (strlen(path) >= CONTENT_PATH_SIZE) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    fd = open_beneath(content->directory, path);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0) {
        if (!S_ISREG(status.st_mode)) {
            errno = EACCES;
        } else {
            file = file_find(content, path, &status);
            if (file == NULL)
                file = file_add(content, path, fd, &status);
        }
    }
    close(fd);
    if (file != NULL) {
        file->users++;
        file->last_used = ++content->uses;
    }
    return file;
}

void content_put(struct content_file *file)
{
    file->users--;
}
