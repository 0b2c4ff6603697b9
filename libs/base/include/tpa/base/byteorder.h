/*
 * Network byte order (big endian) and unaligned access. "be" in a name or type comment means: as it
 * lies in a packet.
 */
#ifndef TPA_BASE_BYTEORDER_H
#define TPA_BASE_BYTEORDER_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TPA_BASE_BE16(value) ((uint16_t)((((value)&0xff) << 8) | (((value) >> 8) & 0xff)))
#define TPA_BASE_BE32(value) __builtin_bswap32((uint32_t)(value))
#define TPA_BASE_BE64(value) __builtin_bswap64((uint64_t)(value))
#else
#define TPA_BASE_BE16(value) ((uint16_t)(value))
#define TPA_BASE_BE32(value) ((uint32_t)(value))
#define TPA_BASE_BE64(value) ((uint64_t)(value))
#endif

static inline uint16_t tpa_base_host_to_be16(uint16_t value)
{
    return TPA_BASE_BE16(value);
}

static inline uint32_t tpa_base_host_to_be32(uint32_t value)
{
    return TPA_BASE_BE32(value);
}

static inline uint64_t tpa_base_host_to_be64(uint64_t value)
{
    return TPA_BASE_BE64(value);
}

static inline uint16_t tpa_base_be16_to_host(uint16_t value)
{
    return TPA_BASE_BE16(value);
}

static inline uint32_t tpa_base_be32_to_host(uint32_t value)
{
    return TPA_BASE_BE32(value);
}

static inline uint64_t tpa_base_be64_to_host(uint64_t value)
{
    return TPA_BASE_BE64(value);
}

/* Unaligned loads and stores in the host's order. */
static inline uint16_t tpa_base_load16(const void *from)
{
    uint16_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t tpa_base_load32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t tpa_base_load64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void tpa_base_store16(void *to, uint16_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void tpa_base_store32(void *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void tpa_base_store64(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* Unaligned loads and stores of big-endian fields; the value is in the host's order. */
static inline uint16_t tpa_base_load_be16(const void *from)
{
    return TPA_BASE_BE16(tpa_base_load16(from));
}

static inline uint32_t tpa_base_load_be32(const void *from)
{
    return TPA_BASE_BE32(tpa_base_load32(from));
}

static inline uint64_t tpa_base_load_be64(const void *from)
{
    return TPA_BASE_BE64(tpa_base_load64(from));
}

static inline void tpa_base_store_be16(void *to, uint16_t value)
{
    tpa_base_store16(to, TPA_BASE_BE16(value));
}

static inline void tpa_base_store_be32(void *to, uint32_t value)
{
    tpa_base_store32(to, TPA_BASE_BE32(value));
}

static inline void tpa_base_store_be64(void *to, uint64_t value)
{
    tpa_base_store64(to, TPA_BASE_BE64(value));
}

/* Unaligned little-endian loads, for hashes whose definition asks for them. */
static inline uint64_t tpa_base_load_le64(const void *from)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return tpa_base_load64(from);
#else
    return __builtin_bswap64(tpa_base_load64(from));
#endif
}

#endif
