/* The life of connections: opened, accepted, closed in every order, refused, timed out. */
#include "world.h"

#include "worker.h"

TestSuite(connection, .init = world_begin_usual, .fini = world_end);

enum {
    SECOND = 1000 /* ms */
};

Test(connection, echoes)
{
    struct world_pair pair = world_pair(NULL);
    char text[8] = "";

    world_write(pair.client, "hello", 5);
    world_settle();
    cr_assert_eq(world_read(pair.server, text, sizeof(text)), 5);
    world_write(pair.server, text, 5);
    world_settle();
    memset(text, 0, sizeof(text));
    cr_assert_eq(world_read(pair.client, text, sizeof(text)), 5);
    cr_assert_str_eq(text, "hello");
}

Test(connection, carries_a_long_stream_each_way)
{
    struct world_pair pair = world_pair(NULL);

    world_transfer(pair.client, pair.server, 3000001);
    world_transfer(pair.server, pair.client, 3000001);
}

Test(connection, carries_a_stream_whose_packets_get_lost)
{
    struct world_pair pair = world_pair(NULL);

    world_transfer(pair.client, pair.server, 100000);
    world.client.wire->lose_payload = 3;
    world_transfer(pair.client, pair.server, 1000000);
    cr_assert_eq(world.client.wire->lose_payload, 0);
}

Test(connection, speaks_IPv6)
{
    struct world_pair pair;
    struct tpa_sock_info info;
    char text[INET6_ADDRSTRLEN];

    world_listen();
    world_enter(&world.client, 0);
    pair.client = tpa_connect_to(WORLD_SERVER_IPV6, WORLD_PORT, NULL);
    world_settle();
    pair.server = world_accept();
    world_transfer(pair.client, pair.server, 100000);

    cr_assert_eq(tpa_sock_info_get(pair.server, &info), 0);
    cr_assert_str_eq(tpa_ip_to_str(&info.remote_ip, text, sizeof(text)), WORLD_CLIENT_IPV6);
}

/* ---- The end of a connection ---- */

Test(connection, closed_by_the_client_first)
{
    struct world_pair pair = world_pair(NULL);

    tpa_close(pair.client);
    world_settle();
    cr_assert_eq(world_read(pair.server, NULL, 0), 0, "the end of the stream");
    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 1);
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 0);
}

Test(connection, closed_by_the_server_first)
{
    struct world_pair pair = world_pair(NULL);

    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(world_read(pair.client, NULL, 0), 0, "the end of the stream");
    tpa_close(pair.client);
    world_settle();
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 0);
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 1);
}

Test(connection, closed_by_both_at_once)
{
    struct world_pair pair = world_pair(NULL);

    tpa_close(pair.client);
    tpa_close(pair.server);
    world.client.wire->slow = world.server.wire->slow = true;
    world_step();
    world.client.wire->slow = world.server.wire->slow = false;
    world_settle();
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 1);
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 1);
    cr_assert_eq(world.client.workers[0]->counters.socks, 0);
}

Test(connection, closed_before_it_was_established)
{
    int sid;

    world_listen();
    sid = world_connect();
    tpa_close(sid);
    world_settle();
    cr_assert_eq(world_accept(), -1);
    EXPECT_ERRNO(tpa_write(sid, "x", 1), EPIPE);
}

Test(connection, TIME_WAIT_lasts_a_minute_and_no_longer)
{
    struct world_pair pair = world_pair(NULL);

    tpa_close(pair.client);
    tpa_close(pair.server);
    world_run(59 * SECOND);
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 1);
    world_run(2 * SECOND);
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 0);
}

/* What was written before the close arrives, and then the end. */
Test(connection, close_sends_what_is_queued)
{
    struct world_pair pair = world_pair(NULL);
    static char bytes[200000], got[sizeof(bytes)];

    memset(bytes, 'x', sizeof(bytes));
    world_write(pair.client, bytes, sizeof(bytes));
    tpa_close(pair.client);
    world_run(SECOND);
    cr_assert_eq(world_read(pair.server, got, sizeof(got)), sizeof(bytes));
    cr_assert_eq(memcmp(bytes, got, sizeof(got)), 0);
    cr_assert_eq(world_read(pair.server, NULL, 0), 0);
}

Test(connection, half_closed_by_the_peer_still_sends)
{
    struct world_pair pair = world_pair(NULL);
    char text[4];

    /* The server's program learns of the end and answers all the same. The client, which has closed
     * for good, says that nobody reads it. */
    tpa_close(pair.client);
    world_settle();
    cr_assert_eq(world_read(pair.server, text, sizeof(text)), 0);
    world_write(pair.server, "late", 4);
    world_settle();
    EXPECT_ERRNO(tpa_zreadv(pair.server, &(struct tpa_iovec){0}, 1), ECONNRESET);
}

Test(connection, accepted_when_the_peer_has_half_closed_it)
{
    char text[8] = "";
    int client, server;

    world_listen();
    client = world_connect();
    world_settle();
    world_write(client, "bye", 3);
    tpa_close(client);
    world_settle();

    server = world_accept();
    cr_assert_geq(server, 0);
    world_watch(server, TPA_EVENT_IN | TPA_EVENT_OUT);
    cr_assert_eq(world_events(&world.server, server), TPA_EVENT_IN | TPA_EVENT_OUT);
    cr_assert_eq(world_read(server, text, sizeof(text)), 3);
    cr_assert_eq(world_read(server, text, sizeof(text)), 0);
}

/* The client's program dies; its stack answers the server's acknowledgement by a reset. */
Test(connection, not_accepted_when_the_peer_has_reset_it)
{
    int client;

    world_listen();
    client = world_connect();
    world_settle();
    cr_assert_eq(world.server.workers[0]->counters.socks, 1);
    world_write(client, "x", 1);
    world.client.wire->slow = true;
    world_step();
    tpa_api_socks_drop_all(world.client.workers[0]);
    world.client.wire->slow = false;
    world_run(10);
    cr_assert_eq(world.server.workers[0]->counters.socks, 0);
    cr_assert_eq(world_accept(), -1);
}

Test(connection, close_with_unread_data_is_a_reset)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.client, TPA_EVENT_IN);
    world_write(pair.client, "unread", 6);
    world_settle();
    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(world_events(&world.client, pair.client) & (TPA_EVENT_ERR | TPA_EVENT_HUP),
                 TPA_EVENT_ERR | TPA_EVENT_HUP);
    EXPECT_ERRNO(tpa_zreadv(pair.client, &(struct tpa_iovec){0}, 1), ECONNRESET);
    EXPECT_ERRNO(tpa_write(pair.client, "x", 1), ECONNRESET);
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 0);
}

Test(connection, refused_where_nobody_listens)
{
    int sid = world_connect();

    world_watch(sid, TPA_EVENT_OUT);
    world_settle();
    cr_assert_eq(world_events(&world.client, sid), TPA_EVENT_ERR | TPA_EVENT_HUP);
    EXPECT_ERRNO(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), ECONNREFUSED);
    EXPECT_ERRNO(tpa_write(sid, "x", 1), ECONNREFUSED);
    tpa_close(sid);
    EXPECT_ERRNO(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), EINVAL);
}

Test(connection, open_times_out)
{
    uint64_t began = world.now;
    int sid;

    world_listen();
    world.server.wire->cut = true;
    /* The neighbour is known: it is the SYN that nobody answers. */
    sid = world_connect();
    world_watch(sid, TPA_EVENT_OUT);
    while (world_events(&world.client, sid) == 0 && world.now - began < UINT64_C(400000000000))
        world_run(SECOND);
    EXPECT_ERRNO(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), EHOSTUNREACH);
}

Test(connection, open_times_out_when_the_SYN_gets_no_answer)
{
    struct world_pair pair = world_pair(NULL); /* the neighbour is known now */
    uint64_t began = world.now;
    int sid;

    world.server.wire->cut = true;
    sid = world_connect();
    world_watch(sid, TPA_EVENT_OUT);
    while (world_events(&world.client, sid) == 0 && world.now - began < UINT64_C(400000000000))
        world_run(SECOND);
    cr_assert_eq(tpa_zreadv(sid, &(struct tpa_iovec){0}, 1), -1);
    cr_assert(errno == ETIMEDOUT || errno == EHOSTUNREACH, "%s", strerror(errno));
    cr_assert_geq(world.now - began, UINT64_C(3000000000), "not before R2");
    (void)pair;
}

Test(connection, data_times_out_when_the_wire_is_cut)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.client, TPA_EVENT_IN);
    world.client.wire->cut = true;
    world_write(pair.client, "lost", 4);
    world_run(600 * SECOND);
    cr_assert_eq(world_events(&world.client, pair.client), TPA_EVENT_ERR | TPA_EVENT_HUP);
    cr_assert_eq(tpa_zreadv(pair.client, &(struct tpa_iovec){0}, 1), -1);
    cr_assert(errno == ETIMEDOUT || errno == EHOSTUNREACH, "%s", strerror(errno));
}

/* Frames that the client sends when it sends again. */
static uint64_t next_frames(void)
{
    uint64_t before = world.client.wire->sent;

    for (int ms = 0; ms < 10 * SECOND && world.client.wire->sent == before; ms++)
        world_run(1);
    return world.client.wire->sent - before;
}

/* MUST-20: behind the third retransmission the neighbour is asked whether it is still there. */
Test(connection, a_path_becomes_suspect_and_is_probed)
{
    struct world_pair pair = world_pair(NULL);

    world.server.wire->cut = true;
    world_write(pair.client, "lost", 4);
    cr_assert_eq(next_frames(), 1);
    cr_assert_eq(next_frames(), 1, "the tail loss probe");
    for (int retransmission = 1; retransmission <= 3; retransmission++)
        cr_assert_eq(next_frames(), 1, "number %d", retransmission);
    cr_assert_eq(next_frames(), 2, "with an ARP request");
}

Test(connection, survives_a_wire_that_is_cut_for_a_second)
{
    struct world_pair pair = world_pair(NULL);
    char text[8];

    world.client.wire->cut = true;
    world_write(pair.client, "late", 4);
    world_run(SECOND);
    world.client.wire->cut = false;
    world_run(3 * SECOND);
    cr_assert_eq(world_read(pair.server, text, sizeof(text)), 4);
}

/* Another machine may have our addresses' traffic meanwhile: a switch behind the link learns anew.
 */
Test(connection, addresses_are_announced_when_the_link_is_back)
{
    uint64_t sent;

    world_run(10 * SECOND);
    sent = world.client.wire->sent;
    world.client.wire->unplugged = true;
    world_run(3 * SECOND);
    cr_assert_eq(world.client.wire->sent, sent);
    world.client.wire->unplugged = false;
    world_run(10 * SECOND);
    cr_assert_gt(world.client.wire->sent, sent);
    sent = world.client.wire->sent;
    world_run(60 * SECOND);
    cr_assert_eq(world.client.wire->sent, sent);
}

Test(connection, ends_when_the_port_has_vanished)
{
    struct world_pair pair = world_pair(NULL);
    uint64_t began = world.now;

    world_watch(pair.client, TPA_EVENT_IN);
    world.client.wire->gone = true;
    world_write(pair.client, "lost", 4);
    while (world_events(&world.client, pair.client) == 0 &&
           world.now - began < UINT64_C(900000000000))
        world_run(SECOND);
    EXPECT_ERRNO(tpa_zreadv(pair.client, &(struct tpa_iovec){0}, 1), ETIMEDOUT);
}

Test(connection, waits_for_a_port_that_is_full)
{
    struct world_pair pair = world_pair(NULL);

    world.client.wire->full = true;
    world_write(pair.client, "wait", 4);
    world_run(50);
    EXPECT_ERRNO(world_read(pair.server, NULL, 0), EAGAIN);
    world.client.wire->full = false;
    world_run(50);
    cr_assert_eq(world_read(pair.server, NULL, 100), 4);
}

/* ---- TIME-WAIT, reused ---- */

static void fixed_port_again(struct world_pair *pair, const struct tpa_sock_opts *opts)
{
    world_enter(&world.client, 0);
    pair->client = tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, opts);
    cr_assert_geq(pair->client, 0, "tpa_connect_to: %s", strerror(errno));
    world_settle();
    pair->server = world_accept();
    cr_assert_geq(pair->server, 0);
    world_transfer(pair->client, pair->server, 5000);
}

Test(connection, TIME_WAIT_at_the_server_gives_way_to_a_new_SYN)
{
    struct tpa_sock_opts opts = {.local_port = 5000};
    struct world_pair pair;

    world_listen();
    fixed_port_again(&pair, &opts);
    tpa_close(pair.server);
    world_settle();
    tpa_close(pair.client);
    world_settle();
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 1);

    world_run(50);
    fixed_port_again(&pair, &opts);
    cr_assert_eq(world.server.workers[0]->counters.time_waits, 0);
}

Test(connection, TIME_WAIT_at_the_client_gives_way_to_its_own_connect)
{
    struct tpa_sock_opts opts = {.local_port = 5000};
    struct world_pair pair;

    world_listen();
    fixed_port_again(&pair, &opts);
    tpa_close(pair.client);
    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 1);

    world_run(50);
    fixed_port_again(&pair, &opts);
    cr_assert_eq(world.client.workers[0]->counters.time_waits, 0);
}

/* ---- Loopback ---- */

static void talk_to_itself(const char *address)
{
    uint64_t sent;
    int client, server;

    world_listen();
    world_settle();
    sent = world.server.wire->sent;
    client = tpa_connect_to(address, WORLD_PORT, NULL);
    cr_assert_geq(client, 0, "%s: %s", address, strerror(errno));
    world_settle();
    server = world_accept();
    cr_assert_geq(server, 0, "%s", address);
    world_transfer(client, server, 300000);
    world_transfer(server, client, 300000);
    cr_assert_eq(world.server.wire->sent, sent, "nothing goes to the wire");
}

Test(connection, to_127_0_0_1_is_to_itself)
{
    talk_to_itself("127.0.0.1");
}

Test(connection, to_ip6_loopback_is_to_itself)
{
    talk_to_itself("::1");
}

Test(connection, to_its_own_address_is_to_itself)
{
    talk_to_itself(WORLD_SERVER_IPV4);
}

/* ---- Many ---- */

Test(connection, many_open_talk_and_close)
{
    enum {
        COUNT = 200
    };
    struct world_pair pairs[COUNT];

    world_pair(NULL); /* the neighbours know each other now */
    for (int i = 0; i < COUNT; i++)
        pairs[i].client = world_connect();
    world_settle();
    for (int i = 0; i < COUNT; i++) {
        pairs[i].server = world_accept();
        cr_assert_geq(pairs[i].server, 0);
        world_write(pairs[i].server, &i, sizeof(i));
    }
    world_settle();
    for (int i = 0; i < COUNT; i++) {
        int number;

        cr_assert_eq(world_read(pairs[i].client, &number, sizeof(number)), sizeof(number));
        tpa_close(pairs[i].client);
    }
    world_settle();
    cr_assert_eq(world.client.workers[0]->counters.socks, COUNT + 1,
                 "the servers have not closed yet");
}

/* A power cut: nobody says a word, everything is given back. */
TestSuite(power_cut, .init = world_begin_usual, .fini = world_destroy);

Test(power_cut, drops_connections_in_every_state)
{
    struct world_pair pair = world_pair(NULL);
    static char bytes[100000];

    world_write(pair.client, bytes, sizeof(bytes));
    world_step();
    world_write(pair.server, bytes, sizeof(bytes));
    world_connect();
    world_step();
    world_connect();
}
