#include "hystart.h"

#include <tpa/base/seq.h>

static void begin_round(struct hystart *hystart, const struct tpa_tcp_ack_sample *sample)
{
    hystart->last_rtt = hystart->current_rtt;
    hystart->current_rtt = 0;
    hystart->samples = 0;
    hystart->round_end = sample->snd_nxt;
    hystart->started = true;
}

static void count_sample(struct hystart *hystart, uint64_t rtt)
{
    if (rtt == 0)
        return;
    if (hystart->current_rtt == 0 || rtt < hystart->current_rtt)
        hystart->current_rtt = rtt;
    if (hystart->samples < HYSTART_SAMPLES)
        hystart->samples++;
}

static bool delay_grew(const struct hystart *hystart)
{
    uint64_t threshold = hystart->last_rtt / HYSTART_RTT_DIVISOR;

    if (hystart->last_rtt == 0)
        return false;
    threshold = TPA_BASE_MIN(threshold, HYSTART_RTT_THRESHOLD_MAX);
    threshold = TPA_BASE_MAX(threshold, HYSTART_RTT_THRESHOLD_MIN);
    return hystart->current_rtt >= hystart->last_rtt + threshold;
}

/* A round in which CSS began is its first. */
static void update_phase(struct hystart *hystart)
{
    if (hystart->samples < HYSTART_SAMPLES)
        return;
    if (hystart->baseline_rtt == 0) {
        if (!delay_grew(hystart))
            return;
        hystart->baseline_rtt = hystart->current_rtt;
        hystart->css_rounds = 1;
    } else if (hystart->current_rtt < hystart->baseline_rtt) {
        /* It was jitter. */
        hystart->baseline_rtt = 0;
    }
}

enum hystart_verdict tpa_tcp_hystart_on_ack(struct hystart *hystart,
                                            const struct tpa_tcp_ack_sample *sample)
{
    if (!hystart->started)
        begin_round(hystart, sample);
    count_sample(hystart, sample->rtt);
    update_phase(hystart);
    if (tpa_base_seq_geq(sample->snd_una, hystart->round_end)) {
        if (hystart->baseline_rtt != 0 && hystart->css_rounds++ == HYSTART_CSS_ROUNDS)
            return HYSTART_DONE;
        begin_round(hystart, sample);
    }
    return hystart->baseline_rtt != 0 ? HYSTART_CSS : HYSTART_SLOW_START;
}
