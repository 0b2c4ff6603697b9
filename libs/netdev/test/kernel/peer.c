/* The kernel's end of the wire: packet sockets and UDP sockets. */
#define _GNU_SOURCE

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WINDOW = 8,
    TIMEOUT_MS = 5000,
    SOCKET_BUFFER = 64 << 20
};

struct peer {
    const struct wire_peer_config *config;
    struct wire_report report;
    int raw;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct peer *peer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(peer->report.text, sizeof(peer->report.text), format, arguments);
    va_end(arguments);
    return false;
}

static bool open_raw(struct peer *peer, uint16_t type)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(type)};
    int size = SOCKET_BUFFER;

    address.sll_ifindex = (int)if_nametoindex(peer->config->interface);
    if (address.sll_ifindex == 0)
        return fail(peer, "no interface %s", peer->config->interface);
    peer->raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(type));
    if (peer->raw < 0 || bind(peer->raw, (struct sockaddr *)&address, sizeof(address)) != 0)
        return fail(peer, "packet socket: %s", strerror(errno));
    setsockopt(peer->raw, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    return true;
}

/* The next frame from the stack's end, whole; 0 after the timeout. */
static size_t receive_raw(struct peer *peer, uint8_t *frame, size_t size)
{
    double end = wire_clock() + TIMEOUT_MS / 1e3;

    while (wire_clock() < end) {
        struct pollfd wait = {.fd = peer->raw, .events = POLLIN};
        struct sockaddr_ll from = {0};
        socklen_t from_size = sizeof(from);
        ssize_t length;

        if (poll(&wait, 1, 100) <= 0)
            continue;
        length = recvfrom(peer->raw, frame, size, MSG_TRUNC, (struct sockaddr *)&from, &from_size);
        if (length < ETHER_HDR_LEN || from.sll_pkttype == PACKET_OUTGOING)
            continue;
        if (memcmp(frame + 6, WIRE_STACK_MAC, 6) == 0)
            return (size_t)length;
    }
    return 0;
}

/* The n-th frame: all lengths that Ethernet has, contents from n. */
static size_t echo_frame(uint32_t n, uint16_t mtu, uint8_t *frame)
{
    size_t length = 60 + n * 7919u % (mtu - 60u + ETHER_HDR_LEN + 1u);

    memcpy(frame, WIRE_STACK_MAC, 6);
    memcpy(frame + 6, "\x02\0\0\0\0\x02", 6);
    frame[12] = WIRE_TYPE_ECHO >> 8;
    frame[13] = WIRE_TYPE_ECHO & 0xff;
    for (size_t i = ETHER_HDR_LEN; i < length; i++)
        frame[i] = (uint8_t)(n * 31 + i * (i >> 8 | 1));
    return length;
}

static bool echo_expect(struct peer *peer, uint32_t n, uint16_t mtu)
{
    static uint8_t expected[FRAME_MAX];
    static uint8_t received[FRAME_MAX];
    size_t length = echo_frame(n, mtu, expected);
    size_t got = receive_raw(peer, received, sizeof(received));

    if (got == 0)
        return fail(peer, "frame %u of %zu bytes did not come back", n, length);
    if (got != length)
        return fail(peer, "frame %u of %zu bytes came back with %zu", n, length, got);
    if (memcmp(received + 12, expected + 12, length - 12) != 0)
        return fail(peer, "frame %u of %zu bytes came back changed", n, length);
    return true;
}

static bool peer_echo(struct peer *peer, const struct wire_order *order)
{
    static uint8_t frame[FRAME_MAX];

    for (uint32_t n = 0; n < order->count + WINDOW; n++) {
        if (n < order->count) {
            size_t length = echo_frame(n, order->mtu, frame);

            if (send(peer->raw, frame, length, 0) != (ssize_t)length)
                return fail(peer, "send of %zu bytes: %s", length, strerror(errno));
        }
        if (n >= WINDOW && n - WINDOW < order->count && !echo_expect(peer, n - WINDOW, order->mtu))
            return false;
    }
    return true;
}

struct expected_pieces {
    struct peer *peer;
    bool sound;
};

static void expect_piece(const struct frame *piece, unsigned int index, void *context)
{
    static uint8_t received[FRAME_MAX];
    struct expected_pieces *expected = context;
    size_t length;

    if (!expected->sound)
        return;
    length = receive_raw(expected->peer, received, sizeof(received));
    if (length == piece->length && memcmp(received, piece->bytes, length) == 0)
        return;
    expected->sound = false;
    for (size_t i = 0; i < length && i < piece->length; i++) {
        if (received[i] != piece->bytes[i]) {
            fail(expected->peer, "piece %u: byte %zu is %02x, expected %02x", index, i, received[i],
                 piece->bytes[i]);
            return;
        }
    }
    fail(expected->peer, "piece %u has %zu bytes, expected %u", index, length, piece->length);
}

static bool peer_super_frame(struct peer *peer, const struct wire_order *order)
{
    static struct frame frame;
    struct expected_pieces expected = {.peer = peer, .sound = true};

    for (uint32_t n = 0; n < order->count && expected.sound; n++) {
        struct frame_template template = order->template;

        template.seed = n;
        frame_build(&template, &frame);
        reference_segment(&frame, order->mss, expect_piece, &expected);
    }
    return expected.sound;
}

static int udp_socket(struct peer *peer, bool ipv6)
{
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(WIRE_UDP_PORT)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(WIRE_UDP_PORT)};
    struct timeval wait = {.tv_sec = TIMEOUT_MS / 1000};
    int udp = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result;

    inet_pton(AF_INET, "10.9.0.1", &to4.sin_addr);
    inet_pton(AF_INET6, "fd00:9::1", &to6.sin6_addr);
    result = ipv6 ? connect(udp, (struct sockaddr *)&to6, sizeof(to6))
                  : connect(udp, (struct sockaddr *)&to4, sizeof(to4));
    if (udp < 0 || result != 0) {
        fail(peer, "UDP socket: %s", strerror(errno));
        if (udp >= 0)
            close(udp);
        return -1;
    }
    setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return udp;
}

static bool udp_exchange(struct peer *peer, int udp, uint32_t length)
{
    static uint8_t sent[FRAME_MAX];
    static uint8_t received[FRAME_MAX];

    for (uint32_t i = 0; i < length; i++)
        sent[i] = (uint8_t)(length * 13 + i);
    if (send(udp, sent, length, 0) != (ssize_t)length)
        return fail(peer, "datagram of %u bytes: %s", length, strerror(errno));
    /* The kernel's UDP gives out only what has a good checksum. */
    if (recv(udp, received, sizeof(received), 0) != (ssize_t)length)
        return fail(peer, "datagram of %u bytes: no answer of that length", length);
    if (memcmp(sent, received, length) != 0)
        return fail(peer, "datagram of %u bytes came back changed", length);
    return true;
}

static bool peer_udp(struct peer *peer, const struct wire_order *order)
{
    uint32_t longest = order->mtu - (order->ipv6 ? 48u : 28u);
    int udp = udp_socket(peer, order->ipv6);
    bool passed = udp >= 0;

    for (uint32_t n = 0; n < order->count && passed; n++)
        passed = udp_exchange(peer, udp, 1 + n * 7919u % longest);
    if (passed)
        passed = udp_exchange(peer, udp, longest);
    if (udp >= 0)
        close(udp);
    return passed;
}

static bool ip_link(struct peer *peer, const char *verb, const char *what)
{
    char command[200];

    snprintf(command, sizeof(command), "ip link %s dev %s %s", verb, peer->config->interface, what);
    return system(command) == 0 || fail(peer, "%s", command);
}

static bool with_raw(struct peer *peer, const struct wire_order *order, uint16_t type,
                     bool (*task)(struct peer *, const struct wire_order *), int channel)
{
    bool passed = open_raw(peer, type);

    /* What is sent from now on is heard. */
    if (write(channel, &(struct wire_report){.passed = passed}, sizeof(peer->report)) < 0)
        return false;
    if (passed)
        passed = task(peer, order);
    if (peer->raw >= 0)
        close(peer->raw);
    peer->raw = -1;
    return passed;
}

static bool obey(struct peer *peer, const struct wire_order *order, int channel)
{
    switch (order->task) {
    case WIRE_ECHO:
        return with_raw(peer, order, WIRE_TYPE_ECHO, peer_echo, channel);
    case WIRE_SUPER_FRAME:
        return with_raw(peer, order, order->ipv6 ? ETH_P_IPV6 : ETH_P_IP, peer_super_frame,
                        channel);
    case WIRE_UDP:
        return peer_udp(peer, order);
    case WIRE_LINK_DOWN:
        return ip_link(peer, "set", "down");
    case WIRE_LINK_UP:
        return ip_link(peer, "set", "up");
    case WIRE_DELETE:
        return ip_link(peer, "del", "");
    case WIRE_END:
        break;
    }
    return fail(peer, "no such task");
}

static bool enter(const char *netns)
{
    int namespace = open(netns, O_RDONLY | O_CLOEXEC);
    bool entered = namespace >= 0 && setns(namespace, CLONE_NEWNET) == 0;

    if (namespace >= 0)
        close(namespace);
    return entered;
}

void wire_peer_run(const struct wire_peer_config *config, int channel)
{
    struct peer peer = {.config = config, .raw = -1};
    struct wire_order order;

    if (config->netns != NULL && !enter(config->netns)) {
        fprintf(stderr, "peer: %s: %s\n", config->netns, strerror(errno));
        _exit(1);
    }
    while (read(channel, &order, sizeof(order)) == sizeof(order) && order.task != WIRE_END) {
        memset(&peer.report, 0, sizeof(peer.report));
        peer.report.passed = obey(&peer, &order, channel);
        if (write(channel, &peer.report, sizeof(peer.report)) < 0)
            break;
    }
    _exit(0);
}
