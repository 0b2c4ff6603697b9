#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/clock.h>
#include <tpa/base/error.h>
#include <tpa/base/parse.h>
#include <tpa/base/random.h>

#define UNTOUCHED UINT64_C(0xdeadbeefdeadbeef)

typedef int (*parse_function)(const char *text, size_t length, uint64_t *value);

/* Parses both as a string and as an exact heap block, so that sanitizers see any look beyond. */
static int parse(parse_function function, const char *text, uint64_t *value)
{
    size_t length = strlen(text);
    char *block = malloc(length > 0 ? length : 1);
    uint64_t counted = UNTOUCHED;
    int result, again;

    memcpy(block, text, length);
    *value = UNTOUCHED;
    result = function(text, TPA_BASE_PARSE_NUL, value);
    again = function(block, length, &counted);
    free(block);
    cr_assert_eq(result, again, "\"%s\"", text);
    cr_assert_eq(*value, counted, "\"%s\"", text);
    return result;
}

static void assert_value(parse_function function, const char *text, uint64_t expected)
{
    uint64_t value;

    cr_assert_eq(parse(function, text, &value), 0, "\"%s\"", text);
    cr_assert_eq(value, expected, "\"%s\": %" PRIu64, text, value);
}

static void assert_error(parse_function function, const char *text, int expected)
{
    uint64_t value;

    cr_assert_eq(parse(function, text, &value), expected, "\"%s\"", text);
    cr_assert_eq(value, UNTOUCHED, "\"%s\" changed the result", text);
}

static const char *const no_numbers[] = {"",     " ",   "-",    "+1",  " 1", "1 ",  "1\n",
                                         "1,0",  "1.5", "--1",  "x",   "1x", "0x",  "0xg",
                                         "0x 1", "1e3", "\xff", "1\t", "0X", "x10", "0x-1"};

Test(parse_u64, reads_decimal_and_hexadecimal)
{
    assert_value(tpa_base_parse_u64, "0", 0);
    assert_value(tpa_base_parse_u64, "010", 10);
    assert_value(tpa_base_parse_u64, "32768", 32768);
    assert_value(tpa_base_parse_u64, "0x10", 16);
    assert_value(tpa_base_parse_u64, "0XfF", 255);
    assert_value(tpa_base_parse_u64, "18446744073709551615", UINT64_MAX);
    assert_value(tpa_base_parse_u64, "0xffffffffffffffff", UINT64_MAX);
    assert_value(tpa_base_parse_u64, "00000000000000000000000000000018446744073709551615",
                 UINT64_MAX);
}

Test(parse_u64, refuses_everything_else)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(no_numbers); i++)
        assert_error(tpa_base_parse_u64, no_numbers[i], TPA_EMALFORMED);
    assert_error(tpa_base_parse_u64, "-1", TPA_EMALFORMED);
    assert_error(tpa_base_parse_u64, "18446744073709551616", TPA_ERANGE);
    assert_error(tpa_base_parse_u64, "0x10000000000000000", TPA_ERANGE);
    assert_error(tpa_base_parse_u64, "99999999999999999999999999999999999999", TPA_ERANGE);
    /* Junk is junk, however large the number before it. */
    assert_error(tpa_base_parse_u64, "18446744073709551616x", TPA_EMALFORMED);
}

Test(parse_u64, a_nul_inside_a_counted_text_is_junk)
{
    uint64_t value = UNTOUCHED;

    cr_assert_eq(tpa_base_parse_u64("1\0", 2, &value), TPA_EMALFORMED);
    cr_assert_eq(tpa_base_parse_u64("1\0", 1, &value), 0);
    cr_assert_eq(value, 1);
    cr_assert_eq(tpa_base_parse_u64(NULL, 0, &value), TPA_EMALFORMED);
}

Test(parse_u64, holds_a_maximum)
{
    uint64_t value = UNTOUCHED;

    cr_assert_eq(tpa_base_parse_u64_max("65536", TPA_BASE_PARSE_NUL, 65535, &value), TPA_ERANGE);
    cr_assert_eq(value, UNTOUCHED);
    cr_assert_eq(tpa_base_parse_u64_max("65535", TPA_BASE_PARSE_NUL, 65535, &value), 0);
    cr_assert_eq(value, 65535);
}

static int parse_i64(const char *text, size_t length, uint64_t *value)
{
    return tpa_base_parse_i64(text, length, (int64_t *)value);
}

Test(parse_i64, takes_one_minus)
{
    assert_value(parse_i64, "-1", (uint64_t)-1);
    assert_value(parse_i64, "-0", 0);
    assert_value(parse_i64, "-0x10", (uint64_t)-16);
    assert_value(parse_i64, "9223372036854775807", INT64_MAX);
    assert_value(parse_i64, "-9223372036854775808", (uint64_t)INT64_MIN);
    assert_error(parse_i64, "9223372036854775808", TPA_ERANGE);
    assert_error(parse_i64, "-9223372036854775809", TPA_ERANGE);
    assert_error(parse_i64, "-18446744073709551616", TPA_ERANGE);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(no_numbers); i++)
        assert_error(parse_i64, no_numbers[i], TPA_EMALFORMED);
}

Test(parse_size, knows_its_units)
{
    assert_value(tpa_base_parse_size, "0", 0);
    assert_value(tpa_base_parse_size, "16384", 16384);
    assert_value(tpa_base_parse_size, "100B", 100);
    assert_value(tpa_base_parse_size, "8KB", 8192);
    assert_value(tpa_base_parse_size, "16K", 16384);
    assert_value(tpa_base_parse_size, "2m", 2 << 20);
    assert_value(tpa_base_parse_size, "2Mb", 2 << 20);
    assert_value(tpa_base_parse_size, "1G", 1 << 30);
    assert_value(tpa_base_parse_size, "17179869183GB", UINT64_MAX - ((1 << 30) - 1));
}

Test(parse_size, refuses_what_is_not_one_or_too_large)
{
    static const char *const bad[] = {"K",    "1 K", "1KK", "1KiB", "1T",  "0x1K", "-1K",
                                      "1.5K", "1BB", "1BK", " 1K",  "1K ", "1b b"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++)
        assert_error(tpa_base_parse_size, bad[i], TPA_EMALFORMED);
    assert_error(tpa_base_parse_size, "17179869184G", TPA_ERANGE);
    assert_error(tpa_base_parse_size, "18446744073709551616", TPA_ERANGE);
    assert_error(tpa_base_parse_size, "18446744073709551616T", TPA_EMALFORMED);
}

Test(parse_time, knows_its_units_and_takes_a_bare_number_as_microseconds)
{
    assert_value(tpa_base_parse_time, "0", 0);
    assert_value(tpa_base_parse_time, "100", 100 * TPA_BASE_MICROSECOND);
    assert_value(tpa_base_parse_time, "100us", 100 * TPA_BASE_MICROSECOND);
    assert_value(tpa_base_parse_time, "100ms", 100 * TPA_BASE_MILLISECOND);
    assert_value(tpa_base_parse_time, "60s", TPA_BASE_MINUTE);
    assert_value(tpa_base_parse_time, "2m", 2 * TPA_BASE_MINUTE);
    assert_value(tpa_base_parse_time, "2h", 2 * TPA_BASE_HOUR);
}

Test(parse_time, refuses_what_is_not_one_or_too_large)
{
    static const char *const bad[] = {"s", "1 s", "1S", "1d", "1ns", "1min", "1sec", "-1s", "1sm"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++)
        assert_error(tpa_base_parse_time, bad[i], TPA_EMALFORMED);
    assert_error(tpa_base_parse_time, "18446744073709551615", TPA_ERANGE);
    assert_error(tpa_base_parse_time, "18446744074s", TPA_ERANGE);
}

Test(format, uses_the_largest_unit_that_divides)
{
    char text[TPA_BASE_SIZE_TEXT];

    cr_assert_eq(tpa_base_format_size(16384, text), 4);
    cr_assert_str_eq(text, "16KB");
    tpa_base_format_size(1536, text);
    cr_assert_str_eq(text, "1536B");
    tpa_base_format_size(UINT64_C(1) << 30, text);
    cr_assert_str_eq(text, "1GB");
    tpa_base_format_size(0, text);
    cr_assert_str_eq(text, "0");
    tpa_base_format_time(TPA_BASE_MINUTE, text);
    cr_assert_str_eq(text, "1m");
    tpa_base_format_time(90 * TPA_BASE_SECOND, text);
    cr_assert_str_eq(text, "90s");
    tpa_base_format_time(1999, text);
    cr_assert_str_eq(text, "1us");
    tpa_base_format_time(999, text);
    cr_assert_str_eq(text, "0");
}

Test(format, what_it_writes_is_read_back)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t size = tpa_base_random_u64(&random) >> tpa_base_random_below(&random, 64);
        uint64_t time = size - size % 1000, value;
        char text[TPA_BASE_SIZE_TEXT];

        size <<= tpa_base_random_below(&random, 3) * 10;
        cr_assert_eq(tpa_base_format_size(size, text), strlen(text));
        cr_assert_eq(tpa_base_parse_size(text, TPA_BASE_PARSE_NUL, &value), 0, "%s", text);
        cr_assert_eq(value, size, "%s", text);
        cr_assert_eq(tpa_base_format_time(time, text), strlen(text));
        cr_assert_eq(tpa_base_parse_time(text, TPA_BASE_PARSE_NUL, &value), 0, "%s", text);
        cr_assert_eq(value, time, "%s", text);
    }
}

/* Whatever the bytes: an answer, no crash, and no value with an error. */
Test(parse, survives_random_bytes)
{
    static const parse_function functions[] = {tpa_base_parse_u64, parse_i64, tpa_base_parse_size,
                                               tpa_base_parse_time};
    static const char likely[] = "0123456789xXkKmMgGbBuUsShH-. \0";
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 2);
    for (int i = 0; i < 100000; i++) {
        size_t length = tpa_base_random_below(&random, 24);
        char *text = malloc(length > 0 ? length : 1);

        for (size_t n = 0; n < length; n++)
            text[n] = i % 4 == 0 ? (char)tpa_base_random_u32(&random)
                                 : likely[tpa_base_random_below(&random, sizeof(likely) - 1)];
        for (size_t n = 0; n < TPA_BASE_ARRAY_SIZE(functions); n++) {
            uint64_t value = UNTOUCHED;
            int result = functions[n](text, length, &value);

            cr_assert(result == 0 || value == UNTOUCHED);
            cr_assert(result == 0 || result == TPA_EMALFORMED || result == TPA_ERANGE);
        }
        free(text);
    }
}
