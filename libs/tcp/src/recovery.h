/*
 * Loss recovery: which acknowledgements say that something was lost, and until when that is being
 * repaired. What is lost stands in the flight; output sends it again.
 */
#ifndef TPA_TCP_RECOVERY_H
#define TPA_TCP_RECOVERY_H

#include "machine.h"

/* An acceptable acknowledgement was taken into the flight. `duplicate`: it is one by RFC 5681, or
 * with SACK by RFC 6675. */
void tpa_tcp_recover(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_flight_acked *acked, bool duplicate, uint64_t now);

#endif
