/*
 * The tail loss probe of RFC 8985 section 7: when nothing was heard for two round trips, one
 * segment is sent so that the peer's answer tells what was lost, and the time-out isn't waited for.
 */
#include "ecn.h"
#include "machine.h"

/* TLP_calc_PTO() without a measurement of the round trip. */
#define TPA_TCP_PROBE_TIMEOUT_INITIAL UINT64_C(1000000000)

static bool has_flag(const struct tpa_tcp_connection *connection, unsigned int flag)
{
    return (connection->loss_flags & flag) != 0;
}

static void set_flags(struct tpa_tcp_connection *connection, unsigned int set, unsigned int clear)
{
    connection->loss_flags = (uint16_t)((connection->loss_flags & ~clear) | set);
}

/* Section 7.2: there is something that a probe could help, and no better news of it. */
static bool is_wanted(const struct tpa_tcp_connection *connection)
{
    return connection->recovery == TPA_TCP_RECOVERY_NONE && connection->flight.sacked == 0 &&
           connection->flight.lost == 0 && tpa_tcp_outstanding(connection) != 0 &&
           connection->snd_wnd != 0;
}

/* Section 7.3: no other one is under way, and there was a measurement since the last. */
static bool is_allowed(const struct tpa_tcp_connection *connection)
{
    return !has_flag(connection, TPA_TCP_LOSS_PROBE_SENT | TPA_TCP_LOSS_PROBE_RESTS);
}

/* TLP_calc_PTO(), but for the bound by the retransmission time-out. */
static uint64_t probe_timeout(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_connection *connection)
{
    uint64_t timeout = TPA_TCP_PROBE_TIMEOUT_INITIAL;

    if (connection->rtt.srtt != 0)
        timeout = 2 * tpa_tcp_rtt_smoothed_nanoseconds(&connection->rtt);
    if (tpa_tcp_outstanding(connection) <= tpa_tcp_last_segment_max(connection))
        timeout += worker->config->max_ack_delay;
    return timeout;
}

void tpa_tcp_schedule_loss_probe(struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection, uint64_t now)
{
    uint32_t deadline;

    if (!tpa_tcp_uses_rack(worker, connection))
        return;
    if (!is_wanted(connection) || !is_allowed(connection) || connection->retransmit_deadline == 0) {
        if (has_flag(connection, TPA_TCP_LOSS_PROBE_TIMER)) {
            connection->loss_deadline = 0;
            set_flags(connection, 0, TPA_TCP_LOSS_PROBE_TIMER);
        }
        return;
    }
    deadline = tpa_tcp_fine_deadline(now + probe_timeout(worker, connection));
    if ((int32_t)(deadline - connection->retransmit_deadline) > 0)
        deadline = connection->retransmit_deadline;
    connection->loss_deadline = deadline;
    set_flags(connection, TPA_TCP_LOSS_PROBE_TIMER, 0);
    tpa_tcp_arm(worker, connection, tpa_tcp_fine_nanoseconds(deadline, now));
}

void tpa_tcp_loss_probe_expired(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection, uint64_t now)
{
    set_flags(connection, 0, TPA_TCP_LOSS_PROBE_TIMER);
    if (!is_wanted(connection) || !is_allowed(connection))
        return;
    set_flags(connection, TPA_TCP_LOSS_SEND_PROBE, 0);
    /* The probe comes instead of a time-out that is due now. */
    tpa_tcp_start_retransmit_timer(worker, connection, now);
    tpa_tcp_schedule(worker, connection);
}

bool tpa_tcp_loss_probe_is_due(const struct tpa_tcp_connection *connection)
{
    return has_flag(connection, TPA_TCP_LOSS_SEND_PROBE) && is_wanted(connection);
}

void tpa_tcp_loss_probe_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             bool again, uint64_t now)
{
    connection->probe_end = connection->flight.nxt;
    set_flags(connection,
              TPA_TCP_LOSS_PROBE_SENT | TPA_TCP_LOSS_PROBE_RESTS |
                  (again ? TPA_TCP_LOSS_PROBE_OLD : 0),
              TPA_TCP_LOSS_PROBE_OLD | TPA_TCP_LOSS_SEND_PROBE);
    worker->counters.loss_probes++;
    tpa_tcp_start_retransmit_timer(worker, connection, now);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_LOSS_PROBE, connection->probe_end,
                         again, tpa_tcp_outstanding(connection), connection->window.cwnd);
}

/* The probe was a retransmission, and something behind it is acknowledged without a word of a
 * duplicate: it has repaired a loss, to which congestion control is to answer. */
static void repaired(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;
    uint32_t outstanding = tpa_tcp_outstanding(connection);

    worker->counters.loss_probe_repairs++;
    if (connection->recovery != TPA_TCP_RECOVERY_NONE)
        return;
    window->algorithm->on_loss_event(window, tpa_tcp_flight_size(connection, window->cwnd), now);
    window->algorithm->on_exit_recovery(window, outstanding, now);
    tpa_tcp_ecn_window_reduced(connection);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_LOSS_PROBE_REPAIRED,
                         connection->probe_end, window->cwnd, window->ssthresh, outstanding);
}

/* Section 7.4.2. */
void tpa_tcp_loss_probe_acknowledged(struct tpa_tcp_worker *worker,
                                     struct tpa_tcp_connection *connection,
                                     const struct tpa_tcp_flight_acked *acked, bool duplicate,
                                     uint64_t now)
{
    uint32_t una = connection->flight.una;

    if (!has_flag(connection, TPA_TCP_LOSS_PROBE_SENT) ||
        tpa_base_seq_lt(una, connection->probe_end))
        return;
    if (has_flag(connection, TPA_TCP_LOSS_PROBE_OLD)) {
        bool told_twice = acked->duplicate && acked->duplicate_block.right == connection->probe_end;

        if (!told_twice && una == connection->probe_end && !duplicate)
            return;
        if (!told_twice && una != connection->probe_end)
            repaired(worker, connection, now);
    }
    set_flags(connection, 0, TPA_TCP_LOSS_PROBE_SENT | TPA_TCP_LOSS_PROBE_OLD);
}
