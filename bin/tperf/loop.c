/*
 * --loop: client and server in one thread of one process, each an instance of the stack of its own,
 * with the in-process loop between them. No privileges, no hugepages, no interface.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tpa/api/instance.h>
#include <tpa/base/byteorder.h>
#include <tpa/base/clock.h>
#include <tpa/base/error.h>
#include <tpa/mem/eal.h>
#include <tpa/netdev/loop.h>

#include "bin/support/loop.h"
#include "bin/tperf/client.h"
#include "bin/tperf/report.h"
#include "bin/tperf/run.h"
#include "bin/tperf/server.h"

#define POOL_PACKETS   50000u
#define POOL_OVERHEAD  1024u /* bytes of a buffer beyond its data, and its part of the tables */
#define SOCKS_SPARE    64u
#define FAREWELL_STEPS 1000

enum {
    CLIENT,
    SERVER,
    ENDS
};

const char *const tperf_stack = "tpa";

struct loop {
    struct tpa_mem_pool pool;
    struct tpa_mem_registry *memory;
    struct tpa_api_sids *sids;
    struct tpa_netdev *devices[ENDS];
    struct tpa_api_instance *instances[ENDS];
    struct tpa_worker *workers[ENDS];
    struct tpa_base_clock clock;
};

static const struct {
    const char *text;
    uint32_t ipv4; /* network order */
} addresses[ENDS] = {
    {"10.0.0.1", TPA_BASE_BE32(0x0a000001)},
    {"10.0.0.2", TPA_BASE_BE32(0x0a000002)},
};

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "tperf: %s: %s\n", what, why);
    return false;
}

/* ---- Start ---- */

static bool memory_open(struct loop *loop)
{
    struct tpa_mem_pool_config pool = {.name = "tperf", .packet_count = POOL_PACKETS};
    struct tpa_mem_eal_config eal = {
        .program = "tperf",
        .no_huge = true,
        .memory_size =
            (uint64_t)POOL_PACKETS * (TPA_MEM_POOL_DATA_SIZE_DEFAULT + POOL_OVERHEAD) * 2,
    };
    char reason[TPA_MEM_EAL_REASON_SIZE];
    int error = tpa_mem_eal_init(&eal, reason);

    if (error != TPA_OK)
        return fail("DPDK", reason);
    error = tpa_mem_pool_create(&loop->pool, &pool);
    if (error != TPA_OK)
        return fail("packet buffers", tpa_base_error_text(error));
    loop->memory = tpa_mem_registry_create();
    if (loop->memory == NULL)
        return fail("registry", tpa_base_error_text(TPA_ENOMEM));
    error = tpa_mem_registry_add(loop->memory, tperf_pattern(), TPERF_PATTERN_MAPPED, NULL,
                                 TPERF_PATTERN_MAPPED / TPERF_PATTERN_PAGE, TPERF_PATTERN_PAGE);
    return error == TPA_OK || fail("memory to send from", tpa_base_error_text(error));
}

static bool wire_open(struct loop *loop)
{
    struct tpa_netdev_loop_config config = {
        .pool = {&loop->pool, &loop->pool},
        .mac = {{0x02, 0, 0, 0, 0, 1}, {0x02, 0, 0, 0, 0, 2}},
    };
    int error = tpa_netdev_loop_create(&config, loop->devices);

    return error == TPA_OK || fail("loop", tpa_base_error_text(error));
}

static bool end_open(struct loop *loop, int end)
{
    struct tpa_api_address_config address = {
        .address = tpa_base_address_from_ipv4(addresses[end].ipv4),
        .prefix_length = 24,
    };
    struct tpa_api_port_config port = {
        .name = addresses[end].text,
        .device = loop->devices[end],
        .addresses = &address,
        .address_count = 1,
    };
    struct tpa_api_instance_config config;
    char reason[TPA_API_REASON_SIZE];

    tpa_api_instance_config_default(&config);
    config.worker_count = 1;
    config.ports = &port;
    config.port_count = 1;
    config.pool = &loop->pool;
    config.registry = loop->memory;
    config.sids = loop->sids;
    config.seed = (uint64_t)end + 1;
    config.secret[0] = (uint8_t)(end + 1);
    if (tpa_api_instance_create(&config, &loop->instances[end], reason) != TPA_OK)
        return fail("instance", reason);
    loop->devices[end] = NULL;
    loop->workers[end] =
        tpa_api_worker_create(loop->instances[end], tpa_base_clock_now(&loop->clock));
    return loop->workers[end] != NULL || fail("worker", tpa_base_error_text(TPA_ENOMEM));
}

static bool loop_open(struct loop *loop, const struct tperf_options *options)
{
    if (!tperf_pattern_create())
        return fail("memory to send from", tpa_base_error_text(TPA_ENOMEM));
    tpa_base_clock_init(&loop->clock);
    loop->sids = tpa_api_sids_create(2 * (uint32_t)options->connections + SOCKS_SPARE);
    if (loop->sids == NULL)
        return fail("socks", tpa_base_error_text(TPA_ENOMEM));
    return memory_open(loop) && wire_open(loop) && end_open(loop, SERVER) && end_open(loop, CLIENT);
}

/* What could not be opened is NULL. Says how many packet buffers are missing at the end. */
static uint32_t loop_close(struct loop *loop)
{
    uint32_t missing = 0;

    for (int end = 0; end < ENDS; end++) {
        if (loop->instances[end] != NULL)
            tpa_api_instance_destroy(loop->instances[end]);
        else if (loop->devices[end] != NULL)
            tpa_netdev_close(loop->devices[end]);
    }
    tpa_api_sids_destroy(loop->sids);
    if (loop->memory != NULL)
        tpa_mem_registry_destroy(loop->memory);
    if (loop->pool.mempool != NULL) {
        missing = tpa_mem_pool_in_use(&loop->pool);
        (void)tpa_mem_pool_destroy(&loop->pool);
    }
    return missing;
}

/* ---- Running ---- */

static void step(struct loop *loop, int end)
{
    tpa_api_worker_enter(loop->workers[end]);
    tpa_api_worker_step(loop->workers[end], tpa_base_clock_now(&loop->clock));
}

static void measure(struct loop *loop, struct tperf_client *client, struct tperf_server *server)
{
    while (client->phase != TPERF_ENDED) {
        step(loop, SERVER);
        (void)tperf_server_round(server);
        step(loop, CLIENT);
        (void)tperf_client_round(client, loop_stopped());
    }
    tperf_client_finish(client);
    for (int i = 0; i < FAREWELL_STEPS || (server->open > 0 && i < FAREWELL_STEPS * 1000); i++) {
        step(loop, CLIENT);
        step(loop, SERVER);
        (void)tperf_server_round(server);
    }
}

static bool run(struct loop *loop, const struct tperf_options *options,
                struct tperf_figures *figures)
{
    struct tpa_sock_opts opts = {.listen_scaling = 1};
    static struct tperf_client client;
    struct tperf_server server;
    bool good;

    tperf_server_init(&server, loop->workers[SERVER]);
    tpa_api_worker_enter(loop->workers[SERVER]);
    if (tpa_listen_on(NULL, options->port, &opts) < 0)
        return fail("can't listen", "see above");
    good = tperf_client_init(&client, loop->workers[CLIENT], options,
                             (uint32_t)options->connections, 0);
    if (!good)
        return fail("connections", tpa_base_error_text(TPA_ENOMEM));
    measure(loop, &client, &server);
    *figures = client.figures;
    figures->wrong += server.wrong;
    figures->errors += server.lost;
    free(client.links);
    return figures->errors + figures->wrong == 0;
}

int tperf_run_loop(const struct tperf_options *options)
{
    struct tperf_options local = *options;
    static struct tperf_figures figures;
    static struct loop loop;
    uint32_t missing;
    bool good;

    loop_catch_signals();
    if (options->first_cpu >= 0 && !loop_pin(options->first_cpu)) {
        fail("CPU", "there is no such CPU");
        return 1;
    }
    local.server = addresses[SERVER].text;
    good = loop_open(&loop, options) && run(&loop, &local, &figures);
    missing = loop_close(&loop);
    if (figures.duration > 0)
        tperf_report(options, &figures, tperf_stack);
    if (missing > 0)
        fprintf(stderr, "tperf: %u packet buffers did not come back\n", missing);
    return good && missing == 0 ? 0 : 1;
}
