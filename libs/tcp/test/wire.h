/*
 * The vocabulary of packet tests: one connection, whose peer is the test.
 *
 *     WIRE_TEST(suite, name)
 *     {
 *         wire_enter(wire, TPA_TCP_ESTABLISHED);
 *         RECEIVE(.seq = 0, .length = 100);
 *         EXPECT(.ack = 100);
 *         EXPECT_NOTHING();
 *     }
 *
 * Sequence numbers are those of the two byte streams: 0 is the first byte behind the SYN, the SYN
 * is -1. What isn't given is the template's: flags ACK, all numbers 0, the peer's window 65,535.
 * The test runs once for each of some hundred pairs of ISNs, nearly all of which wrap inside it.
 * What comes out has to be expected: anything else fails the next RECEIVE, wire_wait or the end of
 * the test.
 */
#ifndef TPA_TCP_TEST_WIRE_H
#define TPA_TCP_TEST_WIRE_H

#include <criterion/criterion.h>

#include "host.h"

#define WIRE_PEER_MSS    1460
#define WIRE_PEER_WINDOW 65535
#define WIRE_SENT_MAX    512

enum wire_option {
    WIRE_TIMESTAMPS = 1 << 0,
    WIRE_SACK = 1 << 1,
    WIRE_WINDOW_SCALE = 1 << 2, /* the peer's shift is peer_scale */
    WIRE_ECN = 1 << 3,          /* both ask for it; else the peer doesn't agree to it */
};

#define WIRE_PEER_SCALE 2

struct wire {
    struct host host;
    uint64_t now;
    uint32_t iss; /* of the connection */
    uint32_t irs; /* of the test */
    uint32_t options;
    bool active;       /* wire_enter opens actively; SYN-RECEIVED is then that of both ends */
    uint16_t peer_mss; /* in the peer's SYN; 0 = none */
    uint16_t peer_window;
    uint8_t peer_scale;                   /* shift in the peer's SYN */
    uint32_t timestamp;                   /* the connection's, as last seen */
    uint32_t peer_timestamp;              /* the peer's next */
    struct rte_mbuf *sent[WIRE_SENT_MAX]; /* came out and was not expected yet */
    unsigned int sent_first, sent_count;
    bool holding;  /* the connection has no turn to send */
    bool entering; /* wire_enter is at work, for any congestion control */
};

/* A segment, given or expected. */
struct wire_segment {
    int64_t seq;
    int64_t ack;
    uint32_t length;
    uint32_t window;  /* 0 = given: the template's; expected: any */
    uint8_t flags;    /* on top of ACK; PSH is not compared */
    bool no_ack;      /* without ACK */
    bool zero_window; /* the window is 0 */
    bool no_timestamp;
    bool retransmission; /* expected: is noted as one */
    bool super_frame;    /* expected: for the port to segment */
    bool stray;          /* expected: of no connection */
    uint8_t ecn;         /* of the IP header: the codepoint */
    uint16_t urgent;
    uint16_t mss;
    uint32_t timestamp; /* given: TSval; expected: TSecr; 0 = the template's, any */
    unsigned int sack_count;
    struct {
        int64_t left, right;
    } sack[4];
    const char *file;
    int line;
};

void wire_prepare(struct wire *wire, uint32_t iss, uint32_t irs);
void wire_finish(struct wire *wire);

/* Starts the host and leads its connection to a state, by the segments that lead there. Nothing
 * remains to be sent or expected. */
void wire_enter(struct wire *wire, enum tpa_tcp_state state);
/* From now on ACKs are delayed where they may be. */
void wire_no_quick_acks(struct wire *wire);

void wire_receive(struct wire *wire, struct wire_segment segment);
/* Although there is something that was sent and not expected yet: it is still on its way out. */
void wire_receive_anyway(struct wire *wire, struct wire_segment segment);
/* Although there is no connection that it could be for. */
void wire_receive_stray(struct wire *wire, struct wire_segment segment);
void wire_expect(struct wire *wire, struct wire_segment expected);
void wire_expect_nothing(struct wire *wire, const char *file, int line);
/* Lets time pass, timer by timer. */
void wire_wait(struct wire *wire, uint64_t duration);
/* Gives the connection a turn to send: after a call on it. */
void wire_send(struct wire *wire);
/* Segments received in between are answered together. */
void wire_hold(struct wire *wire);
void wire_go_on(struct wire *wire);
/* Takes what came out, whatever it is; returns how many. */
unsigned int wire_ignore(struct wire *wire);

/* The same, and folds each segment, its numbers relative to the ISNs, into *trace: for comparing
 * whole exchanges. */
void wire_fold(struct wire *wire, uint64_t *trace);

int64_t wire_write(struct wire *wire, uint32_t length);
int64_t wire_read(struct wire *wire);
void wire_expect_state(struct wire *wire, enum tpa_tcp_state state, const char *file, int line);
void wire_expect_signals(struct wire *wire, uint32_t signals, const char *file, int line);

/* The connection's and the peer's number of a byte of their stream. */
static inline uint32_t wire_seq(const struct wire *wire, int64_t offset)
{
    return wire->iss + 1 + (uint32_t)offset;
}

static inline uint32_t wire_peer_seq(const struct wire *wire, int64_t offset)
{
    return wire->irs + 1 + (uint32_t)offset;
}

static inline uint64_t wire_dropped(const struct wire *wire, enum tpa_base_drop reason)
{
    return tpa_base_drop_get(&wire->host.drops, reason);
}

/* clang-format off */
#define WIRE_SEGMENT(...) \
    ((struct wire_segment){.file = __FILE__, .line = __LINE__, ##__VA_ARGS__})
/* clang-format on */
#define RECEIVE(...)            wire_receive(wire, WIRE_SEGMENT(__VA_ARGS__))
#define RECEIVE_ANYWAY(...)     wire_receive_anyway(wire, WIRE_SEGMENT(__VA_ARGS__))
#define EXPECT(...)             wire_expect(wire, WIRE_SEGMENT(__VA_ARGS__))
#define EXPECT_NOTHING()        wire_expect_nothing(wire, __FILE__, __LINE__)
#define EXPECT_STATE(state)     wire_expect_state(wire, (state), __FILE__, __LINE__)
#define EXPECT_SIGNALS(signals) wire_expect_signals(wire, (signals), __FILE__, __LINE__)

typedef void (*wire_test)(struct wire *wire);
void wire_run(wire_test test);

#define WIRE_TEST(suite, name)                           \
    static void suite##_##name##_run(struct wire *wire); \
    Test(suite, name)                                    \
    {                                                    \
        wire_run(suite##_##name##_run);                  \
    }                                                    \
    static void suite##_##name##_run(struct wire *wire)

#endif
