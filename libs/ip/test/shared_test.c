/* Several workers on one stack, and changes while they run. */
#include <pthread.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/mem/rcu.h>

#include "fixture.h"
#include "test/support/pools.h"
#include "wire.h"

TestSuite(shared, .timeout = 120);

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

/* A worker's thread: sends and receives over paths while the tables change below it. */
struct runner {
    struct host *host;
    uint64_t seed;
    uint64_t sent;
    uint64_t received;
};

#define ROUNDS 3000

static volatile bool stop_changing;

static void run_round(struct runner *runner, struct tpa_ip_worker *worker, uint64_t now,
                      struct tpa_base_random *random)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct tpa_base_address to = tpa_base_address_from_ipv4(
        tpa_base_host_to_be32(0x0a000064u + (uint32_t)tpa_base_random_below(random, 8)));
    uint8_t bytes[128];
    struct rte_mbuf *frames[32];
    struct tpa_ip_path *path;
    uint16_t count;
    int error;

    path = tpa_ip_path_get(worker, NULL, &to, &error);
    if (path != NULL) {
        struct rte_mbuf *segment = tpa_mem_packet_from_bytes(runner->host->pool, bytes, 20);

        if (segment != NULL)
            tpa_ip_output(worker, path, segment, &send, now);
        tpa_ip_path_confirm(path, now);
        tpa_ip_path_put(worker, path);
    }
    frames[0] =
        tpa_mem_packet_from_bytes(runner->host->pool, bytes, build(bytes, &(struct spec){0}));
    if (frames[0] != NULL) {
        count = tpa_ip_input(worker, runner->host->interface, frames, 1, frames, now);
        runner->received += count;
        tpa_mem_packet_free_burst(frames, count);
    }
    tpa_ip_timers(worker, now);
    while ((count = tpa_ip_take(worker, runner->host->interface, frames, 32)) > 0) {
        runner->sent += count;
        tpa_mem_packet_free_burst(frames, count);
    }
}

static void *run_worker(void *context)
{
    struct runner *runner = context;
    struct tpa_base_drop_counters counters = {0};
    struct tpa_base_random random;
    struct tpa_ip_worker_config config = {
        .pool = runner->host->pool,
        .random = &random,
        .drops = &counters,
    };
    uint64_t now = runner->host->now;
    struct tpa_ip_worker *worker;

    tpa_base_random_seed(&random, runner->seed);
    worker = tpa_ip_worker_create(runner->host->stack, &config, now);
    tpa_mem_rcu_join();
    for (int round = 0; round < ROUNDS; round++) {
        run_round(runner, worker, now, &random);
        now += TPA_BASE_MILLISECOND;
        tpa_mem_rcu_quiescent();
    }
    tpa_ip_worker_destroy(worker);
    tpa_mem_rcu_leave();
    return NULL;
}

static void *change_tables(void *context)
{
    struct host *host = context;
    struct tpa_base_address network = address("10.0.0.96"), by = address(PEER);
    struct tpa_base_address own = address("10.0.0.9");
    struct tpa_ip_neighbour all[64], neighbour = {.mac = {2, 0, 0, 7}};

    for (uint64_t i = 0; !__atomic_load_n(&stop_changing, __ATOMIC_RELAXED); i++) {
        (void)tpa_ip_route_add(host->stack, &network, 28, &by, host->interface);
        (void)tpa_ip_address_add(host->stack, host->interface, &own, 24);
        neighbour.address =
            tpa_base_address_from_ipv4(tpa_base_host_to_be32(0x0a000064u + (uint32_t)(i % 8)));
        (void)tpa_ip_neighbour_set(host->stack, &neighbour, host->now);
        (void)tpa_ip_neighbours(host->stack, all, 64);
        (void)tpa_ip_is_local(host->stack, &own);
        (void)tpa_ip_interface_set_mtu(host->stack, host->interface, (uint16_t)(1400 + i % 100));
        (void)tpa_ip_route_remove(host->stack, &network, 28);
        (void)tpa_ip_address_remove(host->stack, &own);
        (void)tpa_ip_neighbour_remove(host->stack, host->interface, &neighbour.address);
    }
    return NULL;
}

Test(shared, tables_change_while_workers_run)
{
    struct runner runners[2];
    pthread_t threads[2], changer;
    struct host host;

    host_begin(&host);
    cr_assert_eq(pthread_create(&changer, NULL, change_tables, &host), 0);
    for (unsigned int i = 0; i < 2; i++) {
        runners[i] = (struct runner){.host = &host, .seed = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, run_worker, &runners[i]), 0);
    }
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&stop_changing, true, __ATOMIC_RELAXED);
    pthread_join(changer, NULL);
    for (unsigned int i = 0; i < 2; i++) {
        cr_assert_eq(runners[i].received, ROUNDS);
        cr_assert_gt(runners[i].sent, 0);
    }
    tpa_mem_rcu_barrier();
    host_end(&host);
}
