#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* open file description locks */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tpa/stats/export.h>

#include "directory.h"

/* A second in all: holders keep the directory for some microseconds. */
#define DIRECTORY_TRIES      100
#define DIRECTORY_TRY_PERIOD 10000000 /* ns */

#define NEW_SUFFIX    ".new"
#define FILE_NAME_MAX 32

int tpa_stats_fail(const struct tpa_stats_failure *failure, int error, const char *format, ...)
{
    if (failure->reason == NULL)
        return error;

    va_list arguments;

    va_start(arguments, format);
    vsnprintf(failure->reason, TPA_STATS_REASON_SIZE, format, arguments);
    va_end(arguments);
    return error;
}

int tpa_stats_fail_errno(const struct tpa_stats_failure *failure, const char *what)
{
    int cause = errno;
    const char *remedy = "";

    if (cause == EACCES || cause == EPERM || cause == EROFS)
        remedy = "; set TPA_ROOT_PREFIX to a directory that this user may write";
    if (cause == ENOSPC)
        remedy = "; make room there, or set TPA_ROOT_PREFIX to another file system";

    int error = cause == EACCES ? TPA_EPERM : tpa_base_error_from_errno(cause);

    return tpa_stats_fail(failure, error, "%s %s: %s%s", what, failure->directory, strerror(cause),
                          remedy);
}

static int make_one(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0;
    return -1;
}

int tpa_stats_directory_make(const char *path)
{
    char part[TPA_STATS_PATH_SIZE];
    size_t length = strlen(path);

    if (length >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (make_one(part) < 0)
            return -1;
    }
    return 0;
}

static int lock_directory(int directory)
{
    const struct timespec period = {.tv_nsec = DIRECTORY_TRY_PERIOD};

    for (int i = 0; i < DIRECTORY_TRIES; i++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        nanosleep(&period, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

int tpa_stats_directory_enter(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return -1;
    if (lock_directory(directory) < 0) {
        int cause = errno;

        close(directory);
        errno = cause;
        return -1;
    }
    return directory;
}

void tpa_stats_directory_leave(int directory)
{
    flock(directory, LOCK_UN);
}

static void new_name(char text[FILE_NAME_MAX], const char *name)
{
    snprintf(text, FILE_NAME_MAX, "%s%s", name, NEW_SUFFIX);
}

int tpa_stats_file_make(int directory, const char *name, off_t size, mode_t mode)
{
    char temporary[FILE_NAME_MAX];

    new_name(temporary, name);
    unlinkat(directory, temporary, 0); /* of an instance that died right here */

    int file =
        openat(directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (file < 0)
        return -1;

    int cause = posix_fallocate(file, 0, size);

    if (cause != 0) {
        unlinkat(directory, temporary, 0);
        close(file);
        errno = cause;
        return -1;
    }
    return file;
}

int tpa_stats_file_publish(int directory, const char *name)
{
    char temporary[FILE_NAME_MAX];

    new_name(temporary, name);
    return renameat(directory, temporary, directory, name);
}

void tpa_stats_file_discard(int directory, const char *name)
{
    char temporary[FILE_NAME_MAX];

    new_name(temporary, name);
    unlinkat(directory, temporary, 0);
}

void tpa_stats_file_remove(int directory, const char *name, int file)
{
    struct stat own, named;

    if (fstat(file, &own) < 0 || fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (own.st_ino == named.st_ino && own.st_dev == named.st_dev)
        unlinkat(directory, name, 0);
}

int tpa_stats_file_lock(int file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(file, F_OFD_SETLK, &lock);
}

void tpa_stats_file_unlock(int file)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    fcntl(file, F_OFD_SETLK, &lock);
}

bool tpa_stats_file_is_locked(int file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int tpa_stats_file_open(const char *directory, const char *name, int flags)
{
    char path[TPA_STATS_PATH_SIZE + FILE_NAME_MAX];
    struct stat status;

    if (strlen(directory) >= TPA_STATS_PATH_SIZE) {
        errno = EINVAL;
        return -1;
    }
    snprintf(path, sizeof(path), "%s/%s", directory, name);

    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (file < 0)
        return -1;
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(file);
        errno = EIO;
        return -1;
    }
    return file;
}

int tpa_stats_file_read(int file, void *to, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t count = pread(file, to, size, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return TPA_EIO;
        if (count == 0)
            return TPA_ETRUNCATED;
        to = (char *)to + count;
        size -= (size_t)count;
        offset += count;
    }
    return TPA_OK;
}

int tpa_stats_file_write(int file, const void *from, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t count = pwrite(file, from, size, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return TPA_EIO;
        from = (const char *)from + count;
        size -= (size_t)count;
        offset += count;
    }
    return TPA_OK;
}
