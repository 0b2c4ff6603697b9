#include "toy.h"

#include <criterion/criterion.h>
#include <string.h>

#define FIELD(member) \
    .offset = offsetof(struct toy, member), .size = sizeof(((struct toy *)0)->member)

static const struct tpa_cfg_repeat lanes = {
    .maximum = TOY_LANES,
    .stride = sizeof(struct toy_lane),
    .seen = offsetof(struct toy, lanes_seen),
};

const struct tpa_cfg_option toy_options[] = {
    {"toy.flag", "a switch", TPA_CFG_INTEGER, FIELD(flag), .preset = "1", .maximum = 1},
    {"toy.number", "a number", TPA_CFG_INTEGER, FIELD(number), .preset = "many", .minimum = 5,
     .maximum = 4000000000, .word = "many", .word_value = 7},
    {"toy.size", "bytes", TPA_CFG_SIZE, FIELD(size), .preset = "8KB", .maximum = UINT64_MAX},
    {"toy.time", "a time", TPA_CFG_TIME, FIELD(time), .preset = "1m", .maximum = 3600000000000},
    {"toy.text", "a text", TPA_CFG_STRING, FIELD(text), .preset = ""},
    {"toy.long-text", "a long text", TPA_CFG_STRING, FIELD(long_text), .preset = "a b"},
    {"toy.ip", "an address", TPA_CFG_IPV4, FIELD(ip), .preset = ""},
    {"toy.ip6", "an address", TPA_CFG_IPV6, FIELD(ip6), .preset = ""},
    {"toy.mask", "a mask", TPA_CFG_MASK, FIELD(mask), .preset = ""},
    {"toy.mac", "a MAC address", TPA_CFG_MAC, FIELD(mac), .preset = ""},
    {"toy.ips", "addresses", TPA_CFG_IPV4_LIST, FIELD(ips), .preset = ""},
    {"toy.ip6s", "addresses", TPA_CFG_IPV6_LIST, FIELD(ip6s), .preset = ""},
    {"toy.routes", "routes", TPA_CFG_ROUTE_LIST, FIELD(routes), .preset = ""},
    {"toy.range", "ports", TPA_CFG_PORT_RANGE, FIELD(range), .preset = "41000 64000"},
    {"toy.start_only", "set at start only", TPA_CFG_INTEGER, TPA_CFG_READONLY, FIELD(start_only),
     .preset = "3", .maximum = 9},
    {"lane.name", "its name", TPA_CFG_STRING, FIELD(lane[0].name), .preset = "-", .repeat = &lanes},
    {"lane.index", "which lane", TPA_CFG_SELECTOR, .repeat = &lanes},
    {"lane.speed", "its speed", TPA_CFG_INTEGER, FIELD(lane[0].speed), .preset = "50",
     .maximum = 100, .repeat = &lanes},
};

const uint32_t toy_option_count = TPA_BASE_ARRAY_SIZE(toy_options);

void toy_init(struct tpa_cfg_registry *registry, struct toy *toy)
{
    struct tpa_cfg_error error;

    memset(toy, 0xa5, sizeof(*toy));
    cr_assert_eq(
        tpa_cfg_registry_init(registry, toy_options, toy_option_count, toy, sizeof(*toy), &error),
        0, "%s", error.text);
}

int toy_load(struct tpa_cfg_registry *registry, const char *text, struct tpa_cfg_error *error)
{
    return tpa_cfg_load_text(registry, "toy.cfg", text, strlen(text), error);
}

/* Both were zeroed with their padding when they were made. */
bool toy_is_same(const struct toy *a, const struct toy *b)
{
    const unsigned char *a_bytes = (const unsigned char *)a;
    const unsigned char *b_bytes = (const unsigned char *)b;

    for (size_t i = 0; i < sizeof(*a); i++) {
        if (a_bytes[i] != b_bytes[i])
            return false;
    }
    return true;
}
