#include "forge.h"

#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/checksum.h>

#include "world.h"

enum {
    ETHERNET = 14,
    IP = 20,
    TCP = 20,
    SYN_OPTIONS = 20,
    TIMESTAMP_OPTION = 12,
    TEXT_MAX = 100,
    FLAG_SYN = 2,
    SERVER = 0x0a000002, /* WORLD_SERVER_IPV4 */
};

static uint16_t sum(const uint8_t *bytes, uint32_t length, uint64_t initial)
{
    return tpa_base_checksum_finish(tpa_base_checksum_partial(bytes, length, initial));
}

static uint32_t options_write(uint8_t *to, const struct forged *forged)
{
    static const uint8_t syn[SYN_OPTIONS] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                             0, 9, 0, 0,   0, 0, 1, 3,  3, 7};
    static const uint8_t timestamp[TIMESTAMP_OPTION] = {1, 1, 8, 10, 0, 0, 0, 10};

    if (!forged->options)
        return 0;
    if ((forged->flags & FLAG_SYN) != 0) {
        memcpy(to, syn, sizeof(syn));
        return sizeof(syn);
    }
    memcpy(to, timestamp, sizeof(timestamp));
    tpa_base_store_be32(to + 8, forged->echo);
    return sizeof(timestamp);
}

static uint32_t tcp_write(uint8_t *tcp, const struct forged *forged)
{
    uint32_t options = options_write(tcp + TCP, forged);

    tpa_base_store_be16(tcp, forged->source_port);
    tpa_base_store_be16(tcp + 2, WORLD_PORT);
    tpa_base_store_be32(tcp + 4, forged->seq);
    tpa_base_store_be32(tcp + 8, forged->ack);
    tcp[12] = (uint8_t)((TCP + options) << 2);
    tcp[13] = forged->flags;
    tpa_base_store_be16(tcp + 14, 60000);
    return TCP + options + forged->length;
}

static void ip_write(uint8_t *ip, const struct forged *forged, uint32_t length)
{
    uint16_t checksum;

    ip[0] = 0x45;
    tpa_base_store_be16(ip + 2, (uint16_t)(IP + length));
    ip[8] = 64;
    ip[9] = 6;
    tpa_base_store_be32(ip + 12, forged->source);
    tpa_base_store_be32(ip + 16, SERVER);
    checksum = sum(ip, IP, 0);
    memcpy(ip + 10, &checksum, sizeof(checksum));
}

/* Over the pseudo-header, which is the addresses as they lie in the IP header, and the rest. */
static void tcp_checksum_write(uint8_t *ip, uint32_t length)
{
    uint8_t rest[4] = {0, 6};
    uint64_t partial = tpa_base_checksum_partial(ip + 12, 8, 0);
    uint16_t checksum;

    tpa_base_store_be16(rest + 2, (uint16_t)length);
    partial = tpa_base_checksum_partial(rest, sizeof(rest), partial);
    checksum = sum(ip + IP, length, partial);
    memcpy(ip + IP + 16, &checksum, sizeof(checksum));
}

void forge(const struct forged *forged)
{
    uint8_t frame[ETHERNET + IP + TCP + SYN_OPTIONS + TEXT_MAX] = {2, 0, 0, 0, 0, 2, 2,
                                                                   0, 0, 0, 0, 1, 8};
    uint8_t *ip = frame + ETHERNET;
    uint32_t length = tcp_write(ip + IP, forged);
    struct rte_mbuf *packet;

    ip_write(ip, forged, length);
    tcp_checksum_write(ip, length);
    packet = tpa_mem_packet_from_bytes(world.pool, frame, ETHERNET + IP + length);
    cr_assert_not_null(packet);
    test_wire_arrive(world.server.wire, 0, packet);
}

void forge_default_route(void)
{
    const struct tpa_base_address any = tpa_base_address_from_ipv4(0);
    struct tpa_base_address gateway;

    tpa_ip_from_str((struct tpa_ip *)(void *)&gateway, WORLD_CLIENT_IPV4);
    cr_assert_eq(tpa_ip_route_add(tpa_api_instance_ip(world.server.instance), &any, 0, &gateway, 0),
                 0);
}
