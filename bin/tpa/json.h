/* Writes JSON (RFC 8259) on one line. */
#ifndef TPA_BIN_JSON_H
#define TPA_BIN_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* `name` is NULL inside of an array. Commas come by themselves. */
void json_object(const char *name);
void json_object_end(void);
void json_array(const char *name);
void json_array_end(void);
void json_text(const char *name, const char *text);
void json_number(const char *name, uint64_t number);
void json_signed(const char *name, int64_t number);
void json_bool(const char *name, bool value);

/* Ends the document with a newline. */
void json_finish(void);

#endif
