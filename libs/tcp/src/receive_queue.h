/*
 * Data in order that the reader has not taken: packets linked through their private areas, their
 * data trimmed to the payload.
 */
#ifndef TPA_TCP_RECEIVE_QUEUE_H
#define TPA_TCP_RECEIVE_QUEUE_H

#include <tpa/tcp/parts.h>

#include "charge.h"

/*
 * Appends a packet with a payload of at least one byte and charges it. 0: taken (merged into the
 * last buffer if it is small). TPA_ENOSPC: `entries_max` packets are queued; TPA_ENOMEM: the budget
 * is used up; the packet stays the caller's.
 */
int tpa_tcp_receive_queue_push(struct tpa_tcp_receive_queue *queue, struct tpa_mem_budget *budget,
                               struct rte_mbuf *packet, uint32_t entries_max);

/* Appends a packet that is charged already (it comes from reassembly). Never refused: reassembly
 * has its own bound. */
void tpa_tcp_receive_queue_append(struct tpa_tcp_receive_queue *queue, struct rte_mbuf *packet);

/* Takes up to `count` non-empty segments, each of its own, still charged. Returns how many. */
unsigned int tpa_tcp_receive_queue_take(struct tpa_tcp_receive_queue *queue,
                                        struct tpa_mem_budget *budget, struct rte_mbuf **segments,
                                        unsigned int count);

/* Puts segments back in front, in the same order. */
void tpa_tcp_receive_queue_undo(struct tpa_tcp_receive_queue *queue, struct rte_mbuf **segments,
                                unsigned int count);

/* Frees everything. */
void tpa_tcp_receive_queue_drop(struct tpa_tcp_receive_queue *queue, struct tpa_mem_budget *budget);

#endif
