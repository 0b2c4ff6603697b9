/* What all devices share: calls that are not made for each burst, and the layers of a device. */
#include <tpa/netdev/netdev.h>

#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/hash.h>

#include "layer.h"

void tpa_netdev_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    memset(info, 0, sizeof(*info));
    device->ops->info(device, info);
}

void tpa_netdev_link(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    memset(link, 0, sizeof(*link));
    device->ops->link(device, link);
}

void tpa_netdev_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    memset(counters, 0, sizeof(*counters));
    device->ops->counters(device, counters);
}

int tpa_netdev_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    return device->ops->set_mtu != NULL ? device->ops->set_mtu(device, mtu) : TPA_EUNSUPPORTED;
}

int tpa_netdev_set_link(struct tpa_netdev *device, bool up)
{
    return device->ops->set_link != NULL ? device->ops->set_link(device, up) : TPA_EUNSUPPORTED;
}

int tpa_netdev_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering)
{
    memset(steering, 0, sizeof(*steering));
    return device->ops->steering != NULL ? device->ops->steering(device, steering)
                                         : TPA_EUNSUPPORTED;
}

uint16_t tpa_netdev_steering_queue(const struct tpa_netdev_steering *steering,
                                   const uint8_t *source, const uint8_t *destination,
                                   uint8_t address_length, uint16_t source_port,
                                   uint16_t destination_port)
{
    uint8_t input[TPA_BASE_TOEPLITZ_INPUT_MAX];
    size_t length = 2 * (size_t)address_length + 2 * sizeof(uint16_t);

    if (steering->key_length == 0 || steering->reta_size == 0 || length > sizeof(input))
        return 0;
    memcpy(input, source, address_length);
    memcpy(input + address_length, destination, address_length);
    tpa_base_store16(input + 2 * (size_t)address_length, source_port);
    tpa_base_store16(input + 2 * (size_t)address_length + 2, destination_port);
    return steering->reta[tpa_base_toeplitz(steering->key, steering->key_length, input, length) %
                          steering->reta_size];
}

int tpa_netdev_dma_map(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    return device->ops->dma_map != NULL ? device->ops->dma_map(device, base, iova, length) : 0;
}

int tpa_netdev_dma_unmap(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    return device->ops->dma_unmap != NULL ? device->ops->dma_unmap(device, base, iova, length) : 0;
}

int tpa_netdev_start(struct tpa_netdev *device)
{
    return device->ops->start(device);
}

void tpa_netdev_stop(struct tpa_netdev *device)
{
    device->ops->stop(device);
}

void tpa_netdev_close(struct tpa_netdev *device)
{
    if (device == NULL)
        return;
    device->ops->stop(device);
    while (device != NULL) {
        struct tpa_netdev *lower = device->lower;

        device->ops->close(device);
        device = lower;
    }
}

struct tpa_netdev *tpa_netdev_layer_find(struct tpa_netdev *device, const char *kind)
{
    while (device != NULL && strcmp(device->ops->kind, kind) != 0)
        device = device->lower;
    return device;
}

void tpa_netdev_layer_info(struct tpa_netdev *device, struct tpa_netdev_info *info)
{
    device->lower->ops->info(device->lower, info);
}

void tpa_netdev_layer_link(struct tpa_netdev *device, struct tpa_netdev_link *link)
{
    device->lower->ops->link(device->lower, link);
}

void tpa_netdev_layer_counters(struct tpa_netdev *device, struct tpa_netdev_counters *counters)
{
    device->lower->ops->counters(device->lower, counters);
}

int tpa_netdev_layer_set_mtu(struct tpa_netdev *device, uint16_t mtu)
{
    return tpa_netdev_set_mtu(device->lower, mtu);
}

int tpa_netdev_layer_set_link(struct tpa_netdev *device, bool up)
{
    return tpa_netdev_set_link(device->lower, up);
}

int tpa_netdev_layer_steering(struct tpa_netdev *device, struct tpa_netdev_steering *steering)
{
    return tpa_netdev_steering(device->lower, steering);
}

int tpa_netdev_layer_dma_map(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    return tpa_netdev_dma_map(device->lower, base, iova, length);
}

int tpa_netdev_layer_dma_unmap(struct tpa_netdev *device, void *base, uint64_t iova, size_t length)
{
    return tpa_netdev_dma_unmap(device->lower, base, iova, length);
}

int tpa_netdev_layer_start(struct tpa_netdev *device)
{
    return device->lower->ops->start(device->lower);
}

void tpa_netdev_layer_stop(struct tpa_netdev *device)
{
    device->lower->ops->stop(device->lower);
}

void tpa_netdev_counters_add_drops(struct tpa_netdev_counters *counters,
                                   const struct tpa_base_drop_counters *drops)
{
    for (int reason = 0; reason < TPA_BASE_DROP_COUNT; reason++)
        counters->drops.count[reason] += tpa_base_drop_get(drops, (enum tpa_base_drop)reason);
}
