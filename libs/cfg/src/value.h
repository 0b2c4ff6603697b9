/* Values of options: from text to the field, and back. */
#ifndef TPA_CFG_VALUE_H
#define TPA_CFG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <tpa/cfg/registry.h>

/* A text that grows up to its bound; `is_cut` once something did not fit. */
struct tpa_cfg_text {
    char *bytes;
    size_t size;
    size_t length;
    bool is_cut;
};

void tpa_cfg_text_add(struct tpa_cfg_text *text, const char *format, ...) TPA_BASE_PRINTF(2, 3);

/* Parses `value` into `field`, which is unchanged on an error. False: not a value of this option.
 */
bool tpa_cfg_value_parse(const struct tpa_cfg_option *option, const char *value, void *field);

/* Writes the field's value. */
void tpa_cfg_value_format(const struct tpa_cfg_option *option, const void *field,
                          struct tpa_cfg_text *text);

/* Says what a value of this option looks like. */
void tpa_cfg_value_expected(const struct tpa_cfg_option *option, struct tpa_cfg_text *text);

/* The bytes that a field of this type has; 0 for a string, which may have any. */
size_t tpa_cfg_value_size(enum tpa_cfg_type type);

/* Can this string be written in a file? There are no escapes for quotes. */
bool tpa_cfg_value_is_plain(const char *value);

/* Lists, in value_list.c. */
bool tpa_cfg_prefix_list_parse(const char *value, bool ipv6, struct tpa_cfg_prefix_list *list);
void tpa_cfg_prefix_list_format(const struct tpa_cfg_prefix_list *list, struct tpa_cfg_text *text);
bool tpa_cfg_route_list_parse(const char *value, struct tpa_cfg_route_list *list);
void tpa_cfg_route_list_format(const struct tpa_cfg_route_list *list, struct tpa_cfg_text *text);

#endif
