#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(loopback);

#define LOOPBACK TPA_IP_INTERFACE_LOOPBACK

static uint16_t deliver(struct host *host)
{
    struct rte_mbuf *frames[64];
    uint16_t count;

    free_tcp(host);
    count = tpa_ip_take(host->worker, LOOPBACK, frames, 64);
    host->tcp_count = tpa_ip_input(host->worker, LOOPBACK, frames, count, host->tcp, host->now);
    return host->tcp_count;
}

Test(loopback, own_addresses_and_loopback_addresses_lead_to_ourselves)
{
    static const struct {
        const char *destination, *own;
    } cases[] = {
        {US, US}, {"127.0.0.1", US}, {"127.1.2.3", US}, {US6, US6}, {"::1", US6},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tpa_ip_path *path = get_path(&host, cases[i].destination);
        struct tpa_base_address own = address(cases[i].own);
        const struct tpa_ip_received *received;

        cr_assert(tpa_base_address_equal(tpa_ip_path_destination(path), &own));
        cr_assert(tpa_base_address_equal(tpa_ip_path_source(path), &own));
        cr_assert_eq(tpa_ip_path_interface(path), LOOPBACK);
        cr_assert_eq(tpa_ip_path_mtu(path), 65535);
        send_segment(&host, path, 100);
        cr_assert_eq(tpa_ip_waiting(host.worker), TPA_IP_WAITING_LOOPBACK);
        cr_assert_eq(deliver(&host), 1);
        cr_assert_eq(tpa_mem_packet_length(host.tcp[0]), 120);
        received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
        cr_assert_eq(received->interface, LOOPBACK);
        cr_assert(tpa_base_address_equal(&received->source, &own));
        expect_nothing_sent(&host);
        tpa_ip_path_put(host.worker, path);
    }
    host_end(&host);
}

Test(loopback, super_frames_arrive_whole_and_in_buffers_of_their_own)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_ip_path *path;
    struct rte_mbuf *packet;
    struct host host;

    host_begin(&host);
    path = get_path(&host, US);
    packet = own_segment(&host, 65000);
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->tso_segsz = 1460;
    rte_mbuf_refcnt_update(packet, 1);
    tpa_ip_output(host.worker, path, packet, &send, host.now);
    cr_assert_eq(rte_mbuf_refcnt_read(packet), 1, "what was sent is not what is received");
    cr_assert_eq(deliver(&host), 1);
    cr_assert_eq(tpa_mem_packet_length(host.tcp[0]), 65020);
    for (uint32_t i = 0; i < 65000; i += 111)
        cr_assert_eq(*(const uint8_t *)tpa_mem_packet_read(host.tcp[0], 20 + i, 1, NULL),
                     pattern_byte(i));
    tpa_mem_packet_free_segment(packet);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(loopback, a_reply_to_ourselves)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_ip_path *path;
    struct host host;

    host_begin(&host);
    path = get_path(&host, "::1");
    send_segment(&host, path, 1);
    cr_assert_eq(deliver(&host), 1);
    tpa_ip_reply(host.worker, tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received),
                 own_segment(&host, 2), &send, host.now);
    cr_assert_eq(deliver(&host), 1);
    cr_assert_eq(tpa_mem_packet_length(host.tcp[0]), 22);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(loopback, the_queue_is_bounded)
{
    struct tpa_ip_path *path;
    struct host host;

    host_begin(&host);
    path = get_path(&host, US);
    for (int i = 0; i < 1030; i++)
        send_segment(&host, path, 1);
    cr_assert_eq(tpa_ip_queued(host.worker, LOOPBACK), 1024);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_LOOPBACK_FULL), 6);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(loopback, without_a_free_buffer)
{
    struct tpa_ip_path *path;
    struct host host;
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct rte_mbuf *packet;

    host_begin(&host);
    path = get_path(&host, US);
    packet = own_segment(&host, 1);
    host.pool->fault_countdown = 1;
    tpa_ip_output(host.worker, path, packet, &send, host.now);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NETDEV_NO_BUFFER), 1);
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

Test(loopback, a_family_without_an_address)
{
    struct tpa_base_address to = address("::1"), v4 = address("127.0.0.1");
    struct host host;
    int error;

    host_begin_bare(&host, NULL, 0);
    add_address(&host, US, 24);
    cr_assert_null(tpa_ip_path_get(host.worker, NULL, &to, &error));
    cr_assert_eq(error, TPA_EUNREACHABLE);
    to = address(PEER);
    cr_assert_not_null(tpa_ip_path_get(host.worker, &v4, &to, &error),
                       "127.0.0.1 as a source stands for an own address too");
    host_end(&host);
}

/* Attack 43. */
Test(loopback, packets_that_claim_to_be_ours_are_not_believed)
{
    struct host host;

    host_begin(&host);
    expect_dropped(&host, &(struct spec){.loopback = true, .source = PEER},
                   TPA_BASE_DROP_IPV4_SOURCE_MARTIAN);
    expect_dropped(&host, &(struct spec){.loopback = true, .ipv6 = true, .source = PEER6},
                   TPA_BASE_DROP_IPV6_SOURCE_MARTIAN);
    expect_dropped(&host, &(struct spec){.loopback = true, .source = US, .destination = PEER},
                   TPA_BASE_DROP_IPV4_NOT_FOR_US);
    host_end(&host);
}
