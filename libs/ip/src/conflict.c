#include "conflict.h"

#include <tpa/base/parse.h>

#include "arp.h"
#include "nd.h"
#include "state.h"

/* Of several workers one defends: who moves the time on. */
static bool may_defend(struct tpa_ip_worker *worker, const struct tpa_ip_own_address *own)
{
    uint64_t *defended = &worker->stack->defended[own->id];
    uint64_t last = __atomic_load_n(defended, __ATOMIC_RELAXED);

    if (last != 0 && worker->now < last + TPA_IP_DEFEND_INTERVAL)
        return false;
    return __atomic_compare_exchange_n(defended, &last, worker->now, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static void log_conflict(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                         const struct tpa_ip_own_address *own, const uint8_t mac[6])
{
    char address_text[TPA_BASE_ADDRESS_TEXT], mac_text[TPA_BASE_MAC_TEXT];

    if (!tpa_base_log_enabled(worker->log, TPA_BASE_LOG_WARNING))
        return;
    (void)tpa_base_address_format(&own->address, address_text);
    (void)tpa_base_format_mac(mac, mac_text);
    TPA_BASE_LOG_WARNING_LINE(worker->log, "%s: address %s is also used by %s",
                              tables->interfaces[own->interface].name, address_text, mac_text);
}

void tpa_ip_conflict(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                     const struct tpa_ip_own_address *own, const uint8_t mac[6])
{
    log_conflict(worker, tables, own, mac);
    if (!may_defend(worker, own))
        return;
    if (tpa_base_address_is_ipv4(&own->address))
        tpa_ip_arp_announce(worker, tables, own);
    else
        tpa_ip_nd_announce(worker, tables, own);
}
