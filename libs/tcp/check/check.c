#include "libs/tcp/check/check.h"

#include "delivery.h"
#include "extent.h"
#include "machine.h"

/* Blocks looked at in one check: their comparison with each other is quadratic. */
#define BLOCKS_MAX 64

#define MUST(condition)        \
    do {                       \
        if (!(condition))      \
            return #condition; \
    } while (0)

static const char *check_sequence_numbers(const struct tpa_tcp_connection *connection)
{
    const struct tpa_tcp_flight *flight = &connection->flight;
    uint32_t outstanding = tpa_tcp_outstanding(connection);

    MUST(tpa_base_seq_leq(flight->una, flight->nxt));
    MUST(tpa_base_seq_leq(connection->rcv_nxt, connection->rcv_adv));
    MUST(tpa_base_seq_leq(connection->rcv_acked, connection->rcv_nxt));
    MUST(flight->sacked + flight->lost <= outstanding);
    MUST(tpa_tcp_flight_pipe(flight) <= outstanding + flight->retransmitted);
    MUST(connection->window.cwnd >= connection->window.mss);
    if (!tpa_tcp_is_synchronized(connection))
        return NULL;
    MUST(tpa_base_seq_leq(flight->nxt, tpa_tcp_send_end(connection)));
    if (tpa_base_seq_leq(flight->una, connection->send_queue.end))
        MUST(tpa_tcp_send_queue_bytes(&connection->send_queue) ==
             connection->send_queue.end - flight->una);
    return NULL;
}

static const char *check_flight(const struct tpa_tcp_flight *flight)
{
    uint32_t count = tpa_tcp_flight_range_count(flight);
    uint32_t sacked = 0, lost = 0, retransmitted = 0;

    if (tpa_tcp_flight_outstanding(flight) == 0)
        return NULL;
    MUST(count > 0);
    MUST(tpa_tcp_flight_range_at(flight, 0)->start == flight->una);
    for (uint32_t i = 0; i < count; i++) {
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_range_at(flight, i);
        uint32_t end = i + 1 < count ? tpa_tcp_flight_range_at(flight, i + 1)->start : flight->nxt;

        MUST(tpa_base_seq_lt(range->start, end));
        sacked += range->flags & TPA_TCP_RANGE_SACKED ? end - range->start : 0;
        lost += range->flags & TPA_TCP_RANGE_LOST ? end - range->start : 0;
        retransmitted += range->flags & TPA_TCP_RANGE_RETRANSMITTED ? end - range->start : 0;
    }
    MUST(flight->sacked == sacked);
    MUST(flight->lost == lost);
    MUST(flight->retransmitted == retransmitted);
    return NULL;
}

static const char *check_reassembly(const struct tpa_tcp_connection *connection)
{
    struct tpa_tcp_reassembly reassembly = connection->reassembly;
    struct tpa_tcp_sack_block blocks[BLOCKS_MAX];
    unsigned int count;

    if (reassembly.ranges == NULL)
        return NULL;
    tpa_tcp_reassembly_duplicate(&reassembly, 0, 0); /* of this copy: blocks are ranges only */
    count = tpa_tcp_reassembly_blocks(&reassembly, blocks, BLOCKS_MAX);
    MUST(count > 0);
    for (unsigned int i = 0; i < count; i++) {
        MUST(tpa_base_seq_lt(blocks[i].left, blocks[i].right));
        MUST(tpa_base_seq_lt(connection->rcv_nxt, blocks[i].left));
        MUST(tpa_base_seq_leq(blocks[i].right, connection->rcv_adv));
        for (unsigned int j = 0; j < i; j++)
            MUST(tpa_base_seq_lt(blocks[i].right, blocks[j].left) ||
                 tpa_base_seq_lt(blocks[j].right, blocks[i].left));
    }
    return NULL;
}

static const char *check_receive_queue(const struct tpa_tcp_receive_queue *queue)
{
    uint32_t entries = 0, bytes = 0;

    for (struct rte_mbuf *packet = queue->first; packet != NULL;
         packet = tpa_mem_packet_private(packet)->next_packet) {
        entries++;
        bytes += tpa_mem_packet_length(packet);
    }
    MUST(queue->entries == entries);
    MUST(queue->bytes == bytes);
    return NULL;
}

static const char *check_timers(const struct tpa_tcp_connection *connection)
{
    bool waits = tpa_tcp_outstanding(connection) != 0 || tpa_tcp_unsent(connection) != 0;
    bool paces = connection->delivery != NULL && connection->delivery->is_waiting;

    if (connection->retransmit_deadline != 0 || connection->ack_deadline != 0 ||
        connection->state_deadline != 0)
        MUST(tpa_timer_is_armed(&connection->timer));
    if (connection->state == TPA_TCP_CLOSED)
        MUST(!tpa_timer_is_armed(&connection->timer));
    if (tpa_base_list_is_linked(&connection->output_link))
        return NULL;
    if (paces)
        MUST(tpa_timer_is_armed(&connection->timer));
    if (paces && tpa_tcp_outstanding(connection) == 0)
        return NULL; /* pacing has a timer of its own */
    if (waits)
        MUST(connection->retransmit_deadline != 0);
    else
        MUST(connection->retransmit_deadline == 0);
    MUST(connection->state == TPA_TCP_SYN_SENT || connection->rcv_acked == connection->rcv_nxt ||
         connection->ack_deadline != 0 || connection->state == TPA_TCP_CLOSED);
    return NULL;
}

const char *tpa_tcp_check_connection(const struct tpa_tcp_connection *connection, bool settled)
{
    const char *fault;

    if (connection->window.algorithm == NULL)
        return NULL; /* not opened yet, or finished */
    fault = check_sequence_numbers(connection);
    if (fault == NULL)
        fault = check_flight(&connection->flight);
    if (fault == NULL)
        fault = check_reassembly(connection);
    if (fault == NULL)
        fault = check_receive_queue(&connection->receive_queue);
    if (fault == NULL && settled)
        fault = check_timers(connection);
    return fault;
}

void tpa_tcp_check_add(struct tpa_tcp_check_sums *sums, const struct tpa_tcp_connection *connection)
{
    for (struct rte_mbuf *packet = connection->receive_queue.first; packet != NULL;
         packet = tpa_mem_packet_private(packet)->next_packet)
        sums->charged += tpa_tcp_received(packet)->charge;
    sums->connections++;
    sums->extents += connection->send_queue.entries;
    sums->flights += connection->flight.ranges != NULL;
    sums->reassemblies += connection->reassembly.ranges != NULL;
}

static uint32_t completions(const struct tpa_tcp_send_worker *send)
{
    uint32_t count = send->busy_count;

    for (const struct tpa_tcp_extent *extent = send->completed; extent != NULL;
         extent = extent->next)
        count++;
    return count;
}

const char *tpa_tcp_check_worker(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_check_sums *sums, uint64_t held)
{
    const struct tpa_tcp_reassembly_worker *reassembly = &worker->reassembly;
    uint32_t flights = 0;

    for (int i = 0; i < TPA_TCP_FLIGHT_CLASSES; i++)
        flights += worker->flight.classes[i].in_use;
    MUST(worker->connections == sums->connections);
    MUST(worker->send.extents.in_use == sums->extents + completions(&worker->send));
    MUST(flights == sums->flights);
    MUST(reassembly->few.in_use + reassembly->many.in_use == sums->reassemblies);
    MUST(worker->receive_budget.used >= sums->charged + held);
    if (sums->reassemblies == 0)
        MUST(worker->receive_budget.used == sums->charged + held);
    if (sums->extents == 0 && worker->send.busy_count == 0 && worker->send.completed == NULL)
        MUST(worker->send.budget.used == 0);
    return NULL;
}
