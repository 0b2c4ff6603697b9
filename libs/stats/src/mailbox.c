#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tpa/stats/mailbox.h>

#include "directory.h"

#define FILE_MODE 0600 /* requests change the instance: its own user only */

static int make_file(struct tpa_stats_mailbox *mailbox, const struct tpa_stats_failure *failure)
{
    mailbox->file = tpa_stats_file_make(mailbox->directory, TPA_STATS_MAILBOX_FILE,
                                        sizeof(*mailbox->memory), FILE_MODE);
    if (mailbox->file < 0)
        return tpa_stats_fail_errno(failure, "cannot make the control file in");

    void *memory = mmap(NULL, sizeof(*mailbox->memory), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_POPULATE, mailbox->file, 0);

    if (memory == MAP_FAILED)
        return tpa_stats_fail_errno(failure, "cannot map the control file in");

    mailbox->memory = memory;
    mailbox->memory->magic = TPA_STATS_MAILBOX_MAGIC;
    mailbox->memory->version = TPA_STATS_MAILBOX_VERSION;
    if (tpa_stats_file_publish(mailbox->directory, TPA_STATS_MAILBOX_FILE) < 0)
        return tpa_stats_fail_errno(failure, "cannot name the control file in");
    return TPA_OK;
}

static void release(struct tpa_stats_mailbox *mailbox)
{
    if (mailbox->memory != NULL)
        munmap(mailbox->memory, sizeof(*mailbox->memory));
    if (mailbox->file >= 0)
        close(mailbox->file);
    close(mailbox->directory);
    mailbox->memory = NULL;
}

int tpa_stats_mailbox_create(struct tpa_stats_mailbox *mailbox, const char *directory,
                             char reason[TPA_STATS_REASON_SIZE])
{
    struct tpa_stats_failure failure = {.reason = reason, .directory = directory};

    if (strlen(directory) >= TPA_STATS_PATH_SIZE)
        return tpa_stats_fail(&failure, TPA_EINVAL, "the instance's path is too long");

    *mailbox = (struct tpa_stats_mailbox){.memory = NULL, .file = -1};
    mailbox->directory = tpa_stats_directory_enter(directory);
    if (mailbox->directory < 0)
        return tpa_stats_fail_errno(&failure, "cannot lock the directory");

    int error = make_file(mailbox, &failure);

    if (error < 0)
        tpa_stats_file_discard(mailbox->directory, TPA_STATS_MAILBOX_FILE);
    tpa_stats_directory_leave(mailbox->directory);
    if (error < 0)
        release(mailbox);
    return error;
}

void tpa_stats_mailbox_destroy(struct tpa_stats_mailbox *mailbox)
{
    tpa_stats_file_remove(mailbox->directory, TPA_STATS_MAILBOX_FILE, mailbox->file);
    release(mailbox);
}

/*
 * Copies the request, once: the tool can write at any time. Returns its length, 0 for a request
 * that was withdrawn, or TPA_EAGAIN if it is being changed.
 */
static int copy_request(const struct tpa_stats_mailbox_memory *memory, uint64_t sequence,
                        char request[TPA_STATS_REQUEST_MAX + 1])
{
    char bytes[TPA_STATS_REQUEST_MAX];
    uint32_t length = __atomic_load_n(&memory->request_length, __ATOMIC_ACQUIRE);

    memcpy(bytes, memory->request, sizeof(bytes));
    if (__atomic_load_n(&memory->request_sequence, __ATOMIC_ACQUIRE) != sequence)
        return TPA_EAGAIN;
    if (length > sizeof(bytes))
        length = sizeof(bytes);

    for (uint32_t i = 0; i < length; i++) {
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
            bytes[i] = ' ';
    }
    memcpy(request, bytes, length);
    request[length] = '\0';
    return (int)length;
}

static void answer_request(struct tpa_stats_mailbox_memory *memory, uint64_t sequence, int status,
                           const char *answer)
{
    size_t length = strlen(answer);

    memcpy(memory->answer, answer, length);
    memory->answer_length = (uint32_t)length;
    memory->status = status;
    __atomic_store_n(&memory->answer_sequence, sequence, __ATOMIC_RELEASE);
}

int tpa_stats_mailbox_poll(struct tpa_stats_mailbox *mailbox, tpa_stats_mailbox_handler handler,
                           void *context)
{
    struct tpa_stats_mailbox_memory *memory = mailbox->memory;
    uint64_t sequence = __atomic_load_n(&memory->request_sequence, __ATOMIC_ACQUIRE);

    if (TPA_BASE_LIKELY(sequence == memory->answer_sequence) || sequence % 2 != 0)
        return 0;

    char request[TPA_STATS_REQUEST_MAX + 1];
    int length = copy_request(memory, sequence, request);

    if (length < 0)
        return 0;
    if (length == 0) {
        answer_request(memory, sequence, TPA_EINVAL, "");
        return 0;
    }

    char answer[TPA_STATS_ANSWER_MAX + 1];

    answer[0] = '\0';

    int status = handler(context, request, answer, sizeof(answer));

    answer[sizeof(answer) - 1] = '\0';
    answer_request(memory, sequence, status, answer);
    return 1;
}
