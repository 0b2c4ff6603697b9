/*
 * Multicast Listener Discovery (RFC 3810), as far as a host needs it that listens to nothing but
 * the solicited-node groups of its addresses: switches that snoop must pass solicitations on to it.
 */
#ifndef TPA_IP_MLD_H
#define TPA_IP_MLD_H

#include "datagram.h"
#include "tables.h"
#include "timer.h"

/* Groups in one report: what fits into 1280 bytes with all headers. */
#define TPA_IP_MLD_RECORDS_MAX 60

struct tpa_ip_worker;

/* Reports that we listen to the solicited-node group of an address from now on. */
void tpa_ip_mld_join(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                     const struct tpa_ip_own_address *own);

/* A query: all groups of the interface are reported after a random part of the delay that it
 * allows. A verdict. */
int tpa_ip_mld_query(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram);

/* The timer of an interface's report has expired. */
void tpa_ip_mld_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer);

#endif
