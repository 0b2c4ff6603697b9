#include "undo.h"

#define FRTO (TPA_TCP_LOSS_FRTO_FIRST | TPA_TCP_LOSS_FRTO_SECOND)

static bool has_flag(const struct tpa_tcp_connection *connection, unsigned int flag)
{
    return (connection->loss_flags & flag) != 0;
}

static void set_flags(struct tpa_tcp_connection *connection, unsigned int set, unsigned int clear)
{
    connection->loss_flags = (uint16_t)((connection->loss_flags & ~clear) | set);
}

void tpa_tcp_undo_begin(struct tpa_tcp_connection *connection, bool timeout)
{
    set_flags(connection, TPA_TCP_LOSS_UNDO | (timeout ? TPA_TCP_LOSS_FRTO_FIRST : 0),
              TPA_TCP_LOSS_STAMPED | FRTO);
    connection->undo_from = connection->flight.una;
    connection->undo_pending = 0;
}

/* Only the first retransmission tells by its time: later ones overtake the answers to earlier. */
void tpa_tcp_undo_retransmitted(struct tpa_tcp_connection *connection, uint32_t length,
                                uint64_t now)
{
    if (has_flag(connection, TPA_TCP_LOSS_UNDO) && connection->undo_pending == 0 &&
        (connection->flags & TPA_TCP_USES_TIMESTAMPS) != 0) {
        set_flags(connection, TPA_TCP_LOSS_STAMPED, 0);
        connection->undo_timestamp = tpa_tcp_timestamp(connection->ts_offset, now);
    }
    connection->undo_pending += length;
}

/* RFC 3522 section 3.2, steps 4 and 5: the first acknowledgement of new data echoes an older
 * timestamp than the retransmission's, so it was made by the original. */
static bool is_told_by_timestamp(struct tpa_tcp_connection *connection,
                                 const struct tpa_tcp_segment *segment,
                                 const struct tpa_tcp_flight_acked *acked)
{
    if (!has_flag(connection, TPA_TCP_LOSS_STAMPED) || acked->acked == 0)
        return false;
    set_flags(connection, 0, TPA_TCP_LOSS_STAMPED);
    return segment->has_timestamp &&
           tpa_base_seq_lt(segment->timestamp_echo, connection->undo_timestamp);
}

/* Every byte that was sent again arrived twice. A window's worth behind the recovery nothing of it
 * is under way any more: what is reported then has other reasons. */
static bool is_told_by_duplicates(struct tpa_tcp_connection *connection,
                                  const struct tpa_tcp_flight_acked *acked)
{
    const struct tpa_tcp_sack_block *block = &acked->duplicate_block;
    int32_t behind = tpa_base_seq_diff(connection->flight.una, connection->recovery_point);

    if (!acked->duplicate || connection->undo_pending == 0)
        return false;
    if (behind > 0 && (uint32_t)behind > connection->window.cwnd) {
        set_flags(connection, 0, TPA_TCP_LOSS_UNDO);
        return false;
    }
    if (tpa_base_seq_lt(block->left, connection->undo_from) ||
        tpa_base_seq_gt(block->right, connection->recovery_point))
        return false;
    connection->undo_pending -= TPA_BASE_MIN(connection->undo_pending, block->right - block->left);
    return connection->undo_pending == 0;
}

/* RFC 5682 section 2.1, step 2, and 3.1 for SACK: new data instead of retransmissions, if there is
 * any and nothing else is under way. */
static bool may_probe(const struct tpa_tcp_connection *connection)
{
    int32_t room =
        tpa_base_seq_diff(connection->flight.una + connection->snd_wnd, connection->flight.nxt);

    return tpa_tcp_unsent(connection) >= connection->window.mss &&
           room >= (int32_t)connection->window.mss && tpa_tcp_flight_pipe(&connection->flight) == 0;
}

static void first_acknowledgement(struct tpa_tcp_connection *connection,
                                  const struct tpa_tcp_flight_acked *acked, bool duplicate)
{
    bool uses_sack = (connection->flags & TPA_TCP_USES_SACK) != 0;

    if (acked->acked != 0)
        set_flags(connection, may_probe(connection) ? TPA_TCP_LOSS_FRTO_SECOND : 0, FRTO);
    else if (duplicate && !uses_sack)
        set_flags(connection, 0, FRTO);
}

/* Step 3: what is news now was sent before the time-out, and only then; or it was not. */
static bool is_told_by_frto(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_flight_acked *acked, bool duplicate)
{
    if (has_flag(connection, TPA_TCP_LOSS_FRTO_FIRST)) {
        first_acknowledgement(connection, acked, duplicate);
        return false;
    }
    if (!has_flag(connection, TPA_TCP_LOSS_FRTO_SECOND))
        return false;
    if (acked->original)
        return true;
    if (acked->delivered != 0 || duplicate) {
        set_flags(connection, 0, FRTO);
        tpa_tcp_schedule(worker, connection);
    }
    return false;
}

bool tpa_tcp_undo_is_due(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_segment *segment,
                         const struct tpa_tcp_flight_acked *acked, bool duplicate)
{
    bool is_due;

    if (!has_flag(connection, TPA_TCP_LOSS_UNDO))
        return false;
    is_due = is_told_by_timestamp(connection, segment, acked) ||
             is_told_by_duplicates(connection, acked) ||
             is_told_by_frto(worker, connection, acked, duplicate);
    if (is_due)
        set_flags(connection, 0, TPA_TCP_LOSS_UNDO | TPA_TCP_LOSS_STAMPED | FRTO);
    return is_due;
}
