/*
 * What the two SYNs agree on: MSS (RFC 9293 3.7.1, RFC 6691), window scale and timestamps (RFC
 * 7323), SACK (RFC 2018), ECN (RFC 3168).
 */
#include "ecn.h"
#include "machine.h"

/* TCP's own header without options. */
#define HEADER TPA_TCP_HEADER_MIN

static uint16_t mtu_mss(const struct tpa_tcp_connection *connection, uint16_t mtu)
{
    return (uint16_t)(mtu - tpa_tcp_ip_header(connection) - HEADER);
}

uint16_t tpa_tcp_announced_mss(const struct tpa_tcp_worker *worker,
                               const struct tpa_tcp_connection *connection)
{
    uint16_t mss = mtu_mss(connection, connection->mtu_max);
    uint16_t limit = worker->config->user_mss;

    return limit != 0 ? TPA_BASE_MIN(mss, limit) : mss;
}

void tpa_tcp_update_mss(const struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection)
{
    uint16_t mss = TPA_BASE_MIN(tpa_tcp_announced_mss(worker, connection), connection->peer_mss);

    mss = TPA_BASE_MIN(mss, mtu_mss(connection, connection->mtu));

    if (connection->flags & TPA_TCP_USES_TIMESTAMPS)
        mss = (uint16_t)(mss - TPA_TCP_OPTION_TIMESTAMP_LENGTH);
    tpa_tcp_window_set_mss(&connection->window, mss, worker->config->cwnd_initial);
}

static void negotiate_mss(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                          const struct tpa_tcp_segment *syn)
{
    connection->peer_mss =
        connection->flags & TPA_TCP_IPV6 ? TPA_TCP_MSS_DEFAULT_IPV6 : TPA_TCP_MSS_DEFAULT_IPV4;
    if (syn->mss != 0)
        connection->peer_mss = TPA_BASE_MAX(syn->mss, worker->config->mss_min);
    tpa_tcp_update_mss(worker, connection);
}

uint8_t tpa_tcp_receive_scale(const struct tpa_tcp_config *config)
{
    uint8_t scale = 0;

    if (!config->window_scale)
        return 0;
    while (scale < TPA_TCP_WINDOW_SCALE_MAX && config->receive_buffer >> scale > UINT16_MAX)
        scale++;
    return scale;
}

static void negotiate_window_scale(struct tpa_tcp_connection *connection,
                                   const struct tpa_tcp_segment *syn)
{
    if (!(connection->flags & TPA_TCP_USES_WINDOW_SCALE))
        return;
    if (syn->window_scale == TPA_TCP_WINDOW_SCALE_NONE) {
        connection->flags &= ~TPA_TCP_USES_WINDOW_SCALE;
        connection->rcv_scale = 0;
        return;
    }
    connection->snd_scale = syn->window_scale;
}

static void negotiate_timestamps(struct tpa_tcp_connection *connection,
                                 const struct tpa_tcp_segment *syn)
{
    if (syn->has_timestamp)
        connection->ts_recent = syn->timestamp;
    else
        connection->flags &= ~TPA_TCP_USES_TIMESTAMPS;
}

void tpa_tcp_start_receiving(struct tpa_tcp_worker *worker, struct tpa_tcp_connection *connection,
                             const struct tpa_tcp_segment *syn)
{
    connection->rcv_nxt = connection->rcv_round_unread = syn->seq + 1;
    connection->rcv_adv = connection->rcv_nxt + tpa_tcp_syn_window(worker, connection);
    connection->rcv_acked = connection->rcv_nxt;
    /* The window of a SYN is never scaled (RFC 7323 section 2.2). */
    connection->snd_wnd = connection->snd_wnd_max = syn->window;
    connection->snd_wl1 = syn->seq;
    negotiate_timestamps(connection, syn);
    negotiate_window_scale(connection, syn);
    if (!syn->sack_permitted)
        connection->flags &= ~TPA_TCP_USES_SACK;
    tpa_tcp_ecn_syn_received(worker, connection, syn);
    negotiate_mss(worker, connection, syn);
}
