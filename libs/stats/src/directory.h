/*
 * Files of an instance's directory: made whole under another name, locked by their owner, and
 * replaced in one step.
 */
#ifndef TPA_STATS_DIRECTORY_H
#define TPA_STATS_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a failed call was about, for the line that the user sees. */
struct tpa_stats_failure {
    char *reason; /* room for TPA_STATS_REASON_SIZE, or NULL */
    const char *directory;
};

/* Formats the reason and returns `error`. */
int tpa_stats_fail(const struct tpa_stats_failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a system call that left errno: the enum tpa_error that corresponds to it. */
int tpa_stats_fail_errno(const struct tpa_stats_failure *failure, const char *what);

/* Makes all directories of a path. 0, or -1 with errno. */
int tpa_stats_directory_make(const char *path);

/*
 * Opens a directory and takes its lock, which its instances hold while they change its files: for
 * some microseconds. Waits a second at most. Returns the file descriptor, or -1 with errno
 * (EWOULDBLOCK: somebody sits on the lock).
 */
int tpa_stats_directory_enter(const char *path);

/* Lets the lock go; the descriptor stays open. */
void tpa_stats_directory_leave(int directory);

/*
 * A new file of `size` zero bytes, its memory reserved, under the name "<name>.new". Returns the
 * file descriptor, or -1 with errno. The directory is locked by the caller.
 */
int tpa_stats_file_make(int directory, const char *name, off_t size, mode_t mode);

/* Gives that file its name, in the place of an older one. 0, or -1 with errno. */
int tpa_stats_file_publish(int directory, const char *name);

/* Removes "<name>.new". */
void tpa_stats_file_discard(int directory, const char *name);

/* Removes the file of that name if it is the one that `file` has open. */
void tpa_stats_file_remove(int directory, const char *name, int file);

/*
 * Locks a file for the life of this open file: a lock of its own, also against other opens by the
 * same process, that the kernel takes back when the process dies. 0, or -1 with errno EAGAIN.
 */
int tpa_stats_file_lock(int file);
void tpa_stats_file_unlock(int file);

/* Does somebody else hold that lock? */
bool tpa_stats_file_is_locked(int file);

/* Opens a regular file of the directory; never blocks. Descriptor, or -1 with errno. */
int tpa_stats_file_open(const char *directory, const char *name, int flags);

/* Reads or writes exactly `size` bytes at `offset`. 0 or an enum tpa_error. */
int tpa_stats_file_read(int file, void *to, size_t size, off_t offset);
int tpa_stats_file_write(int file, const void *from, size_t size, off_t offset);

#endif
