#include <criterion/criterion.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpa/stats/mailbox.h>

#include "test/support/scratch.h"

static struct scratch scratch;
static struct tpa_stats_mailbox mailbox;

static void setup(void)
{
    char reason[TPA_STATS_REASON_SIZE] = "";

    scratch_make(&scratch);
    cr_assert_eq(tpa_stats_mailbox_create(&mailbox, scratch.path, reason), 0, "%s", reason);
}

static void teardown(void)
{
    tpa_stats_mailbox_destroy(&mailbox);
    cr_assert_not(scratch_has(&scratch, TPA_STATS_MAILBOX_FILE));
    scratch_remove(&scratch);
}

TestSuite(mailbox, .init = setup, .fini = teardown);

/* What the instance was asked, and what it is to answer. */
struct instance {
    int requests;
    char request[TPA_STATS_REQUEST_MAX + 1];
    const char *answer;
    int status;
};

static int handle(void *context, const char *request, char *answer, size_t size)
{
    struct instance *instance = context;

    cr_assert_eq(size, TPA_STATS_ANSWER_MAX + 1);
    cr_assert_eq(answer[0], '\0');
    instance->requests++;
    snprintf(instance->request, sizeof(instance->request), "%s", request);
    if (instance->answer != NULL)
        strncpy(answer, instance->answer, size);
    return instance->status;
}

static void open_client(struct tpa_stats_mailbox_client *client)
{
    cr_assert_eq(tpa_stats_mailbox_open(client, scratch.path), 0);
}

Test(mailbox, a_request_is_answered_once)
{
    struct instance instance = {.answer = "tcp.nr_max_sock = 4096", .status = 0};
    struct tpa_stats_mailbox_client client;
    char answer[TPA_STATS_ANSWER_MAX + 1];
    int status = 77;

    open_client(&client);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 0);
    cr_assert_eq(tpa_stats_mailbox_send(&client, "cfg get tcp.nr_max_sock"), 0);
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), TPA_EAGAIN);

    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 0);
    cr_assert_eq(instance.requests, 1);
    cr_assert_str_eq(instance.request, "cfg get tcp.nr_max_sock");

    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), 0);
    cr_assert_eq(status, 0);
    cr_assert_str_eq(answer, "tcp.nr_max_sock = 4096");
    tpa_stats_mailbox_close(&client);
}

Test(mailbox, the_instances_error_comes_with_its_text)
{
    struct instance instance = {.answer = "no such command", .status = TPA_ENOENT};
    struct tpa_stats_mailbox_client client;
    char answer[8];
    int status = 0;

    open_client(&client);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(tpa_stats_mailbox_send(&client, "bogus"), 0);
        cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
        cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), 0);
        cr_assert_eq(status, TPA_ENOENT);
        cr_assert_str_eq(answer, "no such"); /* cut to its room */
    }
    cr_assert_eq(instance.requests, 3);
    tpa_stats_mailbox_close(&client);
}

Test(mailbox, the_longest_request_and_answer)
{
    static char longest[TPA_STATS_REQUEST_MAX + 2], reply[TPA_STATS_ANSWER_MAX + 1000];
    struct instance instance = {.answer = reply};
    struct tpa_stats_mailbox_client client;
    char answer[TPA_STATS_ANSWER_MAX + 1];
    int status;

    memset(longest, 'r', sizeof(longest) - 1);
    memset(reply, 'a', sizeof(reply) - 1);
    open_client(&client);
    cr_assert_eq(tpa_stats_mailbox_send(&client, longest), TPA_EINVAL);
    cr_assert_eq(tpa_stats_mailbox_send(&client, ""), TPA_EINVAL);

    longest[TPA_STATS_REQUEST_MAX] = '\0';
    cr_assert_eq(tpa_stats_mailbox_send(&client, longest), 0);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_str_eq(instance.request, longest);
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), 0);
    cr_assert_eq(strlen(answer), TPA_STATS_ANSWER_MAX);
    tpa_stats_mailbox_close(&client);
}

Test(mailbox, a_stuck_instance_times_out_and_does_not_carry_the_request_out_later)
{
    struct instance instance = {.answer = "late"};
    struct tpa_stats_mailbox_client client;
    char answer[16];
    int status;

    open_client(&client);
    cr_assert_eq(tpa_stats_mailbox_ask(&client, "pktfuzz drop 100%", 20000000, &status, answer,
                                       sizeof(answer)),
                 TPA_ETIMEDOUT);

    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 0);
    cr_assert_eq(instance.requests, 0);

    /* Back to life: the next request is answered, with its own answer. */
    cr_assert_eq(tpa_stats_mailbox_send(&client, "second"), 0);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_str_eq(instance.request, "second");
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), 0);
    cr_assert_str_eq(answer, "late");
    tpa_stats_mailbox_close(&client);
}

Test(mailbox, tools_take_turns)
{
    struct instance instance = {.answer = "yes"};
    struct tpa_stats_mailbox_client first, second;
    char answer[16];
    int status;

    open_client(&first);
    open_client(&second);
    cr_assert_eq(tpa_stats_mailbox_send(&first, "one"), 0);
    cr_assert_eq(tpa_stats_mailbox_send(&second, "two"), TPA_EBUSY);
    cr_assert_eq(tpa_stats_mailbox_ask(&second, "two", 5000000, &status, answer, sizeof(answer)),
                 TPA_EBUSY);

    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_str_eq(instance.request, "one");
    cr_assert_eq(tpa_stats_mailbox_take(&first, &status, answer, sizeof(answer)), 0);
    cr_assert_eq(tpa_stats_mailbox_send(&second, "two"), 0);
    tpa_stats_mailbox_close(&second); /* a tool that dies gives its turn back */

    cr_assert_eq(tpa_stats_mailbox_send(&first, "three"), 0);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_str_eq(instance.request, "three");
    tpa_stats_mailbox_close(&first);
}

Test(mailbox, a_tool_that_died_while_it_wrote_leaves_no_request)
{
    struct instance instance = {.answer = "ok"};
    struct tpa_stats_mailbox_client client;
    char answer[16];
    int status;

    mailbox.memory->request_sequence = 1;
    memcpy(mailbox.memory->request, "half", 4);
    mailbox.memory->request_length = 4;
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 0);
    cr_assert_eq(instance.requests, 0);

    open_client(&client);
    cr_assert_eq(tpa_stats_mailbox_send(&client, "whole"), 0);
    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_str_eq(instance.request, "whole");
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), 0);
    tpa_stats_mailbox_close(&client);
}

Test(mailbox, hostile_requests_reach_the_handler_tamed)
{
    struct instance instance = {0};

    memset(mailbox.memory->request, 'x', sizeof(mailbox.memory->request));
    mailbox.memory->request[3] = '\n';
    mailbox.memory->request[4] = '\0';
    mailbox.memory->request[5] = '\x1b';
    mailbox.memory->request_length = UINT32_MAX;
    mailbox.memory->request_sequence = 2;

    cr_assert_eq(tpa_stats_mailbox_poll(&mailbox, handle, &instance), 1);
    cr_assert_eq(strlen(instance.request), TPA_STATS_REQUEST_MAX);
    cr_assert_eq(strncmp(instance.request, "xxx   xx", 8), 0);
}

Test(mailbox, hostile_answers_and_files_are_refused)
{
    struct tpa_stats_mailbox_client client;
    char answer[16];
    int status;

    open_client(&client);
    cr_assert_eq(tpa_stats_mailbox_send(&client, "x"), 0);
    mailbox.memory->answer_length = TPA_STATS_ANSWER_MAX + 1;
    mailbox.memory->answer_sequence = mailbox.memory->request_sequence;
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), TPA_EMALFORMED);
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, 0), TPA_EINVAL);
    tpa_stats_mailbox_close(&client);

    mailbox.memory->version++;
    cr_assert_eq(tpa_stats_mailbox_open(&client, scratch.path), TPA_EUNSUPPORTED);
    mailbox.memory->magic++;
    cr_assert_eq(tpa_stats_mailbox_open(&client, scratch.path), TPA_EMALFORMED);

    scratch_write(&scratch, "short/" TPA_STATS_MAILBOX_FILE, "TPASMBX1", 8);

    char path[TPA_STATS_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/short", scratch.path);
    cr_assert_eq(tpa_stats_mailbox_open(&client, path), TPA_EMALFORMED);
    snprintf(path, sizeof(path), "%s/nowhere", scratch.path);
    cr_assert_eq(tpa_stats_mailbox_open(&client, path), TPA_ENOENT);
}

Test(mailbox, only_its_user_may_open_it)
{
    struct stat status;
    char file[TPA_STATS_PATH_SIZE];

    snprintf(file, sizeof(file), "%s/%s", scratch.path, TPA_STATS_MAILBOX_FILE);
    cr_assert_eq(stat(file, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
}

Test(mailbox, a_directory_that_is_not_there)
{
    struct tpa_stats_mailbox other;
    char path[TPA_STATS_PATH_SIZE];
    char reason[TPA_STATS_REASON_SIZE] = "";

    snprintf(path, sizeof(path), "%s/nowhere", scratch.path);
    cr_assert_eq(tpa_stats_mailbox_create(&other, path, reason), TPA_ENOENT);
    cr_assert_not_null(strstr(reason, path));

    static char long_path[2 * TPA_STATS_PATH_SIZE];

    memset(long_path, 'a', sizeof(long_path) - 1);
    cr_assert_eq(tpa_stats_mailbox_create(&other, long_path, reason), TPA_EINVAL);
}

/* The instance in a thread of its own, against tools in others. */

static int stop;

static int echo(void *context, const char *request, char *answer, size_t size)
{
    ++*(int *)context;
    snprintf(answer, size, "<%s>", request);
    return 0;
}

static void *run_instance(void *requests)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        tpa_stats_mailbox_poll(&mailbox, echo, requests);
        usleep(100);
    }
    return NULL;
}

#define ASKS 30

static void *run_tool(void *name)
{
    struct tpa_stats_mailbox_client client;

    open_client(&client);
    for (int i = 0; i < ASKS; i++) {
        char request[32], expected[40], answer[64];
        int status = 1;

        snprintf(request, sizeof(request), "%s %d", (const char *)name, i);
        snprintf(expected, sizeof(expected), "<%s>", request);
        cr_assert_eq(tpa_stats_mailbox_ask(&client, request, 60000000000ull, &status, answer,
                                           sizeof(answer)),
                     0);
        cr_assert_eq(status, 0);
        cr_assert_str_eq(answer, expected);
    }
    tpa_stats_mailbox_close(&client);
    return NULL;
}

Test(mailbox, several_tools_each_get_their_own_answers)
{
    pthread_t instance, tools[3];
    static char names[3][4] = {"a", "bb", "ccc"};
    int requests = 0;

    pthread_create(&instance, NULL, run_instance, &requests);
    for (int i = 0; i < 3; i++)
        pthread_create(&tools[i], NULL, run_tool, names[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(tools[i], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(instance, NULL);
    cr_assert_eq(requests, 3 * ASKS);
}
