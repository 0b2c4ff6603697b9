/*
 * Congestion control: a const table of functions over a window.
 *
 * TCP asks only for two numbers, the congestion window and the pacing rate, and tells what
 * happened. An algorithm keeps what all algorithms need in struct tpa_tcp_window and the rest in a
 * private state of its own. It does no loss recovery: which bytes to send again is TCP's matter.
 *
 * Units: bytes of payload, nanoseconds, bytes per second.
 */
#ifndef TPA_TCP_CONGESTION_H
#define TPA_TCP_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/compiler.h>
#include <tpa/mem/slab.h>

TPA_BASE_DECLARATIONS_BEGIN

/* ssthresh before the first loss: "arbitrarily high" (RFC 5681 section 3.1). */
#define TPA_TCP_SSTHRESH_INFINITE UINT32_MAX

/* Bytes of private state that an algorithm may ask for. Those that do with a small one, as the
 * default does, don't pay for the others. */
#define TPA_TCP_CONGESTION_STATE_SMALL 128
#define TPA_TCP_CONGESTION_STATE_SIZE  384

/* Algorithms that a program may add to those that are built in. */
#define TPA_TCP_CONGESTION_REGISTERED_MAX 16

struct tpa_tcp_congestion;

/* A worker's memory for private states. */
struct tpa_tcp_congestion_states {
    struct tpa_mem_slab small; /* objects of TPA_TCP_CONGESTION_STATE_SMALL */
    struct tpa_mem_slab large; /* and of TPA_TCP_CONGESTION_STATE_SIZE */
};

/* One per connection. Only the algorithm writes cwnd and ssthresh; TCP writes mss. */
struct tpa_tcp_window {
    const struct tpa_tcp_congestion *algorithm; /*  0 */
    void *state;       /*  8: the algorithm's own, of algorithm->state_size; NULL if that is 0 */
    uint32_t cwnd;     /* 16: congestion window, >= mss */
    uint32_t ssthresh; /* 20 */
    uint32_t mss;      /* 24: effective send MSS, > 0 */
    uint32_t cwnd_max; /* 28: cwnd never grows beyond */
    uint32_t cwnd_initial; /* 32: initial and restart window (RFC 5681 section 4.1) */
    uint32_t acked;        /* 36: bytes acknowledged since cwnd last grew in congestion avoidance */
    uint32_t prior_cwnd;   /* 40: before the last reduction, for on_spurious; 0 = none */
    uint32_t prior_ssthresh; /* 44 */
};

_Static_assert(sizeof(struct tpa_tcp_window) == 48, "part of each connection");

/*
 * How fast data was delivered (draft-ietf-ccwg-bbr section 4.1), for algorithms that ask for it.
 * The sample is about the newest data that is known to have arrived, from when it was sent until
 * now.
 */
struct tpa_tcp_rate_sample {
    uint64_t delivery_rate;   /* bytes per second; 0 = no reliable sample */
    uint64_t interval;        /* ns: that it was measured over */
    uint64_t total_delivered; /* bytes delivered in the connection's life, */
    uint64_t prior_delivered; /*   and when the data was sent */
    uint32_t delivered;       /* bytes delivered since it was sent */
    uint32_t in_flight;       /* bytes in the network after this acknowledgement (the pipe) */
    uint32_t tx_in_flight;    /* and when the data had been sent */
    uint32_t lost;            /* bytes found lost since it was sent */
    uint32_t newly_delivered; /* bytes delivered since the last sample */
    uint32_t newly_lost; /* bytes found lost since the last sample; the next three are of these */
    uint32_t loss_tx_in_flight; /* bytes in the network when they had been sent; 0 = unknown */
    uint32_t loss_lost;         /* bytes found lost since then */
    bool loss_is_app_limited;   /* as is_app_limited */
    bool is_app_limited;        /* the application, and not the network, limited the rate */
    bool is_selective;          /* the peer's SACKs tell of more than one loss in a round trip */
};

/* What one acknowledgement told. */
struct tpa_tcp_ack_sample {
    uint64_t now;
    uint64_t rtt;                           /* of this acknowledgement; 0 = no sample */
    uint64_t srtt;                          /* smoothed round-trip time; 0 = no sample so far */
    const struct tpa_tcp_rate_sample *rate; /* NULL unless the algorithm has rate_samples */
    uint32_t acked;                         /* bytes by which snd_una advanced */
    uint32_t delivered;  /* bytes that are newly known to have arrived: acknowledged or SACKed */
    uint32_t in_flight;  /* bytes in flight before this acknowledgement */
    uint32_t snd_una;    /* sequence numbers, after it: for rounds, which end when what was sent */
    uint32_t snd_nxt;    /*   at their beginning is acknowledged */
    uint32_t marked;     /* bytes of `acked` that came with the echo of a mark (ECN):
                            cwnd is not to grow (RFC 3168 section 6.1.2) */
    bool window_limited; /* the flight filled cwnd: growth is deserved */
    bool in_recovery;    /* fast recovery goes on: cwnd is not to grow */
    bool after_timeout;  /* acknowledges data that was sent before the last time-out (RFC 3465: L=1)
                          */
};

/* No function may be NULL except fini, on_ecn and pacing_rate. `now` as everywhere. */
struct tpa_tcp_congestion {
    const char *name;    /* as the configuration names it */
    uint32_t state_size; /* bytes of private state, zeroed before init; at most
                            TPA_TCP_CONGESTION_STATE_SIZE */
    bool rate_samples;   /* asks for struct tpa_tcp_rate_sample */
    bool counts_marks;   /* reduces by how much was marked (RFC 8257): asks for ECN unless that is
                            off, the peer is taken to do the same, and sample->marked is exact */

    /* A new connection, once more when its handshake is done (mss and cwnd are known then), or a
     * living one that switches to this algorithm: cwnd and ssthresh hold. */
    void (*init)(struct tpa_tcp_window *window, uint64_t now);
    void (*fini)(struct tpa_tcp_window *window);

    /* Data was acknowledged (sample->acked or ->delivered > 0). */
    void (*on_ack)(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample);

    /* Fast recovery begins; once per loss event, however many segments are lost. `in_flight`: bytes
     * outstanding (RFC 5681's FlightSize). */
    void (*on_loss_event)(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now);

    /* Fast recovery ended: all that was outstanding when it began is acknowledged. `in_flight`:
     * what is outstanding now. */
    void (*on_exit_recovery)(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now);

    /* A retransmission time-out. `repeated`: of a segment that had timed out before (ssthresh
     * holds). */
    void (*on_rto)(struct tpa_tcp_window *window, uint32_t in_flight, bool repeated, uint64_t now);

    /* Sending begins after nothing was sent for `idle`; called if that is more than the RTO. */
    void (*on_idle)(struct tpa_tcp_window *window, uint64_t idle, uint64_t now);

    /* The peer echoed a mark of congestion and nothing is lost: at most once per window of data
     * (RFC 3168 section 6.1.2), not in recovery. May reduce by less than on_loss_event (RFC 8511);
     * cwnd stays at least one mss. NULL: a mark is as good as a loss. */
    void (*on_ecn)(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now);

    /* The last reduction was for nothing: restore. */
    void (*on_spurious)(struct tpa_tcp_window *window, uint64_t now);

    /* Bytes per second to send at; 0 = not paced for now. Asked before each packet. NULL: never
     * paced. */
    uint64_t (*pacing_rate)(const struct tpa_tcp_window *window);
};

/* The default: CUBIC (RFC 9438) with HyStart++ (RFC 9406). */
extern const struct tpa_tcp_congestion tpa_tcp_congestion_cubic;

/* RFC 5681 with appropriate byte counting (RFC 3465). */
extern const struct tpa_tcp_congestion tpa_tcp_congestion_newreno;

/* The algorithm of that name, built in or registered; NULL if there is none. Any thread. */
const struct tpa_tcp_congestion *tpa_tcp_congestion_find(const char *name);

/*
 * Adds an algorithm of the program's own, which is never taken away: from now on
 * tpa_tcp_congestion_find knows it, and so do the configuration and the socks of instances that
 * start later. Any thread. 0; TPA_EINVAL (a function is missing, or state_size is too large),
 * TPA_EEXIST (the name is taken), TPA_ENOSPC (TPA_TCP_CONGESTION_REGISTERED_MAX are there).
 */
int tpa_tcp_congestion_register(const struct tpa_tcp_congestion *algorithm);

/* Takes no memory yet. 0; TPA_EINVAL. */
int tpa_tcp_congestion_states_init(struct tpa_tcp_congestion_states *states,
                                   const struct tpa_mem_chunk_source *source);
/* 0; TPA_EBUSY while windows have states. */
int tpa_tcp_congestion_states_destroy(struct tpa_tcp_congestion_states *states);

/*
 * Sets a window up for a new connection. `states`: the worker's; may be NULL if the algorithm has
 * no private state. `cwnd_initial` in bytes (raised to one mss), `cwnd_max` likewise. 0;
 * TPA_ENOMEM: no state, nothing done.
 */
int tpa_tcp_window_init(struct tpa_tcp_window *window, const struct tpa_tcp_congestion *algorithm,
                        struct tpa_tcp_congestion_states *states, uint32_t mss,
                        uint32_t cwnd_initial, uint32_t cwnd_max, uint64_t now);

/* Exchanges the algorithm of a living connection; cwnd and ssthresh stay. 0; TPA_ENOMEM: the old
 * one goes on. */
int tpa_tcp_window_switch(struct tpa_tcp_window *window, const struct tpa_tcp_congestion *algorithm,
                          struct tpa_tcp_congestion_states *states, uint64_t now);

/* Gives the private state back; the window may be initialised again. Zeroed memory is accepted. */
void tpa_tcp_window_fini(struct tpa_tcp_window *window, struct tpa_tcp_congestion_states *states);

/* The MSS changed (path MTU, end of the handshake): cwnd stays, but not below one mss.
 * `cwnd_initial` as in init. */
void tpa_tcp_window_set_mss(struct tpa_tcp_window *window, uint32_t mss, uint32_t cwnd_initial);

static inline void tpa_tcp_window_on_ecn(struct tpa_tcp_window *window, uint32_t in_flight,
                                         uint64_t now)
{
    if (window->algorithm->on_ecn != NULL)
        window->algorithm->on_ecn(window, in_flight, now);
    else
        window->algorithm->on_loss_event(window, in_flight, now);
}

static inline uint64_t tpa_tcp_window_pacing_rate(const struct tpa_tcp_window *window)
{
    return window->algorithm->pacing_rate != NULL ? window->algorithm->pacing_rate(window) : 0;
}

TPA_BASE_DECLARATIONS_END

#endif
