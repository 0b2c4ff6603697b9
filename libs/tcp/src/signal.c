#include "machine.h"

void tpa_tcp_signal(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    uint32_t signals)
{
    if (connection->flags & TPA_TCP_ORPHAN)
        signals &= TPA_TCP_SIGNALS_TO_ORPHANS;
    if (signals == 0)
        return;
    connection->signals |= (uint16_t)signals;
    if (!tpa_base_list_is_linked(&connection->signal_link))
        tpa_base_list_push_back(&worker->signalled, &connection->signal_link);
}

struct tpa_tcp_connection *tpa_tcp_signalled(struct tpa_tcp_worker *worker, uint32_t *signals)
{
    struct tpa_base_list *link = tpa_base_list_pop_front(&worker->signalled);
    struct tpa_tcp_connection *connection;

    if (link == NULL)
        return NULL;
    connection = TPA_BASE_CONTAINER_OF(link, struct tpa_tcp_connection, signal_link);
    *signals = connection->signals;
    connection->signals = 0;
    return connection;
}

bool tpa_tcp_completed(struct tpa_tcp_worker *worker, struct tpa_tcp_completion *completion)
{
    return tpa_tcp_send_worker_completed(&worker->send, completion);
}
