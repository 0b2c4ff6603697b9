/*
 * From ports, loopback and other workers to connections. A burst is kept together: all its segments
 * are decoded, then all buckets loaded, then all connections, then they are processed in order.
 */
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "passive.h"
#include "worker.h"

enum {
    /* Marks a packet between workers whose data is a struct tpa_ip_error. */
    INTERFACE_ERROR = 0xfe,
    ERRORS_BURST = 16,
};

static struct tpa_worker *worker_at(struct tpa_api_instance *instance, uint32_t index)
{
    return atomic_load_explicit(&instance->workers[index], memory_order_acquire);
}

static void hand_off(struct tpa_worker *worker, struct rte_mbuf *packet, uint32_t to)
{
    struct tpa_worker *owner = worker_at(worker->instance, to);

    tpa_mem_packet_private(packet)->visited |= UINT32_C(1) << worker->index;
    if (owner == NULL || tpa_mem_ring_push(&owner->inbox, (void **)&packet, 1) == 0) {
        tpa_api_drop(worker, packet, TPA_BASE_DROP_NETDEV_HANDOFF_FULL);
        return;
    }
    worker->counters.handed_off++;
}

void tpa_api_arrival_reply(struct tpa_worker *worker, const struct tpa_api_arrival *arrival,
                           struct rte_mbuf *reply)
{
    struct tpa_ip_send send = {
        .ttl = tpa_mem_packet_layer(reply, struct tpa_tcp_transmit)->ttl,
        .protocol = 6,
    };

    tpa_ip_reply(worker->ip, arrival->received, reply, &send, worker->now);
}

static void reset_peer(struct tpa_worker *worker, struct tpa_api_arrival *arrival)
{
    enum tpa_base_drop reason;
    struct rte_mbuf *reset =
        tpa_tcp_reset_for(&worker->tcp, &arrival->segment, &reason, worker->now);

    if (reset != NULL)
        tpa_api_arrival_reply(worker, arrival, reset);
    tpa_api_drop(worker, arrival->packet, reason);
}

static uint32_t listener_worker(const struct tpa_worker *worker,
                                const struct tpa_api_listener *listener,
                                const struct tpa_api_arrival *arrival)
{
    if (!listener->scaling)
        return listener->worker->index;
    return tpa_api_placement_natural(&worker->instance->placement, &arrival->tuple, arrival->hash);
}

static struct tpa_api_listener *listener_of(const struct tpa_worker *worker,
                                            const struct tpa_api_arrival *arrival)
{
    return tpa_api_listeners_find(&worker->instance->listeners, &arrival->tuple.local,
                                  arrival->tuple.local_port);
}

static bool is_bare_syn(const struct tpa_tcp_segment *segment)
{
    return (segment->flags & (TPA_TCP_SYN | TPA_TCP_ACK | TPA_TCP_RST)) == TPA_TCP_SYN;
}

/* A SYN that no holder of its port has a connection for; false when nobody listens for it. */
static bool deliver_syn(struct tpa_worker *worker, struct tpa_api_arrival *arrival)
{
    struct tpa_api_listener *listener = listener_of(worker, arrival);
    uint32_t owner;

    if (listener == NULL)
        return false;
    owner = listener_worker(worker, listener, arrival);
    if (owner == worker->index)
        tpa_api_passive_syn(worker, listener, arrival);
    else
        hand_off(worker, arrival->packet, owner);
    return true;
}

/*
 * A segment that belongs to nothing may acknowledge a cookie; every worker can tell, its listener's
 * opens the connection. Text that does not may have overtaken the segment that does: the peer sends
 * it again, where a reset would end a good connection. False: it is to be answered by a reset.
 */
static bool deliver_cookie(struct tpa_worker *worker, struct tpa_api_arrival *arrival)
{
    struct tpa_api_listener *listener = listener_of(worker, arrival);
    struct tpa_tcp_segment syn;
    uint32_t owner;

    if (listener == NULL || !tpa_api_cookies_are_out(listener, worker->now))
        return false;
    if (!tpa_tcp_cookie_check(&worker->tcp, &arrival->tuple, &arrival->segment, &syn,
                              worker->now)) {
        if (arrival->segment.length == 0)
            return false;
        tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_SYN_COOKIE);
        return true;
    }
    owner = listener_worker(worker, listener, arrival);
    if (owner == worker->index)
        tpa_api_passive_cookie(worker, listener, arrival, &syn);
    else
        hand_off(worker, arrival->packet, owner);
    return true;
}

/* A segment that this worker has no connection for (RFC 9293, 3.10.7.1 and .2). */
static void deliver_unknown(struct tpa_worker *worker, struct tpa_api_arrival *arrival)
{
    const struct tpa_api_placement *placement = &worker->instance->placement;
    uint32_t visited = tpa_mem_packet_private(arrival->packet)->visited | UINT32_C(1)
                                                                              << worker->index;
    int next = tpa_api_placement_next_holder(placement, arrival->tuple.local_port, visited);

    if (next < 0 && is_bare_syn(&arrival->segment) && deliver_syn(worker, arrival))
        return;
    if (next < 0)
        next = tpa_api_placement_next(placement, &arrival->tuple, arrival->hash, visited);
    if (next >= 0)
        hand_off(worker, arrival->packet, (uint32_t)next);
    else if (!deliver_cookie(worker, arrival))
        reset_peer(worker, arrival);
}

static void deliver_time_wait(struct tpa_worker *worker, struct tpa_api_time_wait *time_wait,
                              struct tpa_api_arrival *arrival)
{
    struct rte_mbuf *reply = NULL;
    uint64_t deadline = time_wait->tcp.deadline;

    switch (tpa_tcp_time_wait_input(&worker->tcp, &time_wait->tcp, &arrival->segment, &reply,
                                    worker->now)) {
    case TPA_TCP_TIME_WAIT_REUSE:
        tpa_api_time_wait_destroy(worker, time_wait);
        deliver_unknown(worker, arrival);
        return;
    case TPA_TCP_TIME_WAIT_REPLY:
        if (reply != NULL)
            tpa_api_arrival_reply(worker, arrival, reply);
        break;
    case TPA_TCP_TIME_WAIT_DROP:
        break;
    }
    if (time_wait->tcp.deadline != deadline) {
        tpa_base_list_remove(&time_wait->link);
        tpa_base_list_push_back(&worker->time_waits, &time_wait->link);
    }
    tpa_api_drop(worker, arrival->packet, TPA_BASE_DROP_TCP_TIME_WAIT);
}

static void deliver(struct tpa_worker *worker, struct tpa_api_arrival *arrival)
{
    enum tpa_api_demux_kind kind;
    struct tpa_api_flow *flow =
        tpa_api_demux_find(&worker->demux, arrival->hash, &arrival->tuple, &kind);

    if (flow == NULL) {
        deliver_unknown(worker, arrival);
    } else if (kind == TPA_API_DEMUX_TIME_WAIT) {
        deliver_time_wait(worker, TPA_BASE_CONTAINER_OF(flow, struct tpa_api_time_wait, flow),
                          arrival);
    } else {
        struct tpa_api_sock *sock = TPA_BASE_CONTAINER_OF(flow, struct tpa_api_sock, flow);

        tpa_tcp_input(&worker->tcp, &sock->tcp, arrival->packet, &arrival->segment, worker->now);
    }
}

/* Decodes a packet; false when it was dropped. */
static bool arrival_decode(struct tpa_worker *worker, struct rte_mbuf *packet,
                           struct tpa_api_arrival *arrival)
{
    const struct tpa_ip_received *received = tpa_mem_packet_layer(packet, struct tpa_ip_received);
    int fault = tpa_tcp_segment_parse(packet, received->traffic_class, &arrival->segment);

    if (fault != 0) {
        tpa_api_drop(worker, packet, (enum tpa_base_drop) - fault);
        return false;
    }
    arrival->packet = packet;
    arrival->received = received;
    arrival->tuple.local = received->destination;
    arrival->tuple.remote = received->source;
    arrival->tuple.local_port = arrival->segment.destination_port;
    arrival->tuple.remote_port = arrival->segment.source_port;
    arrival->hash = tpa_api_flow_hash(&worker->instance->table_key, &arrival->tuple);
    tpa_api_demux_prefetch(&worker->demux, arrival->hash);
    return true;
}

static void receive_segments(struct tpa_worker *worker, struct rte_mbuf **packets, uint16_t count)
{
    struct tpa_api_arrival arrivals[TPA_API_BURST];
    uint16_t decoded = 0;

    for (uint16_t i = 0; i < count; i++) {
        if (arrival_decode(worker, packets[i], &arrivals[decoded]))
            decoded++;
    }
    for (uint16_t i = 0; i < decoded; i++)
        tpa_api_demux_prefetch_object(&worker->demux, arrivals[i].hash);
    for (uint16_t i = 0; i < decoded; i++)
        deliver(worker, &arrivals[i]);
}

static void receive_frames(struct tpa_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                           uint16_t count)
{
    struct rte_mbuf *packets[TPA_API_BURST];

    worker->counters.packets_in += count;
    for (uint16_t i = 0; i < count; i++)
        tpa_mem_packet_private(frames[i])->visited = 0;
    count = tpa_ip_input(worker->ip, interface, frames, count, packets, worker->now);
    receive_segments(worker, packets, count);
}

/* A burst that isn't full tells that the ring was empty. */
static void receive_port(struct tpa_worker *worker, const struct tpa_api_port *port)
{
    struct rte_mbuf *frames[TPA_API_BURST];
    uint16_t count = TPA_API_BURST;

    for (uint32_t taken = 0; count == TPA_API_BURST && taken < TPA_API_STEP_PACKETS;
         taken += TPA_API_BURST) {
        count = tpa_netdev_rx_burst(port->device, (uint16_t)worker->index, frames, TPA_API_BURST,
                                    worker->now);
        if (count > 0)
            receive_frames(worker, port->interface, frames, count);
    }
}

static void receive_ports(struct tpa_worker *worker)
{
    struct tpa_api_instance *instance = worker->instance;

    for (uint32_t i = 0; i < instance->port_count; i++) {
        if (worker->index < instance->ports[i].queue_count)
            receive_port(worker, &instance->ports[i]);
    }
}

/* What the stack sent to itself before this step; what it sends meanwhile waits for the next. */
static void receive_loopback(struct tpa_worker *worker)
{
    struct rte_mbuf *frames[TPA_API_BURST];
    uint16_t count = tpa_ip_take(worker->ip, TPA_IP_INTERFACE_LOOPBACK, frames, TPA_API_BURST);

    if (count > 0)
        receive_frames(worker, TPA_IP_INTERFACE_LOOPBACK, frames, count);
}

/* An error that ICMP told goes the same way as segments of the connection would. */
static bool error_apply(struct tpa_worker *worker, const struct tpa_ip_error *error,
                        const struct tpa_tcp_tuple *tuple, uint64_t hash)
{
    enum tpa_api_demux_kind kind;
    struct tpa_api_flow *flow = tpa_api_demux_find(&worker->demux, hash, tuple, &kind);
    struct tpa_api_sock *sock;

    if (flow == NULL || kind != TPA_API_DEMUX_SOCK)
        return flow != NULL;
    sock = TPA_BASE_CONTAINER_OF(flow, struct tpa_api_sock, flow);
    if (error->kind != TPA_IP_ERROR_PACKET_TOO_BIG)
        tpa_tcp_unreachable(&worker->tcp, &sock->tcp, error->sequence,
                            error->kind == TPA_IP_ERROR_UNREACHABLE_HARD, worker->now);
    else if (tpa_tcp_path_mtu_changed(&worker->tcp, &sock->tcp, error->sequence, error->mtu,
                                      worker->now))
        tpa_ip_path_mtu_accept(worker->ip, error, worker->now);
    return true;
}

static void error_receive(struct tpa_worker *worker, const struct tpa_ip_error *error,
                          uint32_t visited)
{
    struct tpa_tcp_tuple tuple = {
        .local = error->source,
        .remote = error->destination,
        .local_port = tpa_base_be16_to_host(error->source_port),
        .remote_port = tpa_base_be16_to_host(error->destination_port),
    };
    uint64_t hash = tpa_api_flow_hash(&worker->instance->table_key, &tuple);
    struct rte_mbuf *message;
    int next;

    if (error_apply(worker, error, &tuple, hash))
        return;
    visited |= UINT32_C(1) << worker->index;
    next = tpa_api_placement_next(&worker->instance->placement, &tuple, hash, visited);
    if (next < 0)
        return;
    message = tpa_mem_packet_from_bytes(worker->instance->pool, error, sizeof(*error));
    if (message == NULL)
        return;
    tpa_mem_packet_layer(message, struct tpa_ip_received)->interface = INTERFACE_ERROR;
    tpa_mem_packet_private(message)->visited = visited;
    hand_off(worker, message, (uint32_t)next);
}

static void receive_errors(struct tpa_worker *worker)
{
    struct tpa_ip_error errors[ERRORS_BURST];
    uint16_t count = tpa_ip_errors_take(worker->ip, errors, ERRORS_BURST);

    for (uint16_t i = 0; i < count; i++)
        error_receive(worker, &errors[i], 0);
}

static bool is_error_message(const struct rte_mbuf *packet)
{
    return tpa_mem_packet_layer((struct rte_mbuf *)(uintptr_t)packet, struct tpa_ip_received)
               ->interface == INTERFACE_ERROR;
}

static void receive_error_message(struct tpa_worker *worker, struct rte_mbuf *message)
{
    struct tpa_ip_error error;

    memcpy(&error, tpa_mem_packet_data(message), sizeof(error));
    error_receive(worker, &error, tpa_mem_packet_private(message)->visited);
    tpa_mem_packet_free(message);
}

static unsigned int receive_inbox_burst(struct tpa_worker *worker)
{
    struct rte_mbuf *packets[TPA_API_BURST];
    unsigned int count = tpa_mem_ring_pop(&worker->inbox, (void **)packets, TPA_API_BURST);
    uint16_t segments = 0;

    worker->counters.handed_in += count;
    for (unsigned int i = 0; i < count; i++) {
        if (is_error_message(packets[i]))
            receive_error_message(worker, packets[i]);
        else
            packets[segments++] = packets[i];
    }
    receive_segments(worker, packets, segments);
    return count;
}

static void receive_inbox(struct tpa_worker *worker)
{
    for (uint32_t taken = 0; taken < TPA_API_STEP_PACKETS; taken += TPA_API_BURST) {
        if (receive_inbox_burst(worker) < TPA_API_BURST)
            return;
    }
}

void tpa_api_receive(struct tpa_worker *worker)
{
    if (worker->instance->worker_count > 1)
        receive_inbox(worker);
    receive_ports(worker);
    receive_loopback(worker);
    receive_errors(worker);
}
