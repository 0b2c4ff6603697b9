/* Threads, and the two ways to bring a stack up. */
#ifndef TPERF_RUN_H
#define TPERF_RUN_H

#include "bin/tperf/options.h"

/* Each returns what the program exits with. */
int tperf_run_client(const struct tperf_options *options);
int tperf_run_server(const struct tperf_options *options);
int tperf_run_loop(const struct tperf_options *options);

/* Which stack this program is linked with. */
extern const char *const tperf_stack;

#endif
