/* What is around the controls: how they are found, added, exchanged, and their memory. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include <tpa/base/error.h>
#include <tpa/tcp/congestion.h>

#include "control.h"
#include "host.h"
#include "stream.h"

TestSuite(congestion);

#define MSS CONTROL_MSS

static const char *const names[] = {"bbr", "cubic", "dctcp", "newreno"};
/* Those that go by the window alone; BBR goes by a path, and has that in a test of its own. */
static const char *const windows[] = {"cubic", "dctcp", "newreno"};

/* Each directory of cc/ is in the table, by its name. */
Test(congestion, find)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(names); i++) {
        const struct tpa_tcp_congestion *found = tpa_tcp_congestion_find(names[i]);

        cr_assert_not_null(found, "%s", names[i]);
        cr_assert_str_eq(found->name, names[i]);
    }
    cr_assert_eq(tpa_tcp_congestion_find("newreno"), &tpa_tcp_congestion_newreno);
    cr_assert_eq(tpa_tcp_congestion_find("cubic"), &tpa_tcp_congestion_cubic);
    cr_assert_null(tpa_tcp_congestion_find("none"));
    cr_assert_null(tpa_tcp_congestion_find(""));
}

Test(congestion, cubic_is_the_default)
{
    struct tpa_tcp_config config;

    tpa_tcp_config_default(&config);
    cr_assert_eq(config.congestion, &tpa_tcp_congestion_cubic);
}

Test(congestion, small_settings_are_raised_to_a_segment)
{
    struct control control;
    struct tpa_tcp_window *window = &control.window;

    control_start(&control, &tpa_tcp_congestion_newreno);
    tpa_tcp_window_fini(window, &control.states);
    cr_assert_eq(
        tpa_tcp_window_init(window, &tpa_tcp_congestion_newreno, &control.states, MSS, 1, 1, 0), 0);
    cr_assert_eq(window->cwnd, MSS);
    cr_assert_eq(window->cwnd_max, MSS);
    tpa_tcp_window_set_mss(window, 9000, 1);
    cr_assert_eq(window->cwnd, 9000);
    control_stop(&control);
}

/* What holds for each of them: a window between a segment and cwnd_max, whatever happens. */
Test(congestion, every_control_keeps_the_window_in_its_bounds)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(windows); i++) {
        const struct tpa_tcp_congestion *algorithm = tpa_tcp_congestion_find(windows[i]);
        struct control control;
        struct tpa_tcp_window *window = &control.window;

        control_start(&control, algorithm);
        window->cwnd_max = 100 * MSS;
        control_run(&control, 60 * SECONDS);
        cr_assert_leq(window->cwnd, 100 * MSS, "%s", windows[i]);
        algorithm->on_loss_event(window, 0, control.now);
        cr_assert_geq(window->ssthresh, 2 * MSS, "%s", windows[i]);
        algorithm->on_exit_recovery(window, 0, control.now);
        cr_assert_geq(window->cwnd, MSS, "%s", windows[i]);
        tpa_tcp_window_on_ecn(window, 0, control.now);
        cr_assert_geq(window->cwnd, MSS, "%s", windows[i]);
        algorithm->on_rto(window, 0, false, control.now);
        cr_assert_geq(window->cwnd, MSS, "%s", windows[i]);
        cr_assert_geq(window->ssthresh, 2 * MSS, "%s", windows[i]);
        algorithm->on_spurious(window, control.now);
        algorithm->on_spurious(window, control.now);
        algorithm->on_idle(window, 1000 * SECONDS, control.now);
        cr_assert(window->cwnd >= MSS && window->cwnd <= 100 * MSS, "%s", windows[i]);
        control_stop(&control);
    }
}

/* An algorithm out of tree, with a state of its own. */
struct counting_state {
    uint32_t inits;
    uint32_t acks;
};

static unsigned int finis;

static void counting_init(struct tpa_tcp_window *window, uint64_t now)
{
    struct counting_state *state = window->state;

    cr_assert_eq(state->inits, 0);
    state->inits++;
}

static void counting_fini(struct tpa_tcp_window *window)
{
    finis++;
}

static void counting_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct counting_state *state = window->state;

    state->acks++;
}

static void counting_on_congestion(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
}

static void counting_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                            uint64_t now)
{
}

static void counting_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
}

static void counting_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
}

static const struct tpa_tcp_congestion counting = {
    .name = "counting",
    .state_size = sizeof(struct counting_state),
    .init = counting_init,
    .fini = counting_fini,
    .on_ack = counting_on_ack,
    .on_loss_event = counting_on_congestion,
    .on_exit_recovery = counting_on_congestion,
    .on_rto = counting_on_rto,
    .on_idle = counting_on_idle,
    .on_spurious = counting_on_spurious,
};

Test(congestion, switched_while_the_connection_lives)
{
    struct control control;
    struct tpa_tcp_window *window = &control.window;
    struct tpa_tcp_congestion_states *states = &control.states;

    control_start(&control, &tpa_tcp_congestion_newreno);
    window->cwnd = 12345;
    states->small.fault_countdown = 1;
    cr_assert_eq(tpa_tcp_window_switch(window, &counting, states, 0), TPA_ENOMEM);
    cr_assert_eq(window->algorithm, &tpa_tcp_congestion_newreno);

    cr_assert_eq(tpa_tcp_window_switch(window, &counting, states, 0), 0);
    cr_assert_eq(window->cwnd, 12345);
    control_acknowledge(&control, MSS);
    cr_assert_eq(((struct counting_state *)window->state)->acks, 1);
    cr_assert_eq(tpa_tcp_window_switch(window, &counting, states, 0), 0); /* anew */
    cr_assert_eq(finis, 1);
    cr_assert_eq(states->small.in_use, 1);

    cr_assert_eq(tpa_tcp_window_switch(window, &tpa_tcp_congestion_newreno, states, 0), 0);
    cr_assert_eq(finis, 2);
    cr_assert_eq(states->small.in_use, 1);
    tpa_tcp_window_fini(window, states);
    tpa_tcp_window_fini(window, states);
    cr_assert_eq(finis, 2);
    cr_assert_eq(states->small.in_use, 0);
    control_stop(&control);
}

/* Between any two, in slow start and behind a loss: cwnd and ssthresh hold, and growth goes on. */
Test(congestion, any_control_takes_over_from_any_other)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(windows); i++) {
        for (size_t k = 0; k < TPA_BASE_ARRAY_SIZE(windows); k++) {
            struct control control;
            struct tpa_tcp_window *window = &control.window;
            uint32_t cwnd, ssthresh;

            control_start(&control, tpa_tcp_congestion_find(windows[i]));
            control_run(&control, 1 * SECONDS);
            control_lose(&control);
            control_run(&control, 1 * SECONDS);
            cwnd = window->cwnd;
            ssthresh = window->ssthresh;
            cr_assert_eq(tpa_tcp_window_switch(window, tpa_tcp_congestion_find(windows[k]),
                                               &control.states, control.now),
                         0);
            cr_assert_eq(window->cwnd, cwnd);
            cr_assert_eq(window->ssthresh, ssthresh);
            window->algorithm->on_spurious(window, control.now);
            cr_assert_eq(window->cwnd, cwnd, "%s takes back what %s did", windows[k], windows[i]);
            control_run(&control, 20 * SECONDS);
            cr_assert_gt(window->cwnd, cwnd, "%s, then %s", windows[i], windows[k]);
            control_stop(&control);
        }
    }
}

Test(congestion, registered_controls_are_found)
{
    struct tpa_tcp_congestion incomplete = counting, large = counting;

    incomplete.on_idle = NULL;
    cr_assert_eq(tpa_tcp_congestion_register(&incomplete), TPA_EINVAL);
    large.state_size = TPA_TCP_CONGESTION_STATE_SIZE + 1;
    cr_assert_eq(tpa_tcp_congestion_register(&large), TPA_EINVAL);
    cr_assert_eq(tpa_tcp_congestion_register(&tpa_tcp_congestion_cubic), TPA_EEXIST);
    cr_assert_null(tpa_tcp_congestion_find("counting"));

    cr_assert_eq(tpa_tcp_congestion_register(&counting), 0);
    cr_assert_eq(tpa_tcp_congestion_find("counting"), &counting);
    cr_assert_eq(tpa_tcp_congestion_register(&counting), TPA_EEXIST);
}

Test(congestion, registered_controls_are_bounded)
{
    static struct tpa_tcp_congestion controls[TPA_TCP_CONGESTION_REGISTERED_MAX + 1];
    static char text[TPA_TCP_CONGESTION_REGISTERED_MAX + 1][16];

    for (int i = 0; i <= TPA_TCP_CONGESTION_REGISTERED_MAX; i++) {
        snprintf(text[i], sizeof(text[i]), "control %d", i);
        controls[i] = counting;
        controls[i].name = text[i];
        cr_assert_eq(tpa_tcp_congestion_register(&controls[i]),
                     i < TPA_TCP_CONGESTION_REGISTERED_MAX ? 0 : TPA_ENOSPC);
    }
    for (int i = 0; i < TPA_TCP_CONGESTION_REGISTERED_MAX; i++)
        cr_assert_eq(tpa_tcp_congestion_find(text[i]), &controls[i]);
}
