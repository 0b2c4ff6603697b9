/* NewReno alone: RFC 5681, 3465, 6582. */
#include <criterion/criterion.h>

#include "control.h"
#include "host.h"

TestSuite(newreno);

#define MSS     CONTROL_MSS
#define INITIAL CONTROL_INITIAL

static struct tpa_tcp_window *newreno_start(struct control *control)
{
    control_start(control, &tpa_tcp_congestion_newreno);
    return &control->window;
}

/* So many acknowledgements of `bytes` a round trip apart, of an application that doesn't fill the
 * window. */
static void use_little(struct control *control, uint32_t bytes, unsigned int rounds)
{
    for (unsigned int i = 0; i < rounds; i++) {
        struct tpa_tcp_ack_sample sample;

        control->snd_nxt = control->snd_una + bytes;
        sample = control_sample(control, bytes);
        sample.window_limited = false;
        sample.snd_nxt = sample.snd_una + bytes;
        control->window.algorithm->on_ack(&control->window, &sample);
        control->now += control->rtt;
    }
}

/* RFC 7661 section 4.4.1: by what was acknowledged in a round, where that is more than what happens
 * to be in flight; cwnd, which wasn't tried, doesn't count. */
Test(newreno, a_window_that_is_not_validated_is_reduced_by_its_use)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->cwnd = 100 * MSS;
    use_little(&control, 20 * MSS, 30);
    window->algorithm->on_loss_event(window, 2 * MSS, control.now);
    cr_assert_eq(window->ssthresh, 10 * MSS);

    window->cwnd = 100 * MSS;
    use_little(&control, 20 * MSS, 30);
    window->algorithm->on_loss_event(window, 60 * MSS, control.now);
    cr_assert_eq(window->ssthresh, 30 * MSS);

    window->cwnd = 100 * MSS;
    use_little(&control, 60 * MSS, 30);
    window->algorithm->on_loss_event(window, 2 * MSS, control.now);
    cr_assert_eq(window->ssthresh, 2 * MSS, "half of it is used: RFC 5681's FlightSize");
    control_stop(&control);
}

/* Section 4.4.3: five minutes, and ssthresh remembers. */
Test(newreno, a_window_that_is_not_validated_is_halved_after_five_minutes)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->cwnd = 100 * MSS;
    window->ssthresh = 10 * MSS;
    use_little(&control, 20 * MSS, 2990);
    cr_assert_eq(window->cwnd, 100 * MSS);
    use_little(&control, 20 * MSS, 40);
    cr_assert_eq(window->cwnd, 50 * MSS);
    cr_assert_eq(window->ssthresh, 75 * MSS);
    use_little(&control, 1 * MSS, 60000);
    cr_assert_eq(window->cwnd, INITIAL);
    control_stop(&control);
}

Test(newreno, begins_with_the_initial_window)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    cr_assert_eq(window->cwnd, INITIAL);
    cr_assert_eq(window->ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    cr_assert_eq(tpa_tcp_window_pacing_rate(window), 0);
    control_stop(&control);
}

Test(newreno, slow_start_doubles_in_a_round_trip)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    for (int i = 0; i < 5; i++)
        control_acknowledge(&control, 2 * MSS); /* delayed ACKs */
    cr_assert_eq(window->cwnd, 2 * INITIAL);
    control_stop(&control);
}

/* RFC 3465 section 2.3: at most L = 2 segments for each acknowledgement. */
Test(newreno, slow_start_makes_no_burst_of_a_stretched_ack)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    control_acknowledge(&control, 10 * MSS);
    cr_assert_eq(window->cwnd, INITIAL + 2 * MSS);
    control_stop(&control);
}

/* Attack 30. 1,000 acknowledgements of a byte are as good as one of a segment. */
Test(newreno, ack_division_gains_nothing)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    for (uint32_t i = 0; i < MSS; i++)
        control_acknowledge(&control, 1);
    cr_assert_eq(window->cwnd, INITIAL + MSS);
    control_stop(&control);
}

Test(newreno, avoidance_adds_a_segment_in_a_round_trip)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->ssthresh = window->cwnd;
    for (uint32_t i = 0; i < INITIAL - 1; i++)
        control_acknowledge(&control, 1);
    cr_assert_eq(window->cwnd, INITIAL);
    control_acknowledge(&control, 1);
    cr_assert_eq(window->cwnd, INITIAL + MSS);
    for (uint32_t i = 0; i < 11; i++)
        control_acknowledge(&control, MSS);
    cr_assert_eq(window->cwnd, INITIAL + 2 * MSS);
    control_stop(&control);
}

Test(newreno, a_window_that_is_not_used_does_not_grow)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);
    const struct tpa_tcp_ack_sample sample = {.acked = MSS, .delivered = MSS};

    for (int i = 0; i < 1000; i++)
        window->algorithm->on_ack(window, &sample);
    cr_assert_eq(window->cwnd, INITIAL);
    control_stop(&control);
}

Test(newreno, recovery)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);
    const struct tpa_tcp_ack_sample during = {
        .acked = MSS, .delivered = MSS, .window_limited = true, .in_recovery = true};

    window->algorithm->on_loss_event(window, 9 * MSS, 0);
    cr_assert_eq(window->ssthresh, 4500);
    cr_assert_eq(window->cwnd, 4500);
    window->algorithm->on_ack(window, &during);
    cr_assert_eq(window->cwnd, 4500);
    window->algorithm->on_exit_recovery(window, 4 * MSS, 0);
    cr_assert_eq(window->cwnd, 4500);
    for (int i = 0; i < 5; i++)
        control_acknowledge(&control, MSS);
    cr_assert_eq(window->cwnd, 5500); /* congestion avoidance */
    control_stop(&control);
}

/* RFC 6582 section 3.2, step 3. */
Test(newreno, no_burst_behind_recovery)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->algorithm->on_loss_event(window, 100 * MSS, 0);
    window->algorithm->on_exit_recovery(window, 0, 0);
    cr_assert_eq(window->cwnd, 2 * MSS);
    cr_assert_eq(window->ssthresh, 50 * MSS);
    control_stop(&control);
}

Test(newreno, ssthresh_is_never_below_two_segments)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->algorithm->on_loss_event(window, 0, 0);
    cr_assert_eq(window->ssthresh, 2 * MSS);
    control_stop(&control);
}

/* RFC 5681 section 3.1: the loss window is one segment; ssthresh holds when the same one times out
 * again. */
Test(newreno, timeout)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);
    struct tpa_tcp_ack_sample sample = {
        .acked = 5 * MSS, .delivered = 5 * MSS, .window_limited = true, .after_timeout = true};

    window->algorithm->on_rto(window, 10 * MSS, false, 0);
    cr_assert_eq(window->cwnd, MSS);
    cr_assert_eq(window->ssthresh, 5 * MSS);
    window->algorithm->on_rto(window, MSS, true, 0);
    cr_assert_eq(window->ssthresh, 5 * MSS);
    window->algorithm->on_ack(window, &sample);
    cr_assert_eq(window->cwnd, 2 * MSS); /* L = 1 */
    control_stop(&control);
}

Test(newreno, idle)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->cwnd = 50 * MSS;
    window->algorithm->on_idle(window, 1, 1);
    cr_assert_eq(window->cwnd, INITIAL);
    window->cwnd = 2 * MSS;
    window->algorithm->on_idle(window, 1, 1);
    cr_assert_eq(window->cwnd, 2 * MSS);
    control_stop(&control);
}

Test(newreno, spurious_reductions_are_taken_back_once)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->algorithm->on_spurious(window, 0); /* nothing to take back */
    cr_assert_eq(window->cwnd, INITIAL);
    window->algorithm->on_rto(window, INITIAL, false, 0);
    window->algorithm->on_rto(window, INITIAL, true, 0);
    window->algorithm->on_spurious(window, 0);
    cr_assert_eq(window->cwnd, INITIAL);
    cr_assert_eq(window->ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    window->cwnd = MSS;
    window->algorithm->on_spurious(window, 0);
    cr_assert_eq(window->cwnd, MSS);
    control_stop(&control);
}

Test(newreno, cwnd_max)
{
    struct control control;
    struct tpa_tcp_window *window = newreno_start(&control);

    window->cwnd_max = INITIAL + 1;
    for (int i = 0; i < 10; i++)
        control_acknowledge(&control, MSS);
    cr_assert_eq(window->cwnd, INITIAL + 1);
    window->cwnd_max = UINT32_MAX;
    window->cwnd = UINT32_MAX - 5;
    control_acknowledge(&control, MSS);
    cr_assert_eq(window->cwnd, UINT32_MAX);
    control_stop(&control);
}
