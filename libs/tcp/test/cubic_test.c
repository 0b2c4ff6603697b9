/* CUBIC with HyStart++ against the formulas of RFC 9438 and 9406, in double arithmetic. */
#include <criterion/criterion.h>

#include <math.h>

#include "control.h"
#include "host.h"

TestSuite(cubic);
TestSuite(hystart);

#define MSS CONTROL_MSS

static void cubic_start(struct control *control)
{
    control_start(control, &tpa_tcp_congestion_cubic);
}

/* In congestion avoidance with a window of so many segments, which was never larger. */
static void avoid_at(struct control *control, uint32_t segments)
{
    cubic_start(control);
    control->window.cwnd = segments * MSS;
    control->window.ssthresh = segments * MSS;
    control->snd_nxt = control->snd_una + control->window.cwnd;
}

/* RFC 9438, figures 1, 2 and 4, in segments and seconds. */
static double reference(double w_max, double cwnd_epoch, double t, double rtt)
{
    double k = cbrt((w_max - cwnd_epoch) / 0.4);
    double w_est = cwnd_epoch + 9.0 / 17 * t / rtt;

    return fmax(0.4 * pow(t - k, 3) + w_max, w_est);
}

static double segments(const struct control *control)
{
    return (double)control->window.cwnd / MSS;
}

static double seconds_since(const struct control *control, uint64_t start)
{
    return (double)(control->now - start) / 1e9;
}

/* The window runs behind the target by less than a round trip, and by whole segments: it lies
 * between the curve of a round trip ago and that of now, give or take two segments. */
static void expect_on_curve(const struct control *control, double w_max, double cwnd_epoch,
                            double t)
{
    double rtt = (double)control->rtt / 1e9;
    double low = reference(w_max, cwnd_epoch, t - rtt, rtt) - 2;
    double high = reference(w_max, cwnd_epoch, t + rtt, rtt) + 2;

    cr_assert(segments(control) >= low && segments(control) <= high,
              "after %.2f s %.1f segments, not in [%.1f, %.1f]", t, segments(control), low, high);
}

/* Section 4.6: beta = 0.7, of what is in flight. */
Test(cubic, a_loss_takes_three_tenths)
{
    struct control control;

    avoid_at(&control, 1000);
    control.window.algorithm->on_loss_event(&control.window, 1000 * MSS, control.now);
    cr_assert_float_eq(segments(&control), 700, 1);
    cr_assert_eq(control.window.ssthresh, control.window.cwnd);
    control.window.algorithm->on_loss_event(&control.window, 500, control.now);
    cr_assert_eq(control.window.cwnd, 2 * MSS, "never below two segments");
    control_stop(&control);
}

static void follow_curve(uint32_t w_max, uint64_t rtt, double duration)
{
    struct control control;
    uint64_t start;
    double cwnd_epoch;

    avoid_at(&control, w_max);
    control.rtt = rtt;
    control_lose(&control);
    control_acknowledge(&control, 2 * MSS);
    cwnd_epoch = segments(&control);
    start = control.now;
    while (seconds_since(&control, start) < duration) {
        control_round(&control);
        expect_on_curve(&control, w_max, cwnd_epoch, seconds_since(&control, start));
    }
    control_stop(&control);
}

/* Concave up to W_max, flat there, convex beyond; K is 9.1 s, 4.2 s and 14.4 s here. */
Test(cubic, follows_the_curve)
{
    follow_curve(1000, 100 * MS, 15);
    follow_curve(1000, 30 * MS, 15);
    follow_curve(100, 200 * MS, 8);
    follow_curve(4000, 300 * MS, 20);
}

/* Figure 2: after K seconds the window is W_max again; it is a segment below (1 / C)^(1/3) before.
 */
Test(cubic, k_is_the_time_back_to_w_max)
{
    struct control control;
    uint64_t start;

    avoid_at(&control, 2000);
    control_lose(&control);
    start = control.now;
    while (control.window.cwnd < 1999 * MSS)
        control_round(&control);
    cr_assert_float_eq(seconds_since(&control, start), cbrt(600 / 0.4) - cbrt(1 / 0.4), 0.3);
    control_stop(&control);
}

/* Section 4.7: a flow that had less than before gives more away. */
Test(cubic, fast_convergence)
{
    struct control control;
    uint64_t start;
    double cwnd_epoch;

    avoid_at(&control, 1000);
    control_lose(&control);
    control_run(&control, 1 * SECONDS);
    cr_assert_lt(segments(&control), 1000);
    double before = segments(&control);
    control_lose(&control);
    control_acknowledge(&control, 2 * MSS);
    cwnd_epoch = segments(&control);
    start = control.now;
    for (int i = 0; i < 60; i++) {
        control_round(&control);
        expect_on_curve(&control, before * (1 + 0.7) / 2, cwnd_epoch,
                        seconds_since(&control, start));
    }
    control_stop(&control);
}

/* Section 4.3: where Reno would be faster, as fast as AIMD(9/17, 0.7); from cwnd_prior on as fast
 * as Reno. */
Test(cubic, reno_friendly_region)
{
    struct control control;
    double estimate, rounds_to_prior;

    avoid_at(&control, 20);
    control.rtt = 1 * MS;
    control_lose(&control);
    estimate = segments(&control);
    cr_assert_float_eq(estimate, 14, 0.1);
    for (rounds_to_prior = 0; control.window.cwnd < 20 * MSS; rounds_to_prior++)
        control_round(&control);
    cr_assert_float_eq(rounds_to_prior, (20 - estimate) * 17 / 9, 2.5);
    for (int i = 0; i < 20; i++)
        control_round(&control);
    cr_assert_float_eq(segments(&control), 40, 2.5);
    control_stop(&control);
}

/* Section 4.2: the target is at most one and a half windows, so a round adds half a window at most.
 */
Test(cubic, grows_less_than_slow_start)
{
    struct control control;

    avoid_at(&control, 10);
    control.rtt = 2000 * MS;
    control_round(&control);
    control.now += 100 * SECONDS;
    for (int i = 0; i < 5; i++) {
        uint32_t before = control.window.cwnd;

        control_round(&control);
        cr_assert_leq(control.window.cwnd, before + before / 2 + 2 * MSS);
    }
    control_stop(&control);
}

/* Section 4.2: time in which the window was not used doesn't count. */
Test(cubic, time_does_not_pass_for_an_application_that_pauses)
{
    struct control control;
    uint32_t before;

    avoid_at(&control, 1000);
    control_lose(&control);
    control_run(&control, 1 * SECONDS);
    before = control.window.cwnd;
    for (int i = 0; i < 100; i++) {
        struct tpa_tcp_ack_sample sample = control_sample(&control, 100);

        sample.window_limited = false;
        control.window.algorithm->on_ack(&control.window, &sample);
        control.now += 1 * SECONDS;
    }
    cr_assert_eq(control.window.cwnd, before);
    {
        struct tpa_tcp_ack_sample sample = control_sample(&control, 100);

        sample.window_limited = false;
        control.window.algorithm->on_ack(&control.window, &sample);
    }
    control.snd_nxt = control.snd_una + control.window.cwnd;
    control_round(&control);
    cr_assert_leq(control.window.cwnd, before + 40 * MSS, "%u, not about %u", control.window.cwnd,
                  before);
    control_stop(&control);
}

/* Section 4.8: slow start to ssthresh, and from there the convex half of the curve. */
Test(cubic, time_out)
{
    struct control control;
    uint64_t start;

    avoid_at(&control, 1000);
    control.window.algorithm->on_rto(&control.window, 1000 * MSS, false, control.now);
    cr_assert_eq(control.window.cwnd, MSS);
    cr_assert_float_eq((double)control.window.ssthresh, 700 * MSS, 1000);
    control.window.algorithm->on_rto(&control.window, MSS, true, control.now);
    cr_assert_float_eq((double)control.window.ssthresh, 700 * MSS, 1000);
    control.snd_nxt = control.snd_una + 2 * MSS;
    while (control.window.cwnd < control.window.ssthresh)
        control_round(&control);
    start = control.now;
    for (int i = 0; i < 80; i++) {
        double before = segments(&control);

        control_round(&control);
        cr_assert_geq(segments(&control), before);
        expect_on_curve(&control, 700, 700, seconds_since(&control, start));
    }
    control_stop(&control);
}

/* RFC 8511: a mark takes 0.15, and may lead down to one segment. */
Test(cubic, a_mark_is_not_a_loss)
{
    struct control control;

    avoid_at(&control, 1000);
    tpa_tcp_window_on_ecn(&control.window, 1000 * MSS, control.now);
    cr_assert_float_eq(segments(&control), 850, 1);
    tpa_tcp_window_on_ecn(&control.window, 1 * MSS, control.now);
    cr_assert_eq(control.window.cwnd, MSS);
    cr_assert_eq(control.window.ssthresh, 2 * MSS);
    control_stop(&control);
}

/* Section 4.9.2: as if nothing had been. */
Test(cubic, a_spurious_loss_is_taken_back)
{
    struct control lossy, other;

    avoid_at(&lossy, 1000);
    avoid_at(&other, 1000);
    control_lose(&lossy);
    control_lose(&other);
    control_run(&lossy, 2 * SECONDS);
    control_run(&other, 2 * SECONDS);
    lossy.window.algorithm->on_loss_event(&lossy.window, lossy.window.cwnd, lossy.now);
    lossy.window.algorithm->on_spurious(&lossy.window, lossy.now);
    cr_assert_eq(lossy.window.cwnd, other.window.cwnd);
    cr_assert_eq(lossy.window.ssthresh, other.window.ssthresh);
    control_run(&lossy, 5 * SECONDS);
    control_run(&other, 5 * SECONDS);
    cr_assert_float_eq(segments(&lossy), segments(&other), 2);
    control_stop(&lossy);
    control_stop(&other);
}

/* Growth never wraps: with the largest window, a small MSS and after hours. */
Test(cubic, extremes)
{
    struct control control;

    avoid_at(&control, 1000);
    tpa_tcp_window_set_mss(&control.window, 64, 640);
    control.window.cwnd_max = UINT32_MAX;
    control.window.cwnd = UINT32_MAX - 100;
    control.window.algorithm->on_loss_event(&control.window, UINT32_MAX, control.now);
    for (int i = 0; i < 1000; i++) {
        struct tpa_tcp_ack_sample sample = control_sample(&control, UINT32_MAX / 8);
        uint32_t before = control.window.cwnd;

        control.window.algorithm->on_ack(&control.window, &sample);
        cr_assert_geq(control.window.cwnd, before);
        control.now += 3600 * SECONDS;
    }
    cr_assert_gt(control.window.cwnd, UINT32_MAX - 1000);
    control_stop(&control);
}

/* ---- HyStart++ ---- */

Test(hystart, slow_start_doubles_while_the_delay_stays)
{
    struct control control;

    cubic_start(&control);
    for (uint32_t expected = 20; expected <= 640; expected *= 2) {
        control_round(&control);
        cr_assert_eq(control.window.cwnd, expected * MSS);
    }
    cr_assert_eq(control.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    control_stop(&control);
}

/* RFC 9406 section 4.2: L is 8 without pacing. */
Test(hystart, a_stretched_acknowledgement_counts_for_eight_segments)
{
    struct control control;

    cubic_start(&control);
    control_acknowledge(&control, 10 * MSS);
    cr_assert_eq(control.window.cwnd, 18 * MSS);
    control_stop(&control);
}

/* A round of ten segments, each acknowledged alone, with that delay. Returns the bytes by which the
 * window grew. */
static uint32_t ten_acknowledgements(struct control *control, uint64_t rtt)
{
    uint32_t start = control->snd_una, before = control->window.cwnd;

    control->rtt = rtt;
    for (uint32_t i = 1; i <= 10; i++) {
        /* With the last one the next ten are under way. */
        control->snd_nxt = start + (i == 10 ? 20 : 10) * MSS;
        struct tpa_tcp_ack_sample sample = control_sample(control, MSS);

        control->window.algorithm->on_ack(&control->window, &sample);
    }
    return control->window.cwnd - before;
}

/* In full up to the eighth sample, then a quarter. */
#define GROWTH_ON_ENTRY (7 * MSS + 3 * (MSS / 4))

/* The threshold is an eighth of the last round's delay, within 4 and 16 ms. */
Test(hystart, delay_that_grows_slows_slow_start_down)
{
    static const struct {
        uint64_t base, below, above;
    } cases[] = {
        {10 * MS, 13900000, 14 * MS},
        {80 * MS, 89 * MS, 90 * MS},
        {400 * MS, 415 * MS, 416 * MS},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        struct control control;

        cubic_start(&control);
        cr_assert_eq(ten_acknowledgements(&control, cases[i].base), 10 * MSS);
        cr_assert_eq(ten_acknowledgements(&control, cases[i].below), 10 * MSS, "case %zu", i);
        cr_assert_eq(ten_acknowledgements(&control, cases[i].base), 10 * MSS);
        cr_assert_eq(ten_acknowledgements(&control, cases[i].above), GROWTH_ON_ENTRY, "case %zu",
                     i);
        cr_assert_eq(ten_acknowledgements(&control, cases[i].above), 10 * (MSS / 4));
        cr_assert_eq(control.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
        control_stop(&control);
    }
}

/* CSS_ROUNDS = 5, the one in which it began included: then congestion avoidance. */
Test(hystart, congestion_avoidance_after_five_rounds)
{
    struct control control;

    cubic_start(&control);
    ten_acknowledgements(&control, 100 * MS);
    cr_assert_eq(ten_acknowledgements(&control, 150 * MS), GROWTH_ON_ENTRY);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(ten_acknowledgements(&control, 150 * MS), 10 * (MSS / 4));
    cr_assert_eq(control.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    cr_assert_eq(ten_acknowledgements(&control, 150 * MS), 9 * (MSS / 4));
    cr_assert_eq(control.window.ssthresh, control.window.cwnd);
    /* RFC 9438 section 4.10: the flat part of the curve. */
    cr_assert_leq(ten_acknowledgements(&control, 150 * MS), MSS);
    control_stop(&control);
}

/* It was jitter: back to full speed, and the next growth of delay counts anew. */
Test(hystart, slow_start_goes_on_when_the_delay_is_gone)
{
    struct control control;

    cubic_start(&control);
    ten_acknowledgements(&control, 100 * MS);
    cr_assert_eq(ten_acknowledgements(&control, 150 * MS), GROWTH_ON_ENTRY);
    cr_assert_eq(ten_acknowledgements(&control, 150 * MS), 10 * (MSS / 4));
    cr_assert_eq(ten_acknowledgements(&control, 100 * MS), 7 * (MSS / 4) + 3 * MSS);
    cr_assert_eq(ten_acknowledgements(&control, 100 * MS), 10 * MSS);
    cr_assert_eq(ten_acknowledgements(&control, 150 * MS), GROWTH_ON_ENTRY);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(control.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
        ten_acknowledgements(&control, 150 * MS);
    }
    cr_assert_eq(control.window.ssthresh, control.window.cwnd);
    control_stop(&control);
}

/* A few samples say nothing. */
Test(hystart, a_round_without_eight_samples_decides_nothing)
{
    struct control control;

    cubic_start(&control);
    ten_acknowledgements(&control, 100 * MS);
    for (int i = 0; i < 5; i++) {
        struct tpa_tcp_ack_sample sample = control_sample(&control, 10 * MSS);

        sample.rtt = 500 * MS;
        sample.snd_nxt = control.snd_una + 10 * MSS;
        control.window.algorithm->on_ack(&control.window, &sample);
    }
    cr_assert_eq(control.window.cwnd, (10 + 10 + 5 * 8) * MSS);
    control_stop(&control);
}

/* Section 4.3: only the first slow start. */
Test(hystart, is_for_the_first_slow_start)
{
    struct control control;

    cubic_start(&control);
    control.window.ssthresh = 1000 * MSS;
    for (uint64_t i = 1; i <= 10; i++)
        cr_assert_eq(ten_acknowledgements(&control, i * 100 * MS), 10 * MSS);
    control_stop(&control);
}
