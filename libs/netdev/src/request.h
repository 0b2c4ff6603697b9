/* What a packet to be sent asks of the device: the headers that its flags talk about. */
#ifndef TPA_NETDEV_REQUEST_H
#define TPA_NETDEV_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/* Flags that need the headers to be known. */
#define TPA_NETDEV_REQUEST_FLAGS \
    (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/* Flags that say what a packet is; no request by themselves. */
#define TPA_NETDEV_FAMILY_FLAGS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)

/* Offsets of fields in their headers (RFC 791, RFC 8200, RFC 9293, RFC 768). */
enum {
    TPA_NETDEV_IPV4_TOTAL_LENGTH = 2,
    TPA_NETDEV_IPV4_IDENTIFICATION = 4,
    TPA_NETDEV_IPV4_CHECKSUM = 10,
    TPA_NETDEV_IPV4_SOURCE = 12,
    TPA_NETDEV_IPV4_DESTINATION = 16,
    TPA_NETDEV_IPV4_HEADER = 20,
    TPA_NETDEV_IPV6_PAYLOAD_LENGTH = 4,
    TPA_NETDEV_IPV6_SOURCE = 8,
    TPA_NETDEV_IPV6_DESTINATION = 24,
    TPA_NETDEV_IPV6_HEADER = 40,
    TPA_NETDEV_TCP_SEQUENCE = 4,
    TPA_NETDEV_TCP_FLAGS = 13,
    TPA_NETDEV_TCP_CHECKSUM = 16,
    TPA_NETDEV_TCP_HEADER = 20,
    TPA_NETDEV_TCP_HEADER_MAX = 60,
    TPA_NETDEV_UDP_CHECKSUM = 6,
    TPA_NETDEV_UDP_HEADER = 8,
};

struct tpa_netdev_request {
    uint8_t *l3; /* the IP header; it and the transport header lie in the first segment */
    uint8_t *l4;
    uint16_t l3_offset; /* bytes, from the frame's first */
    uint16_t l4_offset;
    uint16_t payload_offset; /* equals l4_offset where no transport request was made */
    bool ipv6;
};

/*
 * Reads a request of TPA_NETDEV_REQUEST_FLAGS. 0; TPA_EMALFORMED: families, lengths or flags that
 * contradict each other or the frame.
 */
int tpa_netdev_request_read(const struct rte_mbuf *packet, struct tpa_netdev_request *request);

/*
 * Readies the checksum fields for hardware: the pseudo-header's sum in the transport header
 * (without the length for TCP_SEG), zero in IPv4's. 0; TPA_EMALFORMED.
 */
int tpa_netdev_request_prepare(struct rte_mbuf *packet);

/*
 * Computes in `copy`, a flat copy of the whole packet, the checksums that the packet asks for; a
 * super-frame's as if it were sent as it is. The packet stays as it is.
 */
void tpa_netdev_checksum_copy(const struct rte_mbuf *packet, uint8_t *copy);

#endif
