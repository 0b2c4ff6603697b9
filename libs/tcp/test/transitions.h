/*
 * RFC 9293 section 3.10 as a table: what each event does in each state. transitions.c is the table;
 * transitions_test.c runs each of its rows.
 */
#ifndef TPA_TCP_TEST_TRANSITIONS_H
#define TPA_TCP_TEST_TRANSITIONS_H

#include <stddef.h>
#include <stdint.h>

/* The states of the RFC, as bits: a row holds for several, as a paragraph of the RFC does. */
enum transition_state {
    CLOSED = 1 << 0,
    LISTEN = 1 << 1, /* a listener is its owner's: here, what TCP does for it */
    SYN_SENT = 1 << 2,
    SYN_RECEIVED = 1 << 3,        /* by a passive OPEN */
    SYN_RECEIVED_ACTIVE = 1 << 4, /* by an active one: both ends open at once */
    ESTABLISHED = 1 << 5,
    FIN_WAIT_1 = 1 << 6,
    FIN_WAIT_2 = 1 << 7,
    CLOSE_WAIT = 1 << 8,
    CLOSING = 1 << 9,
    LAST_ACK = 1 << 10,
    TIME_WAIT = 1 << 11,
};

#define TRANSITION_STATES 12

/* 3.10.1 to 3.10.6, 3.10.7 in the order of its checks, 3.10.8. */
enum transition_event {
    CALL_OPEN,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_SHUTDOWN, /* CLOSE as the RFC has it: no more to send */
    CALL_CLOSE,    /* and nobody who reads, either */
    CALL_ABORT,
    CALL_STATUS,
    /* Segments. Their numbers: in order, if nothing else is said, and with an acknowledgement of
     * all but our FIN. */
    OLD_TEXT,        /* before RCV.NXT */
    TEXT_BEYOND,     /* behind the window */
    RESET_EXACT,     /* at RCV.NXT, acknowledges all */
    RESET_IN_WINDOW, /* elsewhere in the window, without ACK */
    RESET_OUTSIDE,   /* before it, without ACK */
    SYN_IN_WINDOW,   /* without ACK */
    SYN_AGAIN,       /* the peer's first, without ACK */
    SYN_AND_ACK,     /* the peer's first, acknowledges all */
    NO_ACK,          /* text without ACK */
    ACK_UNSENT,      /* acknowledges what was never sent */
    ACK_TOO_OLD,     /* older than any window was long */
    ACK_DUPLICATE,   /* of SND.UNA */
    ACK_ALL,         /* of SND.NXT: our SYN or FIN, if that was not acknowledged */
    URGENT,
    TEXT,
    FIN,
    FIN_AGAIN, /* a number before the next: the peer's FIN once more, where there was one */
    FIN_AND_ACK_ALL,
    USER_TIMEOUT,
    RETRANSMISSION_TIMEOUT,
    TIME_WAIT_TIMEOUT,
};

#define TRANSITION_EVENTS (TIME_WAIT_TIMEOUT + 1)

/* What goes out. */
enum transition_answer {
    NOTHING,
    AN_ACK,           /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
    A_SYN,            /* <SEQ=ISS><CTL=SYN> */
    A_SYN_ACK,        /* <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK> */
    A_TEXT,           /* what was to be sent */
    A_FIN,            /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=FIN,ACK> */
    A_RESET,          /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK> */
    A_RESET_FOR_ACK,  /* <SEQ=SEG.ACK><CTL=RST> */
    A_RESET_FOR_TEXT, /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
    SYN_ONCE_MORE,    /* as above, and a retransmission */
    SYN_ACK_ONCE_MORE,
    TEXT_ONCE_MORE,
    FIN_ONCE_MORE,
    ANYTHING,  /* retransmissions on the way to a time-out */
    NOT_ASKED, /* the event can't come to pass here: a comment says why */
};

struct transition {
    enum transition_event event;
    uint32_t states; /* in which the row holds: enum transition_state, or'ed */
    enum transition_answer answer;
    enum transition_state next; /* 0 = stays */
    uint32_t signals;           /* enum tpa_tcp_signal, or'ed */
    int result;                 /* of a call; of anything else: the connection's error then */
    uint32_t taken;             /* sequence numbers that RCV.NXT advances by */
};

extern const struct transition transitions[];
extern const size_t transition_count;

const char *transition_event_text(enum transition_event event);
const char *transition_state_text(enum transition_state state);

#endif
