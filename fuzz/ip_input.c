/*
 * A worker of the IP crate, fed frames, errors about its own packets, and time. What is delivered
 * keeps worker.h's promises, what is sent is well-formed and no more than was deserved, and every
 * packet is accounted for.
 *
 * Three kinds of frames: bytes as they stand, with checksums that the "port" has found good; an IP
 * packet whose fields are chosen; and messages that name addresses that matter: ARP, Neighbour
 * Discovery, ICMP errors that quote a segment of ours.
 */
#include <netinet/in.h>

#include <tpa/base/byteorder.h>

#include "libs/ip/test/fixture.h"
#include "support/packet.h"
#include "support/target.h"
#include "test/support/pools.h"
#include "wire.h"

enum {
    FRAMES_POOL = 4096, /* of received frames, whose ends are guarded */
    STEPS_MAX = 64,
    FRAME_MAX = 1600,
    PAYLOAD_MAX = 1400,
    FRAME_BUFFER = FRAME_MAX + PAYLOAD_MAX,
    SEGMENT_MIN = 16,
    /* A frame is answered, and may resolve a neighbour for whom packets of ours wait. */
    ANSWERS_MAX = 2,
    LINK_FRAME_MAX = 1514,
};

static const char *const addresses[2][8] = {
    {PEER, US, OTHER, ROUTER, FAR, "127.0.0.1", "255.255.255.255", "224.0.0.1"},
    {PEER6, US6, OTHER6, "fe80::2", FAR6, "::1", "ff02::1", "ff02::1:ff00:1"},
};

/* Small tables: their ends are reached. */
static const struct tpa_ip_limits limits = {
    .neighbours = 8,
    .pending_packets = 4,
    .pending_total = 6,
    .fragments_memory = 64 << 10,
    .fragments_per_source = 4,
    .paths = 8,
    .path_mtus = 4,
    .output_queue = 16,
};

static struct host host;
static uint32_t waiting; /* packets of ours that may wait for a neighbour */

static const char *choose_address(struct tpa_base_cursor *input, bool ipv6)
{
    return addresses[ipv6][fuzz_choice(input, TPA_BASE_ARRAY_SIZE(addresses[0]))];
}

static void expect_delivered(struct rte_mbuf *packet)
{
    const struct tpa_ip_received *received = tpa_mem_packet_layer(packet, struct tpa_ip_received);
    uint32_t length = tpa_mem_packet_length(packet);

    cr_assert_geq(length, TPA_IP_TCP_LENGTH);
    cr_assert_geq(tpa_mem_packet_segment_length(packet),
                  TPA_BASE_MIN(length, (uint32_t)TPA_IP_CONTIGUOUS));
    cr_assert_geq(received->header_length, TPA_IP_IPV4_LENGTH);
    cr_assert_not(tpa_base_address_is_multicast(&received->source));
    cr_assert(tpa_ip_is_local(host.stack, &received->destination));
    tpa_mem_packet_free(packet);
}

static uint32_t take_sent_frames(void)
{
    uint32_t count = 0;
    static struct sent sent;

    while (take_sent(&host, &sent)) {
        cr_assert_leq(sent.length, LINK_FRAME_MAX);
        cr_assert_geq(sent.length, TPA_IP_ETHERNET_LENGTH + TPA_IP_IPV4_LENGTH);
        count++;
    }
    return count;
}

static void take_errors(struct tpa_base_cursor *input)
{
    struct tpa_ip_error error;

    while (tpa_ip_errors_take(host.worker, &error, 1) == 1) {
        cr_assert(tpa_ip_is_local(host.stack, &error.source));
        if (error.kind != TPA_IP_ERROR_PACKET_TOO_BIG)
            continue;
        cr_assert_geq(error.mtu, tpa_base_address_is_ipv4(&error.destination)
                                     ? TPA_IP_PATH_MTU_MIN_IPV4
                                     : TPA_IP_PATH_MTU_MIN_IPV6);
        if (fuzz_choice(input, 2) == 0)
            tpa_ip_path_mtu_accept(host.worker, &error, host.now);
    }
}

static void receive_frame(struct tpa_base_cursor *input, uint8_t interface, const uint8_t *bytes,
                          uint32_t length, uint64_t offload)
{
    uint32_t segment = SEGMENT_MIN + tpa_base_cursor_u8(input) * 8u;
    struct rte_mbuf *frame = fuzz_packet(tpa_test_pool(FRAMES_POOL), bytes, length, segment);
    struct rte_mbuf *delivered[1];

    frame->ol_flags |= offload;
    if (tpa_ip_input(host.worker, interface, &frame, 1, delivered, host.now) == 1)
        expect_delivered(delivered[0]);
    take_errors(input);
    cr_assert_leq(take_sent_frames(), ANSWERS_MAX + waiting);
}

static void receive_bytes_as_they_stand(struct tpa_base_cursor *input)
{
    uint8_t how = tpa_base_cursor_u8(input);
    uint32_t length = fuzz_length(input, FRAME_MAX);
    const uint8_t *bytes = fuzz_bytes(input, &length);

    receive_frame(input, how & 1 ? TPA_IP_INTERFACE_LOOPBACK : host.interface, bytes, length,
                  how & 2 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0);
}

static void receive_spec(struct tpa_base_cursor *input, struct spec *spec)
{
    static uint8_t frame[FRAME_BUFFER];

    spec->source = choose_address(input, spec->ipv6);
    spec->destination = addresses[spec->ipv6][tpa_base_cursor_u8(input) % 8 ^ 1];
    receive_frame(input, host.interface, frame, build(frame, spec), spec->offload);
}

static void receive_ip_packet(struct tpa_base_cursor *input)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDP};
    uint8_t how = tpa_base_cursor_u8(input);
    uint32_t options_length = how & 2 ? fuzz_length(input, 40) & ~3u : 0;
    uint32_t payload_length;
    struct spec spec = {
        .ipv6 = how & 1,
        .protocol = how & 4 ? tpa_base_cursor_u8(input)
                            : protocols[fuzz_choice(input, TPA_BASE_ARRAY_SIZE(protocols))],
        .ttl = how & 8 ? tpa_base_cursor_u8(input) : 255,
        .fragment_field = how & 16 ? tpa_base_cursor_be16(input) : 0,
        .identification = how & 16 ? tpa_base_cursor_u8(input) : 0,
        .vlan = how & 32 ? tpa_base_cursor_be16(input) & TPA_IP_VLAN_ID_MASK : 0,
        .length_lie = how & 64 ? (int8_t)tpa_base_cursor_u8(input) : 0,
        .padding = how & 128 ? tpa_base_cursor_u8(input) : 0,
        .first_header = tpa_base_cursor_u8(input),
    };

    spec.options = fuzz_bytes(input, &options_length);
    spec.options_length = (uint16_t)(options_length & ~3u);
    payload_length = fuzz_length(input, PAYLOAD_MAX);
    spec.payload = fuzz_bytes(input, &payload_length);
    spec.payload_length = payload_length;
    receive_spec(input, &spec);
}

static void receive_arp(struct tpa_base_cursor *input)
{
    uint8_t frame[TPA_IP_ETHERNET_LENGTH + TPA_IP_ARP_LENGTH];
    uint8_t how = tpa_base_cursor_u8(input);
    struct tpa_base_writer writer = tpa_base_writer_make(frame, sizeof(frame));
    struct tpa_base_address sender = address(choose_address(input, false));
    struct tpa_base_address target = address(choose_address(input, false));

    tpa_base_writer_bytes(&writer, how & 1 ? mac_us : mac_broadcast, 6);
    tpa_base_writer_bytes(&writer, mac_other, 6);
    tpa_base_writer_be16(&writer, TPA_IP_ETHERTYPE_ARP);
    tpa_base_writer_be32(&writer, 0x00010800);
    tpa_base_writer_be16(&writer, 0x0604);
    tpa_base_writer_be16(&writer, how & 2 ? TPA_IP_ARP_REPLY : TPA_IP_ARP_REQUEST);
    tpa_base_writer_bytes(&writer, how & 4 ? mac_us : mac_other, 6);
    tpa_base_writer_bytes(&writer, &sender.u8[12], 4);
    tpa_base_writer_bytes(&writer, how & 8 ? mac_us : mac_broadcast, 6);
    tpa_base_writer_bytes(&writer, &target.u8[12], 4);
    receive_frame(input, host.interface, frame, sizeof(frame), 0);
}

/* A solicitation, an advertisement or a redirect (RFC 4861 section 4), options as they come. */
static void receive_neighbour_message(struct tpa_base_cursor *input)
{
    uint8_t message[128];
    struct tpa_base_writer writer = tpa_base_writer_make(message, sizeof(message));
    struct tpa_base_address target = address(choose_address(input, true));
    uint32_t options_length = fuzz_length(input, 64);
    const uint8_t *options = fuzz_bytes(input, &options_length);
    struct spec spec = {
        .ipv6 = true,
        .ttl = 255,
        .protocol = IPPROTO_ICMPV6,
        .payload = message,
        .payload_length = 24 + options_length,
    };

    tpa_base_writer_u8(&writer, (uint8_t)(133 + fuzz_choice(input, 5)));
    tpa_base_writer_fill(&writer, 0, 3);
    tpa_base_writer_u8(&writer, tpa_base_cursor_u8(input)); /* flags of an advertisement */
    tpa_base_writer_fill(&writer, 0, 3);
    tpa_base_writer_bytes(&writer, target.u8, 16);
    tpa_base_writer_bytes(&writer, options, options_length);
    receive_spec(input, &spec);
}

/* An ICMP error about a segment of ours. */
static void receive_error(struct tpa_base_cursor *input)
{
    static uint8_t message[FRAME_BUFFER], segment[TPA_IP_TCP_LENGTH + 8];
    struct tpa_base_writer writer = tpa_base_writer_make(message, sizeof(message));
    uint8_t how = tpa_base_cursor_u8(input);
    uint8_t type = tpa_base_cursor_u8(input), code = tpa_base_cursor_u8(input);
    struct spec quoted = {
        .ipv6 = how & 1,
        .loopback = true, /* without a link header */
        .source = how & 1 ? US6 : US,
        .destination = choose_address(input, how & 1),
        .payload = segment,
        .payload_length = tcp_segment(segment, 80, 1000, tpa_base_cursor_be32(input), 8),
    };
    struct spec spec = {
        .ipv6 = quoted.ipv6,
        .ttl = 64,
        .protocol = quoted.ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
        .payload = message,
    };

    tpa_base_writer_u8(&writer, how & 2 ? type : quoted.ipv6 ? 2 : 3);
    tpa_base_writer_u8(&writer, how & 2 ? code : quoted.ipv6 ? 0 : 4);
    tpa_base_writer_be16(&writer, 0); /* checksum */
    tpa_base_writer_be16(&writer, 0);
    tpa_base_writer_be16(&writer, tpa_base_cursor_be16(input)); /* MTU */
    spec.payload_length = 8 + build(message + 8, &quoted);
    if (how & 4)
        spec.payload_length = TPA_BASE_MIN(spec.payload_length, tpa_base_cursor_u8(input));
    receive_spec(input, &spec);
}

static void send_own_segment(struct tpa_base_cursor *input)
{
    struct tpa_ip_send send = {.protocol = IPPROTO_TCP};
    bool ipv6 = fuzz_choice(input, 2);
    struct tpa_base_address to = address(choose_address(input, ipv6));
    int error = 0;
    struct tpa_ip_path *path = tpa_ip_path_get(host.worker, NULL, &to, &error);

    if (path == NULL) {
        cr_assert_lt(error, 0);
        return;
    }
    tpa_ip_output(host.worker, path, own_segment(&host, fuzz_length(input, 3000)), &send, host.now);
    if (fuzz_choice(input, 4) == 0)
        tpa_ip_path_suspect(path);
    tpa_ip_path_put(host.worker, path);
    waiting++;
    (void)take_sent_frames();
}

static void pass_time(struct tpa_base_cursor *input)
{
    static const uint64_t units[] = {TPA_BASE_MILLISECOND, 100 * TPA_BASE_MILLISECOND,
                                     TPA_BASE_SECOND, 60 * TPA_BASE_SECOND};

    wait_for(&host, units[fuzz_choice(input, 4)] * tpa_base_cursor_u8(input));
    (void)take_sent_frames();
}

static void step(struct tpa_base_cursor *input)
{
    static void (*const steps[])(struct tpa_base_cursor *) = {
        receive_ip_packet, receive_bytes_as_they_stand,
        receive_arp,       receive_neighbour_message,
        receive_error,     send_own_segment,
        pass_time,
    };

    steps[fuzz_choice(input, TPA_BASE_ARRAY_SIZE(steps))](input);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);

    host_begin_with(&host, &limits);
    add_route(&host, "192.0.2.0", 24, ROUTER);
    add_route(&host, "2001:db8:ffff::", 48, ROUTER6);
    waiting = 0;
    for (int i = 0; i < STEPS_MAX && tpa_base_cursor_remaining(&input) > 0; i++)
        step(&input);
    discard_sent(&host);
    host_end(&host);
    tpa_test_pool_expect_idle(tpa_test_pool(FRAMES_POOL));
    return 0;
}
