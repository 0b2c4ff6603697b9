/*
 * How long transfers take, how much of a path they use and how they share it: each congestion
 * control that is built in, on each kind of path. A control that is added is held to the same.
 */
#include <tpa/tcp/congestion.h>

#include "congestion_table.h"
#include "path.h"

TestSuite(completion);

struct expectation {
    struct sim_path path;
    uint64_t bytes;
    uint64_t longest; /* ns: of any control */
};

/* The longest of all controls at this time and a fifth; what slow start takes included. */
static const struct expectation expectations[] = {
    {{"data centre", 10000000000, 25 * SIM_US, 0, 300000, 0, 100000, 2 * SIM_US},
     20000000,
     21 * SIM_MS},
    {{"LAN", 1000000000, 100 * SIM_US, 0, 256000, 0, 0, 10 * SIM_US}, 20000000, 200 * SIM_MS},
    {{"WAN", 100000000, 50 * SIM_MS, 0, 1250000, 0, 0, 0}, 20000000, 4500 * SIM_MS},
    {{"satellite", 10000000, 300 * SIM_MS, 0, 750000, 0, 0, 0}, 5000000, 10500 * SIM_MS},
    {{"mobile", 20000000, 30 * SIM_MS, 20 * SIM_MS, 300000, 1000, 0, 0}, 5000000, 3300 * SIM_MS},
    {{"shallow", 100000000, 20 * SIM_MS, 0, 20000, 0, 0, 0}, 10000000, 4500 * SIM_MS},
    {{"deep", 100000000, 20 * SIM_MS, 0, 5000000, 0, 0, 0}, 10000000, 1300 * SIM_MS},
};

Test(completion, of_each_control_on_each_path)
{
    for (const struct tpa_tcp_congestion *const *control = tpa_tcp_congestion_table;
         *control != NULL; control++) {
        for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(expectations); i++) {
            const struct expectation *expected = &expectations[i];
            uint64_t time = sim_path_transfer(&expected->path, *control, expected->bytes, 1);

            cr_expect_leq(time, expected->longest, "%s, %s: %.1f ms", (*control)->name,
                          expected->path.name, (double)time / 1e6);
            cr_expect_gt(time, expected->bytes * 8 * SIM_S / expected->path.rate);
        }
    }
}

/* ---- Sharing ---- */

enum {
    FLOWS_MAX = 10
};

/* A buffer of the bandwidth-delay product, where loss-based controls can use all of the rate; some
 * jitter, so that it isn't always the same flow that meets the full queue. */
static const struct sim_path shared = {"shared", 50000000, 20 * SIM_MS, SIM_MS, 250000, 0, 0, 0};

/* Jain's index: 1 = all alike, 1/n = one has all. */
static double fairness(const double *shares, unsigned int count)
{
    double sum = 0, squares = 0;

    for (unsigned int i = 0; i < count; i++) {
        sum += shares[i];
        squares += shares[i] * shares[i];
    }
    return sum * sum / (count * squares);
}

static void share(const struct tpa_tcp_congestion *control, unsigned int flows, double fair)
{
    const struct tpa_tcp_congestion *controls[] = {control, NULL};
    double shares[FLOWS_MAX], sum;

    sum = sim_path_share(&shared, controls, &flows, 15 * SIM_S, 30 * SIM_S, shares);
    cr_expect_geq(sum, 0.9 * (double)shared.rate, "%u flows of %s: %.1f Mb/s", flows, control->name,
                  sum / 1e6);
    cr_expect_geq(fairness(shares, flows), fair, "%u flows of %s: %.3f", flows, control->name,
                  fairness(shares, flows));
}

Test(completion, flows_of_one_control_share_and_use_a_path)
{
    for (const struct tpa_tcp_congestion *const *control = tpa_tcp_congestion_table;
         *control != NULL; control++) {
        share(*control, 1, 1);
        share(*control, 2, 0.9);
        share(*control, 10, 0.85);
    }
}

static void compete(const struct tpa_tcp_congestion *one, const struct tpa_tcp_congestion *other)
{
    const struct tpa_tcp_congestion *controls[] = {one, other, NULL};
    static const unsigned int counts[] = {1, 1};
    double shares[2], sum;

    sum = sim_path_share(&shared, controls, counts, 15 * SIM_S, 30 * SIM_S, shares);
    cr_expect_geq(sum, 0.9 * (double)shared.rate);
    cr_expect_geq(fairness(shares, 2), 0.7, "%s has %.1f Mb/s, %s %.1f", one->name, shares[0] / 1e6,
                  other->name, shares[1] / 1e6);
}

Test(completion, no_control_starves_another)
{
    for (const struct tpa_tcp_congestion *const *one = tpa_tcp_congestion_table; *one != NULL;
         one++) {
        for (const struct tpa_tcp_congestion *const *other = one + 1; *other != NULL; other++)
            compete(*one, *other);
    }
}
