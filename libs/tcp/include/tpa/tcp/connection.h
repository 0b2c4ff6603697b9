/*
 * One TCP connection. See tcp.h for the step it lives in.
 */
#ifndef TPA_TCP_CONNECTION_H
#define TPA_TCP_CONNECTION_H

#include <tpa/tcp/tcp.h>

enum tpa_tcp_state { TPA_TCP_CLOSED, TPA_TCP_SYN_SENT, TPA_TCP_SYN_RECEIVED, TPA_TCP_ESTABLISHED, TPA_TCP_FIN_WAIT_1, TPA_TCP_FIN_WAIT_2,
                     TPA_TCP_CLOSE_WAIT, TPA_TCP_CLOSING, TPA_TCP_LAST_ACK, TPA_TCP_TIME_WAIT };

enum {
    TPA_TCP_SIGNAL_ESTABLISHED = 1 << 0, /* the handshake is done */
    TPA_TCP_SIGNAL_READABLE = 1 << 1,    /* new data in order */
    TPA_TCP_SIGNAL_END = 1 << 2,         /* the peer's FIN is in order behind the data */
    TPA_TCP_SIGNAL_WRITABLE = 1 << 3,    /* acknowledged data freed room after a send was refused */
    TPA_TCP_SIGNAL_ERROR = 1 << 4,       /* reset, time-out, refused: tpa_tcp_connection_error() */
    TPA_TCP_SIGNAL_TIME_WAIT = 1 << 5,   /* entered TIME-WAIT: the owner may exchange it for a struct tpa_tcp_time_wait */
    TPA_TCP_SIGNAL_CLOSED = 1 << 6,      /* state CLOSED: nothing more will happen; the owner takes it out of its tables and finishes it */
    TPA_TCP_SIGNAL_PROGRESS = 1 << 7,    /* new data was acknowledged: the path works (throttled to one a second) */
    TPA_TCP_SIGNAL_SUSPECT = 1 << 8,     /* R1 retransmissions: the path may be broken */
};

/* struct tpa_tcp_connection stands in <tpa/tcp/connection_layout.h>, for its owner to embed; only TCP touches its fields. */
#include <tpa/tcp/connection_layout.h>

/*
 * Active open: sends a SYN at the next output. `mtu`: of the path in bytes; `ip_header_length` 20 or 40. 0; TPA_ENOMEM.
 */
int tpa_tcp_connect(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, const struct tpa_tcp_tuple *tuple, uint16_t mtu, uint64_t now);

/* Passive open from a valid SYN to a listener: state SYN-RECEIVED, SYN-ACK at the next output. 0; TPA_EINVAL (not a bare SYN), TPA_ENOMEM. */
int tpa_tcp_accept(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                   const struct tpa_tcp_segment *syn, uint64_t now);

/* A segment for this connection; takes the packet. RFC 9293, 3.10.7.2 to .4. Replies are sent by the next output. */
void tpa_tcp_input(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, struct rte_mbuf *packet, const struct tpa_tcp_segment *segment, uint64_t now);

/* One piece of data to send. */
struct tpa_tcp_send_piece {
    const void *base;
    uint64_t iova;          /* of base; used where `copy` is false */
    uint32_t length;        /* bytes, > 0 */
    bool copy;              /* true: copied now; false: read in place until completion */
    void *reference;        /* of tpa_mem_registry_hold, or NULL; handed back with the completion */
    void (*done)(void *base, void *parameter); /* NULL = nobody wants to know */
    void *parameter;
};

/*
 * Appends to the send queue. `atomic`: all pieces or none; else as many whole or partial bytes as fit. Returns bytes taken (> 0), or TPA_EAGAIN (no room: WRITABLE is signalled later),
 * TPA_ENOTCONN (not yet established), TPA_EPIPE (closed for sending), TPA_ENOMEM counts as TPA_EAGAIN (also with a later WRITABLE), or the connection's error.
 * On an error nothing is taken and no completion comes.
 */
int64_t tpa_tcp_send(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, const struct tpa_tcp_send_piece *pieces, unsigned int count, bool atomic, uint64_t now);

/*
 * Takes received data: fills up to `count` segments, each one an mbuf segment of its own (chain split up: segment->next is NULL) with its data trimmed to what is new. The caller owns them; memory stays charged
 * to the worker's receive budget until tpa_tcp_release. The window opens by what was taken. Returns segments; 0 = end of stream; TPA_EAGAIN (nothing yet), TPA_ENOTCONN, or the error once the data is used up.
 */
int tpa_tcp_receive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, struct rte_mbuf **segments, unsigned int count, uint64_t now);

/* Puts segments that were taken and not used back in front, in the same order. */
void tpa_tcp_receive_undo(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, struct rte_mbuf **segments, unsigned int count);

/* Frees a received segment and its charge. In the worker's thread. The connection may be gone already. */
void tpa_tcp_release(struct tpa_tcp_worker *worker, struct rte_mbuf *segment);

/* Bytes that could be sent or taken now. */
uint32_t tpa_tcp_send_room(const struct tpa_tcp_worker *worker, const struct tpa_tcp_connection *connection);
uint32_t tpa_tcp_receive_pending(const struct tpa_tcp_connection *connection);

/* Half-close: FIN behind the queued data. Receiving goes on. TPA_ENOTCONN, TPA_EPIPE (already). */
int tpa_tcp_shutdown(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t now);
/* The owner is done with it: unread data makes it a reset (RFC 1122 4.2.2.13), else FIN behind queued data, later received data is answered by RST, FIN-WAIT-2 limited. Only CLOSED and TIME_WAIT are signalled from here on. */
void tpa_tcp_close(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t now);
/* RST now; state CLOSED. */
void tpa_tcp_abort(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t now);
/* Frees all that the connection holds without a word to the peer (completions still come); after this its memory is its owner's. Required before the memory is reused, in any state. */
void tpa_tcp_finish(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);

/* ICMP told (addresses and ports matched): RFC 5927 checks of the sequence number are made here. Too big: true = plausible, segments are cut to `mtu` and what was lost is sent again. */
bool tpa_tcp_path_mtu_changed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint32_t sequence, uint16_t mtu, uint64_t now);
void tpa_tcp_unreachable(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint32_t sequence, bool hard, uint64_t now);

/* Options of one connection. */
void tpa_tcp_set_nodelay(struct tpa_tcp_connection *connection, bool on); /* default on, as libtpa's programs expect */
int tpa_tcp_set_keepalive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t idle, uint64_t now); /* 0 = off */
void tpa_tcp_set_traffic_class(struct tpa_tcp_connection *connection, uint8_t dscp);
void tpa_tcp_set_trace(struct tpa_tcp_connection *connection, struct tpa_base_trace *trace); /* or NULL */

/* TPA_OK, TPA_ECONNRESET..., see error.h: why the connection ended. */
int tpa_tcp_connection_error(const struct tpa_tcp_connection *connection);
enum tpa_tcp_state tpa_tcp_connection_state(const struct tpa_tcp_connection *connection);
const char *tpa_tcp_state_text(enum tpa_tcp_state state); /* "established", "fin-wait-1", ... */

/* For tools: a snapshot in plain numbers. */
struct tpa_tcp_connection_info {
    enum tpa_tcp_state state;
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd;
    uint32_t cwnd, ssthresh, mss;
    uint32_t srtt_us, rttvar_us, rto_us;
    uint32_t send_queued, receive_queued; /* bytes */
    uint32_t retransmissions;
    uint8_t send_window_scale, receive_window_scale;
    bool timestamps, sack;
};
void tpa_tcp_connection_info(const struct tpa_tcp_connection *connection, struct tpa_tcp_connection_info *info);

/* TIME-WAIT without a connection: what must be remembered, for the owner's table. */
struct tpa_tcp_time_wait {
    uint64_t deadline;       /* ns */
    uint32_t snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t ts_offset;
    uint32_t rcv_wnd;
    uint16_t local_port, remote_port;
    bool timestamps;
};
void tpa_tcp_time_wait_init(const struct tpa_tcp_worker *worker, struct tpa_tcp_time_wait *time_wait, const struct tpa_tcp_connection *connection, uint64_t now);
enum tpa_tcp_time_wait_verdict { TPA_TCP_TIME_WAIT_DROP, TPA_TCP_TIME_WAIT_REPLY, TPA_TCP_TIME_WAIT_REUSE };
/* RFC 9293 3.10.7.4, 1337, 6191. REPLY: *reply is the acknowledgement to send (NULL if the pool is empty). REUSE: the SYN may open a new connection; forget the entry. Doesn't take a packet. */
enum tpa_tcp_time_wait_verdict tpa_tcp_time_wait_input(struct tpa_tcp_worker *worker, struct tpa_tcp_time_wait *time_wait, const struct tpa_tcp_segment *segment, struct rte_mbuf **reply, uint64_t now);

/* RFC 6056 algorithm: a port of [low, high] to start the search at, and its step. Keyed, per destination. */
uint16_t tpa_tcp_ephemeral_port(struct tpa_tcp_worker *worker, const struct tpa_base_address *local, const struct tpa_base_address *remote, uint16_t remote_port, uint16_t low, uint16_t high, uint32_t attempt);

#endif
