#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <tpa/base/clock.h>
#include <tpa/base/error.h>
#include <tpa/base/log.h>

/* 2024-01-31 23:59:59.123456 UTC */
#define START UINT64_C(1706745599123456000)

static uint64_t now = START;
static struct tpa_base_log sink;
static int reader = -1;

static uint64_t test_time(void)
{
    return __atomic_load_n(&now, __ATOMIC_RELAXED);
}

static void open_log(int level)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    reader = ends[0];
    tpa_base_log_init_fd(&sink, ends[1], level);
    sink.time_ns = test_time;
}

/* All that was written since the last call. */
static const char *written(void)
{
    static char text[1 << 17];
    size_t length = 0;
    ssize_t got;

    while ((got = read(reader, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    return text;
}

static size_t lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

Test(log, writes_a_line_with_time_and_level)
{
    open_log(TPA_BASE_LOG_DEBUG);
    tpa_base_log_write(&sink, TPA_BASE_LOG_WARNING, "port %u: %s", 80, "busy");
    cr_assert_str_eq(written(), "2024-01-31T23:59:59.123456Z warning: port 80: busy\n");
    tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "e");
    cr_assert_str_eq(written(), "2024-01-31T23:59:59.123456Z error: e\n");
}

Test(log, drops_what_is_above_its_level)
{
    open_log(TPA_BASE_LOG_WARNING);
    tpa_base_log_write(&sink, TPA_BASE_LOG_INFO, "no");
    cr_assert_str_eq(written(), "");
    sink.level = TPA_BASE_LOG_INFO;
    tpa_base_log_write(&sink, TPA_BASE_LOG_INFO, "yes");
    cr_assert_eq(lines(written()), 1);
    sink.level = TPA_BASE_LOG_NONE;
    tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "no");
    cr_assert_str_eq(written(), "");
}

Test(log, the_macro_evaluates_nothing_that_is_not_written)
{
    int evaluated = 0;

    open_log(TPA_BASE_LOG_WARNING);
    TPA_BASE_LOG_INFO_LINE(&sink, "%d", ++evaluated);
    cr_assert_eq(evaluated, 0);
    TPA_BASE_LOG_WARNING_LINE(&sink, "%d", ++evaluated);
    TPA_BASE_LOG_ERROR_LINE(&sink, "%d", ++evaluated);
    cr_assert_eq(evaluated, 2);
    cr_assert_eq(lines(written()), 2);
}

Test(log, no_sink_and_a_sink_to_nowhere_swallow_everything)
{
    struct tpa_base_log nowhere;

    tpa_base_log_init_fd(&nowhere, -1, TPA_BASE_LOG_DEBUG);
    errno = 0;
    TPA_BASE_LOG_ERROR_LINE(&nowhere, "lost");
    TPA_BASE_LOG_ERROR_LINE((struct tpa_base_log *)NULL, "lost");
    cr_assert_eq(errno, 0);
}

Test(log, input_can_not_forge_lines_or_command_a_terminal)
{
    open_log(TPA_BASE_LOG_DEBUG);
    tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "%s", "a\nb\r\x1b[2J\x7f\xc3\xa4");
    cr_assert_str_eq(written(), "2024-01-31T23:59:59.123456Z error: a b??[2J?\xc3\xa4\n");
}

Test(log, a_long_line_is_cut_and_says_so)
{
    char text[3 * TPA_BASE_LOG_LINE_MAX];
    const char *line;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    open_log(TPA_BASE_LOG_DEBUG);
    tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "%s", text);
    line = written();
    cr_assert_eq(strlen(line), TPA_BASE_LOG_LINE_MAX);
    cr_assert_str_eq(line + TPA_BASE_LOG_LINE_MAX - 5, "x...\n");
}

Test(log, a_line_of_exactly_the_longest_length_is_not_cut)
{
    size_t stamp = strlen("2024-01-31T23:59:59.123456Z error: ");
    char text[TPA_BASE_LOG_LINE_MAX];
    const char *line;

    memset(text, 'x', sizeof(text));
    text[TPA_BASE_LOG_LINE_MAX - stamp - 1] = '\0';
    open_log(TPA_BASE_LOG_DEBUG);
    tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "%s", text);
    line = written();
    cr_assert_eq(strlen(line), TPA_BASE_LOG_LINE_MAX);
    cr_assert_str_eq(line + TPA_BASE_LOG_LINE_MAX - 3, "xx\n");
}

static void write_many(int count)
{
    for (int i = 0; i < count; i++)
        tpa_base_log_write(&sink, TPA_BASE_LOG_ERROR, "line");
}

Test(log, after_a_burst_only_the_steady_rate_passes_and_the_rest_is_counted)
{
    open_log(TPA_BASE_LOG_DEBUG);
    write_many(TPA_BASE_LOG_BURST + 7);
    cr_assert_eq(lines(written()), TPA_BASE_LOG_BURST);
    now += TPA_BASE_SECOND / TPA_BASE_LOG_PER_SECOND;
    write_many(2);
    cr_assert_str_eq(written(), "2024-01-31T23:59:59.173456Z warning: 7 lines suppressed\n"
                                "2024-01-31T23:59:59.173456Z error: line\n");
    now += 10 * TPA_BASE_SECOND;
    write_many(1000);
    cr_assert_eq(lines(written()), TPA_BASE_LOG_BURST + 1);
    now += 3600 * TPA_BASE_SECOND;
    write_many(1000);
    cr_assert_eq(lines(written()), TPA_BASE_LOG_BURST + 1);
}

Test(log, time_of_day_set_back_does_not_silence_it)
{
    open_log(TPA_BASE_LOG_DEBUG);
    write_many(TPA_BASE_LOG_BURST);
    now -= 3600 * TPA_BASE_SECOND;
    written();
    write_many(1);
    cr_assert_eq(lines(written()), 1);
}

Test(log, errno_stays_as_it_was)
{
    struct tpa_base_log closed;

    tpa_base_log_init_fd(&closed, 1000000, TPA_BASE_LOG_DEBUG);
    errno = ENOSPC;
    tpa_base_log_write(&closed, TPA_BASE_LOG_ERROR, "a write that fails");
    cr_assert_eq(errno, ENOSPC);
}

Test(log, appends_to_a_file_and_closes_it)
{
    char path[] = "/tmp/tpa_log_test_XXXXXX";
    struct tpa_base_log log;
    char text[256] = {0};
    FILE *file;

    close(mkstemp(path));
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(tpa_base_log_init_file(&log, path, TPA_BASE_LOG_INFO), 0);
        log.time_ns = test_time;
        tpa_base_log_write(&log, TPA_BASE_LOG_INFO, "start %d", i);
        tpa_base_log_fini(&log);
        tpa_base_log_write(&log, TPA_BASE_LOG_INFO, "after the end");
    }
    file = fopen(path, "r");
    cr_assert_gt(fread(text, 1, sizeof(text) - 1, file), 0);
    cr_assert_str_eq(text, "2024-01-31T23:59:59.123456Z info: start 0\n"
                           "2024-01-31T23:59:59.123456Z info: start 1\n");
    fclose(file);
    unlink(path);
}

Test(log, a_file_that_can_not_be_opened_is_an_error_and_a_sink_to_nowhere)
{
    struct tpa_base_log log;

    cr_assert_eq(tpa_base_log_init_file(&log, "/nonexistent/tpa.log", TPA_BASE_LOG_INFO),
                 TPA_ENOENT);
    tpa_base_log_write(&log, TPA_BASE_LOG_ERROR, "nowhere");
    tpa_base_log_fini(&log);
}

static void *write_from_thread(void *argument)
{
    (void)argument;
    write_many(500);
    return NULL;
}

Test(log, threads_share_the_limit_and_lines_stay_whole)
{
    pthread_t threads[4];
    size_t count = 0;
    char *text, *line;

    open_log(TPA_BASE_LOG_DEBUG);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_from_thread, NULL), 0);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    text = strdup(written());
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), count++)
        cr_assert_str_eq(line, "2024-01-31T23:59:59.123456Z error: line");
    cr_assert_eq(count, TPA_BASE_LOG_BURST);
    cr_assert_eq(sink.suppressed, 4 * 500 - TPA_BASE_LOG_BURST);
    free(text);
}
