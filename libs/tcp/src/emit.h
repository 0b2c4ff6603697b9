/*
 * Segments of a connection, from header to packet. Each call adds one packet to the burst, or
 * returns false (0) when the pool or a slab is empty: then nothing has changed.
 */
#ifndef TPA_TCP_EMIT_H
#define TPA_TCP_EMIT_H

#include "machine.h"

/* What tpa_tcp_output is filling. */
struct tpa_tcp_burst {
    struct tpa_tcp_worker *worker;
    struct rte_mbuf **packets;
    uint16_t count;
    uint16_t max;
    uint32_t segments; /* that may still be made, as on the wire */
    uint64_t now;
};

static inline bool tpa_tcp_burst_is_full(const struct tpa_tcp_burst *burst)
{
    return burst->count == burst->max || burst->segments == 0;
}

/* SYN, or in SYN-RECEIVED SYN-ACK. */
bool tpa_tcp_emit_syn(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection);

/* An ACK without text at `sequence` (SND.NXT, or one less for a keepalive probe), with SACK blocks.
 */
bool tpa_tcp_emit_ack(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                      uint32_t sequence);

/* An ACK of what stands before tpa_tcp_ecn_marked_apart(), which has to be more than 0. */
bool tpa_tcp_emit_unmarked_ack(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection);

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>, with which a connection ends. */
bool tpa_tcp_emit_reset(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection);

/* <SEQ=sequence><CTL=RST>, to a segment that was wrong while the handshake lasts. */
bool tpa_tcp_emit_reset_reply(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                              uint32_t sequence);

/*
 * `length` (> 0) numbers from SND.NXT on: text, and the FIN behind it if they reach that far. What
 * is longer than the MSS becomes a super-frame. Returns the numbers sent, which may be fewer where
 * the packet would have too many segments.
 */
uint32_t tpa_tcp_emit_new(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                          uint32_t length);

/* The same for numbers that were sent before. */
uint32_t tpa_tcp_emit_again(struct tpa_tcp_burst *burst, struct tpa_tcp_connection *connection,
                            uint32_t sequence, uint32_t length);

#endif
