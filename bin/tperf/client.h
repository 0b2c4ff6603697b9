/* The measuring end: opens the connections, runs the test on them until its time is up. */
#ifndef TPERF_CLIENT_H
#define TPERF_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include <tpa.h>

#include "bin/tperf/histogram.h"
#include "bin/tperf/options.h"

/* What was measured, from the moment when all connections stand to the end of the time. */
struct tperf_figures {
    uint64_t duration; /* ns */
    uint64_t sent;     /* bytes of data, acknowledged */
    uint64_t received;
    uint64_t requests;
    uint64_t connections; /* established */
    uint64_t errors;
    uint64_t wrong;           /* bytes that were not what was sent, at either end */
    struct histogram latency; /* ns, of a request with its response; crr: and connection */
};

void tperf_figures_merge(struct tperf_figures *into, const struct tperf_figures *from);

enum tperf_phase {
    TPERF_CONNECTING,
    TPERF_RUNNING,
    TPERF_ENDING, /* time is up: what is under way is finished */
    TPERF_ENDED
};

struct tperf_link; /* one connection */

struct tperf_client {
    struct tpa_worker *worker;
    const struct tperf_options *options;
    enum tperf_phase phase;
    uint64_t phase_began; /* ns */
    struct tperf_link *links;
    uint32_t link_count;
    uint32_t begun;   /* links that were opened at all */
    uint32_t pending; /* of these, not yet established */
    uint32_t alive;
    uint32_t seed; /* of the next connection */
    bool complained;
    TAILQ_HEAD(tperf_links, tperf_link) runnable;
    uint64_t acknowledged;                         /* messages */
    uint64_t received;                             /* bytes */
    uint64_t acknowledged_before, received_before; /* when TPERF_RUNNING began */
    struct tperf_figures figures;
};

/* `link_count` connections with seeds from `seed` on. False: no memory. */
bool tperf_client_init(struct tperf_client *client, struct tpa_worker *worker,
                       const struct tperf_options *options, uint32_t link_count, uint32_t seed);

/* What there is to do after a step of the worker; `stop`: the time is up early. True when anything
 * was. Over when phase is TPERF_ENDED. */
bool tperf_client_round(struct tperf_client *client, bool stop);

/* Closes what is open still. The worker should run a little longer, for the ends to go out. */
void tperf_client_finish(struct tperf_client *client);

#endif
