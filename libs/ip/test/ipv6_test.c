#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(ipv6);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

Test(ipv6, a_valid_tcp_packet_comes_out)
{
    struct host host;
    const struct tpa_ip_received *received;
    struct tpa_base_address source = address(PEER6), destination = address(US6);

    host_begin(&host);
    cr_assert_eq(
        receive(&host, &(struct spec){.ipv6 = true, .ttl = 9, .traffic_class = 0xa3, .padding = 3}),
        1);
    cr_assert_eq(tpa_mem_packet_length(host.tcp[0]), 24);
    received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
    cr_assert(tpa_base_address_equal(&received->source, &source));
    cr_assert(tpa_base_address_equal(&received->destination, &destination));
    cr_assert_eq(received->traffic_class, 0xa3);
    cr_assert_eq(received->ttl, 9);
    cr_assert_eq(received->header_length, 40);
    host_end(&host);
}

/* Attack 5. */
Test(ipv6, lengths_that_lie)
{
    static const struct {
        int lie;
        enum tpa_base_drop reason;
    } cases[] = {
        {1, TPA_BASE_DROP_IPV6_PAYLOAD_LENGTH}, {60000, TPA_BASE_DROP_IPV6_PAYLOAD_LENGTH},
        {-24, TPA_BASE_DROP_TCP_TRUNCATED},     {-5, TPA_BASE_DROP_TCP_TRUNCATED},
        {-4, TPA_BASE_DROP_TCP_CHECKSUM},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_dropped(&host, &(struct spec){.ipv6 = true, .length_lie = cases[i].lie},
                       cases[i].reason);
    host_end(&host);
}

Test(ipv6, the_version)
{
    struct host host;
    uint8_t bytes[128];
    uint32_t length;

    host_begin(&host);
    length = build(bytes, &(struct spec){.ipv6 = true});
    bytes[14] = 0x40;
    cr_assert_eq(receive_bytes(&host, bytes, length), 0);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_IPV6_VERSION), 1);
    host_end(&host);
}

/* Attack 43. */
Test(ipv6, martian_sources)
{
    static const char *const sources[] = {
        "::", "::1", "ff02::1", "ff0e::5", "::ffff:10.0.0.2", "::ffff:192.0.2.1", US6,
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(sources); i++)
        expect_dropped(&host, &(struct spec){.ipv6 = true, .source = sources[i]},
                       TPA_BASE_DROP_IPV6_SOURCE_MARTIAN);
    host_end(&host);
}

Test(ipv6, destinations_that_are_not_ours)
{
    static const struct {
        const char *destination;
        enum tpa_base_drop reason;
    } cases[] = {
        {PEER6, TPA_BASE_DROP_IPV6_NOT_FOR_US},
        {"::1", TPA_BASE_DROP_IPV6_NOT_FOR_US},
        {"::", TPA_BASE_DROP_IPV6_NOT_FOR_US},
        {"::ffff:10.0.0.1", TPA_BASE_DROP_IPV6_NOT_FOR_US}, /* not our IPv4 address */
        {"ff02::1", TPA_BASE_DROP_TCP_ADDRESS},
        {"ff02::1:ff00:1", TPA_BASE_DROP_TCP_ADDRESS}, /* our solicited-node group */
        {"ff02::1:ff00:9", TPA_BASE_DROP_IPV6_MULTICAST},
        {"ff0e::1", TPA_BASE_DROP_IPV6_MULTICAST},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_dropped(&host, &(struct spec){.ipv6 = true, .destination = cases[i].destination},
                       cases[i].reason);
    host_end(&host);
}

Test(ipv6, extension_headers_that_mean_nothing_to_us_are_skipped)
{
    static const struct {
        uint8_t first;
        uint8_t bytes[32];
        uint16_t length;
    } cases[] = {
        /* hop-by-hop: PadN */
        {TPA_IP_PROTOCOL_HOP_BY_HOP, {6, 0, 1, 4, 0, 0, 0, 0}, 8},
        /* hop-by-hop with router alert and an unknown option to be skipped */
        {TPA_IP_PROTOCOL_HOP_BY_HOP, {6, 1, 5, 2, 0, 0, 0x1e, 6, 1, 2, 3, 4, 5, 6, 1, 0}, 16},
        /* destination options, Pad1 only */
        {TPA_IP_PROTOCOL_DESTINATION_OPTIONS, {6, 0, 0, 0, 0, 0, 0, 0}, 8},
        /* routing of any type with no segments left, type 0 too */
        {TPA_IP_PROTOCOL_ROUTING, {6, 0, 0, 0, 0, 0, 0, 0}, 8},
        {TPA_IP_PROTOCOL_ROUTING, {6, 0, 4, 0, 0, 0, 0, 0}, 8},
        /* an atomic fragment (RFC 6946) */
        {TPA_IP_PROTOCOL_FRAGMENT, {6, 0, 0, 0, 1, 2, 3, 4}, 8},
        /* hop-by-hop, destination options, routing */
        {TPA_IP_PROTOCOL_HOP_BY_HOP,
         {60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 6, 0, 2, 0, 0, 0, 0, 0},
         24},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        const struct tpa_ip_received *received;
        struct spec spec = {
            .ipv6 = true,
            .options = cases[i].bytes,
            .options_length = cases[i].length,
            .first_header = cases[i].first,
        };

        cr_assert_eq(receive(&host, &spec), 1, "case %zu", i);
        received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
        cr_assert_eq(received->header_length, 40 + cases[i].length);
        spec.segment = 50;
        cr_assert_eq(receive(&host, &spec), 1, "case %zu as a chain", i);
    }
    host_end(&host);
}

struct complaint {
    uint8_t first;
    uint8_t bytes[24];
    uint16_t length;
    enum tpa_base_drop reason;
    int code; /* of a parameter problem; -1 = silence */
    uint32_t pointer;
};

static void expect_complaint(struct host *host, const struct complaint *complaint, size_t i)
{
    struct spec spec = {
        .ipv6 = true,
        .options = complaint->bytes,
        .options_length = complaint->length,
        .first_header = complaint->first,
    };
    uint64_t before = drops(host, complaint->reason);
    struct sent sent;

    cr_assert_eq(receive(host, &spec), 0, "case %zu", i);
    cr_assert_eq(drops(host, complaint->reason), before + 1, "case %zu", i);
    if (complaint->code >= 0) {
        cr_assert(take_sent(host, &sent), "case %zu", i);
        cr_assert_eq(sent.bytes[54], TPA_IP_ICMPV6_PARAMETER_PROBLEM);
        cr_assert_eq(sent.bytes[55], complaint->code);
        cr_assert_eq(tpa_base_load_be32(sent.bytes + 58), complaint->pointer, "case %zu: %u", i,
                     tpa_base_load_be32(sent.bytes + 58));
        cr_assert(checksum_is_right(sent.bytes + 14, sent.length - 14));
    }
    expect_nothing_sent(host);
}

/* Attack 17. */
Test(ipv6, extension_headers_that_are_refused)
{
    static const struct complaint cases[] = {
        /* longer than the packet */
        {0, {6, 5, 1, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED, -1, 0},
        {60, {6, 255, 1, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED, -1, 0},
        {43, {6, 9, 0, 0, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_TRUNCATED, -1, 0},
        /* options longer than their header */
        {0, {6, 0, 1, 5, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_HOP_BY_HOP, -1, 0},
        {60, {6, 0, 0, 0, 0, 0, 0, 1}, 8, TPA_BASE_DROP_IPV6_DESTINATION_OPTIONS, -1, 0},
        {60, {6, 0, 1, 255, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_DESTINATION_OPTIONS, -1, 0},
        /* unknown options that ask to discard: silently, with a word, with a word to one */
        {60, {6, 0, 0x40, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_OPTION, -1, 0},
        {60, {6, 0, 0x80, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_OPTION, 2, 42},
        {0, {6, 0, 0, 0xc2, 3, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_EXTENSION_OPTION, 2, 43},
        /* source routes, with segments left */
        {43, {6, 0, 0, 1, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_ROUTING_TYPE_0, 0, 42},
        {43, {6, 0, 4, 1, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_ROUTING, 0, 42},
        /* hop-by-hop options that do not come first */
        {60,
         {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0},
         16,
         TPA_BASE_DROP_IPV6_EXTENSION_ORDER,
         1,
         40},
        {0,
         {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0},
         16,
         TPA_BASE_DROP_IPV6_EXTENSION_ORDER,
         1,
         40},
        /* nothing follows */
        {60, {59, 0, 1, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_NO_NEXT_HEADER, -1, 0},
        /* authentication, encryption, anything unknown */
        {51, {6, 0, 0, 0, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_NO_PROTOCOL, 1, 6},
        {60, {50, 0, 1, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_NO_PROTOCOL, 1, 40},
        {60, {1, 0, 1, 4, 0, 0, 0, 0}, 8, TPA_BASE_DROP_IPV6_NO_PROTOCOL, 1, 40},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_complaint(&host, &cases[i], i);
    host_end(&host);
}

/* Attack 17. */
Test(ipv6, the_number_of_extension_headers_is_bounded)
{
    struct host host;
    uint8_t chain[100 * 8];
    struct spec spec = {
        .ipv6 = true,
        .options = chain,
        .first_header = TPA_IP_PROTOCOL_DESTINATION_OPTIONS,
    };

    host_begin(&host);
    for (int i = 0; i < 100; i++) {
        static const uint8_t header[8] = {60, 0, 1, 4, 0, 0, 0, 0};

        memcpy(&chain[i * 8], header, 8);
    }
    spec.options_length = sizeof(chain);
    chain[99 * 8] = 6;
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV6_EXTENSION_COUNT);

    spec.options_length = 9 * 8;
    chain[8 * 8] = 6;
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV6_EXTENSION_COUNT);
    spec.options_length = 8 * 8;
    chain[7 * 8] = 6;
    cr_assert_eq(receive(&host, &spec), 1, "the default is 8");
    host_end(&host);
}

/* Attack 17. */
Test(ipv6, the_number_of_options_is_bounded)
{
    struct host host;
    uint8_t header[40] = {6, 4}; /* 38 times Pad1 */
    struct spec spec = {
        .ipv6 = true,
        .options = header,
        .options_length = sizeof(header),
        .first_header = TPA_IP_PROTOCOL_HOP_BY_HOP,
    };

    host_begin(&host);
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV6_OPTION_COUNT);
    host_end(&host);
}

Test(ipv6, jumbograms)
{
    static const uint8_t jumbo[8] = {6, 0, 0xc2, 4, 0, 1, 0, 0};
    struct host host;
    uint8_t bytes[256];
    uint32_t length;

    host_begin(&host);
    length = build(bytes, &(struct spec){.ipv6 = true,
                                         .options = jumbo,
                                         .options_length = 8,
                                         .first_header = TPA_IP_PROTOCOL_HOP_BY_HOP});
    tpa_base_store_be16(bytes + 14 + 4, 0);
    receive_bytes(&host, bytes, length);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_IPV6_JUMBO), 1);
    host_end(&host);
}

Test(ipv6, a_hop_limit_of_0_is_no_reason_to_drop)
{
    struct host host;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.ipv6 = true, .ttl_is_0 = true}), 1);
    host_end(&host);
}

Test(ipv6, the_link_local_address_comes_with_the_first_and_goes_with_the_last)
{
    struct host host;
    struct tpa_base_address first = address(US6), second = address("2001:db8::5");
    struct tpa_base_address link_local = address("fe80::ff:fe00:1"); /* of 02:00:00:00:00:01 */

    host_begin_bare(&host, NULL, 0);
    cr_assert_not(tpa_ip_is_local(host.stack, &link_local));
    add_address(&host, US6, 64);
    add_address(&host, "2001:db8::5", 64);
    cr_assert(tpa_ip_is_local(host.stack, &link_local));
    cr_assert_eq(tpa_ip_address_remove(host.stack, &first), 0);
    cr_assert(tpa_ip_is_local(host.stack, &link_local));
    cr_assert_eq(tpa_ip_address_remove(host.stack, &second), 0);
    cr_assert_not(tpa_ip_is_local(host.stack, &link_local));
    cr_assert_not(tpa_ip_has_family(host.stack, false));
    host_end(&host);
}
