#include <tpa/mem/pool.h>

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include <tpa/base/error.h>

#include "fault.h"

/* Hidden behind every buffer (see pool.h). A cache line, so that neighbours don't share one. */
#define POOL_TAIL RTE_CACHE_LINE_SIZE

TPA_BASE_STATIC_ASSERT(POOL_TAIL >= TPA_MEM_TAILROOM, "the tail is where the tailroom comes from");
TPA_BASE_STATIC_ASSERT(TPA_MEM_HEADROOM + TPA_MEM_POOL_DATA_SIZE_MAX <= UINT16_MAX,
                       "rte_mbuf.buf_len");
TPA_BASE_STATIC_ASSERT(TPA_MEM_POOL_NAME_SIZE <= RTE_MEMPOOL_NAMESIZE, "mempool's name");

static bool config_is_valid(const struct tpa_mem_pool_config *config)
{
    size_t name_length = config->name != NULL ? strlen(config->name) : 0;

    return name_length > 0 && name_length < TPA_MEM_POOL_NAME_SIZE && config->packet_count > 0 &&
           config->data_size <= TPA_MEM_POOL_DATA_SIZE_MAX;
}

static unsigned int cache_size(const struct tpa_mem_pool_config *config)
{
    uint32_t size = config->cache_size != 0 ? config->cache_size : TPA_MEM_POOL_CACHE_SIZE_DEFAULT;
    /* DPDK refuses a cache that, at its flush mark of 1.5 times its size, could hold all. */
    uint64_t allowed = (uint64_t)config->packet_count * 2 / 3;

    size = TPA_BASE_MIN(size, RTE_MEMPOOL_CACHE_MAX_SIZE);
    return (unsigned int)TPA_BASE_MIN(size, allowed);
}

static int error_of_mempool(int mempool_errno)
{
    switch (mempool_errno) {
    case EEXIST:
        return TPA_EEXIST;
    case EINVAL:
        return TPA_EINVAL;
    default:
        return TPA_ENOMEM;
    }
}

/* As rte_pktmbuf_pool_create(), but with elements that are longer than the data room says. */
static struct rte_mempool *mempool_create(const struct tpa_mem_pool_config *config,
                                          uint32_t data_size)
{
    struct rte_pktmbuf_pool_private rooms = {
        .mbuf_data_room_size = (uint16_t)(TPA_MEM_HEADROOM + data_size),
        .mbuf_priv_size = sizeof(struct tpa_mem_packet_private),
    };
    unsigned int element_size = (unsigned int)sizeof(struct rte_mbuf) + rooms.mbuf_priv_size +
                                rooms.mbuf_data_room_size + POOL_TAIL;
    struct rte_mempool *mempool =
        rte_mempool_create_empty(config->name, config->packet_count, element_size,
                                 cache_size(config), sizeof(rooms), SOCKET_ID_ANY, 0);
    int error;

    if (mempool == NULL)
        return NULL;
    error = rte_mempool_set_ops_byname(mempool, rte_mbuf_best_mempool_ops(), NULL);
    if (error == 0) {
        rte_pktmbuf_pool_init(mempool, &rooms);
        error = rte_mempool_populate_default(mempool);
    }
    if (error < 0) {
        rte_mempool_free(mempool);
        rte_errno = -error;
        return NULL;
    }
    rte_mempool_obj_iter(mempool, rte_pktmbuf_init, NULL);
    return mempool;
}

int tpa_mem_pool_create(struct tpa_mem_pool *pool, const struct tpa_mem_pool_config *config)
{
    uint32_t data_size =
        config->data_size != 0 ? config->data_size : TPA_MEM_POOL_DATA_SIZE_DEFAULT;
    struct rte_mempool *mempool;

    if (!config_is_valid(config))
        return TPA_EINVAL;
    if (rte_mempool_lookup(config->name) != NULL)
        return TPA_EEXIST;
    mempool = mempool_create(config, data_size);
    if (mempool == NULL)
        return error_of_mempool(rte_errno);

    memset(pool, 0, sizeof(*pool));
    pool->mempool = mempool;
    pool->data_size = data_size;
    pool->packet_count = config->packet_count;
    memcpy(pool->name, config->name, strlen(config->name));
    return 0;
}

int tpa_mem_pool_destroy(struct tpa_mem_pool *pool)
{
    if (tpa_mem_pool_in_use(pool) != 0)
        return TPA_EBUSY;
    rte_mempool_free(pool->mempool);
    pool->mempool = NULL;
    return 0;
}

uint32_t tpa_mem_pool_in_use(const struct tpa_mem_pool *pool)
{
    return rte_mempool_in_use_count(pool->mempool);
}

uint32_t tpa_mem_pool_buffer_size(const struct tpa_mem_pool *pool)
{
    return pool->mempool->header_size + pool->mempool->elt_size + pool->mempool->trailer_size;
}

bool tpa_mem_pool_fault(struct tpa_mem_pool *pool)
{
    return tpa_mem_fault(&pool->fault_countdown, pool->fault_sticky);
}

int tpa_mem_packet_alloc_burst(struct tpa_mem_pool *pool, struct rte_mbuf **packets,
                               unsigned int count)
{
    if (TPA_BASE_UNLIKELY(pool->fault_countdown != 0) && tpa_mem_pool_fault(pool))
        return TPA_ENOMEM;
    if (rte_pktmbuf_alloc_bulk(pool->mempool, packets, count) != 0)
        return TPA_ENOMEM;
    for (unsigned int i = 0; i < count; i++) {
        tpa_mem_packet_private(packets[i])->next_packet = NULL;
        tpa_mem_packet_private(packets[i])->note = TPA_MEM_PACKET_NOTE_NONE;
    }
    return 0;
}
