/* ARP for IPv4 over Ethernet (RFC 826, RFC 5227). */
#ifndef TPA_IP_ARP_H
#define TPA_IP_ARP_H

#include "tables.h"

struct tpa_ip_worker;

/* Asks who has `target`: everybody (`mac` NULL), or only the one who should. */
void tpa_ip_arp_request(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                        uint8_t interface, const struct tpa_base_address *sender,
                        const struct tpa_base_address *target, const uint8_t *mac);

/* Says to everybody that an address is ours (RFC 5227 section 2.3). */
void tpa_ip_arp_announce(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                         const struct tpa_ip_own_address *own);

#endif
