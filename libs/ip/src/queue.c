/* Frames that wait for their port, and packets that go nowhere. */
#include "state.h"

void tpa_ip_drop(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *packet,
                 enum tpa_base_drop reason)
{
    tpa_base_drop_count(worker->drops, reason);
    if (worker->on_drop != NULL)
        worker->on_drop(worker->on_drop_context, interface, packet, reason);
    tpa_mem_packet_free(packet);
}

void tpa_ip_drop_queue(struct tpa_ip_worker *worker, uint8_t interface,
                       struct tpa_mem_packet_queue *queue, enum tpa_base_drop reason)
{
    struct rte_mbuf *packet;

    while ((packet = tpa_mem_packet_queue_pop(queue)) != NULL)
        tpa_ip_drop(worker, interface, packet, reason);
}

void tpa_ip_enqueue(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf *frame)
{
    struct tpa_mem_packet_queue *queue = &worker->output[interface];

    if (TPA_BASE_UNLIKELY(queue->count >= worker->stack->limits.output_queue)) {
        tpa_ip_drop(worker, interface, frame, TPA_BASE_DROP_NETDEV_TX_QUEUE_FULL);
        return;
    }
    tpa_mem_packet_queue_push(queue, frame);
    worker->waiting |= UINT32_C(1) << interface;
}

static bool is_queue(uint8_t interface)
{
    return interface < TPA_IP_INTERFACES_MAX || interface == TPA_IP_INTERFACE_LOOPBACK;
}

static uint32_t waiting_bit(uint8_t interface)
{
    return interface == TPA_IP_INTERFACE_LOOPBACK ? TPA_IP_WAITING_LOOPBACK
                                                  : UINT32_C(1) << interface;
}

uint16_t tpa_ip_take(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                     uint16_t max)
{
    struct tpa_mem_packet_queue *queue;
    uint16_t count = 0;

    if (!is_queue(interface))
        return 0;
    queue = &worker->output[tpa_ip_interface_queue(interface)];
    while (count < max && queue->first != NULL)
        frames[count++] = tpa_mem_packet_queue_pop(queue);
    if (queue->first == NULL)
        worker->waiting &= ~waiting_bit(interface);
    return count;
}

void tpa_ip_untake(struct tpa_ip_worker *worker, uint8_t interface, struct rte_mbuf **frames,
                   uint16_t count)
{
    struct tpa_mem_packet_queue front = {0};
    struct tpa_mem_packet_queue *queue;

    if (!is_queue(interface) || count == 0)
        return;
    queue = &worker->output[tpa_ip_interface_queue(interface)];
    for (uint16_t i = 0; i < count; i++)
        tpa_mem_packet_queue_push(&front, frames[i]);
    if (queue->first == NULL) {
        *queue = front;
    } else {
        tpa_mem_packet_private(front.last)->next_packet = queue->first;
        queue->first = front.first;
        queue->count += front.count;
    }
    worker->waiting |= waiting_bit(interface);
}

uint32_t tpa_ip_waiting(const struct tpa_ip_worker *worker)
{
    return worker->waiting;
}

uint32_t tpa_ip_queued(const struct tpa_ip_worker *worker, uint8_t interface)
{
    return is_queue(interface) ? worker->output[tpa_ip_interface_queue(interface)].count : 0;
}

void tpa_ip_error_push(struct tpa_ip_worker *worker, const struct tpa_ip_error *error)
{
    if (worker->errors_count == TPA_IP_ERRORS_MAX)
        return;
    worker->errors[(worker->errors_first + worker->errors_count) % TPA_IP_ERRORS_MAX] = *error;
    worker->errors_count++;
}

uint16_t tpa_ip_errors_take(struct tpa_ip_worker *worker, struct tpa_ip_error *errors, uint16_t max)
{
    uint16_t count = 0;

    for (; count < max && worker->errors_count > 0; count++) {
        errors[count] = worker->errors[worker->errors_first];
        worker->errors_first = (worker->errors_first + 1) % TPA_IP_ERRORS_MAX;
        worker->errors_count--;
    }
    return count;
}
