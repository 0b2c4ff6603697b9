/* RSS as the in-process loop does it. */
#include "loop_spread.h"

#include <netinet/in.h>

#include <tpa/base/cursor.h>
#include <tpa/base/hash.h>

#include "request.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    PORTS = 4
};
enum {
    FRAGMENT_MASK = 0x3fff
};

void tpa_netdev_loop_steering(uint16_t queue_count, struct tpa_netdev_steering *steering)
{
    memcpy(steering->key, tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE);
    steering->key_length = TPA_BASE_TOEPLITZ_KEY_SIZE;
    steering->reta_size = TPA_NETDEV_LOOP_RETA;
    for (uint16_t i = 0; i < TPA_NETDEV_LOOP_RETA; i++)
        steering->reta[i] = i % queue_count;
}

static uint32_t hash_of(const uint8_t *addresses, size_t length, struct tpa_base_cursor *transport,
                        uint8_t protocol)
{
    uint8_t input[TPA_BASE_TOEPLITZ_INPUT_MAX];
    const uint8_t *ports = NULL;

    memcpy(input, addresses, length);
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        ports = tpa_base_cursor_bytes(transport, PORTS);
    if (ports != NULL) {
        memcpy(input + length, ports, PORTS);
        length += PORTS;
    }
    return tpa_base_toeplitz(tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE, input,
                             length);
}

static uint32_t hash_ipv4(struct tpa_base_cursor cursor)
{
    struct tpa_base_cursor transport = cursor;
    const uint8_t *header = tpa_base_cursor_bytes(&cursor, TPA_NETDEV_IPV4_HEADER);
    uint8_t protocol;

    if (header == NULL)
        return 0;
    protocol = header[9];
    if (tpa_base_load_be16(header + 6) & FRAGMENT_MASK)
        protocol = IPPROTO_NONE;
    tpa_base_cursor_skip(&transport, (size_t)(header[0] & 0xf) * 4);
    return hash_of(header + TPA_NETDEV_IPV4_SOURCE, 8, &transport, protocol);
}

static uint32_t hash_ipv6(struct tpa_base_cursor cursor)
{
    const uint8_t *header = tpa_base_cursor_bytes(&cursor, TPA_NETDEV_IPV6_HEADER);

    if (header == NULL)
        return 0;
    return hash_of(header + TPA_NETDEV_IPV6_SOURCE, 32, &cursor, header[6]);
}

uint32_t tpa_netdev_loop_hash(const struct rte_mbuf *packet)
{
    struct tpa_base_cursor cursor =
        tpa_base_cursor_make(tpa_mem_packet_data(packet), packet->data_len);
    uint16_t type;

    tpa_base_cursor_skip(&cursor, TPA_NETDEV_ETHERNET_HEADER - sizeof(type));
    type = tpa_base_cursor_be16(&cursor);
    if (type == TYPE_VLAN) {
        tpa_base_cursor_skip(&cursor, sizeof(uint16_t));
        type = tpa_base_cursor_be16(&cursor);
    }
    if (type == TYPE_IPV4)
        return hash_ipv4(cursor);
    return type == TYPE_IPV6 ? hash_ipv6(cursor) : 0;
}
