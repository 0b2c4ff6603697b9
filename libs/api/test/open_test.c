/* Opening: listeners and their addresses, connects and each way in which they fail, sids. */
#include "world.h"

#include "worker.h"

TestSuite(listen, .init = world_begin_usual, .fini = world_end);
TestSuite(connect, .init = world_begin_usual, .fini = world_end);

static int server_listens(const char *local, uint16_t port)
{
    world_enter(&world.server, 0);
    return tpa_listen_on(local, port, NULL);
}

static int client_connects(const char *server, uint16_t port)
{
    world_enter(&world.client, 0);
    return tpa_connect_to(server, port, NULL);
}

static int client_connects_from(uint16_t local_port)
{
    struct tpa_sock_opts opts = {.local_port = local_port};

    world_enter(&world.client, 0);
    return tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, &opts);
}

/* The data of the listener that a new connection to `server` came through; NULL = none came. */
static void *accepted_by(const char *server)
{
    struct tpa_sock_info info;
    int client = client_connects(server, WORLD_PORT);
    int sid;

    cr_assert_geq(client, 0, "%s", strerror(errno));
    world_settle();
    sid = world_accept();
    if (sid < 0)
        return NULL;
    cr_assert_eq(tpa_sock_info_get(sid, &info), 0);
    return info.data;
}

static int listens_with(const char *local, const char *data)
{
    struct tpa_sock_opts opts = {.data = (void *)(uintptr_t)data};

    world_enter(&world.server, 0);
    return tpa_listen_on(local, WORLD_PORT, &opts);
}

/* ---- Listeners ---- */

Test(listen, refuses_what_makes_no_sense)
{
    EXPECT_ERRNO(server_listens(NULL, 0), EINVAL);
    EXPECT_ERRNO(server_listens("10.0.0", 80), EINVAL);
    EXPECT_ERRNO(server_listens("", 80), EINVAL);
    EXPECT_ERRNO(server_listens("localhost", 80), EINVAL);
    EXPECT_ERRNO(server_listens("10.0.0.9", 80), EINVAL);
    EXPECT_ERRNO(server_listens("fd00::9", 80), EINVAL);
    EXPECT_ERRNO(server_listens("224.0.0.1", 80), EINVAL);
    tpa_api_worker_enter(NULL);
    EXPECT_ERRNO(tpa_listen_on(NULL, 80, NULL), ENFILE);
}

Test(listen, a_port_is_taken_once)
{
    cr_assert_geq(server_listens(NULL, 80), 0);
    EXPECT_ERRNO(server_listens(NULL, 80), EADDRINUSE);
    EXPECT_ERRNO(server_listens("0.0.0.0", 80), EADDRINUSE);
    EXPECT_ERRNO(server_listens("::", 80), EADDRINUSE);
    cr_assert_geq(server_listens(WORLD_SERVER_IPV4, 80), 0, "a certain address goes first");
    EXPECT_ERRNO(server_listens(WORLD_SERVER_IPV4, 80), EADDRINUSE);
    EXPECT_ERRNO(server_listens("127.0.0.1", 80), EADDRINUSE);
    cr_assert_geq(server_listens(NULL, 81), 0);
}

Test(listen, the_families_are_apart)
{
    cr_assert_geq(listens_with("0.0.0.0", "four"), 0);
    cr_assert_null(accepted_by(WORLD_SERVER_IPV6), "refused");
    cr_assert_geq(listens_with("::", "six"), 0);
    cr_assert_str_eq(accepted_by(WORLD_SERVER_IPV4), "four");
    cr_assert_str_eq(accepted_by(WORLD_SERVER_IPV6), "six");
}

Test(listen, a_certain_address_goes_before_any)
{
    cr_assert_geq(listens_with(NULL, "any"), 0);
    cr_assert_geq(listens_with(WORLD_SERVER_IPV4, "certain"), 0);
    cr_assert_str_eq(accepted_by(WORLD_SERVER_IPV4), "certain");
    cr_assert_str_eq(accepted_by(WORLD_SERVER_IPV6), "any");
}

Test(listen, loopback_means_the_stacks_own_address)
{
    cr_assert_geq(listens_with("127.0.0.1", "own"), 0);
    cr_assert_str_eq(accepted_by(WORLD_SERVER_IPV4), "own");
}

Test(listen, tells_what_it_is)
{
    struct tpa_sock_info info;
    int sid = listens_with(WORLD_SERVER_IPV4, "data");
    char text[INET6_ADDRSTRLEN];

    cr_assert_eq(tpa_sock_info_get(sid, &info), 0);
    cr_assert_eq(info.worker, world.server.workers[0]);
    cr_assert_str_eq(info.data, "data");
    cr_assert_str_eq(tpa_ip_to_str(&info.local_ip, text, sizeof(text)), WORLD_SERVER_IPV4);
    cr_assert_eq(ntohs(info.local_port), WORLD_PORT);
    EXPECT_ERRNO(tpa_sock_info_get(sid, NULL), EINVAL);
}

Test(listen, after_close_the_port_is_free_and_connects_are_refused)
{
    int sid = world_listen();

    tpa_close(sid);
    cr_assert_null(accepted_by(WORLD_SERVER_IPV4));
    cr_assert_eq(world_listen(), 1, "0 is the connect's that was refused");
}

Test(listen, a_close_resets_what_was_not_accepted)
{
    int listener = world_listen(), established, half_open;

    established = client_connects(WORLD_SERVER_IPV4, WORLD_PORT);
    world_settle();
    half_open = client_connects(WORLD_SERVER_IPV4, WORLD_PORT);
    world.client.wire->slow = true; /* its SYN-ACK does not come through */
    world_step();
    world_step();
    tpa_close(listener);
    cr_assert_eq(world.server.workers[0]->counters.socks, 2);
    world_step();
    world.client.wire->slow = false;
    world_settle();
    cr_assert_eq(world.server.workers[0]->counters.socks, 0);
    EXPECT_ERRNO(tpa_zreadv(established, &(struct tpa_iovec){0}, 1), ECONNRESET);
    cr_assert_eq(tpa_zreadv(half_open, &(struct tpa_iovec){0}, 1), -1);
    cr_assert(errno == ECONNRESET || errno == ECONNREFUSED, "%s", strerror(errno));
}

/* The resets can't go out yet: the embryos live on, and their listener's memory is gone. */
Test(listen, a_close_while_the_port_is_full)
{
    int listener = world_listen();

    client_connects(WORLD_SERVER_IPV4, WORLD_PORT);
    world_settle();
    world.server.wire->full = true;
    world_write(client_connects(WORLD_SERVER_IPV4, WORLD_PORT) - 1, "x", 1);
    world_run(10);
    tpa_close(listener);
    world_run(10);
    cr_assert_eq(world_accept(), -1);
    world.server.wire->full = false;
    world_run(10);
    cr_assert_eq(world.server.workers[0]->counters.socks, 0);
}

/* MUST-41: the connection's own port and the peer's, too, may be listened at from then on. */
Test(listen, leaves_connections_alone)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_sock_info info;

    world_enter(&world.client, 0);
    cr_assert_eq(tpa_sock_info_get(pair.client, &info), 0);
    cr_assert_geq(tpa_listen_on(NULL, ntohs(info.local_port), NULL), 0);
    cr_assert_geq(server_listens(WORLD_SERVER_IPV4, WORLD_PORT), 0);
    cr_assert_geq(server_listens(NULL, WORLD_PORT + 1), 0);
    world_transfer(pair.client, pair.server, 100000);
    world_transfer(pair.server, pair.client, 100000);
}

Test(listen, leaves_accepted_connections_alone_when_it_is_closed)
{
    int listener;
    struct world_pair pair = world_pair(&listener);

    tpa_close(listener);
    world_settle();
    world_transfer(pair.client, pair.server, 100000);
}

static void backlog_of_3(struct tpa_api_instance_config *config)
{
    config->listen_backlog = 3;
    config->syn_cookies = TPA_API_SYN_COOKIES_OFF;
}

static void begin_with_backlog_of_3(void)
{
    world_begin(&(struct world_options){.adjust = backlog_of_3});
}

TestSuite(backlog, .init = begin_with_backlog_of_3, .fini = world_end);

Test(backlog, the_fourth_waits_until_one_is_accepted)
{
    world_listen();
    for (int i = 0; i < 4; i++)
        client_connects(WORLD_SERVER_IPV4, WORLD_PORT);
    world_run(100);
    cr_assert_eq(world.server.workers[0]->counters.socks, 3);
    cr_assert_eq(world_drops(&world.server, TPA_BASE_DROP_TCP_LISTEN_BACKLOG), 1);
    cr_assert_geq(world_accept(), 0);
    world_run(2000);
    for (int i = 0; i < 3; i++)
        cr_assert_geq(world_accept(), 0, "%d", i);
    cr_assert_eq(world_accept(), -1);
}

/* ---- Connects ---- */

Test(connect, refuses_what_makes_no_sense)
{
    EXPECT_ERRNO(client_connects("10.0.0", 80), EINVAL);
    EXPECT_ERRNO(client_connects("", 80), EINVAL);
    EXPECT_ERRNO(client_connects(NULL, 80), EINVAL);
    EXPECT_ERRNO(client_connects("example.org", 80), EINVAL);
    EXPECT_ERRNO(client_connects("0.0.0.0", 80), EINVAL);
    EXPECT_ERRNO(client_connects("::", 80), EINVAL);
    EXPECT_ERRNO(client_connects("224.0.0.1", 80), EINVAL);
    EXPECT_ERRNO(client_connects("10.0.0.255", 80), EINVAL);
    EXPECT_ERRNO(client_connects(WORLD_SERVER_IPV4, 0), EINVAL);
    EXPECT_ERRNO(client_connects("192.0.2.1", 80), ENETUNREACH);
    tpa_api_worker_enter(NULL);
    EXPECT_ERRNO(tpa_connect_to(WORLD_SERVER_IPV4, 80, NULL), ENFILE);
}

Test(connect, from_a_port_of_the_programs_choice)
{
    struct tpa_sock_info info;
    int sid;

    world_listen();
    sid = client_connects_from(1234);
    world_settle();
    cr_assert_geq(sid, 0);
    cr_assert_eq(tpa_sock_info_get(sid, &info), 0);
    cr_assert_eq(ntohs(info.local_port), 1234);
    cr_assert_eq(tpa_sock_info_get(world_accept(), &info), 0);
    cr_assert_eq(ntohs(info.remote_port), 1234);
    EXPECT_ERRNO(client_connects_from(1234), EADDRINUSE);
}

Test(connect, not_from_a_port_that_somebody_listens_at)
{
    world_enter(&world.client, 0);
    cr_assert_geq(tpa_listen_on(NULL, 1234, NULL), 0);
    EXPECT_ERRNO(client_connects_from(1234), EADDRINUSE);
}

/* Attack 36. */
Test(connect, not_to_itself_as_the_same_sock)
{
    struct tpa_sock_opts opts = {.local_port = 1234};

    world_enter(&world.client, 0);
    EXPECT_ERRNO(tpa_connect_to(WORLD_CLIENT_IPV4, 1234, &opts), EADDRINUSE);
}

static void three_ports(struct tpa_api_instance_config *config)
{
    config->local_port_low = 50000;
    config->local_port_high = 50002;
}

static void begin_with_three_ports(void)
{
    world_begin(&(struct world_options){.adjust = three_ports});
}

TestSuite(ports, .init = begin_with_three_ports, .fini = world_end);

Test(ports, end_after_the_range_and_come_back)
{
    int sids[3];

    world_listen();
    for (int i = 0; i < 3; i++)
        sids[i] = world_connect();
    EXPECT_ERRNO(client_connects(WORLD_SERVER_IPV4, WORLD_PORT), EADDRINUSE);
    cr_assert_geq(client_connects(WORLD_SERVER_IPV4, WORLD_PORT + 1), 0, "another tuple");
    tpa_close(sids[1]);
    world_settle();
    cr_assert_eq(world_connect(), sids[1]);
}

/* ---- Sids ---- */

Test(connect, gets_the_smallest_free_sid)
{
    int sids[4];

    for (int i = 0; i < 4; i++) {
        sids[i] = world_connect();
        cr_assert_eq(sids[i], i);
    }
    world_settle(); /* refused all of them: they go at once */
    tpa_close(2);
    tpa_close(1);
    cr_assert_eq(world_connect(), 1);
    cr_assert_eq(world_connect(), 2);
    cr_assert_eq(world_connect(), 4);
}

static void five_socks(struct tpa_api_instance_config *config)
{
    config->sock_max = 5;
}

static void begin_with_five_socks(void)
{
    world_begin(&(struct world_options){.adjust = five_socks});
}

TestSuite(socks, .init = begin_with_five_socks, .fini = world_end);

Test(socks, end_with_ENFILE_and_come_back)
{
    world_listen();
    for (int i = 0; i < 5; i++)
        world_connect();
    EXPECT_ERRNO(client_connects(WORLD_SERVER_IPV4, WORLD_PORT), ENFILE);
    tpa_close(3);
    world_settle();
    cr_assert_eq(world_connect(), 3);
}

/* The server's sixth connection is not lost: its SYN is repeated. */
Test(socks, a_server_without_a_free_one_lets_peers_wait)
{
    int accepted[5];

    world_listen();
    for (int i = 0; i < 5; i++)
        world_connect();
    world_run(100);
    for (int i = 0; i < 5; i++)
        accepted[i] = world_accept();
    cr_assert_geq(accepted[4], 0);
}

Test(socks, sids_that_run_out_leave_connections_in_the_queue)
{
    int taken = 0, sids[WORLD_SIDS];

    world_listen();
    world_connect();
    world_settle();
    /* The rest is somebody else's. */
    while ((sids[taken] = tpa_api_sid_take(world.sids, &world)) >= 0)
        taken++;
    cr_assert_eq(world_accept(), -1);
    EXPECT_ERRNO(client_connects(WORLD_SERVER_IPV4, WORLD_PORT), ENFILE);
    EXPECT_ERRNO(server_listens(NULL, 81), ENFILE);
    while (taken > 0)
        tpa_api_sid_give(world.sids, sids[--taken]);
    cr_assert_geq(world_accept(), 0);
}

Test(connect, tells_who_is_who)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_sock_info client, server;

    cr_assert_eq(tpa_sock_info_get(pair.client, &client), 0);
    cr_assert_eq(tpa_sock_info_get(pair.server, &server), 0);
    cr_assert_eq(client.worker, world.client.workers[0]);
    cr_assert_eq(server.worker, world.server.workers[0]);
    cr_assert(tpa_ip_is_ipv4(&client.local_ip));
    cr_assert_eq(memcmp(&client.local_ip, &server.remote_ip, 16), 0);
    cr_assert_eq(memcmp(&client.remote_ip, &server.local_ip, 16), 0);
    cr_assert_eq(client.local_port, server.remote_port);
    cr_assert_eq(client.remote_port, server.local_port);
    cr_assert_eq(ntohs(server.local_port), WORLD_PORT);
    cr_assert_eq(sizeof(struct tpa_sock_info), 128);
    cr_assert_eq(sizeof(struct tpa_sock_opts), 128);
}

Test(connect, accept_takes_as_many_as_asked_for)
{
    int sids[4] = {-1, -1, -1, -1};

    world_listen();
    for (int i = 0; i < 4; i++)
        world_connect();
    world_settle();
    world_enter(&world.server, 0);
    cr_assert_eq(tpa_accept_burst(world.server.workers[0], sids, 0), 0);
    cr_assert_eq(tpa_accept_burst(world.server.workers[0], sids, -1), 0);
    cr_assert_eq(tpa_accept_burst(world.server.workers[0], NULL, 4), 0);
    cr_assert_eq(tpa_accept_burst(NULL, sids, 4), 0);
    cr_assert_eq(tpa_accept_burst(world.server.workers[0], sids, 3), 3);
    cr_assert_eq(sids[3], -1);
    cr_assert_eq(tpa_accept_burst(world.server.workers[0], sids, 4), 1);
}
