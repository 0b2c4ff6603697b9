/*
 * A received packet on its way through the layers, and what each of them says became of it.
 *
 * Nothing is cut off a packet before it is delivered: whoever drops it shows all of it to the
 * capture.
 */
#ifndef TPA_IP_DATAGRAM_H
#define TPA_IP_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/drop.h>
#include <tpa/ip/worker.h>

#include "tables.h"
#include "wire.h"

/*
 * Bytes of a packet that are brought into its first segment before it is looked at: a link header
 * with a tag and an IP header with IPv4's options, and what a protocol needs to begin with.
 */
#define TPA_IP_HEADERS_CONTIGUOUS (TPA_IP_LINK_LENGTH_MAX + TPA_IP_IPV4_LENGTH_MAX + 20)

struct tpa_ip_datagram {
    struct rte_mbuf *packet;
    struct tpa_ip_received *received; /* the packet's layer */
    const struct tpa_ip_tables *tables;
    uint32_t network;     /* offset of the IP header in the packet */
    uint32_t transport;   /* offset of the header that `protocol` names */
    uint32_t length;      /* bytes from there to the datagram's end */
    uint16_t protocol_at; /* offset of the byte that named it, from the IP header */
    uint8_t protocol;
    bool ipv4;
    bool group;       /* sent to a group, by its link or its IP address: no errors about it */
    bool reassembled; /* what the port said about checksums was about a fragment */
};

/*
 * What a layer says: a packet is to be dropped for a reason (enum tpa_base_drop, not NONE), or one
 * of these.
 */
enum tpa_ip_verdict {
    TPA_IP_DELIVER = -1,  /* TCP, ready for the caller */
    TPA_IP_TAKEN = -2,    /* held or passed on */
    TPA_IP_CONTINUE = -3, /* go on with the next header */
};

static inline bool tpa_ip_is_loopback(const struct tpa_ip_datagram *datagram)
{
    return datagram->received->interface == TPA_IP_INTERFACE_LOOPBACK;
}

/*
 * Brings the first `length` bytes of a packet (or all, if it is shorter) into its first segment.
 * False where there is no headroom for it.
 */
bool tpa_ip_pull_up(struct rte_mbuf *packet, uint32_t length);

/* A copy of `length` bytes at `offset` in fresh buffers; NULL when the pool is empty. */
struct rte_mbuf *tpa_ip_copy_range(struct tpa_mem_pool *pool, const struct rte_mbuf *packet,
                                   uint32_t offset, uint32_t length);

/* Does the checksum that starts with the pseudo-header (`protocol` 0: without one) hold? */
bool tpa_ip_checksum_holds(const struct tpa_ip_datagram *datagram, bool pseudo_header);

/* The layers. Each gets a datagram filled up to what the one before knows. */
int tpa_ip_arp_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram);
int tpa_ip_ipv4_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram);
int tpa_ip_ipv6_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram);
int tpa_ip_transport_input(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram);
int tpa_ip_icmp_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram);
int tpa_ip_icmpv6_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram);
int tpa_ip_nd_input(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                    uint8_t type);

#endif
