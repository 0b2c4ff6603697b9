#include <tpa/base/clock.h>
#include <tpa/base/error.h>
#include <tpa/tcp/congestion.h>

#include "delivery.h"

/* Below this there is nothing left beside the options. */
#define MSS_MIN 64

/* RFC 7323 section 2.3: a window is below 2^30. */
#define BUFFER_MAX ((1u << 30) - 1)

/* An IPv4 packet is 65,535 bytes at most: room for 40 of IPv6 and 60 of TCP in front. */
#define TSO_LENGTH_MAX 65000

void tpa_tcp_config_default(struct tpa_tcp_config *config)
{
    *config = (struct tpa_tcp_config){
        .mss_min = 216,
        .segmentation = true,
        .timestamps = true,
        .window_scale = true,
        .sack = true,
        .rack = true,
        .ecn = TPA_TCP_ECN_ANSWER,
        .mtu_probing = TPA_TCP_MTU_PROBING_ON_BLACK_HOLE,
        .ttl = 64,
        .retries = 7,
        .syn_retries = 7,
        .keepalive_probes = 9,
        .packet_segments_max = 45,
        .tso_length_max = TSO_LENGTH_MAX,
        .time_wait = TPA_BASE_MINUTE,
        .fin_wait_2 = TPA_BASE_MINUTE,
        .orphan_timeout = TPA_BASE_MINUTE,
        .keepalive_interval = 75 * TPA_BASE_SECOND,
        .delayed_ack = TPA_BASE_MILLISECOND,
        .max_ack_delay = 50 * TPA_BASE_MILLISECOND,
        .rto_min = 100 * TPA_BASE_MILLISECOND,
        .rto_max = TPA_BASE_MINUTE,
        .receive_queue_entries = 16384,
        .receive_buffer = 16 << 20,
        .receive_buffer_initial = 256 << 10,
        .out_of_order_entries = 16384,
        .send_queue_entries = 16384,
        .send_buffer = 32 << 20,
        .send_buffer_min = 256 << 10,
        .write_chunk_size = 16 << 10,
        .cwnd_initial = 16384,
        .cwnd_max = 1 << 30,
        .congestion = &tpa_tcp_congestion_cubic,
    };
}

static bool sizes_are_valid(const struct tpa_tcp_config *config)
{
    return config->receive_buffer > 0 && config->receive_buffer <= BUFFER_MAX &&
           config->receive_buffer_initial > 0 && config->send_buffer > 0 &&
           config->send_buffer <= BUFFER_MAX && config->send_buffer_min > 0 &&
           config->receive_queue_entries > 0 && config->send_queue_entries > 0 &&
           config->write_chunk_size > 0 && config->packet_segments_max > 1 &&
           config->tso_length_max > 0 && config->tso_length_max <= TSO_LENGTH_MAX &&
           config->mss_min >= MSS_MIN && config->mtu_probing <= TPA_TCP_MTU_PROBING_ALWAYS &&
           (config->user_mss == 0 || config->user_mss >= config->mss_min) &&
           config->cwnd_initial > 0 && config->cwnd_max > 0 && config->ecn <= TPA_TCP_ECN_LAST;
}

static bool times_are_valid(const struct tpa_tcp_config *config)
{
    return config->max_ack_delay <= TPA_BASE_SECOND &&
           config->delayed_ack < 500 * TPA_BASE_MILLISECOND && config->rto_min > 0 &&
           config->rto_min <= config->rto_max && config->rto_max <= TPA_BASE_HOUR &&
           config->time_wait <= TPA_BASE_HOUR && config->fin_wait_2 <= TPA_BASE_HOUR &&
           config->orphan_timeout > 0 && config->orphan_timeout <= TPA_BASE_HOUR &&
           config->keepalive <= TPA_TCP_KEEPALIVE_MAX &&
           config->keepalive_interval <= TPA_TCP_COARSE_DELAY_MAX &&
           config->user_timeout <= TPA_TCP_COARSE_DELAY_MAX;
}

static int init_parts(struct tpa_tcp_worker *worker, const struct tpa_tcp_worker_config *config)
{
    const struct tpa_tcp_config *tcp = config->config;
    const struct tpa_tcp_send_worker_config send = {
        .source = config->chunks,
        .pool = config->pool,
        .budget = config->send_budget,
        .entries_max = tcp->send_queue_entries,
        .bytes_max = tcp->send_buffer,
        .chunk_size = tcp->write_chunk_size,
        .segments_max = tcp->packet_segments_max,
    };
    int error = tpa_tcp_send_worker_init(&worker->send, &send);

    if (error != 0)
        return error;
    error = tpa_tcp_reassembly_worker_init(&worker->reassembly, &worker->receive_budget,
                                           config->chunks, tcp->out_of_order_entries);
    if (error != 0)
        return error;
    error = tpa_tcp_flight_worker_init(&worker->flight, config->chunks);
    if (error != 0)
        return error;
    error = tpa_mem_slab_init(&worker->deliveries, config->chunks, sizeof(struct tpa_tcp_delivery),
                              8, 0);
    if (error != 0)
        return error;
    return tpa_tcp_congestion_states_init(&worker->congestion_states, config->chunks);
}

int tpa_tcp_worker_init(struct tpa_tcp_worker *worker, const struct tpa_tcp_worker_config *config)
{
    if (!sizes_are_valid(config->config) || !times_are_valid(config->config) ||
        config->config->congestion == NULL)
        return TPA_EINVAL;

    *worker = (struct tpa_tcp_worker){
        .config = config->config,
        .pool = config->pool,
        .wheel = config->wheel,
        .random = config->random,
        .drops = config->drops,
        .receive_budget = {.limit = config->receive_budget},
    };
    tpa_base_list_init(&worker->output);
    tpa_base_list_init(&worker->signalled);
    tpa_tcp_keys_init(&worker->keys, config->secret, config->random);
    return init_parts(worker, config);
}

int tpa_tcp_worker_fini(struct tpa_tcp_worker *worker)
{
    int error;

    if (worker->connections != 0 || worker->receive_budget.used != 0)
        return TPA_EBUSY;
    error = tpa_tcp_send_worker_fini(&worker->send);
    if (error == 0)
        error = tpa_tcp_reassembly_worker_fini(&worker->reassembly);
    if (error == 0)
        error = tpa_tcp_flight_worker_fini(&worker->flight);
    if (error == 0)
        error = tpa_mem_slab_destroy(&worker->deliveries);
    if (error == 0)
        error = tpa_tcp_congestion_states_destroy(&worker->congestion_states);
    return error;
}
