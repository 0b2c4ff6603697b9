#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>

#include "export.h"
#include "port.h"
#include "worker.h"

enum {
    LISTEN_BACKLOG = 1024,
    SYN_BACKLOG = 1024, /* half a megabyte of what a spoofed SYN makes us remember */
    ORPHANS_MAX = 8192, /* four megabytes, and what they have queued */
    TIME_WAIT_MAX = 262144,
    LOCAL_PORT_LOW = 41000, /* tpa-api.md: tcp.local_port_range */
    LOCAL_PORT_HIGH = 64000,
    /* Packets of the pool that no budget may count on, per port and worker: rings of descriptors
     * and bursts under way. */
    PACKETS_RESERVED = 3072,
    /* Below this a worker can't hold one window of one connection. */
    BUDGET_PACKETS_MIN = 512,
};

void tpa_api_instance_config_default(struct tpa_api_instance_config *config)
{
    memset(config, 0, sizeof(*config));
    config->worker_count = 1;
    config->chunks = &tpa_mem_chunk_source_default;
    config->listen_backlog = LISTEN_BACKLOG;
    config->syn_backlog = SYN_BACKLOG;
    config->orphans_max = ORPHANS_MAX;
    config->syn_cookies = TPA_API_SYN_COOKIES_AUTO;
    config->time_wait_max = TIME_WAIT_MAX;
    config->local_port_low = LOCAL_PORT_LOW;
    config->local_port_high = LOCAL_PORT_HIGH;
    tpa_tcp_config_default(&config->tcp);
}

static int refuse(char reason[TPA_API_REASON_SIZE], int error, const char *text)
{
    snprintf(reason, TPA_API_REASON_SIZE, "%s", text);
    return error;
}

static int config_check(const struct tpa_api_instance_config *config,
                        char reason[TPA_API_REASON_SIZE])
{
    if (config->pool == NULL || config->registry == NULL || config->sids == NULL)
        return refuse(reason, TPA_EINVAL, "pool, registry and sids must be given");
    if (config->worker_count == 0 || config->worker_count > TPA_API_WORKERS_MAX) {
        snprintf(reason, TPA_API_REASON_SIZE, "%u workers: 1 to %d are possible",
                 config->worker_count, TPA_API_WORKERS_MAX);
        return TPA_EINVAL;
    }
    if (config->port_count > TPA_API_PORTS_MAX) {
        snprintf(reason, TPA_API_REASON_SIZE, "%u ports: at most %d are possible",
                 config->port_count, TPA_API_PORTS_MAX);
        return TPA_EINVAL;
    }
    if (config->local_port_low == 0 || config->local_port_low > config->local_port_high) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "local ports %u to %u: the first must be above 0 and not above the last",
                 config->local_port_low, config->local_port_high);
        return TPA_EINVAL;
    }
    return TPA_OK;
}

/*
 * What a worker may hold in packet buffers. Receive queues and send queues of all workers together,
 * and what ports and bursts hold, must fit into the pool: else one greedy reader would stop all
 * others from receiving.
 */
static int budgets_set(struct tpa_api_instance *instance,
                       const struct tpa_api_instance_config *config,
                       char reason[TPA_API_REASON_SIZE])
{
    uint64_t packets = config->pool->packet_count;
    uint64_t reserved =
        (uint64_t)PACKETS_RESERVED * (config->port_count + 1) * config->worker_count / 2;
    uint64_t packet_bytes = tpa_mem_pool_buffer_size(config->pool);
    uint64_t needed = reserved + (uint64_t)BUDGET_PACKETS_MIN * config->worker_count;
    uint64_t share;

    if (packets < needed) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "%llu packet buffers are too few for %u workers and %u ports: at least %llu "
                 "(dpdk.mbuf_mem_size)",
                 (unsigned long long)packets, config->worker_count, config->port_count,
                 (unsigned long long)needed);
        return TPA_EINVAL;
    }
    share = (packets - reserved) * packet_bytes / config->worker_count;
    instance->receive_budget = config->receive_budget != 0 ? config->receive_budget : share / 2;
    instance->send_budget = config->send_budget != 0 ? config->send_budget : share / 2;
    if (instance->receive_budget + instance->send_budget > share) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "receive budget %llu and send budget %llu of a worker are above its share of the "
                 "packet buffers, %llu bytes",
                 (unsigned long long)instance->receive_budget,
                 (unsigned long long)instance->send_budget, (unsigned long long)share);
        return TPA_EINVAL;
    }
    return TPA_OK;
}

static void settings_copy(struct tpa_api_instance *instance,
                          const struct tpa_api_instance_config *config)
{
    uint32_t sids = tpa_api_sids_limit(config->sids);
    struct tpa_base_hash_key secret = tpa_base_hash_key_from_bytes(config->secret);

    instance->worker_count = config->worker_count;
    instance->pool = config->pool;
    instance->registry = config->registry;
    instance->sids = config->sids;
    instance->chunks = config->chunks != NULL ? config->chunks : &tpa_mem_chunk_source_default;
    instance->tcp = config->tcp;
    instance->listen_backlog =
        config->listen_backlog != 0 ? config->listen_backlog : LISTEN_BACKLOG;
    instance->syn_backlog = config->syn_backlog != 0 ? config->syn_backlog : SYN_BACKLOG;
    instance->syn_cookies = config->syn_cookies;
    instance->orphans_max = config->orphans_max != 0 ? config->orphans_max : ORPHANS_MAX;
    instance->time_wait_max = config->time_wait_max != 0 ? config->time_wait_max : TIME_WAIT_MAX;
    instance->sock_max = config->sock_max != 0 && config->sock_max < sids ? config->sock_max : sids;
    instance->local_port_low = config->local_port_low;
    instance->local_port_high = config->local_port_high;
    instance->nagle = config->nagle;
    instance->seed = config->seed;
    instance->log = config->log;
    memcpy(instance->secret, config->secret, sizeof(instance->secret));
    /* Not the secret itself: tables' hashes are not made to hide their key. */
    instance->table_key.k0 = tpa_base_siphash24(&secret, "table 0", 7);
    instance->table_key.k1 = tpa_base_siphash24(&secret, "table 1", 7);
}

/* Steering counts when each port has a queue for every worker and they all spread alike. */
static bool steering_common(struct tpa_api_instance *instance, struct tpa_netdev_steering *steering)
{
    struct tpa_netdev_steering other;

    if (instance->worker_count == 1 || instance->port_count == 0)
        return false;
    for (uint32_t i = 0; i < instance->port_count; i++) {
        struct tpa_api_port *port = &instance->ports[i];

        memset(&other, 0, sizeof(other));
        if (port->queue_count < instance->worker_count ||
            tpa_netdev_steering(port->device, &other) != TPA_OK || other.key_length == 0)
            return false;
        if (i == 0)
            *steering = other;
        else if (memcmp(steering, &other, sizeof(other)) != 0)
            return false;
    }
    return true;
}

static int shared_create(struct tpa_api_instance *instance,
                         const struct tpa_api_instance_config *config)
{
    instance->ip = tpa_ip_stack_create(&config->ip);
    if (instance->ip == NULL)
        return TPA_ENOMEM;
    return tpa_api_listeners_init(&instance->listeners);
}

static int instance_open(struct tpa_api_instance *instance,
                         const struct tpa_api_instance_config *config,
                         char reason[TPA_API_REASON_SIZE])
{
    struct tpa_netdev_steering *steering;
    bool steered;
    int error;

    error = budgets_set(instance, config, reason);
    if (error != TPA_OK)
        return error;
    if (shared_create(instance, config) != TPA_OK)
        return refuse(reason, TPA_ENOMEM, "no memory for the tables");
    for (uint32_t i = 0; i < config->port_count; i++) {
        instance->port_count++;
        error = tpa_api_port_open(instance, &instance->ports[i], &config->ports[i], reason);
        if (error != TPA_OK)
            return error;
    }
    steering = calloc(1, sizeof(*steering));
    if (steering == NULL)
        return refuse(reason, TPA_ENOMEM, "no memory for the tables");
    steered = steering_common(instance, steering);
    error = tpa_api_placement_init(&instance->placement, instance->worker_count,
                                   steered ? steering : NULL);
    free(steering);
    return error == TPA_OK ? TPA_OK : refuse(reason, error, "no memory for the tables");
}

static void instance_free(struct tpa_api_instance *instance, bool keep_devices)
{
    for (uint32_t i = 0; i < instance->port_count; i++)
        tpa_api_port_close(instance, &instance->ports[i], keep_devices);
    tpa_api_fixed_ports_fini(&instance->fixed_ports);
    tpa_api_placement_fini(&instance->placement);
    tpa_api_listeners_fini(&instance->listeners);
    if (instance->ip != NULL)
        tpa_ip_stack_destroy(instance->ip);
    free(instance);
}

int tpa_api_instance_create(const struct tpa_api_instance_config *config,
                            struct tpa_api_instance **created, char reason[TPA_API_REASON_SIZE])
{
    struct tpa_api_instance *instance;
    int error = config_check(config, reason);

    if (error != TPA_OK)
        return error;
    instance = calloc(1, sizeof(*instance));
    if (instance == NULL)
        return refuse(reason, TPA_ENOMEM, "no memory for the instance");
    settings_copy(instance, config);
    error = instance_open(instance, config, reason);
    if (error != TPA_OK) {
        instance_free(instance, true);
        return error;
    }
    *created = instance;
    return TPA_OK;
}

void tpa_api_instance_destroy(struct tpa_api_instance *instance)
{
    for (uint32_t i = 0; i < instance->worker_count; i++) {
        struct tpa_worker *worker = atomic_load(&instance->workers[i]);

        if (worker != NULL)
            tpa_api_worker_destroy(worker);
    }
    tpa_api_export_destroy(instance);
    instance_free(instance, false);
}

struct tpa_ip_stack *tpa_api_instance_ip(struct tpa_api_instance *instance)
{
    return instance->ip;
}

uint32_t tpa_api_instance_worker_count(const struct tpa_api_instance *instance)
{
    return instance->worker_count;
}

struct tpa_worker *tpa_api_instance_worker(struct tpa_api_instance *instance, uint32_t index)
{
    return index < instance->worker_count ? atomic_load(&instance->workers[index]) : NULL;
}
