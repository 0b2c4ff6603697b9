/*
 * DCTCP (RFC 8257): NewReno that reduces by how many of its bytes were marked by congestion. For
 * data centres whose switches mark early; what the peer reports has to be exact (section 3.2).
 */
#include <tpa/base/seq.h>
#include <tpa/tcp/reno.h>

/* alpha in 2^-20: a power of two, so that the multiplications need no division. */
#define ALPHA_SHIFT 20
#define ALPHA_ONE   (1u << ALPHA_SHIFT)
/* The estimation gain g is 1/16 (section 4.2). */
#define GAIN_SHIFT 4

struct dctcp {
    uint32_t alpha;      /*  0: estimated fraction of marked bytes, 2^-20 */
    uint32_t window_end; /*  4: sequence number with whose acknowledgement the window is observed */
    uint64_t acked;      /*  8: bytes acknowledged in this window of data */
    uint64_t marked;     /* 16: and marked among them */
    bool started;        /* 24: window_end is valid */
    uint8_t reserved[3];
};

_Static_assert(sizeof(struct dctcp) <= TPA_TCP_CONGESTION_STATE_SMALL, "small");

/* Section 3.3: alpha begins at 1, the cautious end. */
static void dctcp_init(struct tpa_tcp_window *window, uint64_t now)
{
    struct dctcp *dctcp = window->state;

    *dctcp = (struct dctcp){.alpha = ALPHA_ONE};
    window->acked = 0;
}

/* Section 3.3, steps 5 to 8, once for each window of data. */
static void update_alpha(struct dctcp *dctcp)
{
    uint32_t fraction = 0;

    if (dctcp->marked != 0)
        fraction = (uint32_t)((dctcp->marked << ALPHA_SHIFT) / dctcp->acked);
    dctcp->alpha -= dctcp->alpha >> GAIN_SHIFT;
    dctcp->alpha += fraction >> GAIN_SHIFT;
    dctcp->alpha = TPA_BASE_MIN(dctcp->alpha, ALPHA_ONE);
    /* What the shift leaves for ever is less than one byte in 60,000. */
    if (fraction == 0 && dctcp->alpha < (1u << GAIN_SHIFT))
        dctcp->alpha = 0;
    dctcp->acked = 0;
    dctcp->marked = 0;
}

static void observe(struct dctcp *dctcp, const struct tpa_tcp_ack_sample *sample)
{
    dctcp->acked += sample->acked;
    dctcp->marked += TPA_BASE_MIN(sample->marked, sample->acked);
    if (dctcp->started && tpa_base_seq_lt(sample->snd_una, dctcp->window_end))
        return;
    if (dctcp->started)
        update_alpha(dctcp);
    dctcp->window_end = sample->snd_nxt;
    dctcp->started = true;
}

static void dctcp_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    if (sample->acked == 0)
        return;
    observe(window->state, sample);
    tpa_tcp_reno_on_ack(window, sample);
}

/* Section 3.3, step 9: cwnd * (1 - alpha / 2). */
static void dctcp_on_ecn(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    const struct dctcp *dctcp = window->state;
    uint32_t cut = (uint32_t)(((uint64_t)window->cwnd * dctcp->alpha) >> (ALPHA_SHIFT + 1));

    tpa_tcp_reno_reduce(window, TPA_BASE_MAX(window->cwnd - cut, window->mss));
    window->ssthresh = TPA_BASE_MAX(window->ssthresh, 2 * window->mss);
}

/* Section 3.5: a loss is what it is to everybody. */
static void dctcp_on_loss_event(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_reno_reduce(window, tpa_tcp_reno_scaled(window, in_flight, TPA_TCP_RENO_BETA, 2));
}

static void dctcp_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                         uint64_t now)
{
    tpa_tcp_reno_time_out(window, tpa_tcp_reno_scaled(window, in_flight, TPA_TCP_RENO_BETA, 2),
                          repeated);
}

const struct tpa_tcp_congestion tpa_tcp_congestion_dctcp = {
    .name = "dctcp",
    .state_size = sizeof(struct dctcp),
    .counts_marks = true,
    .init = dctcp_init,
    .on_ack = dctcp_on_ack,
    .on_loss_event = dctcp_on_loss_event,
    .on_exit_recovery = tpa_tcp_reno_on_exit_recovery,
    .on_rto = dctcp_on_rto,
    .on_idle = tpa_tcp_reno_on_idle,
    .on_ecn = dctcp_on_ecn,
    .on_spurious = tpa_tcp_reno_on_spurious,
};
