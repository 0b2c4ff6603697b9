#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(icmp);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

struct family {
    bool ipv6;
    uint8_t protocol;
    uint32_t ip; /* bytes of the IP header */
};

static const struct family families[] = {
    {false, TPA_IP_PROTOCOL_ICMP, 20},
    {true, TPA_IP_PROTOCOL_ICMPV6, 40},
};

static struct spec icmp_spec(const struct family *family, const void *message, uint32_t length)
{
    return (struct spec){
        .ipv6 = family->ipv6,
        .protocol = family->protocol,
        .payload = message,
        .payload_length = length,
    };
}

static bool is_from_us_to_peer(const struct sent *sent, bool ipv6)
{
    struct tpa_base_address us = address(ipv6 ? US6 : US), peer = address(ipv6 ? PEER6 : PEER);
    const uint8_t *ip = sent->bytes + 14;

    if (ipv6)
        return memcmp(ip + 8, us.u8, 16) == 0 && memcmp(ip + 24, peer.u8, 16) == 0;
    return memcmp(ip + 12, &us.u8[12], 4) == 0 && memcmp(ip + 16, &peer.u8[12], 4) == 0;
}

Test(icmp, an_echo_request_is_answered_with_its_data)
{
    static const uint32_t lengths[] = {0, 1, 56, 57, 1472 - 20};
    struct host host;
    uint8_t message[2000];
    struct sent sent;

    host_begin(&host);
    for (size_t f = 0; f < CASES(families); f++) {
        for (size_t i = 0; i < CASES(lengths); i++) {
            uint32_t length = icmp_echo(message, families[f].ipv6, lengths[i]);
            struct spec spec = icmp_spec(&families[f], message, length);
            uint32_t at = 14 + families[f].ip;

            cr_assert_eq(receive(&host, &spec), 0);
            cr_assert(take_sent(&host, &sent));
            cr_assert_eq(sent.length, at + length);
            cr_assert(is_from_us_to_peer(&sent, families[f].ipv6));
            cr_assert_eq(sent.bytes[at], families[f].ipv6 ? 129 : 0);
            cr_assert_arr_eq(sent.bytes + at + 4, message + 4, length - 4);
            cr_assert(checksum_is_right(sent.bytes + 14, sent.length - 14));
            expect_nothing_sent(&host);
        }
    }
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ICMP_CONSUMED), 2 * CASES(lengths));
    host_end(&host);
}

Test(icmp, an_echo_reply_has_the_traffic_class_but_no_congestion_marks)
{
    struct host host;
    uint8_t message[64];
    struct spec spec = icmp_spec(&families[0], message, icmp_echo(message, false, 8));
    struct sent sent;

    host_begin(&host);
    spec.traffic_class = 0xab;
    receive(&host, &spec);
    cr_assert(take_sent(&host, &sent));
    cr_assert_eq(sent.bytes[15], 0xa8);
    host_end(&host);
}

/* Attack 18. */
Test(icmp, an_echo_request_with_ip_options_is_answered_without)
{
    static const uint8_t record_route[8] = {7, 7, 4, 0, 0, 0, 0, 0};
    struct host host;
    uint8_t message[64];
    struct spec spec = icmp_spec(&families[0], message, icmp_echo(message, false, 8));
    struct sent sent;

    host_begin(&host);
    spec.options = record_route;
    spec.options_length = sizeof(record_route);
    receive(&host, &spec);
    cr_assert(take_sent(&host, &sent));
    cr_assert_eq(sent.length, 14 + 20 + 16);
    cr_assert_eq(sent.bytes[14], 0x45);
    host_end(&host);
}

/* Attack 42. */
Test(icmp, messages_that_are_dropped)
{
    static const struct {
        uint8_t family;
        uint8_t type;
        uint8_t code;
        enum tpa_base_drop reason;
    } cases[] = {
        {0, 0, 0, TPA_BASE_DROP_ICMP_UNWANTED},  /* echo reply */
        {0, 4, 0, TPA_BASE_DROP_ICMP_UNWANTED},  /* source quench: MUST-55 */
        {0, 5, 1, TPA_BASE_DROP_ICMP_UNWANTED},  /* redirect */
        {0, 13, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* timestamp */
        {0, 17, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* address mask */
        {0, 255, 0, TPA_BASE_DROP_ICMP_UNWANTED},
        {0, 3, 3, TPA_BASE_DROP_ICMP_MALFORMED}, /* errors that quote nothing */
        {0, 11, 0, TPA_BASE_DROP_ICMP_MALFORMED},
        {1, 129, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* echo reply */
        {1, 133, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* router solicitation */
        {1, 134, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* router advertisement */
        {1, 137, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* redirect */
        {1, 143, 0, TPA_BASE_DROP_ICMP_UNWANTED}, /* MLD report */
        {1, 5, 0, TPA_BASE_DROP_ICMP_UNWANTED},   /* unknown error */
        {1, 1, 4, TPA_BASE_DROP_ICMP_MALFORMED},
        {1, 2, 0, TPA_BASE_DROP_ICMP_MALFORMED},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        uint8_t message[8] = {cases[i].type, cases[i].code};
        struct spec spec = icmp_spec(&families[cases[i].family], message, sizeof(message));

        expect_dropped(&host, &spec, cases[i].reason);
    }
    host_end(&host);
}

/* Attack 18. */
Test(icmp, short_messages_and_wrong_checksums)
{
    struct host host;
    uint8_t message[64];

    host_begin(&host);
    for (size_t f = 0; f < CASES(families); f++) {
        struct spec spec = icmp_spec(&families[f], message, 0);

        (void)icmp_echo(message, families[f].ipv6, 8);
        for (uint32_t length = 0; length < 8; length++) {
            spec.payload_length = length;
            spec.payload = message;
            expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_TRUNCATED);
        }
        spec.payload_length = 16;
        spec.keep_checksum = true;
        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_CHECKSUM);
    }
    host_end(&host);
}

/* Attack 18. */
Test(icmp, groups_get_no_answer)
{
    static const char *const groups[] = {"10.0.0.255", "255.255.255.255", "224.0.0.1"};
    struct host host;
    uint8_t message[64], udp[64];

    host_begin(&host);
    for (size_t i = 0; i < CASES(groups); i++) {
        struct spec echo = icmp_spec(&families[0], message, icmp_echo(message, false, 8));
        struct spec datagram = {.destination = groups[i],
                                .protocol = TPA_IP_PROTOCOL_UDP,
                                .payload = udp,
                                .payload_length = udp_datagram(udp, 8)};

        echo.destination = groups[i];
        expect_dropped(&host, &echo, TPA_BASE_DROP_ICMP_BROADCAST);
        expect_dropped(&host, &datagram, TPA_BASE_DROP_IPV4_MULTICAST);
    }
    {
        struct spec echo = icmp_spec(&families[1], message, icmp_echo(message, true, 8));

        echo.destination = "ff02::1";
        expect_dropped(&host, &echo, TPA_BASE_DROP_ICMP_BROADCAST);
        /* nor what came by a group's link address for one of ours */
        echo = icmp_spec(&families[0], message, icmp_echo(message, false, 8));
        echo.mac_to = mac_broadcast;
        expect_dropped(&host, &echo, TPA_BASE_DROP_ICMP_BROADCAST);
    }
    host_end(&host);
}

Test(icmp, udp_ports_are_unreachable)
{
    struct host host;
    uint8_t udp[1600];
    struct sent sent;

    host_begin(&host);
    for (size_t f = 0; f < CASES(families); f++) {
        struct spec spec = {.ipv6 = families[f].ipv6,
                            .protocol = TPA_IP_PROTOCOL_UDP,
                            .payload = udp,
                            .payload_length = udp_datagram(udp, 1300)};
        uint8_t frame[2000];
        uint32_t most = families[f].ipv6 ? 1280 : 576, at = 14 + families[f].ip;

        (void)build(frame, &spec);
        receive(&host, &spec);
        cr_assert_eq(drops(&host, TPA_BASE_DROP_UDP_PORT_UNREACHABLE), f + 1);
        cr_assert(take_sent(&host, &sent));
        cr_assert_eq(sent.length, 14 + most, "as much is quoted as fits");
        cr_assert(is_from_us_to_peer(&sent, families[f].ipv6));
        cr_assert_eq(sent.bytes[at], families[f].ipv6 ? 1 : 3);
        cr_assert_eq(sent.bytes[at + 1], families[f].ipv6 ? 4 : 3);
        cr_assert_arr_eq(sent.bytes + at + 8, frame + 14, most - families[f].ip - 8);
        cr_assert(checksum_is_right(sent.bytes + 14, sent.length - 14));
    }
    host_end(&host);
}

Test(icmp, malformed_udp)
{
    struct host host;
    uint8_t udp[64];
    struct spec spec = {.protocol = TPA_IP_PROTOCOL_UDP, .payload = udp};

    host_begin(&host);
    (void)udp_datagram(udp, 8);
    for (uint32_t length = 0; length < 16; length++) {
        spec.payload_length = length;
        expect_dropped(&host, &spec, TPA_BASE_DROP_UDP_MALFORMED);
    }
    spec.payload_length = 16;
    for (uint16_t lie = 0; lie < 8; lie++) {
        tpa_base_store_be16(udp + 4, lie);
        expect_dropped(&host, &spec, TPA_BASE_DROP_UDP_MALFORMED);
    }
    (void)udp_datagram(udp, 8);
    udp[6] = 1;
    spec.keep_checksum = true;
    expect_dropped(&host, &spec, TPA_BASE_DROP_UDP_CHECKSUM);

    /* none at all: right for IPv4, wrong for IPv6 */
    udp[6] = udp[7] = 0;
    receive(&host, &spec);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_UDP_PORT_UNREACHABLE), 1);
    discard_sent(&host);
    spec.ipv6 = true;
    expect_dropped(&host, &spec, TPA_BASE_DROP_UDP_CHECKSUM);
    host_end(&host);
}

Test(icmp, no_errors_about_errors)
{
    static const uint8_t destination_options[8] = {58, 0, 0x80, 4, 0, 0, 0, 0};
    struct host host;
    uint8_t message[64] = {1, 4};
    struct spec spec = icmp_spec(&families[1], message, 56);

    host_begin(&host);
    /* an option that asks for a parameter problem, before an error and before an echo request */
    spec.options = destination_options;
    spec.options_length = 8;
    spec.first_header = TPA_IP_PROTOCOL_DESTINATION_OPTIONS;
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV6_EXTENSION_OPTION);
    (void)icmp_echo(message, true, 48);
    receive(&host, &spec);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 1);
    discard_sent(&host);
    host_end(&host);
}

static unsigned int count_sent(struct host *host)
{
    unsigned int count = tpa_ip_queued(host->worker, host->interface);

    discard_sent(host);
    return count;
}

/* Attack 18. */
Test(icmp, errors_and_echo_replies_are_limited_each)
{
    struct host host;
    struct tpa_ip_limits limits = {.icmp_rate = 100};
    uint8_t message[64], udp[64];
    struct spec echo = icmp_spec(&families[0], message, icmp_echo(message, false, 8));
    struct spec datagram = {
        .protocol = TPA_IP_PROTOCOL_UDP, .payload = udp, .payload_length = udp_datagram(udp, 8)};

    host_begin_with(&host, &limits);
    for (int i = 0; i < 200; i++)
        receive(&host, &echo);
    cr_assert_eq(count_sent(&host), 50, "a burst");
    cr_assert_eq(drops(&host, TPA_BASE_DROP_ICMP_RATE_LIMITED), 150);
    for (int i = 0; i < 200; i++)
        receive(&host, &datagram);
    cr_assert_eq(count_sent(&host), 50, "errors have a limit of their own");
    cr_assert_eq(drops(&host, TPA_BASE_DROP_UDP_PORT_UNREACHABLE), 200);

    host.now += 100 * TPA_BASE_MILLISECOND;
    for (int i = 0; i < 200; i++)
        receive(&host, &echo);
    cr_assert_eq(count_sent(&host), 10, "100 a second");
    host_end(&host);
}

/* An error about a TCP packet of ours to FAR. */
static uint32_t build_error(uint8_t *to, const struct family *family, uint8_t type, uint8_t code,
                            uint32_t parameter)
{
    uint8_t segment[40];
    struct spec quoted = {
        .ipv6 = family->ipv6,
        .loopback = true,
        .source = family->ipv6 ? US6 : US,
        .destination = family->ipv6 ? FAR6 : FAR,
        .payload = segment,
        .payload_length = tcp_segment(segment, 80, 1000, 0xdeadbeef, 8),
    };

    memset(to, 0, 8);
    to[0] = type;
    to[1] = code;
    tpa_base_store_be32(to + 4, parameter);
    return 8 + build(to + 8, &quoted);
}

Test(icmp, errors_about_our_connections_come_out)
{
    static const struct {
        uint8_t family;
        uint8_t type;
        uint8_t code;
        uint32_t parameter;
        enum tpa_ip_error_kind kind;
        uint16_t mtu;
    } cases[] = {
        {0, 3, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {0, 3, 1, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {0, 3, 2, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {0, 3, 3, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {0, 3, 5, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {0, 3, 13, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {0, 11, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {0, 12, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {0, 3, 4, 1400, TPA_IP_ERROR_PACKET_TOO_BIG, 1400},
        {0, 3, 4, 68, TPA_IP_ERROR_PACKET_TOO_BIG, TPA_IP_PATH_MTU_MIN_IPV4},
        {0, 3, 4, 0, TPA_IP_ERROR_PACKET_TOO_BIG, TPA_IP_PATH_MTU_MIN_IPV4}, /* plateau of 48 */
        {0, 3, 4, 9000, TPA_IP_ERROR_PACKET_TOO_BIG, 9000},
        {1, 1, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {1, 1, 1, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {1, 1, 3, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {1, 1, 4, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {1, 3, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {1, 4, 0, 0, TPA_IP_ERROR_UNREACHABLE_SOFT, 0},
        {1, 4, 1, 0, TPA_IP_ERROR_UNREACHABLE_HARD, 0},
        {1, 2, 0, 1400, TPA_IP_ERROR_PACKET_TOO_BIG, 1400},
        {1, 2, 0, 68, TPA_IP_ERROR_PACKET_TOO_BIG, TPA_IP_PATH_MTU_MIN_IPV6},
        {1, 2, 0, 0, TPA_IP_ERROR_PACKET_TOO_BIG, TPA_IP_PATH_MTU_MIN_IPV6},
        {1, 2, 0, 100000, TPA_IP_ERROR_PACKET_TOO_BIG, 65535},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        const struct family *family = &families[cases[i].family];
        struct tpa_base_address far = address(family->ipv6 ? FAR6 : FAR);
        struct tpa_ip_error errors[2];
        uint8_t message[256];
        struct spec spec = icmp_spec(
            family, message,
            build_error(message, family, cases[i].type, cases[i].code, cases[i].parameter));

        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_CONSUMED);
        cr_assert_eq(tpa_ip_errors_take(host.worker, errors, 2), 1, "case %zu", i);
        cr_assert_eq(errors[0].kind, cases[i].kind, "case %zu", i);
        cr_assert_eq(errors[0].mtu, cases[i].mtu, "case %zu: %u", i, errors[0].mtu);
        cr_assert_eq(errors[0].source_port, tpa_base_host_to_be16(80));
        cr_assert_eq(errors[0].destination_port, tpa_base_host_to_be16(1000));
        cr_assert_eq(errors[0].sequence, 0xdeadbeef);
        cr_assert_eq(errors[0].interface, host.interface);
        cr_assert(tpa_base_address_equal(&errors[0].destination, &far));
    }
    host_end(&host);
}

/* Attack 41. */
Test(icmp, quotes_that_are_not_about_us)
{
    struct host host;
    struct tpa_ip_error error;
    uint8_t message[256];
    uint32_t length;
    struct spec spec;

    host_begin(&host);
    for (size_t f = 0; f < CASES(families); f++) {
        uint8_t type = families[f].ipv6 ? 1 : 3;
        uint32_t source_at = 8 + (families[f].ipv6 ? 8 : 12) + (families[f].ipv6 ? 15 : 3);
        uint32_t protocol_at = 8 + (families[f].ipv6 ? 6 : 9);

        length = build_error(message, &families[f], type, 0, 0);
        message[source_at] ^= 0x40;
        spec = icmp_spec(&families[f], message, length);
        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_NO_MATCH);

        (void)build_error(message, &families[f], type, 0, 0);
        message[protocol_at] = TPA_IP_PROTOCOL_UDP;
        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_NO_MATCH);

        (void)build_error(message, &families[f], type, 0, 0);
        message[8] = 0x99;
        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_MALFORMED);

        /* too short for the sequence number */
        (void)build_error(message, &families[f], type, 0, 0);
        for (length = 8; length < 8 + families[f].ip + 8; length++) {
            spec.payload_length = length;
            expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_MALFORMED);
        }
    }
    /* a later fragment of ours */
    length = build_error(message, &families[0], 3, 1, 0);
    message[8 + 7] = 9;
    spec = icmp_spec(&families[0], message, length);
    expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_NO_MATCH);
    /* an IPv6 quote whose addresses are v4-mapped is not about IPv4 */
    cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 0);
    host_end(&host);
}

Test(icmp, a_quote_with_options_or_extension_headers_is_found)
{
    static const uint8_t hop_by_hop[8] = {6, 0, 1, 4, 0, 0, 0, 0};
    static const uint8_t nops[4] = {1, 1, 1, 1};
    struct host host;

    host_begin(&host);
    for (size_t f = 0; f < CASES(families); f++) {
        struct spec quoted = {.ipv6 = families[f].ipv6,
                              .loopback = true,
                              .source = families[f].ipv6 ? US6 : US,
                              .destination = families[f].ipv6 ? FAR6 : FAR,
                              .options = families[f].ipv6 ? hop_by_hop : nops,
                              .options_length = families[f].ipv6 ? 8 : 4};
        uint8_t message[256] = {families[f].ipv6 ? 1 : 3, 1};
        uint32_t length = 8 + build(message + 8, &quoted);
        struct spec spec = icmp_spec(&families[f], message, length);
        struct tpa_ip_error error;

        expect_dropped(&host, &spec, TPA_BASE_DROP_ICMP_CONSUMED);
        cr_assert_eq(tpa_ip_errors_take(host.worker, &error, 1), 1);
        cr_assert_eq(error.destination_port, tpa_base_host_to_be16(80));
    }
    host_end(&host);
}

Test(icmp, errors_that_nobody_takes_are_bounded)
{
    struct host host;
    uint8_t message[256];
    struct tpa_ip_error errors[2 * TPA_IP_ERRORS_MAX];
    struct spec spec =
        icmp_spec(&families[0], message, build_error(message, &families[0], 3, 1, 0));

    host_begin(&host);
    for (int i = 0; i < 2 * TPA_IP_ERRORS_MAX; i++)
        receive(&host, &spec);
    cr_assert_eq(tpa_ip_errors_take(host.worker, errors, 10), 10);
    for (int i = 0; i < 10; i++)
        receive(&host, &spec);
    cr_assert_eq(tpa_ip_errors_take(host.worker, errors, 2 * TPA_IP_ERRORS_MAX), TPA_IP_ERRORS_MAX);
    host_end(&host);
}
