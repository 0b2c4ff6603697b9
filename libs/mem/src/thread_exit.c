#include "thread_exit.h"

void tpa_mem_thread_exit_arm(struct tpa_mem_thread_exit *hook, void *argument)
{
    int state;

    pthread_mutex_lock(&hook->lock);
    if (hook->state == 0)
        hook->state = pthread_key_create(&hook->key, hook->undo) == 0 ? 1 : -1;
    state = hook->state;
    pthread_mutex_unlock(&hook->lock);
    if (state == 1)
        pthread_setspecific(hook->key, argument);
}
