#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(ipv4);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

/* Attack 4. */
Test(ipv4, lengths_that_lie)
{
    static const struct {
        struct spec spec;
        enum tpa_base_drop reason;
    } cases[] = {
        {{.length_lie = 1}, TPA_BASE_DROP_IPV4_TOTAL_LENGTH},          /* beyond the frame */
        {{.length_lie = 60000}, TPA_BASE_DROP_IPV4_TOTAL_LENGTH},      /* far beyond it */
        {{.length_lie = -25}, TPA_BASE_DROP_IPV4_TOTAL_LENGTH},        /* less than the header */
        {{.length_lie = -44}, TPA_BASE_DROP_IPV4_TOTAL_LENGTH},        /* 0 */
        {{.length_lie = -24}, TPA_BASE_DROP_TCP_TRUNCATED},            /* a header and nothing */
        {{.length_lie = -5}, TPA_BASE_DROP_TCP_TRUNCATED},             /* a part of TCP's header */
        {{.length_lie = -4}, TPA_BASE_DROP_TCP_CHECKSUM},              /* the sum knows better */
        {{.length_lie = 6, .padding = 6}, TPA_BASE_DROP_TCP_CHECKSUM}, /* padding as data */
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_dropped(&host, &cases[i].spec, cases[i].reason);
    host_end(&host);
}

Test(ipv4, fields_that_no_packet_of_ours_has)
{
    static const struct {
        uint32_t offset; /* in the IP header */
        uint8_t value;
        enum tpa_base_drop reason;
    } cases[] = {
        {0, 0x55, TPA_BASE_DROP_IPV4_VERSION},       {0, 0x05, TPA_BASE_DROP_IPV4_VERSION},
        {0, 0x44, TPA_BASE_DROP_IPV4_HEADER_LENGTH}, {0, 0x40, TPA_BASE_DROP_IPV4_HEADER_LENGTH},
        {0, 0x4f, TPA_BASE_DROP_IPV4_HEADER_LENGTH}, {8, 63, TPA_BASE_DROP_IPV4_CHECKSUM},
        {10, 0x12, TPA_BASE_DROP_IPV4_CHECKSUM},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++) {
        uint64_t before = drops(&host, cases[i].reason);
        uint8_t bytes[128];
        uint32_t length = build(bytes, &(struct spec){0});

        bytes[14 + cases[i].offset] = cases[i].value;
        cr_assert_eq(receive_bytes(&host, bytes, length), 0);
        cr_assert_eq(drops(&host, cases[i].reason), before + 1, "case %zu", i);
    }
    host_end(&host);
}

Test(ipv4, checksums_by_the_port_are_believed)
{
    struct host host;
    uint8_t bytes[128];
    uint32_t length;
    struct rte_mbuf *received;

    host_begin(&host);
    length = build(bytes, &(struct spec){0});
    bytes[14 + 10] ^= 1;
    bytes[14 + 20 + 16] ^= 1;
    received = packet_of(&host, bytes, length, 0);
    received->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    cr_assert_eq(receive_packet(&host, received), 1);

    received = packet_of(&host, bytes, length, 0);
    received->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE;
    cr_assert_eq(receive_packet(&host, received), 1, "good, though the fields are not");

    expect_dropped(&host, &(struct spec){.offload = RTE_MBUF_F_RX_IP_CKSUM_BAD},
                   TPA_BASE_DROP_IPV4_CHECKSUM);
    expect_dropped(&host, &(struct spec){.offload = RTE_MBUF_F_RX_L4_CKSUM_BAD},
                   TPA_BASE_DROP_TCP_CHECKSUM);
    host_end(&host);
}

/* Attack 6. */
Test(ipv4, checksum_over_a_chain_of_odd_segments)
{
    static const uint32_t segments[] = {1, 2, 13, 27, 53, 54, 55, 59, 100};
    struct host host;
    uint8_t segment[20 + 601], bytes[800];
    struct spec spec = {.payload = segment};
    uint32_t length;

    host_begin(&host);
    spec.payload_length = tcp_segment(segment, 1000, 80, 1, 601);
    length = build(bytes, &spec);
    for (size_t i = 0; i < CASES(segments); i++) {
        struct rte_mbuf *delivered;

        cr_assert_eq(receive_packet(&host, packet_of(&host, bytes, length, segments[i])), 1,
                     "segments of %u", segments[i]);
        delivered = host.tcp[0];
        cr_assert_eq(tpa_mem_packet_length(delivered), 621);
        cr_assert_geq(tpa_mem_packet_segment_length(delivered), TPA_IP_CONTIGUOUS);
        for (uint32_t n = 0; n < 621; n++)
            cr_assert_eq(*(const uint8_t *)tpa_mem_packet_read(delivered, n, 1, NULL),
                         bytes[34 + n]);
    }
    for (uint32_t bit = 0; bit < 8 * 621; bit += 37) {
        bytes[34 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(receive_packet(&host, packet_of(&host, bytes, length, 53)), 0);
        bytes[34 + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    host_end(&host);
}

Test(ipv4, options_are_skipped)
{
    static const uint8_t timestamp[8] = {68, 7, 5, 0, 1, 2, 3, 0};
    static const uint8_t nops[40] = {1, 1, 1, 1, 1};
    struct host host;
    const struct tpa_ip_received *received;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.options = timestamp, .options_length = 8}), 1);
    received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
    cr_assert_eq(received->header_length, 28);
    cr_assert_eq(receive(&host, &(struct spec){.options = nops, .options_length = 40}), 1);
    host_end(&host);
}

Test(ipv4, malformed_options_and_source_routes)
{
    static const struct {
        uint8_t options[8];
        enum tpa_base_drop reason;
    } cases[] = {
        {{68, 0, 0, 0}, TPA_BASE_DROP_IPV4_OPTIONS},
        {{68, 1, 0, 0}, TPA_BASE_DROP_IPV4_OPTIONS},
        {{254, 0, 0, 0}, TPA_BASE_DROP_IPV4_OPTIONS},
        {{68, 9, 0, 0}, TPA_BASE_DROP_IPV4_OPTIONS},
        {{1, 1, 1, 1, 1, 1, 1, 68}, TPA_BASE_DROP_IPV4_OPTIONS},
        {{131, 7, 4, 10, 0, 0, 9, 0}, TPA_BASE_DROP_IPV4_SOURCE_ROUTE},
        {{137, 7, 4, 10, 0, 0, 9, 0}, TPA_BASE_DROP_IPV4_SOURCE_ROUTE},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_dropped(&host, &(struct spec){.options = cases[i].options, .options_length = 8},
                       cases[i].reason);
    host_end(&host);
}

Test(ipv4, a_time_to_live_of_0_is_no_reason_to_drop)
{
    struct host host;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.ttl_is_0 = true}), 1, "RFC 1122 section 3.2.1.7");
    host_end(&host);
}

/* Attack 43. */
Test(ipv4, martian_sources)
{
    static const char *const sources[] = {
        "0.0.0.0",         "0.1.2.3",   "127.0.0.1", "127.255.0.1", "224.0.0.1", "239.1.2.3",
        "255.255.255.255", "240.0.0.1", US,          "10.0.0.255",  "10.0.0.0",
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(sources); i++)
        expect_dropped(&host, &(struct spec){.source = sources[i]},
                       TPA_BASE_DROP_IPV4_SOURCE_MARTIAN);
    host_end(&host);
}

Test(ipv4, destinations_that_are_not_ours)
{
    static const struct {
        const char *destination;
        enum tpa_base_drop reason;
    } cases[] = {
        {PEER, TPA_BASE_DROP_IPV4_NOT_FOR_US},          {FAR, TPA_BASE_DROP_IPV4_NOT_FOR_US},
        {"127.0.0.1", TPA_BASE_DROP_IPV4_NOT_FOR_US},   {"224.0.0.1", TPA_BASE_DROP_TCP_ADDRESS},
        {"255.255.255.255", TPA_BASE_DROP_TCP_ADDRESS}, {"10.0.0.255", TPA_BASE_DROP_TCP_ADDRESS},
    };
    struct host host;

    host_begin(&host);
    for (size_t i = 0; i < CASES(cases); i++)
        expect_dropped(&host, &(struct spec){.destination = cases[i].destination}, cases[i].reason);
    host_end(&host);
}

Test(ipv4, the_reserved_flag)
{
    struct host host;

    host_begin(&host);
    expect_dropped(&host, &(struct spec){.fragment_field = TPA_IP_IPV4_RESERVED},
                   TPA_BASE_DROP_IPV4_FLAGS);
    cr_assert_eq(receive(&host, &(struct spec){.fragment_field = TPA_IP_IPV4_DF}), 1);
    host_end(&host);
}

Test(ipv4, an_unknown_protocol_is_refused)
{
    struct host host;
    struct sent sent;

    host_begin(&host);
    cr_assert_eq(receive(&host, &(struct spec){.protocol = 132}), 0);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_IPV4_NO_PROTOCOL), 1);
    cr_assert(take_sent(&host, &sent));
    cr_assert_eq(sent.bytes[34], TPA_IP_ICMP_UNREACHABLE);
    cr_assert_eq(sent.bytes[35], TPA_IP_ICMP_CODE_PROTOCOL);
    host_end(&host);
}

Test(ipv4, any_of_our_addresses_will_do)
{
    struct host host;
    struct tpa_base_address second = address("10.0.0.3");

    host_begin(&host);
    add_address(&host, "10.0.0.3", 24);
    cr_assert_eq(receive(&host, &(struct spec){.destination = "10.0.0.3"}), 1);
    cr_assert_eq(tpa_ip_address_remove(host.stack, &second), 0);
    expect_dropped(&host, &(struct spec){.destination = "10.0.0.3"}, TPA_BASE_DROP_IPV4_NOT_FOR_US);
    host_end(&host);
}
