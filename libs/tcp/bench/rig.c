#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/clock.h>
#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

#include "machine.h"
#include "test/support/eal.h"

#define BURST      32
#define MTU        1500
#define BLOCK_SIZE (4 << 20)

/* One end: a worker with one connection. */
struct end {
    struct tpa_tcp_worker worker;
    struct tpa_timer_wheel wheel;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_tcp_connection connection;
    struct tpa_tcp_tuple tuple;
};

static struct tpa_mem_pool pool;
static struct tpa_tcp_config config;
static struct end client, server;
static uint64_t now = 1000000000;
static uint8_t *block;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "connection_bench: %s\n", what);
    abort();
}

static double seconds_since(uint64_t began)
{
    return (double)(tpa_base_clock_monotonic() - began) * 1e-9;
}

static void start(struct end *end, uint16_t local_port, uint16_t remote_port)
{
    const struct tpa_tcp_worker_config worker = {
        .config = &config,
        .pool = &pool,
        .chunks = &tpa_mem_chunk_source_default,
        .wheel = &end->wheel,
        .random = &end->random,
        .receive_budget = 1 << 30,
        .send_budget = 1 << 30,
        .drops = &end->drops,
    };

    tpa_base_random_seed(&end->random, local_port);
    check(tpa_timer_wheel_init(&end->wheel, TPA_TIMER_TICK_SHIFT_DEFAULT, now) == 0, "wheel");
    check(tpa_tcp_worker_init(&end->worker, &worker) == 0, "worker");
    end->tuple = (struct tpa_tcp_tuple){
        .local = tpa_base_address_from_ipv4(local_port),
        .remote = tpa_base_address_from_ipv4(remote_port),
        .local_port = local_port,
        .remote_port = remote_port,
    };
}

static void receive(struct end *end, struct rte_mbuf *packet)
{
    struct tpa_tcp_segment segment;

    check(tpa_tcp_segment_parse(packet, 0, &segment) == 0, "parse");
    if (end->connection.window.algorithm == NULL) {
        check(tpa_tcp_accept(&end->worker, &end->connection, &end->tuple, MTU, &segment, now) == 0,
              "accept");
        tpa_mem_packet_free(packet);
        return;
    }
    tpa_tcp_input(&end->worker, &end->connection, packet, &segment, now);
}

static void drain(struct end *end)
{
    struct tpa_tcp_completion completion;
    uint32_t signals;

    while (tpa_tcp_signalled(&end->worker, &signals) != NULL)
        ;
    while (tpa_tcp_completed(&end->worker, &completion))
        ;
}

static uint16_t output(struct end *end, struct rte_mbuf **packets, uint16_t max)
{
    uint32_t segments = UINT32_MAX;

    return tpa_tcp_output(&end->worker, packets, max, &segments, now);
}

/* What `from` has to send arrives at `to`. Returns packets. */
static unsigned int pass(struct end *from, struct end *to)
{
    struct rte_mbuf *packets[BURST];
    uint16_t count = output(from, packets, BURST);

    for (uint16_t i = 0; i < count; i++)
        receive(to, packets[i]);
    drain(from);
    return count;
}

static void pass_all(void)
{
    while (pass(&client, &server) + pass(&server, &client) != 0)
        ;
}

static void establish(void)
{
    check(tpa_tcp_connect(&client.worker, &client.connection, &client.tuple, MTU, now) == 0,
          "connect");
    pass_all();
    check(tpa_tcp_connection_state(&server.connection) == TPA_TCP_ESTABLISHED, "established");
    client.connection.quick_acks = server.connection.quick_acks = 0;
    /* Nothing but the pieces measured limits what is sent. */
    client.connection.window.cwnd = client.connection.window.cwnd_initial = 1 << 29;
}

void rig_init(void)
{
    const struct tpa_mem_pool_config pool_config = {.name = "rig", .packet_count = 12000};

    if (block != NULL)
        return;
    tpa_test_eal_init();
    check(tpa_mem_pool_create(&pool, &pool_config) == 0, "pool");
    tpa_tcp_config_default(&config);
    start(&client, 1, 2);
    start(&server, 2, 1);
    block = calloc(1, BLOCK_SIZE);
    establish();
}

static unsigned int read_all(struct end *end)
{
    struct rte_mbuf *segments[BURST];
    unsigned int total = 0;
    int taken;

    while ((taken = tpa_tcp_receive(&end->worker, &end->connection, segments, BURST, now)) > 0) {
        for (int i = 0; i < taken; i++)
            tpa_tcp_release(&end->worker, segments[i]);
        total += (unsigned int)taken;
    }
    return total;
}

/* A segment of the client's stream, `offset` bytes ahead. */
static struct rte_mbuf *make_segment(uint32_t offset, uint32_t length)
{
    struct tpa_tcp_header header = {
        .seq = server.connection.rcv_nxt + offset,
        .ack = server.connection.flight.nxt,
        .source_port = client.tuple.local_port,
        .destination_port = client.tuple.remote_port,
        .flags = TPA_TCP_ACK,
        .window = 60000,
        .has_timestamp = true,
        .timestamp = server.connection.ts_recent,
    };
    struct rte_mbuf *packet = tpa_mem_packet_alloc(&pool);

    check(packet != NULL, "buffers");
    tpa_mem_packet_append(packet, (uint16_t)length);
    tpa_tcp_header_prepend(packet, &header);
    return packet;
}

/* The client didn't send what make_segment() made: its numbers follow the server's. */
static void resynchronize(void)
{
    struct tpa_tcp_connection *connection = &client.connection;

    tpa_tcp_flight_init(&connection->flight, server.connection.rcv_nxt);
    tpa_tcp_send_queue_init(&connection->send_queue, server.connection.rcv_nxt);
    connection->ts_offset += 1000;
}

static double input_burst(bool parse, bool read)
{
    struct rte_mbuf *packets[BURST], *answers[BURST];
    struct tpa_tcp_segment segments[BURST];
    uint16_t count;
    uint64_t began;
    double seconds;

    for (uint32_t i = 0; i < BURST; i++) {
        packets[i] = make_segment(1000 * i, 1000);
        check(tpa_tcp_segment_parse(packets[i], 0, &segments[i]) == 0, "parse");
    }
    began = tpa_base_clock_monotonic();
    for (uint32_t i = 0; i < BURST; i++) {
        if (parse)
            tpa_tcp_segment_parse(packets[i], 0, &segments[i]);
        tpa_tcp_input(&server.worker, &server.connection, packets[i], &segments[i], now);
    }
    if (read)
        check(read_all(&server) == BURST, "read");
    count = output(&server, answers, BURST);
    seconds = seconds_since(began);
    check(count == 1, "one answer");
    tpa_mem_packet_free(answers[0]);
    if (!read)
        check(read_all(&server) == BURST, "read");
    drain(&server);
    return seconds;
}

static double input(unsigned int bursts, bool parse, bool read)
{
    double seconds = 0;

    for (unsigned int i = 0; i < bursts; i++) {
        now += 10000;
        seconds += input_burst(parse, read);
    }
    resynchronize();
    return seconds;
}

double rig_input(unsigned int bursts, bool parse)
{
    return input(bursts, parse, false);
}

double rig_input_and_read(unsigned int bursts)
{
    return input(bursts, false, true);
}

static void write_piece(struct end *end, uint32_t length, bool zero_copy)
{
    const struct tpa_tcp_send_piece piece = {
        .base = block,
        .iova = (uint64_t)(uintptr_t)block,
        .length = length,
        .copy = !zero_copy,
    };

    check(tpa_tcp_send(&end->worker, &end->connection, &piece, 1, true, now) == length, "send");
}

/* All that the client has sent is acknowledged by `step` bytes at a time. Returns seconds. */
static double acknowledge(uint32_t step)
{
    struct tpa_tcp_connection *connection = &client.connection;
    struct tpa_tcp_segment segment = {
        .seq = connection->rcv_nxt,
        .ack = connection->flight.una,
        .window = 60000,
        .flags = TPA_TCP_ACK,
        .header_length = 32,
        .has_timestamp = true,
        .timestamp = connection->ts_recent,
    };
    struct rte_mbuf *packets[BURST];
    unsigned int count = 0;
    double seconds;
    uint64_t began;

    while (count < BURST && segment.ack + count * step != connection->flight.nxt)
        packets[count++] = tpa_mem_packet_alloc(&pool);
    began = tpa_base_clock_monotonic();
    for (unsigned int i = 0; i < count; i++) {
        segment.ack += step;
        tpa_tcp_input(&client.worker, connection, packets[i], &segment, now);
    }
    drain(&client);
    seconds = seconds_since(began);
    check(tpa_tcp_flight_outstanding(&connection->flight) == 0, "acknowledged");
    server.connection.rcv_nxt = server.connection.rcv_acked = connection->flight.nxt;
    server.connection.rcv_adv = server.connection.rcv_nxt + (1 << 20);
    return seconds;
}

double rig_acknowledgements(unsigned int bursts)
{
    const uint32_t mss = client.connection.window.mss;
    double seconds = 0;

    for (unsigned int i = 0; i < bursts; i++) {
        struct rte_mbuf *packets[BURST];
        uint16_t count;

        now += 10000;
        config.segmentation = false;
        write_piece(&client, BURST * mss, true);
        count = output(&client, packets, BURST);
        count = (uint16_t)(count + output(&client, packets + count, (uint16_t)(BURST - count)));
        check(count == BURST, "burst");
        tpa_mem_packet_free_burst(packets, count);
        config.segmentation = true;
        seconds += acknowledge(2 * mss);
    }
    return seconds;
}

double rig_output(unsigned int bursts, uint32_t length, bool zero_copy)
{
    double seconds = 0;

    config.segmentation = length > client.connection.window.mss;
    for (unsigned int i = 0; i < bursts; i++) {
        struct rte_mbuf *packets[BURST];
        uint16_t count = 0, more;
        uint64_t began;

        now += 10000;
        began = tpa_base_clock_monotonic();
        write_piece(&client, BURST * length, zero_copy);
        do {
            more = output(&client, packets + count, (uint16_t)(BURST - count));
            count = (uint16_t)(count + more);
        } while (more != 0 && count < BURST);
        seconds += seconds_since(began);
        check(count == BURST, "burst");
        tpa_mem_packet_free_burst(packets, count);
        acknowledge(BURST * length);
    }
    config.segmentation = true;
    return seconds;
}

static void one_byte(struct end *from, struct end *to)
{
    tpa_tcp_expire(&from->worker, now);
    write_piece(from, 1, false);
    check(pass(from, to) == 1, "one packet each way");
    check(read_all(to) == 1, "one byte");
}

double rig_request_response(unsigned int count)
{
    uint64_t began = tpa_base_clock_monotonic();

    for (unsigned int i = 0; i < count; i++) {
        now += 1000;
        one_byte(&client, &server);
        one_byte(&server, &client);
    }
    return seconds_since(began);
}

double rig_connect_close(unsigned int count)
{
    uint64_t began;
    double seconds;

    tpa_tcp_finish(&client.worker, &client.connection);
    tpa_tcp_finish(&server.worker, &server.connection);
    drain(&client);
    drain(&server);
    began = tpa_base_clock_monotonic();
    for (unsigned int i = 0; i < count; i++) {
        now += 1000;
        client.tuple.local_port = (uint16_t)(1000 + i % 50000);
        server.tuple.remote_port = client.tuple.local_port;
        establish();
        tpa_tcp_close(&client.worker, &client.connection, now);
        pass_all();
        tpa_tcp_close(&server.worker, &server.connection, now);
        pass_all();
        check(tpa_tcp_connection_state(&client.connection) == TPA_TCP_TIME_WAIT, "time-wait");
        tpa_tcp_finish(&client.worker, &client.connection);
        tpa_tcp_finish(&server.worker, &server.connection);
    }
    seconds = seconds_since(began);
    establish();
    return seconds;
}
