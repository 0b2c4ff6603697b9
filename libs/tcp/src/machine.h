/*
 * What the parts of the state machine share: flags, derived values, and who does what.
 *
 * Input and timers only mark what is to be sent and put the connection on the worker's output list;
 * output sends it. So a burst of segments is answered once.
 */
#ifndef TPA_TCP_MACHINE_H
#define TPA_TCP_MACHINE_H

#include <tpa/base/error.h>
#include <tpa/base/seq.h>
#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

#include "flight.h"
#include "keyed.h"
#include "reassembly.h"
#include "receive_queue.h"
#include "rtt.h"
#include "segment.h"
#include "send_queue.h"
#include "ticks.h"

enum tpa_tcp_connection_flag {
    /* What the handshake agreed on, and options. */
    TPA_TCP_USES_TIMESTAMPS = 1 << 0,
    TPA_TCP_USES_SACK = 1 << 1,
    TPA_TCP_USES_WINDOW_SCALE = 1 << 2,
    TPA_TCP_NODELAY = 1 << 3,
    TPA_TCP_PASSIVE = 1 << 4, /* came from LISTEN (MUST-11) */
    /* The owner's wishes. */
    TPA_TCP_ORPHAN = 1 << 5,       /* the owner has closed it */
    TPA_TCP_FIN_QUEUED = 1 << 6,   /* a FIN stands at send_queue.end */
    TPA_TCP_WANTS_ROOM = 1 << 7,   /* a send was refused: WRITABLE is due when room is back */
    TPA_TCP_WANTS_MEMORY = 1 << 8, /* the same, for want of memory: try in the next step */
    /* To be sent by the next output. */
    TPA_TCP_SEND_ACK = 1 << 9,
    TPA_TCP_SEND_SYN = 1 << 10,
    TPA_TCP_SEND_RESET = 1 << 11,       /* state is CLOSED; the signal CLOSED follows */
    TPA_TCP_SEND_RESET_REPLY = 1 << 12, /* <SEQ=snd_wl2><CTL=RST>, in the handshake */
    TPA_TCP_SEND_PROBE = 1 << 13,       /* one octet into a closed window */
    TPA_TCP_SEND_KEEPALIVE = 1 << 14,
    TPA_TCP_SEND_FIRST_LOST = 1 << 15, /* fast retransmit: whatever the window says */
    TPA_TCP_OVERRIDE_SWS = 1 << 16,    /* what fits the window, however small */
    /* State of sending. */
    TPA_TCP_CWND_LIMITED = 1 << 17, /* the last output was stopped by cwnd */
    TPA_TCP_PARTIAL_ACK = 1 << 18,  /* fast recovery has seen one (RFC 6582 section 3.2, step 3) */
    TPA_TCP_SYN_LOST = 1 << 19,     /* the SYN was sent again (RFC 5681 section 3.1, 6298 5.7) */
    TPA_TCP_IPV6 = 1 << 20,
    TPA_TCP_UNREACHABLE = 1 << 21, /* ICMP told so: the reason, should it time out */
};

enum tpa_tcp_loss_flag {
    TPA_TCP_LOSS_REORDERING_SEEN = 1 << 0, /* RACK.reordering_seen */
    TPA_TCP_LOSS_PROBE_TIMER = 1 << 1,     /* loss_deadline is the loss probe's */
    TPA_TCP_LOSS_SEND_PROBE = 1 << 2,      /* by the next output, whatever cwnd says */
    TPA_TCP_LOSS_PROBE_SENT = 1 << 3,      /* probe_end holds (TLP.end_seq) */
    TPA_TCP_LOSS_PROBE_OLD = 1 << 4,       /* it was a retransmission (TLP.is_retrans) */
    TPA_TCP_LOSS_PROBE_RESTS = 1 << 5,     /* no round trip was measured since the last probe */
    TPA_TCP_LOSS_UNDO = 1 << 6,    /* the last recovery may prove to have been for nothing */
    TPA_TCP_LOSS_STAMPED = 1 << 7, /* undo_timestamp holds, and no ACK has been compared with it */
    TPA_TCP_LOSS_FRTO_FIRST = 1 << 8,  /* F-RTO (RFC 5682) waits for the first new ACK, */
    TPA_TCP_LOSS_FRTO_SECOND = 1 << 9, /*   and the next, meanwhile sending new data only */
    TPA_TCP_LOSS_RESCUED = 1 << 10,    /* RFC 6675's RescueRxt was sent in this recovery */
    TPA_TCP_LOSS_LATE = 1 << 11,       /* a timer fired late, and was given another moment */
    TPA_TCP_LOSS_ADAPT = 1 << 12,      /* RFC 4015: the next new data's sample counts in full */
    TPA_TCP_LOSS_MTU_PROBE = 1 << 15,  /* a probe of the path's MTU begins at mtu_probe */
};

enum tpa_tcp_recovery {
    TPA_TCP_RECOVERY_NONE,
    TPA_TCP_RECOVERY_FAST,    /* since a loss was found, until recovery_point is acknowledged */
    TPA_TCP_RECOVERY_TIMEOUT, /* since a time-out, likewise */
};

/* ACKs that a new connection sends at once, until the peer's slow start is under way. */
#define TPA_TCP_QUICK_ACKS 16

/* Challenge ACKs of one connection in each interval: RFC 5961 section 7 suggests 10 in 5 s; the
 * random part leaves an observer without a count to rely on. */
#define TPA_TCP_CHALLENGES         8
#define TPA_TCP_CHALLENGES_RANDOM  8
#define TPA_TCP_CHALLENGE_INTERVAL (5 * UINT64_C(1000000000))

/* Between two ACKs in reply to pure ACKs outside the window: ends ACK wars. */
#define TPA_TCP_STRAY_REPLY_INTERVAL (UINT64_C(500000000))

/* Coarse ticks beyond both intervals. */
#define TPA_TCP_LONG_AGO (uint16_t)(TPA_TCP_CHALLENGE_INTERVAL >> (TPA_TCP_COARSE_SHIFT - 1))

/* A timer that fires so much too late does so because the worker stood still: what has arrived
 * meanwhile may not have been looked at, and is given TPA_TCP_STALL_GRACE to be. */
#define TPA_TCP_STALL       (5 * UINT64_C(1000000))
#define TPA_TCP_STALL_GRACE UINT64_C(1000000)

/* R1 (SHLD-10): from so many retransmissions on the path is suspect. */
#define TPA_TCP_RETRIES_SUSPECT 3

/* TS.Recent is not to be believed after so long without a segment (RFC 7323 section 5.5). */
#define TPA_TCP_TIMESTAMP_AGE_MAX (24 * 24 * UINT64_C(3600000000000))

/* MSS where the peer announces none (MUST-15). */
#define TPA_TCP_MSS_DEFAULT_IPV4 536
#define TPA_TCP_MSS_DEFAULT_IPV6 1220

/* Packets that a connection may send before it's the next one's turn. */
#define TPA_TCP_OUTPUT_TURN 16

/* The longest idle time before a keepalive probe. */
#define TPA_TCP_KEEPALIVE_MAX ((uint64_t)UINT16_MAX << TPA_TCP_SLOW_SHIFT)

static inline uint16_t tpa_tcp_keepalive_ticks(uint64_t idle)
{
    return (uint16_t)((idle + (1u << TPA_TCP_SLOW_SHIFT) - 1) >> TPA_TCP_SLOW_SHIFT);
}

/* connection->error and the enum tpa_error that it stands for. */
_Static_assert(TPA_BASE_ERROR_LAST >= -1255, "an error fits a byte");

static inline uint8_t tpa_tcp_error_code(int error)
{
    return (uint8_t)(error != TPA_OK ? -1000 - error : 0);
}

static inline int tpa_tcp_error(const struct tpa_tcp_connection *connection)
{
    return connection->error != 0 ? -1000 - connection->error : TPA_OK;
}

static inline uint16_t tpa_tcp_ip_header(const struct tpa_tcp_connection *connection)
{
    return connection->flags & TPA_TCP_IPV6 ? 40 : 20;
}

/* The smallest MTU with which data can be sent at the lowest MSS that we accept. */
static inline uint32_t tpa_tcp_mtu_min(const struct tpa_tcp_worker *worker,
                                       const struct tpa_tcp_connection *connection)
{
    return (uint32_t)tpa_tcp_ip_header(connection) + TPA_TCP_HEADER_MIN +
           TPA_TCP_OPTION_TIMESTAMP_LENGTH + worker->config->mss_min;
}

static inline bool tpa_tcp_is_synchronized(const struct tpa_tcp_connection *connection)
{
    return connection->state >= TPA_TCP_ESTABLISHED;
}

/* The peer's FIN has not arrived in order. */
static inline bool tpa_tcp_may_receive(const struct tpa_tcp_connection *connection)
{
    return connection->state == TPA_TCP_ESTABLISHED || connection->state == TPA_TCP_FIN_WAIT_1 ||
           connection->state == TPA_TCP_FIN_WAIT_2;
}

/* States in which data, or a FIN, may wait to be sent or acknowledged. */
static inline bool tpa_tcp_may_transmit(const struct tpa_tcp_connection *connection)
{
    return connection->state >= TPA_TCP_ESTABLISHED && connection->state != TPA_TCP_FIN_WAIT_2 &&
           connection->state != TPA_TCP_TIME_WAIT;
}

/* Loss is found by RACK-TLP (RFC 8985): by default where SACK was agreed on. */
static inline bool tpa_tcp_uses_rack(const struct tpa_tcp_worker *worker,
                                     const struct tpa_tcp_connection *connection)
{
    return (connection->flags & TPA_TCP_USES_SACK) != 0 && worker->config->rack;
}

static inline uint32_t tpa_tcp_outstanding(const struct tpa_tcp_connection *connection)
{
    return tpa_tcp_flight_outstanding(&connection->flight);
}

/* Only who has seen what we sent lately can quote it (RFC 5927 section 4.1). */
static inline bool tpa_tcp_is_outstanding(const struct tpa_tcp_connection *connection,
                                          uint32_t sequence)
{
    return tpa_base_seq_in_window(sequence, connection->flight.una,
                                  tpa_tcp_outstanding(connection));
}

/* One past the last sequence number that there is to send: data and FIN. */
static inline uint32_t tpa_tcp_send_end(const struct tpa_tcp_connection *connection)
{
    return connection->send_queue.end + ((connection->flags & TPA_TCP_FIN_QUEUED) != 0);
}

/* Sequence numbers that wait to be sent for the first time: data and FIN. */
static inline uint32_t tpa_tcp_unsent(const struct tpa_tcp_connection *connection)
{
    return tpa_tcp_may_transmit(connection) ? tpa_tcp_send_end(connection) - connection->flight.nxt
                                            : 0;
}

/* The FIN was sent and acknowledged. */
static inline bool tpa_tcp_fin_acknowledged(const struct tpa_tcp_connection *connection)
{
    return (connection->flags & TPA_TCP_FIN_QUEUED) != 0 &&
           connection->flight.una == connection->send_queue.end + 1;
}

/*
 * What a congestion control reduces from: RFC 5681's FlightSize, without what went out beyond
 * `window` bytes (RFC 3042). In recovery as much goes out as SACK says has arrived: a loss that is
 * found then, or right after, would enlarge the window instead of reducing it.
 */
static inline uint32_t tpa_tcp_flight_size(const struct tpa_tcp_connection *connection,
                                           uint32_t window)
{
    return TPA_BASE_MIN(tpa_tcp_outstanding(connection), window);
}

/* The longest segment that may be the last one of the flight: a FIN comes on top of the text. */
static inline uint32_t tpa_tcp_last_segment_max(const struct tpa_tcp_connection *connection)
{
    bool has_fin = (connection->flags & TPA_TCP_FIN_QUEUED) != 0 &&
                   connection->flight.nxt == connection->send_queue.end + 1;

    return connection->window.mss + has_fin;
}

/* What a connection may have queued for now: twice what may be under way, so that the program has a
 * round trip's time to write the next. */
static inline uint32_t tpa_tcp_send_limit(const struct tpa_tcp_worker *worker,
                                          const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_config *config = worker->config;
    uint64_t wanted =
        TPA_BASE_MAX((uint64_t)connection->window.cwnd * 2, (uint64_t)config->send_buffer_min);

    return (uint32_t)TPA_BASE_MIN(wanted, (uint64_t)config->send_buffer);
}

/* worker.output */
static inline void tpa_tcp_schedule(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection)
{
    if (!tpa_base_list_is_linked(&connection->output_link))
        tpa_base_list_push_back(&worker->output, &connection->output_link);
}

static inline void tpa_tcp_send_flag(struct tpa_tcp_worker *worker,
                                     struct tpa_tcp_connection *connection, uint32_t flag)
{
    connection->flags |= flag;
    tpa_tcp_schedule(worker, connection);
}

static inline uint64_t tpa_tcp_rto(const struct tpa_tcp_worker *worker,
                                   const struct tpa_tcp_connection *connection)
{
    uint64_t minimum = worker->config->rto_min;

    if ((connection->flags & TPA_TCP_SYN_LOST) && tpa_tcp_is_synchronized(connection) &&
        connection->rtt.srtt == 0)
        minimum = TPA_BASE_MAX(minimum, TPA_TCP_RTO_AFTER_SYN_RTO); /* RFC 6298 section 5.7 */
    return tpa_tcp_rtt_rto(&connection->rtt, minimum, worker->config->rto_max);
}

/* What the owner of a connection that it has closed still wants to know. */
#define TPA_TCP_SIGNALS_TO_ORPHANS                                                \
    (TPA_TCP_SIGNAL_CLOSED | TPA_TCP_SIGNAL_TIME_WAIT | TPA_TCP_SIGNAL_PROGRESS | \
     TPA_TCP_SIGNAL_SUSPECT)

/* signal.c */
void tpa_tcp_signal(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                    uint32_t signals);

/* connection.c: transitions. */
void tpa_tcp_set_state(struct tpa_tcp_connection *connection, enum tpa_tcp_state state,
                       uint64_t now);
/* The handshake is done: ESTABLISHED, or what comes behind it if the owner has closed already. */
void tpa_tcp_establish(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       uint64_t now);
void tpa_tcp_enter_time_wait(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now);
/* Tells an owner that has closed that the connection may be exchanged, as soon as the peer's FIN is
 * acknowledged. */
void tpa_tcp_offer_time_wait(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);
/* To CLOSED without a word to the peer; `error` is TPA_OK for an end in good order. Received data
 * stays readable. */
void tpa_tcp_terminate(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       int error, uint64_t now);
/* To CLOSED with a reset to the peer at the next output. */
void tpa_tcp_terminate_with_reset(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, int error, uint64_t now);

/* negotiate.c: what the SYNs agree on. */
/* The smallest shift with which the whole receive buffer can be offered. */
uint8_t tpa_tcp_receive_scale(const struct tpa_tcp_config *config);
/* A SYN came: what it says about the peer's numbers, options and window. */
void tpa_tcp_start_receiving(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *syn);
/* The MSS that we announce (RFC 6691), and the effective one after the MTU or the peer's changed.
 */
uint16_t tpa_tcp_announced_mss(const struct tpa_tcp_worker *worker,
                               const struct tpa_tcp_connection *connection);
void tpa_tcp_update_mss(const struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);

/* connection->rcv_round_echo: of no segment yet. */
#define TPA_TCP_ROUND_ECHO_NONE UINT16_MAX

/* A segment with text came: how long ago was what it echoes sent? */
static inline void tpa_tcp_receive_tuning_echo(struct tpa_tcp_connection *connection,
                                               const struct tpa_tcp_segment *segment, uint64_t now)
{
    uint32_t age = tpa_tcp_timestamp(connection->ts_offset, now) - segment->timestamp_echo;

    if (segment->has_timestamp && age < connection->rcv_round_echo)
        connection->rcv_round_echo = (uint16_t)age;
}

/* connection->rcv_limit of a new connection. */
static inline uint32_t tpa_tcp_receive_limit_initial(const struct tpa_tcp_config *config)
{
    return TPA_BASE_MIN(config->receive_buffer_initial, config->receive_buffer);
}

/* receive_tuning.c: how much is offered at most (connection->rcv_limit). */
/* The peer's first number is known. */
void tpa_tcp_receive_tuning_init(const struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection, uint64_t now);
/* The program has read. */
void tpa_tcp_receive_tune(const struct tpa_tcp_worker *worker,
                          struct tpa_tcp_connection *connection, uint64_t now);

/* path_mtu.c: the path's MTU, and probes of it (RFC 4821, 8899). */
/* `mtu`: what IP takes. */
void tpa_tcp_path_mtu_init(const struct tpa_tcp_worker *worker,
                           struct tpa_tcp_connection *connection, uint16_t mtu, uint64_t now);
/* The next new data, `*length` bytes of it, are to go as a probe, as soon as cwnd has room. `room`:
 * that the peer's window has. */
bool tpa_tcp_mtu_probe_is_wanted(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_connection *connection, uint32_t room,
                                 uint64_t now, uint32_t *length);
/* The next packet of new data is one: not to be segmented. */
void tpa_tcp_mtu_probe_begin(struct tpa_tcp_connection *connection);
/* It was sent; not `whole`: it held less than it should. */
void tpa_tcp_mtu_probe_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            bool whole, uint64_t now);
/* snd_una advanced while a probe is under way. */
void tpa_tcp_mtu_probe_acknowledged(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t now);
/* Something is lost while a probe is under way. True: nothing but the probe, which is to be sent
 * again and is no sign of congestion. */
bool tpa_tcp_mtu_probe_lost(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            uint64_t now);
/* More than the probe is lost: what becomes of it says nothing. */
void tpa_tcp_mtu_probe_is_doubtful(struct tpa_tcp_connection *connection, uint64_t now);
/* A retransmission time-out, before anything is sent again. */
void tpa_tcp_path_mtu_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now);

/* receive_window.c */
/* Bytes from rcv_nxt that there is room for now. */
uint32_t tpa_tcp_receive_room(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_connection *connection);
/* The window field of a segment to be sent now; moves rcv_adv. */
uint16_t tpa_tcp_offer_window(const struct tpa_tcp_worker *worker,
                              struct tpa_tcp_connection *connection);
/* The same for a SYN, where it is not scaled. */
uint16_t tpa_tcp_syn_window(const struct tpa_tcp_worker *worker,
                            const struct tpa_tcp_connection *connection);
/* The reader made room: an update goes out if it is worth one. */
void tpa_tcp_receive_room_grew(struct tpa_tcp_worker *worker,
                               struct tpa_tcp_connection *connection);

/* input*.c: the steps of RFC 9293 3.10.7. Those that return bool: false = stop, the segment is to
 * be freed for the reason that was counted. */
void tpa_tcp_input_drop(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        const struct tpa_tcp_segment *segment, enum tpa_base_drop reason,
                        uint64_t now);
/* RFC 5961 section 7: within its limit. */
void tpa_tcp_challenge(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       const struct tpa_tcp_segment *segment, uint64_t now);
/* 3.10.7.3. True: established, and there is text or a FIN to go on with. */
bool tpa_tcp_input_syn_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            const struct tpa_tcp_segment *segment, uint64_t now);
/* The ACK step of SYN-RECEIVED. True: established. */
bool tpa_tcp_input_syn_received(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment, uint64_t now);
/* The SYN that made the connection SYN-RECEIVED, once more: our SYN-ACK was lost, or it is the
 * peer's SYN-ACK of a simultaneous open. True: established. */
static inline bool tpa_tcp_is_repeated_syn(const struct tpa_tcp_connection *connection,
                                           const struct tpa_tcp_segment *segment)
{
    return (segment->flags & TPA_TCP_SYN) != 0 && segment->seq + 1 == connection->rcv_nxt;
}
bool tpa_tcp_input_repeated_syn(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection,
                                const struct tpa_tcp_segment *segment, uint64_t now);
bool tpa_tcp_input_ack(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                       const struct tpa_tcp_segment *segment, uint64_t now);
/* The part of it behind the checks, for an acknowledgement of new data without SACK blocks while no
 * loss is known. */
void tpa_tcp_input_ack_predicted(struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection,
                                 const struct tpa_tcp_segment *segment, uint64_t now);
/* URG, text and FIN. Takes the packet. */
void tpa_tcp_input_text(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                        struct rte_mbuf *packet, const struct tpa_tcp_segment *segment,
                        uint64_t now);
/* Text in order that fits the window, without FIN; nothing is out of order. Takes the packet. */
void tpa_tcp_input_text_predicted(struct tpa_tcp_worker *worker,
                                  struct tpa_tcp_connection *connection, struct rte_mbuf *packet,
                                  const struct tpa_tcp_segment *segment, uint64_t now);

/* loss_probe.c: RFC 8985 section 7. */
/* New data was sent or acknowledged: the loss probe's timer is started anew, or stopped where none
 * may be sent. */
void tpa_tcp_schedule_loss_probe(struct tpa_tcp_worker *worker,
                                 struct tpa_tcp_connection *connection, uint64_t now);
/* The probe's timer expired. */
void tpa_tcp_loss_probe_expired(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection, uint64_t now);
/* The next output is still to send it. */
bool tpa_tcp_loss_probe_is_due(const struct tpa_tcp_connection *connection);
/* It was sent: `again`, or as new data. */
void tpa_tcp_loss_probe_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             bool again, uint64_t now);
/* An acknowledgement came while a probe is under way. */
void tpa_tcp_loss_probe_acknowledged(struct tpa_tcp_worker *worker,
                                     struct tpa_tcp_connection *connection,
                                     const struct tpa_tcp_flight_acked *acked, bool duplicate,
                                     uint64_t now);

/* timers.c */
/* A deadline was set: the wheel is told if it has to fire earlier than it knows. */
void tpa_tcp_arm(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                 uint64_t deadline);
void tpa_tcp_start_retransmit_timer(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t now);
/* The same after an acknowledgement of new data. */
void tpa_tcp_restart_retransmit_timer(struct tpa_tcp_worker *worker,
                                      struct tpa_tcp_connection *connection, uint64_t now);
/* RACK's reordering timer, in `delay` ns; 0: it isn't needed. */
void tpa_tcp_start_reordering_timer(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t delay,
                                    uint64_t now);
void tpa_tcp_start_ack_timer(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now);
void tpa_tcp_start_state_timer(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                               uint64_t delay, uint64_t now);
void tpa_tcp_start_keepalive(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             uint64_t now);
/* The owner has closed the connection: how long it may go on (RFC 6429). */
void tpa_tcp_start_orphan_timer(struct tpa_tcp_worker *worker,
                                struct tpa_tcp_connection *connection, uint64_t now);
void tpa_tcp_stop_timers(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection);

#endif
