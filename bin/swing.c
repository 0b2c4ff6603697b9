/*
 * swing: a telnet-like client. Lines from standard input go to the server, what comes back is
 * printed.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include <tpa.h>

#include "bin/support/loop.h"

#define LINE_SIZE 4096
/* Lines that may be on their way with -z: one page each. */
#define LINES           64
#define BATCH           16
#define CONNECT_WAIT_NS 30000000000u

struct options {
    const char *server;
    uint16_t port;
    bool zero_copy;
};

struct line {
    bool busy;
    char *text; /* LINE_SIZE bytes */
};

struct swing {
    struct tpa_worker *worker;
    int sid;
    bool zero_copy;
    bool connected;
    bool input_ended;
    struct line lines[LINES];
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end;
    long port;

    switch (key) {
    case 'z':
        options->zero_copy = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            options->server = argument;
            return 0;
        }
        port = strtol(argument, &end, 10);
        if (state->arg_num > 1 || *end != '\0' || port < 1 || port > 65535)
            argp_error(state, "port must be a number from 1 to 65535");
        options->port = (uint16_t)port;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void prompt(void)
{
    printf("> ");
    fflush(stdout);
}

static void line_done(void *base, void *parameter)
{
    struct line *line = parameter;

    (void)base;
    line->busy = false;
}

static struct line *line_free(struct swing *swing)
{
    for (int i = 0; i < LINES; i++) {
        if (!swing->lines[i].busy)
            return &swing->lines[i];
    }
    return NULL;
}

static ssize_t line_send(struct swing *swing, struct line *line, size_t length)
{
    struct tpa_iovec iov = {
        .iov_base = line->text,
        .iov_phys = 1,
        .iov_len = (uint32_t)length,
        .iov_param = line,
        .iov_write_done = line_done,
    };
    ssize_t sent;

    if (!swing->zero_copy)
        return tpa_write(swing->sid, line->text, length);
    line->busy = true;
    sent = tpa_zwritev(swing->sid, &iov, 1);
    if (sent < 0)
        line_done(iov.iov_base, iov.iov_param);
    return sent;
}

/* True when a line was read or input ended. */
static bool input_step(struct swing *swing)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct line *line = line_free(swing);
    ssize_t length;

    if (swing->input_ended || !swing->connected || line == NULL || poll(&input, 1, 0) <= 0)
        return false;
    length = read(STDIN_FILENO, line->text, LINE_SIZE);
    if (length <= 0) {
        swing->input_ended = true;
        return true;
    }
    while (line_send(swing, line, (size_t)length) < 0) {
        if (errno != EAGAIN || loop_stopped()) {
            fprintf(stderr, "swing: can't write: %s\n", strerror(errno));
            loop_stop();
            return true;
        }
        tpa_worker_run(swing->worker);
    }
    return true;
}

/* A byte behind each piece may be written: it is made a string where it lies. */
static void print_piece(const struct tpa_iovec *iov)
{
    char *text = iov->iov_base;

    text[iov->iov_len] = '\0';
    fwrite(text, 1, iov->iov_len, stdout);
    iov->iov_read_done(iov->iov_base, iov->iov_param);
}

static void replies_print(struct swing *swing)
{
    struct tpa_iovec iov[BATCH];
    ssize_t bytes;
    bool any = false;

    while ((bytes = tpa_zreadv(swing->sid, iov, BATCH)) > 0) {
        if (!any)
            printf("< ");
        any = true;
        for (int i = 0; bytes > 0; i++) {
            bytes -= iov[i].iov_len;
            print_piece(&iov[i]);
        }
    }
    if (any)
        prompt();
    if (bytes == 0) {
        printf("\n:: closed by the server\n");
        loop_stop();
    } else if (errno != EAGAIN) {
        fprintf(stderr, "swing: can't read: %s\n", strerror(errno));
        loop_stop();
    }
}

static void event_handle(struct swing *swing, const struct tpa_event *event)
{
    if ((event->events & TPA_EVENT_ERR) != 0) {
        struct tpa_iovec iov;

        (void)tpa_zreadv(swing->sid, &iov, 1);
        fprintf(stderr, "swing: %s: %s\n", swing->connected ? "connection lost" : "can't connect",
                strerror(errno));
        loop_stop();
        return;
    }
    if ((event->events & TPA_EVENT_OUT) != 0 && !swing->connected) {
        swing->connected = true;
        prompt();
    }
    if ((event->events & TPA_EVENT_IN) != 0)
        replies_print(swing);
}

/* After the input's end: until nothing has come back for a while. */
#define LINGER_NS 500000000u

static int run(struct swing *swing)
{
    struct loop_idle idle = {0};
    struct tpa_event events[BATCH];
    uint64_t started = loop_now();
    uint64_t ended = 0;
    int count;

    while (!loop_stopped()) {
        bool busy;

        tpa_worker_run(swing->worker);
        count = tpa_event_poll(swing->worker, events, BATCH);
        for (int i = 0; i < count; i++)
            event_handle(swing, &events[i]);
        busy = input_step(swing) || count > 0;
        if (swing->input_ended && (busy || ended == 0))
            ended = loop_now();
        if (ended != 0 && loop_now() - ended > LINGER_NS)
            break;
        if (!swing->connected && loop_now() - started > CONNECT_WAIT_NS) {
            fprintf(stderr, "swing: can't connect: no answer in 30 s\n");
            return 1;
        }
        loop_idle_round(&idle, busy);
    }
    return swing->connected ? 0 : 1;
}

/* The end of the connection goes out before the program does. */
static void finish(struct swing *swing)
{
    uint64_t until = loop_now() + LINGER_NS / 5;

    tpa_close(swing->sid);
    while (loop_now() < until)
        tpa_worker_run(swing->worker);
}

static bool lines_prepare(struct swing *swing)
{
    size_t size = (size_t)LINES * LINE_SIZE;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    for (int i = 0; i < LINES; i++)
        swing->lines[i].text = memory + (size_t)i * LINE_SIZE;
    return !swing->zero_copy || tpa_extmem_register(memory, size, NULL, LINES, LINE_SIZE) == 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option arguments[] = {
        {"zero-copy", 'z', NULL, 0, "write without copying", 0},
        {0},
    };
    static const struct argp argp = {
        arguments, parse, "server port", "A telnet-like client on tpa.", NULL, NULL, NULL};
    static struct swing swing;
    struct options options = {0};
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT};
    int result;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    loop_catch_signals();
    if (tpa_init(1) < 0)
        return 1;
    swing.worker = tpa_worker_init();
    swing.zero_copy = options.zero_copy;
    if (swing.worker == NULL || !lines_prepare(&swing)) {
        fprintf(stderr, "swing: can't start: %s\n", strerror(errno));
        return 1;
    }
    swing.sid = tpa_connect_to(options.server, options.port, NULL);
    if (swing.sid < 0) {
        fprintf(stderr, "swing: can't connect to %s port %u: %s\n", options.server, options.port,
                strerror(errno));
        return 1;
    }
    (void)tpa_event_ctrl(swing.sid, TPA_EVENT_CTRL_ADD, &event);
    result = run(&swing);
    finish(&swing);
    return result;
}
