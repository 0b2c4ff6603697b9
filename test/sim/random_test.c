/* Many seeds: the same bytes come out whatever the network does, and every invariant holds. */
#include "random.h"

TestSuite(random);

Test(random, seeds)
{
    struct sim_seeds seeds = sim_seeds(1, 300);
    uint64_t seed;

    while (sim_seeds_next(&seeds, &seed))
        sim_random_run(seed);
}
