/*
 * The bounds-checked reader and writer through which every byte from outside is parsed and every
 * header is built.
 *
 * Failure is sticky: the first access past the end sets `failed`, moves to the end and every later
 * call fails too, returning 0 or NULL. A parser reads a whole header straight through and checks
 * tpa_base_cursor_ok() once. Neither type owns the bytes. Multi-byte fields are big endian (network
 * order) in the bytes, host order in values.
 */
#ifndef TPA_BASE_CURSOR_H
#define TPA_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tpa/base/byteorder.h>
#include <tpa/base/compiler.h>

struct tpa_base_cursor {
    const uint8_t *position; /* the next byte to be read */
    const uint8_t *end;      /* one past the last byte */
    bool failed;
};

/* A reader over `length` bytes at `bytes`. `bytes` may be NULL if length is 0. */
static inline struct tpa_base_cursor tpa_base_cursor_make(const void *bytes, size_t length)
{
    struct tpa_base_cursor cursor;

    cursor.position = (const uint8_t *)bytes;
    cursor.end = length > 0 ? cursor.position + length : cursor.position;
    cursor.failed = false;
    return cursor;
}

/* True as long as every access so far was inside the bounds. */
static inline bool tpa_base_cursor_ok(const struct tpa_base_cursor *cursor)
{
    return !cursor->failed;
}

/* Bytes left; 0 once failed. */
static inline size_t tpa_base_cursor_remaining(const struct tpa_base_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->position);
}

/* Marks the input as unacceptable, for a check that the caller made itself. */
static inline void tpa_base_cursor_fail(struct tpa_base_cursor *cursor)
{
    cursor->failed = true;
    cursor->position = cursor->end;
}

/*
 * Consumes `length` bytes and returns a pointer to the first, valid for exactly `length` bytes;
 * NULL on failure. A length of 0 on a sound cursor succeeds (the pointer is then `position`, NULL
 * only for an empty NULL input).
 */
static inline const uint8_t *tpa_base_cursor_bytes(struct tpa_base_cursor *cursor, size_t length)
{
    const uint8_t *bytes = cursor->position;

    if (TPA_BASE_UNLIKELY(cursor->failed || length > tpa_base_cursor_remaining(cursor))) {
        tpa_base_cursor_fail(cursor);
        return NULL;
    }
    if (length > 0)
        cursor->position += length;
    return bytes;
}

static inline uint8_t tpa_base_cursor_u8(struct tpa_base_cursor *cursor)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, 1);

    return bytes != NULL ? *bytes : 0;
}

static inline uint16_t tpa_base_cursor_be16(struct tpa_base_cursor *cursor)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, 2);

    return bytes != NULL ? tpa_base_load_be16(bytes) : 0;
}

static inline uint32_t tpa_base_cursor_be32(struct tpa_base_cursor *cursor)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, 4);

    return bytes != NULL ? tpa_base_load_be32(bytes) : 0;
}

static inline uint64_t tpa_base_cursor_be64(struct tpa_base_cursor *cursor)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, 8);

    return bytes != NULL ? tpa_base_load_be64(bytes) : 0;
}

/* Copies `length` bytes to `to`; zero-fills `to` on failure, so that nothing uninitialised is ever
 * read. */
static inline void tpa_base_cursor_copy(struct tpa_base_cursor *cursor, void *to, size_t length)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, length);

    if (length == 0)
        return;
    if (bytes != NULL)
        memcpy(to, bytes, length);
    else
        memset(to, 0, length);
}

static inline void tpa_base_cursor_skip(struct tpa_base_cursor *cursor, size_t length)
{
    (void)tpa_base_cursor_bytes(cursor, length);
}

/* The next byte without consuming it; fails like a read if there is none. */
static inline uint8_t tpa_base_cursor_peek_u8(struct tpa_base_cursor *cursor)
{
    if (TPA_BASE_UNLIKELY(tpa_base_cursor_remaining(cursor) == 0)) {
        tpa_base_cursor_fail(cursor);
        return 0;
    }
    return *cursor->position;
}

/* Consumes `length` bytes and returns a reader over just these; on failure a failed, empty one. */
static inline struct tpa_base_cursor tpa_base_cursor_sub(struct tpa_base_cursor *cursor,
                                                         size_t length)
{
    const uint8_t *bytes = tpa_base_cursor_bytes(cursor, length);
    struct tpa_base_cursor sub = tpa_base_cursor_make(bytes, cursor->failed ? 0 : length);

    sub.failed = cursor->failed;
    return sub;
}

/*
 * Cuts the end so that only `length` bytes remain: what a length field inside the data says. Fails
 * if there are fewer than that.
 */
static inline void tpa_base_cursor_limit(struct tpa_base_cursor *cursor, size_t length)
{
    if (TPA_BASE_UNLIKELY(length > tpa_base_cursor_remaining(cursor))) {
        tpa_base_cursor_fail(cursor);
        return;
    }
    if (length < tpa_base_cursor_remaining(cursor))
        cursor->end = cursor->position + length;
}

struct tpa_base_writer {
    uint8_t *start;
    uint8_t *position; /* where the next byte goes */
    uint8_t *end;      /* one past the last byte that may be written */
    bool failed;
};

/* A writer into `length` bytes at `bytes`. */
static inline struct tpa_base_writer tpa_base_writer_make(void *bytes, size_t length)
{
    struct tpa_base_writer writer;

    writer.start = (uint8_t *)bytes;
    writer.position = writer.start;
    writer.end = length > 0 ? writer.start + length : writer.start;
    writer.failed = false;
    return writer;
}

static inline bool tpa_base_writer_ok(const struct tpa_base_writer *writer)
{
    return !writer->failed;
}

/* Room left; 0 once failed. */
static inline size_t tpa_base_writer_remaining(const struct tpa_base_writer *writer)
{
    return writer->failed ? 0 : (size_t)(writer->end - writer->position);
}

/* Bytes written so far; those written before a failure count. */
static inline size_t tpa_base_writer_written(const struct tpa_base_writer *writer)
{
    return (size_t)(writer->position - writer->start);
}

/*
 * Takes `length` bytes of the room and returns a pointer to them, for the caller to fill in now or
 * later (a length or checksum field); NULL on failure. The bytes are not cleared.
 */
static inline uint8_t *tpa_base_writer_reserve(struct tpa_base_writer *writer, size_t length)
{
    uint8_t *bytes = writer->position;

    if (TPA_BASE_UNLIKELY(writer->failed || length > tpa_base_writer_remaining(writer))) {
        writer->failed = true;
        return NULL;
    }
    if (length > 0)
        writer->position += length;
    return bytes;
}

static inline void tpa_base_writer_u8(struct tpa_base_writer *writer, uint8_t value)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, 1);

    if (bytes != NULL)
        *bytes = value;
}

static inline void tpa_base_writer_be16(struct tpa_base_writer *writer, uint16_t value)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, 2);

    if (bytes != NULL)
        tpa_base_store_be16(bytes, value);
}

static inline void tpa_base_writer_be32(struct tpa_base_writer *writer, uint32_t value)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, 4);

    if (bytes != NULL)
        tpa_base_store_be32(bytes, value);
}

static inline void tpa_base_writer_be64(struct tpa_base_writer *writer, uint64_t value)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, 8);

    if (bytes != NULL)
        tpa_base_store_be64(bytes, value);
}

static inline void tpa_base_writer_bytes(struct tpa_base_writer *writer, const void *from,
                                         size_t length)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, length);

    if (bytes != NULL && length > 0)
        memcpy(bytes, from, length);
}

/* `length` bytes of `value`, for padding. */
static inline void tpa_base_writer_fill(struct tpa_base_writer *writer, uint8_t value,
                                        size_t length)
{
    uint8_t *bytes = tpa_base_writer_reserve(writer, length);

    if (bytes != NULL && length > 0)
        memset(bytes, value, length);
}

#endif
