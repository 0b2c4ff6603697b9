/* IPv6's extension headers (RFC 8200 section 4). */
#ifndef TPA_IP_IPV6_H
#define TPA_IP_IPV6_H

#include <tpa/base/cursor.h>

#include "datagram.h"

/* Options in one hop-by-hop or destination options header, padding included. */
#define TPA_IP_IPV6_OPTIONS_MAX 32

/* The longest extension header that its length field can say. */
#define TPA_IP_IPV6_EXTENSION_MAX 2048

/* Goes through the extension headers, reassembles, and on to the transport protocol. A verdict. */
int tpa_ip_ipv6_extensions(struct tpa_ip_worker *worker, struct tpa_ip_datagram *datagram);

/*
 * Moves the cursor, which stands at the header that `protocol` names, over at most `max` extension
 * headers, and returns the protocol behind them. The cursor fails where they aren't whole.
 */
uint8_t tpa_ip_ipv6_skip_extensions(struct tpa_base_cursor *cursor, uint8_t protocol,
                                    unsigned int max);

#endif
