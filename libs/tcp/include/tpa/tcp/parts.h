/*
 * What a connection and a worker are composed of: the layouts only, for connection_layout.h and
 * worker.h. The functions are TCP's own and stand in the private header of the same name.
 */
#ifndef TPA_TCP_PARTS_H
#define TPA_TCP_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/hash.h>
#include <tpa/mem/external.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>

/* rtt.h: round-trip time estimator (RFC 6298). */
struct tpa_tcp_rtt {
    uint32_t srtt;    /*  0: 1/64 us; 0 = no sample yet */
    uint32_t rttvar;  /*  4: 1/64 us */
    uint32_t minimum; /*  8: smallest sample, us; UINT32_MAX = none */
    uint8_t backoff;  /* 12: time-outs in a row */
    uint8_t reserved[3];
};

_Static_assert(sizeof(struct tpa_tcp_rtt) == 16, "part of each connection");

/* receive_queue.h: data in order that the reader has not taken. All zero is empty. */
struct tpa_tcp_receive_queue {
    struct rte_mbuf *first; /*  0: linked by tpa_mem_packet_private()->next_packet */
    struct rte_mbuf *last;  /*  8: undefined while first is NULL */
    uint32_t bytes;         /* 16: payload */
    uint32_t entries;       /* 20: packets */
};

_Static_assert(sizeof(struct tpa_tcp_receive_queue) == 24, "part of each connection");

/* reassembly.h: data out of order. All zero is empty. */
struct tpa_tcp_reassembly_ranges;

struct tpa_tcp_reassembly {
    struct tpa_tcp_reassembly_ranges *ranges; /*  0: NULL while nothing is out of order */
    uint32_t duplicate_left;                  /*  8: to be reported by D-SACK (RFC 2883) */
    uint32_t duplicate_right;                 /* 12: equal to left: none */
    uint32_t fin;                             /* 16: sequence number of the peer's FIN */
    bool has_fin;                             /* 20 */
    uint8_t reserved[3];
};

_Static_assert(sizeof(struct tpa_tcp_reassembly) == 24, "part of each connection");

struct tpa_tcp_reassembly_worker {
    struct tpa_mem_slab few;       /* states for few ranges */
    struct tpa_mem_slab many;      /* states for TPA_TCP_REASSEMBLY_RANGES_MAX ranges */
    struct tpa_mem_budget *budget; /* shared with the receive queues */
    uint32_t entries_max;          /* packets of one connection */
};

/* send_queue.h: data that is not acknowledged. */
struct tpa_tcp_extent;

struct tpa_tcp_send_queue {
    struct tpa_tcp_extent *first;     /*  0: begins with the first byte not acknowledged */
    struct tpa_tcp_extent *last;      /*  8: undefined while first is NULL */
    struct tpa_tcp_extent *cursor[2]; /* 16: where sending, and sending again, went on; or NULL */
    uint32_t end;                     /* 32: sequence number of the byte behind the last */
    uint32_t entries;                 /* 36: extents */
};

_Static_assert(sizeof(struct tpa_tcp_send_queue) == 40, "part of each connection");

struct tpa_tcp_send_worker {
    struct tpa_mem_slab extents;
    struct tpa_mem_pool *pool;        /* copied data, and the segments that point at the rest */
    struct tpa_mem_budget budget;     /* of copied data's buffers */
    uint32_t entries_max;             /* extents of one connection */
    uint32_t bytes_max;               /* bytes queued of one connection */
    uint32_t chunk_size;              /* bytes of one copied extent */
    uint16_t segments_max;            /* mbuf segments of a packet to be sent */
    struct tpa_tcp_extent *completed; /* first and last of those to be handed out */
    struct tpa_tcp_extent *completed_last;
    struct tpa_tcp_extent *busy; /* acknowledged, but a port may still read them */
    struct tpa_tcp_extent *busy_last;
    uint32_t busy_count;
};

/* flight.h: what was sent and is not acknowledged. All zero is empty. */
struct tpa_tcp_flight_ranges;

struct tpa_tcp_flight {
    struct tpa_tcp_flight_ranges *ranges; /*  0: NULL while nothing is outstanding */
    uint32_t una;                         /*  8: first byte that is not acknowledged */
    uint32_t nxt;                         /* 12: one past the last byte that was sent */
    uint32_t sacked;                      /* 16: bytes reported by SACK */
    uint32_t lost;                        /* 20: bytes deemed lost (sent again or not) */
    uint32_t retransmitted;               /* 24: bytes sent again and still under way */
    uint32_t assumed; /* 28: bytes that duplicate ACKs without SACK say have left the network */
};

_Static_assert(sizeof(struct tpa_tcp_flight) == 32, "part of each connection");

#define TPA_TCP_FLIGHT_CLASSES 3

struct tpa_tcp_flight_worker {
    struct tpa_mem_slab classes[TPA_TCP_FLIGHT_CLASSES]; /* ranges in arrays of growing size */
};

/* delivery.h: rate samples and pacing. */
struct tpa_tcp_delivery;

/* keyed.h */
#define TPA_TCP_PORT_COUNTERS 256

struct tpa_tcp_keys {
    struct tpa_base_hash_key isn;
    struct tpa_base_hash_key timestamp;
    struct tpa_base_hash_key port_offset;
    struct tpa_base_hash_key port_counter;
    struct tpa_base_hash_key cookie;
    uint32_t port_counters[TPA_TCP_PORT_COUNTERS]; /* RFC 6056's table */
};

/* rate_limit.h: events in an interval. All zero is fresh. */
struct tpa_tcp_rate_limit {
    uint64_t start; /* ns: of the current interval */
    uint32_t used;  /* in it */
    uint32_t limit; /* of it; 0 = none has begun */
};

#endif
