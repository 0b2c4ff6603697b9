#include <tpa/base/error.h>
#include <tpa/event/queue.h>

static struct tpa_event_source *source_of(struct tpa_base_list *link)
{
    return TPA_BASE_CONTAINER_OF(link, struct tpa_event_source, link);
}

void tpa_event_queue_init(struct tpa_event_queue *queue)
{
    tpa_base_list_init(&queue->sources);
}

void tpa_event_source_init(struct tpa_event_source *source)
{
    *source = (struct tpa_event_source){.data = NULL};
}

/* Replaces what is pending and keeps the source's place in the queue, if it has one and needs it.
 */
static void set_pending(struct tpa_event_queue *queue, struct tpa_event_source *source,
                        uint8_t pending)
{
    if (source->pending == 0 && pending != 0)
        tpa_base_list_push_back(&queue->sources, &source->link);
    else if (source->pending != 0 && pending == 0)
        tpa_base_list_remove(&source->link);
    source->pending = pending;
}

static void set_interest(struct tpa_event_queue *queue, struct tpa_event_source *source,
                         uint32_t interest, void *data)
{
    source->interest = (uint8_t)((interest & TPA_EVENT_READY_ALL) | TPA_EVENT_READY_ALWAYS);
    source->data = data;
    set_pending(queue, source, source->ready & source->interest);
}

int tpa_event_source_add(struct tpa_event_queue *queue, struct tpa_event_source *source,
                         uint32_t interest, void *data)
{
    if (tpa_event_source_is_registered(source))
        return TPA_EEXIST;
    set_interest(queue, source, interest, data);
    return TPA_OK;
}

int tpa_event_source_modify(struct tpa_event_queue *queue, struct tpa_event_source *source,
                            uint32_t interest, void *data)
{
    if (!tpa_event_source_is_registered(source))
        return TPA_ENOENT;
    set_interest(queue, source, interest, data);
    return TPA_OK;
}

int tpa_event_source_remove(struct tpa_event_source *source)
{
    if (!tpa_event_source_is_registered(source))
        return TPA_ENOENT;
    if (source->pending != 0)
        tpa_base_list_remove(&source->link);
    source->pending = 0;
    source->interest = 0;
    source->data = NULL;
    return TPA_OK;
}

/* Unlinks the first source and writes its report. */
static struct tpa_event_source *report_first(struct tpa_base_list *sources,
                                             struct tpa_event_report *report)
{
    struct tpa_event_source *source = source_of(tpa_base_list_pop_front(sources));

    *report = (struct tpa_event_report){.events = source->pending, .data = source->data};
    source->pending = 0;
    return source;
}

int tpa_event_queue_poll(struct tpa_event_queue *queue, struct tpa_event_report *reports, int max)
{
    int count = 0;

    while (count < max && tpa_event_queue_has_pending(queue))
        (void)report_first(&queue->sources, &reports[count++]);
    return count;
}

int tpa_event_queue_poll_level(struct tpa_event_queue *queue, struct tpa_event_report *reports,
                               int max)
{
    struct tpa_base_list waiting;
    int count = 0;

    /* Sources that were reported go behind those that wait, so that none comes twice in one call.
     */
    tpa_base_list_init(&waiting);
    tpa_base_list_splice_back(&waiting, &queue->sources);
    while (count < max && !tpa_base_list_is_empty(&waiting)) {
        struct tpa_event_source *source = report_first(&waiting, &reports[count++]);

        set_pending(queue, source, source->ready & source->interest);
    }
    tpa_base_list_splice_front(&queue->sources, &waiting);
    return count;
}
