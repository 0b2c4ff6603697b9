/*
 * Reading and writing, and completions.
 */
#define _GNU_SOURCE
#include "bin/kernel/kernel_tpa.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define IOVS_MAX 1024

void kernel_sock_fail(struct kernel_sock *sock, int error)
{
    if (sock->error == 0)
        sock->error = error;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- Reading ---- */

static struct kernel_buffer *buffer_get(struct tpa_worker *worker)
{
    struct kernel_buffer *buffer = worker->buffers;

    if (buffer == NULL)
        return malloc(sizeof(*buffer));
    worker->buffers = buffer->next;
    return buffer;
}

static void buffer_put(struct kernel_buffer *buffer)
{
    buffer->next = buffer->owner->buffers;
    buffer->owner->buffers = buffer;
}

static void read_done(void *base, void *parameter)
{
    buffer_put(parameter);
}

ssize_t tpa_zreadv(int sid, struct tpa_iovec *iov, int nr_iov)
{
    struct kernel_sock *sock = kernel_sock_find(sid);
    struct kernel_buffer *buffer;
    ssize_t bytes;

    if (sock == NULL || iov == NULL || nr_iov <= 0)
        return fail(EINVAL);
    if (sock->error != 0)
        return fail(sock->error);
    if (sock->connecting)
        return fail(ENOTCONN);
    buffer = buffer_get(sock->worker);
    if (buffer == NULL)
        return fail(EAGAIN);
    buffer->owner = sock->worker;
    bytes = recv(sock->fd, buffer->data, KERNEL_BUFFER_SIZE, 0);
    if (bytes <= 0) {
        int error = errno;

        buffer_put(buffer);
        if (bytes == 0)
            return 0;
        if (error != EAGAIN && error != EINTR)
            kernel_sock_fail(sock, error);
        return fail(error == EINTR ? EAGAIN : error);
    }
    memset(iov, 0, sizeof(*iov));
    iov->iov_base = buffer->data;
    iov->iov_phys = 1;
    iov->iov_len = (uint32_t)bytes;
    iov->iov_param = buffer;
    iov->iov_read_done = read_done;
    return bytes;
}

/* ---- Writing ---- */

static bool completion_add(struct tpa_worker *worker, const struct tpa_iovec *iov)
{
    if (iov->iov_write_done == NULL)
        return true;
    if (worker->completion_count == worker->completion_room) {
        size_t room = worker->completion_room == 0 ? 1024 : 2 * worker->completion_room;
        void *larger = realloc(worker->completions, room * sizeof(*worker->completions));

        if (larger == NULL)
            return false;
        worker->completions = larger;
        worker->completion_room = room;
    }
    worker->completions[worker->completion_count++] = (struct kernel_completion){
        .done = iov->iov_write_done, .base = iov->iov_base, .parameter = iov->iov_param};
    return true;
}

/* A callback may write, and so add to the list. */
void kernel_completions_run(struct tpa_worker *worker)
{
    size_t count = worker->completion_count;

    for (size_t i = 0; i < count; i++)
        worker->completions[i].done(worker->completions[i].base, worker->completions[i].parameter);
    worker->completion_count -= count;
    memmove(worker->completions, worker->completions + count,
            worker->completion_count * sizeof(*worker->completions));
}

bool kernel_sock_flush(struct kernel_sock *sock)
{
    while (sock->pending_sent < sock->pending_length) {
        ssize_t sent = send(sock->fd, sock->pending + sock->pending_sent,
                            sock->pending_length - sock->pending_sent, MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR)
                kernel_sock_fail(sock, errno);
            return false;
        }
        sock->pending_sent += (size_t)sent;
    }
    free(sock->pending);
    sock->pending = NULL;
    sock->pending_length = sock->pending_sent = 0;
    return true;
}

/* Keeps what lies behind the first `sent` bytes. */
static bool rest_keep(struct kernel_sock *sock, const struct iovec *pieces, int count, size_t total,
                      size_t sent)
{
    size_t at = 0;

    sock->pending = malloc(total - sent);
    if (sock->pending == NULL)
        return false;
    for (int i = 0; i < count; i++) {
        size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;

        memcpy(sock->pending + at, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
        at += pieces[i].iov_len - skip;
        sent -= skip;
    }
    sock->pending_length = at;
    return true;
}

static ssize_t pieces_send(struct kernel_sock *sock, struct iovec *pieces, int count, size_t total)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t sent;

    if (sock->error != 0)
        return fail(sock->error);
    if (sock->connecting)
        return fail(ENOTCONN);
    if (sock->pending != NULL) {
        sock->wants_out = true;
        return fail(EAGAIN);
    }
    sent = sendmsg(sock->fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            sock->wants_out = true;
            return fail(EAGAIN);
        }
        kernel_sock_fail(sock, errno);
        return -1;
    }
    if ((size_t)sent < total && !rest_keep(sock, pieces, count, total, (size_t)sent)) {
        kernel_sock_fail(sock, ENOMEM);
        return fail(ENOMEM);
    }
    return (ssize_t)total;
}

ssize_t tpa_zwritev(int sid, const struct tpa_iovec *iov, int nr_iov)
{
    struct kernel_sock *sock = kernel_sock_find(sid);
    struct iovec pieces[IOVS_MAX];
    size_t total = 0;

    if (sock == NULL || nr_iov < 0 || nr_iov > IOVS_MAX || (nr_iov > 0 && iov == NULL))
        return fail(EINVAL);
    if (nr_iov == 0)
        return 0;
    for (int i = 0; i < nr_iov; i++) {
        if (iov[i].iov_base == NULL || iov[i].iov_len == 0)
            return fail(EINVAL);
        pieces[i] = (struct iovec){.iov_base = iov[i].iov_base, .iov_len = iov[i].iov_len};
        total += iov[i].iov_len;
    }
    if (pieces_send(sock, pieces, nr_iov, total) < 0)
        return -1;
    for (int i = 0; i < nr_iov; i++) {
        if (!completion_add(sock->worker, &iov[i]))
            abort(); /* the data is on its way: neither answer would be true */
    }
    return (ssize_t)total;
}

ssize_t tpa_write(int sid, const void *buf, size_t count)
{
    struct kernel_sock *sock = kernel_sock_find(sid);
    struct iovec piece = {.iov_base = (void *)(uintptr_t)buf, .iov_len = count};

    if (sock == NULL)
        return fail(EPIPE);
    if (count == 0)
        return 0;
    return buf == NULL ? fail(EINVAL) : pieces_send(sock, &piece, 1, count);
}
