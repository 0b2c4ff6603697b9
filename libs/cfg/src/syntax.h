/* The syntax of a configuration text, without any knowledge of options. */
#ifndef TPA_CFG_SYNTAX_H
#define TPA_CFG_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/cfg/file.h>

struct tpa_cfg_setting {
    char section[TPA_CFG_WORD_MAX + 1];
    char key[TPA_CFG_WORD_MAX + 1];
    char value[TPA_CFG_VALUE_SIZE];
    uint32_t line;
    bool is_first; /* of its section */
};

/* Called with each setting in turn; a negative result ends the parsing and is its result. */
typedef int (*tpa_cfg_setting_handler)(void *context, const struct tpa_cfg_setting *setting);

/*
 * Parses a whole text, calling `handler` (may be NULL) with each setting. 0, TPA_EMALFORMED with
 * `error` filled in but for the file's name, or what the handler returned. Work is linear in
 * `length`, stack is constant.
 */
int tpa_cfg_parse(const char *text, size_t length, tpa_cfg_setting_handler handler, void *context,
                  struct tpa_cfg_error *error);

#endif
