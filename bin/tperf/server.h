/* The serving end: answers each connection as its hello asks. */
#ifndef TPERF_SERVER_H
#define TPERF_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include <tpa.h>

struct tperf_peer; /* one connection */

/* One worker's. All zero but for `worker` to begin with. */
struct tperf_server {
    struct tpa_worker *worker;
    TAILQ_HEAD(tperf_peers, tperf_peer) runnable; /* have more to do without an event */
    uint32_t runnable_count;
    uint64_t acknowledged;
    uint64_t connections;
    uint64_t bytes; /* received */
    uint64_t lost;  /* connections that broke off */
    uint64_t wrong; /* bytes that were not what was sent */
    uint32_t open;  /* connections now */
};

void tperf_server_init(struct tperf_server *server, struct tpa_worker *worker);

/* What there is to do after a step of the worker. True when anything was. */
bool tperf_server_round(struct tperf_server *server);

#endif
