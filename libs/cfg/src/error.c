#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

/* Names and values in a message come from a file that somebody else may have written. */
static void tame(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

int tpa_cfg_fail(struct tpa_cfg_error *error, int code, const char *format, ...)
{
    va_list arguments;

    memset(error, 0, sizeof(*error));
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    tame(error->text);
    return code;
}

void tpa_cfg_fail_hint(struct tpa_cfg_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->hint, sizeof(error->hint), format, arguments);
    va_end(arguments);
    tame(error->hint);
}

void tpa_cfg_fail_at(struct tpa_cfg_error *error, const char *file, uint32_t line)
{
    snprintf(error->file, sizeof(error->file), "%s", file);
    tame(error->file);
    error->line = line;
}

size_t tpa_cfg_error_format(const struct tpa_cfg_error *error, char *text, size_t size)
{
    char place[TPA_CFG_ERROR_FILE_SIZE + 16] = "";
    char hint[TPA_CFG_ERROR_TEXT_SIZE + 4] = "";

    if (size == 0)
        return 0;
    if (error->file[0] != '\0' && error->line > 0)
        snprintf(place, sizeof(place), "%s:%" PRIu32 ": ", error->file, error->line);
    else if (error->file[0] != '\0')
        snprintf(place, sizeof(place), "%s: ", error->file);
    if (error->hint[0] != '\0')
        snprintf(hint, sizeof(hint), " (%s)", error->hint);

    int length = snprintf(text, size, "%s%s%s", place, error->text, hint);

    return (size_t)length < size ? (size_t)length : size - 1;
}
