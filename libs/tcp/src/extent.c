#include "extent.h"

#include <tpa/base/error.h>

int tpa_tcp_send_worker_init(struct tpa_tcp_send_worker *worker,
                             const struct tpa_tcp_send_worker_config *config)
{
    *worker = (struct tpa_tcp_send_worker){
        .pool = config->pool,
        .budget = {.limit = config->budget},
        .entries_max = config->entries_max,
        .bytes_max = config->bytes_max,
        .chunk_size = config->chunk_size,
        .segments_max = config->segments_max,
    };
    if (config->segments_max < 2 || config->chunk_size == 0)
        return TPA_EINVAL;
    return tpa_mem_slab_init(&worker->extents, config->source, sizeof(struct tpa_tcp_extent), 8, 0);
}

int tpa_tcp_send_worker_fini(struct tpa_tcp_send_worker *worker)
{
    return tpa_mem_slab_destroy(&worker->extents);
}

static void push(struct tpa_tcp_extent **first, struct tpa_tcp_extent **last,
                 struct tpa_tcp_extent *extent)
{
    extent->next = NULL;
    if (*first == NULL)
        *first = extent;
    else
        (*last)->next = extent;
    *last = extent;
}

static struct tpa_tcp_extent *pop(struct tpa_tcp_extent **first)
{
    struct tpa_tcp_extent *extent = *first;

    if (extent != NULL)
        *first = extent->next;
    return extent;
}

/* Nobody reads the memory any more: its owner is told, if he asked. */
static void complete(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent)
{
    if (extent->done == NULL && extent->reference == NULL)
        tpa_mem_slab_free(&worker->extents, extent);
    else
        push(&worker->completed, &worker->completed_last, extent);
}

static void free_buffers(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent)
{
    tpa_mem_budget_give(&worker->budget, extent->charge);
    extent->charge = 0;
    tpa_mem_packet_free(extent->packet);
    extent->packet = NULL;
}

void tpa_tcp_extent_finish(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent)
{
    if (extent->kind != TPA_TCP_EXTENT_EXTERNAL) {
        free_buffers(worker, extent);
    } else if (!tpa_mem_external_idle(&extent->external)) {
        push(&worker->busy, &worker->busy_last, extent);
        worker->busy_count++;
        return;
    }
    complete(worker, extent);
}

void tpa_tcp_extent_discard(struct tpa_tcp_send_worker *worker, struct tpa_tcp_extent *extent)
{
    if (extent->kind == TPA_TCP_EXTENT_COPIED)
        free_buffers(worker, extent);
    tpa_mem_slab_free(&worker->extents, extent);
}

/* Ports free what they sent in turn, so that most often the first is the one to become idle. */
static void poll_busy(struct tpa_tcp_send_worker *worker)
{
    uint32_t count = TPA_BASE_MIN(worker->busy_count, TPA_TCP_SEND_POLL_MAX);

    while (count-- > 0) {
        struct tpa_tcp_extent *extent = pop(&worker->busy);

        if (!tpa_mem_external_idle(&extent->external)) {
            push(&worker->busy, &worker->busy_last, extent);
            continue;
        }
        worker->busy_count--;
        complete(worker, extent);
    }
}

bool tpa_tcp_send_worker_completed(struct tpa_tcp_send_worker *worker,
                                   struct tpa_tcp_completion *completion)
{
    struct tpa_tcp_extent *extent;

    if (worker->completed == NULL)
        poll_busy(worker);
    extent = pop(&worker->completed);
    if (extent == NULL)
        return false;
    *completion = (struct tpa_tcp_completion){
        .done = extent->done,
        .base = extent->base,
        .parameter = extent->parameter,
        .reference = extent->reference,
    };
    tpa_mem_slab_free(&worker->extents, extent);
    return true;
}
