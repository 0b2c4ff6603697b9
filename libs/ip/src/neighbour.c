#include "neighbour.h"

#include <stdlib.h>
#include <string.h>

#include <tpa/base/bits.h>

#include "shared.h"

#define STATE_SHIFT 48

#define EVICTION_RANK_BEST 3

int tpa_ip_neighbour_table_init(struct tpa_ip_neighbour_table *table, uint32_t limit,
                                uint64_t reachable, uint64_t hash_key)
{
    uint32_t bucket_count = (uint32_t)tpa_base_bits_next_power_of_two(limit);

    table->buckets = calloc(bucket_count, sizeof(void *));
    if (table->buckets == NULL)
        return TPA_ENOMEM;
    table->bucket_mask = bucket_count - 1;
    table->count = 0;
    table->limit = limit;
    table->reachable = reachable;
    table->key = (struct tpa_base_hash_key){hash_key, ~hash_key};
    tpa_base_list_init(&table->age);
    return 0;
}

static struct tpa_ip_neighbour_entry *entry_of(struct tpa_base_list *age)
{
    return TPA_BASE_CONTAINER_OF(age, struct tpa_ip_neighbour_entry, age);
}

void tpa_ip_neighbour_table_fini(struct tpa_ip_neighbour_table *table)
{
    struct tpa_base_list *node;

    while ((node = tpa_base_list_pop_front(&table->age)) != NULL)
        free(entry_of(node));
    free(table->buckets);
}

static struct tpa_ip_neighbour_entry **bucket_of(const struct tpa_ip_neighbour_table *table,
                                                 uint8_t interface,
                                                 const struct tpa_base_address *address)
{
    uint64_t words[3] = {address->u64[0], address->u64[1], interface};

    return &table->buckets[tpa_base_hash_words(&table->key, words, 3) & table->bucket_mask];
}

static struct tpa_ip_neighbour_entry *find(const struct tpa_ip_neighbour_table *table,
                                           uint8_t interface,
                                           const struct tpa_base_address *address)
{
    struct tpa_ip_neighbour_entry *entry = TPA_IP_RCU_LOAD(*bucket_of(table, interface, address));

    while (entry != NULL &&
           !(entry->interface == interface && tpa_base_address_equal(&entry->address, address)))
        entry = TPA_IP_RCU_LOAD(entry->next);
    return entry;
}

static uint64_t link_load(const struct tpa_ip_neighbour_entry *entry)
{
    return __atomic_load_n(&entry->link, __ATOMIC_ACQUIRE);
}

static uint8_t state_of(const struct tpa_ip_neighbour_entry *entry)
{
    return (uint8_t)(link_load(entry) >> STATE_SHIFT);
}

static uint64_t mac_bits(const uint8_t mac[6])
{
    uint64_t bits = 0;

    memcpy(&bits, mac, 6);
    return bits;
}

static uint64_t link_mac_bits(uint64_t link)
{
    return link & ((UINT64_C(1) << STATE_SHIFT) - 1);
}

static bool has_mac(const struct tpa_ip_neighbour_entry *entry, const uint8_t mac[6])
{
    return link_mac_bits(link_load(entry)) == mac_bits(mac);
}

static void set_link(struct tpa_ip_neighbour_entry *entry, uint8_t state, uint64_t mac)
{
    __atomic_store_n(&entry->link, (uint64_t)state << STATE_SHIFT | mac, __ATOMIC_RELEASE);
}

static void set_state(struct tpa_ip_neighbour_entry *entry, uint8_t state, uint64_t since)
{
    set_link(entry, state, link_mac_bits(link_load(entry)));
    entry->since = since;
    entry->solicits = 0;
}

static void set_confirmed(struct tpa_ip_neighbour_entry *entry, uint64_t now)
{
    __atomic_store_n(&entry->confirmed, now, __ATOMIC_RELAXED);
}

static uint64_t confirmed_of(const struct tpa_ip_neighbour_entry *entry)
{
    return __atomic_load_n(&entry->confirmed, __ATOMIC_RELAXED);
}

/* Not moved by timestamps of another worker that lie a little ahead. */
static bool has_passed(uint64_t since, uint64_t duration, uint64_t now)
{
    return now >= since + duration;
}

static void fill_link(const struct tpa_ip_neighbour_table *table,
                      const struct tpa_ip_neighbour_entry *entry, struct tpa_ip_link *link)
{
    uint64_t value = link_load(entry);

    memcpy(link->mac, &value, sizeof(link->mac));
    link->state = (uint8_t)(value >> STATE_SHIFT);
    if (link->state == TPA_IP_NEIGHBOUR_PERMANENT)
        link->ask_again = UINT64_MAX;
    else if (link->state == TPA_IP_NEIGHBOUR_REACHABLE)
        link->ask_again = confirmed_of(entry) + table->reachable;
    else
        link->ask_again = 0;
}

bool tpa_ip_neighbour_find(const struct tpa_ip_stack *stack, uint8_t interface,
                           const struct tpa_base_address *address, struct tpa_ip_link *link)
{
    const struct tpa_ip_neighbour_entry *entry = find(&stack->neighbours, interface, address);

    if (entry == NULL)
        return false;
    fill_link(&stack->neighbours, entry, link);
    return true;
}

static void reclaim_entry(struct tpa_mem_rcu_head *head)
{
    free(TPA_BASE_CONTAINER_OF(head, struct tpa_ip_neighbour_entry, rcu));
}

static void remove_entry(struct tpa_ip_neighbour_table *table, struct tpa_ip_neighbour_entry *entry)
{
    struct tpa_ip_neighbour_entry **link = bucket_of(table, entry->interface, &entry->address);

    while (*link != entry)
        link = &(*link)->next;
    TPA_IP_RCU_PUBLISH(*link, entry->next);
    tpa_base_list_remove(&entry->age);
    table->count--;
    tpa_mem_rcu_call(&entry->rcu, reclaim_entry);
}

/* Who is to go first to make room: those of whom nothing is lost. PERMANENT ones never. */
static unsigned int eviction_rank(uint8_t state)
{
    switch (state) {
    case TPA_IP_NEIGHBOUR_STALE:
    case TPA_IP_NEIGHBOUR_FAILED:
        return EVICTION_RANK_BEST;
    case TPA_IP_NEIGHBOUR_INCOMPLETE:
        return 2;
    case TPA_IP_NEIGHBOUR_PERMANENT:
        return 0;
    default:
        return 1;
    }
}

/*
 * Makes room for a neighbour that is needed, by the rank and then the age of the oldest ones. Those
 * that were looked at and kept are the youngest from then on.
 */
static bool evict(struct tpa_ip_neighbour_table *table)
{
    struct tpa_ip_neighbour_entry *victim = NULL;
    unsigned int best = 0;

    for (unsigned int i = 0; i < TPA_IP_NEIGHBOUR_EVICT_SCAN && best < EVICTION_RANK_BEST; i++) {
        struct tpa_ip_neighbour_entry *entry = entry_of(tpa_base_list_first(&table->age));
        unsigned int rank = eviction_rank(state_of(entry));

        if (rank > best) {
            victim = entry;
            best = rank;
        }
        tpa_base_list_remove(&entry->age);
        tpa_base_list_push_back(&table->age, &entry->age);
    }
    if (victim == NULL)
        return false;
    remove_entry(table, victim);
    return true;
}

static struct tpa_ip_neighbour_entry *insert(struct tpa_ip_neighbour_table *table,
                                             uint8_t interface,
                                             const struct tpa_base_address *address)
{
    struct tpa_ip_neighbour_entry *entry = calloc(1, sizeof(*entry));
    struct tpa_ip_neighbour_entry **bucket = bucket_of(table, interface, address);

    if (entry == NULL)
        return NULL;
    entry->address = *address;
    entry->interface = interface;
    set_link(entry, TPA_IP_NEIGHBOUR_INCOMPLETE, 0);
    entry->next = *bucket;
    TPA_IP_RCU_PUBLISH(*bucket, entry);
    tpa_base_list_push_back(&table->age, &entry->age);
    table->count++;
    return entry;
}

/* Finds or makes an entry; `force`: another one may have to go for it. */
static int obtain(struct tpa_ip_stack *stack, uint8_t interface,
                  const struct tpa_base_address *address, bool force,
                  struct tpa_ip_neighbour_entry **entry)
{
    struct tpa_ip_neighbour_table *table = &stack->neighbours;

    *entry = find(table, interface, address);
    if (*entry != NULL)
        return 0;
    if (table->count >= table->limit) {
        if (!force || !evict(table))
            return TPA_ENOSPC;
        tpa_ip_stack_changed(stack, TPA_IP_GENERATION_NEIGHBOUR);
    }
    *entry = insert(table, interface, address);
    return *entry != NULL ? 0 : TPA_ENOMEM;
}

/* Sends the next solicitation of this state if it is time; FAILED when all went unanswered. */
static int solicit(struct tpa_ip_stack *stack, struct tpa_ip_neighbour_entry *entry, uint64_t now,
                   int solicitation)
{
    if (entry->solicits > 0 && !has_passed(entry->since, TPA_IP_NEIGHBOUR_RETRANSMIT, now))
        return TPA_IP_SOLICIT_NOBODY;
    if (entry->solicits >= TPA_IP_NEIGHBOUR_SOLICITS) {
        set_state(entry, TPA_IP_NEIGHBOUR_FAILED, now);
        tpa_ip_stack_changed(stack, TPA_IP_GENERATION_NEIGHBOUR);
        return TPA_IP_SOLICIT_NOBODY;
    }
    entry->solicits++;
    entry->since = now;
    return solicitation;
}

static int advance(struct tpa_ip_stack *stack, struct tpa_ip_neighbour_entry *entry, uint64_t now)
{
    uint8_t state = state_of(entry);

    if (state == TPA_IP_NEIGHBOUR_PERMANENT ||
        (state == TPA_IP_NEIGHBOUR_REACHABLE &&
         !has_passed(confirmed_of(entry), stack->neighbours.reachable, now)))
        return TPA_IP_SOLICIT_NOBODY;
    if (state == TPA_IP_NEIGHBOUR_REACHABLE || state == TPA_IP_NEIGHBOUR_STALE) {
        set_state(entry, TPA_IP_NEIGHBOUR_DELAY, now);
        return TPA_IP_SOLICIT_NOBODY;
    }
    if (state == TPA_IP_NEIGHBOUR_DELAY) {
        if (!has_passed(entry->since, TPA_IP_NEIGHBOUR_DELAY_TIME, now))
            return TPA_IP_SOLICIT_NOBODY;
        set_state(entry, TPA_IP_NEIGHBOUR_PROBE, now);
        state = TPA_IP_NEIGHBOUR_PROBE;
    }
    if (state == TPA_IP_NEIGHBOUR_PROBE)
        return solicit(stack, entry, now, TPA_IP_SOLICIT_UNICAST);
    if (state == TPA_IP_NEIGHBOUR_FAILED) {
        if (!has_passed(entry->since, TPA_IP_NEIGHBOUR_RETRANSMIT, now))
            return TPA_IP_SOLICIT_NOBODY;
        set_state(entry, TPA_IP_NEIGHBOUR_INCOMPLETE, now);
    }
    return solicit(stack, entry, now, TPA_IP_SOLICIT_GROUP);
}

/* When a state that is not certain has to be looked at again. */
static void set_ask_again(const struct tpa_ip_neighbour_entry *entry, struct tpa_ip_link *link)
{
    if (link->state == TPA_IP_NEIGHBOUR_DELAY)
        link->ask_again = entry->since + TPA_IP_NEIGHBOUR_DELAY_TIME;
    else if (link->state == TPA_IP_NEIGHBOUR_PROBE || !tpa_ip_link_is_usable(link))
        link->ask_again = entry->since + TPA_IP_NEIGHBOUR_RETRANSMIT;
}

int tpa_ip_neighbour_advance(struct tpa_ip_stack *stack, uint8_t interface,
                             const struct tpa_base_address *address, uint64_t now,
                             struct tpa_ip_link *link)
{
    struct tpa_ip_neighbour_entry *entry;
    int result;

    pthread_mutex_lock(&stack->lock);
    result = obtain(stack, interface, address, true, &entry);
    if (result == 0) {
        result = advance(stack, entry, now);
        fill_link(&stack->neighbours, entry, link);
        set_ask_again(entry, link);
    }
    pthread_mutex_unlock(&stack->lock);
    return result;
}

/* A MAC address became known or another one. */
static void set_mac(struct tpa_ip_stack *stack, struct tpa_ip_neighbour_entry *entry, uint8_t state,
                    const uint8_t mac[6], uint64_t now)
{
    set_link(entry, state, mac_bits(mac));
    entry->since = now;
    entry->solicits = 0;
    if (state == TPA_IP_NEIGHBOUR_REACHABLE)
        set_confirmed(entry, now);
    tpa_ip_stack_changed(stack, TPA_IP_GENERATION_NEIGHBOUR);
}

static bool is_unresolved(const struct tpa_ip_neighbour_entry *entry)
{
    uint8_t state = state_of(entry);

    return state == TPA_IP_NEIGHBOUR_INCOMPLETE || state == TPA_IP_NEIGHBOUR_FAILED;
}

int tpa_ip_neighbour_heard(struct tpa_ip_stack *stack, uint8_t interface,
                           const struct tpa_base_address *address, const uint8_t mac[6],
                           bool create, uint64_t now)
{
    struct tpa_ip_neighbour_entry *entry;
    int error = 0;

    pthread_mutex_lock(&stack->lock);
    if (create) {
        error = obtain(stack, interface, address, false, &entry);
    } else {
        entry = find(&stack->neighbours, interface, address);
        error = entry != NULL ? 0 : TPA_ENOENT;
    }
    if (error == 0 && state_of(entry) != TPA_IP_NEIGHBOUR_PERMANENT &&
        (is_unresolved(entry) || !has_mac(entry, mac)))
        set_mac(stack, entry, TPA_IP_NEIGHBOUR_STALE, mac, now);
    pthread_mutex_unlock(&stack->lock);
    return error;
}

static void set_reachable(struct tpa_ip_neighbour_entry *entry, uint64_t now)
{
    set_state(entry, TPA_IP_NEIGHBOUR_REACHABLE, now);
    set_confirmed(entry, now);
}

/* RFC 4861 section 7.2.5. */
static void advertised(struct tpa_ip_stack *stack, struct tpa_ip_neighbour_entry *entry,
                       const uint8_t *mac, bool solicited, bool override, uint64_t now)
{
    bool changes = mac != NULL && !has_mac(entry, mac);

    if (is_unresolved(entry)) {
        if (mac != NULL)
            set_mac(stack, entry, solicited ? TPA_IP_NEIGHBOUR_REACHABLE : TPA_IP_NEIGHBOUR_STALE,
                    mac, now);
        return;
    }
    if (changes && !override) {
        if (state_of(entry) == TPA_IP_NEIGHBOUR_REACHABLE)
            set_state(entry, TPA_IP_NEIGHBOUR_STALE, now);
        return;
    }
    if (changes)
        set_mac(stack, entry, solicited ? TPA_IP_NEIGHBOUR_REACHABLE : TPA_IP_NEIGHBOUR_STALE, mac,
                now);
    else if (solicited)
        set_reachable(entry, now);
}

int tpa_ip_neighbour_advertised(struct tpa_ip_stack *stack, uint8_t interface,
                                const struct tpa_base_address *address, const uint8_t *mac,
                                bool solicited, bool override, uint64_t now)
{
    struct tpa_ip_neighbour_entry *entry;

    pthread_mutex_lock(&stack->lock);
    entry = find(&stack->neighbours, interface, address);
    if (entry != NULL && state_of(entry) != TPA_IP_NEIGHBOUR_PERMANENT)
        advertised(stack, entry, mac, solicited, override, now);
    pthread_mutex_unlock(&stack->lock);
    return entry != NULL ? 0 : TPA_ENOENT;
}

void tpa_ip_neighbour_confirm(struct tpa_ip_stack *stack, uint8_t interface,
                              const struct tpa_base_address *address, uint64_t now)
{
    struct tpa_ip_neighbour_entry *entry;

    pthread_mutex_lock(&stack->lock);
    entry = find(&stack->neighbours, interface, address);
    if (entry != NULL && !is_unresolved(entry) && state_of(entry) != TPA_IP_NEIGHBOUR_PERMANENT)
        set_reachable(entry, now);
    pthread_mutex_unlock(&stack->lock);
}

void tpa_ip_neighbour_suspect(struct tpa_ip_stack *stack, uint8_t interface,
                              const struct tpa_base_address *address)
{
    struct tpa_ip_neighbour_entry *entry;

    pthread_mutex_lock(&stack->lock);
    entry = find(&stack->neighbours, interface, address);
    if (entry != NULL) {
        uint8_t state = state_of(entry);

        if (state == TPA_IP_NEIGHBOUR_REACHABLE || state == TPA_IP_NEIGHBOUR_STALE ||
            state == TPA_IP_NEIGHBOUR_DELAY)
            set_state(entry, TPA_IP_NEIGHBOUR_PROBE, 0);
    }
    pthread_mutex_unlock(&stack->lock);
}

int tpa_ip_neighbour_set(struct tpa_ip_stack *stack, const struct tpa_ip_neighbour *neighbour,
                         uint64_t now)
{
    struct tpa_ip_neighbour_entry *entry;
    int error;

    if (!tpa_base_address_is_unicast(&neighbour->address) || (neighbour->mac[0] & 1))
        return TPA_EINVAL;
    pthread_mutex_lock(&stack->lock);
    if (neighbour->interface >= stack->tables->interface_count)
        error = TPA_ENOENT;
    else
        error = obtain(stack, neighbour->interface, &neighbour->address, true, &entry);
    if (error == 0)
        set_mac(stack, entry, TPA_IP_NEIGHBOUR_PERMANENT, neighbour->mac, now);
    pthread_mutex_unlock(&stack->lock);
    return error;
}

int tpa_ip_neighbour_remove(struct tpa_ip_stack *stack, uint8_t interface,
                            const struct tpa_base_address *address)
{
    struct tpa_ip_neighbour_entry *entry;

    pthread_mutex_lock(&stack->lock);
    entry = find(&stack->neighbours, interface, address);
    if (entry != NULL) {
        remove_entry(&stack->neighbours, entry);
        tpa_ip_stack_changed(stack, TPA_IP_GENERATION_NEIGHBOUR);
    }
    pthread_mutex_unlock(&stack->lock);
    return entry != NULL ? 0 : TPA_ENOENT;
}

static void describe(const struct tpa_ip_neighbour_entry *entry, struct tpa_ip_neighbour *neighbour)
{
    uint64_t link = link_load(entry);

    *neighbour = (struct tpa_ip_neighbour){
        .address = entry->address,
        .interface = entry->interface,
        .state = (uint8_t)(link >> STATE_SHIFT),
        .confirmed = confirmed_of(entry),
    };
    memcpy(neighbour->mac, &link, sizeof(neighbour->mac));
}

uint32_t tpa_ip_neighbours(struct tpa_ip_stack *stack, struct tpa_ip_neighbour *neighbours,
                           uint32_t max)
{
    uint32_t count = 0;

    pthread_mutex_lock(&stack->lock);
    TPA_BASE_LIST_FOREACH(node, &stack->neighbours.age)
    {
        if (count < max)
            describe(entry_of(node), &neighbours[count]);
        count++;
    }
    pthread_mutex_unlock(&stack->lock);
    return count;
}
