/*
 * Mailbox: a tool asks a running instance to do something ("cfg set ...", "pktfuzz drop 1%",
 * "capture start FILE") and gets an answer.
 *
 * The file "control" in the instance's directory, which only its user may open, holds one request
 * and one answer. Tools take turns by a lock on it. The instance looks from time to time whether
 * there is a new request: one load of mapped memory, no system call. An instance that is stuck does
 * not answer; the tool waits for a bounded time and withdraws its request, so that it is not
 * carried out much later.
 */
#ifndef TPA_STATS_MAILBOX_H
#define TPA_STATS_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/base/error.h>
#include <tpa/stats/export.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_STATS_MAILBOX_FILE    "control"
#define TPA_STATS_MAILBOX_MAGIC   0x3158424d53415054ull /* "TPASMBX1" */
#define TPA_STATS_MAILBOX_VERSION 1u
#define TPA_STATS_REQUEST_MAX     256  /* bytes of a request */
#define TPA_STATS_ANSWER_MAX      4096 /* bytes of an answer */

/* The file. */
struct tpa_stats_mailbox_memory {
    uint64_t magic;            /*  0 */
    uint32_t version;          /*  8 */
    uint32_t reserved;         /* 12 */
    uint64_t request_sequence; /* 16: by the tool; odd while the request is being written */
    uint64_t answer_sequence;  /* 24: by the instance: the request that the answer belongs to */
    uint32_t request_length;   /* 32: 0 = withdrawn */
    uint32_t answer_length;    /* 36 */
    int32_t status;            /* 40: 0 or an enum tpa_error, with the answer */
    uint32_t reserved_too;     /* 44 */
    char request[TPA_STATS_REQUEST_MAX]; /* 48: not terminated */
    char answer[TPA_STATS_ANSWER_MAX];   /* 304: not terminated */
};

TPA_BASE_STATIC_ASSERT(sizeof(struct tpa_stats_mailbox_memory) == 4400, "shared by processes");

/* The instance's side. */
struct tpa_stats_mailbox {
    struct tpa_stats_mailbox_memory *memory;
    int file;
    int directory;
};

/*
 * Makes the mailbox of an instance. To be called by the owner of the directory: after
 * tpa_stats_export_create() succeeded there. What a dead instance left is replaced.
 *
 * On an error `reason` (may be NULL) says it in one line. TPA_EINVAL (path too long), TPA_ENOENT,
 * TPA_EPERM, TPA_ENOSPC, TPA_ENOMEM, TPA_EIO.
 */
int tpa_stats_mailbox_create(struct tpa_stats_mailbox *mailbox, const char *directory,
                             char reason[TPA_STATS_REASON_SIZE]);

/* Unmaps and removes it. */
void tpa_stats_mailbox_destroy(struct tpa_stats_mailbox *mailbox);

/*
 * Carries a request out.
 *
 * `context`: as given to poll.
 * `request`: terminated, without control characters (they are blanks), 1 to TPA_STATS_REQUEST_MAX
 *            characters. From a user who may control this process; still to be checked.
 * `answer`:  to be filled with terminated text; empty at the call. `size`: its room,
 *            TPA_STATS_ANSWER_MAX + 1.
 * Returns 0 or an enum tpa_error, which the tool gets with the answer.
 */
typedef int (*tpa_stats_mailbox_handler)(void *context, const char *request, char *answer,
                                         size_t size);

/*
 * Answers the request that waits, if there is one. By one thread of the instance. Returns the
 * number of requests that were handled: 0 or 1.
 */
int tpa_stats_mailbox_poll(struct tpa_stats_mailbox *mailbox, tpa_stats_mailbox_handler handler,
                           void *context);

/* The tool's side. */
struct tpa_stats_mailbox_client {
    int file;
    uint64_t sequence; /* of the request that was sent last */
};

/* TPA_ENOENT (no mailbox there), TPA_EPERM (not this user's), TPA_EMALFORMED, TPA_EUNSUPPORTED
 * (another version), TPA_EINVAL (path too long), TPA_EIO. */
int tpa_stats_mailbox_open(struct tpa_stats_mailbox_client *client, const char *directory);
void tpa_stats_mailbox_close(struct tpa_stats_mailbox_client *client);

/*
 * The three steps of a request, without waiting. Other tools are kept out from send until
 * withdraw or close, or until the answer was taken.
 *
 * send:     TPA_EINVAL (empty or longer than TPA_STATS_REQUEST_MAX), TPA_EBUSY (another tool's
 * turn). take:     TPA_EAGAIN (no answer yet), TPA_EMALFORMED; else 0, with the status that the
 * instance gave in *status and its text, cut to `size` and terminated, in `answer`. withdraw: the
 * instance won't begin to carry it out any more; it may have begun already. All: TPA_EIO.
 */
int tpa_stats_mailbox_send(struct tpa_stats_mailbox_client *client, const char *request);
int tpa_stats_mailbox_take(struct tpa_stats_mailbox_client *client, int *status, char *answer,
                           size_t size);
int tpa_stats_mailbox_withdraw(struct tpa_stats_mailbox_client *client);

/*
 * Sends a request and waits for its answer, sleeping, for `timeout` ns at most (give or take the
 * scheduler), including the wait for other tools. Errors as above, and TPA_ETIMEDOUT: the instance
 * did not answer; the request is withdrawn.
 */
int tpa_stats_mailbox_ask(struct tpa_stats_mailbox_client *client, const char *request,
                          uint64_t timeout, int *status, char *answer, size_t size);

TPA_BASE_DECLARATIONS_END

#endif
