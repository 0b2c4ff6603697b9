/*
 * Packet buffers. The packet is DPDK's struct rte_mbuf everywhere; these accessors are all that the
 * other crates use of it, so that a new DPDK release is the work of mem and netdev alone.
 *
 * A packet is a chain of segments (rte_mbuf.next). Its first segment's private area holds struct
 * tpa_mem_packet_private: a link for queues of packets, a note for captures, and 40 bytes that
 * belong to the layer that holds the packet at the moment.
 *
 * Every packet that comes from a tpa_mem_pool has at least TPA_MEM_HEADROOM bytes before its data
 * and TPA_MEM_TAILROOM byte behind the data that the pool's user may fill: headers can be prepended
 * without a second segment, also to a received packet that is sent on, and a reader may write one
 * byte behind a payload.
 */
#ifndef TPA_MEM_PACKET_H
#define TPA_MEM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

/* Ethernet 14 + two VLAN tags 8 + IPv6 40 + TCP with all options 60 = 122, rounded to 128. */
#define TPA_MEM_HEADROOM 128
#define TPA_MEM_TAILROOM 1

/* What a capture says about a packet beside its bytes. */
enum tpa_mem_packet_note {
    TPA_MEM_PACKET_NOTE_NONE = 0,
    TPA_MEM_PACKET_NOTE_RETRANSMISSION,
    TPA_MEM_PACKET_NOTE_DROPPED, /* note_detail is an enum tpa_base_drop */
};

#define TPA_MEM_PACKET_LAYER_SIZE 40

/* Private area of each segment; only the first segment's is used. Offsets in bytes. */
struct tpa_mem_packet_private {
    struct rte_mbuf *next_packet; /*  0: the next packet of a tpa_mem_packet_queue */
    uint64_t arrival;             /*  8: time of arrival in ns, as the worker's step saw it */
    uint16_t note;                /* 16: enum tpa_mem_packet_note */
    uint16_t note_detail;         /* 18 */
    uint32_t reserved;            /* 20 */
    uint8_t layer[TPA_MEM_PACKET_LAYER_SIZE] __attribute__((aligned(8))); /* 24: owner's own */
};

_Static_assert(sizeof(struct tpa_mem_packet_private) == 64, "one cache line");

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

/*
 * Makes room for `length` bytes before the data of the first segment and returns its first byte;
 * NULL when the headroom is too small. Nothing is copied.
 */
static inline uint8_t *tpa_mem_packet_prepend(struct rte_mbuf *packet, uint16_t length)
{
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

/*
 * Removes `length` bytes from the front of a packet, across its segments. Segments that become empty
 * stay in the chain except that none stays in front of the data: the first segment is kept (its
 * private area is the packet's) with length 0 when its bytes are all gone. `length` must be at
 * most the packet's length.
 */
void tpa_mem_packet_trim_front(struct rte_mbuf *packet, uint32_t length);

/* Removes bytes from the end so that `length` remain; segments behind that point are freed. */
void tpa_mem_packet_truncate(struct rte_mbuf *packet, uint32_t length);

/*
 * `length` contiguous bytes at `offset` of the packet: a pointer into it where they lie in one
 * segment, else copied into `buffer` (of at least `length` bytes); NULL past the packet's end.
 */
static inline const void *tpa_mem_packet_read(const struct rte_mbuf *packet, uint32_t offset,
                                              uint32_t length, void *buffer)
{
    return rte_pktmbuf_read(packet, offset, length, buffer);
}

/* Appends the chain `tail` to `head`: one packet; `tail` is no packet of its own any more. 0, or
 * TPA_ENOSPC when the chain would have more segments than DPDK can count. */
int tpa_mem_packet_chain(struct rte_mbuf *head, struct rte_mbuf *tail);

/* Partial Internet checksum (see tpa_base_checksum_partial) over `length` bytes at `offset`, across
 * segments of any, also odd, lengths. */
uint32_t tpa_mem_packet_checksum(const struct rte_mbuf *packet, uint32_t offset, uint32_t length,
                                 uint32_t sum);

/* Bytes of memory that the packet keeps from being used by others: whole buffers, not payload. */
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

#endif
