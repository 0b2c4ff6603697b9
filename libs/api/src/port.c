/*
 * Ports of an instance: the layers around a device, and what of it the stack is told.
 */
#include <stdio.h>
#include <string.h>

#include <tpa/base/error.h>
#include <tpa/netdev/capture.h>
#include <tpa/netdev/impair.h>
#include <tpa/netdev/offload.h>

#include "port.h"

enum {
    SEED_IMPAIRMENT = 0x1a9a
};

void tpa_api_port_capture_drop(struct tpa_api_port *port, uint16_t queue,
                               const struct rte_mbuf *packet, enum tpa_base_drop reason,
                               uint64_t now)
{
    tpa_netdev_capture_drop(port->capture, queue, packet, reason, now);
}

/* Offloads next to the device, so that impairment and capture see what the stack sees. */
static int layers_wrap(struct tpa_api_instance *instance, struct tpa_api_port *port,
                       struct tpa_netdev *device)
{
    struct tpa_netdev *offload = tpa_netdev_offload_wrap(device, instance->pool);

    if (offload == NULL)
        return TPA_ENOMEM;
    port->device = offload;
    port->impair =
        tpa_netdev_impair_wrap(offload, instance->pool, instance->seed ^ SEED_IMPAIRMENT);
    if (port->impair == NULL)
        return TPA_ENOMEM;
    port->device = port->impair;
    port->capture = tpa_netdev_capture_wrap(port->impair);
    if (port->capture == NULL)
        return TPA_ENOMEM;
    port->device = port->capture;
    return TPA_OK;
}

static int inboxes_create(struct tpa_api_port *port, uint32_t worker_count)
{
    static _Atomic uint32_t serial;
    char name[24];

    if (worker_count <= port->queue_count)
        return TPA_OK;
    for (uint16_t queue = 0; queue < port->queue_count; queue++) {
        int error;

        snprintf(name, sizeof(name), "tpa-out-%u", atomic_fetch_add(&serial, 1));
        error =
            tpa_mem_ring_create(&port->transmit_inbox[queue], name, TPA_API_TRANSMIT_INBOX_SIZE);
        if (error != TPA_OK)
            return error;
    }
    return TPA_OK;
}

static int interface_add(struct tpa_api_instance *instance, struct tpa_api_port *port,
                         const struct tpa_api_port_config *config,
                         const struct tpa_netdev_info *info)
{
    static const uint8_t no_mac[6];
    struct tpa_ip_interface_config interface = {
        .name = config->name != NULL ? config->name : info->name,
        .mtu = info->mtu,
        .vlan = config->vlan,
    };
    int index;

    memcpy(interface.mac, memcmp(config->mac, no_mac, 6) != 0 ? config->mac : info->mac, 6);
    index = tpa_ip_interface_add(instance->ip, &interface);
    if (index < 0)
        return index;
    port->interface = (uint8_t)index;
    return TPA_OK;
}

static int refuse(int error, char reason[TPA_API_REASON_SIZE], const char *port, const char *what,
                  const struct tpa_base_address *address)
{
    char text[TPA_BASE_ADDRESS_TEXT];

    tpa_base_address_format(address, text);
    snprintf(reason, TPA_API_REASON_SIZE, "port %s: %s %s: %s", port, what, text,
             tpa_base_error_text(error));
    return error;
}

static int addresses_add(struct tpa_api_instance *instance, const struct tpa_api_port *port,
                         const struct tpa_api_port_config *config, const char *name,
                         char reason[TPA_API_REASON_SIZE])
{
    for (uint32_t i = 0; i < config->address_count; i++) {
        const struct tpa_api_address_config *address = &config->addresses[i];
        int error = tpa_ip_address_add(instance->ip, port->interface, &address->address,
                                       address->prefix_length);

        if (error < 0)
            return refuse(error, reason, name, "address", &address->address);
    }
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct tpa_api_route_config *route = &config->routes[i];
        int error = tpa_ip_route_add(instance->ip, &route->destination, route->prefix_length,
                                     &route->gateway, port->interface);

        if (error < 0)
            return refuse(error, reason, name, "route", &route->destination);
    }
    return TPA_OK;
}

static int dma_map(void *context, void *virt_addr, uint64_t iova, size_t size)
{
    return tpa_netdev_dma_map(context, virt_addr, iova, size);
}

static void dma_unmap(void *context, void *virt_addr, uint64_t iova, size_t size)
{
    (void)tpa_netdev_dma_unmap(context, virt_addr, iova, size);
}

/* From now on the device can read what programs register. */
static int dma_attach(struct tpa_api_instance *instance, struct tpa_api_port *port)
{
    int error;

    port->dma.map = dma_map;
    port->dma.unmap = dma_unmap;
    port->dma.context = port->device;
    error = tpa_mem_registry_attach(instance->registry, &port->dma);
    port->dma_attached = error == TPA_OK;
    return error;
}

int tpa_api_port_open(struct tpa_api_instance *instance, struct tpa_api_port *port,
                      const struct tpa_api_port_config *config, char reason[TPA_API_REASON_SIZE])
{
    struct tpa_netdev_link link;
    struct tpa_netdev_info info;
    const char *name;
    int error;

    tpa_netdev_info(config->device, &info);
    name = config->name != NULL ? config->name : info.name;
    port->queue_count =
        info.rx_queue_count < info.tx_queue_count ? info.rx_queue_count : info.tx_queue_count;
    if (port->queue_count > instance->worker_count) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "port %s has %u queues and there are %u workers: nobody would poll the rest", name,
                 port->queue_count, instance->worker_count);
        return TPA_EINVAL;
    }
    error = layers_wrap(instance, port, config->device);
    if (error == TPA_OK)
        error = inboxes_create(port, instance->worker_count);
    if (error == TPA_OK)
        error = interface_add(instance, port, config, &info);
    if (error == TPA_OK && (info.capabilities & TPA_NETDEV_DMA) != 0)
        error = dma_attach(instance, port);
    if (error != TPA_OK) {
        snprintf(reason, TPA_API_REASON_SIZE, "port %s: %s", name, tpa_base_error_text(error));
        return error;
    }
    error = addresses_add(instance, port, config, name, reason);
    if (error != TPA_OK)
        return error;
    error = tpa_netdev_start(port->device);
    if (error != TPA_OK) {
        snprintf(reason, TPA_API_REASON_SIZE, "port %s does not start: %s", name,
                 tpa_base_error_text(error));
        return error;
    }
    tpa_netdev_link(port->device, &link);
    port->link_up = link.up;
    return TPA_OK;
}

static void inbox_destroy(struct tpa_mem_ring *inbox)
{
    void *packet;

    while (inbox->ring != NULL && tpa_mem_ring_pop(inbox, &packet, 1) == 1)
        tpa_mem_packet_free(packet);
    tpa_mem_ring_destroy(inbox);
}

/* The layers above the caller's device; the device too unless `keep_device`. */
void tpa_api_port_close(struct tpa_api_instance *instance, struct tpa_api_port *port,
                        bool keep_device)
{
    struct tpa_netdev *layer = port->device;

    if (port->dma_attached)
        tpa_mem_registry_detach(instance->registry, &port->dma);
    for (uint16_t queue = 0; queue < port->queue_count; queue++)
        inbox_destroy(&port->transmit_inbox[queue]);
    if (!keep_device) {
        tpa_netdev_close(layer);
    } else {
        while (layer != NULL && layer->lower != NULL) {
            struct tpa_netdev *lower = layer->lower;

            layer->ops->close(layer);
            layer = lower;
        }
    }
    memset(port, 0, sizeof(*port));
}
