/* How much one step of a worker does: it must come back for what its own sending provokes. */
#include "world.h"

#include "worker.h"

TestSuite(step, .init = world_begin_usual, .fini = world_end);

enum {
    CONNECTIONS = 40,
    BYTES = 10000 /* within the initial window */
};

static uint64_t received_in_one_step(struct tpa_worker *worker)
{
    uint64_t before = tpa_api_worker_counters(worker)->packets_in;

    world.now += WORLD_TICK;
    tpa_api_worker_enter(worker);
    tpa_api_worker_step(worker, world.now);
    return tpa_api_worker_counters(worker)->packets_in - before;
}

/* The shortest frame there is, of a protocol that nobody speaks. */
static struct rte_mbuf *strange_frame(void)
{
    static const uint8_t bytes[60] = {[12] = 0x88, [13] = 0xb5};
    struct rte_mbuf *frame = tpa_mem_packet_from_bytes(world.pool, bytes, sizeof(bytes));

    cr_assert_not_null(frame);
    return frame;
}

Test(step, takes_in_what_has_come_up_to_a_bound)
{
    world_settle();
    for (int i = 0; i < TPA_API_STEP_PACKETS + 44; i++)
        test_wire_arrive(world.server.wire, 0, strange_frame());
    cr_assert_eq(received_in_one_step(world.server.workers[0]), TPA_API_STEP_PACKETS);
    cr_assert_eq(received_in_one_step(world.server.workers[0]), 44);
    cr_assert_eq(received_in_one_step(world.server.workers[0]), 0);
}

/* Each in reach of its window: together they could send 280 segments at once. */
Test(step, lets_out_no_more_segments_than_a_step_takes_in)
{
    static uint8_t bytes[BYTES];
    struct tpa_worker *client = world.client.workers[0];
    int clients[CONNECTIONS], servers[CONNECTIONS];
    uint64_t before, segments;

    world_listen();
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = world_connect();
        world_settle();
        servers[i] = world_accept();
    }
    for (int i = 0; i < CONNECTIONS; i++)
        world_write(clients[i], bytes, sizeof(bytes));

    before = world.client.wire->sent_segments;
    world.now += WORLD_TICK;
    tpa_api_worker_enter(client);
    tpa_api_worker_step(client, world.now);
    segments = world.client.wire->sent_segments - before;
    cr_assert_geq(segments, TPA_API_STEP_PACKETS);
    cr_assert_lt(segments, TPA_API_STEP_PACKETS + 7, "one super-frame more at the most");
    world_settle();
    for (int i = 0; i < CONNECTIONS; i++)
        cr_assert_eq(world_read(servers[i], NULL, sizeof(bytes)), BYTES);
}
