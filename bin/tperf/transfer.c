#include "bin/tperf/transfer.h"

#include <errno.h>
#include <string.h>

#include <tpa.h>

/* Of one connection, before others have their turn. */
#define BURST_MESSAGES 64

/* ---- Sending ---- */

void tperf_output_init(struct tperf_output *output, int sid, const struct tperf_plan *plan,
                       bool from_server, uint64_t *acknowledged)
{
    *output = (struct tperf_output){
        .sid = sid,
        .plan = plan,
        .start = tperf_pattern_start(plan->seed, from_server),
        .acknowledged = acknowledged,
    };
}

uint8_t *tperf_output_prefix(struct tperf_output *output, uint32_t length)
{
    uint8_t *room = output->prefix + output->prefix_length;

    output->prefix_length += length;
    return room;
}

static void message_acknowledged(void *base, void *parameter)
{
    uint64_t *acknowledged = parameter;

    (*acknowledged)++;
}

/* The prefix and `length` bytes of data: all of it or nothing. */
static enum tperf_progress put(struct tperf_output *output, uint32_t length)
{
    struct tpa_iovec iov[2];
    int count = 0;

    if (output->prefix_length > 0)
        iov[count++] =
            (struct tpa_iovec){.iov_base = output->prefix, .iov_len = output->prefix_length};
    if (length > 0)
        iov[count++] = (struct tpa_iovec){
            .iov_base = tperf_pattern_at(output->start, output->position),
            .iov_phys = output->plan->zero_copy ? 1 : 0,
            .iov_len = length,
            .iov_param = output->acknowledged,
            .iov_write_done = message_acknowledged,
        };
    if (tpa_zwritev(output->sid, iov, count) < 0)
        return errno == EAGAIN ? TPERF_WAIT : TPERF_FAILED;
    output->prefix_length = 0;
    output->position += length;
    return TPERF_DONE;
}

enum tperf_progress tperf_output_message(struct tperf_output *output)
{
    return put(output, output->plan->message_size);
}

static void block_begin(struct tperf_output *output)
{
    uint32_t size = output->plan->message_size;

    output->block_left = size < TPERF_BLOCK_SIZE ? TPERF_BLOCK_SIZE / size * size : size;
    tperf_block_encode(output->block_left, tperf_output_prefix(output, TPERF_BLOCK_HEAD_SIZE));
}

static enum tperf_progress block_message(struct tperf_output *output)
{
    enum tperf_progress progress = tperf_output_message(output);

    if (progress == TPERF_DONE)
        output->block_left -= output->plan->message_size;
    return progress;
}

enum tperf_progress tperf_output_stream(struct tperf_output *output)
{
    for (int i = 0; i < BURST_MESSAGES; i++) {
        enum tperf_progress progress;

        if (output->block_left == 0)
            block_begin(output);
        progress = block_message(output);
        if (progress != TPERF_DONE)
            return progress;
    }
    return TPERF_AGAIN;
}

static void end_prepare(struct tperf_output *output, const struct tperf_verdict *verdict)
{
    tperf_block_encode(0, tperf_output_prefix(output, TPERF_BLOCK_HEAD_SIZE));
    if (verdict != NULL)
        tperf_verdict_encode(verdict, tperf_output_prefix(output, TPERF_VERDICT_SIZE));
    output->ended = true;
}

enum tperf_progress tperf_output_end(struct tperf_output *output,
                                     const struct tperf_verdict *verdict)
{
    for (int i = 0; i < BURST_MESSAGES && output->block_left > 0; i++) {
        enum tperf_progress progress = block_message(output);

        if (progress != TPERF_DONE)
            return progress;
    }
    if (output->block_left > 0)
        return TPERF_AGAIN;
    if (!output->ended)
        end_prepare(output, verdict);
    return output->prefix_length > 0 ? put(output, 0) : TPERF_DONE;
}

/* ---- Receiving ---- */

void tperf_input_init(struct tperf_input *input, const struct tperf_plan *plan, bool from_server)
{
    *input = (struct tperf_input){
        .plan = plan,
        .start = tperf_pattern_start(plan->seed, from_server),
    };
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t tperf_input_head(struct tperf_input *input, uint32_t size, const uint8_t *data,
                          uint32_t length)
{
    uint32_t used = lesser(size - input->head_length, length);

    memcpy(input->head + input->head_length, data, used);
    input->head_length += used;
    return used;
}

static void data_check(struct tperf_input *input, const uint8_t *data, uint32_t length)
{
    size_t done = 0;

    while (done < length) {
        done +=
            tperf_pattern_match(input->start, input->position + done, data + done, length - done);
        if (done == length)
            return;
        if (input->wrong++ == 0)
            input->wrong_at = input->position + done;
        done++;
    }
}

uint32_t tperf_input_message(struct tperf_input *input, const uint8_t *data, uint32_t length)
{
    uint32_t used = lesser(input->block_left, length);

    if (input->plan->verify)
        data_check(input, data, used);
    input->position += used;
    input->block_left -= used;
    return used;
}

/* A head that is complete begins a block, or ends the stream. */
static void block_take(struct tperf_input *input)
{
    if (input->head_length < TPERF_BLOCK_HEAD_SIZE)
        return;
    input->block_left = tperf_block_decode(input->head);
    input->head_length = 0;
    input->ended = input->block_left == 0;
}

uint32_t tperf_input_stream(struct tperf_input *input, const uint8_t *data, uint32_t length)
{
    uint32_t used = 0;

    while (used < length && !input->ended) {
        if (input->block_left > 0) {
            used += tperf_input_message(input, data + used, length - used);
            continue;
        }
        used += tperf_input_head(input, TPERF_BLOCK_HEAD_SIZE, data + used, length - used);
        block_take(input);
    }
    return used;
}
