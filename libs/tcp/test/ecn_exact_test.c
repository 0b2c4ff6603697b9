/* Congestion notification where all marks count: what DCTCP asks of both ends (RFC 8257). */
#include "wire.h"

TestSuite(ecn_exact);

#define ECE  TPA_TCP_ECE
#define CWR  TPA_TCP_CWR
#define SYN  TPA_TCP_SYN
#define ECT0 2
#define CE   3
#define MSS  1000

/* The connection uses DCTCP, and takes its peer to do so, too. */
static void enter(struct wire *wire)
{
    wire->host.config.congestion = tpa_tcp_congestion_find("dctcp");
    wire->peer_mss = MSS;
    wire_enter(wire, TPA_TCP_CLOSED);
    RECEIVE(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    EXPECT(.flags = SYN | ECE, .seq = -1);
    RECEIVE();
    wire_no_quick_acks(wire);
    RECEIVE(.length = MSS); /* so that its size is known */
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = MSS, .ecn = ECT0);
}

/* It is no use without: section 3. RFC 3168's fallback holds, and "off" is off. */
WIRE_TEST(ecn_exact, a_control_that_counts_marks_asks_for_them)
{
    wire->host.config.congestion = tpa_tcp_congestion_find("dctcp");
    wire_enter(wire, TPA_TCP_CLOSED);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
    EXPECT(.flags = SYN | ECE | CWR, .no_ack = true, .seq = -1);
    wire_wait(wire, 1100 * MS);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1, .retransmission = true);
}

WIRE_TEST(ecn_exact, off_is_off)
{
    wire->host.config.ecn = TPA_TCP_ECN_OFF;
    wire->host.config.congestion = tpa_tcp_congestion_find("dctcp");
    wire_enter(wire, TPA_TCP_CLOSED);
    host_connect(&wire->host, wire->iss, wire->now);
    wire_send(wire);
    EXPECT(.flags = SYN, .no_ack = true, .seq = -1);
}

/* Section 3.2: a change is told at once, a state that lasts by delayed ACKs, until the next change
 * and not until CWR. */
WIRE_TEST(ecn_exact, a_change_of_the_mark_is_acknowledged_at_once)
{
    enter(wire);
    RECEIVE(.seq = 1 * MSS, .length = MSS, .ecn = CE);
    EXPECT(.ack = 2 * MSS, .flags = ECE, .ecn = ECT0);
    RECEIVE(.seq = 2 * MSS, .length = MSS, .ecn = CE);
    EXPECT_NOTHING();
    RECEIVE(.seq = 3 * MSS, .length = MSS, .ecn = CE, .flags = CWR);
    EXPECT(.ack = 4 * MSS, .flags = ECE, .ecn = ECT0);
    RECEIVE(.seq = 4 * MSS, .length = MSS, .ecn = ECT0);
    EXPECT(.ack = 5 * MSS, .ecn = ECT0);
    RECEIVE(.seq = 5 * MSS, .length = MSS, .ecn = ECT0);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.ack = 6 * MSS, .ecn = ECT0);
}

/* Section 3.2, the MAY: what an ACK was still owed for is not told of as marked. */
WIRE_TEST(ecn_exact, what_came_before_the_mark_has_an_ack_of_its_own)
{
    enter(wire);
    RECEIVE(.seq = 1 * MSS, .length = MSS, .ecn = ECT0);
    EXPECT_NOTHING();
    RECEIVE(.seq = 2 * MSS, .length = MSS, .ecn = CE);
    EXPECT(.ack = 2 * MSS, .ecn = ECT0, .window = 65535);
    EXPECT(.ack = 3 * MSS, .flags = ECE, .ecn = ECT0);
}

/* Of a burst that is answered once, as many bytes are told of as came with marks. */
WIRE_TEST(ecn_exact, a_burst_is_told_of_by_its_marked_bytes)
{
    enter(wire);
    wire_hold(wire);
    for (int i = 1; i <= 6; i++)
        RECEIVE(.seq = i * MSS, .length = MSS, .ecn = i % 3 == 0 ? CE : ECT0);
    wire_go_on(wire);
    EXPECT(.ack = 5 * MSS, .ecn = ECT0);
    EXPECT(.ack = 7 * MSS, .flags = ECE, .ecn = ECT0);
}

/* Text goes behind both. */
WIRE_TEST(ecn_exact, text_waits_for_the_acks)
{
    enter(wire);
    wire_hold(wire);
    RECEIVE(.seq = 1 * MSS, .length = MSS, .ecn = ECT0);
    RECEIVE(.seq = 2 * MSS, .length = MSS, .ecn = CE);
    wire_write(wire, 100);
    wire_go_on(wire);
    EXPECT(.ack = 2 * MSS, .ecn = ECT0);
    EXPECT(.ack = 3 * MSS, .flags = ECE, .ecn = ECT0);
    EXPECT(.ack = 3 * MSS, .length = 100, .flags = ECE, .ecn = ECT0);
}

/* Section 3.3: alpha begins at 1, so the first mark halves; all that is acknowledged with ECE was
 * marked. What is sent again, and pure ACKs, are ECT: the network of DCTCP drops what is not. */
WIRE_TEST(ecn_exact, the_sender_reduces_once_a_window_and_all_it_sends_is_ect)
{
    struct tpa_tcp_window *window = &wire->host.connection.window;
    uint32_t before;

    enter(wire);
    wire_write(wire, 12 * MSS);
    before = window->cwnd;
    cr_assert_eq(wire_ignore(wire), 10);
    RECEIVE(.seq = MSS, .ack = MSS, .flags = ECE);
    cr_assert_eq(window->cwnd, before / 2);
    RECEIVE(.seq = MSS, .ack = 2 * MSS, .flags = ECE);
    cr_assert_eq(window->cwnd, before / 2);
    wire_wait(wire, 110 * MS);
    EXPECT(.seq = 2 * MSS, .ack = MSS, .length = MSS, .retransmission = true, .ecn = ECT0);
}
