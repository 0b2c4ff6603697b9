/* Impairments as people write them. */
#include <tpa/netdev/impair.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tpa/base/parse.h>

enum {
    PERCENT = TPA_NETDEV_IMPAIR_PPM / 100
};

struct word {
    const char *text;
    size_t length;
};

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n';
}

/* Takes the next word off *text; length 0 at the end. */
static struct word next_word(const char **text)
{
    struct word word;

    while (**text != '\0' && is_separator(**text))
        (*text)++;
    word.text = *text;
    while (**text != '\0' && !is_separator(**text))
        (*text)++;
    word.length = (size_t)(*text - word.text);
    return word;
}

static bool is_word(struct word word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

/* Cuts `end` off a word that ends in it. */
static bool cut_end(struct word *word, const char *end)
{
    size_t length = strlen(end);

    if (word->length <= length || memcmp(word->text + word->length - length, end, length) != 0)
        return false;
    word->length -= length;
    return true;
}

/* A decimal number times `unit`, which is a power of ten; digits below 1 / unit are an error. */
static bool parse_decimal(struct word word, uint64_t unit, uint64_t *value)
{
    const char *point = memchr(word.text, '.', word.length);
    size_t whole_length = point != NULL ? (size_t)(point - word.text) : word.length;
    uint64_t whole;

    if (tpa_base_parse_u64_max(word.text, whole_length, UINT64_MAX / 10 / unit, &whole) != 0)
        return false;
    *value = whole * unit;
    if (point == NULL)
        return true;
    if (word.length == whole_length + 1)
        return false;
    for (size_t i = whole_length + 1; i < word.length; i++) {
        unit /= 10;
        if (unit == 0 || word.text[i] < '0' || word.text[i] > '9')
            return false;
        *value += (uint64_t)(word.text[i] - '0') * unit;
    }
    return true;
}

static bool parse_probability(struct word word, uint32_t *ppm)
{
    uint64_t unit = cut_end(&word, "ppm") ? 1 : PERCENT;
    uint64_t value;

    cut_end(&word, "%");
    if (!parse_decimal(word, unit, &value) || value > TPA_NETDEV_IMPAIR_PPM)
        return false;
    *ppm = (uint32_t)value;
    return true;
}

static bool parse_time(struct word word, uint64_t *time)
{
    int result = cut_end(&word, "ns") ? tpa_base_parse_u64(word.text, word.length, time)
                                      : tpa_base_parse_time(word.text, word.length, time);

    return result == 0 && *time <= TPA_NETDEV_IMPAIR_TIME_MAX;
}

static bool parse_rate(struct word word, uint64_t *rate)
{
    uint64_t unit = 1;

    if (cut_end(&word, "k"))
        unit = 1000;
    else if (cut_end(&word, "M"))
        unit = 1000000;
    else if (cut_end(&word, "G"))
        unit = 1000000000;
    return parse_decimal(word, unit, rate);
}

static bool parse_count(struct word word, uint32_t *count)
{
    uint64_t value;

    if (tpa_base_parse_u64_max(word.text, word.length, UINT32_MAX, &value) != 0)
        return false;
    *count = (uint32_t)value;
    return true;
}

static bool parse_number(struct word word, uint64_t *number)
{
    return tpa_base_parse_u64_max(word.text, word.length, TPA_NETDEV_IMPAIR_MASK_MAX - 1, number) ==
           0;
}

/* "n" or "n-m". */
static bool parse_range(struct word word, uint64_t *mask)
{
    const char *dash = memchr(word.text, '-', word.length);
    struct word first = {word.text, dash != NULL ? (size_t)(dash - word.text) : word.length};
    struct word last = first;
    uint64_t from;
    uint64_t to;

    if (dash != NULL)
        last = (struct word){dash + 1, word.length - first.length - 1};
    if (!parse_number(first, &from) || !parse_number(last, &to) || from > to)
        return false;
    for (uint64_t n = from; n <= to; n++)
        mask[n / 64] |= UINT64_C(1) << n % 64;
    return true;
}

static bool parse_mask(struct word word, uint64_t *mask)
{
    memset(mask, 0, TPA_NETDEV_IMPAIR_MASK_MAX / 8);
    for (;;) {
        const char *plus = memchr(word.text, '+', word.length);
        size_t length = plus != NULL ? (size_t)(plus - word.text) : word.length;

        if (!parse_range((struct word){word.text, length}, mask))
            return false;
        if (plus == NULL)
            return true;
        word.text += length + 1;
        word.length -= length + 1;
    }
}

enum kind {
    PROBABILITY,
    TIME,
    RATE,
    COUNT,
    MASK
};

static const char *const kind_texts[] = {
    [PROBABILITY] = "a probability such as 1%, 0.25% or 300ppm",
    [TIME] = "a time such as 10ms, 250us or 1s, at most 1h",
    [RATE] = "bits per second such as 100M, 1.5G or 64k",
    [COUNT] = "a number of packets",
    [MASK] = "numbers of packets from 0 to 255 such as 0+3+7-9",
};

static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
} keys[] = {
    {"drop", PROBABILITY, offsetof(struct tpa_netdev_impairment, drop_ppm)},
    {"dup", PROBABILITY, offsetof(struct tpa_netdev_impairment, duplicate_ppm)},
    {"corrupt", PROBABILITY, offsetof(struct tpa_netdev_impairment, corrupt_ppm)},
    {"cut", PROBABILITY, offsetof(struct tpa_netdev_impairment, cut_ppm)},
    {"reorder", PROBABILITY, offsetof(struct tpa_netdev_impairment, reorder_ppm)},
    {"depth", COUNT, offsetof(struct tpa_netdev_impairment, reorder_depth)},
    {"hold", TIME, offsetof(struct tpa_netdev_impairment, reorder_delay)},
    {"delay", TIME, offsetof(struct tpa_netdev_impairment, delay)},
    {"jitter", TIME, offsetof(struct tpa_netdev_impairment, jitter)},
    {"rate", RATE, offsetof(struct tpa_netdev_impairment, rate_bits_per_second)},
    {"queue", COUNT, offsetof(struct tpa_netdev_impairment, queue_limit)},
    {"dropmask", MASK, offsetof(struct tpa_netdev_impairment, drop_mask)},
    {"dupmask", MASK, offsetof(struct tpa_netdev_impairment, duplicate_mask)},
};

static bool parse_value(const struct key *key, struct word value,
                        struct tpa_netdev_impairment *impairment)
{
    void *field = (char *)impairment + key->offset;

    switch (key->kind) {
    case PROBABILITY:
        return parse_probability(value, field);
    case TIME:
        return parse_time(value, field);
    case RATE:
        return parse_rate(value, field);
    case COUNT:
        return parse_count(value, field);
    case MASK:
        return parse_mask(value, field);
    }
    return false;
}

static const struct key *find_key(struct word name)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(keys); i++) {
        if (is_word(name, keys[i].name))
            return &keys[i];
    }
    return NULL;
}

static int parse_word(struct word word, struct tpa_netdev_impairment *impairment, char *reason)
{
    const char *equals = memchr(word.text, '=', word.length);
    size_t name_length = equals != NULL ? (size_t)(equals - word.text) : word.length;
    const struct key *key = find_key((struct word){word.text, name_length});
    int shown = (int)TPA_BASE_MIN(word.length, 60);

    if (key == NULL) {
        snprintf(
            reason, TPA_NETDEV_REASON_SIZE,
            "%.*s: no such impairment; there are drop dup corrupt cut reorder depth hold delay "
            "jitter rate queue dropmask dupmask",
            shown, word.text);
        return TPA_EINVAL;
    }
    if (equals == NULL ||
        !parse_value(key, (struct word){equals + 1, word.length - name_length - 1}, impairment)) {
        snprintf(reason, TPA_NETDEV_REASON_SIZE, "%.*s: %s needs %s", shown, word.text, key->name,
                 kind_texts[key->kind]);
        return TPA_EINVAL;
    }
    return 0;
}

int tpa_netdev_impairment_parse(const char *text, struct tpa_netdev_impairment *impairment,
                                char reason[TPA_NETDEV_REASON_SIZE])
{
    struct tpa_netdev_impairment result;
    struct word word;

    memset(&result, 0, sizeof(result));
    reason[0] = '\0';
    while ((word = next_word(&text)).length > 0) {
        if (!is_word(word, "off") && parse_word(word, &result, reason) != 0)
            return TPA_EINVAL;
    }
    *impairment = result;
    return 0;
}

/* Text that is being made; what does not fit is cut. */
struct output {
    char *text;
    size_t length;
};

TPA_BASE_PRINTF(2, 3)
static void put(struct output *output, const char *format, ...)
{
    size_t room = TPA_NETDEV_IMPAIRMENT_TEXT - output->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(output->text + output->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        output->length += TPA_BASE_MIN((size_t)length, room - 1);
}

static void put_time(struct output *output, uint64_t time)
{
    char text[TPA_BASE_TIME_TEXT];

    if (time % 1000 != 0) {
        put(output, "%lluns", (unsigned long long)time);
        return;
    }
    tpa_base_format_time(time, text);
    put(output, "%s", text);
}

static void put_rate(struct output *output, uint64_t rate)
{
    static const struct {
        uint64_t unit;
        const char *name;
    } units[] = {{1000000000, "G"}, {1000000, "M"}, {1000, "k"}, {1, ""}};
    size_t i = 0;

    while (rate % units[i].unit != 0)
        i++;
    put(output, "%llu%s", (unsigned long long)(rate / units[i].unit), units[i].name);
}

static bool mask_bit(const uint64_t *mask, unsigned int n)
{
    return n < TPA_NETDEV_IMPAIR_MASK_MAX && (mask[n / 64] >> n % 64 & 1);
}

static void put_mask(struct output *output, const uint64_t *mask)
{
    const char *separator = "";

    for (unsigned int n = 0; n < TPA_NETDEV_IMPAIR_MASK_MAX; n++) {
        unsigned int first = n;

        if (!mask_bit(mask, n))
            continue;
        while (mask_bit(mask, n + 1))
            n++;
        put(output, "%s%u", separator, first);
        if (n > first)
            put(output, "-%u", n);
        separator = "+";
    }
}

static bool is_set(const struct key *key, const void *field)
{
    static const uint64_t zero[TPA_NETDEV_IMPAIR_MASK_MAX / 64];
    static const size_t sizes[] = {
        [PROBABILITY] = sizeof(uint32_t), [TIME] = sizeof(uint64_t), [RATE] = sizeof(uint64_t),
        [COUNT] = sizeof(uint32_t),       [MASK] = sizeof(zero),
    };

    return memcmp(field, zero, sizes[key->kind]) != 0;
}

static void put_key(struct output *output, const struct key *key, const void *field)
{
    put(output, "%s%s=", output->length > 0 ? " " : "", key->name);
    switch (key->kind) {
    case PROBABILITY:
        put(output, "%uppm", *(const uint32_t *)field);
        break;
    case TIME:
        put_time(output, *(const uint64_t *)field);
        break;
    case RATE:
        put_rate(output, *(const uint64_t *)field);
        break;
    case COUNT:
        put(output, "%u", *(const uint32_t *)field);
        break;
    case MASK:
        put_mask(output, field);
        break;
    }
}

size_t tpa_netdev_impairment_format(const struct tpa_netdev_impairment *impairment,
                                    char text[TPA_NETDEV_IMPAIRMENT_TEXT])
{
    struct output output = {.text = text};

    text[0] = '\0';
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(keys); i++) {
        const void *field = (const char *)impairment + keys[i].offset;

        if (is_set(&keys[i], field))
            put_key(&output, &keys[i], field);
    }
    if (output.length == 0)
        put(&output, "off");
    return output.length;
}
