/* Floods of SYNs and of acknowledgements that nobody asked for: what gets through, and what it
 * costs. */
#include "world.h"

#include "forge.h"
#include "worker.h"

enum {
    SYN_BACKLOG = 16,
    LISTEN_BACKLOG = 32,
    SYNS_A_STEP = 50, /* 5 million a second: the rest of a step's packets is somebody else's */
    WINDOW = 200000,  /* a burst of it fits into a step beside the SYNs */
    BYTES = 4 << 20,
    TRANSFERS = 6,
};

static struct tpa_base_random attacker;
static uint64_t spoofed;

static void small_backlogs(struct tpa_api_instance_config *config)
{
    config->syn_backlog = SYN_BACKLOG;
    config->listen_backlog = LISTEN_BACKLOG;
    config->tcp.receive_buffer = WINDOW;
}

static void cookies_always(struct tpa_api_instance_config *config)
{
    small_backlogs(config);
    config->syn_cookies = TPA_API_SYN_COOKIES_ALWAYS;
}

static void cookies_off(struct tpa_api_instance_config *config)
{
    small_backlogs(config);
    config->syn_cookies = TPA_API_SYN_COOKIES_OFF;
}

static void begin_with(void (*adjust)(struct tpa_api_instance_config *))
{
    tpa_base_random_seed(&attacker, 1);
    spoofed = 0;
    world_begin(&(struct world_options){.adjust = adjust});
    forge_default_route();
}

static void begin(void)
{
    begin_with(small_backlogs);
}

TestSuite(flood, .init = begin, .fini = world_end);
TestSuite(flood_settings, .fini = world_end);

/* Somewhere in 172.16.0.0/12, which is not there. */
static uint32_t spoofed_address(void)
{
    return 0xac100000 | (uint32_t)tpa_base_random_below(&attacker, 1 << 20);
}

static uint16_t any_port(void)
{
    return (uint16_t)(1 + tpa_base_random_below(&attacker, 65535));
}

static void spoof_syns(void)
{
    for (int i = 0; i < SYNS_A_STEP; i++)
        forge(&(struct forged){.source = spoofed_address(),
                               .source_port = any_port(),
                               .flags = TPA_TCP_SYN,
                               .seq = tpa_base_random_u32(&attacker),
                               .options = i % 8 != 0});
    spoofed += SYNS_A_STEP;
}

static struct tpa_worker *server(void)
{
    return world.server.workers[0];
}

static const struct tpa_tcp_counters *server_tcp(void)
{
    return tpa_api_worker_tcp_counters(server());
}

/* The queue of half-open connections is full of what will never answer. */
static void flood_begins(void)
{
    world.each_step = spoof_syns;
    for (int i = 0; i < 10; i++)
        world_step();
    cr_assert_gt(server_tcp()->cookies_out, 0);
}

static uint64_t time_of_transfer(int from, int to)
{
    uint64_t start = world.now;

    for (int i = 0; i < TRANSFERS; i++)
        world_transfer(from, to, BYTES);
    return world.now - start;
}

static uint64_t memory(void)
{
    return world.server.chunks.taken;
}

/* Attack 19. In virtual time, where a step takes in so many packets and no more: as long as it is
 * not used up. */
Test(flood, established_connections_keep_their_goodput)
{
    struct world_pair pair = world_pair(NULL);
    uint64_t up, down, up_flooded, down_flooded;

    world_transfer(pair.client, pair.server, BYTES); /* slow start */
    world_transfer(pair.server, pair.client, BYTES);
    up = time_of_transfer(pair.client, pair.server);
    down = time_of_transfer(pair.server, pair.client);
    flood_begins();
    up_flooded = time_of_transfer(pair.client, pair.server);
    down_flooded = time_of_transfer(pair.server, pair.client);
    cr_expect_leq(up_flooded * 95, up * 100, "%lu ns instead of %lu, %lu SYNs", up_flooded, up,
                  spoofed);
    cr_expect_leq(down_flooded * 95, down * 100, "%lu ns instead of %lu", down_flooded, down);
    cr_expect_gt(spoofed, 10000);
}

/* Attack 19. */
Test(flood, memory_stays_flat)
{
    uint64_t full;

    world_listen();
    flood_begins();
    for (int i = 0; i < 200; i++)
        world_step();
    full = memory();
    for (int i = 0; i < 600; i++)
        world_step();
    cr_assert_eq(memory(), full);
    cr_assert_eq(server()->counters.socks, SYN_BACKLOG);
    cr_assert_eq(server_tcp()->cookies_out, spoofed - SYNS_A_STEP - SYN_BACKLOG,
                 "each but the last, which have not arrived");
}

static struct tpa_tcp_connection_info tcp_info(int sid)
{
    struct tpa_tcp_connection_info info;
    struct tpa_api_sock *sock = tpa_api_object_sock(tpa_api_sid_object(world.sids, sid));

    tpa_tcp_connection_info(&sock->worker->tcp, &sock->tcp, &info);
    return info;
}

/* Attack 19. With all that was negotiated. */
Test(flood, an_honest_client_gets_through)
{
    struct tpa_tcp_connection_info at_client, at_server;
    struct world_pair pair;

    world_listen();
    flood_begins();
    for (int i = 0; i < 20; i++) {
        pair.client = world_connect();
        world_run(1);
        pair.server = world_accept();
        cr_assert_geq(pair.server, 0, "connection %d", i);
        at_client = tcp_info(pair.client);
        at_server = tcp_info(pair.server);
        cr_assert(at_server.timestamps && at_server.sack);
        cr_assert_gt(at_server.send_window_scale, 0);
        cr_assert_eq(at_server.send_window_scale, at_client.receive_window_scale);
        cr_assert_eq(at_server.receive_window_scale, at_client.send_window_scale);
        cr_assert_eq(at_server.mss, at_client.mss);
        world_transfer(pair.client, pair.server, 100000);
        world_transfer(pair.server, pair.client, 100000);
    }
    cr_assert_eq(server_tcp()->cookies_in, 20);
}

/* Connects, and the acknowledgement of the SYN-ACK does not arrive. */
static int connect_with_ack_lost(void)
{
    int sid = world_connect();

    world_step();
    world.server.wire->cut = true;
    world_step();
    world.server.wire->cut = false;
    world_step();
    cr_assert_eq(tcp_info(sid).state, TPA_TCP_ESTABLISHED);
    cr_assert_eq(world_accept(), -1);
    return sid;
}

/* The neighbours know each other, so that no packet waits for them. */
static void introduce(void)
{
    int sid = world_connect();

    world_run(1);
    tpa_close(sid); /* it was refused */
    world_settle();
}

Test(flood, the_first_text_tells_where_the_acknowledgement_was_lost)
{
    struct world_pair pair;

    introduce();
    world_listen();
    flood_begins();
    pair.client = connect_with_ack_lost();
    world_write(pair.client, "hello", 5);
    world_run(1);
    pair.server = world_accept();
    cr_assert_geq(pair.server, 0);
    cr_assert_eq(world_read(pair.server, NULL, 5), 5);
    world_transfer(pair.server, pair.client, 100000);
}

/* The second segment comes first: it must not be answered by a reset. */
Test(flood, text_that_overtakes_the_first_is_no_fault)
{
    static uint8_t bytes[3000];
    struct world_pair pair;

    introduce();
    world_listen();
    flood_begins();
    pair.client = connect_with_ack_lost();
    world.client.wire->lose_payload = 1;
    world_write(pair.client, bytes, 1000);
    world_step();
    world_write(pair.client, bytes, 2000);
    world_run(1);
    cr_assert_gt(world_drops(&world.server, TPA_BASE_DROP_TCP_SYN_COOKIE), 0);
    cr_assert_eq(world_accept(), -1);
    world_run(300);
    pair.server = world_accept();
    cr_assert_geq(pair.server, 0);
    cr_assert_eq(world_read(pair.server, NULL, sizeof(bytes)), sizeof(bytes));
}

/* Attack 20. A reset for some of them, and nothing else. */
Test(flood, guessed_acknowledgements_open_nothing)
{
    uint64_t socks, full;

    world_listen();
    flood_begins();
    world.each_step = NULL;
    world_settle();
    socks = server()->counters.socks;
    full = memory();
    for (uint32_t i = 0; i < 60000; i++) {
        forge(&(struct forged){.source = spoofed_address(),
                               .source_port = any_port(),
                               .flags = TPA_TCP_ACK,
                               .seq = tpa_base_random_u32(&attacker),
                               .ack = tpa_base_random_u32(&attacker),
                               .echo = tpa_base_random_u32(&attacker),
                               .options = i % 2 != 0,
                               .length = i % 3 == 0});
        if (i % 100 == 99)
            world_step();
    }
    cr_assert_eq(server()->counters.socks, socks);
    cr_assert_eq(memory(), full);
    cr_assert_eq(server_tcp()->cookies_in, 0);
    cr_assert_eq(world_accept(), -1);
    cr_assert_gt(server_tcp()->resets_out, 0);
    cr_assert_leq(server_tcp()->resets_out, 1500);
    cr_assert_gt(world_drops(&world.server, TPA_BASE_DROP_TCP_RST_RATE_LIMITED), 30000);
    cr_assert_gt(world_drops(&world.server, TPA_BASE_DROP_TCP_SYN_COOKIE), 19000);
}

/* Attack 21. In a second at most as many resets as a worker may send. */
Test(flood, segments_to_a_closed_port_are_answered_in_part)
{
    const uint32_t count = 20000;

    for (uint32_t i = 0; i < count; i++) {
        forge(&(struct forged){.source = spoofed_address(),
                               .source_port = any_port(),
                               .flags = i % 2 != 0 ? TPA_TCP_ACK : TPA_TCP_SYN,
                               .length = i % 4 == 3 ? 100 : 0});
        if (i % 100 == 99)
            world_step();
    }
    world_settle();
    cr_assert_geq(server_tcp()->resets_out, 1000);
    cr_assert_leq(server_tcp()->resets_out, 1500);
    cr_assert_eq(world_drops(&world.server, TPA_BASE_DROP_TCP_RST_RATE_LIMITED),
                 count - server_tcp()->resets_out);
}

Test(flood, cookies_are_not_believed_when_none_are_out)
{
    world_listen();
    forge(&(struct forged){.source = spoofed_address(),
                           .source_port = any_port(),
                           .flags = TPA_TCP_ACK,
                           .options = true,
                           .length = 10});
    world_settle();
    cr_assert_eq(world_drops(&world.server, TPA_BASE_DROP_TCP_SYN_COOKIE), 0);
    cr_assert_eq(server_tcp()->resets_out, 1);
}

/* Embryos go by and by, and with them the cookies. */
Test(flood, normal_life_comes_back)
{
    world_listen();
    flood_begins();
    world.each_step = NULL;
    world_run(400000);
    cr_assert_eq(server()->counters.socks, 0);
    world_connect();
    world_run(10);
    cr_assert_geq(world_accept(), 0);
    cr_assert_eq(server_tcp()->cookies_in, 0);
}

Test(flood_settings, off_drops_what_is_too_much)
{
    uint64_t dropped;

    begin_with(cookies_off);
    world_listen();
    world.each_step = spoof_syns;
    for (int i = 0; i < 10; i++)
        world_step();
    dropped = world_drops(&world.server, TPA_BASE_DROP_TCP_LISTEN_BACKLOG);
    cr_assert_eq(dropped, spoofed - SYNS_A_STEP - SYN_BACKLOG);
    cr_assert_eq(server_tcp()->cookies_out, 0);
}

Test(flood_settings, always_remembers_nothing)
{
    begin_with(cookies_always);
    world_listen();
    for (int i = 0; i < 5; i++) {
        int client = world_connect(), accepted;

        world_run(1);
        accepted = world_accept();
        cr_assert_geq(accepted, 0);
        world_transfer(client, accepted, 10000);
    }
    cr_assert_eq(server_tcp()->cookies_in, 5);
    cr_assert_eq(server_tcp()->cookies_out, 5);
}

/* Who finds the accept queue full is let in when there is room, by his text. */
Test(flood_settings, a_full_accept_queue_waits)
{
    int clients[LISTEN_BACKLOG + 3];
    int accepted = 0;

    begin_with(cookies_always);
    introduce();
    world_listen();
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(clients); i++)
        clients[i] = world_connect();
    world_run(10);
    cr_assert_eq(server()->counters.socks, LISTEN_BACKLOG);
    cr_assert_eq(world_drops(&world.server, TPA_BASE_DROP_TCP_ACCEPT_QUEUE_FULL), 3);
    while (world_accept() >= 0)
        accepted++;
    cr_assert_eq(accepted, LISTEN_BACKLOG);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(clients); i++)
        world_write(clients[i], "x", 1);
    world_run(10);
    while (world_accept() >= 0)
        accepted++;
    cr_assert_eq(accepted, LISTEN_BACKLOG + 3);
}

/* The connection's memory can't be had: as if the acknowledgement had been lost. */
Test(flood_settings, memory_runs_out)
{
    int client;

    begin_with(cookies_always);
    introduce();
    world_listen();
    client = world_connect();
    world_step();
    world.server.chunks.fail_at = world.server.chunks.calls + 1;
    world_run(1);
    cr_assert_eq(world_accept(), -1);
    cr_assert_eq(world_drops(&world.server, TPA_BASE_DROP_TCP_MEMORY), 1);
    world_write(client, "x", 1);
    world_run(10);
    cr_assert_geq(world_accept(), 0);
}
