/*
 * What goes over a connection, and the bytes that are sent.
 *
 * A client begins with a hello that says which test it wants. In rr and crr, requests and responses
 * of `message_size` bytes follow in turn. In read, write and rw both directions are streams of
 * blocks: a length in 4 bytes, and so many bytes of data; a length of 0 ends the stream. The client
 * ends its stream when the time is up, the server then its own, and adds a verdict: how many bytes
 * it received, and how many of them were wrong. So both ends know that nothing is missing.
 *
 * Data is a fixed sequence of bytes of the length TPERF_PATTERN_PERIOD, a prime, in which each
 * stream begins at a place of its own: a byte that is lost, doubled, moved or from another
 * connection is seen.
 */
#ifndef TPERF_PROTOCOL_H
#define TPERF_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPERF_MESSAGE_MAX    (1u << 20)
#define TPERF_BLOCK_SIZE     65536u   /* at least; whole messages */
#define TPERF_PATTERN_PERIOD 1048573u /* a prime */

enum tperf_test {
    TPERF_READ,
    TPERF_WRITE,
    TPERF_RW,
    TPERF_RR,
    TPERF_CRR,
    TPERF_TESTS
};

const char *tperf_test_name(enum tperf_test test);
bool tperf_test_is_stream(enum tperf_test test);

/* What the two ends agree on. */
struct tperf_plan {
    enum tperf_test test;
    bool verify;
    bool zero_copy; /* the server's writes, too */
    uint32_t message_size;
    uint32_t seed; /* of a connection */
};

#define TPERF_HELLO_SIZE 16
void tperf_hello_encode(const struct tperf_plan *plan, uint8_t bytes[TPERF_HELLO_SIZE]);
/* False: that is no hello, or of a program that we do not understand. */
bool tperf_hello_decode(const uint8_t bytes[TPERF_HELLO_SIZE], struct tperf_plan *plan);

#define TPERF_BLOCK_HEAD_SIZE 4
void tperf_block_encode(uint32_t length, uint8_t bytes[TPERF_BLOCK_HEAD_SIZE]);
uint32_t tperf_block_decode(const uint8_t bytes[TPERF_BLOCK_HEAD_SIZE]);

#define TPERF_VERDICT_SIZE 16
struct tperf_verdict {
    uint64_t received; /* bytes of data */
    uint64_t wrong;
};
void tperf_verdict_encode(const struct tperf_verdict *verdict, uint8_t bytes[TPERF_VERDICT_SIZE]);
void tperf_verdict_decode(const uint8_t bytes[TPERF_VERDICT_SIZE], struct tperf_verdict *verdict);

/* ---- The pattern ---- */

/* Makes it, for the process, in memory that may be registered: TPERF_PATTERN_MAPPED bytes, on a
 * page. False: no memory. */
#define TPERF_PATTERN_PAGE   4096u
#define TPERF_PATTERN_MAPPED (2u << 20)
bool tperf_pattern_create(void);
uint8_t *tperf_pattern(void);

/* Where a stream of a connection begins. */
uint32_t tperf_pattern_start(uint32_t seed, bool from_server);

/* Up to TPERF_MESSAGE_MAX bytes of it, from a stream's `position` on. */
uint8_t *tperf_pattern_at(uint32_t start, uint64_t position);

/* How many of the bytes at `data` are as they should be, before the first that is not. */
size_t tperf_pattern_match(uint32_t start, uint64_t position, const uint8_t *data, size_t length);

#endif
