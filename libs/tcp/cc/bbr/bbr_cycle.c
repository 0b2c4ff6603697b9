/* The state machine: Startup, Drain, ProbeBW and ProbeRTT. Section 5.3 of the draft. */
#include "bbr.h"

/* LossThresh is 2 %: one in so many. */
#define LOSS_ONE_IN 50
/* Beta. */
#define BETA 179

uint32_t tpa_tcp_bbr_pacing_gain(const struct bbr *bbr)
{
    switch (bbr->state) {
    case BBR_STARTUP:
        return BBR_STARTUP_PACING_GAIN;
    case BBR_DRAIN:
        return BBR_DRAIN_PACING_GAIN;
    case BBR_PROBE_BW_DOWN:
        return BBR_DOWN_PACING_GAIN;
    case BBR_PROBE_BW_UP:
        return BBR_UP_PACING_GAIN;
    default:
        return BBR_GAIN_ONE;
    }
}

uint32_t tpa_tcp_bbr_cwnd_gain(const struct bbr *bbr)
{
    switch (bbr->state) {
    case BBR_PROBE_BW_UP:
        return BBR_UP_CWND_GAIN;
    case BBR_PROBE_RTT:
        return BBR_PROBE_RTT_CWND_GAIN;
    default:
        return BBR_DEFAULT_CWND_GAIN;
    }
}

void tpa_tcp_bbr_enter_startup(struct bbr *bbr)
{
    bbr->state = BBR_STARTUP;
}

static void enter_drain(struct bbr *bbr)
{
    bbr->state = BBR_DRAIN;
    bbr->drain_start_round = bbr->round_count;
}

/* 0 or 1 round and 0 to 1 s that flows are apart: no secret, but not the same for two of them. */
static void pick_probe_wait(struct bbr *bbr, uint64_t now)
{
    uint64_t mixed = (now ^ bbr->total_delivered ^ bbr->min_rtt) * UINT64_C(0x9e3779b97f4a7c15);

    mixed ^= mixed >> 32;
    mixed *= UINT64_C(0xd6e8feb86659fd93);
    mixed ^= mixed >> 32;
    bbr->rounds_since_probe_up = mixed & 1;
    bbr->bw_probe_wait = BBR_PROBE_WAIT_MIN + (mixed >> 1) % BBR_SECOND;
}

static void start_probe_bw_down(struct bbr *bbr, uint64_t now)
{
    tpa_tcp_bbr_reset_congestion_signals(bbr);
    bbr->probe_up_acked_per_inc = BBR_INFINITE;
    pick_probe_wait(bbr, now);
    bbr->cycle_stamp = now;
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    tpa_tcp_bbr_start_round(bbr);
    bbr->state = BBR_PROBE_BW_DOWN;
}

void tpa_tcp_bbr_start_probe_bw_refill(struct bbr *bbr)
{
    tpa_tcp_bbr_reset_short_term_model(bbr);
    bbr->bw_probe_up_rounds = 0;
    bbr->bw_probe_up_acked = 0;
    bbr->prev_probe_precautionary = false;
    bbr->ack_phase = BBR_ACKS_REFILLING;
    tpa_tcp_bbr_start_round(bbr);
    bbr->state = BBR_PROBE_BW_REFILL;
}

static void raise_inflight_longterm_slope(const struct tpa_tcp_window *window, struct bbr *bbr)
{
    uint32_t each = window->cwnd >> bbr->bw_probe_up_rounds;

    if (bbr->bw_probe_up_rounds < 30)
        bbr->bw_probe_up_rounds++;
    bbr->probe_up_acked_per_inc = TPA_BASE_MAX(each, window->mss);
}

static void start_probe_bw_up(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
    tpa_tcp_bbr_start_round(bbr);
    tpa_tcp_bbr_reset_full_bw(bbr);
    bbr->full_bw = ack->rate.delivery_rate;
    bbr->state = BBR_PROBE_BW_UP;
    raise_inflight_longterm_slope(ack->window, bbr);
}

/* Section 5.3.1.3. What the draft calls discontiguous ranges are here acknowledgements that told of
 * a loss. */
static bool has_high_loss_in_startup(const struct bbr_ack *ack)
{
    const struct bbr *bbr = ack->bbr;
    const struct tpa_tcp_rate_sample *rate = &ack->rate;

    if (bbr->state != BBR_STARTUP || !ack->sample->in_recovery)
        return false;
    if (!rate->is_selective)
        return rate->newly_lost != 0;
    return bbr->loss_round_start && bbr->recovery_end != 0 &&
           rate->prior_delivered >= bbr->recovery_end &&
           (uint64_t)rate->lost * LOSS_ONE_IN > rate->tx_in_flight &&
           bbr->losses_in_round >= BBR_STARTUP_LOSSES;
}

void tpa_tcp_bbr_check_startup_done(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (has_high_loss_in_startup(ack)) {
        uint32_t bdp = tpa_tcp_bbr_bdp_multiple(ack->window, bbr, bbr_max_bw(bbr), BBR_GAIN_ONE);

        bbr->undo_state = BBR_STARTUP;
        bbr->full_bw_reached = true;
        bbr->inflight_longterm = TPA_BASE_MAX(bdp, bbr->inflight_latest);
    }
    if (bbr->state == BBR_STARTUP && bbr->full_bw_reached)
        enter_drain(bbr);
}

void tpa_tcp_bbr_check_drain_done(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (bbr->state != BBR_DRAIN)
        return;
    if (ack->rate.in_flight <= tpa_tcp_bbr_inflight(ack->window, bbr, bbr->bw, BBR_GAIN_ONE) ||
        bbr->round_count > bbr->drain_start_round + BBR_DRAIN_ROUNDS)
        start_probe_bw_down(bbr, ack->sample->now);
}

/* ---- ProbeBW: section 5.3.3.6 ---- */

static bool is_time_to_probe_bw(const struct bbr_ack *ack)
{
    const struct bbr *bbr = ack->bbr;
    uint32_t reno_bytes = tpa_tcp_bbr_target_inflight(ack->window, bbr);

    if (ack->sample->now > bbr->cycle_stamp + bbr->bw_probe_wait)
        return true;
    if (bbr->rounds_since_probe_up >= BBR_RENO_ROUNDS_MAX)
        return true;
    return (uint64_t)bbr->rounds_since_probe_up * ack->window->mss >= reno_bytes;
}

static bool is_time_to_cruise(const struct bbr_ack *ack)
{
    const struct bbr *bbr = ack->bbr;

    return ack->rate.in_flight <= tpa_tcp_bbr_inflight_with_headroom(ack->window, bbr) &&
           ack->rate.in_flight <=
               tpa_tcp_bbr_inflight(ack->window, bbr, bbr_max_bw(bbr), BBR_GAIN_ONE);
}

static bool is_time_to_go_down(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (bbr->prev_probe_too_high && ack->rate.in_flight >= bbr->inflight_longterm) {
        bbr->prev_probe_precautionary = true;
        return true;
    }
    if (bbr->is_cwnd_limited && ack->window->cwnd >= bbr->inflight_longterm) {
        /* The bandwidth is limited by that, and not by the path. */
        tpa_tcp_bbr_reset_full_bw(bbr);
        bbr->full_bw = ack->rate.delivery_rate;
        return false;
    }
    return bbr->full_bw_now;
}

static void probe_inflight_longterm_upward(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (!bbr->is_cwnd_limited || ack->window->cwnd < bbr->inflight_longterm)
        return;
    bbr->bw_probe_up_acked += ack->rate.newly_delivered;
    if (bbr->bw_probe_up_acked >= bbr->probe_up_acked_per_inc) {
        uint32_t delta = bbr->bw_probe_up_acked / bbr->probe_up_acked_per_inc;
        uint64_t raised = bbr->inflight_longterm + (uint64_t)delta * ack->window->mss;

        bbr->bw_probe_up_acked -= delta * bbr->probe_up_acked_per_inc;
        bbr->inflight_longterm = (uint32_t)TPA_BASE_MIN(raised, (uint64_t)BBR_INFINITE - 1);
    }
    if (bbr->round_start)
        raise_inflight_longterm_slope(ack->window, bbr);
}

/* Section 5.5.10.2: RS.lost of RS.tx_in_flight was too much. */
static bool is_inflight_too_high(uint32_t lost, uint32_t tx_in_flight, bool is_selective)
{
    return (uint64_t)lost * LOSS_ONE_IN > tx_in_flight || (lost > 0 && !is_selective);
}

/* True: it decided on a transition. */
static bool end_of_probe_feedback(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    bbr->is_bw_probe_sample = false;
    bbr->ack_phase = BBR_ACKS_INIT;
    if (!bbr_is_probing_bw_state(bbr))
        return false;
    if (!ack->rate.is_app_limited) {
        bbr->max_bw[1] = bbr->max_bw[0];
        bbr->max_bw[0] = 0;
    }
    if (!bbr->prev_probe_precautionary || bbr->prev_probe_too_high)
        return false;
    tpa_tcp_bbr_start_probe_bw_refill(bbr);
    return true;
}

static bool adapt_long_term_model(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    const struct tpa_tcp_rate_sample *rate = &ack->rate;

    if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start)
        bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start && end_of_probe_feedback(ack))
        return true;
    if (is_inflight_too_high(rate->lost, rate->tx_in_flight, rate->is_selective) ||
        bbr->inflight_longterm == BBR_INFINITE)
        return false;
    bbr->inflight_longterm = TPA_BASE_MAX(bbr->inflight_longterm, rate->tx_in_flight);
    if (bbr->state == BBR_PROBE_BW_UP)
        probe_inflight_longterm_upward(ack);
    return false;
}

void tpa_tcp_bbr_update_probe_bw_cycle_phase(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (!bbr->full_bw_reached || adapt_long_term_model(ack))
        return;
    switch (bbr->state) {
    case BBR_PROBE_BW_DOWN:
        if (is_time_to_probe_bw(ack))
            tpa_tcp_bbr_start_probe_bw_refill(bbr);
        else if (is_time_to_cruise(ack))
            bbr->state = BBR_PROBE_BW_CRUISE;
        break;
    case BBR_PROBE_BW_CRUISE:
        if (is_time_to_probe_bw(ack))
            tpa_tcp_bbr_start_probe_bw_refill(bbr);
        break;
    case BBR_PROBE_BW_REFILL:
        if (!bbr->round_start)
            break;
        bbr->is_bw_probe_sample = true;
        start_probe_bw_up(ack);
        break;
    case BBR_PROBE_BW_UP:
        if (!is_time_to_go_down(ack))
            break;
        bbr->prev_probe_too_high = false;
        start_probe_bw_down(bbr, ack->sample->now);
        break;
    default:
        break;
    }
}

/* ---- Loss: section 5.5.10.2 ---- */

/* InflightAtLoss(): at which volume did the loss exceed 1/50? All that was lost now is taken as one
 * packet: lost_prefix = (inflight_prev / 50 - lost_prev) / (1 - 1/50). */
static uint32_t inflight_at_loss(const struct tpa_tcp_rate_sample *rate)
{
    int64_t size = rate->newly_lost;
    int64_t inflight_prev = (int64_t)rate->loss_tx_in_flight - size;
    int64_t lost_prev = (int64_t)rate->loss_lost - size;
    int64_t lost_prefix = (inflight_prev - LOSS_ONE_IN * lost_prev) / (LOSS_ONE_IN - 1);
    int64_t at_loss = inflight_prev + lost_prefix;

    return (uint32_t)TPA_BASE_MAX(at_loss, (int64_t)0);
}

void tpa_tcp_bbr_handle_lost(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    const struct tpa_tcp_rate_sample *rate = &ack->rate;
    uint32_t target;

    if (rate->newly_lost == 0)
        return;
    tpa_tcp_bbr_note_loss(ack->window);
    if (bbr->losses_in_round < UINT8_MAX)
        bbr->losses_in_round++;
    if (!bbr->is_bw_probe_sample || rate->loss_tx_in_flight == 0 ||
        !is_inflight_too_high(rate->loss_lost, rate->loss_tx_in_flight, rate->is_selective))
        return;
    bbr->prev_probe_too_high = true;
    bbr->is_bw_probe_sample = false; /* one reaction to a probe */
    target =
        (uint32_t)((uint64_t)tpa_tcp_bbr_target_inflight(ack->window, bbr) * BETA / BBR_GAIN_ONE);
    if (!rate->loss_is_app_limited)
        bbr->inflight_longterm = TPA_BASE_MAX(inflight_at_loss(rate), target);
    if (bbr->state != BBR_PROBE_BW_UP)
        return;
    bbr->undo_state = BBR_PROBE_BW_UP;
    start_probe_bw_down(bbr, ack->sample->now);
}

/* ---- ProbeRTT: section 5.3.4.3 ---- */

static uint32_t probe_rtt_cwnd(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    return TPA_BASE_MAX(tpa_tcp_bbr_bdp_multiple(window, bbr, bbr->bw, BBR_PROBE_RTT_CWND_GAIN),
                        bbr_min_pipe(window));
}

static void exit_probe_rtt(struct bbr *bbr, uint64_t now)
{
    tpa_tcp_bbr_reset_short_term_model(bbr);
    if (!bbr->full_bw_reached) {
        tpa_tcp_bbr_enter_startup(bbr);
        return;
    }
    start_probe_bw_down(bbr, now);
    bbr->state = BBR_PROBE_BW_CRUISE;
}

void tpa_tcp_bbr_check_probe_rtt_done(struct tpa_tcp_window *window, uint64_t now)
{
    struct bbr *bbr = window->state;

    if (bbr->probe_rtt_done_stamp == 0 || now <= bbr->probe_rtt_done_stamp)
        return;
    bbr->probe_rtt_min_stamp = now;
    tpa_tcp_bbr_restore_cwnd(window);
    exit_probe_rtt(bbr, now);
}

static void handle_probe_rtt(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    bbr->probe_rtt_until = bbr->total_delivered + ack->rate.in_flight;
    if (bbr->probe_rtt_done_stamp == 0) {
        if (ack->rate.in_flight > probe_rtt_cwnd(ack->window, bbr))
            return;
        bbr->probe_rtt_done_stamp = ack->sample->now + BBR_PROBE_RTT_DURATION;
        bbr->probe_rtt_round_done = false;
        tpa_tcp_bbr_start_round(bbr);
        return;
    }
    if (bbr->round_start)
        bbr->probe_rtt_round_done = true;
    if (bbr->probe_rtt_round_done)
        tpa_tcp_bbr_check_probe_rtt_done(ack->window, ack->sample->now);
}

void tpa_tcp_bbr_check_probe_rtt(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (bbr->state != BBR_PROBE_RTT && bbr->probe_rtt_expired && !bbr->idle_restart) {
        tpa_tcp_bbr_save_cwnd(ack->window);
        bbr->state = BBR_PROBE_RTT;
        bbr->probe_rtt_done_stamp = 0;
        bbr->probe_rtt_from = bbr->total_delivered;
        bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
        tpa_tcp_bbr_start_round(bbr);
    }
    if (bbr->state == BBR_PROBE_RTT)
        handle_probe_rtt(ack);
    if (ack->rate.delivered > 0)
        bbr->idle_restart = false;
}
