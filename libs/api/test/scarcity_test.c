/* Memory that runs out at any allocation: errors are clean, nothing is lost, it goes on later. */
#include "world.h"

#include <tpa/base/error.h>

TestSuite(scarcity, .init = world_begin_usual, .fini = world_end);

enum {
    BYTES = 20000,
    /* Allocations of packets in such a life are fewer. */
    NTH_MAX = 150,
};

/* Tries until it goes. */
static int connect_at_last(void)
{
    for (int i = 0; i < 10; i++) {
        int sid;

        world_enter(&world.client, 0);
        sid = tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, NULL);
        if (sid >= 0)
            return sid;
        cr_assert(errno == ENOMEM || errno == ENFILE, "%s", strerror(errno));
        world_run(10);
    }
    cr_assert_fail("the failure does not pass");
    return -1;
}

static void life(void)
{
    int client = connect_at_last(), server = -1;

    for (int i = 0; i < 100 && server < 0; i++) {
        world_run(200);
        server = world_accept();
    }
    cr_assert_geq(server, 0, "the connection did not come up");
    world_transfer(client, server, BYTES);
    world_transfer(server, client, BYTES);
    tpa_close(client);
    world_run(5000);
    cr_assert_eq(world_read(server, NULL, 0), 0);
    tpa_close(server);
    world_run(100 * 1000);
}

/* Attack 46. */
Test(scarcity, the_nth_packet_fails)
{
    world_listen();
    for (int nth = 1; nth <= NTH_MAX; nth++) {
        world.pool->fault_countdown = nth;
        life();
    }
}

/* All packets from the n-th on fail for a second. */
Test(scarcity, packets_end_for_a_second)
{
    struct world_pair pair = world_pair(NULL);

    for (int nth = 1; nth < 40; nth += 3) {
        world.pool->fault_countdown = nth;
        world.pool->fault_sticky = true;
        (void)tpa_write(pair.client, "x", 1);
        world_run(1000);
        world.pool->fault_countdown = 0;
        world.pool->fault_sticky = false;
        world_run(10000);
        (void)world_read(pair.server, NULL, SIZE_MAX);
        world_transfer(pair.client, pair.server, BYTES);
    }
}

/* Chunks are kept once they are there: more of them are needed for a larger n. */
static void connect_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        connect_at_last();
    world_run(10000);
    while (world_accept() >= 0)
        ;
}

/* Attack 46. */
Test(scarcity, the_nth_chunk_of_the_clients_slabs_fails, .timeout = 30)
{
    world_listen();
    for (uint64_t nth = 1; nth < 20; nth++) {
        world.client.chunks.fail_at = world.client.chunks.calls + nth;
        life();
        connect_many(nth);
    }
}

/* Attack 46. */
Test(scarcity, the_nth_chunk_of_the_servers_slabs_fails, .timeout = 30)
{
    world_listen();
    for (uint64_t nth = 1; nth < 20; nth++) {
        world.server.chunks.fail_at = world.server.chunks.calls + nth;
        life();
        connect_many(nth);
    }
}

/* At the start: an instance is made whole or not at all. */
Test(scarcity, a_worker_that_can_not_be_made_is_not_there)
{
    struct test_chunks chunks;
    struct tpa_api_instance_config config;
    struct tpa_api_instance *instance;
    struct tpa_worker *worker = NULL;
    char reason[TPA_API_REASON_SIZE];
    uint64_t nth;

    test_chunks_init(&chunks);
    tpa_api_instance_config_default(&config);
    config.pool = world.pool;
    config.registry = world.registry;
    config.sids = world.sids;
    config.chunks = &chunks.source;
    cr_assert_eq(tpa_api_instance_create(&config, &instance, reason), TPA_OK, "%s", reason);
    for (nth = 1; worker == NULL; nth++) {
        chunks.fail_at = chunks.calls + nth;
        worker = tpa_api_worker_create(instance, world.now);
        cr_assert_lt(nth, 10);
    }
    cr_assert_gt(nth, 2, "something failed");
    tpa_api_instance_destroy(instance);
    cr_assert_eq(chunks.taken, 0);
}
