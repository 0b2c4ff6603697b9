/* Loss and its repair: RFC 5681, RFC 6298, RFC 6582 (NewReno), RFC 6675 (SACK), RFC 3042. */
#include <tpa/base/error.h>

#include "machine.h"
#include "wire.h"

/* `count` segments are outstanding, the first of which starts at `from`. */
static void send_segments(struct wire *wire, int64_t from, int64_t count)
{
    cr_assert_eq(wire_write(wire, (uint32_t)(1460 * count)), 1460 * count);
    for (int64_t i = 0; i < count; i++)
        EXPECT(.seq = from + 1460 * i, .length = 1460);
    EXPECT_NOTHING();
}

static const struct tpa_tcp_window *window_of(const struct wire *wire)
{
    return &wire->host.connection.window;
}

static uint32_t pipe_of(const struct wire *wire)
{
    return tpa_tcp_flight_pipe(&wire->host.connection.flight);
}

/* RFC 5681 section 3.2; RFC 3042: the first two duplicates let a new segment go each. */
WIRE_TEST(newreno, third_duplicate_sends_again)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    cr_assert_eq(wire_write(wire, 14600), 14600);
    RECEIVE();
    EXPECT(.seq = 14600, .length = 1460);
    RECEIVE();
    EXPECT(.seq = 16060, .length = 1460);
    RECEIVE();
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    cr_assert_eq(wire->host.worker.counters.fast_retransmits, 1);
    /* RFC 5681 section 3.2, step 2: without what limited transmit has sent. */
    cr_assert_eq(window_of(wire)->ssthresh, 10 * 1460 / 2);
}

/* RFC 6582: one loss, all repaired by one retransmission, and the window is half. */
WIRE_TEST(newreno, full_acknowledgement_ends_recovery)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE();
    RECEIVE();
    RECEIVE();
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    for (int i = 0; i < 6; i++)
        RECEIVE();
    EXPECT_NOTHING();
    RECEIVE(.ack = 14600);
    cr_assert_eq(wire->host.connection.recovery, TPA_TCP_RECOVERY_NONE);
    cr_assert_leq(window_of(wire)->cwnd, 5 * 1460);
    cr_assert_eq(wire->host.connection.retransmit_deadline, 0);
}

WIRE_TEST(newreno, partial_acknowledgement_sends_the_next_hole)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE();
    RECEIVE();
    RECEIVE();
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 4380);
    EXPECT(.seq = 4380, .length = 1460, .retransmission = true);
    cr_assert_eq(wire->host.connection.recovery, TPA_TCP_RECOVERY_FAST);
    RECEIVE(.ack = 7300);
    EXPECT(.seq = 7300, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.worker.counters.fast_retransmits, 1);
}

/* While duplicates come the window slides on: half of them let new data go. */
WIRE_TEST(newreno, sends_new_data_in_recovery)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    wire_write(wire, 14600);
    RECEIVE();
    cr_assert_eq(wire_ignore(wire), 1);
    RECEIVE();
    cr_assert_eq(wire_ignore(wire), 1);
    RECEIVE();
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    for (int i = 0; i < 9; i++) {
        RECEIVE();
        wire_ignore(wire);
    }
    cr_assert_leq(pipe_of(wire), window_of(wire)->cwnd);
    cr_assert(tpa_base_seq_gt(wire->host.connection.flight.nxt, wire_seq(wire, 17520)));
}

/* RFC 5681 section 2 says what a duplicate is not. */
WIRE_TEST(duplicate, data_and_window_updates_are_none)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 4);
    for (int64_t i = 0; i < 4; i++) {
        RECEIVE(.seq = 100 * i, .length = 100);
        EXPECT(.seq = 5840, .ack = 100 * (i + 1));
    }
    for (uint32_t i = 0; i < 4; i++)
        RECEIVE(.seq = 400, .window = 60000 + i);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.connection.duplicate_acks, 0);
}

WIRE_TEST(duplicate, nothing_is_outstanding)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int i = 0; i < 5; i++)
        RECEIVE();
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.worker.counters.fast_retransmits, 0);
}

/* RFC 6298 section 5; the window is one segment and grows from there. */
WIRE_TEST(timeout, sends_the_first_segment_again)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    wire_wait(wire, 99 * MS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    cr_assert_eq(window_of(wire)->cwnd, 1460);
    cr_assert_eq(window_of(wire)->ssthresh, 5 * 1460);
    RECEIVE(.ack = 1460);
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
    EXPECT(.seq = 2920, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.worker.counters.retransmission_timeouts, 1);
}

/* RFC 6298 section 5.5, MUST-19; R1 and R2 (MUST-20, SHLD-10). */
WIRE_TEST(timeout, backs_off_and_gives_up)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 1);
    for (unsigned int i = 0; i < 7; i++) {
        wire_wait(wire, (100 * MS << i) - MS);
        EXPECT_NOTHING();
        wire_wait(wire, MS + 100000);
        EXPECT(.seq = 0, .length = 1460, .retransmission = true);
        wire->now -= 100000;
        EXPECT_SIGNALS(i >= 2 ? TPA_TCP_SIGNAL_SUSPECT : 0);
    }
    wire_wait(wire, 12801 * MS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(wire_write(wire, 1), TPA_ETIMEDOUT);
    cr_assert_eq(wire->host.copied, 0, "the completion came");
}

/* RFC 5681 section 3.1: ssthresh is not halved by each time-out of one segment. */
WIRE_TEST(timeout, repeated_keeps_ssthresh)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    wire_wait(wire, 101 * MS);
    wire_ignore(wire);
    wire_wait(wire, 201 * MS);
    wire_ignore(wire);
    cr_assert_eq(window_of(wire)->ssthresh, 5 * 1460);
}

/* Karn's algorithm (MUST-18): what was sent twice gives no sample, and the RTO stays backed off. */
WIRE_TEST(timeout, ambiguous_acknowledgement_is_no_sample)
{
    uint64_t backed_off;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 1);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    backed_off = tpa_tcp_rto(&wire->host.worker, &wire->host.connection);
    wire_wait(wire, 50 * MS);
    RECEIVE(.ack = 1460);
    cr_assert_eq(tpa_tcp_rto(&wire->host.worker, &wire->host.connection), backed_off);
    send_segments(wire, 1460, 1);
    RECEIVE(.ack = 2920);
    cr_assert_eq(tpa_tcp_rto(&wire->host.worker, &wire->host.connection), backed_off / 2);
}

/* A timestamp's echo tells which transmission was acknowledged: the back-off is over. */
WIRE_TEST(timeout, echo_ends_the_back_off)
{
    wire->options = WIRE_TIMESTAMPS;
    wire->peer_mss = 1472;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1000);
    EXPECT(.seq = 0, .length = 1000);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1000, .retransmission = true);
    RECEIVE(.ack = 1000);
    cr_assert_eq(wire->host.connection.rtt.backoff, 0);
}

/* RFC 6298 section 5.3: each acknowledgement of new data restarts the timer. */
WIRE_TEST(timeout, is_restarted_by_progress)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 5);
    wire_wait(wire, 90 * MS);
    RECEIVE(.ack = 1460);
    wire_wait(wire, 90 * MS);
    EXPECT_NOTHING();
}

/* RFC 7765 section 4: where too few segments are outstanding for three duplicates, and none waits
 * to be sent, the time counts from when the first was sent. */
WIRE_TEST(timeout, of_the_last_segments_counts_from_their_sending)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 4);
    wire_wait(wire, 90 * MS);
    RECEIVE(.ack = 1460);
    wire_wait(wire, tpa_tcp_rto(&wire->host.worker, &wire->host.connection) - 91 * MS);
    EXPECT_NOTHING();
    wire_wait(wire, 2 * MS);
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
}

/* RFC 6582 section 3.2, step 1: the echo of go-back-N is no loss. */
WIRE_TEST(timeout, duplicates_of_its_retransmissions_are_no_loss)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 4);
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 5840);
    send_segments(wire, 5840, 2);
    RECEIVE(.ack = 5840);
    RECEIVE(.ack = 5840);
    RECEIVE(.ack = 5840);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.worker.counters.fast_retransmits, 0);
}

/* RFC 6675 section 5, (4.3): the first loss goes at once, however full the pipe. */
WIRE_TEST(sack, three_segments_above_a_hole_are_a_loss)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE(.sack_count = 1, .sack = {{1460, 2920}});
    RECEIVE(.sack_count = 1, .sack = {{1460, 4380}});
    EXPECT_NOTHING();
    RECEIVE(.sack_count = 1, .sack = {{1460, 5840}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    cr_assert_eq(window_of(wire)->ssthresh, 5 * 1460);
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.connection.recovery, TPA_TCP_RECOVERY_NONE);
}

/* One ACK may tell as much as three. */
WIRE_TEST(sack, one_acknowledgement_may_tell_enough)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE(.sack_count = 1, .sack = {{1460, 5840}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
}

WIRE_TEST(sack, holes_are_filled_as_the_pipe_allows)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    /* 1, 3 and 5 of ten are lost; 6 to 8 have arrived. */
    RECEIVE(.ack = 1460, .sack_count = 3, .sack = {{8760, 13140}, {2920, 4380}, {5840, 7300}});
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
    EXPECT(.seq = 4380, .length = 1460, .retransmission = true);
    EXPECT(.seq = 7300, .length = 1460, .retransmission = true);
    EXPECT_NOTHING();
    cr_assert_leq(pipe_of(wire), window_of(wire)->cwnd);
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
}

/* RFC 6675 section 4, NextSeg() (3): with nothing new to send, what is below the highest SACKed
 * byte and not surely lost. */
WIRE_TEST(sack, doubtful_segments_go_when_nothing_else_may)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE(.sack_count = 1, .sack = {{1460, 5840}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    EXPECT_NOTHING();
    RECEIVE(.sack_count = 2, .sack = {{7300, 8760}, {1460, 5840}});
    EXPECT(.seq = 5840, .length = 1460, .retransmission = true);
    EXPECT_NOTHING();
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
}

/* NextSeg() (4), RFC 6675 section 4: the last segment goes again, so that there is an answer that
 * tells of the tail. */
WIRE_TEST(sack, rescue_goes_once)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    RECEIVE(.sack_count = 1, .sack = {{1460, 10220}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    EXPECT(.seq = 13140, .length = 1460, .retransmission = true);
    EXPECT_NOTHING();
    RECEIVE(.ack = 10220);
    EXPECT_NOTHING();
    RECEIVE(.ack = 14600);
    EXPECT_NOTHING();
}

/* RFC 3042 with SACK: what has left the network makes room before any loss is known. */
WIRE_TEST(sack, limited_transmit)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 10);
    wire_write(wire, 14600);
    EXPECT_NOTHING();
    RECEIVE(.sack_count = 1, .sack = {{1460, 2920}});
    EXPECT(.seq = 14600, .length = 1460);
}

/* RFC 2018 section 8: the receiver may have dropped what it had reported. */
WIRE_TEST(sack, timeout_forgets_what_was_reported)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 3);
    RECEIVE(.sack_count = 1, .sack = {{1460, 4380}});
    wire_wait(wire, 101 * MS);
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 1460);
    EXPECT(.seq = 1460, .length = 1460, .retransmission = true);
    EXPECT(.seq = 2920, .length = 1460, .retransmission = true);
}

/* NextSeg() (2): what is new goes before what is doubtful. */
WIRE_TEST(sack, new_segment_goes_before_a_doubtful_one)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 6);
    RECEIVE(.sack_count = 1, .sack = {{1460, 5840}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    wire_write(wire, 1460);
    RECEIVE(.sack_count = 2, .sack = {{7300, 8760}, {1460, 5840}});
    EXPECT(.seq = 8760, .length = 1460);
    RECEIVE(.ack = 10220);
}

/* NextSeg() (4): a partial acknowledgement without blocks may be what makes the room. */
WIRE_TEST(sack, rescue_goes_on_a_partial_acknowledgement)
{
    wire->options = WIRE_SACK;
    wire->host.config.rack = false;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 6);
    RECEIVE(.sack_count = 1, .sack = {{1460, 5840}});
    EXPECT(.seq = 0, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 5840);
    EXPECT(.seq = 7300, .length = 1460, .retransmission = true);
    RECEIVE(.ack = 7300);
    EXPECT_NOTHING();
    RECEIVE(.ack = 8760);
    cr_assert_eq(wire->host.connection.recovery, TPA_TCP_RECOVERY_NONE);
}

/* Attack 8. Blocks that make no sense change nothing. */
WIRE_TEST(sack, nonsense_is_ignored)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 5);
    for (int i = 0; i < 4; i++) {
        RECEIVE(.sack_count = 1, .sack = {{2920, 1460}});
        RECEIVE(.sack_count = 1, .sack = {{7300, 14600}});
        RECEIVE(.sack_count = 1, .sack = {{1460, 1460}});
        RECEIVE(.sack_count = 2, .sack = {{-100000, 1460}, {1460, 100000}});
    }
    EXPECT_NOTHING();
    cr_assert_eq(pipe_of(wire), 5 * 1460);
}

/* Attack 9. Blocks without the permission to send them. */
WIRE_TEST(sack, is_ignored_when_not_agreed)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 5);
    RECEIVE(.sack_count = 1, .sack = {{1460, 7300}});
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.connection.flight.sacked, 0);
}

/* Attack 31. Spoofed duplicates slide the window on, but never open it: each stands for one segment
 * that is outstanding, and cwnd stays what the loss made it. */
WIRE_TEST(newreno, many_duplicates_do_not_open_the_window)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 4);
    wire_write(wire, 60000);
    wire_ignore(wire);
    for (int i = 0; i < 1000; i++) {
        RECEIVE();
        cr_assert_leq(wire_ignore(wire), 2);
        cr_assert_leq(window_of(wire)->cwnd, 14600);
        cr_assert_leq(tpa_tcp_flight_outstanding(&wire->host.connection.flight), 65535);
    }
    RECEIVE(.ack = 1460);
    wire_ignore(wire);
    cr_assert_leq(pipe_of(wire), window_of(wire)->cwnd + 1460);
}

/* Attack 47. After a stall the acknowledgements that waited are seen before the timers. */
WIRE_TEST(stall, is_no_loss)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 4);
    wire->now += SECONDS;
    RECEIVE(.ack = 5840);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.worker.counters.retransmission_timeouts, 0);
}

WIRE_TEST(fin, lost_is_found_by_duplicates)
{
    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    send_segments(wire, 0, 1);
    tpa_tcp_shutdown(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 1460);
    RECEIVE(.ack = 1460);
    wire_wait(wire, 101 * MS);
    EXPECT(.flags = TPA_TCP_FIN, .seq = 1460, .retransmission = true);
    RECEIVE(.ack = 1461);
    EXPECT_STATE(TPA_TCP_FIN_WAIT_2);
}
