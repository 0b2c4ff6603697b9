/*
 * Data to be sent or not acknowledged yet: extents, each copied data in packet buffers, the
 * program's own memory, or a packet.
 */
#ifndef TPA_TCP_SEND_QUEUE_H
#define TPA_TCP_SEND_QUEUE_H

#include <tpa/tcp/connection.h>
#include <tpa/tcp/parts.h>

/* Payload up to this many bytes is copied into a packet: cheaper than a second segment that points
 * at it. */
#define TPA_TCP_SEND_COPY_MAX 256

/* One part in so many of the send budget is for connections that have nothing queued: those whose
 * peers don't read can't keep the others from writing. */
#define TPA_TCP_SEND_RESERVE_SHARE 8

/* Extents that one poll looks at, of those that a port was still reading. */
#define TPA_TCP_SEND_POLL_MAX 64

struct tpa_tcp_send_worker_config {
    const struct tpa_mem_chunk_source *source;
    struct tpa_mem_pool *pool;
    uint64_t budget;       /* bytes of buffers that copied data may take */
    uint32_t entries_max;  /* extents of one connection */
    uint32_t bytes_max;    /* bytes of one connection */
    uint32_t chunk_size;   /* bytes of one copied extent */
    uint16_t segments_max; /* mbuf segments of a packet to be sent, >= 2 */
};

int tpa_tcp_send_worker_init(struct tpa_tcp_send_worker *worker,
                             const struct tpa_tcp_send_worker_config *config);
/* TPA_EBUSY while extents are in use. */
int tpa_tcp_send_worker_fini(struct tpa_tcp_send_worker *worker);

/* An empty queue whose first byte will have number `sequence`. */
void tpa_tcp_send_queue_init(struct tpa_tcp_send_queue *queue, uint32_t sequence);

uint32_t tpa_tcp_send_queue_bytes(const struct tpa_tcp_send_queue *queue);

/* Bytes that may be appended (as far as `limit` goes; entries and memory may run out earlier). */
uint32_t tpa_tcp_send_queue_room(const struct tpa_tcp_send_queue *queue,
                                 const struct tpa_tcp_send_worker *worker, uint32_t limit);

/*
 * Appends pieces while fewer than `limit` bytes (at most bytes_max) are queued. `atomic`: all or
 * none, and all may go beyond the limit, but not beyond bytes_max: who is let in has room for
 * whatever a queue can hold. Else what fits below the limit, of the last one maybe a part (its
 * completion and reference then go with that part). Returns bytes taken (0 for no pieces);
 * TPA_EAGAIN: no room in bytes or extents; TPA_ENOMEM: buffers, extents or budget; TPA_EMSGSIZE:
 * atomic and more than the queue can ever hold; TPA_EINVAL: a piece of length 0. On an error
 * nothing is taken.
 */
int64_t tpa_tcp_send_queue_append(struct tpa_tcp_send_queue *queue,
                                  struct tpa_tcp_send_worker *worker,
                                  const struct tpa_tcp_send_piece *pieces, unsigned int count,
                                  bool atomic, uint32_t limit);

/* Appends a packet's whole data without a copy; the packet is the queue's. `done` as in struct
 * tpa_tcp_send_piece. 0; TPA_EAGAIN, TPA_ENOMEM. */
int tpa_tcp_send_queue_append_packet(struct tpa_tcp_send_queue *queue,
                                     struct tpa_tcp_send_worker *worker, struct rte_mbuf *packet,
                                     void (*done)(void *base, void *parameter), void *parameter);

/*
 * Appends the payload [sequence, sequence + length), which must be queued, to `packet` (a header,
 * of one segment). Copies what is small, points segments at the rest. Returns the bytes appended,
 * from the start: fewer than `length` where segments_max was reached or the pool is empty (0 =
 * nothing).
 */
uint32_t tpa_tcp_send_queue_read(struct tpa_tcp_send_queue *queue,
                                 struct tpa_tcp_send_worker *worker, uint32_t sequence,
                                 uint32_t length, struct rte_mbuf *packet);

/* Everything before `sequence` (queued, or the end) is acknowledged. Extents that are done go to
 * the worker's completions. */
void tpa_tcp_send_queue_acknowledge(struct tpa_tcp_send_queue *queue,
                                    struct tpa_tcp_send_worker *worker, uint32_t sequence);

/* Everything is done with: the connection ends. Completions come all the same. */
void tpa_tcp_send_queue_drop(struct tpa_tcp_send_queue *queue, struct tpa_tcp_send_worker *worker);

/* The next completion, as tpa_tcp_completed(): first looks whether ports let go of what they read.
 */
bool tpa_tcp_send_worker_completed(struct tpa_tcp_send_worker *worker,
                                   struct tpa_tcp_completion *completion);

#endif
