/* Segments of no connection, at a listener's port and at one where nobody listens: RFC
 * 9293 3.10.7.1 and 3.10.7.2, through the whole stack. */
#include "world.h"

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>
#include <tpa/mem/packet.h>
#include <tpa/tcp/tcp.h>

#include "worker.h"

enum {
    ETHERNET = 14,
    IP = 20,
    TCP = 20,
    TEXT = 5,
    FROM = 4711, /* the peer's port */
    SEQ = 1000,
    ACK = 0xfffffff0,
};

static uint8_t addresses[ETHERNET + IP]; /* headers of a frame from the client's host */

static void begin(void)
{
    world_begin_usual();
    world_pair(NULL);
    memcpy(addresses, world.client.wire->frame, sizeof(addresses));
}

TestSuite(stray, .init = begin, .fini = world_end);

static void store_checksum(uint8_t *to, const uint8_t *bytes, size_t length, uint32_t sum)
{
    uint16_t checksum = tpa_base_checksum_finish(tpa_base_checksum_partial(bytes, length, sum));

    memcpy(to, &checksum, sizeof(checksum));
}

static uint32_t pseudo_header(const uint8_t *ip, uint16_t length)
{
    uint32_t source, destination;

    memcpy(&source, ip + 12, 4);
    memcpy(&destination, ip + 16, 4);
    return tpa_base_checksum_pseudo_ipv4(source, destination, 6, length);
}

/* A segment from the client's host arrives at the server's. */
static void arrive(uint16_t port, uint8_t flags, uint16_t length)
{
    uint8_t bytes[ETHERNET + IP + TCP + TEXT] = {0};
    uint8_t *ip = bytes + ETHERNET, *tcp = ip + IP;

    memcpy(bytes, addresses, sizeof(addresses));
    tpa_base_store_be16(ip + 2, (uint16_t)(IP + TCP + length));
    memset(ip + 10, 0, 2);
    store_checksum(ip + 10, ip, IP, 0);
    tpa_base_store_be16(tcp, FROM);
    tpa_base_store_be16(tcp + 2, port);
    tpa_base_store_be32(tcp + 4, SEQ);
    tpa_base_store_be32(tcp + 8, flags & TPA_TCP_ACK ? ACK : 0);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    tpa_base_store_be16(tcp + 14, 5000);
    store_checksum(tcp + 16, tcp, TCP + length, pseudo_header(ip, (uint16_t)(TCP + length)));
    test_wire_arrive(
        world.server.wire, 0,
        tpa_mem_packet_from_bytes(world.pool, bytes, (uint32_t)(ETHERNET + IP + TCP + length)));
    world_step();
}

/* What the server answers; the ports are checked. NULL: nothing. */
static const uint8_t *answer_to(uint16_t port, uint8_t flags, uint16_t length)
{
    uint64_t before = world.server.wire->sent;
    const uint8_t *tcp = world.server.wire->frame + ETHERNET + IP;

    arrive(port, flags, length);
    if (world.server.wire->sent == before)
        return NULL;
    cr_assert_eq(world.server.wire->sent, before + 1);
    cr_assert_eq(tpa_base_load_be16(tcp), port);
    cr_assert_eq(tpa_base_load_be16(tcp + 2), FROM);
    return tcp;
}

static const struct {
    uint8_t flags;
    uint16_t length;
    uint8_t answer; /* 0 = none */
    uint32_t seq, ack;
} rows[] = {
    {TPA_TCP_RST, 0, 0, 0, 0},
    {TPA_TCP_RST | TPA_TCP_ACK, 0, 0, 0, 0},
    {TPA_TCP_ACK, 0, TPA_TCP_RST, ACK, 0},
    {TPA_TCP_ACK | TPA_TCP_PSH, TEXT, TPA_TCP_RST, ACK, 0},
    {TPA_TCP_ACK | TPA_TCP_FIN, 0, TPA_TCP_RST, ACK, 0},
    {TPA_TCP_SYN | TPA_TCP_ACK, 0, TPA_TCP_RST, ACK, 0},
    {0, 0, TPA_TCP_RST | TPA_TCP_ACK, 0, SEQ},
    {0, TEXT, TPA_TCP_RST | TPA_TCP_ACK, 0, SEQ + TEXT},
    {TPA_TCP_FIN, TEXT, TPA_TCP_RST | TPA_TCP_ACK, 0, SEQ + TEXT + 1},
    {TPA_TCP_SYN, 0, TPA_TCP_RST | TPA_TCP_ACK, 0, SEQ + 1},
    {TPA_TCP_SYN | TPA_TCP_FIN, 0, 0, 0, 0},
    {TPA_TCP_SYN | TPA_TCP_RST, 0, 0, 0, 0},
};

static void expect_answers(uint16_t port, bool listens)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t *tcp;

        if (listens && rows[i].flags == TPA_TCP_SYN)
            continue; /* opens a connection */
        tcp = answer_to(port, rows[i].flags, rows[i].length);
        cr_assert_eq(tcp != NULL, rows[i].answer != 0, "row %zu", i);
        if (tcp == NULL)
            continue;
        cr_assert_eq(tcp[13], rows[i].answer, "row %zu", i);
        cr_assert_eq(tpa_base_load_be32(tcp + 4), rows[i].seq, "row %zu", i);
        cr_assert_eq(tpa_base_load_be32(tcp + 8), rows[i].ack, "row %zu", i);
    }
}

/* RFC 9293 3.10.7.1. */
Test(stray, at_a_closed_port)
{
    expect_answers(WORLD_PORT + 1, false);
}

/* RFC 9293 3.10.7.2: the listener lives on. */
Test(stray, at_a_listener)
{
    expect_answers(WORLD_PORT, true);
    cr_assert_eq(world.server.workers[0]->counters.accepted, 1);
    world_connect();
    world_settle();
    cr_assert_geq(world_accept(), 0);
}

/* RFC 9293 3.10.7.2: a SYN with text or urgent data is one, and nothing but the SYN is taken. */
Test(stray, syn_at_a_listener)
{
    static const uint8_t flags[] = {TPA_TCP_SYN, TPA_TCP_SYN | TPA_TCP_PSH | TPA_TCP_URG};
    uint64_t socks = world.server.workers[0]->counters.socks;

    for (size_t i = 0; i < sizeof(flags); i++) {
        const uint8_t *tcp = answer_to(WORLD_PORT, flags[i], TEXT);

        cr_assert_not_null(tcp);
        cr_assert_eq(tcp[13], TPA_TCP_SYN | TPA_TCP_ACK);
        cr_assert_eq(tpa_base_load_be32(tcp + 8), SEQ + 1);
        world_settle(); /* the client's host knows nothing of it, and resets it */
        cr_assert_eq(world.server.workers[0]->counters.socks, socks);
    }
    cr_assert_eq(world_accept(), -1);
}
