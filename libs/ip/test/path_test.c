#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(path);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

static int path_error(struct host *host, const char *source, const char *destination)
{
    struct tpa_base_address from, to = address(destination);
    struct tpa_ip_path *path;
    int error = 0;

    if (source != NULL)
        from = address(source);
    path = tpa_ip_path_get(host->worker, source != NULL ? &from : NULL, &to, &error);
    if (path != NULL) {
        cr_assert_eq(error, 0);
        tpa_ip_path_put(host->worker, path);
    }
    return error;
}

static void expect_source(struct host *host, const char *destination, const char *source)
{
    struct tpa_ip_path *path = get_path(host, destination);
    struct tpa_base_address from = address(source);
    char text[TPA_BASE_ADDRESS_TEXT];

    (void)tpa_base_address_format(tpa_ip_path_source(path), text);
    cr_assert(tpa_base_address_equal(tpa_ip_path_source(path), &from), "to %s from %s, not %s",
              destination, text, source);
    tpa_ip_path_put(host->worker, path);
}

/* The MAC address that a packet to a destination goes to. */
static void expect_sent_to(struct host *host, const char *destination, const uint8_t mac[6])
{
    struct tpa_ip_path *path = get_path(host, destination);
    struct sent sent;

    send_segment(host, path, 4);
    tpa_ip_path_put(host->worker, path);
    cr_assert(take_sent(host, &sent), "nothing sent to %s", destination);
    cr_assert_arr_eq(sent.bytes, mac, 6, "to %s", destination);
}

Test(path, destinations_that_are_refused)
{
    static const struct {
        const char *source, *destination;
        int error;
    } cases[] = {
        {NULL, "0.0.0.0", TPA_EINVAL},
        {NULL, "::", TPA_EINVAL},
        {NULL, "224.0.0.1", TPA_EINVAL},
        {NULL, "255.255.255.255", TPA_EINVAL},
        {NULL, "10.0.0.255", TPA_EINVAL},
        {NULL, "ff02::1", TPA_EINVAL},
        {NULL, FAR, TPA_EUNREACHABLE},
        {NULL, FAR6, TPA_EUNREACHABLE},
        {PEER, OTHER, TPA_EINVAL},
        {US6, OTHER, TPA_EINVAL},
        {US, FAR, TPA_EUNREACHABLE},
        {NULL, PEER, 0},
        {US, PEER, 0},
        {US6, PEER6, 0},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        cr_assert_eq(path_error(&host, cases[i].source, cases[i].destination), cases[i].error,
                     "%s from %s", cases[i].destination, cases[i].source);
    host_end(&host);
}

Test(path, the_longest_prefix_wins)
{
    static const uint8_t macs[4][6] = {{2, 0, 0, 1}, {2, 0, 0, 2}, {2, 0, 0, 3}, {2, 0, 0, 4}};
    static const char *const gateways[4] = {"10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"};
    struct tpa_base_address removed = address("192.0.2.0");
    struct host host;

    host_begin(&host);
    for (int i = 0; i < 4; i++)
        add_neighbour(&host, gateways[i], macs[i]);
    add_route(&host, "192.0.0.0", 8, gateways[1]);
    add_route(&host, "0.0.0.0", 0, gateways[0]);
    add_route(&host, "192.0.2.9", 32, gateways[3]);
    add_route(&host, "192.0.2.0", 24, gateways[2]);

    expect_sent_to(&host, "8.8.8.8", macs[0]);
    expect_sent_to(&host, "192.1.1.1", macs[1]);
    expect_sent_to(&host, "192.0.2.8", macs[2]);
    expect_sent_to(&host, "192.0.2.9", macs[3]);
    expect_sent_to(&host, PEER, mac_peer);
    cr_assert_eq(tpa_ip_route_remove(host.stack, &removed, 24), 0);
    expect_sent_to(&host, "192.0.2.8", macs[1]);
    host_end(&host);
}

Test(path, the_default_of_ipv6_is_not_that_of_ipv4)
{
    struct host host;

    host_begin(&host);
    add_neighbour(&host, ROUTER6, mac_other);
    add_route(&host, "::", 0, ROUTER6);
    cr_assert_eq(path_error(&host, NULL, FAR), TPA_EUNREACHABLE);
    expect_sent_to(&host, FAR6, mac_other);
    host_end(&host);
}

Test(path, a_path_follows_routes_that_change_while_it_is_held)
{
    struct tpa_base_address any = address("0.0.0.0"), far = address(FAR), own = address(US);
    struct tpa_ip_error error;
    struct tpa_ip_path *path;
    struct sent sent;
    struct host host;

    host_begin(&host);
    add_neighbour(&host, ROUTER, mac_other);
    add_route(&host, "0.0.0.0", 0, ROUTER);
    path = get_path(&host, FAR);
    send_segment(&host, path, 4);
    cr_assert(take_sent(&host, &sent));
    cr_assert_arr_eq(sent.bytes, mac_other, 6);

    add_route(&host, "192.0.2.0", 24, PEER);
    send_segment(&host, path, 4);
    cr_assert(take_sent(&host, &sent));
    cr_assert_arr_eq(sent.bytes, mac_peer, 6);

    /* no route */
    cr_assert_eq(tpa_ip_route_remove(host.stack, &far, 24), 0);
    cr_assert_eq(tpa_ip_route_remove(host.stack, &any, 0), 0);
    send_segment(&host, path, 4);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ROUTE_NONE), 1);
    cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 1);
    cr_assert_eq(error.kind, TPA_IP_ERROR_UNREACHABLE_SOFT);
    cr_assert_eq(error.destination_port, tpa_base_host_to_be16(1000));
    cr_assert(tpa_base_address_equal(&error.destination, &far));

    /* no source address any more, then again */
    add_route(&host, "0.0.0.0", 0, ROUTER);
    cr_assert_eq(tpa_ip_address_remove(host.stack, &own), 0);
    send_segment(&host, path, 4);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ROUTE_NO_SOURCE), 1);
    add_address(&host, US, 24);
    send_segment(&host, path, 4);
    cr_assert(take_sent(&host, &sent));
    cr_assert_arr_eq(sent.bytes, mac_other, 6);

    /* the interface goes down and comes up */
    cr_assert_eq(tpa_ip_interface_set_up(host.stack, host.interface, false), 0);
    send_segment(&host, path, 4);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ROUTE_NONE), 2);
    cr_assert_eq(tpa_ip_interface_set_up(host.stack, host.interface, true), 0);
    send_segment(&host, path, 4);
    cr_assert(take_sent(&host, &sent));
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(path, the_source_address_is_chosen)
{
    struct host host;

    host_begin(&host);
    add_address(&host, "10.0.1.1", 24);
    add_address(&host, "10.0.0.9", 24);
    add_address(&host, "2001:db8:ffff::1", 64);
    add_route(&host, "0.0.0.0", 0, "10.0.1.254");
    add_route(&host, "::", 0, ROUTER6);

    expect_source(&host, PEER, US);
    expect_source(&host, "10.0.1.7", "10.0.1.1");
    expect_source(&host, FAR, "10.0.1.1"); /* what the gateway's link knows */
    expect_source(&host, PEER6, US6);
    expect_source(&host, FAR6, "2001:db8:ffff::1");     /* the longest prefix */
    expect_source(&host, "fe80::9", "fe80::ff:fe00:1"); /* the same scope */
    host_end(&host);
}

Test(path, a_path_keeps_its_source_address)
{
    struct tpa_base_address us = address(US);
    struct tpa_ip_path *path;
    struct host host;

    host_begin(&host);
    add_route(&host, "0.0.0.0", 0, "10.0.1.254");
    path = get_path(&host, FAR);
    add_address(&host, "10.0.1.1", 24);
    cr_assert_eq(tpa_ip_path_mtu(path), 1500);
    cr_assert(tpa_base_address_equal(tpa_ip_path_source(path), &us));
    expect_source(&host, FAR, "10.0.1.1");
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(path, link_local_destinations_are_on_the_link_of_their_source)
{
    struct tpa_ip_interface_config second = {.name = "eth1", .mac = {2, 9}, .mtu = 1500};
    struct tpa_base_address on_second = address("2001:db8:2::1");
    struct tpa_base_address from_first = address("fe80::ff:fe00:1");
    struct tpa_base_address from_second = address("fe80::9:ff:fe00:0"), to = address("fe80::77");
    struct tpa_ip_path *path;
    struct host host;
    int index, error;

    host_begin(&host);
    index = tpa_ip_interface_add(host.stack, &second);
    cr_assert_eq(index, 1);
    cr_assert_eq(tpa_ip_address_add(host.stack, 1, &on_second, 64), 0);
    path = tpa_ip_path_get(host.worker, &from_first, &to, &error);
    cr_assert_eq(tpa_ip_path_interface(path), 0);
    tpa_ip_path_put(host.worker, path);
    path = tpa_ip_path_get(host.worker, &from_second, &to, &error);
    cr_assert_not_null(path);
    cr_assert_eq(tpa_ip_path_interface(path), 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(path, the_cache_gives_the_same_path_again)
{
    struct tpa_ip_path *first, *second;
    struct tpa_base_address from = address(US), to = address(PEER);
    struct host host;
    int error;

    host_begin(&host);
    first = get_path(&host, PEER);
    second = tpa_ip_path_get(host.worker, &from, &to, &error);
    cr_assert_eq(first, second);
    tpa_ip_path_put(host.worker, first);
    tpa_ip_path_put(host.worker, second);
    second = get_path(&host, PEER);
    cr_assert_eq(first, second, "unreferenced ones stay");
    tpa_ip_path_put(host.worker, second);
    host_end(&host);
}

Test(path, the_cache_is_bounded_and_what_was_idle_longest_goes)
{
    struct tpa_ip_limits limits = {.paths = 4};
    struct tpa_ip_path *held[4], *again;
    struct host host;

    host_begin_with(&host, &limits);
    for (int i = 0; i < 4; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.0.0.%d", 10 + i);
        held[i] = get_path(&host, text);
    }
    cr_assert_eq(path_error(&host, NULL, "10.0.0.20"), TPA_ENOSPC);
    tpa_ip_path_put(host.worker, held[2]);
    tpa_ip_path_put(host.worker, held[1]);
    cr_assert_eq(path_error(&host, NULL, "10.0.0.20"), 0);
    again = get_path(&host, "10.0.0.11");
    cr_assert_eq(again, held[1], "10.0.0.12 went");
    tpa_ip_path_put(host.worker, again);
    tpa_ip_path_put(host.worker, held[0]);
    tpa_ip_path_put(host.worker, held[3]);
    host_end(&host);
}

Test(path, what_is_in_use_again_does_not_go)
{
    struct tpa_ip_limits limits = {.paths = 2};
    struct tpa_ip_path *first, *second;
    struct host host;

    host_begin_with(&host, &limits);
    first = get_path(&host, "10.0.0.10");
    tpa_ip_path_put(host.worker, first);
    second = get_path(&host, "10.0.0.11");
    tpa_ip_path_put(host.worker, second);
    cr_assert_eq(get_path(&host, "10.0.0.10"), first, "the one that was idle longest");

    cr_assert_eq(path_error(&host, NULL, "10.0.0.12"), 0);
    cr_assert_eq(path_error(&host, NULL, "10.0.0.13"), 0);
    cr_assert_eq(get_path(&host, "10.0.0.10"), first);
    tpa_ip_path_put(host.worker, first);
    tpa_ip_path_put(host.worker, first);
    host_end(&host);
}

Test(path, an_mtu_that_changes)
{
    struct tpa_ip_path *path;
    struct host host;

    host_begin(&host);
    path = get_path(&host, PEER);
    cr_assert_eq(tpa_ip_path_mtu(path), 1500);
    cr_assert_eq(tpa_ip_interface_set_mtu(host.stack, host.interface, 9000), 0);
    cr_assert_eq(tpa_ip_path_mtu(path), 9000);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

static struct tpa_ip_error too_big(const char *source, const char *destination, uint16_t mtu)
{
    return (struct tpa_ip_error){
        .source = address(source),
        .destination = address(destination),
        .mtu = mtu,
        .kind = TPA_IP_ERROR_PACKET_TOO_BIG,
    };
}

Test(path, an_accepted_path_mtu_holds_ten_minutes)
{
    struct tpa_ip_error error = too_big(US, FAR, 1400);
    struct tpa_ip_path *path;
    struct sent sent;
    struct host host;

    host_begin(&host);
    add_neighbour(&host, ROUTER, mac_other);
    add_route(&host, "0.0.0.0", 0, ROUTER);
    path = get_path(&host, FAR);
    tpa_ip_path_mtu_accept(host.worker, &error, host.now);
    cr_assert_eq(tpa_ip_path_mtu(path), 1400);

    /* not higher by a message */
    error.mtu = 1450;
    tpa_ip_path_mtu_accept(host.worker, &error, host.now);
    cr_assert_eq(tpa_ip_path_mtu(path), 1400);

    wait_for(&host, 9 * TPA_BASE_MINUTE);
    send_segment(&host, path, 1400 - 40);
    cr_assert(take_sent(&host, &sent));
    send_segment(&host, path, 1400 - 39);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_OUTPUT_TOO_BIG), 1);
    cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 1);
    cr_assert_eq(error.kind, TPA_IP_ERROR_PACKET_TOO_BIG);
    cr_assert_eq(error.mtu, 1400);

    wait_for(&host, 2 * TPA_BASE_MINUTE);
    send_segment(&host, path, 1500 - 40);
    cr_assert(take_sent(&host, &sent));
    cr_assert_eq(tpa_ip_path_mtu(path), 1500);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

/* Attack 41. */
Test(path, learnt_mtus_are_bounded)
{
    struct tpa_ip_limits limits = {.path_mtus = 4};
    struct tpa_ip_path *path;
    struct host host;

    host_begin_with(&host, &limits);
    for (int i = 0; i < 10; i++) {
        char text[32];
        struct tpa_ip_error error;

        snprintf(text, sizeof(text), "10.0.0.%d", 10 + i);
        error = too_big(US, text, 1000);
        tpa_ip_path_mtu_accept(host.worker, &error, host.now);
    }
    for (int i = 0; i < 10; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.0.0.%d", 10 + i);
        path = get_path(&host, text);
        cr_assert_eq(tpa_ip_path_mtu(path), i < 6 ? 1500 : 1000, "%s", text);
        tpa_ip_path_put(host.worker, path);
    }
    host_end(&host);
}

/* Attack 41. */
Test(path, plateaus_of_routers_that_do_not_say_their_mtu)
{
    static const struct {
        uint16_t length, mtu;
    } cases[] = {{1500, 1492}, {1492, 1006}, {9000, 8166}, {1007, 1006}, {1006, 552}, {100, 552}};
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        uint8_t message[256] = {3, 4};
        struct spec quoted = {.loopback = true, .source = US, .destination = FAR};
        struct spec spec = {.protocol = TPA_IP_PROTOCOL_ICMP, .payload = message};
        struct tpa_ip_error error;

        spec.payload_length = 8 + build(message + 8, &quoted);
        tpa_base_store_be16(message + 10, cases[i].length);
        receive(&host, &spec);
        cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 1);
        cr_assert_eq(error.mtu, cases[i].mtu, "%u: %u", cases[i].length, error.mtu);
    }
    host_end(&host);
}
