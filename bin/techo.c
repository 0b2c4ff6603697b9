/*
 * techo: a zero-copy echo server. What tpa_zreadv gave goes to tpa_zwritev as it is; the buffer is
 * given back when the peer has acknowledged the echo.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa.h>

#include "bin/support/loop.h"

#define PORT_DEFAULT 5678
#define BATCH        32

struct echo {
    int sid;
    bool ended; /* the peer has sent all */
    /* Read and not yet taken by the send queue. */
    struct tpa_iovec held[BATCH];
    int held_first;
    int held_count;
};

static void echo_close(struct echo *echo)
{
    for (int i = echo->held_first; i < echo->held_count; i++)
        echo->held[i].iov_read_done(echo->held[i].iov_base, echo->held[i].iov_param);
    tpa_close(echo->sid);
    free(echo);
}

enum progress {
    WAIT,
    GO_ON,
    GONE
};

static enum progress echo_write(struct echo *echo)
{
    while (echo->held_first < echo->held_count) {
        if (tpa_zwritev(echo->sid, &echo->held[echo->held_first], 1) < 0)
            return errno == EAGAIN ? WAIT : GONE;
        echo->held_first++;
    }
    echo->held_first = echo->held_count = 0;
    return echo->ended ? GONE : GO_ON;
}

static enum progress echo_read(struct echo *echo)
{
    struct tpa_iovec *iov = echo->held;
    ssize_t bytes = tpa_zreadv(echo->sid, iov, BATCH);

    if (bytes < 0)
        return errno == EAGAIN ? WAIT : GONE;
    if (bytes == 0) {
        echo->ended = true;
        return GONE;
    }
    for (echo->held_count = 0; bytes > 0; echo->held_count++)
        bytes -= iov[echo->held_count].iov_len;
    return GO_ON;
}

static void echo_run(struct echo *echo)
{
    enum progress progress;

    do {
        progress = echo_write(echo);
        if (progress == GO_ON)
            progress = echo_read(echo);
    } while (progress == GO_ON);
    if (progress == GONE)
        echo_close(echo);
}

static void echo_open(int sid)
{
    struct echo *echo = calloc(1, sizeof(*echo));
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT, .data = echo};

    if (echo == NULL) {
        tpa_close(sid);
        return;
    }
    echo->sid = sid;
    if (tpa_event_ctrl(sid, TPA_EVENT_CTRL_ADD, &event) < 0) {
        fprintf(stderr, "techo: sid %d: %s\n", sid, strerror(errno));
        echo_close(echo);
    }
}

static void serve(struct tpa_worker *worker)
{
    struct loop_idle idle = {0};
    struct tpa_event events[BATCH];
    int sids[BATCH];

    while (!loop_stopped()) {
        int accepted, count;

        tpa_worker_run(worker);
        accepted = tpa_accept_burst(worker, sids, BATCH);
        for (int i = 0; i < accepted; i++)
            echo_open(sids[i]);
        count = tpa_event_poll(worker, events, BATCH);
        for (int i = 0; i < count; i++) {
            if ((events[i].events & (TPA_EVENT_ERR | TPA_EVENT_HUP)) != 0)
                echo_close(events[i].data);
            else
                echo_run(events[i].data);
        }
        loop_idle_round(&idle, accepted + count > 0);
    }
}

static int port_parse(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return *text == '\0' || *end != '\0' || port < 1 || port > 65535 ? -1 : (int)port;
}

int main(int argc, char **argv)
{
    int port = argc == 2 ? port_parse(argv[1]) : PORT_DEFAULT;
    struct tpa_worker *worker;

    if (argc > 2 || port < 0) {
        fprintf(stderr, "usage: techo [port]   (1 to 65535, default %d)\n", PORT_DEFAULT);
        return 2;
    }
    loop_catch_signals();
    if (tpa_init(1) < 0)
        return 1;
    worker = tpa_worker_init();
    if (worker == NULL) {
        fprintf(stderr, "techo: no worker: %s\n", strerror(errno));
        return 1;
    }
    if (tpa_listen_on(NULL, (uint16_t)port, NULL) < 0) {
        fprintf(stderr, "techo: can't listen on port %d: %s\n", port, strerror(errno));
        return 1;
    }
    printf(":: listening on port %d ...\n", port);
    fflush(stdout);
    serve(worker);
    return 0;
}
