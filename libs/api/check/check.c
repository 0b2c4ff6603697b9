#include "libs/api/check/check.h"

#include <tpa/base/compiler.h>

#include "libs/tcp/check/check.h"
#include "worker.h"

#define MUST(condition)        \
    do {                       \
        if (!(condition))      \
            return #condition; \
    } while (0)

struct tpa_api_sock *tpa_api_check_sock(struct tpa_worker *worker, int sid)
{
    struct tpa_api_sock *sock =
        tpa_api_object_sock(tpa_api_sid_object(worker->instance->sids, sid));

    return sock != NULL && sock->worker == worker ? sock : NULL;
}

struct sums {
    struct tpa_tcp_check_sums tcp;
    uint32_t in_table;
};

static const char *check_sock(const struct tpa_api_sock *sock, struct sums *sums)
{
    tpa_tcp_check_add(&sums->tcp, &sock->tcp);
    sums->in_table += (sock->flags & TPA_API_SOCK_IN_TABLE) != 0;
    return tpa_tcp_check_connection(&sock->tcp, true);
}

/* Those of a list that no program has accepted: they have no sid. */
static const char *check_pending(const struct tpa_base_list *list, struct sums *sums)
{
    for (const struct tpa_base_list *link = list->next; link != list; link = link->next) {
        const struct tpa_api_sock *sock =
            TPA_BASE_CONTAINER_OF(link, struct tpa_api_sock, pending.link);
        const char *fault = check_sock(sock, sums);

        if (fault != NULL)
            return fault;
    }
    return NULL;
}

const char *tpa_api_check_worker(struct tpa_worker *worker, uint64_t held)
{
    uint32_t limit = tpa_api_sids_limit(worker->instance->sids);
    struct sums sums = {.in_table = 0};
    const char *fault;

    for (uint32_t sid = 0; sid < limit; sid++) {
        const struct tpa_api_sock *sock = tpa_api_check_sock(worker, (int)sid);

        if (sock == NULL)
            continue;
        fault = check_sock(sock, &sums);
        if (fault != NULL)
            return fault;
    }
    fault = check_pending(&worker->embryos, &sums);
    if (fault == NULL)
        fault = check_pending(&worker->accept_queue, &sums);
    if (fault != NULL)
        return fault;
    MUST(worker->socks.in_use == sums.tcp.connections);
    MUST(worker->time_wait_slab.in_use == worker->counters.time_waits);
    MUST(worker->demux.count == sums.in_table + worker->counters.time_waits);
    return tpa_tcp_check_worker(&worker->tcp, &sums.tcp, held);
}

const char *tpa_api_check_some(struct tpa_worker *worker, int *sid, unsigned int count)
{
    uint32_t limit = tpa_api_sids_limit(worker->instance->sids);

    for (uint32_t i = 0; i < limit && count > 0; i++) {
        const struct tpa_api_sock *sock;
        const char *fault;

        *sid = (int)(((uint32_t)*sid + 1) % limit);
        sock = tpa_api_check_sock(worker, *sid);
        if (sock == NULL)
            continue;
        count--;
        fault = tpa_tcp_check_connection(&sock->tcp, true);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

static const char *check_idle_worker(const struct tpa_worker *worker)
{
    MUST(worker->counters.socks == 0);
    MUST(worker->counters.time_waits == 0);
    MUST(worker->socks.in_use == 0);
    MUST(worker->time_wait_slab.in_use == 0);
    MUST(worker->demux.count == 0);
    MUST(worker->tcp.receive_budget.used == 0);
    MUST(worker->tcp.send.budget.used == 0);
    MUST(tpa_base_list_is_empty(&worker->embryos));
    MUST(tpa_base_list_is_empty(&worker->accept_queue));
    MUST(worker->counters.orphans == 0 && tpa_base_list_is_empty(&worker->orphans));
    for (uint32_t port = 0; port < TPA_API_LOCAL_PORTS; port++)
        MUST(worker->holds.counts[port] == 0);
    return NULL;
}

const char *tpa_api_check_idle(struct tpa_api_instance *instance)
{
    for (uint32_t i = 0; i < instance->worker_count; i++) {
        const struct tpa_worker *worker = tpa_api_instance_worker(instance, i);
        const char *fault = worker != NULL ? check_idle_worker(worker) : NULL;

        if (fault != NULL)
            return fault;
    }
    MUST(atomic_load(&instance->sock_count) == 0);
    MUST(instance->listeners.closed == NULL);
    for (uint32_t port = 0; port < TPA_API_LOCAL_PORTS; port++) {
        MUST(atomic_load(&instance->placement.port_workers[port]) == 0);
        MUST(!tpa_api_listeners_has_port(&instance->listeners, (uint16_t)port));
    }
    for (uint32_t i = 0; i < TPA_API_FIXED_PORT_CHAINS; i++)
        MUST(instance->fixed_ports.chains[i] == NULL);
    return NULL;
}
