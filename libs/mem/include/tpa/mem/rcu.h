/*
 * RCU (liburcu, QSBR) as this project uses it. A worker joins once and is then a reader at all
 * times but the instant of tpa_mem_rcu_quiescent(), which it calls at the end of each step: what it
 * found in a shared table stays valid until then. Nothing here waits for anybody except
 * tpa_mem_rcu_barrier(): a worker that is stuck delays frees and blocks nobody.
 *
 * Tables are published and read with liburcu's rcu_assign_pointer() and rcu_dereference()
 * (<urcu/pointer.h>). Deferred frees run in a thread that liburcu starts at the first of them; it
 * sleeps while there are none, and takes no signals.
 */
#ifndef TPA_MEM_RCU_H
#define TPA_MEM_RCU_H

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

/*
 * Makes the calling thread a reader. Idempotent. A thread that ends without leaving has left: it
 * need not know that it was a worker.
 */
void tpa_mem_rcu_join(void);

/* The inverse. Nothing for a thread that has not joined. */
void tpa_mem_rcu_leave(void);

/* Says that the calling thread, which has joined, holds nothing that it found under RCU. */
void tpa_mem_rcu_quiescent(void);

/*
 * For a joined thread that is about to block: until it is back online it is no reader, and nobody's
 * frees wait for it. Both imply a quiescent state.
 */
void tpa_mem_rcu_offline(void);
void tpa_mem_rcu_online(void);

/*
 * Calls `reclaim` on `memory` (NULL: free(3)) after every thread that is joined and online now has
 * passed a quiescent state. Any thread may call it; it doesn't block. `reclaim` runs in liburcu's
 * thread, one at a time, in the order of the calls of one thread; packets that it frees bypass the
 * threads' caches. 0, or TPA_ENOMEM: nothing was deferred, and a caller that can do without may let
 * the memory leak, which is safe. Where that must not be, embed a struct tpa_mem_rcu_head.
 */
int tpa_mem_rcu_defer(void *memory, void (*reclaim)(void *memory));

/* What a deferred call needs, embedded in the object: tpa_mem_rcu_call() can't fail. */
struct tpa_mem_rcu_head {
    void *opaque[2];
};

/* As tpa_mem_rcu_defer(). `reclaim` finds its object with TPA_BASE_CONTAINER_OF. */
void tpa_mem_rcu_call(struct tpa_mem_rcu_head *head,
                      void (*reclaim)(struct tpa_mem_rcu_head *head));

/*
 * Waits until all that was deferred before has run. A joined thread is offline meanwhile, so the
 * call is a quiescent state for it. Not for the data path: it waits for every other worker's next
 * quiescent state.
 */
void tpa_mem_rcu_barrier(void);

TPA_BASE_DECLARATIONS_END

#endif
