/*
 * Reno's moves (RFC 5681, 3465, 6582, 7661), for controls that differ from it in some of them.
 *
 * Units and `now` as in congestion.h. Nothing here allocates.
 */
#ifndef TPA_TCP_RENO_H
#define TPA_TCP_RENO_H

#include <tpa/tcp/congestion.h>

TPA_BASE_DECLARATIONS_BEGIN

/* RFC 3465 section 2.3, the limit L in segments: one acknowledgement that covers many makes no
 * burst. After a time-out it is 1. */
#define TPA_TCP_RENO_SLOW_START_LIMIT               2
#define TPA_TCP_RENO_SLOW_START_LIMIT_AFTER_TIMEOUT 1

/* The factors of RFC 5681 and of RFC 8511 for marks, in 1/1024. */
#define TPA_TCP_RENO_BETA     512
#define TPA_TCP_RENO_BETA_ECN 819

/* cwnd grows by `bytes`, up to cwnd_max. */
void tpa_tcp_reno_grow(struct tpa_tcp_window *window, uint32_t bytes);

/* Bytes that slow start adds for this acknowledgement, at most `limit` segments (RFC 3465 section
 * 2.2). */
uint32_t tpa_tcp_reno_slow_start(const struct tpa_tcp_window *window,
                                 const struct tpa_tcp_ack_sample *sample, uint32_t limit);

/* Congestion avoidance: one mss for each cwnd of bytes acknowledged (RFC 3465 section 2.1). */
void tpa_tcp_reno_avoid(struct tpa_tcp_window *window, uint32_t acked);

/* The two of them, by ssthresh. Growth that is not deserved (recovery, a window that is not used)
 * is none. */
void tpa_tcp_reno_on_ack(struct tpa_tcp_window *window, const struct tpa_tcp_ack_sample *sample);

/* What a factor in 1/1024 leaves of `bytes`, at least `segments_min` of them. */
uint32_t tpa_tcp_reno_scaled(const struct tpa_tcp_window *window, uint32_t bytes, uint32_t factor,
                             uint32_t segments_min);

/* Remembers cwnd and ssthresh for tpa_tcp_reno_on_spurious. */
void tpa_tcp_reno_remember(struct tpa_tcp_window *window);

/* ssthresh and cwnd become `ssthresh`; what they were is remembered. */
void tpa_tcp_reno_reduce(struct tpa_tcp_window *window, uint32_t ssthresh);

/* RFC 6582 section 3.2, step 3, first way: no burst where the flight has drained. */
void tpa_tcp_reno_on_exit_recovery(struct tpa_tcp_window *window, uint32_t in_flight, uint64_t now);

/* RFC 5681 section 3.1: one segment; `ssthresh` is taken unless the time-out is `repeated`. */
void tpa_tcp_reno_time_out(struct tpa_tcp_window *window, uint32_t ssthresh, bool repeated);

/* RFC 5681 section 4.1: the restart window. So that slow start leads back to where the window was,
 * ssthresh is raised to three quarters of it (RFC 7661 section 4.4.3). */
void tpa_tcp_reno_on_idle(struct tpa_tcp_window *window, uint64_t idle, uint64_t now);

/* Takes the last reduction back, once. */
void tpa_tcp_reno_on_spurious(struct tpa_tcp_window *window, uint64_t now);

/*
 * Congestion window validation (RFC 7661): is what the window allows also what is used? Part of an
 * algorithm's private state; all zero is fresh.
 */
struct tpa_tcp_validation {
    uint64_t period_start;  /*  0: ns; 0 = nothing was acknowledged so far */
    uint64_t doubtful_from; /*  8: ns: since when the window is not validated; 0 = it is */
    uint32_t round_acked;   /* 16: bytes acknowledged in this round, */
    uint32_t round_end;     /* 20:   which ends when this sequence number is */
    uint32_t highest;       /* 24: most bytes of a round in this period */
    uint32_t highest_last;  /* 28: and in the one before */
};

/* pipeACK is the maximum over this long, or three round trips (RFC 7661 section 4.2). */
#define TPA_TCP_VALIDATION_PERIOD UINT64_C(1000000000)
/* A window that was not validated for so long is halved (the NVP of section 4.4). */
#define TPA_TCP_VALIDATION_DOUBT_MAX (5 * 60 * UINT64_C(1000000000))

/*
 * An acknowledgement. The window is validated when the flight fills it or half of it was
 * acknowledged in a round (section 4.3); growth asks for the former anyway. Halves it at the end of
 * the non-validated period (section 4.4.3).
 */
void tpa_tcp_validate(struct tpa_tcp_validation *validation, struct tpa_tcp_window *window,
                      const struct tpa_tcp_ack_sample *sample);

/*
 * Congestion is found with `in_flight` outstanding. The bytes that the reduction is to go by: what
 * is outstanding; if the window is not validated, at least pipeACK (section 4.4.1). Measuring
 * begins anew.
 */
uint32_t tpa_tcp_validation_used(struct tpa_tcp_validation *validation, uint32_t in_flight);

TPA_BASE_DECLARATIONS_END

#endif
