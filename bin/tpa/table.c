/*
 * tpa mem, tpa neigh, tpa port: tables.
 */
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/compiler.h>
#include <tpa/base/parse.h>
#include <tpa/ip/stack.h>
#include <tpa/netdev/netdev.h>

#include "json.h"

/* What is done with each record of a region. */
typedef void (*print_record)(const struct tool *tool, void *record, uint64_t index);

static int print_table(struct tool *tool, const char *region, size_t size, print_record print)
{
    uint64_t count;
    char *records;

    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    records = tool_records(tool, region, size, &count);
    if (records == NULL)
        return TOOL_FAILED;
    if (tool->flag['j']) {
        tool_json_begin(tool);
        json_array(region);
    }
    for (uint64_t i = 0; i < count; i++)
        print(tool, records + i * size, i);
    if (tool->flag['j']) {
        json_array_end();
        tool_json_end();
    }
    free(records);
    return TOOL_OK;
}

/* ---- Memory ---- */

static void json_memory(const struct tpa_api_export_memory *memory)
{
    json_object(NULL);
    json_text("name", memory->name);
    if (memory->worker != TPA_API_EXPORT_WORKER_NONE)
        json_number("worker", memory->worker);
    if (memory->unit[0] != '\0') {
        json_text("unit", memory->unit);
        json_number("used", memory->used);
        json_number("size", memory->size);
        json_number("bytes", memory->bytes);
    }
    json_object_end();
}

static void print_memory(const struct tool *tool, void *record, uint64_t index)
{
    struct tpa_api_export_memory *memory = record;
    char owner[24] = "all", size[32] = "-", bytes[TPA_BASE_SIZE_TEXT] = "-";

    if (memory->name[0] == '\0')
        return;
    tool_clean(memory->name, sizeof(memory->name));
    tool_clean(memory->unit, sizeof(memory->unit));
    if (tool->flag['j']) {
        json_memory(memory);
        return;
    }
    if (index == 0)
        printf("%-28s %-8s %14s %14s %10s  %s\n", "name", "worker", "used", "size", "bytes",
               "unit");
    if (memory->worker != TPA_API_EXPORT_WORKER_NONE)
        snprintf(owner, sizeof(owner), "%u", memory->worker);
    if (memory->size != 0)
        snprintf(size, sizeof(size), "%" PRIu64, memory->size);
    if (memory->bytes != 0)
        snprintf(bytes, sizeof(bytes), "%.1fM", (double)memory->bytes / (1 << 20));
    if (memory->unit[0] == '\0')
        printf("%s\n", memory->name);
    else
        printf("%-28s %-8s %14" PRIu64 " %14s %10s  %s\n", memory->name, owner, memory->used, size,
               bytes, memory->unit);
}

int tool_mem(struct tool *tool)
{
    if (tool->argc > 0)
        return tool_misused(tool, "%s: not expected", tool->argv[0]);
    return print_table(tool, TPA_API_EXPORT_REGION_MEMORY, sizeof(struct tpa_api_export_memory),
                       print_memory);
}

/* ---- Neighbours ---- */

static const char *neighbour_state(uint8_t state)
{
    static const char *const names[] = {"incomplete", "reachable", "stale",    "delay",
                                        "probe",      "failed",    "permanent"};

    _Static_assert(TPA_IP_NEIGHBOUR_PERMANENT + 1 == TPA_BASE_ARRAY_SIZE(names), "all states");
    return state < TPA_BASE_ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void print_neighbour(const struct tool *tool, void *record, uint64_t index)
{
    const struct tpa_api_export_neighbour *neighbour = record;
    char address[TPA_BASE_ADDRESS_TEXT], mac[TPA_BASE_MAC_TEXT], age[32] = "never";

    (void)index;
    if (neighbour->used == 0)
        return;
    tpa_base_address_format(&neighbour->address, address);
    tpa_base_format_mac(neighbour->mac, mac);
    if (neighbour->confirmed != 0)
        snprintf(age, sizeof(age), "%.1f s ago", (double)tool_age(neighbour->confirmed) / 1e9);
    if (!tool->flag['j']) {
        printf("%-40s %s port %u %s, confirmed %s\n", address, mac, neighbour->interface,
               neighbour_state(neighbour->state), age);
        return;
    }
    json_object(NULL);
    json_text("address", address);
    json_text("mac", mac);
    json_number("port", neighbour->interface);
    json_text("state", neighbour_state(neighbour->state));
    if (neighbour->confirmed != 0)
        json_number("confirmed_age_ns", tool_age(neighbour->confirmed));
    json_object_end();
}

int tool_neigh(struct tool *tool)
{
    if (tool->argc == 0 || (tool->argc == 1 && strcmp(tool->argv[0], "list") == 0))
        return print_table(tool, TPA_API_EXPORT_REGION_NEIGHBOURS,
                           sizeof(struct tpa_api_export_neighbour), print_neighbour);
    if (strcmp(tool->argv[0], "add") == 0 || strcmp(tool->argv[0], "del") == 0)
        return tool_request(tool);
    return tool_misused(tool, "%s: list, add or del", tool->argv[0]);
}

/* ---- Ports ---- */

static const char *const capability_names[] = {
    "tx-ipv4-checksum", "tx-tcp-checksum", "tx-udp-checksum", "tx-tcp-segmentation", "tx-chains",
    "tx-vlan",          "rx-checksum",     "rx-vlan",         "rx-steering",         "dma",
    "tx-external",
};

_Static_assert(TPA_NETDEV_CAPABILITIES_ALL == (1 << TPA_BASE_ARRAY_SIZE(capability_names)) - 1,
               "a name for each");

static const char *link_text(const struct tpa_api_export_port *port)
{
    if (port->gone != 0)
        return "gone";
    return port->up != 0 ? "up" : "down";
}

static void json_port(const struct tpa_api_export_port *port, const char *mac, uint64_t index)
{
    json_object(NULL);
    json_number("port", index);
    json_text("name", port->name);
    json_text("kind", port->kind);
    json_text("mac", mac);
    json_number("mtu", port->mtu);
    json_text("link", link_text(port));
    json_number("speed_mbps", port->speed_mbps);
    json_number("rx_queues", port->rx_queue_count);
    json_number("tx_queues", port->tx_queue_count);
    json_bool("capturing", port->capturing != 0);
    json_bool("impaired", port->impaired != 0);
    json_array("capabilities");
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(capability_names); i++) {
        if ((port->capabilities & 1u << i) != 0)
            json_text(NULL, capability_names[i]);
    }
    json_array_end();
    json_number("rx_packets", port->rx_packets);
    json_number("rx_bytes", port->rx_bytes);
    json_number("tx_packets", port->tx_packets);
    json_number("tx_bytes", port->tx_bytes);
    json_number("rx_missed", port->rx_missed);
    json_number("rx_errors", port->rx_errors);
    json_number("rx_no_buffer", port->rx_no_buffer);
    json_number("tx_errors", port->tx_errors);
    json_number("tx_full", port->tx_full);
    json_number("dropped", port->drops);
    json_object_end();
}

static void print_port_more(const struct tpa_api_export_port *port)
{
    printf("    can");
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(capability_names); i++) {
        if ((port->capabilities & 1u << i) != 0)
            printf(" %s", capability_names[i]);
    }
    printf("%s (the rest is done in software)\n", port->capabilities == 0 ? " nothing" : "");
    printf("    rx %" PRIu64 " packets %" PRIu64 " bytes, missed %" PRIu64 ", errors %" PRIu64
           ", no buffer %" PRIu64 "\n",
           port->rx_packets, port->rx_bytes, port->rx_missed, port->rx_errors, port->rx_no_buffer);
    printf("    tx %" PRIu64 " packets %" PRIu64 " bytes, errors %" PRIu64 ", queue full %" PRIu64
           ", dropped %" PRIu64 "\n",
           port->tx_packets, port->tx_bytes, port->tx_errors, port->tx_full, port->drops);
}

static void print_port(const struct tool *tool, void *record, uint64_t index)
{
    struct tpa_api_export_port *port = record;
    char mac[TPA_BASE_MAC_TEXT];

    if (port->name[0] == '\0')
        return;
    tool_clean(port->name, sizeof(port->name));
    tool_clean(port->kind, sizeof(port->kind));
    tpa_base_format_mac(port->mac, mac);
    if (tool->flag['j']) {
        json_port(port, mac, index);
        return;
    }
    printf("port %" PRIu64 ": %s (%s) mac %s mtu %u link %s", index, port->name, port->kind, mac,
           port->mtu, link_text(port));
    if (port->speed_mbps != 0)
        printf(" %u Mb/s", port->speed_mbps);
    printf(" queues %u/%u%s%s\n", port->rx_queue_count, port->tx_queue_count,
           port->capturing != 0 ? " capturing" : "", port->impaired != 0 ? " pktfuzz" : "");
    if (tool->flag['v'])
        print_port_more(port);
}

int tool_port(struct tool *tool)
{
    if (tool->argc > 0)
        return tool_misused(tool, "%s: not expected", tool->argv[0]);
    return print_table(tool, TPA_API_EXPORT_REGION_PORTS, sizeof(struct tpa_api_export_port),
                       print_port);
}
