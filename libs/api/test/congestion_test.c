/* Congestion controls by sock: options, inheritance, and exchange while a connection lives. */
#include <tpa/tcp/congestion.h>

#include "world.h"

#include "worker.h"

TestSuite(congestion, .init = world_begin_usual, .fini = world_end);

static int client_connects_with(const char *congestion)
{
    struct tpa_sock_opts opts = {.congestion = congestion};

    world_enter(&world.client, 0);
    return tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, &opts);
}

static int server_listens_with(const char *congestion)
{
    struct tpa_sock_opts opts = {.congestion = congestion};

    world_enter(&world.server, 0);
    return tpa_listen_on(NULL, WORLD_PORT, &opts);
}

static const char *control_of(int sid)
{
    const struct tpa_api_sock *sock = tpa_api_object_sock(tpa_api_sid_object(world.sids, sid));

    cr_assert_not_null(sock);
    return sock->tcp.window.algorithm->name;
}

Test(congestion, is_cubic_unless_asked_for_another)
{
    struct world_pair pair = world_pair(NULL);

    cr_assert_str_eq(control_of(pair.client), "cubic");
    cr_assert_str_eq(control_of(pair.server), "cubic");
}

Test(congestion, of_a_connect)
{
    struct world_pair pair;

    world_listen();
    EXPECT_ERRNO(client_connects_with("none-such"), EINVAL);
    EXPECT_ERRNO(client_connects_with(""), EINVAL);
    pair.client = client_connects_with("newreno");
    cr_assert_geq(pair.client, 0);
    world_settle();
    pair.server = world_accept();
    cr_assert_str_eq(control_of(pair.client), "newreno");
    cr_assert_str_eq(control_of(pair.server), "cubic");
    world_transfer(pair.client, pair.server, 100000);
}

Test(congestion, of_what_a_listener_accepts)
{
    struct world_pair pair;

    EXPECT_ERRNO(server_listens_with("none-such"), EINVAL);
    cr_assert_geq(server_listens_with("dctcp"), 0);
    pair.client = world_connect();
    world_settle();
    pair.server = world_accept();
    cr_assert_str_eq(control_of(pair.client), "cubic");
    cr_assert_str_eq(control_of(pair.server), "dctcp");
    world_transfer(pair.server, pair.client, 100000);
}

Test(congestion, exchanged_while_the_connection_lives)
{
    static const char *const names[] = {"newreno", "dctcp", "cubic", "newreno"};
    struct world_pair pair = world_pair(NULL);

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(names); i++) {
        world_enter(&world.client, 0);
        cr_assert_eq(tpa_sock_congestion_set(pair.client, names[i]), 0);
        cr_assert_str_eq(control_of(pair.client), names[i]);
        world_transfer(pair.client, pair.server, 300000);
    }
}

Test(congestion, each_error)
{
    int listener;
    struct world_pair pair = world_pair(&listener);

    world_enter(&world.client, 0);
    EXPECT_ERRNO(tpa_sock_congestion_set(pair.client, "none-such"), EINVAL);
    EXPECT_ERRNO(tpa_sock_congestion_set(pair.client, NULL), EINVAL);
    EXPECT_ERRNO(tpa_sock_congestion_set(-1, "cubic"), EINVAL);
    EXPECT_ERRNO(tpa_sock_congestion_set(listener, "cubic"), EINVAL);
    world.client.workers[0]->tcp.congestion_states.small.fault_countdown = 1;
    EXPECT_ERRNO(tpa_sock_congestion_set(pair.client, "newreno"), ENOMEM);
    cr_assert_str_eq(control_of(pair.client), "cubic");
}
