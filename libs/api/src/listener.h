/*
 * Listeners: found by local port and address by every worker, opened and closed by any.
 *
 * A worker reads the table without a lock; a listener that is closed leaves the table at once and
 * is freed when every worker has been through tpa_api_listeners_settle() since, that is when none
 * can be in the middle of a step that found it, and each has dropped what it had not accepted yet.
 */
#ifndef TPA_API_LISTENER_H
#define TPA_API_LISTENER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tpa/api/instance.h>
#include <tpa/base/address.h>

enum tpa_api_family {
    TPA_API_IPV4 = 1,
    TPA_API_IPV6 = 2
};

struct tpa_api_listener {
    _Atomic(struct tpa_api_listener *) next;     /* of the same port */
    struct tpa_base_address local;               /* meaningful unless any_address */
    struct tpa_worker *worker;                   /* in whose thread it was opened */
    void *data;                                  /* the program's */
    const struct tpa_tcp_congestion *congestion; /* of what it accepts; NULL = as configured */
    int sid;
    uint16_t port; /* host order */
    bool any_address;
    bool scaling;
    uint8_t families; /* enum tpa_api_family, or'ed */
    _Atomic bool closed;
    uint32_t settled; /* workers that have dropped what they had of it; under the lock */
    struct tpa_api_listener *next_closed;
    /* Opens of this listener that were not accepted yet, by worker; each changed by its worker
     * alone. */
    uint32_t pending[TPA_API_WORKERS_MAX];
    uint32_t half_open[TPA_API_WORKERS_MAX]; /* those among them whose SYN-ACK has no answer yet */
    _Atomic uint64_t cookies_at; /* ns: when a SYN was last answered by a cookie, to within
                                    TPA_API_COOKIES_INTERVAL; 0 = never */
};

struct tpa_api_listeners {
    _Atomic(struct tpa_api_listener *) *by_port;
    struct tpa_api_listener *closed; /* under the lock */
    _Atomic uint32_t generation;     /* moves with each close */
    _Atomic bool locked;
};

int tpa_api_listeners_init(struct tpa_api_listeners *listeners);
/* Frees all listeners that are left. */
void tpa_api_listeners_fini(struct tpa_api_listeners *listeners);

/* Adds a listener allocated with malloc. 0; TPA_EADDRINUSE: another one takes some of the same
 * connections. */
int tpa_api_listeners_add(struct tpa_api_listeners *listeners, struct tpa_api_listener *listener);

/* Takes a listener out of the table; it is freed later. */
void tpa_api_listeners_close(struct tpa_api_listeners *listeners,
                             struct tpa_api_listener *listener);

/* Worker `index` has dropped all it had of closed listeners. `workers`: bits of all that exist. */
void tpa_api_listeners_settle(struct tpa_api_listeners *listeners, uint32_t index,
                              uint32_t workers);

/* The listener for a connection to `local` at `port`: one of this very address before one of any.
 */
struct tpa_api_listener *tpa_api_listeners_find(const struct tpa_api_listeners *listeners,
                                                const struct tpa_base_address *local,
                                                uint16_t port);

/* True when anybody listens at this port. */
bool tpa_api_listeners_has_port(const struct tpa_api_listeners *listeners, uint16_t port);

#endif
