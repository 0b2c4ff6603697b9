#include <errno.h>
#include <stdbool.h>

#include <rte_config.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <tpa/base/error.h>
#include <tpa/mem/eal.h>

#include "thread_exit.h"

/* Registered by us: EAL's own threads have an lcore too, and keep it. */
static __thread bool joined;

static void leave_at_exit(void *joined_flag)
{
    (void)joined_flag;
    tpa_mem_thread_leave();
}

static struct tpa_mem_thread_exit exit_hook = TPA_MEM_THREAD_EXIT(leave_at_exit);

int tpa_mem_thread_join(void)
{
    if (rte_lcore_id() != LCORE_ID_ANY)
        return 0;
    if (!tpa_mem_eal_is_up())
        return TPA_EINVAL;
    if (rte_thread_register() != 0)
        return rte_errno == ENOMEM ? TPA_ENOSPC : TPA_EINVAL;
    joined = true;
    tpa_mem_thread_exit_arm(&exit_hook, &joined);
    return 0;
}

static void flush_cache(struct rte_mempool *mempool, void *context)
{
    struct rte_mempool_cache *cache = rte_mempool_default_cache(mempool, rte_lcore_id());

    (void)context;
    if (cache != NULL)
        rte_mempool_cache_flush(cache, mempool);
}

void tpa_mem_thread_leave(void)
{
    if (!joined)
        return;
    rte_mempool_walk(flush_cache, NULL);
    rte_thread_unregister();
    joined = false;
}
