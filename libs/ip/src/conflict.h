/* Another host uses an address of ours. */
#ifndef TPA_IP_CONFLICT_H
#define TPA_IP_CONFLICT_H

#include <stdint.h>

#include <tpa/base/clock.h>

#include "tables.h"

struct tpa_ip_worker;

/* RFC 5227 section 1.1, DEFEND_INTERVAL: who defends more often keeps a war going. */
#define TPA_IP_DEFEND_INTERVAL (10 * TPA_BASE_SECOND)

/* Logs it, and announces the address as ours, once in TPA_IP_DEFEND_INTERVAL. */
void tpa_ip_conflict(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                     const struct tpa_ip_own_address *own, const uint8_t mac[6]);

#endif
