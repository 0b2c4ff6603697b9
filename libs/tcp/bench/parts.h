/* TCP's parts in loops, for parts_bench.cc: their headers are C. */
#ifndef TPA_TCP_BENCH_PARTS_H
#define TPA_TCP_BENCH_PARTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Brings memory up. Calls after the first do nothing. */
void parts_init(void);

/* Each does its thing `count` times and leaves nothing behind. */

enum parts_layout {
    PARTS_NO_OPTIONS,
    PARTS_TIMESTAMP,
    PARTS_SACK,
    PARTS_SYN
};
void parts_parse(enum parts_layout layout, uint64_t count);
void parts_header(enum parts_layout layout, uint64_t count);

/* A packet pushed and taken. */
void parts_receive_queue(uint64_t count);

/* A packet inserted at random among `holes` holes, and taken out when it is in order. */
void parts_reassembly(uint32_t holes, uint64_t count);

/* A segment appended, read into a packet, and acknowledged; `ahead` of them are queued. */
void parts_send_queue(int copied, uint32_t length, uint32_t ahead, uint64_t count);

/* A segment sent, and the oldest of `outstanding` acknowledged. */
void parts_flight(uint32_t outstanding, uint64_t count);

/* Four SACK blocks, of which one is new, in a flight with so many holes. */
void parts_flight_sack(uint32_t holes, uint64_t count);

/* An acknowledgement to the congestion control of that name, in congestion avoidance. */
void parts_congestion(const char *name, uint64_t count);

void parts_rtt(uint64_t count);
void parts_isn(uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
