/* Frames of ICMPv6 messages for the link itself: Neighbour Discovery and MLD. */
#ifndef TPA_IP_ICMPV6_FRAME_H
#define TPA_IP_ICMPV6_FRAME_H

#include <tpa/base/cursor.h>

#include "tables.h"

struct rte_mbuf;
struct tpa_ip_worker;

struct tpa_ip_icmpv6_frame {
    struct tpa_base_address source;
    struct tpa_base_address destination;
    const uint8_t *mac; /* NULL: that of the destination, which is a group */
    uint8_t interface;
    uint8_t hop_limit;
    bool router_alert; /* hop-by-hop option of MLD (RFC 2711) */
    uint16_t length;   /* of the message, its header included */
    struct rte_mbuf *packet;
    struct tpa_base_writer writer; /* over the message */
};

/* Makes the frame that the fields above `packet` describe. False when no buffer is free. */
bool tpa_ip_icmpv6_frame_begin(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                               struct tpa_ip_icmpv6_frame *frame);

/* Fills in the checksum, which must have been written as 0, and queues the frame. */
void tpa_ip_icmpv6_frame_send(struct tpa_ip_worker *worker, struct tpa_ip_icmpv6_frame *frame);

#endif
