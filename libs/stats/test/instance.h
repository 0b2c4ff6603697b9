/* An instance that exports a few regions, in a scratch directory. */
#ifndef TPA_STATS_TEST_INSTANCE_H
#define TPA_STATS_TEST_INSTANCE_H

#include <stdint.h>

#include <tpa/stats/export.h>

#include "test/support/scratch.h"

struct worker_record {
    uint64_t steps;
    uint64_t packets;
};

#define WORKER_COUNT  4
#define SOCK_COUNT    100
#define SOCK_SIZE     96
#define INSTANCE_ID   "toy"
#define INSTANCE_PID  4711
#define INSTANCE_NAME "toy program"

/* The directory of the instance. */
void instance_directory(const struct scratch *scratch, char path[TPA_STATS_PATH_SIZE]);

/* The usual configuration: regions "workers" and "socks". `path` is kept by reference. */
struct tpa_stats_export_config instance_config(const char *path);

/* Creates it, which has to succeed. */
void instance_create(struct tpa_stats_export *instance, const struct scratch *scratch);

#endif
