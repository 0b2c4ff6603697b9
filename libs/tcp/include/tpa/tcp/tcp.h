/*
 * TCP (RFC 9293) for one worker: what all its connections share, and the calls that a step makes.
 *
 * Nothing here knows ports, IP headers or socks. Segments come in as packets whose data starts at the TCP header with the checksum verified;
 * segments go out the same way. A caller embeds struct tpa_tcp_connection in its own object, finds it by its own tables, and learns what
 * happened from signals that it drains after each stage: no callbacks.
 *
 * One step:  input for each packet -> tpa_tcp_expire -> tpa_tcp_output until it returns 0 -> signals -> completions.
 */
#ifndef TPA_TCP_TCP_H
#define TPA_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/drop.h>
#include <tpa/base/hash.h>
#include <tpa/base/random.h>
#include <tpa/base/trace.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>
#include <tpa/timer/wheel.h>

struct tpa_tcp_connection;
struct tpa_tcp_congestion;

/* Of an instance; constant while connections use it, except where said. Times in ns. 0 is not a default here: tpa_tcp_config_default() fills in. */
struct tpa_tcp_config {
    uint16_t user_mss;            /* upper bound of the MSS we announce and use; 0 = from the MTU */
    uint16_t mss_min;             /* lower bound of what a peer may make us use (216) */
    bool segmentation;            /* hand super-frames of up to tso_length_max to the device */
    bool receive_merge;           /* merge in-order segments of one burst before they are processed */
    bool timestamps, window_scale, sack;
    uint32_t tso_length_max;      /* bytes of payload in a super-frame (65,000 at most) */
    uint64_t time_wait;           /* 60 s */
    uint64_t fin_wait_2;          /* how long an orphan waits in FIN-WAIT-2 (60 s) */
    uint64_t keepalive;           /* idle time before the first probe; 0 = off (MUST-25: off by default in TCP; the API's default is 2 min as its contract says) */
    uint64_t keepalive_interval;  /* 75 s -> see MUST-29 */
    uint8_t keepalive_probes;
    uint64_t delayed_ack;         /* 1 ms; < 500 ms (MUST-40) */
    uint64_t rto_min, rto_max;    /* 100 ms, 60 s */
    uint64_t user_timeout;        /* 0 = by retries */
    uint8_t retries, syn_retries; /* 7, 7 */
    uint32_t receive_queue_entries; /* packets queued for the reader (2048) */
    uint32_t receive_buffer;      /* bytes of window offered at most */
    uint32_t send_queue_entries;  /* extents (512) */
    uint32_t send_buffer;         /* bytes queued at most */
    uint32_t out_of_order_entries;/* packets (2048) */
    uint32_t cwnd_initial, cwnd_max; /* bytes; initial: 16384 by the API's contract, RFC 6928 bounds */
    uint32_t write_chunk_size;    /* bytes of one copied extent (16 KB) */
    uint16_t packet_segments_max; /* segments a sent packet may have (45) */
    const struct tpa_tcp_congestion *congestion;
};
void tpa_tcp_config_default(struct tpa_tcp_config *config);

#define TPA_TCP_COUNTERS(X)                                                     \
    X(segments_in, "segments received") X(segments_out, "segments sent")       \
    X(bytes_in, "payload bytes received in order") X(bytes_out, "payload bytes sent first time") \
    X(retransmitted_segments, "segments sent again") X(retransmitted_bytes, "payload bytes sent again") \
    X(fast_retransmits, "loss found by duplicate or selective acknowledgements") \
    X(retransmission_timeouts, "retransmission time-outs")                     \
    X(duplicate_segments, "segments received twice") X(out_of_order_segments, "segments received out of order") \
    X(zero_window_probes, "zero-window probes sent") X(keepalive_probes, "keepalive probes sent") \
    X(challenge_acks, "challenge acknowledgements sent") X(resets_in, "resets accepted") X(resets_out, "resets sent") \
    X(connections_opened, "active opens") X(connections_accepted, "passive opens") X(connections_failed, "opens that failed") \
    X(acks_delayed, "acknowledgements sent by the delayed-ACK timer") X(window_probes_in, "window probes answered") \
    X(allocation_failures, "buffers or objects that could not be had")

struct tpa_tcp_counters {
#define TPA_TCP_COUNTER_FIELD(name, text) uint64_t name;
    TPA_TCP_COUNTERS(TPA_TCP_COUNTER_FIELD)
#undef TPA_TCP_COUNTER_FIELD
};

/* The tuple of a connection, as its keyed functions need it: ports in host order. */
struct tpa_tcp_tuple {
    struct tpa_base_address local;
    struct tpa_base_address remote;
    uint16_t local_port;
    uint16_t remote_port;
};

struct tpa_tcp_worker; /* struct in <tpa/tcp/worker.h> */

struct tpa_tcp_worker_config {
    const struct tpa_tcp_config *config;
    struct tpa_mem_pool *pool;              /* headers and copied payload */
    const struct tpa_mem_chunk_source *chunks;
    struct tpa_timer_wheel *wheel;          /* the worker's; only TCP arms entries of it */
    struct tpa_base_random *random;
    uint8_t secret[16];                     /* key of ISNs and timestamp offsets: one an instance */
    uint64_t receive_budget;                /* bytes of buffers that receive queues may pin, all connections */
    uint64_t send_budget;                   /* bytes of buffers that copied data may take */
    struct tpa_base_drop_counters *drops;
};
int tpa_tcp_worker_init(struct tpa_tcp_worker *worker, const struct tpa_tcp_worker_config *config);
/* TPA_EBUSY while connections exist. */
int tpa_tcp_worker_fini(struct tpa_tcp_worker *worker);

/* A decoded segment (wire representation stays in the packet). */
struct tpa_tcp_segment {
    uint32_t seq, ack;
    uint32_t length;          /* bytes of payload */
    uint16_t window;          /* as on the wire */
    uint16_t urgent;
    uint16_t source_port, destination_port; /* host order */
    uint16_t mss;             /* option, 0 = none */
    uint8_t flags;            /* TPA_TCP_FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 */
    uint8_t header_length;    /* bytes */
    uint8_t window_scale;     /* option, 0xff = none */
    uint8_t traffic_class;    /* of the IP header: ECN */
    bool has_timestamp, sack_permitted;
    uint8_t sack_count;       /* blocks, at most 4 */
    uint32_t timestamp, timestamp_echo;
    struct { uint32_t left, right; } sack[4];
};
enum { TPA_TCP_FIN = 1, TPA_TCP_SYN = 2, TPA_TCP_RST = 4, TPA_TCP_PSH = 8, TPA_TCP_ACK = 16, TPA_TCP_URG = 32, TPA_TCP_ECE = 64, TPA_TCP_CWR = 128 };

/* Decodes and validates a packet's TCP header. 0; else the negative of the enum tpa_base_drop that names the fault. Doesn't change or free the packet. */
int tpa_tcp_segment_parse(const struct rte_mbuf *packet, uint8_t traffic_class, struct tpa_tcp_segment *segment);

/* Stateless: the reset that RFC 9293, 3.10.7.1 wants for a segment of no connection. NULL: none is due (a RST came in), rate limited, or the pool is empty. */
struct rte_mbuf *tpa_tcp_reset_for(struct tpa_tcp_worker *worker, const struct tpa_tcp_segment *segment, uint64_t now);

/* Timers that are due; once a step. */
void tpa_tcp_expire(struct tpa_tcp_worker *worker, uint64_t now);

/*
 * Segments of connections that have something to send, fairly in turns. Each packet's layer is struct tpa_tcp_transmit. RTE_MBUF_F_TX_TCP_SEG, l4_len and tso_segsz are set for
 * super-frames. Returns how many, at most `max`; call again until 0 while the port takes them.
 */
struct tpa_tcp_transmit {
    struct tpa_tcp_connection *connection;
    uint8_t traffic_class;
    uint8_t ttl;
    uint8_t reserved[6];
};
uint16_t tpa_tcp_output(struct tpa_tcp_worker *worker, struct rte_mbuf **packets, uint16_t max, uint64_t now);

/* Connections with signals since the last call: NULL when none is left. *signals are TPA_TCP_SIGNAL_*, or'ed, and cleared by this call. */
struct tpa_tcp_connection *tpa_tcp_signalled(struct tpa_tcp_worker *worker, uint32_t *signals);

/* Sent data that is acknowledged (or whose connection is gone) and no longer read by any port: one completion a call, false when none is left. The caller runs `done`. */
struct tpa_tcp_completion {
    void (*done)(void *base, void *parameter);
    void *base;
    void *parameter;
    void *reference; /* of tpa_mem_registry_hold, for the caller to release, or NULL */
};
bool tpa_tcp_completed(struct tpa_tcp_worker *worker, struct tpa_tcp_completion *completion);

#endif
