/* TCP frames for tests, and what the standards make of them, written apart from the code under
 * test. */
#ifndef TPA_NETDEV_TEST_FRAMES_H
#define TPA_NETDEV_TEST_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/mem/pool.h>
#include <tpa/netdev/netdev.h>

#define FRAME_MAX        70000
#define FRAME_PIECES_MAX 2048

enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_CWR = 0x80
};

/* What is special in a frame; all zero is IPv4, no options, no payload, no flags. */
struct frame_template {
    bool ipv6;
    bool udp;
    bool vlan;           /* a tag in the frame: TCI 0x2005 */
    uint8_t ip_options;  /* bytes, a multiple of 4; IPv6: of 8 */
    uint8_t tcp_options; /* bytes, a multiple of 4 */
    uint8_t tcp_flags;
    uint16_t identification;
    uint32_t sequence;
    uint16_t source_port; /* 0 = 1000 */
    uint32_t payload;     /* bytes */
    uint64_t seed;        /* of the payload */
};

struct frame {
    uint32_t length;
    uint16_t l2, l3, l4; /* header lengths */
    bool ipv6;
    bool udp;
    uint8_t bytes[FRAME_MAX];
};

/* Fills the frame, with lengths set and garbage in the checksum fields. */
void frame_build(const struct frame_template *template, struct frame *frame);

static inline uint32_t frame_headers(const struct frame *frame)
{
    return (uint32_t)frame->l2 + frame->l3 + frame->l4;
}

/* RFC 1071, two bytes at a time, in host order. */
uint16_t reference_checksum(const uint8_t *bytes, size_t length, uint32_t pseudo_sum);

/* Sets both checksums as RFC 791, 9293, 768 and 8200 say. */
void reference_fill_checksums(struct frame *frame);

/* True when both are right. */
bool reference_checksums_right(const struct frame *frame);

/*
 * Splits a frame as TSO does, checksums filled, and hands each piece to `check`. Returns the number
 * of pieces.
 */
unsigned int reference_segment(const struct frame *frame, uint32_t mss,
                               void (*check)(const struct frame *piece, unsigned int index,
                                             void *context),
                               void *context);

/*
 * The frame as a packet: the headers and `first` bytes of payload in the first segment, then
 * segments of the given sizes, over and over (0 ends the list; an empty list: buffers filled to the
 * end). The packet asks for nothing, but its header lengths and family are set.
 */
struct rte_mbuf *frame_packet(const struct frame *frame, struct tpa_mem_pool *pool, uint32_t first,
                              const uint32_t *sizes);

/* The packet's bytes, flat; header lengths are not filled in. */
void packet_flatten(const struct rte_mbuf *packet, struct frame *frame);

/* Requests of all checksums, and of segmentation where mss is not 0. */
void packet_request(struct rte_mbuf *packet, const struct frame *frame, uint16_t mss);

#endif
