/*
 * Several workers, driven from one thread: whoever opens a connection, whoever listens, wherever
 * the port delivers its packets, it works.
 */
#include "world.h"

#include <criterion/parameterized.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>
#include <tpa/base/error.h>

#include "worker.h"

/* What the ports are like. */
static const struct world_options kinds[] = {
    {.client_workers = 4, .server_workers = 4, .spread = TEST_WIRE_SPRAYED}, /* one queue */
    {.client_workers = 1,
     .server_workers = 4,
     .server_queues = 4,
     .spread = TEST_WIRE_SPRAYED}, /* any queue, at random */
    {.client_workers = 4,
     .server_workers = 3,
     .client_queues = 2,
     .server_queues = 3,
     .spread = TEST_WIRE_SPRAYED}, /* fewer queues than workers */
    {.client_workers = 4,
     .server_workers = 4,
     .client_queues = 4,
     .server_queues = 4,
     .spread = TEST_WIRE_HIDDEN}, /* RSS that nobody knows */
    {.client_workers = 4,
     .server_workers = 4,
     .client_queues = 4,
     .server_queues = 4,
     .spread = TEST_WIRE_AS_LOWER}, /* RSS as the port tells */
};

#define EACH_KIND(suite, name)                                                     \
    ParameterizedTestParameters(suite, name)                                       \
    {                                                                              \
        return cr_make_param_array(struct world_options, (void *)(uintptr_t)kinds, \
                                   sizeof(kinds) / sizeof(kinds[0]));              \
    }                                                                              \
    ParameterizedTest(struct world_options *kind, suite, name)

enum {
    COUNT = 24,
    BYTES = 40000
};

static int listen_at(uint32_t worker, bool scaling)
{
    struct tpa_sock_opts opts = {.listen_scaling = scaling};
    int sid;

    world_enter(&world.server, worker);
    sid = tpa_listen_on(NULL, WORLD_PORT, &opts);
    cr_assert_geq(sid, 0);
    return sid;
}

static int connect_at(uint32_t worker, const struct tpa_sock_opts *opts)
{
    int sid;

    world_enter(&world.client, worker % world.client.worker_count);
    sid = tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, opts);
    cr_assert_geq(sid, 0, "%s", strerror(errno));
    return sid;
}

/* The neighbours know each other, so that no packet waits for them. */
static void introduce(void)
{
    int sid = connect_at(0, NULL);

    world_run(10);
    tpa_close(sid); /* it was refused */
    world_settle();
}

static struct world_pair connection(uint32_t client_worker, const struct tpa_sock_opts *opts,
                                    uint32_t *server_worker)
{
    struct world_pair pair = {.client = connect_at(client_worker, opts)};

    world_run(20);
    pair.server = world_accept_any(server_worker);
    cr_assert_geq(pair.server, 0, "the connection of worker %u did not come up", client_worker);
    return pair;
}

/* Connections from every worker in turn, each with data both ways, closed by either side first.
 * Returns how many each of the server's workers got. */
static void lives(unsigned int got[WORLD_WORKERS_MAX])
{
    memset(got, 0, WORLD_WORKERS_MAX * sizeof(got[0]));
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t worker;
        struct world_pair pair = connection(i, NULL, &worker);

        got[worker]++;
        world_transfer(pair.client, pair.server, BYTES);
        world_transfer(pair.server, pair.client, BYTES);
        tpa_close(i % 2 != 0 ? pair.client : pair.server);
        world_run(10);
        cr_assert_eq(world_read(i % 2 != 0 ? pair.server : pair.client, NULL, 0), 0);
        tpa_close(i % 2 != 0 ? pair.server : pair.client);
    }
}

EACH_KIND(workers, one_listener_gets_all)
{
    unsigned int got[WORLD_WORKERS_MAX];

    world_begin(kind);
    introduce();
    listen_at(2, false);
    lives(got);
    cr_assert_eq(got[2], COUNT);
    world_end();
}

EACH_KIND(workers, a_scaling_listener_spreads_over_all)
{
    unsigned int got[WORLD_WORKERS_MAX];

    world_begin(kind);
    introduce();
    listen_at(1, true);
    lives(got);
    for (uint32_t i = 0; i < world.server.worker_count; i++)
        cr_assert_gt(got[i], 0, "worker %u got none", i);
    world_end();
}

static void cookies_always(struct tpa_api_instance_config *config)
{
    config->syn_cookies = TPA_API_SYN_COOKIES_ALWAYS;
}

/* Nobody knows of the connection: the acknowledgement finds its worker by itself. */
EACH_KIND(workers, cookies_open_connections_where_they_belong)
{
    struct world_options options = *kind;
    unsigned int got[WORLD_WORKERS_MAX];
    int listener;

    options.adjust = cookies_always;
    world_begin(&options);
    introduce();
    listener = listen_at(2, false);
    lives(got);
    cr_assert_eq(got[2], COUNT);
    world_enter(&world.server, 2);
    tpa_close(listener);
    world_settle();
    listen_at(1, true);
    lives(got);
    for (uint32_t i = 0; i < world.server.worker_count; i++)
        cr_assert_gt(got[i], 0, "worker %u got none", i);
    world_end();
}

EACH_KIND(workers, fixed_local_ports_work_at_any_worker)
{
    uint32_t worker;

    world_begin(kind);
    introduce();
    listen_at(0, true);
    for (int i = 0; i < COUNT; i++) {
        struct tpa_sock_opts opts = {.local_port = (uint16_t)(2000 + i)};
        struct world_pair pair = connection(i, &opts, &worker);

        world_transfer(pair.client, pair.server, BYTES);
        world_transfer(pair.server, pair.client, BYTES);
        if (i % 3 == 0)
            tpa_close(pair.client);
    }
    world_end();
}

EACH_KIND(workers, a_tuple_is_taken_once_whoever_asks)
{
    struct tpa_sock_opts opts = {.local_port = 2000};

    world_begin(kind);
    connect_at(0, &opts);
    for (uint32_t i = 0; i < world.client.worker_count; i++) {
        world_enter(&world.client, i);
        EXPECT_ERRNO(tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, &opts), EADDRINUSE);
    }
    world_end();
}

EACH_KIND(workers, a_connect_that_nobody_listens_to_is_refused)
{
    world_begin(kind);
    for (uint32_t i = 0; i < COUNT; i++) {
        int sid = connect_at(i, NULL);

        world_run(10);
        EXPECT_ERRNO(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), ECONNREFUSED);
        tpa_close(sid);
    }
    world_end();
}

/* Embryos of the listener are at every worker when it goes. */
EACH_KIND(workers, a_listener_is_closed_under_load)
{
    int listener;

    world_begin(kind);
    introduce();
    listener = listen_at(1, true);
    for (uint32_t i = 0; i < 4 * COUNT; i++) {
        connect_at(i, NULL);
        if (i % 5 == 0)
            world_step();
    }
    world_enter(&world.server, 1);
    tpa_close(listener);
    world_run(10);
    for (uint32_t i = 0; i < world.server.worker_count; i++)
        cr_assert_eq(world.server.workers[i]->counters.socks, 0);
    listen_at(0, false);
    connection(0, NULL, &(uint32_t){0});
    world_end();
}

EACH_KIND(workers, a_closed_tuple_can_be_opened_again)
{
    struct tpa_sock_opts opts = {.local_port = 2001};
    uint32_t worker;

    world_begin(kind);
    introduce();
    listen_at(0, true);
    for (uint32_t i = 0; i < 6; i++) {
        struct world_pair pair = connection(1, &opts, &worker);

        world_transfer(pair.client, pair.server, 3000);
        tpa_close(i % 2 != 0 ? pair.client : pair.server);
        world_run(10);
        tpa_close(i % 2 != 0 ? pair.server : pair.client);
        world_run(50); /* TIME-WAIT at the one that closed first */
    }
    world_end();
}

/* ---- ICMP ---- */

static void checksum_store(uint8_t *to, const uint8_t *bytes, size_t length)
{
    uint16_t checksum = tpa_base_checksum_finish(tpa_base_checksum_partial(bytes, length, 0));

    memcpy(to, &checksum, sizeof(checksum));
}

/* An ICMP "port unreachable" for the last frame that the client sent, as it arrives at a queue. */
static void unreachable_arrives(uint16_t queue)
{
    enum {
        ETHERNET = 14,
        HEADERS = ETHERNET + 20 + 8,
        QUOTED = 28
    };
    const uint8_t *frame = world.client.wire->frame;
    uint8_t bytes[HEADERS + QUOTED] = {0};
    uint8_t *ip = bytes + ETHERNET, *icmp = ip + 20;
    struct rte_mbuf *packet;

    memcpy(bytes, frame + 6, 6);
    memcpy(bytes + 6, frame, 6);
    tpa_base_store_be16(bytes + 12, 0x0800);
    ip[0] = 0x45;
    tpa_base_store_be16(ip + 2, sizeof(bytes) - ETHERNET);
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, frame + ETHERNET + 16, 4);
    memcpy(ip + 16, frame + ETHERNET + 12, 4);
    checksum_store(ip + 10, ip, 20);
    icmp[0] = 3;
    icmp[1] = 3;
    memcpy(icmp + 8, frame + ETHERNET, QUOTED);
    checksum_store(icmp + 2, icmp, 8 + QUOTED);
    packet = tpa_mem_packet_from_bytes(world.pool, bytes, sizeof(bytes));
    test_wire_arrive(world.client.wire, queue, packet);
}

EACH_KIND(workers, an_icmp_error_finds_its_connection)
{
    world_begin(kind);
    introduce();
    world.server.wire->cut = true;
    for (uint32_t i = 0; i < 2 * COUNT; i++) {
        int sid = connect_at(i, NULL);

        world_step();
        world_step();
        world_step();
        unreachable_arrives((uint16_t)(i % world.client.wire->queue_count));
        world_run(1);
        EXPECT_ERRNO(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), ECONNREFUSED);
        tpa_close(sid);
    }
    world_end();
}

/* ---- Loopback ---- */

static void talk_to_itself(const char *address, bool scaling)
{
    for (uint32_t i = 0; i < 2 * world.server.worker_count; i++) {
        uint32_t worker;
        int client, server;

        world_enter(&world.server, i % world.server.worker_count);
        client = tpa_connect_to(address, WORLD_PORT, NULL);
        cr_assert_geq(client, 0);
        world_run(10);
        server = world_accept_any(&worker);
        cr_assert_geq(server, 0);
        cr_assert(scaling || worker == 1);
        world_transfer(client, server, BYTES);
        world_transfer(server, client, BYTES);
    }
}

EACH_KIND(workers, talk_to_each_other_over_loopback)
{
    world_begin(kind);
    tpa_close(listen_at(1, false));
    listen_at(1, false);
    talk_to_itself("127.0.0.1", false);
    talk_to_itself("::1", false);
    talk_to_itself(WORLD_SERVER_IPV4, false);
    world_end();
}

EACH_KIND(workers, talk_to_each_other_over_loopback_with_scaling)
{
    world_begin(kind);
    listen_at(1, true);
    talk_to_itself("127.0.0.1", true);
    talk_to_itself("::1", true);
    world_end();
}
