/* Loss found by the time of sending: RFC 8985 section 6. */
#ifndef TPA_TCP_RACK_H
#define TPA_TCP_RACK_H

#include "machine.h"

/* RACK.reo_wnd_persist: recoveries without a D-SACK until a widened window is forgotten. */
#define TPA_TCP_REORDERING_PERSIST 16

/* Steps 2 to 4: an acknowledgement was taken into the flight. */
void tpa_tcp_rack_update(struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_flight_acked *acked, uint64_t now);

/* Step 5: marks what is lost by now, and starts the timer for what may be soon. Returns the bytes
 * newly lost. */
uint32_t tpa_tcp_rack_detect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now);

/* Section 6.3: the retransmission timer expired. */
void tpa_tcp_rack_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t now);

/* Fast recovery, or that of a time-out, ended. */
void tpa_tcp_rack_recovered(struct tpa_tcp_connection *connection);

#endif
