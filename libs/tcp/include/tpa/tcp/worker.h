/*
 * The layout of a worker's TCP, for its owner to embed. The counters and budgets may be read; the
 * rest is TCP's own.
 */
#ifndef TPA_TCP_WORKER_H
#define TPA_TCP_WORKER_H

#include <stdint.h>

#include <tpa/base/list.h>
#include <tpa/tcp/congestion.h>
#include <tpa/tcp/parts.h>
#include <tpa/tcp/tcp.h>

struct tpa_tcp_worker {
    const struct tpa_tcp_config *config;
    struct tpa_mem_pool *pool;
    struct tpa_timer_wheel *wheel;
    struct tpa_base_random *random;
    struct tpa_base_drop_counters *drops;
    struct tpa_base_list output;    /* connections that have something to send */
    struct tpa_base_list signalled; /* connections whose signals are not drained */
    struct tpa_tcp_counters counters;
    struct tpa_mem_budget receive_budget;
    struct tpa_tcp_reassembly_worker reassembly;
    struct tpa_tcp_send_worker send;
    struct tpa_tcp_flight_worker flight;
    struct tpa_tcp_congestion_states congestion_states;
    struct tpa_mem_slab deliveries; /* rate samples and pacing of connections that ask for them */
    struct tpa_tcp_keys keys;
    struct tpa_tcp_rate_limit reset_limit;
    uint32_t connections; /* opened or accepted, not finished */
};

#endif
