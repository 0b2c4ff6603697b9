/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in this machine's byte order. */
#ifndef TPA_NETDEV_PCAPNG_H
#define TPA_NETDEV_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/netdev/netdev.h>

/* Blocks that are not written yet; grows as needed. All zero is empty. */
struct tpa_netdev_pcapng {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
};

enum tpa_netdev_pcapng_direction {
    TPA_NETDEV_PCAPNG_NONE = 0,
    TPA_NETDEV_PCAPNG_INBOUND = 1,
    TPA_NETDEV_PCAPNG_OUTBOUND = 2,
};

struct tpa_netdev_pcapng_packet {
    const struct rte_mbuf *packet;
    uint64_t time; /* ns since 1970 */
    uint32_t snap_length;
    uint16_t queue;
    enum tpa_netdev_pcapng_direction direction;
    uint16_t note; /* enum tpa_mem_packet_note */
    uint16_t note_detail;
};

/* What a file begins with. 0; TPA_ENOMEM. */
int tpa_netdev_pcapng_header(struct tpa_netdev_pcapng *out, const struct tpa_netdev_info *info,
                             uint32_t snap_length);

/* One packet, as the wire has it: its VLAN tag in the frame, its checksums computed. 0; TPA_ENOMEM,
 * and nothing was added. */
int tpa_netdev_pcapng_packet(struct tpa_netdev_pcapng *out,
                             const struct tpa_netdev_pcapng_packet *packet);

void tpa_netdev_pcapng_free(struct tpa_netdev_pcapng *out);

#endif
