/* TIME-WAIT by what has to be remembered of a connection (RFC 9293 3.10.7.4, RFC 1337, RFC 6191).
 */
#include <tpa/base/seq.h>
#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

#include "keyed.h"
#include "machine.h"
#include "segment.h"

void tpa_tcp_time_wait_init(const struct tpa_tcp_worker *worker,
                            struct tpa_tcp_time_wait *time_wait,
                            const struct tpa_tcp_connection *connection, uint64_t now)
{
    *time_wait = (struct tpa_tcp_time_wait){
        .deadline = connection->state_deadline != 0
                        ? tpa_tcp_coarse_nanoseconds(connection->state_deadline, now)
                        : now + worker->config->time_wait,
        .snd_nxt = connection->flight.nxt,
        .rcv_nxt = connection->rcv_nxt,
        .ts_recent = connection->ts_recent,
        .ts_offset = connection->ts_offset,
        .rcv_wnd = connection->rcv_adv - connection->rcv_nxt,
        .local_port = connection->local_port,
        .remote_port = connection->remote_port,
        .window_scale = connection->rcv_scale,
        .timestamps = (connection->flags & TPA_TCP_USES_TIMESTAMPS) != 0,
    };
}

/*
 * May this SYN open a new connection (MAY-2)? RFC 6191 section 2: its timestamp, or else its
 * sequence number, must be newer than all of the old connection's.
 */
static bool may_reuse(const struct tpa_tcp_worker *worker,
                      const struct tpa_tcp_time_wait *time_wait,
                      const struct tpa_tcp_segment *segment)
{
    bool new_timestamps = segment->has_timestamp && worker->config->timestamps;

    if (!new_timestamps || (time_wait->timestamps && segment->timestamp == time_wait->ts_recent))
        return tpa_base_seq_gt(segment->seq, time_wait->rcv_nxt);
    return !time_wait->timestamps || tpa_base_seq_gt(segment->timestamp, time_wait->ts_recent);
}

/* RFC 7323 section 5.3, R1 and the requirement of section 3.2 that timestamps go on. */
static bool timestamp_is_old(const struct tpa_tcp_time_wait *time_wait,
                             const struct tpa_tcp_segment *segment)
{
    if (!time_wait->timestamps)
        return false;
    return !segment->has_timestamp || tpa_base_seq_lt(segment->timestamp, time_wait->ts_recent);
}

static bool in_window(const struct tpa_tcp_time_wait *time_wait, uint32_t sequence)
{
    return sequence == time_wait->rcv_nxt ||
           tpa_base_seq_in_window(sequence, time_wait->rcv_nxt, time_wait->rcv_wnd);
}

static struct rte_mbuf *acknowledgement(struct tpa_tcp_worker *worker,
                                        const struct tpa_tcp_time_wait *time_wait, uint64_t now)
{
    const struct tpa_tcp_header header = {
        .seq = time_wait->snd_nxt,
        .ack = time_wait->rcv_nxt,
        .source_port = time_wait->local_port,
        .destination_port = time_wait->remote_port,
        .window = (uint16_t)TPA_BASE_MIN(time_wait->rcv_wnd >> time_wait->window_scale, UINT16_MAX),
        .flags = TPA_TCP_ACK,
        .has_timestamp = time_wait->timestamps,
        .timestamp = tpa_tcp_timestamp(time_wait->ts_offset, now),
        .timestamp_echo = time_wait->ts_recent,
    };
    struct rte_mbuf *packet = tpa_tcp_header_packet(worker->pool, &header);

    if (packet == NULL) {
        worker->counters.allocation_failures++;
        return NULL;
    }
    *tpa_mem_packet_layer(packet, struct tpa_tcp_transmit) =
        (struct tpa_tcp_transmit){.ttl = worker->config->ttl};
    worker->counters.segments_out++;
    return packet;
}

/*
 * A segment without text, SYN or FIN is answered only if it lies outside the window (a keepalive
 * probe), and not twice within an interval: the answer is of the same kind, and two ends that
 * disagree would go on for ever.
 */
static bool deserves_reply(struct tpa_tcp_time_wait *time_wait,
                           const struct tpa_tcp_segment *segment, uint64_t now)
{
    uint16_t tick = (uint16_t)tpa_tcp_coarse(now);
    uint16_t since = (uint16_t)(tick - time_wait->stray_reply);

    if (segment->length > 0 || (segment->flags & (TPA_TCP_SYN | TPA_TCP_FIN)) != 0)
        return true;
    if (in_window(time_wait, segment->seq))
        return false;
    if (time_wait->stray_replied && since < TPA_TCP_STRAY_REPLY_INTERVAL >> TPA_TCP_COARSE_SHIFT)
        return false;
    time_wait->stray_reply = tick;
    time_wait->stray_replied = true;
    return true;
}

/* The peer's FIN came again: our acknowledgement of it was lost, the time begins anew. */
static void note_segment(const struct tpa_tcp_worker *worker, struct tpa_tcp_time_wait *time_wait,
                         const struct tpa_tcp_segment *segment, uint64_t now)
{
    if (timestamp_is_old(time_wait, segment))
        return;
    if (time_wait->timestamps && tpa_base_seq_leq(segment->seq, time_wait->rcv_nxt))
        time_wait->ts_recent = segment->timestamp;
    if ((segment->flags & TPA_TCP_FIN) != 0 &&
        segment->seq + segment->length + 1 == time_wait->rcv_nxt)
        time_wait->deadline = now + worker->config->time_wait;
}

enum tpa_tcp_time_wait_verdict tpa_tcp_time_wait_input(struct tpa_tcp_worker *worker,
                                                       struct tpa_tcp_time_wait *time_wait,
                                                       const struct tpa_tcp_segment *segment,
                                                       struct rte_mbuf **reply, uint64_t now)
{
    const uint8_t opening = segment->flags & (TPA_TCP_SYN | TPA_TCP_ACK);

    *reply = NULL;
    worker->counters.segments_in++;
    if ((segment->flags & TPA_TCP_RST) != 0) /* RFC 1337 section 3, fix F1 */
        return TPA_TCP_TIME_WAIT_DROP;
    if (opening == TPA_TCP_SYN && may_reuse(worker, time_wait, segment))
        return TPA_TCP_TIME_WAIT_REUSE;
    if (opening == 0)
        return TPA_TCP_TIME_WAIT_DROP;
    if ((opening & TPA_TCP_SYN) == 0)
        note_segment(worker, time_wait, segment, now);
    if (!deserves_reply(time_wait, segment, now))
        return TPA_TCP_TIME_WAIT_DROP;
    *reply = acknowledgement(worker, time_wait, now);
    return TPA_TCP_TIME_WAIT_REPLY;
}
