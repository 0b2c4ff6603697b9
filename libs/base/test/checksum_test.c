#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/random.h>

#include "checksum_implementation.h"

/* RFC 1071's definition, word by word: what everything here is held against. */
static uint16_t reference(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return tpa_base_host_to_be16((uint16_t)~sum);
}

static uint8_t *random_bytes(struct tpa_base_random *random, size_t length)
{
    uint8_t *bytes = malloc(length > 0 ? length : 1);

    tpa_base_random_bytes(random, bytes, length);
    return bytes;
}

Test(checksum, the_example_of_rfc_1071)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    cr_assert_eq(tpa_base_checksum_fold(tpa_base_checksum_partial(bytes, sizeof(bytes), 0)),
                 tpa_base_host_to_be16(0xddf2));
}

Test(checksum, an_ipv4_header)
{
    static const uint8_t header[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                       0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

    cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_partial(header, 20, 0)),
                 tpa_base_host_to_be16(0xb861));
}

Test(checksum, every_implementation_at_every_length_and_alignment)
{
    enum {
        longest = 700
    };
    struct tpa_base_random random;
    uint8_t *bytes;

    tpa_base_random_seed(&random, 2);
    bytes = random_bytes(&random, longest + 64);
    for (const struct checksum_implementation *i = tpa_base_checksum_implementations;
         i->name != NULL; i++) {
        if (!tpa_base_checksum_supported(i))
            continue;
        for (size_t length = 0; length <= longest; length++) {
            size_t start = length % 33;
            uint16_t expected = reference(bytes + start, length);
            uint32_t sum = tpa_base_checksum_run(i, NULL, bytes + start, length, 0);

            cr_assert_eq(tpa_base_checksum_finish(sum), expected, "%s, %zu", i->name, length);
        }
    }
    free(bytes);
}

Test(checksum, copying_gives_the_same_sum_and_exactly_these_bytes)
{
    enum {
        longest = 700
    };
    struct tpa_base_random random;
    uint8_t *bytes, to[longest + 2 * 33];

    tpa_base_random_seed(&random, 3);
    bytes = random_bytes(&random, longest + 64);
    for (const struct checksum_implementation *i = tpa_base_checksum_implementations;
         i->name != NULL; i++) {
        if (!tpa_base_checksum_supported(i))
            continue;
        for (size_t length = 0; length <= longest; length++) {
            size_t start = length % 31, end;
            uint32_t sum;

            memset(to, 0xee, sizeof(to));
            sum = tpa_base_checksum_run(i, to + start, bytes, length, 0);
            end = start + length;
            cr_assert_eq(tpa_base_checksum_finish(sum), reference(bytes, length));
            cr_assert(memcmp(to + start, bytes, length) == 0, "%s, %zu", i->name, length);
            cr_assert(start == 0 || to[start - 1] == 0xee);
            cr_assert_eq(to[end], 0xee, "%s, %zu", i->name, length);
        }
    }
    free(bytes);
}

/* The lanes of the vector loops overflow with these if anywhere; lengths past several pieces. */
Test(checksum, all_ones_and_all_zeros_of_any_length)
{
    static const size_t lengths[] = {1,
                                     2,
                                     95,
                                     96,
                                     65535,
                                     65536,
                                     1 << 20,
                                     (1 << 20) + 1,
                                     (1 << 20) + 97,
                                     5 << 20,
                                     (5 << 20) + 33};
    size_t most = (5 << 20) + 33;
    uint8_t *ones = malloc(most), *zeros = calloc(1, most), *to = malloc(most);

    memset(ones, 0xff, most);
    for (const struct checksum_implementation *i = tpa_base_checksum_implementations;
         i->name != NULL; i++) {
        if (!tpa_base_checksum_supported(i))
            continue;
        for (size_t n = 0; n < TPA_BASE_ARRAY_SIZE(lengths); n++) {
            uint32_t sum = tpa_base_checksum_run(i, NULL, ones, lengths[n], 0);

            cr_assert_eq(tpa_base_checksum_finish(sum), reference(ones, lengths[n]));
            sum = tpa_base_checksum_run(i, to, ones, lengths[n], 0);
            cr_assert_eq(tpa_base_checksum_finish(sum), reference(ones, lengths[n]));
            cr_assert(memcmp(to, ones, lengths[n]) == 0);
            /* Only all-zero data has the sum 0. */
            cr_assert_eq(tpa_base_checksum_run(i, NULL, zeros, lengths[n], 0), 0);
        }
    }
    free(ones);
    free(zeros);
    free(to);
}

Test(checksum, the_public_calls_agree_with_the_reference)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 4);
    for (int round = 0; round < 2000; round++) {
        size_t length = tpa_base_random_below(&random, 3000);
        uint8_t *bytes = random_bytes(&random, length);
        uint8_t *to = malloc(length > 0 ? length : 1);

        cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_partial(bytes, length, 0)),
                     reference(bytes, length));
        cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_copy(to, bytes, length, 0)),
                     reference(bytes, length));
        cr_assert(memcmp(to, bytes, length) == 0);
        free(bytes);
        free(to);
    }
}

Test(checksum, nothing_at_all_is_allowed)
{
    cr_assert_eq(tpa_base_checksum_partial(NULL, 0, 0x1234), 0x1234);
    cr_assert_eq(tpa_base_checksum_copy(NULL, NULL, 0, 0x1234), 0x1234);
}

Test(checksum, pieces_cut_anywhere_add_up_to_the_whole)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 5);
    for (int round = 0; round < 3000; round++) {
        size_t length = 1 + tpa_base_random_below(&random, 500);
        uint8_t *bytes = random_bytes(&random, length);
        uint32_t sum = 0;

        for (size_t offset = 0; offset < length;) {
            size_t step = 1 + tpa_base_random_below(&random, length - offset);
            uint32_t piece = tpa_base_checksum_partial(bytes + offset, step, 0);

            sum = tpa_base_checksum_combine(sum, piece, offset % 2 != 0);
            offset += step;
        }
        cr_assert_eq(tpa_base_checksum_finish(sum), reference(bytes, length));
        free(bytes);
    }
}

Test(checksum, a_sum_to_start_with_is_added)
{
    static const uint8_t bytes[6] = {0xff, 0xff, 0x12, 0x34, 0xff, 0xfe};
    uint32_t first = tpa_base_checksum_partial(bytes, 2, 0);

    cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_partial(bytes + 2, 4, first)),
                 reference(bytes, 6));
    /* The largest partial sum does not lose its carry. */
    cr_assert_eq(tpa_base_checksum_fold(tpa_base_checksum_partial(bytes + 2, 4, UINT32_MAX)),
                 (uint16_t)~reference(bytes, 6));
}

Test(checksum, pseudo_headers_are_what_the_rfcs_draw)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 6);
    for (int round = 0; round < 1000; round++) {
        uint8_t v4[12], v6[40];
        uint16_t length = (uint16_t)tpa_base_random_u32(&random);
        uint32_t long_length = tpa_base_random_u32(&random);
        uint8_t protocol = (uint8_t)tpa_base_random_u32(&random);

        tpa_base_random_bytes(&random, v4, 8);
        v4[8] = 0;
        v4[9] = protocol;
        tpa_base_store_be16(v4 + 10, length);
        cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_pseudo_ipv4(
                         tpa_base_load32(v4), tpa_base_load32(v4 + 4), protocol, length)),
                     reference(v4, sizeof(v4)));

        tpa_base_random_bytes(&random, v6, 32);
        tpa_base_store_be32(v6 + 32, long_length);
        tpa_base_store_be32(v6 + 36, protocol);
        cr_assert_eq(tpa_base_checksum_finish(
                         tpa_base_checksum_pseudo_ipv6(v6, v6 + 16, protocol, long_length)),
                     reference(v6, sizeof(v6)));
    }
}

Test(checksum, a_packet_with_its_checksum_in_it_verifies_and_a_changed_one_does_not)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 7);
    for (int round = 0; round < 500; round++) {
        size_t length = 20 + tpa_base_random_below(&random, 1441);
        uint8_t *segment = random_bytes(&random, length);
        uint32_t pseudo = tpa_base_checksum_pseudo_ipv4(
            tpa_base_random_u32(&random), tpa_base_random_u32(&random), 6, (uint16_t)length);

        tpa_base_store16(segment + 16, 0);
        tpa_base_store16(segment + 16, tpa_base_checksum_finish(
                                           tpa_base_checksum_partial(segment, length, pseudo)));
        cr_assert_eq(tpa_base_checksum_finish(tpa_base_checksum_partial(segment, length, pseudo)),
                     0);
        segment[tpa_base_random_below(&random, length)] ^= (uint8_t)(1 << round % 8);
        cr_assert_neq(tpa_base_checksum_finish(tpa_base_checksum_partial(segment, length, pseudo)),
                      0);
        free(segment);
    }
}

Test(checksum, updating_a_field_gives_what_summing_again_would)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 8);
    for (int round = 0; round < 20000; round++) {
        uint8_t header[20];
        uint16_t checksum, old16, new16 = (uint16_t)tpa_base_random_u32(&random);
        uint32_t old32, new32 = tpa_base_random_u32(&random);

        tpa_base_random_bytes(&random, header, sizeof(header));
        header[0] |= 0x40; /* never all zero, as no header is */
        checksum = reference(header, sizeof(header));
        old16 = tpa_base_load16(header + 8);
        tpa_base_store16(header + 8, new16);
        checksum = tpa_base_checksum_update16(checksum, old16, new16);
        cr_assert_eq(checksum, reference(header, sizeof(header)));
        old32 = tpa_base_load32(header + 12);
        tpa_base_store32(header + 12, new32);
        checksum = tpa_base_checksum_update32(checksum, old32, new32);
        cr_assert_eq(checksum, reference(header, sizeof(header)));
    }
}

/* RFC 1624 section 4: equation 4 gives 0xffff here, equation 3 the right 0x0000. */
Test(checksum, the_corner_case_of_rfc_1624)
{
    uint16_t checksum = tpa_base_host_to_be16(0xdd2f);

    cr_assert_eq(tpa_base_checksum_update16(checksum, tpa_base_host_to_be16(0x5555),
                                            tpa_base_host_to_be16(0x3285)),
                 0x0000);
}

Test(checksum, udp_never_sends_zero)
{
    cr_assert_eq(tpa_base_checksum_finish(0xffff), 0);
    cr_assert_eq(tpa_base_checksum_finish_udp(0xffff), 0xffff);
    cr_assert_eq(tpa_base_checksum_finish_udp(0x1234), tpa_base_checksum_finish(0x1234));
}
