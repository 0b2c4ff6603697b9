#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tpa/base/error.h>
#include <tpa/mem/rcu.h>
#include <tpa/netdev/capture.h>

#include "flow.h"
#include "libs/api/check/check.h"
#include "test/support/eal.h"
#include "test/support/pools.h"
#include "worker.h"

enum {
    MEMORY_MB = 192,
    BUFFER = 1600, /* bytes: a frame of 1514 in one */
    SOCKS_BESIDES = SIM_HOSTS_MAX + 8,
    POLL = 10000,          /* ns */
    POLL_STARVED = 100000, /* while something waits for memory */
    RING = 1024,
    PORTS = 65536,
    CHECK_ALL = 24,   /* socks up to which all are checked at each step, */
    CHECK_SOME = 16,  /*   and how many are with more, */
    CHECK_FULL = 256, /*   and after how many steps all of them */
};

/* Longer than anything waits: R2 of a peer that is gone, a minute of TIME-WAIT, keepalive. */
#define PATIENCE (UINT64_C(7200) * SIM_S)

/* ---- Failing ---- */

/* The command that runs it again with a capture. */
static void describe(const struct sim *sim, char *text, size_t size)
{
    char program[512] = "";

    (void)!readlink("/proc/self/exe", program, sizeof(program) - 1);
    snprintf(text, size,
             "at %.6f s of seed %llu; again, with a capture:\n  TPA_SIM_SEED=%llu "
             "TPA_SIM_CAPTURE=/tmp/sim %s --filter %s/%s",
             (double)sim->now / 1e9, (unsigned long long)sim->seed, (unsigned long long)sim->seed,
             program, criterion_current_test->category, criterion_current_test->name);
}

/* What is not written yet of the captures. */
static void captures_end(const struct sim *sim)
{
    for (unsigned int i = 0; i < sim->host_count; i++) {
        if (sim->hosts[i]->instance != NULL)
            (void)tpa_netdev_capture_stop(sim->hosts[i]->instance->ports[0].device);
    }
}

void sim_fail(const struct sim *sim, const char *format, ...)
{
    char what[512], again[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    captures_end(sim);
    describe(sim, again, sizeof(again));
    cr_assert_fail("%s\n  %s", what, again);
    abort(); /* not reached */
}

/* What a crash says, made before there is one: the handler may not format. */
static char replay[1024];

/* A crash says as much as a failed check, but for the time. */
static void crashed(int signal_number)
{
    signal(signal_number, SIG_DFL);
    (void)!write(STDERR_FILENO, replay, strlen(replay));
    raise(signal_number);
}

static void crashes_report(const struct sim *sim)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(signals); i++) {
        struct sigaction now;

        /* Where a sanitizer or Criterion has one, theirs says more. */
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            signal(signals[i], crashed);
    }
    describe(sim, replay, sizeof(replay) - 1);
    replay[strlen(replay)] = '\n';
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

uint64_t sim_long(void)
{
    uint64_t times = environment("TPA_SIM_LONG", 1);

    return times != 0 ? times : 1;
}

struct sim_seeds sim_seeds(uint64_t first, uint64_t count)
{
    if (getenv("TPA_SIM_SEED") != NULL) {
        first = environment("TPA_SIM_SEED", 0);
        return (struct sim_seeds){first, first + 1};
    }
    return (struct sim_seeds){first, first + count * sim_long()};
}

bool sim_seeds_next(struct sim_seeds *seeds, uint64_t *seed)
{
    *seed = seeds->next;
    return seeds->next++ < seeds->end;
}

/* ---- Beginning ---- */

/* One for all simulations of a process: EAL's memory is not given back. */
static struct tpa_mem_pool *pool_get(void)
{
    static struct tpa_mem_pool *pool;

    if (pool == NULL) {
        tpa_test_eal_init_sized(MEMORY_MB);
        pool = tpa_test_pool_sized(SIM_PACKETS, BUFFER);
    }
    return pool;
}

void sim_begin(struct sim *sim, uint64_t seed, uint32_t flows)
{
    memset(sim, 0, sizeof(*sim));
    sim->seed = seed;
    sim->now = SIM_S;
    sim->check_every = 1;
    crashes_report(sim);
    sim->pool = pool_get();
    sim->registry = tpa_mem_registry_create();
    sim->sids = tpa_api_sids_create(2 * flows + SOCKS_BESIDES);
    sim->flow_max = flows;
    sim->flows = calloc(flows, sizeof(*sim->flows));
    tpa_base_random_seed(&sim->random, seed);
    SIM_MUST(sim, sim->registry != NULL && sim->sids != NULL && sim->flows != NULL, "no memory");
}

void sim_host_default(struct sim_host_config *config)
{
    *config = (struct sim_host_config){.mtu = 1500, .ring = RING, .poll = POLL};
    tpa_tcp_config_default(&config->tcp);
}

static void host_capture(struct sim_host *host)
{
    const char *prefix = getenv("TPA_SIM_CAPTURE");
    struct tpa_netdev_capture_config config;
    char path[512];

    if (prefix == NULL)
        return;
    snprintf(path, sizeof(path), "%s-%u.pcapng", prefix, host->number);
    config = (struct tpa_netdev_capture_config){.path = path};
    SIM_MUST(host->sim,
             tpa_netdev_capture_start(host->instance->ports[0].device, &config) == TPA_OK, "%s",
             path);
}

static void host_listen(struct sim_host *host)
{
    tpa_api_worker_enter(host->worker);
    host->listener = tpa_listen_on(NULL, SIM_PORT, NULL);
    SIM_MUST(host->sim, host->listener >= 0, "tpa_listen_on: %s", strerror(errno));
}

static void port_send(void *context, struct sim_frame *frame, uint64_t now);

static void host_port(struct sim_host *host)
{
    struct sim_port_config config = {
        .pool = host->sim->pool,
        .mac = {2, 0, 0, 0, 0, (uint8_t)host->number},
        .mtu = host->config.mtu,
        .ring = host->config.ring,
        .send = port_send,
        .context = host,
    };

    host->port = sim_port_create(&config);
    SIM_MUST(host->sim, host->port != NULL, "no memory");
}

static void host_start(struct sim_host *host)
{
    struct sim *sim = host->sim;
    struct tpa_api_address_config addresses[2] = {
        {.address = tpa_base_address_from_ipv4(TPA_BASE_BE32(0x0a000000u + host->number)),
         .prefix_length = 24},
        {.prefix_length = 64},
    };
    struct tpa_api_port_config port = {
        .name = "sim",
        .device = &host->port->device,
        .addresses = addresses,
        .address_count = 2,
    };
    struct tpa_api_instance_config config;
    char reason[TPA_API_REASON_SIZE] = "";
    char text[INET6_ADDRSTRLEN];

    snprintf(text, sizeof(text), "fd00::%x", host->number);
    tpa_ip_from_str((struct tpa_ip *)(void *)&addresses[1].address, text);
    tpa_api_instance_config_default(&config);
    config.ports = &port;
    config.port_count = 1;
    config.pool = sim->pool;
    config.registry = sim->registry;
    config.sids = sim->sids;
    config.chunks = &host->chunks.source;
    config.tcp = host->config.tcp;
    config.nagle = host->config.nagle;
    config.listen_backlog = sim->flow_max + 1;
    config.seed = sim->seed + host->number;
    config.secret[0] = (uint8_t)host->number;
    memcpy(config.secret + 8, &sim->seed, sizeof(sim->seed));
    SIM_MUST(sim, tpa_api_instance_create(&config, &host->instance, reason) == TPA_OK, "%s",
             reason);
    host->worker = tpa_api_worker_create(host->instance, sim->now);
    SIM_MUST(sim, host->worker != NULL, "no memory");
}

struct sim_host *sim_host_add(struct sim *sim, const struct sim_host_config *config)
{
    struct sim_host *host = calloc(1, sizeof(*host));

    SIM_MUST(sim, host != NULL && sim->host_count < SIM_HOSTS_MAX, "too many hosts");
    sim->hosts[sim->host_count++] = host;
    host->sim = sim;
    host->number = sim->host_count;
    host->config = *config;
    host->wake = sim->now;
    host->by_port = calloc(PORTS, sizeof(void *));
    SIM_MUST(sim, host->by_port != NULL, "no memory");
    test_chunks_init(&host->chunks);
    host_port(host);
    host_start(host);
    host_capture(host);
    host_listen(host);
    return host;
}

struct sim_switch *sim_switch_add(struct sim *sim)
{
    struct sim_switch *at = calloc(1, sizeof(*at));

    SIM_MUST(sim, at != NULL && sim->switch_count < SIM_SWITCHES_MAX, "too many switches");
    at->sim = sim;
    sim->switches[sim->switch_count++] = at;
    return at;
}

struct sim_link *sim_link_add(struct sim *sim, struct sim_end from, struct sim_end to,
                              const struct sim_pipe_config *there,
                              const struct sim_pipe_config *back)
{
    struct sim_link *link = calloc(1, sizeof(*link));

    SIM_MUST(sim, link != NULL && sim->link_count < SIM_LINKS_MAX, "too many links");
    sim->links[sim->link_count++] = link;
    link->ends[0] = from;
    link->ends[1] = to;
    sim_pipe_init(&link->pipes[0], there, sim->seed * 1000 + 2 * sim->link_count);
    sim_pipe_init(&link->pipes[1], back, sim->seed * 1000 + 2 * sim->link_count + 1);
    for (int i = 0; i < 2; i++) {
        if (link->ends[i].host != NULL)
            link->ends[i].host->link = link;
    }
    return link;
}

/* ---- Frames ---- */

static void link_send(struct sim_link *link, int direction, struct sim_frame *frame, uint64_t now)
{
    struct sim_frame *error = sim_pipe_enter(&link->pipes[direction], frame, now);

    if (error != NULL)
        (void)sim_pipe_enter(&link->pipes[!direction], error, now);
}

static void port_send(void *context, struct sim_frame *frame, uint64_t now)
{
    struct sim_host *host = context;

    if (host->link == NULL)
        sim_frame_free(frame);
    else
        link_send(host->link, host->link->ends[0].host != host, frame, now);
}

/* A host's number by its address; 0 = several, or nobody's. */
static unsigned int host_number(const struct sim *sim, const uint8_t *mac)
{
    static const uint8_t ours[5] = {2, 0, 0, 0, 0};

    return memcmp(mac, ours, 5) == 0 && mac[5] <= sim->host_count ? mac[5] : 0;
}

static void switch_flood(struct sim_switch *at, const struct sim_link *from,
                         const struct sim_frame *frame)
{
    struct sim *sim = at->sim;

    for (unsigned int i = 0; i < sim->link_count; i++) {
        struct sim_link *link = sim->links[i];
        struct sim_frame *copy;

        if (link == from || (link->ends[0].at != at && link->ends[1].at != at))
            continue;
        copy = sim_frame_copy(frame);
        if (copy != NULL)
            link_send(link, link->ends[0].at != at, copy, sim->now);
    }
}

static void switch_forward(struct sim_switch *at, struct sim_link *from, struct sim_frame *frame)
{
    unsigned int to = host_number(at->sim, frame->bytes);
    struct sim_link *link = at->toward[to];

    at->toward[host_number(at->sim, frame->bytes + 6)] = from;
    if (to == 0 || link == NULL) {
        switch_flood(at, from, frame);
        sim_frame_free(frame);
    } else {
        link_send(link, link->ends[0].at != at, frame, at->sim->now);
    }
}

static uint64_t latest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void host_wake(struct sim_host *host, uint64_t at)
{
    at = latest(at, host->stalled_until);
    if (host->wake > at)
        host->wake = at;
}

static void link_run(struct sim *sim, struct sim_link *link)
{
    for (int i = 0; i < 2; i++) {
        struct sim_end *end = &link->ends[!i];
        struct sim_frame *frame;

        while ((frame = sim_pipe_leave(&link->pipes[i], sim->now)) != NULL) {
            if (end->host == NULL) {
                switch_forward(end->at, link, frame);
                continue;
            }
            sim_port_arrive(end->host->port, frame);
            host_wake(end->host, sim->now);
        }
    }
}

/* ---- Steps ---- */

static void host_check(struct sim_host *host)
{
    const struct tpa_api_worker_counters *counters = tpa_api_worker_counters(host->worker);
    const char *fault;

    if (counters->steps % host->sim->check_every != 0)
        return;
    if (counters->socks <= CHECK_ALL || counters->steps % CHECK_FULL == 0)
        fault = tpa_api_check_worker(host->worker, host->held);
    else
        fault = tpa_api_check_some(host->worker, &host->check_cursor, CHECK_SOME);
    if (fault != NULL)
        sim_fail(host->sim, "host %u: !(%s)", host->number, fault);
}

static bool host_moved(struct sim_host *host)
{
    const struct tpa_api_worker_counters *counters = tpa_api_worker_counters(host->worker);
    uint64_t moves = counters->packets_in + counters->packets_out + host->port->sent;
    bool moved = moves != host->moves;

    host->moves = moves;
    return moved;
}

static void host_step(struct sim_host *host)
{
    uint64_t now = host->sim->now;
    bool acted;

    tpa_api_worker_step(host->worker, now);
    host_check(host);
    acted = sim_flows_act(host);
    if (host_moved(host) || acted || host->port->received.count > 0) {
        host->wake = now + host->config.poll;
    } else {
        uint64_t due = sim_flows_next(host);

        host->wake = tpa_api_worker_next_deadline(host->worker);
        host->wake = host->wake < due ? host->wake : due;
        host->wake = latest(host->wake, now + 1);
        if (!tpa_base_list_is_empty(&host->worker->tcp.output) && host->wake > now + POLL_STARVED)
            host->wake = now + POLL_STARVED;
    }
    host->wake = latest(host->wake, host->stalled_until);
}

void sim_host_stall(struct sim_host *host, uint64_t duration)
{
    host->stalled_until = host->sim->now + duration;
    host->wake = latest(host->wake, host->stalled_until);
}

static uint64_t next_event(const struct sim *sim)
{
    uint64_t next = SIM_NEVER;

    for (unsigned int i = 0; i < sim->host_count; i++)
        next = sim->hosts[i]->wake < next ? sim->hosts[i]->wake : next;
    for (unsigned int i = 0; i < 2 * sim->link_count; i++) {
        uint64_t due = sim_pipe_next(&sim->links[i / 2]->pipes[i % 2]);

        next = due < next ? due : next;
    }
    return next;
}

bool sim_step(struct sim *sim, uint64_t until)
{
    uint64_t next = next_event(sim);

    if (next > until) {
        sim->now = latest(sim->now, until);
        return false;
    }
    sim->now = latest(sim->now, next);
    sim->events++;
    for (unsigned int i = 0; i < sim->link_count; i++)
        link_run(sim, sim->links[i]);
    for (unsigned int i = 0; i < sim->host_count; i++) {
        if (sim->hosts[i]->wake <= sim->now)
            host_step(sim->hosts[i]);
    }
    return true;
}

void sim_run(struct sim *sim, uint64_t duration)
{
    uint64_t end = sim->now + duration;

    while (sim_step(sim, end))
        ;
}

const struct tpa_tcp_counters *sim_host_counters(const struct sim_host *host)
{
    return tpa_api_worker_tcp_counters(host->worker);
}

/* ---- End ---- */

static bool is_idle(const struct sim *sim)
{
    for (unsigned int i = 0; i < sim->host_count; i++) {
        const struct tpa_api_worker_counters *counters =
            tpa_api_worker_counters(sim->hosts[i]->worker);

        if (counters->socks + counters->time_waits > 0)
            return false;
    }
    return true;
}

static void host_end(struct sim *sim, struct sim_host *host)
{
    const char *left = tpa_api_check_idle(host->instance);

    SIM_MUST(sim, left == NULL, "host %u is not idle: %s", host->number, left);
    tpa_api_instance_destroy(host->instance);
    tpa_mem_rcu_barrier();
    SIM_MUST(sim, host->chunks.taken == 0, "host %u: slabs hold %zu bytes", host->number,
             host->chunks.taken);
    free(host->by_port);
}

static void network_free(struct sim *sim)
{
    for (unsigned int i = 0; i < sim->link_count; i++) {
        sim_pipe_clear(&sim->links[i]->pipes[0]);
        sim_pipe_clear(&sim->links[i]->pipes[1]);
        free(sim->links[i]);
    }
    for (unsigned int i = 0; i < sim->switch_count; i++)
        free(sim->switches[i]);
    for (unsigned int i = 0; i < sim->host_count; i++)
        free(sim->hosts[i]);
}

void sim_end(struct sim *sim)
{
    uint64_t end = sim->now + PATIENCE;

    SIM_MUST(sim, sim->flows_open == 0, "%u flows are open", sim->flows_open);
    for (unsigned int i = 0; i < sim->host_count; i++) {
        tpa_api_worker_enter(sim->hosts[i]->worker);
        tpa_close(sim->hosts[i]->listener);
        sim->hosts[i]->wake = sim->now;
    }
    while (!is_idle(sim) && sim_step(sim, end))
        ;
    sim_run(sim, SIM_S); /* what is under way; closed listeners are freed */
    SIM_MUST(sim, is_idle(sim), "connections do not end");
    for (unsigned int i = 0; i < sim->host_count; i++)
        host_end(sim, sim->hosts[i]);
    replay[0] = '\0';
    network_free(sim);
    free(sim->flows);
    tpa_api_sids_destroy(sim->sids);
    tpa_mem_registry_destroy(sim->registry);
    SIM_MUST(sim, tpa_mem_pool_in_use(sim->pool) == 0, "%u packets are missing",
             tpa_mem_pool_in_use(sim->pool));
}
