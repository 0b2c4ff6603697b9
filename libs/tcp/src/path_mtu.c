/*
 * The path's MTU, as ICMP tells it (RFC 1191, 8201, with the checks of RFC 5927), and as the
 * transport itself finds it out where ICMP is lost (RFC 4821, 8899).
 *
 * Time-outs in a row of full-sized segments are taken for a black hole: segments shrink to a size
 * that passes nearly everywhere, and from there grow again along a ladder of MTUs that links have.
 * A probe is a segment of new data of the next size, with enough behind it that its loss shows by
 * SACK; lost alone it is no sign of congestion, and its data is sent again in smaller segments.
 */
#include "machine.h"

/* RFC 8899 section 5.1.2: BASE_PLPMTU; IPv6 needs no less than 1,280. */
#define BASE_IPV4 1200
#define BASE_IPV6 1280
/* Where not even that passes: what every host takes (RFC 1122 section 3.3.2). */
#define LEAST_IPV4 576

/* Time-outs in a row after which segments shrink. One is a loss as any other. */
#define BLACK_HOLE_TIMEOUTS 2

/* Segments behind a probe, for its loss to be found by (RFC 6675's DupThresh). */
#define FOLLOWERS TPA_TCP_DUPLICATE_THRESHOLD

/* RFC 8899 section 5.1.2: MAX_PROBES of one size, so far apart; then PMTU_RAISE_TIMER. Slow ticks.
 */
#define PROBES_MAX     3
#define PROBE_INTERVAL 8
#define RAISE_INTERVAL 559

/* IPv6 and tunnels, PPPoE, Ethernet, FDDI, large frames, loopbacks. */
static const uint16_t ladder[] = {576,  1200, 1280, 1400, 1420,  1450,  1472, 1492,
                                  1500, 2002, 4352, 9000, 16384, 32768, 65535};

static uint16_t slow(uint64_t now)
{
    return (uint16_t)(now >> TPA_TCP_SLOW_SHIFT);
}

static bool is_probing(const struct tpa_tcp_connection *connection)
{
    return (connection->loss_flags & TPA_TCP_LOSS_MTU_PROBE) != 0;
}

static uint16_t base(const struct tpa_tcp_connection *connection)
{
    return connection->flags & TPA_TCP_IPV6 ? BASE_IPV6 : BASE_IPV4;
}

/* Beyond this, no larger segment could be used. */
static uint32_t top(const struct tpa_tcp_worker *worker,
                    const struct tpa_tcp_connection *connection)
{
    uint32_t mss = TPA_BASE_MIN(tpa_tcp_announced_mss(worker, connection), connection->peer_mss);

    return mss + tpa_tcp_ip_header(connection) + TPA_TCP_HEADER_MIN;
}

/* The size that comes next; the present one if there is none. While a probe is under way, its. */
static uint16_t next_size(const struct tpa_tcp_worker *worker,
                          const struct tpa_tcp_connection *connection)
{
    uint32_t most = top(worker, connection);

    if (most <= connection->mtu)
        return connection->mtu;
    for (unsigned int i = 0; i < TPA_BASE_ARRAY_SIZE(ladder); i++) {
        if (ladder[i] > connection->mtu)
            return (uint16_t)TPA_BASE_MIN(ladder[i], most);
    }
    return connection->mtu;
}

static uint32_t probe_length(const struct tpa_tcp_worker *worker,
                             const struct tpa_tcp_connection *connection)
{
    uint32_t headers = tpa_tcp_ip_header(connection) + TPA_TCP_HEADER_MIN;

    if (connection->flags & TPA_TCP_USES_TIMESTAMPS)
        headers += TPA_TCP_OPTION_TIMESTAMP_LENGTH;
    return next_size(worker, connection) - headers;
}

static uint32_t probe_end(const struct tpa_tcp_worker *worker,
                          const struct tpa_tcp_connection *connection)
{
    return connection->mtu_probe + probe_length(worker, connection);
}

/* The next probe is not sent for so many slow ticks. One that is under way tells nothing more. */
static void postpone(struct tpa_tcp_connection *connection, uint16_t ticks, uint64_t now)
{
    connection->loss_flags &= (uint16_t)~TPA_TCP_LOSS_MTU_PROBE;
    connection->mtu_wait = (uint16_t)(slow(now) + ticks);
}

static void change(const struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                   uint16_t mtu, uint64_t now)
{
    connection->mtu = mtu;
    connection->mtu_failures = 0;
    tpa_tcp_update_mss(worker, connection);
    tpa_base_trace_write(connection->trace, now, TPA_BASE_TRACE_PATH_MTU, mtu,
                         connection->window.mss, 0, 0);
}

void tpa_tcp_path_mtu_init(const struct tpa_tcp_worker *worker,
                           struct tpa_tcp_connection *connection, uint16_t mtu, uint64_t now)
{
    connection->mtu = connection->mtu_max = mtu;
    if (worker->config->mtu_probing == TPA_TCP_MTU_PROBING_ALWAYS)
        connection->mtu = TPA_BASE_MIN(mtu, base(connection));
    connection->mtu_wait = slow(now);
}

bool tpa_tcp_mtu_probe_is_wanted(const struct tpa_tcp_worker *worker,
                                 const struct tpa_tcp_connection *connection, uint32_t room,
                                 uint64_t now, uint32_t *length)
{
    uint32_t needed;

    if (worker->config->mtu_probing == TPA_TCP_MTU_PROBING_OFF || is_probing(connection) ||
        !(connection->flags & TPA_TCP_USES_SACK) || connection->recovery != TPA_TCP_RECOVERY_NONE ||
        connection->flight.lost != 0 || connection->flight.sacked != 0 ||
        (int16_t)(slow(now) - connection->mtu_wait) < 0 ||
        next_size(worker, connection) == connection->mtu)
        return false;
    *length = probe_length(worker, connection);
    needed = *length + FOLLOWERS * connection->window.mss;
    return connection->send_queue.end - connection->flight.nxt >= needed && room >= needed &&
           connection->window.cwnd >= needed;
}

void tpa_tcp_mtu_probe_begin(struct tpa_tcp_connection *connection)
{
    connection->mtu_probe = connection->flight.nxt;
    connection->loss_flags |= TPA_TCP_LOSS_MTU_PROBE;
}

void tpa_tcp_mtu_probe_sent(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            bool whole, uint64_t now)
{
    if (whole)
        worker->counters.mtu_probes++;
    else
        postpone(connection, PROBE_INTERVAL, now);
}

void tpa_tcp_mtu_probe_acknowledged(struct tpa_tcp_worker *worker,
                                    struct tpa_tcp_connection *connection, uint64_t now)
{
    if (tpa_base_seq_lt(connection->flight.una, probe_end(worker, connection)))
        return;
    postpone(connection, 0, now);
    change(worker, connection, next_size(worker, connection), now);
}

static void fail(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection, uint64_t now)
{
    worker->counters.mtu_probes_lost++;
    if (++connection->mtu_failures < PROBES_MAX) {
        postpone(connection, PROBE_INTERVAL, now);
        return;
    }
    postpone(connection, RAISE_INTERVAL, now);
    connection->mtu_failures = 0;
}

bool tpa_tcp_mtu_probe_lost(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                            uint64_t now)
{
    uint32_t start, length;

    if (!tpa_tcp_flight_next_lost(&connection->flight, UINT32_MAX, &start, &length) ||
        length != connection->flight.lost || tpa_base_seq_lt(start, connection->mtu_probe) ||
        tpa_base_seq_gt(start + length, probe_end(worker, connection)))
        return false;
    fail(worker, connection, now);
    connection->duplicate_acks = 0;
    tpa_tcp_schedule(worker, connection);
    return true;
}

void tpa_tcp_mtu_probe_is_doubtful(struct tpa_tcp_connection *connection, uint64_t now)
{
    postpone(connection, PROBE_INTERVAL, now);
}

static uint16_t smaller(const struct tpa_tcp_worker *worker,
                        const struct tpa_tcp_connection *connection)
{
    uint32_t least = connection->flags & TPA_TCP_IPV6 ? BASE_IPV6 : LEAST_IPV4;
    uint32_t mtu = connection->mtu > base(connection) ? base(connection) : least;

    return (uint16_t)TPA_BASE_MAX(mtu, tpa_tcp_mtu_min(worker, connection));
}

void tpa_tcp_path_mtu_timeout(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint64_t now)
{
    uint16_t mtu = smaller(worker, connection);

    if (is_probing(connection))
        fail(worker, connection, now);
    if (worker->config->mtu_probing == TPA_TCP_MTU_PROBING_OFF || mtu >= connection->mtu ||
        (connection->probes + 1) % BLACK_HOLE_TIMEOUTS != 0 ||
        tpa_tcp_outstanding(connection) < connection->window.mss)
        return;
    worker->counters.black_holes++;
    postpone(connection, PROBE_INTERVAL, now);
    change(worker, connection, mtu, now);
}

/* A router, or our own IP, has dropped the probe: when SACK shows the loss, too, there are no more
 * of that size. */
static bool probe_too_big(const struct tpa_tcp_worker *worker,
                          struct tpa_tcp_connection *connection, uint32_t sequence, uint16_t mtu)
{
    if (!is_probing(connection) || mtu >= next_size(worker, connection) ||
        sequence != connection->mtu_probe)
        return false;
    connection->mtu_failures = PROBES_MAX - 1;
    return true;
}

bool tpa_tcp_path_mtu_changed(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                              uint32_t sequence, uint16_t mtu, uint64_t now)
{
    uint32_t floor = tpa_tcp_mtu_min(worker, connection);

    if (!tpa_tcp_is_outstanding(connection, sequence))
        return false;
    if (mtu >= connection->mtu)
        return probe_too_big(worker, connection, sequence, mtu);
    if (connection->mtu <= floor)
        return false;
    postpone(connection, RAISE_INTERVAL, now);
    change(worker, connection, (uint16_t)TPA_BASE_MAX(mtu, floor), now);
    if (tpa_tcp_is_synchronized(connection)) {
        tpa_tcp_flight_lose_all(&connection->flight);
        tpa_tcp_schedule(worker, connection);
    }
    return true;
}
