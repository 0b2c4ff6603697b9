#include <tpa/base/address.h>
#include <tpa/base/parse.h>

bool tpa_base_address_prefix_equal(const struct tpa_base_address *a,
                                   const struct tpa_base_address *b, unsigned prefix_length)
{
    unsigned bytes = prefix_length / 8;
    unsigned bits = prefix_length % 8;

    if (prefix_length >= 128)
        return tpa_base_address_equal(a, b);
    return memcmp(a->u8, b->u8, bytes) == 0 && ((a->u8[bytes] ^ b->u8[bytes]) >> (8 - bits)) == 0;
}

/* The mapped IPv4 address in host order, for comparisons. */
static uint32_t ipv4(const struct tpa_base_address *address)
{
    return tpa_base_be32_to_host(tpa_base_address_ipv4(address));
}

bool tpa_base_address_is_unspecified(const struct tpa_base_address *address)
{
    if (tpa_base_address_is_ipv4(address))
        return ipv4(address) == 0;
    return (address->u64[0] | address->u64[1]) == 0;
}

bool tpa_base_address_is_loopback(const struct tpa_base_address *address)
{
    if (tpa_base_address_is_ipv4(address))
        return ipv4(address) >> 24 == 127;
    return address->u64[0] == 0 && address->u64[1] == TPA_BASE_BE64(1);
}

bool tpa_base_address_is_multicast(const struct tpa_base_address *address)
{
    if (tpa_base_address_is_ipv4(address))
        return ipv4(address) >> 28 == 0xe;
    return address->u8[0] == 0xff;
}

bool tpa_base_address_is_broadcast(const struct tpa_base_address *address)
{
    return tpa_base_address_is_ipv4(address) && ipv4(address) == UINT32_MAX;
}

bool tpa_base_address_is_link_local(const struct tpa_base_address *address)
{
    if (tpa_base_address_is_ipv4(address))
        return ipv4(address) >> 16 == 0xa9fe;
    return address->u8[0] == 0xfe && (address->u8[1] & 0xc0) == 0x80;
}

bool tpa_base_address_is_unicast(const struct tpa_base_address *address)
{
    if (tpa_base_address_is_ipv4(address))
        return ipv4(address) >> 24 != 0 && ipv4(address) >> 28 < 0xe;
    return !tpa_base_address_is_unspecified(address) && !tpa_base_address_is_multicast(address);
}

int tpa_base_address_parse(const char *text, size_t length, struct tpa_base_address *address)
{
    uint32_t ipv4_be;
    uint8_t ipv6[16];

    if (tpa_base_parse_ipv4(text, length, &ipv4_be) == 0) {
        *address = tpa_base_address_from_ipv4(ipv4_be);
        return 0;
    }
    int error = tpa_base_parse_ipv6(text, length, ipv6);

    if (error == 0)
        *address = tpa_base_address_from_ipv6(ipv6);
    return error;
}

size_t tpa_base_address_format(const struct tpa_base_address *address,
                               char text[TPA_BASE_ADDRESS_TEXT])
{
    if (tpa_base_address_is_ipv4(address))
        return tpa_base_format_ipv4(tpa_base_address_ipv4(address), text);
    return tpa_base_format_ipv6(address->u8, text);
}
