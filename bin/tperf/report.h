/* Says what was measured. */
#ifndef TPERF_REPORT_H
#define TPERF_REPORT_H

#include "bin/tperf/client.h"
#include "bin/tperf/options.h"
#include "bin/tperf/server.h"

/* `stack`: what ran under it. */
void tperf_report(const struct tperf_options *options, const struct tperf_figures *figures,
                  const char *stack);

/* The sum over all workers of a server. */
void tperf_report_server(const struct tperf_server *servers, int count);

#endif
