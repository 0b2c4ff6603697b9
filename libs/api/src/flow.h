/*
 * What the tables of a worker know a connection by.
 */
#ifndef TPA_API_FLOW_H
#define TPA_API_FLOW_H

#include <stdint.h>

#include <tpa/base/hash.h>
#include <tpa/tcp/tcp.h>

/* First member of all that a packet can be for: socks, and connections in TIME-WAIT. */
struct tpa_api_flow {
    struct tpa_tcp_tuple tuple; /* ports in host order */
};

static inline uint64_t tpa_api_flow_hash(const struct tpa_base_hash_key *key,
                                         const struct tpa_tcp_tuple *tuple)
{
    return tpa_base_hash_tuple(key, &tuple->local, &tuple->remote,
                               (uint32_t)tuple->local_port << 16 | tuple->remote_port);
}

static inline int tpa_api_flow_equal(const struct tpa_tcp_tuple *a, const struct tpa_tcp_tuple *b)
{
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           tpa_base_address_equal(&a->remote, &b->remote) &&
           tpa_base_address_equal(&a->local, &b->local);
}

#endif
