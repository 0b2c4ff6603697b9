#include <stdio.h>
#include <string.h>

#include <tpa/base/parse.h>

#include "value.h"

#define IPV4_BITS        32u
#define IPV6_BITS        128u
#define IPV4_MAPPED_BITS 96u /* in front of an IPv4 address in struct tpa_base_address */

/* Part of a text, not terminated. */
struct span {
    const char *bytes;
    size_t length;
};

/* Takes the next part that holds none of `separators` off the front of `text`; false at its end. */
static bool take(const char **text, const char *separators, struct span *part)
{
    *text += strspn(*text, separators);
    part->bytes = *text;
    part->length = strcspn(*text, separators);
    *text += part->length;
    return part->length > 0;
}

static bool is_word(struct span part, const char *word)
{
    return part.length == strlen(word) && memcmp(part.bytes, word, part.length) == 0;
}

/* "address" or "address/length". */
static bool parse_prefix(struct span part, struct tpa_cfg_prefix *prefix)
{
    const char *slash = memchr(part.bytes, '/', part.length);
    size_t address_length = slash != NULL ? (size_t)(slash - part.bytes) : part.length;
    uint64_t length = 0;

    if (tpa_base_address_parse(part.bytes, address_length, &prefix->address) < 0)
        return false;

    uint64_t bits = tpa_base_address_is_ipv4(&prefix->address) ? IPV4_BITS : IPV6_BITS;

    if (slash != NULL &&
        tpa_base_parse_u64_max(slash + 1, part.length - address_length - 1, bits, &length) < 0)
        return false;
    prefix->length = (uint8_t)length;
    prefix->has_length = slash != NULL;
    return true;
}

static bool has_address(const struct tpa_cfg_prefix_list *list,
                        const struct tpa_base_address *address)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (tpa_base_address_equal(&list->entry[i].address, address))
            return true;
    }
    return false;
}

bool tpa_cfg_prefix_list_parse(const char *value, bool ipv6, struct tpa_cfg_prefix_list *list)
{
    struct tpa_cfg_prefix_list parsed;
    struct span part;

    memset(&parsed, 0, sizeof(parsed));
    while (take(&value, " ,", &part)) {
        struct tpa_cfg_prefix *prefix = &parsed.entry[parsed.count];

        if (parsed.count == TPA_CFG_ADDRESSES_MAX || !parse_prefix(part, prefix))
            return false;
        if (tpa_base_address_is_ipv4(&prefix->address) == ipv6)
            return false;
        if (has_address(&parsed, &prefix->address))
            return false;
        parsed.count++;
    }
    *list = parsed;
    return true;
}

static void format_prefix(const struct tpa_base_address *address, bool has_length,
                          unsigned int length, struct tpa_cfg_text *text)
{
    char address_text[TPA_BASE_ADDRESS_TEXT];

    tpa_base_address_format(address, address_text);
    tpa_cfg_text_add(text, "%s", address_text);
    if (has_length)
        tpa_cfg_text_add(text, "/%u", length);
}

void tpa_cfg_prefix_list_format(const struct tpa_cfg_prefix_list *list, struct tpa_cfg_text *text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct tpa_cfg_prefix *prefix = &list->entry[i];

        tpa_cfg_text_add(text, "%s", i > 0 ? ", " : "");
        format_prefix(&prefix->address, prefix->has_length, prefix->length, text);
    }
}

/* Are all bits behind the first `length` (of the IPv6 form) zero? */
static bool is_network(const struct tpa_base_address *address, unsigned int length)
{
    for (unsigned int bit = length; bit < IPV6_BITS; bit++) {
        if (address->u8[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    }
    return true;
}

/* "destination/length via gateway". */
static bool parse_route(struct span text, struct tpa_cfg_route *route)
{
    char bytes[2 * TPA_BASE_ADDRESS_TEXT + sizeof("/128  via  ")];
    struct span destination, via, gateway, rest;
    struct tpa_cfg_prefix prefix;

    if (text.length >= sizeof(bytes))
        return false;
    memcpy(bytes, text.bytes, text.length);
    bytes[text.length] = '\0';

    const char *position = bytes;

    if (!take(&position, " ", &destination) || !take(&position, " ", &via) ||
        !take(&position, " ", &gateway) || take(&position, " ", &rest))
        return false;
    if (!is_word(via, "via") || !parse_prefix(destination, &prefix) || !prefix.has_length ||
        tpa_base_address_parse(gateway.bytes, gateway.length, &route->gateway) < 0)
        return false;

    bool ipv4 = tpa_base_address_is_ipv4(&prefix.address);

    if (tpa_base_address_is_ipv4(&route->gateway) != ipv4)
        return false;
    if (!is_network(&prefix.address, prefix.length + (ipv4 ? IPV4_MAPPED_BITS : 0)))
        return false;
    route->destination = prefix.address;
    route->length = prefix.length;
    return true;
}

bool tpa_cfg_route_list_parse(const char *value, struct tpa_cfg_route_list *list)
{
    struct tpa_cfg_route_list parsed;
    struct span part;

    memset(&parsed, 0, sizeof(parsed));
    while (take(&value, ",", &part)) {
        if (parsed.count == TPA_CFG_ROUTES_MAX || !parse_route(part, &parsed.entry[parsed.count]))
            return false;
        parsed.count++;
    }
    *list = parsed;
    return true;
}

void tpa_cfg_route_list_format(const struct tpa_cfg_route_list *list, struct tpa_cfg_text *text)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct tpa_cfg_route *route = &list->entry[i];
        char gateway[TPA_BASE_ADDRESS_TEXT];

        tpa_cfg_text_add(text, "%s", i > 0 ? ", " : "");
        format_prefix(&route->destination, true, route->length, text);
        tpa_base_address_format(&route->gateway, gateway);
        tpa_cfg_text_add(text, " via %s", gateway);
    }
}
