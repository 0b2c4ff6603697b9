/*
 * Loss recovery: which acknowledgements say that something was lost, and until when that is being
 * repaired. What is lost stands in the flight; output sends it again.
 */
#ifndef TPA_TCP_RECOVERY_H
#define TPA_TCP_RECOVERY_H

#include "machine.h"

/* What the flight is to know before it takes the acknowledgement of `segment` in. */
void tpa_tcp_prepare_acked(const struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_segment *segment,
                           struct tpa_tcp_flight_acked *acked, uint64_t now);

/* An acceptable acknowledgement was taken into the flight. `duplicate`: it is one by RFC 5681, or
 * with SACK by RFC 6675. */
void tpa_tcp_recover(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_segment *segment,
                     const struct tpa_tcp_flight_acked *acked, bool duplicate, uint64_t now);

/* RACK's reordering timer expired. */
void tpa_tcp_recover_overtaken(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t now);

/* The retransmission timer expired. */
void tpa_tcp_recover_from_timeout(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, uint64_t now);

/* What fast recovery sends by (PRR); NULL where the congestion window alone counts: in other
 * states, without SACK, and for an algorithm that has no ssthresh. */
static inline struct tpa_tcp_prr *tpa_tcp_prr_of(const struct tpa_tcp_connection *connection)
{
    struct tpa_tcp_flight_notes *notes;

    if (connection->recovery != TPA_TCP_RECOVERY_FAST || !(connection->flags & TPA_TCP_USES_SACK) ||
        connection->window.ssthresh == TPA_TCP_SSTHRESH_INFINITE)
        return NULL;
    notes = tpa_tcp_flight_notes(&connection->flight);
    return notes != NULL ? &notes->prr : NULL;
}

#endif
