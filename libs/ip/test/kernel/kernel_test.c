/*
 * The kernel as a peer: a TAP device in a network namespace of this test's own, whose other end is
 * our stack. The kernel resolves, pings, fragments, connects, and is told off.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>
#include <tpa/base/clock.h>
#include <tpa/ip/ip.h>

#include "test/support/pools.h"
#include "wire.h"

TestSuite(kernel, .timeout = 60);

#define PATIENCE (5 * TPA_BASE_SECOND)
#define MTU      1500
#define BIG      60000

static const char *const us[2] = {"10.9.0.1", "fd00:9::1"};
static const char *const kernel[2] = {"10.9.0.2", "fd00:9::2"};

struct link {
    int tap;
    struct tpa_mem_pool *pool;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_ip_stack *stack;
    struct tpa_ip_worker *worker;
    struct rte_mbuf *tcp; /* the last TCP packet that arrived */
};

static struct tpa_base_address address(const char *text)
{
    struct tpa_base_address result;

    cr_assert_eq(tpa_base_address_parse(text, strlen(text), &result), 0);
    return result;
}

static void write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);

    cr_assert_geq(file, 0, "%s", path);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

/* The kernel's addresses, usable at once. */
static void configure(const char *name)
{
    struct ifreq request = {0};
    struct in6_ifreq request6 = {.ifr6_prefixlen = 64};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&request.ifr_addr;
    int ipv4 = socket(AF_INET, SOCK_DGRAM, 0), ipv6 = socket(AF_INET6, SOCK_DGRAM, 0);

    write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    write_file("/proc/sys/net/ipv6/conf/tpa0/accept_dad", "0");
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    in->sin_family = AF_INET;
    inet_pton(AF_INET, kernel[0], &in->sin_addr);
    cr_assert_eq(ioctl(ipv4, SIOCSIFADDR, &request), 0);
    inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
    cr_assert_eq(ioctl(ipv4, SIOCSIFNETMASK, &request), 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    cr_assert_eq(ioctl(ipv4, SIOCSIFFLAGS, &request), 0);
    request6.ifr6_ifindex = (int)if_nametoindex(name);
    inet_pton(AF_INET6, kernel[1], &request6.ifr6_addr);
    cr_assert_eq(ioctl(ipv6, SIOCSIFADDR, &request6), 0);
    close(ipv4);
    close(ipv6);
}

static int open_tap(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

    if (tap < 0)
        return -1;
    snprintf(request.ifr_name, IFNAMSIZ, "tpa0");
    if (ioctl(tap, TUNSETIFF, &request) != 0) {
        close(tap);
        return -1;
    }
    return tap;
}

static void make_stack(struct link *link)
{
    struct tpa_ip_interface_config interface = {
        .name = "tap", .mac = {2, 9, 9, 9, 9, 1}, .mtu = MTU};
    struct tpa_ip_worker_config config = {
        .random = &link->random,
        .drops = &link->drops,
    };

    link->pool = tpa_test_pool(2048);
    config.pool = link->pool;
    tpa_base_random_seed(&link->random, 1);
    link->stack = tpa_ip_stack_create(NULL);
    cr_assert_eq(tpa_ip_interface_add(link->stack, &interface), 0);
    for (int family = 0; family < 2; family++) {
        struct tpa_base_address own = address(us[family]);

        cr_assert_eq(tpa_ip_address_add(link->stack, 0, &own, family == 0 ? 24 : 64), 0);
    }
    link->worker = tpa_ip_worker_create(link->stack, &config, tpa_base_clock_monotonic());
    cr_assert_not_null(link->worker);
}

/* False, having said why, where there are no namespaces or no TAP devices. */
static bool begin(struct link *link)
{
    memset(link, 0, sizeof(*link));
    if (unshare(CLONE_NEWNET) != 0) {
        printf("skipped: no network namespace: %s\n", strerror(errno));
        return false;
    }
    link->tap = open_tap();
    if (link->tap < 0) {
        printf("skipped: no TAP device: %s\n", strerror(errno));
        return false;
    }
    configure("tpa0");
    make_stack(link);
    return true;
}

static void end(struct link *link)
{
    if (link->tcp != NULL)
        tpa_mem_packet_free(link->tcp);
    tpa_ip_worker_destroy(link->worker);
    tpa_ip_stack_destroy(link->stack);
    close(link->tap);
    tpa_test_pool_expect_idle(link->pool);
}

/* A port would fill in the checksums that a frame's flags ask for. */
static void finish_checksums(uint8_t *frame, uint32_t length, uint64_t flags)
{
    uint8_t *ip = frame + TPA_IP_ETHERNET_LENGTH;
    bool ipv4 = ip[0] >> 4 == 4;
    uint32_t header = ipv4 ? TPA_IP_IPV4_LENGTH : TPA_IP_IPV6_LENGTH;
    uint32_t rest = length - TPA_IP_ETHERNET_LENGTH - header, sum;

    if (flags & RTE_MBUF_F_TX_IP_CKSUM)
        tpa_base_store16(ip + 10,
                         tpa_base_checksum_finish(tpa_base_checksum_partial(ip, header, 0)));
    if (!(flags & RTE_MBUF_F_TX_TCP_CKSUM))
        return;
    sum = ipv4 ? tpa_base_checksum_pseudo_ipv4(tpa_base_load32(ip + 12), tpa_base_load32(ip + 16),
                                               TPA_IP_PROTOCOL_TCP, (uint16_t)rest)
               : tpa_base_checksum_pseudo_ipv6(ip + 8, ip + 24, TPA_IP_PROTOCOL_TCP, rest);
    tpa_base_store16(ip + header + 16, 0);
    tpa_base_store16(ip + header + 16,
                     tpa_base_checksum_finish(tpa_base_checksum_partial(ip + header, rest, sum)));
}

static void send_waiting(struct link *link)
{
    struct rte_mbuf *frame;

    while (tpa_ip_take(link->worker, 0, &frame, 1) > 0) {
        uint32_t length = tpa_mem_packet_length(frame);

        cr_assert_leq(length, TPA_IP_ETHERNET_LENGTH + MTU);
        finish_checksums(tpa_mem_packet_data(frame), length, frame->ol_flags);
        cr_assert_eq(write(link->tap, tpa_mem_packet_data(frame), length), (ssize_t)length);
        tpa_mem_packet_free(frame);
    }
}

/* Moves what there is both ways. */
static void pump(struct link *link)
{
    uint64_t now = tpa_base_clock_monotonic();
    struct rte_mbuf *packet;
    uint8_t bytes[2048];
    ssize_t length;

    tpa_ip_timers(link->worker, now);
    while ((length = read(link->tap, bytes, sizeof(bytes))) > 0) {
        packet = tpa_mem_packet_from_bytes(link->pool, bytes, (uint32_t)length);
        cr_assert_not_null(packet);
        if (tpa_ip_input(link->worker, 0, &packet, 1, &packet, now) == 0)
            continue;
        if (link->tcp != NULL)
            tpa_mem_packet_free(link->tcp);
        link->tcp = packet;
    }
    send_waiting(link);
}

/* Pumps until the socket has something to say. */
static bool wait_for(struct link *link, int socket)
{
    uint64_t end_at = tpa_base_clock_monotonic() + PATIENCE;
    struct pollfd polled = {.fd = socket, .events = POLLIN};

    while (tpa_base_clock_monotonic() < end_at) {
        pump(link);
        if (poll(&polled, 1, 1) > 0)
            return true;
    }
    return false;
}

static bool wait_for_tcp(struct link *link)
{
    uint64_t end_at = tpa_base_clock_monotonic() + PATIENCE;

    while (link->tcp == NULL && tpa_base_clock_monotonic() < end_at)
        pump(link);
    return link->tcp != NULL;
}

static struct sockaddr_storage socket_address(int family, uint16_t port, socklen_t *length)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

    if (family == 0) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        inet_pton(AF_INET, us[0], &in->sin_addr);
        *length = sizeof(*in);
    } else {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        inet_pton(AF_INET6, us[1], &in6->sin6_addr);
        *length = sizeof(*in6);
    }
    return storage;
}

static int open_socket(int family, int type, int protocol)
{
    int opened = socket(family == 0 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK, protocol);
    int room = 1 << 20;

    cr_assert_geq(opened, 0);
    setsockopt(opened, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    setsockopt(opened, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    return opened;
}

static void connect_to_us(int opened, int family, uint16_t port)
{
    socklen_t length;
    struct sockaddr_storage to = socket_address(family, port, &length);
    int result = connect(opened, (struct sockaddr *)&to, length);

    cr_assert(result == 0 || errno == EINPROGRESS, "%s", strerror(errno));
}

/* The reply to an echo request, past others' messages; 0 = none came. */
static ssize_t receive_echo(struct link *link, int opened, int family, uint8_t *reply, size_t room)
{
    uint8_t wanted = family == 0 ? TPA_IP_ICMP_ECHO_REPLY : TPA_IP_ICMPV6_ECHO_REPLY;

    while (wait_for(link, opened)) {
        ssize_t length = recv(opened, reply, room, 0);
        size_t header = family == 0 ? TPA_IP_IPV4_LENGTH : 0; /* raw sockets show IPv4's */

        if (length <= (ssize_t)header || reply[header] != wanted)
            continue;
        memmove(reply, reply + header, (size_t)length - header);
        return length - (ssize_t)header;
    }
    return 0;
}

Test(kernel, its_pings_come_back_also_in_fragments)
{
    static const uint32_t lengths[] = {8, 64, 1400, 1481, BIG};
    static uint8_t request[BIG], reply[BIG + 100];
    struct link link;

    if (!begin(&link))
        return;
    for (int family = 0; family < 2; family++) {
        int opened = open_socket(family, SOCK_RAW, family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

        connect_to_us(opened, family, 0);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            ssize_t length;

            for (uint32_t n = 0; n < lengths[i]; n++)
                request[n] = (uint8_t)(n * 31 + i);
            request[0] = family == 0 ? TPA_IP_ICMP_ECHO_REQUEST : TPA_IP_ICMPV6_ECHO_REQUEST;
            request[1] = request[2] = request[3] = 0;
            if (family == 0)
                tpa_base_store16(request + 2, tpa_base_checksum_finish(tpa_base_checksum_partial(
                                                  request, lengths[i], 0)));
            cr_assert_eq(send(opened, request, lengths[i], 0), (ssize_t)lengths[i], "%s",
                         strerror(errno));
            length = receive_echo(&link, opened, family, reply, sizeof(reply));
            cr_assert_eq(length, (ssize_t)lengths[i], "%u bytes to %s", lengths[i], us[family]);
            cr_assert_arr_eq(reply + 4, request + 4, lengths[i] - 4);
        }
        close(opened);
    }
    end(&link);
}

Test(kernel, its_udp_is_told_that_nobody_listens)
{
    static const size_t lengths[] = {0, 100, BIG};
    static uint8_t bytes[BIG];
    struct link link;

    if (!begin(&link))
        return;
    for (int family = 0; family < 2; family++) {
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            int opened = open_socket(family, SOCK_DGRAM, 0);

            connect_to_us(opened, family, 5353);
            cr_assert_eq(send(opened, bytes, lengths[i], 0), (ssize_t)lengths[i]);
            cr_assert(wait_for(&link, opened), "%zu bytes to %s", lengths[i], us[family]);
            cr_assert_eq(recv(opened, bytes, sizeof(bytes), 0), -1);
            cr_assert_eq(errno, ECONNREFUSED, "%s", strerror(errno));
            close(opened);
        }
    }
    end(&link);
}

/* RST and ACK for a SYN. */
static struct rte_mbuf *make_reset(struct link *link)
{
    const uint8_t *syn = tpa_mem_packet_data(link->tcp);
    uint8_t reset[TPA_IP_TCP_LENGTH] = {[12] = 0x50, [13] = 0x14};
    struct rte_mbuf *packet;

    memcpy(reset, syn + 2, 2);
    memcpy(reset + 2, syn, 2);
    tpa_base_store_be32(reset + 8, tpa_base_load_be32(syn + 4) + 1);
    packet = tpa_mem_packet_from_bytes(link->pool, reset, sizeof(reset));
    cr_assert_not_null(packet);
    return packet;
}

Test(kernel, its_connections_arrive_and_our_replies_reach_it)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct link link;

    if (!begin(&link))
        return;
    for (int family = 0; family < 2; family++) {
        int opened = open_socket(family, SOCK_STREAM, 0), error = 0;
        socklen_t length = sizeof(error);

        connect_to_us(opened, family, 80);
        cr_assert(wait_for_tcp(&link), "no SYN from %s", kernel[family]);
        cr_assert_eq(tpa_base_load_be16(tpa_mem_packet_data(link.tcp) + 2), 80);
        tpa_ip_reply(link.worker, tpa_mem_packet_layer(link.tcp, struct tpa_ip_received),
                     make_reset(&link), &send, tpa_base_clock_monotonic());
        cr_assert(wait_for(&link, opened));
        getsockopt(opened, SOL_SOCKET, SO_ERROR, &error, &length);
        cr_assert_eq(error, ECONNREFUSED, "%s", strerror(error));
        close(opened);
        tpa_mem_packet_free(link.tcp);
        link.tcp = NULL;
    }
    end(&link);
}

Test(kernel, we_find_it_and_it_answers)
{
    struct tpa_ip_send send = {.protocol = TPA_IP_PROTOCOL_TCP};
    struct link link;

    if (!begin(&link))
        return;
    for (int family = 0; family < 2; family++) {
        uint8_t syn[TPA_IP_TCP_LENGTH] = {0x80, 1, 0, 9, [12] = 0x50, [13] = 0x02, [14] = 1};
        struct tpa_base_address to = address(kernel[family]);
        struct tpa_ip_path *path;
        int error;

        path = tpa_ip_path_get(link.worker, NULL, &to, &error);
        cr_assert_not_null(path);
        tpa_ip_output(link.worker, path, tpa_mem_packet_from_bytes(link.pool, syn, sizeof(syn)),
                      &send, tpa_base_clock_monotonic());
        cr_assert(wait_for_tcp(&link), "no answer from %s", kernel[family]);
        cr_assert_eq(tpa_mem_packet_data(link.tcp)[13], 0x14, "RST and ACK: nobody listens");
        tpa_ip_path_put(link.worker, path);
        tpa_mem_packet_free(link.tcp);
        link.tcp = NULL;
    }
    end(&link);
}
