/*
 * SYN cookies (RFC 4987 section 3.6). What they are stands in <tpa/tcp/connection.h>.
 *
 * With timestamps the cookie is 32 bits of hash, over a TSval that says the rest:
 *
 *     TSval = our clock, its low 8 bits replaced by   MSS:3  window scale:4  SACK permitted:1
 *
 * rounded down, so that all that the connection sends later is newer. Without, it is
 *
 *     ISN = MSS:2  hash:30
 */
#include <tpa/base/compiler.h>

#include "machine.h"

/* Periods of 2^16 ms: those in which a cookie of TPA_TCP_COOKIE_AGE_MAX was made are two. */
#define PERIOD_SHIFT 16
#define AGE_MAX_MS   (TPA_TCP_COOKIE_AGE_MAX / 1000000)

_Static_assert(AGE_MAX_MS == 2 << PERIOD_SHIFT, "valid for two periods");

/* The TSval's low bits. */
#define SAID_BITS   8
#define SAID_MASK   ((1u << SAID_BITS) - 1)
#define SCALE_SHIFT 1
#define SCALE_NONE  15u
#define MSS_SHIFT   5

/* The upper bits of an ISN without timestamps. */
#define PLAIN_MSS_SHIFT 30
#define PLAIN_MASK      ((1u << PLAIN_MSS_SHIFT) - 1)

/* Sets the two kinds apart in the hash. */
#define SAID_WITH_TIMESTAMP (UINT64_C(1) << 32)

/* What peers announce: Ethernet less tunnels of several kinds, jumbo frames. The lowest stands for
 * everything below the second; the connection raises it to mss_min. */
static const uint16_t mss_table[] = {64, 536, 1220, 1360, 1400, 1440, 1460, 8940};
static const uint16_t plain_mss_table[] = {64, 536, 1220, 1440};

static uint64_t milliseconds(uint64_t now)
{
    return now / 1000000;
}

static bool is_ipv6(const struct tpa_tcp_tuple *tuple)
{
    return !tpa_base_address_is_ipv4(&tuple->remote);
}

/* The highest of the table that isn't above the peer's. */
static uint32_t mss_index(const uint16_t *table, uint32_t count, const struct tpa_tcp_tuple *tuple,
                          const struct tpa_tcp_segment *syn)
{
    uint16_t mss = is_ipv6(tuple) ? TPA_TCP_MSS_DEFAULT_IPV6 : TPA_TCP_MSS_DEFAULT_IPV4;
    uint32_t index = count - 1;

    if (syn->mss != 0)
        mss = syn->mss;
    while (index > 0 && table[index] > mss)
        index--;
    return index;
}

static uint32_t said_by(const struct tpa_tcp_config *config, const struct tpa_tcp_tuple *tuple,
                        const struct tpa_tcp_segment *syn)
{
    bool scales = config->window_scale && syn->window_scale != TPA_TCP_WINDOW_SCALE_NONE;
    uint32_t scale = scales ? syn->window_scale : SCALE_NONE;

    return mss_index(mss_table, TPA_BASE_ARRAY_SIZE(mss_table), tuple, syn) << MSS_SHIFT |
           scale << SCALE_SHIFT | (config->sack && syn->sack_permitted);
}

static uint32_t timestamp_cookie(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_tuple *tuple, uint32_t irs,
                                 uint32_t timestamp, uint64_t made)
{
    return tpa_tcp_cookie_hash(&worker->keys, tuple, irs, SAID_WITH_TIMESTAMP | timestamp,
                               made >> PERIOD_SHIFT);
}

static uint32_t plain_cookie(const struct tpa_tcp_worker *worker, const struct tpa_tcp_tuple *tuple,
                             uint32_t irs, uint32_t index, uint64_t period)
{
    return index << PLAIN_MSS_SHIFT |
           (tpa_tcp_cookie_hash(&worker->keys, tuple, irs, index, period) & PLAIN_MASK);
}

static void fill_timestamp_cookie(const struct tpa_tcp_worker *worker,
                                  const struct tpa_tcp_tuple *tuple,
                                  const struct tpa_tcp_segment *syn, uint64_t now,
                                  struct tpa_tcp_header *header)
{
    uint32_t clock = tpa_tcp_timestamp(tpa_tcp_timestamp_offset(&worker->keys, tuple), now);
    uint32_t timestamp = (clock & ~SAID_MASK) | said_by(worker->config, tuple, syn);

    if (tpa_base_seq_gt(timestamp, clock))
        timestamp -= SAID_MASK + 1;
    header->has_timestamp = true;
    header->timestamp = timestamp;
    header->timestamp_echo = syn->timestamp;
    header->sack_permitted = worker->config->sack && syn->sack_permitted;
    header->has_window_scale =
        worker->config->window_scale && syn->window_scale != TPA_TCP_WINDOW_SCALE_NONE;
    header->window_scale = tpa_tcp_receive_scale(worker->config);
    header->seq = timestamp_cookie(worker, tuple, syn->seq, timestamp,
                                   milliseconds(now) - (clock - timestamp));
}

static void fill_plain_cookie(const struct tpa_tcp_worker *worker,
                              const struct tpa_tcp_tuple *tuple, const struct tpa_tcp_segment *syn,
                              uint64_t now, struct tpa_tcp_header *header)
{
    uint32_t index = mss_index(plain_mss_table, TPA_BASE_ARRAY_SIZE(plain_mss_table), tuple, syn);

    header->seq = plain_cookie(worker, tuple, syn->seq, index, milliseconds(now) >> PERIOD_SHIFT);
}

struct rte_mbuf *tpa_tcp_cookie_reply(struct tpa_tcp_worker *worker,
                                      const struct tpa_tcp_tuple *tuple, uint16_t mtu,
                                      const struct tpa_tcp_segment *syn, uint64_t now)
{
    /* For what is said to a peer of no connection: room and MSS. */
    const struct tpa_tcp_connection nobody = {.flags = is_ipv6(tuple) ? TPA_TCP_IPV6 : 0,
                                              .mtu = mtu,
                                              .mtu_max = mtu,
                                              .rcv_limit =
                                                  tpa_tcp_receive_limit_initial(worker->config)};
    struct tpa_tcp_header header = {
        .ack = syn->seq + 1,
        .source_port = tuple->local_port,
        .destination_port = tuple->remote_port,
        .flags = TPA_TCP_SYN | TPA_TCP_ACK,
    };
    struct rte_mbuf *packet;

    if (mtu < tpa_tcp_mtu_min(worker, &nobody))
        return NULL;
    header.window = tpa_tcp_syn_window(worker, &nobody);
    header.mss = tpa_tcp_announced_mss(worker, &nobody);
    if (syn->has_timestamp && worker->config->timestamps)
        fill_timestamp_cookie(worker, tuple, syn, now, &header);
    else
        fill_plain_cookie(worker, tuple, syn, now, &header);
    packet = tpa_tcp_header_packet(worker->pool, &header);
    if (packet == NULL) {
        worker->counters.allocation_failures++;
        return NULL;
    }
    *tpa_mem_packet_layer(packet, struct tpa_tcp_transmit) =
        (struct tpa_tcp_transmit){.ttl = worker->config->ttl};
    worker->counters.segments_out++;
    worker->counters.cookies_out++;
    return packet;
}

static bool check_timestamp_cookie(const struct tpa_tcp_worker *worker,
                                   const struct tpa_tcp_tuple *tuple,
                                   const struct tpa_tcp_segment *segment, uint64_t now,
                                   struct tpa_tcp_segment *syn)
{
    uint32_t echo = segment->timestamp_echo;
    uint32_t clock = tpa_tcp_timestamp(tpa_tcp_timestamp_offset(&worker->keys, tuple), now);
    uint32_t age = clock - echo;
    uint32_t scale = echo >> SCALE_SHIFT & SCALE_NONE;

    if (age > AGE_MAX_MS)
        return false;
    if (timestamp_cookie(worker, tuple, segment->seq - 1, echo, milliseconds(now) - age) !=
        segment->ack - 1)
        return false;
    syn->mss = mss_table[(echo & SAID_MASK) >> MSS_SHIFT];
    syn->window_scale = scale == SCALE_NONE ? TPA_TCP_WINDOW_SCALE_NONE : (uint8_t)scale;
    syn->sack_permitted = (echo & 1) != 0;
    syn->has_timestamp = true;
    syn->timestamp = segment->timestamp;
    return true;
}

static bool check_plain_cookie(const struct tpa_tcp_worker *worker,
                               const struct tpa_tcp_tuple *tuple,
                               const struct tpa_tcp_segment *segment, uint64_t now,
                               struct tpa_tcp_segment *syn)
{
    uint64_t period = milliseconds(now) >> PERIOD_SHIFT;
    uint32_t cookie = segment->ack - 1;
    uint32_t index = cookie >> PLAIN_MSS_SHIFT;

    if (plain_cookie(worker, tuple, segment->seq - 1, index, period) != cookie &&
        plain_cookie(worker, tuple, segment->seq - 1, index, period - 1) != cookie)
        return false;
    syn->mss = plain_mss_table[index];
    return true;
}

bool tpa_tcp_cookie_check(const struct tpa_tcp_worker *worker, const struct tpa_tcp_tuple *tuple,
                          const struct tpa_tcp_segment *segment, struct tpa_tcp_segment *syn,
                          uint64_t now)
{
    if ((segment->flags & (TPA_TCP_SYN | TPA_TCP_RST | TPA_TCP_ACK)) != TPA_TCP_ACK)
        return false;
    *syn = (struct tpa_tcp_segment){
        .seq = segment->seq - 1,
        .flags = TPA_TCP_SYN,
        .source_port = segment->source_port,
        .destination_port = segment->destination_port,
        .window_scale = TPA_TCP_WINDOW_SCALE_NONE,
    };
    if (segment->has_timestamp && worker->config->timestamps)
        return check_timestamp_cookie(worker, tuple, segment, now, syn);
    return check_plain_cookie(worker, tuple, segment, now, syn);
}
