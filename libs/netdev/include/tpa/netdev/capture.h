/* Captures what passes a device into a pcapng file that tshark reads. */
#ifndef TPA_NETDEV_CAPTURE_H
#define TPA_NETDEV_CAPTURE_H

#include <tpa/netdev/netdev.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_NETDEV_CAPTURE_SNAP_DEFAULT 262144 /* tcpdump's */
#define TPA_NETDEV_CAPTURE_SIZE_DEFAULT                      \
    (UINT64_C(1) << 30) /* what a forgotten capture may fill \
                         */

/* Wraps `lower`; not capturing yet: then it costs one branch a burst. NULL when memory is
 * exhausted. */
struct tpa_netdev *tpa_netdev_capture_wrap(struct tpa_netdev *lower);

struct tpa_netdev_capture_config {
    const char *path;           /* made anew, readable for the owner; what was there is lost */
    uint32_t snap_length;       /* bytes kept of a packet; 0 = TPA_NETDEV_CAPTURE_SNAP_DEFAULT */
    uint64_t size_limit;        /* bytes of file at which capturing ends by itself; 0 =
                                   TPA_NETDEV_CAPTURE_SIZE_DEFAULT */
    uint64_t wall_clock_offset; /* ns to add to `now` to get the time since 1970 */
};

/*
 * Starts and stops at any time, from any thread. `device`: the wrapper, or any that wraps it.
 * Packets carry direction and queue, and the note (retransmission, drop reason) as a comment;
 * checksums that the port is asked to compute are computed in the file. The file can be read while
 * it grows.
 *
 * start: 0; TPA_EBUSY (already capturing), TPA_EIO (the file can't be made), TPA_ENOMEM,
 * TPA_EUNSUPPORTED (no capture in this device). stop: 0, also where it had ended by itself at its
 * size limit; TPA_EIO (writing had failed: the file ends before that); TPA_ENOENT (not capturing),
 * TPA_EUNSUPPORTED.
 */
int tpa_netdev_capture_start(struct tpa_netdev *device,
                             const struct tpa_netdev_capture_config *config);
int tpa_netdev_capture_stop(struct tpa_netdev *device);

/* True from start until stop, the size limit or a failed write. */
bool tpa_netdev_capture_active(struct tpa_netdev *device);

/* Writes a packet that the layers above dropped, with its reason, where capturing is on. Doesn't
 * take the packet. */
void tpa_netdev_capture_drop(struct tpa_netdev *device, uint16_t queue,
                             const struct rte_mbuf *packet, enum tpa_base_drop reason,
                             uint64_t now);

TPA_BASE_DECLARATIONS_END

#endif
