/* SYN cookies: a connection from nothing but an acknowledgement. */
#include <string.h>

#include "machine.h"
#include "wire.h"

TestSuite(cookie);

/* ---- Made and checked ---- */

#define PEER_ISN 0xfffffff0u

static struct tpa_tcp_segment syn_with(uint16_t mss, uint8_t scale, bool sack, bool timestamp)
{
    return (struct tpa_tcp_segment){
        .seq = PEER_ISN,
        .flags = TPA_TCP_SYN,
        .window = 60000,
        .source_port = HOST_PEER_PORT,
        .destination_port = HOST_PORT,
        .mss = mss,
        .window_scale = scale,
        .sack_permitted = sack,
        .has_timestamp = timestamp,
        .timestamp = 77,
    };
}

/* The SYN-ACK, decoded. */
static struct tpa_tcp_segment answer_to(struct host *host, const struct tpa_tcp_segment *syn,
                                        uint64_t now)
{
    struct rte_mbuf *packet = tpa_tcp_cookie_reply(&host->worker, &host->tuple, HOST_MTU, syn, now);
    struct tpa_tcp_segment answer;

    cr_assert_not_null(packet);
    cr_assert_eq(tpa_tcp_segment_parse(packet, 0, &answer), 0);
    tpa_mem_packet_free(packet);
    cr_assert_eq(answer.flags, TPA_TCP_SYN | TPA_TCP_ACK);
    cr_assert_eq(answer.ack, syn->seq + 1);
    cr_assert_eq(answer.source_port, syn->destination_port);
    cr_assert_eq(answer.destination_port, syn->source_port);
    return answer;
}

/* The peer's first segment after it. */
static struct tpa_tcp_segment ack_of(const struct tpa_tcp_segment *answer)
{
    return (struct tpa_tcp_segment){
        .seq = answer->ack,
        .ack = answer->seq + 1,
        .flags = TPA_TCP_ACK,
        .window = 60000,
        .source_port = answer->destination_port,
        .destination_port = answer->source_port,
        .window_scale = TPA_TCP_WINDOW_SCALE_NONE,
        .has_timestamp = answer->has_timestamp,
        .timestamp = 78,
        .timestamp_echo = answer->timestamp,
    };
}

static struct host *start(void)
{
    static struct wire wire;

    wire_prepare(&wire, 0, 0);
    host_start(&wire.host, 0);
    return &wire.host;
}

static bool is_right(struct host *host, const struct tpa_tcp_segment *ack, uint64_t now)
{
    struct tpa_tcp_segment syn;

    return tpa_tcp_cookie_check(&host->worker, &host->tuple, ack, &syn, now);
}

static void expect_kept(struct host *host, const struct tpa_tcp_segment *syn, uint16_t mss,
                        uint64_t now)
{
    struct tpa_tcp_segment answer = answer_to(host, syn, now);
    struct tpa_tcp_segment ack = ack_of(&answer), told;
    bool options = syn->has_timestamp;

    cr_assert(tpa_tcp_cookie_check(&host->worker, &host->tuple, &ack, &told, now + 300 * MS));
    cr_assert_eq(told.flags, TPA_TCP_SYN);
    cr_assert_eq(told.seq, syn->seq);
    cr_assert_eq(told.mss, mss, "%u instead of %u", told.mss, mss);
    cr_assert_eq(told.has_timestamp, options);
    cr_assert_eq(told.timestamp, options ? ack.timestamp : 0);
    cr_assert_eq(told.sack_permitted, options && syn->sack_permitted);
    cr_assert_eq(told.window_scale, options ? syn->window_scale : TPA_TCP_WINDOW_SCALE_NONE);
    cr_assert_eq(answer.window, UINT16_MAX);
    cr_assert_eq(answer.mss, tpa_base_address_is_ipv4(&host->tuple.remote) ? 1460 : 1440);
    cr_assert_eq(answer.sack_permitted, told.sack_permitted);
    cr_assert_gt(answer.window, 60000, "as an answer that remembers the connection");
    cr_assert_eq(answer.window_scale != TPA_TCP_WINDOW_SCALE_NONE,
                 told.window_scale != TPA_TCP_WINDOW_SCALE_NONE);
}

/* At any time of the clock: its low bits, the change of a period, its wrap after 49 days. */
Test(cookie, keeps_what_the_syn_said)
{
    static const uint64_t times[] = {
        0,           255 * MS,        65535 * MS,      65536 * MS,
        131071 * MS, 4294967295 * MS, 4294967296 * MS, 9 * 4294967000 * MS};
    static const struct {
        uint16_t announced, kept, kept_alone;
    } sizes[] = {{0, 536, 536},      {1, 64, 64},        {535, 64, 64},      {536, 536, 536},
                 {1300, 1220, 1220}, {1380, 1360, 1220}, {1400, 1400, 1220}, {1459, 1440, 1440},
                 {1460, 1460, 1440}, {8939, 1460, 1440}, {65535, 8940, 1440}};
    struct host *host = start();

    for (size_t t = 0; t < TPA_BASE_ARRAY_SIZE(times); t++) {
        for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(sizes); i++) {
            for (uint8_t scale = 0; scale <= 15; scale++) {
                uint8_t said = scale == 15 ? TPA_TCP_WINDOW_SCALE_NONE : scale;
                struct tpa_tcp_segment syn =
                    syn_with(sizes[i].announced, said, scale % 2 != 0, true);

                expect_kept(host, &syn, sizes[i].kept, times[t]);
            }
            struct tpa_tcp_segment alone = syn_with(sizes[i].announced, 7, true, false);
            expect_kept(host, &alone, sizes[i].kept_alone, times[t]);
        }
    }
    host_stop(host);
}

Test(cookie, default_mss_is_that_of_the_family)
{
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(0, 7, true, true);

    host->tuple.remote = host->tuple.local = (struct tpa_base_address){.u8 = {0xfd, 1}};
    expect_kept(host, &syn, 1220, 0);
    host_stop(host);
}

/* What is not agreed on locally is not offered, and not told later. */
Test(cookie, says_nothing_of_options_that_are_off)
{
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, true), told, ack, answer;

    host->config.sack = host->config.window_scale = false;
    answer = answer_to(host, &syn, 0);
    ack = ack_of(&answer);
    cr_assert(tpa_tcp_cookie_check(&host->worker, &host->tuple, &ack, &told, 0));
    cr_assert_not(told.sack_permitted || answer.sack_permitted);
    cr_assert_eq(told.window_scale, TPA_TCP_WINDOW_SCALE_NONE);
    cr_assert_eq(answer.window_scale, TPA_TCP_WINDOW_SCALE_NONE);
    host_stop(host);
}

Test(cookie, is_valid_for_two_minutes)
{
    struct host *host = start();

    for (uint64_t now = 0; now < 200 * SECONDS; now += 13700 * MS) {
        for (int timestamps = 0; timestamps <= 1; timestamps++) {
            struct tpa_tcp_segment syn = syn_with(1460, 7, true, timestamps != 0);
            struct tpa_tcp_segment answer = answer_to(host, &syn, now);
            struct tpa_tcp_segment ack = ack_of(&answer);

            cr_assert(is_right(host, &ack, now));
            cr_assert(is_right(host, &ack, now + 65 * SECONDS));
            cr_assert_not(is_right(host, &ack, now + TPA_TCP_COOKIE_AGE_MAX + MS));
            cr_assert_not(is_right(host, &ack, now + 10 * 4294967296 * MS),
                          "nor when the clock has come round");
        }
    }
    host_stop(host);
}

static void expect_bound(bool timestamps)
{
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, timestamps);
    struct tpa_tcp_segment answer = answer_to(host, &syn, SECONDS);
    const struct tpa_tcp_segment right = ack_of(&answer);
    const struct tpa_tcp_tuple tuple = host->tuple;
    struct tpa_tcp_segment ack;

    for (unsigned int bit = 0; bit < 32; bit++) {
        ack = right;
        ack.seq ^= 1u << bit;
        cr_assert_not(is_right(host, &ack, SECONDS));
        ack = right;
        ack.ack ^= 1u << bit;
        cr_assert_not(is_right(host, &ack, SECONDS));
        ack = right;
        ack.timestamp_echo ^= 1u << bit;
        cr_assert_eq(is_right(host, &ack, SECONDS), !timestamps);
    }
    for (unsigned int field = 0; field < 4; field++) {
        host->tuple = tuple;
        host->tuple.local_port ^= field == 0;
        host->tuple.remote_port ^= field == 1;
        host->tuple.local.u8[15] ^= field == 2;
        host->tuple.remote.u8[15] ^= field == 3;
        cr_assert_not(is_right(host, &right, SECONDS), "field %u", field);
    }
    host->tuple = tuple;
    ack = right;
    ack.has_timestamp = !timestamps;
    cr_assert_not(is_right(host, &ack, SECONDS));
    cr_assert(is_right(host, &right, SECONDS));
    host_stop(host);
}

Test(cookie, is_bound_to_its_tuple_numbers_and_time)
{
    expect_bound(true);
    expect_bound(false);
}

Test(cookie, is_in_an_acknowledgement_only)
{
    static const uint8_t others[] = {0, TPA_TCP_SYN, TPA_TCP_SYN | TPA_TCP_ACK,
                                     TPA_TCP_RST | TPA_TCP_ACK, TPA_TCP_FIN};
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, true);
    struct tpa_tcp_segment answer = answer_to(host, &syn, 0);
    struct tpa_tcp_segment ack = ack_of(&answer);

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(others); i++) {
        ack.flags = others[i];
        cr_assert_not(is_right(host, &ack, 0));
    }
    ack.flags = TPA_TCP_ACK | TPA_TCP_PSH | TPA_TCP_FIN;
    cr_assert(is_right(host, &ack, 0));
    host_stop(host);
}

/* Attack 20. Guesses with the best of echoes: two million of each kind, of which 0.0005 and
 * 0.004 are expected to pass. */
Test(cookie, is_not_guessed)
{
    struct host *host = start();
    uint64_t now = 200 * SECONDS;
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, true);
    struct tpa_tcp_segment answer = answer_to(host, &syn, now);
    struct tpa_tcp_segment ack = ack_of(&answer);

    for (uint32_t i = 0; i < 2000000; i++) {
        ack.ack = (uint32_t)tpa_base_random_u64(&host->random);
        ack.has_timestamp = true;
        cr_assert_not(is_right(host, &ack, now));
        ack.has_timestamp = false;
        cr_assert_not(is_right(host, &ack, now));
    }
    host_stop(host);
}

Test(cookie, numbers_are_spread_evenly)
{
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, true);
    unsigned int set[32] = {0};

    for (unsigned int i = 0; i < 60000; i++) {
        uint32_t seq;

        syn.source_port = host->tuple.remote_port = (uint16_t)(1024 + i);
        seq = answer_to(host, &syn, 0).seq;
        for (unsigned int bit = 0; bit < 32; bit++)
            set[bit] += seq >> bit & 1;
    }
    for (unsigned int bit = 0; bit < 32; bit++)
        cr_assert(set[bit] > 28800 && set[bit] < 31200, "bit %u: %u of 60000", bit, set[bit]);
    host_stop(host);
}

Test(cookie, needs_a_buffer_and_room_for_data)
{
    struct host *host = start();
    struct tpa_tcp_segment syn = syn_with(1460, 7, true, true);

    cr_assert_null(tpa_tcp_cookie_reply(&host->worker, &host->tuple, 200, &syn, 0));
    host->pool->fault_countdown = 1;
    cr_assert_null(tpa_tcp_cookie_reply(&host->worker, &host->tuple, HOST_MTU, &syn, 0));
    cr_assert_eq(host->worker.counters.allocation_failures, 1);
    cr_assert_eq(host->worker.counters.cookies_out, 0);
    host_stop(host);
}

/* ---- Connections ---- */

/* A SYN was answered by a cookie: the connection of its acknowledgement, which is to be received
 * next. */
static void open_by_cookie(struct wire *wire)
{
    struct tpa_tcp_segment syn =
        syn_with(wire->peer_mss, TPA_TCP_WINDOW_SCALE_NONE, (wire->options & WIRE_SACK) != 0,
                 (wire->options & WIRE_TIMESTAMPS) != 0);
    struct tpa_tcp_segment answer, ack, told;

    wire_enter(wire, TPA_TCP_CLOSED);
    syn.seq = wire->irs;
    if (wire->options & WIRE_WINDOW_SCALE)
        syn.window_scale = wire->peer_scale;
    answer = answer_to(&wire->host, &syn, wire->now);
    wire->iss = answer.seq;
    wire->timestamp = answer.timestamp;
    wire_wait(wire, 20 * MS);
    ack = ack_of(&answer);
    ack.timestamp = wire->peer_timestamp;
    cr_assert(tpa_tcp_cookie_check(&wire->host.worker, &wire->host.tuple, &ack, &told, wire->now));
    cr_assert_eq(tpa_tcp_accept_cookie(&wire->host.worker, &wire->host.connection,
                                       &wire->host.tuple, HOST_MTU, &told, &ack, wire->now),
                 0);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

static void expect_it_lives(struct wire *wire)
{
    wire_write(wire, 100);
    EXPECT(.length = 100, .ack = 10);
    RECEIVE(.seq = 10, .ack = 100, .length = 20);
    EXPECT(.seq = 100, .ack = 30);
    cr_assert_eq(wire_read(wire), 30);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 30, .ack = 100);
    EXPECT(.seq = 100, .ack = 31);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
    cr_assert_eq(wire->host.worker.counters.cookies_in, 1);
    cr_assert_eq(wire->host.worker.counters.connections_accepted, 1);
}

WIRE_TEST(cookie, opens_by_an_acknowledgement)
{
    wire->options = WIRE_TIMESTAMPS | WIRE_SACK | WIRE_WINDOW_SCALE;
    open_by_cookie(wire);
    RECEIVE();
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.connection.snd_wnd, WIRE_PEER_WINDOW << WIRE_PEER_SCALE);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    expect_it_lives(wire);
}

/* The acknowledgement was lost: the first text tells. */
WIRE_TEST(cookie, opens_by_the_first_text)
{
    wire->options = WIRE_TIMESTAMPS | WIRE_SACK | WIRE_WINDOW_SCALE;
    open_by_cookie(wire);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ESTABLISHED | TPA_TCP_SIGNAL_READABLE);
    expect_it_lives(wire);
}

WIRE_TEST(cookie, opens_without_options)
{
    open_by_cookie(wire);
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    expect_it_lives(wire);
}

WIRE_TEST(cookie, opens_and_ends_by_a_fin)
{
    open_by_cookie(wire);
    RECEIVE(.flags = TPA_TCP_FIN, .length = 10);
    EXPECT(.ack = 11);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
    cr_assert_eq(wire_read(wire), 10);
    cr_assert_eq(wire_read(wire), 0);
}

/* SACK was agreed on, and the sizes are those that were announced. */
WIRE_TEST(cookie, connection_uses_what_was_agreed_on)
{
    wire->options = WIRE_TIMESTAMPS | WIRE_SACK;
    wire->peer_mss = 1300;
    open_by_cookie(wire);
    RECEIVE();
    RECEIVE(.seq = 100, .length = 10);
    EXPECT(.sack_count = 1, .sack[0] = {100, 110}, .no_timestamp = false);
    wire_write(wire, 1220);
    EXPECT(.length = 1220 - 12);
    EXPECT(.seq = 1208, .length = 12);
}

/* The clock's low bits were replaced: what comes later is newer all the same. */
WIRE_TEST(cookie, timestamps_go_on)
{
    uint32_t told;

    wire->options = WIRE_TIMESTAMPS;
    open_by_cookie(wire);
    told = wire->timestamp;
    RECEIVE(.length = 10);
    EXPECT(.ack = 10);
    cr_assert(tpa_base_seq_gt(wire->timestamp, told));
    cr_assert_lt(wire->timestamp - told, 300);
}
