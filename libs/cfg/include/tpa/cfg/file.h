/*
 * Configuration files and texts.
 *
 *     file    = { section }
 *     section = name "{" { key "=" value ( newline | ";" ) } "}"
 *     value   = word { blank word } | '"' any characters '"'
 *     comment = "#" to the end of the line
 *
 * Between these parts blanks, TABs, newlines and comments may stand, except that a key, its "=" and
 * its value stand in one line. In the one-line form each setting needs its ";", the last one too.
 * Outside quotes TAB, newline, { } = ; are reserved and other control characters are errors; NUL is
 * an error everywhere; there are no escapes. A newline may be CR LF. A section may appear again,
 * the last setting wins.
 *
 * A text with a syntax error sets nothing. Of a text with a wrong name or value, what stands before
 * it is set.
 *
 * Errors of all calls, with `error` filled in (file, line, what was expected):
 *   TPA_EMALFORMED                     syntax
 *   TPA_ENOENT, TPA_EPERM, TPA_EINVAL  a setting; as tpa_cfg_set()
 */
#ifndef TPA_CFG_FILE_H
#define TPA_CFG_FILE_H

#include <stddef.h>

#include <tpa/base/compiler.h>
#include <tpa/cfg/error.h>
#include <tpa/cfg/registry.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_CFG_FILE_MAX 65536 /* bytes of a file or text: all options with help take 10,000 */
#define TPA_CFG_WORD_MAX 31    /* characters in the name of a section or of a key */

/*
 * Sets what a text says.
 *
 * `source`: what to call the text in errors ("TPA_CFG").
 * `length`: of the text, which need not be terminated; beyond TPA_CFG_FILE_MAX it is TPA_EMSGSIZE.
 */
int tpa_cfg_load_text(struct tpa_cfg_registry *registry, const char *source, const char *text,
                      size_t length, struct tpa_cfg_error *error);

/*
 * Sets what a file says. TPA_EMSGSIZE (longer than TPA_CFG_FILE_MAX), TPA_EIO (can't be opened or
 * read, or is no regular file).
 */
int tpa_cfg_load_file(struct tpa_cfg_registry *registry, const char *path,
                      struct tpa_cfg_error *error);

/*
 * The same with the first of `count` paths at which there is something. Returns 1, or 0 if there
 * is nothing at any of them.
 */
int tpa_cfg_load_first(struct tpa_cfg_registry *registry, const char *const *paths, size_t count,
                       struct tpa_cfg_error *error);

TPA_BASE_DECLARATIONS_END

#endif
