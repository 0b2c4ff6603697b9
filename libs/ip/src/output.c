/* Packets down: headers from the path's template, to the port's queue, to whoever resolves the next
 * hop, or back to ourselves. */
#include "output.h"

#include <string.h>

#include <tpa/base/cursor.h>

#include "offload.h"
#include "state.h"

static enum tpa_base_drop reason_of(const struct tpa_ip_path *path)
{
    return path->state == TPA_IP_PATH_NO_SOURCE ? TPA_BASE_DROP_ROUTE_NO_SOURCE
                                                : TPA_BASE_DROP_ROUTE_NONE;
}

void tpa_ip_output_failed(struct tpa_ip_worker *worker, uint8_t interface,
                          const struct tpa_ip_error *error, struct rte_mbuf *packet,
                          uint32_t transport, enum tpa_base_drop reason)
{
    struct tpa_ip_error told = *error;
    uint8_t buffer[8];
    const void *bytes = tpa_mem_packet_read(packet, transport, sizeof(buffer), buffer);

    if (bytes != NULL) {
        struct tpa_base_cursor cursor = tpa_base_cursor_make(bytes, sizeof(buffer));

        told.source_port = tpa_base_host_to_be16(tpa_base_cursor_be16(&cursor));
        told.destination_port = tpa_base_host_to_be16(tpa_base_cursor_be16(&cursor));
        told.sequence = tpa_base_cursor_be32(&cursor);
        tpa_ip_error_push(worker, &told);
    }
    tpa_ip_drop(worker, interface, packet, reason);
}

static void path_failed(struct tpa_ip_worker *worker, const struct tpa_ip_path *path,
                        struct rte_mbuf *packet, const struct tpa_ip_send *send,
                        enum tpa_base_drop reason)
{
    struct tpa_ip_error error = {
        .source = path->source,
        .destination = path->destination,
        .kind = TPA_IP_ERROR_UNREACHABLE_SOFT,
        .interface = path->interface,
    };

    if (send->protocol != TPA_IP_PROTOCOL_TCP) {
        tpa_ip_drop(worker, path->interface, packet, reason);
        return;
    }
    if (reason == TPA_BASE_DROP_OUTPUT_TOO_BIG) {
        error.kind = TPA_IP_ERROR_PACKET_TOO_BIG;
        error.mtu = path->mtu;
    }
    tpa_ip_output_failed(worker, path->interface, &error, packet, 0, reason);
}

/* Its own copy, since the sender's buffers must not wait for our reader. */
static void loop_back(struct tpa_ip_worker *worker, struct rte_mbuf *packet)
{
    struct rte_mbuf *copy;

    if (worker->output[TPA_IP_QUEUE_LOOPBACK].count >= TPA_IP_LOOPBACK_QUEUE_MAX) {
        tpa_ip_drop(worker, TPA_IP_INTERFACE_LOOPBACK, packet, TPA_BASE_DROP_LOOPBACK_FULL);
        return;
    }
    copy = tpa_mem_packet_copy(worker->pool, packet);
    if (copy == NULL) {
        tpa_ip_drop(worker, TPA_IP_INTERFACE_LOOPBACK, packet, TPA_BASE_DROP_NETDEV_NO_BUFFER);
        return;
    }
    tpa_mem_packet_free(packet);
    tpa_ip_mark_loopback(copy);
    tpa_mem_packet_private(copy)->arrival = worker->now;
    tpa_mem_packet_queue_push(&worker->output[TPA_IP_QUEUE_LOOPBACK], copy);
    worker->waiting |= TPA_IP_WAITING_LOOPBACK;
}

static inline bool fits(const struct tpa_ip_path *path, const struct rte_mbuf *packet,
                        uint32_t length)
{
    if (TPA_BASE_LIKELY(length <= path->mtu))
        return true;
    return tpa_ip_tx_is_segmented(packet) && length <= TPA_IP_DATAGRAM_MAX &&
           tpa_ip_tx_segment_length(packet) + path->header_length - path->link_length <= path->mtu;
}

/* The two lengths that nearly all headers have are copied without a loop. */
static inline void copy_header(uint8_t *to, const struct tpa_ip_path *path)
{
    switch (path->header_length) {
    case TPA_IP_ETHERNET_LENGTH + TPA_IP_IPV4_LENGTH:
        memcpy(to, path->header, TPA_IP_ETHERNET_LENGTH + TPA_IP_IPV4_LENGTH);
        break;
    case TPA_IP_ETHERNET_LENGTH + TPA_IP_IPV6_LENGTH:
        memcpy(to, path->header, TPA_IP_ETHERNET_LENGTH + TPA_IP_IPV6_LENGTH);
        break;
    default:
        memcpy(to, path->header, path->header_length);
    }
}

static inline void write_ipv4(struct tpa_ip_path *path, uint8_t *header, uint32_t length,
                              const struct tpa_ip_send *send, uint8_t ttl, uint16_t fragment_field)
{
    header[1] = send->traffic_class;
    tpa_base_store_be16(header + 2, (uint16_t)length);
    tpa_base_store_be16(header + 4, ++path->identification);
    tpa_base_store_be16(header + 6, fragment_field);
    header[8] = ttl;
    header[9] = send->protocol;
}

static inline void write_ipv6(uint8_t *header, uint32_t length, const struct tpa_ip_send *send,
                              uint8_t ttl)
{
    header[0] = (uint8_t)(0x60 | send->traffic_class >> 4);
    header[1] = (uint8_t)(send->traffic_class << 4);
    tpa_base_store_be16(header + 4, (uint16_t)(length - TPA_IP_IPV6_LENGTH));
    header[6] = send->protocol;
    header[7] = ttl;
}

static inline void output_on(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                             struct rte_mbuf *packet, const struct tpa_ip_send *send,
                             uint16_t fragment_field)
{
    uint8_t network_length, ttl = send->ttl != 0 ? send->ttl : TPA_IP_TTL_DEFAULT;
    uint32_t length;
    uint8_t *header;

    if (TPA_BASE_UNLIKELY(path->generation != tpa_ip_stack_generation(worker->stack) ||
                          worker->now >= path->refresh_at))
        tpa_ip_path_renew(path, worker->now);
    if (TPA_BASE_UNLIKELY(tpa_ip_path_is_broken(path))) {
        path_failed(worker, path, packet, send, reason_of(path));
        return;
    }
    network_length = (uint8_t)(path->header_length - path->link_length);
    length = tpa_mem_packet_length(packet) + network_length;
    if (TPA_BASE_UNLIKELY(!fits(path, packet, length))) {
        path_failed(worker, path, packet, send, TPA_BASE_DROP_OUTPUT_TOO_BIG);
        return;
    }
    header = tpa_mem_packet_prepend(packet, path->header_length);
    if (TPA_BASE_UNLIKELY(header == NULL)) {
        tpa_ip_drop(worker, path->interface, packet, TPA_BASE_DROP_OUTPUT_NO_HEADROOM);
        return;
    }
    copy_header(header, path);
    if (path->ipv4)
        write_ipv4(path, header + path->link_length, length, send, ttl, fragment_field);
    else
        write_ipv6(header + path->link_length, length, send, ttl);
    tpa_ip_tx_request(packet, path->ipv4, send->protocol == TPA_IP_PROTOCOL_TCP, path->link_length,
                      network_length);

    if (TPA_BASE_LIKELY(path->state == TPA_IP_PATH_READY))
        tpa_ip_enqueue(worker, path->interface, packet);
    else if (path->state == TPA_IP_PATH_LOOPBACK)
        loop_back(worker, packet);
    else
        tpa_ip_resolution_wait(worker, path->interface, &path->next_hop, packet);
}

void tpa_ip_path_output(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                        struct rte_mbuf *packet, const struct tpa_ip_send *send,
                        uint16_t fragment_field)
{
    output_on(worker, path, packet, send, fragment_field);
}

void tpa_ip_output(struct tpa_ip_worker *worker, struct tpa_ip_path *path, struct rte_mbuf *packet,
                   const struct tpa_ip_send *send, uint64_t now)
{
    worker->now = now;
    output_on(worker, path, packet, send, TPA_IP_IPV4_DF);
}

uint16_t tpa_ip_reply_mtu(struct tpa_ip_worker *worker, const struct tpa_ip_received *received,
                          uint64_t now)
{
    struct tpa_ip_path transient;

    worker->now = now;
    return tpa_ip_path_mtu(
        tpa_ip_path_for(worker, &received->destination, &received->source, &transient));
}

void tpa_ip_reply(struct tpa_ip_worker *worker, const struct tpa_ip_received *received,
                  struct rte_mbuf *packet, const struct tpa_ip_send *send, uint64_t now)
{
    struct tpa_ip_path transient;

    worker->now = now;
    if (TPA_BASE_UNLIKELY(!tpa_base_address_is_unicast(&received->source))) {
        tpa_ip_drop(worker, received->interface, packet, TPA_BASE_DROP_ROUTE_NONE);
        return;
    }
    output_on(worker,
              tpa_ip_path_for(worker, &received->destination, &received->source, &transient),
              packet, send, TPA_IP_IPV4_DF);
}
