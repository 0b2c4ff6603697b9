#include "path_mtu.h"

#include <stdlib.h>

#include <tpa/base/bits.h>
#include <tpa/base/error.h>

#include "shared.h"

int tpa_ip_path_mtu_table_init(struct tpa_ip_path_mtu_table *table, uint32_t limit,
                               uint64_t hash_key)
{
    uint32_t bucket_count = (uint32_t)tpa_base_bits_next_power_of_two(limit);

    table->entries = calloc(limit, sizeof(table->entries[0]));
    table->buckets = calloc(bucket_count, sizeof(table->buckets[0]));
    if (table->entries == NULL || table->buckets == NULL) {
        tpa_ip_path_mtu_table_fini(table);
        return TPA_ENOMEM;
    }
    table->bucket_mask = bucket_count - 1;
    table->limit = limit;
    table->count = 0;
    table->key = (struct tpa_base_hash_key){hash_key, ~hash_key};
    tpa_base_list_init(&table->age);
    tpa_base_list_init(&table->free);
    for (uint32_t i = 0; i < bucket_count; i++)
        tpa_base_list_init(&table->buckets[i]);
    for (uint32_t i = 0; i < limit; i++)
        tpa_base_list_push_back(&table->free, &table->entries[i].age);
    return 0;
}

void tpa_ip_path_mtu_table_fini(struct tpa_ip_path_mtu_table *table)
{
    free(table->entries);
    free(table->buckets);
}

static void set_count(struct tpa_ip_path_mtu_table *table, uint32_t count)
{
    __atomic_store_n(&table->count, count, __ATOMIC_RELAXED);
}

static struct tpa_base_list *bucket_of(struct tpa_ip_path_mtu_table *table,
                                       const struct tpa_base_address *destination)
{
    return &table->buckets[tpa_base_hash_words(&table->key, destination->u64, 2) &
                           table->bucket_mask];
}

static struct tpa_ip_path_mtu_entry *find(struct tpa_ip_path_mtu_table *table,
                                          const struct tpa_base_address *destination)
{
    struct tpa_base_list *bucket = bucket_of(table, destination);

    TPA_BASE_LIST_FOREACH(node, bucket)
    {
        struct tpa_ip_path_mtu_entry *entry =
            TPA_BASE_CONTAINER_OF(node, struct tpa_ip_path_mtu_entry, bucket);

        if (tpa_base_address_equal(&entry->destination, destination))
            return entry;
    }
    return NULL;
}

static void release(struct tpa_ip_path_mtu_table *table, struct tpa_ip_path_mtu_entry *entry)
{
    tpa_base_list_remove(&entry->bucket);
    tpa_base_list_remove(&entry->age);
    tpa_base_list_push_back(&table->free, &entry->age);
    set_count(table, table->count - 1);
}

static void expire(struct tpa_ip_path_mtu_table *table, uint64_t now)
{
    struct tpa_base_list *oldest;

    while ((oldest = tpa_base_list_first(&table->age)) != NULL) {
        struct tpa_ip_path_mtu_entry *entry =
            TPA_BASE_CONTAINER_OF(oldest, struct tpa_ip_path_mtu_entry, age);

        if (entry->expires > now)
            return;
        release(table, entry);
    }
}

uint16_t tpa_ip_path_mtu_find(struct tpa_ip_stack *stack,
                              const struct tpa_base_address *destination, uint64_t now,
                              uint64_t *expires)
{
    struct tpa_ip_path_mtu_table *table = &stack->path_mtus;
    struct tpa_ip_path_mtu_entry *entry;
    uint16_t mtu = 0;

    if (__atomic_load_n(&table->count, __ATOMIC_RELAXED) == 0)
        return 0;
    pthread_mutex_lock(&stack->lock);
    expire(table, now);
    entry = find(table, destination);
    if (entry != NULL) {
        mtu = entry->mtu;
        *expires = entry->expires;
    }
    pthread_mutex_unlock(&stack->lock);
    return mtu;
}

static struct tpa_ip_path_mtu_entry *take_entry(struct tpa_ip_path_mtu_table *table,
                                                const struct tpa_base_address *destination)
{
    struct tpa_ip_path_mtu_entry *entry;
    struct tpa_base_list *node;

    if (tpa_base_list_is_empty(&table->free))
        release(table, TPA_BASE_CONTAINER_OF(tpa_base_list_first(&table->age),
                                             struct tpa_ip_path_mtu_entry, age));
    node = tpa_base_list_pop_front(&table->free);
    entry = TPA_BASE_CONTAINER_OF(node, struct tpa_ip_path_mtu_entry, age);
    entry->destination = *destination;
    tpa_base_list_push_back(bucket_of(table, destination), &entry->bucket);
    set_count(table, table->count + 1);
    return entry;
}

void tpa_ip_path_mtu_learn(struct tpa_ip_stack *stack, const struct tpa_base_address *destination,
                           uint16_t mtu, uint64_t now)
{
    struct tpa_ip_path_mtu_table *table = &stack->path_mtus;
    struct tpa_ip_path_mtu_entry *entry;

    pthread_mutex_lock(&stack->lock);
    expire(table, now);
    entry = find(table, destination);
    if (entry != NULL)
        tpa_base_list_remove(&entry->age);
    else
        entry = take_entry(table, destination);
    entry->mtu = mtu;
    entry->expires = now + stack->limits.path_mtu_age;
    tpa_base_list_push_back(&table->age, &entry->age);
    pthread_mutex_unlock(&stack->lock);
    tpa_ip_stack_changed(stack, TPA_IP_GENERATION_TABLES);
}

uint16_t tpa_ip_path_mtu_plateau(uint16_t total_length)
{
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};

    for (unsigned int i = 0; i < TPA_BASE_ARRAY_SIZE(plateaus); i++) {
        if (plateaus[i] < total_length)
            return plateaus[i];
    }
    return plateaus[TPA_BASE_ARRAY_SIZE(plateaus) - 1];
}
