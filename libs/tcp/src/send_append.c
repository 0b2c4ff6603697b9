#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

#include "extent.h"

/* Extents that a call has made and not queued yet. */
struct batch {
    struct tpa_tcp_extent *first;
    struct tpa_tcp_extent *last;
    uint32_t entries;
    uint32_t entries_max;
    uint32_t bytes;
    uint64_t reserve; /* of the budget, which these may not touch */
};

/* Puts a new extent without data at the batch's end. 0; TPA_EAGAIN, TPA_ENOMEM. */
static int batch_extend(struct batch *batch, struct tpa_tcp_send_worker *worker,
                        enum tpa_tcp_extent_kind kind)
{
    struct tpa_tcp_extent *extent;

    if (batch->entries >= batch->entries_max)
        return TPA_EAGAIN;
    extent = tpa_mem_slab_alloc(&worker->extents);
    if (extent == NULL)
        return TPA_ENOMEM;
    *extent = (struct tpa_tcp_extent){.kind = (uint8_t)kind};
    if (batch->first == NULL)
        batch->first = extent;
    else
        batch->last->next = extent;
    batch->last = extent;
    batch->entries++;
    return 0;
}

static void batch_commit(struct batch *batch, struct tpa_tcp_send_queue *queue)
{
    uint32_t sequence = queue->end;

    if (batch->first == NULL)
        return;
    for (struct tpa_tcp_extent *extent = batch->first; extent != NULL; extent = extent->next) {
        extent->sequence = sequence;
        sequence += extent->length;
    }
    if (queue->first == NULL)
        queue->first = batch->first;
    else
        queue->last->next = batch->first;
    queue->last = batch->last;
    queue->entries += batch->entries;
    queue->end = sequence;
}

static void batch_discard(struct batch *batch, struct tpa_tcp_send_worker *worker)
{
    while (batch->first != NULL) {
        struct tpa_tcp_extent *extent = batch->first;

        batch->first = extent->next;
        tpa_tcp_extent_discard(worker, extent);
    }
}

static bool has_completion(const struct tpa_tcp_extent *extent)
{
    return extent->done != NULL || extent->reference != NULL;
}

static void set_completion(struct tpa_tcp_extent *extent, const struct tpa_tcp_send_piece *piece)
{
    extent->done = piece->done;
    extent->base = (void *)(uintptr_t)piece->base;
    extent->parameter = piece->parameter;
    extent->reference = piece->reference;
}

/* May copied data be put behind this extent's? Not behind a completion: that would come late. */
static bool is_open(const struct tpa_tcp_extent *extent)
{
    return extent != NULL && extent->kind == TPA_TCP_EXTENT_COPIED && !has_completion(extent);
}

/* Puts a fresh buffer, charged to the budget, at the extent's end. 0; TPA_ENOMEM. */
static int add_buffer(struct tpa_tcp_extent *extent, struct tpa_tcp_send_worker *worker,
                      uint64_t reserve, struct rte_mbuf **last)
{
    uint32_t charge = tpa_mem_pool_buffer_size(worker->pool);
    struct rte_mbuf *buffer;

    if (worker->budget.limit - worker->budget.used < reserve + charge ||
        !tpa_mem_budget_take(&worker->budget, charge))
        return TPA_ENOMEM;
    buffer = tpa_mem_packet_alloc(worker->pool);
    if (buffer == NULL) {
        tpa_mem_budget_give(&worker->budget, charge);
        return TPA_ENOMEM;
    }
    extent->charge += charge;
    if (extent->packet == NULL)
        extent->packet = buffer;
    else
        tpa_mem_packet_link(extent->packet, *last, buffer);
    *last = buffer;
    return 0;
}

/* Copies up to `length` bytes into new buffers of an extent that has none. Returns how many. */
static uint32_t fill_extent(struct tpa_tcp_extent *extent, struct tpa_tcp_send_worker *worker,
                            uint64_t reserve, const uint8_t *from, uint32_t length)
{
    struct rte_mbuf *last = NULL;

    while (extent->length < length && add_buffer(extent, worker, reserve, &last) == 0) {
        uint32_t count = TPA_BASE_MIN(length - extent->length, worker->pool->data_size);

        memcpy(tpa_mem_packet_append(extent->packet, (uint16_t)count), from + extent->length,
               count);
        extent->length += count;
    }
    return extent->length;
}

/* Copies into the free room of an extent's last buffer, if all of it fits. */
static bool fill_up(struct tpa_tcp_extent *extent, const struct tpa_tcp_send_worker *worker,
                    const void *from, uint32_t length)
{
    uint8_t *to;

    /* Ports may be reading the bytes before these, but never these. */
    if (length > worker->pool->data_size || length > worker->chunk_size ||
        extent->length > worker->chunk_size - length)
        return false;
    to = tpa_mem_packet_append(extent->packet, (uint16_t)length);
    if (to == NULL)
        return false;
    memcpy(to, from, length);
    extent->length += length;
    return true;
}

/* Appends up to `length` bytes of a piece by copying. Returns how many; *error says why not all. */
static uint32_t append_copied(struct batch *batch, struct tpa_tcp_send_worker *worker,
                              const uint8_t *from, uint32_t length, int *error)
{
    uint32_t done = 0;

    *error = 0;
    if (is_open(batch->last) && fill_up(batch->last, worker, from, length))
        return length;
    while (done < length && *error == 0) {
        uint32_t wanted = TPA_BASE_MIN(length - done, worker->chunk_size);
        struct tpa_tcp_extent *before = batch->last;
        uint32_t count;

        *error = batch_extend(batch, worker, TPA_TCP_EXTENT_COPIED);
        if (*error != 0)
            break;
        count = fill_extent(batch->last, worker, batch->reserve, from + done, wanted);
        done += count;
        if (count < wanted)
            *error = TPA_ENOMEM;
        if (count == 0) {
            tpa_mem_slab_free(&worker->extents, batch->last);
            batch->last = before;
            batch->entries--;
            if (before == NULL)
                batch->first = NULL;
            else
                before->next = NULL;
        }
    }
    return done;
}

static uint32_t append_external(struct batch *batch, struct tpa_tcp_send_worker *worker,
                                const struct tpa_tcp_send_piece *piece, uint32_t length, int *error)
{
    *error = batch_extend(batch, worker, TPA_TCP_EXTENT_EXTERNAL);
    if (*error != 0)
        return 0;
    batch->last->data = piece->base;
    batch->last->iova = piece->iova;
    batch->last->length = length;
    tpa_mem_external_init(&batch->last->external);
    return length;
}

/* Makes extents of the pieces' first `length` bytes. 0; else why it isn't all of them. */
static int batch_fill(struct batch *batch, struct tpa_tcp_send_worker *worker,
                      const struct tpa_tcp_send_piece *pieces, unsigned int count, uint32_t length)
{
    int error = 0;

    for (unsigned int i = 0; i < count && batch->bytes < length && error == 0; i++) {
        const struct tpa_tcp_send_piece *piece = &pieces[i];
        uint32_t wanted = TPA_BASE_MIN(piece->length, length - batch->bytes);
        uint32_t done;

        if (piece->copy)
            done = append_copied(batch, worker, piece->base, wanted, &error);
        else
            done = append_external(batch, worker, piece, wanted, &error);
        if (done > 0)
            set_completion(batch->last, piece);
        batch->bytes += done;
    }
    return error;
}

/* A small write goes into the last buffer that is queued. */
static bool append_to_last(struct tpa_tcp_send_queue *queue, struct tpa_tcp_send_worker *worker,
                           const struct tpa_tcp_send_piece *piece)
{
    struct tpa_tcp_extent *last = queue->first != NULL ? queue->last : NULL;

    if (!piece->copy || !is_open(last) || !fill_up(last, worker, piece->base, piece->length))
        return false;
    set_completion(last, piece);
    queue->end += piece->length;
    return true;
}

/* The sum of the pieces; TPA_EINVAL where one is empty. */
static int64_t total_length(const struct tpa_tcp_send_piece *pieces, unsigned int count)
{
    uint64_t total = 0;

    for (unsigned int i = 0; i < count; i++) {
        if (pieces[i].length == 0)
            return TPA_EINVAL;
        total += pieces[i].length;
    }
    return (int64_t)total;
}

/* Bytes that may be taken; 0, TPA_EAGAIN, TPA_EMSGSIZE, TPA_EINVAL. */
static int64_t admit(const struct tpa_tcp_send_queue *queue,
                     const struct tpa_tcp_send_worker *worker,
                     const struct tpa_tcp_send_piece *pieces, unsigned int count, bool atomic,
                     uint32_t limit)
{
    int64_t total = total_length(pieces, count);
    int64_t queued = tpa_tcp_send_queue_bytes(queue);

    if (total <= 0)
        return total;
    if (atomic && total > worker->bytes_max)
        return TPA_EMSGSIZE;
    if (queued >= limit || (atomic && total > worker->bytes_max - queued))
        return TPA_EAGAIN;
    return atomic ? total : TPA_BASE_MIN(total, limit - queued);
}

int64_t tpa_tcp_send_queue_append(struct tpa_tcp_send_queue *queue,
                                  struct tpa_tcp_send_worker *worker,
                                  const struct tpa_tcp_send_piece *pieces, unsigned int count,
                                  bool atomic, uint32_t limit)
{
    struct batch batch = {.entries_max = worker->entries_max -
                                         TPA_BASE_MIN(queue->entries, worker->entries_max)};
    int64_t length = admit(queue, worker, pieces, count, atomic, limit);
    int error;

    if (length <= 0)
        return length;
    if (count == 1 && length == pieces[0].length && append_to_last(queue, worker, &pieces[0]))
        return length;
    if (queue->entries != 0)
        batch.reserve = worker->budget.limit / TPA_TCP_SEND_RESERVE_SHARE;
    error = batch_fill(&batch, worker, pieces, count, (uint32_t)length);
    if (error != 0 && (atomic || batch.bytes == 0)) {
        batch_discard(&batch, worker);
        /* What doesn't fit an empty queue never will. */
        return error == TPA_EAGAIN && queue->entries == 0 ? TPA_EMSGSIZE : error;
    }
    batch_commit(&batch, queue);
    return batch.bytes;
}

int tpa_tcp_send_queue_append_packet(struct tpa_tcp_send_queue *queue,
                                     struct tpa_tcp_send_worker *worker, struct rte_mbuf *packet,
                                     void (*done)(void *base, void *parameter), void *parameter)
{
    struct batch batch = {.entries_max = worker->entries_max -
                                         TPA_BASE_MIN(queue->entries, worker->entries_max)};
    uint32_t length = tpa_mem_packet_length(packet);
    int error;

    if (length == 0)
        return TPA_EINVAL;
    if (length >
        worker->bytes_max - TPA_BASE_MIN(tpa_tcp_send_queue_bytes(queue), worker->bytes_max))
        return TPA_EAGAIN;
    error = batch_extend(&batch, worker, TPA_TCP_EXTENT_PACKET);
    if (error != 0)
        return error;
    batch.last->packet = packet;
    batch.last->length = length;
    batch.last->done = done;
    batch.last->parameter = parameter;
    batch_commit(&batch, queue);
    return 0;
}
