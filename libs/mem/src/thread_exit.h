/*
 * Running a function when a thread ends that did not undo by itself what was set up for it. A
 * program's worker just returns from its thread's function.
 */
#ifndef TPA_MEM_THREAD_EXIT_H
#define TPA_MEM_THREAD_EXIT_H

#include <pthread.h>

/* One kind of thing to undo; static, made by TPA_MEM_THREAD_EXIT. */
struct tpa_mem_thread_exit {
    void (*undo)(void *argument); /* runs in the thread that ends */
    pthread_mutex_t lock;
    pthread_key_t key;
    int state; /* under the lock: 0 no key yet, 1 there, -1 the system has none left */
};

#define TPA_MEM_THREAD_EXIT(function)                         \
    {                                                         \
        .undo = (function), .lock = PTHREAD_MUTEX_INITIALIZER \
    }

/*
 * Lets `undo` run with `argument` (not NULL) at the end of the calling thread. Where the system
 * has no key left for it, nothing happens: then the thread must undo by itself.
 */
void tpa_mem_thread_exit_arm(struct tpa_mem_thread_exit *hook, void *argument);

#endif
