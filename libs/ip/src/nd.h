/* Neighbour Discovery (RFC 4861): solicitations and advertisements. */
#ifndef TPA_IP_ND_H
#define TPA_IP_ND_H

#include "tables.h"

/* Options of one message that are looked at; a message of 1280 bytes could hold 157. */
#define TPA_IP_ND_OPTIONS_MAX 16

struct tpa_ip_worker;

/* Asks who has `target`: its solicited-node group (`mac` NULL), or only the one who should. */
void tpa_ip_nd_solicit(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                       uint8_t interface, const struct tpa_base_address *source,
                       const struct tpa_base_address *target, const uint8_t *mac);

/* Says to all nodes that an address is ours (RFC 4861 section 7.2.6). */
void tpa_ip_nd_announce(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                        const struct tpa_ip_own_address *own);

#endif
