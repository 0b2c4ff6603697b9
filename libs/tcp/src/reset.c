/* What is answered to a segment that belongs to nothing (RFC 9293 3.10.7.1). */
#include <tpa/tcp/worker.h>

#include "rate_limit.h"
#include "segment.h"

bool tpa_tcp_reset_header(const struct tpa_tcp_segment *segment, struct tpa_tcp_header *header)
{
    uint32_t octets = segment->length + ((segment->flags & TPA_TCP_SYN) != 0) +
                      ((segment->flags & TPA_TCP_FIN) != 0);

    if ((segment->flags & TPA_TCP_RST) != 0)
        return false;
    *header = (struct tpa_tcp_header){
        .source_port = segment->destination_port,
        .destination_port = segment->source_port,
        .flags = TPA_TCP_RST,
    };
    if ((segment->flags & TPA_TCP_ACK) != 0) {
        header->seq = segment->ack;
        return true;
    }
    header->flags |= TPA_TCP_ACK;
    header->ack = segment->seq + octets;
    return true;
}

struct rte_mbuf *tpa_tcp_reset_for(struct tpa_tcp_worker *worker,
                                   const struct tpa_tcp_segment *segment,
                                   enum tpa_base_drop *reason, uint64_t now)
{
    struct tpa_tcp_header header;
    struct rte_mbuf *packet;

    *reason = TPA_BASE_DROP_TCP_NO_CONNECTION_RST;
    if (!tpa_tcp_reset_header(segment, &header))
        return NULL;
    *reason = TPA_BASE_DROP_TCP_RST_RATE_LIMITED;
    if (!tpa_tcp_rate_limit_take(&worker->reset_limit, TPA_TCP_RESETS, TPA_TCP_RESETS_RANDOM,
                                 TPA_TCP_RESETS_INTERVAL, worker->random, now))
        return NULL;
    *reason = TPA_BASE_DROP_TCP_NO_CONNECTION;
    packet = tpa_tcp_header_packet(worker->pool, &header);
    if (packet == NULL) {
        worker->counters.allocation_failures++;
        return NULL;
    }
    *tpa_mem_packet_layer(packet, struct tpa_tcp_transmit) =
        (struct tpa_tcp_transmit){.ttl = worker->config->ttl};
    worker->counters.segments_out++;
    worker->counters.resets_out++;
    return packet;
}
