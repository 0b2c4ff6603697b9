/*
 * Two processes over net_memif: one sends, the other sends all back as it is.
 *
 *   memif_test NAME HUGE|NO_HUGE SOCKET [CLIENT_ARGUMENTS]
 *
 * SOCKET is a name of the abstract kind: one that stays behind in a directory when its owner dies
 * keeps the next server from starting.
 *
 * Output and exit status as wire_test.
 */
#define _GNU_SOURCE

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tpa/mem/external.h>

#include "wire.h"

enum {
    EXIT_NO_PORT = 77,
    FRAMES = 20000,
    WINDOW = 32,
    PATIENCE = 10,
    SUPER_FRAMES = 20
};

struct test {
    const char *name;
    bool no_huge;
    bool zero_copy;
    const char *socket;
    pid_t server;
    int failures;
    struct wire_port port;
};

static void report(struct test *test, const char *what, bool passed, const char *why)
{
    printf("%s %s: %s%s%s\n", passed ? "ok" : "FAIL", test->name, what, passed ? "" : ": ",
           passed ? "" : why);
    fflush(stdout);
    test->failures += !passed;
}

static bool open_port(struct test *test, const char *role, const char *arguments, char *reason)
{
    char eal_args[400];

    snprintf(eal_args, sizeof(eal_args), "--vdev=net_memif0,role=%s,socket=%s%s", role,
             test->socket, arguments);
    return wire_port_open(&test->port, "net_memif0", eal_args, test->no_huge, 0, reason);
}

__attribute__((noreturn)) static void serve(struct test *test)
{
    char reason[TPA_NETDEV_REASON_SIZE];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!open_port(test, "server", "", reason)) {
        fprintf(stderr, "server: %s\n", reason);
        _exit(1);
    }
    test->port.mirror = true;
    for (;;) {
        if (wire_port_step(&test->port) == 0)
            usleep(1); /* the other end may be on this core */
    }
}

/* The server is a program of its own: EAL can't be forked. */
static void start_server(struct test *test, char **argv)
{
    test->server = fork();
    if (test->server != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/proc/self/exe", argv[0], "SERVER", argv[2], argv[3], (char *)NULL);
    _exit(127);
}

static void stop_server(struct test *test)
{
    kill(test->server, SIGKILL);
    waitpid(test->server, NULL, 0);
}

static bool await_link(struct test *test, bool up)
{
    double end = wire_clock() + PATIENCE;
    struct tpa_netdev_link link;

    do {
        tpa_netdev_link(test->port.device, &link);
        if (link.up == up)
            return true;
        usleep(100000);
    } while (wire_clock() < end);
    return false;
}

static struct rte_mbuf *receive_one(struct test *test)
{
    double end = wire_clock() + PATIENCE;
    struct rte_mbuf *packet;

    do {
        tpa_netdev_tx_flush(test->port.device, 0, 0);
        if (tpa_netdev_rx_burst(test->port.device, 0, &packet, 1, 0) == 1)
            return packet;
    } while (wire_clock() < end);
    return NULL;
}

static void numbered_frame(uint32_t n, struct frame *frame)
{
    struct frame_template template = {
        .payload = n * 7919u % 1447u, .sequence = n, .seed = n, .ipv6 = n % 2};

    template.payload -= template.ipv6 &&template.payload > 1426 ? 20 : 0;
    frame_build(&template, frame);
    reference_fill_checksums(frame);
}

static bool is_frame(const struct rte_mbuf *packet, const struct frame *expected)
{
    static struct frame flat;

    packet_flatten(packet, &flat);
    return flat.length == expected->length && memcmp(flat.bytes, expected->bytes, flat.length) == 0;
}

static bool send_numbered(struct test *test, uint32_t n)
{
    static const uint32_t sizes[] = {1, 13, 401, 0};
    static struct frame frame;
    struct rte_mbuf *packet;

    numbered_frame(n, &frame);
    packet = frame_packet(&frame, &test->port.pool, 5, sizes);
    packet_request(packet, &frame, 0);
    return wire_port_send(&test->port, packet);
}

static void test_frames(struct test *test)
{
    static struct frame expected;
    char why[WIRE_TEXT] = "";

    for (uint32_t n = 0; n < FRAMES + WINDOW && why[0] == '\0'; n++) {
        struct rte_mbuf *packet;

        if (n < FRAMES && !send_numbered(test, n))
            snprintf(why, sizeof(why), "frame %u was not accepted", n);
        if (n < WINDOW)
            continue;
        packet = receive_one(test);
        numbered_frame(n - WINDOW, &expected);
        if (packet == NULL || !is_frame(packet, &expected))
            snprintf(why, sizeof(why), "frame %u did not come back as it was", n - WINDOW);
        tpa_mem_packet_free(packet);
    }
    report(test, "20000 frames in odd segments, there and back", why[0] == '\0', why);
}

struct pieces {
    struct test *test;
    int wrong; /* index of the first wrong piece, or -1 */
};

static void expect_piece(const struct frame *piece, unsigned int index, void *context)
{
    struct pieces *pieces = context;
    struct rte_mbuf *packet;

    if (pieces->wrong >= 0)
        return;
    packet = receive_one(pieces->test);
    if (packet == NULL || !is_frame(packet, piece))
        pieces->wrong = (int)index;
    tpa_mem_packet_free(packet);
}

static struct rte_mbuf *external_packet(struct test *test, const struct frame *frame,
                                        struct tpa_mem_external *external)
{
    struct rte_mbuf *packet = frame_packet(frame, &test->port.pool, 0, NULL);
    uint32_t headers = frame_headers(frame);

    tpa_mem_packet_truncate(packet, headers);
    tpa_mem_packet_chain(packet, tpa_mem_packet_external(&test->port.pool, frame->bytes + headers,
                                                         (uintptr_t)(frame->bytes + headers),
                                                         frame->length - headers, external));
    packet_request(packet, frame, 1400);
    return packet;
}

static void test_super_frames(struct test *test)
{
    static struct frame frame;
    struct pieces pieces = {.test = test, .wrong = -1};
    struct tpa_mem_external external;
    char why[WIRE_TEXT];

    tpa_mem_external_init(&external);
    for (uint32_t n = 0; n < SUPER_FRAMES && pieces.wrong < 0; n++) {
        frame_build(
            &(struct frame_template){
                .payload = 60001, .seed = n, .ipv6 = n % 2, .tcp_flags = TCP_ACK | TCP_PSH},
            &frame);
        if (!wire_port_send(&test->port, external_packet(test, &frame, &external)))
            pieces.wrong = 0;
        else
            reference_segment(&frame, 1400, expect_piece, &pieces);
    }
    snprintf(why, sizeof(why), "piece %d", pieces.wrong);
    report(test, "20 super-frames of a program's own memory, byte for byte", pieces.wrong < 0, why);
}

static void test_reconnection(struct test *test, char **argv)
{
    stop_server(test);
    report(test, "the other process dies: link down", await_link(test, false), "it is up");
    start_server(test, argv);
    if (test->zero_copy) {
        printf(
            "skipped: %s: link up again: the driver can't map its memory twice in zero-copy mode\n",
            test->name);
        return;
    }
    report(test, "and is started again: link up", await_link(test, true), "it is down");
    test_frames(test);
}

static void run_cases(struct test *test, char **argv)
{
    uint32_t missing;
    char why[WIRE_TEXT];
    bool back;

    if (!await_link(test, true)) {
        report(test, "link", false, "does not come up");
        return;
    }
    test_frames(test);
    test_super_frames(test);
    test_reconnection(test, argv);
    stop_server(test);
    back = wire_port_close(&test->port, &missing);
    snprintf(why, sizeof(why), "%u are missing", missing);
    if (!back && test->zero_copy)
        printf("skipped: %s: all buffers are back: the driver keeps the %u of its rings\n",
               test->name, missing);
    else
        report(test, "all buffers are back", back, why);
}

int main(int argc, char **argv)
{
    struct test test = {0};
    char reason[TPA_NETDEV_REASON_SIZE];

    if (argc < 4) {
        fprintf(stderr, "usage: %s NAME HUGE|NO_HUGE SOCKET [CLIENT_ARGUMENTS]\n", argv[0]);
        return 2;
    }
    test.name = argv[1];
    test.no_huge = strcmp(argv[2], "NO_HUGE") == 0;
    test.socket = argv[3];
    test.zero_copy = argc > 4 && strstr(argv[4], "zero-copy=yes") != NULL;
    if (strcmp(test.name, "SERVER") == 0)
        serve(&test);
    start_server(&test, argv);
    if (!open_port(&test, "client", argc > 4 ? argv[4] : "", reason)) {
        printf("skipped: %s: %s\n", test.name, reason);
        stop_server(&test);
        return EXIT_NO_PORT;
    }
    run_cases(&test, argv);
    return test.failures > 0;
}
