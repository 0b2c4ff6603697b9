#define _GNU_SOURCE

#include <tpa/mem/rcu.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <urcu/urcu-qsbr.h>

#include <tpa/base/error.h>

#include "thread_exit.h"

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_mem_rcu_head) == sizeof(struct rcu_head) &&
                           _Alignof(struct tpa_mem_rcu_head) >= _Alignof(struct rcu_head),
                       "liburcu's head lies in ours");

/* liburcu keeps its own per-thread state; this says whether that is in its list. */
static __thread bool joined;

static void leave_at_exit(void *joined_flag)
{
    (void)joined_flag;
    tpa_mem_rcu_leave();
}

static struct tpa_mem_thread_exit exit_hook = TPA_MEM_THREAD_EXIT(leave_at_exit);

void tpa_mem_rcu_join(void)
{
    if (joined)
        return;
    urcu_qsbr_register_thread();
    joined = true;
    tpa_mem_thread_exit_arm(&exit_hook, &joined);
}

void tpa_mem_rcu_leave(void)
{
    if (!joined)
        return;
    urcu_qsbr_unregister_thread();
    joined = false;
}

void tpa_mem_rcu_quiescent(void)
{
    urcu_qsbr_quiescent_state();
}

void tpa_mem_rcu_offline(void)
{
    urcu_qsbr_thread_offline();
}

void tpa_mem_rcu_online(void)
{
    urcu_qsbr_thread_online();
}

/*
 * liburcu would start its thread by itself, as a copy of whoever defers first: on a worker's core,
 * and taking the program's signals.
 */
static void start_helper(void)
{
    sigset_t all, before;
    cpu_set_t cpus;
    pthread_t helper;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    helper = urcu_qsbr_get_call_rcu_thread(urcu_qsbr_get_default_call_rcu_data());
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (sched_getaffinity(getpid(), sizeof(cpus), &cpus) == 0)
        pthread_setaffinity_np(helper, sizeof(cpus), &cpus);
}

void tpa_mem_rcu_call(struct tpa_mem_rcu_head *head, void (*reclaim)(struct tpa_mem_rcu_head *head))
{
    static pthread_once_t helper = PTHREAD_ONCE_INIT;

    pthread_once(&helper, start_helper);
    urcu_qsbr_call_rcu((struct rcu_head *)head, (void (*)(struct rcu_head *))reclaim);
}

struct deferred {
    struct tpa_mem_rcu_head head;
    void *memory;
    void (*reclaim)(void *memory);
};

static void reclaim_deferred(struct tpa_mem_rcu_head *head)
{
    struct deferred *deferred = TPA_BASE_CONTAINER_OF(head, struct deferred, head);

    deferred->reclaim(deferred->memory);
    free(deferred);
}

int tpa_mem_rcu_defer(void *memory, void (*reclaim)(void *memory))
{
    struct deferred *deferred = malloc(sizeof(*deferred));

    if (deferred == NULL)
        return TPA_ENOMEM;
    deferred->memory = memory;
    deferred->reclaim = reclaim != NULL ? reclaim : free;
    tpa_mem_rcu_call(&deferred->head, reclaim_deferred);
    return 0;
}

void tpa_mem_rcu_barrier(void)
{
    urcu_qsbr_barrier();
}
