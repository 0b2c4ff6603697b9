/*
 * RFC 5681 with the byte counting of RFC 3465, for a sender whose recovery goes by the pipe (RFC
 * 6675): during recovery cwnd is ssthresh and isn't inflated.
 */
#include <tpa/tcp/congestion.h>

/* RFC 3465 section 2.3: the limit L, in segments. Growth is by bytes that were acknowledged, so
 * that splitting an acknowledgement gains nothing, and one that covers many segments makes no
 * burst. */
#define SLOW_START_LIMIT               2
#define SLOW_START_LIMIT_AFTER_TIMEOUT 1

static void newreno_init(struct tpa_tcp_window *window, uint64_t now)
{
    (void)now;
    window->acked = 0;
}

static void grow(struct tpa_tcp_window *window, uint32_t bytes)
{
    uint32_t room = window->cwnd_max - TPA_BASE_MIN(window->cwnd, window->cwnd_max);

    window->cwnd += TPA_BASE_MIN(bytes, room);
}

static void slow_start(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    uint64_t limit = (uint64_t)window->mss *
                     (sample->after_timeout ? SLOW_START_LIMIT_AFTER_TIMEOUT : SLOW_START_LIMIT);

    grow(window, (uint32_t)TPA_BASE_MIN((uint64_t)sample->acked, limit));
}

/* One mss for each cwnd of bytes acknowledged: RFC 3465 section 2.1. */
static void congestion_avoidance(struct tpa_tcp_window *window,
                                 const struct tpa_tcp_ack_sample *sample)
{
    /* A single acknowledgement never counts for more than a window. */
    window->acked += TPA_BASE_MIN(sample->acked, window->cwnd);
    if (window->acked < window->cwnd)
        return;
    window->acked -= window->cwnd;
    grow(window, window->mss);
}

static void newreno_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    if (sample->in_recovery || !sample->window_limited || sample->acked == 0)
        return;
    if (window->cwnd < window->ssthresh)
        slow_start(window, sample);
    else
        congestion_avoidance(window, sample);
}

static void remember(struct tpa_tcp_window *window)
{
    window->prior_cwnd = window->cwnd;
    window->prior_ssthresh = window->ssthresh;
}

/* RFC 5681, equation 4. */
static uint32_t reduced(const struct tpa_tcp_window *window, uint32_t in_flight)
{
    return TPA_BASE_MAX(in_flight / 2, 2 * window->mss);
}

static void newreno_on_loss_event(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    (void)now;
    remember(window);
    window->ssthresh = reduced(window, in_flight);
    window->cwnd = window->ssthresh;
    window->acked = 0;
}

/* RFC 6582 section 3.2, step 3, first way: no burst where the flight has drained. */
static void newreno_on_exit_recovery(struct tpa_tcp_window *window, uint32_t in_flight,
                                     uint64_t now)
{
    uint64_t no_burst = (uint64_t)TPA_BASE_MAX(in_flight, window->mss) + window->mss;

    (void)now;
    window->cwnd = (uint32_t)TPA_BASE_MIN((uint64_t)window->ssthresh, no_burst);
    window->acked = 0;
}

static void newreno_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                           uint64_t now)
{
    (void)now;
    if (!repeated) {
        remember(window);
        window->ssthresh = reduced(window, in_flight);
    }
    window->cwnd = window->mss;
    window->acked = 0;
}

/* RFC 5681 section 4.1: the restart window. */
static void newreno_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
    (void)idle;
    (void)now;
    window->cwnd = TPA_BASE_MIN(window->cwnd, window->cwnd_initial);
    window->acked = 0;
}

static void newreno_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
    (void)now;
    if (window->prior_cwnd == 0)
        return;
    window->cwnd = TPA_BASE_MAX(window->cwnd, window->prior_cwnd);
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, window->prior_ssthresh);
    window->prior_cwnd = 0;
    window->acked = 0;
}

const struct tpa_tcp_congestion tpa_tcp_congestion_newreno = {
    .name = "newreno",
    .init = newreno_init,
    .on_ack = newreno_on_ack,
    .on_loss_event = newreno_on_loss_event,
    .on_exit_recovery = newreno_on_exit_recovery,
    .on_rto = newreno_on_rto,
    .on_idle = newreno_on_idle,
    .on_spurious = newreno_on_spurious,
};
