#include <tpa/mem/external.h>

#include <assert.h>

void tpa_mem_external_init(struct tpa_mem_external *external)
{
    /* The owner's reference is never given back by a packet, so the callback is never called. */
    external->shared.free_cb = NULL;
    external->shared.fcb_opaque = NULL;
    rte_mbuf_ext_refcnt_set(&external->shared, 1);
}

struct rte_mbuf *tpa_mem_packet_external(struct tpa_mem_pool *pool, const void *base, uint64_t iova,
                                         uint32_t length, struct tpa_mem_external *external)
{
    struct rte_mbuf *segment;

    if (length > UINT16_MAX)
        return NULL;
    if (rte_mbuf_ext_refcnt_read(&external->shared) >= TPA_MEM_EXTERNAL_REFERENCES_MAX)
        return NULL;
    segment = tpa_mem_packet_alloc(pool);
    if (segment == NULL)
        return NULL;
    rte_pktmbuf_attach_extbuf(segment, (void *)(uintptr_t)base, iova, (uint16_t)length,
                              &external->shared);
    rte_mbuf_ext_refcnt_update(&external->shared, 1);
    segment->data_len = (uint16_t)length;
    segment->pkt_len = length;
    return segment;
}

static uint16_t references(struct rte_mbuf *segment)
{
    if (RTE_MBUF_HAS_EXTBUF(segment))
        return rte_mbuf_ext_refcnt_read(segment->shinfo);
    /* For a segment that is no share itself, that is the segment. */
    return rte_mbuf_refcnt_read(rte_mbuf_from_indirect(segment));
}

struct rte_mbuf *tpa_mem_packet_share(struct tpa_mem_pool *pool, struct rte_mbuf *segment,
                                      uint32_t offset, uint32_t length)
{
    struct rte_mbuf *share;

    assert(offset <= segment->data_len && length <= segment->data_len - offset);
    if (references(segment) >= TPA_MEM_EXTERNAL_REFERENCES_MAX)
        return NULL;
    share = tpa_mem_packet_alloc(pool);
    if (share == NULL)
        return NULL;
    rte_pktmbuf_attach(share, segment);
    /* It shares bytes: what a port said of the other packet, or was told to do, is not copied. */
    share->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    share->tx_offload = 0;
    share->packet_type = 0;
    share->data_len = (uint16_t)length;
    share->pkt_len = length;
    if (RTE_MBUF_HAS_EXTBUF(share)) {
        uint32_t begin = share->data_off + offset;

        share->buf_addr = (uint8_t *)share->buf_addr + begin;
        rte_mbuf_iova_set(share, rte_mbuf_iova_get(share) + begin);
        share->data_off = 0;
        share->buf_len = (uint16_t)length;
    } else {
        /* DPDK finds the other mbuf by buf_addr: that stays, and tpa_mem_packet_prepend() minds. */
        share->data_off = (uint16_t)(share->data_off + offset);
        share->buf_len = (uint16_t)(share->data_off + length);
    }
    return share;
}
