#include "support/target.h"

#include <stdarg.h>

static const struct criterion_test no_test = {"fuzz", "target"};
const struct criterion_test *const criterion_current_test = &no_test;

void fuzz_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%d: failed: %s:", file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void fuzz_say(const char *format, ...)
{
    va_list arguments;

    if (getenv("TPA_FUZZ_VERBOSE") == NULL)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
