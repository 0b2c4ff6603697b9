/* Messages of our own, cut into fragments where they are larger than the path's MTU. */
#include <string.h>

#include <tpa/base/cursor.h>

#include "datagram.h"
#include "offload.h"
#include "output.h"
#include "state.h"

struct piece {
    uint32_t offset; /* bytes of the message */
    uint32_t length;
    uint32_t identification;
    bool more;
};

static bool prepend_fragment_header(struct rte_mbuf *packet, const struct piece *piece,
                                    uint8_t protocol)
{
    uint8_t *header = tpa_mem_packet_prepend(packet, TPA_IP_IPV6_FRAGMENT_LENGTH);
    struct tpa_base_writer writer;

    if (header == NULL)
        return false;
    writer = tpa_base_writer_make(header, TPA_IP_IPV6_FRAGMENT_LENGTH);
    tpa_base_writer_u8(&writer, protocol);
    tpa_base_writer_u8(&writer, 0);
    tpa_base_writer_be16(&writer, (uint16_t)(piece->offset | piece->more));
    tpa_base_writer_be32(&writer, piece->identification);
    return true;
}

static void output_piece(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                         struct rte_mbuf *packet, const struct tpa_ip_send *send,
                         const struct piece *piece)
{
    struct tpa_ip_send fragment = *send;
    uint16_t field = 0;

    if (path->ipv4) {
        path->identification = (uint16_t)(piece->identification - 1);
        field = (uint16_t)(piece->offset / TPA_IP_FRAGMENT_UNIT |
                           (piece->more ? (unsigned int)TPA_IP_IPV4_MF : 0));
    } else {
        if (!prepend_fragment_header(packet, piece, send->protocol)) {
            tpa_ip_drop(worker, path->interface, packet, TPA_BASE_DROP_OUTPUT_NO_HEADROOM);
            return;
        }
        fragment.protocol = TPA_IP_PROTOCOL_FRAGMENT;
    }
    tpa_ip_path_output(worker, path, packet, &fragment, field);
}

/* All copies at once, or nothing is sent: a part of a datagram helps nobody. */
static void output_fragments(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                             struct rte_mbuf *packet, const struct tpa_ip_send *send)
{
    uint32_t headers = (uint32_t)path->header_length - path->link_length +
                       (path->ipv4 ? 0 : (uint32_t)TPA_IP_IPV6_FRAGMENT_LENGTH);
    uint32_t room = (path->mtu - headers) & ~(uint32_t)(TPA_IP_FRAGMENT_UNIT - 1);
    struct piece piece = {.identification = tpa_ip_identification(worker, &path->destination)};
    struct tpa_mem_packet_queue copies = {0};
    uint32_t total = tpa_mem_packet_length(packet);
    struct rte_mbuf *copy;

    for (uint32_t offset = 0; offset < total; offset += room) {
        copy = tpa_ip_copy_range(worker->pool, packet, offset, TPA_BASE_MIN(room, total - offset));
        if (copy == NULL) {
            tpa_ip_drop_queue(worker, path->interface, &copies, TPA_BASE_DROP_NETDEV_NO_BUFFER);
            tpa_ip_drop(worker, path->interface, packet, TPA_BASE_DROP_NETDEV_NO_BUFFER);
            return;
        }
        tpa_mem_packet_queue_push(&copies, copy);
    }
    tpa_mem_packet_free(packet);
    while ((copy = tpa_mem_packet_queue_pop(&copies)) != NULL) {
        piece.length = tpa_mem_packet_length(copy);
        piece.more = copies.first != NULL;
        output_piece(worker, path, copy, send, &piece);
        piece.offset += piece.length;
    }
}

void tpa_ip_message_output(struct tpa_ip_worker *worker, const struct tpa_base_address *source,
                           const struct tpa_base_address *destination, struct rte_mbuf *packet,
                           const struct tpa_ip_send *send)
{
    struct tpa_ip_path transient;
    struct tpa_ip_path *path = tpa_ip_path_for(worker, source, destination, &transient);

    if (!tpa_ip_path_is_broken(path) &&
        tpa_mem_packet_length(packet) + path->header_length - path->link_length > path->mtu) {
        output_fragments(worker, path, packet, send);
        return;
    }
    tpa_ip_path_output(worker, path, packet, send, 0);
}
