/*
 * One worker's TCP with one connection, nothing below it: segments go in and come out as packets,
 * time is a number. The invariants of the connection are checked after each call.
 */
#ifndef TPA_TCP_TEST_HOST_H
#define TPA_TCP_TEST_HOST_H

#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

#define HOST_PORT      4096
#define HOST_PEER_PORT 40000
#define HOST_MTU       1500
#define HOST_BURST     64
#define HOST_PIECE_MAX 65536

#define MS      UINT64_C(1000000)
#define SECONDS (1000 * MS)

struct host {
    struct tpa_tcp_config config;
    struct tpa_tcp_worker worker;
    struct tpa_timer_wheel wheel;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_mem_pool *pool;
    struct tpa_tcp_connection connection;
    struct tpa_tcp_tuple tuple;
    uint32_t signals;    /* all since the last host_take_signals */
    uint64_t written;    /* bytes that the connection has taken */
    uint64_t read;       /* bytes that were read, and found to be right */
    unsigned int copied; /* completions to come of copied, */
    unsigned int shared; /*   and of zero-copy pieces */
    uint8_t *memory;     /* of zero-copy pieces; NULL until one is written */
    bool at_end;         /* the end of the stream was read */
};

/* A host with the default configuration, before its worker is made: for the test to change. */
void host_prepare(struct host *host, struct tpa_mem_pool *pool);
void host_start(struct host *host, uint64_t now);

/* Gives everything back, and fails the test if something is not. */
void host_stop(struct host *host);

/* Active open; the sequence numbers of this end begin at `iss`. */
void host_connect(struct host *host, uint32_t iss, uint64_t now);
/* Passive open by a SYN. */
void host_accept(struct host *host, uint32_t iss, const struct tpa_tcp_segment *syn, uint64_t now);

/* A segment that came; takes the packet. False: it is malformed. */
bool host_input(struct host *host, struct rte_mbuf *packet, uint64_t now);
/* The same with the traffic class of its IP header. */
bool host_input_marked(struct host *host, struct rte_mbuf *packet, uint8_t traffic_class,
                       uint64_t now);

/* Timers, output, signals and completions. Returns packets, at most `max`, which are the caller's.
 */
unsigned int host_step(struct host *host, struct rte_mbuf **packets, unsigned int max,
                       uint64_t now);

/* The next bytes of the stream; returns how many were taken, or the error. `copy` or in place. */
int64_t host_write(struct host *host, uint32_t length, bool copy, uint64_t now);
/* Reads at most `count` segments and compares; returns bytes, or the error. */
int64_t host_read(struct host *host, unsigned int count, uint64_t now);

uint32_t host_take_signals(struct host *host);

/* Time of the next timer, TPA_TIMER_NEVER if there is none. */
uint64_t host_next_deadline(const struct host *host);

/* Byte number `offset` of every stream. */
uint8_t host_byte(uint64_t offset);

/* Fails the test where the connection contradicts itself. `settled`: output had its turn. */
void host_check(const struct host *host, bool settled);

#endif
