#include <string.h>

#include <tpa/stats/trace.h>

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static int read_header(const struct tpa_base_trace *trace, size_t size,
                       struct tpa_stats_trace_summary *summary)
{
    if (size < sizeof(*trace))
        return TPA_EMALFORMED;

    memset(summary, 0, sizeof(*summary));
    summary->generation = load(&trace->generation);
    summary->written = load(&trace->written);
    summary->lost = load(&trace->lost);
    summary->capacity = __atomic_load_n(&trace->capacity, __ATOMIC_RELAXED);
    summary->owner = __atomic_load_n(&trace->owner, __ATOMIC_RELAXED);
    summary->flags = __atomic_load_n(&trace->flags, __ATOMIC_RELAXED);

    if (summary->capacity == 0 ||
        summary->capacity > (size - sizeof(*trace)) / sizeof(trace->record[0]))
        return TPA_EMALFORMED;
    if (summary->written > summary->capacity)
        summary->overwritten = summary->written - summary->capacity;
    return TPA_OK;
}

static void read_event(const struct tpa_base_trace *trace, uint32_t capacity, uint64_t index,
                       struct tpa_stats_trace_event *event)
{
    const struct tpa_base_trace_record *record = &trace->record[index % capacity];
    uint64_t stamp = load(&record->stamp);

    event->index = index;
    event->time = stamp >> TPA_BASE_TRACE_KIND_BITS;
    event->kind = (uint8_t)(stamp & ((1u << TPA_BASE_TRACE_KIND_BITS) - 1));
    for (unsigned int i = 0; i < 4; i++)
        event->argument[i] = load(&record->argument[i]);
}

/*
 * The writer may have gone round meanwhile. While it writes event w, which replaces event
 * w - capacity, `written` is still w: what is certainly whole begins one behind that, so a full
 * ring shows one event less than it has slots.
 */
static uint64_t first_whole(uint64_t written, const struct tpa_stats_trace_summary *summary)
{
    if (written < summary->capacity || (summary->flags & TPA_BASE_TRACE_NO_WRAP))
        return 0;
    return written - summary->capacity + 1;
}

int tpa_stats_trace_read(const struct tpa_base_trace *trace, size_t size,
                         struct tpa_stats_trace_summary *summary,
                         struct tpa_stats_trace_event *events, uint32_t maximum)
{
    struct tpa_stats_trace_summary seen;
    int error = read_header(trace, size, &seen);

    if (error < 0)
        return error;

    uint32_t count = 0;
    uint64_t index = seen.overwritten;

    if (seen.written - index > maximum)
        index = seen.written - maximum;
    for (; index < seen.written; index++)
        read_event(trace, seen.capacity, index, &events[count++]);

    uint64_t written = load(&trace->written);

    if (load(&trace->generation) != seen.generation || written < seen.written)
        return TPA_EAGAIN;
    if (summary != NULL)
        *summary = seen;

    uint64_t whole = first_whole(written, &seen);
    uint32_t torn = 0;

    while (torn < count && events[torn].index < whole)
        torn++;
    if (torn > 0)
        memmove(events, events + torn, (count - torn) * sizeof(*events));
    return (int)(count - torn);
}
