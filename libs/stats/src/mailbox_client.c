#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tpa/stats/mailbox.h>

#include "directory.h"

#define ASK_PERIOD 1000000 /* ns between two looks at the answer */

#define FIELD(field) ((off_t)offsetof(struct tpa_stats_mailbox_memory, field))

static int check(int file)
{
    struct tpa_stats_mailbox_memory memory;
    int error = tpa_stats_file_read(file, &memory, sizeof(memory), 0);

    if (error == TPA_ETRUNCATED || (error == TPA_OK && memory.magic != TPA_STATS_MAILBOX_MAGIC))
        return TPA_EMALFORMED;
    if (error == TPA_OK && memory.version != TPA_STATS_MAILBOX_VERSION)
        return TPA_EUNSUPPORTED;
    return error;
}

int tpa_stats_mailbox_open(struct tpa_stats_mailbox_client *client, const char *directory)
{
    client->sequence = 0;
    client->file = tpa_stats_file_open(directory, TPA_STATS_MAILBOX_FILE, O_RDWR);
    if (client->file < 0)
        return errno == ENOTDIR ? TPA_ENOENT : tpa_base_error_from_errno(errno);

    int error = check(client->file);

    if (error < 0)
        tpa_stats_mailbox_close(client);
    return error;
}

void tpa_stats_mailbox_close(struct tpa_stats_mailbox_client *client)
{
    if (client->file >= 0)
        close(client->file); /* which gives the lock back */
    client->file = -1;
}

/* Writes a request between an odd and the next even sequence number. */
static int put_request(struct tpa_stats_mailbox_client *client, uint64_t sequence,
                       const char *request, uint32_t length)
{
    uint64_t writing = sequence - 1;
    int error =
        tpa_stats_file_write(client->file, &writing, sizeof(writing), FIELD(request_sequence));

    if (error == TPA_OK)
        error = tpa_stats_file_write(client->file, request, length, FIELD(request));
    if (error == TPA_OK)
        error = tpa_stats_file_write(client->file, &length, sizeof(length), FIELD(request_length));
    if (error == TPA_OK)
        error = tpa_stats_file_write(client->file, &sequence, sizeof(sequence),
                                     FIELD(request_sequence));
    client->sequence = sequence;
    return error;
}

int tpa_stats_mailbox_send(struct tpa_stats_mailbox_client *client, const char *request)
{
    size_t length = strlen(request);
    uint64_t last;

    if (length == 0 || length > TPA_STATS_REQUEST_MAX)
        return TPA_EINVAL;
    if (tpa_stats_file_lock(client->file) < 0)
        return errno == EAGAIN || errno == EACCES ? TPA_EBUSY : TPA_EIO;

    int error = tpa_stats_file_read(client->file, &last, sizeof(last), FIELD(request_sequence));

    /* An odd number was left by a tool that died while it wrote: it counts as used. */
    if (error == TPA_OK)
        error =
            put_request(client, (last | 1) + (last % 2 == 0 ? 1 : 3), request, (uint32_t)length);
    if (error < 0)
        tpa_stats_file_unlock(client->file);
    return error < 0 ? TPA_EIO : TPA_OK;
}

/* Everything but the request: one read, so that length, status and text belong together. */
static int copy_answer(struct tpa_stats_mailbox_client *client, int *status, char *answer,
                       size_t size)
{
    struct tpa_stats_mailbox_memory memory;

    if (tpa_stats_file_read(client->file, &memory, sizeof(memory), 0) < 0)
        return TPA_EIO;
    if (memory.answer_length > sizeof(memory.answer))
        return TPA_EMALFORMED;

    size_t length = memory.answer_length < size ? memory.answer_length : size - 1;

    memcpy(answer, memory.answer, length);
    answer[length] = '\0';
    *status = memory.status;
    return TPA_OK;
}

int tpa_stats_mailbox_take(struct tpa_stats_mailbox_client *client, int *status, char *answer,
                           size_t size)
{
    uint64_t answered;

    if (size == 0)
        return TPA_EINVAL;
    if (tpa_stats_file_read(client->file, &answered, sizeof(answered), FIELD(answer_sequence)) < 0)
        return TPA_EIO;
    if (answered != client->sequence)
        return TPA_EAGAIN;

    int error = copy_answer(client, status, answer, size);

    tpa_stats_file_unlock(client->file);
    return error;
}

int tpa_stats_mailbox_withdraw(struct tpa_stats_mailbox_client *client)
{
    int error = put_request(client, client->sequence + 2, "", 0);

    tpa_stats_file_unlock(client->file);
    return error;
}

/* Waits one period; false once `timeout` is used up. */
static bool wait_more(uint64_t *timeout)
{
    struct timespec period = {.tv_nsec = ASK_PERIOD};

    if (*timeout == 0)
        return false;
    if (*timeout < ASK_PERIOD)
        period.tv_nsec = (long)*timeout;
    nanosleep(&period, NULL);
    *timeout -= (uint64_t)period.tv_nsec;
    return true;
}

int tpa_stats_mailbox_ask(struct tpa_stats_mailbox_client *client, const char *request,
                          uint64_t timeout, int *status, char *answer, size_t size)
{
    int error;

    if (size == 0)
        return TPA_EINVAL;
    while ((error = tpa_stats_mailbox_send(client, request)) == TPA_EBUSY) {
        if (!wait_more(&timeout))
            return TPA_EBUSY;
    }
    if (error < 0)
        return error;

    while ((error = tpa_stats_mailbox_take(client, status, answer, size)) == TPA_EAGAIN) {
        if (!wait_more(&timeout)) {
            tpa_stats_mailbox_withdraw(client);
            return TPA_ETIMEDOUT;
        }
    }
    return error;
}
