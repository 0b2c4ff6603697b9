/*
 * HyStart++ (RFC 9406): the first slow start ends when the delay grows, before packets are lost.
 * Conservative slow start (CSS) goes on for some rounds at a quarter of the speed, to find out
 * whether it was but jitter.
 *
 * Times in ns.
 */
#ifndef TPA_TCP_CC_HYSTART_H
#define TPA_TCP_CC_HYSTART_H

#include <tpa/tcp/congestion.h>

/* RFC 9406 section 4.3. */
#define HYSTART_RTT_THRESHOLD_MIN UINT64_C(4000000)
#define HYSTART_RTT_THRESHOLD_MAX UINT64_C(16000000)
#define HYSTART_RTT_DIVISOR       8
#define HYSTART_SAMPLES           8
#define HYSTART_CSS_DIVISOR       4
#define HYSTART_CSS_ROUNDS        5
/* L, for a sender that doesn't pace. */
#define HYSTART_LIMIT 8

struct hystart {
    uint64_t last_rtt;     /*  0: smallest RTT of the last round; 0 = no sample */
    uint64_t current_rtt;  /*  8: and of this one */
    uint64_t baseline_rtt; /* 16: of the round that led to CSS; 0 = not in CSS */
    uint32_t round_end;    /* 24: sequence number with whose acknowledgement the round ends */
    uint8_t samples;       /* 28: RTT samples in this round, at most HYSTART_SAMPLES */
    uint8_t css_rounds;    /* 29: begun in CSS so far */
    bool started;          /* 30: a round is under way */
    uint8_t reserved;      /* 31 */
};

enum hystart_verdict {
    HYSTART_SLOW_START,
    HYSTART_CSS,
    HYSTART_DONE, /* congestion avoidance is to begin */
};

/* An acknowledgement in the first slow start. All zero is a fresh start. */
enum hystart_verdict tpa_tcp_hystart_on_ack(struct hystart *hystart,
                                            const struct tpa_tcp_ack_sample *sample);

#endif
