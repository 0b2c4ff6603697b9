/* What a running instance shows of itself. */
#define _GNU_SOURCE /* gettid */
#include "exported.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpa/stats/trace.h>

TestSuite(export, .init = exported_begin, .fini = exported_end);

enum {
    INTERVAL_MS = 1,
    SLOW_MS = 100,
    SLOWEST_MS = 1000,
};

Test(export, shows_each_worker_with_its_last_step)
{
    struct tpa_api_export_worker record;

    world_run(10);
    exported_read(TPA_API_EXPORT_REGION_WORKERS, 0, &record, sizeof(record));
    cr_expect_eq(record.index, 0);
    cr_expect_eq(record.thread, gettid());
    cr_expect_leq(record.last_step, world.now);
    cr_expect_geq(record.last_step + 2 * TPA_API_EXPORT_INTERVAL, world.now);
    cr_expect_gt(record.steps, 0);
}

Test(export, last_step_stands_still_when_the_worker_does)
{
    struct tpa_api_export_worker before, after;

    world_run(10);
    exported_read(TPA_API_EXPORT_REGION_WORKERS, 0, &before, sizeof(before));
    world.now += TPA_API_EXPORT_SLOWEST_INTERVAL; /* without a step */
    exported_read(TPA_API_EXPORT_REGION_WORKERS, 0, &after, sizeof(after));
    cr_expect_eq(after.last_step, before.last_step);
    cr_expect_gt(world.now - after.last_step, TPA_API_EXPORT_INTERVAL);
}

Test(export, counts_what_the_worker_counts)
{
    struct tpa_api_export_worker record;

    world_pair(NULL);
    world_run(2 * INTERVAL_MS);
    exported_read(TPA_API_EXPORT_REGION_WORKERS, 0, &record, sizeof(record));
    cr_expect_eq(record.accepted, 1);
    cr_expect_eq(record.socks, 1);
    cr_expect_eq(record.packets_in, world.server.workers[0]->counters.packets_in);
}

/* ---- Socks ---- */

Test(export, shows_a_listener_at_once)
{
    int sid = world_listen();
    struct tpa_api_export_sock sock = exported_sock(sid);

    cr_expect_eq(sock.kind, TPA_API_EXPORT_LISTENER);
    cr_expect_eq(sock.sid, sid);
    cr_expect_eq(sock.local_port, WORLD_PORT);
    cr_expect(sock.flags & TPA_API_EXPORT_SOCK_ANY_ADDRESS);
    tpa_close(sid);
    cr_expect_eq(exported_sock(sid).kind, TPA_API_EXPORT_FREE);
}

Test(export, counts_what_a_listener_has_waiting)
{
    int listener = world_listen();

    world_connect();
    world_settle();
    world_run(2 * INTERVAL_MS);
    cr_expect_eq(exported_sock(listener).receive_queued, 1);
    cr_assert_geq(world_accept(), 0);
    world_run(2 * INTERVAL_MS);
    cr_expect_eq(exported_sock(listener).receive_queued, 0);
}

Test(export, shows_an_accepted_connection_at_once)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_api_export_sock sock = exported_sock(pair.server);
    char text[TPA_BASE_ADDRESS_TEXT];

    cr_expect_eq(sock.kind, TPA_API_EXPORT_CONNECTION);
    cr_expect_eq(sock.sid, pair.server);
    cr_expect_eq(sock.state, TPA_TCP_ESTABLISHED);
    cr_expect_eq(sock.local_port, WORLD_PORT);
    cr_expect_gt(sock.mss, 1000);
    cr_expect_gt(sock.cwnd, 0);
    tpa_base_address_format(&sock.local, text);
    cr_expect_str_eq(text, WORLD_SERVER_IPV4);
    tpa_base_address_format(&sock.remote, text);
    cr_expect_str_eq(text, WORLD_CLIENT_IPV4);
}

Test(export, does_not_show_another_instances_socks)
{
    struct world_pair pair = world_pair(NULL);

    cr_expect_eq(exported_sock(pair.client).kind, TPA_API_EXPORT_FREE);
}

Test(export, follows_a_connections_state)
{
    struct world_pair pair = world_pair(NULL);

    world_enter(&world.client, 0);
    tpa_close(pair.client);
    world_settle();
    cr_expect_eq(exported_sock(pair.server).state, TPA_TCP_CLOSE_WAIT);
    world_enter(&world.server, 0);
    tpa_close(pair.server);
    cr_expect(exported_sock(pair.server).flags & TPA_API_EXPORT_SOCK_GIVEN_UP);
    world_settle();
    cr_expect_eq(exported_sock(pair.server).kind, TPA_API_EXPORT_FREE);
}

Test(export, refreshes_a_connections_numbers)
{
    struct world_pair pair = world_pair(NULL);
    uint32_t rcv_nxt = exported_sock(pair.server).rcv_nxt;

    world_write(pair.client, "hello", 5);
    world_settle();
    world_run(2 * INTERVAL_MS);
    cr_expect_eq(exported_sock(pair.server).receive_queued, 5);
    cr_expect_eq(exported_sock(pair.server).rcv_nxt, rcv_nxt + 5);
    cr_expect_gt(exported_sock(pair.server).opened, 0);
    cr_expect_lt(exported_sock(pair.server).opened, exported_sock(pair.server).updated);
}

Test(export, refreshes_no_more_socks_at_once_than_it_may)
{
    enum {
        SOCKS = 3 * TPA_API_EXPORT_SOCKS_PER_INTERVAL
    };
    struct tpa_worker *worker = world.server.workers[0];
    uint32_t refreshed = 0;
    int sids[SOCKS];

    world_listen();
    for (int i = 0; i < SOCKS; i++) {
        world_connect();
        world_settle();
        sids[i] = world_accept();
    }
    world.now += 10 * TPA_API_EXPORT_INTERVAL;
    world_enter(&world.server, 0);
    tpa_api_worker_step(worker, world.now);
    for (int i = 0; i < SOCKS; i++)
        refreshed += exported_sock(sids[i]).updated == world.now;
    cr_expect_leq(refreshed, TPA_API_EXPORT_SOCKS_PER_INTERVAL);
    cr_expect_geq(refreshed, TPA_API_EXPORT_SOCKS_PER_INTERVAL - 1, "the listener is one of them");

    uint64_t since = world.now;

    for (int i = 0; i < 4; i++) {
        world.now += TPA_API_EXPORT_INTERVAL;
        tpa_api_worker_step(worker, world.now);
    }
    for (int i = 0; i < SOCKS; i++)
        cr_expect_geq(exported_sock(sids[i]).updated, since, "each has its turn");
}

static struct tpa_api_export_sock unnumbered(uint64_t index)
{
    struct tpa_api_export_sock sock;

    exported_read(TPA_API_EXPORT_REGION_UNNUMBERED, index, &sock, sizeof(sock));
    return sock;
}

Test(export, shows_connections_that_are_not_accepted_yet)
{
    struct tpa_api_export_worker record;

    world_listen();
    world_connect();
    world_settle();
    world_run(2 * SLOW_MS);
    cr_expect_eq(unnumbered(0).kind, TPA_API_EXPORT_EMBRYO);
    cr_expect_eq(unnumbered(0).state, TPA_TCP_ESTABLISHED);
    cr_expect_eq(unnumbered(0).sid, -1);
    exported_read(TPA_API_EXPORT_REGION_WORKERS, 0, &record, sizeof(record));
    cr_expect_eq(record.embryos, 1);
    cr_assert_geq(world_accept(), 0);
    world_run(2 * SLOW_MS);
    cr_expect_eq(unnumbered(0).kind, TPA_API_EXPORT_FREE);
}

Test(export, shows_connections_in_time_wait)
{
    struct world_pair pair = world_pair(NULL);

    world_enter(&world.server, 0);
    tpa_close(pair.server);
    world_settle();
    world_enter(&world.client, 0);
    tpa_close(pair.client);
    world_settle();
    world_run(2 * SLOW_MS);
    cr_expect_eq(unnumbered(0).kind, TPA_API_EXPORT_TIME_WAIT);
    cr_expect_eq(unnumbered(0).local_port, WORLD_PORT);
}

/* ---- The rest ---- */

static struct tpa_api_export_memory memory_named(const char *name)
{
    struct tpa_api_export_memory memory;

    for (uint64_t i = 0; i < TPA_API_EXPORT_MEMORY_SHARED + TPA_API_EXPORT_MEMORY_PER_WORKER; i++) {
        exported_read(TPA_API_EXPORT_REGION_MEMORY, i, &memory, sizeof(memory));
        if (strcmp(memory.name, name) == 0)
            return memory;
    }
    cr_assert_fail("no memory \"%s\"", name);
    return memory;
}

Test(export, shows_pools_and_budgets)
{
    struct world_pair pair = world_pair(NULL);
    uint64_t charged;

    world_write(pair.client, "hello", 5);
    world_settle();
    world_run(2 * SLOW_MS);
    charged = memory_named("receive budget").used;
    cr_expect_gt(charged, 0);
    cr_expect_eq(charged, world.server.workers[0]->tcp.receive_budget.used);
    cr_expect_eq(memory_named("receive budget").size, world.server.instance->receive_budget);
    cr_expect_eq(memory_named("packets").size, world.pool->packet_count);
    cr_expect_gt(memory_named("packets").used, 0);
    cr_expect_eq(memory_named("socks").worker, TPA_API_EXPORT_WORKER_NONE);
    cr_expect_gt(memory_named("send extents").bytes + 1, 0);
}

Test(export, shows_the_neighbours)
{
    struct tpa_api_export_neighbour neighbour;

    world_pair(NULL);
    world_run(2 * SLOWEST_MS);
    exported_read(TPA_API_EXPORT_REGION_NEIGHBOURS, 0, &neighbour, sizeof(neighbour));
    cr_expect_eq(neighbour.used, 1);
    cr_expect_eq(neighbour.mac[5], 1, "the client's");
}

Test(export, shows_the_ports)
{
    struct tpa_api_export_port port;

    world_pair(NULL);
    world_run(2 * SLOWEST_MS);
    exported_read(TPA_API_EXPORT_REGION_PORTS, 0, &port, sizeof(port));
    cr_expect_neq(port.name[0], '\0');
    cr_expect_eq(port.up, 1);
    cr_expect_eq(port.mac[5], 2);
    cr_expect_eq(port.capturing, 0);
    exported_read(TPA_API_EXPORT_REGION_PORTS, 1, &port, sizeof(port));
    cr_expect_eq(port.name[0], '\0', "there is one only");
}

static const char *option_value(const char *name)
{
    static struct tpa_api_export_option option;
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region(&exported.reader, TPA_API_EXPORT_REGION_CONFIG);

    for (uint64_t i = 0; i < region->record_count; i++) {
        exported_read(TPA_API_EXPORT_REGION_CONFIG, i, &option, sizeof(option));
        if (strcmp(option.name, name) == 0)
            return option.value;
    }
    cr_assert_fail("no option \"%s\"", name);
    return "";
}

Test(export, shows_the_configuration)
{
    cr_expect_str_eq(option_value("tcp.time_wait"), "1m");
    cr_expect_str_eq(option_value("tcp.congestion"), "cubic");
}

/* ---- Traces ---- */

static uint32_t ring_owner(uint32_t number)
{
    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region(&exported.reader, TPA_API_EXPORT_REGION_TRACES);
    static uint64_t ring[1024];

    cr_assert_leq(region->record_size, sizeof(ring));
    cr_assert_eq(tpa_stats_reader_copy(&exported.reader, region, number - 1, 1, ring), TPA_OK);
    return ((struct tpa_base_trace *)(void *)ring)->owner;
}

Test(export, records_what_happens_to_a_sock_and_keeps_it_after_its_end)
{
    struct world_pair pair = world_pair(NULL);
    uint32_t ring = exported_sock(pair.server).trace;

    cr_assert_gt(ring, 0);
    cr_expect_eq(ring_owner(ring), (uint32_t)pair.server);
    world_enter(&world.client, 0);
    tpa_close(pair.client);
    world_enter(&world.server, 0);
    tpa_close(pair.server);
    world_settle();
    cr_expect_eq(ring_owner(ring), (uint32_t)pair.server);
}

static void with_two_rings(void)
{
    static const char *const options[] = {"trace.nr_trace", "2", NULL};

    exported_begin_with(options);
}

Test(export_rings, are_used_again_and_a_sock_without_one_works, .init = with_two_rings,
     .fini = exported_end)
{
    int sids[3];

    world_listen();
    for (int i = 0; i < 3; i++) {
        world_connect();
        world_settle();
        sids[i] = world_accept();
        cr_assert_geq(sids[i], 0);
    }
    cr_expect_eq(exported_sock(sids[0]).trace, 1);
    cr_expect_eq(exported_sock(sids[1]).trace, 2);
    cr_expect_eq(exported_sock(sids[2]).trace, 0);
    world_enter(&world.server, 0);
    tpa_close(sids[0]);
    world_settle();
    world_run(61 * 1000);
    world_connect();
    world_settle();
    cr_assert_geq(world_accept(), 0);
}

static void without_traces(void)
{
    static const char *const options[] = {"trace.enable", "0", NULL};

    exported_begin_with(options);
}

Test(export_rings, are_not_taken_where_nobody_wants_them, .init = without_traces,
     .fini = exported_end)
{
    struct world_pair pair = world_pair(NULL);

    cr_expect_eq(exported_sock(pair.server).trace, 0);
}

/* ---- Files ---- */

static int client_export(struct tpa_api_export_config *config, char (*prefixes)[256], int count,
                         char reason[TPA_API_REASON_SIZE])
{
    *config = (struct tpa_api_export_config){
        .instance = world.client.instance,
        .registry = &exported.registry,
        .options = &exported.options,
        .program = "toy",
    };
    return tpa_api_export_create(config, prefixes, count, reason);
}

Test(export, a_second_instance_of_a_name_gets_another)
{
    struct tpa_api_export_config config;
    char expected[TPA_STATS_PATH_SIZE], reason[TPA_API_REASON_SIZE] = "";

    cr_assert_eq(client_export(&config, exported.prefix, 1, reason), TPA_OK, "%s", reason);
    snprintf(expected, sizeof(expected), "%s/toy-%d", exported.prefix[0], (int)getpid());
    cr_expect_str_eq(tpa_api_export_directory(world.client.instance->export), expected);
}

Test(export, takes_the_next_place_where_one_can_not_be_written)
{
    char prefixes[2][TPA_API_EXPORT_PREFIX_SIZE] = {"/dev/null/tpa"};
    struct tpa_api_export_config config;
    char reason[TPA_API_REASON_SIZE] = "";

    snprintf(prefixes[1], sizeof(prefixes[1]), "%.200s/second", exported.prefix[0]);
    cr_assert_eq(client_export(&config, prefixes, 2, reason), TPA_OK, "%s", reason);
    cr_expect_eq(strncmp(tpa_api_export_directory(world.client.instance->export), prefixes[1],
                         strlen(prefixes[1])),
                 0);
}

Test(export, an_instance_that_can_not_be_shown_runs_all_the_same)
{
    char prefixes[1][TPA_API_EXPORT_PREFIX_SIZE] = {"/dev/null/tpa"};
    struct tpa_api_export_config config;
    char reason[TPA_API_REASON_SIZE] = "";

    cr_assert_lt(client_export(&config, prefixes, 1, reason), 0);
    cr_expect_neq(reason[0], '\0');
    cr_expect_null(world.client.instance->export);
    world_pair(NULL);
}

Test(export, a_name_that_is_no_file_name_is_refused)
{
    struct tpa_api_export_config config = {
        .instance = world.client.instance,
        .registry = &exported.registry,
        .options = &exported.options,
        .program = "toy",
        .id = "../toy",
    };
    char reason[TPA_API_REASON_SIZE] = "";

    cr_expect_eq(tpa_api_export_create(&config, exported.prefix, 1, reason), TPA_EINVAL);
    cr_expect_not_null(strstr(reason, "TPA_ID"));
}

Test(export, leaves_nothing_behind_when_it_ends)
{
    char directory[TPA_STATS_PATH_SIZE];
    struct stat status;

    snprintf(directory, sizeof(directory), "%s",
             tpa_api_export_directory(world.server.instance->export));
    tpa_api_export_remove(world.server.instance);
    cr_expect_lt(stat(directory, &status), 0);
    world_pair(NULL); /* goes on in memory that nobody can find any more */
}

Test(export_prefix, the_environments_alone_where_there_is_one)
{
    char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE];

    setenv("TPA_ROOT_PREFIX", "/somewhere/else", 1);
    cr_expect_eq(tpa_api_export_prefixes(prefixes), 1);
    cr_expect_str_eq(prefixes[0], "/somewhere/else");
}

Test(export_prefix, the_systems_then_the_users)
{
    char prefixes[TPA_API_EXPORT_PREFIXES_MAX][TPA_API_EXPORT_PREFIX_SIZE];
    char expected[64];

    unsetenv("TPA_ROOT_PREFIX");
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    cr_expect_eq(tpa_api_export_prefixes(prefixes), 3);
    cr_expect_str_eq(prefixes[0], "/var/run/tpa");
    cr_expect_str_eq(prefixes[1], "/run/user/1/tpa");
    snprintf(expected, sizeof(expected), "/tmp/tpa-%u", (unsigned int)getuid());
    cr_expect_str_eq(prefixes[2], expected);
    setenv("XDG_RUNTIME_DIR", "not absolute", 1);
    cr_expect_eq(tpa_api_export_prefixes(prefixes), 2);
}
