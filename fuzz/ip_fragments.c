/*
 * Reassembly: fragments of a few datagrams in any order, again, overlapping, cut anywhere, lying
 * about the end, with time between them. What comes out is one of the datagrams, byte for byte, and
 * all of it was sent. An undisturbed datagram of another source comes through at the end.
 */
#include <tpa/base/byteorder.h>

#include "libs/ip/test/fixture.h"
#include "support/packet.h"
#include "support/target.h"
#include "test/support/pools.h"
#include "wire.h"

enum {
    FRAGMENTS_POOL = 4096,
    DATAGRAMS = 6,
    LENGTH_MAX = 6000,
    STEPS_MAX = 256,
    UNIT = 8,         /* bytes of a fragment's offset (RFC 791 section 3.1) */
    LAST = DATAGRAMS, /* the undisturbed one */
};

struct datagram {
    bool ipv6;
    const char *source;
    uint32_t length;
    uint8_t bytes[LENGTH_MAX]; /* a TCP segment with its checksum */
    bool sent[LENGTH_MAX];     /* byte by byte: in any fragment so far */
};

static const struct tpa_ip_limits limits = {
    .neighbours = 8,
    .paths = 8,
    .path_mtus = 4,
    .fragments_memory = 256 << 10,
    .fragments_per_source = 4,
};

static struct host host;
static struct datagram datagrams[DATAGRAMS + 1];

static void make(struct datagram *datagram, bool ipv6, const char *source, uint32_t length,
                 uint16_t number)
{
    static uint8_t packet[LENGTH_MAX + TPA_IP_IPV6_LENGTH], segment[LENGTH_MAX];
    struct spec spec = {
        .ipv6 = ipv6,
        .loopback = true,
        .source = source,
        .payload = segment,
        .payload_length = tcp_segment(segment, (uint16_t)(1000 + number), 80, number, length),
    };

    memset(datagram, 0, sizeof(*datagram));
    datagram->ipv6 = ipv6;
    datagram->source = source;
    datagram->length = spec.payload_length;
    segment[TPA_IP_TCP_LENGTH] ^= (uint8_t)number;
    (void)build(packet, &spec);
    memcpy(datagram->bytes, packet + (ipv6 ? TPA_IP_IPV6_LENGTH : TPA_IP_IPV4_LENGTH),
           datagram->length);
}

static void make_all(struct tpa_base_cursor *input)
{
    static const char *const sources[2][2] = {{PEER, OTHER}, {PEER6, OTHER6}};

    for (unsigned int i = 0; i < DATAGRAMS; i++) {
        uint8_t how = tpa_base_cursor_u8(input);

        make(&datagrams[i], how & 1, sources[how & 1][how >> 1 & 1],
             1 + fuzz_length(input, LENGTH_MAX - TPA_IP_TCP_LENGTH - 1), (uint16_t)i);
    }
    make(&datagrams[LAST], false, ROUTER, 1000, LAST);
}

static bool is_same(const struct datagram *datagram, const struct rte_mbuf *packet)
{
    uint32_t length = tpa_mem_packet_length(packet);

    if (length != datagram->length)
        return false;
    for (uint32_t i = 0; i < length; i++) {
        uint8_t buffer;
        const uint8_t *byte = tpa_mem_packet_read(packet, i, 1, &buffer);

        if (*byte != datagram->bytes[i] || !datagram->sent[i])
            return false;
    }
    return true;
}

static bool fragment_completes(unsigned int number, uint32_t offset, uint32_t length, bool more,
                               uint32_t segment)
{
    static uint8_t frame[LENGTH_MAX + 100];
    struct datagram *datagram = &datagrams[number];
    uint8_t header[TPA_IP_IPV6_FRAGMENT_LENGTH] = {TPA_IP_PROTOCOL_TCP};
    struct spec spec = {
        .ipv6 = datagram->ipv6,
        .source = datagram->source,
        .identification = (uint16_t)number,
        .payload = datagram->bytes + offset,
        .payload_length = length,
        .keep_checksum = true,
        .fragment_field = (uint16_t)(offset / UNIT | (more ? TPA_IP_IPV4_MF : 0)),
    };
    struct rte_mbuf *packet, *delivered[1];

    tpa_base_store_be16(header + 2, (uint16_t)(offset | more));
    tpa_base_store_be32(header + 4, number);
    if (datagram->ipv6) {
        spec.options = header;
        spec.options_length = sizeof(header);
        spec.first_header = TPA_IP_PROTOCOL_FRAGMENT;
    }
    memset(datagram->sent + offset, true, length);
    packet = fuzz_packet(tpa_test_pool(FRAGMENTS_POOL), frame, build(frame, &spec), segment);
    if (tpa_ip_input(host.worker, host.interface, &packet, 1, delivered, host.now) == 0)
        return false;
    cr_assert(is_same(datagram, delivered[0]), "datagram %u is not what was sent", number);
    tpa_mem_packet_free(delivered[0]);
    return true;
}

static void step(struct tpa_base_cursor *input)
{
    uint8_t how = tpa_base_cursor_u8(input);
    unsigned int number = (how & 15) % DATAGRAMS;
    uint32_t total = datagrams[number].length;
    uint32_t offset = fuzz_length(input, total - 1) / UNIT * UNIT;
    uint32_t length = 1 + fuzz_length(input, total - offset - 1);
    bool more = offset + length < total;

    if (how & 16) { /* a length that may not be (RFC 8200 section 4.5), or an end that is none */
        more = !more;
    } else if (more) {
        length = TPA_BASE_MAX(length / UNIT * UNIT, (uint32_t)UNIT);
        more = offset + length < total;
        length = TPA_BASE_MIN(length, total - offset);
    }
    if (how & 32)
        wait_for(&host, tpa_base_cursor_u8(input) * 500 * TPA_BASE_MILLISECOND);
    (void)fragment_completes(number, offset, length, more, how & 64 ? 16 + (how >> 7) * 40u : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);

    host_begin_with(&host, &limits);
    make_all(&input);
    for (int i = 0; i < STEPS_MAX && tpa_base_cursor_remaining(&input) > 0; i++)
        step(&input);
    cr_assert_not(fragment_completes(LAST, 0, 512, true, 0));
    cr_assert(fragment_completes(LAST, 512, datagrams[LAST].length - 512, false, 0),
              "an undisturbed datagram was lost");
    discard_sent(&host);
    host_end(&host);
    tpa_test_pool_expect_idle(tpa_test_pool(FRAGMENTS_POOL));
    return 0;
}
