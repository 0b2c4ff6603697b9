#include <tpa/mem/packet.h>

#include <assert.h>

#include <rte_mempool.h>

#include <tpa/base/checksum.h>
#include <tpa/base/error.h>
#include <tpa/mem/pool.h>

/* Segments that a chain takes from its pool at once. */
#define CHAIN_BURST 32

void tpa_mem_packet_trim_front_chain(struct rte_mbuf *packet, uint32_t length)
{
    struct rte_mbuf *segment;
    uint16_t own;

    assert(length <= packet->pkt_len);
    own = (uint16_t)TPA_BASE_MIN(length, packet->data_len);
    packet->data_off = (uint16_t)(packet->data_off + own);
    packet->data_len = (uint16_t)(packet->data_len - own);
    packet->pkt_len -= length;
    length -= own;
    if (packet->data_len > 0)
        return;

    while ((segment = packet->next) != NULL && segment->data_len <= length) {
        length -= segment->data_len;
        packet->next = segment->next;
        packet->nb_segs--;
        rte_pktmbuf_free_seg(segment);
    }
    if (segment != NULL && length > 0) {
        segment->data_off = (uint16_t)(segment->data_off + length);
        segment->data_len = (uint16_t)(segment->data_len - length);
    }
}

void tpa_mem_packet_truncate(struct rte_mbuf *packet, uint32_t length)
{
    struct rte_mbuf *last = packet;
    uint32_t remaining = length;
    uint16_t count = 1;

    if (length >= packet->pkt_len)
        return;
    while (remaining > last->data_len) {
        remaining -= last->data_len;
        last = last->next;
        count++;
    }
    last->data_len = (uint16_t)remaining;
    rte_pktmbuf_free(last->next);
    last->next = NULL;
    packet->nb_segs = count;
    packet->pkt_len = length;
}

int tpa_mem_packet_chain(struct rte_mbuf *head, struct rte_mbuf *tail)
{
    return rte_pktmbuf_chain(head, tail) == 0 ? 0 : TPA_ENOSPC;
}

uint32_t tpa_mem_packet_checksum(const struct rte_mbuf *packet, uint32_t offset, uint32_t length,
                                 uint32_t sum)
{
    const struct rte_mbuf *segment = packet;
    uint32_t done = 0;

    assert(offset <= packet->pkt_len && length <= packet->pkt_len - offset);
    while (length > 0 && offset >= segment->data_len) {
        offset -= segment->data_len;
        segment = segment->next;
    }
    for (; done < length; segment = segment->next, offset = 0) {
        const uint8_t *bytes = rte_pktmbuf_mtod_offset(segment, const uint8_t *, offset);
        uint32_t count = TPA_BASE_MIN(length - done, segment->data_len - offset);

        sum = tpa_base_checksum_combine(sum, tpa_base_checksum_partial(bytes, count, 0),
                                        (done & 1) != 0);
        done += count;
    }
    return sum;
}

static uint32_t buffer_size(const struct rte_mempool *mempool)
{
    return mempool->header_size + mempool->elt_size + mempool->trailer_size;
}

uint32_t tpa_mem_packet_truesize(const struct rte_mbuf *packet)
{
    uint32_t size = 0;

    for (const struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next) {
        size += buffer_size(segment->pool);
        if (RTE_MBUF_HAS_EXTBUF(segment))
            size += segment->buf_len;
        else if (RTE_MBUF_CLONED(segment))
            size +=
                buffer_size(rte_mbuf_from_indirect((struct rte_mbuf *)(uintptr_t)segment)->pool);
    }
    return size;
}

/* Links `count` more segments behind `last`. 0, or TPA_ENOMEM: then some of them may be there. */
static int chain_extend(struct tpa_mem_pool *pool, struct rte_mbuf *last, uint32_t count)
{
    struct rte_mbuf *segments[CHAIN_BURST];

    while (count > 0) {
        uint32_t burst = TPA_BASE_MIN(count, CHAIN_BURST);

        if (tpa_mem_packet_alloc_burst(pool, segments, burst) != 0)
            return TPA_ENOMEM;
        for (uint32_t i = 0; i < burst; i++) {
            last->next = segments[i];
            last = segments[i];
        }
        count -= burst;
    }
    return 0;
}

/* A chain of as many segments as `length` bytes need, with all lengths set. */
static struct rte_mbuf *chain_alloc(struct tpa_mem_pool *pool, uint32_t length)
{
    uint32_t count = length > 0 ? (length - 1) / pool->data_size + 1 : 1;
    struct rte_mbuf *first;

    if (count > RTE_MBUF_MAX_NB_SEGS)
        return NULL;
    first = tpa_mem_packet_alloc(pool);
    if (first == NULL)
        return NULL;
    if (chain_extend(pool, first, count - 1) != 0) {
        rte_pktmbuf_free(first);
        return NULL;
    }
    first->nb_segs = (uint16_t)count;
    first->pkt_len = length;
    for (struct rte_mbuf *segment = first; segment != NULL; segment = segment->next) {
        segment->data_len = (uint16_t)TPA_BASE_MIN(length, pool->data_size);
        length -= segment->data_len;
    }
    return first;
}

struct rte_mbuf *tpa_mem_packet_from_bytes(struct tpa_mem_pool *pool, const void *bytes,
                                           uint32_t length)
{
    struct rte_mbuf *packet = chain_alloc(pool, length);
    const uint8_t *from = bytes;

    for (struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next) {
        if (segment->data_len == 0)
            break;
        memcpy(rte_pktmbuf_mtod(segment, uint8_t *), from, segment->data_len);
        from += segment->data_len;
    }
    return packet;
}

static void copy_metadata(struct rte_mbuf *to, const struct rte_mbuf *from)
{
    to->port = from->port;
    to->ol_flags = from->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
    to->packet_type = from->packet_type;
    to->vlan_tci = from->vlan_tci;
    to->vlan_tci_outer = from->vlan_tci_outer;
    to->hash = from->hash;
    to->tx_offload = from->tx_offload;
    rte_mbuf_dynfield_copy(to, from);
    memcpy(tpa_mem_packet_private(to), from + 1, sizeof(struct tpa_mem_packet_private));
    tpa_mem_packet_private(to)->next_packet = NULL;
}

struct rte_mbuf *tpa_mem_packet_copy(struct tpa_mem_pool *pool, const struct rte_mbuf *packet)
{
    struct rte_mbuf *copy = chain_alloc(pool, packet->pkt_len);
    struct rte_mbuf *to = copy;
    uint32_t to_offset = 0;

    if (copy == NULL)
        return NULL;
    copy_metadata(copy, packet);
    for (const struct rte_mbuf *from = packet; from != NULL; from = from->next) {
        for (uint32_t done = 0, count; done < from->data_len; done += count) {
            if (to_offset == to->data_len) {
                to = to->next;
                to_offset = 0;
            }
            count = TPA_BASE_MIN(from->data_len - done, to->data_len - to_offset);
            memcpy(rte_pktmbuf_mtod_offset(to, uint8_t *, to_offset),
                   rte_pktmbuf_mtod_offset(from, const uint8_t *, done), count);
            to_offset += count;
        }
    }
    return copy;
}
