/* The n-th allocation fails, for every n: nothing leaks, nothing crashes, and it works again later.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(allocation);

/* More than any scenario allocates: 65 KB of echo in and out, in buffers of 2 KB. */
#define ALLOCATIONS_MAX 300

static void drive(struct host *host, struct rte_mbuf **received, unsigned int count,
                  int64_t fail_at, bool sticky)
{
    host->pool->fault_countdown = fail_at;
    host->pool->fault_sticky = sticky;
    for (unsigned int i = 0; i < count; i++)
        receive_packet(host, received[i]);
    wait_for(host, TPA_BASE_MINUTE);
    host->pool->fault_countdown = 0;
    host->pool->fault_sticky = false;
    discard_sent(host);
    free_tcp(host);
    cr_assert_eq(tpa_mem_pool_in_use(host->pool), 0, "leaked with allocation %ld", fail_at);
}

static void fail_each(struct host *host, const struct spec *spec)
{
    for (int64_t n = 1; n < 8; n++) {
        struct rte_mbuf *received = packet(host, spec);

        drive(host, &received, 1, n, n % 2 == 0);
    }
    cr_assert_eq(receive(host, &(struct spec){0}), 1, "works again");
    free_tcp(host);
}

/* Attack 46. */
Test(allocation, answers_to_each_kind_of_packet)
{
    static const uint8_t bad_option[8] = {6, 0, 0x80, 4, 0, 0, 0, 0};
    uint8_t message[128], solicitation[24] = {135};
    struct tpa_base_address us = address(US6);
    struct host host;

    host_begin(&host);
    memcpy(solicitation + 8, us.u8, 16);
    fail_each(&host, &(struct spec){.protocol = TPA_IP_PROTOCOL_ICMP,
                                    .payload = message,
                                    .payload_length = icmp_echo(message, false, 56)});
    fail_each(&host, &(struct spec){.ipv6 = true,
                                    .protocol = TPA_IP_PROTOCOL_ICMPV6,
                                    .payload = message,
                                    .payload_length = icmp_echo(message, true, 56)});
    fail_each(&host, &(struct spec){.protocol = TPA_IP_PROTOCOL_UDP,
                                    .payload = message,
                                    .payload_length = udp_datagram(message, 56)});
    fail_each(&host, &(struct spec){.protocol = 99});
    fail_each(&host, &(struct spec){.ipv6 = true,
                                    .options = bad_option,
                                    .options_length = 8,
                                    .first_header = TPA_IP_PROTOCOL_DESTINATION_OPTIONS});
    fail_each(&host, &(struct spec){.ipv6 = true,
                                    .destination = "ff02::1:ff00:1",
                                    .ttl = 255,
                                    .protocol = TPA_IP_PROTOCOL_ICMPV6,
                                    .payload = solicitation,
                                    .payload_length = 24});
    host_end(&host);
}

Test(allocation, a_large_echo_in_fragments)
{
    static uint8_t message[65000], whole[66000];
    struct rte_mbuf *fragments[64];
    struct host host;
    uint32_t length = icmp_echo(message, false, 60000);
    uint64_t answered;

    host_begin(&host);
    (void)build(whole, &(struct spec){.loopback = true,
                                      .protocol = TPA_IP_PROTOCOL_ICMP,
                                      .payload = message,
                                      .payload_length = length});
    for (int64_t n = 1; n < ALLOCATIONS_MAX; n += 7) {
        unsigned int count = 0;

        for (uint32_t offset = 0; offset < length; offset += 1480) {
            bool more = length - offset > 1480;
            struct spec spec = {
                .protocol = TPA_IP_PROTOCOL_ICMP,
                .identification = (uint16_t)n,
                .fragment_field = (uint16_t)(offset / 8 | (more ? 0x2000u : 0)),
                .payload = whole + 20 + offset,
                .payload_length = more ? 1480 : length - offset,
                .keep_checksum = true,
            };

            fragments[count++] = packet(&host, &spec);
        }
        drive(&host, fragments, count, n, n % 2 == 0);
    }
    answered = drops(&host, TPA_BASE_DROP_ICMP_CONSUMED);
    cr_assert_gt(answered, 0);
    cr_assert_gt(drops(&host, TPA_BASE_DROP_NETDEV_NO_BUFFER), 0);
    host_end(&host);
}

Test(allocation, resolution_goes_on_when_a_request_could_not_be_sent)
{
    struct tpa_ip_path *path;
    struct host host;
    struct sent sent;
    struct rte_mbuf *segment;
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};

    host_begin(&host);
    path = get_path(&host, OTHER);
    segment = own_segment(&host, 4);
    host.pool->fault_countdown = 1;
    tpa_ip_output(host.worker, path, segment, &send, host.now);
    expect_nothing_sent(&host);
    wait_for(&host, TPA_BASE_SECOND + TPA_BASE_MILLISECOND);
    cr_assert(take_sent(&host, &sent), "the second request");
    tpa_ip_path_put(host.worker, path);
    host_end(&host);
}

/* A chunk source that fails when it is told to. */
struct failing {
    int64_t countdown; /* chunks until it fails; 0 = it doesn't */
    uint64_t taken;
};

static void *take_chunk(void *context, size_t size, size_t alignment)
{
    struct failing *failing = context;

    if (failing->countdown > 0 && --failing->countdown == 0)
        return NULL;
    failing->taken++;
    return tpa_mem_chunk_source_default.take(tpa_mem_chunk_source_default.context, size, alignment);
}

static void give_chunk(void *context, void *chunk, size_t size)
{
    struct failing *failing = context;

    failing->taken--;
    tpa_mem_chunk_source_default.give(tpa_mem_chunk_source_default.context, chunk, size);
}

Test(allocation, objects_that_can_not_be_had)
{
    struct failing failing = {.countdown = 0};
    struct tpa_mem_chunk_source source = {take_chunk, give_chunk, &failing};
    struct tpa_base_address peer = address(PEER), other = address(OTHER);
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_ip_path *path;
    struct host host;
    int error = 0;

    host_begin(&host);
    tpa_ip_worker_destroy(host.worker);
    host.worker_config.chunks = &source;
    host.worker = tpa_ip_worker_create(host.stack, &host.worker_config, host.now);

    /* a path */
    failing.countdown = 1;
    cr_assert_null(tpa_ip_path_get(host.worker, NULL, &peer, &error));
    cr_assert_eq(error, TPA_ENOMEM);
    path = tpa_ip_path_get(host.worker, NULL, &other, &error);
    cr_assert_not_null(path);

    /* a resolution */
    failing.countdown = 1;
    tpa_ip_output(host.worker, path, own_segment(&host, 4), &send, host.now);
    cr_assert_eq(drops(&host, TPA_BASE_DROP_NEIGHBOUR_BUDGET), 1);
    tpa_ip_path_put(host.worker, path);

    /* a reassembly */
    failing.countdown = 1;
    expect_dropped(&host, &(struct spec){.fragment_field = TPA_IP_IPV4_MF, .keep_checksum = true},
                   TPA_BASE_DROP_FRAGMENT_LIMIT);

    /* an announcement */
    failing.countdown = 1;
    add_address(&host, "10.0.0.9", 24);
    wait_for(&host, 0);
    expect_nothing_sent(&host);

    host_end(&host);
    cr_assert_eq(failing.taken, 0);
}
