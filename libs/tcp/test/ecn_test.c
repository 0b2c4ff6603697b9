/* Explicit congestion notification (RFC 3168): sections in front of each test. */
#include "wire.h"

TestSuite(ecn);

#define ECE  TPA_TCP_ECE
#define CWR  TPA_TCP_CWR
#define SYN  TPA_TCP_SYN
#define ECT0 2
#define CE   3
#define MSS  1460

static void start(struct wire *wire, enum tpa_tcp_ecn ecn)
{
    wire->host.config.ecn = (uint8_t)ecn;
    wire_enter(wire, TPA_TCP_CLOSED);
}

/* A connection that peers agree to use ECN on, opened by the peer. */
static void enter(struct wire *wire)
{
    start(wire, TPA_TCP_ECN_ANSWER);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1);
    RECEIVE();
    wire_no_quick_acks(wire);
}

static void connect_to_peer(struct wire *wire, enum tpa_tcp_ecn ecn)
{
    start(wire, ecn);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
}

static uint32_t cwnd(const struct wire *wire)
{
    return wire->host.connection.window.cwnd;
}

/* `count` segments of new data, the first with `flags`. */
static void expect_data(struct wire *wire, int first, int count, uint8_t flags)
{
    for (int i = first; i < first + count; i++) {
        EXPECT(.seq = i * MSS, .length = MSS, .ecn = ECT0, .flags = flags);
        flags = 0;
    }
}

/* ---- 6.1.1: the handshake ---- */

WIRE_TEST(ecn, a_setup_syn_is_answered_by_a_setup_syn_ack)
{
    enter(wire);
    wire_write(wire, 100);
    EXPECT(.length = 100, .ecn = ECT0);
}

/* The default, and what "off" means. */
WIRE_TEST(ecn, is_answered_by_default_and_not_when_off)
{
    cr_assert_eq(wire->host.config.ecn, TPA_TCP_ECN_ANSWER);
    start(wire, TPA_TCP_ECN_OFF);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN, .seq = -1);
    RECEIVE();
    wire_write(wire, 100);
    EXPECT(.length = 100);
    RECEIVE(.ack = 100, .length = 10, .ecn = CE);
    EXPECT(.seq = 100, .ack = 10);
}

/* "A host MUST NOT send an ECN-setup SYN-ACK" for any other SYN. */
WIRE_TEST(ecn, other_flags_in_a_syn_are_no_setup)
{
    static const uint8_t flags[] = {0, ECE, CWR};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(flags); i++) {
        if (i > 0) {
            wire_finish(wire);
            wire_prepare(wire, wire->iss, wire->irs);
        }
        start(wire, TPA_TCP_ECN_ASK);
        RECEIVE(.flags = SYN | flags[i], .no_ack = true, .seq = -1);
        EXPECT(.flags = SYN, .seq = -1);
        RECEIVE();
        wire_write(wire, 100);
        EXPECT(.length = 100);
    }
}

WIRE_TEST(ecn, a_syn_asks_if_told_to)
{
    connect_to_peer(wire, TPA_TCP_ECN_ASK);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    RECEIVE(.flags = SYN | ECE, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100, .ecn = ECT0);
}

WIRE_TEST(ecn, a_syn_does_not_ask_if_answering_only)
{
    connect_to_peer(wire, TPA_TCP_ECN_ANSWER);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1);
    RECEIVE(.flags = SYN | ECE, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100);
}

/* 6.1.1.2: who reflects the flags knows nothing of them. */
WIRE_TEST(ecn, reflected_flags_are_no_setup)
{
    connect_to_peer(wire, TPA_TCP_ECN_ASK);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    RECEIVE(.flags = SYN | ECE | CWR, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100);
}

/* 6.1.1.1. */
WIRE_TEST(ecn, a_lost_setup_syn_is_sent_again_without)
{
    connect_to_peer(wire, TPA_TCP_ECN_ASK);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    wire_wait(wire, 1100 * MS);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1, .retransmission = true);
    RECEIVE(.flags = SYN, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100);
}

/* The answer was to the first SYN: no ECT, as one SYN was without; but the peer counts on echoes.
 */
WIRE_TEST(ecn, a_late_answer_to_the_setup_syn_is_echoed_and_no_more)
{
    connect_to_peer(wire, TPA_TCP_ECN_ASK);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    wire_wait(wire, 1100 * MS);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1, .retransmission = true);
    RECEIVE(.flags = SYN | ECE, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100);
    RECEIVE(.ack = 100, .length = 10, .ecn = CE);
    EXPECT(.seq = 100, .ack = 10, .flags = ECE);
}

/* Our SYN-ACK was lost, and the peer has fallen back. */
WIRE_TEST(ecn, a_repeated_syn_without_ends_it)
{
    start(wire, TPA_TCP_ECN_ANSWER);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1);
    RECEIVE(.flags = SYN, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN, .seq = -1, .retransmission = true);
    RECEIVE();
    wire_write(wire, 100);
    EXPECT(.length = 100);
}

WIRE_TEST(ecn, a_repeated_setup_syn_gets_the_same_answer)
{
    start(wire, TPA_TCP_ECN_ANSWER);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1, .retransmission = true);
    RECEIVE();
    wire_write(wire, 100);
    EXPECT(.length = 100, .ecn = ECT0);
}

WIRE_TEST(ecn, a_simultaneous_open_agrees)
{
    connect_to_peer(wire, TPA_TCP_ECN_ASK);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1, .retransmission = true);
    RECEIVE(.flags = SYN | ECE, .seq = -1);
    EXPECT();
    wire_write(wire, 100);
    EXPECT(.length = 100, .ecn = ECT0);
}

/* Who has sent a SYN without it may not send a setup SYN-ACK's ECT. */
WIRE_TEST(ecn, a_simultaneous_open_that_did_not_ask_does_not_agree)
{
    connect_to_peer(wire, TPA_TCP_ECN_ANSWER);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN, .seq = -1, .retransmission = true);
    RECEIVE();
    wire_write(wire, 100);
    EXPECT(.length = 100);
}

/* ---- 6.1.2: the sender ---- */

/* Halving was RFC 3168's; RFC 8511 section 3 makes it 0.8 for NewReno. The window doesn't grow. */
WIRE_TEST(ecn, an_echo_reduces_the_window_and_is_answered_by_cwr_once)
{
    enter(wire);
    wire_write(wire, 11 * MSS);
    expect_data(wire, 0, 10, 0);
    RECEIVE(.ack = MSS, .flags = ECE);
    cr_assert_eq(cwnd(wire), 10 * MSS * 819 / 1024);
    cr_assert_eq(wire->host.worker.counters.mark_reductions, 1);
    RECEIVE(.ack = 2 * MSS, .flags = ECE);
    RECEIVE(.ack = 4 * MSS, .flags = ECE);
    EXPECT(.seq = 10 * MSS, .length = MSS, .ecn = ECT0, .flags = CWR);
    RECEIVE(.ack = 5 * MSS, .flags = ECE);
    wire_write(wire, MSS);
    EXPECT(.seq = 11 * MSS, .length = MSS, .ecn = ECT0);
    cr_assert_eq(wire->host.worker.counters.mark_reductions, 1);
}

/* "TCP should not react to congestion indications more than once every window of data." */
WIRE_TEST(ecn, a_window_of_data_reduces_once)
{
    uint32_t reduced, again;

    enter(wire);
    wire_write(wire, 12 * MSS);
    expect_data(wire, 0, 10, 0);
    RECEIVE(.ack = 2 * MSS, .flags = ECE);
    reduced = cwnd(wire);
    RECEIVE(.ack = 4 * MSS, .flags = ECE);
    expect_data(wire, 10, 1, CWR);
    RECEIVE_ANYWAY(.ack = 10 * MSS, .flags = ECE); /* the last that was sent before */
    expect_data(wire, 11, 1, 0);
    cr_assert_eq(cwnd(wire), reduced);
    RECEIVE(.ack = 11 * MSS, .flags = ECE); /* marked behind the reduction */
    again = cwnd(wire);
    cr_assert_lt(again, reduced);
    wire_write(wire, MSS);
    expect_data(wire, 12, 1, CWR);
}

/* "The sending TCP SHOULD NOT increase the congestion window" for an echo. */
WIRE_TEST(ecn, an_echo_never_grows_the_window)
{
    uint32_t reduced;

    enter(wire);
    wire_write(wire, 20 * MSS);
    expect_data(wire, 0, 10, 0);
    RECEIVE(.ack = 1 * MSS, .flags = ECE);
    reduced = cwnd(wire);
    for (int i = 2; i <= 10; i++) {
        RECEIVE_ANYWAY(.ack = i * MSS, .flags = ECE);
        cr_assert_eq(cwnd(wire), reduced);
    }
    cr_assert_gt(wire_ignore(wire), 0);
}

/* A loss has reduced the window, and the echo that comes with it is of the same congestion. */
WIRE_TEST(ecn, an_echo_in_recovery_does_not_reduce_again)
{
    uint32_t reduced;

    wire->options = WIRE_SACK;
    enter(wire);
    wire_write(wire, 12 * MSS);
    expect_data(wire, 0, 10, 0);
    for (int i = 2; i <= 4; i++)
        RECEIVE_ANYWAY(.flags = ECE, .sack_count = 1, .sack = {{MSS, i * MSS}});
    cr_assert_eq(wire->host.worker.counters.mark_reductions, 1, "the first came before the loss");
    reduced = wire->host.connection.window.ssthresh;
    wire_ignore(wire);
    RECEIVE(.flags = ECE, .sack_count = 1, .sack = {{MSS, 5 * MSS}});
    wire_ignore(wire);
    cr_assert_eq(wire->host.worker.counters.mark_reductions, 1);
    cr_assert_eq(wire->host.connection.window.ssthresh, reduced);
}

/* "... reduces its congestion window for any reason (because of a retransmit timeout, a Fast
 * Retransmit ...)": CWR goes with the first new data, and not with what is sent again; what is sent
 * again is not ECT (6.1.5). */
WIRE_TEST(ecn, a_loss_is_told_of_by_cwr_with_new_data)
{
    wire->options = WIRE_SACK;
    enter(wire);
    wire_write(wire, 20 * MSS);
    expect_data(wire, 0, 10, 0);
    RECEIVE(.sack_count = 1, .sack = {{MSS, 10 * MSS}});
    EXPECT(.seq = 0, .length = MSS, .retransmission = true);
    RECEIVE_ANYWAY(.ack = 10 * MSS);
    EXPECT(.seq = 10 * MSS, .length = MSS, .ecn = ECT0, .flags = CWR);
    cr_assert_gt(wire_ignore(wire), 0);
}

WIRE_TEST(ecn, a_time_out_is_told_of_by_cwr_with_new_data)
{
    enter(wire);
    wire_write(wire, 100);
    EXPECT(.length = 100, .ecn = ECT0);
    wire_wait(wire, 120 * MS);
    EXPECT(.length = 100, .retransmission = true);
    RECEIVE(.ack = 100);
    wire_write(wire, 100);
    EXPECT(.seq = 100, .length = 100, .ecn = ECT0, .flags = CWR);
}

/* ---- 6.1.3: the receiver ---- */

WIRE_TEST(ecn, a_mark_is_echoed_until_cwr_comes)
{
    enter(wire);
    RECEIVE(.length = 100, .ecn = CE);
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 100, .flags = ECE);
    RECEIVE(.seq = 100, .length = 100, .ecn = ECT0);
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 200, .flags = ECE);
    wire_write(wire, 50); /* "in all the ACK packets it sends" */
    EXPECT(.ack = 200, .length = 50, .ecn = ECT0, .flags = ECE);
    RECEIVE(.seq = 200, .ack = 50, .length = 100, .ecn = ECT0, .flags = CWR);
    wire_wait(wire, 2 * MS);
    EXPECT(.seq = 50, .ack = 300);
    cr_assert_eq(wire->host.worker.counters.marked_segments, 1);
}

/* Of two segments that one ACK acknowledges, one is enough. */
WIRE_TEST(ecn, a_delayed_ack_echoes_the_mark_of_any_of_its_segments)
{
    enter(wire);
    RECEIVE(.length = MSS, .ecn = CE);
    RECEIVE(.seq = MSS, .length = MSS, .ecn = ECT0);
    EXPECT(.ack = 2 * MSS, .flags = ECE);
}

WIRE_TEST(ecn, a_marked_segment_with_cwr_begins_anew)
{
    enter(wire);
    RECEIVE(.length = 100, .ecn = CE);
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 100, .flags = ECE);
    RECEIVE(.seq = 100, .length = 100, .ecn = CE, .flags = CWR);
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 200, .flags = ECE);
}

WIRE_TEST(ecn, without_agreement_a_mark_means_nothing)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100, .ecn = CE);
    EXPECT(.ack = 100);
    wire_write(wire, 100);
    EXPECT(.length = 100, .ack = 100);
    RECEIVE(.seq = 100, .ack = 100, .flags = ECE | CWR);
    cr_assert_eq(wire->host.worker.counters.mark_reductions, 0);
}

/* ---- 6.1.4 to 6.1.6 ---- */

/* wire_expect() compares the codepoint of everything that is sent: here are the kinds. */
WIRE_TEST(ecn, pure_acks_fins_and_resets_are_not_ect)
{
    enter(wire);
    RECEIVE(.length = 2 * MSS);
    EXPECT(.ack = 2 * MSS);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_FIN, .ack = 2 * MSS);
    tpa_tcp_abort(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT(.seq = 1, .flags = TPA_TCP_RST, .ack = 2 * MSS);
}

/* 6.1.5: "the TCP data receiver SHOULD ignore the ECN field on arriving data packets that are
 * outside of the receiver's current window". */
WIRE_TEST(ecn, a_mark_outside_the_window_is_ignored)
{
    enter(wire);
    RECEIVE(.length = 2 * MSS);
    EXPECT(.ack = 2 * MSS);
    RECEIVE(.length = 2 * MSS, .ecn = CE);
    EXPECT(.ack = 2 * MSS);
    RECEIVE(.seq = 1 << 29, .length = MSS, .ecn = CE);
    EXPECT(.ack = 2 * MSS);
}

/* 6.1.6: neither ECT nor CWR. */
WIRE_TEST(ecn, a_window_probe_is_not_ect_and_has_no_cwr)
{
    enter(wire);
    wire_write(wire, 1000);
    EXPECT(.length = 1000, .ecn = ECT0);
    RECEIVE(.ack = 1000, .zero_window = true, .flags = ECE);
    wire_write(wire, 1000);
    wire_wait(wire, 120 * MS);
    EXPECT(.seq = 1000, .length = 1);
    RECEIVE(.ack = 1000);
    EXPECT(.seq = 1000, .length = 1, .retransmission = true);
    EXPECT(.seq = 1001, .length = 999, .ecn = ECT0, .flags = CWR);
}

/* And one that comes with a mark is answered like any data. */
WIRE_TEST(ecn, a_marked_window_probe_is_echoed)
{
    wire->host.config.receive_buffer = 4000;
    enter(wire);
    RECEIVE(.length = 4000);
    EXPECT(.ack = 4000, .zero_window = true);
    RECEIVE(.seq = 4000, .length = 1, .ecn = CE);
    EXPECT(.ack = 4000, .zero_window = true, .flags = ECE);
}

/* The Diffserv field is the program's, the codepoint beside it is not. */
WIRE_TEST(ecn, the_codepoint_leaves_the_diffserv_field_alone)
{
    enter(wire);
    tpa_tcp_set_dscp(&wire->host.connection, 46);
    wire_write(wire, 100);
    cr_assert_eq(
        tpa_mem_packet_layer(wire->sent[wire->sent_first], struct tpa_tcp_transmit)->traffic_class,
        46 << 2 | ECT0);
    EXPECT(.length = 100, .ecn = ECT0);
}

/* ---- RFC 8511 section 3 ---- */

static void expect_factor(struct wire *wire, const struct tpa_tcp_congestion *congestion,
                          double expected)
{
    wire->host.config.congestion = congestion;
    enter(wire);
    wire_write(wire, 10 * MSS);
    expect_data(wire, 0, 10, 0);
    RECEIVE(.ack = MSS, .flags = ECE);
    cr_assert_float_eq((double)cwnd(wire) / (10 * MSS), expected, 0.001);
    cr_assert_eq(wire->host.connection.window.ssthresh, cwnd(wire));
}

WIRE_TEST(ecn, newreno_keeps_four_fifths)
{
    expect_factor(wire, &tpa_tcp_congestion_newreno, 0.8);
}

WIRE_TEST(ecn, cubic_keeps_85_percent)
{
    expect_factor(wire, &tpa_tcp_congestion_cubic, 0.85);
}
