#include <inttypes.h>
#include <stdio.h>

#include <tpa/base/clock.h>
#include <tpa/base/error.h>

#include "text.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first, for the format calls; a second spelling comes after the first. */
static const struct unit size_units[] = {
    {"GB", UINT64_C(1) << 30},
    {"G", UINT64_C(1) << 30},
    {"MB", UINT64_C(1) << 20},
    {"M", UINT64_C(1) << 20},
    {"KB", UINT64_C(1) << 10},
    {"K", UINT64_C(1) << 10},
    {"B", 1},
    {"", 1},
};

static const struct unit time_units[] = {
    {"h", TPA_BASE_HOUR},         {"m", TPA_BASE_MINUTE},       {"s", TPA_BASE_SECOND},
    {"ms", TPA_BASE_MILLISECOND}, {"us", TPA_BASE_MICROSECOND}, {"", TPA_BASE_MICROSECOND},
};

static int parse_unsigned(struct tpa_base_cursor *cursor, uint64_t *value)
{
    bool overflow;
    unsigned base = 10;

    if (tpa_base_cursor_remaining(cursor) > 2 && cursor->position[0] == '0' &&
        (cursor->position[1] | 0x20) == 'x') {
        tpa_base_cursor_skip(cursor, 2);
        base = 16;
    }
    if (text_digits(cursor, base, value, &overflow) == 0 || !text_at_end(cursor))
        return TPA_EMALFORMED;
    return overflow ? TPA_ERANGE : TPA_OK;
}

int tpa_base_parse_u64_max(const char *text, size_t length, uint64_t maximum, uint64_t *value)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    uint64_t parsed;
    int error = parse_unsigned(&cursor, &parsed);

    if (error != TPA_OK)
        return error;
    if (parsed > maximum)
        return TPA_ERANGE;
    *value = parsed;
    return TPA_OK;
}

int tpa_base_parse_u64(const char *text, size_t length, uint64_t *value)
{
    return tpa_base_parse_u64_max(text, length, UINT64_MAX, value);
}

int tpa_base_parse_i64(const char *text, size_t length, int64_t *value)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    bool negative = text_accept(&cursor, '-');
    uint64_t magnitude;
    int error = parse_unsigned(&cursor, &magnitude);

    if (error != TPA_OK)
        return error;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return TPA_ERANGE;
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return TPA_OK;
}

/* Is all that is left the unit's name, in small or capital letters if `any_case`? */
static bool is_unit(const struct tpa_base_cursor *cursor, const char *name, bool any_case)
{
    size_t length = strlen(name);

    if (tpa_base_cursor_remaining(cursor) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint8_t character = cursor->position[i];

        if (any_case && character >= 'a' && character <= 'z')
            character -= 'a' - 'A';
        if (character != (uint8_t)name[i])
            return false;
    }
    return true;
}

static int parse_with_unit(const char *text, size_t length, const struct unit *units, size_t count,
                           bool any_case, uint64_t *value)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    uint64_t number;
    bool overflow;

    if (text_digits(&cursor, 10, &number, &overflow) == 0)
        return TPA_EMALFORMED;
    for (size_t i = 0; i < count; i++) {
        if (!is_unit(&cursor, units[i].name, any_case))
            continue;
        if (overflow || __builtin_mul_overflow(number, units[i].factor, &number))
            return TPA_ERANGE;
        *value = number;
        return TPA_OK;
    }
    return TPA_EMALFORMED;
}

int tpa_base_parse_size(const char *text, size_t length, uint64_t *bytes)
{
    return parse_with_unit(text, length, size_units, TPA_BASE_ARRAY_SIZE(size_units), true, bytes);
}

int tpa_base_parse_time(const char *text, size_t length, uint64_t *nanoseconds)
{
    return parse_with_unit(text, length, time_units, TPA_BASE_ARRAY_SIZE(time_units), false,
                           nanoseconds);
}

/* `units` ends with a unit that divides every value given. */
static size_t format_with_unit(uint64_t value, const struct unit *units, char *text, size_t room)
{
    if (value == 0)
        return (size_t)snprintf(text, room, "0");
    while (value % units->factor != 0)
        units++;
    return (size_t)snprintf(text, room, "%" PRIu64 "%s", value / units->factor, units->name);
}

size_t tpa_base_format_size(uint64_t bytes, char text[TPA_BASE_SIZE_TEXT])
{
    return format_with_unit(bytes, size_units, text, TPA_BASE_SIZE_TEXT);
}

size_t tpa_base_format_time(uint64_t nanoseconds, char text[TPA_BASE_TIME_TEXT])
{
    return format_with_unit(nanoseconds - nanoseconds % TPA_BASE_MICROSECOND, time_units, text,
                            TPA_BASE_TIME_TEXT);
}
