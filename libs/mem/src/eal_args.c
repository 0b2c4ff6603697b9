#include "eal_args.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>

#define MEGABYTE (UINT64_C(1) << 20)

/* Builds one line: any word may fail, the end is checked once. */
struct builder {
    struct tpa_mem_eal_args *args;
    const struct tpa_mem_eal_args *extra;
    bool overflow;
};

static void append(struct builder *builder, const char *word)
{
    struct tpa_mem_eal_args *args = builder->args;
    size_t size = strlen(word) + 1;

    if (args->count == TPA_MEM_EAL_WORDS_MAX || size > sizeof(args->text) - args->used) {
        builder->overflow = true;
        return;
    }
    args->words[args->count++] = memcpy(args->text + args->used, word, size);
    args->used += (uint32_t)size;
}

TPA_BASE_PRINTF(2, 3)
static void append_formatted(struct builder *builder, const char *format, ...)
{
    char word[256];
    va_list values;
    int length;

    va_start(values, format);
    length = vsnprintf(word, sizeof(word), format, values);
    va_end(values);
    if (length >= (int)sizeof(word))
        builder->overflow = true;
    else
        append(builder, word);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/*
 * Moves one word of `*from` to `to`, without its quotes; quotes may stand anywhere in it, as in a
 * shell. The number of bytes; -1 where a quote is not closed or the word is too long.
 */
static int next_word(const char **from, char *to, size_t room)
{
    size_t length = 0;
    char quote = 0;

    for (; **from != 0 && (quote != 0 || !is_blank(**from)); (*from)++) {
        char c = **from;

        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
            continue;
        }
        if (quote != 0 && c == quote) {
            quote = 0;
            continue;
        }
        if (length + 1 >= room)
            return -1;
        to[length++] = c;
    }
    to[length] = 0;
    return quote == 0 ? (int)length : -1;
}

static int split_extra(struct tpa_mem_eal_args *extra, const char *text)
{
    struct builder builder = {.args = extra};
    char word[TPA_MEM_EAL_TEXT_MAX];

    memset(extra, 0, offsetof(struct tpa_mem_eal_args, text));
    while (text != NULL && !builder.overflow) {
        while (is_blank(*text))
            text++;
        if (*text == 0)
            return 0;
        if (next_word(&text, word, sizeof(word)) < 0)
            return TPA_EINVAL;
        append(&builder, word);
    }
    return builder.overflow ? TPA_EINVAL : 0;
}

/* True when the extra words have the option: "--long", "--long=value", "-s", "-s value" or
 * "-svalue". */
static bool has_option(const struct tpa_mem_eal_args *extra, const char *option)
{
    size_t length = strlen(option);
    bool is_long = option[1] == '-';

    for (int i = 0; i < extra->count; i++) {
        const char *word = extra->words[i];

        if (strncmp(word, option, length) != 0)
            continue;
        if (!is_long || word[length] == 0 || word[length] == '=')
            return true;
    }
    return false;
}

static bool has_any(const struct tpa_mem_eal_args *extra, const char *const *options)
{
    for (; *options != NULL; options++) {
        if (has_option(extra, *options))
            return true;
    }
    return false;
}

#define HAS_ANY(extra, ...) has_any(extra, (const char *const[]){__VA_ARGS__, NULL})

/* "1024,512" in bytes; 0 where it is no such list. */
static uint64_t socket_mem_bytes(const char *list)
{
    uint64_t megabytes = 0;

    for (;;) {
        char *end;
        unsigned long one = strtoul(list, &end, 10);

        if (*list < '0' || *list > '9' || (*end != 0 && *end != ',') || one > UINT32_MAX)
            return 0;
        megabytes += one;
        if (*end == 0)
            return megabytes * MEGABYTE;
        list = end + 1;
    }
}

static uint64_t memory_wanted(const struct tpa_mem_eal_config *config)
{
    if (config->socket_mem != NULL)
        return socket_mem_bytes(config->socket_mem);
    return config->memory_size != 0 ? config->memory_size : TPA_MEM_EAL_MEMORY_DEFAULT;
}

static int check_memory(uint64_t wanted, char reason[TPA_MEM_EAL_REASON_SIZE])
{
    if (wanted == 0)
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE,
                 "EAL's socket memory must be megabytes for each socket, as in \"1024,1024\"");
    else if (wanted > TPA_MEM_EAL_MEMORY_MAX)
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE,
                 "EAL's memory: there are no more than %" PRIu64 " MB of addresses; ask for less",
                 TPA_MEM_EAL_MEMORY_MAX / MEGABYTE);
    else
        return 0;
    return TPA_EINVAL;
}

static void append_memory(struct builder *builder, const struct tpa_mem_eal_config *config,
                          uint64_t free_hugepages)
{
    uint64_t wanted = memory_wanted(config);
    bool no_huge = config->no_huge || has_option(builder->extra, "--no-huge");
    bool amount_given = HAS_ANY(builder->extra, "-m", "--socket-mem");

    if (no_huge || free_hugepages < wanted) {
        append(builder, "--no-huge");
        append(builder, "--no-shconf");
        if (!amount_given)
            append_formatted(builder, "-m%" PRIu64, (wanted + MEGABYTE - 1) / MEGABYTE);
        return;
    }
    append(builder, "--in-memory");
    append(builder, "--single-file-segments");
    if (config->socket_mem != NULL && !amount_given)
        append_formatted(builder, "--socket-mem=%s", config->socket_mem);
}

static void append_devices(struct builder *builder, const struct tpa_mem_eal_config *config)
{
    bool no_pci = config->pci == NULL || config->pci[0] == NULL;

    if (HAS_ANY(builder->extra, "-a", "--allow", "-b", "--block"))
        no_pci = false;
    else if (no_pci)
        append(builder, "--no-pci");
    for (int i = 0; config->pci != NULL && config->pci[i] != NULL; i++)
        append_formatted(builder, "--allow=%s", config->pci[i]);
    /* As root EAL would choose physical addresses, for devices that are not there. */
    if (no_pci && !has_option(builder->extra, "--iova-mode"))
        append(builder, "--iova-mode=va");
}

static bool chooses_kind_of_memory(const struct tpa_mem_eal_args *extra)
{
    return HAS_ANY(extra, "--in-memory", "--huge-dir", "--huge-unlink", "--file-prefix",
                   "--legacy-mem", "--no-shconf", "--proc-type");
}

int tpa_mem_eal_args_build(struct tpa_mem_eal_args *args, const struct tpa_mem_eal_config *config,
                           unsigned int cpu, uint64_t free_hugepages,
                           char reason[TPA_MEM_EAL_REASON_SIZE])
{
    struct tpa_mem_eal_args extra;
    struct builder builder = {.args = args, .extra = &extra};

    memset(args, 0, offsetof(struct tpa_mem_eal_args, text));
    if (split_extra(&extra, config->extra_args) != 0) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE,
                 "EAL's extra arguments: a quote is not closed, or more than %d words or %d bytes",
                 TPA_MEM_EAL_WORDS_MAX, TPA_MEM_EAL_TEXT_MAX);
        return TPA_EINVAL;
    }
    if (check_memory(memory_wanted(config), reason) != 0)
        return TPA_EINVAL;

    args->verbose = has_option(&extra, "--log-level");
    append(&builder, config->program != NULL ? config->program : "tpa");
    append(&builder, "--log-level=*:error");
    append(&builder, "--no-telemetry");
    if (!HAS_ANY(&extra, "-l", "-c", "--lcores"))
        append_formatted(&builder, "--lcores=0@%u", cpu);
    if (!chooses_kind_of_memory(&extra))
        append_memory(&builder, config, free_hugepages);
    append_devices(&builder, config);
    for (int i = 0; i < extra.count; i++)
        append(&builder, extra.words[i]);
    if (builder.overflow) {
        snprintf(reason, TPA_MEM_EAL_REASON_SIZE, "too many or too long arguments for EAL");
        return TPA_EINVAL;
    }
    return 0;
}
