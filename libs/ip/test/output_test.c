#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/checksum.h>
#include <tpa/mem/external.h>

#include "fixture.h"
#include "wire.h"

TestSuite(output);

Test(output, the_headers_of_ipv4)
{
    struct tpa_ip_send send = {.traffic_class = 0xba, .ttl = 33, .protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_ip_path *path;
    struct rte_mbuf *frame;
    struct host host;
    const uint8_t *ip;
    uint16_t first;

    host_begin(&host);
    path = get_path(&host, PEER);
    tpa_ip_output(host.worker, path, own_segment(&host, 10), &send, host.now);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, &frame, 1), 1);
    cr_assert_eq(tpa_mem_packet_length(frame), 14 + 20 + 30);
    cr_assert_arr_eq(tpa_mem_packet_data(frame), mac_peer, 6);
    cr_assert_arr_eq(tpa_mem_packet_data(frame) + 6, mac_us, 6);
    ip = tpa_mem_packet_data(frame) + 14;
    cr_assert_eq(ip[0], 0x45);
    cr_assert_eq(ip[1], 0xba);
    cr_assert_eq(tpa_base_load_be16(ip + 2), 50);
    cr_assert_eq(tpa_base_load_be16(ip + 6), TPA_IP_IPV4_DF);
    cr_assert_eq(ip[8], 33);
    cr_assert_eq(ip[9], TPA_IP_PROTOCOL_TCP);
    cr_assert_eq(tpa_base_load_be32(ip + 12), 0x0a000001);
    cr_assert_eq(tpa_base_load_be32(ip + 16), 0x0a000002);
    cr_assert_eq(frame->l2_len, 14);
    cr_assert_eq(frame->l3_len, 20);
    cr_assert_eq(frame->l4_len, 20);
    cr_assert_eq(frame->ol_flags,
                 RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
    first = tpa_base_load_be16(ip + 4);
    tpa_mem_packet_free(frame);

    tpa_ip_output(host.worker, path, own_segment(&host, 10), &send, host.now);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, &frame, 1), 1);
    cr_assert_neq(tpa_base_load_be16(tpa_mem_packet_data(frame) + 18), first);
    tpa_mem_packet_free(frame);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(output, the_headers_of_ipv6)
{
    struct tpa_ip_send send = {.traffic_class = 0xba, .protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_base_address us = address(US6), peer = address(PEER6);
    struct tpa_ip_path *path;
    struct rte_mbuf *frame;
    struct host host;
    const uint8_t *ip;

    host_begin(&host);
    path = get_path(&host, PEER6);
    tpa_ip_output(host.worker, path, own_segment(&host, 10), &send, host.now);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, &frame, 1), 1);
    cr_assert_eq(tpa_mem_packet_length(frame), 14 + 40 + 30);
    cr_assert_eq(tpa_base_load_be16(tpa_mem_packet_data(frame) + 12), 0x86dd);
    ip = tpa_mem_packet_data(frame) + 14;
    cr_assert_eq(tpa_base_load_be32(ip), 0x6ba00000);
    cr_assert_eq(tpa_base_load_be16(ip + 4), 30);
    cr_assert_eq(ip[6], TPA_IP_PROTOCOL_TCP);
    cr_assert_eq(ip[7], 64, "the default");
    cr_assert_arr_eq(ip + 8, us.u8, 16);
    cr_assert_arr_eq(ip + 24, peer.u8, 16);
    cr_assert_eq(frame->l2_len, 14);
    cr_assert_eq(frame->l3_len, 40);
    cr_assert_eq(frame->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
    tpa_mem_packet_free(frame);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

static void send_super_frame(struct host *host, struct tpa_ip_path *path, uint32_t data_length,
                             uint16_t segment_size)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct rte_mbuf *packet = own_segment(host, data_length);

    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = segment_size;
    tpa_ip_output(host->worker, path, packet, &send, host->now);
}

Test(output, super_frames_pass_if_their_segments_fit)
{
    struct tpa_ip_path *path;
    struct rte_mbuf *frame;
    struct host host;

    host_begin(&host);
    path = get_path(&host, PEER);
    send_super_frame(&host, path, 60000, 1460);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, &frame, 1), 1);
    cr_assert_eq(tpa_mem_packet_length(frame), 14 + 40 + 60000);
    cr_assert(frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
    cr_assert_eq(frame->tso_segsz, 1460);
    tpa_mem_packet_free(frame);

    send_super_frame(&host, path, 60000, 1461);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_OUTPUT_TOO_BIG), 1);
    send_super_frame(&host, path, 65535 - 40, 1460);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 1);
    send_super_frame(&host, path, 65535 - 39, 1460);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_OUTPUT_TOO_BIG), 2);
    discard_sent(&host);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(output, a_buffer_without_room_for_headers)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_ip_path *path;
    struct rte_mbuf *packet;
    struct host host;

    host_begin(&host);
    path = get_path(&host, PEER);
    packet = own_segment(&host, 10);
    cr_assert_not_null(tpa_mem_packet_prepend(packet, TPA_MEM_HEADROOM - 20));
    tpa_ip_output(host.worker, path, packet, &send, host.now);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_OUTPUT_NO_HEADROOM), 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(output, frames_are_taken_in_order_and_given_back_in_front)
{
    struct rte_mbuf *frames[8];
    struct tpa_ip_path *path;
    struct host host;

    host_begin(&host);
    path = get_path(&host, PEER);
    for (uint32_t i = 0; i < 6; i++)
        send_segment(&host, path, i);
    cr_assert_eq(tpa_ip_waiting(host.worker), 1);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 6);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, frames, 4), 4);
    tpa_mem_packet_free(frames[0]);
    tpa_ip_untake(host.worker, host.interface, frames + 1, 3);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 5);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, frames, 8), 5);
    cr_assert_eq(tpa_ip_waiting(host.worker), 0);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(tpa_mem_packet_length(frames[i]), 14 + 40 + 1 + i);
    tpa_ip_untake(host.worker, host.interface, frames, 5);
    cr_assert_eq(tpa_ip_waiting(host.worker), 1);
    cr_assert_eq(tpa_ip_take(host.worker, host.interface, frames, 1), 1);
    cr_assert_eq(tpa_mem_packet_length(frames[0]), 14 + 40 + 1);
    tpa_mem_packet_free(frames[0]);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_SHUTDOWN), 4);
}

Test(output, the_queue_of_an_interface_is_bounded)
{
    struct tpa_ip_limits limits = {.output_queue = 10};
    struct tpa_ip_path *path;
    struct host host;

    host_begin_with(&host, &limits);
    path = get_path(&host, PEER);
    for (uint32_t i = 0; i < 15; i++)
        send_segment(&host, path, i);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 10);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NETDEV_TX_QUEUE_FULL), 5);
    discard_sent(&host);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(output, a_reply_goes_back_to_where_a_packet_came_from)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct host host;
    struct sent sent;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct tpa_base_address us = address(ipv6 ? US6 : US), to = address(ipv6 ? PEER6 : PEER);

        cr_assert_eq(receive(&host, &(struct spec){.ipv6 = ipv6}), 1);
        tpa_ip_reply(host.worker, tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received),
                     own_segment(&host, 0), &send, host.now);
        cr_assert(take_sent(&host, &sent));
        cr_assert_arr_eq(sent.bytes, mac_peer, 6);
        cr_assert_arr_eq(sent.bytes + 14 + (ipv6 ? 8 : 12), ipv6 ? us.u8 : us.u8 + 12,
                         ipv6 ? 16 : 4);
        cr_assert_arr_eq(sent.bytes + 14 + (ipv6 ? 24 : 16), ipv6 ? to.u8 : to.u8 + 12,
                         ipv6 ? 16 : 4);
    }
    host_end(&host);
}

Test(output, the_mtu_of_a_reply_is_that_of_its_way)
{
    struct host host;
    const struct tpa_ip_received *received;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){0}), 1);
    received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
    cr_assert_eq(tpa_ip_reply_mtu(host.worker, received, host.now), 1500);
    cr_assert_eq(tpa_ip_interface_set_mtu(host.stack, 0, 1400), 0);
    cr_assert_eq(tpa_ip_reply_mtu(host.worker, received, host.now), 1400);
    host_end(&host);
}

Test(output, replies_that_are_not_sent)
{
    static const struct {
        const char *source, *destination;
        enum tpa_base_drop reason;
    } cases[] = {
        {"224.0.0.1", US, TPA_BASE_DROP_ROUTE_NONE},
        {"255.255.255.255", US, TPA_BASE_DROP_ROUTE_NONE},
        {"ff02::1", US6, TPA_BASE_DROP_ROUTE_NONE},
        {"::", US6, TPA_BASE_DROP_ROUTE_NONE},
        {FAR, US, TPA_BASE_DROP_ROUTE_NONE},
        {PEER, OTHER, TPA_BASE_DROP_ROUTE_NO_SOURCE}, /* not ours any more */
    };
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tpa_ip_received received = {
            .source = address(cases[i].source),
            .destination = address(cases[i].destination),
            .interface = host.interface,
        };
        uint64_t before = drops(&host, cases[i].reason);

        tpa_ip_reply(host.worker, &received, own_segment(&host, 0), &send, host.now);
        cr_assert_eq(drops(&host, cases[i].reason), before + 1, "case %zu", i);
        expect_nothing_sent(&host);
    }
    host_end(&host);
}

Test(output, a_reply_to_a_neighbour_that_is_not_known_waits_for_it)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct host host;
    struct sent sent;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.source = OTHER, .mac_from = mac_other}), 1);
    tpa_ip_reply(host.worker, tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received),
                 own_segment(&host, 0), &send, host.now);
    cr_assert(take_sent(&host, &sent));
    cr_assert_eq(tpa_base_load_be16(sent.bytes + 12), 0x0806);
    add_neighbour(&host, OTHER, mac_other);
    wait_for(&host, 0);
    cr_assert(take_sent(&host, &sent));
    cr_assert_arr_eq(sent.bytes, mac_other, 6);
    host_end(&host);
}
