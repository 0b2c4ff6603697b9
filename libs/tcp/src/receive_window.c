/*
 * The window that is offered to the peer: RFC 9293 3.8.6, with the receiver's silly-window
 * avoidance (RFC 1122 4.2.3.3, MUST-39). The right edge never moves back (SHLD-14).
 */
#include "machine.h"

/* The most that the window field can say. */
static uint32_t window_max(const struct tpa_tcp_connection *connection)
{
    return (uint32_t)UINT16_MAX << connection->rcv_scale;
}

/* The most that is on offer, for now. */
static uint32_t offer_max(const struct tpa_tcp_connection *connection)
{
    return TPA_BASE_MIN(connection->rcv_limit, window_max(connection));
}

/*
 * One connection may hold half as much as is still free: a threshold that falls as memory gets
 * scarce. A reader that never reads gets a third of the budget, two of them two quarters; something
 * is always left for those who read. Freely after Choudhury and Hahne's dynamic thresholds.
 */
static uint64_t memory_room(const struct tpa_mem_budget *budget, uint64_t held)
{
    uint64_t threshold = (budget->limit - budget->used) / 2;

    return threshold > held ? threshold - held : 0;
}

uint32_t tpa_tcp_receive_room(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_config *config = worker->config;
    const struct tpa_tcp_receive_queue *queue = &connection->receive_queue;
    uint64_t room, entries, memory;

    if (queue->bytes >= connection->rcv_limit || queue->entries >= config->receive_queue_entries)
        return 0;
    room = TPA_BASE_MIN(connection->rcv_limit - queue->bytes, window_max(connection));
    entries = (uint64_t)(config->receive_queue_entries - queue->entries) *
              tpa_tcp_announced_mss(worker, connection);
    memory = memory_room(&worker->receive_budget, queue->bytes);
    return (uint32_t)TPA_BASE_MIN(room, TPA_BASE_MIN(entries, memory));
}

static uint32_t offered(const struct tpa_tcp_connection *connection)
{
    return connection->rcv_adv - connection->rcv_nxt;
}

uint16_t tpa_tcp_offer_window(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection)
{
    uint32_t room = tpa_tcp_receive_room(worker, connection);
    uint32_t old = offered(connection);
    uint32_t worthwhile = TPA_BASE_MIN(offer_max(connection) / 2, connection->rcv_mss);
    uint32_t window = old;
    uint32_t field;

    if (room > old && (room - old >= worthwhile))
        window = room;
    field = TPA_BASE_MIN(window >> connection->rcv_scale, UINT16_MAX);
    if ((field << connection->rcv_scale) > old)
        connection->rcv_adv = connection->rcv_nxt + (field << connection->rcv_scale);
    return (uint16_t)field;
}

uint16_t tpa_tcp_syn_window(const struct tpa_tcp_worker *worker,
                            const struct tpa_tcp_connection *connection)
{
    return (uint16_t)TPA_BASE_MIN(tpa_tcp_receive_room(worker, connection), UINT16_MAX);
}

void tpa_tcp_receive_room_grew(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    uint32_t most = offer_max(connection);
    uint32_t old = offered(connection);
    uint32_t room;

    /* Half a buffer is still on offer: the next ACK is soon enough. */
    if (!tpa_tcp_may_receive(connection) || old >= most / 2)
        return;
    room = tpa_tcp_receive_room(worker, connection);
    if (room > old && room - old >= TPA_BASE_MIN(most / 2, 2u * connection->rcv_mss))
        tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}
