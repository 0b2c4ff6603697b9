#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/mem/eal.h>
#include <tpa/mem/rcu.h>

#include "export.h"

static __thread struct tpa_worker *current_worker;
static __thread char thread_identity; /* its address is the thread's */

struct tpa_worker *tpa_api_worker_current(void)
{
    return current_worker;
}

const void *tpa_api_thread_identity(void)
{
    return &thread_identity;
}

void tpa_api_worker_enter(struct tpa_worker *worker)
{
    current_worker = worker;
    if (worker != NULL)
        worker->thread = &thread_identity;
}

void tpa_api_drop(struct tpa_worker *worker, struct rte_mbuf *packet, enum tpa_base_drop reason)
{
    tpa_base_drop_count(&worker->drops, reason);
    tpa_mem_packet_free(packet);
}

/* IP tells of each packet it drops; a capture that is on at that port writes it with its reason. */
static void ip_dropped(void *context, uint8_t interface, struct rte_mbuf *packet,
                       enum tpa_base_drop reason)
{
    struct tpa_worker *worker = context;

    if (interface < worker->instance->port_count)
        tpa_api_port_capture_drop(&worker->instance->ports[interface], (uint16_t)worker->index,
                                  packet, reason, worker->now);
}

static int rings_create(struct tpa_worker *worker)
{
    static _Atomic uint32_t serial; /* names of rings are the process's */
    uint32_t number = atomic_fetch_add(&serial, 1);
    char name[24];
    int error;

    snprintf(name, sizeof(name), "tpa-in-%u", number);
    error = tpa_mem_ring_create(&worker->inbox, name, TPA_API_INBOX_SIZE);
    if (error != TPA_OK)
        return error;
    snprintf(name, sizeof(name), "tpa-rel-%u", number);
    return tpa_mem_ring_create(&worker->releases, name, TPA_API_RELEASE_SIZE);
}

static int slabs_init(struct tpa_worker *worker)
{
    const struct tpa_mem_chunk_source *chunks = worker->instance->chunks;
    int error;

    error = tpa_mem_slab_init(&worker->socks, chunks, sizeof(struct tpa_api_sock), 64, 0);
    if (error != TPA_OK)
        return error;
    return tpa_mem_slab_init(&worker->time_wait_slab, chunks, sizeof(struct tpa_api_time_wait), 8,
                             0);
}

static int tcp_init(struct tpa_worker *worker)
{
    struct tpa_api_instance *instance = worker->instance;
    struct tpa_tcp_worker_config config = {
        .config = &instance->tcp,
        .pool = instance->pool,
        .chunks = instance->chunks,
        .wheel = &worker->wheel,
        .random = &worker->random,
        .receive_budget = instance->receive_budget,
        .send_budget = instance->send_budget,
        .drops = &worker->drops,
    };

    memcpy(config.secret, instance->secret, sizeof(config.secret));
    return tpa_tcp_worker_init(&worker->tcp, &config);
}

static int ip_create(struct tpa_worker *worker, uint64_t now)
{
    struct tpa_ip_worker_config config = {
        .pool = worker->instance->pool,
        .random = &worker->random,
        .drops = &worker->drops,
        .on_drop = ip_dropped,
        .on_drop_context = worker,
    };

    worker->ip = tpa_ip_worker_create(worker->instance->ip, &config, now);
    return worker->ip == NULL ? TPA_ENOMEM : TPA_OK;
}

static int worker_init(struct tpa_worker *worker, uint64_t now)
{
    struct tpa_api_instance *instance = worker->instance;
    int error;

    worker->now = now;
    worker->link_due = worker->index == 0 ? now : UINT64_MAX;
    worker->listeners_generation = atomic_load(&instance->listeners.generation);
    tpa_base_list_init(&worker->accept_queue);
    tpa_base_list_init(&worker->embryos);
    tpa_base_list_init(&worker->orphans);
    tpa_base_list_init(&worker->time_waits);
    tpa_event_queue_init(&worker->events);
    tpa_base_random_seed(&worker->random, instance->seed + worker->index);

    error = rings_create(worker);
    if (error == TPA_OK)
        error = slabs_init(worker);
    if (error == TPA_OK)
        error = tpa_api_port_holds_init(&worker->holds);
    if (error == TPA_OK)
        error = tpa_api_demux_init(&worker->demux, instance->chunks, &instance->table_key);
    if (error == TPA_OK)
        error = tpa_timer_wheel_init(&worker->wheel, TPA_TIMER_TICK_SHIFT_DEFAULT, now);
    if (error == TPA_OK)
        error = ip_create(worker, now);
    if (error == TPA_OK)
        error = tcp_init(worker);
    return error;
}

/* In reverse; each part knows whether it was begun. */
static void worker_fini(struct tpa_worker *worker)
{
    if (worker->ip != NULL)
        tpa_ip_worker_destroy(worker->ip);
    tpa_api_demux_fini(&worker->demux);
    tpa_api_port_holds_fini(&worker->holds);
    if (worker->time_wait_slab.source != NULL)
        (void)tpa_mem_slab_destroy(&worker->time_wait_slab);
    if (worker->socks.source != NULL)
        (void)tpa_mem_slab_destroy(&worker->socks);
    tpa_mem_ring_destroy(&worker->releases);
    tpa_mem_ring_destroy(&worker->inbox);
    free(worker);
}

/* So that it can be tried again; a hole stays where others were made meanwhile. */
static void index_give_back(struct tpa_api_instance *instance, uint32_t index)
{
    uint32_t created = index + 1;

    atomic_compare_exchange_strong(&instance->workers_created, &created, index);
}

struct tpa_worker *tpa_api_worker_create(struct tpa_api_instance *instance, uint64_t now)
{
    uint32_t index = atomic_fetch_add(&instance->workers_created, 1);
    struct tpa_worker *worker;

    if (index >= instance->worker_count) {
        atomic_fetch_sub(&instance->workers_created, 1);
        return NULL;
    }
    (void)tpa_mem_thread_join();
    worker = aligned_alloc(64, (sizeof(*worker) + 63) & ~(size_t)63);
    if (worker == NULL) {
        index_give_back(instance, index);
        return NULL;
    }
    memset(worker, 0, sizeof(*worker));
    worker->instance = instance;
    worker->index = index;
    if (worker_init(worker, now) != TPA_OK) {
        worker_fini(worker);
        index_give_back(instance, index);
        return NULL;
    }
    tpa_mem_rcu_join();
    tpa_api_worker_enter(worker);
    tpa_api_export_worker_open(worker, now);
    atomic_store_explicit(&instance->workers[index], worker, memory_order_release);
    return worker;
}

static void inbox_drain(struct tpa_mem_ring *ring)
{
    void *packet;

    while (ring->ring != NULL && tpa_mem_ring_pop(ring, &packet, 1) == 1)
        tpa_mem_packet_free(packet);
}

static void releases_process(struct tpa_worker *worker)
{
    void *segments[TPA_API_BURST];
    unsigned int count = tpa_mem_ring_pop(&worker->releases, segments, TPA_API_BURST);

    for (unsigned int i = 0; i < count; i++)
        tpa_tcp_release(&worker->tcp, segments[i]);
}

void tpa_api_worker_destroy(struct tpa_worker *worker)
{
    tpa_api_worker_enter(worker);
    tpa_api_socks_drop_all(worker);
    while (!tpa_base_list_is_empty(&worker->time_waits))
        tpa_api_time_wait_destroy(
            worker, TPA_BASE_CONTAINER_OF(worker->time_waits.next, struct tpa_api_time_wait, link));
    tpa_api_completions_run(worker);
    releases_process(worker);
    inbox_drain(&worker->inbox);
    (void)tpa_tcp_worker_fini(&worker->tcp);
    tpa_api_worker_enter(NULL);
    worker_fini(worker);
}

void tpa_api_completions_run(struct tpa_worker *worker)
{
    struct tpa_tcp_completion completion;

    while (tpa_tcp_completed(&worker->tcp, &completion)) {
        if (completion.reference != NULL)
            tpa_mem_registry_release(completion.reference);
        if (completion.done != NULL)
            completion.done(completion.base, completion.parameter);
    }
}

/* Routes over a link that is down stay: what is sent there is sent again when it is back, and then
 * whoever is at its other end hears who we are. */
static void link_look(struct tpa_api_instance *instance, uint32_t number)
{
    struct tpa_api_port *port = &instance->ports[number];
    struct tpa_netdev_link link;

    tpa_netdev_link(port->device, &link);
    if (link.up == port->link_up)
        return;
    TPA_BASE_LOG(instance->log, link.up ? TPA_BASE_LOG_INFO : TPA_BASE_LOG_WARNING,
                 "port %u: link %s", number, link.gone ? "gone" : (link.up ? "up" : "down"));
    if (link.up && tpa_ip_interface_announce(instance->ip, port->interface) != TPA_OK)
        return; /* no memory: it is tried again */
    port->link_up = link.up;
}

static void links_look(struct tpa_worker *worker)
{
    for (uint32_t i = 0; i < worker->instance->port_count; i++)
        link_look(worker->instance, i);
    worker->link_due = worker->now + TPA_API_LINK_INTERVAL;
}

void tpa_api_worker_step(struct tpa_worker *worker, uint64_t now)
{
    worker->now = now;
    worker->counters.steps++;
    releases_process(worker);
    tpa_api_receive(worker);
    tpa_ip_timers(worker->ip, now);
    tpa_tcp_expire(&worker->tcp, now);
    tpa_api_time_wait_expire(worker);
    tpa_api_pending_purge(worker);
    tpa_api_orphans_reap(worker);
    tpa_api_transmit(worker);
    /* Not before: a connection that enters TIME-WAIT has an acknowledgement to send first. */
    tpa_api_signals_process(worker);
    tpa_api_completions_run(worker);
    if (TPA_BASE_UNLIKELY(now >= worker->link_due))
        links_look(worker);
    if (TPA_BASE_UNLIKELY(now >= worker->export_due))
        tpa_api_export_tick(worker, now);
    tpa_mem_rcu_quiescent();
}

uint64_t tpa_api_worker_next_deadline(const struct tpa_worker *worker)
{
    uint64_t deadline = tpa_timer_wheel_next_deadline(&worker->wheel);
    uint64_t ip = tpa_ip_next_deadline(worker->ip);

    if (ip < deadline)
        deadline = ip;
    if (worker->link_due < deadline)
        deadline = worker->link_due;
    if (!tpa_base_list_is_empty(&worker->time_waits)) {
        const struct tpa_api_time_wait *first =
            TPA_BASE_CONTAINER_OF(worker->time_waits.next, struct tpa_api_time_wait, link);

        if (first->tcp.deadline < deadline)
            deadline = first->tcp.deadline;
    }
    return deadline;
}

uint32_t tpa_api_worker_index(const struct tpa_worker *worker)
{
    return worker->index;
}

uint64_t tpa_api_worker_now(const struct tpa_worker *worker)
{
    return worker->now;
}

const struct tpa_api_worker_counters *tpa_api_worker_counters(const struct tpa_worker *worker)
{
    return &worker->counters;
}

const struct tpa_base_drop_counters *tpa_api_worker_drops(const struct tpa_worker *worker)
{
    return &worker->drops;
}

const struct tpa_tcp_counters *tpa_api_worker_tcp_counters(const struct tpa_worker *worker)
{
    return &worker->tcp.counters;
}
