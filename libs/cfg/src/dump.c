#include <inttypes.h>
#include <string.h>

#include <tpa/cfg/registry.h>

#include "registry.h"
#include "value.h"

/* The length of "section" in "section.option". */
static size_t section_length(const struct tpa_cfg_option *option)
{
    return strcspn(option->name, ".");
}

static bool is_same_section(const struct tpa_cfg_option *a, const struct tpa_cfg_option *b)
{
    return section_length(a) == section_length(b) &&
           strncmp(a->name, b->name, section_length(a)) == 0;
}

/* Each section is written where its first option stands in the table. */
static bool is_first_of_section(const struct tpa_cfg_registry *registry, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (is_same_section(&registry->options[i], &registry->options[index]))
            return false;
    }
    return true;
}

/* Has to be written as a comment: to set it, even to its default, would make the instance exist. */
static bool is_unset(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option)
{
    return option->repeat != NULL && tpa_cfg_seen(registry, option) == 0;
}

static void dump_value(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option,
                       uint32_t instance, FILE *stream)
{
    char bytes[TPA_CFG_VALUE_SIZE] = "";
    struct tpa_cfg_text text = {.bytes = bytes, .size = sizeof(bytes)};

    if (option->type == TPA_CFG_SELECTOR) {
        fprintf(stream, "%" PRIu32 "\n", instance);
        return;
    }
    tpa_cfg_value_format(option, tpa_cfg_field(registry, option, instance), &text);

    /* Quotes are always right, except around quotes, which need none (tpa_cfg_value_is_plain). */
    const char *quote = strchr(bytes, '"') == NULL ? "\"" : "";

    fprintf(stream, "%s%s%s\n", quote, bytes, quote);
}

static void dump_option(const struct tpa_cfg_registry *registry,
                        const struct tpa_cfg_option *option, uint32_t instance, bool with_help,
                        FILE *stream)
{
    const char *mark = is_unset(registry, option) ? "# " : "";

    if (with_help)
        fprintf(stream, "    # %s\n", option->help);
    fprintf(stream, "%s    %s = ", mark, option->name + section_length(option) + 1);
    dump_value(registry, option, instance, stream);
}

/* The selector has to stand first in its section, whatever the table's order. */
static void dump_section(const struct tpa_cfg_registry *registry,
                         const struct tpa_cfg_option *first, uint32_t instance, bool with_help,
                         FILE *stream)
{
    const char *mark = is_unset(registry, first) ? "# " : "";

    fprintf(stream, "%s%.*s {\n", mark, (int)section_length(first), first->name);
    for (int selectors = 1; selectors >= 0; selectors--) {
        for (uint32_t i = 0; i < registry->count; i++) {
            const struct tpa_cfg_option *option = &registry->options[i];

            if (is_same_section(option, first) &&
                (option->type == TPA_CFG_SELECTOR) == (selectors == 1))
                dump_option(registry, option, instance, with_help, stream);
        }
    }
    fprintf(stream, "%s}\n", mark);
}

int tpa_cfg_dump(const struct tpa_cfg_registry *registry, bool with_help, FILE *stream)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const struct tpa_cfg_option *option = &registry->options[i];
        uint32_t shown = tpa_cfg_shown(registry, option);

        if (!is_first_of_section(registry, i))
            continue;
        for (uint32_t instance = 0; instance < TPA_CFG_REPEAT_MAX; instance++) {
            if (shown & 1u << instance)
                dump_section(registry, option, instance, with_help, stream);
        }
    }
    return ferror(stream) ? TPA_EIO : TPA_OK;
}
