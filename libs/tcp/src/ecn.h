/*
 * Explicit congestion notification (RFC 3168): what the SYNs agree on, what of a segment that goes
 * out says so, and what comes of marks that come in.
 *
 * A control that counts marks (struct tpa_tcp_congestion: counts_marks) makes its connection an
 * exact one, RFC 8257: each mark is echoed by the bytes that it stood on, and all segments of the
 * established connection are ECN-capable.
 */
#ifndef TPA_TCP_ECN_H
#define TPA_TCP_ECN_H

#include "machine.h"

/* The two low bits of the traffic class (RFC 3168 section 5). */
enum {
    TPA_TCP_IP_ECN_MASK = 3,
    TPA_TCP_IP_ECN_NOT_ECT = 0,
    TPA_TCP_IP_ECN_ECT0 = 2,
    TPA_TCP_IP_ECN_CE = 3,
};

enum tpa_tcp_ecn_flag {
    /* What the handshake has seen. */
    TPA_TCP_ECN_ASKED = 1 << 0, /* a SYN of ours asked for it */
    TPA_TCP_ECN_PLAIN =
        1 << 1, /* and a later one didn't: it may have been why the first got lost */
    /* What it agreed on. */
    TPA_TCP_ECN_ECHO = 1 << 2,    /* marks that arrive are echoed */
    TPA_TCP_ECN_CAPABLE = 1 << 3, /* data goes out as ECT(0), and echoes reduce the window */
    /* The receiver. */
    TPA_TCP_ECN_SEND_ECE = 1 << 4, /* until CWR comes */
    TPA_TCP_ECN_MARKED = 1 << 5,   /* the last data was marked (RFC 8257's DCTCP.CE) */
    /* The sender. */
    TPA_TCP_ECN_SEND_CWR = 1 << 6, /* with the next new data */
    TPA_TCP_ECN_REDUCED = 1 << 7,  /* ecn_end holds: the window was reduced, for whatever reason */
};

/* The flags of a SYN or SYN-ACK that is about to be sent; `again`: it was sent before. */
uint8_t tpa_tcp_ecn_syn_flags(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection, bool again);

/* A SYN or SYN-ACK came, the first or once more: what it agrees to (section 6.1.1). */
void tpa_tcp_ecn_syn_received(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection,
                              const struct tpa_tcp_segment *syn);
void tpa_tcp_ecn_syn_repeated(struct tpa_tcp_connection *connection,
                              const struct tpa_tcp_segment *syn);

/* ECE for a segment with an ACK that is about to be sent, or 0. */
uint8_t tpa_tcp_ecn_ack_flags(const struct tpa_tcp_connection *connection);

/* Bytes at the end of what is to be acknowledged that are to be told of as marked, by an ACK of
 * their own, behind one for what stands before them; 0: one ACK says it all (RFC 8257 section 3.2:
 * two at most, for a whole burst of segments). */
uint32_t tpa_tcp_ecn_marked_apart(const struct tpa_tcp_connection *connection);

/* An ACK of all up to rcv_nxt was sent. */
static inline void tpa_tcp_ecn_ack_sent(struct tpa_tcp_connection *connection)
{
    connection->ecn_marked = 0;
}

/* CWR for new data that is about to be sent, once; or 0. */
uint8_t tpa_tcp_ecn_take_cwr(struct tpa_tcp_connection *connection);

/* The codepoint of a segment: `new_data`: with text, for the first time, and no window probe. */
uint8_t tpa_tcp_ecn_codepoint(const struct tpa_tcp_connection *connection, bool new_data);

/* The window was reduced for a loss, or that has proved to be for nothing. */
void tpa_tcp_ecn_window_reduced(struct tpa_tcp_connection *connection);
void tpa_tcp_ecn_window_restored(struct tpa_tcp_connection *connection);

/* An acceptable segment, as its receiver sees it; before its text is taken. */
void tpa_tcp_ecn_receive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         const struct tpa_tcp_segment *segment);

/* The segment echoes a mark. */
static inline bool tpa_tcp_ecn_is_echo(const struct tpa_tcp_connection *connection,
                                       const struct tpa_tcp_segment *segment)
{
    return (connection->ecn & TPA_TCP_ECN_CAPABLE) != 0 &&
           (segment->flags & (TPA_TCP_ECE | TPA_TCP_SYN)) == TPA_TCP_ECE;
}

/* The echo of a mark came with an acknowledgement in range, which was taken; `in_flight` before.
 * Reduces the window, if that is due. */
void tpa_tcp_ecn_echoed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        uint32_t in_flight, uint64_t now);

/* Data was acknowledged: what is known of the last reduction may be over. */
static inline void tpa_tcp_ecn_acknowledged(struct tpa_tcp_connection *connection)
{
    if ((connection->ecn & TPA_TCP_ECN_REDUCED) != 0 &&
        tpa_base_seq_gt(connection->flight.una, connection->ecn_end))
        connection->ecn &= (uint16_t)~TPA_TCP_ECN_REDUCED;
}

#endif
