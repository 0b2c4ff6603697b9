/*
 * Packet buffers. The packet is DPDK's struct rte_mbuf everywhere; these accessors are all that the
 * other crates use of it, so that a new DPDK release is the work of mem and netdev alone.
 *
 * A packet is a chain of segments (rte_mbuf.next). Its first segment's private area holds struct
 * tpa_mem_packet_private: a link for queues of packets, a note for captures, and 40 bytes that
 * belong to the layer that holds the packet at the moment.
 *
 * Room around the data. Every packet that comes from a tpa_mem_pool, also by way of a port's
 * receive queue, begins with TPA_MEM_HEADROOM bytes before its data: headers can be prepended
 * without a second segment, also to a received packet that is sent on. And at least
 * TPA_MEM_TAILROOM byte behind the data of each segment may be written, also where a driver filled
 * the buffer to its end: the pools' buffers are longer than the buf_len that drivers are told (see
 * pool.h). A segment that shares another's bytes, or points at memory that is not a packet buffer
 * (external.h), has neither.
 */
#ifndef TPA_MEM_PACKET_H
#define TPA_MEM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_config.h>
#include <rte_mbuf.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/* Ethernet 14 + two VLAN tags 8 + IPv6 40 + TCP with all options 60 = 122, rounded to 128. */
#define TPA_MEM_HEADROOM 128
#define TPA_MEM_TAILROOM 1

/* Drivers leave RTE_PKTMBUF_HEADROOM, DPDK's compile-time constant, before what they receive. */
TPA_BASE_STATIC_ASSERT(TPA_MEM_HEADROOM == RTE_PKTMBUF_HEADROOM, "what drivers leave");

/* What a capture says about a packet beside its bytes. */
enum tpa_mem_packet_note {
    TPA_MEM_PACKET_NOTE_NONE = 0,
    TPA_MEM_PACKET_NOTE_RETRANSMISSION,
    TPA_MEM_PACKET_NOTE_DROPPED, /* note_detail is an enum tpa_base_drop */
};

#define TPA_MEM_PACKET_LAYER_SIZE 40

/*
 * Private area of each segment; only the first segment's is used. Offsets in bytes. A packet from
 * tpa_mem_packet_alloc() or from_bytes() has the link and the note cleared; one that a driver
 * received has in it what its buffer's last user left.
 */
struct tpa_mem_packet_private {
    union {
        struct rte_mbuf *next_packet; /*  0: the next packet of a tpa_mem_packet_queue */
        void *holder;                 /*  0: who holds it, while no queue does */
    };
    uint64_t arrival;     /*  8: time of arrival in ns, as the worker's step saw it */
    uint16_t note;        /* 16: enum tpa_mem_packet_note */
    uint16_t note_detail; /* 18 */
    uint32_t visited;     /* 20: workers that were not its owner, one bit each */
    uint8_t layer[TPA_MEM_PACKET_LAYER_SIZE] __attribute__((aligned(8))); /* 24: owner's own */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_mem_packet_private) == 64, "one cache line");
TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_mem_packet_private, layer) == 24, "layout");

static inline struct tpa_mem_packet_private *tpa_mem_packet_private(struct rte_mbuf *packet)
{
    return (struct tpa_mem_packet_private *)(packet + 1);
}

/* The holder's view of the 40 bytes; `type` must fit (asserted by the holder). */
#define tpa_mem_packet_layer(packet, type) ((type *)(void *)tpa_mem_packet_private(packet)->layer)

/* First byte of the first segment's data, and lengths in bytes: of the segment, of the packet. */
static inline uint8_t *tpa_mem_packet_data(const struct rte_mbuf *packet)
{
    return rte_pktmbuf_mtod(packet, uint8_t *);
}

static inline uint32_t tpa_mem_packet_segment_length(const struct rte_mbuf *segment)
{
    return segment->data_len;
}

static inline uint32_t tpa_mem_packet_length(const struct rte_mbuf *packet)
{
    return packet->pkt_len;
}

static inline struct rte_mbuf *tpa_mem_packet_next_segment(const struct rte_mbuf *segment)
{
    return segment->next;
}

/* The address that devices use for the first byte of the segment's data; never 0. */
static inline uint64_t tpa_mem_packet_iova(const struct rte_mbuf *segment)
{
    return rte_pktmbuf_iova(segment);
}

/*
 * Makes room for `length` bytes before the data of the first segment and returns its first byte;
 * NULL when the headroom is too small, or not this packet's own (tpa_mem_packet_share). Nothing is
 * copied.
 */
static inline uint8_t *tpa_mem_packet_prepend(struct rte_mbuf *packet, uint16_t length)
{
    if (TPA_BASE_UNLIKELY(RTE_MBUF_CLONED(packet)))
        return NULL;
    return (uint8_t *)rte_pktmbuf_prepend(packet, length);
}

/*
 * Makes room for `length` bytes behind the data of the last segment and returns its first byte;
 * NULL when the tailroom is too small.
 */
static inline uint8_t *tpa_mem_packet_append(struct rte_mbuf *packet, uint16_t length)
{
    return (uint8_t *)rte_pktmbuf_append(packet, length);
}

/* tpa_mem_packet_trim_front() where it is not only a matter of the first segment. */
void tpa_mem_packet_trim_front_chain(struct rte_mbuf *packet, uint32_t length);

/*
 * Removes `length` bytes from the front of a packet, across its segments. The first segment stays,
 * since its private area is the packet's, with length 0 when its bytes are all gone; those behind
 * it that become empty are freed. `length` must be at most the packet's length.
 */
static inline void tpa_mem_packet_trim_front(struct rte_mbuf *packet, uint32_t length)
{
    if (TPA_BASE_UNLIKELY(length >= packet->data_len)) {
        tpa_mem_packet_trim_front_chain(packet, length);
        return;
    }
    packet->data_off = (uint16_t)(packet->data_off + length);
    packet->data_len = (uint16_t)(packet->data_len - length);
    packet->pkt_len -= length;
}

/*
 * Removes bytes from the end so that `length` remain; segments behind that point are freed. Does
 * nothing when the packet is not longer than that.
 */
void tpa_mem_packet_truncate(struct rte_mbuf *packet, uint32_t length);

/*
 * `length` contiguous bytes at `offset` of the packet: a pointer into it where they lie in one
 * segment, else copied into `buffer` (of at least `length` bytes); NULL past the packet's end.
 */
static inline const void *tpa_mem_packet_read(const struct rte_mbuf *packet, uint32_t offset,
                                              uint32_t length, void *buffer)
{
    /* rte_pktmbuf_read() adds in 32 bits: a hostile offset must not wrap. */
    if (TPA_BASE_UNLIKELY((uint64_t)offset + length > packet->pkt_len))
        return NULL;
    return rte_pktmbuf_read(packet, offset, length, buffer);
}

/*
 * Appends the chain `tail` to `head`: one packet; `tail` is no packet of its own any more. 0, or
 * TPA_ENOSPC when the chain would have more segments than DPDK can count (65,535); both are then
 * as they were. Walks `head` to its end.
 */
int tpa_mem_packet_chain(struct rte_mbuf *head, struct rte_mbuf *tail);

/*
 * Partial Internet checksum (see tpa_base_checksum_partial) over `length` bytes at `offset`, across
 * segments of any, also odd, lengths, added to `sum`. The bytes count as if they began at an even
 * offset. offset + length must be at most the packet's length.
 */
uint32_t tpa_mem_packet_checksum(const struct rte_mbuf *packet, uint32_t offset, uint32_t length,
                                 uint32_t sum);

/*
 * Bytes of memory that the packet keeps from being used by others: whole buffers, not payload. A
 * segment that shares another's buffer counts both; one with external memory counts that too.
 */
uint32_t tpa_mem_packet_truesize(const struct rte_mbuf *packet);

/* Gives one reference of each segment back. Any thread that is registered (tpa_mem_thread_join). */
static inline void tpa_mem_packet_free(struct rte_mbuf *packet)
{
    rte_pktmbuf_free(packet);
}

static inline void tpa_mem_packet_free_segment(struct rte_mbuf *segment)
{
    rte_pktmbuf_free_seg(segment);
}

static inline void tpa_mem_packet_free_burst(struct rte_mbuf **packets, unsigned int count)
{
    rte_pktmbuf_free_bulk(packets, count);
}

/*
 * Takes the first segment off a packet: `packet` is then a packet of that one segment. Returns the
 * rest, a packet of its own whose private area is as its buffer's last user left it; NULL when
 * there is none.
 */
static inline struct rte_mbuf *tpa_mem_packet_split_first(struct rte_mbuf *packet)
{
    struct rte_mbuf *rest = packet->next;

    if (rest != NULL) {
        rest->nb_segs = (uint16_t)(packet->nb_segs - 1);
        rest->pkt_len = packet->pkt_len - packet->data_len;
    }
    packet->next = NULL;
    packet->nb_segs = 1;
    packet->pkt_len = packet->data_len;
    return rest;
}

/*
 * Appends `segment`, a packet of one segment, behind `last`, the last segment of `packet`, without
 * a walk to it. The packet must have fewer segments than DPDK can count (65,535).
 */
static inline void tpa_mem_packet_link(struct rte_mbuf *packet, struct rte_mbuf *last,
                                       struct rte_mbuf *segment)
{
    last->next = segment;
    packet->nb_segs++;
    packet->pkt_len += segment->data_len;
}

/* Segments of the packet, at least 1. */
static inline uint16_t tpa_mem_packet_segments(const struct rte_mbuf *packet)
{
    return packet->nb_segs;
}

/*
 * Bytes that may be appended to the packet's last segment (tpa_mem_packet_append), and that nobody
 * else can see: 0 when its buffer is shared or not its own.
 */
static inline uint16_t tpa_mem_packet_own_tailroom(struct rte_mbuf *packet)
{
    const struct rte_mbuf *last = rte_pktmbuf_lastseg(packet);

    if (!RTE_MBUF_DIRECT(last) || rte_mbuf_refcnt_read(last) != 1)
        return 0;
    return rte_pktmbuf_tailroom(last);
}

/* A first-in first-out queue of packets, linked through their private areas. All zero is empty. */
struct tpa_mem_packet_queue {
    struct rte_mbuf *first;
    struct rte_mbuf *last;
    uint32_t count; /* packets */
};

static inline void tpa_mem_packet_queue_push(struct tpa_mem_packet_queue *queue,
                                             struct rte_mbuf *packet)
{
    tpa_mem_packet_private(packet)->next_packet = NULL;
    if (queue->first == NULL)
        queue->first = packet;
    else
        tpa_mem_packet_private(queue->last)->next_packet = packet;
    queue->last = packet;
    queue->count++;
}

static inline struct rte_mbuf *tpa_mem_packet_queue_pop(struct tpa_mem_packet_queue *queue)
{
    struct rte_mbuf *packet = queue->first;

    if (packet == NULL)
        return NULL;
    queue->first = tpa_mem_packet_private(packet)->next_packet;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    return packet;
}

TPA_BASE_DECLARATIONS_END

#endif
