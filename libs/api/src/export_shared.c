/*
 * Memory, ports and neighbours.
 */
#include "export_private.h"

#include <stdio.h>
#include <string.h>

#include <tpa/mem/eal.h>
#include <tpa/netdev/capture.h>
#include <tpa/netdev/impair.h>

/* ---- Memory ---- */

struct ledger {
    struct tpa_api_export_memory *next;
    uint32_t worker;
};

static void account(struct ledger *ledger, const char *name, const char *unit, uint64_t used,
                    uint64_t size, uint64_t bytes)
{
    struct tpa_api_export_memory record = {
        .worker = ledger->worker, .used = used, .size = size, .bytes = bytes};

    snprintf(record.name, sizeof(record.name), "%s", name);
    snprintf(record.unit, sizeof(record.unit), "%s", unit);
    tpa_api_export_publish(ledger->next++, &record, sizeof(record));
}

static void account_slab(struct ledger *ledger, const char *name, const struct tpa_mem_slab *slab)
{
    account(ledger, name, "objects", slab->in_use, slab->limit, tpa_mem_slab_footprint(slab));
}

static void account_budget(struct ledger *ledger, const char *name,
                           const struct tpa_mem_budget *budget)
{
    account(ledger, name, "bytes", budget->used, budget->limit, 0);
}

static void shared_refresh(struct tpa_api_export *export)
{
    struct tpa_api_instance *instance = export->instance;
    struct ledger ledger = {.next = export->memory, .worker = TPA_API_EXPORT_WORKER_NONE};
    uint64_t packets = instance->pool->packet_count;

    account(&ledger, tpa_mem_eal_has_hugepages() ? "EAL: hugepages" : "EAL: ordinary memory", "", 0,
            0, 0);
    account(&ledger, "packets", "packets", tpa_mem_pool_in_use(instance->pool), packets,
            packets * tpa_mem_pool_buffer_size(instance->pool));
    account(&ledger, "registered memory", "regions",
            atomic_load_explicit(&instance->registered_regions, memory_order_relaxed),
            TPA_MEM_REGISTRY_REGIONS_MAX,
            atomic_load_explicit(&instance->registered_bytes, memory_order_relaxed));
    account(&ledger, "socks", "socks",
            atomic_load_explicit(&instance->sock_count, memory_order_relaxed), instance->sock_max,
            0);
}

void tpa_api_export_memory_refresh(struct tpa_worker *worker)
{
    struct tpa_api_export *export = worker->instance->export;
    const struct tpa_tcp_worker *tcp = &worker->tcp;
    struct ledger ledger = {
        .next = &export->memory[TPA_API_EXPORT_MEMORY_SHARED +
                                worker->index * TPA_API_EXPORT_MEMORY_PER_WORKER],
        .worker = worker->index,
    };

    account_budget(&ledger, "receive budget", &tcp->receive_budget);
    account_budget(&ledger, "send budget", &tcp->send.budget);
    account_slab(&ledger, "socks", &worker->socks);
    account_slab(&ledger, "time-waits", &worker->time_wait_slab);
    account_slab(&ledger, "send extents", &tcp->send.extents);
    account_slab(&ledger, "reassembly, few ranges", &tcp->reassembly.few);
    account_slab(&ledger, "reassembly, many ranges", &tcp->reassembly.many);
    for (unsigned int i = 0; i < TPA_TCP_FLIGHT_CLASSES; i++) {
        char name[40];

        snprintf(name, sizeof(name), "flight, class %u", i);
        account_slab(&ledger, name, &tcp->flight.classes[i]);
    }
    account_slab(&ledger, "rate samples and pacing", &tcp->deliveries);
    account_slab(&ledger, "congestion states, small", &tcp->congestion_states.small);
    account_slab(&ledger, "congestion states, large", &tcp->congestion_states.large);
    account(&ledger, "connection table", "entries", worker->demux.count, 0,
            tpa_api_demux_footprint(&worker->demux));
    if (worker->index == 0)
        shared_refresh(export);
}

_Static_assert(11 + TPA_TCP_FLIGHT_CLASSES <= TPA_API_EXPORT_MEMORY_PER_WORKER,
               "a record for each line above");

/* ---- Ports ---- */

/* The device itself, below all layers. */
static struct tpa_netdev *bottom(struct tpa_netdev *device)
{
    while (device->lower != NULL)
        device = device->lower;
    return device;
}

static uint8_t impaired_directions(struct tpa_netdev *device)
{
    char text[TPA_NETDEV_IMPAIRMENT_TEXT];
    struct tpa_netdev_impairment impairment;
    uint8_t directions = 0;

    for (int i = TPA_NETDEV_RX; i <= TPA_NETDEV_TX; i++) {
        tpa_netdev_impair_get(device, (enum tpa_netdev_direction)i, &impairment);
        tpa_netdev_impairment_format(&impairment, text);
        if (strcmp(text, "off") != 0)
            directions |= (uint8_t)(1 << i);
    }
    return directions;
}

static void counters_fill(struct tpa_api_export_port *record, struct tpa_netdev *device)
{
    struct tpa_netdev_counters counters;

    tpa_netdev_counters(device, &counters);
    record->rx_packets = counters.rx_packets;
    record->rx_bytes = counters.rx_bytes;
    record->tx_packets = counters.tx_packets;
    record->tx_bytes = counters.tx_bytes;
    record->rx_missed = counters.rx_missed;
    record->rx_errors = counters.rx_errors;
    record->rx_no_buffer = counters.rx_no_buffer;
    record->tx_errors = counters.tx_errors;
    record->tx_full = counters.tx_full;
    record->drops = tpa_base_drop_total(&counters.drops);
}

static void port_publish(struct tpa_api_export *export, uint32_t index)
{
    struct tpa_netdev *device = export->instance->ports[index].device;
    struct tpa_api_export_port record = {0};
    struct tpa_netdev_info info;
    struct tpa_netdev_link link;

    tpa_netdev_info(bottom(device), &info);
    tpa_netdev_link(device, &link);
    snprintf(record.name, sizeof(record.name), "%s", info.name);
    snprintf(record.kind, sizeof(record.kind), "%s", bottom(device)->ops->kind);
    memcpy(record.mac, info.mac, sizeof(record.mac));
    record.mtu = info.mtu;
    record.rx_queue_count = info.rx_queue_count;
    record.tx_queue_count = info.tx_queue_count;
    record.capabilities = info.capabilities;
    record.speed_mbps = link.speed_mbps;
    record.up = link.up;
    record.gone = link.gone;
    record.capturing = tpa_netdev_capture_active(device);
    record.impaired = impaired_directions(device);
    counters_fill(&record, device);
    tpa_api_export_publish(&export->ports[index], &record, sizeof(record));
}

void tpa_api_export_ports_refresh(struct tpa_api_export *export)
{
    for (uint32_t i = 0; i < export->instance->port_count; i++)
        port_publish(export, i);
}

/* ---- Neighbours ---- */

static void neighbour_publish(struct tpa_api_export *export, uint32_t index)
{
    const struct tpa_ip_neighbour *neighbour = &export->neighbour_copies[index];
    struct tpa_api_export_neighbour record = {
        .address = neighbour->address,
        .interface = neighbour->interface,
        .state = neighbour->state,
        .confirmed = neighbour->confirmed,
        .used = 1,
    };

    memcpy(record.mac, neighbour->mac, sizeof(record.mac));
    tpa_api_export_publish(&export->neighbours[index], &record, sizeof(record));
}

void tpa_api_export_neighbours_refresh(struct tpa_api_export *export)
{
    struct tpa_api_export_neighbour none = {0};
    uint32_t count = tpa_ip_neighbours(export->instance->ip, export->neighbour_copies,
                                       TPA_API_EXPORT_NEIGHBOURS_MAX);

    count = TPA_BASE_MIN(count, (uint32_t)TPA_API_EXPORT_NEIGHBOURS_MAX);
    for (uint32_t i = 0; i < count; i++)
        neighbour_publish(export, i);
    for (uint32_t i = count; i < export->neighbour_count; i++)
        tpa_api_export_publish(&export->neighbours[i], &none, sizeof(none));
    export->neighbour_count = count;
}
