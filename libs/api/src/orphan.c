#include <tpa/base/compiler.h>

#include "sock.h"
#include "worker.h"

static struct tpa_api_sock *first_orphan(const struct tpa_worker *worker)
{
    return TPA_BASE_CONTAINER_OF(worker->orphans.next, struct tpa_api_sock, orphan_link);
}

void tpa_api_orphan_forget(struct tpa_api_sock *sock)
{
    if ((sock->flags & TPA_API_SOCK_ORPHAN) == 0)
        return;
    tpa_base_list_remove(&sock->orphan_link);
    sock->flags &= (uint8_t)~TPA_API_SOCK_ORPHAN;
    sock->worker->counters.orphans--;
}

/* TCP signals its end when the reset has been sent. */
static void orphan_reset(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    tpa_api_orphan_forget(sock);
    worker->counters.orphans_reset++;
    tpa_tcp_abort(&worker->tcp, &sock->tcp, worker->now);
}

void tpa_api_orphan_add(struct tpa_api_sock *sock)
{
    struct tpa_worker *worker = sock->worker;

    tpa_base_list_push_back(&worker->orphans, &sock->orphan_link);
    sock->flags |= TPA_API_SOCK_ORPHAN;
    worker->counters.orphans++;
    if (worker->counters.orphans > worker->instance->orphans_max)
        orphan_reset(first_orphan(worker));
}

/* Seven eighths of what copied data may take are taken. */
static bool memory_is_short(const struct tpa_worker *worker)
{
    const struct tpa_mem_budget *budget = &worker->tcp.send.budget;

    return budget->used > budget->limit - budget->limit / 8;
}

/* One that is left alone goes behind the others, so that a few that are slow don't hide those that
 * are stuck. */
void tpa_api_orphans_reap(struct tpa_worker *worker)
{
    uint64_t count = TPA_BASE_MIN(worker->counters.orphans, (uint64_t)TPA_API_ORPHANS_BUDGET);

    if (TPA_BASE_LIKELY(!memory_is_short(worker)))
        return;
    for (; count > 0; count--) {
        struct tpa_api_sock *sock = first_orphan(worker);

        if (tpa_tcp_is_persisting(&sock->tcp)) {
            orphan_reset(sock);
            continue;
        }
        tpa_base_list_remove(&sock->orphan_link);
        tpa_base_list_push_back(&worker->orphans, &sock->orphan_link);
    }
}
