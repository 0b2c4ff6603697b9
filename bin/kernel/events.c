/*
 * Edge-triggered events, and the worker's step that gathers them.
 */
#define _GNU_SOURCE
#include "bin/kernel/kernel_tpa.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH         256
#define SPIN_ROUNDS   64 /* rounds without an event before a worker sleeps */
#define SLEEP_MS      1
#define ALWAYS_EVENTS (TPA_EVENT_ERR | TPA_EVENT_HUP)

static struct epoll_event epoll_interest(struct kernel_sock *sock)
{
    return (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = sock};
}

int kernel_watch(struct tpa_worker *worker, struct kernel_sock *sock)
{
    struct epoll_event event = epoll_interest(sock);

    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, sock->fd, &event);
}

void kernel_sock_ready(struct kernel_sock *sock, uint32_t events)
{
    struct tpa_worker *worker = sock->worker;

    if (!sock->watched)
        return;
    sock->ready |= events & (sock->interest | ALWAYS_EVENTS);
    if (sock->ready == 0 || sock->queued)
        return;
    sock->queued = true;
    sock->next_ready = NULL;
    *worker->ready_end = sock;
    worker->ready_end = &sock->next_ready;
}

void kernel_ready_forget(struct kernel_sock *sock)
{
    struct kernel_sock **at;

    if (!sock->queued)
        return;
    for (at = &sock->worker->ready_first; *at != sock; at = &(*at)->next_ready)
        ;
    *at = sock->next_ready;
    if (sock->worker->ready_end == &sock->next_ready)
        sock->worker->ready_end = at;
    sock->queued = false;
}

static void error_fetch(struct kernel_sock *sock)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0)
        kernel_sock_fail(sock, error);
}

static uint32_t writable(struct kernel_sock *sock)
{
    sock->connecting = false;
    if (!kernel_sock_flush(sock))
        return 0;
    sock->wants_out = false;
    return TPA_EVENT_OUT;
}

static void event_take(const struct epoll_event *event)
{
    struct kernel_sock *sock = event->data.ptr;
    uint32_t events = 0;

    if (sock->listening)
        return;
    if ((event->events & EPOLLERR) != 0) {
        error_fetch(sock);
        events |= TPA_EVENT_ERR;
    }
    if ((event->events & EPOLLHUP) != 0)
        events |= TPA_EVENT_HUP;
    if ((event->events & (EPOLLIN | EPOLLRDHUP)) != 0)
        events |= TPA_EVENT_IN;
    if ((event->events & EPOLLOUT) != 0 && (event->events & (EPOLLERR | EPOLLHUP)) == 0)
        events |= writable(sock);
    if (sock->closing && (sock->pending == NULL || sock->error != 0))
        kernel_sock_destroy(sock);
    else
        kernel_sock_ready(sock, events);
}

void tpa_worker_run(struct tpa_worker *worker)
{
    struct epoll_event events[BATCH];
    int count;

    kernel_completions_run(worker);
    count =
        epoll_wait(worker->epoll, events, BATCH, worker->idle_rounds >= SPIN_ROUNDS ? SLEEP_MS : 0);
    if (count > 0)
        worker->idle_rounds = 0;
    else if (worker->idle_rounds < SPIN_ROUNDS)
        worker->idle_rounds++;
    for (int i = 0; i < count; i++)
        event_take(&events[i]);
}

int tpa_event_ctrl(int sid, int op, struct tpa_event *event)
{
    struct kernel_sock *sock = kernel_sock_find(sid);
    struct epoll_event again;

    if (sock == NULL || sock->listening || op < TPA_EVENT_CTRL_ADD || op > TPA_EVENT_CTRL_MOD ||
        sock->watched != (op != TPA_EVENT_CTRL_ADD) ||
        (event == NULL && op != TPA_EVENT_CTRL_DEL)) {
        errno = EINVAL;
        return -1;
    }
    kernel_ready_forget(sock);
    sock->ready = 0;
    sock->watched = op != TPA_EVENT_CTRL_DEL;
    if (!sock->watched)
        return 0;
    sock->interest = event->events;
    sock->event_data = event->data;
    /* What is ready already fires again. */
    again = epoll_interest(sock);
    return epoll_ctl(sock->worker->epoll, EPOLL_CTL_MOD, sock->fd, &again);
}

int tpa_event_poll(struct tpa_worker *worker, struct tpa_event *events, int max)
{
    int count = 0;

    while (count < max && worker->ready_first != NULL) {
        struct kernel_sock *sock = worker->ready_first;

        kernel_ready_forget(sock);
        events[count++] = (struct tpa_event){.events = sock->ready, .data = sock->event_data};
        sock->ready = 0;
    }
    return count;
}
