/*
 * Received buffers are charged to the worker's receive budget at what they really pin. The charge
 * is noted in each packet, so that it can be given back when the connection is long gone.
 */
#ifndef TPA_TCP_CHARGE_H
#define TPA_TCP_CHARGE_H

#include <tpa/mem/packet.h>
#include <tpa/mem/pool.h>

/* A received packet's layer from tpa_tcp_input() to tpa_tcp_release(). */
struct tpa_tcp_received {
    uint32_t charge;   /*  0: bytes taken from the budget for this packet; 0 = not charged */
    uint32_t sequence; /*  4: of its first byte, while it is out of order */
};

_Static_assert(sizeof(struct tpa_tcp_received) <= TPA_MEM_PACKET_LAYER_SIZE, "fits the layer");

static inline struct tpa_tcp_received *tpa_tcp_received(struct rte_mbuf *packet)
{
    return tpa_mem_packet_layer(packet, struct tpa_tcp_received);
}

/* Charges a packet. False, and nothing done, when the budget is used up. */
bool tpa_tcp_charge(struct tpa_mem_budget *budget, struct rte_mbuf *packet);

/* Takes the first segment off a charged packet of several, with its share of the charge. Returns
 * the rest. */
struct rte_mbuf *tpa_tcp_charge_split(struct rte_mbuf *packet);

/* Frees a charged packet and gives its charge back. */
void tpa_tcp_charge_free(struct tpa_mem_budget *budget, struct rte_mbuf *packet);

/* A payload up to this many bytes is copied into the free room of the buffer before it, instead of
 * pinning a buffer of its own: copying costs less than what the buffer's absence does. */
#define TPA_TCP_COPY_BREAK 256

/*
 * Copies the payload of `packet` (not charged yet) behind the data of `last` if it is small, there
 * is room and nobody else looks at that buffer. True: done, and `packet` freed.
 */
bool tpa_tcp_copy_break(struct rte_mbuf *last, struct rte_mbuf *packet);

#endif
