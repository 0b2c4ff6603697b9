#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/error.h>
#include <tpa/tcp/congestion.h>

#include "stream.h"

TestSuite(congestion);

#define MSS     1000u
#define INITIAL (10 * MSS)

static struct tpa_tcp_window newreno(void)
{
    struct tpa_tcp_window window;

    cr_assert_eq(
        tpa_tcp_window_init(&window, &tpa_tcp_congestion_newreno, NULL, MSS, INITIAL, 1u << 30, 0),
        0);
    return window;
}

static void acknowledge(struct tpa_tcp_window *window, uint32_t bytes)
{
    const struct tpa_tcp_ack_sample sample = {
        .acked = bytes, .delivered = bytes, .in_flight = window->cwnd, .window_limited = true};

    window->algorithm->on_ack(window, &sample);
}

Test(congestion, begins_with_the_initial_window)
{
    struct tpa_tcp_window window = newreno();

    cr_assert_eq(window.cwnd, INITIAL);
    cr_assert_eq(window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    cr_assert_eq(tpa_tcp_window_pacing_rate(&window), 0);
}

Test(congestion, slow_start_doubles_in_a_round_trip)
{
    struct tpa_tcp_window window = newreno();

    for (int i = 0; i < 5; i++)
        acknowledge(&window, 2 * MSS); /* delayed ACKs */
    cr_assert_eq(window.cwnd, 2 * INITIAL);
}

/* RFC 3465 section 2.3: at most L = 2 segments for each acknowledgement. */
Test(congestion, slow_start_makes_no_burst_of_a_stretched_ack)
{
    struct tpa_tcp_window window = newreno();

    acknowledge(&window, 10 * MSS);
    cr_assert_eq(window.cwnd, INITIAL + 2 * MSS);
}

/* Row 30: 1,000 acknowledgements of a byte are as good as one of a segment. */
Test(congestion, ack_division_gains_nothing)
{
    struct tpa_tcp_window window = newreno();

    for (uint32_t i = 0; i < MSS; i++)
        acknowledge(&window, 1);
    cr_assert_eq(window.cwnd, INITIAL + MSS);
}

Test(congestion, avoidance_adds_a_segment_in_a_round_trip)
{
    struct tpa_tcp_window window = newreno();

    window.ssthresh = window.cwnd;
    for (uint32_t i = 0; i < INITIAL - 1; i++)
        acknowledge(&window, 1);
    cr_assert_eq(window.cwnd, INITIAL);
    acknowledge(&window, 1);
    cr_assert_eq(window.cwnd, INITIAL + MSS);
    for (uint32_t i = 0; i < 11; i++)
        acknowledge(&window, MSS);
    cr_assert_eq(window.cwnd, INITIAL + 2 * MSS);
}

Test(congestion, a_window_that_is_not_used_does_not_grow)
{
    struct tpa_tcp_window window = newreno();
    const struct tpa_tcp_ack_sample sample = {.acked = MSS, .delivered = MSS};

    for (int i = 0; i < 1000; i++)
        window.algorithm->on_ack(&window, &sample);
    cr_assert_eq(window.cwnd, INITIAL);
}

Test(congestion, recovery)
{
    struct tpa_tcp_window window = newreno();
    const struct tpa_tcp_ack_sample during = {
        .acked = MSS, .delivered = MSS, .window_limited = true, .in_recovery = true};

    window.algorithm->on_loss_event(&window, 9 * MSS, 0);
    cr_assert_eq(window.ssthresh, 4500);
    cr_assert_eq(window.cwnd, 4500);
    window.algorithm->on_ack(&window, &during);
    cr_assert_eq(window.cwnd, 4500);
    window.algorithm->on_exit_recovery(&window, 4 * MSS, 0);
    cr_assert_eq(window.cwnd, 4500);
    for (int i = 0; i < 5; i++)
        acknowledge(&window, MSS);
    cr_assert_eq(window.cwnd, 5500); /* congestion avoidance */
}

/* RFC 6582 section 3.2, step 3. */
Test(congestion, no_burst_behind_recovery)
{
    struct tpa_tcp_window window = newreno();

    window.algorithm->on_loss_event(&window, 100 * MSS, 0);
    window.algorithm->on_exit_recovery(&window, 0, 0);
    cr_assert_eq(window.cwnd, 2 * MSS);
    cr_assert_eq(window.ssthresh, 50 * MSS);
}

Test(congestion, ssthresh_is_never_below_two_segments)
{
    struct tpa_tcp_window window = newreno();

    window.algorithm->on_loss_event(&window, 0, 0);
    cr_assert_eq(window.ssthresh, 2 * MSS);
}

/* RFC 5681 section 3.1: the loss window is one segment; ssthresh holds when the same one times out
 * again. */
Test(congestion, timeout)
{
    struct tpa_tcp_window window = newreno();
    struct tpa_tcp_ack_sample sample = {
        .acked = 5 * MSS, .delivered = 5 * MSS, .window_limited = true, .after_timeout = true};

    window.algorithm->on_rto(&window, 10 * MSS, false, 0);
    cr_assert_eq(window.cwnd, MSS);
    cr_assert_eq(window.ssthresh, 5 * MSS);
    window.algorithm->on_rto(&window, MSS, true, 0);
    cr_assert_eq(window.ssthresh, 5 * MSS);
    window.algorithm->on_ack(&window, &sample);
    cr_assert_eq(window.cwnd, 2 * MSS); /* L = 1 */
}

Test(congestion, idle)
{
    struct tpa_tcp_window window = newreno();

    window.cwnd = 50 * MSS;
    window.algorithm->on_idle(&window, 1, 1);
    cr_assert_eq(window.cwnd, INITIAL);
    window.cwnd = 2 * MSS;
    window.algorithm->on_idle(&window, 1, 1);
    cr_assert_eq(window.cwnd, 2 * MSS);
}

Test(congestion, spurious_reductions_are_taken_back_once)
{
    struct tpa_tcp_window window = newreno();

    window.algorithm->on_spurious(&window, 0); /* nothing to take back */
    cr_assert_eq(window.cwnd, INITIAL);
    window.algorithm->on_rto(&window, INITIAL, false, 0);
    window.algorithm->on_rto(&window, INITIAL, true, 0);
    window.algorithm->on_spurious(&window, 0);
    cr_assert_eq(window.cwnd, INITIAL);
    cr_assert_eq(window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    window.cwnd = MSS;
    window.algorithm->on_spurious(&window, 0);
    cr_assert_eq(window.cwnd, MSS);
}

Test(congestion, cwnd_max)
{
    struct tpa_tcp_window window = newreno();

    window.cwnd_max = INITIAL + 1;
    for (int i = 0; i < 10; i++)
        acknowledge(&window, MSS);
    cr_assert_eq(window.cwnd, INITIAL + 1);
    window.cwnd_max = UINT32_MAX;
    window.cwnd = UINT32_MAX - 5;
    acknowledge(&window, MSS);
    cr_assert_eq(window.cwnd, UINT32_MAX);
}

Test(congestion, small_settings_are_raised_to_a_segment)
{
    struct tpa_tcp_window window;

    cr_assert_eq(tpa_tcp_window_init(&window, &tpa_tcp_congestion_newreno, NULL, MSS, 1, 1, 0), 0);
    cr_assert_eq(window.cwnd, MSS);
    cr_assert_eq(window.cwnd_max, MSS);
    tpa_tcp_window_set_mss(&window, 9000, 1);
    cr_assert_eq(window.cwnd, 9000);
}

Test(congestion, find)
{
    cr_assert_eq(tpa_tcp_congestion_find("newreno"), &tpa_tcp_congestion_newreno);
    cr_assert_null(tpa_tcp_congestion_find("none"));
    cr_assert_null(tpa_tcp_congestion_find(""));
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

    (void)now;
    cr_assert_eq(state->inits, 0);
    state->inits++;
}

static void counting_fini(struct tpa_tcp_window *window)
{
    (void)window;
    finis++;
}

static void counting_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct counting_state *state = window->state;

    (void)sample;
    state->acks++;
}

static const struct tpa_tcp_congestion counting = {
    .name = "counting",
    .state_size = sizeof(struct counting_state),
    .init = counting_init,
    .fini = counting_fini,
    .on_ack = counting_on_ack,
};

Test(congestion, switched_while_the_connection_lives)
{
    struct tpa_tcp_window window = newreno();
    struct tpa_mem_slab states;

    cr_assert_eq(
        tpa_mem_slab_init(&states, &stream_chunk_source, TPA_TCP_CONGESTION_STATE_SIZE, 8, 0), 0);
    window.cwnd = 12345;
    states.fault_countdown = 1;
    cr_assert_eq(tpa_tcp_window_switch(&window, &counting, &states, 0), TPA_ENOMEM);
    cr_assert_eq(window.algorithm, &tpa_tcp_congestion_newreno);

    cr_assert_eq(tpa_tcp_window_switch(&window, &counting, &states, 0), 0);
    cr_assert_eq(window.cwnd, 12345);
    acknowledge(&window, MSS);
    cr_assert_eq(((struct counting_state *)window.state)->acks, 1);
    cr_assert_eq(tpa_tcp_window_switch(&window, &counting, &states, 0), 0); /* anew */
    cr_assert_eq(finis, 1);
    cr_assert_eq(states.in_use, 1);

    cr_assert_eq(tpa_tcp_window_switch(&window, &tpa_tcp_congestion_newreno, &states, 0), 0);
    cr_assert_eq(states.in_use, 0);
    cr_assert_null(window.state);
    tpa_tcp_window_fini(&window, &states);
    tpa_tcp_window_fini(&window, &states);
    cr_assert_eq(finis, 2);
    cr_assert_eq(tpa_mem_slab_destroy(&states), 0);
    cr_assert_eq(stream_chunks, 0);
}
