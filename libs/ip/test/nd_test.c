#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(nd);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

#define NS          135
#define NA          136
#define ALL         "ff02::1"
#define OUR_GROUP   "ff02::1:ff00:1"
#define ROUTER_FLAG 0x80
#define SOLICITED   0x40
#define OVERRIDE    0x20

static const uint8_t mac_all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t mac_group_other[6] = {0x33, 0x33, 0xff, 0, 0, 0x77};

/* A solicitation or advertisement with a link-layer address option (`mac` NULL: without). */
static uint32_t build_nd(uint8_t *to, uint8_t type, uint8_t flags, const char *target,
                         const uint8_t *mac)
{
    struct tpa_base_address address_of_target = address(target);

    memset(to, 0, 32);
    to[0] = type;
    to[4] = flags;
    memcpy(to + 8, address_of_target.u8, 16);
    if (mac == NULL)
        return 24;
    to[24] = type == NS ? 1 : 2;
    to[25] = 1;
    memcpy(to + 26, mac, 6);
    return 32;
}

static struct spec nd_spec(const uint8_t *message, uint32_t length, const char *destination)
{
    return (struct spec){
        .ipv6 = true,
        .source = OTHER6,
        .destination = destination,
        .mac_from = mac_other,
        .ttl = 255,
        .protocol = TPA_IP_PROTOCOL_ICMPV6,
        .payload = message,
        .payload_length = length,
    };
}

static void receive_nd(struct host *host, uint8_t type, uint8_t flags, const char *target,
                       const uint8_t *mac, const char *destination)
{
    uint8_t message[64];
    uint32_t length = build_nd(message, type, flags, target, mac);
    struct spec spec = nd_spec(message, length, destination);

    cr_assert_eq(receive(host, &spec), 0);
}

static int neighbour_state(struct host *host, const char *text, uint8_t mac[6])
{
    struct tpa_ip_neighbour all[16];
    struct tpa_base_address wanted = address(text);
    uint32_t count = tpa_ip_neighbours(host->stack, all, 16);

    for (uint32_t i = 0; i < count; i++) {
        if (!tpa_base_address_equal(&all[i].address, &wanted))
            continue;
        if (mac != NULL)
            memcpy(mac, all[i].mac, 6);
        return all[i].state;
    }
    return -1;
}

static void expect_nd(struct host *host, uint8_t type, uint8_t flags, const uint8_t *mac_to,
                      const char *destination, const char *target)
{
    struct sent sent;
    struct tpa_base_address to = address(destination), about = address(target);

    cr_assert(take_sent(host, &sent), "nothing was sent");
    cr_assert_eq(sent.length, 14 + 40 + 32);
    cr_assert_arr_eq(sent.bytes, mac_to, 6);
    cr_assert_eq(sent.bytes[14 + 7], 255);
    cr_assert_arr_eq(sent.bytes + 14 + 24, to.u8, 16);
    cr_assert_eq(sent.bytes[54], type);
    cr_assert_eq(sent.bytes[58], flags);
    cr_assert_arr_eq(sent.bytes + 62, about.u8, 16);
    cr_assert_eq(sent.bytes[78], type == NS ? 1 : 2);
    cr_assert_eq(sent.bytes[79], 1);
    cr_assert_arr_eq(sent.bytes + 80, mac_us, 6);
    cr_assert(checksum_is_right(sent.bytes + 14, sent.length - 14));
}

static void expect_sent_to(struct host *host, const uint8_t *mac, unsigned int count)
{
    struct sent sent;

    for (unsigned int i = 0; i < count; i++) {
        cr_assert(take_sent(host, &sent));
        cr_assert_eq(sent.bytes[14 + 6], TPA_IP_PROTOCOL_TCP);
        cr_assert_arr_eq(sent.bytes, mac, 6);
    }
    expect_nothing_sent(host);
}

Test(nd, a_solicitation_is_answered_and_its_sender_remembered)
{
    uint8_t mac[6];
    struct host host;

    host_begin(&host);
    receive_nd(&host, NS, 0, US6, mac_other, OUR_GROUP);
    expect_nd(&host, NA, SOLICITED | OVERRIDE, mac_other, OTHER6, US6);
    cr_assert_eq(neighbour_state(&host, OTHER6, mac), TPA_IP_NEIGHBOUR_STALE);
    cr_assert_arr_eq(mac, mac_other, 6);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ND_CONSUMED), 1);

    /* a unicast probe needs no option */
    receive_nd(&host, NS, 0, US6, NULL, US6);
    expect_nd(&host, NA, SOLICITED | OVERRIDE, mac_other, OTHER6, US6);
    host_end(&host);
}

/* Attack 44. */
Test(nd, messages_that_are_dropped)
{
    struct host host;
    uint8_t message[512];
    uint32_t length;
    struct spec spec;

    host_begin(&host);
    length = build_nd(message, NS, 0, US6, mac_other);
    spec = nd_spec(message, length, OUR_GROUP);

    spec.ttl = 254;
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_HOP_LIMIT);
    spec.ttl = 255;

    message[1] = 1; /* code */
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    message[1] = 0;

    for (length = 8; length < 24; length++) {
        spec.payload_length = length;
        expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    }
    for (length = 25; length < 32; length++) {
        spec.payload_length = length;
        expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    }
    spec.payload_length = 32;

    message[25] = 0; /* an option of length 0 */
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    message[25] = 2; /* one that is longer than the message */
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    message[25] = 255;
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    message[25] = 1;

    message[26] |= 1; /* a group's MAC address */
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    message[26] &= 0xfe;

    message[8] = 0xff; /* a group as target */
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);

    (void)build_nd(message, NS, 0, OTHER6, mac_other);
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_NOT_FOR_US);

    /* from nobody: only to the group, and without an option */
    (void)build_nd(message, NS, 0, US6, mac_other);
    spec.source = "::";
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    spec.payload_length = 24;
    spec.destination = US6;
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);

    /* an advertisement to all can't be an answer */
    length = build_nd(message, NA, SOLICITED, OTHER6, mac_other);
    spec = nd_spec(message, length, ALL);
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_MALFORMED);
    spec.source = "::";
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV6_SOURCE_MARTIAN);
    cr_assert_eq(neighbour_state(&host, OTHER6, NULL), -1);
    host_end(&host);
}

/* Attack 44. */
Test(nd, the_number_of_options_is_bounded)
{
    struct host host;
    uint8_t message[24 + 17 * 8];
    struct spec spec = nd_spec(message, sizeof(message), OUR_GROUP);

    host_begin(&host);
    (void)build_nd(message, NS, 0, US6, mac_other);
    for (size_t at = 24; at < sizeof(message); at += 8) {
        memset(message + at, 0, 8);
        message[at] = 200;
        message[at + 1] = 1;
    }
    expect_dropped(&host, &spec, TPA_BASE_DROP_ND_OPTION_COUNT);
    spec.payload_length -= 8;
    receive(&host, &spec);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ND_CONSUMED), 1);
    discard_sent(&host);
    host_end(&host);
}

Test(nd, packets_wait_until_the_neighbour_answers)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER6);
    for (int i = 0; i < 3; i++)
        send_segment(&host, path, 4);
    expect_nd(&host, NS, 0, mac_group_other, "ff02::1:ff00:77", OTHER6);
    expect_nothing_sent(&host);

    receive_nd(&host, NA, SOLICITED | OVERRIDE, OTHER6, mac_other, US6);
    expect_sent_to(&host, mac_other, 3);
    cr_assert_eq(neighbour_state(&host, OTHER6, NULL), TPA_IP_NEIGHBOUR_REACHABLE);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(nd, three_solicitations_then_the_packets_are_given_up)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER6);
    send_segment(&host, path, 4);
    for (int i = 0; i < 3; i++) {
        expect_nd(&host, NS, 0, mac_group_other, "ff02::1:ff00:77", OTHER6);
        wait_for(&host, TPA_BASE_SECOND + TPA_BASE_MILLISECOND);
    }
    expect_nothing_sent(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_UNRESOLVED), 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

static const uint8_t mac_new[6] = {2, 0, 0, 0, 9, 9};

/* RFC 4861 appendix C, what an advertisement does to an entry. */
Test(nd, what_advertisements_change)
{
    static const struct {
        bool reachable; /* else STALE */
        uint8_t flags;
        const uint8_t *mac;
        int state;
        const uint8_t *mac_then;
    } cases[] = {
        /* the same address, or none */
        {true, SOLICITED, mac_other, TPA_IP_NEIGHBOUR_REACHABLE, mac_other},
        {false, SOLICITED, mac_other, TPA_IP_NEIGHBOUR_REACHABLE, mac_other},
        {false, SOLICITED, NULL, TPA_IP_NEIGHBOUR_REACHABLE, mac_other},
        {true, 0, mac_other, TPA_IP_NEIGHBOUR_REACHABLE, mac_other},
        {false, 0, mac_other, TPA_IP_NEIGHBOUR_STALE, mac_other},
        {false, OVERRIDE, mac_other, TPA_IP_NEIGHBOUR_STALE, mac_other},
        /* another one that is not to override */
        {true, SOLICITED, mac_new, TPA_IP_NEIGHBOUR_STALE, mac_other},
        {true, 0, mac_new, TPA_IP_NEIGHBOUR_STALE, mac_other},
        {false, SOLICITED, mac_new, TPA_IP_NEIGHBOUR_STALE, mac_other},
        /* another one that is */
        {true, SOLICITED | OVERRIDE, mac_new, TPA_IP_NEIGHBOUR_REACHABLE, mac_new},
        {false, SOLICITED | OVERRIDE, mac_new, TPA_IP_NEIGHBOUR_REACHABLE, mac_new},
        {true, OVERRIDE, mac_new, TPA_IP_NEIGHBOUR_STALE, mac_new},
        {true, OVERRIDE | ROUTER_FLAG, mac_new, TPA_IP_NEIGHBOUR_STALE, mac_new},
    };

    struct tpa_base_address other = address(OTHER6);
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        uint8_t mac[6];

        receive_nd(&host, NS, 0, US6, mac_other, OUR_GROUP);
        if (cases[i].reachable)
            receive_nd(&host, NA, SOLICITED, OTHER6, mac_other, US6);
        receive_nd(&host, NA, cases[i].flags, OTHER6, cases[i].mac,
                   cases[i].flags & SOLICITED ? US6 : ALL);
        cr_assert_eq(neighbour_state(&host, OTHER6, mac), cases[i].state, "case %zu", i);
        cr_assert_arr_eq(mac, cases[i].mac_then, 6, "case %zu", i);
        cr_assert_eq(tpa_ip_neighbour_remove(host.stack, host.interface, &other), 0);
        discard_sent(&host);
    }
    host_end(&host);
}

/* Attack 44. */
Test(nd, an_unasked_advertisement_enters_nobody)
{
    struct host host;

    host_begin(&host);
    receive_nd(&host, NA, OVERRIDE, OTHER6, mac_other, ALL);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ND_UNSOLICITED), 1);
    cr_assert_eq(neighbour_state(&host, OTHER6, NULL), -1);
    host_end(&host);
}

Test(nd, an_advertisement_without_an_address_resolves_nothing)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER6);
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_nd(&host, NA, SOLICITED | OVERRIDE, OTHER6, NULL, US6);
    cr_assert_eq(neighbour_state(&host, OTHER6, NULL), TPA_IP_NEIGHBOUR_INCOMPLETE);
    expect_nothing_sent(&host);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(nd, a_conflict_is_counted_and_defended_every_ten_seconds)
{
    struct host host;
    uint8_t message[64];
    struct spec probe;

    host_begin(&host);
    receive_nd(&host, NA, OVERRIDE, US6, mac_other, ALL);
    expect_nd(&host, NA, OVERRIDE, mac_all_nodes, ALL, US6);
    receive_nd(&host, NA, OVERRIDE, US6, mac_other, ALL);
    expect_nothing_sent(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ND_CONFLICT), 2);

    /* somebody asks whether our address is free */
    wait_for(&host, 10 * TPA_BASE_SECOND);
    probe = nd_spec(message, build_nd(message, NS, 0, US6, NULL), OUR_GROUP);
    probe.source = "::";
    receive(&host, &probe);
    expect_nd(&host, NA, OVERRIDE, mac_all_nodes, ALL, US6);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ND_CONFLICT), 3);
    host_end(&host);
}

static void expect_mld(struct host *host, uint8_t record_type, unsigned int count,
                       const char *const *groups)
{
    static const uint8_t mac[6] = {0x33, 0x33, 0, 0, 0, 0x16};
    static const uint8_t router_alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
    struct tpa_base_address link_local = address("fe80::ff:fe00:1");
    struct tpa_base_address routers = address("ff02::16");
    struct sent sent;
    const uint8_t *report = sent.bytes + 14 + 48;

    cr_assert(take_sent(host, &sent), "no report");
    cr_assert_arr_eq(sent.bytes, mac, 6);
    cr_assert_eq(sent.bytes[14 + 7], 1, "hop limit");
    cr_assert_arr_eq(sent.bytes + 14 + 8, link_local.u8, 16);
    cr_assert_arr_eq(sent.bytes + 14 + 24, routers.u8, 16);
    cr_assert_arr_eq(sent.bytes + 54, router_alert, 8);
    cr_assert_eq(report[0], 143);
    cr_assert_eq(tpa_base_load_be16(report + 6), count);
    for (unsigned int i = 0; i < count; i++) {
        struct tpa_base_address group = address(groups[i]);

        cr_assert_eq(report[8 + 20 * i], record_type);
        cr_assert_arr_eq(report + 8 + 20 * i + 4, group.u8, 16);
    }
    cr_assert(checksum_is_right(sent.bytes + 14, sent.length - 14));
}

static const char *const our_groups[] = {"ff02::1:ff00:1", "ff02::1:ff00:1"};

Test(nd, a_new_address_is_announced_and_its_group_joined)
{
    struct host host;

    host_begin_bare(&host, NULL, 0);
    add_address(&host, US6, 64);
    wait_for(&host, 0);
    for (int round = 0; round < 2; round++) {
        expect_mld(&host, 4, 1, our_groups);
        expect_nd(&host, NA, OVERRIDE, mac_all_nodes, ALL, US6);
        expect_mld(&host, 4, 1, our_groups);
        expect_nd(&host, NA, OVERRIDE, mac_all_nodes, ALL, "fe80::ff:fe00:1");
        expect_nothing_sent(&host);
        wait_for(&host, 3 * TPA_BASE_SECOND);
    }
    wait_for(&host, TPA_BASE_MINUTE);
    expect_nothing_sent(&host);
    host_end(&host);
}

Test(nd, a_query_is_answered_within_its_delay)
{
    static const uint8_t router_alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
    struct host host;
    uint8_t message[28] = {130, 0, 0, 0, 0x27, 0x10}; /* 10 s */
    struct spec query = {
        .ipv6 = true,
        .source = "fe80::99",
        .destination = ALL,
        .ttl = 1,
        .protocol = TPA_IP_PROTOCOL_ICMPV6,
        .options = router_alert,
        .options_length = 8,
        .first_header = TPA_IP_PROTOCOL_HOP_BY_HOP,
        .payload = message,
        .payload_length = sizeof(message),
    };
    struct tpa_base_address group = address("ff02::1:ff00:99");

    host_begin(&host);
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_CONSUMED);
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_CONSUMED);
    wait_for(&host, 10 * TPA_BASE_SECOND + TPA_BASE_MILLISECOND);
    expect_mld(&host, 2, 2, our_groups);
    expect_nothing_sent(&host);

    memcpy(message + 8, group.u8, 16);
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_UNWANTED);
    query.ttl = 2;
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_MALFORMED);
    query.ttl = 1;
    query.source = PEER6;
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_MALFORMED);
    query.source = "fe80::99";
    query.payload_length = 23;
    expect_dropped(&host, &query, TPA_BASE_DROP_ICMP_MALFORMED);
    host_end(&host);
}
