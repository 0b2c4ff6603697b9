/*
 * The layout of a connection, for its owner to embed. Only TCP reads or writes the fields.
 *
 * Sequence numbers that can be derived aren't stored: SND.UNA and SND.NXT are the ends of the
 * flight, what is queued lies in [send_queue.start, send_queue.end), a FIN that was asked for has
 * the number send_queue.end, RCV.WND is rcv_adv - rcv_nxt.
 */
#ifndef TPA_TCP_CONNECTION_LAYOUT_H
#define TPA_TCP_CONNECTION_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/list.h>
#include <tpa/base/trace.h>
#include <tpa/tcp/congestion.h>
#include <tpa/tcp/parts.h>
#include <tpa/timer/wheel.h>

/* Offsets in bytes. Times and deadlines of 16 and 32 bits: the units of ticks.h in TCP's own
 * sources. */
struct tpa_tcp_connection {
    /* What each segment that comes in reads. */
    uint8_t state;                /*   0: enum tpa_tcp_state */
    uint8_t recovery;             /*   1: enum tpa_tcp_recovery */
    uint8_t snd_scale : 4;        /*   2: left shift of windows received */
    uint8_t rcv_scale : 4;        /*   2: right shift of windows sent */
    uint8_t challenge_left;       /*   3: challenge ACKs still allowed in this interval */
    uint32_t flags;               /*   4: enum tpa_tcp_connection_flag */
    uint32_t rcv_nxt;             /*   8 */
    uint32_t rcv_adv;             /*  12: right edge of the window that was offered */
    uint32_t rcv_acked;           /*  16: acknowledgement number last sent (Last.ACK.sent) */
    uint32_t ts_recent;           /*  20: TS.Recent */
    uint32_t snd_wnd;             /*  24: the peer's window, bytes */
    uint32_t snd_wl1;             /*  28: SND.WL1 */
    uint32_t snd_wl2;             /*  32: SND.WL2 */
    uint32_t snd_wnd_max;         /*  36: largest window that the peer offered (MAX.SND.WND) */
    uint32_t last_received;       /*  40: coarse: when the peer last gave a sign of life */
    uint32_t ts_offset;           /*  44: added to our timestamp clock */
    uint16_t local_port;          /*  48 */
    uint16_t remote_port;         /*  50 */
    uint16_t rcv_mss;             /*  52: largest payload received so far */
    uint16_t signals;             /*  54: enum tpa_tcp_signal, not drained yet */
    uint8_t quick_acks;           /*  56: ACKs still to be sent without delay */
    uint8_t duplicate_acks;       /*  57: received in a row */
    uint8_t duplicate_acks_owed;  /*  58: to be sent one by one to a peer without SACK */
    uint8_t probes;               /*  59: time-outs of any kind that nothing answered */
    uint32_t retransmit_deadline; /*  60: fine: retransmission or persist; 0 = off */
    uint32_t ack_deadline;        /*  64: fine: delayed ACK; 0 = off */
    uint32_t state_deadline;      /*  68: coarse: keepalive, FIN-WAIT-2, TIME-WAIT; 0 = off */
    struct tpa_tcp_receive_queue receive_queue; /*  72 */
    struct tpa_tcp_reassembly reassembly;       /*  96 */
    struct tpa_base_list output_link;           /* 120: worker.output */

    /* What segments that go out, and their acknowledgements, need. */
    struct tpa_tcp_flight flight;         /* 136: una, nxt */
    struct tpa_tcp_send_queue send_queue; /* 168 */
    struct tpa_tcp_rtt rtt;               /* 208 */
    struct tpa_tcp_window window;         /* 224: cwnd, ssthresh, mss */
    struct tpa_timer timer;               /* 272: one for all deadlines */
    struct tpa_base_list signal_link;     /* 296: worker.signalled */

    /* What is seldom needed. */
    struct tpa_base_trace *trace; /* 312 */
    uint32_t progress;            /* 320: coarse: when snd_una advanced, or data began to wait */
    uint32_t recovery_point;      /* 324: RFC 6675's RecoveryPoint, RFC 6582's recover */
    uint16_t last_sent;           /* 328: coarse, low bits: last data segment */
    uint16_t keepalive;           /* 330: slow: idle time before a probe; 0 = off */
    uint16_t retransmissions;     /* 332: segments sent again so far, at most 65,535 */
    uint16_t mtu;                 /* 334: of the path, bytes, IP header included */
    uint16_t peer_mss;            /* 336: as the peer announced it, or the default */
    uint16_t challenge_start;     /* 338: coarse, low bits: when challenge_left was filled */
    uint16_t stray_reply;         /* 340: coarse, low bits: last ACK for a stray pure ACK */
    uint8_t error;                /* 342: why it ended: -1000 less the enum tpa_error; 0 = OK */
    uint8_t traffic_class;        /* 343: of what we send */

    /* Loss recovery. */
    uint32_t loss_deadline;     /* 344: fine: reordering timer or loss probe (RFC 8985); 0 = off */
    uint32_t probe_end;         /* 348: TLP.end_seq */
    uint32_t undo_from;         /* 352: snd_una when the last recovery began */
    uint32_t undo_pending;      /* 356: bytes sent again in it that no D-SACK has reported */
    uint32_t undo_timestamp;    /* 360: of its first retransmission (RFC 3522) */
    uint16_t loss_flags;        /* 364: enum tpa_tcp_loss_flag */
    uint8_t reordering_steps;   /* 366: RACK.reo_wnd_mult less 1 */
    uint8_t reordering_persist; /* 367: RACK.reo_wnd_persist: recoveries until they are forgotten */
    struct tpa_tcp_delivery *delivery; /* 368: rate samples and pacing; NULL = not asked for */

    /* Explicit congestion notification. */
    uint32_t ecn_end;     /* 376: snd_nxt at the last reduction: no mark counts until behind it */
    uint32_t ecn_marked;  /* 380: bytes received with marks since the last ACK, where all count */
    uint16_t ecn;         /* 384: enum tpa_tcp_ecn_flag */
    uint8_t mtu_failures; /* 386: probes of the next size that were lost */
    uint8_t reserved;     /* 387 */

    /* Auto-tuning of the window on offer. */
    uint32_t rcv_limit;       /* 388: bytes that may be on offer or unread, for now */
    uint32_t rcv_round_start; /* 392: fine: when the round began in which is counted what is read */
    uint32_t rcv_round_unread; /* 396: the first byte that was not read then */
    uint16_t rcv_round_echo;   /* 400: ms: how old the youngest echo was that came in it */
    uint16_t mtu_max;          /* 402: what IP takes: mtu is searched for up to there */

    /* Search for the path's MTU. */
    uint32_t mtu_probe;    /* 404: first byte of the probe under way */
    uint16_t mtu_wait;     /* 408: slow, low bits: when the next probe may be sent */
    uint8_t reserved_2[6]; /* 410 */
};

#define TPA_TCP_CONNECTION_AT(field, offset)                                       \
    TPA_BASE_STATIC_ASSERT(offsetof(struct tpa_tcp_connection, field) == (offset), \
                           "offset of " #field)
TPA_TCP_CONNECTION_AT(receive_queue, 72);
TPA_TCP_CONNECTION_AT(output_link, 120);
TPA_TCP_CONNECTION_AT(flight, 136);
TPA_TCP_CONNECTION_AT(rtt, 208);
TPA_TCP_CONNECTION_AT(window, 224);
TPA_TCP_CONNECTION_AT(timer, 272);
TPA_TCP_CONNECTION_AT(trace, 312);
TPA_TCP_CONNECTION_AT(loss_deadline, 344);
TPA_TCP_CONNECTION_AT(delivery, 368);
TPA_TCP_CONNECTION_AT(ecn_end, 376);
TPA_TCP_CONNECTION_AT(rcv_limit, 388);
TPA_TCP_CONNECTION_AT(mtu_probe, 404);
TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_tcp_connection) == 416, "one per connection");

#endif
