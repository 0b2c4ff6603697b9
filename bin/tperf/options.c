#include "bin/tperf/options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_LOOP = 256
};

static const struct argp_option arguments[] = {
    {"client", 'c', "SERVER", 0, "connect to this address", 1},
    {"server", 's', NULL, 0, "serve, until interrupted", 1},
    {"loop", KEY_LOOP, NULL, 0, "client and server in this process, over the in-process loop", 1},
    {"test", 't', "TEST", 0, "read, write, rw, rr, crr (read)", 2},
    {"port", 'p', "PORT", 0, "of the server (4096)", 2},
    {"duration", 'd', "TIME", 0, "how long: 500ms, 10s, 2m (10s)", 2},
    {"message", 'm', "SIZE", 0, "bytes of one message, up to 1M (1000)", 2},
    {"threads", 'n', "N", 0, "workers (1)", 2},
    {"connections", 'C', "N", 0, "of all threads (1 for each)", 2},
    {"verify", 'i', NULL, 0, "check every byte at both ends", 2},
    {"zero-copy", 'W', "0|1", 0, "write without copying (0)", 2},
    {"listen", 'l', "ADDRESS", 0, "of the server (all)", 2},
    {"cpu", 'S', "CPU", 0, "the first thread runs there, the next on the next one", 2},
    {"json", 'j', NULL, 0, "print the result as one line of JSON", 2},
    {0},
};

static long number(const char *name, const char *text, long lowest, long highest,
                   struct argp_state *state)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < lowest || value > highest)
        argp_error(state, "%s: %s is not a number from %ld to %ld", name, text, lowest, highest);
    return value;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number and one of the units, the last of which has no name and ends the list. */
static uint64_t quantity(const char *name, const char *text, const struct unit *units,
                         uint64_t highest, struct argp_state *state)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    while (units->name[0] != '\0' && strcasecmp(end, units->name) != 0)
        units++;
    if (end == text || *text == '-' || strcasecmp(end, units->name) != 0 || value == 0 ||
        value > highest / units->factor)
        argp_error(state, "%s: %s is not understood, or out of range", name, text);
    return value * units->factor;
}

static uint64_t duration(const char *text, struct argp_state *state)
{
    static const struct unit units[] = {
        {"us", 1000},       {"ms", 1000000},      {"s", 1000000000},
        {"m", 60000000000}, {"h", 3600000000000}, {"", 1000000000},
    };

    return quantity("duration", text, units, 24 * UINT64_C(3600000000000), state);
}

static uint32_t size(const char *text, struct argp_state *state)
{
    static const struct unit units[] = {{"k", 1024},     {"kb", 1024}, {"m", 1048576},
                                        {"mb", 1048576}, {"b", 1},     {"", 1}};

    return (uint32_t)quantity("message", text, units, TPERF_MESSAGE_MAX, state);
}

static enum tperf_test test(const char *text, struct argp_state *state)
{
    for (int i = 0; i < TPERF_TESTS; i++) {
        if (strcmp(text, tperf_test_name((enum tperf_test)i)) == 0)
            return (enum tperf_test)i;
    }
    argp_error(state, "test: %s is none of read, write, rw, rr, crr", text);
    return TPERF_READ;
}

/* What argp hands round. */
struct parsing {
    struct tperf_options *options;
    bool role_given;
};

static void role_set(struct parsing *parsing, enum tperf_role role, struct argp_state *state)
{
    if (parsing->role_given)
        argp_error(state, "one of -c, -s and --loop");
    parsing->role_given = true;
    parsing->options->role = role;
}

static error_t finish(struct parsing *parsing, struct argp_state *state)
{
    struct tperf_options *options = parsing->options;

    if (!parsing->role_given)
        argp_usage(state);
    if (options->role == TPERF_LOOP && options->threads > 1)
        argp_error(state, "--loop has one thread");
    if (options->connections == 0)
        options->connections = options->threads;
    if (options->connections < options->threads)
        argp_error(state, "fewer connections than threads");
    return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct tperf_options *options = parsing->options;

    switch (key) {
    case 'c':
        role_set(parsing, TPERF_CLIENT, state);
        options->server = argument;
        return 0;
    case 's':
        role_set(parsing, TPERF_SERVER, state);
        return 0;
    case KEY_LOOP:
        role_set(parsing, TPERF_LOOP, state);
        return 0;
    case 't':
        options->test = test(argument, state);
        return 0;
    case 'p':
        options->port = (uint16_t)number("port", argument, 1, 65535, state);
        return 0;
    case 'd':
        options->duration = duration(argument, state);
        return 0;
    case 'm':
        options->message_size = size(argument, state);
        return 0;
    case 'n':
        options->threads = (int)number("threads", argument, 1, TPERF_THREADS_MAX, state);
        return 0;
    case 'C':
        options->connections =
            (int)number("connections", argument, 1, TPERF_CONNECTIONS_MAX, state);
        return 0;
    case 'i':
        options->verify = true;
        return 0;
    case 'W':
        options->zero_copy = number("zero-copy", argument, 0, 1, state) != 0;
        return 0;
    case 'l':
        options->listen = argument;
        return 0;
    case 'S':
        options->first_cpu = (int)number("cpu", argument, 0, 1023, state);
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_usage(state);
        return 0;
    case ARGP_KEY_END:
        return finish(parsing, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void tperf_options_parse(int argc, char **argv, struct tperf_options *options)
{
    static const struct argp argp = {
        arguments,
        parse,
        NULL,
        "Measures a stack: throughput (read: the server sends, write: the client does, rw: both), "
        "requests and their latency (rr), and connections that are made for one request each "
        "(crr).",
        NULL,
        NULL,
        NULL};
    struct parsing parsing = {.options = options};

    *options = (struct tperf_options){
        .port = TPERF_PORT_DEFAULT,
        .duration = TPERF_DURATION_DEFAULT,
        .message_size = TPERF_MESSAGE_DEFAULT,
        .threads = 1,
        .first_cpu = -1,
    };
    argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}
