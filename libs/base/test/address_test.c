#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/address.h>
#include <tpa/base/error.h>
#include <tpa/base/parse.h>

static struct tpa_base_address address(const char *text)
{
    struct tpa_base_address address;

    cr_assert_eq(tpa_base_address_parse(text, TPA_BASE_PARSE_NUL, &address), 0, "%s", text);
    return address;
}

Test(address, ipv4_is_v4_mapped)
{
    struct tpa_base_address a = address("10.1.2.3");

    cr_assert_arr_eq(a.u8, ((uint8_t[16]){[10] = 0xff, 0xff, 10, 1, 2, 3}), 16);
    cr_assert_eq(a.u64[0], 0);
    cr_assert(tpa_base_address_is_ipv4(&a));
    cr_assert_eq(tpa_base_address_ipv4(&a), TPA_BASE_BE32(0x0a010203));
    /* Written as IPv6, it is the same address. */
    struct tpa_base_address b = address("::ffff:10.1.2.3");

    cr_assert(tpa_base_address_equal(&a, &b));
}

Test(address, ipv6_is_not_ipv4)
{
    static const char *const texts[] = {
        "::", "::1", "::10.1.2.3", "1::ffff:10.1.2.3", "::fffe:10.1.2.3", "2001:db8::1"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(texts); i++) {
        struct tpa_base_address a = address(texts[i]);

        cr_assert_not(tpa_base_address_is_ipv4(&a), "%s", texts[i]);
    }
}

Test(address, goes_to_text_and_back)
{
    static const char *const texts[] = {
        "10.1.2.3", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(texts); i++) {
        struct tpa_base_address a = address(texts[i]);
        char text[TPA_BASE_ADDRESS_TEXT];

        cr_assert_eq(tpa_base_address_format(&a, text), strlen(texts[i]));
        cr_assert_str_eq(text, texts[i]);
    }
}

Test(address, a_bad_text_leaves_it_alone)
{
    static const char *const texts[] = {"",      "10.1.2",    "10.1.2.3.4",
                                        "::1::", "localhost", "10.1.2.3 "};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(texts); i++) {
        struct tpa_base_address a = address("10.1.2.3"), before = a;

        cr_assert_eq(tpa_base_address_parse(texts[i], TPA_BASE_PARSE_NUL, &a), TPA_EMALFORMED);
        cr_assert(tpa_base_address_equal(&a, &before));
    }
}

Test(address, any_differing_bit_makes_them_unequal)
{
    struct tpa_base_address a = address("2001:db8::1");

    for (unsigned bit = 0; bit < 128; bit++) {
        struct tpa_base_address b = a;

        cr_assert(tpa_base_address_equal(&a, &b));
        b.u8[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        cr_assert_not(tpa_base_address_equal(&a, &b));
        /* Equal up to the bit before, and not beyond. */
        for (unsigned length = 0; length <= 128; length++)
            cr_assert_eq(tpa_base_address_prefix_equal(&a, &b, length), length <= bit, "%u %u", bit,
                         length);
    }
}

#define UNSPECIFIED 0x01
#define LOOPBACK    0x02
#define MULTICAST   0x04
#define BROADCAST   0x08
#define LINK_LOCAL  0x10
#define UNICAST     0x20

Test(address, classes)
{
    static const struct {
        const char *text;
        unsigned classes;
    } expected[] = {
        {"0.0.0.0", UNSPECIFIED},
        {"::", UNSPECIFIED},
        {"0.0.0.1", 0},
        {"0.255.255.255", 0},
        {"1.0.0.0", UNICAST},
        {"127.0.0.1", LOOPBACK | UNICAST},
        {"127.255.255.254", LOOPBACK | UNICAST},
        {"126.255.255.255", UNICAST},
        {"128.0.0.1", UNICAST},
        {"::1", LOOPBACK | UNICAST},
        {"::2", UNICAST},
        {"169.254.0.1", LINK_LOCAL | UNICAST},
        {"169.253.255.255", UNICAST},
        {"169.255.0.0", UNICAST},
        {"fe80::1", LINK_LOCAL | UNICAST},
        {"febf::1", LINK_LOCAL | UNICAST},
        {"fec0::1", UNICAST},
        {"fe7f::1", UNICAST},
        {"223.255.255.255", UNICAST},
        {"224.0.0.1", MULTICAST},
        {"239.255.255.255", MULTICAST},
        {"ff02::1", MULTICAST},
        {"feff::1", UNICAST},
        {"240.0.0.1", 0},
        {"255.255.255.254", 0},
        {"255.255.255.255", BROADCAST},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MULTICAST},
        {"2001:db8::1", UNICAST},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(expected); i++) {
        struct tpa_base_address a = address(expected[i].text);
        unsigned classes = 0;

        classes |= tpa_base_address_is_unspecified(&a) ? UNSPECIFIED : 0;
        classes |= tpa_base_address_is_loopback(&a) ? LOOPBACK : 0;
        classes |= tpa_base_address_is_multicast(&a) ? MULTICAST : 0;
        classes |= tpa_base_address_is_broadcast(&a) ? BROADCAST : 0;
        classes |= tpa_base_address_is_link_local(&a) ? LINK_LOCAL : 0;
        classes |= tpa_base_address_is_unicast(&a) ? UNICAST : 0;
        cr_assert_eq(classes, expected[i].classes, "%s: %#x", expected[i].text, classes);
    }
}
