#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"

TestSuite(arp);

#define NOBODY "0.0.0.0"

static const uint8_t mac_nobody[6];

struct arp_spec {
    uint16_t operation;
    const uint8_t *sender_mac;
    const char *sender;
    const char *target;
    const uint8_t *mac_to; /* us */
};

static uint32_t build_arp(uint8_t *to, const struct arp_spec *spec)
{
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    struct tpa_base_address sender = address(spec->sender), target = address(spec->target);

    memset(to, 0, 60);
    memcpy(to, spec->mac_to != NULL ? spec->mac_to : mac_us, 6);
    memcpy(to + 6, spec->sender_mac, 6);
    tpa_base_store_be16(to + 12, 0x0806);
    memcpy(to + 14, fixed, sizeof(fixed));
    tpa_base_store_be16(to + 20, spec->operation);
    memcpy(to + 22, spec->sender_mac, 6);
    memcpy(to + 28, &sender.u8[12], 4);
    memcpy(to + 38, &target.u8[12], 4);
    return 60;
}

static void receive_arp(struct host *host, const struct arp_spec *spec)
{
    uint8_t bytes[64];
    uint32_t length = build_arp(bytes, spec);

    cr_assert_eq(receive_bytes(host, bytes, length), 0);
}

static void expect_arp(struct host *host, uint16_t operation, const uint8_t *mac_to,
                       const char *sender, const uint8_t *target_mac, const char *target)
{
    struct sent sent;
    struct tpa_base_address from = address(sender), to = address(target);

    cr_assert(take_sent(host, &sent), "no ARP packet was sent");
    cr_assert_eq(sent.length, 42);
    cr_assert_arr_eq(sent.bytes, mac_to, 6);
    cr_assert_arr_eq(sent.bytes + 6, mac_us, 6);
    cr_assert_eq(tpa_base_load_be16(sent.bytes + 12), 0x0806);
    cr_assert_eq(tpa_base_load_be16(sent.bytes + 20), operation);
    cr_assert_arr_eq(sent.bytes + 22, mac_us, 6);
    cr_assert_arr_eq(sent.bytes + 28, &from.u8[12], 4);
    cr_assert_arr_eq(sent.bytes + 32, target_mac, 6);
    cr_assert_arr_eq(sent.bytes + 38, &to.u8[12], 4);
}

static void expect_sent_to(struct host *host, const uint8_t *mac, unsigned int count)
{
    struct sent sent;

    for (unsigned int i = 0; i < count; i++) {
        cr_assert(take_sent(host, &sent), "packet %u of %u was not sent", i, count);
        cr_assert_eq(tpa_base_load_be16(sent.bytes + 12), 0x0800);
        cr_assert_arr_eq(sent.bytes, mac, 6);
    }
    expect_nothing_sent(host);
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

Test(arp, a_request_for_us_is_answered_and_its_sender_remembered)
{
    struct host host;
    uint8_t mac[6];

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
    expect_arp(&host, 2, mac_other, US, mac_other, OTHER);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ARP_CONSUMED), 1);
    cr_assert_eq(neighbour_state(&host, OTHER, mac), TPA_IP_NEIGHBOUR_STALE);
    cr_assert_arr_eq(mac, mac_other, 6);
    host_end(&host);
}

/* Attack 44. */
Test(arp, malformed_packets)
{
    static const struct {
        uint32_t offset;
        uint8_t value;
        enum tpa_base_drop reason;
    } cases[] = {
        {15, 6, TPA_BASE_DROP_ARP_MALFORMED},   /* hardware type */
        {16, 9, TPA_BASE_DROP_ARP_MALFORMED},   /* protocol type */
        {18, 0, TPA_BASE_DROP_ARP_MALFORMED},   /* hardware length */
        {18, 255, TPA_BASE_DROP_ARP_MALFORMED}, /* hardware length */
        {19, 0, TPA_BASE_DROP_ARP_MALFORMED},   /* protocol length */
        {19, 16, TPA_BASE_DROP_ARP_MALFORMED},
        {21, 0, TPA_BASE_DROP_ARP_OPERATION},
        {21, 3, TPA_BASE_DROP_ARP_OPERATION},
        {22, 1, TPA_BASE_DROP_ARP_SENDER},   /* a group's MAC address */
        {28, 224, TPA_BASE_DROP_ARP_SENDER}, /* multicast */
        {28, 127, TPA_BASE_DROP_ARP_SENDER},
        {31, 255, TPA_BASE_DROP_ARP_SENDER}, /* the subnet's broadcast address */
        {41, 9, TPA_BASE_DROP_ARP_NOT_FOR_US},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[64];
        uint32_t length =
            build_arp(bytes, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
        uint64_t before = drops(&host, cases[i].reason);

        bytes[cases[i].offset] = cases[i].value;
        receive_bytes(&host, bytes, length);
        cr_assert_eq(drops(&host, cases[i].reason), before + 1, "case %zu", i);
        expect_nothing_sent(&host);
    }
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), -1, "nothing was learnt");
    host_end(&host);
}

/* Attack 44. */
Test(arp, truncated_packets)
{
    struct host host;
    uint8_t bytes[64];

    host_begin(&host);
    (void)build_arp(bytes, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
    for (uint32_t length = 14; length < 42; length++)
        receive_bytes(&host, bytes, length);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ARP_MALFORMED), 42 - 14);
    expect_nothing_sent(&host);
    host_end(&host);
}

Test(arp, packets_wait_until_the_neighbour_answers)
{
    struct host host;
    struct tpa_ip_path *path;
    uint8_t mac[6];

    host_begin(&host);
    path = get_path(&host, OTHER);
    for (int i = 0; i < 3; i++)
        send_segment(&host, path, 4);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, OTHER);
    expect_nothing_sent(&host);

    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    expect_sent_to(&host, mac_other, 3);
    cr_assert_eq(neighbour_state(&host, OTHER, mac), TPA_IP_NEIGHBOUR_REACHABLE);

    send_segment(&host, path, 4);
    expect_sent_to(&host, mac_other, 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, a_request_that_tells_the_address_ends_the_wait_too)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, PEER, mac_broadcast});
    expect_sent_to(&host, mac_other, 1);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_STALE);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, one_request_a_second_then_the_packets_are_given_up)
{
    struct host host;
    struct tpa_ip_path *path;
    struct tpa_ip_error error;

    host_begin(&host);
    path = get_path(&host, OTHER);
    for (int i = 0; i < 5; i++)
        send_segment(&host, path, 4);
    for (int request = 0; request < 3; request++) {
        expect_arp(&host, 1, mac_broadcast, US, mac_nobody, OTHER);
        expect_nothing_sent(&host);
        wait_for(&host, TPA_BASE_SECOND + TPA_BASE_MILLISECOND);
    }
    expect_nothing_sent(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_UNRESOLVED), 5);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_FAILED);

    cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 1);
    cr_assert_eq(error.kind, TPA_IP_ERROR_UNREACHABLE_SOFT);
    cr_assert_eq(error.source_port, tpa_base_host_to_be16(80));
    cr_assert_eq(error.sequence, 0x01020304);

    /* not more than one a second, and then again */
    send_segment(&host, path, 4);
    expect_nothing_sent(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_UNRESOLVED), 6);
    wait_for(&host, TPA_BASE_SECOND);
    send_segment(&host, path, 4);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, OTHER);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, the_queue_of_a_neighbour_drops_its_oldest)
{
    struct host host;
    struct tpa_ip_limits limits = {.pending_packets = 4};
    struct tpa_ip_path *path;
    struct sent sent;

    host_begin_with(&host, &limits);
    path = get_path(&host, OTHER);
    for (uint32_t i = 0; i < 6; i++)
        send_segment(&host, path, i);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_QUEUE_FULL), 2);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    for (uint32_t i = 2; i < 6; i++) {
        cr_assert(take_sent(&host, &sent));
        cr_assert_eq(sent.length, 14 + 40 + i, "the oldest two are gone");
    }
    expect_nothing_sent(&host);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

/* Attack 44. */
Test(arp, all_queues_together_are_bounded)
{
    struct host host;
    struct tpa_ip_limits limits = {.pending_total = 8};

    host_begin_with(&host, &limits);
    for (int i = 0; i < 12; i++) {
        char text[32];
        struct tpa_ip_path *path;

        snprintf(text, sizeof(text), "10.0.0.%d", 100 + i);
        path = get_path(&host, text);
        send_segment(&host, path, 4);
        tpa_ip_path_put(host.worker, path);
    }
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_BUDGET), 4);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 8, "and who waits was asked for");
    discard_sent(&host);
    host_end(&host);
}

/* Attack 44. */
Test(arp, an_unasked_reply_enters_nobody)
{
    struct host host;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ARP_UNSOLICITED), 1);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, OTHER, mac_broadcast});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ARP_NOT_FOR_US), 1);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), -1);
    host_end(&host);
}

Test(arp, a_gratuitous_update_moves_a_known_neighbour)
{
    static const uint8_t mac_new[6] = {2, 0, 0, 0, 9, 9};
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
    discard_sent(&host);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    expect_sent_to(&host, mac_other, 1);
    receive_arp(&host, &(struct arp_spec){1, mac_new, OTHER, OTHER, mac_broadcast});
    send_segment(&host, path, 4);
    expect_sent_to(&host, mac_new, 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, a_permanent_neighbour_is_not_moved)
{
    uint8_t mac[6];
    struct host host;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, PEER, PEER, mac_broadcast});
    receive_arp(&host, &(struct arp_spec){2, mac_other, PEER, US, NULL});
    cr_assert_eq(neighbour_state(&host, PEER, mac), TPA_IP_NEIGHBOUR_PERMANENT);
    cr_assert_arr_eq(mac, mac_peer, 6);
    host_end(&host);
}

Test(arp, a_probe_is_answered_and_not_learnt)
{
    struct host host;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, NOBODY, US, mac_broadcast});
    expect_arp(&host, 2, mac_other, US, mac_other, NOBODY);
    cr_assert_eq(neighbour_state(&host, NOBODY, NULL), -1);
    host_end(&host);
}

Test(arp, a_conflict_is_counted_and_defended_every_ten_seconds)
{
    struct host host;

    host_begin(&host);
    for (int i = 0; i < 3; i++)
        receive_arp(&host, &(struct arp_spec){1, mac_other, US, US, mac_broadcast});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ARP_CONFLICT), 3);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    expect_nothing_sent(&host);

    wait_for(&host, 10 * TPA_BASE_SECOND);
    receive_arp(&host, &(struct arp_spec){2, mac_other, US, PEER, mac_broadcast});
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    host_end(&host);
}

Test(arp, a_new_address_is_announced_twice)
{
    struct host host;

    host_begin_bare(&host, NULL, 0);
    add_address(&host, US, 24);
    expect_nothing_sent(&host);
    wait_for(&host, 0);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    expect_nothing_sent(&host);
    wait_for(&host, 3 * TPA_BASE_SECOND);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    wait_for(&host, TPA_BASE_MINUTE);
    expect_nothing_sent(&host);

    cr_assert_eq(tpa_ip_interface_set_up(host.stack, host.interface, false), 0);
    cr_assert_eq(tpa_ip_interface_set_up(host.stack, host.interface, true), 0);
    wait_for(&host, 0);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    wait_for(&host, TPA_BASE_MINUTE);
    discard_sent(&host);

    cr_assert_eq(tpa_ip_interface_announce(host.stack, host.interface), 0);
    wait_for(&host, 0);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, US);
    cr_assert_eq(tpa_ip_interface_announce(host.stack, host.interface + 1), TPA_ENOENT);
    host_end(&host);
}

/* Attack 44. */
Test(arp, requests_do_not_flood_the_table)
{
    struct host host;
    struct tpa_ip_limits limits = {.neighbours = 8};
    struct tpa_ip_neighbour all[16];
    struct tpa_ip_path *path;

    host_begin_with(&host, &limits);
    for (int i = 0; i < 200; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.0.0.%d", 10 + i);
        receive_arp(&host, &(struct arp_spec){1, mac_other, text, US, mac_broadcast});
    }
    cr_assert_eq(tpa_ip_neighbours(host.stack, all, 16), 8);
    discard_sent(&host);

    /* who we need is let in */
    path = get_path(&host, "10.0.0.240");
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, "10.0.0.240", US, NULL});
    expect_sent_to(&host, mac_other, 1);
    cr_assert_eq(tpa_ip_neighbours(host.stack, all, 16), 8);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

/* Attack 44. */
Test(arp, neighbours_that_are_there_outlive_a_flood_of_such_that_are_not)
{
    struct host host;
    struct tpa_ip_limits limits = {.neighbours = 16};
    struct tpa_ip_path *path;

    host_begin_with(&host, &limits);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    tpa_ip_path_put(host.worker, path);
    for (int i = 0; i < 100; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.0.0.%d", 100 + i);
        path = get_path(&host, text);
        send_segment(&host, path, 4);
        tpa_ip_path_put(host.worker, path);
    }
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_REACHABLE);
    cr_assert_eq(neighbour_state(&host, PEER, NULL), TPA_IP_NEIGHBOUR_PERMANENT);
    discard_sent(&host);
    host_end(&host);
}

Test(arp, a_sender_from_elsewhere_is_answered_and_not_entered)
{
    struct host host;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, FAR, US, mac_broadcast});
    expect_arp(&host, 2, mac_other, US, mac_other, FAR);
    cr_assert_eq(neighbour_state(&host, FAR, NULL), -1);
    host_end(&host);
}

Test(arp, an_old_neighbour_is_probed_before_it_is_forgotten)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    discard_sent(&host);

    wait_for(&host, 30 * TPA_BASE_SECOND);
    send_segment(&host, path, 4);
    expect_sent_to(&host, mac_other, 1);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_DELAY);

    /* still used, and nobody confirmed it: asked at its own address while packets go on */
    for (int probe = 0; probe < 3; probe++) {
        wait_for(&host, (probe == 0 ? 5 : 1) * TPA_BASE_SECOND);
        send_segment(&host, path, 4);
        expect_arp(&host, 1, mac_other, US, mac_nobody, OTHER);
        expect_sent_to(&host, mac_other, 1);
    }
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_PROBE);

    wait_for(&host, TPA_BASE_SECOND);
    send_segment(&host, path, 4);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_FAILED);
    wait_for(&host, TPA_BASE_SECOND);
    discard_sent(&host);
    send_segment(&host, path, 4);
    expect_arp(&host, 1, mac_broadcast, US, mac_nobody, OTHER);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, an_answer_to_a_probe_makes_it_reachable)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
    discard_sent(&host);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_DELAY);
    wait_for(&host, 5 * TPA_BASE_SECOND);
    send_segment(&host, path, 4);
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_PROBE);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_REACHABLE);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, what_tcp_confirms_is_not_probed)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    receive_arp(&host, &(struct arp_spec){1, mac_other, OTHER, US, mac_broadcast});
    discard_sent(&host);
    path = get_path(&host, OTHER);
    for (int second = 0; second < 120; second++) {
        wait_for(&host, TPA_BASE_SECOND);
        send_segment(&host, path, 4);
        expect_sent_to(&host, mac_other, 1);
        tpa_ip_path_confirm(path, host.now);
    }
    cr_assert_eq(neighbour_state(&host, OTHER, NULL), TPA_IP_NEIGHBOUR_REACHABLE);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(arp, what_tcp_suspects_is_probed_at_once)
{
    struct host host;
    struct tpa_ip_path *path;

    host_begin(&host);
    path = get_path(&host, OTHER);
    send_segment(&host, path, 4);
    discard_sent(&host);
    receive_arp(&host, &(struct arp_spec){2, mac_other, OTHER, US, NULL});
    discard_sent(&host);
    tpa_ip_path_suspect(path);
    send_segment(&host, path, 4);
    expect_arp(&host, 1, mac_other, US, mac_nobody, OTHER);
    expect_sent_to(&host, mac_other, 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}
