/*
 * Keyed hashes.
 *
 * - SipHash is a pseudo-random function: without the key nobody can predict or relate outputs. For
 *   values that an attacker sees and must not guess: initial sequence numbers (RFC 6528), ports
 *   (RFC 6056), cookies.
 * - The mix is fast, for table look-ups. Its outputs stay inside; collisions can't be prepared
 *   without the key, but it is no pseudo-random function.
 * - Toeplitz is the hash of RSS, to know in software which queue a NIC chooses. Linear: it
 *   protects against nothing.
 */
#ifndef TPA_BASE_HASH_H
#define TPA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/base/random.h>

TPA_BASE_DECLARATIONS_BEGIN

/* 128 bits of secret. */
struct tpa_base_hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* The key whose 16 bytes are `bytes` (little-endian halves, as SipHash defines it). */
struct tpa_base_hash_key tpa_base_hash_key_from_bytes(const uint8_t bytes[16]);

/* A fresh key. Outside of tests the generator must have been seeded with entropy. */
struct tpa_base_hash_key tpa_base_hash_key_random(struct tpa_base_random *random);

/* SipHash-2-4 and SipHash-1-3 (Aumasson, Bernstein 2012) of `length` bytes. */
uint64_t tpa_base_siphash24(const struct tpa_base_hash_key *key, const void *bytes, size_t length);
uint64_t tpa_base_siphash13(const struct tpa_base_hash_key *key, const void *bytes, size_t length);

/*
 * SipHash in steps, for inputs that are made of several fields: begin, any number of adds, finish
 * once. The result is the hash of all added bytes one after the other. Lives on the caller's stack,
 * owns nothing.
 */
struct tpa_base_siphash {
    uint64_t v0, v1, v2, v3;
    uint64_t tail;   /* the bytes of an unfinished word, lowest first */
    uint32_t length; /* bytes so far; only its low 8 bits and low 3 bits matter */
    uint8_t compression_rounds;
    uint8_t finalization_rounds;
};

void tpa_base_siphash24_begin(struct tpa_base_siphash *state, const struct tpa_base_hash_key *key);
void tpa_base_siphash13_begin(struct tpa_base_siphash *state, const struct tpa_base_hash_key *key);
void tpa_base_siphash_add(struct tpa_base_siphash *state, const void *bytes, size_t length);
/* Adds a number as its little-endian bytes, the same on every machine. */
void tpa_base_siphash_add_u16(struct tpa_base_siphash *state, uint16_t value);
void tpa_base_siphash_add_u32(struct tpa_base_siphash *state, uint32_t value);
void tpa_base_siphash_add_u64(struct tpa_base_siphash *state, uint64_t value);
uint64_t tpa_base_siphash_finish(const struct tpa_base_siphash *state);

/* Folded 64 x 64 -> 128 bit multiplication, the step of the mix. */
static inline uint64_t tpa_base_hash_multiply_fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * The hash of a connection's four-tuple for a table look-up. The two ports are given as one word,
 * (first << 16 | second) in whatever byte order the caller always uses. Not symmetric: swap the
 * ends, and the hash is another one.
 */
static inline uint64_t tpa_base_hash_tuple(const struct tpa_base_hash_key *key,
                                           const struct tpa_base_address *first,
                                           const struct tpa_base_address *second, uint32_t ports)
{
    uint64_t a = tpa_base_hash_multiply_fold(first->u64[0] ^ key->k0, first->u64[1] ^ key->k1);
    uint64_t b =
        tpa_base_hash_multiply_fold(second->u64[0] ^ key->k1 ^ UINT64_C(0x9e3779b97f4a7c15),
                                    second->u64[1] ^ key->k0 ^ UINT64_C(0xbf58476d1ce4e5b9));

    return tpa_base_hash_multiply_fold(a ^ key->k0 ^ ports,
                                       b ^ key->k1 ^ UINT64_C(0x94d049bb133111eb));
}

/* The hash of `count` 64-bit words for a table look-up. `count` is part of the hash. */
uint64_t tpa_base_hash_words(const struct tpa_base_hash_key *key, const uint64_t *words,
                             size_t count);

/* The longest RSS input (IPv6 addresses and ports), and the key it needs: 4 bytes more. */
#define TPA_BASE_TOEPLITZ_INPUT_MAX 36
#define TPA_BASE_TOEPLITZ_KEY_SIZE  40

/* The key in Microsoft's RSS specification, which many NICs and drivers have as their default. */
extern const uint8_t tpa_base_toeplitz_default_key[TPA_BASE_TOEPLITZ_KEY_SIZE];

/*
 * The Toeplitz hash of `length` bytes: for RSS the source address, destination address, source
 * port, destination port as they lie in the received packet. Bits of the key beyond `key_length`
 * bytes count as zero. Result in host order; a NIC's indirection table is indexed by its low bits.
 */
uint32_t tpa_base_toeplitz(const uint8_t *key, size_t key_length, const void *bytes, size_t length);

TPA_BASE_DECLARATIONS_END

#endif
