/*
 * Proportional Rate Reduction (RFC 6937, and RFC 9937 that follows it): how much may be sent in
 * fast recovery for each acknowledgement, so that the flight goes down to ssthresh evenly.
 */
#ifndef TPA_TCP_PRR_H
#define TPA_TCP_PRR_H

#include <stdbool.h>
#include <stdint.h>

/* Of one recovery. Bytes. */
struct tpa_tcp_prr {
    uint32_t delivered; /* prr_delivered: since recovery began */
    uint32_t out;       /* prr_out: sent since */
    uint32_t ratio;     /* ssthresh / RecoverFS, in 1/65,536, rounded up */
    uint32_t room;      /* sndcnt, less what was sent of it */
};

/* Recovery begins with `flight` bytes outstanding that no SACK had reported (RecoverFS). The
 * acknowledgement that made it begin is told to tpa_tcp_prr_acknowledged, too. */
void tpa_tcp_prr_begin(struct tpa_tcp_prr *prr, uint32_t flight, uint32_t ssthresh);

/*
 * An acknowledgement in recovery delivered `delivered` bytes. `pipe` is what is in the network now,
 * `safe`: snd_una advanced, and no more loss was found (SafeACK).
 */
void tpa_tcp_prr_acknowledged(struct tpa_tcp_prr *prr, uint32_t delivered, uint32_t pipe,
                              uint32_t ssthresh, uint32_t mss, bool safe);

/* `lost` bytes were found to be lost without an acknowledgement: they make room, up to ssthresh,
 * and for one segment in any case. */
void tpa_tcp_prr_lost(struct tpa_tcp_prr *prr, uint32_t lost, uint32_t pipe, uint32_t ssthresh,
                      uint32_t mss);

/* `length` bytes are sent, new ones or again. */
void tpa_tcp_prr_sent(struct tpa_tcp_prr *prr, uint32_t length);

#endif
