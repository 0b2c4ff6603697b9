/*
 * What the programs' worker loops share: when to stop, and when to let others have the CPU.
 */
#ifndef TPA_BIN_LOOP_H
#define TPA_BIN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT and SIGTERM make loop_stopped() true; a second one ends the program at once.
 */
void loop_catch_signals(void);

bool loop_stopped(void);
void loop_stop(void);

/* Rounds in which nothing happened, one after the other. */
struct loop_idle {
    uint32_t rounds;
};

/*
 * To be called once a round. `busy`: something happened in it. A loop that has had nothing to do
 * for a while yields: on a machine with few cores its peer may be waiting for this one.
 */
void loop_idle_round(struct loop_idle *idle, bool busy);

/* CLOCK_MONOTONIC in ns. */
uint64_t loop_now(void);

/* Runs the calling thread on one CPU; a negative number leaves it where it is. False: no such CPU.
 */
bool loop_pin(int cpu);

#endif
