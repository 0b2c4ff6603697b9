/* Two stacks joined by the in-process loop, in virtual time, and a table of connections: the C side
 * of the benchmark. */
#ifndef TPA_API_BENCH_RIG_H
#define TPA_API_BENCH_RIG_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RIG_BURST 32

/* Both stacks with a listener at the server; made at the first call, aborts where it can't be. */
void rig_start(void);

/* One connection opened, accepted and closed by both; TIME-WAITs expire on the way. */
void rig_connect_close(void);

/* A connection for requests; its peer's sock stays with the rig. */
void rig_open(void);
/* `size` bytes there and `size` bytes back. */
void rig_request_response(uint32_t size);
void rig_close(void);

/* A burst of SYNs to the listener, whose queue is full: each is answered by a cookie. */
void rig_syn_burst(void);

/* A step of a worker that has nothing to do. */
void rig_idle_step(void);

/* A table of `count` connections. */
void rig_demux_fill(uint32_t count);
/* A burst of look-ups, of random connections, with prefetches as receive.c makes them. */
void rig_demux_burst(void);
void rig_demux_empty(void);

#ifdef __cplusplus
}
#endif

#endif
