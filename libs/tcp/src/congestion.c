#include <tpa/tcp/congestion.h>

#include <string.h>

#include <tpa/base/error.h>

static const struct tpa_tcp_congestion *const algorithms[] = {
    &tpa_tcp_congestion_newreno,
};

const struct tpa_tcp_congestion *tpa_tcp_congestion_find(const char *name)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(algorithms); i++) {
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    }
    return NULL;
}

/* The zeroed private state of an algorithm in *state, NULL if it has none. 0; TPA_ENOMEM. */
static int state_alloc(const struct tpa_tcp_congestion *algorithm, struct tpa_mem_slab *states,
                       void **state)
{
    *state = NULL;
    if (algorithm->state_size == 0)
        return 0;
    *state = tpa_mem_slab_alloc(states);
    if (*state == NULL)
        return TPA_ENOMEM;
    memset(*state, 0, algorithm->state_size);
    return 0;
}

static void leave(struct tpa_tcp_window *window, struct tpa_mem_slab *states)
{
    if (window->algorithm == NULL)
        return;
    if (window->algorithm->fini != NULL)
        window->algorithm->fini(window);
    if (window->state != NULL)
        tpa_mem_slab_free(states, window->state);
    window->algorithm = NULL;
    window->state = NULL;
}

int tpa_tcp_window_init(struct tpa_tcp_window *window, const struct tpa_tcp_congestion *algorithm,
                        struct tpa_mem_slab *states, uint32_t mss, uint32_t cwnd_initial,
                        uint32_t cwnd_max, uint64_t now)
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
                          struct tpa_mem_slab *states, uint64_t now)
{
    void *state;

    if (state_alloc(algorithm, states, &state) != 0)
        return TPA_ENOMEM;
    leave(window, states);
    window->algorithm = algorithm;
    window->state = state;
    algorithm->init(window, now);
    return 0;
}

void tpa_tcp_window_fini(struct tpa_tcp_window *window, struct tpa_mem_slab *states)
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
