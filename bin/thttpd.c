/*
 * thttpd: serves the files of a directory over HTTP/1.1 (RFC 9112), GET and HEAD, without copying
 * them.
 *
 * Each worker has its own connections and its own copy of the files in registered memory; a piece
 * of a file is handed to tpa_zwritev and read in place until the peer has acknowledged it.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <tpa.h>

#include "bin/support/content.h"
#include "bin/support/loop.h"

#define BATCH        64
#define REQUEST_SIZE 8192   /* a request line with its headers; longer is refused with 431 */
#define PIECE_SIZE   65536u /* bytes of a file handed over at once */
#define WORKERS_MAX  32

struct options {
    const char *directory;
    const char *address;
    uint16_t port;
    int workers;
};

struct server {
    const struct options *options;
    struct content content;
};

struct connection {
    struct server *server;
    int sid;
    uint32_t references; /* the connection itself, and each write on its way */
    bool last;           /* closed after the answer that is under way */
    char request[REQUEST_SIZE];
    size_t request_length;
    char head[512];
    size_t head_length; /* of an answer's head that is not sent yet */
    struct content_file *file;
    size_t file_sent;
    size_t file_end;
};

/* ---- Life ---- */

static void connection_release(struct connection *connection)
{
    if (--connection->references == 0)
        free(connection);
}

static void file_finish(struct connection *connection)
{
    if (connection->file != NULL)
        content_put(connection->file);
    connection->file = NULL;
}

static void connection_close(struct connection *connection)
{
    file_finish(connection);
    tpa_close(connection->sid);
    connection_release(connection);
}

/* A piece of a file is acknowledged: the file may go when nobody else uses it. */
struct piece {
    struct connection *connection;
    struct content_file *file;
};

static void piece_done(void *base, void *parameter)
{
    struct piece *piece = parameter;

    (void)base;
    content_put(piece->file);
    connection_release(piece->connection);
    free(piece);
}

/* ---- Answers ---- */

static const char *content_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".css", "text/css"},
        {".js", "text/javascript"},
        {".json", "application/json"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"},
    };
    const char *ending = strrchr(path, '.');

    for (size_t i = 0; ending != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void answer_error(struct connection *connection, int status, const char *text)
{
    connection->head_length = (size_t)snprintf(
        connection->head, sizeof(connection->head),
        "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s\n", status,
        text, strlen(text) + 1, connection->last ? "Connection: close\r\n" : "", text);
}

static void answer_file(struct connection *connection, const char *path, bool with_body)
{
    struct content_file *file = content_get(&connection->server->content, path);

    if (file == NULL) {
        if (errno == ENOMEM)
            answer_error(connection, 503, "Service Unavailable");
        else if (errno == EACCES)
            answer_error(connection, 403, "Forbidden");
        else
            answer_error(connection, 404, "Not Found");
        return;
    }
    connection->head_length = (size_t)snprintf(
        connection->head, sizeof(connection->head),
        "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", content_type(path),
        file->length, connection->last ? "Connection: close\r\n" : "");
    connection->file = file;
    connection->file_sent = 0;
    connection->file_end = with_body ? file->length : 0;
}

/* Decodes %XX in place; false for a NUL or half an escape. */
static bool path_decode(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0'; from++, to++) {
        unsigned int byte;
        int used = 0;

        *to = *from;
        if (*from != '%')
            continue;
        if (sscanf(from + 1, "%2x%n", &byte, &used) != 1 || used != 2 || byte == 0)
            return false;
        *to = (char)byte;
        from += 2;
    }
    *to = '\0';
    return true;
}

static bool wants_close(const char *headers, const char *version)
{
    const char *found = strcasestr(headers, "\r\nConnection:");
    const char *end = found != NULL ? strstr(found + 2, "\r\n") : NULL;
    char value[64];

    if (end == NULL || (size_t)(end - found) >= sizeof(value))
        return strcmp(version, "HTTP/1.1") != 0;
    memcpy(value, found, (size_t)(end - found));
    value[end - found] = '\0';
    if (strcasestr(value, "close") != NULL)
        return true;
    return strcmp(version, "HTTP/1.1") != 0 && strcasestr(value, "keep-alive") == NULL;
}

/* `request` is one whole head, terminated, its last line end included. */
static void request_answer(struct connection *connection, char *request)
{
    char *headers = strstr(request, "\r\n");
    char method[8], target[CONTENT_PATH_SIZE], version[16];
    char *path = target;

    connection->last = true;
    if (sscanf(request, "%7s %511s %15s", method, target, version) != 3 ||
        strncmp(version, "HTTP/1.", 7) != 0) {
        answer_error(connection, 400, "Bad Request");
        return;
    }
    connection->last = wants_close(headers, version);
    target[strcspn(target, "?#")] = '\0';
    while (*path == '/')
        path++;
    if (strcasestr(headers, "\r\nTransfer-Encoding:") != NULL ||
        strcasestr(headers, "\r\nContent-Length:") != NULL) {
        connection->last = true; /* a body would be taken for the next request */
        answer_error(connection, 413, "Content Too Large");
    } else if (target[0] != '/' || !path_decode(path)) {
        answer_error(connection, 400, "Bad Request");
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer_error(connection, 405, "Method Not Allowed");
    } else {
        answer_file(connection, *path != '\0' ? path : "index.html", method[0] == 'G');
    }
}

/* ---- Progress ---- */

enum progress {
    WAIT,
    GO_ON,
    GONE
};

static enum progress head_send(struct connection *connection)
{
    if (connection->head_length == 0)
        return GO_ON;
    if (tpa_write(connection->sid, connection->head, connection->head_length) < 0)
        return errno == EAGAIN ? WAIT : GONE;
    connection->head_length = 0;
    return GO_ON;
}

static enum progress piece_send(struct connection *connection)
{
    size_t left = connection->file_end - connection->file_sent;
    struct piece *piece = malloc(sizeof(*piece));
    struct tpa_iovec iov = {
        .iov_base = connection->file->data + connection->file_sent,
        .iov_phys = 1,
        .iov_len = left < PIECE_SIZE ? (uint32_t)left : PIECE_SIZE,
        .iov_param = piece,
        .iov_write_done = piece_done,
    };

    if (piece == NULL)
        return GONE;
    if (tpa_zwritev(connection->sid, &iov, 1) < 0) {
        enum progress progress = errno == EAGAIN ? WAIT : GONE;

        free(piece);
        return progress;
    }
    piece->connection = connection;
    piece->file = connection->file;
    piece->file->users++;
    connection->references++;
    connection->file_sent += iov.iov_len;
    return GO_ON;
}

/* All of the answer that is under way. */
static enum progress answer_send(struct connection *connection)
{
    enum progress progress = head_send(connection);

    while (progress == GO_ON && connection->file != NULL &&
           connection->file_sent < connection->file_end)
        progress = piece_send(connection);
    if (progress != GO_ON)
        return progress;
    file_finish(connection);
    return connection->last ? GONE : GO_ON;
}

/* Answers the first whole request that was read; WAIT when there is none yet. */
static enum progress request_take(struct connection *connection)
{
    char *end = memmem(connection->request, connection->request_length, "\r\n\r\n", 4);
    size_t length;
    char next;

    if (end == NULL) {
        if (connection->request_length < REQUEST_SIZE - 1)
            return WAIT;
        connection->last = true;
        connection->request_length = 0;
        answer_error(connection, 431, "Request Header Fields Too Large");
        return GO_ON;
    }
    length = (size_t)(end - connection->request) + 4;
    next = connection->request[length];
    connection->request[length] = '\0';
    request_answer(connection, connection->request);
    connection->request[length] = next;
    connection->request_length -= length;
    memmove(connection->request, connection->request + length, connection->request_length);
    return GO_ON;
}

/* Reads what there is room for; one byte of the buffer stays for the end of a string. */
static enum progress request_read(struct connection *connection)
{
    struct tpa_iovec iov;
    ssize_t bytes = tpa_zreadv(connection->sid, &iov, 1);
    size_t room = REQUEST_SIZE - 1 - connection->request_length;
    size_t length;

    if (bytes < 0)
        return errno == EAGAIN ? WAIT : GONE;
    if (bytes == 0)
        return GONE;
    length = iov.iov_len < room ? iov.iov_len : room;
    memcpy(connection->request + connection->request_length, iov.iov_base, length);
    connection->request_length += length;
    iov.iov_read_done(iov.iov_base, iov.iov_param);
    return length < iov.iov_len ? GONE : GO_ON;
}

static void connection_run(struct connection *connection)
{
    enum progress progress;

    do {
        progress = answer_send(connection);
        if (progress == GO_ON)
            progress = request_take(connection);
        else
            continue;
        if (progress == WAIT)
            progress = request_read(connection);
    } while (progress == GO_ON);
    if (progress == GONE)
        connection_close(connection);
}

static void connection_open(struct server *server, int sid)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    struct tpa_event event = {.events = TPA_EVENT_IN | TPA_EVENT_OUT, .data = connection};

    if (connection == NULL) {
        tpa_close(sid);
        return;
    }
    connection->server = server;
    connection->sid = sid;
    connection->references = 1;
    if (tpa_event_ctrl(sid, TPA_EVENT_CTRL_ADD, &event) < 0)
        connection_close(connection);
}

static void serve(struct server *server, struct tpa_worker *worker)
{
    struct loop_idle idle = {0};
    struct tpa_event events[BATCH];
    int sids[BATCH];

    while (!loop_stopped()) {
        int accepted, count;

        tpa_worker_run(worker);
        accepted = tpa_accept_burst(worker, sids, BATCH);
        for (int i = 0; i < accepted; i++)
            connection_open(server, sids[i]);
        count = tpa_event_poll(worker, events, BATCH);
        for (int i = 0; i < count; i++) {
            if ((events[i].events & (TPA_EVENT_ERR | TPA_EVENT_HUP)) != 0)
                connection_close(events[i].data);
            else
                connection_run(events[i].data);
        }
        loop_idle_round(&idle, accepted + count > 0);
    }
}

/* ---- Start ---- */

static bool listen_all(const struct options *options)
{
    struct tpa_sock_opts opts = {.listen_scaling = 1};

    if (tpa_listen_on(options->address, options->port, &opts) >= 0)
        return true;
    fprintf(stderr, "thttpd: can't listen on port %u: %s\n", options->port, strerror(errno));
    return false;
}

static pthread_barrier_t all_ready;

static void *worker_main(void *parameter)
{
    struct server *server = parameter;
    struct tpa_worker *worker = tpa_worker_init();
    bool first = pthread_barrier_wait(&all_ready) != 0;

    if (worker == NULL) {
        fprintf(stderr, "thttpd: no worker: %s\n", strerror(errno));
        loop_stop();
        return NULL;
    }
    if (first && !listen_all(server->options)) {
        loop_stop();
        return parameter;
    }
    if (first) {
        printf(":: serving %s on port %u\n", server->options->directory, server->options->port);
        fflush(stdout);
    }
    serve(server, worker);
    return NULL;
}

static int serve_all(const struct options *options)
{
    static struct server servers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX];
    int result = 0;

    pthread_barrier_init(&all_ready, NULL, (unsigned int)options->workers);
    for (int i = 0; i < options->workers; i++) {
        servers[i].options = options;
        if (content_open(&servers[i].content, options->directory) < 0) {
            fprintf(stderr, "thttpd: %s: %s\n", options->directory, strerror(errno));
            return 1;
        }
    }
    for (int i = 0; i < options->workers; i++) {
        if (pthread_create(&threads[i], NULL, worker_main, &servers[i]) != 0) {
            fprintf(stderr, "thttpd: can't start a thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < options->workers; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        if (failed != NULL)
            result = 1;
    }
    return result;
}

static int number(const char *text, long lowest, long highest, struct argp_state *state)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < lowest || value > highest)
        argp_error(state, "%s is not a number from %ld to %ld", text, lowest, highest);
    return (int)value;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'p':
        options->port = (uint16_t)number(argument, 1, 65535, state);
        return 0;
    case 'n':
        options->workers = number(argument, 1, WORKERS_MAX, state);
        return 0;
    case 'l':
        options->address = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_usage(state);
        options->directory = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option arguments[] = {
        {"port", 'p', "PORT", 0, "listen there (80)", 0},
        {"workers", 'n', "N", 0, "threads (1)", 0},
        {"listen", 'l', "ADDRESS", 0, "one of the stack's addresses (all)", 0},
        {0},
    };
    static const struct argp argp = {
        arguments, parse, "[DIRECTORY]", "Serves files over HTTP without copying them.",
        NULL,      NULL,  NULL};
    struct options options = {.directory = ".", .port = 80, .workers = 1};

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    loop_catch_signals();
    if (tpa_init(options.workers) < 0)
        return 1;
    return serve_all(&options);
}
