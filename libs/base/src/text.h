/*
 * What the parsers of text share: the cursor of cursor.h over characters.
 */
#ifndef TPA_BASE_TEXT_H
#define TPA_BASE_TEXT_H

#include <string.h>

#include <tpa/base/cursor.h>
#include <tpa/base/parse.h>

static inline struct tpa_base_cursor text_cursor(const char *text, size_t length)
{
    return tpa_base_cursor_make(text, length == TPA_BASE_PARSE_NUL ? strlen(text) : length);
}

static inline bool text_at_end(const struct tpa_base_cursor *cursor)
{
    return tpa_base_cursor_remaining(cursor) == 0;
}

/* Consumes the next character if it is `character`. */
static inline bool text_accept(struct tpa_base_cursor *cursor, char character)
{
    if (text_at_end(cursor) || *cursor->position != (uint8_t)character)
        return false;
    tpa_base_cursor_skip(cursor, 1);
    return true;
}

/* The value of a digit in `base` (at most 16), or -1. */
static inline int text_digit(uint8_t character, unsigned base)
{
    int value = -1;

    if (character >= '0' && character <= '9')
        value = character - '0';
    else if (character >= 'a' && character <= 'f')
        value = character - 'a' + 10;
    else if (character >= 'A' && character <= 'F')
        value = character - 'A' + 10;
    return value < (int)base ? value : -1;
}

/* Consumes digits; returns how many. A value beyond 64 bits sets *overflow (the digits are
 * consumed). */
static inline size_t text_digits(struct tpa_base_cursor *cursor, unsigned base, uint64_t *value,
                                 bool *overflow)
{
    size_t count = 0;

    *value = 0;
    *overflow = false;
    for (; !text_at_end(cursor); count++) {
        int digit = text_digit(*cursor->position, base);

        if (digit < 0)
            break;
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit, value))
            *overflow = true;
        tpa_base_cursor_skip(cursor, 1);
    }
    return count;
}

#endif
