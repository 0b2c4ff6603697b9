/* An instance's counters: blocks of uint64_t, one a worker, and their names. */
#ifndef TPA_BIN_COUNTER_H
#define TPA_BIN_COUNTER_H

#include <tpa/stats/counter.h>

#include "tool.h"

struct counters {
    struct tpa_stats_counter_record *names;
    uint32_t name_count;
    uint32_t block_length; /* values of one worker */
    uint32_t worker_count;
    uint64_t *values; /* worker_count blocks */
};

/* TOOL_OK, or TOOL_FAILED with a message. */
int counters_open(struct tool *tool, struct counters *counters);
void counters_close(struct counters *counters);

/* Reads the values again. */
int counters_read(struct tool *tool, struct counters *counters);

/* One counter of a worker; 0 where the instance has none of that name. */
uint64_t counter_of(const struct counters *counters, uint32_t worker, const char *name);

/* Prints those of a worker that are not 0; their rates over `interval` ns if `before`. */
void counters_print(const struct counters *counters, uint32_t worker, const uint64_t *before,
                    uint64_t interval);

#endif
