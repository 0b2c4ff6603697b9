/*
 * tpa_connect_to: the way out, a local port, a sock, a SYN.
 */
#include "call.h"

#include <tpa/base/parse.h>

#include "export.h"

enum {
    /*
     * How long a connection has been in TIME-WAIT before its tuple may be opened again from our
     * side: ten ticks of the timestamp clock. Both ends check timestamps then, so that PAWS keeps
     * old segments out (RFC 7323, 5; RFC 6191 says the same of the other direction).
     */
    TIME_WAIT_REUSE_AGE = 10 * 1000 * 1000,
};

static bool time_wait_reusable(const struct tpa_worker *worker,
                               const struct tpa_api_time_wait *time_wait)
{
    uint64_t entered = time_wait->tcp.deadline - worker->instance->tcp.time_wait;

    return time_wait->tcp.timestamps && worker->now >= entered + TIME_WAIT_REUSE_AGE;
}

/* True when this worker has nothing of the tuple, or no longer. */
static bool tuple_claim(struct tpa_worker *worker, const struct tpa_tcp_tuple *tuple, uint64_t hash)
{
    enum tpa_api_demux_kind kind;
    struct tpa_api_flow *flow = tpa_api_demux_find(&worker->demux, hash, tuple, &kind);
    struct tpa_api_time_wait *time_wait;

    if (flow == NULL)
        return true;
    if (kind != TPA_API_DEMUX_TIME_WAIT)
        return false;
    time_wait = TPA_BASE_CONTAINER_OF(flow, struct tpa_api_time_wait, flow);
    if (!time_wait_reusable(worker, time_wait))
        return false;
    tpa_api_time_wait_destroy(worker, time_wait);
    return true;
}

static bool is_self(const struct tpa_tcp_tuple *tuple)
{
    return tuple->local_port == tuple->remote_port &&
           tpa_base_address_equal(&tuple->local, &tuple->remote);
}

/*
 * A port of the configured range whose tuple is free and natural to this worker: nobody else can
 * have it then.
 */
static int ephemeral_port_choose(struct tpa_worker *worker, struct tpa_tcp_tuple *tuple)
{
    const struct tpa_api_instance *instance = worker->instance;
    uint32_t ports = (uint32_t)(instance->local_port_high - instance->local_port_low) + 1;

    for (uint32_t attempt = 0; attempt < ports; attempt++) {
        uint64_t hash;

        tuple->local_port =
            tpa_tcp_ephemeral_port(&worker->tcp, &tuple->local, &tuple->remote, tuple->remote_port,
                                   instance->local_port_low, instance->local_port_high, attempt);
        if (is_self(tuple) || tpa_api_listeners_has_port(&instance->listeners, tuple->local_port))
            continue;
        hash = tpa_api_flow_hash(&instance->table_key, tuple);
        if (tpa_api_placement_natural(&instance->placement, tuple, hash) == worker->index &&
            tuple_claim(worker, tuple, hash))
            return TPA_OK;
    }
    return TPA_EADDRINUSE;
}

static int fixed_port_claim(struct tpa_api_sock *sock, uint16_t port)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_api_instance *instance = worker->instance;
    struct tpa_tcp_tuple *tuple = &sock->flow.tuple;
    uint64_t hash;
    int error;

    tuple->local_port = port;
    if (is_self(tuple) || tpa_api_listeners_has_port(&instance->listeners, port))
        return TPA_EADDRINUSE;
    hash = tpa_api_flow_hash(&instance->table_key, tuple);
    if (!tuple_claim(worker, tuple, hash))
        return TPA_EADDRINUSE;
    error = tpa_api_fixed_port_take(&instance->fixed_ports, tuple);
    if (error != TPA_OK)
        return error;
    sock->flags |= TPA_API_SOCK_FIXED_PORT;
    if (tpa_api_placement_natural(&instance->placement, tuple, hash) == worker->index)
        return TPA_OK;
    tpa_api_port_hold(&instance->placement, &worker->holds, worker->index, port);
    sock->flags |= TPA_API_SOCK_HOLDS_PORT;
    return TPA_OK;
}

/* `sock` is a fresh one; what it got is its own to give back whatever is returned. */
static int sock_connect(struct tpa_api_sock *sock, const struct tpa_base_address *server,
                        uint16_t port, uint16_t local_port,
                        const struct tpa_tcp_congestion *congestion)
{
    struct tpa_worker *worker = sock->worker;
    struct tpa_tcp_tuple *tuple = &sock->flow.tuple;
    int error;

    tpa_event_source_init(&sock->event);
    sock->path = tpa_ip_path_get(worker->ip, NULL, server, &error);
    if (sock->path == NULL)
        return error;
    tuple->local = *tpa_ip_path_source(sock->path);
    tuple->remote = *tpa_ip_path_destination(sock->path);
    tuple->remote_port = port;
    error =
        local_port != 0 ? fixed_port_claim(sock, local_port) : ephemeral_port_choose(worker, tuple);
    if (error != TPA_OK)
        return error;
    error = tpa_api_demux_insert(&worker->demux, &sock->flow, TPA_API_DEMUX_SOCK);
    if (error != TPA_OK)
        return error;
    sock->flags |= TPA_API_SOCK_IN_TABLE;
    sock->sid = tpa_api_sid_take(worker->instance->sids, sock);
    if (sock->sid < 0)
        return sock->sid;
    error =
        tpa_tcp_connect(&worker->tcp, &sock->tcp, tuple, tpa_ip_path_mtu(sock->path), worker->now);
    if (error == TPA_OK && congestion != NULL)
        error = tpa_tcp_set_congestion(&worker->tcp, &sock->tcp, congestion, worker->now);
    if (error != TPA_OK)
        return error;
    if (worker->instance->nagle)
        tpa_tcp_set_nodelay(&worker->tcp, &sock->tcp, false);
    tpa_api_export_trace_begin(sock);
    tpa_api_export_sock_opened(sock);
    return TPA_OK;
}

static int connect_error(int error)
{
    if (error == TPA_EUNREACHABLE) {
        errno = ENETUNREACH;
        return -1;
    }
    return tpa_api_fail(error == TPA_ENOSPC ? TPA_ENOMEM : error);
}

int tpa_connect_to(const char *server, uint16_t port, const struct tpa_sock_opts *opts)
{
    struct tpa_worker *worker = tpa_api_worker_current();
    const struct tpa_tcp_congestion *congestion;
    struct tpa_base_address address;
    struct tpa_api_sock *sock;
    int error;

    if (worker == NULL)
        return tpa_api_fail(TPA_ENFILE);
    if (server == NULL || port == 0 ||
        tpa_base_address_parse(server, TPA_BASE_PARSE_NUL, &address) != TPA_OK ||
        tpa_base_address_is_unspecified(&address) ||
        !tpa_ip_has_family(worker->instance->ip, tpa_base_address_is_ipv4(&address)) ||
        tpa_api_congestion_option(opts, &congestion) != TPA_OK)
        return tpa_api_fail(TPA_EINVAL);
    sock = tpa_api_sock_create(worker);
    if (sock == NULL)
        return tpa_api_fail(TPA_ENFILE);
    error = sock_connect(sock, &address, port, opts != NULL ? opts->local_port : 0, congestion);
    if (error != TPA_OK) {
        tpa_api_sock_destroy(sock);
        return connect_error(error);
    }
    return sock->sid;
}
