/* What tperf_kernel has where tperf has the in-process loop. */
#include <stdio.h>

#include "bin/tperf/run.h"

const char *const tperf_stack = "kernel";

int tperf_run_loop(const struct tperf_options *options)
{
    fprintf(stderr, "tperf_kernel: --loop needs the stack; the kernel's loop is -c 127.0.0.1\n");
    return 2;
}
