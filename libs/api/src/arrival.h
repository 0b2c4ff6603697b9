/*
 * A TCP packet on its way from a port to its connection.
 */
#ifndef TPA_API_ARRIVAL_H
#define TPA_API_ARRIVAL_H

#include <stdint.h>

#include <tpa.h>
#include <tpa/ip/ip.h>
#include <tpa/tcp/tcp.h>

struct tpa_api_arrival {
    struct rte_mbuf *packet;
    const struct tpa_ip_received *received;
    uint64_t hash; /* tpa_api_flow_hash of the tuple */
    struct tpa_tcp_tuple tuple;
    struct tpa_tcp_segment segment;
};

/* What TCP answers for no connection, back to where the packet came from; takes `reply`. In
 * receive.c. */
void tpa_api_arrival_reply(struct tpa_worker *worker, const struct tpa_api_arrival *arrival,
                           struct rte_mbuf *reply);

#endif
