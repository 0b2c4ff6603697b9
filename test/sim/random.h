/* A scenario from a seed: network, settings, applications, all at random. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include "flow.h"

/* Runs it to its end, with all checks. */
void sim_random_run(uint64_t seed);

#endif
