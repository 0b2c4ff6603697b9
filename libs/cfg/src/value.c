#include "value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/parse.h>

void tpa_cfg_text_add(struct tpa_cfg_text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length =
        vsnprintf(text->bytes + text->length, text->size - text->length, format, arguments);
    va_end(arguments);

    text->length += (size_t)length;
    if (text->length >= text->size) {
        text->length = text->size - 1;
        text->is_cut = true;
    }
}

static bool is_reserved(char c)
{
    return strchr("\t\n{}=;#", c) != NULL || (unsigned char)c < ' ' || c == 0x7f;
}

/* Without quotes around it, a value may hold blanks within, and quotes that don't begin it. */
static bool is_bare(const char *value)
{
    size_t length = strlen(value);

    if (length == 0 || value[0] == ' ' || value[length - 1] == ' ' || value[0] == '"')
        return false;
    for (const char *c = value; *c != '\0'; c++) {
        if (is_reserved(*c))
            return false;
    }
    return true;
}

bool tpa_cfg_value_is_plain(const char *value)
{
    return strchr(value, '"') == NULL || is_bare(value);
}

static bool is_word(const struct tpa_cfg_option *option, const char *value)
{
    return option->word != NULL && strcmp(option->word, value) == 0;
}

/* INTEGER, SIZE and TIME differ in their units only. */
static bool parse_number(const struct tpa_cfg_option *option, const char *value, uint64_t *number)
{
    int error;

    if (is_word(option, value)) {
        *number = option->word_value;
        return true;
    }
    if (option->type == TPA_CFG_SIZE)
        error = tpa_base_parse_size(value, TPA_BASE_PARSE_NUL, number);
    else if (option->type == TPA_CFG_TIME)
        error = tpa_base_parse_time(value, TPA_BASE_PARSE_NUL, number);
    else
        error = tpa_base_parse_u64(value, TPA_BASE_PARSE_NUL, number);
    return error == 0 && *number >= option->minimum && *number <= option->maximum;
}

/* Single words: a thread that reads the field while it is set sees the old or the new value. */
static bool set_number(const struct tpa_cfg_option *option, const char *value, void *field)
{
    uint64_t number;

    if (!parse_number(option, value, &number))
        return false;
    if (option->type == TPA_CFG_INTEGER)
        __atomic_store_n((uint32_t *)field, (uint32_t)number, __ATOMIC_RELAXED);
    else
        __atomic_store_n((uint64_t *)field, number, __ATOMIC_RELAXED);
    return true;
}

static bool set_string(const struct tpa_cfg_option *option, const char *value, char *field)
{
    size_t length = strlen(value);

    if (length >= option->size || !tpa_cfg_value_is_plain(value))
        return false;
    memset(field, 0, option->size);
    memcpy(field, value, length);
    return true;
}

static bool set_address(const char *value, bool ipv6, struct tpa_base_address *field)
{
    struct tpa_base_address address;

    if (value[0] == '\0') {
        memset(field, 0, sizeof(*field));
        return true;
    }
    if (tpa_base_address_parse(value, TPA_BASE_PARSE_NUL, &address) < 0)
        return false;
    if (tpa_base_address_is_ipv4(&address) == ipv6)
        return false;
    *field = address;
    return true;
}

static bool set_mask(const char *value, struct tpa_cfg_mask *field)
{
    unsigned int length = 0;
    bool is_set = value[0] != '\0';

    if (is_set && tpa_base_parse_ipv4_mask(value, TPA_BASE_PARSE_NUL, &length) < 0)
        return false;
    *field = (struct tpa_cfg_mask){.length = (uint8_t)length, .is_set = is_set};
    return true;
}

static bool set_mac(const char *value, struct tpa_cfg_mac *field)
{
    struct tpa_cfg_mac mac = {.is_set = value[0] != '\0'};

    if (mac.is_set && tpa_base_parse_mac(value, TPA_BASE_PARSE_NUL, mac.bytes) < 0)
        return false;
    *field = mac;
    return true;
}

static bool parse_port(const char *text, size_t length, uint16_t *port)
{
    uint64_t number;

    if (tpa_base_parse_u64_max(text, length, UINT16_MAX, &number) < 0 || number == 0)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool set_port_range(const char *value, struct tpa_cfg_port_range *field)
{
    struct tpa_cfg_port_range range;
    size_t first = strcspn(value, " ");
    size_t gap = strspn(value + first, " ");

    if (!parse_port(value, first, &range.first) ||
        !parse_port(value + first + gap, TPA_BASE_PARSE_NUL, &range.last))
        return false;
    if (range.first > range.last)
        return false;
    *field = range;
    return true;
}

bool tpa_cfg_value_parse(const struct tpa_cfg_option *option, const char *value, void *field)
{
    switch (option->type) {
    case TPA_CFG_INTEGER:
    case TPA_CFG_SIZE:
    case TPA_CFG_TIME:
        return set_number(option, value, field);
    case TPA_CFG_STRING:
        return set_string(option, value, field);
    case TPA_CFG_IPV4:
        return set_address(value, false, field);
    case TPA_CFG_IPV6:
        return set_address(value, true, field);
    case TPA_CFG_MASK:
        return set_mask(value, field);
    case TPA_CFG_MAC:
        return set_mac(value, field);
    case TPA_CFG_IPV4_LIST:
        return tpa_cfg_prefix_list_parse(value, false, field);
    case TPA_CFG_IPV6_LIST:
        return tpa_cfg_prefix_list_parse(value, true, field);
    case TPA_CFG_ROUTE_LIST:
        return tpa_cfg_route_list_parse(value, field);
    case TPA_CFG_PORT_RANGE:
        return set_port_range(value, field);
    case TPA_CFG_SELECTOR:
        break;
    }
    return false;
}

TPA_BASE_STATIC_ASSERT(TPA_BASE_SIZE_TEXT == TPA_BASE_TIME_TEXT, "one buffer serves both");

static void format_number(const struct tpa_cfg_option *option, uint64_t number,
                          struct tpa_cfg_text *text)
{
    char unit_text[TPA_BASE_SIZE_TEXT];

    if (option->word != NULL && number == option->word_value)
        tpa_cfg_text_add(text, "%s", option->word);
    else if (option->type == TPA_CFG_INTEGER)
        tpa_cfg_text_add(text, "%" PRIu64, number);
    else if (option->type == TPA_CFG_SIZE)
        tpa_cfg_text_add(text, "%.*s", (int)tpa_base_format_size(number, unit_text), unit_text);
    else
        tpa_cfg_text_add(text, "%.*s", (int)tpa_base_format_time(number, unit_text), unit_text);
}

static void format_address(const struct tpa_base_address *address, struct tpa_cfg_text *text)
{
    static const struct tpa_base_address none;
    char address_text[TPA_BASE_ADDRESS_TEXT];

    if (tpa_base_address_equal(address, &none))
        return;
    tpa_base_address_format(address, address_text);
    tpa_cfg_text_add(text, "%s", address_text);
}

static void format_mask(const struct tpa_cfg_mask *mask, struct tpa_cfg_text *text)
{
    char mask_text[TPA_BASE_IPV4_TEXT];
    uint32_t bits = mask->length > 0 ? UINT32_MAX << (32 - mask->length) : 0;

    if (!mask->is_set)
        return;
    tpa_base_format_ipv4(tpa_base_host_to_be32(bits), mask_text);
    tpa_cfg_text_add(text, "%s", mask_text);
}

static void format_mac(const struct tpa_cfg_mac *mac, struct tpa_cfg_text *text)
{
    char mac_text[TPA_BASE_MAC_TEXT];

    if (!mac->is_set)
        return;
    tpa_base_format_mac(mac->bytes, mac_text);
    tpa_cfg_text_add(text, "%s", mac_text);
}

static void format_port_range(const struct tpa_cfg_port_range *range, struct tpa_cfg_text *text)
{
    tpa_cfg_text_add(text, "%u %u", range->first, range->last);
}

void tpa_cfg_value_format(const struct tpa_cfg_option *option, const void *field,
                          struct tpa_cfg_text *text)
{
    switch (option->type) {
    case TPA_CFG_INTEGER:
        return format_number(option, *(const uint32_t *)field, text);
    case TPA_CFG_SIZE:
    case TPA_CFG_TIME:
        return format_number(option, *(const uint64_t *)field, text);
    case TPA_CFG_STRING:
        return tpa_cfg_text_add(text, "%s", (const char *)field);
    case TPA_CFG_IPV4:
    case TPA_CFG_IPV6:
        return format_address(field, text);
    case TPA_CFG_MASK:
        return format_mask(field, text);
    case TPA_CFG_MAC:
        return format_mac(field, text);
    case TPA_CFG_IPV4_LIST:
    case TPA_CFG_IPV6_LIST:
        return tpa_cfg_prefix_list_format(field, text);
    case TPA_CFG_ROUTE_LIST:
        return tpa_cfg_route_list_format(field, text);
    case TPA_CFG_PORT_RANGE:
        return format_port_range(field, text);
    case TPA_CFG_SELECTOR:
        return;
    }
}

size_t tpa_cfg_value_size(enum tpa_cfg_type type)
{
    static const size_t sizes[] = {
        [TPA_CFG_INTEGER] = sizeof(uint32_t),
        [TPA_CFG_SIZE] = sizeof(uint64_t),
        [TPA_CFG_TIME] = sizeof(uint64_t),
        [TPA_CFG_STRING] = 0,
        [TPA_CFG_IPV4] = sizeof(struct tpa_base_address),
        [TPA_CFG_IPV6] = sizeof(struct tpa_base_address),
        [TPA_CFG_MASK] = sizeof(struct tpa_cfg_mask),
        [TPA_CFG_MAC] = sizeof(struct tpa_cfg_mac),
        [TPA_CFG_IPV4_LIST] = sizeof(struct tpa_cfg_prefix_list),
        [TPA_CFG_IPV6_LIST] = sizeof(struct tpa_cfg_prefix_list),
        [TPA_CFG_ROUTE_LIST] = sizeof(struct tpa_cfg_route_list),
        [TPA_CFG_PORT_RANGE] = sizeof(struct tpa_cfg_port_range),
        [TPA_CFG_SELECTOR] = 0,
    };

    return sizes[type];
}

static const char *describe(enum tpa_cfg_type type)
{
    switch (type) {
    case TPA_CFG_INTEGER:
        return "an integer";
    case TPA_CFG_SIZE:
        return "a size like 512, 16KB or 1G";
    case TPA_CFG_TIME:
        return "a time like 500us, 10ms, 2s, 1m or 1h";
    case TPA_CFG_STRING:
        return "a text";
    case TPA_CFG_IPV4:
        return "an IPv4 address like 10.0.0.1";
    case TPA_CFG_IPV6:
        return "an IPv6 address like fd00::1";
    case TPA_CFG_MASK:
        return "an IPv4 mask like 255.255.255.0 or 24";
    case TPA_CFG_MAC:
        return "a MAC address like 02:00:00:00:00:01";
    case TPA_CFG_IPV4_LIST:
        return "IPv4 addresses like 10.0.0.1 or 10.0.0.1/24";
    case TPA_CFG_IPV6_LIST:
        return "IPv6 addresses like fd00::1/64";
    case TPA_CFG_ROUTE_LIST:
        return "routes like 10.1.0.0/16 via 10.0.0.254";
    case TPA_CFG_PORT_RANGE:
        return "two ports like 41000 64000";
    case TPA_CFG_SELECTOR:
        return "an index";
    }
    return "";
}

static void expect_range(const struct tpa_cfg_option *option, struct tpa_cfg_text *text)
{
    struct tpa_cfg_option bounds = *option;

    bounds.word = NULL;
    tpa_cfg_text_add(text, ", from ");
    format_number(&bounds, option->minimum, text);
    tpa_cfg_text_add(text, " to ");
    format_number(&bounds, option->maximum, text);
}

void tpa_cfg_value_expected(const struct tpa_cfg_option *option, struct tpa_cfg_text *text)
{
    tpa_cfg_text_add(text, "%s", describe(option->type));
    if (option->type == TPA_CFG_INTEGER || option->type == TPA_CFG_SIZE ||
        option->type == TPA_CFG_TIME)
        expect_range(option, text);
    if (option->type == TPA_CFG_SELECTOR)
        tpa_cfg_text_add(text, ", from 0 to %" PRIu32, option->repeat->maximum - 1);
    if (option->type == TPA_CFG_STRING)
        tpa_cfg_text_add(text, " of at most %zu characters", option->size - 1);
    if (option->word != NULL)
        tpa_cfg_text_add(text, ", or %s", option->word);
}
