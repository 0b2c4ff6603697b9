/* Runs the table of RFC 9293 section 3.10, row by row and state by state. */
#include "transitions.h"

#include <stdio.h>

#include <tpa/base/error.h>

#include "machine.h"
#include "wire.h"

#define USER_TIME (10 * SECONDS)

/* The connection's variables when it has entered a state, as numbers of the two streams. */
struct numbers {
    int64_t snd_una, snd_nxt, rcv_nxt;
};

/* One run: a row in one of its states. */
struct run {
    struct wire *wire;
    const struct transition *row;
    enum transition_state state;
    struct numbers numbers;
    struct wire_segment segment; /* that arrived */
    char text[100];              /* for messages */
};

static struct numbers numbers_in(enum transition_state state)
{
    switch (state) {
    case SYN_SENT:
    case SYN_RECEIVED:
    case SYN_RECEIVED_ACTIVE:
        return (struct numbers){-1, 0, 0};
    case FIN_WAIT_1:
        return (struct numbers){0, 1, 0};
    case FIN_WAIT_2:
        return (struct numbers){1, 1, 0};
    case CLOSE_WAIT:
        return (struct numbers){0, 0, 1};
    case CLOSING:
    case LAST_ACK:
        return (struct numbers){0, 1, 1};
    case TIME_WAIT:
        return (struct numbers){1, 1, 1};
    default:
        return (struct numbers){0, 0, 0};
    }
}

static enum tpa_tcp_state tcp_state(enum transition_state state)
{
    switch (state) {
    case SYN_SENT:
        return TPA_TCP_SYN_SENT;
    case SYN_RECEIVED:
    case SYN_RECEIVED_ACTIVE:
        return TPA_TCP_SYN_RECEIVED;
    case ESTABLISHED:
        return TPA_TCP_ESTABLISHED;
    case FIN_WAIT_1:
        return TPA_TCP_FIN_WAIT_1;
    case FIN_WAIT_2:
        return TPA_TCP_FIN_WAIT_2;
    case CLOSE_WAIT:
        return TPA_TCP_CLOSE_WAIT;
    case CLOSING:
        return TPA_TCP_CLOSING;
    case LAST_ACK:
        return TPA_TCP_LAST_ACK;
    case TIME_WAIT:
        return TPA_TCP_TIME_WAIT;
    default:
        return TPA_TCP_CLOSED; /* LISTEN: there is no connection yet */
    }
}

static void enter(struct wire *wire, enum transition_state state)
{
    wire->active = state == SYN_RECEIVED_ACTIVE;
    if (state != CLOSED) {
        wire_enter(wire, tcp_state(state));
        return;
    }
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    tpa_tcp_abort(&wire->host.worker, &wire->host.connection, wire->now);
    wire_send(wire);
    wire_ignore(wire);
    host_take_signals(&wire->host);
}

static int status(const struct run *run)
{
    const struct wire *wire = run->wire;
    struct tpa_tcp_connection_info info;

    tpa_tcp_connection_info(&wire->host.worker, &wire->host.connection, &info);
    cr_assert_eq(info.state, tcp_state(run->state), "%s", run->text);
    if (run->state == CLOSED)
        return 0;
    cr_assert_eq(info.snd_una, wire_seq(wire, run->numbers.snd_una), "%s", run->text);
    cr_assert_eq(info.snd_nxt, wire_seq(wire, run->numbers.snd_nxt), "%s", run->text);
    if (run->state != SYN_SENT)
        cr_assert_eq(info.rcv_nxt, wire_peer_seq(wire, run->numbers.rcv_nxt), "%s", run->text);
    return 0;
}

static int64_t call(const struct run *run)
{
    struct wire *wire = run->wire;
    struct tpa_tcp_worker *worker = &wire->host.worker;
    struct tpa_tcp_connection *connection = &wire->host.connection;

    switch (run->row->event) {
    case CALL_OPEN:
        tpa_tcp_finish(worker, connection);
        host_connect(&wire->host, wire->iss, wire->now);
        return 0;
    case CALL_SEND:
        return wire_write(wire, 10);
    case CALL_RECEIVE:
        return wire_read(wire);
    case CALL_SHUTDOWN:
        return tpa_tcp_shutdown(worker, connection, wire->now);
    case CALL_CLOSE:
        tpa_tcp_close(worker, connection, wire->now);
        return 0;
    case CALL_ABORT:
        tpa_tcp_abort(worker, connection, wire->now);
        return 0;
    default:
        return status(run);
    }
}

static struct wire_segment segment_of(enum transition_event event, const struct numbers *numbers)
{
    int64_t next = numbers->rcv_nxt;
    /* All but our FIN. */
    int64_t ack = numbers->snd_una > 0 ? numbers->snd_una : 0;
    int64_t all = numbers->snd_nxt;

    switch (event) {
    case OLD_TEXT:
        return WIRE_SEGMENT(.seq = next - 10, .ack = ack, .length = 10);
    case TEXT_BEYOND:
        return WIRE_SEGMENT(.seq = next + 70000, .ack = ack, .length = 10);
    case RESET_EXACT:
        return WIRE_SEGMENT(.flags = TPA_TCP_RST, .seq = next, .ack = all);
    case RESET_IN_WINDOW:
        return WIRE_SEGMENT(.flags = TPA_TCP_RST, .seq = next + 1, .no_ack = true);
    case RESET_OUTSIDE:
        return WIRE_SEGMENT(.flags = TPA_TCP_RST, .seq = next - 2, .no_ack = true);
    case SYN_IN_WINDOW:
        return WIRE_SEGMENT(.flags = TPA_TCP_SYN, .seq = next + 5, .no_ack = true);
    case SYN_AGAIN:
        return WIRE_SEGMENT(.flags = TPA_TCP_SYN, .seq = -1, .no_ack = true);
    case SYN_AND_ACK:
        return WIRE_SEGMENT(.flags = TPA_TCP_SYN, .seq = -1, .ack = all);
    case NO_ACK:
        return WIRE_SEGMENT(.seq = next, .length = 5, .no_ack = true);
    case ACK_UNSENT:
        return WIRE_SEGMENT(.seq = next, .ack = all + 1);
    case ACK_TOO_OLD:
        return WIRE_SEGMENT(.seq = next, .ack = numbers->snd_una - 70000);
    case ACK_DUPLICATE:
        return WIRE_SEGMENT(.seq = next, .ack = numbers->snd_una);
    case ACK_ALL:
        return WIRE_SEGMENT(.seq = next, .ack = all);
    case URGENT:
        return WIRE_SEGMENT(.flags = TPA_TCP_URG, .urgent = 5, .seq = next, .ack = ack);
    case TEXT:
        return WIRE_SEGMENT(.seq = next, .ack = ack, .length = 10);
    case FIN:
        return WIRE_SEGMENT(.flags = TPA_TCP_FIN, .seq = next, .ack = ack);
    case FIN_AGAIN:
        return WIRE_SEGMENT(.flags = TPA_TCP_FIN, .seq = next - 1, .ack = ack);
    default:
        return WIRE_SEGMENT(.flags = TPA_TCP_FIN, .seq = next, .ack = all);
    }
}

/* As an owner does that has a connection, a listener or neither (libs/api/src/receive.c). */
static void arrive(const struct run *run)
{
    bool bare_syn = (run->segment.flags & TPA_TCP_SYN) != 0 && run->segment.no_ack;

    if (run->state == CLOSED || (run->state == LISTEN && !bare_syn))
        wire_receive_stray(run->wire, run->segment);
    else
        wire_receive(run->wire, run->segment);
}

static void time_out(const struct run *run)
{
    struct wire *wire = run->wire;

    if (run->state == ESTABLISHED || run->state == CLOSE_WAIT) {
        wire_write(wire, 10);
        wire_ignore(wire);
    }
    switch (run->row->event) {
    case USER_TIMEOUT:
        for (uint64_t past = 0; past <= USER_TIME; past += 50 * MS) {
            wire_wait(wire, 50 * MS);
            if (run->row->answer == ANYTHING)
                wire_ignore(wire);
        }
        break;
    case RETRANSMISSION_TIMEOUT:
        wire_wait(wire, tpa_tcp_rto(&wire->host.worker, &wire->host.connection) + MS);
        break;
    default:
        wire_wait(wire, wire->host.config.time_wait - SECONDS);
        EXPECT_STATE(tcp_state(run->state));
        wire_wait(wire, 2 * SECONDS);
    }
}

/* What has to go out; the flag says so if nothing. */
static bool answer_of(const struct run *run, struct wire_segment *answer)
{
    int64_t nxt = run->numbers.snd_nxt, ack = run->numbers.rcv_nxt + run->row->taken;
    bool again = run->row->answer >= SYN_ONCE_MORE;

    *answer =
        (struct wire_segment){.file = run->text, .seq = nxt, .ack = ack, .retransmission = again};
    switch (run->row->answer) {
    case AN_ACK:
        return true;
    case A_SYN:
    case SYN_ONCE_MORE:
        answer->flags = TPA_TCP_SYN;
        answer->no_ack = true;
        answer->seq = -1;
        return true;
    case A_SYN_ACK:
    case SYN_ACK_ONCE_MORE:
        answer->flags = TPA_TCP_SYN;
        answer->seq = -1;
        return true;
    case A_TEXT:
    case TEXT_ONCE_MORE:
        answer->length = 10;
        return true;
    case A_FIN:
        answer->flags = TPA_TCP_FIN;
        return true;
    case FIN_ONCE_MORE:
        answer->flags = TPA_TCP_FIN;
        answer->seq = run->numbers.snd_una;
        return true;
    case A_RESET:
        answer->flags = TPA_TCP_RST;
        return true;
    case A_RESET_FOR_ACK:
        answer->flags = TPA_TCP_RST;
        answer->no_ack = true;
        answer->seq = run->segment.ack;
        return true;
    case A_RESET_FOR_TEXT:
        answer->flags = TPA_TCP_RST;
        answer->seq = -(int64_t)wire_seq(run->wire, 0);
        answer->ack =
            run->segment.seq + run->segment.length + ((run->segment.flags & TPA_TCP_SYN) != 0);
        return true;
    default:
        return false;
    }
}

static void expect_answer(const struct run *run)
{
    struct wire_segment answer;

    if (answer_of(run, &answer)) {
        answer.stray = run->state == CLOSED || run->state == LISTEN;
        answer.stray = answer.stray && (answer.flags & TPA_TCP_RST) != 0;
        wire_expect(run->wire, answer);
    }
    wire_expect_nothing(run->wire, run->text, 0);
}

static void run_row(const struct transition *row, enum transition_state state, struct wire *wire)
{
    struct run run = {.wire = wire, .row = row, .state = state, .numbers = numbers_in(state)};
    int64_t result;

    snprintf(run.text, sizeof(run.text), "%s in %s", transition_event_text(row->event),
             transition_state_text(state));
    if (row->event == USER_TIMEOUT)
        wire->host.config.user_timeout = USER_TIME;
    enter(wire, state);
    if (row->event < OLD_TEXT) {
        result = call(&run);
        wire_send(wire);
    } else {
        run.segment = segment_of(row->event, &run.numbers);
        if (row->event < USER_TIMEOUT)
            arrive(&run);
        else
            time_out(&run);
        result = tpa_tcp_connection_error(&wire->host.connection);
    }
    expect_answer(&run);
    cr_assert_eq(result, row->result, "%s: %s", run.text, tpa_base_error_text((int)result));
    wire_expect_state(wire, tcp_state(row->next != 0 ? row->next : state), run.text, 0);
    wire_expect_signals(wire, row->signals, run.text, 0);
}

/* The timer that ends TIME-WAIT runs nowhere else. */
static void expect_no_time_wait_timer(enum transition_state state, struct wire *wire)
{
    enter(wire, state);
    cr_assert_eq(wire->host.connection.state_deadline, 0, "%s", transition_state_text(state));
}

static void run_rows(struct wire *wire, enum transition_event first, enum transition_event last)
{
    for (size_t i = 0; i < transition_count; i++) {
        const struct transition *row = &transitions[i];

        if (row->event < first || row->event > last)
            continue;
        for (uint32_t bit = 0; bit < TRANSITION_STATES; bit++) {
            enum transition_state state = (enum transition_state)(1u << bit);

            if ((row->states & state) == 0)
                continue;
            if (row->answer != NOT_ASKED)
                run_row(row, state, wire);
            else if (row->event == TIME_WAIT_TIMEOUT)
                expect_no_time_wait_timer(state, wire);
            else
                continue;
            wire_finish(wire);
            wire_prepare(wire, wire->iss, wire->irs);
        }
    }
    wire_enter(wire, TPA_TCP_CLOSED);
}

/* RFC 9293 3.10.1 to 3.10.6. */
WIRE_TEST(transitions, of_calls)
{
    run_rows(wire, CALL_OPEN, CALL_STATUS);
}

/* RFC 9293 3.10.7. */
WIRE_TEST(transitions, of_arriving_segments)
{
    run_rows(wire, OLD_TEXT, FIN_AND_ACK_ALL);
}

/* RFC 9293 3.10.8. */
WIRE_TEST(transitions, of_time_outs)
{
    run_rows(wire, USER_TIMEOUT, TIME_WAIT_TIMEOUT);
}

Test(transitions, have_a_row_for_each_event_in_each_state)
{
    unsigned int rows[TRANSITION_EVENTS][TRANSITION_STATES] = {0};

    for (size_t i = 0; i < transition_count; i++) {
        for (uint32_t bit = 0; bit < TRANSITION_STATES; bit++)
            rows[transitions[i].event][bit] += transitions[i].states >> bit & 1;
    }
    for (unsigned int event = 0; event < TRANSITION_EVENTS; event++) {
        for (uint32_t bit = 0; bit < TRANSITION_STATES; bit++)
            cr_expect_eq(rows[event][bit], 1, "%u rows of %s in %s", rows[event][bit],
                         transition_event_text((enum transition_event)event),
                         transition_state_text((enum transition_state)(1u << bit)));
    }
}
