/*
 * What comes to a listener, at the worker that its connections belong to.
 *
 * A listener holds at most instance->syn_backlog half-open connections at a worker, and
 * listen_backlog together with those that are established and not accepted yet. SYNs beyond are
 * answered by cookies (RFC 4987), which cost a packet and no memory, for as long as there is room
 * in the accept queue.
 */
#ifndef TPA_API_PASSIVE_H
#define TPA_API_PASSIVE_H

#include <tpa/tcp/connection.h>

#include "arrival.h"
#include "listener.h"

/* How exactly the time of the last cookie is known, in ns: so seldom is the listener, which others
 * read, written. */
#define TPA_API_COOKIES_INTERVAL UINT64_C(1000000000)

/* A SYN; takes the packet. */
void tpa_api_passive_syn(struct tpa_worker *worker, struct tpa_api_listener *listener,
                         struct tpa_api_arrival *arrival);

/* The acknowledgement of a cookie, checked; takes the packet. `syn`: what tpa_tcp_cookie_check()
 * found. */
void tpa_api_passive_cookie(struct tpa_worker *worker, struct tpa_api_listener *listener,
                            struct tpa_api_arrival *arrival, const struct tpa_tcp_segment *syn);

/* Whether an acknowledgement of a cookie of this listener may come. If not, there is nothing to
 * guess. */
static inline bool tpa_api_cookies_are_out(const struct tpa_api_listener *listener, uint64_t now)
{
    uint64_t last = atomic_load_explicit(&listener->cookies_at, memory_order_relaxed);

    return last != 0 &&
           (int64_t)(now - last) <= (int64_t)(TPA_TCP_COOKIE_AGE_MAX + TPA_API_COOKIES_INTERVAL);
}

#endif
