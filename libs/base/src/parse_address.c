#include <stdio.h>

#include <tpa/base/address.h>
#include <tpa/base/error.h>

#include "text.h"

/* A decimal number of at most three digits, without leading zeros (which some read as octal). */
static int parse_octet(struct tpa_base_cursor *cursor, uint8_t *octet)
{
    bool starts_with_zero = !text_at_end(cursor) && *cursor->position == '0';
    uint64_t value;
    bool overflow;
    size_t digits = text_digits(cursor, 10, &value, &overflow);

    if (digits == 0 || digits > 3 || value > 255 || (starts_with_zero && digits > 1))
        return TPA_EMALFORMED;
    *octet = (uint8_t)value;
    return TPA_OK;
}

static int parse_quad(struct tpa_base_cursor *cursor, uint8_t octets[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !text_accept(cursor, '.'))
            return TPA_EMALFORMED;
        if (parse_octet(cursor, &octets[i]) != TPA_OK)
            return TPA_EMALFORMED;
    }
    return text_at_end(cursor) ? TPA_OK : TPA_EMALFORMED;
}

int tpa_base_parse_ipv4(const char *text, size_t length, uint32_t *ipv4_be)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    uint8_t octets[4];

    if (parse_quad(&cursor, octets) != TPA_OK)
        return TPA_EMALFORMED;
    memcpy(ipv4_be, octets, sizeof(octets));
    return TPA_OK;
}

#define IPV6_GROUPS 8
#define NO_GAP      (-1)

/* The groups of an IPv6 literal as they are read, and where its "::" stands. */
struct ipv6_groups {
    uint8_t bytes[2 * IPV6_GROUPS];
    int count;
    int gap; /* groups before "::", or NO_GAP */
};

static bool append_group(struct ipv6_groups *groups, uint16_t value)
{
    if (groups->count == IPV6_GROUPS)
        return false;
    tpa_base_store_be16(&groups->bytes[2 * groups->count++], value);
    return true;
}

/* A dotted quad, which can only be the end: the last two groups. */
static bool append_quad(struct ipv6_groups *groups, struct tpa_base_cursor *cursor)
{
    uint8_t octets[4];

    return parse_quad(cursor, octets) == TPA_OK &&
           append_group(groups, tpa_base_load_be16(octets)) &&
           append_group(groups, tpa_base_load_be16(octets + 2));
}

/* One to four hexadecimal digits, or the quad if it turns out to be one. */
static bool append_next(struct ipv6_groups *groups, struct tpa_base_cursor *cursor)
{
    struct tpa_base_cursor start = *cursor;
    uint64_t value;
    bool overflow;
    size_t digits = text_digits(cursor, 16, &value, &overflow);

    if (digits == 0 || digits > 4)
        return false;
    if (!text_at_end(cursor) && *cursor->position == '.') {
        *cursor = start;
        return append_quad(groups, cursor);
    }
    return append_group(groups, (uint16_t)value);
}

/* Consumes "::"; there may be only one. */
static bool accept_gap(struct ipv6_groups *groups, struct tpa_base_cursor *cursor)
{
    if (tpa_base_cursor_remaining(cursor) < 2 || memcmp(cursor->position, "::", 2) != 0 ||
        groups->gap != NO_GAP)
        return false;
    tpa_base_cursor_skip(cursor, 2);
    groups->gap = groups->count;
    return true;
}

static bool read_groups(struct ipv6_groups *groups, struct tpa_base_cursor *cursor)
{
    if (accept_gap(groups, cursor) && text_at_end(cursor))
        return true;
    for (;;) {
        if (!append_next(groups, cursor))
            return false;
        if (text_at_end(cursor))
            return true;
        if (accept_gap(groups, cursor)) {
            if (text_at_end(cursor))
                return true;
        } else if (!text_accept(cursor, ':')) {
            return false;
        }
    }
}

int tpa_base_parse_ipv6(const char *text, size_t length, uint8_t ipv6[16])
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    struct ipv6_groups groups = {.count = 0, .gap = NO_GAP};
    size_t head, tail;

    if (!read_groups(&groups, &cursor))
        return TPA_EMALFORMED;
    /* "::" stands for at least one group. */
    if (groups.gap == NO_GAP ? groups.count != IPV6_GROUPS : groups.count == IPV6_GROUPS)
        return TPA_EMALFORMED;
    head = 2 * (size_t)(groups.gap == NO_GAP ? groups.count : groups.gap);
    tail = 2 * (size_t)groups.count - head;
    memset(ipv6, 0, 16);
    memcpy(ipv6, groups.bytes, head);
    memcpy(ipv6 + 16 - tail, groups.bytes + head, tail);
    return TPA_OK;
}

/* A prefix length: decimal digits up to the end. */
static int parse_prefix_length(struct tpa_base_cursor *cursor, unsigned maximum, unsigned *length)
{
    uint64_t value;
    bool overflow;

    if (text_digits(cursor, 10, &value, &overflow) == 0 || !text_at_end(cursor))
        return TPA_EMALFORMED;
    if (overflow || value > maximum)
        return TPA_ERANGE;
    *length = (unsigned)value;
    return TPA_OK;
}

int tpa_base_parse_ipv6_prefix(const char *text, size_t length, uint8_t ipv6[16],
                               unsigned *prefix_length)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    size_t whole = tpa_base_cursor_remaining(&cursor);
    const char *slash = whole > 0 ? memchr(text, '/', whole) : NULL;
    size_t address_length = slash != NULL ? (size_t)(slash - text) : whole;
    unsigned prefix = 128;
    uint8_t address[16];
    int error;

    if (tpa_base_parse_ipv6(text, address_length, address) != TPA_OK)
        return TPA_EMALFORMED;
    if (slash != NULL) {
        tpa_base_cursor_skip(&cursor, address_length + 1);
        error = parse_prefix_length(&cursor, 128, &prefix);
        if (error != TPA_OK)
            return error;
    }
    memcpy(ipv6, address, sizeof(address));
    *prefix_length = prefix;
    return TPA_OK;
}

int tpa_base_parse_ipv4_mask(const char *text, size_t length, unsigned *prefix_length)
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    uint32_t mask_be, holes;

    if (tpa_base_parse_ipv4(text, length, &mask_be) != TPA_OK) {
        (void)text_accept(&cursor, '/');
        return parse_prefix_length(&cursor, 32, prefix_length);
    }
    /* The complement of a mask is 2^n - 1. */
    holes = ~tpa_base_be32_to_host(mask_be);
    if ((holes & (holes + 1)) != 0)
        return TPA_EMALFORMED;
    *prefix_length = 32 - (unsigned)__builtin_popcount(holes);
    return TPA_OK;
}

int tpa_base_parse_mac(const char *text, size_t length, uint8_t mac[6])
{
    struct tpa_base_cursor cursor = text_cursor(text, length);
    char separator = ':';
    uint8_t parsed[6];

    for (int i = 0; i < 6; i++) {
        uint64_t value;
        bool overflow;
        size_t digits;

        if (i == 1 && !text_at_end(&cursor) && *cursor.position == '-')
            separator = '-';
        if (i > 0 && !text_accept(&cursor, separator))
            return TPA_EMALFORMED;
        digits = text_digits(&cursor, 16, &value, &overflow);
        if (digits == 0 || digits > 2)
            return TPA_EMALFORMED;
        parsed[i] = (uint8_t)value;
    }
    if (!text_at_end(&cursor))
        return TPA_EMALFORMED;
    memcpy(mac, parsed, sizeof(parsed));
    return TPA_OK;
}

size_t tpa_base_format_ipv4(uint32_t ipv4_be, char text[TPA_BASE_IPV4_TEXT])
{
    uint8_t octets[4];

    memcpy(octets, &ipv4_be, sizeof(octets));
    return (size_t)snprintf(text, TPA_BASE_IPV4_TEXT, "%u.%u.%u.%u", octets[0], octets[1],
                            octets[2], octets[3]);
}

struct run {
    int start;
    int length;
};

/* The first of the longest runs of zero groups; RFC 5952 section 4.2.2: one group is no run. */
static struct run longest_zero_run(const uint8_t ipv6[16], int groups)
{
    struct run best = {.start = groups, .length = 1};
    int start = 0;

    for (int i = 0; i < groups; i++) {
        if (tpa_base_load_be16(&ipv6[2 * i]) != 0) {
            start = i + 1;
        } else if (i + 1 - start > best.length) {
            best = (struct run){.start = start, .length = i + 1 - start};
        }
    }
    return best;
}

size_t tpa_base_format_ipv6(const uint8_t ipv6[16], char text[TPA_BASE_IPV6_TEXT])
{
    struct tpa_base_address address = tpa_base_address_from_ipv6(ipv6);
    bool mapped = tpa_base_address_is_ipv4(&address);
    int groups = mapped ? IPV6_GROUPS - 2 : IPV6_GROUPS;
    struct run gap = longest_zero_run(ipv6, groups);
    char *at = text;

    for (int i = 0; i < groups; i++) {
        if (i == gap.start) {
            at += sprintf(at, "::");
            i += gap.length - 1;
            continue;
        }
        at += sprintf(at, "%s%x", i > 0 && at[-1] != ':' ? ":" : "",
                      tpa_base_load_be16(&ipv6[2 * i]));
    }
    if (mapped) {
        *at++ = ':';
        at += tpa_base_format_ipv4(tpa_base_address_ipv4(&address), at);
    }
    return (size_t)(at - text);
}

size_t tpa_base_format_mac(const uint8_t mac[6], char text[TPA_BASE_MAC_TEXT])
{
    return (size_t)snprintf(text, TPA_BASE_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
                            mac[1], mac[2], mac[3], mac[4], mac[5]);
}
