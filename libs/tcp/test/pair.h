/*
 * Two hosts, and a wire between them that delays, drops, repeats and swaps as the test says.
 * Virtual time goes from event to event.
 */
#ifndef TPA_TCP_TEST_PAIR_H
#define TPA_TCP_TEST_PAIR_H

#include "host.h"

enum fate {
    FATE_DELIVER,
    FATE_DROP,
    FATE_REPEAT, /* twice */
    FATE_LATE,   /* behind the next segment of its direction */
};

#define PAIR_WIRE_MAX 4096

struct pair;

struct pair_packet {
    struct rte_mbuf *packet;
    uint64_t due;
    uint64_t order; /* of those due at one time */
    unsigned int to;
};

/* What an application does at its end. */
struct pair_application {
    uint64_t to_write;   /* bytes of the stream to be written in all */
    uint32_t write_size; /* at once */
    bool zero_copy;
    bool shutdown;    /* half-close when all is written */
    bool close;       /* close when all is written and the end was read */
    bool close_early; /* close when all is written, whatever comes */
    bool does_not_read;
    bool closed;
};

struct pair {
    struct tpa_mem_pool *pool;      /* of both hosts */
    struct tpa_mem_pool *wire_pool; /* of what arrives */
    struct host hosts[2];           /* 0 opens, 1 is opened */
    struct pair_application applications[2];
    uint32_t iss[2];
    uint64_t now;
    uint64_t delay; /* one way */
    uint64_t rate;  /* of each direction, bytes per second with headers; 0 = without bounds */
    uint64_t queue; /* bytes that may wait for the wire in front of each; more are dropped */
    uint64_t wire_free[2];  /* when all that each has sent will have gone onto the wire */
    unsigned int overflows; /* segments that a queue dropped */
    struct pair_packet wire[PAIR_WIRE_MAX];
    unsigned int wire_count;
    uint64_t order;
    unsigned int sent[2]; /* segments that each has sent */
    bool tso;             /* super-frames stay whole */
    /* Until then a host does nothing, and what comes to it waits. */
    uint64_t stalled_until[2];
    unsigned int burst; /* segments that a host takes in one step; 0 = all that are there */
    /* Decides on segment number `index` (from 0) of host `from`; NULL = all are delivered. */
    enum fate (*fate)(struct pair *pair, unsigned int from, unsigned int index,
                      const struct tpa_tcp_segment *segment);
    void *context;
};

/* Two hosts with the default configuration but without super-frames; for the test to change before
 * pair_open. */
void pair_prepare(struct pair *pair, uint32_t iss0, uint32_t iss1);
/* Starts both; host 0 connects. */
void pair_open(struct pair *pair);
/* Runs until `until` (absolute, ns), or until nothing is left to happen. */
void pair_run(struct pair *pair, uint64_t duration);
/* Runs until both have read what the other was to write, or the duration is over: false. */
bool pair_transfer(struct pair *pair, uint64_t duration);
/* Ends with everything given back. */
void pair_close(struct pair *pair);

#endif
