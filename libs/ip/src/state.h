/* The inside of struct tpa_ip_worker, and what all its parts use. */
#ifndef TPA_IP_STATE_H
#define TPA_IP_STATE_H

#include <stdint.h>

#include <tpa/base/hash.h>
#include <tpa/ip/ip.h>
#include <tpa/timer/wheel.h>

#include "bucket.h"
#include "fragment.h"
#include "path.h"
#include "resolution.h"
#include "shared.h"

/* Queues of frames: one an interface, and loopback's behind them. */
#define TPA_IP_QUEUE_LOOPBACK TPA_IP_INTERFACES_MAX
#define TPA_IP_QUEUES         (TPA_IP_INTERFACES_MAX + 1)

/* Packets to the stack itself that wait: of 64 KB each, the most that they can pin is 64 MB. */
#define TPA_IP_LOOPBACK_QUEUE_MAX 1024

/* Counters of IP identifications; destinations share one by hash (RFC 7739 section 5.3). */
#define TPA_IP_IDENTIFICATIONS 256

/* A timer of the worker says what it is for. */
enum tpa_ip_timer_kind {
    TPA_IP_TIMER_RESOLUTION,
    TPA_IP_TIMER_ANNOUNCEMENT,
    TPA_IP_TIMER_MLD_REPORT,
    TPA_IP_TIMER_REASSEMBLY,
};

struct tpa_ip_worker {
    /* used for every packet */
    struct tpa_ip_stack *stack;
    struct tpa_mem_pool *pool;
    uint64_t now;        /* of the call that is under way */
    uint64_t generation; /* of the stack's, the last one acted upon */
    uint32_t waiting;    /* bit n: output[n] is not empty, as tpa_ip_waiting() */
    struct tpa_mem_packet_queue output[TPA_IP_QUEUES];
    struct tpa_ip_path_cache paths;
    struct tpa_base_drop_counters *drops;

    /* used now and then */
    struct tpa_base_random *random;
    void (*on_drop)(void *context, uint8_t interface, struct rte_mbuf *packet,
                    enum tpa_base_drop reason);
    void *on_drop_context;
    struct tpa_base_log *log;
    struct tpa_base_hash_key key;
    struct tpa_timer_wheel wheel;
    struct tpa_ip_resolver resolver;
    struct tpa_ip_reassembler reassembler;
    struct tpa_mem_slab announcements;
    struct tpa_base_list announcing;
    struct tpa_ip_timer mld_reports[TPA_IP_INTERFACES_MAX];
    struct tpa_ip_bucket error_bucket; /* ICMP errors that we send */
    struct tpa_ip_bucket echo_bucket;  /* echo replies */
    uint32_t identifications[TPA_IP_IDENTIFICATIONS];
    struct tpa_ip_error errors[TPA_IP_ERRORS_MAX]; /* a ring */
    uint32_t errors_first;
    uint32_t errors_count;
};

/* The interface's name in the API for a queue, and back. */
static inline uint8_t tpa_ip_queue_interface(uint8_t queue)
{
    return queue == TPA_IP_QUEUE_LOOPBACK ? TPA_IP_INTERFACE_LOOPBACK : queue;
}

static inline uint8_t tpa_ip_interface_queue(uint8_t interface)
{
    return interface == TPA_IP_INTERFACE_LOOPBACK ? TPA_IP_QUEUE_LOOPBACK : interface;
}

/* Counts a packet under a reason, shows it to the capture, and frees it. */
void tpa_ip_drop(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *packet,
                 enum tpa_base_drop reason);

/* Drops all packets of a queue. */
void tpa_ip_drop_queue(struct tpa_ip_worker *worker, uint8_t interface,
                       struct tpa_mem_packet_queue *queue, enum tpa_base_drop reason);

/* Queues a finished frame for its interface, or drops it where too many wait. */
void tpa_ip_enqueue(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *frame);

/* Adds an error to those that wait; lost when there are too many. */
void tpa_ip_error_push(struct tpa_ip_worker *worker, const struct tpa_ip_error *error);

/* The next identification for fragments to a destination, unlike the last ones. */
uint32_t tpa_ip_identification(struct tpa_ip_worker *worker,
                               const struct tpa_base_address *destination);

#endif
