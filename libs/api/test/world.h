/*
 * Two stacks on one wire, in virtual time: the template of the tests of the public API.
 *
 * "client" is 10.0.0.1 and fd00::1, "server" 10.0.0.2 and fd00::2; one link joins them. Everything
 * runs in the test's thread. Sids are common to both, so calls that take one need not care whose it
 * is; those that open a sock act for the worker that was entered last.
 *
 * world_end() closes what is open, lets time pass until nothing is left, and holds every pool,
 * slab, budget, table and sid against where it began.
 */
#ifndef TPA_API_TEST_WORLD_H
#define TPA_API_TEST_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include <tpa/api/instance.h>

#include "test/support/chunks.h"
#include "wire.h"

#define WORLD_CLIENT_IPV4 "10.0.0.1"
#define WORLD_CLIENT_IPV6 "fd00::1"
#define WORLD_SERVER_IPV4 "10.0.0.2"
#define WORLD_SERVER_IPV6 "fd00::2"

enum {
    WORLD_WORKERS_MAX = 4,
    WORLD_SIDS = 512,
    WORLD_PORT = 80,    /* where the server listens */
    WORLD_TICK = 10000, /* ns: a step of all workers, while anything moves */
};

struct world_host {
    struct tpa_api_instance *instance;
    struct tpa_worker *workers[WORLD_WORKERS_MAX];
    uint32_t worker_count;
    struct test_wire *wire;
    struct test_chunks chunks;
};

struct world_options {
    uint32_t client_workers, server_workers; /* 0 = 1 */
    uint16_t client_queues, server_queues;   /* 0 = 1 */
    enum test_wire_spread spread;            /* not SPRAYED: as many queues on both sides */
    void (*adjust)(struct tpa_api_instance_config *config); /* what is special; or NULL */
};

struct world {
    uint64_t now; /* ns */
    struct tpa_mem_pool *pool;
    struct tpa_mem_registry *registry;
    struct tpa_api_sids *sids;
    struct world_host client, server;
    void (*each_step)(void); /* run after every step of all workers; or NULL */
};

extern struct world world;

void world_begin(const struct world_options *options); /* NULL = one worker and queue each */
void world_end(void);

/* For TestSuite(): a world of the usual kind. */
void world_begin_usual(void);

/* Everything moves once, and time by one tick. */
void world_step(void);

/* Lets so much virtual time pass. Quiet times are jumped over. */
void world_run(uint64_t milliseconds);

/* Until nothing moves any more, whatever timers are still armed. */
void world_settle(void);

/* The thread acts for this host's worker. */
void world_enter(const struct world_host *host, uint32_t worker);

/* Drops both hosts' connections without a word, as a power cut does: for tests of that. */
void world_destroy(void);

/* ---- Socks ---- */

struct world_pair {
    int client, server;
};

int world_listen(void);  /* the server's first worker at WORLD_PORT, any address */
int world_connect(void); /* the client's first worker to the server's WORLD_PORT */
int world_accept(void);  /* the next connection of the server's first worker, -1 = none */
int world_accept_any(uint32_t *worker); /* of any of its workers */

/* A listener (its sid may be NULL) and an established connection. */
struct world_pair world_pair(int *listener);

/* Writes all, or fails the test. */
void world_write(int sid, const void *bytes, size_t length);

/* Reads what there is, at most `size` bytes of it into `bytes` (NULL = nowhere), and gives the
 * buffers back. Bytes; 0 = end of stream; -1 and errno. */
ssize_t world_read(int sid, void *bytes, size_t size);

/* Sends `length` bytes of a pattern from one sock to the other, runs until they are there and
 * compares them. */
void world_transfer(int from, int to, size_t length);

/* Interest in a sock; its events are known by its sid. */
void world_watch(int sid, uint32_t events);

/* The events of a sock since the last call; those of others fail the test. */
uint32_t world_events(const struct world_host *host, int sid);

/* The drops of a reason at all workers of a host. */
uint64_t world_drops(const struct world_host *host, enum tpa_base_drop reason);

/* A call of the API fails, with this errno. */
#define EXPECT_ERRNO(call, error)                                                         \
    do {                                                                                  \
        long result_;                                                                     \
        errno = 0;                                                                        \
        result_ = (long)(call);                                                           \
        cr_assert_eq(result_, -1, "%s returned %ld", #call, result_);                     \
        cr_assert_eq(errno, (error), "%s: errno %d (%s)", #call, errno, strerror(errno)); \
    } while (0)

#endif
