/* What is wrong with a configuration, for the person who wrote it. */
#ifndef TPA_CFG_ERROR_H
#define TPA_CFG_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_CFG_ERROR_FILE_SIZE 256 /* a longer file name is cut */
#define TPA_CFG_ERROR_TEXT_SIZE 256
#define TPA_CFG_ERROR_LINE_SIZE 1024 /* room for all of it in one line */

/*
 * `text` is one of
 *     invalid option name: NAME
 *     failed to set cfg opt: NAME: try to set a readonly option
 *     failed to set cfg opt: NAME: invalid option value
 * or says in its own words which syntax was expected, which file can't be read, or which options
 * contradict each other. No text contains control characters.
 */
struct tpa_cfg_error {
    char text[TPA_CFG_ERROR_TEXT_SIZE];
    char hint[TPA_CFG_ERROR_TEXT_SIZE]; /* what would have been right; may be empty */
    char file[TPA_CFG_ERROR_FILE_SIZE]; /* file or other source; empty: a call */
    uint32_t line;                      /* in the file, from 1; 0: no line */
};

/*
 * The error in one line, "FILE:LINE: TEXT (HINT)", without newline. Cut to `size` with the NUL.
 * Returns the length of the text.
 */
size_t tpa_cfg_error_format(const struct tpa_cfg_error *error, char *text, size_t size);

TPA_BASE_DECLARATIONS_END

#endif
