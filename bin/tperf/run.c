/* Client and server: a worker in each thread. */
#include "bin/tperf/run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/support/loop.h"
#include "bin/tperf/client.h"
#include "bin/tperf/protocol.h"
#include "bin/tperf/report.h"
#include "bin/tperf/server.h"

/* How long ends of connections may take to go out. */
#define FAREWELL_NS 200000000u

struct thread {
    pthread_t id;
    int index;
    const struct tperf_options *options;
    bool failed;
    union {
        struct tperf_client client;
        struct tperf_server server;
    };
};

static pthread_barrier_t all_ready;

static bool start(const struct tperf_options *options)
{
    loop_catch_signals();
    if (tpa_init(options->threads) < 0)
        return false;
    if (tperf_pattern_create() &&
        tpa_extmem_register(tperf_pattern(), TPERF_PATTERN_MAPPED, NULL,
                            TPERF_PATTERN_MAPPED / TPERF_PATTERN_PAGE, TPERF_PATTERN_PAGE) == 0)
        return true;
    fprintf(stderr, "tperf: no memory to send from: %s\n", strerror(errno));
    return false;
}

static struct tpa_worker *worker_start(struct thread *thread)
{
    const struct tperf_options *options = thread->options;
    struct tpa_worker *worker = tpa_worker_init();

    if (worker == NULL)
        fprintf(stderr, "tperf: no worker: %s\n", strerror(errno));
    else if (options->first_cpu >= 0 && !loop_pin(options->first_cpu + thread->index))
        fprintf(stderr, "tperf: there is no CPU %d\n", options->first_cpu + thread->index);
    else
        return worker;
    thread->failed = true;
    loop_stop();
    return NULL;
}

static void farewell(struct tpa_worker *worker)
{
    uint64_t began = loop_now();

    while (loop_now() - began < FAREWELL_NS)
        tpa_worker_run(worker);
}

/* ---- Client ---- */

static uint32_t link_count(const struct thread *thread)
{
    int share = thread->options->connections / thread->options->threads;
    int rest = thread->options->connections % thread->options->threads;

    return (uint32_t)(share + (thread->index < rest));
}

static void *client_main(void *parameter)
{
    struct thread *thread = parameter;
    struct tpa_worker *worker = worker_start(thread);
    struct tperf_client *client = &thread->client;
    struct loop_idle idle = {0};

    pthread_barrier_wait(&all_ready);
    if (worker == NULL)
        return NULL;
    if (!tperf_client_init(client, worker, thread->options, link_count(thread),
                           (uint32_t)thread->index << 26)) {
        fprintf(stderr, "tperf: no memory for the connections\n");
        thread->failed = true;
        return NULL;
    }
    while (client->phase != TPERF_ENDED) {
        tpa_worker_run(worker);
        loop_idle_round(&idle, tperf_client_round(client, loop_stopped()));
    }
    tperf_client_finish(client);
    farewell(worker);
    free(client->links);
    return NULL;
}

/* ---- Server ---- */

static bool listen_all(const struct tperf_options *options)
{
    struct tpa_sock_opts opts = {.listen_scaling = 1};

    if (tpa_listen_on(options->listen, options->port, &opts) < 0) {
        fprintf(stderr, "tperf: can't listen on %s port %u: %s\n",
                options->listen != NULL ? options->listen : "any address,", options->port,
                strerror(errno));
        return false;
    }
    printf(":: tperf over %s: listening on port %u ...\n", tperf_stack, options->port);
    fflush(stdout);
    return true;
}

static void *server_main(void *parameter)
{
    struct thread *thread = parameter;
    struct tpa_worker *worker = worker_start(thread);
    bool first = pthread_barrier_wait(&all_ready) != 0; /* PTHREAD_BARRIER_SERIAL_THREAD */
    struct loop_idle idle = {0};

    if (worker == NULL)
        return NULL;
    tperf_server_init(&thread->server, worker);
    if (first && !listen_all(thread->options)) {
        thread->failed = true;
        loop_stop();
    }
    while (!loop_stopped()) {
        tpa_worker_run(worker);
        loop_idle_round(&idle, tperf_server_round(&thread->server));
    }
    return NULL;
}

/* ---- Both ---- */

static bool threads_run(const struct tperf_options *options, struct thread *threads,
                        void *(*run)(void *))
{
    bool good = true;

    pthread_barrier_init(&all_ready, NULL, (unsigned int)options->threads);
    for (int i = 0; i < options->threads; i++) {
        threads[i].index = i;
        threads[i].options = options;
        if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0) {
            fprintf(stderr, "tperf: can't start a thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < options->threads; i++) {
        pthread_join(threads[i].id, NULL);
        good = good && !threads[i].failed;
    }
    return good;
}

static struct thread threads[TPERF_THREADS_MAX];

int tperf_run_client(const struct tperf_options *options)
{
    static struct tperf_figures figures;

    if (!start(options) || !threads_run(options, threads, client_main))
        return 1;
    for (int i = 0; i < options->threads; i++)
        tperf_figures_merge(&figures, &threads[i].client.figures);
    tperf_report(options, &figures, tperf_stack);
    return figures.errors + figures.wrong == 0 ? 0 : 1;
}

int tperf_run_server(const struct tperf_options *options)
{
    struct tperf_server servers[TPERF_THREADS_MAX];
    uint64_t wrong = 0;

    if (!start(options) || !threads_run(options, threads, server_main))
        return 1;
    for (int i = 0; i < options->threads; i++) {
        servers[i] = threads[i].server;
        wrong += servers[i].wrong;
    }
    tperf_report_server(servers, options->threads);
    return wrong == 0 ? 0 : 1;
}
