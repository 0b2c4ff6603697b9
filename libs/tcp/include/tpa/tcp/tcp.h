/*
 * TCP (RFC 9293) for one worker: what all its connections share, and the calls that a step makes.
 *
 * Nothing here knows ports, IP headers or socks. Segments come in as packets whose data starts at
 * the TCP header with the checksum verified; segments go out the same way, with the checksum field
 * zero. A caller embeds struct tpa_tcp_connection in its own object, finds it by its own tables,
 * and learns what happened from signals that it drains after each stage: no callbacks.
 *
 * One step:
 *     tpa_tcp_input for each packet -> tpa_tcp_expire -> tpa_tcp_output until it returns 0
 *     -> tpa_tcp_signalled until NULL -> tpa_tcp_completed until false
 *
 * All calls on a worker and its connections are made by one thread.
 */
#ifndef TPA_TCP_TCP_H
#define TPA_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/base/drop.h>
#include <tpa/base/hash.h>
#include <tpa/base/random.h>
#include <tpa/base/trace.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>
#include <tpa/timer/wheel.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_tcp_connection; /* <tpa/tcp/connection.h> */
struct tpa_tcp_congestion; /* <tpa/tcp/congestion.h> */
struct tpa_tcp_worker;     /* <tpa/tcp/worker.h> */

/* Explicit congestion notification (RFC 3168). */
enum tpa_tcp_ecn {
    TPA_TCP_ECN_OFF,
    TPA_TCP_ECN_ASK,    /* our SYNs ask for it, and those of others are answered */
    TPA_TCP_ECN_ANSWER, /* only the latter */
    TPA_TCP_ECN_LAST = TPA_TCP_ECN_ANSWER,
};

/* When the path's MTU is searched for by probes (RFC 4821). */
enum tpa_tcp_mtu_probing {
    TPA_TCP_MTU_PROBING_OFF,           /* ICMP alone lowers it, and nothing raises it */
    TPA_TCP_MTU_PROBING_ON_BLACK_HOLE, /* when full-sized segments time out, they shrink; probes
                                          raise what was lowered, by that or by ICMP */
    TPA_TCP_MTU_PROBING_ALWAYS,        /* and each connection begins with small segments */
};

/*
 * Settings of an instance; constant while connections use them. Times in nanoseconds, sizes in
 * bytes. A zero is taken as it stands: begin with tpa_tcp_config_default(), whose values are given
 * in parentheses.
 */
struct tpa_tcp_config {
    uint16_t user_mss; /* upper bound of the MSS that we announce and use; 0 = from the MTU, else at
                          least mss_min (0) */
    uint16_t mss_min;  /* lower bound of what a peer can make us use, without options,
                          >= 64 (216) */
    bool segmentation; /* make super-frames of up to tso_length_max for the device (true) */
    bool timestamps;   /* offer and accept RFC 7323's timestamps (true) */
    bool window_scale; /* and window scale (true) */
    bool sack;         /* and RFC 2018's selective acknowledgements (true) */
    bool rack;         /* with SACK, find loss by RACK-TLP (RFC 8985), else by RFC 6675 (true) */
    uint8_t ecn;       /* enum tpa_tcp_ecn (ANSWER, as current kernels do) */
    uint8_t mtu_probing;      /* enum tpa_tcp_mtu_probing (ON_BLACK_HOLE) */
    uint8_t ttl;              /* TTL or hop limit of what we send, MUST-49 (64) */
    uint8_t retries;          /* R2: retransmissions of data before it is given up, MUST-20 (7) */
    uint8_t syn_retries;      /* the same for SYN and SYN-ACK: 7 are 183 s, MUST-23 (7) */
    uint8_t keepalive_probes; /* unanswered ones before the connection is given up (9) */
    uint16_t packet_segments_max;   /* segments that a sent packet may have, > 1 (45) */
    uint32_t tso_length_max;        /* payload of a super-frame, 65,000 at most (65,000) */
    uint64_t time_wait;             /* 2 MSL (60 s) */
    uint64_t fin_wait_2;            /* how long an orphan waits in FIN-WAIT-2 (60 s) */
    uint64_t orphan_timeout;        /* how long an orphan waits for a closed window (60 s) */
    uint64_t keepalive;             /* idle time before the first probe; 0 = off, MUST-25 (0) */
    uint64_t keepalive_interval;    /* between probes (75 s) */
    uint64_t delayed_ack;           /* longest delay of an ACK; < 500 ms, MUST-40 (1 ms) */
    uint64_t max_ack_delay;         /* how long a peer may delay the ACK of a lone segment: a loss
                                       probe waits for it (50 ms) */
    uint64_t rto_min;               /* (100 ms) */
    uint64_t rto_max;               /* (60 s) */
    uint64_t user_timeout;          /* give up when nothing was acknowledged for so long, instead of
                                       after `retries`; 0 = by retries (0) */
    uint32_t receive_queue_entries; /* packets that wait for the reader (16,384) */
    uint32_t receive_buffer;        /* bytes of window offered at most, below 2^30 (16 MB) */
    uint32_t receive_buffer_initial; /* and of a new connection: from there on the window grows with
                                        what is read in a round trip (256 KB) */
    uint32_t out_of_order_entries;   /* packets held that are out of order (16,384) */
    uint32_t send_queue_entries;     /* extents (16,384) */
    uint32_t send_buffer;            /* bytes queued at most, below 2^30 (32 MB) */
    uint32_t send_buffer_min;        /* bytes that may be queued whatever the congestion window, to
                                        twice of which it grows (256 KB) */
    uint32_t write_chunk_size;       /* bytes of one copied extent at most (16 KB) */
    uint32_t cwnd_initial;           /* bounded by RFC 6928 (16,384) */
    uint32_t cwnd_max;               /* (1 GB) */
    const struct tpa_tcp_congestion *congestion; /* of new connections (CUBIC) */
};

void tpa_tcp_config_default(struct tpa_tcp_config *config);

/* X(name, text) */
/* clang-format off */
#define TPA_TCP_COUNTERS(X) \
    X(segments_in, "segments received") \
    X(segments_out, "segments sent; a super-frame counts as one") \
    X(bytes_in, "payload bytes received in order") \
    X(bytes_out, "payload bytes sent for the first time") \
    X(retransmitted_segments, "segments sent again") \
    X(retransmitted_bytes, "payload bytes sent again") \
    X(fast_retransmits, "losses found by duplicate or selective acknowledgements") \
    X(rack_losses, "times that losses were found by the time of sending (RACK)") \
    X(lost_retransmissions, "times that retransmissions were found lost") \
    X(loss_probes, "tail loss probes sent") \
    X(loss_probe_repairs, "losses that a tail loss probe repaired") \
    X(mtu_probes, "probes of the path MTU sent") \
    X(mtu_probes_lost, "and lost") \
    X(black_holes, "times that segments shrank because full-sized ones timed out") \
    X(retransmission_timeouts, "retransmission time-outs") \
    X(spurious_recoveries, "recoveries and time-outs that were for nothing, undone") \
    X(dsacks_in, "duplicates reported by the peer (D-SACK)") \
    X(dsacks_out, "duplicates reported to the peer") \
    X(duplicate_segments, "segments received that held nothing new") \
    X(out_of_order_segments, "segments received out of order") \
    X(marked_segments, "data segments received with a mark of congestion (ECN)") \
    X(mark_reductions, "windows reduced because marks were echoed") \
    X(zero_window_probes, "zero-window probes sent") \
    X(keepalive_probes, "keepalive probes sent") \
    X(challenge_acks, "challenge acknowledgements sent") \
    X(resets_in, "resets accepted") \
    X(resets_out, "resets sent") \
    X(cookies_out, "SYNs answered without state, by a cookie") \
    X(cookies_in, "connections opened by a cookie") \
    X(connections_opened, "active opens") \
    X(connections_accepted, "passive opens") \
    X(connections_failed, "opens that failed") \
    X(acks_delayed, "acknowledgements sent by the delayed-ACK timer") \
    X(window_probes_in, "window and keepalive probes answered") \
    X(allocation_failures, "buffers or objects that could not be had")
/* clang-format on */

struct tpa_tcp_counters {
#define TPA_TCP_COUNTER_FIELD(name, text) uint64_t name;
    TPA_TCP_COUNTERS(TPA_TCP_COUNTER_FIELD)
#undef TPA_TCP_COUNTER_FIELD
};

/* The four-tuple of a connection. Ports in host order. */
struct tpa_tcp_tuple {
    struct tpa_base_address local;
    struct tpa_base_address remote;
    uint16_t local_port;
    uint16_t remote_port;
};

/* Everything that is pointed at outlives the worker. */
struct tpa_tcp_worker_config {
    const struct tpa_tcp_config *config;
    struct tpa_mem_pool *pool;                 /* headers and copied payload */
    const struct tpa_mem_chunk_source *chunks; /* memory of extents, ranges, ... */
    struct tpa_timer_wheel *wheel;             /* the worker's; only TCP arms entries of it */
    struct tpa_base_random *random;            /* for what nobody outside sees raw */
    uint8_t secret[16];      /* key of ISNs and timestamp offsets: one an instance */
    uint64_t receive_budget; /* bytes of buffers that all receive queues may pin */
    uint64_t send_budget;    /* bytes of buffers that all copied data may take */
    struct tpa_base_drop_counters *drops;
};

/* 0; TPA_EINVAL (a setting outside the bounds given above). Takes no memory yet. */
int tpa_tcp_worker_init(struct tpa_tcp_worker *worker, const struct tpa_tcp_worker_config *config);

/* Gives all memory back. 0; TPA_EBUSY, and nothing done, while connections, received segments or
 * completions are outstanding. */
int tpa_tcp_worker_fini(struct tpa_tcp_worker *worker);

enum tpa_tcp_flag {
    TPA_TCP_FIN = 1,
    TPA_TCP_SYN = 2,
    TPA_TCP_RST = 4,
    TPA_TCP_PSH = 8,
    TPA_TCP_ACK = 16,
    TPA_TCP_URG = 32,
    TPA_TCP_ECE = 64,
    TPA_TCP_CWR = 128,
};

#define TPA_TCP_SACK_BLOCKS_MAX   4 /* what 40 bytes of options have room for */
#define TPA_TCP_WINDOW_SCALE_NONE 0xff

struct tpa_tcp_sack_block {
    uint32_t left;  /* first sequence number of the block */
    uint32_t right; /* the one behind its last */
};

/* A decoded header; the bytes stay in the packet. */
struct tpa_tcp_segment {
    uint32_t seq;
    uint32_t ack;
    uint32_t length;      /* bytes of payload */
    uint16_t window;      /* as on the wire, not scaled */
    uint16_t urgent;      /* as on the wire */
    uint16_t source_port; /* host order, as the next */
    uint16_t destination_port;
    uint16_t mss;          /* option; 0 = none */
    uint8_t flags;         /* enum tpa_tcp_flag */
    uint8_t header_length; /* bytes, options included */
    uint8_t window_scale;  /* option, at most 14 (RFC 7323 2.3); TPA_TCP_WINDOW_SCALE_NONE = none */
    uint8_t traffic_class; /* of the IP header; its low two bits are ECN */
    bool has_timestamp;
    bool sack_permitted;
    uint8_t sack_count;      /* blocks */
    uint32_t timestamp;      /* TSval */
    uint32_t timestamp_echo; /* TSecr */
    struct tpa_tcp_sack_block sack[TPA_TCP_SACK_BLOCKS_MAX];
};

/*
 * Decodes and validates a packet's TCP header (RFC 9293 3.1, 3.2). Doesn't change or free the
 * packet.
 *
 * `traffic_class`: of the IP header in front. Returns 0, or the negative of the enum tpa_base_drop
 * that names the fault: TCP_TRUNCATED, TCP_HEADER_LENGTH, TCP_OPTION, TCP_PORT_ZERO, TCP_FLAGS.
 */
int tpa_tcp_segment_parse(const struct rte_mbuf *packet, uint8_t traffic_class,
                          struct tpa_tcp_segment *segment);

/*
 * The reset that RFC 9293 3.10.7.1 wants for a segment of no connection, for the caller to send,
 * and *reason for which the segment is to be dropped. NULL: none is due (a RST came in:
 * TCP_NO_CONNECTION_RST), the worker has sent as many as it may in this second
 * (TCP_RST_RATE_LIMITED), or the pool is empty.
 */
struct rte_mbuf *tpa_tcp_reset_for(struct tpa_tcp_worker *worker,
                                   const struct tpa_tcp_segment *segment,
                                   enum tpa_base_drop *reason, uint64_t now);

/* Timers that are due; once a step. Bounded work: what is left is done in the next step. */
void tpa_tcp_expire(struct tpa_tcp_worker *worker, uint64_t now);

/* Layer of each packet that tpa_tcp_output hands out (tpa_mem_packet_layer). */
struct tpa_tcp_transmit {
    struct tpa_tcp_connection *connection;
    uint8_t traffic_class; /* DSCP and ECN for the IP header */
    uint8_t ttl;
    uint8_t reserved[6];
};

_Static_assert(sizeof(struct tpa_tcp_transmit) <= TPA_MEM_PACKET_LAYER_SIZE, "fits the layer");

/*
 * Segments of connections that have something to send, fairly in turns. RTE_MBUF_F_TX_TCP_SEG,
 * l4_len and tso_segsz are set for super-frames; retransmissions carry
 * TPA_MEM_PACKET_NOTE_RETRANSMISSION. The caller owns the packets.
 *
 * `*segments` is how many may be made as the wire will see them, super-frames cut; the last packet
 * may go beyond it. What is left of it comes back.
 *
 * Returns how many packets, at most `max`; call again until 0 while the port takes them. A
 * connection for which the pool is empty stays on the list: it is tried again in the next step.
 */
uint16_t tpa_tcp_output(struct tpa_tcp_worker *worker, struct rte_mbuf **packets, uint16_t max,
                        uint32_t *segments, uint64_t now);

/* A connection with signals since the last call; NULL when none is left. *signals are
 * TPA_TCP_SIGNAL_*, or'ed, and cleared by this call. */
struct tpa_tcp_connection *tpa_tcp_signalled(struct tpa_tcp_worker *worker, uint32_t *signals);

/* What has become of sent data. */
struct tpa_tcp_completion {
    void (*done)(void *base, void *parameter); /* for the caller to run; NULL = nobody asks */
    void *base;
    void *parameter;
    void *reference; /* of tpa_mem_registry_hold, for the caller to release; or NULL */
};

/*
 * Data that is acknowledged, or whose connection is gone, and that no port reads any more: one
 * piece a call, in the order in which it became free; false when none is left.
 */
bool tpa_tcp_completed(struct tpa_tcp_worker *worker, struct tpa_tcp_completion *completion);

TPA_BASE_DECLARATIONS_END

#endif
