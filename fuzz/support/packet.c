#include "support/packet.h"

#include <sanitizer/asan_interface.h>

#include <criterion/criterion.h>

static struct rte_mbuf *guarded(struct tpa_mem_pool *pool, const uint8_t *bytes, uint32_t length)
{
    struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);
    uint8_t *data;

    cr_assert_not_null(packet, "the pool is too small for the target");
    ASAN_UNPOISON_MEMORY_REGION(packet->buf_addr, packet->buf_len);
    data = tpa_mem_packet_append(packet, (uint16_t)length);
    if (length > 0)
        memcpy(data, bytes, length);
    ASAN_POISON_MEMORY_REGION(data + length, rte_pktmbuf_tailroom(packet));
    return packet;
}

struct rte_mbuf *fuzz_packet(struct tpa_mem_pool *pool, const uint8_t *bytes, uint32_t length,
                             uint32_t segment)
{
    struct rte_mbuf *head = NULL;
    uint32_t done = 0;

    if (segment == 0 || segment > pool->data_size)
        segment = pool->data_size;
    do {
        uint32_t count = length - done < segment ? length - done : segment;
        struct rte_mbuf *piece = guarded(pool, bytes + done, count);

        if (head == NULL)
            head = piece;
        else
            cr_assert_eq(tpa_mem_packet_chain(head, piece), 0);
        done += count;
    } while (done < length);
    return head;
}
