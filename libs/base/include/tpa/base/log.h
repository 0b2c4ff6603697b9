/*
 * The log: lines of text for people, written to a file descriptor, limited in rate. A sink is
 * passed by pointer to whoever has something to say; there is no hidden default. A NULL sink
 * swallows everything.
 *
 * Not for the data path: what happens to packets is counted (stats), not logged. A sink may be
 * shared between threads: each line is one write(2).
 */
#ifndef TPA_BASE_LOG_H
#define TPA_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

enum tpa_base_log_level {
    TPA_BASE_LOG_NONE = 0,
    TPA_BASE_LOG_ERROR = 1,   /* something that was promised does not work */
    TPA_BASE_LOG_WARNING = 2, /* it works, but not as it should; the default */
    TPA_BASE_LOG_INFO = 3,    /* start, stop, what was found and chosen */
    TPA_BASE_LOG_DEBUG = 4,   /* for developers */
};

/* Longest line with its time stamp, newline included; what is longer is cut and ends in "...". */
#define TPA_BASE_LOG_LINE_MAX 512

/*
 * A peer that provokes a line per packet must not fill the disk: after a burst, a steady rate, and
 * one line that says how many were left out. Errors are limited too, since a peer can cause those
 * just as well.
 */
#define TPA_BASE_LOG_BURST      200
#define TPA_BASE_LOG_PER_SECOND 20

struct tpa_base_log {
    int fd; /* -1: nowhere */
    bool owns_fd;
    int level; /* lines above it are dropped; may be changed at any time */
    uint64_t (*time_ns)(
        void); /* CLOCK_REALTIME unless a test sets its own: for the stamp and the rate limit */
    uint64_t full_at_ns; /* token bucket: when it will be full again; atomic */
    uint64_t suppressed; /* lines left out since the last one written; atomic */
};

/* A sink on a descriptor that stays the caller's, e.g. STDERR_FILENO. */
void tpa_base_log_init_fd(struct tpa_base_log *log, int fd, int level);

/*
 * A sink that appends to the file at `path` (created with mode 0644). 0, or the error of open(2) as
 * enum tpa_error; the sink then goes nowhere.
 */
int tpa_base_log_init_file(struct tpa_base_log *log, const char *path,
                           int level) TPA_BASE_MUST_CHECK;

/* Closes a file that the sink opened. */
void tpa_base_log_fini(struct tpa_base_log *log);

static inline bool tpa_base_log_enabled(const struct tpa_base_log *log, int level)
{
    return log != NULL && level <= __atomic_load_n(&log->level, __ATOMIC_RELAXED);
}

/*
 * Writes one line "2024-01-31T23:59:59.123456Z warning: <text>\n" (UTC). A newline inside the text
 * becomes a blank, other control characters a '?', so that nobody's input can forge a line. Errors
 * of write(2) are ignored. Leaves errno as it was.
 */
void tpa_base_log_write(struct tpa_base_log *log, int level, const char *format, ...)
    TPA_BASE_PRINTF(3, 4);

/* Evaluates its arguments only if the level is enabled. */
#define TPA_BASE_LOG(log, log_level, ...)                    \
    do {                                                     \
        if (tpa_base_log_enabled(log, log_level))            \
            tpa_base_log_write(log, log_level, __VA_ARGS__); \
    } while (0)

#define TPA_BASE_LOG_ERROR_LINE(log, ...)   TPA_BASE_LOG(log, TPA_BASE_LOG_ERROR, __VA_ARGS__)
#define TPA_BASE_LOG_WARNING_LINE(log, ...) TPA_BASE_LOG(log, TPA_BASE_LOG_WARNING, __VA_ARGS__)
#define TPA_BASE_LOG_INFO_LINE(log, ...)    TPA_BASE_LOG(log, TPA_BASE_LOG_INFO, __VA_ARGS__)
#define TPA_BASE_LOG_DEBUG_LINE(log, ...)   TPA_BASE_LOG(log, TPA_BASE_LOG_DEBUG, __VA_ARGS__)

TPA_BASE_DECLARATIONS_END

#endif
