/*
 * What was sent and is not acknowledged: the scoreboard of RFC 6675.
 *
 * The bytes [una, nxt) are cut into ranges of one state, in an array sorted by sequence number
 * (each ends where the next begins). Without loss a range is what one step sent. The sums that the
 * pipe is made of are kept, not computed.
 *
 *     pipe = (nxt - una) - sacked - lost + retransmitted - assumed
 *
 * Bounds: TPA_TCP_FLIGHT_RANGES_MAX ranges; an acknowledgement costs a search by halves for each
 * block and one move of the array at most for each end of one. What would need more ranges is
 * treated as if it had not been SACKed.
 */
#ifndef TPA_TCP_FLIGHT_H
#define TPA_TCP_FLIGHT_H

#include <tpa/base/seq.h>
#include <tpa/tcp/parts.h>
#include <tpa/tcp/tcp.h> /* struct tpa_tcp_sack_block */

#include "prr.h"

/* Ranges that SACK may cut a flight into; a few more are left for what is sent and sent again. */
#define TPA_TCP_FLIGHT_RANGES_MAX 1000
/* Ranges up to which sends of different times are kept apart. Beyond, times are kept at 1/64 of a
 * round trip or so. */
#define TPA_TCP_FLIGHT_RANGES_TIMED 64
/* RFC 6675's DupThresh. */
#define TPA_TCP_DUPLICATE_THRESHOLD 3

struct tpa_tcp_flight_notes {
    struct tpa_tcp_prr prr;
    uint32_t reordering_round; /* RACK.dsack_round: the reordering window grows once until this is
                                  acknowledged; */
    bool has_reordering_round; /*   unless it is not set */
};

enum {
    TPA_TCP_RANGE_SACKED = 1 << 0,
    TPA_TCP_RANGE_LOST = 1 << 1, /* counted in `lost`; stays when it is sent again */
    TPA_TCP_RANGE_RETRANSMITTED = 1
                                  << 2, /* the newest transmission is a retransmission, under way */
    TPA_TCP_RANGE_EVER_RETRANSMITTED = 1 << 3,
    TPA_TCP_RANGE_MIXED = 1 << 4, /* parts were sent before `sent` */
};

/* A spread of so many units or more is unknown: 17 s. */
#define TPA_TCP_FLIGHT_SPREAD_SHIFT 10
#define TPA_TCP_FLIGHT_SPREAD_MAX   ((1u << 24) - 1)

struct tpa_tcp_flight_range {
    uint64_t sent;  /*  0: time of the last transmission, ns */
    uint32_t start; /*  8: sequence number; ends where the next starts, or at nxt */
    uint32_t flags : 8;
    uint32_t spread : 24; /* 12: the first of its bytes was sent no earlier than `sent` less this,
                             in units of 2^TPA_TCP_FLIGHT_SPREAD_SHIFT ns */
};

_Static_assert(sizeof(struct tpa_tcp_flight_range) == 16, "four in a cache line");

int tpa_tcp_flight_worker_init(struct tpa_tcp_flight_worker *worker,
                               const struct tpa_mem_chunk_source *source);
/* TPA_EBUSY while flights hold ranges. */
int tpa_tcp_flight_worker_fini(struct tpa_tcp_flight_worker *worker);

/* Nothing outstanding; the next byte to be sent has number `sequence`. */
void tpa_tcp_flight_init(struct tpa_tcp_flight *flight, uint32_t sequence);

/* Forgets everything and gives the memory back. */
void tpa_tcp_flight_drop(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker);

/* Bytes outstanding (RFC 5681's FlightSize). */
static inline uint32_t tpa_tcp_flight_outstanding(const struct tpa_tcp_flight *flight)
{
    return flight->nxt - flight->una;
}

/* Bytes believed to be in the network (RFC 6675's pipe). */
static inline uint32_t tpa_tcp_flight_pipe(const struct tpa_tcp_flight *flight)
{
    return flight->nxt - flight->una - flight->sacked - flight->lost + flight->retransmitted -
           flight->assumed;
}

/* `length` new bytes are sent now, from nxt on. To be called before the packet goes: 0; TPA_ENOMEM:
 * don't send it. (Only possible if nothing is outstanding, or what was sent last is SACKed or
 * lost.) */
int tpa_tcp_flight_sent(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                        uint32_t length, uint64_t now);

/* What an acknowledgement made known. Times are 0 where there is no data that was sent just once,
 * or it was sent bit by bit over more than 1/16 of its round trip. */
struct tpa_tcp_flight_acked {
    uint32_t acked;       /* bytes by which una advanced */
    uint32_t delivered;   /* bytes that are newly known to have arrived, by ACK or SACK */
    uint64_t oldest_sent; /* the earliest and the latest time of sending among the newly delivered
                             that were */
    uint64_t newest_sent; /*   sent just once (Karn): now - oldest_sent is RFC 6298's sample */
    bool retransmitted;   /* some of the newly delivered bytes had been sent more than once */
    bool was_lost;        /* some of them had been deemed lost */
    bool sack_new;        /* a block told something new */
    bool reordered;       /* something sent once arrived after what had been sent behind it */
    bool original;        /* something sent once, and before original_end, arrived */
    bool duplicate;       /* the first block was a D-SACK (RFC 2883): */
    struct tpa_tcp_sack_block duplicate_block;

    /* The last of them to be sent (RFC 8985 section 6.2, step 2): at this time or a little later,
     * up to this sequence number. 0: one can't tell. */
    uint64_t latest_sent;
    uint32_t latest_end;

    /* Given by the caller. */
    uint64_t now; /* 0: what was sent bit by bit gives no sample of the round trip */
    uint32_t original_end;
    uint64_t again_before; /* what was sent again later than this can't have made this
                              acknowledgement; 0: nobody knows */
};

/* Zeroed by the caller but for what it gives; tpa_tcp_flight_sacked and _acknowledged of one
 * segment add to the same. */

/* The cumulative acknowledgement `ack`, within [una, nxt]. */
void tpa_tcp_flight_acknowledged(struct tpa_tcp_flight *flight,
                                 struct tpa_tcp_flight_worker *worker, uint32_t ack,
                                 struct tpa_tcp_flight_acked *acked);

/*
 * The blocks of a segment, untrusted, after tpa_tcp_flight_acknowledged for its ack. Blocks that
 * make no sense (right not after left, outside [una, nxt)) are ignored one by one; a first block at
 * or below `ack`, or inside the second, is a D-SACK.
 */
void tpa_tcp_flight_sacked(struct tpa_tcp_flight *flight, struct tpa_tcp_flight_worker *worker,
                           uint32_t ack, const struct tpa_tcp_sack_block *blocks,
                           unsigned int count, struct tpa_tcp_flight_acked *acked);

/*
 * Marks as lost what RFC 6675's IsLost() says is, with segments of `mss` bytes. Returns the bytes
 * newly lost.
 */
uint32_t tpa_tcp_flight_detect_loss(struct tpa_tcp_flight *flight, uint32_t mss);

/* Without SACK: a duplicate ACK says that one more segment left the network (RFC 5681 section 3.2,
 * RFC 6582 by the pipe). */
void tpa_tcp_flight_duplicate_ack(struct tpa_tcp_flight *flight, uint32_t mss);

/* The first `length` bytes of the flight are lost (third duplicate ACK, or a partial ACK, without
 * SACK). Returns the bytes newly lost (0 also when memory is short). */
uint32_t tpa_tcp_flight_lose_first(struct tpa_tcp_flight *flight,
                                   struct tpa_tcp_flight_worker *worker, uint32_t length);

/* Time-out: all that is not acknowledged is lost, and what SACK said is forgotten (RFC 2018 section
 * 8). */
void tpa_tcp_flight_timeout(struct tpa_tcp_flight *flight);

/*
 * RFC 8985: loss by time. flight_time.c.
 *
 * What was sent before something that has arrived is lost when a round trip, and `window` ns for
 * reordering, have gone by. That holds for what was sent again, too.
 */

/* RACK_update(): an acknowledgement was taken. */
void tpa_tcp_flight_arrived(struct tpa_tcp_flight *flight, const struct tpa_tcp_flight_acked *acked,
                            uint64_t now);

/* What RACK_detect_loss() found. */
struct tpa_tcp_flight_overtaken {
    uint32_t lost;       /* bytes newly lost, */
    uint32_t lost_again; /*   of which these had been sent again */
    uint64_t wait;       /* ns until what else was overtaken is lost; 0: there is nothing */
};

struct tpa_tcp_flight_overtaken tpa_tcp_flight_detect_overtaken(struct tpa_tcp_flight *flight,
                                                                uint64_t window, uint64_t now);

/* RACK_mark_losses_on_RTO(): the first `mss` bytes are lost, and what was sent before `before`. If
 * the first is SACKed, the receiver has dropped what it had reported (RFC 2018 section 8): the same
 * as tpa_tcp_flight_timeout. */
void tpa_tcp_flight_timeout_by_time(struct tpa_tcp_flight *flight,
                                    struct tpa_tcp_flight_worker *worker, uint32_t mss,
                                    uint64_t before);

/* RACK.rtt: of what arrived last, ns; 0 = unknown. */
uint64_t tpa_tcp_flight_latest_rtt(const struct tpa_tcp_flight *flight);

/* What is kept as long as something is outstanding, for recovery; NULL if nothing is. */
struct tpa_tcp_flight_notes *tpa_tcp_flight_notes(const struct tpa_tcp_flight *flight);

/* The time-out or the recovery was for nothing: what is deemed lost and was not sent again is not
 * lost. */
void tpa_tcp_flight_undo(struct tpa_tcp_flight *flight);

/* Everything from `length` bytes on must be cut anew (the path's MTU shrank): what is outstanding
 * and not SACKed is lost, SACKs stay. */
void tpa_tcp_flight_lose_all(struct tpa_tcp_flight *flight);

/* RFC 6675's NextSeg(), (3): the first bytes below the highest SACKed one that were neither sent
 * again nor are lost; up to `length_max`. */
bool tpa_tcp_flight_next_doubtful(const struct tpa_tcp_flight *flight, uint32_t length_max,
                                  uint32_t *start, uint32_t *length);

/* The last bytes that are not SACKed, up to `length_max`, as far as one range goes: (4) there, and
 * the probe of RFC 8985 section 7.3. */
bool tpa_tcp_flight_last(const struct tpa_tcp_flight *flight, uint32_t length_max, uint32_t *start,
                         uint32_t *length);

/* True, and the first range of bytes that is lost and not sent again, up to `length_max`. */
bool tpa_tcp_flight_next_lost(struct tpa_tcp_flight *flight, uint32_t length_max, uint32_t *start,
                              uint32_t *length);

/*
 * [start, start + length), outstanding and not SACKed, is sent again now (a lost range, or any for
 * a probe). To be called before the packet goes: 0; TPA_ENOMEM: don't send it.
 */
int tpa_tcp_flight_retransmitted(struct tpa_tcp_flight *flight,
                                 struct tpa_tcp_flight_worker *worker, uint32_t start,
                                 uint32_t length, uint64_t now);

/* One past the highest SACKed byte; una when there is none. */
uint32_t tpa_tcp_flight_highest_sacked(const struct tpa_tcp_flight *flight);

/* The time of the last transmission of the first outstanding byte; 0 when nothing is outstanding.
 */
uint64_t tpa_tcp_flight_first_sent(const struct tpa_tcp_flight *flight);

/* The ranges, for tests and loss detection by time: count, and the i-th. */
uint32_t tpa_tcp_flight_range_count(const struct tpa_tcp_flight *flight);
const struct tpa_tcp_flight_range *tpa_tcp_flight_range_at(const struct tpa_tcp_flight *flight,
                                                           uint32_t index);

#endif
