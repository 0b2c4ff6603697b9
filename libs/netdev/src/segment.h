/* The segmenter's parts, which the in-process loop uses as a NIC would. */
#ifndef TPA_NETDEV_SEGMENT_H
#define TPA_NETDEV_SEGMENT_H

#include <stdint.h>

#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

#include "request.h"

/* Ethernet with two tags, IPv6 with extension headers (l3_len has 9 bits), TCP with options. */
#define TPA_NETDEV_HEADER_MAX 640

/* A super-frame and how it is split. */
struct tpa_netdev_super_frame {
    struct tpa_netdev_request request;
    uint32_t mss;            /* bytes of payload in each piece but the last */
    uint32_t payload_length; /* of all pieces */
    uint32_t piece_count;    /* at least 1 */
};

/* 0; TPA_EMALFORMED. */
int tpa_netdev_super_frame_read(const struct rte_mbuf *packet,
                                struct tpa_netdev_super_frame *frame);

/* Bytes of payload in piece `index`. */
static inline uint32_t tpa_netdev_piece_length(const struct tpa_netdev_super_frame *frame,
                                               uint32_t index)
{
    return index + 1 < frame->piece_count ? frame->mss : frame->payload_length - index * frame->mss;
}

/* Writes the headers of piece `index`, request.payload_offset bytes. Checksums are left alone. */
void tpa_netdev_piece_header(const struct rte_mbuf *packet,
                             const struct tpa_netdev_super_frame *frame, uint32_t index,
                             uint8_t *to);

/* A place in a packet's data, from which bytes are taken one after the other. */
struct tpa_netdev_source {
    struct rte_mbuf *segment;
    uint32_t offset; /* in the segment */
};

/* The place `offset` bytes into the packet's data; `offset` is at most its length. */
struct tpa_netdev_source tpa_netdev_source_at(struct rte_mbuf *packet, uint32_t offset);

/* Copies the next `length` bytes, which the packet must have. */
void tpa_netdev_source_copy(struct tpa_netdev_source *source, uint8_t *to, uint32_t length);

/*
 * Appends the next `length` bytes of `source` to `packet` (of one segment, with room for its
 * headers), with as many buffers of `pool` behind its own as they need. 0; TPA_ENOMEM: `packet` is
 * a packet still, of less data.
 */
int tpa_netdev_source_append(struct tpa_netdev_source *source, struct rte_mbuf *packet,
                             struct tpa_mem_pool *pool, uint32_t length);

#endif
