/*
 * One entry of the wheel serves all timers of a connection. Deadlines that move later leave the
 * entry where it is: it fires, finds nothing due, and is armed for what is next. So an
 * acknowledgement that restarts the retransmission timer costs no more than a store.
 */
#include <tpa/base/error.h>

#include "delivery.h"
#include "machine.h"
#include "recovery.h"

/* Connections whose timer is looked at in one call: after a stall the step stays short. */
#define EXPIRE_MAX 1024

void tpa_tcp_arm(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                 uint64_t deadline)
{
    if (!tpa_timer_is_armed(&connection->timer) ||
        deadline < tpa_timer_deadline(worker->wheel, &connection->timer))
        tpa_timer_arm(worker->wheel, &connection->timer, deadline);
}

/* When the user time-out ends a connection that makes no progress; never if there is none. */
static uint64_t user_deadline(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_connection *connection, uint64_t now)
{
    uint64_t elapsed = tpa_tcp_coarse_elapsed(connection->progress, now);
    uint64_t limit = worker->config->user_timeout;

    if (limit == 0)
        return UINT64_MAX;
    /* A coarse tick more: then it has elapsed by the coarse clock, too. */
    return now + (elapsed < limit ? limit - elapsed + (1u << TPA_TCP_COARSE_SHIFT) : 0);
}

static void start_retransmit_timer(struct tpa_tcp_worker *worker,
                                   struct tpa_tcp_connection *connection, uint64_t at, uint64_t now)
{
    at = TPA_BASE_MIN(at, user_deadline(worker, connection, now));
    connection->retransmit_deadline = tpa_tcp_fine_deadline(at);
    connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_LATE;
    tpa_tcp_arm(worker, connection, at);
}

void tpa_tcp_start_retransmit_timer(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t now)
{
    start_retransmit_timer(worker, connection, now + tpa_tcp_rto(worker, connection), now);
}

/* RFC 6298 section 5.3; and RFC 7765: where too little is outstanding for a fast retransmission the
 * time-out counts from when it was sent. */
void tpa_tcp_restart_retransmit_timer(struct tpa_tcp_worker *worker,
                                      struct tpa_tcp_connection *connection, uint64_t now)
{
    uint64_t rto = tpa_tcp_rto(worker, connection);
    uint64_t elapsed = 0;

    if (tpa_tcp_outstanding(connection) <= TPA_TCP_DUPLICATE_THRESHOLD * connection->window.mss &&
        tpa_tcp_unsent(connection) == 0)
        elapsed = now - tpa_tcp_flight_first_sent(&connection->flight);
    start_retransmit_timer(worker, connection, now + (elapsed < rto ? rto - elapsed : rto), now);
}

void tpa_tcp_start_reordering_timer(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t delay,
                                    uint64_t now)
{
    if (delay == 0) {
        if (!(connection->loss_flags & TPA_TCP_LOSS_PROBE_TIMER))
            connection->loss_deadline = 0;
        return;
    }
    connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_PROBE_TIMER;
    connection->loss_deadline = tpa_tcp_fine_deadline(now + delay);
    tpa_tcp_arm(worker, connection, now + delay);
}

void tpa_tcp_start_ack_timer(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now)
{
    uint64_t at = now + worker->config->delayed_ack;

    connection->ack_deadline = tpa_tcp_fine_deadline(at);
    tpa_tcp_arm(worker, connection, at);
}

void tpa_tcp_start_state_timer(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t delay, uint64_t now)
{
    connection->state_deadline = tpa_tcp_coarse_deadline(now + delay);
    tpa_tcp_arm(worker, connection, tpa_tcp_coarse_nanoseconds(connection->state_deadline, now));
}

void tpa_tcp_start_keepalive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now)
{
    uint64_t idle = (uint64_t)connection->keepalive << TPA_TCP_SLOW_SHIFT;

    if (connection->keepalive != 0)
        tpa_tcp_start_state_timer(worker, connection, idle, now);
    else
        connection->state_deadline = 0;
}

void tpa_tcp_stop_timers(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    connection->retransmit_deadline = 0;
    connection->loss_deadline = 0;
    connection->ack_deadline = 0;
    connection->state_deadline = 0;
    if (connection->delivery != NULL)
        connection->delivery->is_waiting = false;
    tpa_timer_cancel(worker->wheel, &connection->timer);
}

/* R2 (MUST-20), or the user time-out (RFC 9293 3.10.8). */
static bool is_given_up(const struct tpa_tcp_worker *worker,
                        const struct tpa_tcp_connection *connection, uint8_t retries, uint64_t now)
{
    if (worker->config->user_timeout != 0)
        return tpa_tcp_coarse_elapsed(connection->progress, now) >= worker->config->user_timeout;
    return connection->probes >= retries;
}

static void give_up(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    uint64_t now)
{
    int error = connection->flags & TPA_TCP_UNREACHABLE ? TPA_EUNREACHABLE : TPA_ETIMEDOUT;

    tpa_tcp_terminate(worker, connection, error, now);
}

static void count_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    if (connection->probes < UINT8_MAX)
        connection->probes++;
    if (connection->probes >= TPA_TCP_RETRIES_SUSPECT)
        tpa_tcp_signal(worker, connection, TPA_TCP_SIGNAL_SUSPECT);
    tpa_tcp_rtt_back_off(&connection->rtt);
    tpa_tcp_start_retransmit_timer(worker, connection, now);
}

static void count_retransmission_timeout(struct tpa_tcp_worker *worker,
                                         struct tpa_tcp_connection *connection, uint64_t now)
{
    worker->counters.retransmission_timeouts++;
    count_timeout(worker, connection, now);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_RTO, connection->probes,
                         tpa_tcp_rto(worker, connection), connection->flight.una,
                         connection->flight.nxt);
}

static void handshake_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    if (is_given_up(worker, connection, worker->config->syn_retries, now)) {
        give_up(worker, connection, now);
        return;
    }
    connection->flags |= TPA_TCP_SYN_LOST;
    count_retransmission_timeout(worker, connection, now);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_SYN);
}

/* RFC 9293 3.8.6.1. The window may stay closed for ever as long as the peer answers (MUST-37). */
static void persist_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            uint64_t now)
{
    if (is_given_up(worker, connection, worker->config->retries, now)) {
        give_up(worker, connection, now);
        return;
    }
    count_timeout(worker, connection, now);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_PROBE, connection->probes,
                         tpa_tcp_rto(worker, connection), 0, 0);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_PROBE);
}

/* RFC 6298 sections 5.4 to 5.6, RFC 5681 section 3.1. */
static void retransmission_timeout(struct tpa_tcp_worker *worker,
                                   struct tpa_tcp_connection *connection, uint64_t now)
{
    if (is_given_up(worker, connection, worker->config->retries, now)) {
        give_up(worker, connection, now);
        return;
    }
    tpa_tcp_recover_from_timeout(worker, connection, now);
    count_retransmission_timeout(worker, connection, now);
}

static void retransmit_timer_expired(struct tpa_tcp_worker *worker,
                                     struct tpa_tcp_connection *connection, uint64_t now)
{
    connection->retransmit_deadline = 0;
    if (!tpa_tcp_is_synchronized(connection))
        handshake_timeout(worker, connection, now);
    else if (connection->snd_wnd == 0 || tpa_tcp_outstanding(connection) == 0)
        persist_timeout(worker, connection, now);
    else
        retransmission_timeout(worker, connection, now);
}

static void loss_timer_expired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t now)
{
    connection->loss_deadline = 0;
    if (connection->loss_flags & TPA_TCP_LOSS_PROBE_TIMER)
        tpa_tcp_loss_probe_expired(worker, connection, now);
    else
        tpa_tcp_recover_overtaken(worker, connection, now);
}

/* RFC 9293 3.8.4. Where something is outstanding the retransmission timer finds out on its own. */
static void keepalive_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    uint64_t idle = (uint64_t)connection->keepalive << TPA_TCP_SLOW_SHIFT;
    uint64_t elapsed = tpa_tcp_coarse_elapsed(connection->last_received, now);

    if (connection->keepalive == 0)
        return;
    if (connection->retransmit_deadline != 0) {
        tpa_tcp_start_state_timer(worker, connection, idle, now);
        return;
    }
    if (elapsed < idle) {
        tpa_tcp_start_state_timer(worker, connection, idle - elapsed, now);
        return;
    }
    if (connection->probes >= worker->config->keepalive_probes) {
        give_up(worker, connection, now);
        return;
    }
    connection->probes++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_KEEPALIVE, connection->probes,
                         worker->config->keepalive_probes, worker->config->keepalive_interval, 0);
    tpa_tcp_start_state_timer(worker, connection, worker->config->keepalive_interval, now);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_KEEPALIVE);
}

void tpa_tcp_start_orphan_timer(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection, uint64_t now)
{
    uint64_t limit = connection->state == TPA_TCP_FIN_WAIT_2 ? worker->config->fin_wait_2
                                                             : worker->config->orphan_timeout;

    tpa_tcp_start_state_timer(worker, connection, limit, now);
}

/* RFC 6429: a peer that answers probes could keep what waits for ever, and there is nobody left to
 * give it up. A window that is open is R2's concern. */
static void orphan_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           uint64_t now)
{
    uint64_t elapsed = tpa_tcp_coarse_elapsed(connection->progress, now);
    uint64_t limit = worker->config->orphan_timeout;

    if (connection->state == TPA_TCP_FIN_WAIT_2)
        tpa_tcp_terminate(worker, connection, TPA_OK, now);
    else if (connection->snd_wnd == 0 && elapsed >= limit)
        tpa_tcp_terminate_with_reset(worker, connection, TPA_ETIMEDOUT, now);
    else
        tpa_tcp_start_state_timer(worker, connection, elapsed < limit ? limit - elapsed : limit,
                                  now);
}

static void state_timer_expired(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection, uint64_t now)
{
    connection->state_deadline = 0;
    if (connection->state == TPA_TCP_TIME_WAIT)
        tpa_tcp_terminate(worker, connection, TPA_OK, now);
    else if (connection->flags & TPA_TCP_ORPHAN)
        orphan_timeout(worker, connection, now);
    else
        keepalive_timeout(worker, connection, now);
}

static void ack_timer_expired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    connection->ack_deadline = 0;
    worker->counters.acks_delayed++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_DELAYED_ACK,
                         worker->config->delayed_ack, connection->rcv_nxt, 0, 0);
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}

static void rearm(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                  uint64_t now)
{
    if (connection->ack_deadline != 0)
        tpa_tcp_arm(worker, connection, tpa_tcp_fine_nanoseconds(connection->ack_deadline, now));
    if (connection->retransmit_deadline != 0)
        tpa_tcp_arm(worker, connection,
                    tpa_tcp_fine_nanoseconds(connection->retransmit_deadline, now));
    if (connection->loss_deadline != 0)
        tpa_tcp_arm(worker, connection, tpa_tcp_fine_nanoseconds(connection->loss_deadline, now));
    if (connection->state_deadline != 0)
        tpa_tcp_arm(worker, connection,
                    tpa_tcp_coarse_nanoseconds(connection->state_deadline, now));
}

static bool is_late(uint32_t deadline, uint64_t now)
{
    return tpa_tcp_fine_due(deadline, now) &&
           now - tpa_tcp_fine_nanoseconds(deadline, now) >= TPA_TCP_STALL;
}

/* The worker stood still: what is due has to wait for what has arrived. But not twice in a row: who
 * is always late must act at last. */
static bool is_given_a_moment(struct tpa_tcp_connection *connection, uint64_t now)
{
    uint32_t moment = tpa_tcp_fine_deadline(now + TPA_TCP_STALL_GRACE);

    if ((connection->loss_flags & TPA_TCP_LOSS_LATE) != 0 ||
        (!is_late(connection->loss_deadline, now) &&
         !is_late(connection->retransmit_deadline, now))) {
        connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_LATE;
        return false;
    }
    connection->loss_flags |= TPA_TCP_LOSS_LATE;
    if (tpa_tcp_fine_due(connection->loss_deadline, now))
        connection->loss_deadline = moment;
    if (tpa_tcp_fine_due(connection->retransmit_deadline, now))
        connection->retransmit_deadline = moment;
    return true;
}

static void repair_timers_expired(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, uint64_t now)
{
    if (is_given_a_moment(connection, now))
        return;
    if (tpa_tcp_fine_due(connection->loss_deadline, now))
        loss_timer_expired(worker, connection, now);
    if (tpa_tcp_fine_due(connection->retransmit_deadline, now))
        retransmit_timer_expired(worker, connection, now);
}

static void timer_expired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now)
{
    if (tpa_tcp_fine_due(connection->ack_deadline, now))
        ack_timer_expired(worker, connection, now);
    repair_timers_expired(worker, connection, now);
    if (tpa_tcp_coarse_due(connection->state_deadline, now))
        state_timer_expired(worker, connection, now);
    rearm(worker, connection, now);
    if (TPA_BASE_UNLIKELY(connection->delivery != NULL))
        tpa_tcp_pacing_expired(worker, connection, now);
}

void tpa_tcp_expire(struct tpa_tcp_worker *worker, uint64_t now)
{
    for (int i = 0; i < EXPIRE_MAX; i++) {
        struct tpa_timer *timer = tpa_timer_wheel_next_expired(worker->wheel, now);

        if (timer == NULL)
            return;
        timer_expired(worker, TPA_BASE_CONTAINER_OF(timer, struct tpa_tcp_connection, timer), now);
    }
}
