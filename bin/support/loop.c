#define _GNU_SOURCE
#include "bin/support/loop.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* About a millisecond of polling. */
#define IDLE_ROUNDS 2000

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

void loop_catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool loop_stopped(void)
{
    return stopped != 0;
}

void loop_stop(void)
{
    stopped = 1;
}

void loop_idle_round(struct loop_idle *idle, bool busy)
{
    if (busy) {
        idle->rounds = 0;
        return;
    }
    if (++idle->rounds < IDLE_ROUNDS)
        return;
    sched_yield();
}

uint64_t loop_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool loop_pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return true;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}
