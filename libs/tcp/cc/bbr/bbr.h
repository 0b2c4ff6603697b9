/*
 * BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path, its bandwidth and its round-trip time
 * without a queue, and what may be sent by that.
 *
 * Names are the draft's. Bandwidths in bytes per second, volumes in bytes, times in ns, gains in
 * 1/256. "Infinite" is UINT32_MAX for volumes, UINT64_MAX for bandwidths.
 */
#ifndef TPA_TCP_CC_BBR_H
#define TPA_TCP_CC_BBR_H

#include <tpa/tcp/congestion.h>

#define BBR_INFINITE    UINT32_MAX
#define BBR_INFINITE_BW UINT64_MAX
/* A sample is taken as this at most (137 Gb/s), so that a product with a time fits 64 bits. */
#define BBR_BW_MAX (UINT64_C(1) << 34)

#define BBR_MILLISECOND UINT64_C(1000000)
#define BBR_SECOND      UINT64_C(1000000000)

/* Section 2.4 to 2.15 of the draft. */
#define BBR_GAIN_ONE            256
#define BBR_STARTUP_PACING_GAIN 709 /* 2.77 */
#define BBR_DRAIN_PACING_GAIN   128 /* 0.5 */
#define BBR_DOWN_PACING_GAIN    230 /* 0.90 */
#define BBR_UP_PACING_GAIN      320 /* 1.25 */
#define BBR_DEFAULT_CWND_GAIN   512 /* 2 */
#define BBR_UP_CWND_GAIN        576 /* 2.25 */
#define BBR_PROBE_RTT_CWND_GAIN 128 /* 0.5 */
#define BBR_MIN_PIPE_SEGMENTS   4
#define BBR_FULL_BW_ROUNDS      3
#define BBR_STARTUP_LOSSES      6
#define BBR_DRAIN_ROUNDS        3
#define BBR_EXTRA_ACKED_ROUNDS  10
#define BBR_RENO_ROUNDS_MAX     63
#define BBR_MIN_RTT_FILTER      (10 * BBR_SECOND)
#define BBR_PROBE_RTT_INTERVAL  (5 * BBR_SECOND)
#define BBR_PROBE_RTT_DURATION  (200 * BBR_MILLISECOND)
#define BBR_PROBE_WAIT_MIN      (2 * BBR_SECOND)

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_PROBE_BW_DOWN,
    BBR_PROBE_BW_CRUISE,
    BBR_PROBE_BW_REFILL,
    BBR_PROBE_BW_UP,
    BBR_PROBE_RTT,
    BBR_STATE_NONE, /* of undo_state */
};

enum bbr_ack_phase {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING,
};

struct bbr {
    /* The model of the path. */
    uint64_t bw;
    uint64_t max_bw[2]; /* of this cycle of ProbeBW and of the one before */
    uint64_t bw_shortterm;
    uint64_t bw_latest;
    uint64_t min_rtt; /* UINT64_MAX: none */
    uint64_t min_rtt_stamp;
    uint64_t probe_rtt_min_delay;
    uint64_t probe_rtt_min_stamp;
    uint32_t inflight_longterm;
    uint32_t inflight_shortterm;
    uint32_t inflight_latest;
    uint32_t extra_acked[2]; /* most of this half of the filter's window and of the one before */

    /* Aggregation of acknowledgements. */
    uint32_t extra_acked_delivered;
    uint64_t extra_acked_start;
    uint32_t extra_acked_round; /* in which this half began */

    /* Rounds. */
    uint32_t round_count;
    uint64_t next_round_delivered;
    uint64_t loss_round_delivered;
    uint32_t drain_start_round;
    uint32_t rounds_since_probe_up;
    uint64_t total_delivered; /* C.delivered, as of the last acknowledgement */
    uint64_t recovery_end;    /* C.delivered a round into fast recovery; 0 = not in it */

    /* Is the pipe full? */
    uint64_t full_bw;
    uint8_t full_bw_count;

    /* ProbeBW. */
    uint8_t bw_probe_up_rounds;
    uint8_t losses_in_round;
    uint8_t state;      /* enum bbr_state */
    uint8_t undo_state; /* likewise */
    uint8_t ack_phase;  /* enum bbr_ack_phase */
    uint64_t cycle_stamp;
    uint64_t bw_probe_wait;
    uint32_t bw_probe_up_acked;
    uint32_t probe_up_acked_per_inc;

    /* ProbeRTT. */
    uint64_t probe_rtt_done_stamp;
    uint64_t probe_rtt_from;  /* what was sent between these sums of delivered bytes was sent in */
    uint64_t probe_rtt_until; /*   ProbeRTT, and its rate says nothing */

    /* To be restored. */
    uint64_t undo_bw_shortterm;
    uint32_t undo_inflight_shortterm;
    uint32_t undo_inflight_longterm;
    uint32_t prior_cwnd;

    /* What is sent by, beside cwnd. */
    uint64_t pacing_rate;

    bool round_start : 1;
    bool loss_round_start : 1;
    bool full_bw_now : 1;
    bool full_bw_reached : 1;
    bool is_bw_probe_sample : 1;
    bool is_loss_in_round : 1;
    bool is_cwnd_limited : 1; /* in this round */
    bool prev_probe_too_high : 1;
    bool prev_probe_precautionary : 1;
    bool probe_rtt_expired : 1;
    bool probe_rtt_round_done : 1;
    bool idle_restart : 1;
    bool has_srtt : 1;
    bool in_recovery : 1; /* of either kind */
    bool after_timeout : 1;
    bool may_undo : 1; /* a loss was noted since the last undo */
};

_Static_assert(sizeof(struct bbr) <= TPA_TCP_CONGESTION_STATE_SIZE, "private state");

/* An acknowledgement, and the control that it is for. */
struct bbr_ack {
    struct tpa_tcp_window *window;
    struct bbr *bbr;
    const struct tpa_tcp_ack_sample *sample;
    struct tpa_tcp_rate_sample rate;
};

/* bbr_model.c: section 5.5. */

static inline uint64_t bbr_max_bw(const struct bbr *bbr)
{
    return TPA_BASE_MAX(bbr->max_bw[0], bbr->max_bw[1]);
}

static inline bool bbr_is_probing_bw_state(const struct bbr *bbr)
{
    return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

static inline uint32_t bbr_min_pipe(const struct tpa_tcp_window *window)
{
    return BBR_MIN_PIPE_SEGMENTS * window->mss;
}

void tpa_tcp_bbr_start_round(struct bbr *bbr);
void tpa_tcp_bbr_reset_congestion_signals(struct bbr *bbr);
void tpa_tcp_bbr_reset_short_term_model(struct bbr *bbr);
void tpa_tcp_bbr_reset_full_bw(struct bbr *bbr);

/* gain * bw * min_rtt; the initial window while there is no sample. */
uint32_t tpa_tcp_bbr_bdp_multiple(const struct tpa_tcp_window *window, const struct bbr *bbr,
                                  uint64_t bw, uint32_t gain);
/* The same with what sending and receiving in quanta needs on top. */
uint32_t tpa_tcp_bbr_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr,
                              uint64_t bw, uint32_t gain);
/* Section 5.6.4.2, without gain: what the flow wants in flight. */
uint32_t tpa_tcp_bbr_target_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr);
uint32_t tpa_tcp_bbr_inflight_with_headroom(const struct tpa_tcp_window *window,
                                            const struct bbr *bbr);
uint32_t tpa_tcp_bbr_max_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr);
uint32_t tpa_tcp_bbr_send_quantum(const struct tpa_tcp_window *window, const struct bbr *bbr);

void tpa_tcp_bbr_update_latest_delivery_signals(struct bbr_ack *ack);
void tpa_tcp_bbr_update_congestion_signals(struct bbr_ack *ack);
void tpa_tcp_bbr_update_ack_aggregation(struct bbr_ack *ack);
void tpa_tcp_bbr_check_full_bw_reached(struct bbr_ack *ack);
void tpa_tcp_bbr_update_min_rtt(struct bbr_ack *ack);
void tpa_tcp_bbr_advance_latest_delivery_signals(struct bbr_ack *ack);
void tpa_tcp_bbr_bound_bw_for_model(struct bbr *bbr);
void tpa_tcp_bbr_note_loss(struct tpa_tcp_window *window);

/* bbr_cycle.c: section 5.3. */
void tpa_tcp_bbr_enter_startup(struct bbr *bbr);
void tpa_tcp_bbr_check_startup_done(struct bbr_ack *ack);
void tpa_tcp_bbr_check_drain_done(struct bbr_ack *ack);
void tpa_tcp_bbr_update_probe_bw_cycle_phase(struct bbr_ack *ack);
void tpa_tcp_bbr_check_probe_rtt(struct bbr_ack *ack);
void tpa_tcp_bbr_check_probe_rtt_done(struct tpa_tcp_window *window, uint64_t now);
void tpa_tcp_bbr_handle_lost(struct bbr_ack *ack);
void tpa_tcp_bbr_start_probe_bw_refill(struct bbr *bbr);
uint32_t tpa_tcp_bbr_pacing_gain(const struct bbr *bbr);
uint32_t tpa_tcp_bbr_cwnd_gain(const struct bbr *bbr);

/* bbr.c */
void tpa_tcp_bbr_save_cwnd(struct tpa_tcp_window *window);
void tpa_tcp_bbr_restore_cwnd(struct tpa_tcp_window *window);

#endif
