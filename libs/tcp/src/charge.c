#include "charge.h"

#include <string.h>

bool tpa_tcp_charge(struct tpa_mem_budget *budget, struct rte_mbuf *packet)
{
    uint32_t charge = tpa_mem_packet_truesize(packet);

    if (!tpa_mem_budget_take(budget, charge))
        return false;
    tpa_tcp_received(packet)->charge = charge;
    return true;
}

struct rte_mbuf *tpa_tcp_charge_split(struct rte_mbuf *packet)
{
    uint32_t charge = tpa_tcp_received(packet)->charge;
    struct rte_mbuf *rest = tpa_mem_packet_split_first(packet);

    if (rest == NULL)
        return NULL;
    /* What was freed of the chain since it was charged stays with the first segment. */
    tpa_tcp_received(rest)->charge = tpa_mem_packet_truesize(rest);
    tpa_tcp_received(packet)->charge = charge - tpa_tcp_received(rest)->charge;
    return rest;
}

void tpa_tcp_charge_free(struct tpa_mem_budget *budget, struct rte_mbuf *packet)
{
    tpa_mem_budget_give(budget, tpa_tcp_received(packet)->charge);
    tpa_mem_packet_free(packet);
}

bool tpa_tcp_copy_break(struct rte_mbuf *last, struct rte_mbuf *packet)
{
    uint8_t buffer[TPA_TCP_COPY_BREAK];
    uint32_t length = tpa_mem_packet_length(packet);
    const void *payload;

    if (length > TPA_TCP_COPY_BREAK || length > tpa_mem_packet_own_tailroom(last))
        return false;
    payload = tpa_mem_packet_read(packet, 0, length, buffer);
    memcpy(tpa_mem_packet_append(last, (uint16_t)length), payload, length);
    tpa_mem_packet_free(packet);
    return true;
}
