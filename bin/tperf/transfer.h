/* What one end sends and receives over a connection: protocol.h's data on a sid. */
#ifndef TPERF_TRANSFER_H
#define TPERF_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "bin/tperf/protocol.h"

enum tperf_progress {
    TPERF_WAIT,  /* for an event */
    TPERF_AGAIN, /* there is more to do, but others come first */
    TPERF_DONE,
    TPERF_FAILED /* errno says why */
};

/* ---- Sending ---- */

#define TPERF_PREFIX_SIZE (TPERF_HELLO_SIZE + TPERF_BLOCK_HEAD_SIZE + TPERF_VERDICT_SIZE)

struct tperf_output {
    int sid;
    const struct tperf_plan *plan;
    uint32_t start;      /* in the pattern */
    uint64_t position;   /* bytes of data handed over */
    uint32_t block_left; /* bytes of the block that is under way */
    bool ended;
    /* Headers that go out in front of the next data. */
    uint8_t prefix[TPERF_PREFIX_SIZE];
    uint32_t prefix_length;
    /* Raised by one for each message that the peer has acknowledged; outlives the connection. */
    uint64_t *acknowledged;
};

void tperf_output_init(struct tperf_output *output, int sid, const struct tperf_plan *plan,
                       bool from_server, uint64_t *acknowledged);

/* Room in front of the next data. */
uint8_t *tperf_output_prefix(struct tperf_output *output, uint32_t length);

/* One message. WAIT, DONE, FAILED. */
enum tperf_progress tperf_output_message(struct tperf_output *output);

/* Blocks, some messages a call. WAIT, AGAIN, FAILED. */
enum tperf_progress tperf_output_stream(struct tperf_output *output);

/* The rest of a block, the stream's end, and the verdict unless NULL. WAIT, AGAIN, DONE, FAILED. */
enum tperf_progress tperf_output_end(struct tperf_output *output,
                                     const struct tperf_verdict *verdict);

/* ---- Receiving ---- */

struct tperf_input {
    const struct tperf_plan *plan;
    uint32_t start;
    uint64_t position;   /* bytes of data received */
    uint64_t wrong;      /* of them */
    uint64_t wrong_at;   /* the first one's position */
    uint32_t block_left; /* bytes of a block, or of a message, that are still to come */
    uint8_t head[TPERF_HELLO_SIZE];
    uint32_t head_length;
    bool ended;
};

void tperf_input_init(struct tperf_input *input, const struct tperf_plan *plan, bool from_server);

/* Gathers `size` bytes of a header, at most sizeof(head). Bytes used; complete when head_length ==
 * size. */
uint32_t tperf_input_head(struct tperf_input *input, uint32_t size, const uint8_t *data,
                          uint32_t length);

/* Takes what belongs to the stream: all of it, or up to its end. Bytes used. */
uint32_t tperf_input_stream(struct tperf_input *input, const uint8_t *data, uint32_t length);

/* Takes what belongs to the message whose missing bytes are block_left. Bytes used. */
uint32_t tperf_input_message(struct tperf_input *input, const uint8_t *data, uint32_t length);

#endif
