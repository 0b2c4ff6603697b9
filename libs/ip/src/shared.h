/* The inside of struct tpa_ip_stack: what all workers of an instance share. */
#ifndef TPA_IP_SHARED_H
#define TPA_IP_SHARED_H

#include <pthread.h>
#include <stdint.h>

#include <tpa/ip/stack.h>

#include "neighbour.h"
#include "path_mtu.h"
#include "tables.h"

/*
 * What a change adds to the generation. The high half counts changes of tables and path MTUs, the
 * low half those of neighbours: who sees another generation knows how much has to be looked up
 * again. (A carry from below only makes somebody look up too much.)
 */
#define TPA_IP_GENERATION_NEIGHBOUR UINT64_C(1)
#define TPA_IP_GENERATION_TABLES    (UINT64_C(1) << 32)

struct tpa_ip_stack {
    struct tpa_ip_tables *tables; /* read under RCU, never NULL */
    uint64_t generation;          /* atomic; moves after what it stands for */
    uint64_t announced;           /* atomic: addresses up to this serial have an announcer */
    uint64_t defended[TPA_IP_ADDRESSES_MAX]; /* atomic, by address id: time of the last defence */
    struct tpa_ip_limits limits;             /* no zeros */
    pthread_mutex_t lock; /* held by who changes anything; readers of what is below */
    uint64_t serial;      /* of addresses, the last one given */
    struct tpa_ip_neighbour_table neighbours;
    struct tpa_ip_path_mtu_table path_mtus;
};

static inline const struct tpa_ip_tables *tpa_ip_stack_tables(const struct tpa_ip_stack *stack)
{
    return TPA_IP_RCU_LOAD(stack->tables);
}

static inline uint64_t tpa_ip_stack_generation(const struct tpa_ip_stack *stack)
{
    return __atomic_load_n(&stack->generation, __ATOMIC_ACQUIRE);
}

/* Tells the workers that something has changed. */
static inline void tpa_ip_stack_changed(struct tpa_ip_stack *stack, uint64_t what)
{
    __atomic_fetch_add(&stack->generation, what, __ATOMIC_RELEASE);
}

/*
 * A change of the tables: begin takes the lock and returns a copy to be modified (NULL when memory
 * is exhausted, the lock is then free again); commit derives, publishes and returns `result`; abort
 * forgets the copy and returns `error`.
 */
struct tpa_ip_tables *tpa_ip_change_begin(struct tpa_ip_stack *stack);
int tpa_ip_change_commit(struct tpa_ip_stack *stack, struct tpa_ip_tables *next, int result);
int tpa_ip_change_abort(struct tpa_ip_stack *stack, struct tpa_ip_tables *next, int error);

#endif
