/* Two connections in one process, for connection_bench.cc: TCP's headers are C. */
#ifndef TPA_TCP_BENCH_RIG_H
#define TPA_TCP_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Brings both up and connects them, with timestamps and SACK. Calls after the first do nothing. */
void rig_init(void);

/*
 * Each returns the seconds that the part named took, the rest (making packets, reading, the other
 * end) not counted.
 */

/* `bursts` times 32 segments of 1000 bytes in order: tpa_tcp_input of each and the tpa_tcp_output
 * that answers the burst. `parse`: with tpa_tcp_segment_parse. */
double rig_input(unsigned int bursts, bool parse);

/* The same with tpa_tcp_receive and tpa_tcp_release of all of it. */
double rig_input_and_read(unsigned int bursts);

/* Pure acknowledgements of 2 segments each, in bursts of 16: tpa_tcp_input of 16 of them, with the
 * completions. */
double rig_acknowledgements(unsigned int bursts);

/* `packets` packets of `length` bytes each from queue to packet: tpa_tcp_send of as much as a burst
 * of 32 takes, and its tpa_tcp_output. Zero-copy or copied. */
double rig_output(unsigned int bursts, uint32_t length, bool zero_copy);

/* One byte there and one back, both ends whole: parse, input, output, signals, read, write. */
double rig_request_response(unsigned int count);

/* SYN to TIME-WAIT and its end, both ends. */
double rig_connect_close(unsigned int count);

#ifdef __cplusplus
}
#endif

#endif
