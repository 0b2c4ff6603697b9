/* Several workers on one stack. test/threads has them in threads of their own. */
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "wire.h"

TestSuite(shared);

static struct tpa_ip_worker *second_worker(struct host *host)
{
    struct tpa_ip_worker *worker =
        tpa_ip_worker_create(host->stack, &host->worker_config, host->now);

    cr_assert_not_null(worker);
    return worker;
}

static unsigned int discard_sent_of(struct tpa_ip_worker *worker, uint8_t interface)
{
    struct rte_mbuf *frame;
    unsigned int count = 0;

    for (; tpa_ip_take(worker, interface, &frame, 1) > 0; count++)
        tpa_mem_packet_free(frame);
    return count;
}

Test(shared, one_worker_learns_what_another_resolved)
{
    static const uint8_t reply[42] = {2,  0, 0, 0,    0, 1, 2, 0, 0, 0, 0,  0x77, 8, 6,
                                      0,  1, 8, 0,    6, 4, 0, 2, 2, 0, 0,  0,    0, 0x77,
                                      10, 0, 0, 0x4d, 2, 0, 0, 0, 0, 1, 10, 0,    0, 1};
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_base_address other = address(OTHER);
    struct tpa_ip_worker *second;
    struct tpa_ip_path *path, *path_of_second;
    struct host host;
    int error;

    host_begin(&host);
    second = second_worker(&host);
    path = get_path(&host, OTHER);
    path_of_second = tpa_ip_path_get(second, NULL, &other, &error);
    send_segment(&host, path, 4);
    tpa_ip_output(second, path_of_second, own_segment(&host, 4), &send, host.now);
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface) + tpa_ip_queued(second, host.interface),
                 1, "one request for both");
    discard_sent(&host);

    /* the answer arrives at the first */
    receive_bytes(&host, reply, sizeof(reply));
    cr_assert_eq(tpa_ip_queued(host.worker, host.interface), 1);
    cr_assert_eq(tpa_ip_queued(second, host.interface), 0);
    tpa_ip_timers(second, host.now);
    cr_assert_eq(discard_sent_of(second, host.interface), 1);
    tpa_ip_output(second, path_of_second, own_segment(&host, 4), &send, host.now);
    cr_assert_eq(discard_sent_of(second, host.interface), 1);

    discard_sent(&host);
    tpa_ip_path_put(host.worker, path);
    tpa_ip_path_put(second, path_of_second);
    tpa_ip_worker_destroy(second);
    host_end(&host);
}

Test(shared, one_worker_announces)
{
    struct tpa_ip_worker *second;
    struct host host;

    host_begin(&host);
    second = second_worker(&host);
    add_address(&host, "10.0.0.9", 24);
    tpa_ip_timers(second, host.now);
    wait_for(&host, TPA_BASE_MINUTE);
    expect_nothing_sent(&host);
    cr_assert_eq(discard_sent_of(second, host.interface), 1);
    tpa_ip_worker_destroy(second);
    host_end(&host);
}

Test(shared, a_learnt_path_mtu_is_everybodys)
{
    struct tpa_ip_error error = {.source = address(US), .destination = address(PEER), .mtu = 1000};
    struct tpa_base_address peer = address(PEER);
    struct tpa_ip_worker *second;
    struct tpa_ip_path *path;
    struct host host;
    int failed;

    host_begin(&host);
    second = second_worker(&host);
    path = tpa_ip_path_get(second, NULL, &peer, &failed);
    cr_assert_eq(tpa_ip_path_mtu(path), 1500);
    tpa_ip_path_mtu_accept(host.worker, &error, host.now);
    cr_assert_eq(tpa_ip_path_mtu(path), 1000);
    tpa_ip_path_put(second, path);
    tpa_ip_worker_destroy(second);
    host_end(&host);
}
