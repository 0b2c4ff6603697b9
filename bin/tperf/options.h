/* What the command line says. */
#ifndef TPERF_OPTIONS_H
#define TPERF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bin/tperf/protocol.h"

#define TPERF_PORT_DEFAULT     4096
#define TPERF_THREADS_MAX      32
#define TPERF_CONNECTIONS_MAX  30000
#define TPERF_MESSAGE_DEFAULT  1000
#define TPERF_DURATION_DEFAULT UINT64_C(10000000000)

enum tperf_role {
    TPERF_CLIENT,
    TPERF_SERVER,
    TPERF_LOOP /* both in this process */
};

struct tperf_options {
    enum tperf_role role;
    const char *server; /* of a client */
    const char *listen; /* of a server; NULL = all addresses */
    uint16_t port;
    enum tperf_test test;
    uint64_t duration; /* ns */
    uint32_t message_size;
    int threads;
    int connections; /* of all threads */
    int first_cpu;   /* thread n runs on first_cpu + n; -1 = anywhere */
    bool verify;
    bool zero_copy;
    bool json;
};

/* Ends the program with a message when the arguments make no sense. */
void tperf_options_parse(int argc, char **argv, struct tperf_options *options);

#endif
