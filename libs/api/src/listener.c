#include "listener.h"

#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>

#include "placement.h"

static void lock(struct tpa_api_listeners *listeners)
{
    while (atomic_exchange_explicit(&listeners->locked, true, memory_order_acquire))
        __builtin_ia32_pause();
}

static void unlock(struct tpa_api_listeners *listeners)
{
    atomic_store_explicit(&listeners->locked, false, memory_order_release);
}

int tpa_api_listeners_init(struct tpa_api_listeners *listeners)
{
    memset(listeners, 0, sizeof(*listeners));
    listeners->by_port = calloc(TPA_API_LOCAL_PORTS, sizeof(*listeners->by_port));
    return listeners->by_port == NULL ? TPA_ENOMEM : TPA_OK;
}

static void free_chain(struct tpa_api_listener *listener)
{
    while (listener != NULL) {
        struct tpa_api_listener *next = atomic_load(&listener->next);

        free(listener);
        listener = next;
    }
}

void tpa_api_listeners_fini(struct tpa_api_listeners *listeners)
{
    if (listeners->by_port == NULL)
        return;
    for (uint32_t port = 0; port < TPA_API_LOCAL_PORTS; port++)
        free_chain(atomic_load(&listeners->by_port[port]));
    while (listeners->closed != NULL) {
        struct tpa_api_listener *listener = listeners->closed;

        listeners->closed = listener->next_closed;
        free(listener);
    }
    free((void *)(uintptr_t)listeners->by_port);
    listeners->by_port = NULL;
}

/* Whether there is an address at which both would listen. One of any address and one of a certain
 * address live together: the certain one goes first. */
static bool collide(const struct tpa_api_listener *a, const struct tpa_api_listener *b)
{
    if ((a->families & b->families) == 0 || a->any_address != b->any_address)
        return false;
    return a->any_address || tpa_base_address_equal(&a->local, &b->local);
}

int tpa_api_listeners_add(struct tpa_api_listeners *listeners, struct tpa_api_listener *listener)
{
    _Atomic(struct tpa_api_listener *) *first = &listeners->by_port[listener->port];
    struct tpa_api_listener *other;
    int result = TPA_OK;

    lock(listeners);
    for (other = atomic_load(first); other != NULL; other = atomic_load(&other->next)) {
        if (collide(listener, other))
            result = TPA_EADDRINUSE;
    }
    if (result == TPA_OK) {
        atomic_store(&listener->next, atomic_load(first));
        atomic_store(first, listener);
    }
    unlock(listeners);
    return result;
}

/* A reader that stands at the listener still finds the rest of the chain by its next pointer. */
void tpa_api_listeners_close(struct tpa_api_listeners *listeners, struct tpa_api_listener *listener)
{
    _Atomic(struct tpa_api_listener *) *link = &listeners->by_port[listener->port];

    lock(listeners);
    while (atomic_load(link) != listener)
        link = &atomic_load(link)->next;
    atomic_store(link, atomic_load(&listener->next));
    atomic_store(&listener->closed, true);
    listener->next_closed = listeners->closed;
    listeners->closed = listener;
    unlock(listeners);
    atomic_fetch_add(&listeners->generation, 1);
}

void tpa_api_listeners_settle(struct tpa_api_listeners *listeners, uint32_t index, uint32_t workers)
{
    struct tpa_api_listener **link;

    lock(listeners);
    link = &listeners->closed;
    while (*link != NULL) {
        struct tpa_api_listener *listener = *link;

        listener->settled |= UINT32_C(1) << index;
        if ((workers & ~listener->settled) != 0) {
            link = &listener->next_closed;
            continue;
        }
        *link = listener->next_closed;
        free(listener);
    }
    unlock(listeners);
}

struct tpa_api_listener *tpa_api_listeners_find(const struct tpa_api_listeners *listeners,
                                                const struct tpa_base_address *local, uint16_t port)
{
    uint8_t family = tpa_base_address_is_ipv4(local) ? TPA_API_IPV4 : TPA_API_IPV6;
    struct tpa_api_listener *any = NULL;
    struct tpa_api_listener *listener;

    listener = atomic_load_explicit(&listeners->by_port[port], memory_order_acquire);
    for (; listener != NULL;
         listener = atomic_load_explicit(&listener->next, memory_order_acquire)) {
        if ((listener->families & family) == 0)
            continue;
        if (listener->any_address)
            any = listener;
        else if (tpa_base_address_equal(&listener->local, local))
            return listener;
    }
    return any;
}

bool tpa_api_listeners_has_port(const struct tpa_api_listeners *listeners, uint16_t port)
{
    return atomic_load_explicit(&listeners->by_port[port], memory_order_acquire) != NULL;
}
