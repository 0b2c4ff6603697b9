#include "bin/tperf/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/support/loop.h"
#include "bin/tperf/transfer.h"

#define BATCH        64
#define OPEN_BATCH   64                    /* connections opened in a round */
#define PHASE_MAX_NS UINT64_C(30000000000) /* for connecting, and for ending */

enum link_state {
    LINK_CLOSED,
    LINK_CONNECTING,
    LINK_READY, /* until all are: their load would keep the others from it */
    LINK_STREAM,
    LINK_END,     /* our stream's end goes out; the server's is to come */
    LINK_VERDICT, /* is to come */
    LINK_REQUEST, /* goes out */
    LINK_RESPONSE,
    LINK_CLOSING, /* the server closes (crr) */
    LINK_FINISHED /* we do */
};

struct tperf_link {
    TAILQ_ENTRY(tperf_link) link;
    bool runnable;
    struct tperf_client *client;
    int sid;
    enum link_state state;
    bool counted; /* among the pending */
    uint64_t request_began;
    struct tperf_plan plan;
    struct tperf_input input;
    struct tperf_output output;
};

void tperf_figures_merge(struct tperf_figures *into, const struct tperf_figures *from)
{
    if (from->duration > into->duration)
        into->duration = from->duration;
    into->sent += from->sent;
    into->received += from->received;
    into->requests += from->requests;
    into->connections += from->connections;
    into->errors += from->errors;
    into->wrong += from->wrong;
    histogram_merge(&into->latency, &from->latency);
}

/* ---- Life of a connection ---- */

static void runnable_set(struct tperf_link *link, bool runnable)
{
    if (runnable && !link->runnable)
        TAILQ_INSERT_TAIL(&link->client->runnable, link, link);
    else if (!runnable && link->runnable)
        TAILQ_REMOVE(&link->client->runnable, link, link);
    link->runnable = runnable;
}

static void pending_end(struct tperf_link *link)
{
    if (link->counted)
        link->client->pending--;
    link->counted = false;
}

static void wrong_report(const struct tperf_link *link)
{
    fprintf(stderr,
            "tperf: sid %d, %s: %llu wrong bytes from the server, the first at offset %llu\n",
            link->sid, tperf_test_name(link->plan.test), (unsigned long long)link->input.wrong,
            (unsigned long long)link->input.wrong_at);
}

/* The connection is over; the link may be opened again. */
static void link_disconnect(struct tperf_link *link)
{
    runnable_set(link, false);
    pending_end(link);
    link->client->figures.wrong += link->input.wrong;
    if (link->input.wrong > 0)
        wrong_report(link);
    tpa_close(link->sid);
    link->state = LINK_CLOSED;
}

static void link_close(struct tperf_link *link)
{
    link_disconnect(link);
    link->client->alive--;
}

static void complain(struct tperf_client *client, const char *what)
{
    client->figures.errors++;
    if (!client->complained)
        fprintf(stderr, "tperf: %s: %s\n", what, strerror(errno));
    client->complained = true;
}

static void link_fail(struct tperf_link *link, const char *what)
{
    complain(link->client, what);
    link_close(link);
}

static void plan_make(struct tperf_link *link)
{
    const struct tperf_options *options = link->client->options;

    link->plan = (struct tperf_plan){
        .test = options->test,
        .verify = options->verify,
        .zero_copy = options->zero_copy,
        .message_size = options->message_size,
        .seed = link->client->seed++,
    };
    tperf_input_init(&link->input, &link->plan, true);
    tperf_output_init(&link->output, link->sid, &link->plan, false, &link->client->acknowledged);
    tperf_hello_encode(&link->plan, tperf_output_prefix(&link->output, TPERF_HELLO_SIZE));
}

/* False: it can't be opened; `alive` does not count it. */
static bool link_open(struct tperf_link *link)
{
    struct tperf_client *client = link->client;
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT, .data = link};

    link->request_began = loop_now();
    link->sid = tpa_connect_to(client->options->server, client->options->port, NULL);
    if (link->sid < 0) {
        complain(client, "can't connect");
        return false;
    }
    if (tpa_event_ctrl(link->sid, TPA_EVENT_CTRL_ADD, &event) < 0) {
        complain(client, "no events");
        tpa_close(link->sid);
        return false;
    }
    link->state = LINK_CONNECTING;
    plan_make(link);
    return true;
}

/* crr: the next one. */
static void link_reopen(struct tperf_link *link)
{
    link_disconnect(link);
    if (link->client->phase != TPERF_RUNNING || !link_open(link))
        link->client->alive--;
}

static void request_begin(struct tperf_link *link)
{
    if (link->plan.test != TPERF_CRR)
        link->request_began = loop_now();
    link->input.block_left = link->plan.message_size;
    link->state = LINK_REQUEST;
}

static void link_begin(struct tperf_link *link)
{
    if (tperf_test_is_stream(link->plan.test))
        link->state = LINK_STREAM;
    else
        request_begin(link);
}

static void link_established(struct tperf_link *link)
{
    pending_end(link);
    link->client->figures.connections++;
    link->state = LINK_READY;
    if (link->client->phase != TPERF_CONNECTING)
        link_begin(link);
}

/* ---- Sending ---- */

static enum tperf_progress stream_write(struct tperf_link *link)
{
    struct tperf_output *output = &link->output;

    if (link->client->phase >= TPERF_ENDING) {
        link->state = LINK_END;
        return TPERF_AGAIN;
    }
    if (link->plan.test != TPERF_READ)
        return tperf_output_stream(output);
    if (output->prefix_length == 0)
        return TPERF_WAIT;
    if (tpa_write(link->sid, output->prefix, output->prefix_length) < 0)
        return errno == EAGAIN ? TPERF_WAIT : TPERF_FAILED;
    output->prefix_length = 0;
    return TPERF_WAIT;
}

static enum tperf_progress end_write(struct tperf_link *link)
{
    enum tperf_progress progress = tperf_output_end(&link->output, NULL);

    return progress == TPERF_DONE ? TPERF_WAIT : progress;
}

static enum tperf_progress request_write(struct tperf_link *link)
{
    enum tperf_progress progress = tperf_output_message(&link->output);

    if (progress != TPERF_DONE)
        return progress;
    link->state = LINK_RESPONSE;
    return TPERF_WAIT;
}

static enum tperf_progress link_write(struct tperf_link *link)
{
    switch (link->state) {
    case LINK_STREAM:
        return stream_write(link);
    case LINK_END:
    case LINK_VERDICT:
        return end_write(link);
    case LINK_REQUEST:
        return request_write(link);
    default:
        return TPERF_WAIT;
    }
}

/* ---- Receiving ---- */

static void response_taken(struct tperf_link *link)
{
    struct tperf_client *client = link->client;

    if (client->phase == TPERF_RUNNING) {
        client->figures.requests++;
        histogram_add(&client->figures.latency, loop_now() - link->request_began);
    }
    if (link->plan.test == TPERF_CRR)
        link->state = LINK_CLOSING;
    else if (client->phase == TPERF_RUNNING)
        request_begin(link);
    else
        link->state = LINK_FINISHED;
}

static uint32_t response_take(struct tperf_link *link, const uint8_t *data, uint32_t length)
{
    uint32_t used = tperf_input_message(&link->input, data, length);

    link->client->received += used;
    if (link->input.block_left == 0)
        response_taken(link);
    return used;
}

static uint32_t stream_take(struct tperf_link *link, const uint8_t *data, uint32_t length)
{
    struct tperf_input *input = &link->input;
    uint64_t before = input->position;
    uint32_t used = tperf_input_stream(input, data, length);

    link->client->received += input->position - before;
    if (input->ended)
        link->state = LINK_VERDICT;
    return used;
}

/* Bytes used; 0: more than the server may send. */
static uint32_t link_take(struct tperf_link *link, const uint8_t *data, uint32_t length)
{
    switch (link->state) {
    case LINK_STREAM:
    case LINK_END:
        return stream_take(link, data, length);
    case LINK_VERDICT:
        return tperf_input_head(&link->input, TPERF_VERDICT_SIZE, data, length);
    case LINK_RESPONSE:
        return response_take(link, data, length);
    default:
        return 0;
    }
}

static bool piece_take(struct tperf_link *link, const struct tpa_iovec *iov)
{
    uint32_t done = 0;

    while (done < iov->iov_len) {
        uint32_t used = link_take(link, (const uint8_t *)iov->iov_base + done, iov->iov_len - done);

        if (used == 0)
            return false;
        done += used;
    }
    return true;
}

/* One read. AGAIN: there may be more. DONE: the end of the stream. */
static enum tperf_progress link_read(struct tperf_link *link)
{
    struct tpa_iovec iov[BATCH];
    ssize_t bytes = tpa_zreadv(link->sid, iov, BATCH);
    bool good = true;

    if (bytes == 0)
        return TPERF_DONE;
    if (bytes < 0)
        return errno == EAGAIN ? TPERF_WAIT : TPERF_FAILED;
    for (int i = 0; bytes > 0; i++) {
        bytes -= iov[i].iov_len;
        good = good && piece_take(link, &iov[i]);
        iov[i].iov_read_done(iov[i].iov_base, iov[i].iov_param);
    }
    if (!good)
        errno = EPROTO;
    return good ? TPERF_AGAIN : TPERF_FAILED;
}

/* ---- Progress ---- */

static bool verdict_is_complete(const struct tperf_link *link)
{
    return link->state == LINK_VERDICT && link->input.head_length == TPERF_VERDICT_SIZE;
}

static void verdict_judge(struct tperf_link *link)
{
    struct tperf_verdict verdict;

    tperf_verdict_decode(link->input.head, &verdict);
    link->client->figures.wrong += verdict.wrong;
    if (verdict.received != link->output.position) {
        fprintf(stderr, "tperf: sid %d: sent %llu bytes, the server received %llu\n", link->sid,
                (unsigned long long)link->output.position, (unsigned long long)verdict.received);
        link->client->figures.errors++;
    }
    link_close(link);
}

static void link_ended(struct tperf_link *link)
{
    if (link->state == LINK_CLOSING) {
        link_reopen(link);
        return;
    }
    errno = EPIPE;
    link_fail(link, "the server closed early");
}

static void link_run(struct tperf_link *link)
{
    enum tperf_progress input = link_read(link);
    enum tperf_progress output = TPERF_WAIT;

    if (verdict_is_complete(link)) {
        verdict_judge(link);
        return;
    }
    if (link->state == LINK_FINISHED) {
        link_close(link);
        return;
    }
    if (input == TPERF_DONE) {
        link_ended(link);
        return;
    }
    if (input != TPERF_FAILED)
        output = link_write(link);
    if (input == TPERF_FAILED || output == TPERF_FAILED)
        link_fail(link, "connection lost");
    else
        runnable_set(link, input == TPERF_AGAIN || output == TPERF_AGAIN);
}

static void link_error(struct tperf_link *link)
{
    struct tpa_iovec iov;

    if (tpa_zreadv(link->sid, &iov, 1) > 0) {
        iov.iov_read_done(iov.iov_base, iov.iov_param);
        errno = ECONNRESET;
    }
    link_fail(link, link->state == LINK_CONNECTING ? "can't connect" : "connection lost");
}

static void link_event(struct tperf_link *link, uint32_t events)
{
    if ((events & TPA_EVENT_ERR) != 0) {
        link_error(link);
        return;
    }
    if (link->state == LINK_CONNECTING) {
        if ((events & TPA_EVENT_OUT) == 0)
            return;
        link_established(link);
    }
    link_run(link);
}

static bool runnable_run(struct tperf_client *client)
{
    struct tperf_link *last = TAILQ_LAST(&client->runnable, tperf_links);
    struct tperf_link *link = NULL;

    while (last != NULL && link != last) {
        link = TAILQ_FIRST(&client->runnable);
        runnable_set(link, false);
        link_run(link);
    }
    return last != NULL;
}

/* ---- Phases ---- */

static void phase_set(struct tperf_client *client, enum tperf_phase phase, uint64_t now)
{
    client->phase = phase;
    client->phase_began = now;
}

static void links_open(struct tperf_client *client)
{
    for (int i = 0; i < OPEN_BATCH && client->begun < client->link_count; i++) {
        struct tperf_link *link = &client->links[client->begun++];

        link->client = client;
        if (!link_open(link))
            continue;
        client->alive++;
        client->pending++;
        link->counted = true;
    }
}

static void running_begin(struct tperf_client *client, uint64_t now)
{
    client->acknowledged_before = client->acknowledged;
    client->received_before = client->received;
    phase_set(client, TPERF_RUNNING, now);
    for (uint32_t i = 0; i < client->begun; i++) {
        struct tperf_link *link = &client->links[i];

        if (link->state != LINK_READY)
            continue;
        link->request_began = now;
        link_begin(link);
        runnable_set(link, true);
    }
}

/* Requests and connections that are under way are finished; streams must be told. */
static void link_end(struct tperf_link *link)
{
    if (link->state == LINK_STREAM)
        runnable_set(link, true);
    else if (link->state == LINK_READY ||
             (link->state == LINK_CONNECTING && link->plan.test != TPERF_CRR))
        link_close(link);
}

static void ending_begin(struct tperf_client *client, uint64_t now)
{
    struct tperf_figures *figures = &client->figures;

    if (client->phase == TPERF_RUNNING)
        figures->duration = now - client->phase_began;
    figures->sent =
        (client->acknowledged - client->acknowledged_before) * client->options->message_size;
    figures->received = client->received - client->received_before;
    phase_set(client, TPERF_ENDING, now);
    for (uint32_t i = 0; i < client->begun; i++)
        link_end(&client->links[i]);
}

static void phase_step(struct tperf_client *client, bool stop)
{
    uint64_t now = loop_now();
    bool late = now - client->phase_began > PHASE_MAX_NS;

    switch (client->phase) {
    case TPERF_CONNECTING:
        if (client->begun == client->link_count && client->pending == 0)
            running_begin(client, now);
        else if (late) {
            errno = ETIMEDOUT;
            complain(client, "connections are missing");
            ending_begin(client, now);
        }
        if (stop)
            ending_begin(client, now);
        break;
    case TPERF_RUNNING:
        if (stop || client->alive == 0 || now - client->phase_began >= client->options->duration)
            ending_begin(client, now);
        break;
    case TPERF_ENDING:
        if (late) {
            errno = ETIMEDOUT;
            complain(client, "the server does not finish");
            tperf_client_finish(client);
        }
        if (client->alive == 0)
            phase_set(client, TPERF_ENDED, now);
        break;
    case TPERF_ENDED:
        break;
    }
}

bool tperf_client_init(struct tperf_client *client, struct tpa_worker *worker,
                       const struct tperf_options *options, uint32_t link_count, uint32_t seed)
{
    memset(client, 0, sizeof(*client));
    client->links = calloc(link_count, sizeof(*client->links));
    client->worker = worker;
    client->options = options;
    client->link_count = link_count;
    client->seed = seed;
    TAILQ_INIT(&client->runnable);
    phase_set(client, TPERF_CONNECTING, loop_now());
    return client->links != NULL;
}

bool tperf_client_round(struct tperf_client *client, bool stop)
{
    struct tpa_event events[BATCH];
    int count = tpa_event_poll(client->worker, events, BATCH);
    bool busy;

    for (int i = 0; i < count; i++)
        link_event(events[i].data, events[i].events);
    busy = runnable_run(client) || count > 0;
    if (client->phase == TPERF_CONNECTING)
        links_open(client);
    phase_step(client, stop);
    return busy;
}

void tperf_client_finish(struct tperf_client *client)
{
    for (uint32_t i = 0; i < client->begun; i++) {
        if (client->links[i].state != LINK_CLOSED)
            link_close(&client->links[i]);
    }
}
