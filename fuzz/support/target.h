/*
 * What every fuzz target is made of.
 *
 * A target reads its input front to back through a tpa_base_cursor, which gives zeros behind its
 * end: any input is a program, and a shorter one is a simpler one. An iteration leaves nothing
 * behind: the same bytes do the same thing, whatever ran before.
 */
#ifndef TPA_FUZZ_TARGET_H
#define TPA_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include <tpa/base/cursor.h>

/* libFuzzer's entrance. Returns 0; aborts where something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Prints a line where TPA_FUZZ_VERBOSE is set: what a found case does, step by step. */
__attribute__((format(printf, 1, 2))) void fuzz_say(const char *format, ...);

/* A number of [0, count). */
static inline uint32_t fuzz_choice(struct tpa_base_cursor *input, uint32_t count)
{
    return tpa_base_cursor_u8(input) % count;
}

/* Mostly small, sometimes of any size up to `maximum`: a byte, whose upper values announce two
 * more. */
static inline uint32_t fuzz_length(struct tpa_base_cursor *input, uint32_t maximum)
{
    uint32_t length = tpa_base_cursor_u8(input);

    if (length >= 128)
        length = tpa_base_cursor_be16(input);
    return length <= maximum ? length : length % (maximum + 1);
}

/* Of structures whose padding is the same in both, since both were zeroed. */
static inline bool fuzz_is_same(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

/* As many bytes as are left, up to `*length`, which becomes their number. Never NULL. */
static inline const uint8_t *fuzz_bytes(struct tpa_base_cursor *input, uint32_t *length)
{
    static const uint8_t nothing[1];
    size_t left = tpa_base_cursor_remaining(input);

    if (*length > left)
        *length = (uint32_t)left;
    return *length > 0 ? tpa_base_cursor_bytes(input, *length) : nothing;
}

#endif
