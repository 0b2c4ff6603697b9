/* Packets that wait for their next hop's link-layer address, and asking for it. */
#ifndef TPA_IP_RESOLUTION_H
#define TPA_IP_RESOLUTION_H

#include <stdint.h>

#include <tpa/base/list.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/slab.h>

#include "tables.h"
#include "timer.h"

#define TPA_IP_RESOLVER_BUCKETS 256

struct tpa_ip_worker;

/* One unresolved neighbour of one worker. */
struct tpa_ip_resolution {
    struct tpa_ip_timer timer; /* the next solicitation */
    struct tpa_base_list bucket;
    struct tpa_base_list all;
    struct tpa_base_address next_hop;
    uint8_t interface;
    struct tpa_mem_packet_queue packets; /* finished but for the destination MAC address */
};

struct tpa_ip_resolver {
    struct tpa_mem_slab slab;
    struct tpa_base_list all;
    uint32_t packets;    /* that wait, of all */
    uint64_t generation; /* of the stack's, at the last poll */
    struct tpa_base_list buckets[TPA_IP_RESOLVER_BUCKETS];
};

/* 0; TPA_EINVAL. */
int tpa_ip_resolver_init(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks);
/* Drops what waits. */
void tpa_ip_resolver_fini(struct tpa_ip_worker *worker);

/* Takes a frame whose destination MAC address is missing; sends it when that is known. */
void tpa_ip_resolution_wait(struct tpa_ip_worker *worker, uint8_t interface,
                            const struct tpa_base_address *next_hop, struct rte_mbuf *frame);

/* The timer of a resolution has expired. */
void tpa_ip_resolution_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer);

/* Sends what waits for neighbours that are known now, if the stack has changed since the last call.
 */
void tpa_ip_resolution_poll(struct tpa_ip_worker *worker);

/*
 * Asks a neighbour for its link-layer address: by ARP or Neighbour Solicitation, to everybody
 * (`mac` NULL) or as a probe to the address that we know.
 */
void tpa_ip_solicit(struct tpa_ip_worker *worker, uint8_t interface,
                    const struct tpa_base_address *next_hop, const uint8_t *mac);

#endif
