/* The first five checks of RFC 9293 3.10.7.4 on synchronized connections: sequence number and
 * timestamp, RST, SYN, ACK; with RFC 5961 and RFC 7323. */
#include <tpa/base/error.h>

#include "wire.h"

static const enum tpa_tcp_state synchronized[] = {
    TPA_TCP_ESTABLISHED, TPA_TCP_FIN_WAIT_1, TPA_TCP_FIN_WAIT_2, TPA_TCP_CLOSE_WAIT,
    TPA_TCP_CLOSING,     TPA_TCP_LAST_ACK,   TPA_TCP_TIME_WAIT,
};

static uint64_t challenges(const struct wire *wire)
{
    return wire->host.worker.counters.challenge_acks;
}

/* What the connection has sent and received when it is in `state`: a FIN each, perhaps. */
static int64_t sent_in(enum tpa_tcp_state state)
{
    return state == TPA_TCP_ESTABLISHED || state == TPA_TCP_CLOSE_WAIT ? 0 : 1;
}

static int64_t received_in(enum tpa_tcp_state state)
{
    return state == TPA_TCP_ESTABLISHED || state == TPA_TCP_FIN_WAIT_1 ||
                   state == TPA_TCP_FIN_WAIT_2
               ? 0
               : 1;
}

/* For tests of each synchronized state: `state` and what is next in both streams. */
#define IN_EACH_STATE(suite, name)                                                             \
    static void suite##_##name##_in(struct wire *wire, enum tpa_tcp_state state, int64_t sent, \
                                    int64_t received);                                         \
    Test(suite, name)                                                                          \
    {                                                                                          \
        for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(synchronized); i++) {                       \
            static struct wire wire;                                                           \
                                                                                               \
            wire_prepare(&wire, UINT32_MAX - 1, UINT32_MAX);                                   \
            wire_enter(&wire, synchronized[i]);                                                \
            suite##_##name##_in(&wire, synchronized[i], sent_in(synchronized[i]),              \
                                received_in(synchronized[i]));                                 \
            wire_finish(&wire);                                                                \
        }                                                                                      \
    }                                                                                          \
    static void suite##_##name##_in(struct wire *wire, enum tpa_tcp_state state, int64_t sent, \
                                    int64_t received)

IN_EACH_STATE(sequence, beyond_the_window_is_answered_and_dropped)
{
    RECEIVE(.seq = received + 70000, .ack = sent, .length = 10);
    EXPECT(.seq = sent, .ack = received);
    EXPECT_STATE(state);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_OUT_OF_WINDOW), 1);
}

IN_EACH_STATE(sequence, before_the_window_is_answered_and_dropped)
{
    RECEIVE(.seq = received - 10, .ack = sent, .length = 10);
    EXPECT(.seq = sent, .ack = received);
    EXPECT_STATE(state);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_DUPLICATE), 1);
}

/* Attack 26. Two ends that disagree don't go on for ever. */
WIRE_TEST(sequence, stray_acks_are_answered_now_and_then)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = -5);
    EXPECT();
    for (int i = 0; i < 20; i++)
        RECEIVE(.seq = -5);
    EXPECT_NOTHING();
    wire_wait(wire, 510 * MS);
    RECEIVE(.seq = -5);
    EXPECT();
}

WIRE_TEST(sequence, overlap_with_old_data_is_trimmed)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100);
    RECEIVE(.seq = 40, .length = 100);
    EXPECT(.ack = 140);
    cr_assert_eq(wire_read(wire), 140);
}

WIRE_TEST(sequence, overlap_with_the_windows_end_is_trimmed)
{
    wire->host.config.receive_buffer = 1000;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 1400);
    EXPECT(.ack = 1000, .zero_window = true);
    cr_assert_eq(wire_read(wire), 1000);
    EXPECT(.ack = 1000, .window = 1000);
}

/* Attack 22. RFC 5961 section 3: a blind reset has to be exact, and nobody is told what would be.
 */
WIRE_TEST(reset, exact_ends_the_connection)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true);
    EXPECT_STATE(TPA_TCP_CLOSED);
    EXPECT_SIGNALS(TPA_TCP_SIGNAL_ERROR | TPA_TCP_SIGNAL_CLOSED);
    cr_assert_eq(wire_write(wire, 1), TPA_ERESET);
    cr_assert_eq(wire_read(wire), TPA_ERESET);
    cr_assert_eq(wire->host.worker.counters.resets_in, 1);
}

/* Attack 22. */
WIRE_TEST(reset, in_the_window_is_challenged)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = 1);
    EXPECT();
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = 65000);
    EXPECT();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_eq(challenges(wire), 2);
}

/* Attack 22. */
WIRE_TEST(reset, outside_the_window_is_ignored)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = -1);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = 65536);
    EXPECT_NOTHING();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_RST_IGNORED), 2);
}

/* MUST-66. */
WIRE_TEST(reset, is_processed_with_a_closed_window)
{
    wire->host.config.receive_buffer = 100;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100, .zero_window = true);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = 100);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* What was received before the reset can still be read, then comes the error. */
WIRE_TEST(reset, leaves_received_data)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 100);
    EXPECT(.ack = 100);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = 100);
    cr_assert_eq(wire_read(wire), 100);
    cr_assert_eq(wire_read(wire), TPA_ERESET);
}

/* Attack 22. */
IN_EACH_STATE(reset, is_exact)
{
    bool orderly = state == TPA_TCP_CLOSING || state == TPA_TCP_LAST_ACK;

    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .seq = received);
    if (state == TPA_TCP_TIME_WAIT) { /* RFC 1337 */
        EXPECT_STATE(TPA_TCP_TIME_WAIT);
        return;
    }
    EXPECT_STATE(TPA_TCP_CLOSED);
    cr_assert_eq(tpa_tcp_connection_error(&wire->host.connection), orderly ? TPA_OK : TPA_ERESET);
    (void)sent;
}

/* Attack 23. RFC 5961 section 4: a blind SYN. */
IN_EACH_STATE(syn, is_challenged_wherever_it_lies)
{
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = received + 5);
    EXPECT(.seq = sent, .ack = received);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = received + 1000000);
    EXPECT(.seq = sent, .ack = received);
    RECEIVE(.flags = TPA_TCP_SYN, .ack = sent, .seq = -1);
    EXPECT(.seq = sent, .ack = received);
    EXPECT_STATE(state);
    cr_assert_eq(challenges(wire), 3);
}

/* Attack 25. RFC 5961 section 7: limited, and the limit is each connection's own. */
WIRE_TEST(challenge, is_limited)
{
    unsigned int answered;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (int i = 0; i < 100; i++) {
        wire_hold(wire);
        RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = 5);
        wire_go_on(wire);
        wire_ignore(wire);
    }
    answered = (unsigned int)challenges(wire);
    cr_assert_geq(answered, 8);
    cr_assert_leq(answered, 15);
    wire_wait(wire, 5100 * MS);
    RECEIVE(.flags = TPA_TCP_SYN, .no_ack = true, .seq = 5);
    EXPECT();
}

IN_EACH_STATE(ack, missing_is_dropped)
{
    RECEIVE(.seq = received, .no_ack = true, .length = 5);
    EXPECT_NOTHING();
    EXPECT_STATE(state);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_NO_ACK), 1);
    (void)sent;
}

/* Attacks 24 and 29. RFC 5961 section 5: blind data. */
IN_EACH_STATE(ack, of_what_was_never_sent_is_challenged)
{
    RECEIVE(.seq = received, .ack = sent + 1, .length = 5);
    EXPECT(.seq = sent, .ack = received);
    EXPECT_STATE(state);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_BAD_ACK), 1);
}

/* Attack 24. */
IN_EACH_STATE(ack, older_than_any_window_is_challenged)
{
    RECEIVE(.seq = received, .ack = sent - 70000, .length = 5);
    EXPECT(.seq = sent, .ack = received);
    EXPECT_STATE(state);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_OLD_ACK), 1);
}

WIRE_TEST(ack, old_one_with_data_is_taken)
{
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 100);
    EXPECT(.seq = 0, .length = 100);
    RECEIVE(.ack = 100);
    RECEIVE(.ack = 50, .length = 10);
    EXPECT(.seq = 100, .ack = 10);
}

/* Attack 40. RFC 7323 section 5. */
WIRE_TEST(paws, older_timestamp_is_answered_and_dropped)
{
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 10, .timestamp = wire->peer_timestamp + 100);
    EXPECT(.ack = 10, .timestamp = wire->peer_timestamp + 100);
    RECEIVE(.seq = 10, .length = 10, .timestamp = wire->peer_timestamp + 99);
    EXPECT(.ack = 10);
    RECEIVE(.seq = 10, .length = 10, .timestamp = wire->peer_timestamp + 100 - 0x7fffffff);
    EXPECT(.ack = 10);
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_PAWS), 2);
    RECEIVE(.seq = 10, .length = 10, .timestamp = wire->peer_timestamp + 100);
    EXPECT(.ack = 20);
}

/* Attack 40. */
WIRE_TEST(paws, missing_timestamp_is_dropped)
{
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.length = 10, .no_timestamp = true);
    EXPECT_NOTHING();
    cr_assert_eq(wire_dropped(wire, TPA_BASE_DROP_TCP_NO_TIMESTAMP), 1);
}

/* Attack 40. */
WIRE_TEST(paws, reset_needs_no_timestamp)
{
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.flags = TPA_TCP_RST, .no_ack = true, .no_timestamp = true);
    EXPECT_STATE(TPA_TCP_CLOSED);
}

/* Attack 40. RFC 7323 section 5.5. */
WIRE_TEST(paws, timestamp_is_forgotten_after_24_days)
{
    uint32_t old;

    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    old = wire->peer_timestamp;
    wire_wait(wire, 23 * 24 * 3600 * SECONDS);
    RECEIVE(.length = 10, .timestamp = old - 1);
    EXPECT(.ack = 0);
    wire_wait(wire, 2 * 24 * 3600 * SECONDS);
    RECEIVE(.length = 10, .timestamp = old - 1);
    EXPECT(.ack = 10, .timestamp = old - 1);
}

/* RFC 7323 section 4.3: the echo is of the segment that made the last ACK advance. */
WIRE_TEST(timestamps, echo_the_earliest_unacknowledged)
{
    uint32_t first;

    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_no_quick_acks(wire);
    first = wire->peer_timestamp + 1;
    RECEIVE(.length = 600, .timestamp = first);
    RECEIVE(.seq = 600, .length = 600, .timestamp = first + 7);
    EXPECT(.ack = 1200, .timestamp = first);
}

WIRE_TEST(timestamps, of_out_of_order_segments_are_not_echoed)
{
    wire->options = WIRE_TIMESTAMPS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    RECEIVE(.seq = 600, .length = 600, .timestamp = wire->peer_timestamp + 7);
    EXPECT(.ack = 0, .timestamp = wire->peer_timestamp);
    RECEIVE(.length = 600, .timestamp = wire->peer_timestamp + 9);
    EXPECT(.ack = 1200, .timestamp = wire->peer_timestamp + 9);
}

/* Attack 7. No state is harmed by it, no byte is lost or added. */
WIRE_TEST(urgent, is_in_line)
{
    static const uint16_t pointers[] = {0, 1, 9, 10, 11, 0xffff};
    int64_t received = 0;

    wire_enter(wire, TPA_TCP_ESTABLISHED);
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(pointers); i++) {
        RECEIVE(.flags = TPA_TCP_URG, .urgent = pointers[i], .seq = received, .length = 10);
        received += 10;
        EXPECT(.ack = received);
    }
    RECEIVE(.flags = TPA_TCP_URG, .urgent = 5, .seq = received);
    EXPECT_NOTHING();
    cr_assert_eq(wire_read(wire), received);
}

/* Attack 7. */
IN_EACH_STATE(urgent, harms_no_state)
{
    RECEIVE(.flags = TPA_TCP_URG, .urgent = 0xffff, .seq = received);
    EXPECT_NOTHING();
    EXPECT_STATE(state);
    (void)sent;
}
