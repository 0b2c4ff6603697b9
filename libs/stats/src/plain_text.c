#include <string.h>

#include "plain_text.h"

bool tpa_stats_text_is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c == 0x7f;
}

void tpa_stats_text_copy(char *to, size_t size, const char *from, size_t from_size)
{
    size_t length = 0;

    while (length + 1 < size && length < from_size && from[length] != '\0') {
        to[length] = is_control(from[length]) ? '?' : from[length];
        length++;
    }
    to[length] = '\0';
}
