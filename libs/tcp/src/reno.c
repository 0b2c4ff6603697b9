#include <tpa/tcp/reno.h>

#include <tpa/base/seq.h>

void tpa_tcp_reno_grow(struct tpa_tcp_window *window, uint32_t bytes)
{
    uint32_t room = window->cwnd_max - TPA_BASE_MIN(window->cwnd, window->cwnd_max);

    window->cwnd += TPA_BASE_MIN(bytes, room);
}

uint32_t tpa_tcp_reno_slow_start(const struct tpa_tcp_window *window,
                                 const struct tpa_tcp_ack_sample *sample, uint32_t limit)
{
    if (sample->after_timeout)
        limit = TPA_TCP_RENO_SLOW_START_LIMIT_AFTER_TIMEOUT;
    return (uint32_t)TPA_BASE_MIN((uint64_t)sample->acked, (uint64_t)limit * window->mss);
}

void tpa_tcp_reno_avoid(struct tpa_tcp_window *window, uint32_t acked)
{
    /* A single acknowledgement never counts for more than a window. */
    window->acked += TPA_BASE_MIN(acked, window->cwnd);
    if (window->acked < window->cwnd)
        return;
    window->acked -= window->cwnd;
    tpa_tcp_reno_grow(window, window->mss);
}

void tpa_tcp_reno_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    if (sample->in_recovery || sample->marked != 0 || !sample->window_limited || sample->acked == 0)
        return;
    if (window->cwnd < window->ssthresh)
        tpa_tcp_reno_grow(window,
                          tpa_tcp_reno_slow_start(window, sample, TPA_TCP_RENO_SLOW_START_LIMIT));
    else
        tpa_tcp_reno_avoid(window, sample->acked);
}

uint32_t tpa_tcp_reno_scaled(const struct tpa_tcp_window *window, uint32_t bytes, uint32_t factor,
                             uint32_t segments_min)
{
    uint32_t scaled = (uint32_t)(((uint64_t)bytes * factor) >> 10);

    return TPA_BASE_MAX(scaled, segments_min * window->mss);
}

void tpa_tcp_reno_remember(struct tpa_tcp_window *window)
{
    window->prior_cwnd = window->cwnd;
    window->prior_ssthresh = window->ssthresh;
}

void tpa_tcp_reno_reduce(struct tpa_tcp_window *window, uint32_t ssthresh)
{
    tpa_tcp_reno_remember(window);
    window->ssthresh = ssthresh;
    window->cwnd = ssthresh;
    window->acked = 0;
}

void tpa_tcp_reno_on_exit_recovery(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    uint64_t no_burst = (uint64_t)TPA_BASE_MAX(in_flight, window->mss) + window->mss;

    (void)now;
    window->cwnd = (uint32_t)TPA_BASE_MIN((uint64_t)window->ssthresh, no_burst);
    window->acked = 0;
}

void tpa_tcp_reno_time_out(struct tpa_tcp_window *window, uint32_t ssthresh, bool repeated)
{
    if (!repeated) {
        tpa_tcp_reno_remember(window);
        window->ssthresh = ssthresh;
    }
    window->cwnd = window->mss;
    window->acked = 0;
}

static uint32_t three_quarters(uint32_t bytes)
{
    return bytes - bytes / 4;
}

void tpa_tcp_reno_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
    (void)idle;
    (void)now;
    if (window->cwnd <= window->cwnd_initial)
        return;
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, three_quarters(window->cwnd));
    window->cwnd = window->cwnd_initial;
    window->acked = 0;
}

void tpa_tcp_reno_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
    (void)now;
    if (window->prior_cwnd == 0)
        return;
    window->cwnd = TPA_BASE_MAX(window->cwnd, window->prior_cwnd);
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, window->prior_ssthresh);
    window->prior_cwnd = 0;
    window->acked = 0;
}

static uint32_t pipe_ack(const struct tpa_tcp_validation *validation)
{
    return TPA_BASE_MAX(validation->highest, validation->highest_last);
}

/* The maximum over the last period or two: what is older than both is forgotten. */
static void advance_period(struct tpa_tcp_validation *validation,
                           const struct tpa_tcp_ack_sample *sample)
{
    uint64_t period = TPA_BASE_MAX(TPA_TCP_VALIDATION_PERIOD, 3 * sample->srtt);

    if (validation->period_start == 0) {
        validation->period_start = sample->now;
        validation->round_end = sample->snd_una; /* the next one is whole */
    }
    if (sample->now - validation->period_start < period)
        return;
    validation->highest_last = validation->highest;
    validation->highest = 0;
    validation->period_start = sample->now;
}

static void count_round(struct tpa_tcp_validation *validation,
                        const struct tpa_tcp_ack_sample *sample)
{
    validation->round_acked += sample->acked;
    validation->highest = TPA_BASE_MAX(validation->highest, validation->round_acked);
    if (tpa_base_seq_lt(sample->snd_una, validation->round_end))
        return;
    validation->round_acked = 0;
    validation->round_end = sample->snd_nxt;
}

void tpa_tcp_validate(struct tpa_tcp_validation *validation, struct tpa_tcp_window *window,
                      const struct tpa_tcp_ack_sample *sample)
{
    advance_period(validation, sample);
    count_round(validation, sample);
    if (sample->window_limited || pipe_ack(validation) >= window->cwnd / 2) {
        validation->doubtful_from = 0;
        return;
    }
    if (validation->doubtful_from == 0)
        validation->doubtful_from = sample->now;
    if (sample->now - validation->doubtful_from < TPA_TCP_VALIDATION_DOUBT_MAX)
        return;
    validation->doubtful_from = sample->now;
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, three_quarters(window->cwnd));
    window->cwnd = TPA_BASE_MAX(window->cwnd / 2, TPA_BASE_MIN(window->cwnd, window->cwnd_initial));
}

uint32_t tpa_tcp_validation_used(struct tpa_tcp_validation *validation, uint32_t in_flight)
{
    uint32_t used = in_flight;

    if (validation->doubtful_from != 0)
        used = TPA_BASE_MAX(used, pipe_ack(validation));
    *validation = (struct tpa_tcp_validation){0};
    return used;
}
