/* Bytes of chained packets, brought together. */
#include <string.h>

#include <tpa/base/checksum.h>

#include "datagram.h"

bool tpa_ip_pull_up(struct rte_mbuf *packet, uint32_t length)
{
    uint32_t total = tpa_mem_packet_length(packet);
    uint32_t own = tpa_mem_packet_segment_length(packet);
    uint32_t missing;
    struct rte_mbuf *rest;
    uint8_t *front;

    length = TPA_BASE_MIN(length, total);
    if (own >= length)
        return true;
    missing = length - own;
    front = tpa_mem_packet_prepend(packet, (uint16_t)missing);
    if (front == NULL)
        return false;
    memmove(front, front + missing, own);
    rest = tpa_mem_packet_split_first(packet);
    for (uint32_t done = 0; done < missing; done++)
        memcpy(front + own + done, tpa_mem_packet_read(rest, done, 1, NULL), 1);
    tpa_mem_packet_trim_front(rest, missing);
    if (tpa_mem_packet_length(rest) == 0) {
        tpa_mem_packet_free(rest);
        return true;
    }
    return tpa_mem_packet_chain(packet, rest) == 0;
}

/* Appends one buffer's worth of a range to a chain. */
static struct rte_mbuf *copy_piece(struct tpa_mem_pool *pool, const struct rte_mbuf *packet,
                                   uint32_t offset, uint32_t length)
{
    struct rte_mbuf *piece = tpa_mem_packet_alloc(pool);
    const void *from;
    uint8_t *to;

    if (piece == NULL)
        return NULL;
    to = tpa_mem_packet_append(piece, (uint16_t)length);
    from = tpa_mem_packet_read(packet, offset, length, to);
    if (from != to)
        memcpy(to, from, length);
    return piece;
}

struct rte_mbuf *tpa_ip_copy_range(struct tpa_mem_pool *pool, const struct rte_mbuf *packet,
                                   uint32_t offset, uint32_t length)
{
    struct rte_mbuf *copy = NULL;

    for (uint32_t done = 0, count; done < length; done += count) {
        struct rte_mbuf *piece;

        count = TPA_BASE_MIN(length - done, pool->data_size);
        piece = copy_piece(pool, packet, offset + done, count);
        if (piece != NULL && copy == NULL) {
            copy = piece;
        } else if (piece == NULL || tpa_mem_packet_chain(copy, piece) != 0) {
            tpa_mem_packet_free(piece);
            tpa_mem_packet_free(copy);
            return NULL;
        }
    }
    return copy;
}

static uint32_t pseudo_header_sum(const struct tpa_ip_datagram *datagram)
{
    const struct tpa_base_address *source = &datagram->received->source;
    const struct tpa_base_address *destination = &datagram->received->destination;

    if (datagram->ipv4)
        return tpa_base_checksum_pseudo_ipv4(tpa_base_address_ipv4(source),
                                             tpa_base_address_ipv4(destination), datagram->protocol,
                                             (uint16_t)datagram->length);
    return tpa_base_checksum_pseudo_ipv6(source->u8, destination->u8, datagram->protocol,
                                         datagram->length);
}

bool tpa_ip_checksum_holds(const struct tpa_ip_datagram *datagram, bool pseudo_header)
{
    uint32_t sum = pseudo_header ? pseudo_header_sum(datagram) : 0;

    sum = tpa_mem_packet_checksum(datagram->packet, datagram->transport, datagram->length, sum);
    return tpa_base_checksum_finish(sum) == 0;
}
