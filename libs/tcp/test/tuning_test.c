/* The window on offer grows with what is read in a round trip, and what may be queued with the
 * congestion window: RFC 7323's windows put to use (RFC 9293 3.8.6). */
#include <tpa/base/error.h>

#include "machine.h"
#include "pair.h"
#include "wire.h"

#define INITIAL 20000
#define MOST    (1 << 20)
#define SEGMENT 1460
#define TRIP    (10 * MS)

static void enter(struct wire *wire)
{
    wire->options = WIRE_TIMESTAMPS | WIRE_WINDOW_SCALE;
    wire->host.config.receive_buffer_initial = INITIAL;
    wire->host.config.receive_buffer = MOST;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
}

/* A peer's round trip: it has seen our last ACK, and sends so many segments at once. */
static void receive_burst(struct wire *wire, int64_t *sequence, unsigned int segments, bool reads)
{
    wire_wait(wire, TRIP);
    wire_ignore(wire);
    for (unsigned int i = 0; i < segments; i++) {
        RECEIVE_ANYWAY(.seq = *sequence, .length = SEGMENT);
        *sequence += SEGMENT;
        if (reads)
            wire_read(wire);
    }
    wire_ignore(wire);
}

WIRE_TEST(window, grows_with_what_is_read_in_a_round_trip)
{
    const struct tpa_tcp_connection *connection = &wire->host.connection;
    int64_t sequence = 0;

    enter(wire);
    cr_assert_eq(connection->rcv_limit, INITIAL);
    receive_burst(wire, &sequence, 5, true);
    receive_burst(wire, &sequence, 10, true);
    cr_assert_geq(connection->rcv_limit, 4 * 5 * SEGMENT);
    for (unsigned int i = 0; i < 6; i++)
        receive_burst(wire, &sequence, 20, true);
    cr_assert_geq(connection->rcv_limit, 4 * 20 * SEGMENT, "the peer may send as much again");
    cr_assert_leq(connection->rcv_limit, 4 * 22 * SEGMENT, "what is read is enough");
    cr_assert_geq(connection->rcv_adv - connection->rcv_nxt, 2 * 20 * SEGMENT, "it is on offer");
}

WIRE_TEST(window, does_not_grow_beyond_the_configured_maximum)
{
    int64_t sequence = 0;

    wire->host.config.receive_buffer_initial = INITIAL;
    wire->options = WIRE_TIMESTAMPS | WIRE_WINDOW_SCALE;
    wire->host.config.receive_buffer = 60000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (unsigned int i = 0; i < 10; i++)
        receive_burst(wire, &sequence, 12, true);
    cr_assert_eq(wire->host.connection.rcv_limit, 60000);
}

/* It takes a segment each round trip, whatever waits. */
WIRE_TEST(window, of_a_slow_reader_does_not_grow)
{
    int64_t sequence = 0;

    enter(wire);
    receive_burst(wire, &sequence, 10, false);
    for (unsigned int i = 0; i < 40; i++) {
        receive_burst(wire, &sequence, 1, false);
        cr_assert_gt(host_read(&wire->host, 1, wire->now), 0);
        wire_send(wire);
        wire_ignore(wire);
    }
    cr_assert_eq(wire->host.connection.rcv_limit, INITIAL);
    while (wire_read(wire) > 0)
        ;
    wire_ignore(wire);
}

/* One who reads all, but so rarely that all of it is no more than the window, is not held back. */
WIRE_TEST(window, of_little_traffic_does_not_grow)
{
    int64_t sequence = 0;

    enter(wire);
    for (unsigned int i = 0; i < 40; i++)
        receive_burst(wire, &sequence, 3, true);
    cr_assert_eq(wire->host.connection.rcv_limit, INITIAL);
}

WIRE_TEST(window, grows_by_our_own_round_trips_without_timestamps)
{
    struct tpa_tcp_connection *connection = &wire->host.connection;
    int64_t sequence = 0;

    enter(wire);
    connection->flags &= ~(uint32_t)TPA_TCP_USES_TIMESTAMPS;
    wire->options &= ~(uint32_t)WIRE_TIMESTAMPS;
    wire_write(wire, 100);
    EXPECT(.seq = 0, .length = 100);
    wire_wait(wire, 8 * MS);
    RECEIVE_ANYWAY(.ack = 100);
    connection->rtt.minimum = 8000; /* the handshake took no time at all */
    for (unsigned int i = 0; i < 6; i++) {
        wire_wait(wire, TRIP);
        wire_ignore(wire);
        for (unsigned int k = 0; k < 10; k++) {
            RECEIVE_ANYWAY(.seq = sequence, .length = SEGMENT, .ack = 100);
            sequence += SEGMENT;
            wire_read(wire);
        }
        wire_ignore(wire);
    }
    cr_assert_geq(connection->rcv_limit, 4 * 10 * SEGMENT);
    cr_assert_leq(connection->rcv_limit, 4 * 11 * SEGMENT);
}

/* Half of what is free, however large the window has grown. */
WIRE_TEST(window, keeps_to_the_budget)
{
    struct tpa_tcp_connection *connection = &wire->host.connection;
    int64_t sequence = 0;

    enter(wire);
    wire->host.worker.receive_budget.limit = 120000;
    for (unsigned int i = 0; i < 10; i++)
        receive_burst(wire, &sequence, 12, true);
    cr_assert_gt(connection->rcv_limit, 60000);
    cr_assert_leq(connection->rcv_adv - connection->rcv_nxt, 60000);
    wire->host.worker.receive_budget.limit = 32 << 20;
}

/* ---- The right edge ---- */

static uint32_t edges[2];

static enum fate watch_edge(struct pair *pair, unsigned int from, unsigned int index,
                            const struct tpa_tcp_segment *segment)
{
    const struct tpa_tcp_connection *connection = &pair->hosts[from].connection;
    uint32_t edge = segment->ack + ((uint32_t)segment->window << connection->rcv_scale);

    if ((segment->flags & (TPA_TCP_SYN | TPA_TCP_ACK)) == TPA_TCP_ACK) {
        if (edges[from] != 0)
            cr_assert(tpa_base_seq_geq(edge, edges[from]), "the right edge moved back");
        edges[from] = edge;
    }
    /* Now and then one is lost. */
    return from == 0 && index % 97 == 50 ? FATE_DROP : FATE_DELIVER;
}

Test(window, never_moves_its_right_edge_back_while_it_grows)
{
    static struct pair pair;

    pair_prepare(&pair, 1, UINT32_MAX - 100000);
    pair.fate = watch_edge;
    pair.hosts[1].config.receive_buffer_initial = 10000;
    pair.applications[0].to_write = 3000000;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 100 * SECONDS));
    cr_assert_gt(pair.hosts[1].connection.rcv_limit, 10000);
    pair_close(&pair);
}

/* ---- What may be queued ---- */

static int64_t write_partly(struct wire *wire, uint32_t length)
{
    static const uint8_t zeros[60000];
    const struct tpa_tcp_send_piece piece = {.base = zeros, .length = length, .copy = true};

    return tpa_tcp_send(&wire->host.worker, &wire->host.connection, &piece, 1, false, wire->now);
}

WIRE_TEST(send_buffer, is_twice_the_congestion_window)
{
    struct host *host = &wire->host;

    host->config.send_buffer_min = 10000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(host->connection.window.cwnd, 14600);
    cr_assert_eq(tpa_tcp_send_room(&host->worker, &host->connection), 29200);
    wire_hold(wire);
    cr_assert_eq(write_partly(wire, 30000), 29200);
    cr_assert_eq(write_partly(wire, 1), TPA_EAGAIN);
    cr_assert_eq(tpa_tcp_send_room(&host->worker, &host->connection), 0);
    wire_go_on(wire);
    wire_ignore(wire);
    RECEIVE_ANYWAY(.ack = 14600);
    wire_ignore(wire);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_WRITABLE);
    cr_assert_eq(host->connection.window.cwnd, 14600 + 2 * SEGMENT);
    cr_assert_eq(tpa_tcp_send_room(&host->worker, &host->connection), 14600 + 4 * SEGMENT);
}

WIRE_TEST(send_buffer, has_a_least_and_a_largest_size)
{
    struct host *host = &wire->host;

    host->config.send_buffer_min = 50000;
    host->config.send_buffer = 60000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_eq(tpa_tcp_send_room(&host->worker, &host->connection), 50000);
    host->connection.window.cwnd = 40000;
    cr_assert_eq(tpa_tcp_send_room(&host->worker, &host->connection), 60000);
}

/* All or nothing: who finds any room may fill the largest queue, so that a write that is larger
 * than what the congestion window asks for goes on while the one before it is under way. */
WIRE_TEST(send_buffer, takes_a_whole_write_while_there_is_any_room)
{
    struct host *host = &wire->host;

    host->config.send_buffer_min = 10000;
    host->config.send_buffer = 100000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    cr_assert_eq(wire_write(wire, 29199), 29199);
    cr_assert_eq(wire_write(wire, 60000), 60000);
    cr_assert_eq(wire_write(wire, 1), TPA_EAGAIN);
    wire_go_on(wire);
    wire_ignore(wire);
}

WIRE_TEST(send_buffer, takes_the_largest_write_when_it_is_empty)
{
    struct host *host = &wire->host;

    host->config.send_buffer_min = 10000;
    host->config.send_buffer = 60000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_hold(wire);
    cr_assert_eq(wire_write(wire, 60001), TPA_EMSGSIZE);
    cr_assert_eq(wire_write(wire, 60000), 60000);
    wire_go_on(wire);
    wire_ignore(wire);
}

/* Each refusal is followed by the signal, after which a write succeeds. */
Test(send_buffer, a_writer_that_waits_for_the_signal_fills_the_path)
{
    static struct pair pair;

    pair_prepare(&pair, 1, 2);
    for (int i = 0; i < 2; i++)
        pair.hosts[i].config.send_buffer_min = 3000;
    pair.applications[0].to_write = 2000000;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 10 * SECONDS));
    cr_assert_eq(pair.hosts[0].worker.counters.retransmitted_segments, 0);
    pair_close(&pair);
}
