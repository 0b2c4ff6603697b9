/*
 * An IP address of either family in 16 bytes: IPv6 as it is, IPv4 as the v4-mapped ::ffff:a.b.c.d
 * (RFC 4291 section 2.5.5.2). The bytes are in network order. The layout is that of the public
 * API's struct tpa_ip.
 *
 * The predicates look through the mapping: ::ffff:127.0.0.1 is a loopback address.
 */
#ifndef TPA_BASE_ADDRESS_H
#define TPA_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_base_address {
    union {
        uint8_t u8[16];
        uint32_t u32[4];
        uint64_t u64[2];
    };
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_base_address) == 16, "the layout of struct tpa_ip");

/* The third 32-bit word of a v4-mapped address, as it lies in memory. */
#define TPA_BASE_ADDRESS_MAPPED TPA_BASE_BE32(0x0000ffff)

/* Room for any address as text with its NUL. */
#define TPA_BASE_ADDRESS_TEXT 46

static inline bool tpa_base_address_is_ipv4(const struct tpa_base_address *address)
{
    return address->u64[0] == 0 && address->u32[2] == TPA_BASE_ADDRESS_MAPPED;
}

/* The v4-mapped form of an IPv4 address in network order. */
static inline struct tpa_base_address tpa_base_address_from_ipv4(uint32_t ipv4_be)
{
    struct tpa_base_address address;

    address.u64[0] = 0;
    /* As one store, so that a comparison right behind it, by 64 bits, need not wait for two. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    address.u64[1] = (uint64_t)ipv4_be << 32 | TPA_BASE_ADDRESS_MAPPED;
#else
    address.u64[1] = (uint64_t)TPA_BASE_ADDRESS_MAPPED << 32 | ipv4_be;
#endif
    return address;
}

/* The address whose 16 bytes in network order are at `bytes` (any alignment). */
static inline struct tpa_base_address tpa_base_address_from_ipv6(const void *bytes)
{
    struct tpa_base_address address;

    memcpy(&address, bytes, sizeof(address));
    return address;
}

/* The IPv4 address in network order; meaningful only if tpa_base_address_is_ipv4(). */
static inline uint32_t tpa_base_address_ipv4(const struct tpa_base_address *address)
{
    return address->u32[3];
}

static inline bool tpa_base_address_equal(const struct tpa_base_address *a,
                                          const struct tpa_base_address *b)
{
    return ((a->u64[0] ^ b->u64[0]) | (a->u64[1] ^ b->u64[1])) == 0;
}

/* True if the first `prefix_length` bits are equal. 0..128; for IPv4 addresses 96 + the IPv4 prefix
 * length. */
bool tpa_base_address_prefix_equal(const struct tpa_base_address *a,
                                   const struct tpa_base_address *b, unsigned prefix_length);

/* 0.0.0.0 or ::. */
bool tpa_base_address_is_unspecified(const struct tpa_base_address *address);

/* 127.0.0.0/8 or ::1. */
bool tpa_base_address_is_loopback(const struct tpa_base_address *address);

/* 224.0.0.0/4 or ff00::/8. */
bool tpa_base_address_is_multicast(const struct tpa_base_address *address);

/* 255.255.255.255; a subnet's broadcast address can't be told from the address alone. */
bool tpa_base_address_is_broadcast(const struct tpa_base_address *address);

/* 169.254.0.0/16 (RFC 3927) or fe80::/10. */
bool tpa_base_address_is_link_local(const struct tpa_base_address *address);

/*
 * True for an address that one host can have and a packet can come from or go to: not unspecified,
 * multicast or broadcast, not 0.0.0.0/8, not 240.0.0.0/4 (RFC 1122 section 3.2.1.3, RFC 6890).
 * Loopback counts as unicast.
 */
bool tpa_base_address_is_unicast(const struct tpa_base_address *address);

/*
 * Reads an IPv4 or IPv6 literal (RFC 4291 section 2.2; no zone, no brackets) of `length`
 * characters, or up to the NUL if length is TPA_BASE_PARSE_NUL (parse.h). The whole text must be
 * the address. 0, or TPA_EMALFORMED, and *address is then unchanged.
 */
int tpa_base_address_parse(const char *text, size_t length,
                           struct tpa_base_address *address) TPA_BASE_MUST_CHECK;

/*
 * Writes the address as text: dotted quad for IPv4, RFC 5952's form for IPv6. Returns the length
 * without the NUL.
 */
size_t tpa_base_address_format(const struct tpa_base_address *address,
                               char text[TPA_BASE_ADDRESS_TEXT]);

TPA_BASE_DECLARATIONS_END

#endif
