#include "control.h"

#include <string.h>

#include <criterion/criterion.h>

#include "host.h"
#include "stream.h"

void control_start(struct control *control, const struct tpa_tcp_congestion *algorithm)
{
    cr_assert_not_null(algorithm);
    memset(control, 0, sizeof(*control));
    control->now = 1000 * SECONDS;
    control->rtt = 100 * MS;
    control->snd_una = control->snd_nxt = UINT32_MAX - 50000;
    cr_assert_eq(tpa_tcp_congestion_states_init(&control->states, &stream_chunk_source), 0);
    cr_assert_eq(tpa_tcp_window_init(&control->window, algorithm, &control->states, CONTROL_MSS,
                                     CONTROL_INITIAL, 1u << 30, control->now),
                 0);
    control->snd_nxt += control->window.cwnd;
}

void control_stop(struct control *control)
{
    tpa_tcp_window_fini(&control->window, &control->states);
    cr_assert_eq(tpa_tcp_congestion_states_destroy(&control->states), 0);
}

static void fill_rate(struct control *control, uint32_t bytes)
{
    struct tpa_tcp_rate_sample *rate = &control->rate;
    uint32_t in_flight = control->snd_nxt - control->snd_una;

    rate->total_delivered += bytes;
    rate->newly_delivered = bytes;
    rate->delivered = (uint32_t)TPA_BASE_MIN(rate->total_delivered, (uint64_t)in_flight);
    rate->prior_delivered = rate->total_delivered - rate->delivered;
    rate->interval = control->rtt;
    rate->delivery_rate = rate->delivered * SECONDS / control->rtt;
    rate->in_flight = rate->tx_in_flight = in_flight;
    rate->is_selective = true;
}

struct tpa_tcp_ack_sample control_sample(struct control *control, uint32_t bytes)
{
    struct tpa_tcp_ack_sample sample = {
        .now = control->now,
        .rtt = control->rtt,
        .srtt = control->rtt,
        .rate = control->window.algorithm->rate_samples ? &control->rate : NULL,
        .acked = bytes,
        .delivered = bytes,
        .in_flight = control->snd_nxt - control->snd_una,
        .window_limited = true,
    };

    fill_rate(control, bytes);
    control->snd_una += bytes;
    sample.snd_una = control->snd_una;
    sample.snd_nxt = control->snd_nxt;
    return sample;
}

void control_acknowledge(struct control *control, uint32_t bytes)
{
    const struct tpa_tcp_ack_sample sample = control_sample(control, bytes);

    control->window.algorithm->on_ack(&control->window, &sample);
    control->snd_nxt = control->snd_una + control->window.cwnd;
}

void control_round(struct control *control)
{
    uint32_t acks = (control->snd_nxt - control->snd_una) / (2 * CONTROL_MSS);
    uint64_t start = control->now;

    for (uint32_t i = 1; i <= acks; i++) {
        control->now = start + control->rtt * i / acks;
        control_acknowledge(control, 2 * CONTROL_MSS);
    }
}

void control_run(struct control *control, uint64_t duration)
{
    uint64_t until = control->now + duration;

    while (control->now < until)
        control_round(control);
}

void control_lose(struct control *control)
{
    struct tpa_tcp_window *window = &control->window;

    window->algorithm->on_loss_event(window, control->snd_nxt - control->snd_una, control->now);
    control->now += control->rtt;
    control->snd_una = control->snd_nxt;
    control->snd_nxt += window->cwnd;
    window->algorithm->on_exit_recovery(window, window->cwnd, control->now);
}
