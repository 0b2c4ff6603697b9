#include "bin/tperf/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tperf/transfer.h"

#define BATCH 64

enum peer_state {
    PEER_HELLO,
    PEER_STREAM, /* the client sends, and we do where the test says so */
    PEER_END,    /* our stream's end and the verdict go out */
    PEER_REQUEST,
    PEER_RESPONSE, /* goes out */
    PEER_FINISHED  /* the client closes */
};

struct tperf_peer {
    TAILQ_ENTRY(tperf_peer) link;
    bool runnable;
    struct tperf_server *server;
    int sid;
    enum peer_state state;
    struct tperf_plan plan;
    struct tperf_input input;
    struct tperf_output output;
};

void tperf_server_init(struct tperf_server *server, struct tpa_worker *worker)
{
    memset(server, 0, sizeof(*server));
    server->worker = worker;
    TAILQ_INIT(&server->runnable);
}

/* ---- Life ---- */

static void runnable_set(struct tperf_peer *peer, bool runnable)
{
    if (runnable && !peer->runnable)
        TAILQ_INSERT_TAIL(&peer->server->runnable, peer, link);
    else if (!runnable && peer->runnable)
        TAILQ_REMOVE(&peer->server->runnable, peer, link);
    peer->server->runnable_count += (uint32_t)runnable - (uint32_t)peer->runnable;
    peer->runnable = runnable;
}

static void wrong_report(const struct tperf_peer *peer)
{
    fprintf(stderr,
            "tperf: sid %d, %s: %llu wrong bytes from the client, the first at offset %llu\n",
            peer->sid, tperf_test_name(peer->plan.test), (unsigned long long)peer->input.wrong,
            (unsigned long long)peer->input.wrong_at);
}

static void peer_close(struct tperf_peer *peer)
{
    struct tperf_server *server = peer->server;

    runnable_set(peer, false);
    server->bytes += peer->input.position;
    server->wrong += peer->input.wrong;
    if (peer->input.wrong > 0)
        wrong_report(peer);
    server->open--;
    tpa_close(peer->sid);
    free(peer);
}

/* A connection may end where nothing is under way. */
static void peer_ended(struct tperf_peer *peer)
{
    bool at_rest =
        peer->state == PEER_FINISHED ||
        (peer->state == PEER_HELLO && peer->input.head_length == 0) ||
        (peer->state == PEER_REQUEST && peer->input.block_left == peer->plan.message_size);

    if (!at_rest)
        peer->server->lost++;
    peer_close(peer);
}

static void peer_lost(struct tperf_peer *peer)
{
    peer->server->lost++;
    peer_close(peer);
}

static void peer_open(struct tperf_server *server, int sid)
{
    struct tperf_peer *peer = calloc(1, sizeof(*peer));
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT, .data = peer};

    server->connections++;
    if (peer == NULL) {
        server->lost++;
        tpa_close(sid);
        return;
    }
    peer->server = server;
    peer->sid = sid;
    server->open++;
    if (tpa_event_ctrl(sid, TPA_EVENT_CTRL_ADD, &event) < 0)
        peer_lost(peer);
}

/* ---- Sending ---- */

static enum tperf_progress end_write(struct tperf_peer *peer)
{
    struct tperf_verdict verdict = {.received = peer->input.position, .wrong = peer->input.wrong};
    enum tperf_progress progress = tperf_output_end(&peer->output, &verdict);

    if (progress != TPERF_DONE)
        return progress;
    peer->state = PEER_FINISHED;
    return TPERF_WAIT;
}

/* After the response, crr's connection is closed from here: the client's port is free at once. */
static enum tperf_progress response_write(struct tperf_peer *peer)
{
    enum tperf_progress progress = tperf_output_message(&peer->output);

    if (progress != TPERF_DONE)
        return progress;
    if (peer->plan.test == TPERF_CRR)
        return TPERF_DONE;
    peer->state = PEER_REQUEST;
    peer->input.block_left = peer->plan.message_size;
    return TPERF_WAIT;
}

static enum tperf_progress peer_write(struct tperf_peer *peer)
{
    switch (peer->state) {
    case PEER_STREAM:
        return peer->plan.test == TPERF_WRITE ? TPERF_WAIT : tperf_output_stream(&peer->output);
    case PEER_END:
        return end_write(peer);
    case PEER_RESPONSE:
        return response_write(peer);
    default:
        return TPERF_WAIT;
    }
}

/* ---- Receiving ---- */

static bool hello_take(struct tperf_peer *peer)
{
    if (!tperf_hello_decode(peer->input.head, &peer->plan))
        return false;
    tperf_input_init(&peer->input, &peer->plan, false);
    tperf_output_init(&peer->output, peer->sid, &peer->plan, true, &peer->server->acknowledged);
    peer->state = tperf_test_is_stream(peer->plan.test) ? PEER_STREAM : PEER_REQUEST;
    peer->input.block_left = peer->state == PEER_REQUEST ? peer->plan.message_size : 0;
    return true;
}

/* Bytes used; 0: more than the client may send. */
static uint32_t peer_take(struct tperf_peer *peer, const uint8_t *data, uint32_t length)
{
    struct tperf_input *input = &peer->input;
    uint32_t used;

    switch (peer->state) {
    case PEER_HELLO:
        used = tperf_input_head(input, TPERF_HELLO_SIZE, data, length);
        return input->head_length < TPERF_HELLO_SIZE || hello_take(peer) ? used : 0;
    case PEER_STREAM:
        used = tperf_input_stream(input, data, length);
        if (input->ended)
            peer->state = PEER_END;
        return used;
    case PEER_REQUEST:
        used = tperf_input_message(input, data, length);
        if (input->block_left == 0)
            peer->state = PEER_RESPONSE;
        return used;
    default:
        return 0;
    }
}

static bool piece_take(struct tperf_peer *peer, const struct tpa_iovec *iov)
{
    uint32_t done = 0;

    while (done < iov->iov_len) {
        uint32_t used = peer_take(peer, (const uint8_t *)iov->iov_base + done, iov->iov_len - done);

        if (used == 0)
            return false;
        done += used;
    }
    return true;
}

/* One read. AGAIN: there may be more. DONE: the end of the stream. */
static enum tperf_progress peer_read(struct tperf_peer *peer)
{
    struct tpa_iovec iov[BATCH];
    ssize_t bytes = tpa_zreadv(peer->sid, iov, BATCH);
    bool good = true;

    if (bytes == 0)
        return TPERF_DONE;
    if (bytes < 0)
        return errno == EAGAIN ? TPERF_WAIT : TPERF_FAILED;
    for (int i = 0; bytes > 0; i++) {
        bytes -= iov[i].iov_len;
        good = good && piece_take(peer, &iov[i]);
        iov[i].iov_read_done(iov[i].iov_base, iov[i].iov_param);
    }
    if (!good)
        errno = EPROTO;
    return good ? TPERF_AGAIN : TPERF_FAILED;
}

/* ---- Progress ---- */

static void peer_run(struct tperf_peer *peer)
{
    enum tperf_progress input = peer_read(peer);
    enum tperf_progress output = TPERF_WAIT;

    if (input != TPERF_FAILED && input != TPERF_DONE)
        output = peer_write(peer);
    if (input == TPERF_FAILED || output == TPERF_FAILED)
        peer_lost(peer);
    else if (input == TPERF_DONE)
        peer_ended(peer);
    else if (output == TPERF_DONE)
        peer_close(peer);
    else
        runnable_set(peer, input == TPERF_AGAIN || output == TPERF_AGAIN);
}

/* Each of those that are runnable now, once. */
static bool runnable_run(struct tperf_server *server)
{
    uint32_t count = server->runnable_count;

    for (uint32_t i = 0; i < count; i++) {
        struct tperf_peer *peer = TAILQ_FIRST(&server->runnable);

        /* The analyser does not see that a peer leaves the list here, before it may be freed. */
        runnable_set(peer, false); // NOLINT(clang-analyzer-unix.Malloc)
        peer_run(peer);
    }
    return count > 0;
}

bool tperf_server_round(struct tperf_server *server)
{
    struct tpa_event events[BATCH];
    int sids[BATCH];
    int accepted = tpa_accept_burst(server->worker, sids, BATCH);
    int count;

    for (int i = 0; i < accepted; i++)
        peer_open(server, sids[i]);
    count = tpa_event_poll(server->worker, events, BATCH);
    for (int i = 0; i < count; i++) {
        if ((events[i].events & (TPA_EVENT_ERR | TPA_EVENT_HUP)) != 0)
            peer_lost(events[i].data);
        else
            peer_run(events[i].data);
    }
    return runnable_run(server) || accepted + count > 0;
}
