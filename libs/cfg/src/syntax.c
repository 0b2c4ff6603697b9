#include "syntax.h"

#include <inttypes.h>
#include <string.h>

#include "fail.h"

struct parser {
    const char *position;
    const char *end;
    uint32_t line;
    struct tpa_cfg_setting setting;
    tpa_cfg_setting_handler handler;
    void *context;
    struct tpa_cfg_error *error;
};

static bool at_end(const struct parser *parser)
{
    return parser->position == parser->end;
}

/* The next character; NUL at the end, where a NUL in the text is an error anyway. */
static char peek(const struct parser *parser)
{
    return at_end(parser) ? '\0' : *parser->position;
}

/* CR LF is one newline; its CR is skipped as if it were a blank. */
static bool at_carriage_return(const struct parser *parser)
{
    return parser->end - parser->position >= 2 && parser->position[0] == '\r' &&
           parser->position[1] == '\n';
}

static void skip_comment(struct parser *parser)
{
    while (!at_end(parser) && *parser->position != '\n' && *parser->position != '\0')
        parser->position++;
}

/* Blanks, TABs and a comment, up to the end of the line. */
static void skip_in_line(struct parser *parser)
{
    while (peek(parser) == ' ' || peek(parser) == '\t' || at_carriage_return(parser))
        parser->position++;
    if (peek(parser) == '#')
        skip_comment(parser);
}

static void skip_lines(struct parser *parser)
{
    skip_in_line(parser);
    while (peek(parser) == '\n') {
        parser->position++;
        parser->line++;
        skip_in_line(parser);
    }
}

/* What stands at the position, for a message. */
static int expected(struct parser *parser, const char *what)
{
    unsigned char found = (unsigned char)peek(parser);

    if (at_end(parser))
        tpa_cfg_fail(parser->error, 0, "expected %s, found the end of the text", what);
    else if (found == '\n' || at_carriage_return(parser))
        tpa_cfg_fail(parser->error, 0, "expected %s, found the end of the line", what);
    else if (found < ' ' || found >= 0x7f)
        tpa_cfg_fail(parser->error, 0, "expected %s, found the byte 0x%02x", what, found);
    else
        tpa_cfg_fail(parser->error, 0, "expected %s, found '%c'", what, found);
    parser->error->line = parser->line;
    return TPA_EMALFORMED;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static int parse_name(struct parser *parser, const char *what, char name[TPA_CFG_WORD_MAX + 1])
{
    size_t length = 0;

    while (is_name(peek(parser))) {
        if (length == TPA_CFG_WORD_MAX)
            return expected(parser, "a name of at most 31 characters");
        name[length++] = *parser->position++;
    }
    if (length == 0)
        return expected(parser, what);
    name[length] = '\0';
    return TPA_OK;
}

static int parse_character(struct parser *parser, char c, const char *what)
{
    if (peek(parser) != c)
        return expected(parser, what);
    parser->position++;
    return TPA_OK;
}

static int too_long(struct parser *parser)
{
    tpa_cfg_fail(parser->error, 0, "value of %s.%s is longer than %d characters",
                 parser->setting.section, parser->setting.key, TPA_CFG_VALUE_SIZE - 1);
    parser->error->line = parser->setting.line;
    return TPA_EMALFORMED;
}

static int keep_value(struct parser *parser, const char *bytes, size_t length)
{
    if (length >= TPA_CFG_VALUE_SIZE)
        return too_long(parser);
    memcpy(parser->setting.value, bytes, length);
    parser->setting.value[length] = '\0';
    return TPA_OK;
}

static int parse_quoted(struct parser *parser)
{
    const char *begin = ++parser->position;

    for (; peek(parser) != '"'; parser->position++) {
        if (at_end(parser)) {
            tpa_cfg_fail(parser->error, 0, "expected '\"', which ends the value of %s.%s",
                         parser->setting.section, parser->setting.key);
            parser->error->line = parser->setting.line;
            return TPA_EMALFORMED;
        }
        if (*parser->position == '\0')
            return expected(parser, "a character of the quoted value");
        if (*parser->position == '\n')
            parser->line++;
    }

    size_t length = (size_t)(parser->position++ - begin);

    return keep_value(parser, begin, length);
}

/* Bytes from 0x80 on are letters of somebody's language. */
static bool is_value(char c)
{
    return ((unsigned char)c >= ' ' && c != 0x7f) && strchr("{}=;#", c) == NULL;
}

static int parse_bare(struct parser *parser)
{
    const char *begin = parser->position;
    const char *end = begin;

    for (; is_value(peek(parser)); parser->position++) {
        if (*parser->position != ' ')
            end = parser->position + 1;
    }
    if (end == begin)
        return expected(parser, "a value");
    return keep_value(parser, begin, (size_t)(end - begin));
}

/* A setting ends with its line or with ';'. */
static int parse_end_of_setting(struct parser *parser)
{
    skip_in_line(parser);
    if (peek(parser) == ';') {
        parser->position++;
        return TPA_OK;
    }
    if (peek(parser) == '\n')
        return TPA_OK;
    return expected(parser, "';' or a new line behind the value");
}

static int parse_setting(struct parser *parser)
{
    struct tpa_cfg_setting *setting = &parser->setting;
    int error = parse_name(parser, "the name of an option or '}'", setting->key);

    if (error < 0)
        return error;
    setting->line = parser->line;
    skip_in_line(parser);
    error = parse_character(parser, '=', "'=' behind the option's name");
    if (error < 0)
        return error;
    skip_in_line(parser);
    error = peek(parser) == '"' ? parse_quoted(parser) : parse_bare(parser);
    if (error == TPA_OK)
        error = parse_end_of_setting(parser);
    if (error == TPA_OK && parser->handler != NULL)
        error = parser->handler(parser->context, setting);
    setting->is_first = false;
    return error;
}

static int unfinished_section(struct parser *parser, uint32_t line)
{
    tpa_cfg_fail(parser->error, 0,
                 "expected '}', found the end of the text; section %s begins in line %" PRIu32,
                 parser->setting.section, line);
    parser->error->line = parser->line;
    return TPA_EMALFORMED;
}

static int parse_section(struct parser *parser)
{
    uint32_t line = parser->line;
    int error = parse_name(parser, "the name of a section", parser->setting.section);

    if (error < 0)
        return error;
    skip_lines(parser);
    error = parse_character(parser, '{', "'{' behind the section's name");
    if (error < 0)
        return error;

    parser->setting.is_first = true;
    for (skip_lines(parser); peek(parser) != '}'; skip_lines(parser)) {
        if (at_end(parser))
            return unfinished_section(parser, line);
        error = parse_setting(parser);
        if (error < 0)
            return error;
    }
    parser->position++;
    return TPA_OK;
}

int tpa_cfg_parse(const char *text, size_t length, tpa_cfg_setting_handler handler, void *context,
                  struct tpa_cfg_error *error)
{
    struct parser parser = {
        .position = text,
        .end = text + length,
        .line = 1,
        .handler = handler,
        .context = context,
        .error = error,
    };

    for (skip_lines(&parser); !at_end(&parser); skip_lines(&parser)) {
        int result = parse_section(&parser);

        if (result < 0)
            return result;
    }
    return TPA_OK;
}
