#include "transitions.h"

#include <tpa/base/error.h>
#include <tpa/tcp/connection.h>

#define SIGNAL(name) TPA_TCP_SIGNAL_##name
#define END_IN_ERROR (SIGNAL(ERROR) | SIGNAL(CLOSED))
#define TIMED_OUT    (END_IN_ERROR | SIGNAL(SUSPECT))

#define ALL           ((1u << TRANSITION_STATES) - 1)
#define SYN_RECEIVEDS (SYN_RECEIVED | SYN_RECEIVED_ACTIVE)
#define MAY_RECEIVE   (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2)
#define FIN_RECEIVED  (CLOSE_WAIT | CLOSING | LAST_ACK | TIME_WAIT)
#define SYNCHRONIZED  (MAY_RECEIVE | FIN_RECEIVED)
#define CONNECTED     (SYN_RECEIVEDS | SYNCHRONIZED)

/* clang-format off */
const struct transition transitions[] = {
    /* 3.10.1. A tuple that has a connection is found by its owner (libs/api: EADDRINUSE); nor is a
     * listener made a connection. A passive OPEN is the owner's, and needs nothing of TCP. */
    {CALL_OPEN, CLOSED, A_SYN, .next = SYN_SENT},
    {CALL_OPEN, ALL & ~CLOSED, NOT_ASKED},

    /* 3.10.2. Nothing is queued before there is a connection: a signal says when. */
    {CALL_SEND, CLOSED, NOTHING, .result = TPA_EPIPE},
    {CALL_SEND, LISTEN, NOT_ASKED}, /* of its owner: no connection */
    {CALL_SEND, SYN_SENT | SYN_RECEIVEDS, NOTHING, .result = TPA_ENOTCONN},
    {CALL_SEND, ESTABLISHED | CLOSE_WAIT, A_TEXT, .result = 10},
    {CALL_SEND, FIN_WAIT_1 | FIN_WAIT_2 | CLOSING | LAST_ACK | TIME_WAIT, NOTHING, .result = TPA_EPIPE},

    /* 3.10.3. "Connection closing" is the end of the stream. */
    {CALL_RECEIVE, CLOSED, NOTHING, .result = 0},
    {CALL_RECEIVE, LISTEN, NOT_ASKED}, /* of its owner: no connection */
    {CALL_RECEIVE, SYN_SENT | SYN_RECEIVEDS, NOTHING, .result = TPA_ENOTCONN},
    {CALL_RECEIVE, MAY_RECEIVE, NOTHING, .result = TPA_EAGAIN},
    {CALL_RECEIVE, FIN_RECEIVED, NOTHING, .result = 0},

    /* 3.10.4. */
    {CALL_SHUTDOWN, CLOSED | SYN_SENT | SYN_RECEIVEDS, NOTHING, .result = TPA_ENOTCONN},
    {CALL_SHUTDOWN, LISTEN, NOT_ASKED}, /* of its owner: no connection */
    {CALL_SHUTDOWN, ESTABLISHED, A_FIN, .next = FIN_WAIT_1},
    {CALL_SHUTDOWN, CLOSE_WAIT, A_FIN, .next = LAST_ACK},
    {CALL_SHUTDOWN, FIN_WAIT_1 | FIN_WAIT_2 | CLOSING | LAST_ACK | TIME_WAIT, NOTHING, .result = TPA_EPIPE},

    {CALL_CLOSE, CLOSED, NOTHING, .signals = SIGNAL(CLOSED)},
    {CALL_CLOSE, LISTEN, NOT_ASKED}, /* of its owner: no connection */
    {CALL_CLOSE, SYN_SENT, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},
    {CALL_CLOSE, SYN_RECEIVEDS, NOTHING}, /* the FIN waits for ESTABLISHED */
    {CALL_CLOSE, ESTABLISHED, A_FIN, .next = FIN_WAIT_1},
    {CALL_CLOSE, FIN_WAIT_1 | FIN_WAIT_2 | CLOSING | LAST_ACK, NOTHING},
    {CALL_CLOSE, CLOSE_WAIT, A_FIN, .next = LAST_ACK},
    {CALL_CLOSE, TIME_WAIT, NOTHING, .signals = SIGNAL(TIME_WAIT)},

    /* 3.10.5. In CLOSING and LAST-ACK, too, the peer is told that what it waits for won't come. */
    {CALL_ABORT, CLOSED, NOTHING},
    {CALL_ABORT, LISTEN, NOT_ASKED}, /* of its owner: no connection */
    {CALL_ABORT, SYN_SENT | TIME_WAIT, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},
    {CALL_ABORT, CONNECTED & ~TIME_WAIT, A_RESET, .next = CLOSED, .signals = SIGNAL(CLOSED)},

    /* 3.10.6. */
    {CALL_STATUS, ALL & ~LISTEN, NOTHING},
    {CALL_STATUS, LISTEN, NOT_ASKED}, /* of its owner: no connection */

    /* 3.10.7.4, first: the sequence number. CLOSED, LISTEN and SYN-SENT look at the ACK only. */
    {OLD_TEXT, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {OLD_TEXT, SYN_SENT, NOTHING},
    {OLD_TEXT, CONNECTED, AN_ACK},
    {TEXT_BEYOND, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {TEXT_BEYOND, SYN_SENT, NOTHING},
    {TEXT_BEYOND, CONNECTED, AN_ACK},

    /* Second: RST. TIME-WAIT outlasts it (RFC 1337). */
    {RESET_EXACT, CLOSED | LISTEN, NOTHING},
    {RESET_EXACT, SYN_SENT | SYN_RECEIVED_ACTIVE, NOTHING, .next = CLOSED, .signals = END_IN_ERROR, .result = TPA_EREFUSED},
    {RESET_EXACT, SYN_RECEIVED, NOTHING, .next = CLOSED, .signals = END_IN_ERROR, .result = TPA_ERESET},
    {RESET_EXACT, MAY_RECEIVE | CLOSE_WAIT, NOTHING, .next = CLOSED, .signals = END_IN_ERROR, .result = TPA_ERESET},
    {RESET_EXACT, CLOSING | LAST_ACK, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},
    {RESET_EXACT, TIME_WAIT, NOTHING},
    {RESET_IN_WINDOW, CLOSED | LISTEN | SYN_SENT | TIME_WAIT, NOTHING},
    {RESET_IN_WINDOW, CONNECTED & ~TIME_WAIT, AN_ACK},
    {RESET_OUTSIDE, ALL, NOTHING},

    /* Fourth: SYN. (Third: security, which nobody has.) In TIME-WAIT a SYN may open anew where the
     * owner has exchanged the connection for its entry: time_wait_test.c. */
    {SYN_IN_WINDOW, CLOSED, A_RESET_FOR_TEXT},
    {SYN_IN_WINDOW, LISTEN, A_SYN_ACK, .next = SYN_RECEIVED, .taken = 6},
    {SYN_IN_WINDOW, SYN_SENT, SYN_ACK_ONCE_MORE, .next = SYN_RECEIVED_ACTIVE, .taken = 6},
    {SYN_IN_WINDOW, SYN_RECEIVED, NOTHING, .next = CLOSED, .signals = END_IN_ERROR, .result = TPA_ERESET},
    {SYN_IN_WINDOW, CONNECTED & ~SYN_RECEIVED, AN_ACK},
    {SYN_AGAIN, CLOSED, A_RESET_FOR_TEXT},
    {SYN_AGAIN, LISTEN, A_SYN_ACK, .next = SYN_RECEIVED},
    {SYN_AGAIN, SYN_SENT, SYN_ACK_ONCE_MORE, .next = SYN_RECEIVED_ACTIVE},
    {SYN_AGAIN, SYN_RECEIVEDS, SYN_ACK_ONCE_MORE},
    {SYN_AGAIN, SYNCHRONIZED, AN_ACK},
    {SYN_AND_ACK, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {SYN_AND_ACK, SYN_SENT | SYN_RECEIVEDS, AN_ACK, .next = ESTABLISHED, .signals = SIGNAL(ESTABLISHED)},
    {SYN_AND_ACK, SYNCHRONIZED, AN_ACK},

    /* Fifth: the ACK. */
    {NO_ACK, CLOSED | LISTEN, A_RESET_FOR_TEXT},
    {NO_ACK, SYN_SENT | CONNECTED, NOTHING},
    {ACK_UNSENT, CLOSED | LISTEN | SYN_SENT | SYN_RECEIVEDS, A_RESET_FOR_ACK},
    {ACK_UNSENT, SYNCHRONIZED, AN_ACK},
    {ACK_TOO_OLD, CLOSED | LISTEN | SYN_SENT | SYN_RECEIVEDS, A_RESET_FOR_ACK},
    {ACK_TOO_OLD, SYNCHRONIZED, AN_ACK},
    {ACK_DUPLICATE, CLOSED | LISTEN | SYN_SENT | SYN_RECEIVEDS, A_RESET_FOR_ACK},
    {ACK_DUPLICATE, SYNCHRONIZED, NOTHING},
    {ACK_ALL, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {ACK_ALL, SYN_SENT, NOTHING},
    {ACK_ALL, SYN_RECEIVEDS, NOTHING, .next = ESTABLISHED, .signals = SIGNAL(ESTABLISHED)},
    {ACK_ALL, ESTABLISHED | FIN_WAIT_2 | CLOSE_WAIT | TIME_WAIT, NOTHING},
    {ACK_ALL, FIN_WAIT_1, NOTHING, .next = FIN_WAIT_2},
    {ACK_ALL, CLOSING, NOTHING, .next = TIME_WAIT},
    {ACK_ALL, LAST_ACK, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},

    /* Sixth: URG. It changes nothing anywhere (RFC 6093). */
    {URGENT, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {URGENT, SYN_SENT | SYNCHRONIZED, NOTHING},
    {URGENT, SYN_RECEIVEDS, NOTHING, .next = ESTABLISHED, .signals = SIGNAL(ESTABLISHED)},

    /* Seventh: text. */
    {TEXT, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {TEXT, SYN_SENT, NOTHING},
    {TEXT, SYN_RECEIVEDS, AN_ACK, .next = ESTABLISHED, .signals = SIGNAL(ESTABLISHED) | SIGNAL(READABLE), .taken = 10},
    {TEXT, MAY_RECEIVE, AN_ACK, .signals = SIGNAL(READABLE), .taken = 10},
    {TEXT, FIN_RECEIVED, NOTHING},

    /* Eighth: FIN. */
    {FIN, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {FIN, SYN_SENT, NOTHING},
    {FIN, SYN_RECEIVEDS, AN_ACK, .next = CLOSE_WAIT, .signals = SIGNAL(ESTABLISHED) | SIGNAL(END), .taken = 1},
    {FIN, ESTABLISHED, AN_ACK, .next = CLOSE_WAIT, .signals = SIGNAL(END), .taken = 1},
    {FIN, FIN_WAIT_1, AN_ACK, .next = CLOSING, .signals = SIGNAL(END), .taken = 1},
    {FIN, FIN_WAIT_2, AN_ACK, .next = TIME_WAIT, .signals = SIGNAL(END), .taken = 1},
    {FIN, FIN_RECEIVED, NOTHING},
    {FIN_AGAIN, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {FIN_AGAIN, SYN_SENT, NOTHING},
    {FIN_AGAIN, CONNECTED, AN_ACK},
    {FIN_AND_ACK_ALL, CLOSED | LISTEN, A_RESET_FOR_ACK},
    {FIN_AND_ACK_ALL, SYN_SENT, NOTHING},
    {FIN_AND_ACK_ALL, SYN_RECEIVEDS, AN_ACK, .next = CLOSE_WAIT, .signals = SIGNAL(ESTABLISHED) | SIGNAL(END), .taken = 1},
    {FIN_AND_ACK_ALL, ESTABLISHED, AN_ACK, .next = CLOSE_WAIT, .signals = SIGNAL(END), .taken = 1},
    {FIN_AND_ACK_ALL, FIN_WAIT_1 | FIN_WAIT_2, AN_ACK, .next = TIME_WAIT, .signals = SIGNAL(END), .taken = 1},
    {FIN_AND_ACK_ALL, CLOSE_WAIT | TIME_WAIT, NOTHING},
    {FIN_AND_ACK_ALL, CLOSING, NOTHING, .next = TIME_WAIT},
    {FIN_AND_ACK_ALL, LAST_ACK, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},

    /* 3.10.8. Where nothing waits for an acknowledgement no time runs. */
    {USER_TIMEOUT, CLOSED | LISTEN | FIN_WAIT_2 | TIME_WAIT, NOTHING},
    {USER_TIMEOUT, ALL & ~(CLOSED | LISTEN | FIN_WAIT_2 | TIME_WAIT), ANYTHING, .next = CLOSED, .signals = TIMED_OUT, .result = TPA_ETIMEDOUT},
    {RETRANSMISSION_TIMEOUT, CLOSED | LISTEN | FIN_WAIT_2 | TIME_WAIT, NOTHING},
    {RETRANSMISSION_TIMEOUT, SYN_SENT, SYN_ONCE_MORE},
    {RETRANSMISSION_TIMEOUT, SYN_RECEIVEDS, SYN_ACK_ONCE_MORE},
    {RETRANSMISSION_TIMEOUT, ESTABLISHED | CLOSE_WAIT, TEXT_ONCE_MORE},
    {RETRANSMISSION_TIMEOUT, FIN_WAIT_1 | CLOSING | LAST_ACK, FIN_ONCE_MORE},
    {TIME_WAIT_TIMEOUT, TIME_WAIT, NOTHING, .next = CLOSED, .signals = SIGNAL(CLOSED)},
    {TIME_WAIT_TIMEOUT, ALL & ~TIME_WAIT, NOT_ASKED}, /* its timer runs in TIME-WAIT only */
};
/* clang-format on */

const size_t transition_count = sizeof(transitions) / sizeof(transitions[0]);

const char *transition_event_text(enum transition_event event)
{
    static const char *const texts[TRANSITION_EVENTS] = {
        [CALL_OPEN] = "OPEN",
        [CALL_SEND] = "SEND",
        [CALL_RECEIVE] = "RECEIVE",
        [CALL_SHUTDOWN] = "SHUTDOWN",
        [CALL_CLOSE] = "CLOSE",
        [CALL_ABORT] = "ABORT",
        [CALL_STATUS] = "STATUS",
        [OLD_TEXT] = "old text",
        [TEXT_BEYOND] = "text beyond the window",
        [RESET_EXACT] = "RST",
        [RESET_IN_WINDOW] = "RST in the window",
        [RESET_OUTSIDE] = "RST outside the window",
        [SYN_IN_WINDOW] = "SYN in the window",
        [SYN_AGAIN] = "the first SYN",
        [SYN_AND_ACK] = "the first SYN with ACK",
        [NO_ACK] = "text without ACK",
        [ACK_UNSENT] = "ACK of what was never sent",
        [ACK_TOO_OLD] = "ACK older than any window",
        [ACK_DUPLICATE] = "ACK of SND.UNA",
        [ACK_ALL] = "ACK of SND.NXT",
        [URGENT] = "URG",
        [TEXT] = "text",
        [FIN] = "FIN",
        [FIN_AGAIN] = "the FIN again",
        [FIN_AND_ACK_ALL] = "FIN with ACK of SND.NXT",
        [USER_TIMEOUT] = "USER TIMEOUT",
        [RETRANSMISSION_TIMEOUT] = "RETRANSMISSION TIMEOUT",
        [TIME_WAIT_TIMEOUT] = "TIME-WAIT TIMEOUT",
    };

    return texts[event];
}

const char *transition_state_text(enum transition_state state)
{
    static const char *const texts[TRANSITION_STATES] = {
        "CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED", "SYN-RECEIVED (active)",
        "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",   "CLOSING",
        "LAST-ACK",    "TIME-WAIT",
    };

    return texts[__builtin_ctz(state)];
}
