/*
 * One TCP connection. See tcp.h for the step it lives in.
 *
 * Its life: zeroed memory -> tpa_tcp_connect or tpa_tcp_accept -> ... -> the signal CLOSED (or
 * TIME_WAIT, or the owner's wish) -> tpa_tcp_finish -> the memory is its owner's again.
 */
#ifndef TPA_TCP_CONNECTION_H
#define TPA_TCP_CONNECTION_H

#include <tpa/tcp/tcp.h>

TPA_BASE_DECLARATIONS_BEGIN

/* RFC 9293 3.3.2. LISTEN is no state of a connection here: a listener is its owner's. */
enum tpa_tcp_state {
    TPA_TCP_CLOSED,
    TPA_TCP_SYN_SENT,
    TPA_TCP_SYN_RECEIVED,
    TPA_TCP_ESTABLISHED,
    TPA_TCP_FIN_WAIT_1,
    TPA_TCP_FIN_WAIT_2,
    TPA_TCP_CLOSE_WAIT,
    TPA_TCP_CLOSING,
    TPA_TCP_LAST_ACK,
    TPA_TCP_TIME_WAIT,
};

enum tpa_tcp_signal {
    TPA_TCP_SIGNAL_ESTABLISHED = 1 << 0, /* the handshake is done */
    TPA_TCP_SIGNAL_READABLE = 1 << 1,    /* new data in order */
    TPA_TCP_SIGNAL_END = 1 << 2,         /* the peer's FIN is in order behind the data */
    TPA_TCP_SIGNAL_WRITABLE = 1 << 3,    /* there is room again after a send was refused */
    TPA_TCP_SIGNAL_ERROR = 1 << 4,       /* reset, time-out, refused: tpa_tcp_connection_error() */
    TPA_TCP_SIGNAL_TIME_WAIT = 1 << 5,   /* in TIME-WAIT, the peer's FIN acknowledged, and given up
                                            by its owner, who may exchange it for a struct
                                            tpa_tcp_time_wait and finish it */
    TPA_TCP_SIGNAL_CLOSED = 1 << 6,      /* state CLOSED, last segment sent: nothing more will
                                            happen; the owner takes it out of its tables and
                                            finishes it */
    TPA_TCP_SIGNAL_PROGRESS = 1 << 7,    /* new data was acknowledged: the path works (at most once
                                            a second; RFC 4861 7.3.1) */
    TPA_TCP_SIGNAL_SUSPECT = 1 << 8,     /* R1 retransmissions: the path may be broken (MUST-20) */
};

/* struct tpa_tcp_connection, for its owner to embed; only TCP touches its fields. */
#include <tpa/tcp/connection_layout.h>

/*
 * Active open (RFC 9293 3.10.1): SYN at the next output. `tuple` is read during the call only; its
 * family decides the length of the IP header. `mtu`: of the path, bytes, IP header included. The
 * connection is zeroed here. 0; TPA_EINVAL (an MTU that leaves no room for data), TPA_ENOMEM.
 */
int tpa_tcp_connect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    const struct tpa_tcp_tuple *tuple, uint16_t mtu, uint64_t now);

/*
 * Passive open from a SYN to a listener (RFC 9293 3.10.7.2): state SYN-RECEIVED, SYN-ACK at the
 * next output. Data in the SYN is not taken; the peer sends it again. Doesn't take the packet. 0;
 * TPA_EINVAL (not a bare SYN; MTU), TPA_ENOMEM.
 */
int tpa_tcp_accept(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                   const struct tpa_tcp_segment *syn, uint64_t now);

/*
 * SYN cookies (RFC 4987 section 3.6): a listener that has no room for another half-open connection
 * answers a SYN and remembers nothing. What it has to know is told by the acknowledgement: our
 * initial sequence number is a keyed hash of the tuple, the peer's number and the time, and what
 * the SYN said is in the low bits of our timestamp, which the peer echoes: MSS (rounded down to one
 * of eight), window scale, SACK. Without timestamps it is the MSS alone (one of four), in the
 * number's upper two bits.
 *
 * An acknowledgement that was guessed passes once in 2^32 with an echo of a time at which a cookie
 * is valid, once in 2^29 without timestamps. Nothing but the ACK tells of the connection: if it is
 * lost, the peer's first text does, sent again as often as it takes; a peer that waits for ours
 * waits for ever.
 */
#define TPA_TCP_COOKIE_AGE_MAX UINT64_C(131072000000) /* ns: valid for so long at most */

/* The SYN-ACK to a SYN for `tuple`, for the caller to send. `mtu`: of the way back, IP header
 * included. NULL: the pool is empty, or the MTU leaves no room for data. */
struct rte_mbuf *tpa_tcp_cookie_reply(struct tpa_tcp_worker *worker,
                                      const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                                      const struct tpa_tcp_segment *syn, uint64_t now);

/* Does this segment, which belongs to no connection, acknowledge such a SYN-ACK? True: *syn is the
 * SYN, as far as it is needed. */
bool tpa_tcp_cookie_check(const struct tpa_tcp_worker *worker, const struct tpa_tcp_tuple *tuple,
                          const struct tpa_tcp_segment *segment, struct tpa_tcp_segment *syn,
                          uint64_t now);

/* The connection of a segment that tpa_tcp_cookie_check() found to be right: ESTABLISHED. The
 * segment is its first input. 0; TPA_EINVAL (MTU), TPA_ENOMEM. */
int tpa_tcp_accept_cookie(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                          const struct tpa_tcp_segment *syn, const struct tpa_tcp_segment *ack,
                          uint64_t now);

/* A segment for this connection; takes the packet. RFC 9293 3.10.7.3 and .4. Replies are sent by
 * the next output. */
void tpa_tcp_input(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   struct rte_mbuf *packet, const struct tpa_tcp_segment *segment, uint64_t now);

/* One piece of data to send. */
struct tpa_tcp_send_piece {
    const void *base;
    uint64_t iova;   /* of base; used where `copy` is false */
    uint32_t length; /* bytes, > 0 */
    bool copy;       /* true: copied now; false: read in place until completion */
    void *reference; /* of tpa_mem_registry_hold, or NULL; handed back with the completion */
    void (*done)(void *base, void *parameter); /* NULL = nobody wants to know */
    void *parameter;
};

/*
 * Appends to the send queue (RFC 9293 3.10.2). `atomic`: all pieces or none; else as many whole or
 * partial pieces as fit. Returns bytes taken (> 0; 0 for no pieces), or
 * TPA_EAGAIN   no room, or no memory for now: WRITABLE is signalled later
 * TPA_EMSGSIZE atomic, and more than the send buffer can ever hold
 * TPA_EINVAL   a piece of length 0
 * TPA_ENOTCONN not yet established
 * TPA_EPIPE    closed for sending
 * or the connection's error. On an error nothing is taken and no completion comes. Where a piece is
 * taken in part (not atomic, only its last one), its completion comes for the part: the caller
 * sends the rest as another piece.
 */
int64_t tpa_tcp_send(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     const struct tpa_tcp_send_piece *pieces, unsigned int count, bool atomic,
                     uint64_t now);

/*
 * Takes received data (RFC 9293 3.10.3): fills up to `count` segments, each an mbuf of its own
 * (next is NULL, data_len > 0) that holds nothing but new data. The caller owns them; their memory
 * stays charged to the worker's receive budget until tpa_tcp_release. The window opens by what was
 * taken. Returns segments; 0 = end of stream; TPA_EAGAIN (nothing yet), TPA_ENOTCONN, or the
 * connection's error once the data is used up.
 */
int tpa_tcp_receive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    struct rte_mbuf **segments, unsigned int count, uint64_t now);

/* Puts segments that were taken last and not used back in front, in the same order. */
void tpa_tcp_receive_undo(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          struct rte_mbuf **segments, unsigned int count);

/* Frees a received segment and its charge. The connection may be gone already. */
void tpa_tcp_release(struct tpa_tcp_worker *worker, struct rte_mbuf *segment);

/* Bytes that could be sent or taken now. */
uint32_t tpa_tcp_send_room(const struct tpa_tcp_worker *worker,
                           const struct tpa_tcp_connection *connection);
uint32_t tpa_tcp_receive_pending(const struct tpa_tcp_connection *connection);

/* Half-close: FIN behind the queued data (RFC 9293 3.10.4). Receiving goes on. 0; TPA_ENOTCONN
 * (still in SYN-SENT or SYN-RECEIVED, or closed), TPA_EPIPE (already). */
int tpa_tcp_shutdown(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                     uint64_t now);

/*
 * The owner is done with it. Unread data makes it a reset (RFC 1122 4.2.2.13); else FIN goes out
 * behind the queued data, data that arrives later is answered by a reset, and FIN-WAIT-2 and the
 * wait for a closed window (RFC 6429) are limited in time. Only CLOSED, TIME_WAIT, PROGRESS and
 * SUSPECT are signalled from here on; one of the first two always comes, unless the owner finishes
 * it before. Further calls do nothing.
 */
void tpa_tcp_close(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   uint64_t now);

/* State CLOSED, RST at the next output where a peer knows of us (RFC 9293 3.10.5), then the signal
 * CLOSED. Queued data is given up. */
void tpa_tcp_abort(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   uint64_t now);

/* What waits to be sent faces a closed window, so that its end is the peer's to decide. */
bool tpa_tcp_is_persisting(const struct tpa_tcp_connection *connection);

/* Frees all that the connection holds without a word to the peer; completions still come. Required
 * before the memory is reused, in any state; does nothing to zeroed memory or a second time. */
void tpa_tcp_finish(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);

/*
 * ICMP told that a packet was too big (addresses and ports matched). `sequence`: of the quoted
 * segment; only one that is outstanding is believed (RFC 5927 4.1). True = plausible: segments are
 * cut to `mtu` (at least what mss_min needs, RFC 1191, 8201) and what was lost is sent again.
 */
bool tpa_tcp_path_mtu_changed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint32_t sequence, uint16_t mtu, uint64_t now);

/*
 * ICMP told that the peer can't be reached. `hard`: protocol or port unreachable, prohibited. In
 * SYN-SENT and SYN-RECEIVED a hard one ends the connection (TPA_EREFUSED); everything else is a
 * soft error, remembered as the reason should the connection time out (MUST-56, RFC 5927 6.1).
 */
void tpa_tcp_unreachable(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         uint32_t sequence, bool hard, uint64_t now);

/* Options of one connection. No-delay (no Nagle, MUST-17) is on from the start. Setting it sends
 * what waits at the next output that the connection has. */
void tpa_tcp_set_nodelay(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                         bool on);

/* Idle time before the first probe in ns, up to 19 h, rounded up to 1.07 s; 0 = off. 0; TPA_EINVAL.
 */
int tpa_tcp_set_keepalive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          uint64_t idle, uint64_t now);

/* Exchanges the congestion control, in any state; cwnd and ssthresh stay. 0; TPA_ENOMEM: the old
 * one goes on. */
int tpa_tcp_set_congestion(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                           const struct tpa_tcp_congestion *congestion, uint64_t now);

/* The Diffserv field, 0 .. 63 (MUST-48, SHLD-21). */
void tpa_tcp_set_dscp(struct tpa_tcp_connection *connection, uint8_t dscp);

/* Where events of this connection are recorded; NULL = nowhere. The ring outlives the connection.
 */
void tpa_tcp_set_trace(struct tpa_tcp_connection *connection, struct tpa_base_trace *trace);

/* Why the connection ended: TPA_OK (it has not, or in good order), TPA_ERESET, TPA_EREFUSED,
 * TPA_ETIMEDOUT, TPA_EUNREACHABLE. */
int tpa_tcp_connection_error(const struct tpa_tcp_connection *connection);

enum tpa_tcp_state tpa_tcp_connection_state(const struct tpa_tcp_connection *connection);

/* "closed", "syn-sent", "established", "fin-wait-1", ...; "unknown" for no state. */
const char *tpa_tcp_state_text(enum tpa_tcp_state state);

/* For tools: a snapshot in plain numbers. Sizes in bytes. */
struct tpa_tcp_connection_info {
    enum tpa_tcp_state state;
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd;
    uint32_t cwnd, ssthresh, mss;
    uint32_t srtt_us, rttvar_us, rto_us;
    uint32_t send_queued;     /* not acknowledged, sent or not */
    uint32_t receive_queued;  /* in order, not taken */
    uint32_t retransmissions; /* segments sent again so far */
    uint8_t send_window_scale, receive_window_scale;
    bool timestamps, sack, ecn;
};

void tpa_tcp_connection_info(const struct tpa_tcp_worker *worker,
                             const struct tpa_tcp_connection *connection,
                             struct tpa_tcp_connection_info *info);

/* TIME-WAIT without a connection: what must be remembered, for the owner's table. */
struct tpa_tcp_time_wait {
    uint64_t deadline;    /*  0: ns */
    uint32_t snd_nxt;     /*  8 */
    uint32_t rcv_nxt;     /* 12 */
    uint32_t ts_recent;   /* 16 */
    uint32_t ts_offset;   /* 20 */
    uint32_t rcv_wnd;     /* 24: bytes */
    uint16_t local_port;  /* 28: host order */
    uint16_t remote_port; /* 30 */
    uint8_t window_scale; /* 32: of rcv_wnd on the wire */
    bool timestamps;      /* 33 */
    bool stray_replied;   /* 34: to a segment without text, outside the window */
    uint8_t reserved;     /* 35 */
    uint16_t stray_reply; /* 36: when: TCP's coarse time, low bits */
};

/* `connection` is in TIME-WAIT; it stays as it is, for the owner to finish. */
void tpa_tcp_time_wait_init(const struct tpa_tcp_worker *worker,
                            struct tpa_tcp_time_wait *time_wait,
                            const struct tpa_tcp_connection *connection, uint64_t now);

enum tpa_tcp_time_wait_verdict {
    TPA_TCP_TIME_WAIT_DROP,
    TPA_TCP_TIME_WAIT_REPLY,
    TPA_TCP_TIME_WAIT_REUSE,
};

/*
 * A segment for an entry in TIME-WAIT (RFC 9293 3.10.7.4, RFC 1337, RFC 6191). Doesn't take a
 * packet. REPLY: *reply is the acknowledgement to send, the caller's own (NULL if the pool is
 * empty). REUSE: the SYN may open a new connection; the entry is forgotten. Else *reply is NULL.
 * The deadline may move.
 */
enum tpa_tcp_time_wait_verdict tpa_tcp_time_wait_input(struct tpa_tcp_worker *worker,
                                                       struct tpa_tcp_time_wait *time_wait,
                                                       const struct tpa_tcp_segment *segment,
                                                       struct rte_mbuf **reply, uint64_t now);

/*
 * RFC 6056, 3.3.4 or .3: a port of [low, high] for attempt 0, 1, ... of the search for a free one.
 * Keyed, per destination: the sequence towards one destination says nothing about another.
 */
uint16_t tpa_tcp_ephemeral_port(struct tpa_tcp_worker *worker, const struct tpa_base_address *local,
                                const struct tpa_base_address *remote, uint16_t remote_port,
                                uint16_t low, uint16_t high, uint32_t attempt);

TPA_BASE_DECLARATIONS_END

#endif
