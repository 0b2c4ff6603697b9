#include "bin/tperf/protocol.h"

#include <endian.h>
#include <string.h>
#include <sys/mman.h>

#define HELLO_MAGIC   0x74706631u /* "tpf1" */
#define FLAG_VERIFY   0x1
#define FLAG_ZEROCOPY 0x2

_Static_assert(TPERF_PATTERN_PERIOD + TPERF_MESSAGE_MAX <= TPERF_PATTERN_MAPPED,
               "a message can begin anywhere in the period");

static uint8_t *pattern;

static const char *const test_names[TPERF_TESTS] = {"read", "write", "rw", "rr", "crr"};

const char *tperf_test_name(enum tperf_test test)
{
    return test_names[test];
}

bool tperf_test_is_stream(enum tperf_test test)
{
    return test == TPERF_READ || test == TPERF_WRITE || test == TPERF_RW;
}

/* ---- Headers, in network order ---- */

static void put32(uint8_t *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return be32toh(value);
}

static void put64(uint8_t *bytes, uint64_t value)
{
    put32(bytes, (uint32_t)(value >> 32));
    put32(bytes + 4, (uint32_t)value);
}

static uint64_t get64(const uint8_t *bytes)
{
    return (uint64_t)get32(bytes) << 32 | get32(bytes + 4);
}

void tperf_hello_encode(const struct tperf_plan *plan, uint8_t bytes[TPERF_HELLO_SIZE])
{
    uint32_t flags = (plan->verify ? FLAG_VERIFY : 0u) | (plan->zero_copy ? FLAG_ZEROCOPY : 0u);

    put32(bytes, HELLO_MAGIC);
    put32(bytes + 4, (uint32_t)plan->test << 16 | flags);
    put32(bytes + 8, plan->message_size);
    put32(bytes + 12, plan->seed);
}

bool tperf_hello_decode(const uint8_t bytes[TPERF_HELLO_SIZE], struct tperf_plan *plan)
{
    uint32_t test = get32(bytes + 4) >> 16;
    uint32_t flags = get32(bytes + 4) & 0xffff;

    if (get32(bytes) != HELLO_MAGIC || test >= TPERF_TESTS)
        return false;
    plan->test = (enum tperf_test)test;
    plan->verify = (flags & FLAG_VERIFY) != 0;
    plan->zero_copy = (flags & FLAG_ZEROCOPY) != 0;
    plan->message_size = get32(bytes + 8);
    plan->seed = get32(bytes + 12);
    return plan->message_size > 0 && plan->message_size <= TPERF_MESSAGE_MAX;
}

void tperf_block_encode(uint32_t length, uint8_t bytes[TPERF_BLOCK_HEAD_SIZE])
{
    put32(bytes, length);
}

uint32_t tperf_block_decode(const uint8_t bytes[TPERF_BLOCK_HEAD_SIZE])
{
    return get32(bytes);
}

void tperf_verdict_encode(const struct tperf_verdict *verdict, uint8_t bytes[TPERF_VERDICT_SIZE])
{
    put64(bytes, verdict->received);
    put64(bytes + 8, verdict->wrong);
}

void tperf_verdict_decode(const uint8_t bytes[TPERF_VERDICT_SIZE], struct tperf_verdict *verdict)
{
    verdict->received = get64(bytes);
    verdict->wrong = get64(bytes + 8);
}

/* ---- The pattern ---- */

/* xorshift64 (Marsaglia): the same bytes in every process. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

bool tperf_pattern_create(void)
{
    uint64_t state = 0x7470657266ull;

    pattern = mmap(NULL, TPERF_PATTERN_MAPPED, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pattern == MAP_FAILED)
        return false;
    for (uint32_t i = 0; i < TPERF_PATTERN_PERIOD; i++)
        pattern[i] = (uint8_t)(next_random(&state) >> 32);
    for (uint32_t i = TPERF_PATTERN_PERIOD; i < TPERF_PATTERN_MAPPED; i++)
        pattern[i] = pattern[i - TPERF_PATTERN_PERIOD];
    return true;
}

uint8_t *tperf_pattern(void)
{
    return pattern;
}

uint32_t tperf_pattern_start(uint32_t seed, bool from_server)
{
    uint64_t state = ((uint64_t)seed << 1 | from_server) + 0x9e3779b97f4a7c15ull;

    next_random(&state);
    return (uint32_t)(next_random(&state) % TPERF_PATTERN_PERIOD);
}

uint8_t *tperf_pattern_at(uint32_t start, uint64_t position)
{
    return pattern + (start + position) % TPERF_PATTERN_PERIOD;
}

size_t tperf_pattern_match(uint32_t start, uint64_t position, const uint8_t *data, size_t length)
{
    size_t done = 0;

    while (done < length) {
        const uint8_t *expected = tperf_pattern_at(start, position + done);
        size_t piece = length - done < TPERF_MESSAGE_MAX ? length - done : TPERF_MESSAGE_MAX;

        if (memcmp(data + done, expected, piece) != 0) {
            while (*expected++ == data[done])
                done++;
            return done;
        }
        done += piece;
    }
    return done;
}
