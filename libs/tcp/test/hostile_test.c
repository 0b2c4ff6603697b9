/* Hostile and awkward packets to a connection, beyond what the tests of each step have. */
#include <tpa/base/error.h>

#include "flight.h"
#include "reassembly.h"
#include "wire.h"

/* Attack 24. Blind injection with a number in the window: the ACK gives it away, so nothing of it
 * is believed, the timestamp neither. */
WIRE_TEST(blind_data, does_not_move_ts_recent)
{
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.ack = 5000, .length = 10, .timestamp = 0x60000000);
    EXPECT();
    RECEIVE(.ack = -70000, .length = 10, .timestamp = 0x60000000);
    EXPECT();
    RECEIVE(.length = 10);
    EXPECT(.ack = 10, .timestamp = wire->peer_timestamp);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_PAWS), 0);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_BAD_ACK), 1);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_OLD_ACK), 1);
}

/* Attack 24. Nor does it keep a connection alive whose peer is gone. */
WIRE_TEST(blind_data, is_no_sign_of_life)
{
    wire->host.config.keepalive = 10 * SECONDS;
    wire->host.config.keepalive_interval = 5 * SECONDS;
    wire->host.config.keepalive_probes = 2;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_wait(wire, 8 * SECONDS);
    RECEIVE(.ack = 5000);
    EXPECT();
    wire_wait(wire, 3 * SECONDS);
    EXPECT(.seq = -1); /* a keepalive, as if nothing had come */
}

/* Attack 25. The challenge ACKs of a young connection, whatever the clock shows (coarse time wraps
 * at 550 s). */
Test(challenge, is_sent_at_any_time_of_the_clock)
{
    for (uint64_t start = 0; start < 1200 * SECONDS; start += 1700 * MS) {
        static struct wire wire_memory;
        struct wire *wire = &wire_memory;

        wire_prepare(wire, 1, 1);
        wire->now = start;
        wire_enter(wire, TPA_TCP_ESTABLISHED);
        RECEIVE(.flags = TPA_TCP_SYN, .seq = 100);
        EXPECT();
        RECEIVE(.seq = -1); /* a keepalive probe */
        EXPECT();
        wire_finish(wire);
    }
}

/* The peer has used the window up and lost the first of it; its ACKs come from the window's end. */
WIRE_TEST(window, pure_acks_from_its_very_end_count)
{
    uint32_t window;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    window = wire->host.connection.rcv_adv - wire->host.connection.rcv_nxt;
    wire_write(wire, 100);
    EXPECT(.length = 100);
    RECEIVE(.seq = window, .ack = 100);
    EXPECT_NOTHING();
    cr_assert_eq(wire->host.connection.flight.una, wire_seq(wire, 100));
    /* But a reset from there is outside, and so is data. */
    RECEIVE(.flags = TPA_TCP_RST, .seq = window, .ack = 100);
    EXPECT_NOTHING();
    RECEIVE(.seq = window, .ack = 100, .length = 1);
    EXPECT(.seq = 100);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* Attack 34. The right edge moves left under data in flight. */
WIRE_TEST(window, shrinks_under_what_was_sent)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 3000);
    EXPECT(.length = 1460);
    EXPECT(.seq = 1460, .length = 1460);
    EXPECT(.seq = 2920, .length = 80);
    RECEIVE(.window = 1000);
    wire_wait(wire, 110 * MS);
    EXPECT(.length = 1000, .retransmission = true); /* SHLD-16 */
    wire_write(wire, 5000);
    EXPECT_NOTHING(); /* SHLD-15 */
    RECEIVE(.ack = 1000, .window = 1000);
    wire_ignore(wire);
    for (int i = 0; i < 10; i++) {
        wire_ignore(wire);
        RECEIVE(.ack = wire->host.connection.flight.nxt - wire_seq(wire, 0), .window = 60000);
    }
    cr_assert_eq(wire->host.connection.flight.una, wire_seq(wire, 8000));
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* Attack 38. A FIN is known: text behind it isn't taken, not even in order. */
WIRE_TEST(fin, known_before_its_text_cuts_what_goes_beyond)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100);
    EXPECT();
    RECEIVE(.length = 200);
    EXPECT(.ack = 101);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
    cr_assert_eq(wire_read(wire), 100);
    cr_assert_eq(wire_read(wire), 0);
}

/* Attack 38. */
WIRE_TEST(fin, cannot_be_moved)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 100);
    EXPECT();
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 50);
    EXPECT();
    RECEIVE(.flags = TPA_TCP_FIN, .seq = 500, .length = 10);
    wire_ignore(wire);
    RECEIVE(.length = 60);
    EXPECT(.ack = 60);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 60, .length = 40);
    EXPECT(.ack = 101);
    EXPECT_STATE(TPA_TCP_CLOSE_WAIT);
}

/* Attacks 37 and 38. A duplicate of the FIN with wrong numbers doesn't prolong TIME-WAIT for ever.
 */
WIRE_TEST(fin, elsewhere_does_not_prolong_time_wait)
{
    wire_enter(wire, TPA_TCP_TIME_WAIT);
    for (int i = 0; i < 13; i++) {
        wire_wait(wire, 5 * SECONDS);
        if (tpa_tcp_connection_state(&wire->host.connection) == TPA_TCP_CLOSED)
            break;
        RECEIVE(.flags = TPA_TCP_FIN, .seq = -1000, .ack = 1);
        EXPECT(.seq = 1, .ack = 1);
    }
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* Attack 50. Idle keepalives before it: the retransmissions of new data are counted from none.
 */
WIRE_TEST(retransmission, is_not_counted_with_keepalives)
{
    wire->host.config.keepalive = 10 * SECONDS;
    wire->host.config.keepalive_interval = 5 * SECONDS;
    wire->host.config.retries = 3;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_wait(wire, 21 * SECONDS);
    cr_assert_eq(wire_ignore(wire), 3);
    wire_write(wire, 10);
    EXPECT(.length = 10);
    for (unsigned int i = 0; i < 3; i++) {
        wire_wait(wire, 101 * MS << i);
        EXPECT(.length = 10, .retransmission = true);
    }
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    wire_wait(wire, 810 * MS);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* RFC 6298 section 5.7. */
WIRE_TEST(retransmission, time_is_three_seconds_after_a_lost_syn)
{
    wire->active = true;
    wire_enter(wire, TPA_TCP_SYN_SENT);
    wire_wait(wire, 1010 * MS);
    EXPECT(.flags = TPA_TCP_SYN, .seq = -1, .no_ack = true, .retransmission = true);
    RECEIVE(.flags = TPA_TCP_SYN, .seq = -1);
    EXPECT();
    wire_write(wire, 10);
    EXPECT(.length = 10);
    wire_wait(wire, 2900 * MS);
    EXPECT_NOTHING();
    wire_wait(wire, 200 * MS);
    EXPECT(.length = 10, .retransmission = true);
}

/* RFC 6582 section 3.2, step 3: the first partial ACK restarts the timer, the next ones don't. */
WIRE_TEST(retransmission, timer_is_restarted_by_the_first_partial_ack)
{
    uint32_t at_entry, after_first;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 8 * 1460);
    cr_assert_eq(wire_ignore(wire), 8);
    for (int i = 0; i < 3; i++)
        RECEIVE();
    cr_assert_geq(wire_ignore(wire), 1);
    at_entry = wire->host.connection.retransmit_deadline;
    wire_wait(wire, 20 * MS);
    RECEIVE(.ack = 2 * 1460);
    wire_ignore(wire);
    after_first = wire->host.connection.retransmit_deadline;
    cr_assert_neq(after_first, at_entry);
    wire_wait(wire, 20 * MS);
    RECEIVE(.ack = 4 * 1460);
    wire_ignore(wire);
    cr_assert_eq(wire->host.connection.retransmit_deadline, after_first);
}

/* Attack 31. A thousand duplicate ACKs without a loss. */
WIRE_TEST(duplicate_acks, send_no_more_than_the_window)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 65000);
    wire_write(wire, 65000);
    for (int i = 0; i < 1000; i++) {
        wire_ignore(wire);
        RECEIVE();
    }
    wire_ignore(wire);
    cr_assert_leq(tpa_tcp_flight_outstanding(&wire->host.connection.flight), WIRE_PEER_WINDOW);
    cr_assert_leq(wire->host.connection.window.cwnd, 10 * 1460);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* Attack 10. Small segments, and SACK for every other one, again and again. */
WIRE_TEST(sack_panic, work_and_memory_are_bounded)
{
    wire->options = WIRE_SACK;
    wire->peer_mss = 1; /* raised to the lowest we accept */
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 60000);
    for (int64_t i = 0; i < 7000; i++) {
        wire_ignore(wire);
        RECEIVE(.sack_count = 1, .sack = {{8 * i % 2000 + 1, 8 * i % 2000 + 5}});
        cr_assert_leq(tpa_tcp_flight_range_count(&wire->host.connection.flight),
                      TPA_TCP_FLIGHT_RANGES_MAX + 16);
    }
    wire_ignore(wire);
    wire_wait(wire, 3 * SECONDS);
    wire_ignore(wire);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
}

/* Attack 12. Every other byte, far more of them than a connection may hold. */
WIRE_TEST(segment_smack, work_and_memory_are_bounded)
{
    const struct tpa_mem_budget *budget = &wire->host.worker.receive_budget;

    wire->options = WIRE_SACK;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 1; i < 60000; i += 8) {
        RECEIVE(.seq = i, .length = 1);
        cr_assert_eq(wire_ignore(wire), 1);
        cr_assert_leq(budget->used, (uint64_t)TPA_TCP_REASSEMBLY_RANGES_MAX *
                                        tpa_mem_pool_buffer_size(wire->host.pool));
    }
    /* What is in order goes on. */
    RECEIVE(.length = 1000);
    wire_ignore(wire);
    RECEIVE(.seq = 1000, .length = 1000);
    wire_ignore(wire);
    cr_assert_eq(wire_read(wire), 2000);
}

/* Attack 13. A byte in each packet, and a reader that doesn't read. */
WIRE_TEST(pinning, single_bytes_do_not_pin_a_buffer_each)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int64_t i = 0; i < 5000; i++)
        RECEIVE(.seq = i, .length = 1), wire_ignore(wire);
    wire_wait(wire, 10 * MS);
    wire_ignore(wire);
    cr_assert_leq(wire->host.worker.receive_budget.used,
                  8 * (uint64_t)tpa_mem_pool_buffer_size(wire->host.pool));
    cr_assert_eq(wire_read(wire), 5000);
}

/* Attack 12. Memory for what is out of order is given up for what is in order. */
WIRE_TEST(memory, in_order_data_comes_before_what_is_out_of_order)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 3000, .length = 1000);
    wire_ignore(wire);
    RECEIVE(.seq = 5000, .length = 1000);
    wire_ignore(wire);
    wire->host.worker.receive_budget.limit = wire->host.worker.receive_budget.used;
    RECEIVE(.length = 1000);
    wire_ignore(wire);
    cr_assert_eq(wire_read(wire), 1000);
    cr_assert_eq(tpa_tcp_reassembly_range_count(&wire->host.connection.reassembly), 1);
}

/* Attack 41. Forged, or of an old router. */
WIRE_TEST(path_mtu, is_believed_only_for_what_is_outstanding)
{
    struct tpa_tcp_worker *worker = &wire->host.worker;
    struct tpa_tcp_connection *connection = &wire->host.connection;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    cr_assert_not(tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 0), 1000, wire->now));
    wire_write(wire, 1460);
    EXPECT(.length = 1460);
    cr_assert_not(
        tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 1460), 1000, wire->now));
    cr_assert_not(
        tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, -1), 1000, wire->now));
    cr_assert_not(tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 0), 1500, wire->now));
    cr_assert_eq(connection->window.mss, 1460);
    cr_assert(tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 0), 1000, wire->now));
    wire_send(wire);
    EXPECT(.length = 960, .retransmission = true);
    EXPECT(.seq = 960, .length = 500, .retransmission = true);
    cr_assert(tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 0), 68, wire->now));
    cr_assert_geq(connection->window.mss, wire->host.config.mss_min);
    wire_send(wire);
    wire_ignore(wire);
    cr_assert_not(tpa_tcp_path_mtu_changed(worker, connection, wire_seq(wire, 0), 0, wire->now));
    RECEIVE(.ack = 1460);
}

/* Attack 42. */
WIRE_TEST(unreachable, is_only_a_reason_where_the_connection_times_out)
{
    wire->host.config.retries = 2;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 10);
    EXPECT(.length = 10);
    tpa_tcp_unreachable(&wire->host.worker, &wire->host.connection, wire_seq(wire, 0), true,
                        wire->now);
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    wire_wait(wire, 101 * MS);
    EXPECT(.length = 10, .retransmission = true);
    wire_wait(wire, 202 * MS);
    EXPECT(.length = 10, .retransmission = true);
    wire_wait(wire, 410 * MS);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_EUNREACHABLE);
}

/* Attack 42. */
WIRE_TEST(unreachable, hard_refuses_an_open)
{
    wire->active = true;
    wire_enter(wire, TPA_TCP_SYN_SENT);
    tpa_tcp_unreachable(&wire->host.worker, &wire->host.connection, wire_seq(wire, 5), true,
                        wire->now); /* of something else */
    EXPECT_STATE(TPA_TCP_SYN_SENT);
    tpa_tcp_unreachable(&wire->host.worker, &wire->host.connection, wire_seq(wire, -1), true,
                        wire->now);
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), TPA_EREFUSED);
}
