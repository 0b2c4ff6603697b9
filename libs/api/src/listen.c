/*
 * tpa_listen_on, tpa_accept_burst, tpa_sock_info_get, tpa_close: socks come and go.
 */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/parse.h>

#include "export.h"

/* 127.0.0.1 and ::1 mean an address of the stack's own, the one that connections to them go to. */
static int loopback_resolve(struct tpa_worker *worker, struct tpa_base_address *address)
{
    struct tpa_ip_path *path;
    int error;

    path = tpa_ip_path_get(worker->ip, NULL, address, &error);
    if (path == NULL)
        return TPA_EINVAL;
    *address = *tpa_ip_path_destination(path);
    tpa_ip_path_put(worker->ip, path);
    return TPA_OK;
}

static int listener_bind(struct tpa_worker *worker, struct tpa_api_listener *listener,
                         const char *local)
{
    struct tpa_base_address *address = &listener->local;
    bool ipv4;

    if (local == NULL) {
        listener->any_address = true;
        listener->families = TPA_API_IPV4 | TPA_API_IPV6;
        return TPA_OK;
    }
    if (tpa_base_address_parse(local, TPA_BASE_PARSE_NUL, address) != TPA_OK)
        return TPA_EINVAL;
    ipv4 = tpa_base_address_is_ipv4(address);
    listener->families = ipv4 ? TPA_API_IPV4 : TPA_API_IPV6;
    if (!tpa_ip_has_family(worker->instance->ip, ipv4))
        return TPA_EINVAL;
    if (tpa_base_address_is_unspecified(address)) {
        listener->any_address = true;
        return TPA_OK;
    }
    if (tpa_base_address_is_loopback(address))
        return loopback_resolve(worker, address);
    return tpa_ip_is_local(worker->instance->ip, address) ? TPA_OK : TPA_EINVAL;
}

static int listener_open(struct tpa_worker *worker, struct tpa_api_listener *listener)
{
    struct tpa_api_instance *instance = worker->instance;
    int error;

    listener->sid = tpa_api_sid_take(instance->sids, tpa_api_listener_object(listener));
    if (listener->sid < 0)
        return listener->sid;
    error = tpa_api_listeners_add(&instance->listeners, listener);
    if (error != TPA_OK) {
        tpa_api_sid_give(instance->sids, listener->sid);
        return error;
    }
    if (!listener->scaling)
        tpa_api_port_hold(&instance->placement, &worker->holds, worker->index, listener->port);
    tpa_api_export_listener_opened(listener);
    return TPA_OK;
}

int tpa_listen_on(const char *local, uint16_t port, const struct tpa_sock_opts *opts)
{
    struct tpa_worker *worker = tpa_api_worker_current();
    struct tpa_api_listener *listener;
    const struct tpa_tcp_congestion *congestion;
    int error;

    if (worker == NULL)
        return tpa_api_fail(TPA_ENFILE);
    if (port == 0 || tpa_api_congestion_option(opts, &congestion) != TPA_OK)
        return tpa_api_fail(TPA_EINVAL);
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        return tpa_api_fail(TPA_ENOMEM);
    listener->worker = worker;
    listener->port = port;
    listener->scaling = opts != NULL && opts->listen_scaling;
    listener->data = opts != NULL ? opts->data : NULL;
    listener->congestion = congestion;
    error = listener_bind(worker, listener, local);
    if (error == TPA_OK)
        error = listener_open(worker, listener);
    if (error != TPA_OK) {
        free(listener);
        return tpa_api_fail(error);
    }
    return listener->sid;
}

int tpa_accept_burst(struct tpa_worker *worker, int *sid, int nr_sid)
{
    int count = 0;

    if (worker == NULL || sid == NULL || worker->thread != tpa_api_thread_identity())
        return 0;
    while (count < nr_sid && !tpa_base_list_is_empty(&worker->accept_queue)) {
        struct tpa_api_sock *sock =
            TPA_BASE_CONTAINER_OF(worker->accept_queue.next, struct tpa_api_sock, pending.link);

        /* No free sid: it waits until one is given back. */
        if (tpa_api_sock_hand_over(sock) != TPA_OK)
            break;
        sid[count++] = sock->sid;
    }
    return count;
}

static void info_of_sock(const struct tpa_api_sock *sock, struct tpa_sock_info *info)
{
    const struct tpa_tcp_tuple *tuple = &sock->flow.tuple;

    info->worker = sock->worker;
    info->data = sock->listener_data;
    memcpy(&info->local_ip, &tuple->local, sizeof(info->local_ip));
    memcpy(&info->remote_ip, &tuple->remote, sizeof(info->remote_ip));
    info->local_port = tpa_base_host_to_be16(tuple->local_port);
    info->remote_port = tpa_base_host_to_be16(tuple->remote_port);
}

static void info_of_listener(const struct tpa_api_listener *listener, struct tpa_sock_info *info)
{
    info->worker = listener->worker;
    info->data = listener->data;
    memcpy(&info->local_ip, &listener->local, sizeof(info->local_ip));
    info->local_port = tpa_base_host_to_be16(listener->port);
}

int tpa_sock_info_get(int sid, struct tpa_sock_info *info)
{
    struct tpa_api_listener *listener = tpa_api_object_listener(tpa_api_call_object(sid));
    struct tpa_api_sock *sock;
    int error;

    if (info == NULL)
        return tpa_api_fail(TPA_EINVAL);
    memset(info, 0, sizeof(*info));
    if (listener != NULL && listener->worker->thread == tpa_api_thread_identity()) {
        info_of_listener(listener, info);
        return 0;
    }
    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL)
        return tpa_api_fail(TPA_EINVAL);
    info_of_sock(sock, info);
    return 0;
}

static void listener_close(struct tpa_api_listener *listener)
{
    struct tpa_worker *worker = listener->worker;
    struct tpa_api_instance *instance = worker->instance;

    tpa_api_export_sid_closed(worker, listener->sid);
    tpa_api_sid_give(instance->sids, listener->sid);
    if (!listener->scaling)
        tpa_api_port_release(&instance->placement, &worker->holds, worker->index, listener->port);
    tpa_api_listeners_close(&instance->listeners, listener);
}

/* TCP signals CLOSED or TIME_WAIT when it is done, except for what ended before. */
static void sock_close(struct tpa_api_sock *sock)
{
    bool ended = (sock->flags & TPA_API_SOCK_IN_TABLE) == 0;

    sock->flags |= TPA_API_SOCK_CLOSED;
    (void)tpa_event_source_remove(&sock->event);
    if (ended) {
        tpa_api_sock_destroy(sock);
    } else {
        tpa_tcp_close(&sock->worker->tcp, &sock->tcp, sock->worker->now);
        tpa_api_orphan_add(sock);
        tpa_api_export_sock_changed(sock);
    }
}

void tpa_close(int sid)
{
    struct tpa_api_listener *listener = tpa_api_object_listener(tpa_api_call_object(sid));
    struct tpa_api_sock *sock;
    int error;

    if (listener != NULL && listener->worker->thread == tpa_api_thread_identity()) {
        listener_close(listener);
        return;
    }
    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL)
        tpa_api_fail(TPA_EINVAL);
    else
        sock_close(sock);
}
