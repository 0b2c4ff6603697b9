/*
 * CUBIC (RFC 9438): behind a reduction the window follows a cubic function of time, flat where the
 * loss was. In integers: windows in bytes, times in units of 2^20 ns (1.05 ms).
 *
 *     W_cubic(t) = C (t - K)^3 + W_max        K = cubic root of ((W_max - cwnd_epoch) / C)
 *
 * Growth is counted and not divided out: each acknowledged byte earns (target - cwnd) of the
 * cwnd * mss that the next segment costs.
 */
#include <string.h>

#include <tpa/tcp/reno.h>

#include "hystart.h"

/* RFC 9438 section 4.6 in 1/1024, and RFC 8511 section 3 for marks. */
#define BETA     717
#define BETA_ECN 870
/* Fast convergence (section 4.7): (1 + beta) / 2. */
#define CONVERGENCE ((1024 + BETA) / 2)
/* Section 4.3: 3 (1 - beta) / (1 + beta) = 9/17. */
#define ALPHA_NUMERATOR   9
#define ALPHA_DENOMINATOR 17

#define TIME_SHIFT 20
/* C = 0.4 segments/s^3: (2^20 ns)^3 is 1.152921504606847e-9 s^3. Its inverse in whole units, */
#define C_INVERSE UINT64_C(2168404345)
/* and itself in 2^-50 segments for each cubic unit. */
#define C_SHIFT 50
#define C_FIXED UINT64_C(519230)

/* The function is cut off here, 18 minutes from K: far beyond the largest window. */
#define TIME_MAX (UINT64_C(1) << 20)

__extension__ typedef unsigned __int128 wide;

/* What a reduction changes and on_spurious restores. */
struct curve {
    uint64_t epoch;      /*  0: ns: when congestion avoidance began; 0 = it has not */
    uint32_t w_max;      /*  8: bytes; 0 = undefined, the next epoch's start */
    uint32_t k;          /* 12: units of time */
    uint32_t w_est;      /* 16: bytes: what Reno would have */
    uint32_t cwnd_prior; /* 20: bytes: when ssthresh was last set */
};

struct cubic {
    struct curve curve;                   /*  0 */
    uint64_t updated;                     /* 24: ns: last acknowledgement */
    uint64_t credit;                      /* 32: bytes^2: earned for the next segment */
    uint64_t credit_est;                  /* 40: bytes / 17: the same of w_est */
    struct hystart hystart;               /* 48 */
    struct tpa_tcp_validation validation; /* 80 */
    uint32_t undo_w_max;                  /* 112 */
    uint32_t undo_k;                      /* 116 */
    uint64_t undo_epoch;                  /* 120 */
};

_Static_assert(sizeof(struct cubic) <= TPA_TCP_CONGESTION_STATE_SMALL, "the default is small");

/* The largest x with x^3 <= value, a bit at a time from the top: at the cost of 22 steps, once in a
 * loss event. */
static uint32_t cube_root(uint64_t value)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 21; bit != 0; bit >>= 1) {
        uint64_t next = root | bit;

        if ((wide)next * next * next <= value)
            root = next;
    }
    return (uint32_t)root;
}

static void cubic_init(struct tpa_tcp_window *window, uint64_t now)
{
    memset(window->state, 0, sizeof(struct cubic));
    window->acked = 0;
}

/* Congestion avoidance begins: section 4.2. Without W_max (first slow start, time-out), or beyond
 * it, the curve begins at its flat part: sections 4.8 and 4.10. */
static void begin_epoch(struct tpa_tcp_window *window, uint64_t now)
{
    struct cubic *cubic = window->state;
    struct curve *curve = &cubic->curve;

    curve->epoch = now;
    curve->w_est = window->cwnd;
    curve->cwnd_prior = TPA_BASE_MAX(curve->cwnd_prior, window->cwnd);
    curve->w_max = TPA_BASE_MAX(curve->w_max, window->cwnd);
    curve->k = cube_root((uint64_t)(curve->w_max - window->cwnd) * C_INVERSE / window->mss);
    cubic->credit = 0;
    cubic->credit_est = 0;
}

/* W_cubic in bytes, `elapsed` ns into the epoch. */
static uint64_t w_cubic(const struct tpa_tcp_window *window, const struct curve *curve,
                        uint64_t elapsed)
{
    uint64_t t = elapsed >> TIME_SHIFT;
    uint64_t distance = t > curve->k ? t - curve->k : curve->k - t;
    uint64_t change;

    distance = TPA_BASE_MIN(distance, TIME_MAX);
    change =
        (uint64_t)(((wide)(distance * distance * distance) * (C_FIXED * window->mss)) >> C_SHIFT);
    if (t >= curve->k)
        return curve->w_max + change;
    return change < curve->w_max ? curve->w_max - change : 0;
}

/* Section 4.2: neither shrinking nor faster than slow start. */
static uint32_t target_of(const struct tpa_tcp_window *window, const struct curve *curve,
                          const struct tpa_tcp_ack_sample *sample)
{
    uint64_t target = w_cubic(window, curve, sample->now - curve->epoch + sample->srtt);
    uint64_t most = (uint64_t)window->cwnd + window->cwnd / 2;

    target = TPA_BASE_MAX(target, (uint64_t)window->cwnd);
    target = TPA_BASE_MIN(target, most);
    return (uint32_t)TPA_BASE_MIN(target, (uint64_t)UINT32_MAX);
}

/* Whole segments that `credit` pays for at `price` each; what is left stays. Only a stretched
 * acknowledgement pays for more than one, and for a division. */
static uint64_t spend(uint64_t *credit, uint64_t price)
{
    uint64_t count = 1;

    if (*credit < price)
        return 0;
    if (*credit >= 2 * price)
        count = *credit / price;
    *credit -= count * price;
    return count;
}

/* Section 4.3: W_est grows by alpha segments for each cwnd of bytes acknowledged. */
static void grow_estimate(struct cubic *cubic, const struct tpa_tcp_window *window, uint32_t acked)
{
    struct curve *curve = &cubic->curve;
    uint32_t alpha = curve->w_est >= curve->cwnd_prior ? ALPHA_DENOMINATOR : ALPHA_NUMERATOR;
    uint64_t grown;

    cubic->credit_est += (uint64_t)acked * alpha;
    grown = spend(&cubic->credit_est, (uint64_t)window->cwnd * ALPHA_DENOMINATOR) * window->mss;
    curve->w_est = (uint32_t)TPA_BASE_MIN(curve->w_est + grown, (uint64_t)UINT32_MAX);
}

static void avoid(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct cubic *cubic = window->state;
    struct curve *curve = &cubic->curve;
    uint32_t acked = TPA_BASE_MIN(sample->acked, window->cwnd);

    if (curve->epoch == 0)
        begin_epoch(window, sample->now);
    grow_estimate(cubic, window, acked);
    if (w_cubic(window, curve, sample->now - curve->epoch) < curve->w_est) {
        if (curve->w_est > window->cwnd)
            tpa_tcp_reno_grow(window, curve->w_est - window->cwnd);
        cubic->credit = 0;
        return;
    }
    cubic->credit += (uint64_t)acked * (target_of(window, curve, sample) - window->cwnd);
    tpa_tcp_reno_grow(window,
                      (uint32_t)spend(&cubic->credit, (uint64_t)window->cwnd * window->mss) *
                          window->mss);
}

/* RFC 9406 section 4.3: only before the first loss, when ssthresh is still without bounds. */
static void slow_start(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct cubic *cubic = window->state;
    enum hystart_verdict verdict = HYSTART_SLOW_START;
    uint32_t limit = TPA_TCP_RENO_SLOW_START_LIMIT;
    uint32_t bytes;

    if (window->ssthresh == TPA_TCP_SSTHRESH_INFINITE) {
        verdict = tpa_tcp_hystart_on_ack(&cubic->hystart, sample);
        limit = HYSTART_LIMIT;
    }
    if (verdict == HYSTART_DONE)
        window->ssthresh = window->cwnd;
    if (!sample->window_limited || verdict == HYSTART_DONE)
        return;
    bytes = tpa_tcp_reno_slow_start(window, sample, limit);
    tpa_tcp_reno_grow(window, verdict == HYSTART_CSS ? bytes / HYSTART_CSS_DIVISOR : bytes);
}

/* Section 4.2: time in which the window was not used doesn't count. */
static void stop_the_clock(struct cubic *cubic, uint64_t now)
{
    if (cubic->curve.epoch != 0)
        cubic->curve.epoch += now - cubic->updated;
}

static void cubic_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct cubic *cubic = window->state;

    tpa_tcp_validate(&cubic->validation, window, sample);
    if (sample->acked == 0)
        return;
    if (!sample->window_limited)
        stop_the_clock(cubic, sample->now);
    cubic->updated = sample->now;
    if (sample->in_recovery || sample->marked != 0)
        return;
    if (window->cwnd < window->ssthresh)
        slow_start(window, sample);
    else if (sample->window_limited)
        avoid(window, sample);
}

/* What section 4.9.2 wants to be restored, should it turn out that nothing was lost. */
static void remember(const struct tpa_tcp_window *window)
{
    struct cubic *cubic = window->state;

    cubic->undo_epoch = cubic->curve.epoch;
    cubic->undo_w_max = cubic->curve.w_max;
    cubic->undo_k = cubic->curve.k;
}

/* Sections 4.6 and 4.7: W_max, and the ssthresh that this congestion leads to. */
static uint32_t congestion(struct tpa_tcp_window *window, uint32_t in_flight, uint32_t factor,
                           uint32_t segments_min)
{
    struct cubic *cubic = window->state;
    struct curve *curve = &cubic->curve;
    uint32_t used = tpa_tcp_validation_used(&cubic->validation, in_flight);

    remember(window);
    if (window->cwnd < curve->w_max)
        curve->w_max = (uint32_t)(((uint64_t)window->cwnd * CONVERGENCE) >> 10);
    else
        curve->w_max = window->cwnd;
    curve->cwnd_prior = window->cwnd;
    curve->epoch = 0;
    return tpa_tcp_reno_scaled(window, used, factor, segments_min);
}

static void cubic_on_loss_event(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_reno_reduce(window, congestion(window, in_flight, BETA, 2));
}

/* On a mark cwnd may go down to one segment; ssthresh may not. */
static void cubic_on_ecn(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_reno_reduce(window, congestion(window, in_flight, BETA_ECN, 1));
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, 2 * window->mss);
}

/* Section 4.8: the next epoch's curve begins at its flat part. */
static void cubic_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                         uint64_t now)
{
    struct cubic *cubic = window->state;
    uint32_t ssthresh = window->ssthresh;

    if (!repeated)
        ssthresh = congestion(window, in_flight, BETA, 2);
    tpa_tcp_reno_time_out(window, ssthresh, repeated);
    cubic->curve.w_max = 0;
    cubic->curve.epoch = 0;
}

static void cubic_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
    struct cubic *cubic = window->state;

    stop_the_clock(cubic, now);
    cubic->updated = now;
    tpa_tcp_reno_on_idle(window, idle, now);
}

static void cubic_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
    struct cubic *cubic = window->state;
    bool forgotten = window->prior_cwnd == 0 || window->cwnd >= window->prior_cwnd;

    tpa_tcp_reno_on_spurious(window, now);
    if (forgotten)
        return;
    cubic->curve.epoch = cubic->undo_epoch;
    cubic->curve.w_max = cubic->undo_w_max;
    cubic->curve.k = cubic->undo_k;
    cubic->curve.w_est = TPA_BASE_MAX(cubic->curve.w_est, window->cwnd);
}

const struct tpa_tcp_congestion tpa_tcp_congestion_cubic = {
    .name = "cubic",
    .state_size = sizeof(struct cubic),
    .init = cubic_init,
    .on_ack = cubic_on_ack,
    .on_loss_event = cubic_on_loss_event,
    .on_exit_recovery = tpa_tcp_reno_on_exit_recovery,
    .on_rto = cubic_on_rto,
    .on_idle = cubic_on_idle,
    .on_ecn = cubic_on_ecn,
    .on_spurious = cubic_on_spurious,
};
