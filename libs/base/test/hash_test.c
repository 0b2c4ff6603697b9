#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/hash.h>
#include <tpa/base/parse.h>

static const uint8_t counting[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static struct tpa_base_hash_key counting_key(void)
{
    return tpa_base_hash_key_from_bytes(counting);
}

/* From the authors' test vectors: key 00 01 .. 0f, message 00 01 .. length-1. */
Test(siphash, reference_vectors_of_2_4)
{
    static const uint64_t expected[] = {
        0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
        0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
        0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462,
    };
    struct tpa_base_hash_key key = counting_key();

    for (size_t length = 0; length < TPA_BASE_ARRAY_SIZE(expected); length++)
        cr_assert_eq(tpa_base_siphash24(&key, counting, length), expected[length], "%zu", length);
    /* Appendix A of the paper. */
    cr_assert_eq(tpa_base_siphash24(&key, counting, 15), 0xa129ca6149be45e5);
}

Test(siphash, reference_vectors_of_1_3)
{
    static const uint64_t expected[] = {0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d,
                                        0x8bf80ab8e7ddf7fb};
    struct tpa_base_hash_key key = counting_key();

    for (size_t length = 0; length < TPA_BASE_ARRAY_SIZE(expected); length++)
        cr_assert_eq(tpa_base_siphash13(&key, counting, length), expected[length], "%zu", length);
}

Test(siphash, pieces_of_any_length_hash_like_the_whole)
{
    struct tpa_base_hash_key key = counting_key();
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    for (int round = 0; round < 5000; round++) {
        size_t length = tpa_base_random_below(&random, sizeof(counting) + 1);
        struct tpa_base_siphash slow, fast;

        tpa_base_siphash24_begin(&slow, &key);
        tpa_base_siphash13_begin(&fast, &key);
        for (size_t offset = 0; offset < length;) {
            size_t step = 1 + tpa_base_random_below(&random, length - offset);

            tpa_base_siphash_add(&slow, counting + offset, step);
            tpa_base_siphash_add(&fast, counting + offset, step);
            offset += step;
        }
        cr_assert_eq(tpa_base_siphash_finish(&slow), tpa_base_siphash24(&key, counting, length));
        cr_assert_eq(tpa_base_siphash_finish(&fast), tpa_base_siphash13(&key, counting, length));
        /* Finishing leaves the state as it is. */
        cr_assert_eq(tpa_base_siphash_finish(&slow), tpa_base_siphash24(&key, counting, length));
    }
}

Test(siphash, numbers_are_added_as_little_endian_bytes_at_any_offset)
{
    struct tpa_base_hash_key key = counting_key();

    for (size_t offset = 0; offset < 8; offset++) {
        struct tpa_base_siphash state;

        tpa_base_siphash24_begin(&state, &key);
        tpa_base_siphash_add(&state, counting, offset);
        tpa_base_siphash_add_u16(&state, (uint16_t)(offset | (offset + 1) << 8));
        tpa_base_siphash_add_u32(&state, (uint32_t)tpa_base_load_le64(counting + offset + 2));
        tpa_base_siphash_add_u64(&state, tpa_base_load_le64(counting + offset + 6));
        cr_assert_eq(tpa_base_siphash_finish(&state),
                     tpa_base_siphash24(&key, counting, offset + 14), "%zu", offset);
    }
}

Test(siphash, keys_from_a_generator_differ)
{
    struct tpa_base_random random;
    struct tpa_base_hash_key a, b;

    tpa_base_random_seed(&random, 2);
    a = tpa_base_hash_key_random(&random);
    b = tpa_base_hash_key_random(&random);
    cr_assert_neq(a.k0, b.k0);
    cr_assert_neq(a.k1, b.k1);
    cr_assert_neq(tpa_base_siphash24(&a, counting, 8), tpa_base_siphash24(&b, counting, 8));
}

struct tuple {
    struct tpa_base_address first;
    struct tpa_base_address second;
    uint32_t ports;
};

static struct tuple tuple(const char *first, const char *second, uint32_t ports)
{
    struct tuple tuple = {.ports = ports};

    cr_assert_eq(tpa_base_address_parse(first, TPA_BASE_PARSE_NUL, &tuple.first), 0);
    cr_assert_eq(tpa_base_address_parse(second, TPA_BASE_PARSE_NUL, &tuple.second), 0);
    return tuple;
}

static uint64_t hash(const struct tpa_base_hash_key *key, const struct tuple *tuple)
{
    return tpa_base_hash_tuple(key, &tuple->first, &tuple->second, tuple->ports);
}

Test(tuple_hash, flipping_any_bit_of_the_input_flips_about_half_of_the_output)
{
    struct tpa_base_random random;
    struct tpa_base_hash_key key;
    struct tuple t = tuple("10.0.0.1", "10.0.0.2", 0x12345678);
    uint64_t total = 0;
    const unsigned bits = 2 * 128 + 32;

    tpa_base_random_seed(&random, 3);
    key = tpa_base_hash_key_random(&random);
    for (unsigned bit = 0; bit < bits; bit++) {
        struct tuple changed = t;
        unsigned flipped;

        if (bit < 128)
            changed.first.u8[bit / 8] ^= (uint8_t)(1 << bit % 8);
        else if (bit < 256)
            changed.second.u8[(bit - 128) / 8] ^= (uint8_t)(1 << bit % 8);
        else
            changed.ports ^= (uint32_t)1 << (bit - 256);
        flipped = tpa_base_bits_count(hash(&key, &t) ^ hash(&key, &changed));
        cr_assert(flipped >= 12 && flipped <= 52, "bit %u: %u", bit, flipped);
        total += flipped;
    }
    cr_assert(total > bits * 29 && total < bits * 35, "%lu", total / bits);
}

Test(tuple_hash, the_ends_are_not_interchangeable)
{
    struct tpa_base_hash_key key = counting_key();
    struct tuple there = tuple("10.0.0.1", "10.0.0.2", 0x00500050);
    struct tuple back = tuple("10.0.0.2", "10.0.0.1", 0x00500050);

    cr_assert_neq(hash(&key, &there), hash(&key, &back));
}

/* What a busy server sees: one local end, few remote addresses, consecutive ports. */
static void assert_even_spread(uint64_t (*hash_of)(const struct tpa_base_hash_key *, uint32_t),
                               unsigned shift)
{
    enum {
        buckets = 1024,
        keys = 64 * buckets
    };
    static uint32_t count[buckets];
    struct tpa_base_random random;
    struct tpa_base_hash_key key;
    double chi_squared = 0;

    tpa_base_random_seed(&random, 4);
    key = tpa_base_hash_key_random(&random);
    memset(count, 0, sizeof(count));
    for (uint32_t i = 0; i < keys; i++)
        count[(hash_of(&key, i) >> shift) % buckets]++;
    for (unsigned i = 0; i < buckets; i++)
        chi_squared += (count[i] - 64.0) * (count[i] - 64.0) / 64.0;
    /*
     * 1023 degrees of freedom: mean 1023, standard deviation 45; five of these above. More even
     * than chance is welcome.
     */
    cr_assert(chi_squared < 1250, "%f", chi_squared);
}

static uint64_t consecutive_ports(const struct tpa_base_hash_key *key, uint32_t i)
{
    struct tuple t = {tpa_base_address_from_ipv4(TPA_BASE_BE32(0x0a000001)),
                      tpa_base_address_from_ipv4(TPA_BASE_BE32(0x0a000002 + i / 16384)),
                      (uint32_t)80 << 16 | (41000 + i % 16384)};

    return hash(key, &t);
}

static uint64_t consecutive_words(const struct tpa_base_hash_key *key, uint32_t i)
{
    uint64_t words[2] = {i % 256, i / 256};

    return tpa_base_hash_words(key, words, 2);
}

Test(tuple_hash, spreads_consecutive_ports_evenly_in_low_and_in_high_bits)
{
    assert_even_spread(consecutive_ports, 0);
    assert_even_spread(consecutive_ports, 54);
}

Test(word_hash, spreads_small_numbers_evenly_in_low_and_in_high_bits)
{
    assert_even_spread(consecutive_words, 0);
    assert_even_spread(consecutive_words, 54);
}

Test(word_hash, count_and_order_matter)
{
    struct tpa_base_hash_key key = counting_key();
    uint64_t words[3] = {0, 0, 1}, swapped[3] = {0, 1, 0};

    cr_assert_neq(tpa_base_hash_words(&key, words, 1), tpa_base_hash_words(&key, words, 2));
    cr_assert_neq(tpa_base_hash_words(&key, words, 0), tpa_base_hash_words(&key, words, 1));
    cr_assert_neq(tpa_base_hash_words(&key, words, 3), tpa_base_hash_words(&key, swapped, 3));
}

Test(word_hash, another_key_is_another_hash)
{
    struct tpa_base_random random;
    struct tpa_base_hash_key a, b;
    uint64_t word = 5;

    tpa_base_random_seed(&random, 5);
    a = tpa_base_hash_key_random(&random);
    b = tpa_base_hash_key_random(&random);
    cr_assert_neq(tpa_base_hash_words(&a, &word, 1), tpa_base_hash_words(&b, &word, 1));
}

/* Microsoft, "Verifying the RSS Hash Calculation". */
static const struct {
    const char *destination;
    uint16_t destination_port;
    const char *source;
    uint16_t source_port;
    uint32_t addresses_only;
    uint32_t with_ports;
} rss[] = {
    {"161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178},
    {"65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea},
    {"12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a},
    {"209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f},
    {"202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2},
    {"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d},
    {"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf},
    {"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985,
     0x02d1feef},
};

Test(toeplitz, reference_vectors_of_the_rss_specification)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(rss); i++) {
        struct tuple t = tuple(rss[i].source, rss[i].destination, 0);
        size_t size = tpa_base_address_is_ipv4(&t.first) ? 4 : 16;
        uint8_t input[TPA_BASE_TOEPLITZ_INPUT_MAX];

        memcpy(input, t.first.u8 + 16 - size, size);
        memcpy(input + size, t.second.u8 + 16 - size, size);
        tpa_base_store_be16(input + 2 * size, rss[i].source_port);
        tpa_base_store_be16(input + 2 * size + 2, rss[i].destination_port);
        cr_assert_eq(tpa_base_toeplitz(tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE,
                                       input, 2 * size),
                     rss[i].addresses_only, "%s", rss[i].source);
        cr_assert_eq(tpa_base_toeplitz(tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE,
                                       input, 2 * size + 4),
                     rss[i].with_ports, "%s", rss[i].source);
    }
}

Test(toeplitz, a_short_key_goes_on_with_zeros_and_is_not_read_beyond_its_end)
{
    uint8_t input[12];

    memset(input, 0xff, sizeof(input));
    for (size_t length = 0; length < TPA_BASE_TOEPLITZ_KEY_SIZE; length++) {
        uint8_t key[TPA_BASE_TOEPLITZ_KEY_SIZE] = {0};

        memcpy(key, tpa_base_toeplitz_default_key, length);
        cr_assert_eq(tpa_base_toeplitz(tpa_base_toeplitz_default_key, length, input, sizeof(input)),
                     tpa_base_toeplitz(key, sizeof(key), input, sizeof(input)));
    }
    cr_assert_eq(tpa_base_toeplitz(NULL, 0, input, sizeof(input)), 0);
    cr_assert_eq(
        tpa_base_toeplitz(tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE, NULL, 0), 0);
}
