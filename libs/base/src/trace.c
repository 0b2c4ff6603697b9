#include <tpa/base/trace.h>

struct tpa_base_trace *tpa_base_trace_init(void *memory, size_t size, uint32_t flags,
                                           uint32_t owner)
{
    struct tpa_base_trace *trace = memory;

    if (size < sizeof(*trace) + sizeof(trace->record[0]))
        return NULL;

    size_t capacity = (size - sizeof(*trace)) / sizeof(trace->record[0]);

    /* A reader that comes between finds an empty ring, never old records under a new owner. */
    __atomic_store_n(&trace->written, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&trace->lost, 0, __ATOMIC_RELAXED);
    trace->next = 0;
    trace->capacity = capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity;
    trace->flags = flags;
    trace->owner = owner;
    __atomic_store_n(&trace->generation, trace->generation + 1, __ATOMIC_RELEASE);
    return trace;
}
