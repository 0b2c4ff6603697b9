#include "receive_queue.h"

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

static struct rte_mbuf **next_of(struct rte_mbuf *packet)
{
    return &tpa_mem_packet_private(packet)->next_packet;
}

void tpa_tcp_receive_queue_append(struct tpa_tcp_receive_queue *queue, struct rte_mbuf *packet)
{
    *next_of(packet) = NULL;
    if (queue->first == NULL)
        queue->first = packet;
    else
        *next_of(queue->last) = packet;
    queue->last = packet;
    queue->entries++;
    queue->bytes += tpa_mem_packet_length(packet);
}

int tpa_tcp_receive_queue_push(struct tpa_tcp_receive_queue *queue, struct tpa_mem_budget *budget,
                               struct rte_mbuf *packet, uint32_t entries_max)
{
    uint32_t length = tpa_mem_packet_length(packet);

    if (queue->first != NULL && tpa_tcp_copy_break(queue->last, packet)) {
        queue->bytes += length;
        return 0;
    }
    if (TPA_BASE_UNLIKELY(queue->entries >= entries_max))
        return TPA_ENOSPC;
    if (TPA_BASE_UNLIKELY(!tpa_tcp_charge(budget, packet)))
        return TPA_ENOMEM;
    tpa_tcp_receive_queue_append(queue, packet);
    return 0;
}

static void push_front(struct tpa_tcp_receive_queue *queue, struct rte_mbuf *packet)
{
    *next_of(packet) = queue->first;
    if (queue->first == NULL)
        queue->last = packet;
    queue->first = packet;
    queue->entries++;
    queue->bytes += tpa_mem_packet_length(packet);
}

static struct rte_mbuf *pop_front(struct tpa_tcp_receive_queue *queue)
{
    struct rte_mbuf *packet = queue->first;

    queue->first = *next_of(packet);
    queue->entries--;
    queue->bytes -= tpa_mem_packet_length(packet);
    return packet;
}

unsigned int tpa_tcp_receive_queue_take(struct tpa_tcp_receive_queue *queue,
                                        struct tpa_mem_budget *budget, struct rte_mbuf **segments,
                                        unsigned int count)
{
    unsigned int taken = 0;

    while (taken < count && queue->first != NULL) {
        struct rte_mbuf *packet = pop_front(queue);
        struct rte_mbuf *rest = NULL;

        if (TPA_BASE_UNLIKELY(tpa_mem_packet_next_segment(packet) != NULL))
            rest = tpa_tcp_charge_split(packet);
        if (rest != NULL)
            push_front(queue, rest);
        /* Trimming leaves an empty first segment in front of the others. */
        if (TPA_BASE_UNLIKELY(tpa_mem_packet_length(packet) == 0))
            tpa_tcp_charge_free(budget, packet);
        else
            segments[taken++] = packet;
    }
    return taken;
}

void tpa_tcp_receive_queue_undo(struct tpa_tcp_receive_queue *queue, struct rte_mbuf **segments,
                                unsigned int count)
{
    while (count > 0)
        push_front(queue, segments[--count]);
}

void tpa_tcp_receive_queue_drop(struct tpa_tcp_receive_queue *queue, struct tpa_mem_budget *budget)
{
    while (queue->first != NULL)
        tpa_tcp_charge_free(budget, pop_front(queue));
}
