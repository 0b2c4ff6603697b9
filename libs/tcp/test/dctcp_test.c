/* DCTCP alone: alpha against RFC 8257's formula in double arithmetic. */
#include <criterion/criterion.h>

#include "control.h"
#include "host.h"

TestSuite(dctcp);

#define MSS CONTROL_MSS

static struct tpa_tcp_window *dctcp_start(struct control *control)
{
    control_start(control, tpa_tcp_congestion_find("dctcp"));
    return &control->window;
}

/* A window of data of which so much in 1,000 was marked. */
static void observe(struct control *control, uint32_t marked)
{
    struct tpa_tcp_window *window = &control->window;

    window->cwnd = window->ssthresh = 1000 * MSS;
    control->snd_nxt = control->snd_una + 1000 * MSS;
    for (uint32_t i = 1; i <= 10; i++) {
        struct tpa_tcp_ack_sample sample = control_sample(control, 100 * MSS);

        sample.marked = marked * MSS / 10;
        if (i == 10)
            sample.snd_nxt += 1000 * MSS; /* the next window of data is under way */
        window->algorithm->on_ack(window, &sample);
    }
}

/* alpha, as a reduction shows it: cwnd * (1 - alpha / 2). */
static double alpha(struct control *control)
{
    struct tpa_tcp_window *window = &control->window;

    window->cwnd = 1u << 29;
    tpa_tcp_window_on_ecn(window, window->cwnd, control->now);
    return 2 * (1 - (double)window->cwnd / (1u << 29));
}

Test(dctcp, the_first_mark_halves)
{
    struct control control;
    struct tpa_tcp_window *window = dctcp_start(&control);

    tpa_tcp_window_on_ecn(window, window->cwnd, control.now);
    cr_assert_eq(window->cwnd, CONTROL_INITIAL / 2);
    cr_assert_eq(window->ssthresh, window->cwnd);
    control_stop(&control);
}

/* alpha = alpha * (1 - g) + g * M, once for each window of data. */
Test(dctcp, alpha_follows_the_fraction_of_marked_bytes)
{
    static const uint32_t marks[] = {0, 0, 1000, 500, 250, 10, 0, 0, 900, 900};
    struct control control;
    double expected = 1;

    dctcp_start(&control);
    for (int repeat = 0; repeat < 20; repeat++) {
        for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(marks); i++) {
            observe(&control, marks[i]);
            expected = expected * 15 / 16 + (double)marks[i] / 1000 / 16;
            cr_assert_float_eq(alpha(&control), expected, 0.002,
                               "repeat %d, window %zu: %f, not %f", repeat, i, alpha(&control),
                               expected);
        }
    }
    control_stop(&control);
}

Test(dctcp, without_marks_alpha_vanishes)
{
    struct control control;

    dctcp_start(&control);
    for (int i = 0; i < 400; i++)
        observe(&control, 0);
    cr_assert_eq(alpha(&control), 0);
    control_stop(&control);
}

/* Section 3.5. */
Test(dctcp, a_loss_halves_whatever_alpha_is)
{
    struct control control;
    struct tpa_tcp_window *window = dctcp_start(&control);

    for (int i = 0; i < 400; i++)
        observe(&control, 0);
    window->algorithm->on_loss_event(window, 1000 * MSS, control.now);
    cr_assert_eq(window->cwnd, 500 * MSS);
    control_stop(&control);
}

Test(dctcp, grows_as_reno_does)
{
    struct control dctcp, newreno;

    dctcp_start(&dctcp);
    control_start(&newreno, &tpa_tcp_congestion_newreno);
    for (int i = 0; i < 3; i++) {
        control_run(&dctcp, 2 * SECONDS);
        control_run(&newreno, 2 * SECONDS);
        cr_assert_eq(dctcp.window.cwnd, newreno.window.cwnd);
        control_lose(&dctcp);
        control_lose(&newreno);
    }
    control_stop(&dctcp);
    control_stop(&newreno);
}
