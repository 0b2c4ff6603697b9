/*
 * Recoveries and time-outs that prove to have been for nothing: nothing was lost, it was only late.
 * Known by a timestamp's echo (Eifel, RFC 3522), by what arrives after a time-out although it was
 * not sent again (F-RTO, RFC 5682), or by all retransmissions being reported as duplicates (RFC
 * 3708 with D-SACK, RFC 2883). The answer is RFC 4015's: congestion control gets back what it had.
 */
#ifndef TPA_TCP_UNDO_H
#define TPA_TCP_UNDO_H

#include "machine.h"

/* A recovery begins: `timeout`, or fast. */
void tpa_tcp_undo_begin(struct tpa_tcp_connection *connection, bool timeout);

/* `length` bytes are sent again, in a recovery. */
void tpa_tcp_undo_retransmitted(struct tpa_tcp_connection *connection, uint32_t length,
                                uint64_t now);

/* An acknowledgement came. True: the recovery was for nothing, which is to be undone. */
bool tpa_tcp_undo_is_due(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_segment *segment,
                         const struct tpa_tcp_flight_acked *acked, bool duplicate);

/* F-RTO: only new data may be sent for now. */
static inline bool tpa_tcp_undo_holds_back(const struct tpa_tcp_connection *connection)
{
    return (connection->loss_flags & TPA_TCP_LOSS_FRTO_SECOND) != 0;
}

#endif
