/*
 * Whole stacks on a simulated network, in virtual time, from one seed.
 *
 *     sim_begin(&sim, seed, flows);
 *     a = sim_host_add(&sim, &config);  b = sim_host_add(&sim, &config);
 *     sim_link_add(&sim, sim_at_host(a), sim_at_host(b), &pipe, &pipe);
 *     sim_flow_add(&sim, &plan) ...                                        (flow.h)
 *     sim_run_flows(&sim, duration);
 *     sim_end(&sim);
 *
 * Hosts have the addresses 10.0.0.<n> and fd00::<n>, n from 1. All are on one link layer, which
 * switches without a delay of their own may divide. Time jumps from event to event: a host steps
 * when frames have arrived, when a timer is due, or its application is; while anything moves, each
 * `poll` ns, as a loop that has other things to do as well.
 *
 * After each step the invariants of the worker's connections are checked (libs/api/check). What
 * fails says the seed, and the command that runs it again with a capture.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include <tpa/api/instance.h>

#include "pipe.h"
#include "port.h"
#include "test/support/chunks.h"

#define SIM_US UINT64_C(1000)
#define SIM_MS (1000 * SIM_US)
#define SIM_S  (1000 * SIM_MS)

enum {
    SIM_HOSTS_MAX = 32,
    SIM_SWITCHES_MAX = 4,
    SIM_LINKS_MAX = 40,
    SIM_PORT = 80, /* where every host listens */
    SIM_PACKETS = 36000,
};

struct sim;
struct sim_flow;
struct sim_side;

struct sim_host_config {
    uint16_t mtu;  /* bytes of an IP packet (1500) */
    uint32_t ring; /* frames that the NIC holds for the worker (1024) */
    uint64_t poll; /* ns between steps while anything moves (10 us) */
    bool nagle;
    struct tpa_tcp_config tcp;
};

struct sim_host {
    struct sim *sim;
    unsigned int number; /* from 1: of its addresses */
    struct sim_host_config config;
    struct sim_port *port;
    struct sim_link *link;
    struct tpa_api_instance *instance;
    struct tpa_worker *worker;
    struct test_chunks chunks;
    uint64_t wake; /* when it steps next */
    uint64_t stalled_until;
    uint64_t moves;   /* as of the last step */
    uint64_t held;    /* bytes of buffers that its applications hold */
    int check_cursor; /* of tpa_api_check_some */
    int listener;
    struct sim_side *due;      /* sides that want to act at a time, the first first */
    struct sim_flow **by_port; /* the newest flow that it opened from each port */
};

struct sim_switch {
    struct sim *sim;
    struct sim_link *toward[SIM_HOSTS_MAX + 1]; /* learned from what hosts sent; NULL = flood */
};

/* What a link's end is plugged into: one of the two. */
struct sim_end {
    struct sim_host *host;
    struct sim_switch *at;
};

struct sim_link {
    struct sim_end ends[2];
    struct sim_pipe pipes[2]; /* pipes[0] leads from ends[0] to ends[1] */
};

struct sim {
    uint64_t seed;
    uint64_t now; /* ns */
    uint64_t events;
    struct tpa_base_random random; /* the scenario's own */
    struct tpa_mem_pool *pool;
    struct tpa_mem_registry *registry;
    struct tpa_api_sids *sids;
    struct sim_host *hosts[SIM_HOSTS_MAX];
    struct sim_switch *switches[SIM_SWITCHES_MAX];
    struct sim_link *links[SIM_LINKS_MAX];
    unsigned int host_count, switch_count, link_count;
    struct sim_flow *flows;
    uint32_t flow_count, flow_max, flows_open;
    uint32_t check_every; /* steps between checks of all that a worker has; 1 by default */
    bool ended;
};

/* `flows`: as many may be added. */
void sim_begin(struct sim *sim, uint64_t seed, uint32_t flows);

/* Lets time pass until nothing is left of any connection, and holds every pool, slab, table and
 * budget against where it began. Flows must have ended. */
void sim_end(struct sim *sim);

/* Fills in what is given in parentheses above. */
void sim_host_default(struct sim_host_config *config);
struct sim_host *sim_host_add(struct sim *sim, const struct sim_host_config *config);
struct sim_switch *sim_switch_add(struct sim *sim);

static inline struct sim_end sim_at_host(struct sim_host *host)
{
    return (struct sim_end){.host = host};
}

static inline struct sim_end sim_at_switch(struct sim_switch *at)
{
    return (struct sim_end){.at = at};
}

/* There and back. A host has one link. */
struct sim_link *sim_link_add(struct sim *sim, struct sim_end from, struct sim_end to,
                              const struct sim_pipe_config *there,
                              const struct sim_pipe_config *back);

/* The worker does not run for so long, as when its thread is descheduled. */
void sim_host_stall(struct sim_host *host, uint64_t duration);

/* The next event, not later than `until`. False: `until` is reached. */
bool sim_step(struct sim *sim, uint64_t until);
void sim_run(struct sim *sim, uint64_t duration);

const struct tpa_tcp_counters *sim_host_counters(const struct sim_host *host);

/* ---- Failing, and running again ---- */

/* Fails the test with a message, the seed and the command that runs it again. */
void sim_fail(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#define SIM_MUST(sim, condition, ...)                          \
    do {                                                       \
        if (!(condition))                                      \
            sim_fail((sim), "!(" #condition ") " __VA_ARGS__); \
    } while (0)

/*
 * The environment of a test program, for running it again or for longer:
 *   TPA_SIM_SEED=n      only the seed n
 *   TPA_SIM_LONG=n      n times as many seeds
 *   TPA_SIM_CAPTURE=p   each host's packets in p-<n>.pcapng
 */
struct sim_seeds {
    uint64_t next, end;
};

struct sim_seeds sim_seeds(uint64_t first, uint64_t count);
bool sim_seeds_next(struct sim_seeds *seeds, uint64_t *seed);
/* TPA_SIM_LONG, 1 by default. */
uint64_t sim_long(void);

#endif
