#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toy.h"

static struct tpa_cfg_registry registry;
static struct toy toy;
static struct tpa_cfg_error error;

static void setup(void)
{
    toy_init(&registry, &toy);
}

TestSuite(registry, .init = setup);

#define MS 1000000ull

static const char *get(const char *name)
{
    static char text[TPA_CFG_VALUE_SIZE];

    cr_assert_geq(tpa_cfg_get(&registry, name, text, sizeof(text)), 0, "%s", name);
    return text;
}

static void set(const char *name, const char *value)
{
    cr_assert_eq(tpa_cfg_set(&registry, name, value, &error), 0, "%s = '%s': %s (%s)", name, value,
                 error.text, error.hint);
}

/* The value is refused with the documented text, and nothing at all changes. */
static void refuse(const char *name, const char *value)
{
    static struct toy before;
    char expected[TPA_CFG_ERROR_TEXT_SIZE];

    before = toy;
    snprintf(expected, sizeof(expected), "failed to set cfg opt: %s: invalid option value", name);
    cr_assert_eq(tpa_cfg_set(&registry, name, value, &error), TPA_EINVAL, "%s = '%s'", name, value);
    cr_assert_str_eq(error.text, expected);
    cr_assert_gt(strlen(error.hint), 0);
    cr_assert(toy_is_same(&toy, &before), "%s = '%s'", name, value);
}

Test(registry, begins_with_the_defaults)
{
    cr_assert_eq(toy.flag, 1);
    cr_assert_eq(toy.number, 7);
    cr_assert_eq(toy.size, 8192);
    cr_assert_eq(toy.time, 60000 * MS);
    cr_assert_str_eq(toy.text, "");
    cr_assert_str_eq(toy.long_text, "a b");
    cr_assert_not(toy.mask.is_set);
    cr_assert_not(toy.mac.is_set);
    cr_assert_eq(toy.ips.count, 0);
    cr_assert_eq(toy.routes.count, 0);
    cr_assert_eq(toy.range.first, 41000);
    cr_assert_eq(toy.range.last, 64000);
    for (int i = 0; i < TOY_LANES; i++) {
        cr_assert_str_eq(toy.lane[i].name, "-");
        cr_assert_eq(toy.lane[i].speed, 50);
    }
    cr_assert_eq(toy.lanes_seen, 0);
}

Test(registry, integers)
{
    set("toy.number", "5");
    cr_assert_eq(toy.number, 5);
    set("toy.number", "0xff");
    cr_assert_eq(toy.number, 255);
    set("toy.number", "4000000000");
    cr_assert_eq(toy.number, 4000000000);
    cr_assert_str_eq(get("toy.number"), "4000000000");
    set("toy.number", "many");
    cr_assert_str_eq(get("toy.number"), "many");
    set("toy.flag", "0");
    cr_assert_eq(toy.flag, 0);

    const char *const bad[] = {"4",
                               "4000000001",
                               "4294967296",
                               "18446744073709551616",
                               "-5",
                               "+5",
                               "5.0",
                               "5 ",
                               " 5",
                               "",
                               "5K",
                               "Many",
                               "0x",
                               "five",
                               "99999999999999999999999999"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++)
        refuse("toy.number", bad[i]);
    refuse("toy.flag", "2");
    refuse("toy.flag", "yes");
}

Test(registry, sizes)
{
    const struct {
        const char *text;
        uint64_t bytes;
        const char *shown;
    } cases[] = {
        {"0", 0, "0"},           {"1500", 1500, "1500B"},
        {"512B", 512, "512B"},   {"16K", 16384, "16KB"},
        {"16KB", 16384, "16KB"}, {"3m", 3 << 20, "3MB"},
        {"1G", 1 << 30, "1GB"},  {"18446744073709551615", UINT64_MAX, "18446744073709551615B"},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        set("toy.size", cases[i].text);
        cr_assert_eq(toy.size, cases[i].bytes, "%s", cases[i].text);
        cr_assert_str_eq(get("toy.size"), cases[i].shown);
        set("toy.size", get("toy.size"));
        cr_assert_eq(toy.size, cases[i].bytes);
    }
    refuse("toy.size", "18446744073709551616");
    refuse("toy.size", "18014398509481984K");
    refuse("toy.size", "17179869184G");
    refuse("toy.size", "K");
    refuse("toy.size", "1T");
    refuse("toy.size", "1 K");
    refuse("toy.size", "-1K");
    refuse("toy.size", "1KK");
}

Test(registry, times)
{
    const struct {
        const char *text;
        uint64_t ns;
        const char *shown;
    } cases[] = {
        {"0", 0, "0us"},
        {"1000", MS, "1ms"},
        {"250us", 250000, "250us"},
        {"100ms", 100 * MS, "100ms"},
        {"90s", 90000 * MS, "90s"},
        {"2m", 120000 * MS, "2m"},
        {"1h", 3600000 * MS, "1h"},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        set("toy.time", cases[i].text);
        cr_assert_eq(toy.time, cases[i].ns, "%s", cases[i].text);
        set("toy.time", get("toy.time"));
        cr_assert_eq(toy.time, cases[i].ns);
    }
    set("toy.time", "1m");
    cr_assert_str_eq(get("toy.time"), "1m");
    refuse("toy.time", "61m");
    refuse("toy.time", "3600000001");
    refuse("toy.time", "18446744073709551615");
    refuse("toy.time", "5124095577h");
    refuse("toy.time", "1d");
    refuse("toy.time", "1.5s");
    refuse("toy.time", "s");
}

Test(registry, strings)
{
    set("toy.text", "123456789012345");
    cr_assert_str_eq(toy.text, "123456789012345");
    set("toy.text", "a \t{}=;#\nb");
    cr_assert_str_eq(get("toy.text"), "a \t{}=;#\nb");
    set("toy.text", "a\"b\" c");
    cr_assert_str_eq(toy.text, "a\"b\" c");
    set("toy.text", "");
    cr_assert_eq(toy.text[1], '\0', "nothing of the old value is left");

    refuse("toy.text", "1234567890123456");
    refuse("toy.text", "\""); /* what no file could say is no value */
    refuse("toy.text", "a\";");
    refuse("toy.text", " a\"");
    refuse("toy.text", "a\" ");
}

Test(registry, addresses)
{
    set("toy.ip", "192.168.1.2");
    cr_assert_eq(tpa_base_address_ipv4(&toy.ip), htonl(0xc0a80102));
    cr_assert_str_eq(get("toy.ip"), "192.168.1.2");
    set("toy.ip", "");
    cr_assert(tpa_base_address_is_unspecified(&toy.ip));
    cr_assert_str_eq(get("toy.ip"), "");
    set("toy.ip6", "FD00:0:0::1");
    cr_assert_str_eq(get("toy.ip6"), "fd00::1");

    const char *const bad[] = {"1.2.3",     "1.2.3.4.5", "256.1.1.1", "1.2.3.4/24", "fd00::1",
                               "localhost", "1.2.3.4 ",  "01.2.3.4",  "-1.2.3.4",   "."};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++)
        refuse("toy.ip", bad[i]);
    refuse("toy.ip6", "1.2.3.4");
    refuse("toy.ip6", "::ffff:1.2.3.4");
    refuse("toy.ip6", "fd00::1::2");
    refuse("toy.ip6", "fd00::1/64");
    refuse("toy.ip6", "1:2:3:4:5:6:7:8:9");
    refuse("toy.ip6", "fe80::1%eth0");
}

Test(registry, masks)
{
    set("toy.mask", "255.255.255.0");
    cr_assert(toy.mask.is_set);
    cr_assert_eq(toy.mask.length, 24);
    set("toy.mask", "20");
    cr_assert_str_eq(get("toy.mask"), "255.255.240.0");
    set("toy.mask", "0.0.0.0");
    cr_assert_eq(toy.mask.length, 0);
    cr_assert_str_eq(get("toy.mask"), "0.0.0.0");
    set("toy.mask", "32");
    cr_assert_str_eq(get("toy.mask"), "255.255.255.255");
    set("toy.mask", "");
    cr_assert_not(toy.mask.is_set);

    refuse("toy.mask", "255.0.255.0");
    refuse("toy.mask", "0.0.0.255");
    refuse("toy.mask", "33");
    refuse("toy.mask", "-1");
}

Test(registry, mac_addresses)
{
    set("toy.mac", "02:00:5E:10:00:ff");
    cr_assert(toy.mac.is_set);
    cr_assert_eq(memcmp(toy.mac.bytes, "\x02\x00\x5e\x10\x00\xff", 6), 0);
    cr_assert_str_eq(get("toy.mac"), "02:00:5e:10:00:ff");
    set("toy.mac", "");
    cr_assert_not(toy.mac.is_set);

    refuse("toy.mac", "02:00:5e:10:00");
    refuse("toy.mac", "02:00:5e:10:00:ff:01");
    refuse("toy.mac", "02:00:5e:10:00:gg");
    refuse("toy.mac", "02:00:5e:10:00:100");
}

Test(registry, address_lists)
{
    set("toy.ips", "10.0.0.1");
    cr_assert_eq(toy.ips.count, 1);
    cr_assert_not(toy.ips.entry[0].has_length);
    set("toy.ips", "10.0.0.1/24 10.0.1.1,10.0.2.1/32 , 10.0.3.1/0");
    cr_assert_eq(toy.ips.count, 4);
    cr_assert_eq(toy.ips.entry[0].length, 24);
    cr_assert_eq(toy.ips.entry[2].length, 32);
    cr_assert(toy.ips.entry[3].has_length);
    cr_assert_str_eq(get("toy.ips"), "10.0.0.1/24, 10.0.1.1, 10.0.2.1/32, 10.0.3.1/0");
    set("toy.ip6s", "fd00::1/64,fd00::2");
    cr_assert_eq(toy.ip6s.entry[0].length, 64);
    cr_assert_not(toy.ip6s.entry[1].has_length);
    set("toy.ips", "");
    cr_assert_eq(toy.ips.count, 0);

    refuse("toy.ips", "10.0.0.1/33");
    refuse("toy.ips", "10.0.0.1/");
    refuse("toy.ips", "/24");
    refuse("toy.ips", "10.0.0.1/24/8");
    refuse("toy.ips", "10.0.0.1/-1");
    refuse("toy.ips", "10.0.0.1 10.0.0.1/8");
    refuse("toy.ips", "10.0.0.1 fd00::1");
    refuse("toy.ips", "10.0.0.1;10.0.0.2");
    refuse("toy.ip6s", "fd00::1/129");
    refuse("toy.ip6s", "10.0.0.1");
}

Test(registry, an_address_list_is_bounded)
{
    char text[TPA_CFG_VALUE_SIZE];
    int length = 0;

    for (int i = 0; i < TPA_CFG_ADDRESSES_MAX; i++)
        length += sprintf(text + length, "10.0.0.%d/24 ", i + 1);
    set("toy.ips", text);
    cr_assert_eq(toy.ips.count, TPA_CFG_ADDRESSES_MAX);
    sprintf(text + length, "10.0.1.1/24");
    refuse("toy.ips", text);
}

Test(registry, routes)
{
    set("toy.routes", "10.1.0.0/16 via 10.0.0.254");
    cr_assert_eq(toy.routes.count, 1);
    cr_assert_eq(toy.routes.entry[0].length, 16);
    cr_assert_eq(tpa_base_address_ipv4(&toy.routes.entry[0].gateway), htonl(0x0a0000fe));
    set("toy.routes", " 0.0.0.0/0  via 10.0.0.1, fd01::/48 via fe80::1,2.2.2.2/32 via 10.0.0.1");
    cr_assert_eq(toy.routes.count, 3);
    cr_assert_str_eq(get("toy.routes"), "0.0.0.0/0 via 10.0.0.1, fd01::/48 via fe80::1, "
                                        "2.2.2.2/32 via 10.0.0.1");
    set("toy.routes", "");
    cr_assert_eq(toy.routes.count, 0);

    refuse("toy.routes", "10.1.0.0/16");
    refuse("toy.routes", "10.1.0.0/16 via");
    refuse("toy.routes", "10.1.0.0/16 to 10.0.0.1");
    refuse("toy.routes", "10.1.0.0 via 10.0.0.1");
    refuse("toy.routes", "10.1.0.1/16 via 10.0.0.1"); /* bits behind the prefix */
    refuse("toy.routes", "fd01::1/64 via fe80::1");
    refuse("toy.routes", "10.1.0.0/16 via fe80::1");
    refuse("toy.routes", "10.1.0.0/16 via 10.0.0.1 dev eth0");
    refuse("toy.routes", "10.1.0.0/16 via 10.0.0.1 10.2.0.0/16 via 10.0.0.1");
    refuse("toy.routes", "10.1.0.0/16 via 10.0.0.1, ,");
}

Test(registry, the_longest_values_can_be_said)
{
    char text[TPA_CFG_VALUE_SIZE];
    int length = 0;
    const char *longest =
        "1111:2222:3333:4444:5555:6666:7777:%04x/128 via 1111:2222:3333:4444:5555:6666:7777:8888,";

    for (int i = 0; i < TPA_CFG_ROUTES_MAX; i++)
        length += sprintf(text + length, longest, i);
    set("toy.routes", text);
    cr_assert_eq(toy.routes.count, TPA_CFG_ROUTES_MAX);
    set("toy.routes", get("toy.routes"));
    sprintf(text + length, "10.0.0.0/8 via 10.0.0.1");
    refuse("toy.routes", text);

    memset(text, 'x', 1999);
    text[1999] = '\0';
    set("toy.long-text", text);
    cr_assert_str_eq(get("toy.long-text"), text);
}

Test(registry, port_ranges)
{
    set("toy.range", "1 65535");
    cr_assert_eq(toy.range.first, 1);
    cr_assert_eq(toy.range.last, 65535);
    set("toy.range", "80   80");
    cr_assert_str_eq(get("toy.range"), "80 80");

    refuse("toy.range", "0 10");
    refuse("toy.range", "10 9");
    refuse("toy.range", "10");
    refuse("toy.range", "10 65536");
    refuse("toy.range", "10 20 30");
    refuse("toy.range", "10-20");
    refuse("toy.range", "10 ");
    refuse("toy.range", "");
}

Test(registry, unknown_names)
{
    const char *const names[] = {"toy.bogus", "bogus.flag", "toy",       "toy.",    ".flag",
                                 "",          "toy.fla",    "toy.flagg", "to.flag", "flag"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(names); i++) {
        char expected[TPA_CFG_ERROR_TEXT_SIZE];

        snprintf(expected, sizeof(expected), "invalid option name: %s", names[i]);
        cr_assert_eq(tpa_cfg_set(&registry, names[i], "1", &error), TPA_ENOENT, "%s", names[i]);
        cr_assert_str_eq(error.text, expected);
        cr_assert_eq(tpa_cfg_get(&registry, names[i], NULL, 0), TPA_ENOENT);
        cr_assert_null(tpa_cfg_find(&registry, names[i], NULL));
    }
}

Test(registry, what_is_readonly_can_be_set_until_the_start)
{
    set("toy.start_only", "4");
    tpa_cfg_registry_start(&registry);

    cr_assert_eq(tpa_cfg_set(&registry, "toy.start_only", "5", &error), TPA_EPERM);
    cr_assert_str_eq(error.text,
                     "failed to set cfg opt: toy.start_only: try to set a readonly option");
    cr_assert_eq(toy.start_only, 4);
    set("toy.flag", "0");
    cr_assert_eq(toy.flag, 0);
}

Test(registry, instances_of_a_section)
{
    set("lane.speed", "10");
    set("lane[2].speed", "20");
    set("lane[0].name", "first");
    cr_assert_eq(toy.lane[0].speed, 10);
    cr_assert_eq(toy.lane[1].speed, 50);
    cr_assert_eq(toy.lane[2].speed, 20);
    cr_assert_eq(toy.lanes_seen, 0x5);
    cr_assert_str_eq(get("lane[2].speed"), "20");
    cr_assert_str_eq(get("lane[2].index"), "2");
    cr_assert_str_eq(get("lane.name"), "first");
    set("lane.index", "3");
    cr_assert_eq(toy.lanes_seen, 0xd);
    refuse("lane.index", "4");
    refuse("lane.index", "-1");

    const char *const names[] = {"lane[4].speed", "lane[-1].speed", "lane[].speed",
                                 "lane[1.speed",  "lane1].speed",   "lane[1]x.speed",
                                 "lane[x].speed", "toy[0].flag",    "lane[99999999999].speed",
                                 "lane.speed[1]", "[1].speed",      "lane[1][1].speed"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(names); i++)
        cr_assert_eq(tpa_cfg_set(&registry, names[i], "1", &error), TPA_ENOENT, "%s", names[i]);
}

Test(registry, a_text_that_does_not_fit_is_an_error)
{
    char text[8];

    set("toy.text", "1234567");
    cr_assert_eq(tpa_cfg_get(&registry, "toy.text", text, 8), 7);
    cr_assert_eq(tpa_cfg_get(&registry, "toy.text", text, 7), TPA_ENOSPC);
    cr_assert_eq(tpa_cfg_get(&registry, "toy.text", text, 0), TPA_ENOSPC);
}

Test(registry, walks_through_all_options)
{
    char name[TPA_CFG_NAME_SIZE], text[TPA_CFG_VALUE_SIZE];
    uint64_t position = 0;
    uint32_t count = 0;

    while (tpa_cfg_next(&registry, &position, name, text) != NULL) {
        cr_assert_not_null(tpa_cfg_find(&registry, name, NULL));
        count++;
    }
    cr_assert_eq(count, toy_option_count);

    set("lane[1].speed", "1");
    set("lane[3].speed", "2");
    position = 0;
    count = 0;
    while (tpa_cfg_next(&registry, &position, name, text) != NULL) {
        if (strcmp(name, "lane[3].speed") == 0)
            cr_assert_str_eq(text, "2");
        cr_assert_str_neq(name, "lane.speed");
        count++;
    }
    cr_assert_eq(count, toy_option_count + 3);
}

/* Loads into a fresh registry what a dump of the other says. */
static void check_round_trip(bool with_help)
{
    static char text[TPA_CFG_FILE_MAX];
    static struct toy copy;
    struct tpa_cfg_registry other;
    FILE *stream = fmemopen(text, sizeof(text), "w");

    cr_assert_eq(tpa_cfg_dump(&registry, with_help, stream), 0);
    fclose(stream);
    toy_init(&other, &copy);
    cr_assert_eq(toy_load(&other, text, &error), 0, "%u: %s\n%s", error.line, error.text, text);
    cr_assert(toy_is_same(&toy, &copy), "%s", text);
}

Test(registry, what_is_dumped_sets_the_same_again)
{
    check_round_trip(false);
    check_round_trip(true);

    set("toy.flag", "0");
    set("toy.number", "4000000000");
    set("toy.size", "1500");
    set("toy.time", "1ms");
    set("toy.text", "{ # \t = ; }");
    set("toy.long-text", "say \"hello\" to them");
    set("toy.ip", "10.0.0.1");
    set("toy.ip6", "::1");
    set("toy.mask", "0");
    set("toy.mac", "00:00:00:00:00:00");
    set("toy.ips", "10.0.0.1 10.0.0.2/8");
    set("toy.ip6s", "fd00::1 fd00::2/127");
    set("toy.routes", "0.0.0.0/0 via 10.0.0.1, ::/0 via fe80::1");
    set("toy.range", "7 7");
    set("toy.start_only", "0");
    set("lane[1].speed", "99");
    set("lane[3].name", "the fourth");
    check_round_trip(false);
    check_round_trip(true);

    set("lane.speed", "1");
    check_round_trip(true);
}

Test(registry, a_dump_that_cannot_be_written_says_so)
{
    char text[16];
    FILE *stream = fmemopen(text, sizeof(text), "w");

    setbuf(stream, NULL);
    cr_assert_eq(tpa_cfg_dump(&registry, true, stream), TPA_EIO);
    fclose(stream);
}

Test(registry, descriptions_that_contradict_themselves)
{
    static struct toy unused;
    struct tpa_cfg_option option;
    struct tpa_cfg_repeat repeat = *toy_options[toy_option_count - 1].repeat;
    struct tpa_cfg_registry other;

#define EXPECT_WRONG(from, change)                                                               \
    do {                                                                                         \
        option = toy_options[from];                                                              \
        option.change;                                                                           \
        cr_assert_eq(tpa_cfg_registry_init(&other, &option, 1, &unused, sizeof(unused), &error), \
                     TPA_EINVAL, #change);                                                       \
        cr_assert_not_null(strstr(error.text, "described wrongly"));                             \
    } while (0)

    EXPECT_WRONG(0, preset = "2");
    EXPECT_WRONG(0, preset = NULL);
    EXPECT_WRONG(0, size = 8);
    EXPECT_WRONG(0, size = 0);
    EXPECT_WRONG(0, offset = sizeof(unused) - 3);
    EXPECT_WRONG(0, name = "flag");
    EXPECT_WRONG(0, type = TPA_CFG_SELECTOR);
    EXPECT_WRONG(4, preset = "1234567890123456");
    EXPECT_WRONG(toy_option_count - 1, offset = sizeof(unused) - sizeof(struct toy_lane));
#undef EXPECT_WRONG

    option = toy_options[toy_option_count - 1];
    option.repeat = &repeat;
    repeat.maximum = TPA_CFG_REPEAT_MAX + 1;
    cr_assert_eq(tpa_cfg_registry_init(&other, &option, 1, &unused, sizeof(unused), &error),
                 TPA_EINVAL);
    repeat.maximum = TOY_LANES;
    repeat.seen = sizeof(unused);
    cr_assert_eq(tpa_cfg_registry_init(&other, &option, 1, &unused, sizeof(unused), &error),
                 TPA_EINVAL);

    const struct tpa_cfg_option twice[] = {toy_options[0], toy_options[0]};

    cr_assert_eq(tpa_cfg_registry_init(&other, twice, 2, &unused, sizeof(unused), &error),
                 TPA_EINVAL);
    cr_assert_str_eq(error.text, "option toy.flag is described twice");
}
