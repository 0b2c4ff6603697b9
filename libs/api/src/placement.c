#include "placement.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/error.h>

#include "flow.h"

/* By mmap: pages of ports that nobody holds are never touched. */
static void *ports_map(size_t entry_size)
{
    void *memory = mmap(NULL, TPA_API_LOCAL_PORTS * entry_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void ports_unmap(void *memory, size_t entry_size)
{
    if (memory != NULL)
        munmap(memory, TPA_API_LOCAL_PORTS * entry_size);
}

int tpa_api_placement_init(struct tpa_api_placement *placement, uint32_t worker_count,
                           const struct tpa_netdev_steering *steering)
{
    memset(placement, 0, sizeof(*placement));
    placement->worker_count = worker_count;
    if (steering != NULL) {
        placement->steered = true;
        placement->steering = *steering;
    }
    placement->port_workers = ports_map(sizeof(*placement->port_workers));
    return placement->port_workers == NULL ? TPA_ENOMEM : TPA_OK;
}

void tpa_api_placement_fini(struct tpa_api_placement *placement)
{
    ports_unmap((void *)(uintptr_t)placement->port_workers, sizeof(*placement->port_workers));
    placement->port_workers = NULL;
}

static uint32_t steered_worker(const struct tpa_api_placement *placement,
                               const struct tpa_tcp_tuple *tuple)
{
    bool ipv4 = tpa_base_address_is_ipv4(&tuple->remote);
    unsigned int skip = ipv4 ? 12 : 0;

    return tpa_netdev_steering_queue(&placement->steering, tuple->remote.u8 + skip,
                                     tuple->local.u8 + skip, ipv4 ? 4 : 16,
                                     tpa_base_host_to_be16(tuple->remote_port),
                                     tpa_base_host_to_be16(tuple->local_port)) %
           placement->worker_count;
}

uint32_t tpa_api_placement_natural(const struct tpa_api_placement *placement,
                                   const struct tpa_tcp_tuple *tuple, uint64_t hash)
{
    if (placement->worker_count == 1)
        return 0;
    if (placement->steered)
        return steered_worker(placement, tuple);
    return (uint32_t)((hash >> 32) * placement->worker_count >> 32);
}

int tpa_api_placement_next_holder(const struct tpa_api_placement *placement, uint16_t port,
                                  uint32_t visited)
{
    uint32_t holders =
        atomic_load_explicit(&placement->port_workers[port], memory_order_acquire) & ~visited;

    return holders == 0 ? -1 : __builtin_ctz(holders);
}

int tpa_api_placement_next(const struct tpa_api_placement *placement,
                           const struct tpa_tcp_tuple *tuple, uint64_t hash, uint32_t visited)
{
    int holder = tpa_api_placement_next_holder(placement, tuple->local_port, visited);
    uint32_t natural;

    if (holder >= 0)
        return holder;
    natural = tpa_api_placement_natural(placement, tuple, hash);
    return (visited & UINT32_C(1) << natural) != 0 ? -1 : (int)natural;
}

int tpa_api_port_holds_init(struct tpa_api_port_holds *holds)
{
    holds->counts = ports_map(sizeof(*holds->counts));
    return holds->counts == NULL ? TPA_ENOMEM : TPA_OK;
}

void tpa_api_port_holds_fini(struct tpa_api_port_holds *holds)
{
    ports_unmap(holds->counts, sizeof(*holds->counts));
    holds->counts = NULL;
}

void tpa_api_port_hold(struct tpa_api_placement *placement, struct tpa_api_port_holds *holds,
                       uint32_t worker, uint16_t port)
{
    if (holds->counts[port]++ == 0)
        atomic_fetch_or(&placement->port_workers[port], UINT32_C(1) << worker);
}

void tpa_api_port_release(struct tpa_api_placement *placement, struct tpa_api_port_holds *holds,
                          uint32_t worker, uint16_t port)
{
    if (--holds->counts[port] == 0)
        atomic_fetch_and(&placement->port_workers[port], ~(UINT32_C(1) << worker));
}

enum {
    FIXED_PORT_CHAINS = TPA_API_FIXED_PORT_CHAINS
};

struct tpa_api_fixed_port {
    struct tpa_api_fixed_port *next;
    struct tpa_tcp_tuple tuple;
};

static void fixed_ports_lock(struct tpa_api_fixed_ports *ports)
{
    while (atomic_exchange_explicit(&ports->locked, true, memory_order_acquire))
        __builtin_ia32_pause();
}

static void fixed_ports_unlock(struct tpa_api_fixed_ports *ports)
{
    atomic_store_explicit(&ports->locked, false, memory_order_release);
}

static struct tpa_api_fixed_port **fixed_port_find(struct tpa_api_fixed_ports *ports,
                                                   const struct tpa_tcp_tuple *tuple)
{
    struct tpa_api_fixed_port **link = &ports->chains[tuple->local_port % FIXED_PORT_CHAINS];

    while (*link != NULL && !tpa_api_flow_equal(&(*link)->tuple, tuple))
        link = &(*link)->next;
    return link;
}

int tpa_api_fixed_port_take(struct tpa_api_fixed_ports *ports, const struct tpa_tcp_tuple *tuple)
{
    struct tpa_api_fixed_port *entry = malloc(sizeof(*entry));
    struct tpa_api_fixed_port **end;
    bool taken;

    if (entry == NULL)
        return TPA_ENOMEM;
    entry->tuple = *tuple;
    entry->next = NULL;
    fixed_ports_lock(ports);
    end = fixed_port_find(ports, tuple);
    taken = *end != NULL;
    if (!taken)
        *end = entry;
    fixed_ports_unlock(ports);
    if (!taken)
        return TPA_OK;
    free(entry);
    return TPA_EADDRINUSE;
}

void tpa_api_fixed_port_give(struct tpa_api_fixed_ports *ports, const struct tpa_tcp_tuple *tuple)
{
    struct tpa_api_fixed_port **link;
    struct tpa_api_fixed_port *entry;

    fixed_ports_lock(ports);
    link = fixed_port_find(ports, tuple);
    entry = *link;
    if (entry != NULL)
        *link = entry->next;
    fixed_ports_unlock(ports);
    free(entry);
}

void tpa_api_fixed_ports_fini(struct tpa_api_fixed_ports *ports)
{
    for (unsigned int i = 0; i < FIXED_PORT_CHAINS; i++) {
        while (ports->chains[i] != NULL) {
            struct tpa_api_fixed_port *entry = ports->chains[i];

            ports->chains[i] = entry->next;
            free(entry);
        }
    }
}
