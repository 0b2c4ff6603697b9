/* Reading and writing: what each call takes and gives, who owns a buffer and until when. */
#include "world.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tpa/base/error.h>
#include <tpa/mem/registry.h>

#include "worker.h"

TestSuite(data, .init = world_begin_usual, .fini = world_end);

enum {
    PAGE = 4096,
    REGION = 16 * PAGE,
    SECOND = 1000 /* ms */
};

/* ---- Writing ---- */

static unsigned int completed;
static void *last_base, *last_parameter;

static void write_done(void *base, void *parameter)
{
    completed++;
    last_base = base;
    last_parameter = parameter;
}

static struct tpa_iovec iov_of(const void *base, uint32_t length, uint64_t phys)
{
    return (struct tpa_iovec){
        .iov_base = (void *)(uintptr_t)base,
        .iov_phys = phys,
        .iov_len = length,
        .iov_param = &completed,
        .iov_write_done = write_done,
    };
}

static char *region_make(void)
{
    char *region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_eq(tpa_mem_registry_add(world.registry, region, REGION, NULL, REGION / PAGE, PAGE),
                 TPA_OK);
    memset(region, 'r', REGION);
    return region;
}

static void region_end(char *region)
{
    cr_assert_eq(tpa_mem_registry_remove(world.registry, region, REGION), TPA_OK);
    munmap(region, REGION);
}

Test(data, a_copied_write_completes_when_it_is_acknowledged)
{
    struct world_pair pair = world_pair(NULL);
    char text[] = "copied", got[8] = "";
    struct tpa_iovec iov = iov_of(text, 6, 0);

    cr_assert_eq(tpa_zwritev(pair.client, &iov, 1), 6);
    memset(text, '-', 6); /* the stack has its own */
    cr_assert_eq(completed, 0, "not inside of the call");
    world_settle();
    world_run(10);
    cr_assert_eq(completed, 1);
    cr_assert_eq(last_base, text);
    cr_assert_eq(last_parameter, &completed);
    cr_assert_eq(world_read(pair.server, got, sizeof(got)), 6);
    cr_assert_str_eq(got, "copied");
}

Test(data, a_zero_copy_write_completes_when_it_is_acknowledged_and_not_before)
{
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();
    struct tpa_iovec iov = iov_of(region, REGION, 1);

    world.server.wire->cut = true;
    cr_assert_eq(tpa_zwritev(pair.client, &iov, 1), REGION);
    world_run(SECOND);
    cr_assert_eq(completed, 0, "nobody has acknowledged it");
    cr_assert_eq(tpa_mem_registry_remove(world.registry, region, REGION), TPA_EBUSY);
    world.server.wire->cut = false;
    world_run(5 * SECOND);
    cr_assert_eq(completed, 1);
    cr_assert_eq(world_read(pair.server, NULL, REGION), REGION);
    region_end(region);
}

Test(data, a_write_completes_once_when_the_connection_is_lost)
{
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();
    char text[] = "copied";
    struct tpa_iovec iovs[] = {iov_of(region, REGION, 1), iov_of(text, 6, 0)};

    world.client.wire->cut = true;
    cr_assert_eq(tpa_zwritev(pair.client, iovs, 2), REGION + 6);
    world_run(600 * SECOND);
    cr_assert_eq(tpa_write(pair.client, "x", 1), -1);
    cr_assert_eq(completed, 2);
    tpa_close(pair.client);
    world_run(SECOND);
    cr_assert_eq(completed, 2);
    region_end(region);
}

Test(data, a_write_completes_once_when_its_sock_is_closed)
{
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();
    struct tpa_iovec iov = iov_of(region, REGION, 1);

    cr_assert_eq(tpa_zwritev(pair.client, &iov, 1), REGION);
    tpa_close(pair.client);
    cr_assert_eq(completed, 0);
    world_run(SECOND);
    cr_assert_eq(completed, 1);
    cr_assert_eq(world_read(pair.server, NULL, REGION), REGION);
    region_end(region);
}

Test(data, a_write_that_fails_stays_the_programs)
{
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();
    struct tpa_iovec iovs[] = {iov_of(region, REGION, 1), iov_of(region, 0, 1)};

    EXPECT_ERRNO(tpa_zwritev(pair.client, iovs, 2), EINVAL);
    region_end(region); /* nothing refers to it */
    world_run(10);
    cr_assert_eq(completed, 0);
    EXPECT_ERRNO(world_read(pair.server, NULL, 0), EAGAIN);
}

Test(data, memory_that_is_not_registered_is_refused)
{
    struct world_pair pair = world_pair(NULL);
    char text[] = "stack";
    struct tpa_iovec iov = iov_of(text, 5, 1);

    EXPECT_ERRNO(tpa_zwritev(pair.client, &iov, 1), EINVAL);
}

Test(data, a_write_across_the_end_of_a_region_is_refused)
{
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();
    struct tpa_iovec iov = iov_of(region + 1, REGION, 1);

    EXPECT_ERRNO(tpa_zwritev(pair.client, &iov, 1), EINVAL);
    region_end(region);
}

Test(data, a_write_of_nothing_is_nothing)
{
    struct world_pair pair = world_pair(NULL);

    cr_assert_eq(tpa_zwritev(pair.client, NULL, 0), 0);
    cr_assert_eq(tpa_write(pair.client, "x", 0), 0);
}

Test(data, a_write_without_a_callback_is_fine)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_iovec iov = iov_of("abc", 3, 0);

    iov.iov_write_done = NULL;
    cr_assert_eq(tpa_zwritev(pair.client, &iov, 1), 3);
    world_settle();
    cr_assert_eq(world_read(pair.server, NULL, 3), 3);
}

static void queue_of_512(struct tpa_api_instance_config *config)
{
    config->tcp.send_queue_entries = 512;
}

static void begin_with_queue_of_512(void)
{
    world_begin(&(struct world_options){.adjust = queue_of_512});
}

TestSuite(queue, .init = begin_with_queue_of_512, .fini = world_end);

/* The queue of 512 entries takes 512 iovs, all or none. */
Test(queue, a_write_takes_all_iovs_or_none)
{
    static struct tpa_iovec iovs[1025];
    struct world_pair pair = world_pair(NULL);
    char *region = region_make();

    for (int i = 0; i < 1025; i++)
        iovs[i] = iov_of(region + i, 1, 1);
    EXPECT_ERRNO(tpa_zwritev(pair.client, iovs, 1025), EINVAL);
    EXPECT_ERRNO(tpa_zwritev(pair.client, iovs, -1), EINVAL);
    EXPECT_ERRNO(tpa_zwritev(pair.client, NULL, 1), EINVAL);
    EXPECT_ERRNO(tpa_zwritev(pair.client, iovs, 513), EAGAIN);
    world_run(10);
    cr_assert_eq(completed, 0);
    cr_assert_eq(tpa_zwritev(pair.client, iovs, 512), 512, "%s", strerror(errno));
    EXPECT_ERRNO(tpa_zwritev(pair.client, iovs, 1), EAGAIN);
    EXPECT_ERRNO(tpa_write(pair.client, "x", 1), EAGAIN);
    world_run(50);
    cr_assert_eq(completed, 512);
    cr_assert_eq(world_read(pair.server, NULL, 512), 512);
    region_end(region);
}

/* More than the send buffer ever takes: as the guide says, EAGAIN for ever. */
Test(data, a_write_larger_than_the_send_buffer_is_EAGAIN)
{
    struct world_pair pair = world_pair(NULL);
    size_t length = 64 << 20;
    char *bytes = calloc(1, length);

    EXPECT_ERRNO(tpa_write(pair.client, bytes, length), EAGAIN);
    world_write(pair.client, bytes, 100);
    free(bytes);
}

Test(data, calls_on_a_sock_that_is_not_established)
{
    struct tpa_iovec iov = iov_of("x", 1, 0);
    int sid;

    world_listen();
    sid = world_connect();
    EXPECT_ERRNO(tpa_write(sid, "x", 1), ENOTCONN);
    EXPECT_ERRNO(tpa_zwritev(sid, &iov, 1), ENOTCONN);
    EXPECT_ERRNO(tpa_zreadv(sid, &iov, 1), ENOTCONN);
}

Test(data, calls_on_a_sock_that_is_closed)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_sock_info info;
    struct tpa_iovec iov = iov_of("x", 1, 0);

    tpa_close(pair.client);
    EXPECT_ERRNO(tpa_write(pair.client, "x", 1), EBADF);
    EXPECT_ERRNO(tpa_zwritev(pair.client, &iov, 1), EBADF);
    EXPECT_ERRNO(tpa_zreadv(pair.client, &iov, 1), EBADF);
    EXPECT_ERRNO(tpa_sock_info_get(pair.client, &info), EINVAL);
    errno = 0;
    tpa_close(pair.client);
    cr_assert_eq(errno, EINVAL);
    tpa_close(pair.server);
    world_settle();
    EXPECT_ERRNO(tpa_write(pair.client, "x", 1), EPIPE);
    EXPECT_ERRNO(tpa_zreadv(pair.client, &iov, 1), EINVAL);
}

static void expect_no_sock(int sid)
{
    struct tpa_sock_info info;
    struct tpa_iovec iov = iov_of("x", 1, 0);

    EXPECT_ERRNO(tpa_write(sid, "x", 1), EPIPE);
    EXPECT_ERRNO(tpa_zwritev(sid, &iov, 1), EINVAL);
    EXPECT_ERRNO(tpa_zreadv(sid, &iov, 1), EINVAL);
    EXPECT_ERRNO(tpa_sock_info_get(sid, &info), EINVAL);
    errno = 0;
    tpa_close(sid);
    cr_assert_eq(errno, EINVAL);
}

Test(data, calls_with_a_bad_sid)
{
    expect_no_sock(-1);
    expect_no_sock(0);
    expect_no_sock(WORLD_SIDS);
    expect_no_sock(INT32_MAX);
    expect_no_sock(INT32_MIN);
}

static void *stranger(void *parameter)
{
    expect_no_sock(*(int *)parameter);
    EXPECT_ERRNO(tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT, NULL), ENFILE);
    EXPECT_ERRNO(tpa_listen_on(NULL, 81, NULL), ENFILE);
    cr_assert_eq(tpa_accept_burst(world.client.workers[0], parameter, 1), 0);
    cr_assert_eq(tpa_event_poll(world.client.workers[0], &(struct tpa_event){0}, 1), 0);
    return NULL;
}

Test(data, calls_from_another_thread)
{
    int listener;
    struct world_pair pair = world_pair(&listener);
    pthread_t thread;

    pthread_create(&thread, NULL, stranger, &pair.client);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, stranger, &listener);
    pthread_join(thread, NULL);
    world_transfer(pair.client, pair.server, 1000);
}

Test(data, a_write_on_a_listener)
{
    int listener = world_listen();

    EXPECT_ERRNO(tpa_write(listener, "x", 1), EPIPE);
    EXPECT_ERRNO(tpa_zreadv(listener, &(struct tpa_iovec){0}, 1), EINVAL);
}

/* ---- Reading ---- */

static ssize_t arrive_and_read(struct world_pair pair, const char *text, struct tpa_iovec *iovs,
                               int nr_iov)
{
    world_write(pair.client, text, strlen(text));
    world_settle();
    return tpa_zreadv(pair.server, iovs, nr_iov);
}

static void give_back(const struct tpa_iovec *iov)
{
    iov->iov_read_done(iov->iov_base, iov->iov_param);
}

Test(data, a_read_fills_every_field)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_iovec iov;

    memset(&iov, 0xff, sizeof(iov));
    cr_assert_eq(arrive_and_read(pair, "text", &iov, 1), 4);
    cr_assert_eq(iov.iov_len, 4);
    cr_assert_eq(memcmp(iov.iov_base, "text", 4), 0);
    cr_assert_neq(iov.iov_phys, 0);
    cr_assert_eq(iov.iov_reserved, 0);
    cr_assert_not_null(iov.iov_read_done);
    ((char *)iov.iov_base)[iov.iov_len] = '\0'; /* as a telnet does */
    cr_assert_str_eq(iov.iov_base, "text");
    give_back(&iov);
}

Test(data, a_read_of_no_iov_is_refused)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_iovec iov;

    EXPECT_ERRNO(tpa_zreadv(pair.server, &iov, 0), EINVAL);
    EXPECT_ERRNO(tpa_zreadv(pair.server, &iov, -1), EINVAL);
    EXPECT_ERRNO(tpa_zreadv(pair.server, NULL, 1), EINVAL);
    EXPECT_ERRNO(tpa_zreadv(pair.server, &iov, 1), EAGAIN);
}

/* A byte behind each payload may be written, also where the packet filled its buffer. */
Test(data, buffers_stay_until_they_are_given_back_in_any_order)
{
    enum {
        COUNT = 40
    };
    struct world_pair pair = world_pair(NULL);
    static char bytes[COUNT * 1000];
    struct tpa_iovec iovs[COUNT];
    size_t sum = 0;
    int count = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i / 7);
    world_write(pair.client, bytes, sizeof(bytes));
    world_run(10);
    while (sum < sizeof(bytes)) {
        ssize_t length = tpa_zreadv(pair.server, &iovs[count], 1);

        cr_assert_gt(length, 0, "%s", strerror(errno));
        cr_assert_eq(length, iovs[count].iov_len);
        sum += iovs[count++].iov_len;
    }
    for (int i = 0; i < count; i++)
        ((char *)iovs[i].iov_base)[iovs[i].iov_len] = '\0';
    sum = 0;
    for (int i = 0; i < count; i++) {
        cr_assert_eq(memcmp(iovs[i].iov_base, bytes + sum, iovs[i].iov_len), 0);
        sum += iovs[i].iov_len;
    }
    for (int i = 1; i < count; i += 2)
        give_back(&iovs[i]);
    for (int i = (count - 1) & ~1; i >= 0; i -= 2)
        give_back(&iovs[i]);
}

Test(data, buffers_outlive_their_sock)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_iovec iov;

    cr_assert_eq(arrive_and_read(pair, "stays", &iov, 1), 5);
    tpa_close(pair.server);
    tpa_close(pair.client);
    world_run(120 * SECOND);
    cr_assert_eq(world.server.workers[0]->counters.socks, 0);
    cr_assert_eq(memcmp(iov.iov_base, "stays", 5), 0);
    give_back(&iov);
}

static void *giver(void *parameter)
{
    give_back(parameter);
    return NULL;
}

Test(data, buffers_can_be_given_back_by_another_thread)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_iovec iov;
    pthread_t thread;

    cr_assert_eq(arrive_and_read(pair, "there", &iov, 1), 5);
    pthread_create(&thread, NULL, giver, &iov);
    pthread_join(thread, NULL);
    cr_assert_gt(world.server.workers[0]->tcp.receive_budget.used, 0, "the worker's step frees it");
    world_step();
    cr_assert_eq(world.server.workers[0]->tcp.receive_budget.used, 0);
}

/* An echo server: what it read it hands on, callbacks and all. */
Test(data, what_was_read_can_be_written_as_it_is)
{
    struct world_pair pair = world_pair(NULL);
    static char bytes[30000], got[sizeof(bytes)];
    struct tpa_iovec iovs[16];
    size_t echoed = 0;
    ssize_t length;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i / 5);
    world_write(pair.client, bytes, sizeof(bytes));
    while (echoed < sizeof(bytes)) {
        world_run(1);
        length = tpa_zreadv(pair.server, iovs, 16);
        if (length > 0) {
            size_t sum = 0;
            int count = 0;

            while (sum < (size_t)length)
                sum += iovs[count++].iov_len;
            cr_assert_eq(tpa_zwritev(pair.server, iovs, count), length, "%s", strerror(errno));
            echoed += (size_t)length;
        }
    }
    world_run(10);
    cr_assert_eq(world_read(pair.client, got, sizeof(got)), sizeof(bytes));
    cr_assert_eq(memcmp(bytes, got, sizeof(bytes)), 0);
    world_run(10);
    cr_assert_eq(world.server.workers[0]->tcp.receive_budget.used, 0, "given back by the ACK");
}

/* A reader that never reads stops its sender, and nobody else. */
Test(data, a_slow_reader_holds_its_sender_back_alone)
{
    struct world_pair slow = world_pair(NULL), other;
    static const char bytes[16000];
    size_t sent = 0, got = 0;

    other.client = world_connect();
    world_settle();
    other.server = world_accept();
    for (int i = 0; i < 3000; i++) {
        if (tpa_write(slow.client, bytes, sizeof(bytes)) > 0)
            sent += sizeof(bytes);
        world_step();
    }
    EXPECT_ERRNO(tpa_write(slow.client, bytes, sizeof(bytes)), EAGAIN);
    world_transfer(other.client, other.server, 1000000);
    while (got < sent) {
        ssize_t length = world_read(slow.server, NULL, SIZE_MAX);

        got += length > 0 ? (size_t)length : 0;
        world_run(1);
    }
    cr_assert_eq(got, sent);
}
