/*
 * A program that uses the whole of tpa: it listens, connects to itself, sends a line and reads it
 * back at the other end. No NIC, no hugepages and no privileges are needed: set TPA_CFG for others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tpa.h>

#define PORT            5678
#define TIMEOUT_SECONDS 10

static const char line[] = "hello, tpa";

/* Prints and gives back what has come in; 0 as long as nothing has. */
static ssize_t receive(int sid)
{
    struct tpa_iovec iov;
    ssize_t length = tpa_zreadv(sid, &iov, 1);

    if (length <= 0)
        return length < 0 && errno == EAGAIN ? 0 : -1;

    printf("received: %.*s\n", (int)length, (const char *)iov.iov_base);
    iov.iov_read_done(iov.iov_base, iov.iov_param);
    return length;
}

int main(void)
{
    time_t deadline = time(NULL) + TIMEOUT_SECONDS;
    struct tpa_worker *worker;
    int client, server = -1;
    int sent = 0;
    ssize_t received = 0;

    if (setenv("TPA_CFG", "net { ip = 10.0.0.1; mask = 255.255.255.0; name = loop; }", 0) != 0)
        return 1;

    if (tpa_init(1) < 0)
        return 1;
    worker = tpa_worker_init();
    if (worker == NULL || tpa_listen_on(NULL, PORT, NULL) < 0)
        return 1;

    client = tpa_connect_to("127.0.0.1", PORT, NULL);
    if (client < 0) {
        perror("tpa_connect_to");
        return 1;
    }

    while (received == 0 && time(NULL) < deadline) {
        tpa_worker_run(worker);
        if (server < 0)
            tpa_accept_burst(worker, &server, 1);
        if (!sent)
            sent = tpa_write(client, line, sizeof(line)) > 0;
        if (server >= 0)
            received = receive(server);
    }

    tpa_close(client);
    return received == (ssize_t)sizeof(line) ? 0 : 1;
}
