#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"

TestSuite(ethernet);

static const uint8_t mac_group[6] = {0x01, 0x00, 0x5e, 0, 0, 1};

/* Attack 4. */
Test(ethernet, a_valid_tcp_packet_comes_out_at_its_tcp_header)
{
    struct host host;
    const struct tpa_ip_received *received;
    struct tpa_base_address source = address(PEER), destination = address(US);

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.ttl = 7, .traffic_class = 0xa3, .padding = 6}), 1);

    cr_assert_eq(tpa_mem_packet_length(host.tcp[0]), 24, "the link's padding is cut off");
    cr_assert_eq(tpa_base_load_be16(tpa_mem_packet_data(host.tcp[0])), 1000);
    received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
    cr_assert(tpa_base_address_equal(&received->source, &source));
    cr_assert(tpa_base_address_equal(&received->destination, &destination));
    cr_assert_eq(received->interface, host.interface);
    cr_assert_eq(received->traffic_class, 0xa3);
    cr_assert_eq(received->ttl, 7);
    cr_assert_eq(received->header_length, 20);
    cr_assert_eq(received->largest_fragment, 0);
    host_end(&host);
}

Test(ethernet, frames_that_are_not_for_us_are_dropped_by_name)
{
    struct host host;
    static const struct {
        struct spec spec;
        enum tpa_base_drop reason;
    } cases[] = {
        {{.mac_to = mac_other}, TPA_BASE_DROP_ETHERNET_NOT_FOR_US},
        {{.mac_from = mac_us}, TPA_BASE_DROP_ETHERNET_SOURCE},
        {{.mac_from = mac_group}, TPA_BASE_DROP_ETHERNET_SOURCE},
        {{.mac_from = mac_broadcast}, TPA_BASE_DROP_ETHERNET_SOURCE},
        {{.ethertype = 0x88cc}, TPA_BASE_DROP_ETHERNET_UNKNOWN_TYPE},
        {{.ethertype = 0x0100}, TPA_BASE_DROP_ETHERNET_LENGTH},
        {{.ethertype = 0x88a8}, TPA_BASE_DROP_VLAN_UNKNOWN},
        {{.vlan = 5}, TPA_BASE_DROP_VLAN_UNKNOWN},
        {{.vlan = 5, .ethertype = 0x8100}, TPA_BASE_DROP_VLAN_NESTED},
        /* an IP packet for us alone does not come by a group's address (RFC 1122, 3.3.6) */
        {{.mac_to = mac_broadcast}, TPA_BASE_DROP_TCP_ADDRESS},
        {{.mac_to = mac_group}, TPA_BASE_DROP_TCP_ADDRESS},
    };

    host_begin(&host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_dropped(&host, &cases[i].spec, cases[i].reason);
    host_end(&host);
}

Test(ethernet, runts)
{
    struct host host;
    uint8_t bytes[2048];

    host_begin(&host);
    (void)build(bytes, &(struct spec){.vlan = 5});
    for (uint32_t length = 1; length < 14; length++)
        receive_bytes(&host, bytes, length);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ETHERNET_RUNT), 13);
    for (uint32_t length = 14; length < 18; length++)
        receive_bytes(&host, bytes, length);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_VLAN_TRUNCATED), 4);
    host_end(&host);
}

Test(ethernet, a_tag_in_the_frame_and_one_that_the_port_stripped_are_the_same)
{
    struct host host;
    struct rte_mbuf *stripped;

    host_begin_bare(&host, NULL, 5);
    add_address(&host, US, 24);

    cr_assert_eq(receive(&host, &(struct spec){.vlan = 5}), 1);
    cr_assert_eq(receive(&host, &(struct spec){.vlan = 0xe005}), 1, "priority bits don't matter");

    stripped = packet(&host, &(struct spec){0});
    stripped->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    stripped->vlan_tci = 0x2005;
    cr_assert_eq(receive_packet(&host, stripped), 1);

    stripped = packet(&host, &(struct spec){.vlan = 5});
    stripped->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    stripped->vlan_tci = 5;
    cr_assert_eq(receive_packet(&host, stripped), 0);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_VLAN_NESTED), 1);

    cr_assert_eq(receive(&host, &(struct spec){.vlan = 6}), 0);
    cr_assert_eq(receive(&host, &(struct spec){0}), 0);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_VLAN_UNKNOWN), 2);
    host_end(&host);
}

Test(ethernet, a_tag_with_priority_only_is_no_tag)
{
    struct host host;
    uint8_t bytes[2048];
    uint32_t length;

    host_begin(&host);
    length = build(bytes, &(struct spec){.vlan = 5});
    tpa_base_store_be16(bytes + 14, 0xe000);
    cr_assert_eq(receive_bytes(&host, bytes, length), 1);
    host_end(&host);
}

Test(ethernet, what_we_send_carries_the_tag)
{
    struct host host;
    struct sent sent;
    struct tpa_ip_path *path;

    host_begin_bare(&host, NULL, 5);
    add_address(&host, US, 24);
    add_neighbour(&host, PEER, mac_peer);
    path = get_path(&host, PEER);
    send_segment(&host, path, 4);
    tpa_ip_path_put(host.worker, path);

    cr_assert(take_sent(&host, &sent));
    cr_assert_arr_eq(sent.bytes, mac_peer, 6);
    cr_assert_arr_eq(sent.bytes + 6, mac_us, 6);
    cr_assert_eq(tpa_base_load_be32(sent.bytes + 12), 0x81000005);
    cr_assert_eq(tpa_base_load_be16(sent.bytes + 16), 0x0800);
    host_end(&host);
}

Test(ethernet, an_interface_that_does_not_exist)
{
    struct host host;
    struct rte_mbuf *received;

    host_begin(&host);
    received = packet(&host, &(struct spec){0});
    cr_assert_eq(tpa_ip_input(host.worker, 9, &received, 1, host.tcp, host.now), 0);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NETDEV_PORT_GONE), 1);
    cr_assert_eq(tpa_ip_take(host.worker, 99, &received, 1), 0);
    cr_assert_eq(tpa_ip_queued(host.worker, 99), 0);
    host_end(&host);
}

Test(ethernet, a_burst_comes_out_in_its_order)
{
    struct host host;
    struct rte_mbuf *burst[8];
    uint16_t count = 0;

    host_begin(&host);
    for (uint16_t i = 0; i < 8; i++) {
        uint8_t segment[20];
        uint32_t length = tcp_segment(segment, i, 80, 1, 0);
        struct spec spec = {.payload = segment, .payload_length = length};

        if (i % 3 == 2)
            spec.mac_to = mac_other;
        burst[i] = packet(&host, &spec);
    }
    /* in place */
    count = tpa_ip_input(host.worker, host.interface, burst, 8, burst, host.now);
    cr_assert_eq(count, 6);
    for (uint16_t i = 0, port = 0; i < count; i++, port += port % 3 == 1 ? 2 : 1) {
        cr_assert_eq(tpa_base_load_be16(tpa_mem_packet_data(burst[i])), port);
        tpa_mem_packet_free(burst[i]);
    }
    host_end(&host);
}
