/*
 * tperf: measures throughput, request rate and latency between two ends, and checks what they
 * exchange.
 */
#include "bin/tperf/options.h"
#include "bin/tperf/run.h"

int main(int argc, char **argv)
{
    struct tperf_options options;

    tperf_options_parse(argc, argv, &options);
    switch (options.role) {
    case TPERF_CLIENT:
        return tperf_run_client(&options);
    case TPERF_SERVER:
        return tperf_run_server(&options);
    default:
        return tperf_run_loop(&options);
    }
}
