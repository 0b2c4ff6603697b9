/* Text from files that somebody else wrote. */
#ifndef TPA_STATS_PLAIN_TEXT_H
#define TPA_STATS_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Is there a NUL within the first `size` bytes? */
bool tpa_stats_text_is_terminated(const char *text, size_t size);

/*
 * Copies at most size - 1 characters of `from` (which has `from_size` bytes, with or without a NUL)
 * and terminates. Control characters become '?', so that a terminal need not fear them.
 */
void tpa_stats_text_copy(char *to, size_t size, const char *from, size_t from_size);

#endif
