/* Workers in threads of their own, in real time: clients and servers in all of them at once. */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tpa.h>

enum {
    WORKERS = 3,
    PORT = 80,
    CONNECTIONS = 200, /* of each worker, one after the other */
    BYTES = 3000,
    SECONDS_MAX = 60,
};

static _Atomic unsigned int finished; /* workers whose connections are all done */
static _Atomic unsigned int served;

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Reads what there is; bytes, 0 = end of stream, -1. */
static ssize_t take(int sid)
{
    struct tpa_iovec iovs[8];
    ssize_t length = tpa_zreadv(sid, iovs, 8);

    for (ssize_t rest = length, n = 0; rest > 0; n++) {
        rest -= iovs[n].iov_len;
        iovs[n].iov_read_done(iovs[n].iov_base, iovs[n].iov_param);
    }
    return length;
}

/* Sends each new connection its bytes and closes it. */
static void serve(struct tpa_worker *worker, int *waiting, int *count)
{
    static const char bytes[BYTES];
    int sids[16];
    int accepted = tpa_accept_burst(worker, sids, 16);

    for (int i = 0; i < accepted; i++)
        waiting[(*count)++] = sids[i];
    for (int i = 0; i < *count; i++) {
        if (tpa_write(waiting[i], bytes, BYTES) != BYTES)
            continue;
        tpa_close(waiting[i]);
        waiting[i--] = waiting[--*count];
        served++;
    }
}

static void *work(void *parameter)
{
    double end = seconds() + SECONDS_MAX;
    struct tpa_worker *worker = tpa_worker_init();
    struct tpa_sock_opts opts = {.listen_scaling = 1};
    int waiting[WORKERS * CONNECTIONS], count = 0, done = 0, sid = -1;
    ssize_t got = 0;
    bool listens = parameter != NULL;

    cr_assert_not_null(worker);
    if (listens)
        cr_assert_geq(tpa_listen_on(NULL, PORT, &opts), 0);
    while (finished < WORKERS && seconds() < end) {
        ssize_t length;
        int error;

        tpa_worker_run(worker);
        serve(worker, waiting, &count);
        if (done == CONNECTIONS)
            continue;
        if (sid < 0) {
            sid = tpa_connect_to("10.0.0.1", PORT, NULL);
            cr_assert_geq(sid, 0, "%s", strerror(errno));
            got = 0;
        }
        length = take(sid);
        error = length < 0 ? errno : 0;
        if (length > 0)
            got += length;
        if (length > 0 || error == EAGAIN || error == ENOTCONN)
            continue;
        tpa_close(sid);
        sid = -1;
        /* The listener may not have been there yet. */
        if (error == ECONNREFUSED)
            continue;
        cr_assert_eq(length, 0, "%s", strerror(error));
        cr_assert_eq(got, BYTES);
        if (++done == CONNECTIONS)
            finished++;
    }
    return NULL;
}

Test(threads, talk_to_each_other, .timeout = 2 * SECONDS_MAX)
{
    pthread_t threads[WORKERS];

    setenv("TPA_CFG",
           "net { name=loop; ip=10.0.0.1/24; } mem { no_huge=1; } dpdk { mbuf_mem_size=64MB; }", 1);
    cr_assert_eq(tpa_init(WORKERS), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, i == 0 ? &threads[i] : NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(finished, WORKERS);
    cr_assert_geq(served, WORKERS * CONNECTIONS);
}
