#include "world.h"

#include <string.h>

#include <tpa/base/error.h>
#include <tpa/mem/rcu.h>
#include <tpa/netdev/loop.h>

#include "libs/api/check/check.h"
#include "test/support/pools.h"
#include "worker.h"

enum {
    WORKER_PACKETS = 3700, /* what an instance asks for, for each of its workers, and a little */
    BUFFER = 1600,         /* bytes: a frame of 1514 in one */
    MILLISECOND = 1000000,
    /* Longer than anything waits: 183 s of SYNs, a minute of TIME-WAIT, R2. */
    PATIENCE_MS = 3600 * 1000,
    READ_IOVS = 16,
    CHUNK = 16384,
};

struct world world;

/* ---- Beginning ---- */

static const struct tpa_api_address_config *addresses_of(bool server)
{
    static struct tpa_api_address_config addresses[2][2];
    struct tpa_api_address_config *ours = addresses[server];

    tpa_ip_from_str((struct tpa_ip *)(void *)&ours[0].address,
                    server ? WORLD_SERVER_IPV4 : WORLD_CLIENT_IPV4);
    tpa_ip_from_str((struct tpa_ip *)(void *)&ours[1].address,
                    server ? WORLD_SERVER_IPV6 : WORLD_CLIENT_IPV6);
    ours[0].prefix_length = 24;
    ours[1].prefix_length = 64;
    return ours;
}

static void host_begin(struct world_host *host, const struct world_options *options, bool server)
{
    struct tpa_api_port_config port = {
        .name = server ? "server" : "client",
        .device = &host->wire->device,
        .addresses = addresses_of(server),
        .address_count = 2,
    };
    struct tpa_api_instance_config config;
    char reason[TPA_API_REASON_SIZE] = "";
    uint32_t workers = server ? options->server_workers : options->client_workers;

    test_chunks_init(&host->chunks);
    tpa_api_instance_config_default(&config);
    config.worker_count = host->worker_count = workers != 0 ? workers : 1;
    config.ports = &port;
    config.port_count = 1;
    config.pool = world.pool;
    config.registry = world.registry;
    config.sids = world.sids;
    config.chunks = &host->chunks.source;
    config.seed = server;
    config.secret[0] = server;
    if (options->adjust != NULL)
        options->adjust(&config);
    cr_assert_eq(tpa_api_instance_create(&config, &host->instance, reason), TPA_OK, "%s", reason);
    for (uint32_t i = 0; i < host->worker_count; i++) {
        host->workers[i] = tpa_api_worker_create(host->instance, world.now);
        cr_assert_not_null(host->workers[i]);
    }
}

static void wires_make(const struct world_options *options)
{
    uint16_t client = options->client_queues != 0 ? options->client_queues : 1;
    uint16_t server = options->server_queues != 0 ? options->server_queues : 1;
    bool sprayed = options->spread == TEST_WIRE_SPRAYED;
    struct tpa_netdev_loop_config loop = {
        .queue_count = sprayed ? 1 : client,
        .pool = {world.pool, world.pool},
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
    };
    struct tpa_netdev *ends[2];

    cr_assert_eq(tpa_netdev_loop_create(&loop, ends), TPA_OK);
    world.client.wire = test_wire_wrap(ends[0], client, options->spread);
    world.server.wire = test_wire_wrap(ends[1], server, options->spread);
}

static uint32_t workers_most(const struct world_options *options)
{
    uint32_t most = options->client_workers > options->server_workers ? options->client_workers
                                                                      : options->server_workers;

    return most != 0 ? most : 1;
}

void world_begin(const struct world_options *options)
{
    static const struct world_options usual;

    if (options == NULL)
        options = &usual;
    memset(&world, 0, sizeof(world));
    world.now = UINT64_C(1000) * MILLISECOND;
    world.pool = tpa_test_pool_sized(WORKER_PACKETS * workers_most(options), BUFFER);
    world.registry = tpa_mem_registry_create();
    world.sids = tpa_api_sids_create(WORLD_SIDS);
    wires_make(options);
    host_begin(&world.client, options, false);
    host_begin(&world.server, options, true);
}

void world_begin_usual(void)
{
    world_begin(NULL);
}

/* ---- Time ---- */

static uint64_t host_moves(const struct world_host *host)
{
    uint64_t moves = host->wire->sent;

    for (uint32_t i = 0; i < host->worker_count; i++) {
        const struct tpa_api_worker_counters *counters = &host->workers[i]->counters;

        moves += counters->packets_in + counters->packets_out + counters->handed_in +
                 counters->handed_off;
    }
    return moves;
}

static void host_step(struct world_host *host)
{
    for (uint32_t i = 0; i < host->worker_count; i++) {
        world_enter(host, i);
        tpa_api_worker_step(host->workers[i], world.now);
    }
}

/* True when anything moved. */
static bool step(void)
{
    uint64_t before = host_moves(&world.client) + host_moves(&world.server);

    host_step(&world.client);
    host_step(&world.server);
    if (world.each_step != NULL)
        world.each_step();
    world.now += WORLD_TICK;
    return host_moves(&world.client) + host_moves(&world.server) != before;
}

void world_step(void)
{
    (void)step();
}

static uint64_t host_deadline(const struct world_host *host)
{
    uint64_t earliest = TPA_TIMER_NEVER;

    for (uint32_t i = 0; i < host->worker_count; i++) {
        uint64_t deadline = tpa_api_worker_next_deadline(host->workers[i]);

        if (deadline < earliest)
            earliest = deadline;
    }
    return earliest;
}

static void jump(uint64_t end)
{
    uint64_t client = host_deadline(&world.client), server = host_deadline(&world.server);
    uint64_t next = client < server ? client : server;

    if (next > end)
        next = end;
    if (next > world.now)
        world.now = next;
}

void world_run(uint64_t milliseconds)
{
    uint64_t end = world.now + milliseconds * MILLISECOND;

    while (world.now < end) {
        if (!step())
            jump(end);
    }
    (void)step(); /* the workers' time is that of their last step */
}

void world_settle(void)
{
    int quiet = 0;

    while (quiet < 3)
        quiet = step() ? 0 : quiet + 1;
}

void world_enter(const struct world_host *host, uint32_t worker)
{
    tpa_api_worker_enter(host->workers[worker]);
}

/* ---- End ---- */

static void host_close_all(const struct world_host *host)
{
    for (int sid = 0; sid < WORLD_SIDS; sid++) {
        void *object = tpa_api_sid_object(world.sids, sid);
        struct tpa_api_sock *sock = tpa_api_object_sock(object);
        struct tpa_api_listener *listener = tpa_api_object_listener(object);
        struct tpa_worker *worker = sock != NULL       ? sock->worker
                                    : listener != NULL ? listener->worker
                                                       : NULL;

        if (worker == NULL || worker->instance != host->instance)
            continue;
        tpa_api_worker_enter(worker);
        tpa_close(sid);
    }
}

static bool host_is_idle(const struct world_host *host)
{
    for (uint32_t i = 0; i < host->worker_count; i++) {
        const struct tpa_api_worker_counters *counters = &host->workers[i]->counters;

        if (counters->socks + counters->time_waits > 0)
            return false;
    }
    return true;
}

static void wire_mend(struct test_wire *wire)
{
    wire->cut = wire->gone = wire->full = wire->slow = false;
    wire->lose_payload = 0;
}

static void host_expect_idle(const struct world_host *host)
{
    const char *left = tpa_api_check_idle(host->instance);

    cr_expect_null(left, "the %s is not idle: %s", host == &world.client ? "client" : "server",
                   left);
}

void world_destroy(void)
{
    tpa_api_instance_destroy(world.client.instance);
    tpa_api_instance_destroy(world.server.instance);
    tpa_mem_rcu_barrier();
    for (int sid = 0; sid < WORLD_SIDS; sid++)
        cr_expect_null(tpa_api_sid_object(world.sids, sid), "sid %d is not free", sid);
    cr_expect_eq(world.client.chunks.taken, 0, "the client's slabs hold memory");
    cr_expect_eq(world.server.chunks.taken, 0, "the server's slabs hold memory");
    tpa_api_sids_destroy(world.sids);
    tpa_mem_registry_destroy(world.registry);
    tpa_test_pool_expect_idle(world.pool);
}

void world_end(void)
{
    uint64_t end = world.now + UINT64_C(1) * PATIENCE_MS * MILLISECOND;

    world.each_step = NULL;
    world.pool->fault_countdown = 0;
    world.client.chunks.fail_at = world.server.chunks.fail_at = 0;
    wire_mend(world.client.wire);
    wire_mend(world.server.wire);
    host_close_all(&world.client);
    host_close_all(&world.server);
    world_settle();
    while (world.now < end && (!host_is_idle(&world.client) || !host_is_idle(&world.server))) {
        if (!step())
            jump(end);
    }
    world_settle();
    host_expect_idle(&world.client);
    host_expect_idle(&world.server);
    world_destroy();
}

/* ---- Socks ---- */

int world_listen(void)
{
    int sid;

    world_enter(&world.server, 0);
    sid = tpa_listen_on(NULL, WORLD_PORT, NULL);
    cr_assert_geq(sid, 0, "tpa_listen_on: %s", strerror(errno));
    return sid;
}

int world_connect(void)
{
    int sid;

    world_enter(&world.client, 0);
    sid = tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, NULL);
    cr_assert_geq(sid, 0, "tpa_connect_to: %s", strerror(errno));
    return sid;
}

static int accept_at(uint32_t worker)
{
    int sid = -1;

    world_enter(&world.server, worker);
    return tpa_accept_burst(world.server.workers[worker], &sid, 1) == 1 ? sid : -1;
}

int world_accept(void)
{
    return accept_at(0);
}

int world_accept_any(uint32_t *worker)
{
    for (*worker = 0; *worker < world.server.worker_count; (*worker)++) {
        int sid = accept_at(*worker);

        if (sid >= 0)
            return sid;
    }
    return -1;
}

struct world_pair world_pair(int *listener)
{
    struct world_pair pair;
    int sid = world_listen();

    if (listener != NULL)
        *listener = sid;
    pair.client = world_connect();
    world_settle();
    pair.server = world_accept();
    cr_assert_geq(pair.server, 0, "no connection came");
    return pair;
}

void world_write(int sid, const void *bytes, size_t length)
{
    cr_assert_eq(tpa_write(sid, bytes, length), (ssize_t)length, "tpa_write: %s", strerror(errno));
}

static size_t iovs_take(const struct tpa_iovec *iovs, size_t bytes, uint8_t *to, size_t size)
{
    size_t taken = 0;

    for (int i = 0; taken < bytes; i++) {
        cr_assert(to == NULL || taken + iovs[i].iov_len <= size, "more than expected arrived");
        if (to != NULL)
            memcpy(to + taken, iovs[i].iov_base, iovs[i].iov_len);
        taken += iovs[i].iov_len;
        iovs[i].iov_read_done(iovs[i].iov_base, iovs[i].iov_param);
    }
    cr_assert_eq(taken, bytes, "the iovs' lengths are not the sum");
    return taken;
}

ssize_t world_read(int sid, void *bytes, size_t size)
{
    struct tpa_iovec iovs[READ_IOVS];
    size_t taken = 0;

    for (;;) {
        ssize_t result = tpa_zreadv(sid, iovs, READ_IOVS);

        if (result <= 0)
            return taken > 0 ? (ssize_t)taken : result;
        taken += iovs_take(iovs, (size_t)result, bytes == NULL ? NULL : (uint8_t *)bytes + taken,
                           size - taken);
    }
}

static uint8_t pattern(size_t position)
{
    return (uint8_t)(position * 7 + (position >> 8) * 13 + (position >> 16));
}

static size_t pattern_write(int sid, size_t position, size_t end)
{
    uint8_t chunk[CHUNK];

    while (position < end) {
        size_t length = end - position < CHUNK ? end - position : CHUNK;

        for (size_t i = 0; i < length; i++)
            chunk[i] = pattern(position + i);
        if (tpa_write(sid, chunk, length) < 0) {
            cr_assert_eq(errno, EAGAIN, "tpa_write: %s", strerror(errno));
            break;
        }
        position += length;
    }
    return position;
}

static size_t pattern_read(int sid, size_t position)
{
    static uint8_t bytes[64 << 20];
    ssize_t length = world_read(sid, bytes, sizeof(bytes));

    if (length < 0) {
        cr_assert_eq(errno, EAGAIN, "tpa_zreadv: %s", strerror(errno));
        return position;
    }
    cr_assert_gt(length, 0, "the stream ended after %zu bytes", position);
    for (ssize_t i = 0; i < length; i++)
        cr_assert_eq(bytes[i], pattern(position + (size_t)i), "byte %zu is wrong",
                     position + (size_t)i);
    return position + (size_t)length;
}

void world_transfer(int from, int to, size_t length)
{
    uint64_t end = world.now + UINT64_C(1) * PATIENCE_MS * MILLISECOND;
    size_t written = 0, taken = 0;

    while (taken < length) {
        written = pattern_write(from, written, length);
        if (!step())
            jump(end);
        taken = pattern_read(to, taken);
        cr_assert_lt(world.now, end, "%zu of %zu bytes came", taken, length);
    }
    cr_assert_eq(taken, length);
}

void world_watch(int sid, uint32_t events)
{
    struct tpa_event event = {.events = events, .data = (void *)(intptr_t)sid};

    cr_assert_eq(tpa_event_ctrl(sid, TPA_EVENT_CTRL_ADD, &event), 0);
}

uint32_t world_events(const struct world_host *host, int sid)
{
    struct tpa_event events[4];
    uint32_t seen = 0;

    for (uint32_t worker = 0; worker < host->worker_count; worker++) {
        int count = tpa_event_poll(host->workers[worker], events, 4);

        for (int i = 0; i < count; i++) {
            cr_assert_eq((intptr_t)events[i].data, sid, "an event of another sock");
            seen |= events[i].events;
        }
    }
    return seen;
}

uint64_t world_drops(const struct world_host *host, enum tpa_base_drop reason)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < host->worker_count; i++)
        count += host->workers[i]->drops.count[reason];
    return count;
}
