/* Frames: what is received, and link headers of what is sent. */
#ifndef TPA_IP_ETHERNET_H
#define TPA_IP_ETHERNET_H

#include <stdint.h>

#include <tpa/base/cursor.h>

#include "datagram.h"
#include "tables.h"

extern const uint8_t tpa_ip_mac_broadcast[6];

/*
 * Writes the link header of an interface: destination (NULL: zeros, to be filled in), source,
 * 802.1Q tag where it has one, EtherType. Returns its length, at most TPA_IP_LINK_LENGTH_MAX.
 */
uint8_t tpa_ip_ethernet_header(uint8_t header[TPA_IP_LINK_LENGTH_MAX],
                               const struct tpa_ip_interface *interface, const uint8_t *destination,
                               uint16_t ethertype) __attribute__((nonnull(1, 2)));

/*
 * A frame of our own: its link header, and a writer over `length` bytes behind it. NULL when no
 * buffer is free.
 */
struct rte_mbuf *tpa_ip_ethernet_frame(struct tpa_ip_worker *worker,
                                       const struct tpa_ip_interface *interface,
                                       const uint8_t *destination, uint16_t ethertype,
                                       uint16_t length, struct tpa_base_writer *writer);

#endif
