/*
 * Paths: the way to a destination, worked out once and cached by each worker; and sending along
 * them.
 *
 * A path holds source address, interface, next hop, the finished link and IP headers, and the MTU.
 * It belongs to its worker and brings itself up to date when routes, addresses, neighbours or path
 * MTUs change: at each use it compares one generation number. Its source address never changes;
 * when that address is taken from the stack the path fails until it is given back.
 *
 * The caller is the worker's thread, as in <tpa/ip/worker.h>.
 */
#ifndef TPA_IP_PATH_H
#define TPA_IP_PATH_H

#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/mem/packet.h>

TPA_BASE_DECLARATIONS_BEGIN

struct tpa_ip_path;
struct tpa_ip_received;
struct tpa_ip_worker;

/*
 * The path from `source` to `destination`, and a reference to it: each get needs a put.
 *
 * `source`: NULL or unspecified = chosen by the rules of RFC 6724 section 5 that apply (1 same
 *   address, 2 scope, 5 outgoing interface, 8 longest prefix): MUST-44 of RFC 9293.
 * `destination`: 127.0.0.0/8, ::1 and own addresses give a loopback path; 127.0.0.0/8 and ::1 are
 *   replaced by an own address of that family: see tpa_ip_path_destination().
 * `error`: set when NULL is returned: TPA_EUNREACHABLE (no route, no own address of that family),
 *   TPA_EINVAL (destination multicast, broadcast or unspecified; source not ours or of the other
 *   family), TPA_ENOMEM, TPA_ENOSPC (as many paths as limits.paths are referenced).
 */
struct tpa_ip_path *tpa_ip_path_get(struct tpa_ip_worker *worker,
                                    const struct tpa_base_address *source,
                                    const struct tpa_base_address *destination, int *error);

/* Gives a reference back. The path stays cached while there is room. */
void tpa_ip_path_put(struct tpa_ip_worker *worker, struct tpa_ip_path *path);

const struct tpa_base_address *tpa_ip_path_source(const struct tpa_ip_path *path);
const struct tpa_base_address *tpa_ip_path_destination(const struct tpa_ip_path *path);

/* As it is now; TPA_IP_INTERFACE_LOOPBACK for a loopback path. */
uint8_t tpa_ip_path_interface(struct tpa_ip_path *path);

/* Largest IP packet in bytes: the interface's MTU, or what path MTU discovery learnt (RFC 1191,
 * RFC 8201). As it is now. */
uint16_t tpa_ip_path_mtu(struct tpa_ip_path *path);

/* TCP saw progress: the neighbour is reachable (RFC 4861 section 7.3.1). Cheap: most calls do
 * nothing. */
void tpa_ip_path_confirm(struct tpa_ip_path *path, uint64_t now);

/* TCP retransmitted more than R1 times: the next hop is to be probed (RFC 1122 section 3.3.1.4). */
void tpa_ip_path_suspect(struct tpa_ip_path *path);

struct tpa_ip_send {
    uint8_t traffic_class; /* IPv4's TOS byte: DSCP and ECN */
    uint8_t ttl;           /* TTL or hop limit, 0 = 64 */
    uint8_t protocol;      /* IPPROTO_TCP, ... */
};

/*
 * Sends a packet whose data starts at the transport header, and takes it in any case.
 *
 * Link and IP headers are prepended (DF is always set) and the checksums requested:
 * RTE_MBUF_F_TX_IPV4 with IP_CKSUM, or IPV6; TCP_CKSUM when the protocol is TCP; l2_len and l3_len.
 * The caller has set l4_len and, for segmentation, RTE_MBUF_F_TX_TCP_SEG and tso_segsz: all of it
 * is kept. On a loopback path the packet is copied into fresh buffers and, super-frame or not,
 * delivered whole.
 *
 * A packet that can't go out is counted under its drop reason and freed; for TCP the cause also
 * comes out of tpa_ip_errors_take(): no route or neighbour (soft), larger than the path's MTU (too
 * big). While the next hop is being resolved, limits.pending_packets of its packets wait; the
 * oldest is dropped for a newer one.
 */
void tpa_ip_output(struct tpa_ip_worker *worker, struct tpa_ip_path *path, struct rte_mbuf *packet,
                   const struct tpa_ip_send *send, uint64_t now);

/*
 * The same, back to where a received packet came from: stateless resets and acknowledgements. Makes
 * no cached path. Never sends to a group address, nor from an address that isn't ours.
 */
void tpa_ip_reply(struct tpa_ip_worker *worker, const struct tpa_ip_received *received,
                  struct rte_mbuf *packet, const struct tpa_ip_send *send, uint64_t now);

/* The MTU of the way that such a reply takes, IP header included; 0 where there is none.
 */
uint16_t tpa_ip_reply_mtu(struct tpa_ip_worker *worker, const struct tpa_ip_received *received,
                          uint64_t now);

TPA_BASE_DECLARATIONS_END

#endif
