#include "ecn.h"

#include <tpa/tcp/congestion.h>

static bool has(const struct tpa_tcp_connection *connection, unsigned int flag)
{
    return (connection->ecn & flag) != 0;
}

static void set(struct tpa_tcp_connection *connection, unsigned int flags)
{
    connection->ecn = (uint16_t)(connection->ecn | flags);
}

static void clear(struct tpa_tcp_connection *connection, unsigned int flags)
{
    connection->ecn = (uint16_t)(connection->ecn & ~flags);
}

static bool counts_marks(const struct tpa_tcp_connection *connection)
{
    return connection->window.algorithm->counts_marks;
}

/* Each mark is echoed by the bytes that it stood on. */
static bool is_exact(const struct tpa_tcp_connection *connection)
{
    return has(connection, TPA_TCP_ECN_ECHO) && counts_marks(connection);
}

/* ---- The handshake: section 6.1.1 ---- */

static bool asks(const struct tpa_tcp_worker *worker, const struct tpa_tcp_connection *connection)
{
    if (counts_marks(connection))
        return worker->config->ecn != TPA_TCP_ECN_OFF;
    return worker->config->ecn == TPA_TCP_ECN_ASK;
}

/* Section 6.1.1.1: a SYN that asked and was lost is sent again without. */
uint8_t tpa_tcp_ecn_syn_flags(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection, bool again)
{
    if (connection->state == TPA_TCP_SYN_RECEIVED)
        return has(connection, TPA_TCP_ECN_ECHO) ? TPA_TCP_ECE : 0;
    if (!again && asks(worker, connection)) {
        set(connection, TPA_TCP_ECN_ASKED);
        return TPA_TCP_ECE | TPA_TCP_CWR;
    }
    set(connection, TPA_TCP_ECN_PLAIN);
    return 0;
}

/* "ECN-setup": both flags in a SYN, ECE alone in a SYN-ACK. */
static bool is_setup(const struct tpa_tcp_segment *syn)
{
    const uint8_t both = TPA_TCP_ECE | TPA_TCP_CWR;

    return (syn->flags & both) == (syn->flags & TPA_TCP_ACK ? TPA_TCP_ECE : both);
}

void tpa_tcp_ecn_syn_received(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection,
                              const struct tpa_tcp_segment *syn)
{
    bool passive = (connection->flags & TPA_TCP_PASSIVE) != 0;
    bool is_willing =
        passive ? worker->config->ecn != TPA_TCP_ECN_OFF : has(connection, TPA_TCP_ECN_ASKED);
    bool has_sent_plain = has(connection, TPA_TCP_ECN_PLAIN);

    if (!is_willing || !is_setup(syn))
        return;
    /* Who has sent a SYN without it sends no ECT, but echoes: the peer has answered the other. */
    if (!has_sent_plain)
        set(connection, TPA_TCP_ECN_ECHO | TPA_TCP_ECN_CAPABLE);
    else if (syn->flags & TPA_TCP_ACK)
        set(connection, TPA_TCP_ECN_ECHO);
}

/* The peer has fallen back. */
void tpa_tcp_ecn_syn_repeated(struct tpa_tcp_connection *connection,
                              const struct tpa_tcp_segment *syn)
{
    if (!is_setup(syn))
        clear(connection, TPA_TCP_ECN_CAPABLE | TPA_TCP_ECN_ECHO);
}

/* ---- What goes out ---- */

uint8_t tpa_tcp_ecn_ack_flags(const struct tpa_tcp_connection *connection)
{
    bool echo = has(connection, TPA_TCP_ECN_SEND_ECE);

    if (is_exact(connection))
        echo = connection->ecn_marked != 0 || (connection->rcv_acked == connection->rcv_nxt &&
                                               has(connection, TPA_TCP_ECN_MARKED));
    return echo ? TPA_TCP_ECE : 0;
}

uint32_t tpa_tcp_ecn_marked_apart(const struct tpa_tcp_connection *connection)
{
    uint32_t unacknowledged = connection->rcv_nxt - connection->rcv_acked;

    return is_exact(connection) && connection->ecn_marked < unacknowledged ? connection->ecn_marked
                                                                           : 0;
}

uint8_t tpa_tcp_ecn_take_cwr(struct tpa_tcp_connection *connection)
{
    if (!has(connection, TPA_TCP_ECN_SEND_CWR))
        return 0;
    clear(connection, TPA_TCP_ECN_SEND_CWR);
    return TPA_TCP_CWR;
}

/* Sections 6.1.2, and 6.1.4 to 6.1.6. In RFC 8257's network a queue that begins to mark drops what
 * isn't capable: there all of an established connection is. */
uint8_t tpa_tcp_ecn_codepoint(const struct tpa_tcp_connection *connection, bool new_data)
{
    bool is_wanted = new_data || (counts_marks(connection) && tpa_tcp_is_synchronized(connection));

    return is_wanted && has(connection, TPA_TCP_ECN_CAPABLE) ? TPA_TCP_IP_ECN_ECT0
                                                             : TPA_TCP_IP_ECN_NOT_ECT;
}

/* ---- The receiver: section 6.1.3 ---- */

static void receive_exactly(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_segment *segment, bool marked)
{
    if (marked)
        connection->ecn_marked += segment->length;
    if (marked == has(connection, TPA_TCP_ECN_MARKED))
        return;
    connection->ecn ^= TPA_TCP_ECN_MARKED;
    tpa_tcp_send_flag(worker, connection, TPA_TCP_SEND_ACK);
}

void tpa_tcp_ecn_receive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_segment *segment)
{
    bool marked = (segment->traffic_class & TPA_TCP_IP_ECN_MASK) == TPA_TCP_IP_ECN_CE;

    if (segment->length == 0 || !has(connection, TPA_TCP_ECN_ECHO))
        return;
    worker->counters.marked_segments += marked;
    if (is_exact(connection)) {
        receive_exactly(worker, connection, segment, marked);
        return;
    }
    if (segment->flags & TPA_TCP_CWR)
        clear(connection, TPA_TCP_ECN_SEND_ECE);
    if (marked)
        set(connection, TPA_TCP_ECN_SEND_ECE);
}

/* ---- The sender: section 6.1.2 ---- */

void tpa_tcp_ecn_window_reduced(struct tpa_tcp_connection *connection)
{
    if (!has(connection, TPA_TCP_ECN_CAPABLE))
        return;
    connection->ecn_end = connection->flight.nxt;
    set(connection, TPA_TCP_ECN_REDUCED | TPA_TCP_ECN_SEND_CWR);
}

void tpa_tcp_ecn_window_restored(struct tpa_tcp_connection *connection)
{
    clear(connection, TPA_TCP_ECN_REDUCED | TPA_TCP_ECN_SEND_CWR);
}

void tpa_tcp_ecn_echoed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        uint32_t in_flight, uint64_t now)
{
    struct tpa_tcp_window *window = &connection->window;

    /* Once for each window of data; a recovery has reduced it, too. */
    if (has(connection, TPA_TCP_ECN_REDUCED) || connection->recovery != TPA_TCP_RECOVERY_NONE ||
        in_flight == 0)
        return;
    tpa_tcp_window_on_ecn(window, TPA_BASE_MIN(in_flight, window->cwnd), now);
    tpa_tcp_ecn_window_reduced(connection);
    worker->counters.mark_reductions++;
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_CONGESTION_MARK,
                         connection->ecn_end, window->cwnd, window->ssthresh, in_flight);
}
