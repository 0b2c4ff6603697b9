/* TCP segmentation in software, byte for byte what a port's TSO sends. */
#include <tpa/base/byteorder.h>
#include <tpa/mem/external.h>
#include <tpa/netdev/offload.h>

#include "segment.h"

enum {
    TCP_FIN = 0x01,
    TCP_PSH = 0x08,
    TCP_CWR = 0x80
};

int tpa_netdev_super_frame_read(const struct rte_mbuf *packet, struct tpa_netdev_super_frame *frame)
{
    if (!(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) || packet->tso_segsz == 0)
        return TPA_EMALFORMED;
    if (tpa_netdev_request_read(packet, &frame->request) != 0)
        return TPA_EMALFORMED;
    if (frame->request.payload_offset > TPA_NETDEV_HEADER_MAX)
        return TPA_EMALFORMED;
    frame->mss = packet->tso_segsz;
    frame->payload_length = packet->pkt_len - frame->request.payload_offset;
    frame->piece_count =
        frame->payload_length == 0 ? 1 : (frame->payload_length + frame->mss - 1) / frame->mss;
    return 0;
}

static void piece_network_header(const struct tpa_netdev_request *request, uint8_t *l3,
                                 uint32_t index, uint32_t length)
{
    uint16_t identification;

    if (request->ipv6) {
        tpa_base_store_be16(l3 + TPA_NETDEV_IPV6_PAYLOAD_LENGTH,
                            (uint16_t)(length - TPA_NETDEV_IPV6_HEADER));
        return;
    }
    identification = tpa_base_load_be16(request->l3 + TPA_NETDEV_IPV4_IDENTIFICATION);
    tpa_base_store_be16(l3 + TPA_NETDEV_IPV4_TOTAL_LENGTH, (uint16_t)length);
    tpa_base_store_be16(l3 + TPA_NETDEV_IPV4_IDENTIFICATION, (uint16_t)(identification + index));
}

static void piece_transport_header(const struct tpa_netdev_super_frame *frame, uint8_t *l4,
                                   uint32_t index)
{
    uint32_t sequence = tpa_base_load_be32(l4 + TPA_NETDEV_TCP_SEQUENCE);

    tpa_base_store_be32(l4 + TPA_NETDEV_TCP_SEQUENCE, sequence + index * frame->mss);
    if (index > 0)
        l4[TPA_NETDEV_TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    if (index + 1 < frame->piece_count)
        l4[TPA_NETDEV_TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

void tpa_netdev_piece_header(const struct rte_mbuf *packet,
                             const struct tpa_netdev_super_frame *frame, uint32_t index,
                             uint8_t *to)
{
    const struct tpa_netdev_request *request = &frame->request;
    uint32_t length = request->payload_offset + tpa_netdev_piece_length(frame, index);

    memcpy(to, rte_pktmbuf_mtod(packet, const uint8_t *), request->payload_offset);
    piece_network_header(request, to + request->l3_offset, index, length - request->l3_offset);
    piece_transport_header(frame, to + request->l4_offset, index);
}

struct tpa_netdev_source tpa_netdev_source_at(struct rte_mbuf *packet, uint32_t offset)
{
    struct tpa_netdev_source source = {.segment = packet, .offset = offset};

    while (source.offset > source.segment->data_len) {
        source.offset -= source.segment->data_len;
        source.segment = source.segment->next;
    }
    return source;
}

/* Goes to the next byte's segment and returns how many of `length` bytes lie in it. */
static uint32_t source_contiguous(struct tpa_netdev_source *source, uint32_t length)
{
    while (source->offset == source->segment->data_len) {
        source->segment = source->segment->next;
        source->offset = 0;
    }
    return TPA_BASE_MIN(length, source->segment->data_len - source->offset);
}

void tpa_netdev_source_copy(struct tpa_netdev_source *source, uint8_t *to, uint32_t length)
{
    while (length > 0) {
        uint32_t part = source_contiguous(source, length);

        memcpy(to, rte_pktmbuf_mtod_offset(source->segment, const uint8_t *, source->offset), part);
        source->offset += part;
        to += part;
        length -= part;
    }
}

int tpa_netdev_source_append(struct tpa_netdev_source *source, struct rte_mbuf *packet,
                             struct tpa_mem_pool *pool, uint32_t length)
{
    struct rte_mbuf *last = packet;

    for (;;) {
        uint32_t part = TPA_BASE_MIN(length, rte_pktmbuf_tailroom(last));

        tpa_netdev_source_copy(source, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len),
                               part);
        last->data_len = (uint16_t)(last->data_len + part);
        packet->pkt_len += part;
        length -= part;
        if (length == 0)
            return 0;
        last->next = tpa_mem_packet_alloc(pool);
        if (last->next == NULL)
            return TPA_ENOMEM;
        last = last->next;
        packet->nb_segs++;
    }
}

/* The same bytes, as segments that refer to the source's. */
static int source_share(struct tpa_netdev_source *source, struct rte_mbuf *packet,
                        struct tpa_mem_pool *pool, uint32_t length)
{
    struct rte_mbuf *last = packet;

    while (length > 0) {
        uint32_t part = source_contiguous(source, length);

        last->next = tpa_mem_packet_share(pool, source->segment, source->offset, part);
        if (last->next == NULL)
            return TPA_ENOMEM;
        last = last->next;
        packet->nb_segs++;
        packet->pkt_len += part;
        source->offset += part;
        length -= part;
    }
    return 0;
}

static void piece_describe(struct rte_mbuf *piece, struct rte_mbuf *packet, bool ipv6)
{
    struct tpa_mem_packet_private *private = tpa_mem_packet_private(piece);

    piece->ol_flags = (packet->ol_flags & (TPA_NETDEV_FAMILY_FLAGS | RTE_MBUF_F_TX_VLAN)) |
                      RTE_MBUF_F_TX_TCP_CKSUM | (ipv6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
    piece->tx_offload = packet->tx_offload;
    piece->tso_segsz = 0;
    piece->vlan_tci = packet->vlan_tci;
    private->arrival = tpa_mem_packet_private(packet)->arrival;
    private->note = tpa_mem_packet_private(packet)->note;
    private->note_detail = tpa_mem_packet_private(packet)->note_detail;
}

static int piece_make(struct rte_mbuf *piece, struct rte_mbuf *packet,
                      const struct tpa_netdev_super_frame *frame, uint32_t index,
                      struct tpa_netdev_source *source, struct tpa_mem_pool *pool,
                      bool copy_payload)
{
    uint16_t header_length = frame->request.payload_offset;
    uint32_t length = tpa_netdev_piece_length(frame, index);

    tpa_netdev_piece_header(packet, frame, index, rte_pktmbuf_mtod(piece, uint8_t *));
    piece->data_len = header_length;
    piece->pkt_len = header_length;
    piece_describe(piece, packet, frame->request.ipv6);
    return copy_payload ? tpa_netdev_source_append(source, piece, pool, length)
                        : source_share(source, piece, pool, length);
}

int tpa_netdev_segment(struct rte_mbuf *packet, struct tpa_mem_pool *pool, struct rte_mbuf **pieces,
                       unsigned int pieces_max, bool copy_payload)
{
    struct tpa_netdev_super_frame frame;
    struct tpa_netdev_source source;

    if (tpa_netdev_super_frame_read(packet, &frame) != 0 ||
        frame.request.payload_offset > pool->data_size)
        return TPA_EMALFORMED;
    if (frame.piece_count > pieces_max)
        return TPA_ENOSPC;
    if (tpa_mem_packet_alloc_burst(pool, pieces, frame.piece_count) != 0)
        return TPA_ENOMEM;

    source = tpa_netdev_source_at(packet, frame.request.payload_offset);
    for (uint32_t i = 0; i < frame.piece_count; i++) {
        if (piece_make(pieces[i], packet, &frame, i, &source, pool, copy_payload) != 0) {
            tpa_mem_packet_free_burst(pieces, frame.piece_count);
            return TPA_ENOMEM;
        }
    }
    tpa_mem_packet_free(packet);
    return (int)frame.piece_count;
}
