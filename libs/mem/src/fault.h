/*
 * Fault injection, as struct tpa_mem_pool and struct tpa_mem_slab document it.
 */
#ifndef TPA_MEM_FAULT_H
#define TPA_MEM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* The countdown of a sticky fault that was reached: not 0, so that the allocator keeps asking. */
#define TPA_MEM_FAULT_STUCK INT64_MIN

static inline bool tpa_mem_fault(int64_t *countdown, bool sticky)
{
    if (*countdown > 0 && --*countdown > 0)
        return false;
    *countdown = sticky ? TPA_MEM_FAULT_STUCK : 0;
    return true;
}

#endif
