#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "fragment.h"
#include "wire.h"

TestSuite(fragment);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

/* Datagrams in reassembly that fit when nothing else bounds them. */
#define MANY 100

/* A transport message, checksum done, of which fragments are cut. */
struct datagram {
    bool ipv6;
    uint8_t protocol;
    uint32_t length;
    uint8_t bytes[65535];
};

static struct datagram *make_datagram(bool ipv6, uint8_t protocol, uint32_t data_length)
{
    static struct datagram datagram;
    static uint8_t frame[70000];
    struct spec spec = {
        .ipv6 = ipv6,
        .loopback = true,
        .protocol = protocol,
        .payload = datagram.bytes,
    };

    datagram.ipv6 = ipv6;
    datagram.protocol = protocol;
    if (protocol == TPA_IP_PROTOCOL_TCP)
        datagram.length = tcp_segment(datagram.bytes, 1000, 80, 7, data_length);
    else if (protocol == TPA_IP_PROTOCOL_UDP)
        datagram.length = udp_datagram(datagram.bytes, data_length);
    else
        datagram.length = icmp_echo(datagram.bytes, ipv6, data_length);
    spec.payload_length = datagram.length;
    (void)build(frame, &spec);
    memcpy(datagram.bytes, frame + (ipv6 ? 40 : 20), datagram.length);
    return &datagram;
}

struct cut {
    uint32_t offset;
    uint32_t length;
    bool more;
    uint16_t identification;
    const char *source;
    uint8_t traffic_class;
    uint32_t segment;
};

/* The fragment of a datagram; `to` holds IPv6's fragment header. */
static struct spec cut_spec(const struct datagram *datagram, const struct cut *cut, uint8_t to[8])
{
    struct spec spec = {
        .ipv6 = datagram->ipv6,
        .source = cut->source,
        .protocol = datagram->protocol,
        .identification = cut->identification,
        .traffic_class = cut->traffic_class,
        .payload = datagram->bytes + cut->offset,
        .payload_length = cut->length,
        .keep_checksum = true,
        .segment = cut->segment,
    };

    if (!datagram->ipv6) {
        spec.fragment_field = (uint16_t)(cut->offset / 8 | (cut->more ? 0x2000u : 0));
        return spec;
    }
    to[0] = datagram->protocol;
    to[1] = 0;
    tpa_base_store_be16(to + 2, (uint16_t)(cut->offset | cut->more));
    tpa_base_store_be32(to + 4, cut->identification);
    spec.options = to;
    spec.options_length = 8;
    spec.first_header = TPA_IP_PROTOCOL_FRAGMENT;
    return spec;
}

static uint16_t receive_cut(struct host *host, const struct datagram *datagram,
                            const struct cut *cut)
{
    uint8_t header[8];
    struct spec spec = cut_spec(datagram, cut, header);

    return receive(host, &spec);
}

static void expect_cut_dropped(struct host *host, const struct datagram *datagram,
                               const struct cut *cut, enum tpa_base_drop reason, uint64_t packets)
{
    uint64_t before = drops(host, reason);

    cr_assert_eq(receive_cut(host, datagram, cut), 0);
    cr_assert_eq(drops(host, reason), before + packets, "%s: %lu", tpa_base_drop_name(reason),
                 drops(host, reason) - before);
}

static void expect_held(struct host *host, const struct spec *spec)
{
    struct tpa_base_drop_counters before = host->drops;

    cr_assert_eq(receive(host, spec), 0);
    for (int i = 0; i < TPA_BASE_DROP_COUNT; i++)
        cr_assert_eq(drops(host, i), tpa_base_drop_get(&before, i), "%s", tpa_base_drop_name(i));
}

static void expect_delivered(struct host *host, const struct datagram *datagram)
{
    const struct rte_mbuf *delivered = host->tcp[0];

    cr_assert_eq(host->tcp_count, 1);
    cr_assert_eq(tpa_mem_packet_length(delivered), datagram->length);
    for (uint32_t i = 0; i < datagram->length; i++)
        cr_assert_eq(*(const uint8_t *)tpa_mem_packet_read(delivered, i, 1, NULL),
                     datagram->bytes[i], "byte %u", i);
}

Test(fragment, a_datagram_is_put_together_in_any_order)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 1001);

        for (size_t i = 0; i < CASES(orders); i++) {
            const struct tpa_ip_received *received;

            for (int n = 0; n < 3; n++) {
                uint32_t offset = orders[i][n] * 400u;
                uint32_t length = orders[i][n] == 2 ? datagram->length - 800 : 400;

                cr_assert_eq(receive_cut(&host, datagram,
                                         &(struct cut){.offset = offset,
                                                       .length = length,
                                                       .more = orders[i][n] != 2,
                                                       .identification = (uint16_t)i}),
                             n == 2, "order %zu, fragment %d", i, n);
            }
            expect_delivered(&host, datagram);
            received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
            cr_assert_eq(received->largest_fragment, 400 + (ipv6 ? 48 : 20));
            cr_assert_eq(received->header_length, ipv6 ? 40 : 20);
        }
    }
    cr_assert_eq(tpa_ip_next_deadline(host.worker), UINT64_MAX, "no timer is left");
    host_end(&host);
}

Test(fragment, of_chained_packets)
{
    static const uint32_t segments[] = {20, 33, 61, 62, 70};
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 203);

        for (size_t i = 0; i < CASES(segments); i++) {
            struct cut cut = {.length = 104, .more = true, .segment = segments[i]};

            receive_cut(&host, datagram, &cut);
            cut.offset = 104;
            cut.length = datagram->length - 104;
            cut.more = false;
            cr_assert_eq(receive_cut(&host, datagram, &cut), 1, "segments of %u", segments[i]);
            expect_delivered(&host, datagram);
        }
    }
    host_end(&host);
}

Test(fragment, a_wrong_checksum_is_found_in_the_whole)
{
    struct host host;
    struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 100);

    host_begin(&host);
    datagram->bytes[110] ^= 1;
    receive_cut(&host, datagram, &(struct cut){.length = 64, .more = true});
    expect_cut_dropped(&host, datagram, &(struct cut){.offset = 64, .length = 56},
                       TPA_BASE_DROP_TCP_CHECKSUM, 1);
    host_end(&host);
}

Test(fragment, an_echo_of_65507_bytes_comes_back_in_fragments)
{
    struct host host;
    static struct sent sent;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        uint8_t protocol = ipv6 ? TPA_IP_PROTOCOL_ICMPV6 : TPA_IP_PROTOCOL_ICMP;
        const struct datagram *datagram = make_datagram(ipv6, protocol, 65507);
        static uint8_t reply[65536];
        uint32_t header = ipv6 ? 48 : 20, gathered = 0;

        for (uint32_t offset = 0; offset < datagram->length; offset += 1480) {
            bool more = datagram->length - offset > 1480;

            receive_cut(&host, datagram,
                        &(struct cut){.offset = offset,
                                      .length = more ? 1480 : datagram->length - offset,
                                      .more = more});
        }
        while (take_sent(&host, &sent)) {
            const uint8_t *ip = sent.bytes + 14;
            uint32_t field = tpa_base_load_be16(ipv6 ? ip + 42 : ip + 6);
            uint32_t offset = ipv6 ? field & ~7u : (field & 0x1fff) * 8;
            uint32_t length = sent.length - 14 - header;

            cr_assert_leq(sent.length, 1514);
            cr_assert_not(!ipv6 && (field & TPA_IP_IPV4_DF));
            cr_assert_eq((field & (ipv6 ? 1 : TPA_IP_IPV4_MF)) != 0,
                         offset + length < datagram->length);
            cr_assert_eq(tpa_base_load_be16(ipv6 ? ip + 4 : ip + 2),
                         sent.length - 14 - (ipv6 ? 40 : 0));
            memcpy(reply + offset, ip + header, length);
            gathered += length;
        }
        cr_assert_eq(gathered, datagram->length);
        cr_assert_eq(reply[0], ipv6 ? 129 : 0);
        cr_assert_arr_eq(reply + 4, datagram->bytes + 4, datagram->length - 4);
    }
    host_end(&host);
}

Test(fragment, an_unreachable_port_is_told_once_with_the_whole_datagram)
{
    struct host host;
    struct sent sent;
    const struct datagram *datagram;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_UDP, 200);
        receive_cut(&host, datagram, &(struct cut){.length = 104, .more = true});
        receive_cut(&host, datagram, &(struct cut){.offset = 104, .length = 104});
        cr_assert(take_sent(&host, &sent));
        expect_nothing_sent(&host);
        /* quoted as if it had arrived in one piece */
        if (ipv6) {
            cr_assert_eq(sent.bytes[54], 1);
            cr_assert_eq(tpa_base_load_be16(sent.bytes + 62 + 4), 208);
            cr_assert_eq(sent.bytes[62 + 6], TPA_IP_PROTOCOL_UDP);
            cr_assert_arr_eq(sent.bytes + 62 + 40, datagram->bytes, 208);
        } else {
            cr_assert_eq(sent.bytes[34], 3);
            cr_assert_eq(tpa_base_load_be16(sent.bytes + 42 + 2), 228);
            cr_assert_eq(tpa_base_load_be16(sent.bytes + 42 + 6), 0);
            cr_assert_arr_eq(sent.bytes + 42 + 20, datagram->bytes, 208);
        }
    }
    host_end(&host);
}

/* Attack 15. */
Test(fragment, overlaps_lose_the_whole_datagram)
{
    static const struct cut overlaps[] = {
        {.offset = 96, .length = 104},              /* begins before the end of the first */
        {.offset = 0, .length = 96, .more = true},  /* begins with it and is shorter */
        {.offset = 0, .length = 112, .more = true}, /* and is longer */
        {.offset = 8, .length = 8, .more = true},   /* inside it: teardrop */
    };
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 180);

        for (size_t i = 0; i < CASES(overlaps); i++) {
            struct cut overlap = overlaps[i];

            overlap.identification = (uint16_t)i;
            receive_cut(&host, datagram,
                        &(struct cut){.length = 104, .more = true, .identification = i});
            expect_cut_dropped(&host, datagram, &overlap, TPA_BASE_DROP_FRAGMENT_OVERLAP, 2);
            /* and what is still to come */
            expect_cut_dropped(
                &host, datagram,
                &(struct cut){.offset = 104, .length = 96, .identification = (uint16_t)i},
                TPA_BASE_DROP_FRAGMENT_OVERLAP, 1);
        }
    }
    expect_nothing_sent(&host);
    host_end(&host);
}

/* Attack 15. */
Test(fragment, overlap_with_a_later_fragment)
{
    struct host host;
    const struct datagram *datagram = make_datagram(true, TPA_IP_PROTOCOL_TCP, 180);

    host_begin(&host);
    receive_cut(&host, datagram, &(struct cut){.offset = 104, .length = 96});
    expect_cut_dropped(&host, datagram, &(struct cut){.length = 112, .more = true},
                       TPA_BASE_DROP_FRAGMENT_OVERLAP, 2);
    host_end(&host);
}

Test(fragment, a_duplicate_does_no_harm)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);
    struct cut first = {.length = 104, .more = true};

    host_begin(&host);
    receive_cut(&host, datagram, &first);
    expect_cut_dropped(&host, datagram, &first, TPA_BASE_DROP_FRAGMENT_DUPLICATE, 1);
    cr_assert_eq(receive_cut(&host, datagram, &(struct cut){.offset = 104, .length = 96}), 1);
    expect_delivered(&host, datagram);
    host_end(&host);
}

/* Attack 15. */
Test(fragment, ends_that_disagree)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 380);

    host_begin(&host);
    /* a second end */
    receive_cut(&host, datagram, &(struct cut){.offset = 200, .length = 100});
    expect_cut_dropped(&host, datagram, &(struct cut){.offset = 304, .length = 50},
                       TPA_BASE_DROP_FRAGMENT_INCONSISTENT, 2);
    /* data behind the end */
    receive_cut(&host, datagram, &(struct cut){.offset = 200, .length = 100, .identification = 1});
    expect_cut_dropped(
        &host, datagram,
        &(struct cut){.offset = 304, .length = 48, .more = true, .identification = 1},
        TPA_BASE_DROP_FRAGMENT_INCONSISTENT, 2);
    /* an end before what is there */
    receive_cut(&host, datagram,
                &(struct cut){.offset = 304, .length = 48, .more = true, .identification = 2});
    expect_cut_dropped(&host, datagram,
                       &(struct cut){.offset = 200, .length = 100, .identification = 2},
                       TPA_BASE_DROP_FRAGMENT_INCONSISTENT, 2);
    host_end(&host);
}

static void expect_parameter_problem(struct host *host, uint8_t code, uint32_t pointer)
{
    struct sent sent;

    cr_assert(take_sent(host, &sent));
    cr_assert_eq(sent.bytes[54], TPA_IP_ICMPV6_PARAMETER_PROBLEM);
    cr_assert_eq(sent.bytes[55], code);
    cr_assert_eq(tpa_base_load_be32(sent.bytes + 58), pointer);
}

Test(fragment, fragments_that_make_no_sense)
{
    static const struct {
        struct cut cut;
        enum tpa_base_drop reason;
        int code; /* of IPv6's complaint; -1 = none */
        uint32_t pointer;
    } cases[] = {
        {{.offset = 65528, .length = 8, .more = true}, TPA_BASE_DROP_FRAGMENT_TOO_BIG, 0, 42},
        {{.offset = 65512, .length = 1000}, TPA_BASE_DROP_FRAGMENT_TOO_BIG, 0, 42},
        {{.offset = 8, .length = 12, .more = true}, TPA_BASE_DROP_FRAGMENT_LENGTH, 0, 4},
        {{.offset = 8, .length = 0}, TPA_BASE_DROP_FRAGMENT_LENGTH, -1, 0},
        {{.offset = 8, .length = 0, .more = true}, TPA_BASE_DROP_FRAGMENT_LENGTH, -1, 0},
        {{.length = 16, .more = true}, TPA_BASE_DROP_FRAGMENT_FIRST_TOO_SMALL, 3, 0},
    };
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        static struct datagram big;

        big = *make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 60);
        for (size_t i = 0; i < CASES(cases); i++) {
            static uint8_t bytes[1000];
            uint8_t header[8];
            struct spec spec = cut_spec(&big, &cases[i].cut, header);
            uint64_t before = drops(&host, cases[i].reason);

            spec.payload = bytes;
            receive(&host, &spec);
            cr_assert_eq(drops(&host, cases[i].reason), before + 1, "case %zu", i);
            if (ipv6 && cases[i].code >= 0)
                expect_parameter_problem(&host, (uint8_t)cases[i].code, cases[i].pointer);
            expect_nothing_sent(&host);
        }
    }
    cr_assert_eq(tpa_ip_next_deadline(host.worker), UINT64_MAX, "nothing is held");
    host_end(&host);
}

/* Attack 16. */
Test(fragment, the_longest_datagram_there_can_be)
{
    static uint8_t bytes[8];
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        /* with its header IPv4's may have 65,535 bytes, without it IPv6's */
        struct cut cut = {.offset = ipv6 ? 65528 : 65512, .length = ipv6 ? 7 : 3};
        struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 60);
        uint8_t header[8];
        struct spec spec = cut_spec(datagram, &cut, header);

        spec.payload = bytes;
        expect_held(&host, &spec);
        spec.payload_length++;
        spec.identification = 1;
        header[7] = 1;
        receive(&host, &spec);
        cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_TOO_BIG), ipv6 + 1u);
        discard_sent(&host);
    }
    host_end(&host);
}

Test(fragment, groups_get_none)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_ICMP, 180);
    uint8_t header[8];
    struct spec spec = cut_spec(datagram, &(struct cut){.length = 104, .more = true}, header);

    host_begin(&host);
    spec.destination = "10.0.0.255";
    expect_dropped(&host, &spec, TPA_BASE_DROP_IPV4_MULTICAST);
    host_end(&host);
}

/* Attack 14. */
Test(fragment, a_datagram_that_stays_incomplete_is_given_up)
{
    struct host host;
    struct sent sent;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 180);

        /* with its first fragment: the source is told */
        receive_cut(&host, datagram, &(struct cut){.length = 104, .more = true});
        /* without: it is not */
        receive_cut(&host, datagram,
                    &(struct cut){.offset = 104, .length = 96, .identification = 9});
        wait_for(&host, 29 * TPA_BASE_SECOND);
        expect_nothing_sent(&host);
        wait_for(&host, 2 * TPA_BASE_SECOND);
        cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_TIMEOUT), 2u * (ipv6 + 1u));
        cr_assert(take_sent(&host, &sent));
        cr_assert_eq(sent.bytes[ipv6 ? 54 : 34], ipv6 ? 3 : 11);
        cr_assert_eq(sent.bytes[ipv6 ? 55 : 35], 1);
        expect_nothing_sent(&host);
    }
    host_end(&host);
}

Test(fragment, no_complaint_about_errors_in_fragments)
{
    struct host host;
    struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_ICMP, 180);

    host_begin(&host);
    datagram->bytes[0] = TPA_IP_ICMP_UNREACHABLE;
    receive_cut(&host, datagram, &(struct cut){.length = 104, .more = true});
    wait_for(&host, 31 * TPA_BASE_SECOND);
    expect_nothing_sent(&host);
    host_end(&host);
}

/* Attack 14. */
Test(fragment, a_source_may_begin_so_many)
{
    struct host host;
    struct tpa_ip_limits limits = {.fragments_per_source = 4};
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);

    host_begin_with(&host, &limits);
    receive_cut(&host, datagram, &(struct cut){.length = 104, .more = true, .source = OTHER});
    for (uint16_t i = 0; i < MANY; i++)
        receive_cut(&host, datagram,
                    &(struct cut){.length = 104, .more = true, .identification = i});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_SOURCE_LIMIT), MANY - 4);
    /* its last ones live, and so do others' */
    cr_assert_eq(
        receive_cut(&host, datagram,
                    &(struct cut){.offset = 104, .length = 96, .identification = MANY - 1}),
        1);
    (void)make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);
    host_end(&host);
}

/* Attack 14. */
Test(fragment, memory_is_bounded_by_what_buffers_take)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);
    struct rte_mbuf *one;
    uint32_t size;
    struct tpa_ip_limits limits = {.fragments_per_source = 1000};

    /* eight buffers, whatever little they hold */
    limits.fragments_memory = 8 * 4096;
    host_begin_with(&host, &limits);
    one = packet(&host, &(struct spec){0});
    size = tpa_mem_packet_truesize(one);
    tpa_mem_packet_free(one);
    for (uint16_t i = 0; i < MANY; i++)
        receive_cut(&host, datagram,
                    &(struct cut){.length = 24, .more = true, .identification = i});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_BUDGET),
                 MANY - limits.fragments_memory / size);
    host_end(&host);
}

Test(fragment, one_datagram_can_take_all_the_memory_and_no_more)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 1000);
    struct tpa_ip_limits limits = {.fragments_memory = 8 * 4096};

    host_begin_with(&host, &limits);
    for (uint32_t i = 0; i < 40; i++)
        receive_cut(&host, datagram, &(struct cut){.offset = i * 24, .length = 24, .more = true});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_BUDGET), 40, "and the rest is refused");
    host_end(&host);
}

/* Attack 14. */
Test(fragment, the_fragments_of_one_datagram_are_bounded)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 8 * 400);

    host_begin(&host);
    /* every other 8 bytes, so that nothing joins */
    for (uint32_t i = 0; i <= TPA_IP_FRAGMENTS_MAX; i++)
        receive_cut(&host, datagram,
                    &(struct cut){.offset = 24 + i * 16, .length = 8, .more = true});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_COUNT), TPA_IP_FRAGMENTS_MAX + 1);
    host_end(&host);
}

/* Attack 14. */
Test(fragment, the_number_of_datagrams_is_bounded)
{
    struct host host;
    struct tpa_ip_limits limits = {.fragments_per_source = 5000, .fragments_memory = 100u << 20};
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);

    host_begin_with(&host, &limits);
    for (uint16_t i = 0; i < TPA_IP_REASSEMBLIES_MAX + 10; i++)
        receive_cut(&host, datagram,
                    &(struct cut){.length = 104, .more = true, .identification = i});
    cr_assert_eq(drops(&host, TPA_BASE_DROP_FRAGMENT_LIMIT), 10);
    host_end(&host);
}

/* RFC 3168 section 5.3 */
Test(fragment, congestion_marks_are_merged)
{
    static const struct {
        uint8_t first, second;
        int result; /* -1 = dropped */
    } cases[] = {
        {0, 0, 0}, {2, 2, 2}, {2, 3, 3}, {3, 1, 3}, {1, 1, 1}, {0, 3, -1}, {3, 0, -1}, {3, 3, 3},
    };
    struct host host;

    host_begin(&host);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct datagram *datagram = make_datagram(ipv6, TPA_IP_PROTOCOL_TCP, 180);

        for (size_t i = 0; i < CASES(cases); i++) {
            receive_cut(
                &host, datagram,
                &(struct cut){.length = 104, .more = true, .traffic_class = cases[i].first});
            receive_cut(
                &host, datagram,
                &(struct cut){.offset = 104, .length = 96, .traffic_class = cases[i].second});
            cr_assert_eq(host.tcp_count, cases[i].result >= 0, "case %zu", i);
            if (cases[i].result >= 0)
                cr_assert_eq(
                    tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received)->traffic_class,
                    cases[i].result);
        }
    }
    host_end(&host);
}

Test(fragment, extension_headers_on_both_sides_of_the_fragment_header)
{
    /* hop-by-hop, fragment; destination options are in the fragmented part */
    static uint8_t headers[16] = {44, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 1, 0, 0, 0, 5};
    const struct datagram *datagram = make_datagram(true, TPA_IP_PROTOCOL_TCP, 180);
    uint8_t part[256] = {6, 0, 1, 4};
    struct host host;
    struct spec spec = {
        .ipv6 = true,
        .options = headers,
        .options_length = 16,
        .first_header = TPA_IP_PROTOCOL_HOP_BY_HOP,
        .payload = part,
        .payload_length = 112,
        .keep_checksum = true,
    };
    const struct tpa_ip_received *received;

    host_begin(&host);
    memcpy(part + 8, datagram->bytes, datagram->length);
    cr_assert_eq(receive(&host, &spec), 0);
    tpa_base_store_be16(headers + 10, 112);
    spec.payload = part + 112;
    spec.payload_length = 8 + datagram->length - 112;
    cr_assert_eq(receive(&host, &spec), 1);
    expect_delivered(&host, datagram);
    received = tpa_mem_packet_layer(host.tcp[0], struct tpa_ip_received);
    cr_assert_eq(received->header_length, 40 + 8 + 8);

    /* the IP header before it is that of an unfragmented packet */
    {
        const uint8_t *ip = tpa_mem_packet_data(host.tcp[0]) - received->header_length;

        cr_assert_eq(ip[0] >> 4, 6);
        cr_assert_eq(tpa_base_load_be16(ip + 4), 16 + datagram->length);
        cr_assert_eq(ip[6], TPA_IP_PROTOCOL_HOP_BY_HOP);
        cr_assert_eq(ip[40], TPA_IP_PROTOCOL_DESTINATION_OPTIONS);
        cr_assert_eq(ip[48], TPA_IP_PROTOCOL_TCP);
    }
    host_end(&host);
}

Test(fragment, fragments_within_fragments)
{
    static uint8_t headers[16] = {44, 0, 0, 1, 0, 0, 0, 5, 6, 0, 0, 1, 0, 0, 0, 6};
    uint8_t part[64] = {0};
    struct host host;
    struct spec spec = {.ipv6 = true,
                        .options = headers,
                        .options_length = 8,
                        .first_header = TPA_IP_PROTOCOL_FRAGMENT,
                        .payload = part,
                        .payload_length = 40,
                        .keep_checksum = true};

    host_begin(&host);
    memcpy(part, headers + 8, 8);
    receive(&host, &spec);
    tpa_base_store_be16(headers + 2, 40);
    spec.payload_length = 16;
    receive(&host, &spec);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_IPV6_EXTENSION_ORDER), 1);
    host_end(&host);
}

Test(fragment, what_is_held_at_the_end_is_given_back)
{
    struct host host;
    const struct datagram *datagram = make_datagram(false, TPA_IP_PROTOCOL_TCP, 180);

    host_begin(&host);
    for (uint16_t i = 0; i < 10; i++)
        receive_cut(&host, datagram,
                    &(struct cut){.length = 104, .more = true, .identification = i});
    host_end(&host);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_SHUTDOWN), 10);
}
