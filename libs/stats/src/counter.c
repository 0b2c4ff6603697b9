#include <string.h>

#include <tpa/stats/counter.h>

#include "plain_text.h"

/* Groups begin on a cache line of their own: two crates' hot counters don't share one by accident.
 */
#define COUNTERS_PER_LINE ((uint32_t)(TPA_BASE_CACHE_LINE / sizeof(uint64_t)))

const struct tpa_stats_counter_description tpa_stats_drop_counters[TPA_BASE_DROP_COUNT] = {
#define DROP_COUNTER(constant, name, text) {name, text, "packets"},
    TPA_BASE_DROP_LIST(DROP_COUNTER)
#undef DROP_COUNTER
};

int tpa_stats_counters_init(struct tpa_stats_counters *set, uint32_t worker_count)
{
    if (worker_count == 0 || worker_count > TPA_STATS_WORKERS_MAX)
        return TPA_EINVAL;

    memset(set, 0, sizeof(*set));
    set->worker_count = worker_count;
    return TPA_OK;
}

static bool has_group(const struct tpa_stats_counters *set, const char *name)
{
    for (uint32_t i = 0; i < set->group_count; i++) {
        if (strcmp(set->group[i].name, name) == 0)
            return true;
    }
    return false;
}

int tpa_stats_counters_add(struct tpa_stats_counters *set, const char *name,
                           const struct tpa_stats_counter_description *counters, uint32_t count)
{
    if (name == NULL || name[0] == '\0' || count == 0 || count > TPA_STATS_GROUP_SIZE)
        return TPA_EINVAL;
    if (set->values != NULL)
        return TPA_EBUSY;
    if (has_group(set, name))
        return TPA_EEXIST;
    if (set->group_count == TPA_STATS_GROUPS_MAX)
        return TPA_ENOSPC;

    struct tpa_stats_counter_group *group = &set->group[set->group_count];

    group->name = name;
    group->counters = counters;
    group->count = count;
    group->first = set->block_length;
    set->block_length += (count + COUNTERS_PER_LINE - 1) / COUNTERS_PER_LINE * COUNTERS_PER_LINE;
    return (int)set->group_count++;
}

size_t tpa_stats_counters_block_size(const struct tpa_stats_counters *set)
{
    return set->block_length * sizeof(uint64_t);
}

int tpa_stats_counters_attach(struct tpa_stats_counters *set, void *memory, size_t size)
{
    size_t needed = set->worker_count * tpa_stats_counters_block_size(set);

    if (memory == NULL || (uintptr_t)memory % TPA_BASE_CACHE_LINE != 0 || size < needed)
        return TPA_EINVAL;

    memset(memory, 0, needed);
    set->values = memory;
    return TPA_OK;
}

static uint64_t *block_of(const struct tpa_stats_counters *set, uint32_t worker)
{
    return set->values + (size_t)worker * set->block_length;
}

uint64_t *tpa_stats_counters_values(const struct tpa_stats_counters *set, int group,
                                    uint32_t worker)
{
    if (set->values == NULL || worker >= set->worker_count)
        return NULL;
    if (group < 0 || (uint32_t)group >= set->group_count)
        return NULL;
    return block_of(set, worker) + set->group[group].first;
}

int tpa_stats_counters_store(struct tpa_stats_counters *set, int group, uint32_t worker,
                             const void *counters)
{
    uint64_t *values = tpa_stats_counters_values(set, group, worker);
    const uint64_t *from = counters;

    if (values == NULL)
        return TPA_EINVAL;

    for (uint32_t i = 0; i < set->group[group].count; i++)
        __atomic_store_n(&values[i], from[i], __ATOMIC_RELAXED);
    return TPA_OK;
}

static void add_block(const uint64_t *block, uint32_t count, uint64_t *values)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] += __atomic_load_n(&block[i], __ATOMIC_RELAXED);
}

int tpa_stats_counters_read(const struct tpa_stats_counters *set, uint32_t worker, uint64_t *values)
{
    if (set->values == NULL)
        return TPA_EINVAL;
    if (worker >= set->worker_count && worker != TPA_STATS_ALL_WORKERS)
        return TPA_EINVAL;

    uint32_t first = worker == TPA_STATS_ALL_WORKERS ? 0 : worker;
    uint32_t last = worker == TPA_STATS_ALL_WORKERS ? set->worker_count - 1 : worker;

    memset(values, 0, tpa_stats_counters_block_size(set));
    for (uint32_t i = first; i <= last; i++)
        add_block(block_of(set, i), set->block_length, values);
    return TPA_OK;
}

void tpa_stats_counters_subtract(const uint64_t *after, const uint64_t *before, uint64_t *values,
                                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] = after[i] - before[i];
}

uint32_t tpa_stats_counters_count(const struct tpa_stats_counters *set)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < set->group_count; i++)
        count += set->group[i].count;
    return count;
}

static void describe(const struct tpa_stats_counter_group *group, uint32_t i,
                     struct tpa_stats_counter_record *record)
{
    const struct tpa_stats_counter_description *counter = &group->counters[i];
    const char *unit = counter->unit != NULL ? counter->unit : "";
    char name[sizeof(record->name)] = "";

    memset(record, 0, sizeof(*record));
    snprintf(name, sizeof(name), "%s.%s", group->name, counter->name);
    memcpy(record->name, name, sizeof(name));
    tpa_stats_text_copy(record->unit, sizeof(record->unit), unit, strlen(unit));
    tpa_stats_text_copy(record->help, sizeof(record->help), counter->help, strlen(counter->help));
    record->index = group->first + i;
}

int tpa_stats_counters_describe(const struct tpa_stats_counters *set,
                                struct tpa_stats_counter_record *records, uint32_t maximum)
{
    uint32_t count = 0;

    for (uint32_t group = 0; group < set->group_count; group++) {
        for (uint32_t i = 0; i < set->group[group].count; i++) {
            if (count == maximum)
                return TPA_ENOSPC;
            describe(&set->group[group], i, &records[count++]);
        }
    }
    return (int)count;
}
