/* The model of the path: section 5.5 of the draft, and what section 5.6.4 computes from it. */
#include "bbr.h"

/* LossThresh, 2 %, is 1/50; Beta, 0.7, and Headroom, 0.15, in 1/256. */
#define BETA     179
#define HEADROOM 38

void tpa_tcp_bbr_start_round(struct bbr *bbr)
{
    bbr->next_round_delivered = bbr->total_delivered;
}

void tpa_tcp_bbr_reset_congestion_signals(struct bbr *bbr)
{
    bbr->is_loss_in_round = false;
    bbr->bw_latest = 0;
    bbr->inflight_latest = 0;
}

void tpa_tcp_bbr_reset_short_term_model(struct bbr *bbr)
{
    bbr->bw_shortterm = BBR_INFINITE_BW;
    bbr->inflight_shortterm = BBR_INFINITE;
}

void tpa_tcp_bbr_reset_full_bw(struct bbr *bbr)
{
    bbr->full_bw = 0;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

uint32_t tpa_tcp_bbr_bdp_multiple(const struct tpa_tcp_window *window, const struct bbr *bbr,
                                  uint64_t bw, uint32_t gain)
{
    uint64_t bdp;

    if (bbr->min_rtt == UINT64_MAX)
        return window->cwnd_initial;
    /* In units of 64 ns, of which 15,625,000 are a second: 34 and 30 bits. */
    bdp = bw * (bbr->min_rtt >> 6) / 15625000;
    bdp = TPA_BASE_MIN(bdp, (uint64_t)UINT32_MAX);
    return (uint32_t)TPA_BASE_MIN(bdp * gain / BBR_GAIN_ONE, (uint64_t)UINT32_MAX / 2);
}

uint32_t tpa_tcp_bbr_send_quantum(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    uint64_t quantum = TPA_BASE_MIN(bbr->pacing_rate / 1000, UINT64_C(65536));

    return TPA_BASE_MAX((uint32_t)quantum, 2 * window->mss);
}

static uint32_t quantization_budget(const struct tpa_tcp_window *window, const struct bbr *bbr,
                                    uint32_t inflight)
{
    inflight = TPA_BASE_MAX(inflight, 3 * tpa_tcp_bbr_send_quantum(window, bbr));
    inflight = TPA_BASE_MAX(inflight, bbr_min_pipe(window));
    if (bbr->state == BBR_PROBE_BW_UP)
        inflight += 2 * window->mss;
    return inflight;
}

uint32_t tpa_tcp_bbr_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr,
                              uint64_t bw, uint32_t gain)
{
    return quantization_budget(window, bbr, tpa_tcp_bbr_bdp_multiple(window, bbr, bw, gain));
}

uint32_t tpa_tcp_bbr_max_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    uint32_t inflight = tpa_tcp_bbr_bdp_multiple(window, bbr, bbr->bw, tpa_tcp_bbr_cwnd_gain(bbr));

    inflight += TPA_BASE_MAX(bbr->extra_acked[0], bbr->extra_acked[1]);
    return quantization_budget(window, bbr, inflight);
}

uint32_t tpa_tcp_bbr_target_inflight(const struct tpa_tcp_window *window, const struct bbr *bbr)
{
    return TPA_BASE_MIN(tpa_tcp_bbr_bdp_multiple(window, bbr, bbr->bw, BBR_GAIN_ONE), window->cwnd);
}

uint32_t tpa_tcp_bbr_inflight_with_headroom(const struct tpa_tcp_window *window,
                                            const struct bbr *bbr)
{
    uint32_t headroom, inflight = bbr->inflight_longterm;

    if (inflight == BBR_INFINITE)
        return BBR_INFINITE;
    headroom = (uint32_t)((uint64_t)inflight * HEADROOM / BBR_GAIN_ONE);
    headroom = TPA_BASE_MIN(TPA_BASE_MAX(headroom, window->mss), inflight);
    return TPA_BASE_MAX(inflight - headroom, bbr_min_pipe(window));
}

/* Section 5.5.1. */
static void update_round(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    bbr->round_start =
        ack->rate.interval != 0 && ack->rate.prior_delivered >= bbr->next_round_delivered;
    if (!bbr->round_start) {
        bbr->is_cwnd_limited |= ack->sample->window_limited;
        return;
    }
    tpa_tcp_bbr_start_round(bbr);
    bbr->round_count++;
    bbr->rounds_since_probe_up++;
    bbr->is_cwnd_limited = ack->sample->window_limited;
}

/* Section 5.5.5: the maximum of this cycle and the one before. */
static void update_max_bw(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    uint64_t rate = ack->rate.delivery_rate;

    update_round(ack);
    if (rate > 0 && (rate >= bbr_max_bw(bbr) || !ack->rate.is_app_limited))
        bbr->max_bw[0] = TPA_BASE_MAX(bbr->max_bw[0], rate);
}

void tpa_tcp_bbr_update_latest_delivery_signals(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    bbr->loss_round_start = false;
    bbr->bw_latest = TPA_BASE_MAX(bbr->bw_latest, ack->rate.delivery_rate);
    bbr->inflight_latest = TPA_BASE_MAX(bbr->inflight_latest, ack->rate.delivered);
    if (ack->rate.interval == 0 || ack->rate.prior_delivered < bbr->loss_round_delivered)
        return;
    bbr->loss_round_delivered = bbr->total_delivered;
    bbr->loss_round_start = true;
}

void tpa_tcp_bbr_advance_latest_delivery_signals(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    if (!bbr->loss_round_start)
        return;
    bbr->bw_latest = ack->rate.delivery_rate;
    bbr->inflight_latest = ack->rate.delivered;
    bbr->losses_in_round = 0;
}

/* Section 5.5.10.3: only where it isn't the purpose to find out how much is too much. */
static void adapt_lower_bounds(const struct tpa_tcp_window *window, struct bbr *bbr)
{
    uint32_t inflight;
    uint64_t bw;

    if (!bbr->is_loss_in_round || bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL ||
        bbr->state == BBR_PROBE_BW_UP)
        return;
    bw = bbr->bw_shortterm != BBR_INFINITE_BW ? bbr->bw_shortterm : bbr_max_bw(bbr);
    inflight = bbr->inflight_shortterm != BBR_INFINITE ? bbr->inflight_shortterm : window->cwnd;
    bw = bw * BETA / BBR_GAIN_ONE;
    inflight = (uint32_t)((uint64_t)inflight * BETA / BBR_GAIN_ONE);
    bbr->bw_shortterm = TPA_BASE_MAX(bbr->bw_latest, bw);
    bbr->inflight_shortterm = TPA_BASE_MAX(bbr->inflight_latest, inflight);
}

void tpa_tcp_bbr_update_congestion_signals(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;

    update_max_bw(ack);
    if (!bbr->loss_round_start)
        return;
    adapt_lower_bounds(ack->window, bbr);
    bbr->is_loss_in_round = false;
}

/* A maximum over the last one to two halves of the window: no list of samples is needed. */
static void filter_extra_acked(struct bbr *bbr, uint32_t extra)
{
    uint32_t half = bbr->full_bw_reached ? BBR_EXTRA_ACKED_ROUNDS / 2 : 1;

    if (bbr->round_count - bbr->extra_acked_round >= half) {
        bbr->extra_acked[1] = bbr->full_bw_reached ? bbr->extra_acked[0] : 0;
        bbr->extra_acked[0] = 0;
        bbr->extra_acked_round = bbr->round_count;
    }
    bbr->extra_acked[0] = TPA_BASE_MAX(bbr->extra_acked[0], extra);
}

/* Section 5.5.9. */
void tpa_tcp_bbr_update_ack_aggregation(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    uint64_t interval = ack->sample->now - bbr->extra_acked_start;
    uint64_t expected, extra;

    interval = TPA_BASE_MIN(interval, 60 * BBR_SECOND);
    expected = TPA_BASE_MIN(bbr->bw, BBR_BW_MAX) * (interval >> 6) / 15625000;
    if (bbr->extra_acked_delivered <= expected) {
        bbr->extra_acked_delivered = 0;
        bbr->extra_acked_start = ack->sample->now;
        expected = 0;
    }
    bbr->extra_acked_delivered += ack->rate.newly_delivered;
    extra = bbr->extra_acked_delivered - expected;
    filter_extra_acked(bbr, (uint32_t)TPA_BASE_MIN(extra, (uint64_t)ack->window->cwnd));
}

/* Section 5.3.1.2. */
void tpa_tcp_bbr_check_full_bw_reached(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    uint64_t rate = ack->rate.delivery_rate;

    if (bbr->full_bw_now || !bbr->round_start || ack->rate.is_app_limited)
        return;
    if (rate >= bbr->full_bw + bbr->full_bw / 4) {
        tpa_tcp_bbr_reset_full_bw(bbr);
        bbr->full_bw = rate;
        return;
    }
    bbr->full_bw_count++;
    bbr->full_bw_now = bbr->full_bw_count >= BBR_FULL_BW_ROUNDS;
    if (bbr->full_bw_now)
        bbr->full_bw_reached = true;
}

/* Section 5.3.4.3. */
void tpa_tcp_bbr_update_min_rtt(struct bbr_ack *ack)
{
    struct bbr *bbr = ack->bbr;
    uint64_t now = ack->sample->now, rtt = ack->sample->rtt;

    bbr->probe_rtt_expired = now > bbr->probe_rtt_min_stamp + BBR_PROBE_RTT_INTERVAL;
    if (rtt != 0 && (rtt < bbr->probe_rtt_min_delay || bbr->probe_rtt_expired)) {
        bbr->probe_rtt_min_delay = rtt;
        bbr->probe_rtt_min_stamp = now;
    }
    if (bbr->probe_rtt_min_delay < bbr->min_rtt || now > bbr->min_rtt_stamp + BBR_MIN_RTT_FILTER) {
        bbr->min_rtt = TPA_BASE_MIN(bbr->probe_rtt_min_delay, 60 * BBR_SECOND);
        bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp;
    }
}

void tpa_tcp_bbr_bound_bw_for_model(struct bbr *bbr)
{
    bbr->bw = TPA_BASE_MIN(bbr_max_bw(bbr), bbr->bw_shortterm);
}

/* Section 5.5.11.1. */
void tpa_tcp_bbr_note_loss(struct tpa_tcp_window *window)
{
    struct bbr *bbr = window->state;

    if (!bbr->is_loss_in_round) {
        bbr->loss_round_delivered = bbr->total_delivered;
        tpa_tcp_bbr_save_cwnd(window);
        bbr->may_undo = true;
        bbr->undo_state = BBR_STATE_NONE;
        bbr->undo_bw_shortterm = bbr->bw_shortterm;
        bbr->undo_inflight_shortterm = bbr->inflight_shortterm;
        bbr->undo_inflight_longterm = bbr->inflight_longterm;
    }
    bbr->is_loss_in_round = true;
}
