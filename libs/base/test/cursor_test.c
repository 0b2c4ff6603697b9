#include <stdlib.h>

#include <criterion/criterion.h>

#include <tpa/base/cursor.h>
#include <tpa/base/random.h>

static const uint8_t sixteen[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

Test(cursor, reads_fields_in_network_order)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, sizeof(sixteen));

    cr_assert_eq(tpa_base_cursor_u8(&cursor), 0x00);
    cr_assert_eq(tpa_base_cursor_be16(&cursor), 0x1122);
    cr_assert_eq(tpa_base_cursor_be32(&cursor), 0x33445566);
    cr_assert_eq(tpa_base_cursor_be64(&cursor), 0x778899aabbccddee);
    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 1);
    cr_assert_eq(tpa_base_cursor_peek_u8(&cursor), 0xff);
    cr_assert_eq(tpa_base_cursor_u8(&cursor), 0xff);
    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 0);
    cr_assert(tpa_base_cursor_ok(&cursor));
}

Test(cursor, failure_is_sticky_and_leaves_nothing_to_read)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, 3);

    cr_assert_eq(tpa_base_cursor_be32(&cursor), 0);
    cr_assert_not(tpa_base_cursor_ok(&cursor));
    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 0);
    /* What would have fitted before does not any more. */
    cr_assert_eq(tpa_base_cursor_be16(&cursor), 0);
    cr_assert_null(tpa_base_cursor_bytes(&cursor, 0));
    cr_assert_not(tpa_base_cursor_ok(&cursor));
}

Test(cursor, every_read_fails_one_byte_short)
{
    for (size_t length = 0; length <= 8; length++) {
        struct tpa_base_cursor u8 = tpa_base_cursor_make(sixteen, length);
        struct tpa_base_cursor be16 = u8, be32 = u8, be64 = u8, peek = u8;

        tpa_base_cursor_u8(&u8);
        tpa_base_cursor_be16(&be16);
        tpa_base_cursor_be32(&be32);
        tpa_base_cursor_be64(&be64);
        tpa_base_cursor_peek_u8(&peek);
        cr_assert_eq(tpa_base_cursor_ok(&u8), length >= 1);
        cr_assert_eq(tpa_base_cursor_ok(&peek), length >= 1);
        cr_assert_eq(tpa_base_cursor_ok(&be16), length >= 2);
        cr_assert_eq(tpa_base_cursor_ok(&be32), length >= 4);
        cr_assert_eq(tpa_base_cursor_ok(&be64), length >= 8);
    }
}

Test(cursor, lengths_that_would_wrap_the_pointer_fail)
{
    static const size_t lengths[] = {17, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, SIZE_MAX / 2 + 1};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(lengths); i++) {
        struct tpa_base_cursor bytes = tpa_base_cursor_make(sixteen, sizeof(sixteen));
        struct tpa_base_cursor skip = bytes, sub = bytes, limit = bytes;

        cr_assert_null(tpa_base_cursor_bytes(&bytes, lengths[i]));
        tpa_base_cursor_skip(&skip, lengths[i]);
        tpa_base_cursor_sub(&sub, lengths[i]);
        tpa_base_cursor_limit(&limit, lengths[i]);
        cr_assert_not(tpa_base_cursor_ok(&bytes));
        cr_assert_not(tpa_base_cursor_ok(&skip));
        cr_assert_not(tpa_base_cursor_ok(&sub));
        cr_assert_not(tpa_base_cursor_ok(&limit));
    }
}

Test(cursor, empty_null_input_is_sound_until_read)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(NULL, 0);

    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 0);
    tpa_base_cursor_skip(&cursor, 0);
    tpa_base_cursor_copy(&cursor, NULL, 0);
    cr_assert(tpa_base_cursor_ok(&cursor));
    tpa_base_cursor_u8(&cursor);
    cr_assert_not(tpa_base_cursor_ok(&cursor));
}

Test(cursor, copy_fills_with_zeros_what_it_can_not_read)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, 4);
    uint8_t to[4] = {1, 1, 1, 1};

    tpa_base_cursor_copy(&cursor, to, 4);
    cr_assert_arr_eq(to, sixteen, 4);
    tpa_base_cursor_copy(&cursor, to, 4);
    cr_assert_arr_eq(to, ((uint8_t[4]){0}), 4);
    cr_assert_not(tpa_base_cursor_ok(&cursor));
}

Test(cursor, a_sub_cursor_can_not_leave_its_part)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, sizeof(sixteen));
    struct tpa_base_cursor sub = tpa_base_cursor_sub(&cursor, 3);

    cr_assert_eq(tpa_base_cursor_remaining(&sub), 3);
    cr_assert_eq(tpa_base_cursor_be32(&sub), 0);
    cr_assert_not(tpa_base_cursor_ok(&sub));
    /* The whole goes on behind the part, whatever became of that. */
    cr_assert(tpa_base_cursor_ok(&cursor));
    cr_assert_eq(tpa_base_cursor_u8(&cursor), 0x33);
}

Test(cursor, a_failed_cursor_gives_failed_sub_cursors)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, 2);
    struct tpa_base_cursor sub = tpa_base_cursor_sub(&cursor, 3);

    cr_assert_not(tpa_base_cursor_ok(&sub));
    cr_assert_eq(tpa_base_cursor_remaining(&sub), 0);
    sub = tpa_base_cursor_sub(&cursor, 0);
    cr_assert_not(tpa_base_cursor_ok(&sub));
}

Test(cursor, limit_cuts_the_end)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, sizeof(sixteen));

    tpa_base_cursor_u8(&cursor);
    tpa_base_cursor_limit(&cursor, 4);
    cr_assert_eq(tpa_base_cursor_be32(&cursor), 0x11223344);
    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 0);
    tpa_base_cursor_limit(&cursor, 1);
    cr_assert_not(tpa_base_cursor_ok(&cursor));
}

Test(cursor, fail_is_like_reading_past_the_end)
{
    struct tpa_base_cursor cursor = tpa_base_cursor_make(sixteen, sizeof(sixteen));

    tpa_base_cursor_fail(&cursor);
    cr_assert_not(tpa_base_cursor_ok(&cursor));
    cr_assert_eq(tpa_base_cursor_remaining(&cursor), 0);
}

/* A cursor over 0x5a bytes, and what must have become of it. */
struct walk {
    struct tpa_base_cursor cursor;
    size_t remaining;
    bool failed;
};

enum call {
    READ_U8,
    READ_BE16,
    READ_BE32,
    READ_BE64,
    SKIP,
    COPY,
    SUB,
    CALLS
};

static void expect(struct walk *walk, size_t wanted)
{
    walk->failed = walk->failed || wanted > walk->remaining;
    walk->remaining = walk->failed ? 0 : walk->remaining - wanted;
}

static void take(struct walk *walk, enum call call, size_t length)
{
    static const size_t sizes[] = {
        [READ_U8] = 1, [READ_BE16] = 2, [READ_BE32] = 4, [READ_BE64] = 8};
    static const uint64_t values[] = {0x5a, 0x5a5a, 0x5a5a5a5a, 0x5a5a5a5a5a5a5a5a};
    uint64_t value = 0;
    uint8_t sink[64];

    expect(walk, call <= READ_BE64 ? sizes[call] : length);
    switch (call) {
    case READ_U8:
        value = tpa_base_cursor_u8(&walk->cursor);
        break;
    case READ_BE16:
        value = tpa_base_cursor_be16(&walk->cursor);
        break;
    case READ_BE32:
        value = tpa_base_cursor_be32(&walk->cursor);
        break;
    case READ_BE64:
        value = tpa_base_cursor_be64(&walk->cursor);
        break;
    case SKIP:
        tpa_base_cursor_skip(&walk->cursor, length);
        break;
    case COPY:
        tpa_base_cursor_copy(&walk->cursor, sink, length);
        break;
    default:
        tpa_base_cursor_sub(&walk->cursor, length);
    }
    cr_assert_eq(value, call <= READ_BE64 && !walk->failed ? values[call] : 0);
    cr_assert_eq(tpa_base_cursor_ok(&walk->cursor), !walk->failed);
    cr_assert_eq(tpa_base_cursor_remaining(&walk->cursor), walk->remaining);
}

/* Any sequence of calls over a heap block of exactly that size: sanitizers see a stray byte. */
Test(cursor, random_walks_stay_inside)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    for (int round = 0; round < 20000; round++) {
        size_t length = 1 + tpa_base_random_below(&random, 40);
        uint8_t *bytes = malloc(length);
        struct walk walk = {tpa_base_cursor_make(bytes, length), length, false};

        memset(bytes, 0x5a, length);
        for (int step = 0; step < 12; step++)
            take(&walk, (enum call)tpa_base_random_below(&random, CALLS),
                 tpa_base_random_below(&random, 20));
        free(bytes);
    }
}

Test(writer, writes_fields_in_network_order)
{
    uint8_t bytes[16];
    struct tpa_base_writer writer = tpa_base_writer_make(bytes, sizeof(bytes));

    tpa_base_writer_u8(&writer, 0x00);
    tpa_base_writer_be16(&writer, 0x1122);
    tpa_base_writer_be32(&writer, 0x33445566);
    tpa_base_writer_be64(&writer, 0x778899aabbccddee);
    tpa_base_writer_fill(&writer, 0xff, 1);
    cr_assert(tpa_base_writer_ok(&writer));
    cr_assert_eq(tpa_base_writer_written(&writer), 16);
    cr_assert_eq(tpa_base_writer_remaining(&writer), 0);
    cr_assert_arr_eq(bytes, sixteen, 16);
}

Test(writer, writes_nothing_that_does_not_fit_and_nothing_after)
{
    uint8_t bytes[8] = {0};
    struct tpa_base_writer writer = tpa_base_writer_make(bytes, 3);

    tpa_base_writer_u8(&writer, 0xaa);
    tpa_base_writer_be32(&writer, 0xbbbbbbbb);
    tpa_base_writer_u8(&writer, 0xcc);
    tpa_base_writer_bytes(&writer, sixteen, 1);
    tpa_base_writer_fill(&writer, 0xdd, 1);
    cr_assert_null(tpa_base_writer_reserve(&writer, 0));
    cr_assert_not(tpa_base_writer_ok(&writer));
    cr_assert_eq(tpa_base_writer_written(&writer), 1);
    cr_assert_eq(tpa_base_writer_remaining(&writer), 0);
    cr_assert_arr_eq(bytes, ((uint8_t[8]){0xaa}), 8);
}

Test(writer, lengths_that_would_wrap_the_pointer_fail)
{
    static const size_t lengths[] = {5, SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2 + 1};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(lengths); i++) {
        uint8_t bytes[4];
        struct tpa_base_writer writer = tpa_base_writer_make(bytes, sizeof(bytes));

        cr_assert_null(tpa_base_writer_reserve(&writer, lengths[i]));
        cr_assert_not(tpa_base_writer_ok(&writer));
    }
}

Test(writer, reserved_bytes_are_filled_in_later)
{
    uint8_t bytes[4];
    struct tpa_base_writer writer = tpa_base_writer_make(bytes, sizeof(bytes));
    uint8_t *length = tpa_base_writer_reserve(&writer, 2);

    tpa_base_writer_be16(&writer, 0xaabb);
    tpa_base_store_be16(length, (uint16_t)tpa_base_writer_written(&writer));
    cr_assert_arr_eq(bytes, ((uint8_t[4]){0, 4, 0xaa, 0xbb}), 4);
}

Test(writer, no_room_at_all_is_sound_until_written)
{
    struct tpa_base_writer writer = tpa_base_writer_make(NULL, 0);

    tpa_base_writer_bytes(&writer, NULL, 0);
    tpa_base_writer_fill(&writer, 0, 0);
    cr_assert(tpa_base_writer_ok(&writer));
    cr_assert_eq(tpa_base_writer_written(&writer), 0);
    tpa_base_writer_u8(&writer, 1);
    cr_assert_not(tpa_base_writer_ok(&writer));
}
