#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tpa/base/clock.h>
#include <tpa/base/error.h>
#include <tpa/base/log.h>

#define LINE_INTERVAL_NS (TPA_BASE_SECOND / TPA_BASE_LOG_PER_SECOND)
#define BURST_NS         (TPA_BASE_LOG_BURST * LINE_INTERVAL_NS)

static uint64_t realtime(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * TPA_BASE_SECOND + (uint64_t)time.tv_nsec;
}

void tpa_base_log_init_fd(struct tpa_base_log *log, int fd, int level)
{
    *log = (struct tpa_base_log){.fd = fd, .level = level, .time_ns = realtime};
}

int tpa_base_log_init_file(struct tpa_base_log *log, const char *path, int level)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    int error = fd < 0 ? tpa_base_error_from_errno(errno) : TPA_OK;

    tpa_base_log_init_fd(log, fd, level);
    log->owns_fd = fd >= 0;
    return error;
}

void tpa_base_log_fini(struct tpa_base_log *log)
{
    if (log->owns_fd)
        close(log->fd);
    log->fd = -1;
    log->owns_fd = false;
}

/*
 * A token bucket as a time: it is full again at full_at, and each line moves that by one interval.
 * One word, so that threads share it with a compare-and-swap.
 */
static bool take_token(struct tpa_base_log *log, uint64_t now)
{
    uint64_t full_at = __atomic_load_n(&log->full_at_ns, __ATOMIC_RELAXED);
    uint64_t next;

    do {
        /* In the past, or so far ahead that somebody has set the time of day back. */
        if (full_at < now || full_at - now > BURST_NS)
            next = now + LINE_INTERVAL_NS;
        else if (full_at - now > BURST_NS - LINE_INTERVAL_NS)
            return false;
        else
            next = full_at + LINE_INTERVAL_NS;
    } while (!__atomic_compare_exchange_n(&log->full_at_ns, &full_at, next, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static const char *level_name(int level)
{
    static const char *const names[] = {"none", "error", "warning", "info", "debug"};

    if (level < 0 || level >= (int)TPA_BASE_ARRAY_SIZE(names))
        return "debug";
    return names[level];
}

static size_t format_stamp(char *line, size_t room, uint64_t now, int level)
{
    time_t seconds = (time_t)(now / TPA_BASE_SECOND);
    struct tm utc;
    size_t length;

    gmtime_r(&seconds, &utc);
    length = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    length +=
        (size_t)snprintf(line + length, room - length,
                         ".%06" PRIu64 "Z %s: ", now % TPA_BASE_SECOND / 1000, level_name(level));
    return length;
}

/* What would end the line or command a terminal. Bytes above 0x7f pass: they are UTF-8. */
static void disarm(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char character = (unsigned char)text[i];

        if (character == '\n')
            text[i] = ' ';
        else if (character < ' ' || character == 0x7f)
            text[i] = '?';
    }
}

/* Writes `text`, of which `wanted` characters were to be written, and more than fit may be missing.
 */
static void write_line(const struct tpa_base_log *log, uint64_t now, int level, const char *text,
                       size_t wanted)
{
    static const char cut[] = "...";
    char line[TPA_BASE_LOG_LINE_MAX];
    size_t start = format_stamp(line, sizeof(line), now, level);
    size_t room = sizeof(line) - start - 1; /* for the text; the last byte is the newline's */
    size_t length = TPA_BASE_MIN(wanted, room);
    ssize_t written;

    memcpy(line + start, text, length);
    if (wanted > room)
        memcpy(line + sizeof(line) - sizeof(cut), cut, sizeof(cut) - 1);
    disarm(line + start, length);
    line[start + length] = '\n';
    written = write(log->fd, line, start + length + 1);
    (void)written;
}

static void write_suppressed(struct tpa_base_log *log, uint64_t now)
{
    uint64_t suppressed = __atomic_exchange_n(&log->suppressed, 0, __ATOMIC_RELAXED);
    char text[64];

    if (suppressed == 0)
        return;
    write_line(log, now, TPA_BASE_LOG_WARNING, text,
               (size_t)snprintf(text, sizeof(text), "%" PRIu64 " lines suppressed", suppressed));
}

void tpa_base_log_write(struct tpa_base_log *log, int level, const char *format, ...)
{
    int saved_errno = errno;
    char text[TPA_BASE_LOG_LINE_MAX];
    va_list arguments;
    uint64_t now;
    int wanted;

    if (!tpa_base_log_enabled(log, level) || log->fd < 0)
        return;
    now = log->time_ns();
    if (!take_token(log, now)) {
        __atomic_fetch_add(&log->suppressed, 1, __ATOMIC_RELAXED);
        return;
    }
    write_suppressed(log, now);
    va_start(arguments, format);
    wanted = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    write_line(log, now, level, text, wanted < 0 ? 0 : (size_t)wanted);
    errno = saved_errno;
}
