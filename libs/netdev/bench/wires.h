/* Devices and packets for the benchmarks; the C side, since netdev's headers are C. */
#ifndef TPA_NETDEV_BENCH_WIRES_H
#define TPA_NETDEV_BENCH_WIRES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WIRES_BURST = 32,
    WIRES_SUPER_PAYLOAD = 65160,
    WIRES_MSS = 1448
};

/* What a packet travels. */
enum wires_path {
    WIRES_LOOP,            /* one end to the other: copied once */
    WIRES_NULL,            /* DPDK's net_null, by ethdev */
    WIRES_NULL_MIDDLEWARE, /* the same with offload, impairment and capture around it, all idle */
};

/* Sends a burst of frames of `length` bytes, checksums asked for, and receives and frees it. */
void wires_burst(enum wires_path path, uint32_t length);

/* Sends one super-frame over the loop and receives its pieces; returns how many. */
uint32_t wires_loop_super_frame(void);

/* Splits a super-frame into shared or copied pieces, checksums computed or left to be asked for. */
void wires_segment(int copy, int checksums);

/* Copies the bytes of a super-frame: what all others are measured against. */
void wires_copy_super_frame(void);

/* Computes the checksums of a frame of one buffer, or of many small ones. */
void wires_checksum(uint32_t length, int chained);

#ifdef __cplusplus
}
#endif

#endif
