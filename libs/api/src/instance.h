/*
 * What the workers of an instance share. Set before the first worker starts, except what is said to
 * change.
 */
#ifndef TPA_API_INSTANCE_PRIVATE_H
#define TPA_API_INSTANCE_PRIVATE_H

#include <stdatomic.h>

#include <tpa/api/instance.h>
#include <tpa/mem/ring.h>

#include "listener.h"
#include "placement.h"
#include "sid.h"

struct tpa_api_port {
    struct tpa_netdev *device; /* the whole: what bursts go through */
    struct tpa_netdev *impair; /* layers of it that can be told what to do while it runs */
    struct tpa_netdev *capture;
    struct tpa_mem_registry_port dma; /* what the registry tells of memory */
    bool dma_attached;
    bool link_up;         /* when the link was last looked at */
    uint8_t interface;    /* of tpa_ip */
    uint16_t queue_count; /* receive and transmit; worker n uses queue n */
    /* Frames of workers that have no queue: worker n's go to the ring of worker n % queue_count. */
    struct tpa_mem_ring transmit_inbox[TPA_API_WORKERS_MAX];
};

struct tpa_api_export; /* export.h */

struct tpa_api_instance {
    uint32_t worker_count;
    uint32_t port_count;
    struct tpa_api_port ports[TPA_API_PORTS_MAX];
    struct tpa_ip_stack *ip;
    struct tpa_mem_pool *pool;
    struct tpa_mem_registry *registry;
    struct tpa_api_sids *sids;
    const struct tpa_mem_chunk_source *chunks;
    struct tpa_tcp_config tcp;
    uint32_t listen_backlog;
    uint32_t syn_backlog;
    uint32_t orphans_max;
    enum tpa_api_syn_cookies syn_cookies;
    bool nagle;
    uint32_t time_wait_max;
    uint32_t sock_max;
    uint16_t local_port_low, local_port_high;
    uint64_t receive_budget, send_budget;
    uint64_t seed;
    uint8_t secret[16];
    struct tpa_base_hash_key table_key;
    struct tpa_base_log *log;
    struct tpa_api_export *export; /* what shows it to the outside; NULL = nothing does */

    struct tpa_api_placement placement;
    struct tpa_api_listeners listeners;
    /* Tuples of connections whose local port the program chose: they may be at any worker. */
    struct tpa_api_fixed_ports fixed_ports;

    _Atomic uint32_t sock_count;
    _Atomic uint32_t registered_regions; /* memory that the program registered */
    _Atomic uint64_t registered_bytes;
    _Atomic uint32_t workers_created;
    _Atomic(struct tpa_worker *) workers[TPA_API_WORKERS_MAX];
};

/* Writes a packet that was dropped above the port into a capture that is on. */
void tpa_api_port_capture_drop(struct tpa_api_port *port, uint16_t queue,
                               const struct rte_mbuf *packet, enum tpa_base_drop reason,
                               uint64_t now);

#endif
