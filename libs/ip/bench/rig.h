/* A host with packets that can be used over and over: the C side of the benchmark. */
#ifndef TPA_IP_BENCH_RIG_H
#define TPA_IP_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RIG_BURST 32

struct rig;

/* One for the life of the process; aborts where it can't be had. */
struct rig *rig_get(void);

/* A burst of TCP packets from 32 peers with `payload` bytes each. `verified`: the port has checked
 * the checksums. */
void rig_make_received(struct rig *rig, bool ipv6, uint32_t payload, bool verified);
/* Hands the burst in; as many came out, or it aborts. The packets are as before afterwards. */
void rig_input(struct rig *rig);
void rig_free_received(struct rig *rig);

/* A burst of TCP packets of ours over 32 paths, sent, taken, and made as before. */
void rig_make_sent(struct rig *rig, bool ipv6, uint32_t payload);
void rig_output(struct rig *rig);
void rig_free_sent(struct rig *rig);

/* A reference to each of the 32 cached paths, taken and given back. */
void rig_paths(struct rig *rig, bool ipv6);
/* Something changes that all paths depend on. */
void rig_change(struct rig *rig);
void rig_timers(struct rig *rig);

#ifdef __cplusplus
}
#endif

#endif
