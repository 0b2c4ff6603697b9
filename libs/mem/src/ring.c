#include <tpa/mem/ring.h>

#include <string.h>

#include <rte_lcore.h>

#include <tpa/base/error.h>

#define RING_SIZE_MAX (1u << 20)
#define RING_NAME_MAX 24

int tpa_mem_ring_create(struct tpa_mem_ring *ring, const char *name, uint32_t size)
{
    if (size == 0 || size > RING_SIZE_MAX || strlen(name) > RING_NAME_MAX)
        return TPA_EINVAL;
    if (rte_ring_lookup(name) != NULL)
        return TPA_EEXIST;
    ring->ring = rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_EXACT_SZ);
    return ring->ring != NULL ? TPA_OK : TPA_ENOMEM;
}

void tpa_mem_ring_destroy(struct tpa_mem_ring *ring)
{
    rte_ring_free(ring->ring);
    ring->ring = NULL;
}
