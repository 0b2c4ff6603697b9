#include "json.h"

#include <inttypes.h>
#include <stdio.h>

/* One document a process, on standard output. */
static bool needs_comma;

static void string_write(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void begin(const char *name)
{
    if (needs_comma)
        putchar(',');
    needs_comma = true;
    if (name != NULL) {
        string_write(name);
        putchar(':');
    }
}

static void open_with(const char *name, char bracket)
{
    begin(name);
    putchar(bracket);
    needs_comma = false;
}

static void close_with(char bracket)
{
    putchar(bracket);
    needs_comma = true;
}

void json_object(const char *name)
{
    open_with(name, '{');
}

void json_object_end(void)
{
    close_with('}');
}

void json_array(const char *name)
{
    open_with(name, '[');
}

void json_array_end(void)
{
    close_with(']');
}

void json_text(const char *name, const char *text)
{
    begin(name);
    string_write(text);
}

void json_number(const char *name, uint64_t number)
{
    begin(name);
    printf("%" PRIu64, number);
}

void json_signed(const char *name, int64_t number)
{
    begin(name);
    printf("%" PRId64, number);
}

void json_bool(const char *name, bool value)
{
    begin(name);
    printf("%s", value ? "true" : "false");
}

void json_finish(void)
{
    putchar('\n');
    needs_comma = false;
}
