/* TIME-WAIT by its record: RFC 1337, RFC 6191, and answers that end. */
#include <criterion/criterion.h>

#include <tpa/base/clock.h>
#include <tpa/tcp/connection.h>
#include <tpa/tcp/worker.h>

#include "machine.h"
#include "segment.h"
#include "stream.h"
#include "test/support/pools.h"

TestSuite(time_wait);

#define RCV_NXT   0xfffffffeu
#define TS_RECENT 0x00000003u
#define START     (1000 * TPA_BASE_SECOND)

struct fixture {
    struct tpa_tcp_config config;
    struct tpa_tcp_worker worker;
    struct tpa_tcp_time_wait entry;
    struct rte_mbuf *reply;
};

static void set_up(struct fixture *f)
{
    static struct tpa_mem_pool *pool;

    if (pool == NULL)
        pool = tpa_test_pool(16);
    *f = (struct fixture){
        .config = {.ttl = 64, .timestamps = true, .time_wait = 60 * TPA_BASE_SECOND}};
    f->worker = (struct tpa_tcp_worker){.config = &f->config, .pool = pool};
    f->entry = (struct tpa_tcp_time_wait){
        .deadline = START + f->config.time_wait,
        .snd_nxt = 5000,
        .rcv_nxt = RCV_NXT,
        .rcv_wnd = 10000,
        .window_scale = 2,
        .ts_recent = TS_RECENT,
        .ts_offset = 77,
        .timestamps = true,
        .local_port = 80,
        .remote_port = 40000,
    };
}

static enum tpa_tcp_time_wait_verdict input_at(struct fixture *f,
                                               const struct tpa_tcp_segment *segment, uint64_t now)
{
    enum tpa_tcp_time_wait_verdict verdict =
        tpa_tcp_time_wait_input(&f->worker, &f->entry, segment, &f->reply, now);

    if (verdict != TPA_TCP_TIME_WAIT_REPLY)
        cr_assert_null(f->reply);
    return verdict;
}

/* The verdict for a segment one second after the start; a reply is freed. */
static enum tpa_tcp_time_wait_verdict input(struct fixture *f,
                                            const struct tpa_tcp_segment *segment)
{
    enum tpa_tcp_time_wait_verdict verdict = input_at(f, segment, START + TPA_BASE_SECOND);

    tpa_mem_packet_free(f->reply);
    tpa_test_pool_expect_idle(f->worker.pool);
    return verdict;
}

/* What the peer would send next; `flags` and what is special is the test's. */
static struct tpa_tcp_segment segment(uint8_t flags)
{
    return (struct tpa_tcp_segment){
        .seq = RCV_NXT,
        .ack = 5000,
        .flags = flags,
        .source_port = 40000,
        .destination_port = 80,
        .window_scale = TPA_TCP_WINDOW_SCALE_NONE,
        .has_timestamp = true,
        .timestamp = TS_RECENT,
    };
}

/* Attack 37. RFC 1337. */
Test(time_wait, resets_are_ignored)
{
    struct tpa_tcp_segment reset = segment(TPA_TCP_RST);
    struct fixture f;

    set_up(&f);
    cr_assert_eq(input(&f, &reset), TPA_TCP_TIME_WAIT_DROP);
    reset = segment(TPA_TCP_RST | TPA_TCP_ACK);
    cr_assert_eq(input(&f, &reset), TPA_TCP_TIME_WAIT_DROP);
    cr_assert_eq(f.entry.deadline, START + f.config.time_wait);
}

Test(time_wait, the_fin_again_is_acknowledged_and_begins_the_time_anew)
{
    struct tpa_tcp_segment fin = segment(TPA_TCP_FIN | TPA_TCP_ACK);
    struct tpa_tcp_segment seen;
    struct fixture f;

    set_up(&f);
    fin.seq = RCV_NXT - 1 - 300;
    fin.length = 300;
    fin.timestamp = TS_RECENT + 9;
    cr_assert_eq(input_at(&f, &fin, START + TPA_BASE_SECOND), TPA_TCP_TIME_WAIT_REPLY);
    cr_assert_eq(f.entry.deadline, START + 61 * TPA_BASE_SECOND);
    cr_assert_eq(tpa_tcp_segment_parse(f.reply, 0, &seen), 0);
    cr_assert_eq(seen.flags, TPA_TCP_ACK);
    cr_assert_eq(seen.seq, 5000);
    cr_assert_eq(seen.ack, RCV_NXT);
    cr_assert_eq(seen.window, 2500);
    cr_assert_eq(seen.source_port, 80);
    cr_assert_eq(seen.destination_port, 40000);
    cr_assert_eq(seen.timestamp, 77 + 1001000);
    cr_assert_eq(seen.timestamp_echo, TS_RECENT + 9);
    tpa_mem_packet_free(f.reply);
    tpa_test_pool_expect_idle(f.worker.pool);
}

/* An old duplicate of it, by its timestamp or its number, moves nothing. */
Test(time_wait, old_duplicates_do_not_prolong_it)
{
    struct tpa_tcp_segment fin = segment(TPA_TCP_FIN | TPA_TCP_ACK);
    struct fixture f;

    set_up(&f);
    fin.seq = RCV_NXT - 1;
    fin.timestamp = TS_RECENT - 1;
    cr_assert_eq(input(&f, &fin), TPA_TCP_TIME_WAIT_REPLY);
    fin.has_timestamp = false;
    cr_assert_eq(input(&f, &fin), TPA_TCP_TIME_WAIT_REPLY);
    fin = segment(TPA_TCP_FIN | TPA_TCP_ACK);
    fin.seq = RCV_NXT - 1000;
    cr_assert_eq(input(&f, &fin), TPA_TCP_TIME_WAIT_REPLY);
    cr_assert_eq(f.entry.deadline, START + f.config.time_wait);
    cr_assert_eq(f.entry.ts_recent, TS_RECENT);
}

/* Attack 37. */
Test(time_wait, old_data_is_acknowledged)
{
    struct tpa_tcp_segment data = segment(TPA_TCP_ACK);
    struct fixture f;

    set_up(&f);
    data.length = 100;
    data.seq = RCV_NXT - 5000;
    cr_assert_eq(input(&f, &data), TPA_TCP_TIME_WAIT_REPLY);
    cr_assert_eq(f.entry.deadline, START + f.config.time_wait);
}

/* Attack 26. */
Test(time_wait, acknowledgements_do_not_answer_each_other)
{
    struct tpa_tcp_segment ack = segment(TPA_TCP_ACK);
    uint64_t now = START;
    unsigned int replies = 0;
    struct fixture f;

    set_up(&f);
    cr_assert_eq(input(&f, &ack), TPA_TCP_TIME_WAIT_DROP); /* in the window */
    ack.seq = RCV_NXT - 1;                                 /* a keepalive probe; or a war */
    for (int i = 0; i < 1000; i++, now += TPA_BASE_MILLISECOND) {
        replies += input_at(&f, &ack, now) == TPA_TCP_TIME_WAIT_REPLY;
        tpa_mem_packet_free(f.reply);
    }
    cr_assert_eq(replies, 3); /* at 0, 0.5 and about 1 s */
    tpa_test_pool_expect_idle(f.worker.pool);
}

Test(time_wait, nonsense_is_dropped)
{
    struct tpa_tcp_segment none = segment(0), fin = segment(TPA_TCP_FIN);
    struct fixture f;

    set_up(&f);
    cr_assert_eq(input(&f, &none), TPA_TCP_TIME_WAIT_DROP);
    cr_assert_eq(input(&f, &fin), TPA_TCP_TIME_WAIT_DROP);
}

/* Attack 37. RFC 6191 section 2, as a table. */
Test(time_wait, reuse)
{
    const struct {
        bool old_timestamps, new_timestamps;
        int timestamp, sequence; /* of the SYN, less the last seen */
        bool reused;
    } rows[] = {
        {true, true, 1, -1000, true},
        {true, true, 1000, 1, true},
        {true, true, 0, 1, true},
        {true, true, 0, 0, false},
        {true, true, 0, -1, false},
        {true, true, -1, 1000, false},
        {true, true, INT32_MIN + 1, 1000, false},
        {true, false, 0, 1, true},
        {true, false, 0, 0, false},
        {true, false, 0, -1000, false},
        {false, true, 0, -1000, true},
        {false, false, 0, 1, true},
        {false, false, 0, -1, false},
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        struct tpa_tcp_segment syn = segment(TPA_TCP_SYN);
        struct fixture f;

        set_up(&f);
        f.entry.timestamps = rows[row].old_timestamps;
        syn.has_timestamp = rows[row].new_timestamps;
        syn.timestamp = TS_RECENT + (uint32_t)rows[row].timestamp;
        syn.seq = RCV_NXT + (uint32_t)rows[row].sequence;
        cr_assert_eq(input(&f, &syn),
                     rows[row].reused ? TPA_TCP_TIME_WAIT_REUSE : TPA_TCP_TIME_WAIT_REPLY,
                     "row %zu", row);
    }
}

/* Attack 37. A new connection would not use timestamps: they say nothing. */
Test(time_wait, reuse_where_timestamps_are_off)
{
    struct tpa_tcp_segment syn = segment(TPA_TCP_SYN);
    struct fixture f;

    set_up(&f);
    f.config.timestamps = false;
    syn.timestamp = TS_RECENT + 1000;
    syn.seq = RCV_NXT - 1;
    cr_assert_eq(input(&f, &syn), TPA_TCP_TIME_WAIT_REPLY);
    syn.seq = RCV_NXT + 1;
    cr_assert_eq(input(&f, &syn), TPA_TCP_TIME_WAIT_REUSE);
}

/* Attack 37. */
Test(time_wait, a_syn_ack_opens_nothing)
{
    struct tpa_tcp_segment syn = segment(TPA_TCP_SYN | TPA_TCP_ACK);
    struct fixture f;

    set_up(&f);
    syn.seq = RCV_NXT + 1000;
    syn.timestamp = TS_RECENT + 1000;
    cr_assert_eq(input(&f, &syn), TPA_TCP_TIME_WAIT_REPLY);
    cr_assert_eq(f.entry.ts_recent, TS_RECENT);
}

Test(time_wait, the_pool_is_empty)
{
    struct tpa_tcp_segment fin = segment(TPA_TCP_FIN | TPA_TCP_ACK);
    struct fixture f;

    set_up(&f);
    f.worker.pool->fault_countdown = 1;
    cr_assert_eq(input(&f, &fin), TPA_TCP_TIME_WAIT_REPLY);
    cr_assert_null(f.reply);
    cr_assert_eq(f.worker.counters.allocation_failures, 1);
}

Test(time_wait, made_of_a_connection)
{
    static struct tpa_tcp_connection connection;
    struct fixture f;

    set_up(&f);
    connection.state = TPA_TCP_TIME_WAIT;
    connection.flags = TPA_TCP_USES_TIMESTAMPS;
    connection.rcv_nxt = RCV_NXT;
    connection.rcv_adv = RCV_NXT + 4000;
    connection.rcv_scale = 3;
    connection.ts_recent = 8;
    connection.ts_offset = 9;
    connection.local_port = 1;
    connection.remote_port = 2;
    connection.flight.nxt = 4711;
    connection.state_deadline = tpa_tcp_coarse_deadline(START + 30 * TPA_BASE_SECOND);
    tpa_tcp_time_wait_init(&f.worker, &f.entry, &connection, START);
    cr_assert_eq(f.entry.snd_nxt, 4711);
    cr_assert_eq(f.entry.rcv_nxt, RCV_NXT);
    cr_assert_eq(f.entry.rcv_wnd, 4000);
    cr_assert_eq(f.entry.window_scale, 3);
    cr_assert_eq(f.entry.ts_recent, 8);
    cr_assert_eq(f.entry.ts_offset, 9);
    cr_assert_eq(f.entry.local_port, 1);
    cr_assert_eq(f.entry.remote_port, 2);
    cr_assert(f.entry.timestamps);
    cr_assert_geq(f.entry.deadline, START + 30 * TPA_BASE_SECOND);
    cr_assert_leq(f.entry.deadline, START + 31 * TPA_BASE_SECOND);
}
