#include <tpa/base/bits.h>
#include <tpa/base/byteorder.h>
#include <tpa/base/hash.h>

struct tpa_base_hash_key tpa_base_hash_key_from_bytes(const uint8_t bytes[16])
{
    return (struct tpa_base_hash_key){
        .k0 = tpa_base_load_le64(bytes),
        .k1 = tpa_base_load_le64(bytes + 8),
    };
}

struct tpa_base_hash_key tpa_base_hash_key_random(struct tpa_base_random *random)
{
    return (struct tpa_base_hash_key){
        .k0 = tpa_base_random_u64(random),
        .k1 = tpa_base_random_u64(random),
    };
}

static inline void sip_rounds(struct tpa_base_siphash *s, unsigned rounds)
{
    while (rounds-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = tpa_base_bits_rotate_left64(s->v1, 13) ^ s->v0;
        s->v3 = tpa_base_bits_rotate_left64(s->v3, 16) ^ s->v2;
        s->v0 = tpa_base_bits_rotate_left64(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = tpa_base_bits_rotate_left64(s->v1, 17) ^ s->v2;
        s->v3 = tpa_base_bits_rotate_left64(s->v3, 21) ^ s->v0;
        s->v2 = tpa_base_bits_rotate_left64(s->v2, 32);
    }
}

static inline void sip_begin(struct tpa_base_siphash *s, const struct tpa_base_hash_key *key,
                             uint8_t compression_rounds, uint8_t finalization_rounds)
{
    *s = (struct tpa_base_siphash){
        .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
        .compression_rounds = compression_rounds,
        .finalization_rounds = finalization_rounds,
    };
}

static inline void sip_compress(struct tpa_base_siphash *s, uint64_t word)
{
    s->v3 ^= word;
    sip_rounds(s, s->compression_rounds);
    s->v0 ^= word;
}

/* Adds the low `count` bytes of `value` (1 .. 8; the others are zero). */
static inline void sip_add_number(struct tpa_base_siphash *s, uint64_t value, unsigned count)
{
    unsigned held = s->length & 7;

    s->length += count;
    s->tail |= value << (8 * held);
    if (held + count < 8)
        return;
    sip_compress(s, s->tail);
    s->tail = held > 0 ? value >> (8 * (8 - held)) : 0;
}

static inline void sip_add(struct tpa_base_siphash *s, const uint8_t *bytes, size_t length)
{
    for (; length >= 8; bytes += 8, length -= 8)
        sip_add_number(s, tpa_base_load_le64(bytes), 8);
    for (; length > 0; bytes++, length--)
        sip_add_number(s, *bytes, 1);
}

static inline uint64_t sip_finish(struct tpa_base_siphash *s)
{
    sip_compress(s, s->tail | (uint64_t)s->length << 56);
    s->v2 ^= 0xff;
    sip_rounds(s, s->finalization_rounds);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void tpa_base_siphash24_begin(struct tpa_base_siphash *state, const struct tpa_base_hash_key *key)
{
    sip_begin(state, key, 2, 4);
}

void tpa_base_siphash13_begin(struct tpa_base_siphash *state, const struct tpa_base_hash_key *key)
{
    sip_begin(state, key, 1, 3);
}

void tpa_base_siphash_add(struct tpa_base_siphash *state, const void *bytes, size_t length)
{
    sip_add(state, bytes, length);
}

void tpa_base_siphash_add_u16(struct tpa_base_siphash *state, uint16_t value)
{
    sip_add_number(state, value, 2);
}

void tpa_base_siphash_add_u32(struct tpa_base_siphash *state, uint32_t value)
{
    sip_add_number(state, value, 4);
}

void tpa_base_siphash_add_u64(struct tpa_base_siphash *state, uint64_t value)
{
    sip_add_number(state, value, 8);
}

uint64_t tpa_base_siphash_finish(const struct tpa_base_siphash *state)
{
    struct tpa_base_siphash copy = *state;

    return sip_finish(&copy);
}

/* The whole at once: the numbers of rounds are constants here, the state stays in registers. */
uint64_t tpa_base_siphash24(const struct tpa_base_hash_key *key, const void *bytes, size_t length)
{
    struct tpa_base_siphash state;

    sip_begin(&state, key, 2, 4);
    sip_add(&state, bytes, length);
    return sip_finish(&state);
}

uint64_t tpa_base_siphash13(const struct tpa_base_hash_key *key, const void *bytes, size_t length)
{
    struct tpa_base_siphash state;

    sip_begin(&state, key, 1, 3);
    sip_add(&state, bytes, length);
    return sip_finish(&state);
}

uint64_t tpa_base_hash_words(const struct tpa_base_hash_key *key, const uint64_t *words,
                             size_t count)
{
    uint64_t hash = tpa_base_hash_multiply_fold(key->k0 ^ count, key->k1);

    for (size_t i = 0; i < count; i++)
        hash = tpa_base_hash_multiply_fold(hash ^ words[i], key->k0 ^ (hash >> 32));
    return tpa_base_hash_multiply_fold(hash ^ key->k1, key->k0 ^ UINT64_C(0x9e3779b97f4a7c15));
}

const uint8_t tpa_base_toeplitz_default_key[TPA_BASE_TOEPLITZ_KEY_SIZE] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

uint32_t tpa_base_toeplitz(const uint8_t *key, size_t key_length, const void *bytes, size_t length)
{
    const uint8_t *input = bytes;
    uint64_t window = 0; /* the 32 bits of key over the current bit stand on top */
    uint32_t hash = 0;

    for (size_t i = 0; i < 8; i++)
        window = window << 8 | (i < key_length ? key[i] : 0);
    for (size_t i = 0; i < length; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            hash ^= (uint32_t)(window >> 32) & -(uint32_t)(input[i] >> bit & 1);
            window <<= 1;
        }
        window |= i + 8 < key_length ? key[i + 8] : 0;
    }
    return hash;
}
