#include "host.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "libs/tcp/check/check.h"
#include "machine.h"
#include "stream.h"

#define READ_MAX 64

void host_prepare(struct host *host, struct tpa_mem_pool *pool)
{
    memset(host, 0, sizeof(*host));
    host->pool = pool;
    tpa_tcp_config_default(&host->config);
    host->tuple = (struct tpa_tcp_tuple){
        .local = tpa_base_address_from_ipv4(TPA_BASE_BE32(0x0a000001)),
        .remote = tpa_base_address_from_ipv4(TPA_BASE_BE32(0x0a000002)),
        .local_port = HOST_PORT,
        .remote_port = HOST_PEER_PORT,
    };
}

void host_start(struct host *host, uint64_t now)
{
    struct tpa_tcp_worker_config config = {
        .config = &host->config,
        .pool = host->pool,
        .chunks = &stream_chunk_source,
        .wheel = &host->wheel,
        .random = &host->random,
        .secret = {1, 2, 3},
        .receive_budget = 32 << 20,
        .send_budget = 16 << 20,
        .drops = &host->drops,
    };

    tpa_base_random_seed(&host->random, host->tuple.local_port);
    cr_assert_eq(tpa_timer_wheel_init(&host->wheel, TPA_TIMER_TICK_SHIFT_DEFAULT, now), 0);
    cr_assert_eq(tpa_tcp_worker_init(&host->worker, &config), 0);
}

static void write_done(void *base, void *parameter)
{
    unsigned int *pending = parameter;

    (void)base;
    cr_assert_gt(*pending, 0, "a completion came twice");
    (*pending)--;
}

static void drain_completions(struct host *host)
{
    struct tpa_tcp_completion completion;

    while (tpa_tcp_completed(&host->worker, &completion)) {
        if (completion.done != NULL)
            completion.done(completion.base, completion.parameter);
    }
}

static void drain_signals(struct host *host)
{
    struct tpa_tcp_connection *connection;
    uint32_t signals;

    while ((connection = tpa_tcp_signalled(&host->worker, &signals)) != NULL) {
        cr_assert_eq(connection, &host->connection);
        host->signals |= signals;
    }
}

void host_stop(struct host *host)
{
    tpa_tcp_finish(&host->worker, &host->connection);
    drain_completions(host);
    cr_assert_eq(host->copied, 0, "%u completions are missing", host->copied);
    cr_assert_eq(host->shared, 0, "%u completions are missing", host->shared);
    cr_assert_eq(host->worker.receive_budget.used, 0, "received memory is still charged");
    cr_assert_eq(host->worker.send.budget.used, 0, "sent memory is still charged");
    cr_assert_eq(tpa_timer_wheel_next_deadline(&host->wheel), TPA_TIMER_NEVER);
    cr_assert_eq(tpa_tcp_worker_fini(&host->worker), 0, "slabs are in use");
    free(host->memory);
}

/* The ISS is a keyed hash: the test wants its own. */
static void set_iss(struct host *host, uint32_t iss)
{
    tpa_tcp_flight_init(&host->connection.flight, iss);
    tpa_tcp_send_queue_init(&host->connection.send_queue, iss + 1);
    host->connection.recovery_point = iss;
}

void host_connect(struct host *host, uint32_t iss, uint64_t now)
{
    cr_assert_eq(tpa_tcp_connect(&host->worker, &host->connection, &host->tuple, HOST_MTU, now), 0);
    set_iss(host, iss);
}

void host_accept(struct host *host, uint32_t iss, const struct tpa_tcp_segment *syn, uint64_t now)
{
    cr_assert_eq(tpa_tcp_accept(&host->worker, &host->connection, &host->tuple, HOST_MTU, syn, now),
                 0);
    set_iss(host, iss);
}

bool host_input(struct host *host, struct rte_mbuf *packet, uint64_t now)
{
    return host_input_marked(host, packet, 0, now);
}

bool host_input_marked(struct host *host, struct rte_mbuf *packet, uint8_t traffic_class,
                       uint64_t now)
{
    struct tpa_tcp_segment segment;

    if (tpa_tcp_segment_parse(packet, traffic_class, &segment) != 0) {
        tpa_mem_packet_free(packet);
        return false;
    }
    tpa_tcp_input(&host->worker, &host->connection, packet, &segment, now);
    host_check(host, false);
    return true;
}

unsigned int host_step(struct host *host, struct rte_mbuf **packets, unsigned int max, uint64_t now)
{
    uint32_t segments = UINT32_MAX;
    unsigned int total = 0;
    uint16_t count;

    tpa_tcp_expire(&host->worker, now);
    do {
        count = tpa_tcp_output(&host->worker, packets + total,
                               (uint16_t)TPA_BASE_MIN(max - total, HOST_BURST), &segments, now);
        total += count;
    } while (count > 0 && total < max);
    drain_signals(host);
    drain_completions(host);
    host_check(host, total < max);
    return total;
}

uint8_t host_byte(uint64_t offset)
{
    return stream_byte((uint32_t)offset);
}

static const uint8_t *fill_memory(struct host *host, uint64_t offset, uint32_t length)
{
    if (host->memory == NULL)
        host->memory = malloc(HOST_PIECE_MAX);
    cr_assert_leq(length, HOST_PIECE_MAX);
    stream_fill(host->memory, (uint32_t)offset, length);
    return host->memory;
}

int64_t host_write(struct host *host, uint32_t length, bool copy, uint64_t now)
{
    struct tpa_tcp_send_piece piece = {
        .base = fill_memory(host, host->written, length),
        .iova = (uint64_t)(uintptr_t)host->memory,
        .length = length,
        .copy = copy,
        .done = write_done,
        .parameter = copy ? &host->copied : &host->shared,
    };
    int64_t taken;

    /* One buffer serves all pieces: those in place have to be gone before the next is written. */
    cr_assert(host->shared == 0, "the memory is still being read");
    taken = tpa_tcp_send(&host->worker, &host->connection, &piece, 1, true, now);
    if (taken > 0) {
        host->written += (uint64_t)taken;
        (*(unsigned int *)piece.parameter)++;
    }
    host_check(host, false);
    return taken;
}

int64_t host_read(struct host *host, unsigned int count, uint64_t now)
{
    struct rte_mbuf *segments[READ_MAX];
    int64_t bytes = 0;
    int taken = tpa_tcp_receive(&host->worker, &host->connection, segments,
                                TPA_BASE_MIN(count, READ_MAX), now);

    if (taken == 0)
        host->at_end = true;
    if (taken <= 0)
        return taken;
    for (int i = 0; i < taken; i++) {
        cr_assert_null(segments[i]->next);
        cr_assert_gt(tpa_mem_packet_segment_length(segments[i]), 0);
        stream_expect(segments[i], 0, (uint32_t)(host->read + (uint64_t)bytes));
        bytes += tpa_mem_packet_segment_length(segments[i]);
        tpa_tcp_release(&host->worker, segments[i]);
    }
    host->read += (uint64_t)bytes;
    host_check(host, false);
    return bytes;
}

uint32_t host_take_signals(struct host *host)
{
    uint32_t signals = host->signals;

    host->signals = 0;
    return signals;
}

uint64_t host_next_deadline(const struct host *host)
{
    return tpa_timer_wheel_next_deadline(&host->wheel);
}

void host_check(const struct host *host, bool settled)
{
    const struct tpa_tcp_connection *connection = &host->connection;
    const char *fault = tpa_tcp_check_connection(connection, settled);

    cr_assert_null(fault, "in %s: %s", tpa_tcp_state_text(connection->state), fault);
}
