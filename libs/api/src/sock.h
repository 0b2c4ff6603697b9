/*
 * A sock: a connection with its place in the tables, its way out, and what its program wants to
 * hear.
 */
#ifndef TPA_API_SOCK_H
#define TPA_API_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/list.h>
#include <tpa/event/queue.h>
#include <tpa/ip/ip.h>
#include <tpa/tcp/connection.h>

#include "flow.h"
#include "listener.h"

enum {
    TPA_API_SOCK_PENDING = 1 << 0, /* opened by a peer and not accepted yet: `pending` is valid */
    TPA_API_SOCK_CLOSED = 1 << 1,  /* the program has closed it */
    TPA_API_SOCK_HOLDS_PORT = 1 << 2, /* counted by tpa_api_port_hold */
    TPA_API_SOCK_FIXED_PORT = 1 << 3, /* stands in tpa_api_fixed_ports */
    TPA_API_SOCK_IN_TABLE = 1 << 4,   /* stands in the worker's demux */
    TPA_API_SOCK_HALF_OPEN = 1 << 5,  /* pending, and counted in its listener's half_open */
    TPA_API_SOCK_ORPHAN = 1 << 6,     /* closed, and among the worker's orphans */
};

/* Offsets in bytes. */
struct tpa_api_sock {
    struct tpa_api_flow flow;  /*  0: first, the tables point at it */
    struct tpa_worker *worker; /* 40 */
    struct tpa_ip_path *path;  /* 48 */
    void *listener_data;       /* 56: tpa_sock_info.data */
    union {
        struct tpa_event_source event; /* 64: once it is the program's */
        struct {
            struct tpa_base_list link; /* 64: worker's embryos or its accept queue */
            struct tpa_api_listener *listener;
        } pending;
        struct tpa_base_list orphan_link; /* 64: worker's orphans, once the program has closed it */
    };
    int32_t sid;   /* 96: -1 while pending */
    uint8_t flags; /* 100 */
    struct tpa_tcp_connection tcp;
};

_Static_assert(offsetof(struct tpa_api_sock, flow) == 0, "tables point at it");
_Static_assert(offsetof(struct tpa_api_sock, event) == 64, "first line: what every segment reads");

/* A connection in TIME-WAIT whose sock is gone. */
struct tpa_api_time_wait {
    struct tpa_api_flow flow;
    struct tpa_tcp_time_wait tcp;
    struct tpa_base_list link; /* in order of deadlines */
    uint8_t flags;             /* HOLDS_PORT, FIXED_PORT */
};

/* At a sid stands a sock, or a listener with the lowest bit of its pointer set. */
static inline struct tpa_api_sock *tpa_api_object_sock(void *object)
{
    return ((uintptr_t)object & 1) != 0 ? NULL : object;
}

static inline struct tpa_api_listener *tpa_api_object_listener(void *object)
{
    if (((uintptr_t)object & 1) == 0)
        return NULL;
    return (struct tpa_api_listener *)((uintptr_t)object & ~(uintptr_t)1);
}

static inline void *tpa_api_listener_object(struct tpa_api_listener *listener)
{
    return (void *)((uintptr_t)listener | 1);
}

/* A new sock of this worker that stands in no table: path, flow and TCP are the caller's to set.
 * NULL: no memory, or the limit of socks. */
struct tpa_api_sock *tpa_api_sock_create(struct tpa_worker *worker);

/* Gives all that it holds back, its sid too. TCP says nothing to the peer. */
void tpa_api_sock_destroy(struct tpa_api_sock *sock);

/* Whether a read would say something else than EAGAIN: data, the end of the stream, or an error. */
static inline bool tpa_api_sock_readable(const struct tpa_api_sock *sock)
{
    switch (tpa_tcp_connection_state(&sock->tcp)) {
    case TPA_TCP_CLOSE_WAIT:
    case TPA_TCP_CLOSING:
    case TPA_TCP_LAST_ACK:
    case TPA_TCP_TIME_WAIT:
    case TPA_TCP_CLOSED:
        return true;
    default:
        return tpa_tcp_receive_pending(&sock->tcp) > 0;
    }
}

/* Makes it the program's: a sid, and events for what is ready already. 0; TPA_ENFILE. */
int tpa_api_sock_hand_over(struct tpa_api_sock *sock);

/* Takes a sock whose TCP is in TIME-WAIT apart: a small record stays. */
void tpa_api_sock_enter_time_wait(struct tpa_api_sock *sock);

/* Forgets connections whose TIME-WAIT is over; a bounded number a call. */
void tpa_api_time_wait_expire(struct tpa_worker *worker);
void tpa_api_time_wait_destroy(struct tpa_worker *worker, struct tpa_api_time_wait *time_wait);

/*
 * Socks that their programs have closed, and that have something left to send or to wait for. They
 * are bounded in number (instance->orphans_max), and while copied data has nearly used up its
 * budget those whose peers keep the window closed go (RFC 6429): nobody else would end them. The
 * oldest go first, by a reset.
 */
void tpa_api_orphan_add(struct tpa_api_sock *sock);
void tpa_api_orphan_forget(struct tpa_api_sock *sock);
void tpa_api_orphans_reap(struct tpa_worker *worker);

/* What TCP has to say about its connections since the last call: events, accept queue, ends. */
void tpa_api_signals_process(struct tpa_worker *worker);

/* Drops what this worker has not accepted of listeners that were closed. */
void tpa_api_pending_purge(struct tpa_worker *worker);

/* Ends all that the worker has, without a word to any peer. */
void tpa_api_socks_drop_all(struct tpa_worker *worker);

#endif
