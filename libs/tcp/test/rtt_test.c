#include <criterion/criterion.h>

#include <math.h>

#include <tpa/base/clock.h>
#include <tpa/base/random.h>

#include "rtt.h"

TestSuite(rtt);

#define MIN (100 * TPA_BASE_MILLISECOND)
#define MAX (60 * TPA_BASE_SECOND)

static struct tpa_tcp_rtt fresh(void)
{
    struct tpa_tcp_rtt rtt;

    tpa_tcp_rtt_init(&rtt);
    return rtt;
}

Test(rtt, initial_rto_is_one_second)
{
    struct tpa_tcp_rtt rtt = fresh();

    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), TPA_BASE_SECOND);
    cr_assert_eq(tpa_tcp_rtt_smoothed(&rtt), 0);
}

/* RFC 6298 section 2.2. */
Test(rtt, first_sample)
{
    struct tpa_tcp_rtt rtt = fresh();

    tpa_tcp_rtt_sample(&rtt, 80 * TPA_BASE_MILLISECOND, 1);
    cr_assert_eq(tpa_tcp_rtt_smoothed(&rtt), 80000);
    cr_assert_eq(tpa_tcp_rtt_variation(&rtt), 40000);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), 240 * TPA_BASE_MILLISECOND);
    cr_assert_eq(rtt.minimum, 80000);
}

/* RFC 6298 section 2.3, against the formulas in floating point. */
Test(rtt, follows_the_formulas)
{
    struct tpa_base_random random;
    struct tpa_tcp_rtt rtt = fresh();
    double srtt = 0, rttvar = 0;

    tpa_base_random_seed(&random, 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t sample = 50000 + tpa_base_random_below(&random, 20 * TPA_BASE_MILLISECOND);

        if (i == 0) {
            srtt = (double)sample;
            rttvar = srtt / 2;
        } else {
            rttvar = 0.75 * rttvar + 0.25 * fabs(srtt - (double)sample);
            srtt = 0.875 * srtt + 0.125 * (double)sample;
        }
        tpa_tcp_rtt_sample(&rtt, sample, 1);
        cr_assert_lt(fabs(srtt / 1000 - tpa_tcp_rtt_smoothed(&rtt)), 2);
        cr_assert_lt(fabs(rttvar / 1000 - tpa_tcp_rtt_variation(&rtt)), 2);
    }
}

/* With many samples in a round trip the memory is as long as with one (RFC 7323, appendix G). */
Test(rtt, many_samples_in_a_round_trip_are_smoothed_more)
{
    struct tpa_tcp_rtt one = fresh(), many = fresh();

    tpa_tcp_rtt_sample(&one, 10 * TPA_BASE_MILLISECOND, 1);
    tpa_tcp_rtt_sample(&many, 10 * TPA_BASE_MILLISECOND, 1);
    tpa_tcp_rtt_sample(&one, 20 * TPA_BASE_MILLISECOND, 1);
    for (int i = 0; i < 128; i++)
        tpa_tcp_rtt_sample(&many, 20 * TPA_BASE_MILLISECOND, 128);
    cr_assert_lt(abs((int)tpa_tcp_rtt_smoothed(&one) - (int)tpa_tcp_rtt_smoothed(&many)), 200);
}

Test(rtt, bounds)
{
    struct tpa_tcp_rtt rtt = fresh();

    tpa_tcp_rtt_sample(&rtt, 0, 0);
    cr_assert_gt(rtt.srtt, 0);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), MIN);
    for (int i = 0; i < 100; i++)
        tpa_tcp_rtt_sample(&rtt, UINT64_MAX, UINT32_MAX);
    tpa_tcp_rtt_init(&rtt);
    tpa_tcp_rtt_sample(&rtt, UINT64_MAX, 1);
    cr_assert_eq(tpa_tcp_rtt_smoothed(&rtt), 60000000);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), MAX);
}

/* Steady round trips: the variance falls, the RTO keeps a distance of the granularity. */
Test(rtt, granularity)
{
    struct tpa_tcp_rtt rtt = fresh();

    for (int i = 0; i < 200; i++)
        tpa_tcp_rtt_sample(&rtt, 200 * TPA_BASE_MICROSECOND, 1);
    cr_assert_eq(tpa_tcp_rtt_smoothed(&rtt), 200);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, 0, MAX),
                 200 * TPA_BASE_MICROSECOND + TPA_TCP_RTO_GRANULARITY);
}

/* RFC 4015 section 3: never shorter than it was. */
Test(rtt, adapts_upwards)
{
    struct tpa_tcp_rtt rtt = fresh();

    tpa_tcp_rtt_sample(&rtt, 80 * TPA_BASE_MILLISECOND, 1);
    tpa_tcp_rtt_back_off(&rtt);
    tpa_tcp_rtt_adapt(&rtt, 20 * TPA_BASE_MILLISECOND);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), 240 * TPA_BASE_MILLISECOND);
    tpa_tcp_rtt_adapt(&rtt, 100 * TPA_BASE_MILLISECOND);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), 300 * TPA_BASE_MILLISECOND);
    tpa_tcp_rtt_adapt(&rtt, UINT64_MAX);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), MAX);
}

/* RFC 6298 sections 5.5 to 5.7. */
Test(rtt, back_off)
{
    struct tpa_tcp_rtt rtt = fresh();

    for (unsigned int i = 0; i < 6; i++) {
        cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), TPA_BASE_SECOND << i);
        tpa_tcp_rtt_back_off(&rtt);
    }
    for (int i = 0; i < 300; i++) {
        cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), MAX);
        tpa_tcp_rtt_back_off(&rtt);
    }
    tpa_tcp_rtt_progress(&rtt);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), TPA_BASE_SECOND);
    tpa_tcp_rtt_back_off(&rtt);
    tpa_tcp_rtt_sample(&rtt, 100 * TPA_BASE_MILLISECOND, 1);
    cr_assert_eq(tpa_tcp_rtt_rto(&rtt, MIN, MAX), 300 * TPA_BASE_MILLISECOND);
}
