/*
 * A worker: everything that one thread needs to run the stack, shared with nobody but for the
 * inboxes.
 */
#ifndef TPA_API_WORKER_H
#define TPA_API_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tpa/api/instance.h>
#include <tpa/base/list.h>
#include <tpa/event/queue.h>
#include <tpa/mem/ring.h>
#include <tpa/mem/slab.h>
#include <tpa/tcp/worker.h>
#include <tpa/timer/wheel.h>

#include "demux.h"
#include "instance.h"
#include "placement.h"
#include "sock.h"

enum {
    TPA_API_BURST = TPA_NETDEV_BURST_MAX,
    /*
     * Packets taken from a port in one step at the most, and segments (super-frames cut) made in
     * one. It is the same number, as each segment has at most one acknowledgement: what a step
     * sends can't fill the receive ring faster than the next steps empty it, and what else comes in
     * doesn't wait behind acknowledgements.
     */
    TPA_API_STEP_PACKETS = 4 * TPA_API_BURST,
    /* Packets that wait at a worker for what others hand to it; beyond it they are dropped and
     * counted. */
    TPA_API_INBOX_SIZE = 4096,
    /* Received buffers that a program gave back in another thread, waiting for the worker. */
    TPA_API_RELEASE_SIZE = 16384,
    /* Records of TIME-WAIT forgotten in one step: some microseconds. */
    TPA_API_TIME_WAIT_BUDGET = 256,
    /* Orphans that are looked at in one step when memory is short. */
    TPA_API_ORPHANS_BUDGET = 64,
    /* How often a port's link is looked at, in ns: some drivers find their peer only then. */
    TPA_API_LINK_INTERVAL = 1000 * 1000 * 1000,
};

struct tpa_worker {
    struct tpa_api_instance *instance;
    uint64_t now;        /* of the last step, ns */
    uint64_t link_due;   /* when the ports' links are looked at; UINT64_MAX = not by this worker */
    uint64_t export_due; /* when the export wants a moment of it; UINT64_MAX = never */
    uint32_t index;
    uint32_t listeners_generation; /* up to which closed listeners were purged */
    const void *thread;            /* identity of the thread that may use it */

    struct tpa_ip_worker *ip;
    struct tpa_api_demux demux;
    struct tpa_event_queue events;
    struct tpa_base_list accept_queue; /* tpa_api_sock.pending.link: established, not accepted */
    struct tpa_base_list embryos;      /* SYN-RECEIVED */
    struct tpa_base_list orphans;      /* tpa_api_sock.orphan_link: closed, oldest first */
    struct tpa_base_list time_waits;
    struct tpa_mem_slab socks;
    struct tpa_mem_slab time_wait_slab;
    struct tpa_api_port_holds holds;

    struct tpa_mem_ring inbox;    /* TCP packets that others received for this worker */
    struct tpa_mem_ring releases; /* received buffers given back in another thread */

    struct tpa_base_random random;
    struct tpa_timer_wheel wheel;
    struct tpa_tcp_worker tcp;
    struct tpa_base_drop_counters drops;
    struct tpa_api_worker_counters counters;
};

/* The calling thread's worker, and the thread's identity; NULL where there is none. */
struct tpa_worker *tpa_api_worker_current(void);
const void *tpa_api_thread_identity(void);

/* Drops a packet with its reason counted. */
void tpa_api_drop(struct tpa_worker *worker, struct rte_mbuf *packet, enum tpa_base_drop reason);

/* receive.c: packets from ports, loopback and other workers, to their connections. */
void tpa_api_receive(struct tpa_worker *worker);

/* transmit.c: what TCP and IP have to send, to the ports. */
void tpa_api_transmit(struct tpa_worker *worker);

/* Runs the callbacks of data that is acknowledged. */
void tpa_api_completions_run(struct tpa_worker *worker);

void tpa_api_worker_destroy(struct tpa_worker *worker);

#endif
