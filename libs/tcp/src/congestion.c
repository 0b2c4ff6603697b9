#include <tpa/tcp/congestion.h>

#include <string.h>

#include <tpa/base/error.h>

#include "congestion_table.h"

/*
 * What programs have added: a name in the configuration has to lead to code, wherever in the
 * process that code is, as it does for the table of those built in. Slots are filled once, in
 * order, and never change again.
 */
static const struct tpa_tcp_congestion *registered[TPA_TCP_CONGESTION_REGISTERED_MAX];

const struct tpa_tcp_congestion *tpa_tcp_congestion_find(const char *name)
{
    for (size_t i = 0; tpa_tcp_congestion_table[i] != NULL; i++) {
        if (strcmp(tpa_tcp_congestion_table[i]->name, name) == 0)
            return tpa_tcp_congestion_table[i];
    }
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(registered); i++) {
        const struct tpa_tcp_congestion *algorithm =
            __atomic_load_n(&registered[i], __ATOMIC_ACQUIRE);

        if (algorithm == NULL)
            return NULL;
        if (strcmp(algorithm->name, name) == 0)
            return algorithm;
    }
    return NULL;
}

static bool is_complete(const struct tpa_tcp_congestion *algorithm)
{
    return algorithm->name != NULL && algorithm->name[0] != '\0' &&
           algorithm->state_size <= TPA_TCP_CONGESTION_STATE_SIZE && algorithm->init != NULL &&
           algorithm->on_ack != NULL && algorithm->on_loss_event != NULL &&
           algorithm->on_exit_recovery != NULL && algorithm->on_rto != NULL &&
           algorithm->on_idle != NULL && algorithm->on_spurious != NULL;
}

int tpa_tcp_congestion_register(const struct tpa_tcp_congestion *algorithm)
{
    if (!is_complete(algorithm))
        return TPA_EINVAL;
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(registered); i++) {
        const struct tpa_tcp_congestion *expected = NULL;

        /* Again for each slot: another thread may have taken the one before with the same name. */
        if (tpa_tcp_congestion_find(algorithm->name) != NULL)
            return TPA_EEXIST;
        if (__atomic_compare_exchange_n(&registered[i], &expected, algorithm, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return 0;
    }
    return TPA_ENOSPC;
}

int tpa_tcp_congestion_states_init(struct tpa_tcp_congestion_states *states,
                                   const struct tpa_mem_chunk_source *source)
{
    int error = tpa_mem_slab_init(&states->small, source, TPA_TCP_CONGESTION_STATE_SMALL, 8, 0);

    if (error != 0)
        return error;
    return tpa_mem_slab_init(&states->large, source, TPA_TCP_CONGESTION_STATE_SIZE, 8, 0);
}

int tpa_tcp_congestion_states_destroy(struct tpa_tcp_congestion_states *states)
{
    if (states->small.in_use != 0 || states->large.in_use != 0)
        return TPA_EBUSY;
    tpa_mem_slab_destroy(&states->small);
    return tpa_mem_slab_destroy(&states->large);
}

static struct tpa_mem_slab *slab_of(struct tpa_tcp_congestion_states *states,
                                    const struct tpa_tcp_congestion *algorithm)
{
    return algorithm->state_size <= TPA_TCP_CONGESTION_STATE_SMALL ? &states->small
                                                                   : &states->large;
}

/* The zeroed private state of an algorithm in *state, NULL if it has none. 0; TPA_ENOMEM. */
static int state_alloc(const struct tpa_tcp_congestion *algorithm,
                       struct tpa_tcp_congestion_states *states, void **state)
{
    *state = NULL;
    if (algorithm->state_size == 0)
        return 0;
    *state = tpa_mem_slab_alloc(slab_of(states, algorithm));
    if (*state == NULL)
        return TPA_ENOMEM;
    memset(*state, 0, algorithm->state_size);
    return 0;
}

static void leave(struct tpa_tcp_window *window, struct tpa_tcp_congestion_states *states)
{
    if (window->algorithm == NULL)
        return;
    if (window->algorithm->fini != NULL)
        window->algorithm->fini(window);
    if (window->state != NULL)
        tpa_mem_slab_free(slab_of(states, window->algorithm), window->state);
    window->algorithm = NULL;
    window->state = NULL;
}

int tpa_tcp_window_init(struct tpa_tcp_window *window, const struct tpa_tcp_congestion *algorithm,
                        struct tpa_tcp_congestion_states *states, uint32_t mss,
                        uint32_t cwnd_initial, uint32_t cwnd_max, uint64_t now)
{
    void *state;

    if (state_alloc(algorithm, states, &state) != 0)
        return TPA_ENOMEM;
    *window = (struct tpa_tcp_window){
        .algorithm = algorithm,
        .state = state,
        .ssthresh = TPA_TCP_SSTHRESH_INFINITE,
        .mss = mss,
        .cwnd_max = TPA_BASE_MAX(cwnd_max, mss),
    };
    window->cwnd_initial = TPA_BASE_MIN(TPA_BASE_MAX(cwnd_initial, mss), window->cwnd_max);
    window->cwnd = window->cwnd_initial;
    algorithm->init(window, now);
    return 0;
}

int tpa_tcp_window_switch(struct tpa_tcp_window *window, const struct tpa_tcp_congestion *algorithm,
                          struct tpa_tcp_congestion_states *states, uint64_t now)
{
    void *state;

    if (state_alloc(algorithm, states, &state) != 0)
        return TPA_ENOMEM;
    leave(window, states);
    window->algorithm = algorithm;
    window->state = state;
    window->acked = 0;
    /* What the old one remembered, the new one can't take back. */
    window->prior_cwnd = 0;
    algorithm->init(window, now);
    return 0;
}

void tpa_tcp_window_fini(struct tpa_tcp_window *window, struct tpa_tcp_congestion_states *states)
{
    leave(window, states);
}

void tpa_tcp_window_set_mss(struct tpa_tcp_window *window, uint32_t mss, uint32_t cwnd_initial)
{
    window->mss = mss;
    window->cwnd_max = TPA_BASE_MAX(window->cwnd_max, mss);
    window->cwnd_initial = TPA_BASE_MIN(TPA_BASE_MAX(cwnd_initial, mss), window->cwnd_max);
    window->cwnd = TPA_BASE_MAX(window->cwnd, mss);
}
