/* tpa_init and what comes right after it. Criterion gives each test a process of its own. */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tpa.h>

#define LOOP                                                                           \
    "net { name=loop; ip=10.0.0.1/24; ip6=fd00::1/64; } dpdk { mbuf_mem_size=32MB; } " \
    "mem { no_huge=1; } "

/* Runs tpa_init with this configuration; what it wrote to stderr stands in `said` afterwards. */
static char said[4096];

static int init_with(const char *configuration, int workers)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO), result, error;
    size_t length;

    setenv("TPA_CFG", configuration, 1);
    dup2(fileno(file), STDERR_FILENO);
    errno = 0;
    result = tpa_init(workers);
    error = errno;
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    length = fread(said, 1, sizeof(said) - 1, file);
    said[length] = '\0';
    fclose(file);
    errno = error;
    return result;
}

static void expect_refused(const char *configuration, int workers, const char *reason)
{
    char *end;

    cr_assert_eq(init_with(configuration, workers), -1, "%s was taken", configuration);
    cr_expect_not_null(strstr(said, reason), "said \"%s\", not \"%s\"", said, reason);
    cr_expect_eq(strncmp(said, "tpa_init: ", 10), 0, "%s", said);
    end = strchr(said, '\n');
    cr_expect(end != NULL && end[1] == '\0', "not one line: %s", said);
    cr_expect_neq(errno, 0);
}

/* Each is refused, and the next one is tried in the same process. */
Test(start, refuses_what_can_not_work)
{
    expect_refused(LOOP, 0, "0 workers");
    expect_refused(LOOP, -1, "-1 workers");
    expect_refused(LOOP, 33, "33 workers");
    expect_refused(LOOP "nonsense { a=1; }", 1, "invalid option name: nonsense.a");
    expect_refused(LOOP "tcp { tso=maybe; }", 1, "tcp.tso");
    expect_refused(LOOP "tcp { tso=maybe; }", 1, "invalid option value");
    expect_refused(LOOP "tcp { tso=1", 1, "TPA_CFG");
    expect_refused("net { name=loop; ip=10.0.0; }", 1, "net.ip");
    expect_refused("net { name=loop; ip=10.0.0.1; }", 1, "net.mask");
    expect_refused(LOOP "log { file=/nonexistent/tpa.log; }", 1, "/nonexistent/tpa.log");
}

Test(start, refuses_to_start_without_an_address)
{
    expect_refused("mem { no_huge=1; }", 1, "net.ip");
}

Test(start, refuses_a_port_without_an_address)
{
    expect_refused("net { name=loop; mtu=1500; } dpdk { mbuf_mem_size=32MB; }", 1, "no address");
}

Test(start, refuses_a_port_that_is_not_there)
{
    expect_refused("net { ip=10.0.0.1/24; } dpdk { mbuf_mem_size=32MB; } mem { no_huge=1; }", 1,
                   "there is no port");
}

Test(start, refuses_budgets_that_do_not_add_up)
{
    expect_refused(LOOP "mem { rcv_budget=1G; }", 1, "budget");
}

Test(start, refuses_too_few_packets_for_the_workers)
{
    expect_refused(LOOP, 16, "dpdk.mbuf_mem_size");
}

Test(start, refuses_an_unknown_congestion_control)
{
    expect_refused(LOOP "tcp { congestion=none-such; }", 1, "none-such");
}

/* A start that was refused can be tried again; one that worked can't. */
Test(start, happens_once)
{
    expect_refused(LOOP "nonsense { a=1; }", 1, "nonsense");
    cr_assert_eq(init_with(LOOP, 1), 0, "%s", said);
    expect_refused(LOOP, 1, "called before");
    cr_assert_eq(errno, EEXIST);
}

Test(start, no_call_works_before_it)
{
    struct tpa_event event;
    int sid;

    errno = 0;
    cr_assert_null(tpa_worker_init());
    cr_assert_eq(errno, EINVAL);
    cr_assert_null(tpa_memsegs_get());
    cr_assert_eq(tpa_connect_to("10.0.0.1", 80, NULL), -1);
    cr_assert_eq(errno, ENFILE);
    cr_assert_eq(tpa_listen_on(NULL, 80, NULL), -1);
    cr_assert_eq(errno, ENFILE);
    cr_assert_eq(tpa_accept_burst(NULL, &sid, 1), 0);
    cr_assert_eq(tpa_event_poll(NULL, &event, 1), 0);
    cr_assert_eq(tpa_event_ctrl(0, TPA_EVENT_CTRL_ADD, &event), -1);
    cr_assert_eq(tpa_write(0, "x", 1), -1);
    cr_assert_eq(errno, EPIPE);
    cr_assert_eq(tpa_extmem_register(&event, 4096, NULL, 1, 4096), -1);
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    tpa_close(0);
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    tpa_worker_run(NULL);
    cr_assert_eq(errno, EINVAL);
}

static void *other_worker(void *worker)
{
    errno = 0;
    tpa_worker_run(worker);
    cr_expect_eq(errno, EINVAL, "it is another thread's");
    cr_expect_null(tpa_worker_init());
    cr_expect_eq(errno, ENOSPC);
    return NULL;
}

Test(start, a_thread_has_one_worker_and_there_are_as_many_as_said)
{
    struct tpa_worker *worker;
    pthread_t thread;

    cr_assert_eq(init_with(LOOP, 1), 0, "%s", said);
    worker = tpa_worker_init();
    cr_assert_not_null(worker);
    errno = 0;
    cr_assert_null(tpa_worker_init());
    cr_assert_eq(errno, EEXIST);
    pthread_create(&thread, NULL, other_worker, worker);
    pthread_join(thread, NULL);
}

/* A server and a client in one program; bounded by a number of steps. */
static void talk_to_itself(struct tpa_worker *worker)
{
    struct tpa_iovec iov;
    int client, server = -1;
    ssize_t length = -1;

    cr_assert_geq(tpa_listen_on(NULL, 80, NULL), 0);
    client = tpa_connect_to("127.0.0.1", 80, NULL);
    cr_assert_geq(client, 0, "%s", strerror(errno));
    for (int i = 0; i < 1000000 && tpa_accept_burst(worker, &server, 1) == 0; i++)
        tpa_worker_run(worker);
    cr_assert_geq(server, 0);
    cr_assert_eq(tpa_write(client, "hello", 5), 5);
    for (int i = 0; i < 1000000 && length < 0; i++) {
        tpa_worker_run(worker);
        length = tpa_zreadv(server, &iov, 1);
    }
    cr_assert_eq(length, 5);
    cr_assert_eq(memcmp(iov.iov_base, "hello", 5), 0);
    iov.iov_read_done(iov.iov_base, iov.iov_param);
}

Test(start, the_loop_needs_no_port)
{
    cr_assert_eq(init_with(LOOP, 1), 0, "%s", said);
    talk_to_itself(tpa_worker_init());
}

/* What a child of this test does; its exit status is the verdict. */
static pid_t program_start(uid_t user)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    if (user != 0 && setuid(user) != 0)
        _exit(2);
    setenv("TPA_CFG", LOOP, 1);
    if (tpa_init(1) != 0 || tpa_worker_init() == NULL)
        _exit(1);
    _exit(tpa_listen_on(NULL, 80, NULL) == 0 ? 0 : 3);
}

static void expect_success(pid_t child)
{
    int status = -1;

    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

Test(start, two_programs_run_at_once)
{
    pid_t first = program_start(0), second = program_start(0);

    expect_success(first);
    expect_success(second);
}

Test(start, an_ordinary_user_needs_no_hugepages)
{
    expect_success(program_start(65534));
}

/* ---- Memory ---- */

enum {
    PAGE = 4096,
    REGION = 4 * PAGE
};

static unsigned int completed;

static void write_done(void *base, void *parameter)
{
    (void)base;
    (void)parameter;
    completed++;
}

static bool has_segment(const void *address)
{
    const struct tpa_memseg *segment = tpa_memsegs_get();

    for (; segment->size != 0; segment++) {
        if (segment->virt_addr == address)
            return true;
    }
    return false;
}

Test(start, memory_of_the_program)
{
    struct tpa_iovec iov = {.iov_phys = 1, .iov_len = REGION, .iov_write_done = write_done};
    struct tpa_worker *worker;
    int client, server;
    char *region;

    cr_assert_eq(init_with(LOOP, 1), 0, "%s", said);
    worker = tpa_worker_init();
    cr_assert_gt(tpa_memsegs_get()->size, 0, "DPDK's own");
    region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_eq(tpa_extmem_register(region, REGION, NULL, 3, PAGE), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(tpa_extmem_register(region + 1, REGION, NULL, 4, PAGE), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(tpa_extmem_register(region, REGION, NULL, 0, PAGE), -1);
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(tpa_extmem_unregister(region, REGION), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(tpa_extmem_register(region, REGION, NULL, 4, PAGE), 0, "%s", strerror(errno));
    cr_assert_eq(tpa_extmem_register(region, PAGE, NULL, 1, PAGE), -1);
    cr_assert_eq(errno, EEXIST);
    cr_assert(has_segment(region));

    cr_assert_geq(tpa_listen_on(NULL, 80, NULL), 0);
    client = tpa_connect_to("10.0.0.1", 80, NULL);
    for (int i = 0; i < 1000000 && tpa_accept_burst(worker, &server, 1) == 0; i++)
        tpa_worker_run(worker);
    iov.iov_base = region;
    cr_assert_eq(tpa_zwritev(client, &iov, 1), REGION, "%s", strerror(errno));
    cr_assert_eq(tpa_extmem_unregister(region, REGION), -1);
    cr_assert_eq(errno, EBUSY);
    for (int i = 0; i < 100000000 && completed == 0; i++)
        tpa_worker_run(worker);
    cr_assert_eq(completed, 1);
    cr_assert_eq(tpa_extmem_unregister(region, REGION), 0, "%s", strerror(errno));
    cr_assert_not(has_segment(region));
    cr_assert_eq(tpa_zwritev(client, &iov, 1), -1);
    cr_assert_eq(errno, EINVAL);
}
