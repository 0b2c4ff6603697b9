#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <tpa/base/address.h>
#include <tpa/base/drop.h>
#include <tpa/stats/trace.h>

/* Times wrap: see struct tpa_base_trace_record. */
#define TIME_MASK (UINT64_MAX >> TPA_BASE_TRACE_KIND_BITS)

static const struct {
    const char *name;
    const char *format;
} trace_kinds[TPA_BASE_TRACE_COUNT] = {
#define TRACE_KIND(constant, level, name, format) [TPA_BASE_TRACE_##constant] = {name, format},
    TPA_BASE_TRACE_LIST(TRACE_KIND)
#undef TRACE_KIND
};

/* In the order of enum tpa_tcp_state. */
static const char *const state_names[] = {
    "CLOSED",     "SYN-SENT",   "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
    "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",      "LAST-ACK",    "TIME-WAIT",
};

/* A bit's place in a byte or word, and its name. */
struct bit_name {
    uint64_t bit;
    const char *name;
};

static const struct bit_name flag_names[] = {
    {0x02, "SYN"}, {0x01, "FIN"}, {0x04, "RST"}, {0x08, "PSH"},
    {0x10, "ACK"}, {0x20, "URG"}, {0x40, "ECE"}, {0x80, "CWR"},
};

static const struct bit_name event_names[] = {
    {0x1, "IN"},
    {0x4, "OUT"},
    {0x8, "ERR"},
    {0x10, "HUP"},
};

/* A text that grows up to its bound. */
struct text {
    char *bytes;
    size_t size;
    size_t length;
};

static void TPA_BASE_PRINTF(2, 3) append(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length =
        vsnprintf(text->bytes + text->length, text->size - text->length, format, arguments);
    va_end(arguments);

    if (length > 0)
        text->length += (size_t)length;
    if (text->length >= text->size)
        text->length = text->size - 1;
}

static void append_bits(struct text *text, uint64_t value, const struct bit_name *names,
                        size_t count)
{
    const char *separator = "";

    for (size_t i = 0; i < count; i++) {
        if (value & names[i].bit) {
            append(text, "%s%s", separator, names[i].name);
            separator = "|";
            value &= ~names[i].bit;
        }
    }
    if (value != 0 || separator[0] == '\0')
        append(text, "%s0x%" PRIx64, separator, value);
}

/* Three digits behind the point of the largest unit that is not above the value. */
static void append_duration(struct text *text, uint64_t nanoseconds)
{
    static const struct {
        uint64_t length;
        const char *name;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(units); i++) {
        uint64_t length = units[i].length;

        if (nanoseconds >= length) {
            append(text, "%" PRIu64 ".%03" PRIu64 "%s", nanoseconds / length,
                   nanoseconds % length / (length / 1000), units[i].name);
            return;
        }
    }
    append(text, "%" PRIu64 "ns", nanoseconds);
}

static void append_state(struct text *text, uint64_t state)
{
    if (state < TPA_BASE_ARRAY_SIZE(state_names))
        append(text, "%s", state_names[state]);
    else
        append(text, "state %" PRIu64, state);
}

static void append_address(struct text *text, const uint64_t words[2])
{
    char address_text[TPA_BASE_ADDRESS_TEXT];
    struct tpa_base_address address = tpa_base_address_from_ipv6(words);

    tpa_base_address_format(&address, address_text);
    append(text, "%s", address_text);
}

static void append_drop(struct text *text, uint64_t reason)
{
    unsigned int known = reason < TPA_BASE_DROP_COUNT ? (unsigned int)reason : TPA_BASE_DROP_COUNT;

    append(text, "%s", tpa_base_drop_name((enum tpa_base_drop)known));
}

static void append_segment(struct text *text, uint64_t segment)
{
    append_bits(text, segment & 0xff, flag_names, TPA_BASE_ARRAY_SIZE(flag_names));
    append(text, " len %" PRIu64, segment >> 8);
}

/* One conversion; `argument` points at the words that are left. Returns how many it took. */
static unsigned int append_conversion(struct text *text, char conversion, const uint64_t *argument)
{
    switch (conversion) {
    case 'u':
    case 'q':
    case 'p':
        append(text, "%" PRIu64, argument[0]);
        return 1;
    case 'd':
        append(text, "%" PRId64, (int64_t)argument[0]);
        return 1;
    case 'x':
        append(text, "0x%" PRIx64, argument[0]);
        return 1;
    case 't':
        append_duration(text, argument[0]);
        return 1;
    case 'f':
        append_bits(text, argument[0], flag_names, TPA_BASE_ARRAY_SIZE(flag_names));
        return 1;
    case 'w':
        append_bits(text, argument[0], event_names, TPA_BASE_ARRAY_SIZE(event_names));
        return 1;
    case 's':
        append_state(text, argument[0]);
        return 1;
    case 'e':
        append(text, "%s", tpa_base_error_text((int)(int64_t)argument[0]));
        return 1;
    case 'r':
        append_drop(text, argument[0]);
        return 1;
    case 'g':
        append_segment(text, argument[0]);
        return 1;
    case 'a':
        append_address(text, argument);
        return 2;
    default:
        append(text, "%%%c", conversion);
        return 0;
    }
}

static void append_arguments(struct text *text, const char *format, const uint64_t argument[4])
{
    unsigned int taken = 0;

    for (const char *c = format; *c != '\0'; c++) {
        if (*c != '%') {
            append(text, "%c", *c);
            continue;
        }
        taken += append_conversion(text, *++c, argument + taken);
    }
}

const char *tpa_stats_trace_name(unsigned int kind)
{
    return kind < TPA_BASE_TRACE_COUNT ? trace_kinds[kind].name : "unknown";
}

size_t tpa_stats_trace_format(const struct tpa_stats_trace_event *event, char *text, size_t size)
{
    struct text line = {.bytes = text, .size = size};

    if (size == 0)
        return 0;

    if (event->kind < TPA_BASE_TRACE_COUNT) {
        append(&line, "%s: ", trace_kinds[event->kind].name);
        append_arguments(&line, trace_kinds[event->kind].format, event->argument);
    } else {
        append(&line, "unknown event %u:", event->kind);
        for (unsigned int i = 0; i < 4; i++)
            append(&line, " 0x%" PRIx64, event->argument[i]);
    }
    return line.length;
}

int tpa_stats_trace_print(const struct tpa_stats_trace_event *events, uint32_t count, FILE *stream)
{
    for (uint32_t i = 0; i < count; i++) {
        char text[TPA_STATS_TRACE_TEXT];
        uint64_t since_first = (events[i].time - events[0].time) & TIME_MASK;
        uint64_t since_last = (events[i].time - events[i > 0 ? i - 1 : 0].time) & TIME_MASK;

        tpa_stats_trace_format(&events[i], text, sizeof(text));
        fprintf(stream, "%6" PRIu64 ".%09" PRIu64 " +%-12" PRIu64 " %s\n", since_first / 1000000000,
                since_first % 1000000000, since_last, text);
    }
    return ferror(stream) ? TPA_EIO : TPA_OK;
}
