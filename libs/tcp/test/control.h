/* One congestion control alone: a window whose flight always fills it, in virtual time. */
#ifndef TPA_TCP_TEST_CONTROL_H
#define TPA_TCP_TEST_CONTROL_H

#include <tpa/tcp/congestion.h>

#define CONTROL_MSS     1000u
#define CONTROL_INITIAL (10 * CONTROL_MSS)

struct control {
    struct tpa_tcp_congestion_states states;
    struct tpa_tcp_window window;
    uint64_t now;
    uint64_t rtt;     /* of each sample */
    uint32_t snd_una; /* so high that it wraps in longer tests */
    uint32_t snd_nxt;
    struct tpa_tcp_rate_sample
        rate; /* of the last sample: a path that delivers what is in flight */
};

/* At 1,000 s, with a round-trip time of 100 ms and a window that may grow to 2^30 bytes. */
void control_start(struct control *control, const struct tpa_tcp_congestion *algorithm);
/* Fails the test if memory is missing. */
void control_stop(struct control *control);

/* The sample of an acknowledgement of `bytes`, now, by an application that fills the window. */
struct tpa_tcp_ack_sample control_sample(struct control *control, uint32_t bytes);
void control_acknowledge(struct control *control, uint32_t bytes);

/* A window is acknowledged by every second segment, evenly in a round-trip time. */
void control_round(struct control *control);
void control_run(struct control *control, uint64_t duration);

/* A loss: the event, and the end of recovery with the flight still as large as the window. */
void control_lose(struct control *control);

#endif
