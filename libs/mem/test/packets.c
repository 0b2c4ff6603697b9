#include "packets.h"

#include <assert.h>

#include <criterion/criterion.h>

uint8_t test_pattern_byte(uint32_t offset)
{
    return (uint8_t)(offset + offset / 256 * 7);
}

void test_pattern_fill(uint8_t *bytes, uint32_t length, uint32_t offset)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = test_pattern_byte(offset + i);
}

struct rte_mbuf *test_packet(struct tpa_mem_pool *pool, const int *lengths)
{
    struct rte_mbuf *packet = NULL;
    uint32_t offset = 0;

    for (; *lengths >= 0; lengths++) {
        struct rte_mbuf *segment = tpa_mem_packet_alloc(pool);
        uint8_t *bytes;

        cr_assert_not_null(segment);
        bytes = tpa_mem_packet_append(segment, (uint16_t)*lengths);
        cr_assert_not_null(bytes);
        test_pattern_fill(bytes, (uint32_t)*lengths, offset);
        offset += (uint32_t)*lengths;
        if (packet == NULL)
            packet = segment;
        else
            cr_assert_eq(tpa_mem_packet_chain(packet, segment), 0);
    }
    assert(packet != NULL); /* at least one length */
    return packet;
}

bool test_packet_holds(const struct rte_mbuf *packet, uint32_t offset, uint32_t length)
{
    const char *reason;
    uint32_t done = 0;

    if (packet == NULL)
        return false;
    if (rte_mbuf_check(packet, 1, &reason) != 0) {
        cr_log_error("not a sound packet: %s", reason);
        return false;
    }
    for (const struct rte_mbuf *segment = packet; segment != NULL;
         segment = tpa_mem_packet_next_segment(segment)) {
        const uint8_t *bytes = tpa_mem_packet_data(segment);

        for (uint32_t i = 0; i < tpa_mem_packet_segment_length(segment); i++, done++) {
            if (bytes[i] != test_pattern_byte(offset + done)) {
                cr_log_error("byte %u is %02x, expected %02x", done, bytes[i],
                             test_pattern_byte(offset + done));
                return false;
            }
        }
    }
    return done == length && tpa_mem_packet_length(packet) == length;
}
