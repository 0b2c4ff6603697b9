/*
 * Applications: a flow is a connection between two hosts, a plan of what its two sides write and
 * read, and every byte of both streams compared.
 */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include "sim.h"

enum sim_pattern {
    SIM_BULK,             /* both write what they have, each at its own pace */
    SIM_REQUEST_RESPONSE, /* the client asks with write_size[0], the server answers with [1] */
    SIM_WRITE_WRITE_READ, /* the same, each request written in two pieces */
    SIM_HALF_CLOSE,       /* the server writes when it has read to the end */
    SIM_PATTERNS,
};

/* [0] is the client's, who connects, [1] the server's. */
struct sim_flow_plan {
    struct sim_host *hosts[2];
    enum sim_pattern pattern;
    bool ipv6;
    bool server_closes_first;
    bool shutdown;  /* each half-closes when it has written all; SIM_HALF_CLOSE implies it */
    bool may_fail;  /* an error ends the flow and not the test */
    uint64_t start; /* ns from now: when it connects */
    uint64_t bytes[2];
    uint32_t write_size[2]; /* bytes at once; 0 = 16 KB */
    bool zero_copy[2];
    uint32_t read_size[2];     /* segments at once; 0 = all there are */
    uint64_t read_interval[2]; /* ns between two reads; 0 = at once */
};

struct sim_side {
    struct sim_flow *flow;
    struct sim_host *host;
    int sid; /* -1 = none (yet, or any more) */
    bool server;
    bool at_end, shut, closed;
    bool writable, readable; /* until told EAGAIN */
    bool queued;             /* in host.due */
    int error;               /* errno that ended it */
    uint64_t written, read;
    uint64_t next_read;        /* ns */
    uint64_t due;              /* ns: SIM_NEVER = only events */
    struct sim_side *due_next; /* in host.due, which is sorted */
};

struct sim_flow {
    struct sim *sim;
    uint32_t index;
    struct sim_flow *same_port; /* the flow before it from the same port of that host */
    struct sim_flow_plan plan;
    struct sim_side sides[2];
    uint64_t started, established, done; /* ns; done: all bytes of both are read */
};

struct sim_flow *sim_flow_add(struct sim *sim, const struct sim_flow_plan *plan);

/* Nothing more is written: an endless flow comes to its end. */
void sim_flow_stop(struct sim_flow *flow);

/* Until both sides of all flows have closed; fails after `duration` (ns). */
void sim_run_flows(struct sim *sim, uint64_t duration);

/* Bytes that the server has read, and the other way round. */
static inline uint64_t sim_flow_upload(const struct sim_flow *flow)
{
    return flow->sides[1].read;
}

/* From the connection's start until the last byte was read. */
static inline uint64_t sim_flow_time(const struct sim_flow *flow)
{
    return flow->done - flow->started;
}

/* For sim.c: lets a host's applications act. True: they did anything. */
bool sim_flows_act(struct sim_host *host);
/* When they want to act next; SIM_NEVER. */
uint64_t sim_flows_next(const struct sim_host *host);

#endif
