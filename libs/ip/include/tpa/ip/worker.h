/*
 * A worker's part of the stack: frames in, TCP segments out, and frames to be sent.
 *
 * Used by one thread at a time, which is an RCU reader (<tpa/mem/rcu.h>) during each call and
 * passes a quiescent state between them. Holds packets that wait for a neighbour, fragments, paths,
 * rate limits, and the frames to be sent.
 *
 * Nothing here calls a port: frames to be sent are queued per interface and taken by the caller.
 */
#ifndef TPA_IP_WORKER_H
#define TPA_IP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/base/drop.h>
#include <tpa/base/log.h>
#include <tpa/base/random.h>
#include <tpa/ip/stack.h>
#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/slab.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_ip_worker;

/* All that is pointed at outlives the worker. */
struct tpa_ip_worker_config {
    struct tpa_mem_pool *pool;      /* answers, announcements, copies for loopback */
    struct tpa_base_random *random; /* for identifications and hash keys */
    struct tpa_base_drop_counters *drops;
    /* Called with each packet that is dropped, before it is freed, or NULL. The packet has all its
     * bytes unless an earlier stage took headers off. */
    void (*on_drop)(void *context, uint8_t interface, struct rte_mbuf *packet,
                    enum tpa_base_drop reason);
    void *on_drop_context;
    struct tpa_base_log *log;                  /* address conflicts; NULL = nowhere */
    const struct tpa_mem_chunk_source *chunks; /* objects; NULL = tpa_mem_chunk_source_default */
};

/* `now`: the time its timers start at. NULL when memory is exhausted. */
struct tpa_ip_worker *tpa_ip_worker_create(struct tpa_ip_stack *stack,
                                           const struct tpa_ip_worker_config *config, uint64_t now);

/* Frees the worker and all packets that it still holds (drop reason SHUTDOWN). Paths that are still
 * referenced become invalid. NULL is allowed. */
void tpa_ip_worker_destroy(struct tpa_ip_worker *worker);

/*
 * What is known of a received TCP packet: its tpa_mem_packet_layer. The IP header, with options or
 * extension headers, still stands in the buffer, header_length bytes before the data. Of a
 * reassembled datagram it is the first fragment's, changed to what an unfragmented one would have.
 */
struct tpa_ip_received {
    struct tpa_base_address source;      /*  0: unicast */
    struct tpa_base_address destination; /* 16: one of the stack's own */
    uint8_t interface;                   /* 32 */
    uint8_t traffic_class;               /* 33: IPv4's TOS byte: DSCP and ECN */
    uint8_t ttl;                         /* 34: TTL or hop limit */
    uint8_t reserved;                    /* 35 */
    uint16_t header_length;              /* 36: bytes */
    uint16_t largest_fragment;           /* 38: IP bytes of it; 0 = was not fragmented */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_ip_received) == TPA_MEM_PACKET_LAYER_SIZE,
                       "fills a packet's layer");

/* The start of a delivered packet that lies in one piece in its first segment: a TCP header with
 * all options, or the whole packet where it is shorter. */
#define TPA_IP_CONTIGUOUS 60

/*
 * Takes `count` frames that arrived at `interface` and owns them; for TPA_IP_INTERFACE_LOOPBACK: IP
 * packets without a link header, as tpa_ip_take() gave them, maybe to another worker.
 *
 * ARP, Neighbour Discovery, ICMP and fragments are dealt with inside. Valid TCP packets for one of
 * the stack's addresses come out in `tcp`, in their order: data starting at the TCP header, of at
 * least 20 bytes, checksum verified, link padding cut off, struct tpa_ip_received in their layer.
 *
 * `frames`: `count` packets, of any number of segments; `tcp`: room for `count`. They may be the
 *   same array.
 * Returns how many came out. Bounded work per packet. An interface that does not exist: all are
 * dropped.
 */
uint16_t tpa_ip_input(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                      uint16_t count, struct rte_mbuf **tcp, uint64_t now);

/*
 * Frames that wait to be sent on an interface (TPA_IP_INTERFACE_LOOPBACK: packets to be given to
 * tpa_ip_input), oldest first, at most `max`; they are the caller's. Returns how many.
 */
uint16_t tpa_ip_take(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                     uint16_t max);

/* Gives back, in front and in their order, what a port did not accept of the last take. */
void tpa_ip_untake(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                   uint16_t count);

/* Bit of loopback in tpa_ip_waiting(). */
#define TPA_IP_WAITING_LOOPBACK (UINT32_C(1) << 31)

/* Interfaces with frames waiting: bit n = interface n. */
uint32_t tpa_ip_waiting(const struct tpa_ip_worker *worker);

/* Frames that wait on one interface. At limits.output_queue, more are dropped: a sender that wants
 * to lose nothing stops before. 0 for an interface that does not exist. */
uint32_t tpa_ip_queued(const struct tpa_ip_worker *worker, uint8_t interface);

/* What became of TCP packets of ours, by ICMP or by our own output. */
enum tpa_ip_error_kind {
    TPA_IP_ERROR_UNREACHABLE_SOFT, /* net or host unreachable, source route failed, time exceeded,
                                      parameter problem; no route, neighbour did not answer */
    TPA_IP_ERROR_UNREACHABLE_HARD, /* protocol or port unreachable, administratively prohibited */
    TPA_IP_ERROR_PACKET_TOO_BIG,   /* `mtu` is set; the path's MTU is not lowered before
                                      tpa_ip_path_mtu_accept() */
};

struct tpa_ip_error {
    struct tpa_base_address source;      /*  0: of the packet that failed: ours */
    struct tpa_base_address destination; /* 16 */
    uint32_t sequence;                   /* 32: its TCP sequence number, host order */
    uint16_t source_port;                /* 36: network order */
    uint16_t destination_port;           /* 38: network order */
    uint16_t mtu;                        /* 40: bytes of an IP packet, never below
                                            TPA_IP_PATH_MTU_MIN_* */
    uint8_t kind;                        /* 42: enum tpa_ip_error_kind */
    uint8_t interface;                   /* 43: where the message arrived */
};

/* Errors that wait; more are lost, as ICMP messages may be at any time. */
#define TPA_IP_ERRORS_MAX 64

/* Floors of what a message can make a path's MTU. IPv4: 552, that is 512 bytes of data, as the
 * smallest that a forged message should be able to cause (RFC 1191 would go down to 68). */
#define TPA_IP_PATH_MTU_MIN_IPV4 552
#define TPA_IP_PATH_MTU_MIN_IPV6 1280

/*
 * Copies out up to `max` errors, oldest first; returns how many. The addresses are checked (source
 * is ours); that there is such a connection, and that the sequence number is outstanding (RFC 5927
 * section 4), is the caller's to check.
 */
uint16_t tpa_ip_errors_take(struct tpa_ip_worker *worker, struct tpa_ip_error *errors,
                            uint16_t max);

/*
 * The caller found the sequence number of a PACKET_TOO_BIG outstanding: remember its MTU for the
 * destination, for all workers, for limits.path_mtu_age; then the interface's MTU holds again. An
 * MTU that is not lower than the present one changes nothing.
 */
void tpa_ip_path_mtu_accept(struct tpa_ip_worker *worker, const struct tpa_ip_error *error,
                            uint64_t now);

/*
 * Once a step: solicitations, announcements, reassembly time-outs, and what other threads changed.
 * Cheap when nothing is due.
 */
void tpa_ip_timers(struct tpa_ip_worker *worker, uint64_t now);

/* When tpa_ip_timers() has something to do at the earliest, other threads' changes apart;
 * UINT64_MAX = never. */
uint64_t tpa_ip_next_deadline(const struct tpa_ip_worker *worker);

TPA_BASE_DECLARATIONS_END

#endif
