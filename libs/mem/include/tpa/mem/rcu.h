/*
 * RCU (liburcu, QSBR) as this project uses it: a worker joins once, is a reader between two calls
 * of tpa_mem_rcu_quiescent(), and goes offline while it may block. Anybody may defer a free.
 */
#ifndef TPA_MEM_RCU_H
#define TPA_MEM_RCU_H

void tpa_mem_rcu_join(void);
void tpa_mem_rcu_leave(void);
void tpa_mem_rcu_quiescent(void);

/* Frees with free(3), or by `reclaim`, after every joined thread passed a quiescent state. Doesn't
 * block. */
void tpa_mem_rcu_defer(void *memory, void (*reclaim)(void *memory));

/* Waits for all deferred work. Not to be called by a joined thread between quiescent states... it
 * goes offline itself while it waits. */
void tpa_mem_rcu_barrier(void);

#endif
