/*
 * From connections and from IP to the ports.
 */
#include <tpa/base/compiler.h>

#include "worker.h"

/* Frames that are sent by another worker, which owns the port's queue. */
static uint16_t send_by_owner(struct tpa_worker *worker, struct tpa_api_port *port,
                              struct rte_mbuf **frames, uint16_t count)
{
    struct tpa_mem_ring *inbox = &port->transmit_inbox[worker->index % port->queue_count];

    return (uint16_t)tpa_mem_ring_push(inbox, (void **)frames, count);
}

/* True when all that waited was taken. */
static bool send_interface(struct tpa_worker *worker, struct tpa_api_port *port)
{
    struct rte_mbuf *frames[TPA_API_BURST];
    uint16_t count;

    while ((count = tpa_ip_take(worker->ip, port->interface, frames, TPA_API_BURST)) > 0) {
        uint16_t sent;

        if (worker->index < port->queue_count)
            sent = tpa_netdev_tx_burst(port->device, (uint16_t)worker->index, frames, count,
                                       worker->now);
        else
            sent = send_by_owner(worker, port, frames, count);
        worker->counters.packets_out += sent;
        if (sent < count) {
            tpa_ip_untake(worker->ip, port->interface, frames + sent, (uint16_t)(count - sent));
            return false;
        }
    }
    return true;
}

/* What workers without a queue have handed over goes in front of the worker's own. */
static void take_from_others(struct tpa_worker *worker, struct tpa_api_port *port)
{
    struct tpa_mem_ring *inbox = &port->transmit_inbox[worker->index];
    struct rte_mbuf *frames[TPA_API_BURST];
    unsigned int count;

    /* Frames of the burst before still wait: the port is full. */
    if ((tpa_ip_waiting(worker->ip) & UINT32_C(1) << port->interface) != 0)
        return;
    count = tpa_mem_ring_pop(inbox, (void **)frames, TPA_API_BURST);
    if (count > 0)
        tpa_ip_untake(worker->ip, port->interface, frames, (uint16_t)count);
}

static bool send_all(struct tpa_worker *worker)
{
    struct tpa_api_instance *instance = worker->instance;
    uint32_t waiting = tpa_ip_waiting(worker->ip);
    bool all = true;

    for (uint32_t i = 0; i < instance->port_count; i++) {
        if ((waiting & UINT32_C(1) << instance->ports[i].interface) != 0 &&
            !send_interface(worker, &instance->ports[i]))
            all = false;
    }
    return all;
}

static void hand_to_ip(struct tpa_worker *worker, struct rte_mbuf **packets, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        const struct tpa_tcp_transmit *transmit =
            tpa_mem_packet_layer(packets[i], struct tpa_tcp_transmit);
        struct tpa_api_sock *sock =
            TPA_BASE_CONTAINER_OF(transmit->connection, struct tpa_api_sock, tcp);
        struct tpa_ip_send send = {
            .traffic_class = transmit->traffic_class,
            .ttl = transmit->ttl,
            .protocol = 6,
        };

        tpa_ip_output(worker->ip, sock->path, packets[i], &send, worker->now);
    }
}

static void flush_ports(struct tpa_worker *worker)
{
    struct tpa_api_instance *instance = worker->instance;

    for (uint32_t i = 0; i < instance->port_count; i++) {
        struct tpa_api_port *port = &instance->ports[i];

        if (worker->index >= port->queue_count)
            continue;
        if (instance->worker_count > port->queue_count)
            take_from_others(worker, port);
        (void)tpa_netdev_tx_flush(port->device, (uint16_t)worker->index, worker->now);
    }
}

/* TCP is asked only while the ports take what it makes: what waits, waits as data and not as
 * packets. */
void tpa_api_transmit(struct tpa_worker *worker)
{
    struct rte_mbuf *packets[TPA_API_BURST];
    uint32_t segments = TPA_API_STEP_PACKETS;
    uint16_t count;

    flush_ports(worker);
    while (send_all(worker)) {
        count = tpa_tcp_output(&worker->tcp, packets, TPA_API_BURST, &segments, worker->now);
        if (count == 0)
            return;
        hand_to_ip(worker, packets, count);
    }
}
