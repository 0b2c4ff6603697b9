/* Events, pacing rate and congestion window: sections 5.2, 5.4 and 5.6 of the draft. */
#include "bbr.h"

/* A flow without a sample is paced as if the round trip took so long. */
#define NOMINAL_RTT BBR_MILLISECOND

static uint64_t scaled(uint64_t rate, uint32_t gain)
{
    return rate * gain / BBR_GAIN_ONE;
}

/* Section 5.6.2, InitPacingRate(). */
static void init_pacing_rate(struct tpa_tcp_window *window, uint64_t srtt)
{
    struct bbr *bbr = window->state;
    uint64_t nominal = (uint64_t)window->cwnd_initial * BBR_SECOND / srtt;

    bbr->pacing_rate = scaled(TPA_BASE_MIN(nominal, BBR_BW_MAX), BBR_STARTUP_PACING_GAIN);
}

static void bbr_init(struct tpa_tcp_window *window, uint64_t now)
{
    struct bbr *bbr = window->state;

    *bbr = (struct bbr){
        .min_rtt = UINT64_MAX,
        .min_rtt_stamp = now,
        .probe_rtt_min_delay = UINT64_MAX,
        .probe_rtt_min_stamp = now,
        .inflight_longterm = BBR_INFINITE,
        .probe_up_acked_per_inc = BBR_INFINITE,
        .extra_acked_start = now,
        .undo_state = BBR_STATE_NONE,
        .probe_rtt_from = UINT64_MAX,
    };
    window->acked = 0;
    tpa_tcp_bbr_reset_short_term_model(bbr);
    init_pacing_rate(window, NOMINAL_RTT);
    tpa_tcp_bbr_enter_startup(bbr);
}

/* Section 5.6.4.4. */
void tpa_tcp_bbr_save_cwnd(struct tpa_tcp_window *window)
{
    struct bbr *bbr = window->state;

    if (bbr->in_recovery || bbr->state == BBR_PROBE_RTT)
        bbr->prior_cwnd = TPA_BASE_MAX(bbr->prior_cwnd, window->cwnd);
    else
        bbr->prior_cwnd = window->cwnd;
}

void tpa_tcp_bbr_restore_cwnd(struct tpa_tcp_window *window)
{
    const struct bbr *bbr = window->state;

    window->cwnd = TPA_BASE_MAX(window->cwnd, bbr->prior_cwnd);
}

/* 1 % below the bandwidth: PacingMarginPercent. */
static void set_pacing_rate(struct bbr *bbr, uint32_t gain)
{
    uint64_t rate = scaled(bbr->bw, gain) * 99 / 100;

    if (bbr->full_bw_reached || rate > bbr->pacing_rate)
        bbr->pacing_rate = rate;
}

/* Section 5.6.4.7. */
static uint32_t bound_for_model(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    uint32_t cap = BBR_INFINITE;

    if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_PROBE_BW_CRUISE)
        cap = tpa_tcp_bbr_inflight_with_headroom(window, bbr);
    else if (bbr_is_probing_bw_state(bbr))
        cap = bbr->inflight_longterm;
    cap = TPA_BASE_MIN(cap, bbr->inflight_shortterm);
    return TPA_BASE_MAX(cap, bbr_min_pipe(window));
}

static uint32_t bound_for_probe_rtt(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    if (bbr->state != BBR_PROBE_RTT)
        return UINT32_MAX;
    return TPA_BASE_MAX(tpa_tcp_bbr_bdp_multiple(window, bbr, bbr->bw, BBR_PROBE_RTT_CWND_GAIN),
                        bbr_min_pipe(window));
}

/* Sections 5.6.4.5 and .6. */
static void set_cwnd(struct bbr_ack *ack)
{
    struct tpa_tcp_window *window = ack->window;
    const struct bbr *bbr = ack->bbr;
    uint64_t cwnd = (uint64_t)window->cwnd + ack->rate.newly_delivered;
    uint32_t max_inflight = tpa_tcp_bbr_max_inflight(window, bbr);

    if (bbr->full_bw_reached)
        cwnd = TPA_BASE_MIN(cwnd, (uint64_t)max_inflight);
    else if (window->cwnd >= max_inflight && bbr->total_delivered >= window->cwnd_initial)
        cwnd = window->cwnd;
    cwnd = TPA_BASE_MAX(cwnd, (uint64_t)bbr_min_pipe(window));
    cwnd = TPA_BASE_MIN(cwnd, (uint64_t)bound_for_probe_rtt(window, bbr));
    cwnd = TPA_BASE_MIN(cwnd, (uint64_t)bound_for_model(window, bbr));
    cwnd = TPA_BASE_MIN(cwnd, (uint64_t)window->cwnd_max);
    window->cwnd = TPA_BASE_MAX((uint32_t)cwnd, window->mss);
}

/* What was sent in ProbeRTT says nothing about the bandwidth. */
static void take_rate(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    ack->rate = *ack->sample->rate;
    ack->rate.delivery_rate = TPA_BASE_MIN(ack->rate.delivery_rate, BBR_BW_MAX);
    if (ack->rate.prior_delivered >= bbr->probe_rtt_from &&
        ack->rate.prior_delivered <= bbr->probe_rtt_until)
        ack->rate.is_app_limited = true;
    bbr->total_delivered = ack->rate.total_delivered;
}

/* Recovery from a time-out ends without a word. */
static void note_recovery(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (bbr->after_timeout && !ack->sample->after_timeout) {
        bbr->in_recovery = ack->sample->in_recovery;
        tpa_tcp_bbr_restore_cwnd(ack->window);
    }
    bbr->after_timeout = ack->sample->after_timeout;
}

static void first_rtt(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (bbr->has_srtt || ack->sample->srtt == 0)
        return;
    bbr->has_srtt = true;
    init_pacing_rate(ack->window, ack->sample->srtt);
}

static void bbr_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct bbr_ack ack = {.window = window, .bbr = window->state, .sample = sample};

    if (sample->rate == NULL)
        return;
    /* The model is what bounds a recovery. */
    window->ssthresh = TPA_TCP_SSTHRESH_INFINITE;
    take_rate(&ack);
    note_recovery(&ack);
    first_rtt(&ack);
    tpa_tcp_bbr_handle_lost(&ack);
    tpa_tcp_bbr_update_latest_delivery_signals(&ack);
    tpa_tcp_bbr_update_congestion_signals(&ack);
    tpa_tcp_bbr_update_ack_aggregation(&ack);
    tpa_tcp_bbr_check_full_bw_reached(&ack);
    tpa_tcp_bbr_check_startup_done(&ack);
    tpa_tcp_bbr_check_drain_done(&ack);
    tpa_tcp_bbr_update_probe_bw_cycle_phase(&ack);
    tpa_tcp_bbr_update_min_rtt(&ack);
    tpa_tcp_bbr_check_probe_rtt(&ack);
    tpa_tcp_bbr_advance_latest_delivery_signals(&ack);
    tpa_tcp_bbr_bound_bw_for_model(ack.bbr);
    set_pacing_rate(ack.bbr, tpa_tcp_bbr_pacing_gain(ack.bbr));
    set_cwnd(&ack);
}

/* Section 5.6.4.4, OnEnterFastRecovery(). */
static void bbr_on_loss_event(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    struct bbr *bbr = window->state;

    tpa_tcp_bbr_save_cwnd(window);
    tpa_tcp_bbr_note_loss(window);
    bbr->in_recovery = true;
    bbr->recovery_end = bbr->total_delivered + 1;
}

static void bbr_on_exit_recovery(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    struct bbr *bbr = window->state;

    bbr->in_recovery = false;
    bbr->recovery_end = 0;
    tpa_tcp_bbr_restore_cwnd(window);
}

/* OnEnterRTO(): all is lost, so that C.inflight is 0. */
static void bbr_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                       uint64_t now)
{
    struct bbr *bbr = window->state;

    tpa_tcp_bbr_save_cwnd(window);
    tpa_tcp_bbr_note_loss(window);
    bbr->in_recovery = true;
    bbr->after_timeout = true;
    window->cwnd = window->mss;
}

/* Section 5.4.1. */
static void bbr_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
    struct bbr *bbr = window->state;

    bbr->idle_restart = true;
    bbr->extra_acked_start = now;
    if (bbr_is_probing_bw_state(bbr))
        set_pacing_rate(bbr, BBR_GAIN_ONE);
    else if (bbr->state == BBR_PROBE_RTT)
        tpa_tcp_bbr_check_probe_rtt_done(window, now);
}

/* The draft leaves marks out: one counts as a loss in its round. */
static void bbr_on_ecn(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_bbr_note_loss(window);
}

/* Section 5.5.11.2. */
static void bbr_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
    struct bbr *bbr = window->state;

    if (!bbr->may_undo)
        return;
    bbr->may_undo = false;
    tpa_tcp_bbr_restore_cwnd(window);
    bbr->is_loss_in_round = false;
    tpa_tcp_bbr_reset_full_bw(bbr);
    bbr->bw_shortterm = TPA_BASE_MAX(bbr->bw_shortterm, bbr->undo_bw_shortterm);
    bbr->inflight_shortterm = TPA_BASE_MAX(bbr->inflight_shortterm, bbr->undo_inflight_shortterm);
    bbr->inflight_longterm = TPA_BASE_MAX(bbr->inflight_longterm, bbr->undo_inflight_longterm);
    if (bbr->undo_state == BBR_STARTUP && bbr->state != BBR_STARTUP) {
        bbr->full_bw_reached = false;
        if (bbr->state != BBR_PROBE_RTT)
            tpa_tcp_bbr_enter_startup(bbr);
    } else if (bbr->undo_state == BBR_PROBE_BW_UP && bbr->state != BBR_PROBE_BW_UP &&
               bbr->state != BBR_PROBE_RTT) {
        tpa_tcp_bbr_start_probe_bw_refill(bbr);
    }
    bbr->undo_state = BBR_STATE_NONE;
}

static uint64_t bbr_pacing_rate(const struct tpa_tcp_window *window)
{
    const struct bbr *bbr = window->state;

    return bbr->pacing_rate;
}

const struct tpa_tcp_congestion tpa_tcp_congestion_bbr = {
    .name = "bbr",
    .state_size = sizeof(struct bbr),
    .rate_samples = true,
    .init = bbr_init,
    .on_ack = bbr_on_ack,
    .on_loss_event = bbr_on_loss_event,
    .on_exit_recovery = bbr_on_exit_recovery,
    .on_rto = bbr_on_rto,
    .on_idle = bbr_on_idle,
    .on_ecn = bbr_on_ecn,
    .on_spurious = bbr_on_spurious,
    .pacing_rate = bbr_pacing_rate,
};
