#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/base/parse.h>
#include <tpa/base/random.h>

static int parse_ipv4(const char *text, uint32_t *value)
{
    return tpa_base_parse_ipv4(text, TPA_BASE_PARSE_NUL, value);
}

Test(parse_ipv4, reads_dotted_quads)
{
    uint32_t value;

    cr_assert_eq(parse_ipv4("10.0.0.1", &value), 0);
    cr_assert_eq(value, TPA_BASE_BE32(0x0a000001));
    cr_assert_eq(parse_ipv4("255.255.255.255", &value), 0);
    cr_assert_eq(value, UINT32_MAX);
    cr_assert_eq(parse_ipv4("0.0.0.0", &value), 0);
    cr_assert_eq(value, 0);
}

Test(parse_ipv4, refuses_everything_else)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.",
                                      "1.2.3.4.",
                                      "1.2.3.4.5",
                                      "1..3.4",
                                      ".1.2.3",
                                      "256.1.1.1",
                                      "1.1.1.256",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "00.0.0.0",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4\n",
                                      "-1.2.3.4",
                                      "+1.2.3.4",
                                      "0x1.2.3.4",
                                      "1.2.3.4/24",
                                      "1,2,3,4",
                                      "1.2.3.a",
                                      "999999999999999999999.1.1.1",
                                      "::1",
                                      "1.2.3.1000",
                                      "1.2.3.4\xff"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        uint32_t value = 0x5a5a5a5a;

        cr_assert_eq(parse_ipv4(bad[i], &value), TPA_EMALFORMED, "\"%s\"", bad[i]);
        cr_assert_eq(value, 0x5a5a5a5a);
    }
}

static void assert_ipv6(const char *text, const uint8_t expected[16])
{
    uint8_t value[16];

    cr_assert_eq(tpa_base_parse_ipv6(text, TPA_BASE_PARSE_NUL, value), 0, "\"%s\"", text);
    cr_assert(memcmp(value, expected, 16) == 0, "\"%s\"", text);
}

Test(parse_ipv6, reads_every_form_of_rfc_4291)
{
    assert_ipv6("::", (uint8_t[16]){0});
    assert_ipv6("::1", (uint8_t[16]){[15] = 1});
    assert_ipv6("1::", (uint8_t[16]){[1] = 1});
    assert_ipv6("2001:db8::8:800:200c:417a",
                (uint8_t[16]){0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0xc, 0x41, 0x7a});
    assert_ipv6("2001:DB8:0:0:8:800:200C:417A",
                (uint8_t[16]){0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0xc, 0x41, 0x7a});
    assert_ipv6("::ffff:129.144.52.38", (uint8_t[16]){[10] = 0xff, 0xff, 129, 144, 52, 38});
    assert_ipv6("0:0:0:0:0:ffff:129.144.52.38", (uint8_t[16]){[10] = 0xff, 0xff, 129, 144, 52, 38});
    assert_ipv6("::1.2.3.4", (uint8_t[16]){[12] = 1, 2, 3, 4});
    assert_ipv6("1:2:3:4:5:6:7::", (uint8_t[16]){0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7});
    assert_ipv6("::2:3:4:5:6:7:8", (uint8_t[16]){0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8});
    assert_ipv6("64:ff9b::192.0.2.33", (uint8_t[16]){0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 33});
}

Test(parse_ipv6, refuses_everything_else)
{
    static const char *const bad[] = {"",
                                      ":",
                                      ":::",
                                      "1",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1::2::3",
                                      "::1::",
                                      "12345::",
                                      "g::",
                                      "1:2:3:4:5:6:7:",
                                      ":1:2:3:4:5:6:7",
                                      "1:::2",
                                      "::1.2.3",
                                      "::1.2.3.4.5",
                                      "1.2.3.4",
                                      "1.2.3.4::",
                                      "::1.2.3.4:5",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "fe80::1%eth0",
                                      "[::1]",
                                      "::1 ",
                                      " ::1",
                                      "::1/64",
                                      "::01.2.3.4",
                                      "::256.1.1.1",
                                      "1:2:3:4:5:6:7:8:",
                                      "::-1",
                                      "::0x1",
                                      "1:2:3:4:1.2.3.4",
                                      "::00001",
                                      "::ffff:1.2.3.4\n"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        uint8_t value[16] = {0x5a};

        cr_assert_eq(tpa_base_parse_ipv6(bad[i], TPA_BASE_PARSE_NUL, value), TPA_EMALFORMED,
                     "\"%s\"", bad[i]);
        cr_assert_eq(value[0], 0x5a, "\"%s\"", bad[i]);
    }
}

/* The C library reads the same language; text in exact heap blocks, for the sanitizers. */
Test(parse_address, agrees_with_inet_pton_on_random_text)
{
    static const char likely[] = "00112399afF:::::....";
    struct tpa_base_random random;
    int accepted = 0;

    tpa_base_random_seed(&random, 1);
    for (int i = 0; i < 300000; i++) {
        size_t length = tpa_base_random_below(&random, 20);
        char text[24];
        char *block = malloc(length > 0 ? length : 1);
        uint8_t ours[16], theirs[16];
        uint32_t ours4 = 0, theirs4 = 0;
        int result;

        for (size_t n = 0; n < length; n++)
            text[n] = likely[tpa_base_random_below(&random, sizeof(likely) - 1)];
        text[length] = '\0';
        memcpy(block, text, length);
        result = tpa_base_parse_ipv6(block, length, ours);
        cr_assert_eq(result == 0, inet_pton(AF_INET6, text, theirs) == 1, "\"%s\"", text);
        cr_assert(result != 0 || memcmp(ours, theirs, 16) == 0, "\"%s\"", text);
        accepted += result == 0;
        result = tpa_base_parse_ipv4(block, length, &ours4);
        cr_assert_eq(result == 0, inet_pton(AF_INET, text, &theirs4) == 1, "\"%s\"", text);
        cr_assert(result != 0 || ours4 == theirs4, "\"%s\"", text);
        free(block);
    }
    cr_assert_gt(accepted, 100, "only %d addresses among the texts", accepted);
}

/* Addresses with runs of zeros in all places: format and parse are inverses, and short as RFC 5952
 * says. */
Test(format_ipv6, agrees_with_inet_ntop_and_is_read_back)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 2);
    for (int i = 0; i < 50000; i++) {
        uint8_t address[16], back[16];
        char ours[TPA_BASE_IPV6_TEXT], theirs[INET6_ADDRSTRLEN];
        uint64_t zeros = tpa_base_random_u64(&random);

        tpa_base_random_bytes(&random, address, sizeof(address));
        for (int group = 0; group < 8; group++) {
            if ((zeros >> group & 1) != 0)
                memset(address + 2 * group, 0, 2);
            if ((zeros >> (8 + group) & 1) != 0)
                address[2 * group] = 0;
        }
        cr_assert_eq(tpa_base_format_ipv6(address, ours), strlen(ours));
        cr_assert_eq(tpa_base_parse_ipv6(ours, TPA_BASE_PARSE_NUL, back), 0, "%s", ours);
        cr_assert(memcmp(address, back, 16) == 0, "%s", ours);
        inet_ntop(AF_INET6, address, theirs, sizeof(theirs));
        /* It writes ::1.2.3.4 with a quad, which RFC 5952 section 5 does not ask for. */
        if (strchr(theirs, '.') == NULL)
            cr_assert_str_eq(ours, theirs);
    }
}

Test(format_ipv6, the_examples_of_rfc_5952)
{
    static const struct {
        const char *input;
        const char *output;
    } examples[] = {
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:DB8:AAAA::", "2001:db8:aaaa::"},
        {"::", "::"},
        {"0:0:0:0:0:ffff:c000:0201", "::ffff:192.0.2.1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(examples); i++) {
        uint8_t address[16];
        char text[TPA_BASE_IPV6_TEXT];

        cr_assert_eq(tpa_base_parse_ipv6(examples[i].input, TPA_BASE_PARSE_NUL, address), 0);
        cr_assert_eq(tpa_base_format_ipv6(address, text), strlen(examples[i].output));
        cr_assert_str_eq(text, examples[i].output);
    }
}

Test(format_ipv4, writes_dotted_quads)
{
    char text[TPA_BASE_IPV4_TEXT];

    cr_assert_eq(tpa_base_format_ipv4(TPA_BASE_BE32(0x0a000001), text), 8);
    cr_assert_str_eq(text, "10.0.0.1");
    cr_assert_eq(tpa_base_format_ipv4(UINT32_MAX, text), 15);
    cr_assert_str_eq(text, "255.255.255.255");
}

Test(parse_ipv6_prefix, takes_a_length_or_means_128)
{
    uint8_t address[16];
    unsigned length;

    cr_assert_eq(tpa_base_parse_ipv6_prefix("fd00::1/64", TPA_BASE_PARSE_NUL, address, &length), 0);
    cr_assert_eq(length, 64);
    cr_assert_eq(address[0], 0xfd);
    cr_assert_eq(tpa_base_parse_ipv6_prefix("::/0", TPA_BASE_PARSE_NUL, address, &length), 0);
    cr_assert_eq(length, 0);
    cr_assert_eq(tpa_base_parse_ipv6_prefix("::1", TPA_BASE_PARSE_NUL, address, &length), 0);
    cr_assert_eq(length, 128);
    /* Counted: the 8 is not part of it. */
    cr_assert_eq(tpa_base_parse_ipv6_prefix("::1/128", 6, address, &length), 0);
    cr_assert_eq(length, 12);
}

Test(parse_ipv6_prefix, an_error_leaves_both_results_alone)
{
    static const struct {
        const char *text;
        int error;
    } bad[] = {{"::1/129", TPA_ERANGE},        {"::1/", TPA_EMALFORMED},
               {"::1/a", TPA_EMALFORMED},      {"/64", TPA_EMALFORMED},
               {"::1/64/", TPA_EMALFORMED},    {"::1/ 64", TPA_EMALFORMED},
               {"10.0.0.1/8", TPA_EMALFORMED}, {"", TPA_EMALFORMED},
               {"::1/-1", TPA_EMALFORMED},     {"::1/99999999999999999999", TPA_ERANGE}};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        uint8_t address[16] = {0x5a};
        unsigned length = 77;

        cr_assert_eq(tpa_base_parse_ipv6_prefix(bad[i].text, TPA_BASE_PARSE_NUL, address, &length),
                     bad[i].error, "\"%s\"", bad[i].text);
        cr_assert_eq(address[0], 0x5a);
        cr_assert_eq(length, 77);
    }
}

Test(parse_ipv4_mask, takes_a_quad_or_a_length)
{
    static const struct {
        const char *text;
        unsigned length;
    } good[] = {{"255.255.255.0", 24},
                {"0.0.0.0", 0},
                {"255.255.255.255", 32},
                {"128.0.0.0", 1},
                {"24", 24},
                {"/16", 16},
                {"0", 0},
                {"32", 32}};
    static const struct {
        const char *text;
        int error;
    } bad[] = {{"255.0.255.0", TPA_EMALFORMED},
               {"0.0.0.1", TPA_EMALFORMED},
               {"33", TPA_ERANGE},
               {"", TPA_EMALFORMED},
               {"/", TPA_EMALFORMED},
               {"//24", TPA_EMALFORMED},
               {"24 ", TPA_EMALFORMED},
               {"255.255.255", TPA_EMALFORMED}};
    unsigned length;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(good); i++) {
        cr_assert_eq(tpa_base_parse_ipv4_mask(good[i].text, TPA_BASE_PARSE_NUL, &length), 0);
        cr_assert_eq(length, good[i].length, "%s", good[i].text);
    }
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        length = 77;
        cr_assert_eq(tpa_base_parse_ipv4_mask(bad[i].text, TPA_BASE_PARSE_NUL, &length),
                     bad[i].error, "\"%s\"", bad[i].text);
        cr_assert_eq(length, 77);
    }
}

Test(parse_mac, takes_colons_or_dashes)
{
    static const uint8_t expected[6] = {0x02, 0, 0x5e, 0x10, 0xab, 0x0f};
    static const char *const good[] = {"02:00:5e:10:ab:0f", "02-00-5E-10-AB-0F", "2:0:5e:10:ab:f"};
    static const char *const bad[] = {"",
                                      "02:00:5e:10:ab",
                                      "02:00:5e:10:ab:0f:",
                                      "02:00:5e:10:ab:0f:11",
                                      "02:00-5e:10-ab:0f",
                                      "02005e10ab0f",
                                      "002:00:5e:10:ab:0f",
                                      "02:00:5e:10:ab:0g",
                                      "02::5e:10:ab:0f",
                                      " 02:00:5e:10:ab:0f",
                                      "02.00.5e.10.ab.0f"};
    uint8_t mac[6];
    char text[TPA_BASE_MAC_TEXT];

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(good); i++) {
        memset(mac, 0, sizeof(mac));
        cr_assert_eq(tpa_base_parse_mac(good[i], TPA_BASE_PARSE_NUL, mac), 0, "%s", good[i]);
        cr_assert_arr_eq(mac, expected, 6);
    }
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        cr_assert_eq(tpa_base_parse_mac(bad[i], TPA_BASE_PARSE_NUL, mac), TPA_EMALFORMED, "%s",
                     bad[i]);
        cr_assert_arr_eq(mac, expected, 6);
    }
    cr_assert_eq(tpa_base_format_mac(expected, text), 17);
    cr_assert_str_eq(text, "02:00:5e:10:ab:0f");
}

Test(parse_mac, survives_random_text)
{
    static const char likely[] = "0123456789abcdefABCDEFg::::::----.\0";
    struct tpa_base_random random;

    tpa_base_random_seed(&random, 3);
    for (int i = 0; i < 100000; i++) {
        size_t length = tpa_base_random_below(&random, 20);
        char *text = malloc(length > 0 ? length : 1);
        uint8_t mac[6], ipv6[16];
        unsigned prefix;

        for (size_t n = 0; n < length; n++)
            text[n] = likely[tpa_base_random_below(&random, sizeof(likely) - 1)];
        cr_assert_leq(tpa_base_parse_mac(text, length, mac), 0);
        cr_assert_leq(tpa_base_parse_ipv4_mask(text, length, &prefix), 0);
        cr_assert_leq(tpa_base_parse_ipv6_prefix(text, length, ipv6, &prefix), 0);
        free(text);
    }
}
