#include "registry.h"

#include <inttypes.h>
#include <string.h>

#include <tpa/base/parse.h>

#include "fail.h"
#include "value.h"

static uint32_t instances_of(const struct tpa_cfg_option *option)
{
    return option->repeat != NULL ? option->repeat->maximum : 1;
}

void *tpa_cfg_field(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option,
                    uint32_t instance)
{
    size_t stride = option->repeat != NULL ? option->repeat->stride : 0;

    return (char *)registry->settings + option->offset + instance * stride;
}

static uint32_t *seen_of(const struct tpa_cfg_registry *registry,
                         const struct tpa_cfg_option *option)
{
    return (uint32_t *)((char *)registry->settings + option->repeat->seen);
}

uint32_t tpa_cfg_seen(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option)
{
    return *seen_of(registry, option);
}

uint32_t tpa_cfg_shown(const struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option)
{
    uint32_t seen = option->repeat != NULL ? *seen_of(registry, option) : 0;

    return seen != 0 ? seen : 1u;
}

/* What the table says of this option has to fit the structure and its type. */
static bool is_described_well(const struct tpa_cfg_option *option, size_t settings_size)
{
    const struct tpa_cfg_repeat *repeat = option->repeat;
    size_t size = tpa_cfg_value_size(option->type);
    size_t end = option->offset + option->size;

    if (strchr(option->name, '.') == NULL || strlen(option->name) >= TPA_CFG_NAME_SIZE - 4)
        return false;
    if (option->type == TPA_CFG_SELECTOR && repeat == NULL)
        return false;
    if (option->type != TPA_CFG_SELECTOR && (option->size == 0 || option->preset == NULL))
        return false;
    if (size > 0 && size != option->size)
        return false;
    if (repeat != NULL) {
        if (repeat->maximum == 0 || repeat->maximum > TPA_CFG_REPEAT_MAX ||
            repeat->seen + sizeof(uint32_t) > settings_size)
            return false;
        end += (repeat->maximum - 1) * repeat->stride;
    }
    return end <= settings_size;
}

static bool set_preset(struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option)
{
    if (option->type == TPA_CFG_SELECTOR)
        return true;
    for (uint32_t i = 0; i < instances_of(option); i++) {
        if (!tpa_cfg_value_parse(option, option->preset, tpa_cfg_field(registry, option, i)))
            return false;
    }
    return true;
}

int tpa_cfg_registry_init(struct tpa_cfg_registry *registry, const struct tpa_cfg_option *options,
                          uint32_t count, void *settings, size_t size, struct tpa_cfg_error *error)
{
    *registry = (struct tpa_cfg_registry){.options = options, .settings = settings};
    memset(settings, 0, size);

    for (uint32_t i = 0; i < count; i++) {
        const struct tpa_cfg_option *option = &options[i];

        if (tpa_cfg_find(registry, option->name, NULL) != NULL)
            return tpa_cfg_fail(error, TPA_EINVAL, "option %s is described twice", option->name);
        if (!is_described_well(option, size) || !set_preset(registry, option))
            return tpa_cfg_fail(error, TPA_EINVAL, "option %s is described wrongly", option->name);
        registry->count++;
    }
    return TPA_OK;
}

void tpa_cfg_registry_start(struct tpa_cfg_registry *registry)
{
    registry->is_started = true;
}

const struct tpa_cfg_option *tpa_cfg_find_parts(const struct tpa_cfg_registry *registry,
                                                const char *section, size_t section_length,
                                                const char *key, size_t key_length)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const char *name = registry->options[i].name;

        if (strncmp(name, section, section_length) == 0 && name[section_length] == '.' &&
            strncmp(name + section_length + 1, key, key_length) == 0 &&
            name[section_length + 1 + key_length] == '\0')
            return &registry->options[i];
    }
    return NULL;
}

/* "section[n]": cuts the length at the bracket and gives n. A section without one is instance 0. */
static bool split_instance(const char *section, size_t *length, uint32_t *instance)
{
    const char *bracket = memchr(section, '[', *length);
    uint64_t number;

    *instance = 0;
    if (bracket == NULL)
        return true;
    if (section[*length - 1] != ']')
        return false;

    const char *digits = bracket + 1;
    size_t digit_count = (size_t)(section + *length - 1 - digits);

    if (tpa_base_parse_u64_max(digits, digit_count, TPA_CFG_REPEAT_MAX - 1, &number) < 0)
        return false;
    *length = (size_t)(bracket - section);
    *instance = (uint32_t)number;
    return true;
}

const struct tpa_cfg_option *tpa_cfg_find(const struct tpa_cfg_registry *registry, const char *name,
                                          uint32_t *instance)
{
    const char *dot = strchr(name, '.');
    uint32_t number;

    if (dot == NULL)
        return NULL;

    size_t section_length = (size_t)(dot - name);

    if (!split_instance(name, &section_length, &number))
        return NULL;

    const struct tpa_cfg_option *option =
        tpa_cfg_find_parts(registry, name, section_length, dot + 1, strlen(dot + 1));

    if (option == NULL || number >= instances_of(option))
        return NULL;
    if (section_length != (size_t)(dot - name) && option->repeat == NULL)
        return NULL;
    if (instance != NULL)
        *instance = number;
    return option;
}

static int refuse_value(const struct tpa_cfg_option *option, const char *value,
                        struct tpa_cfg_error *error)
{
    char expected_bytes[TPA_CFG_ERROR_TEXT_SIZE];
    struct tpa_cfg_text expected = {.bytes = expected_bytes, .size = sizeof(expected_bytes)};
    int code = tpa_cfg_fail(error, TPA_EINVAL, "failed to set cfg opt: %s: invalid option value",
                            option->name);

    tpa_cfg_value_expected(option, &expected);
    tpa_cfg_fail_hint(error, "\"%.64s\" is not %s", value, expected_bytes);
    return code;
}

int tpa_cfg_select(const struct tpa_cfg_option *option, const char *value, uint32_t *instance,
                   struct tpa_cfg_error *error)
{
    uint64_t number;

    if (tpa_base_parse_u64_max(value, TPA_BASE_PARSE_NUL, option->repeat->maximum - 1, &number) < 0)
        return refuse_value(option, value, error);
    *instance = (uint32_t)number;
    return TPA_OK;
}

int tpa_cfg_set_option(struct tpa_cfg_registry *registry, const struct tpa_cfg_option *option,
                       uint32_t instance, const char *value, struct tpa_cfg_error *error)
{
    if (registry->is_started && (option->flags & TPA_CFG_READONLY))
        return tpa_cfg_fail(error, TPA_EPERM,
                            "failed to set cfg opt: %s: try to set a readonly option",
                            option->name);

    if (option->type == TPA_CFG_SELECTOR) {
        int result = tpa_cfg_select(option, value, &instance, error);

        if (result < 0)
            return result;
    } else if (!tpa_cfg_value_parse(option, value, tpa_cfg_field(registry, option, instance))) {
        return refuse_value(option, value, error);
    }
    if (option->repeat != NULL)
        *seen_of(registry, option) |= 1u << instance;
    return TPA_OK;
}

int tpa_cfg_set(struct tpa_cfg_registry *registry, const char *name, const char *value,
                struct tpa_cfg_error *error)
{
    uint32_t instance;
    const struct tpa_cfg_option *option = tpa_cfg_find(registry, name, &instance);

    if (option == NULL)
        return tpa_cfg_fail(error, TPA_ENOENT, "invalid option name: %s", name);
    return tpa_cfg_set_option(registry, option, instance, value, error);
}

/* A selector's value is the instance itself. */
static void format_option(const struct tpa_cfg_registry *registry,
                          const struct tpa_cfg_option *option, uint32_t instance,
                          struct tpa_cfg_text *text)
{
    if (option->type == TPA_CFG_SELECTOR)
        tpa_cfg_text_add(text, "%" PRIu32, instance);
    else
        tpa_cfg_value_format(option, tpa_cfg_field(registry, option, instance), text);
}

int tpa_cfg_get(const struct tpa_cfg_registry *registry, const char *name, char *text, size_t size)
{
    uint32_t instance;
    const struct tpa_cfg_option *option = tpa_cfg_find(registry, name, &instance);
    struct tpa_cfg_text value = {.bytes = text, .size = size};

    if (option == NULL)
        return TPA_ENOENT;
    if (size == 0)
        return TPA_ENOSPC;

    text[0] = '\0';
    format_option(registry, option, instance, &value);
    return value.is_cut ? TPA_ENOSPC : (int)value.length;
}

static void full_name(const struct tpa_cfg_option *option, uint32_t instance,
                      char name[TPA_CFG_NAME_SIZE])
{
    struct tpa_cfg_text text = {.bytes = name, .size = TPA_CFG_NAME_SIZE};
    int section_length = (int)strcspn(option->name, ".");

    if (instance == 0)
        tpa_cfg_text_add(&text, "%s", option->name);
    else
        tpa_cfg_text_add(&text, "%.*s[%" PRIu32 "]%s", section_length, option->name, instance,
                         option->name + section_length);
}

const struct tpa_cfg_option *tpa_cfg_next(const struct tpa_cfg_registry *registry,
                                          uint64_t *position, char name[TPA_CFG_NAME_SIZE],
                                          char text[TPA_CFG_VALUE_SIZE])
{
    for (; *position / TPA_CFG_REPEAT_MAX < registry->count; ++*position) {
        const struct tpa_cfg_option *option = &registry->options[*position / TPA_CFG_REPEAT_MAX];
        uint32_t instance = (uint32_t)(*position % TPA_CFG_REPEAT_MAX);
        struct tpa_cfg_text value = {.bytes = text, .size = TPA_CFG_VALUE_SIZE};

        if (!(tpa_cfg_shown(registry, option) & 1u << instance))
            continue;
        text[0] = '\0';
        full_name(option, instance, name);
        format_option(registry, option, instance, &value);
        ++*position;
        return option;
    }
    return NULL;
}
