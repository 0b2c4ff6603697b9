/*
 * The Internet checksum (RFC 1071), in pieces.
 *
 * A partial sum is a ones' complement sum of the data's 16-bit words *as they lie in memory*, held
 * in 32 bits with the carries still in it. RFC 1071 section 2 (B) makes that independent of byte
 * order: the finished value is stored into the packet as it is, without a byte swap. Sums of pieces
 * are added with tpa_base_checksum_combine(); the piece's offset in the whole decides whether its
 * bytes sit in the other half of a word.
 *
 *     sum = tpa_base_checksum_pseudo_ipv4(ip->src, ip->dst, IPPROTO_TCP, length);
 *     sum = tpa_base_checksum_partial(tcp, length, sum);
 *     tcp->checksum = tpa_base_checksum_finish(sum);
 *
 * with the field zero before. To verify, with the field as received, test for a result of 0.
 */
#ifndef TPA_BASE_CHECKSUM_H
#define TPA_BASE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * Adds `length` bytes to `sum` (0 to start). The bytes must begin at an even offset of the whole; a
 * last odd byte counts as if a zero followed it. Any alignment.
 */
uint32_t tpa_base_checksum_partial(const void *bytes, size_t length, uint32_t sum);

/*
 * The same while copying `length` bytes from `from` to `to` (no overlap): one pass over the memory
 * instead of two.
 */
uint32_t tpa_base_checksum_copy(void *to, const void *from, size_t length, uint32_t sum);

/* Ones' complement addition of two partial sums. */
static inline uint32_t tpa_base_checksum_add(uint32_t a, uint32_t b)
{
    uint64_t sum = (uint64_t)a + b;

    return (uint32_t)sum + (uint32_t)(sum >> 32);
}

/*
 * Adds the sum of a piece to `sum`. The piece's own sum was taken with 0 to start and as if it
 * began at offset 0; `odd_offset` says that it really begins at an odd offset of the whole.
 */
static inline uint32_t tpa_base_checksum_combine(uint32_t sum, uint32_t piece, bool odd_offset)
{
    if (odd_offset)
        piece = (piece << 8) | (piece >> 24);
    return tpa_base_checksum_add(sum, piece);
}

/* A partial sum as 16 bits, carries added in, not complemented. */
static inline uint16_t tpa_base_checksum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The checksum field's value, ready to be stored as it is. 0 means "valid" when the field was part
 * of the sum. */
static inline uint16_t tpa_base_checksum_finish(uint32_t sum)
{
    return (uint16_t)~tpa_base_checksum_fold(sum);
}

/*
 * UDP's form (RFC 768): a computed 0 is sent as 0xffff, since 0 says that there is no checksum.
 */
static inline uint16_t tpa_base_checksum_finish_udp(uint32_t sum)
{
    uint16_t checksum = tpa_base_checksum_finish(sum);

    return checksum != 0 ? checksum : 0xffff;
}

/* Adds one 16-bit or 32-bit field, as it lies in memory, that stands at an even offset. */
static inline uint32_t tpa_base_checksum_add_be16(uint32_t sum, uint16_t value_be)
{
    return tpa_base_checksum_add(sum, value_be);
}

static inline uint32_t tpa_base_checksum_add_be32(uint32_t sum, uint32_t value_be)
{
    return tpa_base_checksum_add(sum, value_be);
}

/*
 * The sum of IPv4's pseudo-header (RFC 9293 section 3.1). Addresses in network order; `length` of
 * the upper-layer packet (header and data) in host order.
 */
static inline uint32_t tpa_base_checksum_pseudo_ipv4(uint32_t source_be, uint32_t destination_be,
                                                     uint8_t protocol, uint16_t length)
{
    uint32_t sum = tpa_base_checksum_add(source_be, destination_be);

    sum = tpa_base_checksum_add(sum, TPA_BASE_BE16(protocol));
    return tpa_base_checksum_add(sum, TPA_BASE_BE16(length));
}

/*
 * The sum of IPv6's pseudo-header (RFC 8200 section 8.1). `source` and `destination` are 16 bytes
 * each, `length` of the upper-layer packet in host order.
 */
static inline uint32_t tpa_base_checksum_pseudo_ipv6(const void *source, const void *destination,
                                                     uint8_t next_header, uint32_t length)
{
    const uint8_t *s = (const uint8_t *)source;
    const uint8_t *d = (const uint8_t *)destination;
    uint64_t sum = (uint64_t)tpa_base_load32(s) + tpa_base_load32(s + 4) + tpa_base_load32(s + 8) +
                   tpa_base_load32(s + 12);

    sum += (uint64_t)tpa_base_load32(d) + tpa_base_load32(d + 4) + tpa_base_load32(d + 8) +
           tpa_base_load32(d + 12);
    sum += (uint64_t)TPA_BASE_BE32(length) + TPA_BASE_BE16(next_header);
    return tpa_base_checksum_add((uint32_t)sum, (uint32_t)(sum >> 32));
}

/*
 * A header's checksum field after one of its fields changed (RFC 1624, equation 3). All values as
 * they lie in memory; the field stands at an even offset. A result of 0 stays 0: not for UDP over
 * IPv4.
 */
static inline uint16_t tpa_base_checksum_update16(uint16_t checksum, uint16_t old_be,
                                                  uint16_t new_be)
{
    return tpa_base_checksum_finish((uint32_t)(uint16_t)~checksum + (uint16_t)~old_be + new_be);
}

static inline uint16_t tpa_base_checksum_update32(uint16_t checksum, uint32_t old_be,
                                                  uint32_t new_be)
{
    uint32_t sum = tpa_base_checksum_add((uint16_t)~checksum, ~old_be);

    return tpa_base_checksum_finish(tpa_base_checksum_add(sum, new_be));
}

TPA_BASE_DECLARATIONS_END

#endif
