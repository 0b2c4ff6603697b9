/* A worker's life and its timers. */
#include <stdlib.h>
#include <string.h>

#include "announce.h"
#include "mld.h"
#include "state.h"

static int init_parts(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks,
                      uint64_t now)
{
    const struct tpa_ip_limits *limits = &worker->stack->limits;

    if (tpa_timer_wheel_init(&worker->wheel, TPA_TIMER_TICK_SHIFT_DEFAULT, now) != 0 ||
        tpa_ip_path_cache_init(&worker->paths, limits->paths, chunks) != 0 ||
        tpa_ip_resolver_init(worker, chunks) != 0 || tpa_ip_reassembler_init(worker, chunks) != 0)
        return TPA_ENOMEM;
    return tpa_ip_announcer_init(worker, chunks);
}

struct tpa_ip_worker *tpa_ip_worker_create(struct tpa_ip_stack *stack,
                                           const struct tpa_ip_worker_config *config, uint64_t now)
{
    const struct tpa_mem_chunk_source *chunks =
        config->chunks != NULL ? config->chunks : &tpa_mem_chunk_source_default;
    struct tpa_ip_worker *worker = aligned_alloc(
        TPA_BASE_CACHE_LINE, tpa_base_bits_align_up(sizeof(*worker), TPA_BASE_CACHE_LINE));

    if (worker == NULL)
        return NULL;
    memset(worker, 0, sizeof(*worker));
    worker->stack = stack;
    worker->pool = config->pool;
    worker->random = config->random;
    worker->drops = config->drops;
    worker->on_drop = config->on_drop;
    worker->on_drop_context = config->on_drop_context;
    worker->log = config->log;
    worker->now = now;
    worker->key = tpa_base_hash_key_random(worker->random);
    tpa_base_random_bytes(worker->random, worker->identifications, sizeof(worker->identifications));
    tpa_ip_bucket_init(&worker->error_bucket, stack->limits.icmp_rate, now);
    tpa_ip_bucket_init(&worker->echo_bucket, stack->limits.icmp_rate, now);
    if (init_parts(worker, chunks, now) != 0) {
        free(worker->paths.buckets);
        free(worker);
        return NULL;
    }
    return worker;
}

void tpa_ip_worker_destroy(struct tpa_ip_worker *worker)
{
    if (worker == NULL)
        return;
    tpa_ip_announcer_fini(worker);
    tpa_ip_reassembler_fini(worker);
    tpa_ip_resolver_fini(worker);
    tpa_ip_path_cache_fini(&worker->paths);
    for (uint8_t i = 0; i < TPA_IP_QUEUES; i++)
        tpa_ip_drop_queue(worker, tpa_ip_queue_interface(i), &worker->output[i],
                          TPA_BASE_DROP_SHUTDOWN);
    free(worker);
}

uint32_t tpa_ip_identification(struct tpa_ip_worker *worker,
                               const struct tpa_base_address *destination)
{
    uint64_t hash = tpa_base_hash_words(&worker->key, destination->u64, 2);

    return ++worker->identifications[hash % TPA_IP_IDENTIFICATIONS];
}

static void expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer)
{
    switch (timer->kind) {
    case TPA_IP_TIMER_RESOLUTION:
        tpa_ip_resolution_expired(worker, timer);
        break;
    case TPA_IP_TIMER_ANNOUNCEMENT:
        tpa_ip_announcement_expired(worker, timer);
        break;
    case TPA_IP_TIMER_MLD_REPORT:
        tpa_ip_mld_expired(worker, timer);
        break;
    case TPA_IP_TIMER_REASSEMBLY:
        tpa_ip_reassembly_expired(worker, timer);
        break;
    }
}

/* Another thread, or another worker, changed what we share. */
static void catch_up(struct tpa_ip_worker *worker, uint64_t generation)
{
    worker->generation = generation;
    tpa_ip_announce_new(worker);
    tpa_ip_resolution_poll(worker);
}

void tpa_ip_timers(struct tpa_ip_worker *worker, uint64_t now)
{
    uint64_t generation = tpa_ip_stack_generation(worker->stack);
    struct tpa_timer *timer;

    worker->now = now;
    if (TPA_BASE_UNLIKELY(generation != worker->generation))
        catch_up(worker, generation);
    while ((timer = tpa_timer_wheel_next_expired(&worker->wheel, now)) != NULL)
        expired(worker, TPA_BASE_CONTAINER_OF(timer, struct tpa_ip_timer, timer));
}

uint64_t tpa_ip_next_deadline(const struct tpa_ip_worker *worker)
{
    return tpa_timer_wheel_next_deadline(&worker->wheel);
}

void tpa_ip_path_mtu_accept(struct tpa_ip_worker *worker, const struct tpa_ip_error *error,
                            uint64_t now)
{
    struct tpa_ip_path transient;
    const struct tpa_ip_path *path;

    worker->now = now;
    path = tpa_ip_path_for(worker, &error->source, &error->destination, &transient);
    if (tpa_ip_path_is_broken(path) || path->state == TPA_IP_PATH_LOOPBACK ||
        error->mtu >= path->mtu)
        return;
    tpa_ip_path_mtu_learn(worker->stack, &error->destination, error->mtu, now);
}
