#include "send_queue.h"

#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/base/seq.h>

#include "extent.h"

/* Longest data of one mbuf segment (16 bits). */
#define SEGMENT_LENGTH_MAX 65535

void tpa_tcp_send_queue_init(struct tpa_tcp_send_queue *queue, uint32_t sequence)
{
    *queue = (struct tpa_tcp_send_queue){.end = sequence};
}

uint32_t tpa_tcp_send_queue_bytes(const struct tpa_tcp_send_queue *queue)
{
    return queue->first != NULL ? queue->end - queue->first->sequence : 0;
}

uint32_t tpa_tcp_send_queue_room(const struct tpa_tcp_send_queue *queue,
                                 const struct tpa_tcp_send_worker *worker, uint32_t limit)
{
    uint32_t bytes = tpa_tcp_send_queue_bytes(queue);

    if (queue->entries >= worker->entries_max || bytes >= limit)
        return 0;
    return limit - bytes;
}

static void drop_cursor(struct tpa_tcp_send_queue *queue, const struct tpa_tcp_extent *extent)
{
    for (unsigned int i = 0; i < TPA_BASE_ARRAY_SIZE(queue->cursor); i++) {
        if (queue->cursor[i] == extent)
            queue->cursor[i] = NULL;
    }
}

/* The bytes of a COPIED or PACKET extent that are acknowledged: whole buffers go back at once. */
static void trim_buffers(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent,
                         uint32_t length)
{
    while (length >= tpa_mem_packet_segment_length(extent->packet)) {
        struct rte_mbuf *first = extent->packet;

        length -= tpa_mem_packet_segment_length(first);
        if (extent->kind == TPA_TCP_EXTENT_COPIED) {
            uint32_t rest = extent->charge;

            extent->packet = tpa_mem_packet_split_first(first);
            extent->charge -= tpa_mem_packet_truesize(first);
            tpa_mem_budget_give(&worker->budget, rest - extent->charge);
        } else {
            extent->packet = tpa_mem_packet_split_first(first);
        }
        tpa_mem_packet_free(first);
    }
    if (length > 0)
        tpa_mem_packet_trim_front(extent->packet, length);
}

/* The first `length` bytes of the extent, fewer than it has, are acknowledged. */
static void trim(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent, uint32_t length)
{
    extent->sequence += length;
    extent->length -= length;
    if (extent->kind == TPA_TCP_EXTENT_EXTERNAL) {
        extent->data += length;
        extent->iova += length;
    } else {
        trim_buffers(worker, extent, length);
    }
}

void tpa_tcp_send_queue_acknowledge(struct tpa_tcp_send_queue *queue,
                                    struct tpa_tcp_send_worker *worker, uint32_t sequence)
{
    while (queue->first != NULL && queue->first->sequence != sequence) {
        struct tpa_tcp_extent *extent = queue->first;
        uint32_t length = sequence - extent->sequence;

        if (length < extent->length) {
            trim(worker, extent, length);
            return;
        }
        queue->first = extent->next;
        queue->entries--;
        drop_cursor(queue, extent);
        tpa_tcp_extent_finish(worker, extent);
    }
}

void tpa_tcp_send_queue_drop(struct tpa_tcp_send_queue *queue, struct tpa_tcp_send_worker *worker)
{
    tpa_tcp_send_queue_acknowledge(queue, worker, queue->end);
}

static bool reaches(const struct tpa_tcp_extent *extent, const struct tpa_tcp_extent *best,
                    uint32_t sequence)
{
    return extent != NULL && tpa_base_seq_leq(extent->sequence, sequence) &&
           (best == NULL || tpa_base_seq_gt(extent->sequence, best->sequence));
}

/*
 * The extent that holds the byte `sequence`. Sending goes on where it was, and so does sending
 * again, which is why there are two cursors: the one that is nearest before the byte is followed.
 */
static struct tpa_tcp_extent *seek(struct tpa_tcp_send_queue *queue, uint32_t sequence)
{
    struct tpa_tcp_extent *extent = NULL;
    unsigned int used = 0;

    for (unsigned int i = 0; i < TPA_BASE_ARRAY_SIZE(queue->cursor); i++) {
        if (!reaches(queue->cursor[i], extent, sequence))
            continue;
        extent = queue->cursor[i];
        used = i;
    }
    if (extent == NULL) {
        /* Behind both: the one that is further back is of less use. */
        extent = queue->first;
        used = queue->cursor[0] != NULL &&
               (queue->cursor[1] == NULL ||
                tpa_base_seq_lt(queue->cursor[1]->sequence, queue->cursor[0]->sequence));
    }
    while (sequence - extent->sequence >= extent->length)
        extent = extent->next;
    queue->cursor[used] = extent;
    return extent;
}

/* Where reading goes on: a byte of an extent, and of its buffers. */
struct position {
    struct tpa_tcp_extent *extent;
    struct rte_mbuf *segment; /* NULL for EXTERNAL */
    uint32_t offset;          /* in the segment, or from the extent's start */
};

static struct position position_at(struct tpa_tcp_extent *extent, uint32_t offset)
{
    struct position position = {extent, NULL, offset};

    if (extent->kind == TPA_TCP_EXTENT_EXTERNAL)
        return position;
    position.segment = extent->packet;
    while (position.offset >= tpa_mem_packet_segment_length(position.segment)) {
        position.offset -= tpa_mem_packet_segment_length(position.segment);
        position.segment = tpa_mem_packet_next_segment(position.segment);
    }
    return position;
}

/* Contiguous bytes from the position on. */
static uint32_t contiguous(const struct position *position)
{
    if (position->segment != NULL)
        return tpa_mem_packet_segment_length(position->segment) - position->offset;
    return position->extent->length - position->offset;
}

static const uint8_t *bytes_at(const struct position *position)
{
    if (position->segment != NULL)
        return tpa_mem_packet_data(position->segment) + position->offset;
    return position->extent->data + position->offset;
}

/* `length` bytes on; at most to the end of what is contiguous. */
static struct position advance(const struct position *position, uint32_t length)
{
    struct position next = *position;

    next.offset += length;
    if (length < contiguous(position))
        return next;
    if (position->segment != NULL)
        next.segment = tpa_mem_packet_next_segment(position->segment);
    while (next.segment != NULL && tpa_mem_packet_segment_length(next.segment) == 0)
        next.segment = tpa_mem_packet_next_segment(next.segment);
    next.offset = 0;
    if (next.segment == NULL && position->extent->next != NULL)
        next = position_at(position->extent->next, 0);
    return next;
}

/* A segment that shows `length` contiguous bytes; NULL when the pool is empty. */
static struct rte_mbuf *attach(struct tpa_tcp_send_worker *worker, const struct position *position,
                               uint32_t length)
{
    struct tpa_tcp_extent *extent = position->extent;

    if (position->segment != NULL)
        return tpa_mem_packet_share(worker->pool, position->segment, position->offset, length);
    return tpa_mem_packet_external(worker->pool, bytes_at(position),
                                   extent->iova + position->offset, length, &extent->external);
}

uint32_t tpa_tcp_send_queue_read(struct tpa_tcp_send_queue *queue,
                                 struct tpa_tcp_send_worker *worker, uint32_t sequence,
                                 uint32_t length, struct rte_mbuf *packet)
{
    struct tpa_tcp_extent *extent = seek(queue, sequence);
    struct position position = position_at(extent, sequence - extent->sequence);
    uint32_t room = tpa_mem_packet_own_tailroom(packet);
    struct rte_mbuf *last = packet;
    uint32_t done = 0;

    while (done < length) {
        uint32_t count = TPA_BASE_MIN(length - done, contiguous(&position));
        struct rte_mbuf *segment;

        if (count <= TPA_TCP_SEND_COPY_MAX && count <= room) {
            memcpy(tpa_mem_packet_append(packet, (uint16_t)count), bytes_at(&position), count);
            room -= count;
        } else {
            if (tpa_mem_packet_segments(packet) >= worker->segments_max)
                break;
            count = TPA_BASE_MIN(count, SEGMENT_LENGTH_MAX);
            segment = attach(worker, &position, count);
            if (segment == NULL)
                break;
            tpa_mem_packet_link(packet, last, segment);
            last = segment;
            room = 0; /* what follows goes behind it */
        }
        done += count;
        position = advance(&position, count);
    }
    return done;
}
