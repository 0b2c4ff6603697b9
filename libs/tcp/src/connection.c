/*
 * The life of a connection: how it opens, changes its state and ends.
 */
#include <string.h>

#include <tpa/base/error.h>

#include "delivery.h"

/* RFC 6928 section 2 bounds what the configuration asks for. */
static uint32_t initial_window(const struct tpa_tcp_worker *worker, uint32_t mss)
{
    uint32_t bound = TPA_BASE_MIN(10 * mss, TPA_BASE_MAX(2 * mss, 14600u));

    return TPA_BASE_MIN(worker->config->cwnd_initial, bound);
}

static uint32_t offered_options(const struct tpa_tcp_config *config)
{
    return (config->timestamps ? TPA_TCP_USES_TIMESTAMPS : 0u) |
           (config->window_scale ? TPA_TCP_USES_WINDOW_SCALE : 0u) |
           (config->sack ? TPA_TCP_USES_SACK : 0u);
}

static int init(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                const struct tpa_tcp_tuple *tuple, uint16_t mtu, uint64_t now)
{
    const struct tpa_tcp_config *config = worker->config;
    uint32_t iss = tpa_tcp_isn(&worker->keys, tuple, now);
    uint16_t mss;

    memset(connection, 0, sizeof(*connection));
    if (!tpa_base_address_is_ipv4(&tuple->remote))
        connection->flags = TPA_TCP_IPV6;
    if (mtu < tpa_tcp_mtu_min(worker, connection))
        return TPA_EINVAL;
    tpa_tcp_path_mtu_init(worker, connection, mtu, now);
    mss = tpa_tcp_announced_mss(worker, connection);
    if (tpa_tcp_window_init(&connection->window, config->congestion, &worker->congestion_states,
                            mss, initial_window(worker, mss), config->cwnd_max, now) != 0) {
        worker->counters.allocation_failures++;
        return TPA_ENOMEM;
    }
    if (tpa_tcp_delivery_attach(worker, connection, config->congestion, now) != 0) {
        tpa_tcp_window_fini(&connection->window, &worker->congestion_states);
        worker->counters.allocation_failures++;
        return TPA_ENOMEM;
    }

    connection->peer_mss = mss;
    connection->rcv_mss = TPA_BASE_MIN(mss, TPA_TCP_MSS_DEFAULT_IPV4);
    connection->local_port = tuple->local_port;
    connection->remote_port = tuple->remote_port;
    connection->flags |= offered_options(config) | TPA_TCP_NODELAY | TPA_TCP_SEND_SYN;
    connection->rcv_scale = tpa_tcp_receive_scale(config);
    connection->quick_acks = TPA_TCP_QUICK_ACKS;
    /* As if the last of these had been sent long ago. */
    connection->challenge_start = (uint16_t)(tpa_tcp_coarse(now) - TPA_TCP_LONG_AGO);
    connection->stray_reply = connection->challenge_start;
    connection->recovery_point = iss;
    connection->ts_offset = tpa_tcp_timestamp_offset(&worker->keys, tuple);
    connection->keepalive = tpa_tcp_keepalive_ticks(config->keepalive);
    connection->progress = connection->last_received = tpa_tcp_coarse(now);
    connection->last_sent = (uint16_t)tpa_tcp_coarse(now);
    tpa_tcp_flight_init(&connection->flight, iss);
    tpa_tcp_send_queue_init(&connection->send_queue, iss + 1);
    tpa_tcp_rtt_init(&connection->rtt);
    tpa_tcp_receive_tuning_init(worker, connection, now);
    worker->connections++;
    return 0;
}

int tpa_tcp_connect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    const struct tpa_tcp_tuple *tuple, uint16_t mtu, uint64_t now)
{
    int error = init(worker, connection, tuple, mtu, now);

    if (error != 0)
        return error;
    worker->counters.connections_opened++;
    tpa_tcp_set_state(connection, TPA_TCP_SYN_SENT, now);
    tpa_tcp_schedule(worker, connection);
    return 0;
}

int tpa_tcp_accept(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                   const struct tpa_tcp_segment *syn, uint64_t now)
{
    const uint8_t control = TPA_TCP_SYN | TPA_TCP_ACK | TPA_TCP_RST | TPA_TCP_FIN;
    int error;

    if ((syn->flags & control) != TPA_TCP_SYN)
        return TPA_EINVAL;
    error = init(worker, connection, tuple, mtu, now);
    if (error != 0)
        return error;
    connection->flags |= TPA_TCP_PASSIVE;
    tpa_tcp_start_receiving(worker, connection, syn);
    tpa_tcp_set_state(connection, TPA_TCP_SYN_RECEIVED, now);
    tpa_tcp_schedule(worker, connection);
    return 0;
}

int tpa_tcp_accept_cookie(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                          const struct tpa_tcp_segment *syn, const struct tpa_tcp_segment *ack,
                          uint64_t now)
{
    int error = init(worker, connection, tuple, mtu, now);

    if (error != 0)
        return error;
    connection->flags |= TPA_TCP_PASSIVE;
    tpa_tcp_start_receiving(worker, connection, syn);
    tpa_tcp_flight_init(&connection->flight, ack->ack);
    tpa_tcp_send_queue_init(&connection->send_queue, ack->ack);
    connection->recovery_point = ack->ack - 1;
    connection->snd_wnd = connection->snd_wnd_max = (uint32_t)ack->window << connection->snd_scale;
    connection->snd_wl1 = ack->seq;
    connection->snd_wl2 = ack->ack;
    worker->counters.cookies_in++;
    tpa_tcp_establish(worker, connection, now);
    return 0;
}

void tpa_tcp_set_state(struct tpa_tcp_connection *connection, enum tpa_tcp_state state,
                       uint64_t now)
{
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_STATE, connection->state, state, 0,
                         0);
    connection->state = (uint8_t)state;
}

void tpa_tcp_establish(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;

    if (connection->flags & TPA_TCP_PASSIVE)
        worker->counters.connections_accepted++;
    /* The initial window counts from the MSS that was agreed on; after a lost SYN it is one segment
     * (RFC 5681 section 3.1). */
    tpa_tcp_window_set_mss(window, window->mss, initial_window(worker, window->mss));
    window->cwnd = connection->flags & TPA_TCP_SYN_LOST ? window->mss : window->cwnd_initial;
    window->algorithm->init(window, now);

    connection->probes = 0;
    connection->retransmit_deadline = 0;
    connection->progress = tpa_tcp_coarse(now);
    connection->flags &= ~TPA_TCP_SEND_SYN;
    tpa_tcp_set_state(connection, TPA_TCP_ESTABLISHED, now);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_NEGOTIATED, window->mss,
                         connection->snd_scale, connection->rcv_scale,
                         connection->flags & (TPA_TCP_USES_TIMESTAMPS | TPA_TCP_USES_SACK));
    tpa_tcp_start_keepalive(worker, connection, now);
    tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_ESTABLISHED);
    if (connection->flags & TPA_TCP_FIN_QUEUED) {
        tpa_tcp_set_state(connection, TPA_TCP_FIN_WAIT_1, now);
        tpa_tcp_start_orphan_timer(worker, connection, now);
        tpa_tcp_schedule(worker, connection);
    }
}

void tpa_tcp_enter_time_wait(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now)
{
    tpa_tcp_set_state(connection, TPA_TCP_TIME_WAIT, now);
    tpa_tcp_reassembly_drop(&connection->reassembly, &worker->reassembly);
    connection->retransmit_deadline = 0;
    tpa_tcp_start_state_timer(worker, connection, worker->config->time_wait, now);
    tpa_tcp_offer_time_wait(worker, connection);
}

void tpa_tcp_offer_time_wait(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    if (connection->state == TPA_TCP_TIME_WAIT && (connection->flags & TPA_TCP_ORPHAN) &&
        !(connection->flags & TPA_TCP_SEND_ACK))
        tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_TIME_WAIT);
}

static void drop_transmission(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    uint32_t nxt = connection->flight.nxt;

    tpa_tcp_send_queue_drop(&connection->send_queue, &worker->send);
    tpa_tcp_flight_drop(&connection->flight, &worker->flight);
    tpa_tcp_flight_init(&connection->flight, nxt);
}

static void to_closed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      int error, uint64_t now)
{
    if (error != TPA_OK) {
        tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_ERROR, (uint64_t)error,
                             connection->state, 0, 0);
        if (!tpa_tcp_is_synchronized(connection))
            worker->counters.connections_failed++;
        connection->error = tpa_tcp_error_code(error);
        tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_ERROR);
    }
    tpa_tcp_set_state(connection, TPA_TCP_CLOSED, now);
    tpa_tcp_stop_timers(worker, connection);
    tpa_tcp_reassembly_drop(&connection->reassembly, &worker->reassembly);
    drop_transmission(worker, connection);
}

void tpa_tcp_terminate(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       int error, uint64_t now)
{
    to_closed(worker, connection, error, now);
    tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_CLOSED);
}

/* SND.NXT, unless it lies beyond the peer's window, after a probe or a shrunk window: there the
 * peer would ignore a reset. */
static uint32_t reset_sequence(const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_flight *flight = &connection->flight;

    return tpa_tcp_is_synchronized(connection)
               ? tpa_base_seq_min(flight->nxt, flight->una + connection->snd_wnd)
               : flight->nxt;
}

void tpa_tcp_terminate_with_reset(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, int error, uint64_t now)
{
    uint32_t sequence = reset_sequence(connection);

    to_closed(worker, connection, error, now);
    tpa_tcp_flight_init(&connection->flight, sequence);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_RESET);
}

static void queue_fin(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                      uint64_t now)
{
    if (connection->flags & TPA_TCP_FIN_QUEUED)
        return;
    if (connection->flight.una == connection->send_queue.end)
        connection->progress = tpa_tcp_coarse(now);
    connection->flags |= TPA_TCP_FIN_QUEUED;
    if (connection->state == TPA_TCP_ESTABLISHED)
        tpa_tcp_set_state(connection, TPA_TCP_FIN_WAIT_1, now);
    else if (connection->state == TPA_TCP_CLOSE_WAIT)
        tpa_tcp_set_state(connection, TPA_TCP_LAST_ACK, now);
    tpa_tcp_schedule(worker, connection);
}

int tpa_tcp_shutdown(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     uint64_t now)
{
    if (!tpa_tcp_is_synchronized(connection))
        return TPA_ENOTCONN;
    if (connection->flags & TPA_TCP_FIN_QUEUED)
        return TPA_EPIPE;
    queue_fin(worker, connection, now);
    return 0;
}

static void close_synchronized(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t now)
{
    if (connection->receive_queue.bytes > 0) {
        tpa_tcp_terminate_with_reset(worker, connection, TPA_OK, now);
        return;
    }
    queue_fin(worker, connection, now);
    tpa_tcp_start_orphan_timer(worker, connection, now);
}

void tpa_tcp_close(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   uint64_t now)
{
    if (connection->flags & TPA_TCP_ORPHAN)
        return;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_CLOSE,
                         tpa_tcp_send_end(connection) - connection->flight.nxt,
                         connection->receive_queue.bytes, 0, 0);
    connection->flags |= TPA_TCP_ORPHAN;
    connection->signals &= TPA_TCP_SIGNALS_TO_ORPHANS;

    switch (connection->state) {
    case TPA_TCP_CLOSED:
        if (!(connection->flags & TPA_TCP_SEND_RESET))
            tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_CLOSED);
        break;
    case TPA_TCP_SYN_SENT:
        tpa_tcp_terminate(worker, connection, TPA_OK, now);
        break;
    case TPA_TCP_TIME_WAIT:
        tpa_tcp_offer_time_wait(worker, connection);
        break;
    case TPA_TCP_SYN_RECEIVED:
        connection->flags |= TPA_TCP_FIN_QUEUED;
        break;
    default:
        close_synchronized(worker, connection, now);
    }
    tpa_tcp_receive_queue_drop(&connection->receive_queue, &worker->receive_budget);
}

void tpa_tcp_abort(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   uint64_t now)
{
    switch (connection->state) {
    case TPA_TCP_CLOSED:
        break;
    case TPA_TCP_SYN_SENT:
    case TPA_TCP_TIME_WAIT:
        tpa_tcp_terminate(worker, connection, TPA_OK, now);
        break;
    default:
        tpa_tcp_terminate_with_reset(worker, connection, TPA_OK, now);
    }
}

/* Zeroed memory, or finished before. */
static bool is_unused(const struct tpa_tcp_connection *connection)
{
    return connection->window.algorithm == NULL;
}

void tpa_tcp_finish(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    if (is_unused(connection))
        return;
    tpa_timer_cancel(worker->wheel, &connection->timer);
    if (tpa_base_list_is_linked(&connection->output_link))
        tpa_base_list_remove(&connection->output_link);
    if (tpa_base_list_is_linked(&connection->signal_link))
        tpa_base_list_remove(&connection->signal_link);
    tpa_tcp_receive_queue_drop(&connection->receive_queue, &worker->receive_budget);
    tpa_tcp_reassembly_drop(&connection->reassembly, &worker->reassembly);
    drop_transmission(worker, connection);
    tpa_tcp_delivery_drop(worker, connection);
    tpa_tcp_window_fini(&connection->window, &worker->congestion_states);
    connection->state = TPA_TCP_CLOSED;
    worker->connections--;
}
