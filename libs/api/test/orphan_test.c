/* Socks that their program has closed and that go on: how many, and for how long. */
#include "world.h"

#include "worker.h"

enum {
    ORPHANS = 4,
    WINDOW = 20000,
    MINUTE = 60000, /* ms */
};

static void few_orphans(struct tpa_api_instance_config *config)
{
    config->orphans_max = ORPHANS;
}

static void small_windows(struct tpa_api_instance_config *config)
{
    config->tcp.receive_buffer = WINDOW;
}

static void little_memory(struct tpa_api_instance_config *config)
{
    config->tcp.receive_buffer = WINDOW;
    config->send_budget = 400000;
}

TestSuite(orphans, .fini = world_end);

static struct world_pair connection(void)
{
    struct world_pair pair = {.client = world_connect()};

    world_settle();
    pair.server = world_accept();
    cr_assert_geq(pair.server, 0);
    return pair;
}

static uint64_t orphans(void)
{
    return world.server.workers[0]->counters.orphans;
}

static uint64_t orphans_reset(void)
{
    return world.server.workers[0]->counters.orphans_reset;
}

/* More than the client's window takes, and the client does not read. */
static void write_too_much(int sid)
{
    static uint8_t bytes[100000];

    world_write(sid, bytes, sizeof(bytes));
    world_run(10);
}

static void drain(int sid)
{
    static uint8_t bytes[200000];

    while (world_read(sid, bytes, sizeof(bytes)) > 0)
        ;
}

/* Attack 38. */
Test(orphans, are_bounded_and_the_oldest_goes)
{
    struct world_pair pairs[ORPHANS + 2];

    world_begin(&(struct world_options){.adjust = few_orphans});
    world_listen();
    for (int i = 0; i < ORPHANS + 2; i++) {
        pairs[i] = connection();
        tpa_close(pairs[i].server);
        world_run(10); /* FIN-WAIT-2: the client does not close */
    }
    cr_assert_eq(orphans(), ORPHANS);
    cr_assert_eq(orphans_reset(), 2);
    for (int i = 0; i < ORPHANS + 2; i++)
        cr_assert_eq(tpa_write(pairs[i].client, "x", 1) < 0, i < 2, "%d", i);
}

Test(orphans, in_fin_wait_2_last_a_minute)
{
    struct world_pair pair;

    world_begin(NULL);
    pair = world_pair(NULL);
    tpa_close(pair.server);
    world_run(MINUTE - 1000);
    cr_assert_eq(orphans(), 1);
    world_run(2000);
    cr_assert_eq(orphans(), 0);
    cr_assert_eq(world.server.workers[0]->counters.socks, 0);
}

/* Attack 32. The client answers each probe, and reads nothing, for ever. */
Test(orphans, without_a_window_are_reset_after_a_minute)
{
    struct world_pair pair;

    world_begin(&(struct world_options){.adjust = small_windows});
    pair = world_pair(NULL);
    write_too_much(pair.server);
    world_run(10 * MINUTE);
    tpa_close(pair.server);
    world_run(MINUTE - 1000);
    cr_assert_eq(orphans(), 1);
    world_run(MINUTE);
    cr_assert_eq(orphans(), 0);
    cr_assert_eq(world.server.workers[0]->tcp.send.budget.used, 0);
    drain(pair.client);
    EXPECT_ERRNO(tpa_write(pair.client, "x", 1), ECONNRESET);
}

/* One that delivers in the end is left in peace. */
Test(orphans, of_a_slow_reader_deliver)
{
    static uint8_t bytes[200000];
    struct world_pair pair;
    size_t taken = 0;
    ssize_t length;

    world_begin(&(struct world_options){.adjust = small_windows});
    pair = world_pair(NULL);
    write_too_much(pair.server);
    tpa_close(pair.server);
    while ((length = world_read(pair.client, bytes, sizeof(bytes))) != 0) {
        cr_assert_gt(length, 0, "%s", strerror(errno));
        taken += (size_t)length;
        world_run(MINUTE / 2);
    }
    cr_assert_eq(taken, 100000);
    cr_assert_eq(orphans_reset(), 0);
}

/* Attack 32. Whoever wants to write needs the memory more. */
Test(orphans, without_a_window_go_when_memory_is_short)
{
    static uint8_t bytes[60000];
    struct world_pair live;

    world_begin(&(struct world_options){.adjust = little_memory});
    world_listen();
    live = connection();
    for (int i = 0; i < 20; i++) {
        struct world_pair stuck = connection();

        (void)tpa_write(stuck.server, bytes, sizeof(bytes));
        world_run(10);
        tpa_close(stuck.server);
        world_run(10);
    }
    cr_assert_gt(orphans_reset(), 0);
    world_transfer(live.server, live.client, 100000);
}
