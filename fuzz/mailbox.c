/*
 * The mailbox between tools and an instance, with both sides' memory written by somebody who keeps
 * no rules. The instance gets requests that are text within their bound, and none twice; the tool
 * gets an answer within its room, or an error.
 */
#include <stdbool.h>

#include <tpa/stats/mailbox.h>

#include "support/target.h"
#include "test/support/scratch.h"

enum {
    STEPS_MAX = 64,
};

static struct scratch scratch;
static unsigned int handled;

static void remove_directory(void)
{
    scratch_remove(&scratch);
}

static void prepare_directory(void)
{
    if (scratch.path[0] != '\0')
        return;
    scratch_make(&scratch);
    atexit(remove_directory);
}

static int handle(void *context, const char *request, char *answer, size_t size)
{
    struct tpa_base_cursor *input = context;
    size_t length = strlen(request);

    handled++;
    cr_assert(length >= 1 && length <= TPA_STATS_REQUEST_MAX);
    for (size_t i = 0; i < length; i++)
        cr_assert((unsigned char)request[i] >= ' ' && request[i] != 0x7f);
    cr_assert_eq(size, TPA_STATS_ANSWER_MAX + 1);
    memset(answer, 'a', size);
    answer[fuzz_length(input, TPA_STATS_ANSWER_MAX)] = '\0';
    return tpa_base_cursor_u8(input) % 2 == 0 ? TPA_OK : TPA_EINVAL;
}

/* Writes where it likes. */
static void spoil(struct tpa_base_cursor *input, struct tpa_stats_mailbox_memory *memory)
{
    uint32_t offset = fuzz_length(input, sizeof(*memory) - 1);
    uint32_t length = fuzz_choice(input, 32);
    const uint8_t *bytes;

    length = TPA_BASE_MIN(length, (uint32_t)sizeof(*memory) - offset);
    bytes = fuzz_bytes(input, &length);
    memcpy((uint8_t *)memory + offset, bytes, length);
}

static void poll(struct tpa_base_cursor *input, struct tpa_stats_mailbox *mailbox)
{
    unsigned int before = handled;
    int count = tpa_stats_mailbox_poll(mailbox, handle, input);

    cr_assert_eq(handled - before, (unsigned int)count);
    cr_assert_eq(tpa_stats_mailbox_poll(mailbox, handle, input), 0, "a request was handled twice");
}

static void send_request(struct tpa_base_cursor *input, struct tpa_stats_mailbox_client *client)
{
    char request[TPA_STATS_REQUEST_MAX + 16];
    uint32_t length = fuzz_length(input, sizeof(request) - 1);
    const uint8_t *bytes = fuzz_bytes(input, &length);
    int error;

    memcpy(request, bytes, length);
    request[length] = '\0';
    error = tpa_stats_mailbox_send(client, request);
    if (request[0] == '\0' || strlen(request) > TPA_STATS_REQUEST_MAX)
        cr_assert_eq(error, TPA_EINVAL);
}

static void take_answer(struct tpa_base_cursor *input, struct tpa_stats_mailbox_client *client)
{
    char answer[TPA_STATS_ANSWER_MAX + 1];
    size_t size = 1 + fuzz_length(input, TPA_STATS_ANSWER_MAX);
    int status;

    if (tpa_stats_mailbox_take(client, &status, answer, size) == TPA_OK)
        cr_assert_lt(strlen(answer), size);
}

static void step(struct tpa_base_cursor *input, struct tpa_stats_mailbox *mailbox,
                 struct tpa_stats_mailbox_client *client)
{
    switch (fuzz_choice(input, 5)) {
    case 0:
        spoil(input, mailbox->memory);
        break;
    case 1:
        poll(input, mailbox);
        break;
    case 2:
        send_request(input, client);
        break;
    case 3:
        take_answer(input, client);
        break;
    default:
        (void)tpa_stats_mailbox_withdraw(client);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);
    struct tpa_stats_mailbox mailbox;
    struct tpa_stats_mailbox_client client, late;

    prepare_directory();
    cr_assert_eq(tpa_stats_mailbox_create(&mailbox, scratch.path, NULL), 0);
    cr_assert_eq(tpa_stats_mailbox_open(&client, scratch.path), 0);
    for (int i = 0; i < STEPS_MAX && tpa_base_cursor_remaining(&input) > 0; i++)
        step(&input, &mailbox, &client);
    if (tpa_stats_mailbox_open(&late, scratch.path) == 0)
        tpa_stats_mailbox_close(&late);
    tpa_stats_mailbox_close(&client);
    tpa_stats_mailbox_destroy(&mailbox);
    return 0;
}
