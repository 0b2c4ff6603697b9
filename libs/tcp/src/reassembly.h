/*
 * Data out of order: sorted, disjoint, non-adjacent ranges, each a chain of packets.
 *
 * Ranges lie in an array that is searched by halves, so an insert costs 9 comparisons and at most a
 * move of the array (TPA_TCP_REASSEMBLY_RANGES_MAX * 24 bytes), whatever the peer sends. Packets
 * that a new one covers are freed: each was put in once, so that is paid for.
 */
#ifndef TPA_TCP_REASSEMBLY_H
#define TPA_TCP_REASSEMBLY_H

#include <tpa/base/drop.h>
#include <tpa/tcp/parts.h>
#include <tpa/tcp/tcp.h> /* struct tpa_tcp_sack_block */

#include "charge.h"
#include "receive_queue.h"

/* Holes of one connection. Ordinary loss makes some dozens, even with a flight of ten thousand
 * segments. */
#define TPA_TCP_REASSEMBLY_RANGES_MAX 512
/* Ranges of the state that a connection gets first. */
#define TPA_TCP_REASSEMBLY_RANGES_FEW 8

/* `budget`: the receive queues'. `source`: of the slabs' chunks. 0; TPA_EINVAL. */
int tpa_tcp_reassembly_worker_init(struct tpa_tcp_reassembly_worker *worker,
                                   struct tpa_mem_budget *budget,
                                   const struct tpa_mem_chunk_source *source, uint32_t entries_max);
/* TPA_EBUSY while connections hold states. */
int tpa_tcp_reassembly_worker_fini(struct tpa_tcp_reassembly_worker *worker);

/*
 * Takes a packet whose payload begins at `sequence`, beyond rcv_nxt and inside the window (the
 * caller's checks); what is there already is trimmed off it, and noted for D-SACK.
 * TPA_BASE_DROP_NONE: the packet is taken; else the reason, and the packet stays the caller's:
 * TCP_DUPLICATE (all of it is here), TCP_AFTER_FIN, TCP_OOO_LIMIT (ranges or packets), TCP_MEMORY.
 */
enum tpa_base_drop tpa_tcp_reassembly_insert(struct tpa_tcp_reassembly *reassembly,
                                             struct tpa_tcp_reassembly_worker *worker,
                                             struct rte_mbuf *packet, uint32_t sequence);

/*
 * A FIN that came out of order, at `sequence` (behind its segment's data). False: it contradicts
 * data beyond it or an earlier FIN, and is ignored. Also marks FINs in order if the caller likes:
 * the position is all this keeps.
 */
bool tpa_tcp_reassembly_fin(struct tpa_tcp_reassembly *reassembly, uint32_t sequence);

/*
 * rcv_nxt advanced to `rcv_nxt`: drops what lies before it and moves what is now in order to
 * `queue`. Returns the new rcv_nxt. Cheap when nothing is out of order.
 */
uint32_t tpa_tcp_reassembly_advance(struct tpa_tcp_reassembly *reassembly,
                                    struct tpa_tcp_reassembly_worker *worker,
                                    struct tpa_tcp_receive_queue *queue, uint32_t rcv_nxt);

/* A segment [left, right) was received that had been received before (below rcv_nxt): for the next
 * D-SACK. */
static inline void tpa_tcp_reassembly_duplicate(struct tpa_tcp_reassembly *reassembly,
                                                uint32_t left, uint32_t right)
{
    reassembly->duplicate_left = left;
    reassembly->duplicate_right = right;
}

/*
 * Blocks for the next acknowledgement, at most `max`: a D-SACK first, if one is due (it is reported
 * once: cleared by this call), then the range with the newest data, then others by age (RFC 2018
 * section 4, RFC 2883 section 4). Returns how many.
 */
unsigned int tpa_tcp_reassembly_blocks(struct tpa_tcp_reassembly *reassembly,
                                       struct tpa_tcp_sack_block *blocks, unsigned int max);

/* A D-SACK is due. */
static inline bool tpa_tcp_reassembly_has_duplicate(const struct tpa_tcp_reassembly *reassembly)
{
    return reassembly->duplicate_left != reassembly->duplicate_right;
}

/* True when a block would be reported. */
static inline bool tpa_tcp_reassembly_has_blocks(const struct tpa_tcp_reassembly *reassembly)
{
    return reassembly->ranges != NULL || tpa_tcp_reassembly_has_duplicate(reassembly);
}

/*
 * Memory is short: frees packets from the highest range down until `bytes` are back in the budget
 * or nothing is left (allowed by RFC 2018 section 8). Returns the bytes given back.
 */
uint64_t tpa_tcp_reassembly_prune(struct tpa_tcp_reassembly *reassembly,
                                  struct tpa_tcp_reassembly_worker *worker, uint64_t bytes);

/* Frees everything. The FIN's position is forgotten. */
void tpa_tcp_reassembly_drop(struct tpa_tcp_reassembly *reassembly,
                             struct tpa_tcp_reassembly_worker *worker);

/* Packets, payload bytes and ranges held. */
uint32_t tpa_tcp_reassembly_entries(const struct tpa_tcp_reassembly *reassembly);
uint32_t tpa_tcp_reassembly_bytes(const struct tpa_tcp_reassembly *reassembly);
uint32_t tpa_tcp_reassembly_range_count(const struct tpa_tcp_reassembly *reassembly);

#endif
