/*
 * RFC 5681 with the byte counting of RFC 3465, for a sender whose recovery goes by the pipe (RFC
 * 6675): during recovery cwnd is ssthresh and isn't inflated.
 */
#include <tpa/tcp/reno.h>

struct newreno {
    struct tpa_tcp_validation validation;
};

static void newreno_init(struct tpa_tcp_window *window, uint64_t now)
{
    window->acked = 0;
}

static void newreno_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct newreno *newreno = window->state;

    tpa_tcp_validate(&newreno->validation, window, sample);
    tpa_tcp_reno_on_ack(window, sample);
}

/* RFC 5681, equation 4. */
static uint32_t reduced(struct tpa_tcp_window *window, uint32_t in_flight, uint32_t factor)
{
    struct newreno *newreno = window->state;
    uint32_t used = tpa_tcp_validation_used(&newreno->validation, in_flight);

    return tpa_tcp_reno_scaled(window, used, factor, 2);
}

static void newreno_on_loss_event(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_reno_reduce(window, reduced(window, in_flight, TPA_TCP_RENO_BETA));
}

/* RFC 8511 section 3. */
static void newreno_on_ecn(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    tpa_tcp_reno_reduce(window, reduced(window, in_flight, TPA_TCP_RENO_BETA_ECN));
}

static void newreno_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                           uint64_t now)
{
    tpa_tcp_reno_time_out(window, reduced(window, in_flight, TPA_TCP_RENO_BETA), repeated);
}

const struct tpa_tcp_congestion tpa_tcp_congestion_newreno = {
    .name = "newreno",
    .state_size = sizeof(struct newreno),
    .init = newreno_init,
    .on_ack = newreno_on_ack,
    .on_loss_event = newreno_on_loss_event,
    .on_exit_recovery = tpa_tcp_reno_on_exit_recovery,
    .on_rto = newreno_on_rto,
    .on_idle = tpa_tcp_reno_on_idle,
    .on_ecn = newreno_on_ecn,
    .on_spurious = tpa_tcp_reno_on_spurious,
};
