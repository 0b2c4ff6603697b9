/* Sending what the stack itself has to say. */
#ifndef TPA_IP_OUTPUT_H
#define TPA_IP_OUTPUT_H

#include <tpa/base/drop.h>
#include <tpa/ip/ip.h>

#include "path.h"

/*
 * Sends a message (ICMP, ICMPv6) whose data starts at its own header, checksum done, from `source`,
 * which is ours. Takes it. May be fragmented, by us and, IPv4, on its way: DF is not set.
 */
void tpa_ip_message_output(struct tpa_ip_worker *worker, const struct tpa_base_address *source,
                           const struct tpa_base_address *destination, struct rte_mbuf *packet,
                           const struct tpa_ip_send *send);

/* Prepends headers and sends. `fragment_field`: IPv4's flags and offset, host order. */
void tpa_ip_path_output(struct tpa_ip_worker *worker, struct tpa_ip_path *path,
                        struct rte_mbuf *packet, const struct tpa_ip_send *send,
                        uint16_t fragment_field);

/*
 * A packet that can't go out: its owner is told where it is a TCP packet (with its transport header
 * at `transport`), and it is dropped. `mtu` for OUTPUT_TOO_BIG.
 */
void tpa_ip_output_failed(struct tpa_ip_worker *worker, uint8_t interface,
                          const struct tpa_ip_error *error, struct rte_mbuf *packet,
                          uint32_t transport, enum tpa_base_drop reason);

#endif
