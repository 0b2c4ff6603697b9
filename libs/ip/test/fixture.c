#include "fixture.h"

#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>

#include "test/support/pools.h"
#include "wire.h"

const uint8_t mac_us[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t mac_peer[6] = {0x02, 0, 0, 0, 0, 0x02};
const uint8_t mac_other[6] = {0x02, 0, 0, 0, 0, 0x77};
const uint8_t mac_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

#define OR(value, fallback) ((value) != 0 ? (value) : (fallback))

static void count_drop(void *context, uint8_t interface, struct rte_mbuf *dropped,
                       enum tpa_base_drop reason)
{
    struct host *host = context;

    cr_assert_not_null(dropped);
    cr_assert_neq(reason, TPA_BASE_DROP_NONE);
    host->hooked++;
}

struct tpa_base_address address(const char *text)
{
    struct tpa_base_address result;

    cr_assert_eq(tpa_base_address_parse(text, strlen(text), &result), 0, "address '%s'", text);
    return result;
}

void add_address(struct host *host, const char *text, uint8_t prefix_length)
{
    struct tpa_base_address own = address(text);

    cr_assert_eq(tpa_ip_address_add(host->stack, host->interface, &own, prefix_length), 0);
}

void add_route(struct host *host, const char *destination, uint8_t prefix_length,
               const char *gateway)
{
    struct tpa_base_address to = address(destination), by = address(gateway);

    cr_assert_eq(tpa_ip_route_add(host->stack, &to, prefix_length, &by, host->interface), 0);
}

void add_neighbour(struct host *host, const char *text, const uint8_t mac[6])
{
    struct tpa_ip_neighbour neighbour = {
        .address = address(text),
        .interface = host->interface,
    };

    memcpy(neighbour.mac, mac, sizeof(neighbour.mac));
    cr_assert_eq(tpa_ip_neighbour_set(host->stack, &neighbour, host->now), 0);
}

void host_begin_bare(struct host *host, const struct tpa_ip_limits *limits, uint16_t vlan)
{
    struct tpa_ip_interface_config interface = {.name = "eth0", .mtu = 1500, .vlan = vlan};
    int index;

    memset(host, 0, sizeof(*host));
    memcpy(interface.mac, mac_us, sizeof(interface.mac));
    host->now = 1000 * TPA_BASE_SECOND;
    host->pool = tpa_test_pool(PACKETS);
    tpa_base_random_seed(&host->random, 1);
    host->worker_config = (struct tpa_ip_worker_config){
        .pool = host->pool,
        .random = &host->random,
        .drops = &host->drops,
        .on_drop = count_drop,
        .on_drop_context = host,
    };
    host->stack = tpa_ip_stack_create(limits);
    cr_assert_not_null(host->stack);
    index = tpa_ip_interface_add(host->stack, &interface);
    cr_assert_geq(index, 0);
    host->interface = (uint8_t)index;
    host->worker = tpa_ip_worker_create(host->stack, &host->worker_config, host->now);
    cr_assert_not_null(host->worker);
}

void host_begin_with(struct host *host, const struct tpa_ip_limits *limits)
{
    host_begin_bare(host, limits, 0);
    add_address(host, US, 24);
    add_address(host, US6, 64);
    add_neighbour(host, PEER, mac_peer);
    add_neighbour(host, PEER6, mac_peer);
    wait_for(host, 0);
    wait_for(host, 10 * TPA_BASE_SECOND);
    discard_sent(host);
}

void host_begin(struct host *host)
{
    host_begin_with(host, NULL);
}

void host_end(struct host *host)
{
    uint64_t counted = 0;

    free_tcp(host);
    tpa_ip_worker_destroy(host->worker);
    tpa_ip_stack_destroy(host->stack);
    for (int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++)
        counted += drops(host, reason);
    cr_assert_eq(counted, host->hooked, "%lu counted, %lu shown to the hook", counted,
                 host->hooked);
    cr_assert_eq(drops(host, TPA_BASE_DROP_INTERNAL), 0);
    tpa_test_pool_expect_idle(host->pool);
}

void wait_for(struct host *host, uint64_t duration)
{
    uint64_t end = host->now + duration;

    for (;;) {
        uint64_t next;

        tpa_ip_timers(host->worker, host->now);
        next = tpa_ip_next_deadline(host->worker);
        /* Still due: the wheel does so much at a time. */
        if (next <= host->now)
            continue;
        if (host->now >= end)
            return;
        host->now = next < end ? next : end;
    }
}

static uint8_t *put(uint8_t *to, const void *from, size_t length)
{
    if (length > 0)
        memcpy(to, from, length);
    return to + length;
}

static uint8_t *put16(uint8_t *to, uint32_t value)
{
    tpa_base_store_be16(to, (uint16_t)value);
    return to + 2;
}

static uint8_t *put_link(uint8_t *to, const struct spec *spec)
{
    to = put(to, spec->mac_to != NULL ? spec->mac_to : mac_us, 6);
    to = put(to, spec->mac_from != NULL ? spec->mac_from : mac_peer, 6);
    if (spec->vlan != 0) {
        to = put16(to, 0x8100);
        to = put16(to, spec->vlan);
    }
    return put16(to, OR(spec->ethertype, spec->ipv6 ? 0x86ddu : 0x0800u));
}

static uint8_t ttl_of(const struct spec *spec)
{
    if (spec->ttl_is_0)
        return 0;
    return OR(spec->ttl, 64);
}

static uint8_t *put_ipv4(uint8_t *to, const struct spec *spec, uint8_t protocol,
                         uint32_t payload_length)
{
    uint8_t *header = to;
    struct tpa_base_address source = address(spec->source != NULL ? spec->source : PEER);
    struct tpa_base_address destination =
        address(spec->destination != NULL ? spec->destination : US);
    uint32_t header_length = 20u + spec->options_length;

    *to++ = (uint8_t)(0x40 | header_length / 4);
    *to++ = spec->traffic_class;
    to = put16(to, (uint32_t)((int)(header_length + payload_length) + spec->length_lie));
    to = put16(to, spec->identification);
    to = put16(to, spec->fragment_field);
    *to++ = ttl_of(spec);
    *to++ = protocol;
    to = put16(to, 0);
    to = put(to, &source.u8[12], 4);
    to = put(to, &destination.u8[12], 4);
    to = put(to, spec->options, spec->options_length);
    tpa_base_store16(header + 10,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(header, header_length, 0)));
    return to;
}

static uint8_t *put_ipv6(uint8_t *to, const struct spec *spec, uint8_t protocol,
                         uint32_t payload_length)
{
    struct tpa_base_address source = address(spec->source != NULL ? spec->source : PEER6);
    struct tpa_base_address destination =
        address(spec->destination != NULL ? spec->destination : US6);

    tpa_base_store_be32(to, 0x60000000u | (uint32_t)spec->traffic_class << 20);
    to = put16(to + 4, (uint32_t)((int)(spec->options_length + payload_length) + spec->length_lie));
    *to++ = spec->options_length > 0 ? spec->first_header : protocol;
    *to++ = ttl_of(spec);
    to = put(to, source.u8, 16);
    to = put(to, destination.u8, 16);
    return put(to, spec->options, spec->options_length);
}

static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, uint32_t length)
{
    if (ip[0] >> 4 == 4)
        return tpa_base_checksum_pseudo_ipv4(tpa_base_load32(ip + 12), tpa_base_load32(ip + 16),
                                             protocol, (uint16_t)length);
    return tpa_base_checksum_pseudo_ipv6(ip + 8, ip + 24, protocol, length);
}

static void fill_checksum(const uint8_t *ip, uint8_t *transport, uint8_t protocol, uint32_t length)
{
    uint32_t sum = protocol == TPA_IP_PROTOCOL_ICMP ? 0 : pseudo_sum(ip, protocol, length);
    uint32_t at;

    if (protocol == TPA_IP_PROTOCOL_TCP)
        at = 16;
    else if (protocol == TPA_IP_PROTOCOL_UDP)
        at = 6;
    else if (protocol == TPA_IP_PROTOCOL_ICMP || protocol == TPA_IP_PROTOCOL_ICMPV6)
        at = 2;
    else
        return;
    if (length < at + 2)
        return;
    tpa_base_store16(transport + at, 0);
    tpa_base_store16(transport + at,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(transport, length, sum)));
}

uint32_t build(uint8_t *to, const struct spec *spec)
{
    uint8_t protocol = OR(spec->protocol, TPA_IP_PROTOCOL_TCP);
    uint8_t segment[24];
    const void *payload = spec->payload;
    uint32_t payload_length = spec->payload_length;
    uint8_t *ip = spec->loopback ? to : put_link(to, spec);
    uint8_t *transport, *end;

    if (payload == NULL) {
        payload = segment;
        payload_length = tcp_segment(segment, 1000, 80, 1, 4);
    }
    transport = spec->ipv6 ? put_ipv6(ip, spec, protocol, payload_length)
                           : put_ipv4(ip, spec, protocol, payload_length);
    end = put(transport, payload, payload_length);
    if (!spec->keep_checksum)
        fill_checksum(ip, transport, protocol, payload_length);
    memset(end, 0xee, spec->padding);
    return (uint32_t)(end + spec->padding - to);
}

struct rte_mbuf *packet_of(struct host *host, const uint8_t *bytes, uint32_t length,
                           uint32_t segment)
{
    struct rte_mbuf *head = NULL;

    if (segment == 0) {
        head = tpa_mem_packet_from_bytes(host->pool, bytes, length);
        cr_assert_not_null(head);
        return head;
    }
    for (uint32_t done = 0; done < length; done += segment) {
        uint32_t count = length - done < segment ? length - done : segment;
        struct rte_mbuf *piece = tpa_mem_packet_from_bytes(host->pool, bytes + done, count);

        cr_assert_not_null(piece);
        if (head == NULL)
            head = piece;
        else
            cr_assert_eq(tpa_mem_packet_chain(head, piece), 0);
    }
    return head;
}

struct rte_mbuf *packet(struct host *host, const struct spec *spec)
{
    static uint8_t bytes[70000];
    uint32_t length = build(bytes, spec);
    struct rte_mbuf *made = packet_of(host, bytes, length, spec->segment);

    made->ol_flags |= spec->offload;
    return made;
}

static uint16_t receive_at(struct host *host, uint8_t interface, struct rte_mbuf *received)
{
    free_tcp(host);
    host->tcp_count = tpa_ip_input(host->worker, interface, &received, 1, host->tcp, host->now);
    return host->tcp_count;
}

uint16_t receive(struct host *host, const struct spec *spec)
{
    return receive_at(host, spec->loopback ? TPA_IP_INTERFACE_LOOPBACK : host->interface,
                      packet(host, spec));
}

uint16_t receive_packet(struct host *host, struct rte_mbuf *received)
{
    return receive_at(host, host->interface, received);
}

uint16_t receive_bytes(struct host *host, const uint8_t *bytes, uint32_t length)
{
    return receive_packet(host, packet_of(host, bytes, length, 0));
}

void free_tcp(struct host *host)
{
    for (uint16_t i = 0; i < host->tcp_count; i++)
        tpa_mem_packet_free(host->tcp[i]);
    host->tcp_count = 0;
}

uint64_t drops(const struct host *host, enum tpa_base_drop reason)
{
    return tpa_base_drop_get(&host->drops, reason);
}

void expect_dropped(struct host *host, const struct spec *spec, enum tpa_base_drop reason)
{
    struct tpa_base_drop_counters before = host->drops;

    cr_assert_eq(receive(host, spec), 0, "delivered instead of %s", tpa_base_drop_name(reason));
    for (int i = 0; i < TPA_BASE_DROP_COUNT; i++)
        cr_assert_eq(drops(host, i), tpa_base_drop_get(&before, i) + (i == (int)reason),
                     "expected %s, counter of %s moved or did not", tpa_base_drop_name(reason),
                     tpa_base_drop_name(i));
    expect_nothing_sent(host);
}

bool take_sent(struct host *host, struct sent *sent)
{
    struct rte_mbuf *frame;

    if (tpa_ip_take(host->worker, host->interface, &frame, 1) == 0)
        return false;
    sent->length = tpa_mem_packet_length(frame);
    sent->offload = frame->ol_flags;
    cr_assert_leq(sent->length, sizeof(sent->bytes));
    for (uint32_t done = 0; done < sent->length; done += 1)
        sent->bytes[done] = *(const uint8_t *)tpa_mem_packet_read(frame, done, 1, NULL);
    tpa_mem_packet_free(frame);
    return true;
}

void expect_nothing_sent(struct host *host)
{
    cr_assert_eq(tpa_ip_waiting(host->worker), 0, "a packet was sent");
}

void discard_sent(struct host *host)
{
    struct rte_mbuf *frame;

    while (tpa_ip_take(host->worker, host->interface, &frame, 1) > 0)
        tpa_mem_packet_free(frame);
}

uint8_t pattern_byte(uint32_t i)
{
    return (uint8_t)(i * 7 + (i >> 8));
}

static void fill_pattern(uint8_t *to, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        to[i] = pattern_byte(i);
}

uint32_t icmp_echo(uint8_t *to, bool ipv6, uint32_t data_length)
{
    memset(to, 0, 8);
    to[0] = ipv6 ? TPA_IP_ICMPV6_ECHO_REQUEST : TPA_IP_ICMP_ECHO_REQUEST;
    tpa_base_store_be16(to + 4, 0x1234);
    tpa_base_store_be16(to + 6, 1);
    fill_pattern(to + 8, data_length);
    return 8 + data_length;
}

uint32_t tcp_segment(uint8_t *to, uint16_t source_port, uint16_t destination_port,
                     uint32_t sequence, uint32_t data_length)
{
    memset(to, 0, 20);
    tpa_base_store_be16(to, source_port);
    tpa_base_store_be16(to + 2, destination_port);
    tpa_base_store_be32(to + 4, sequence);
    to[12] = 0x50;
    to[13] = 0x10;
    fill_pattern(to + 20, data_length);
    return 20 + data_length;
}

uint32_t udp_datagram(uint8_t *to, uint32_t data_length)
{
    memset(to, 0, 8);
    tpa_base_store_be16(to, 5000);
    tpa_base_store_be16(to + 2, 53);
    tpa_base_store_be16(to + 4, (uint16_t)(8 + data_length));
    fill_pattern(to + 8, data_length);
    return 8 + data_length;
}

bool checksum_is_right(const uint8_t *ip, uint32_t length)
{
    uint32_t header = ip[0] >> 4 == 4 ? (ip[0] & 0xfu) * 4 : 40;
    uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
    uint32_t sum;

    if (protocol == TPA_IP_PROTOCOL_HOP_BY_HOP) {
        protocol = ip[header];
        header += 8;
    }
    sum = protocol == TPA_IP_PROTOCOL_ICMP ? 0 : pseudo_sum(ip, protocol, length - header);
    return tpa_base_checksum_finish(tpa_base_checksum_partial(ip + header, length - header, sum)) ==
           0;
}

struct rte_mbuf *own_segment(struct host *host, uint32_t data_length)
{
    static uint8_t bytes[70000];
    struct rte_mbuf *made;

    (void)tcp_segment(bytes, 80, 1000, 0x01020304, data_length);
    made = tpa_mem_packet_from_bytes(host->pool, bytes, 20 + data_length);
    cr_assert_not_null(made);
    made->l4_len = 20;
    return made;
}

struct tpa_ip_path *get_path(struct host *host, const char *destination)
{
    struct tpa_base_address to = address(destination);
    int error = 0;
    struct tpa_ip_path *path = tpa_ip_path_get(host->worker, NULL, &to, &error);

    cr_assert_not_null(path, "no path to %s: %d", destination, error);
    return path;
}

void send_segment(struct host *host, struct tpa_ip_path *path, uint32_t data_length)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};

    tpa_ip_output(host->worker, path, own_segment(host, data_length), &send, host->now);
}
