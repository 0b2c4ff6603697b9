/* ICMP and ICMPv6: what we answer and complain about, and what we are told. */
#ifndef TPA_IP_ICMP_H
#define TPA_IP_ICMP_H

#include <stdint.h>

#include "datagram.h"

/*
 * Tells the source of a datagram, at the limited rate, what is wrong with it, unless RFC 1122
 * section 3.2.2 or RFC 4443 section 2.4 (e) forbid it (groups, other errors, later fragments).
 * `parameter`: the second word of the header (pointer, MTU), host order. The datagram stays the
 * caller's.
 */
void tpa_ip_icmp_error(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                       uint8_t type, uint8_t code, uint32_t parameter);

/* The answer to an echo request of either family: its message with another type. A verdict. */
int tpa_ip_echo_reply(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                      uint8_t type);

/*
 * An error about a packet of ours, of which a part is quoted behind the ICMP header of `datagram`.
 * `error` has kind and MTU (0 = the router did not say); it is completed and queued where it is
 * about TCP. A verdict.
 */
int tpa_ip_icmp_quote(struct tpa_ip_worker *worker, const struct tpa_ip_datagram *datagram,
                      struct tpa_ip_error *error);

#endif
