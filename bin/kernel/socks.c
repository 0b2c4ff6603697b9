/*
 * Workers, sids, and what opens and closes socks.
 */
#define _GNU_SOURCE
#include "bin/kernel/kernel_tpa.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

static struct {
    pthread_mutex_t lock;
    int workers_allowed;
    int worker_count;
    struct tpa_worker *workers[KERNEL_WORKERS_MAX];
    struct kernel_sock *socks[KERNEL_SOCKS_MAX];
    int lowest_free; /* no free sid below it */
    int listeners[KERNEL_SOCKS_MAX];
    int listener_count;
} stack = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread struct tpa_worker *current;

struct tpa_worker *kernel_worker(void)
{
    return current;
}

/* ---- Sids ---- */

struct kernel_sock *kernel_sock_create(int fd, struct tpa_worker *worker)
{
    struct kernel_sock *sock = calloc(1, sizeof(*sock));
    int sid;

    if (sock == NULL)
        return NULL;
    pthread_mutex_lock(&stack.lock);
    for (sid = stack.lowest_free; sid < KERNEL_SOCKS_MAX && stack.socks[sid] != NULL; sid++)
        ;
    stack.lowest_free = sid;
    if (sid < KERNEL_SOCKS_MAX)
        stack.socks[sid] = sock;
    pthread_mutex_unlock(&stack.lock);
    if (sid == KERNEL_SOCKS_MAX) {
        free(sock);
        errno = ENFILE;
        return NULL;
    }
    sock->sid = sid;
    sock->fd = fd;
    sock->worker = worker;
    return sock;
}

void kernel_sock_destroy(struct kernel_sock *sock)
{
    kernel_ready_forget(sock);
    close(sock->fd);
    pthread_mutex_lock(&stack.lock);
    stack.socks[sock->sid] = NULL;
    if (sock->sid < stack.lowest_free)
        stack.lowest_free = sock->sid;
    for (int i = 0; sock->listening && i < stack.listener_count; i++) {
        if (stack.listeners[i] == sock->sid)
            stack.listeners[i] = stack.listeners[--stack.listener_count];
    }
    pthread_mutex_unlock(&stack.lock);
    free(sock->pending);
    free(sock);
}

struct kernel_sock *kernel_sock_find(int sid)
{
    struct kernel_sock *sock;

    if (sid < 0 || sid >= KERNEL_SOCKS_MAX)
        return NULL;
    sock = __atomic_load_n(&stack.socks[sid], __ATOMIC_ACQUIRE);
    return sock == NULL || sock->closing ? NULL : sock;
}

/* ---- Start ---- */

int tpa_init(int nr_worker)
{
    if (nr_worker <= 0 || nr_worker > KERNEL_WORKERS_MAX || stack.workers_allowed != 0) {
        fprintf(stderr, "tpa_init: 1 to %d workers, once\n", KERNEL_WORKERS_MAX);
        errno = EINVAL;
        return -1;
    }
    stack.workers_allowed = nr_worker;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

struct tpa_worker *tpa_worker_init(void)
{
    struct tpa_worker *worker;

    if (current != NULL) {
        errno = EEXIST;
        return NULL;
    }
    worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return NULL;
    worker->ready_end = &worker->ready_first;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_lock(&stack.lock);
    if (worker->epoll >= 0 && stack.worker_count < stack.workers_allowed) {
        stack.workers[stack.worker_count++] = worker;
        current = worker;
        for (int i = 0; i < stack.listener_count; i++) {
            if (stack.socks[stack.listeners[i]]->worker == NULL)
                (void)kernel_watch(worker, stack.socks[stack.listeners[i]]);
        }
    }
    pthread_mutex_unlock(&stack.lock);
    if (current == NULL) {
        close(worker->epoll);
        free(worker);
        errno = ENOSPC;
        return NULL;
    }
    return worker;
}

/* ---- Opening ---- */

static bool address_of(const char *literal, uint16_t port, struct sockaddr_storage *address,
                       socklen_t *size)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, literal, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        *size = sizeof(*ipv4);
        return true;
    }
    if (inet_pton(AF_INET6, literal, &ipv6->sin6_addr) != 1)
        return false;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    *size = sizeof(*ipv6);
    return true;
}

static void option_set(int fd, int level, int option)
{
    int on = 1;

    (void)setsockopt(fd, level, option, &on, sizeof(on));
}

static int local_port_bind(int fd, sa_family_t family, uint16_t port)
{
    struct sockaddr_storage address = {0};
    socklen_t size = 0;

    if (port == 0)
        return 0;
    (void)address_of(family == AF_INET ? "0.0.0.0" : "::", port, &address, &size);
    option_set(fd, SOL_SOCKET, SO_REUSEADDR);
    return bind(fd, (struct sockaddr *)&address, size);
}

static int fd_fail(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

int tpa_connect_to(const char *server, uint16_t port, const struct tpa_sock_opts *opts)
{
    struct sockaddr_storage address;
    struct kernel_sock *sock;
    socklen_t size;
    int fd;

    if (current == NULL) {
        errno = ENFILE;
        return -1;
    }
    if (server == NULL || port == 0 || !address_of(server, port, &address, &size)) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    option_set(fd, IPPROTO_TCP, TCP_NODELAY);
    if (local_port_bind(fd, address.ss_family, opts != NULL ? opts->local_port : 0) < 0 ||
        (connect(fd, (struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS))
        return fd_fail(fd, errno);
    sock = kernel_sock_create(fd, current);
    if (sock == NULL)
        return fd_fail(fd, errno);
    sock->connecting = true;
    if (kernel_watch(current, sock) < 0) {
        kernel_sock_destroy(sock);
        return -1;
    }
    return sock->sid;
}

static int listener_open(const char *local, uint16_t port)
{
    struct sockaddr_storage address;
    socklen_t size;
    int fd;

    if (port == 0 || !address_of(local != NULL ? local : "::", port, &address, &size)) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    option_set(fd, SOL_SOCKET, SO_REUSEADDR);
    if (address.ss_family == AF_INET6 && local != NULL)
        option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0)
        return fd_fail(fd, errno);
    return fd;
}

int tpa_listen_on(const char *local, uint16_t port, const struct tpa_sock_opts *opts)
{
    bool scaled = opts != NULL && opts->listen_scaling;
    struct kernel_sock *sock;
    int fd;

    if (current == NULL) {
        errno = ENFILE;
        return -1;
    }
    fd = listener_open(local, port);
    if (fd < 0)
        return -1;
    sock = kernel_sock_create(fd, scaled ? NULL : current);
    if (sock == NULL)
        return fd_fail(fd, errno);
    sock->listening = true;
    sock->listener_data = opts != NULL ? opts->data : NULL;
    pthread_mutex_lock(&stack.lock);
    stack.listeners[stack.listener_count++] = sock->sid;
    /* A connection that arrives ends the sleep of who may accept it. */
    for (int i = 0; i < stack.worker_count; i++) {
        if (scaled || stack.workers[i] == current)
            (void)kernel_watch(stack.workers[i], sock);
    }
    pthread_mutex_unlock(&stack.lock);
    return sock->sid;
}

static struct kernel_sock *accept_one(struct tpa_worker *worker, const struct kernel_sock *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct kernel_sock *sock;

    if (fd < 0)
        return NULL;
    option_set(fd, IPPROTO_TCP, TCP_NODELAY);
    sock = kernel_sock_create(fd, worker);
    if (sock == NULL) {
        close(fd);
        return NULL;
    }
    sock->listener_data = listener->listener_data;
    if (kernel_watch(worker, sock) < 0) {
        kernel_sock_destroy(sock);
        return NULL;
    }
    return sock;
}

int tpa_accept_burst(struct tpa_worker *worker, int *sid, int nr_sid)
{
    int count = 0;

    if (worker == NULL || sid == NULL)
        return 0;
    for (int i = 0; i < stack.listener_count && count < nr_sid; i++) {
        struct kernel_sock *listener = stack.socks[stack.listeners[i]];
        struct kernel_sock *sock;

        if (listener == NULL || (listener->worker != NULL && listener->worker != worker))
            continue;
        while (count < nr_sid && (sock = accept_one(worker, listener)) != NULL)
            sid[count++] = sock->sid;
    }
    return count;
}

/* ---- Asking and closing ---- */

static uint16_t address_read(const struct sockaddr_storage *address, struct tpa_ip *ip)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    if (address->ss_family == AF_INET) {
        memcpy(&ipv4, address, sizeof(ipv4));
        tpa_ip_set_ipv4(ip, ipv4.sin_addr.s_addr);
        return ipv4.sin_port;
    }
    memcpy(&ipv6, address, sizeof(ipv6));
    tpa_ip_set_ipv6(ip, ipv6.sin6_addr.s6_addr);
    return ipv6.sin6_port;
}

int tpa_sock_info_get(int sid, struct tpa_sock_info *info)
{
    struct kernel_sock *sock = kernel_sock_find(sid);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (sock == NULL || info == NULL) {
        errno = EINVAL;
        return -1;
    }
    memset(info, 0, sizeof(*info));
    info->worker = sock->worker;
    info->data = sock->listener_data;
    if (getsockname(sock->fd, (struct sockaddr *)&address, &size) == 0)
        info->local_port = address_read(&address, &info->local_ip);
    size = sizeof(address);
    if (getpeername(sock->fd, (struct sockaddr *)&address, &size) == 0)
        info->remote_port = address_read(&address, &info->remote_ip);
    return 0;
}

void tpa_close(int sid)
{
    struct kernel_sock *sock = kernel_sock_find(sid);

    if (sock == NULL) {
        errno = EINVAL;
        return;
    }
    sock->watched = false;
    kernel_ready_forget(sock);
    if (sock->error == 0 && !kernel_sock_flush(sock) && sock->error == 0)
        sock->closing = true;
    else
        kernel_sock_destroy(sock);
}

/* ---- Memory: the kernel copies, wherever it lies ---- */

struct tpa_memseg *tpa_memsegs_get(void)
{
    static struct tpa_memseg none;

    return &none;
}

int tpa_extmem_register(void *virt_addr, size_t len, uint64_t *phys_addrs, int nr_page,
                        size_t page_size)
{
    if (virt_addr != NULL && nr_page > 0 && len == (size_t)nr_page * page_size)
        return 0;
    errno = EINVAL;
    return -1;
}

int tpa_extmem_unregister(void *virt_addr, size_t len)
{
    return 0;
}
