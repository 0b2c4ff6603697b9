#include <inttypes.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/cfg/options.h>

#include "fail.h"

#define IPV4_BITS        32
#define IPV6_BITS        128
#define IPV4_MAPPED_BITS 96    /* in front of an IPv4 address in struct tpa_base_address */
#define IPV6_MTU_MIN     1280u /* RFC 8200 section 5 */

#define REFUSE(...) tpa_cfg_fail(error, TPA_EINVAL, __VA_ARGS__)

/* An address as text, for a message. */
struct address_text {
    char bytes[TPA_BASE_ADDRESS_TEXT];
};

static struct address_text text_of(const struct tpa_base_address *address)
{
    struct address_text text;

    tpa_base_address_format(address, text.bytes);
    return text;
}

int tpa_cfg_prefix_length(const struct tpa_cfg_net *net, const struct tpa_cfg_prefix *prefix)
{
    if (prefix->has_length)
        return prefix->length;
    if (!tpa_base_address_is_ipv4(&prefix->address))
        return TPA_CFG_PREFIX_IPV6;
    return net->mask.is_set ? net->mask.length : -1;
}

/* Is it the first or the last address of its IPv4 subnet? RFC 3021: a /31 has neither. */
static bool is_subnet_itself(const struct tpa_base_address *address, int length)
{
    if (!tpa_base_address_is_ipv4(address) || length >= IPV4_BITS - 1)
        return false;

    uint32_t host_bits = UINT32_MAX >> length;
    uint32_t host = tpa_base_be32_to_host(tpa_base_address_ipv4(address)) & host_bits;

    return host == 0 || host == host_bits;
}

static int check_address(const struct tpa_cfg_net *net, const struct tpa_cfg_prefix *prefix,
                         const char *name, struct tpa_cfg_error *error)
{
    const struct tpa_base_address *address = &prefix->address;
    int length = tpa_cfg_prefix_length(net, prefix);

    if (!tpa_base_address_is_unicast(address) || tpa_base_address_is_loopback(address))
        return REFUSE("%s: %s is not an address that a host can have", name,
                      text_of(address).bytes);
    if (length < 0)
        return REFUSE("%s: %s has no mask: write %s/24 or set net.mask", name,
                      text_of(address).bytes, text_of(address).bytes);
    if (length == 0)
        return REFUSE("%s: %s cannot have a prefix of 0 bits", name, text_of(address).bytes);
    if (is_subnet_itself(address, length))
        return REFUSE("%s: %s/%d is the subnet or its broadcast, not a host in it", name,
                      text_of(address).bytes, length);
    return TPA_OK;
}

static int check_addresses(const struct tpa_cfg_net *net, const struct tpa_cfg_prefix_list *list,
                           const char *name, struct tpa_cfg_error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        int result = check_address(net, &list->entry[i], name, error);

        if (result < 0)
            return result;
    }
    return TPA_OK;
}

static const struct tpa_cfg_prefix_list *list_of(const struct tpa_cfg_net *net, bool ipv4)
{
    return ipv4 ? &net->ip : &net->ip6;
}

static bool has_address(const struct tpa_cfg_net *net, const struct tpa_base_address *address)
{
    const struct tpa_cfg_prefix_list *list = list_of(net, tpa_base_address_is_ipv4(address));

    for (uint32_t i = 0; i < list->count; i++) {
        if (tpa_base_address_equal(&list->entry[i].address, address))
            return true;
    }
    return false;
}

/*
 * Can the gateway be reached without a gateway? Where an address is alone in its subnet (/32, /128,
 * as clouds hand them out), a gateway has to be outside of it.
 */
static bool is_on_link(const struct tpa_cfg_net *net, const struct tpa_base_address *gateway)
{
    bool ipv4 = tpa_base_address_is_ipv4(gateway);
    const struct tpa_cfg_prefix_list *list = list_of(net, ipv4);

    if (!ipv4 && tpa_base_address_is_link_local(gateway))
        return true;
    for (uint32_t i = 0; i < list->count; i++) {
        unsigned int bits = (unsigned int)tpa_cfg_prefix_length(net, &list->entry[i]) +
                            (ipv4 ? IPV4_MAPPED_BITS : 0);

        if (bits == IPV6_BITS ||
            tpa_base_address_prefix_equal(gateway, &list->entry[i].address, bits))
            return true;
    }
    return false;
}

static int check_gateway(const struct tpa_cfg_net *net, const struct tpa_base_address *gateway,
                         const char *name, struct tpa_cfg_error *error)
{
    if (!tpa_base_address_is_unicast(gateway))
        return REFUSE("%s: %s is not an address that a host can have", name,
                      text_of(gateway).bytes);
    if (has_address(net, gateway))
        return REFUSE("%s: %s is our own address", name, text_of(gateway).bytes);
    if (!is_on_link(net, gateway))
        return REFUSE("%s: %s is in no subnet of this port's addresses", name,
                      text_of(gateway).bytes);
    return TPA_OK;
}

static int check_gateways(const struct tpa_cfg_net *net, struct tpa_cfg_error *error)
{
    int result = TPA_OK;

    if (!tpa_base_address_is_unspecified(&net->gw))
        result = check_gateway(net, &net->gw, "net.gw", error);
    if (result == TPA_OK && !tpa_base_address_is_unspecified(&net->gw6))
        result = check_gateway(net, &net->gw6, "net.gw6", error);
    for (uint32_t i = 0; result == TPA_OK && i < net->route.count; i++)
        result = check_gateway(net, &net->route.entry[i].gateway, "net.route", error);
    return result;
}

static int check_link(const struct tpa_cfg_net *net, struct tpa_cfg_error *error)
{
    static const uint8_t zero[6];

    if (net->mac.is_set && (net->mac.bytes[0] & 1))
        return REFUSE("net.mac: a group address cannot be a port's own");
    if (net->mac.is_set && memcmp(net->mac.bytes, zero, sizeof(zero)) == 0)
        return REFUSE("net.mac: an address of zeros cannot be a port's own");
    if (net->ip6.count > 0 && net->mtu != TPA_CFG_MTU_PORT && net->mtu < IPV6_MTU_MIN)
        return REFUSE("net.mtu: IPv6 (net.ip6) needs at least %u bytes", IPV6_MTU_MIN);
    return TPA_OK;
}

static int check_port(const struct tpa_cfg_net *net, struct tpa_cfg_error *error)
{
    int result = check_addresses(net, &net->ip, "net.ip", error);

    if (result == TPA_OK)
        result = check_addresses(net, &net->ip6, "net.ip6", error);
    if (result == TPA_OK)
        result = check_gateways(net, error);
    if (result == TPA_OK)
        result = check_link(net, error);
    return result;
}

/* No address of `list` may be one of another port's. */
static int check_unique(const struct tpa_cfg_options *options, uint32_t port,
                        const struct tpa_cfg_prefix_list *list, struct tpa_cfg_error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        for (uint32_t other = 0; other < port; other++) {
            if (has_address(&options->net[other], &list->entry[i].address))
                return REFUSE("%s is an address of port %" PRIu32 " and of port %" PRIu32,
                              text_of(&list->entry[i].address).bytes, other, port);
        }
    }
    return TPA_OK;
}

static int check_ports(const struct tpa_cfg_options *options, struct tpa_cfg_error *error)
{
    uint32_t addresses = 0;

    for (uint32_t port = 0; port < TPA_CFG_PORTS_MAX; port++) {
        const struct tpa_cfg_net *net = &options->net[port];
        int result = check_port(net, error);

        if (result == TPA_OK)
            result = check_unique(options, port, &net->ip, error);
        if (result == TPA_OK)
            result = check_unique(options, port, &net->ip6, error);
        if (result < 0)
            return result;
        addresses += net->ip.count + net->ip6.count;
    }
    if (addresses == 0)
        return REFUSE("no address: set net.ip or net.ip6, for example in the environment: "
                      "TPA_CFG='net { ip = 10.0.0.2/24; }'");
    return TPA_OK;
}

static int check_tcp(const struct tpa_cfg_tcp *tcp, struct tpa_cfg_error *error)
{
    if (tcp->cwnd_init > tcp->cwnd_max)
        return REFUSE("tcp.cwnd_init is larger than tcp.cwnd_max");
    if (tcp->rto_min > tcp->rto_max)
        return REFUSE("tcp.rto_min is larger than tcp.rto_max");
    if (tcp->drop_ooo_threshold != TPA_CFG_THRESHOLD_AUTO &&
        tcp->drop_ooo_threshold > tcp->rcv_ooo_limit)
        return REFUSE("tcp.drop_ooo_threshold is larger than tcp.rcv_ooo_limit");
    return TPA_OK;
}

int tpa_cfg_options_check(const struct tpa_cfg_options *options, struct tpa_cfg_error *error)
{
    int result = check_ports(options, error);

    if (result == TPA_OK)
        result = check_tcp(&options->tcp, error);
    if (result == TPA_OK && options->capture.enable && options->capture.file[0] == '\0')
        result = REFUSE("capture.enable needs capture.file");
    return result;
}
