/*
 * Trace: what happened to one connection, as a ring of small records in memory.
 *
 * The writer is here, so that any crate can record with nothing but libs/base; texts and readers
 * are in libs/stats (<tpa/stats/trace.h>). A ring holds no pointers: it may lie in shared memory
 * and be read by another process while it is written, or after the writer has died.
 *
 * Where no trace is wanted the caller passes NULL, which costs one branch.
 */
#ifndef TPA_BASE_TRACE_H
#define TPA_BASE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * X(constant, level, name, format)
 *
 * level: BASIC kinds are always recorded, DETAIL kinds (several per packet) only in a ring that was
 * made with TPA_BASE_TRACE_DETAIL (option trace.more_trace).
 * format: shown by libs/stats; each conversion takes the next argument (%a takes two):
 *   %u unsigned   %d signed        %x hexadecimal        %t duration in ns   %p port, host order
 *   %q sequence number             %f TCP flags byte     %s TCP state        %e error value
 *   %r drop reason                 %w event bits         %a address, 16 bytes as in memory
 *   %g TPA_BASE_TRACE_SEGMENT(flags, payload length)
 * TCP states are numbered as in enum tpa_tcp_state: CLOSED 0, SYN-SENT 1, SYN-RECEIVED 2 and on in
 * the order of RFC 9293 section 3.3.2 up to TIME-WAIT 9.
 */
/* clang-format off */
#define TPA_BASE_TRACE_LIST(X) \
    X(LOCAL, BASIC, "local", "%a port %p") \
    X(REMOTE, BASIC, "remote", "%a port %p") \
    X(STATE, BASIC, "state", "%s -> %s") \
    X(NEGOTIATED, BASIC, "negotiated", "mss %u, window scale send %d receive %d, options %x") \
    X(ERROR, BASIC, "error", "%e, in state %s") \
    X(CLOSE, BASIC, "close", "by the application: %u bytes unsent, %u bytes unread") \
    X(DROP, BASIC, "drop", "%r: seq %q, %g") \
    X(RTO, BASIC, "rto", "time-out %u, next after %t, snd_una %q, snd_nxt %q") \
    X(RETRANSMIT, BASIC, "retransmit", "seq %q, %u bytes, attempt %u") \
    X(FAST_RETRANSMIT, BASIC, "fast_retransmit", "snd_una %q after %u duplicates, in flight %u") \
    X(RECOVERY_ENTER, BASIC, "recovery_enter", "until %q, cwnd %u, ssthresh %u, in flight %u") \
    X(RECOVERY_EXIT, BASIC, "recovery_exit", "snd_una %q, cwnd %u, ssthresh %u") \
    X(CONGESTION_MARK, BASIC, "congestion_mark", "until %q: cwnd %u, ssthresh %u, in flight %u") \
    X(RECOVERY_UNDO, BASIC, "recovery_undo", "spurious: cwnd %u, ssthresh %u, in flight %u") \
    X(RACK_LOSS, BASIC, "rack_loss", "%u bytes overtaken, %u of them sent again, snd_una %q, more in %t") \
    X(LOSS_PROBE, BASIC, "loss_probe", "up to %q, retransmission %u, in flight %u, cwnd %u") \
    X(LOSS_PROBE_REPAIRED, BASIC, "loss_probe_repaired", "up to %q, cwnd %u, ssthresh %u, in flight %u") \
    X(ZERO_WINDOW, BASIC, "zero_window", "the peer closed its window: snd_una %q, %u bytes wait") \
    X(WINDOW_OPEN, BASIC, "window_open", "the peer opened its window: %u bytes") \
    X(RCV_WINDOW_CLOSED, BASIC, "rcv_window_closed", "rcv_nxt %q, %u bytes unread") \
    X(RECEIVE_LIMIT, BASIC, "receive_limit", "%u bytes, since %u were read in %t") \
    X(PROBE, BASIC, "probe", "zero-window probe %u, next after %t") \
    X(KEEPALIVE, BASIC, "keepalive", "probe %u of %u, next after %t") \
    X(CHALLENGE_ACK, BASIC, "challenge_ack", "seq %q, %g") \
    X(PATH_MTU, BASIC, "path_mtu", "%u, mss %u") \
    X(ICMP, BASIC, "icmp", "type %u code %u, error %e") \
    X(HANDOFF, BASIC, "handoff", "from worker %u to worker %u") \
    X(MARK, BASIC, "mark", "%x %x %x %x") \
    X(SEGMENT_IN, DETAIL, "in", "%g seq %q ack %q win %u") \
    X(SEGMENT_OUT, DETAIL, "out", "%g seq %q ack %q win %u") \
    X(ACKED, DETAIL, "acked", "%u bytes, snd_una %q, in flight %u, cwnd %u") \
    X(DUPLICATE_ACK, DETAIL, "duplicate_ack", "%u, ack %q") \
    X(SACK, DETAIL, "sack", "%q..%q, %u bytes newly sacked") \
    X(RTT, DETAIL, "rtt", "sample %t, srtt %t, rttvar %t, rto %t") \
    X(CWND, DETAIL, "cwnd", "%u, ssthresh %u, in flight %u") \
    X(OUT_OF_ORDER, DETAIL, "out_of_order", "%q..%q held, %u bytes, rcv_nxt %q") \
    X(DELAYED_ACK, DETAIL, "delayed_ack", "after %t, rcv_nxt %q") \
    X(TIMER, DETAIL, "timer", "%u fires in %t") \
    X(WRITE, DETAIL, "write", "%u bytes in %u pieces, %u bytes queued") \
    X(WRITE_AGAIN, DETAIL, "write_again", "%u bytes refused, %u entries free") \
    X(WRITE_DONE, DETAIL, "write_done", "%u bytes, %u bytes queued") \
    X(READ, DETAIL, "read", "%u bytes in %u pieces, %u bytes left") \
    X(READ_DONE, DETAIL, "read_done", "%u bytes released, %u still held") \
    X(EVENT, DETAIL, "event", "%w")
/* clang-format on */

enum tpa_base_trace_kind {
#define TPA_BASE_TRACE_ENUM(constant, level, name, format) TPA_BASE_TRACE_##constant,
    TPA_BASE_TRACE_LIST(TPA_BASE_TRACE_ENUM)
#undef TPA_BASE_TRACE_ENUM
    TPA_BASE_TRACE_COUNT,
};

/* The first kind that is recorded only in detail: in the list above all BASIC kinds come first. */
#define TPA_BASE_TRACE_FIRST_DETAIL TPA_BASE_TRACE_SEGMENT_IN

/* The argument of a %g conversion: TCP flags and the length of the payload in bytes. */
#define TPA_BASE_TRACE_SEGMENT(flags, length) ((uint64_t)(uint8_t)(flags) | (uint64_t)(length) << 8)

/* Flags of a ring. */
#define TPA_BASE_TRACE_DETAIL  0x1u /* record DETAIL kinds too */
#define TPA_BASE_TRACE_NO_WRAP 0x2u /* when full, keep the oldest records and count the others */

/* The bits of `stamp` below the time. */
#define TPA_BASE_TRACE_KIND_BITS 8

struct tpa_base_trace_record {
    uint64_t stamp;       /*  0: time in ns << 8 | kind; the time wraps after 2.2 years */
    uint64_t argument[4]; /*  8 */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_base_trace_record) == 40, "a record is 40 bytes");
TPA_BASE_STATIC_ASSERT(TPA_BASE_TRACE_COUNT <= 1u << TPA_BASE_TRACE_KIND_BITS,
                       "a kind fits a stamp");

struct tpa_base_trace {
    uint64_t written;                      /*  0: records written so far, overwritten ones too */
    uint64_t lost;                         /*  8: records not taken because of NO_WRAP */
    uint32_t next;                         /* 16: slot of the next record (saves a division) */
    uint32_t capacity;                     /* 20: slots */
    uint32_t flags;                        /* 24 */
    uint32_t owner;                        /* 28: whose trace it is (a sid) */
    uint64_t generation;                   /* 32: times that this memory was made a ring */
    uint64_t reserved[3];                  /* 40 */
    struct tpa_base_trace_record record[]; /* 64 */
};

TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_base_trace, record) == 64,
                       "records begin on a cache line");

/*
 * Makes an empty ring of memory.
 *
 * `memory`: the ring's memory, aligned to 8; the caller keeps owning it. What it held before is
 *           lost, except that `generation` counts on (so fresh memory has to be zeroed).
 * `size`:   its bytes; at least one record has to fit behind the 64 bytes of the ring's header.
 * `flags`:  TPA_BASE_TRACE_DETAIL, TPA_BASE_TRACE_NO_WRAP.
 * `owner`:  any number that tells a reader whose trace this is.
 * Returns the ring, or NULL if `size` is too small: a trace that records nothing.
 */
struct tpa_base_trace *tpa_base_trace_init(void *memory, size_t size, uint32_t flags,
                                           uint32_t owner);

/* The path of tpa_base_trace_write() for a trace that is there. */
static inline void tpa_base_trace_append(struct tpa_base_trace *trace, uint64_t now,
                                         enum tpa_base_trace_kind kind, uint64_t a, uint64_t b,
                                         uint64_t c, uint64_t d)
{
    if (kind >= TPA_BASE_TRACE_FIRST_DETAIL && !(trace->flags & TPA_BASE_TRACE_DETAIL))
        return;

    uint64_t written = trace->written;

    if (written >= trace->capacity && (trace->flags & TPA_BASE_TRACE_NO_WRAP)) {
        __atomic_store_n(&trace->lost, trace->lost + 1, __ATOMIC_RELAXED);
        return;
    }

    struct tpa_base_trace_record *record = &trace->record[trace->next];

    /*
     * Each store is ordered behind `written` of the record before: a reader that sees any part of
     * this record also sees that its slot's old one is gone. On x86 these are plain stores.
     */
    __atomic_store_n(&record->stamp, now << TPA_BASE_TRACE_KIND_BITS | (uint64_t)kind,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&record->argument[0], a, __ATOMIC_RELEASE);
    __atomic_store_n(&record->argument[1], b, __ATOMIC_RELEASE);
    __atomic_store_n(&record->argument[2], c, __ATOMIC_RELEASE);
    __atomic_store_n(&record->argument[3], d, __ATOMIC_RELEASE);

    trace->next = trace->next + 1 == trace->capacity ? 0 : trace->next + 1;
    __atomic_store_n(&trace->written, written + 1, __ATOMIC_RELEASE);
}

/*
 * Records one event. One thread writes a ring; any thread or process may read it meanwhile.
 *
 * `trace`: the ring, or NULL: nothing is recorded.
 * `now`:   monotonic time in ns.
 * `kind`:  says what `a` to `d` mean (TPA_BASE_TRACE_LIST); unused arguments are 0.
 */
static inline void tpa_base_trace_write(struct tpa_base_trace *trace, uint64_t now,
                                        enum tpa_base_trace_kind kind, uint64_t a, uint64_t b,
                                        uint64_t c, uint64_t d)
{
    if (__builtin_expect(trace != NULL, 0))
        tpa_base_trace_append(trace, now, kind, a, b, c, d);
}

TPA_BASE_DECLARATIONS_END

#endif
