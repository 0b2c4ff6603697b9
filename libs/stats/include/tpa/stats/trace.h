/*
 * Reading and printing traces. They are written through <tpa/base/trace.h>.
 *
 * A ring may be read while another thread or process writes it, from a copy of its bytes, and from
 * a file that somebody made up: nothing in it is trusted beyond the size that the caller names.
 */
#ifndef TPA_STATS_TRACE_H
#define TPA_STATS_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/base/trace.h>

TPA_BASE_DECLARATIONS_BEGIN

/* Room for the text of any event with its NUL; longer texts are cut. */
#define TPA_STATS_TRACE_TEXT 256

struct tpa_stats_trace_event {
    uint64_t index; /* 0 = the first that was ever written to the ring */
    uint64_t time;  /* ns, modulo 2^56 */
    uint64_t argument[4];
    uint8_t kind; /* enum tpa_base_trace_kind, or a number unknown to this build */
};

/* What the ring says about itself. */
struct tpa_stats_trace_summary {
    uint64_t written;     /* events ever recorded */
    uint64_t overwritten; /* of these, no longer there */
    uint64_t lost;        /* not recorded, because the ring was full and is not to wrap */
    uint64_t generation;  /* which use of this memory it is */
    uint32_t owner;
    uint32_t flags;
    uint32_t capacity;
};

/*
 * Copies the newest events out of a ring, oldest first.
 *
 * `trace`:   the ring; may be written meanwhile. Aligned to 8.
 * `size`:    bytes that may be read there; what the ring claims beyond it is an error.
 * `summary`: filled in; may be NULL.
 * `events`:  room for `maximum`; may be NULL if that is 0.
 * Returns how many; TPA_EMALFORMED (no ring: header incomplete, or larger than `size`), TPA_EAGAIN
 * (the ring was made anew meanwhile: read again).
 */
int tpa_stats_trace_read(const struct tpa_base_trace *trace, size_t size,
                         struct tpa_stats_trace_summary *summary,
                         struct tpa_stats_trace_event *events, uint32_t maximum);

/* The kind's name, "state"; "unknown" for a number that is no kind. Static storage. */
const char *tpa_stats_trace_name(unsigned int kind);

/*
 * The event in words, without its time: "state: ESTABLISHED -> FIN-WAIT-1". Cut to `size` with the
 * NUL. Returns the length of the text. Any numbers in `event` are safe.
 */
size_t tpa_stats_trace_format(const struct tpa_stats_trace_event *event, char *text, size_t size);

/*
 * Prints one line an event: seconds since the first of them, the time since the one before, the
 * text. TPA_EIO: the stream failed; else 0.
 */
int tpa_stats_trace_print(const struct tpa_stats_trace_event *events, uint32_t count, FILE *stream);

TPA_BASE_DECLARATIONS_END

#endif
