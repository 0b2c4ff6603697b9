/* Captures what passes a device into a pcapng file that tshark reads. */
#ifndef TPA_NETDEV_CAPTURE_H
#define TPA_NETDEV_CAPTURE_H

#include <tpa/netdev/netdev.h>

/* Wraps `lower`; not capturing yet: then it costs one branch a burst. NULL when memory is exhausted. */
struct tpa_netdev *tpa_netdev_capture_wrap(struct tpa_netdev *lower);

struct tpa_netdev_capture_config {
    const char *path;
    uint32_t snap_length; /* bytes kept of a packet; 0 = 262,144 */
    uint64_t size_limit;  /* bytes of file after which capturing stops; 0 = 1 GiB */
    uint64_t wall_clock_offset; /* ns to add to `now` to get the time since 1970 */
};

/* Starts and stops at any time, from any thread. 0; TPA_EBUSY (already capturing), TPA_EIO (the file). Packets carry direction, queue, and the note
 * (retransmission, drop reason) as a comment. The file is complete after stop; also readable while it grows. */
int tpa_netdev_capture_start(struct tpa_netdev *device, const struct tpa_netdev_capture_config *config);
int tpa_netdev_capture_stop(struct tpa_netdev *device);

/* Writes a packet that the layers above dropped, with its reason, where capturing is on. Doesn't take the packet. */
void tpa_netdev_capture_drop(struct tpa_netdev *device, uint16_t queue, const struct rte_mbuf *packet,
                             enum tpa_base_drop reason, uint64_t now);

#endif
