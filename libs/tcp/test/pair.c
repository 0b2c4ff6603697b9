#include "pair.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "stream.h"
#include "test/support/pools.h"

#define PACKETS 9000

void pair_prepare(struct pair *pair, uint32_t iss0, uint32_t iss1)
{
    static struct tpa_mem_pool *pool, *wire_pool;

    if (pool == NULL) {
        pool = tpa_test_pool(PACKETS);
        wire_pool = tpa_test_pool(PACKETS / 2);
    }
    memset(pair, 0, sizeof(*pair));
    pair->pool = pool;
    pair->wire_pool = wire_pool;
    pair->iss[0] = iss0;
    pair->iss[1] = iss1;
    pair->now = 1000 * SECONDS;
    pair->delay = 5 * MS;
    for (unsigned int i = 0; i < 2; i++) {
        host_prepare(&pair->hosts[i], pool);
        pair->hosts[i].config.segmentation = false;
        pair->applications[i].write_size = 10000;
    }
    pair->hosts[1].tuple.local = pair->hosts[0].tuple.remote;
    pair->hosts[1].tuple.remote = pair->hosts[0].tuple.local;
    pair->hosts[1].tuple.local_port = HOST_PEER_PORT;
    pair->hosts[1].tuple.remote_port = HOST_PORT;
}

void pair_open(struct pair *pair)
{
    host_start(&pair->hosts[0], pair->now);
    host_start(&pair->hosts[1], pair->now);
    host_connect(&pair->hosts[0], pair->iss[0], pair->now);
}

static void put_on_wire(struct pair *pair, unsigned int to, struct rte_mbuf *packet, uint64_t due)
{
    cr_assert_lt(pair->wire_count, PAIR_WIRE_MAX, "the wire is full");
    pair->wire[pair->wire_count++] = (struct pair_packet){packet, due, pair->order++, to};
}

static enum fate decide(struct pair *pair, unsigned int from, struct rte_mbuf *packet)
{
    struct tpa_tcp_segment segment;
    unsigned int index = pair->sent[from]++;

    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0, "a malformed segment was sent");
    return pair->fate != NULL ? pair->fate(pair, from, index, &segment) : FATE_DELIVER;
}

/* When a packet arrives at the other end; 0: the queue is full. */
static uint64_t arrival(struct pair *pair, unsigned int from, const struct rte_mbuf *packet)
{
    uint64_t start = TPA_BASE_MAX(pair->now, pair->wire_free[from]);
    uint64_t length = tpa_mem_packet_length(packet);

    if (pair->rate == 0)
        return pair->now + pair->delay;
    if ((start - pair->now) * pair->rate / SECONDS > pair->queue)
        return 0;
    pair->wire_free[from] = start + length * SECONDS / pair->rate;
    return pair->wire_free[from] + pair->delay;
}

static void transmit(struct pair *pair, unsigned int from, struct rte_mbuf *packet)
{
    unsigned int to = 1 - from;
    enum fate fate = decide(pair, from, packet);
    uint64_t due = arrival(pair, from, packet);

    if (due == 0) {
        pair->overflows++;
        fate = FATE_DROP;
    }
    switch (fate) {
    case FATE_DROP:
        tpa_mem_packet_free(packet);
        break;
    case FATE_REPEAT:
        put_on_wire(pair, to, tpa_mem_packet_copy(pair->wire_pool, packet), due);
        put_on_wire(pair, to, packet, due);
        break;
    case FATE_LATE:
        put_on_wire(pair, to, packet, due + MS / 10);
        break;
    case FATE_DELIVER:
        put_on_wire(pair, to, packet, due);
        break;
    }
}

static void deliver(struct pair *pair, unsigned int to, struct rte_mbuf *packet)
{
    struct host *host = &pair->hosts[to];
    struct tpa_tcp_segment segment;

    if (to == 1 && host->connection.window.algorithm == NULL) {
        cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &segment), 0);
        if ((segment.flags & (TPA_TCP_SYN | TPA_TCP_ACK)) == TPA_TCP_SYN)
            host_accept(host, pair->iss[1], &segment, pair->now);
        tpa_mem_packet_free(packet);
        return;
    }
    /* What was attached on the way out arrives in a buffer of its own, as from a NIC. */
    struct rte_mbuf *copy = tpa_mem_packet_copy(pair->wire_pool, packet);

    cr_assert_not_null(copy, "the pool is empty");
    tpa_mem_packet_free(packet);
    host_input(host, copy, pair->now);
}

static int compare_packets(const void *first, const void *second)
{
    const struct pair_packet *a = first, *b = second;

    if (a->due != b->due)
        return a->due < b->due ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static bool is_stalled(const struct pair *pair, unsigned int i)
{
    return pair->now < pair->stalled_until[i];
}

static void deliver_due(struct pair *pair)
{
    unsigned int taken[2] = {0}, kept = 0;

    qsort(pair->wire, pair->wire_count, sizeof(pair->wire[0]), compare_packets);
    for (unsigned int i = 0; i < pair->wire_count; i++) {
        const struct pair_packet *packet = &pair->wire[i];

        if (packet->due > pair->now || is_stalled(pair, packet->to) ||
            (pair->burst != 0 && taken[packet->to] == pair->burst)) {
            pair->wire[kept++] = *packet;
            continue;
        }
        taken[packet->to]++;
        deliver(pair, packet->to, packet->packet);
    }
    pair->wire_count = kept;
}

static bool is_established(const struct host *host)
{
    enum tpa_tcp_state state = tpa_tcp_connection_state(&host->connection);

    return state >= TPA_TCP_ESTABLISHED;
}

static void write_some(struct host *host, struct pair_application *application, uint64_t now)
{
    while (host->written < application->to_write && host->shared == 0) {
        uint64_t rest = application->to_write - host->written;
        int64_t taken = host_write(host, (uint32_t)TPA_BASE_MIN(rest, application->write_size),
                                   !application->zero_copy, now);

        if (taken == TPA_EAGAIN)
            return;
        if (taken < 0) {
            application->to_write = host->written;
            return;
        }
    }
}

static void read_some(struct host *host, uint64_t now)
{
    while (host_read(host, 8, now) > 0)
        ;
}

static void run_application(struct pair *pair, unsigned int i)
{
    struct host *host = &pair->hosts[i];
    struct pair_application *application = &pair->applications[i];

    if (application->closed || !is_established(host))
        return;
    if (!application->does_not_read)
        read_some(host, pair->now);
    write_some(host, application, pair->now);
    if (host->written < application->to_write)
        return;
    if (application->shutdown) {
        tpa_tcp_shutdown(&host->worker, &host->connection, pair->now);
        application->shutdown = false;
    }
    if (application->close_early || (application->close && host->at_end)) {
        tpa_tcp_close(&host->worker, &host->connection, pair->now);
        application->closed = true;
    }
}

static void step_host(struct pair *pair, unsigned int i)
{
    struct rte_mbuf *packets[1024];
    unsigned int count;

    if (is_stalled(pair, i))
        return;
    run_application(pair, i);
    count = host_step(&pair->hosts[i], packets, 1024, pair->now);
    for (unsigned int k = 0; k < count; k++)
        transmit(pair, i, packets[k]);
}

/* Changes whenever something was sent, written, read or completed. */
static uint64_t activity(const struct pair *pair)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < 2; i++) {
        const struct host *host = &pair->hosts[i];

        sum += pair->sent[i] + host->written + host->read - host->shared - host->copied;
    }
    return sum;
}

/* Applications act on what a step did: until nobody has anything to do at this time. */
static void settle(struct pair *pair)
{
    uint64_t before;

    do {
        before = activity(pair);
        step_host(pair, 0);
        step_host(pair, 1);
    } while (before != activity(pair));
}

static uint64_t next_event(const struct pair *pair)
{
    uint64_t next = TPA_TIMER_NEVER;

    for (unsigned int i = 0; i < 2; i++) {
        uint64_t at = host_next_deadline(&pair->hosts[i]);

        next = TPA_BASE_MIN(next, TPA_BASE_MAX(at, pair->stalled_until[i]));
    }
    for (unsigned int i = 0; i < pair->wire_count; i++) {
        uint64_t at = TPA_BASE_MAX(pair->wire[i].due, pair->stalled_until[pair->wire[i].to]);

        next = TPA_BASE_MIN(next, at);
    }
    return next;
}

static bool step_until(struct pair *pair, uint64_t until)
{
    uint64_t next;

    settle(pair);
    next = next_event(pair);
    if (next == TPA_TIMER_NEVER || next > until) {
        pair->now = TPA_BASE_MAX(pair->now, until);
        return false;
    }
    pair->now = TPA_BASE_MAX(pair->now + 1, next);
    deliver_due(pair);
    return true;
}

void pair_run(struct pair *pair, uint64_t duration)
{
    uint64_t until = pair->now + duration;

    while (step_until(pair, until))
        ;
    settle(pair);
}

static bool was_established(const struct host *host)
{
    return (host->signals & TPA_TCP_SIGNAL_ESTABLISHED) != 0;
}

static bool is_transferred(const struct pair *pair)
{
    return pair->hosts[0].read == pair->applications[1].to_write &&
           pair->hosts[1].read == pair->applications[0].to_write &&
           was_established(&pair->hosts[0]) && was_established(&pair->hosts[1]);
}

bool pair_transfer(struct pair *pair, uint64_t duration)
{
    uint64_t until = pair->now + duration;

    settle(pair);
    while (!is_transferred(pair)) {
        if (!step_until(pair, until))
            return false;
    }
    return true;
}

void pair_close(struct pair *pair)
{
    /* What is still on its way out keeps the memory that it was written from. */
    for (unsigned int i = 0; i < pair->wire_count; i++)
        tpa_mem_packet_free(pair->wire[i].packet);
    host_stop(&pair->hosts[0]);
    host_stop(&pair->hosts[1]);
    tpa_test_pool_expect_idle(pair->pool);
    tpa_test_pool_expect_idle(pair->wire_pool);
    cr_assert_eq(stream_chunks, 0);
}
