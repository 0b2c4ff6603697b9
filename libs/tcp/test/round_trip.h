/* For tests of recovery: an established connection whose round trip is known. */
#ifndef TPA_TCP_TEST_ROUND_TRIP_H
#define TPA_TCP_TEST_ROUND_TRIP_H

#include "machine.h"
#include "wire.h"

#define ROUND_TRIP (20 * MS)
#define SEGMENT    1400

/* Timers go by ticks of 16 us, and deadlines are rounded up. */
#define TICK (MS / 10)

/* SRTT and the smallest round trip are ROUND_TRIP, the time-out is 100 ms. */
static inline void enter_with_round_trip(struct wire *wire)
{
    wire->peer_mss = SEGMENT + (wire->options & WIRE_TIMESTAMPS ? 12 : 0);
    wire_enter(wire, TPA_TCP_SYN_RECEIVED);
    wire_wait(wire, ROUND_TRIP);
    RECEIVE();
    EXPECT_STATE(TPA_TCP_ESTABLISHED);
    wire_expect_signals(wire, TPA_TCP_SIGNAL_ESTABLISHED, __FILE__, __LINE__);
}

/* Segments [from, from + count) are sent at once. */
static inline void send_segments(struct wire *wire, int64_t from, int64_t count)
{
    cr_assert_eq(wire_write(wire, (uint32_t)(SEGMENT * count)), SEGMENT * count);
    for (int64_t i = from; i < from + count; i++)
        EXPECT(.seq = SEGMENT * i, .length = SEGMENT);
    EXPECT_NOTHING();
}

/* clang-format off */
/* Segment number `index` comes out, for the first time or again. */
#define EXPECT_SEGMENT(index) EXPECT(.seq = SEGMENT * (index), .length = SEGMENT)
#define EXPECT_AGAIN(index) \
    EXPECT(.seq = SEGMENT * (index), .length = SEGMENT, .retransmission = true)
/* The peer has all up to segment `index`, and one block of segments behind it. */
#define RECEIVE_SACK(index, from, to) \
    RECEIVE(.ack = SEGMENT * (index), .sack_count = 1, \
            .sack = {{SEGMENT * (from), SEGMENT * (to)}})
/* clang-format on */

static inline const struct tpa_tcp_counters *counters_of(const struct wire *wire)
{
    return &wire->host.worker.counters;
}

static inline struct tpa_tcp_connection *connection_of(struct wire *wire)
{
    return &wire->host.connection;
}

#endif
