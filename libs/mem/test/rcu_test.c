#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <tpa/mem/rcu.h>

/* A reader in a thread of its own that does one step whenever the test says so. */
struct reader {
    pthread_t thread;
    atomic_int wanted; /* steps that the test asked for */
    atomic_int done;
    atomic_bool stop;
    bool leaves; /* leaves before its thread ends */
};

static void *reader_run(void *argument)
{
    struct reader *reader = argument;

    tpa_mem_rcu_join();
    tpa_mem_rcu_join();
    atomic_store(&reader->done, 0);
    while (!atomic_load(&reader->stop)) {
        if (atomic_load(&reader->wanted) > atomic_load(&reader->done)) {
            tpa_mem_rcu_quiescent();
            atomic_fetch_add(&reader->done, 1);
        }
        sched_yield();
    }
    if (reader->leaves)
        tpa_mem_rcu_leave();
    return NULL;
}

static void reader_start(struct reader *reader)
{
    atomic_store(&reader->done, -1);
    cr_assert_eq(pthread_create(&reader->thread, NULL, reader_run, reader), 0);
    while (atomic_load(&reader->done) != 0)
        sched_yield();
}

static void reader_stop(struct reader *reader)
{
    atomic_store(&reader->stop, true);
    pthread_join(reader->thread, NULL);
}

static atomic_int reclaimed;

static void count_and_free(void *memory)
{
    free(memory);
    atomic_fetch_add(&reclaimed, 1);
}

static void doze(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* Steps the reader until `count` objects are reclaimed; bounded, so that a failure ends. */
static bool reclaimed_after_steps(struct reader *reader, int count)
{
    for (int i = 0; i < 2000 && atomic_load(&reclaimed) < count; i++) {
        atomic_fetch_add(&reader->wanted, 1);
        doze(1);
    }
    return atomic_load(&reclaimed) == count;
}

Test(rcu, memory_stays_until_the_reader_is_quiescent, .timeout = 20)
{
    struct reader reader = {.leaves = true};

    reader_start(&reader);
    cr_assert_eq(tpa_mem_rcu_defer(malloc(16), count_and_free), 0);
    doze(100);
    cr_expect_eq(atomic_load(&reclaimed), 0, "freed under a reader's eyes");
    cr_expect(reclaimed_after_steps(&reader, 1));
    reader_stop(&reader);
}

Test(rcu, a_stuck_reader_blocks_nobody_who_defers, .timeout = 20)
{
    struct reader reader = {.leaves = true};

    reader_start(&reader);
    tpa_mem_rcu_join();
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(tpa_mem_rcu_defer(malloc(16), count_and_free), 0);
        tpa_mem_rcu_quiescent();
    }
    cr_expect_eq(atomic_load(&reclaimed), 0);
    tpa_mem_rcu_leave();
    cr_expect(reclaimed_after_steps(&reader, 1000));
    reader_stop(&reader);
}

Test(rcu, a_thread_that_ends_has_left, .timeout = 20)
{
    struct reader reader = {.leaves = false};

    reader_start(&reader);
    reader_stop(&reader);
    cr_assert_eq(tpa_mem_rcu_defer(malloc(16), count_and_free), 0);
    tpa_mem_rcu_barrier();
    cr_expect_eq(atomic_load(&reclaimed), 1);
}

Test(rcu, a_barrier_of_a_reader_does_not_wait_for_itself, .timeout = 20)
{
    tpa_mem_rcu_join();
    cr_assert_eq(tpa_mem_rcu_defer(malloc(16), count_and_free), 0);
    tpa_mem_rcu_barrier();
    cr_expect_eq(atomic_load(&reclaimed), 1);
    tpa_mem_rcu_leave();
    tpa_mem_rcu_leave();
}

Test(rcu, nobody_waits_for_a_reader_that_is_offline, .timeout = 20)
{
    struct reader reader = {.leaves = true};

    tpa_mem_rcu_join();
    tpa_mem_rcu_offline();
    reader_start(&reader);
    cr_assert_eq(tpa_mem_rcu_defer(malloc(16), count_and_free), 0);
    cr_expect(reclaimed_after_steps(&reader, 1));
    tpa_mem_rcu_online();
    tpa_mem_rcu_leave();
    reader_stop(&reader);
}

struct object {
    int value;
    struct tpa_mem_rcu_head head;
};

static void free_object(struct tpa_mem_rcu_head *head)
{
    struct object *object = TPA_BASE_CONTAINER_OF(head, struct object, head);

    atomic_fetch_add(&reclaimed, object->value);
    free(object);
}

Test(rcu, an_embedded_head_needs_no_memory, .timeout = 20)
{
    struct object *object = malloc(sizeof(*object));

    object->value = 7;
    tpa_mem_rcu_call(&object->head, free_object);
    tpa_mem_rcu_barrier();
    cr_expect_eq(atomic_load(&reclaimed), 7);
}

static atomic_int signal_thread_is_mine;
static __thread bool is_test_thread;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&signal_thread_is_mine, is_test_thread ? 1 : -1);
}

Test(rcu, the_helper_thread_takes_no_signals, .timeout = 20)
{
    sigset_t usr1;

    is_test_thread = true;
    signal(SIGUSR1, on_signal);
    tpa_mem_rcu_defer(malloc(16), count_and_free);
    tpa_mem_rcu_barrier();

    /* Blocked here, a signal to the process would go to any other thread that takes it. */
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    kill(getpid(), SIGUSR1);
    doze(50);
    cr_expect_eq(atomic_load(&signal_thread_is_mine), 0);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    cr_expect_eq(atomic_load(&signal_thread_is_mine), 1);
}
