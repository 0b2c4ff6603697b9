/*
 * One DPDK port against the kernel. Started by kernel_test.sh, inside the stack's namespace.
 *
 *   wire_test NAME PORT HUGE|NO_HUGE MTU PEER_NETNS|- PEER_INTERFACE EAL_ARGUMENTS
 *
 * Prints a line for each case, "ok NAME: case" or "FAIL NAME: case: why". Exits with 0, with 1 when
 * a case failed, and with 77 when the port can't be had, after a line that says why.
 */
#define _GNU_SOURCE

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tpa/mem/external.h>

#include "wire.h"

enum {
    EXIT_NO_PORT = 77,
    CASE_SECONDS = 60,
    LINK_SECONDS = 5,
    READY_SECONDS = 20,
    IPV6_MTU_MIN = 1280,
};

struct test {
    const char *name;
    uint16_t mtu;
    int channel;
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

/* The peer's next report, with the port working meanwhile. */
static struct wire_report await(struct test *test)
{
    struct wire_report answer = {.text = "the peer has gone or takes too long"};
    double end = wire_clock() + CASE_SECONDS;

    while (wire_clock() < end) {
        struct pollfd wait = {.fd = test->channel, .events = POLLIN};

        /* Two busy ends on two cores leave the kernel's own work nothing: rest when idle. */
        if (poll(&wait, 1, wire_port_step(&test->port) > 0 ? 0 : 1) > 0) {
            if (read(test->channel, &answer, sizeof(answer)) != sizeof(answer))
                snprintf(answer.text, sizeof(answer.text), "the peer has gone");
            break;
        }
    }
    return answer;
}

static struct wire_report order(struct test *test, const struct wire_order *what)
{
    if (write(test->channel, what, sizeof(*what)) != sizeof(*what))
        return (struct wire_report){.text = "the peer does not take orders"};
    return await(test);
}

static void test_echo(struct test *test)
{
    struct wire_order what = {.task = WIRE_ECHO, .mtu = test->mtu, .count = 2000};
    struct wire_report answer = order(test, &what);

    if (answer.passed)
        answer = await(test);
    report(test, "2000 frames of all lengths, there and back", answer.passed, answer.text);
}

/* A super-frame whose payload is the program's own memory, in odd pieces. */
static struct rte_mbuf *external_super_frame(struct test *test, const struct frame *frame,
                                             struct tpa_mem_external *external, uint16_t mss)
{
    struct rte_mbuf *packet = frame_packet(frame, &test->port.pool, 0, NULL);
    uint32_t offset = frame_headers(frame);
    uint32_t length = 1;

    tpa_mem_packet_truncate(packet, offset);
    while (packet != NULL && offset < frame->length) {
        struct rte_mbuf *segment;

        length = length * 5 % 9973 + 1;
        if (length > frame->length - offset)
            length = frame->length - offset;
        segment = tpa_mem_packet_external(&test->port.pool, frame->bytes + offset,
                                          (uintptr_t)(frame->bytes + offset), length, external);
        if (segment == NULL || tpa_mem_packet_chain(packet, segment) != 0)
            return NULL;
        offset += length;
    }
    packet_request(packet, frame, mss);
    return packet;
}

static bool send_super_frames(struct test *test, const struct wire_order *what)
{
    static struct frame frame;
    struct tpa_mem_external external;
    bool sent = true;

    tpa_mem_external_init(&external);
    for (uint32_t n = 0; n < what->count && sent; n++) {
        struct frame_template template = what->template;
        double end = wire_clock() + LINK_SECONDS;
        struct rte_mbuf *packet;

        template.seed = n;
        frame_build(&template, &frame);
        packet = external_super_frame(test, &frame, &external, what->mss);
        sent = packet != NULL && wire_port_send(&test->port, packet);
        /* The memory is reused: not before the port has let go of it. */
        while (sent && !tpa_mem_external_idle(&external)) {
            wire_port_step(&test->port);
            sent = wire_clock() < end;
        }
    }
    return sent;
}

static void test_super_frames(struct test *test, bool ipv6)
{
    struct wire_order what = {
        .task = WIRE_SUPER_FRAME,
        .mss = (uint16_t)(test->mtu - (ipv6 ? 72 : 52)),
        .count = 20,
        .ipv6 = ipv6,
        .template = {.ipv6 = ipv6,
                     .tcp_options = 12,
                     .tcp_flags = TCP_ACK | TCP_PSH | TCP_CWR,
                     .identification = 0xfff0,
                     .sequence = 0xffffff00,
                     .payload = 63001},
    };
    struct wire_report answer = order(test, &what);

    if (answer.passed && !send_super_frames(test, &what))
        answer = (struct wire_report){.text = "a super-frame was not accepted"};
    else if (answer.passed)
        answer = await(test);
    report(test,
           ipv6 ? "20 super-frames of IPv6, byte for byte"
                : "20 super-frames of IPv4, byte for byte",
           answer.passed, answer.text);
}

static void test_udp(struct test *test, bool ipv6)
{
    struct wire_order what = {.task = WIRE_UDP, .mtu = test->mtu, .count = 300, .ipv6 = ipv6};
    struct wire_report answer = order(test, &what);

    report(test,
           ipv6 ? "the kernel's UDP takes our checksums, IPv6"
                : "the kernel's UDP takes our checksums, IPv4",
           answer.passed, answer.text);
}

static bool await_link(struct test *test, bool up, struct tpa_netdev_link *link)
{
    double end = wire_clock() + LINK_SECONDS;

    do {
        tpa_netdev_link(test->port.device, link);
        wire_port_step(&test->port);
        if (link->up == up)
            return true;
        usleep(10000);
    } while (wire_clock() < end);
    return false;
}

static void test_link(struct test *test)
{
    struct tpa_netdev_link link;
    struct wire_report answer = order(test, &(struct wire_order){.task = WIRE_LINK_DOWN});
    bool seen;

    if (!answer.passed) {
        report(test, "link down and up", false, answer.text);
        return;
    }
    seen = await_link(test, false, &link);
    report(test, "link down is seen", seen && !link.gone,
           seen ? "taken for gone" : "the port says it is up");
    answer = order(test, &(struct wire_order){.task = WIRE_LINK_UP});
    report(test, "link up is seen", answer.passed && await_link(test, true, &link),
           "the port says it is down");
    test_echo(test);
}

static void test_vanish(struct test *test)
{
    struct wire_report answer = order(test, &(struct wire_order){.task = WIRE_DELETE});
    struct tpa_netdev_link link;
    struct rte_mbuf *packet;
    static struct frame frame;

    if (!answer.passed) {
        report(test, "a port that vanishes", false, answer.text);
        return;
    }
    report(test, "a port that vanishes is down", await_link(test, false, &link),
           "the port says it is up");
    frame_build(&(struct frame_template){.payload = 100}, &frame);
    packet = frame_packet(&frame, &test->port.pool, 0, NULL);
    packet_request(packet, &frame, 0);
    if (tpa_netdev_tx_burst(test->port.device, 0, &packet, 1, 0) == 0)
        tpa_mem_packet_free(packet);
    report(test, "and bursts go on without harm", wire_port_step(&test->port) == 0,
           "something was received");
}

static void run_cases(struct test *test)
{
    struct tpa_netdev_link link;
    uint32_t missing = 0;
    char why[32];
    bool back;

    if (!await_link(test, true, &link)) {
        report(test, "link", false, "does not come up");
        return;
    }
    report(test, "MTU", test->port.info.mtu == test->mtu, "the port has another");
    test_echo(test);
    test_super_frames(test, false);
    test_super_frames(test, true);
    test_udp(test, false);
    if (test->mtu >= IPV6_MTU_MIN)
        test_udp(test, true);
    test_link(test);
    test_vanish(test);
    back = wire_port_close(&test->port, &missing);
    snprintf(why, sizeof(why), "%u are missing", missing);
    if (!back && strncmp(test->port.info.name, "net_af_xdp", 10) == 0)
        printf("skipped: %s: all buffers are back: the driver keeps the %u of its rings\n",
               test->name, missing);
    else
        report(test, "all buffers are back", back, why);
}

/* The script readies the interface once it is there: it is up and has its addresses. */
static void await_ready(void)
{
    const char *flag = getenv("WIRE_READY");
    double end = wire_clock() + READY_SECONDS;

    while (flag != NULL && access(flag, F_OK) != 0 && wire_clock() < end)
        usleep(20000);
}

int main(int argc, char **argv)
{
    struct test test = {0};
    struct wire_peer_config peer = {0};
    char reason[TPA_NETDEV_REASON_SIZE];
    int channels[2];

    if (argc != 8 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels) != 0) {
        fprintf(stderr, "usage: %s NAME PORT HUGE|NO_HUGE MTU NETNS|- INTERFACE EAL_ARGS\n",
                argv[0]);
        return 2;
    }
    test.name = argv[1];
    test.mtu = (uint16_t)atoi(argv[4]);
    test.channel = channels[0];
    peer.netns = strcmp(argv[5], "-") == 0 ? NULL : argv[5];
    peer.interface = argv[6];
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        wire_peer_run(&peer, channels[1]);
    }
    close(channels[1]);
    if (!wire_port_open(&test.port, argv[2], argv[7], strcmp(argv[3], "NO_HUGE") == 0, test.mtu,
                        reason)) {
        printf("skipped: %s: %s\n", test.name, reason);
        return EXIT_NO_PORT;
    }
    await_ready();
    run_cases(&test);
    return test.failures > 0;
}
