#include <criterion/criterion.h>

#include <tpa/base/bits.h>
#include <tpa/base/byteorder.h>

Test(bits, powers_of_two)
{
    cr_assert_not(tpa_base_bits_is_power_of_two(0));
    for (unsigned i = 0; i < 64; i++) {
        uint64_t power = (uint64_t)1 << i;

        cr_assert(tpa_base_bits_is_power_of_two(power));
        cr_assert(i < 2 || !tpa_base_bits_is_power_of_two(power - 1));
        cr_assert_eq(tpa_base_bits_log2_floor(power), i);
        cr_assert_eq(tpa_base_bits_log2_ceil(power), i);
        cr_assert_eq(tpa_base_bits_lowest(power), i);
        cr_assert_eq(tpa_base_bits_next_power_of_two(power), power);
    }
}

Test(bits, between_powers_of_two)
{
    for (unsigned i = 2; i < 63; i++) {
        uint64_t power = (uint64_t)1 << i;

        cr_assert_eq(tpa_base_bits_log2_floor(power + 1), i);
        cr_assert_eq(tpa_base_bits_log2_ceil(power + 1), i + 1);
        cr_assert_eq(tpa_base_bits_log2_floor(power - 1), i - 1);
        cr_assert_eq(tpa_base_bits_log2_ceil(power - 1), i);
        cr_assert_eq(tpa_base_bits_next_power_of_two(power + 1), power << 1);
        cr_assert_eq(tpa_base_bits_next_power_of_two(power - 1), power);
    }
    cr_assert_eq(tpa_base_bits_next_power_of_two(0), 1);
}

Test(bits, alignment)
{
    for (uint64_t value = 0; value < 300; value++) {
        uint64_t up = tpa_base_bits_align_up(value, 64);
        uint64_t down = tpa_base_bits_align_down(value, 64);

        cr_assert(up % 64 == 0 && up >= value && up < value + 64);
        cr_assert(down % 64 == 0 && down <= value && down + 64 > value);
    }
    cr_assert_eq(tpa_base_bits_align_up(UINT64_MAX, 64), 0);
}

Test(bits, rotation_by_every_distance)
{
    uint64_t value = 0x0123456789abcdef;

    cr_assert_eq(tpa_base_bits_rotate_left64(value, 0), value);
    cr_assert_eq(tpa_base_bits_rotate_left64(value, 8), 0x23456789abcdef01);
    cr_assert_eq(tpa_base_bits_rotate_left32(0x01234567, 0), 0x01234567);
    cr_assert_eq(tpa_base_bits_rotate_left32(0x01234567, 28), 0x70123456);
    for (unsigned i = 1; i < 64; i++)
        cr_assert_eq(tpa_base_bits_rotate_left64(tpa_base_bits_rotate_left64(value, i), 64 - i),
                     value);
}

Test(bits, count)
{
    cr_assert_eq(tpa_base_bits_count(0), 0);
    cr_assert_eq(tpa_base_bits_count(UINT64_MAX), 64);
    cr_assert_eq(tpa_base_bits_count(0x8000000000000101), 3);
}

Test(byteorder, big_endian_is_what_lies_in_a_packet)
{
    uint8_t bytes[9] = {0};

    tpa_base_store_be16(bytes + 1, 0x0102);
    cr_assert_arr_eq(bytes + 1, ((uint8_t[]){1, 2}), 2);
    tpa_base_store_be32(bytes + 1, 0x01020304);
    cr_assert_arr_eq(bytes + 1, ((uint8_t[]){1, 2, 3, 4}), 4);
    tpa_base_store_be64(bytes + 1, 0x0102030405060708);
    cr_assert_arr_eq(bytes + 1, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
    cr_assert_eq(tpa_base_load_be16(bytes + 1), 0x0102);
    cr_assert_eq(tpa_base_load_be32(bytes + 1), 0x01020304);
    cr_assert_eq(tpa_base_load_be64(bytes + 1), 0x0102030405060708);
    cr_assert_eq(tpa_base_load_le64(bytes + 1), 0x0807060504030201);
}

Test(byteorder, conversions_agree_with_memory)
{
    uint16_t be16 = tpa_base_host_to_be16(0x0102);
    uint32_t be32 = tpa_base_host_to_be32(0x01020304);
    uint64_t be64 = tpa_base_host_to_be64(0x0102030405060708);

    cr_assert_eq(tpa_base_load_be16(&be16), 0x0102);
    cr_assert_eq(tpa_base_load_be32(&be32), 0x01020304);
    cr_assert_eq(tpa_base_load_be64(&be64), 0x0102030405060708);
    cr_assert_eq(tpa_base_be16_to_host(be16), 0x0102);
    cr_assert_eq(tpa_base_be32_to_host(be32), 0x01020304);
    cr_assert_eq(tpa_base_be64_to_host(be64), 0x0102030405060708);
}
