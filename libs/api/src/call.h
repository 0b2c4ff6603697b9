/*
 * What the calls of tpa.h have in common: a sid becomes a sock that the calling thread may use, an
 * error value becomes errno.
 */
#ifndef TPA_API_CALL_H
#define TPA_API_CALL_H

#include <errno.h>

#include <tpa.h>
#include <tpa/base/error.h>

#include "worker.h"

/* Sets errno for an enum tpa_error; always -1. */
static inline int tpa_api_fail(int error)
{
    errno = tpa_base_error_errno(error);
    return -1;
}

/* What stands at a sid; NULL for none. Socks and listeners belong to a worker of the calling thread
 * or are none of its business. */
static inline void *tpa_api_call_object(int sid)
{
    struct tpa_worker *current = tpa_api_worker_current();

    return current == NULL ? NULL : tpa_api_sid_object(current->instance->sids, sid);
}

/* The sock at a sid, if this thread may use it and the program has not closed it; else NULL and
 * *error: TPA_EINVAL, TPA_EBADF. */
static inline struct tpa_api_sock *tpa_api_call_sock(int sid, int *error)
{
    struct tpa_api_sock *sock = tpa_api_object_sock(tpa_api_call_object(sid));

    *error = TPA_EINVAL;
    if (sock == NULL || sock->worker == NULL || sock->worker->thread != tpa_api_thread_identity())
        return NULL;
    *error = TPA_EBADF;
    return (sock->flags & TPA_API_SOCK_CLOSED) != 0 ? NULL : sock;
}

/* The control that options ask for, NULL if for none. 0; TPA_EINVAL: there is no such control. */
int tpa_api_congestion_option(const struct tpa_sock_opts *opts,
                              const struct tpa_tcp_congestion **congestion);

/* The instance that tpa_init made; NULL before. */
struct tpa_api_instance *tpa_api_default_instance(void);

#endif
