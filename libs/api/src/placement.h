/*
 * Which worker owns a connection.
 *
 * Every tuple has a natural worker: where the port's RSS delivers it, if the port tells how it
 * spreads packets, else one chosen by a keyed hash. Connections at other workers (of a listener
 * that is bound to its worker, or with a local port that the program chose) are found by their
 * local port: for each port there is a word with a bit for every worker that holds such a
 * connection or listener.
 *
 * A worker that receives a segment it has no connection for passes it on to the workers of that
 * word and then to the natural one, each at most once (tpa_mem_packet_private.visited). So a packet
 * reaches its owner whatever the port does; steering only saves the way.
 */
#ifndef TPA_API_PLACEMENT_H
#define TPA_API_PLACEMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tpa/netdev/netdev.h>
#include <tpa/tcp/tcp.h>

#define TPA_API_LOCAL_PORTS 65536

struct tpa_api_placement {
    uint32_t worker_count;
    bool steered; /* steering tells the worker: every port has a queue per worker and the same
                     spread */
    struct tpa_netdev_steering steering;
    _Atomic uint32_t *port_workers; /* by local port: workers that hold it out of place */
};

/* One a worker, changed by it alone: how many of its connections and listeners hold a port out of
 * place. */
struct tpa_api_port_holds {
    uint32_t *counts; /* by local port */
};

/* 0; TPA_ENOMEM. */
int tpa_api_placement_init(struct tpa_api_placement *placement, uint32_t worker_count,
                           const struct tpa_netdev_steering *steering);
void tpa_api_placement_fini(struct tpa_api_placement *placement);

/* `hash`: tpa_api_flow_hash of the tuple. */
uint32_t tpa_api_placement_natural(const struct tpa_api_placement *placement,
                                   const struct tpa_tcp_tuple *tuple, uint64_t hash);

/*
 * The worker that a segment nobody knew so far goes to next, given those that it visited (bits);
 * -1 when there is none left: it belongs to nobody.
 */
int tpa_api_placement_next(const struct tpa_api_placement *placement,
                           const struct tpa_tcp_tuple *tuple, uint64_t hash, uint32_t visited);

/* Of these only the workers that hold the local port (host order) out of place. */
int tpa_api_placement_next_holder(const struct tpa_api_placement *placement, uint16_t port,
                                  uint32_t visited);

int tpa_api_port_holds_init(struct tpa_api_port_holds *holds);
void tpa_api_port_holds_fini(struct tpa_api_port_holds *holds);

/* Worker `worker` has one connection or listener more, or less, out of place at a local port (host
 * order). */
void tpa_api_port_hold(struct tpa_api_placement *placement, struct tpa_api_port_holds *holds,
                       uint32_t worker, uint16_t port);
void tpa_api_port_release(struct tpa_api_placement *placement, struct tpa_api_port_holds *holds,
                          uint32_t worker, uint16_t port);

/* Tuples with a local port chosen by the program, of all workers: opened seldom, so under a lock.
 */
#define TPA_API_FIXED_PORT_CHAINS 1024

struct tpa_api_fixed_ports {
    struct tpa_api_fixed_port *chains[TPA_API_FIXED_PORT_CHAINS]; /* by local port */
    _Atomic bool locked;
};

/* 0; TPA_EADDRINUSE; TPA_ENOMEM. */
int tpa_api_fixed_port_take(struct tpa_api_fixed_ports *ports, const struct tpa_tcp_tuple *tuple);
void tpa_api_fixed_port_give(struct tpa_api_fixed_ports *ports, const struct tpa_tcp_tuple *tuple);
void tpa_api_fixed_ports_fini(struct tpa_api_fixed_ports *ports);

#endif
