/*
 * A congestion control of one's own, out of tree: a window of a fixed size, for a link that is
 * reserved. The program registers it, asks for it by name and moves a megabyte with it; it needs no
 * NIC, no hugepages and no privileges.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tpa.h>
#include <tpa/tcp/congestion.h>

#define PORT            5678
#define TIMEOUT_SECONDS 10
#define WINDOW          (64u << 10)

struct fixed {
    uint32_t acknowledgements;
};

static uint32_t acknowledgements;

static void fixed_hold(struct tpa_tcp_window *window)
{
    window->cwnd = WINDOW;
}

static void fixed_init(struct tpa_tcp_window *window, uint64_t now)
{
    (void)now;
    fixed_hold(window);
}

static void fixed_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample)
{
    struct fixed *fixed = window->state;

    (void)sample;
    acknowledgements = ++fixed->acknowledgements;
    fixed_hold(window);
}

static void fixed_on_congestion(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now)
{
    (void)in_flight;
    (void)now;
    window->ssthresh = WINDOW;
    fixed_hold(window);
}

/* What is behind a time-out goes out segment by segment, whatever is reserved. */
static void fixed_on_rto(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated,
                         uint64_t now)
{
    (void)in_flight;
    (void)repeated;
    (void)now;
    window->cwnd = window->mss;
}

static void fixed_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now)
{
    (void)window;
    (void)idle;
    (void)now;
}

static void fixed_on_spurious(struct tpa_tcp_window *window, uint64_t now)
{
    (void)now;
    fixed_hold(window);
}

static const struct tpa_tcp_congestion fixed = {
    .name = "fixed",
    .state_size = sizeof(struct fixed),
    .init = fixed_init,
    .on_ack = fixed_on_ack,
    .on_loss_event = fixed_on_congestion,
    .on_exit_recovery = fixed_on_congestion,
    .on_rto = fixed_on_rto,
    .on_idle = fixed_on_idle,
    .on_spurious = fixed_on_spurious,
};

/* Takes all that is there; bytes. */
static size_t receive(int sid)
{
    struct tpa_iovec iov;
    ssize_t length;
    size_t sum = 0;

    while ((length = tpa_zreadv(sid, &iov, 1)) > 0) {
        iov.iov_read_done(iov.iov_base, iov.iov_param);
        sum += (size_t)length;
    }
    return sum;
}

int main(void)
{
    static char data[1 << 20];
    const struct tpa_sock_opts opts = {.congestion = "fixed"};
    time_t deadline = time(NULL) + TIMEOUT_SECONDS;
    struct tpa_worker *worker;
    size_t sent = 0, received = 0;
    int client, server = -1;

    if (tpa_tcp_congestion_register(&fixed) != 0 ||
        setenv("TPA_CFG", "net { ip = 10.0.0.1; mask = 255.255.255.0; name = loop; }", 0) != 0)
        return 1;
    if (tpa_init(1) < 0)
        return 1;
    worker = tpa_worker_init();
    if (worker == NULL || tpa_listen_on(NULL, PORT, NULL) < 0)
        return 1;
    client = tpa_connect_to("127.0.0.1", PORT, &opts);
    if (client < 0) {
        perror("tpa_connect_to");
        return 1;
    }

    while (received < sizeof(data) && time(NULL) < deadline) {
        tpa_worker_run(worker);
        if (server < 0)
            tpa_accept_burst(worker, &server, 1);
        if (sent < sizeof(data) && tpa_write(client, data + sent, 1 << 14) > 0)
            sent += 1 << 14;
        if (server >= 0)
            received += receive(server);
    }
    printf("received %zu bytes; \"fixed\" saw %u acknowledgements\n", received, acknowledgements);
    tpa_close(client);
    return received == sizeof(data) && acknowledgements > 0 ? 0 : 1;
}
