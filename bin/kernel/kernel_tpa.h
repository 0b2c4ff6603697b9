/*
 * tpa.h over the kernel's own sockets and epoll: programs written for tpa.h, linked with this
 * instead of libtpa, are the kernel's end of a test or of a comparison.
 *
 * What differs from the stack: the configuration (TPA_CFG, tpa.cfg) is not read; a write's
 * completion says that the kernel has taken a copy, not that the peer has acknowledged; registered
 * memory is copied like any other. A worker that has had nothing to do for a while sleeps in
 * epoll_wait instead of polling.
 */
#ifndef TPA_BIN_KERNEL_TPA_H
#define TPA_BIN_KERNEL_TPA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa.h>

#define KERNEL_SOCKS_MAX   65536
#define KERNEL_WORKERS_MAX 32
#define KERNEL_BUFFER_SIZE 65536 /* of one read */

struct kernel_buffer {
    struct kernel_buffer *next; /* free ones of a worker */
    struct tpa_worker *owner;
    char data[KERNEL_BUFFER_SIZE + 1]; /* one byte behind the payload may be written */
};

/* A write's callback that waits for tpa_worker_run. */
struct kernel_completion {
    void (*done)(void *base, void *parameter);
    void *base;
    void *parameter;
};

struct kernel_sock {
    int sid;
    int fd;
    struct tpa_worker *worker; /* NULL: a listener of all workers */
    bool listening;
    bool connecting;
    bool closing; /* closed by the program, with data that the kernel has not taken yet */
    bool wants_out;
    int error; /* what tpa_zreadv and writes answer from now on */
    void *listener_data;

    /* What the program wants to hear of, and has not heard of yet. */
    bool watched;
    uint32_t interest;
    uint32_t ready;
    void *event_data;
    bool queued;
    struct kernel_sock *next_ready;

    /* The rest of a write that the kernel took in part. */
    char *pending;
    size_t pending_length;
    size_t pending_sent;
};

struct tpa_worker {
    int epoll;
    uint32_t idle_rounds;
    struct kernel_sock *ready_first;
    struct kernel_sock **ready_end;
    struct kernel_completion *completions;
    size_t completion_count;
    size_t completion_room;
    struct kernel_buffer *buffers;
};

/* ---- socks.c ---- */

/* A sock with the smallest free sid, which owns `fd` from then on; NULL and errno ENFILE. */
struct kernel_sock *kernel_sock_create(int fd, struct tpa_worker *worker);
void kernel_sock_destroy(struct kernel_sock *sock);
/* The sock of a sid; NULL. */
struct kernel_sock *kernel_sock_find(int sid);

/* The worker that the calling thread made; NULL. */
struct tpa_worker *kernel_worker(void);

/* ---- io.c ---- */

/* Hands the kernel what it did not take at once. True when nothing is left. */
bool kernel_sock_flush(struct kernel_sock *sock);
/* The pending error of the socket, fetched once. */
void kernel_sock_fail(struct kernel_sock *sock, int error);
void kernel_completions_run(struct tpa_worker *worker);

/* ---- events.c ---- */

/* Puts a socket into a worker's epoll. 0; -1 and errno. */
int kernel_watch(struct tpa_worker *worker, struct kernel_sock *sock);
/* Notes events for the program. */
void kernel_sock_ready(struct kernel_sock *sock, uint32_t events);
void kernel_ready_forget(struct kernel_sock *sock);

#endif
