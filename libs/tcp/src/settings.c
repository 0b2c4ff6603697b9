/*
 * Options of one connection, what ICMP tells about its peer, and what tools may know.
 */
#include <tpa/base/error.h>

#include "delivery.h"
#include "ecn.h"

void tpa_tcp_set_nodelay(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         bool on)
{
    if (!on) {
        connection->flags &= ~TPA_TCP_NODELAY;
        return;
    }
    connection->flags |= TPA_TCP_NODELAY;
    if (tpa_tcp_unsent(connection) > 0)
        tpa_tcp_schedule(worker, connection);
}

int tpa_tcp_set_keepalive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t idle, uint64_t now)
{
    if (idle > TPA_TCP_KEEPALIVE_MAX)
        return TPA_EINVAL;
    connection->keepalive = tpa_tcp_keepalive_ticks(idle);
    if (connection->state == TPA_TCP_ESTABLISHED || connection->state == TPA_TCP_CLOSE_WAIT)
        tpa_tcp_start_keepalive(worker, connection, now);
    return 0;
}

int tpa_tcp_set_congestion(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_congestion *congestion, uint64_t now)
{
    if (congestion == connection->window.algorithm)
        return 0;
    if (connection->window.algorithm == NULL)
        return 0; /* finished already */
    if (tpa_tcp_delivery_is_needed(congestion) &&
        tpa_tcp_delivery_attach(worker, connection, congestion, now) != 0)
        return TPA_ENOMEM;
    if (tpa_tcp_window_switch(&connection->window, congestion, &worker->congestion_states, now) !=
        0) {
        /* What the old one doesn't need may have been made for the new one. */
        (void)tpa_tcp_delivery_attach(worker, connection, connection->window.algorithm, now);
        return TPA_ENOMEM;
    }
    if (!tpa_tcp_delivery_is_needed(congestion))
        tpa_tcp_delivery_detach(worker, connection);
    return 0;
}

void tpa_tcp_set_dscp(struct tpa_tcp_connection *connection, uint8_t dscp)
{
    connection->traffic_class = (uint8_t)(dscp << 2);
}

void tpa_tcp_set_trace(struct tpa_tcp_connection *connection, struct tpa_base_trace *trace)
{
    connection->trace = trace;
}

void tpa_tcp_unreachable(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         uint32_t sequence, bool hard, uint64_t now)
{
    if (!tpa_tcp_is_outstanding(connection, sequence))
        return;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_ICMP, hard, 0,
                         (uint64_t)TPA_EUNREACHABLE, 0);
    if (hard && !tpa_tcp_is_synchronized(connection))
        tpa_tcp_terminate(worker, connection, TPA_EREFUSED, now);
    else
        connection->flags |= TPA_TCP_UNREACHABLE;
}

bool tpa_tcp_is_persisting(const struct tpa_tcp_connection *connection)
{
    return connection->snd_wnd == 0 && tpa_tcp_may_transmit(connection) &&
           (tpa_tcp_outstanding(connection) != 0 || tpa_tcp_unsent(connection) != 0);
}

int tpa_tcp_connection_error(const struct tpa_tcp_connection *connection)
{
    return tpa_tcp_error(connection);
}

enum tpa_tcp_state tpa_tcp_connection_state(const struct tpa_tcp_connection *connection)
{
    return (enum tpa_tcp_state)connection->state;
}

const char *tpa_tcp_state_text(enum tpa_tcp_state state)
{
    static const char *const texts[] = {
        [TPA_TCP_CLOSED] = "closed",
        [TPA_TCP_SYN_SENT] = "syn-sent",
        [TPA_TCP_SYN_RECEIVED] = "syn-received",
        [TPA_TCP_ESTABLISHED] = "established",
        [TPA_TCP_FIN_WAIT_1] = "fin-wait-1",
        [TPA_TCP_FIN_WAIT_2] = "fin-wait-2",
        [TPA_TCP_CLOSE_WAIT] = "close-wait",
        [TPA_TCP_CLOSING] = "closing",
        [TPA_TCP_LAST_ACK] = "last-ack",
        [TPA_TCP_TIME_WAIT] = "time-wait",
    };

    return (unsigned int)state < TPA_BASE_ARRAY_SIZE(texts) ? texts[state] : "unknown";
}

void tpa_tcp_connection_info(const struct tpa_tcp_worker *worker,
                             const struct tpa_tcp_connection *connection,
                             struct tpa_tcp_connection_info *info)
{
    *info = (struct tpa_tcp_connection_info){
        .state = (enum tpa_tcp_state)connection->state,
        .snd_una = connection->flight.una,
        .snd_nxt = connection->flight.nxt,
        .snd_wnd = connection->snd_wnd,
        .rcv_nxt = connection->rcv_nxt,
        .rcv_wnd = connection->rcv_adv - connection->rcv_nxt,
        .cwnd = connection->window.cwnd,
        .ssthresh = connection->window.ssthresh,
        .mss = connection->window.mss,
        .srtt_us = tpa_tcp_rtt_smoothed(&connection->rtt),
        .rttvar_us = tpa_tcp_rtt_variation(&connection->rtt),
        .rto_us = (uint32_t)(tpa_tcp_rto(worker, connection) / 1000),
        .send_queued = tpa_tcp_send_queue_bytes(&connection->send_queue),
        .receive_queued = connection->receive_queue.bytes,
        .retransmissions = connection->retransmissions,
        .send_window_scale = connection->snd_scale,
        .receive_window_scale = connection->rcv_scale,
        .timestamps = (connection->flags & TPA_TCP_USES_TIMESTAMPS) != 0,
        .sack = (connection->flags & TPA_TCP_USES_SACK) != 0,
        .ecn = (connection->ecn & TPA_TCP_ECN_CAPABLE) != 0,
    };
}
