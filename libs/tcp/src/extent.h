/*
 * An extent of the send queue, shared by its sources.
 *
 * It outlives its connection: until no port reads its memory and its completion is handed out, it
 * is on one of the worker's lists.
 */
#ifndef TPA_TCP_EXTENT_H
#define TPA_TCP_EXTENT_H

#include "send_queue.h"

enum tpa_tcp_extent_kind {
    TPA_TCP_EXTENT_COPIED,   /* in buffers of our own, whose last one may be filled up */
    TPA_TCP_EXTENT_PACKET,   /* in buffers that are not to be written */
    TPA_TCP_EXTENT_EXTERNAL, /* in the program's memory */
};

/* Offsets in bytes. */
struct tpa_tcp_extent {
    struct tpa_tcp_extent *next;  /*  0 */
    uint32_t sequence;            /*  8: of its first byte that is not acknowledged */
    uint32_t length;              /* 12: bytes from there on */
    struct rte_mbuf *packet;      /* 16: COPIED, PACKET: buffers whose data begins at `sequence` */
    const uint8_t *data;          /* 24: EXTERNAL: the byte `sequence` */
    uint64_t iova;                /* 32: of it */
    void (*done)(void *, void *); /* 40 */
    void *base;                   /* 48: as it was given, for `done` */
    void *parameter;              /* 56 */
    void *reference;              /* 64 */
    struct tpa_mem_external external; /* 72: EXTERNAL */
    uint32_t charge;                  /* 96: COPIED: bytes taken from the budget */
    uint8_t kind;                     /* 100: enum tpa_tcp_extent_kind */
    uint8_t reserved[3];
};

_Static_assert(sizeof(struct tpa_tcp_extent) == 104, "one for each write");

/*
 * Hands an extent that is acknowledged, or given up, to the worker: buffers are freed at once; the
 * program's memory is waited for.
 */
void tpa_tcp_extent_finish(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent);

/* Frees an extent that was never queued: no completion. */
void tpa_tcp_extent_discard(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent);

#endif
