/* The kernel's network interface that a port may stand on. */
#ifndef TPA_NETDEV_KERNEL_INTERFACE_H
#define TPA_NETDEV_KERNEL_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* `index` 0 is a port without an interface: it does not exist. */
bool tpa_netdev_interface_exists(unsigned int index);

/* Up, with a carrier. */
bool tpa_netdev_interface_runs(unsigned int index);

/* Bytes; 0 where it can't be had. */
uint16_t tpa_netdev_interface_mtu(unsigned int index);

/* 0; TPA_EINVAL (out of its range), TPA_EIO. */
int tpa_netdev_interface_set_mtu(unsigned int index, uint16_t mtu);

#endif
