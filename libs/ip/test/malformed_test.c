/*
 * Every prefix and every single-bit flip of one valid packet of each kind: nothing crashes (ASan),
 * and each packet is accounted for: delivered, held, or dropped with a reason.
 */
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/checksum.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "fixture.h"
#include "wire.h"

TestSuite(malformed, .timeout = 120);

struct sample {
    const char *name;
    uint32_t length;
    uint8_t bytes[1024];
};

#define SAMPLES_MAX 32

struct samples {
    struct sample all[SAMPLES_MAX];
    unsigned int count;
};

static struct samples samples;

static void add_sample(const char *name, const struct spec *spec)
{
    struct sample *sample = &samples.all[samples.count++];

    cr_assert_leq(samples.count, SAMPLES_MAX);
    sample->name = name;
    sample->length = build(sample->bytes, spec);
    cr_assert_leq(sample->length, sizeof(sample->bytes));
}

static void add_arp(void)
{
    struct sample *sample = &samples.all[samples.count++];
    static const uint8_t request[42] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 2, 8, 6, /* link */
        0,    1,    8,    0,    6,    4,    0,  1,                   /* a request */
        2,    0,    0,    0,    0,    2,    10, 0, 0, 2,             /* of PEER */
        0,    0,    0,    0,    0,    0,    10, 0, 0, 1};

    sample->name = "arp";
    sample->length = sizeof(request);
    memcpy(sample->bytes, request, sizeof(request));
}

static void add_icmp_errors(void)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        uint8_t message[256] = {ipv6 ? 2 : 3, ipv6 ? 0 : 4, 0, 0, 0, 0, 5, 0x78};
        struct spec quoted = {.ipv6 = ipv6,
                              .loopback = true,
                              .source = ipv6 ? US6 : US,
                              .destination = ipv6 ? FAR6 : FAR};
        struct spec spec = {.ipv6 = ipv6,
                            .protocol = ipv6 ? TPA_IP_PROTOCOL_ICMPV6 : TPA_IP_PROTOCOL_ICMP,
                            .payload = message};

        spec.payload_length = 8 + build(message + 8, &quoted);
        add_sample(ipv6 ? "packet too big" : "fragmentation needed", &spec);
    }
}

static void add_nd(const char *name, uint8_t type)
{
    struct tpa_base_address target = address(type == 135 ? US6 : PEER6);
    uint8_t message[40] = {type, 0, 0, 0, type == 135 ? 0 : 0x60};

    memcpy(message + 8, target.u8, 16);
    message[24] = type == 135 ? 1 : 2;
    message[25] = 1;
    memcpy(message + 26, mac_peer, 6);
    message[32] = 200;
    message[33] = 1;
    add_sample(name, &(struct spec){.ipv6 = true,
                                    .destination = type == 135 ? "ff02::1:ff00:1" : US6,
                                    .ttl = 255,
                                    .protocol = TPA_IP_PROTOCOL_ICMPV6,
                                    .payload = message,
                                    .payload_length = sizeof(message)});
}

static void make_samples(void)
{
    static const uint8_t options[8] = {68, 7, 5, 0, 1, 2, 3, 0};
    static const uint8_t chain[40] = {60, 0, 1, 4, 0, 0, 0, 0, 43, 1, 0x1e, 12, 0, 0,
                                      0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 44,   0,  0, 0,
                                      0,  0, 0, 0, 6, 0, 0, 0, 0,  0, 0,    9};
    static const uint8_t fragment[8] = {6, 0, 0, 1, 0, 0, 0, 7};
    static const uint8_t router_alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
    static const uint8_t query[28] = {130, 0, 0, 0, 0, 100};
    uint8_t message[128];

    samples.count = 0;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        add_sample("tcp", &(struct spec){.ipv6 = ipv6});
        add_sample("tcp with a tag", &(struct spec){.ipv6 = ipv6, .vlan = 0xe000});
        add_sample("echo request",
                   &(struct spec){.ipv6 = ipv6,
                                  .protocol = ipv6 ? TPA_IP_PROTOCOL_ICMPV6 : TPA_IP_PROTOCOL_ICMP,
                                  .payload = message,
                                  .payload_length = icmp_echo(message, ipv6, 33)});
        add_sample("udp", &(struct spec){.ipv6 = ipv6,
                                         .protocol = TPA_IP_PROTOCOL_UDP,
                                         .payload = message,
                                         .payload_length = udp_datagram(message, 33)});
    }
    add_sample("options", &(struct spec){.options = options, .options_length = 8});
    /* of two datagrams, so that no single flip makes them one: joined, two packets would become one
     * without a drop */
    add_sample("ipv4 fragment", &(struct spec){.fragment_field = TPA_IP_IPV4_MF,
                                               .identification = 0x0f0f,
                                               .keep_checksum = true});
    add_sample(
        "ipv4 last fragment",
        &(struct spec){.fragment_field = 3, .identification = 0xf0f0, .keep_checksum = true});
    add_sample("extension headers", &(struct spec){.ipv6 = true,
                                                   .options = chain,
                                                   .options_length = sizeof(chain),
                                                   .first_header = 0});
    add_sample("ipv6 fragment", &(struct spec){.ipv6 = true,
                                               .options = fragment,
                                               .options_length = sizeof(fragment),
                                               .first_header = TPA_IP_PROTOCOL_FRAGMENT});
    add_sample("mld query", &(struct spec){.ipv6 = true,
                                           .source = "fe80::99",
                                           .destination = "ff02::1",
                                           .ttl = 1,
                                           .protocol = TPA_IP_PROTOCOL_ICMPV6,
                                           .options = router_alert,
                                           .options_length = 8,
                                           .first_header = 0,
                                           .payload = query,
                                           .payload_length = sizeof(query)});
    add_arp();
    add_icmp_errors();
    add_nd("neighbour solicitation", 135);
    add_nd("neighbour advertisement", 136);
}

/* Drops of what was received; answers of ours to senders that nobody can reach are not. */
static uint64_t all_drops(const struct host *host)
{
    uint64_t sum = 0;

    for (int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++)
        sum += drops(host, reason);
    return sum - drops(host, TPA_BASE_DROP_ROUTE_NONE) -
           drops(host, TPA_BASE_DROP_NEIGHBOUR_UNRESOLVED) -
           drops(host, TPA_BASE_DROP_NEIGHBOUR_QUEUE_FULL) -
           drops(host, TPA_BASE_DROP_NEIGHBOUR_BUDGET);
}

/* To ASan a pool is one piece of memory: it must be told where a packet ends. */
#if defined(__SANITIZE_ADDRESS__)
static void guard(const uint8_t *end, uint16_t length)
{
    __asan_poison_memory_region(end, length);
}

static void unguard(const uint8_t *end, uint16_t length)
{
    __asan_unpoison_memory_region(end, length);
}
#else
static void guard(const uint8_t *end, uint16_t length)
{
}

static void unguard(const uint8_t *end, uint16_t length)
{
}
#endif

static void give_packet(struct host *host, struct rte_mbuf *given)
{
    const uint8_t *end = tpa_mem_packet_data(given) + tpa_mem_packet_segment_length(given);
    uint16_t behind = given->nb_segs == 1 ? rte_pktmbuf_tailroom(given) : 0;

    guard(end, behind);
    receive_packet(host, given);
    unguard(end, behind);
    discard_sent(host);
}

static void give(struct host *host, const uint8_t *bytes, uint32_t length, uint32_t segment)
{
    give_packet(host, packet_of(host, bytes, length, segment));
}

/* What was given is what was delivered, dropped or is still held. */
static void expect_accounted(struct host *host, uint64_t given, uint64_t delivered)
{
    struct tpa_ip_error errors[TPA_IP_ERRORS_MAX];

    (void)tpa_ip_errors_take(host->worker, errors, TPA_IP_ERRORS_MAX);
    wait_for(host, 5 * TPA_BASE_MINUTE);
    discard_sent(host);
    cr_assert_eq(all_drops(host), given - delivered, "%lu given, %lu delivered, %lu dropped", given,
                 delivered, all_drops(host));
}

Test(malformed, every_sample_is_good_as_it_is)
{
    struct host host;

    host_begin(&host);
    make_samples();
    for (unsigned int i = 0; i < samples.count; i++) {
        struct sample *sample = &samples.all[i];

        give(&host, sample->bytes, sample->length, 0);
        for (int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++) {
            if (tpa_base_drop_is_benign(reason) || reason == TPA_BASE_DROP_UDP_PORT_UNREACHABLE)
                continue;
            cr_assert_eq(drops(&host, reason), 0, "%s: %s", sample->name,
                         tpa_base_drop_name(reason));
        }
    }
    wait_for(&host, TPA_BASE_MINUTE);
    host_end(&host);
}

/* Attacks 4 and 5. */
Test(malformed, every_prefix)
{
    struct host host;
    uint64_t given = 0, delivered = 0;

    host_begin(&host);
    make_samples();
    for (unsigned int i = 0; i < samples.count; i++) {
        for (uint32_t length = 1; length < samples.all[i].length; length++) {
            give(&host, samples.all[i].bytes, length, 0);
            delivered += host.tcp_count;
            given++;
        }
    }
    expect_accounted(&host, given, delivered);
    cr_assert_eq(delivered, 0);
    host_end(&host);
}

Test(malformed, every_prefix_of_a_packet_whose_length_fields_agree)
{
    struct host host;
    uint64_t given = 0, delivered = 0;

    host_begin(&host);
    make_samples();
    for (unsigned int i = 0; i < samples.count; i++) {
        struct sample *sample = &samples.all[i];
        uint32_t ip = tpa_base_load_be16(sample->bytes + 12) == 0x8100 ? 18 : 14;

        for (uint32_t length = ip + 40; length < sample->length; length++) {
            uint8_t *header = sample->bytes + ip;

            if (header[0] >> 4 == 6) {
                tpa_base_store_be16(header + 4, (uint16_t)(length - ip - 40));
            } else if (header[0] >> 4 == 4) {
                uint32_t header_length = (header[0] & 0xfu) * 4;

                tpa_base_store_be16(header + 2, (uint16_t)(length - ip));
                tpa_base_store16(header + 10, 0);
                tpa_base_store16(header + 10, tpa_base_checksum_finish(tpa_base_checksum_partial(
                                                  header, header_length, 0)));
            }
            give(&host, sample->bytes, length, 0);
            delivered += host.tcp_count;
            given++;
        }
    }
    expect_accounted(&host, given, delivered);
    host_end(&host);
}

static void flip_every_bit(struct host *host, uint64_t offload, uint32_t segment)
{
    uint64_t given = 0, delivered = 0;

    for (unsigned int i = 0; i < samples.count; i++) {
        struct sample *sample = &samples.all[i];

        for (uint32_t bit = 0; bit < 8 * sample->length; bit++) {
            struct rte_mbuf *flipped;

            sample->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            flipped = packet_of(host, sample->bytes, sample->length, segment);
            flipped->ol_flags |= offload;
            give_packet(host, flipped);
            sample->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            delivered += host->tcp_count;
            given++;
        }
    }
    expect_accounted(host, given, delivered);
}

Test(malformed, every_single_bit_flip)
{
    struct host host;

    host_begin(&host);
    make_samples();
    flip_every_bit(&host, 0, 0);
    host_end(&host);
}

Test(malformed, every_single_bit_flip_that_the_port_calls_good)
{
    struct host host;

    host_begin(&host);
    make_samples();
    flip_every_bit(&host, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0);
    host_end(&host);
}

/* Attack 6. */
Test(malformed, every_single_bit_flip_in_a_chain)
{
    struct host host;

    host_begin(&host);
    make_samples();
    flip_every_bit(&host, RTE_MBUF_F_RX_IP_CKSUM_GOOD, 29);
    host_end(&host);
}

/* Random bytes behind a valid link header, and random changes of valid packets. */
Test(malformed, random_bytes)
{
    struct host host;
    struct tpa_base_random random;
    uint64_t given = 0, delivered = 0;

    host_begin(&host);
    make_samples();
    tpa_base_random_seed(&random, 42);
    for (int round = 0; round < 50000; round++) {
        struct sample sample = samples.all[tpa_base_random_below(&random, samples.count)];
        uint32_t from = round % 2 == 0 ? 14 : 34;
        uint32_t changes = 1 + (uint32_t)tpa_base_random_below(&random, 8);

        for (uint32_t i = 0; i < changes; i++)
            sample.bytes[from + tpa_base_random_below(&random, sample.length - from)] =
                (uint8_t)tpa_base_random_u32(&random);
        give(&host, sample.bytes, sample.length, round % 5 == 0 ? 31 : 0);
        delivered += host.tcp_count;
        given++;
        if (round % 1000 == 0)
            wait_for(&host, TPA_BASE_SECOND);
    }
    /* fragments that fit by chance become one packet */
    wait_for(&host, 5 * TPA_BASE_MINUTE);
    discard_sent(&host);
    cr_assert_leq(all_drops(&host) + delivered, given);
    cr_assert_gt(all_drops(&host) + delivered, given - given / 100);
    host_end(&host);
}
