/*
 * A segment's header on its way out, and the resets of RFC 9293, 3.10.7.1. (Parsing:
 * tpa_tcp_segment_parse in <tpa/tcp/tcp.h>.)
 *
 * tpa_tcp_reset_for and tpa_tcp_time_wait_input use of struct tpa_tcp_worker: pool, config,
 * counters, drops and `struct tpa_tcp_rate_limit reset_limit`.
 */
#ifndef TPA_TCP_SEGMENT_H
#define TPA_TCP_SEGMENT_H

#include <tpa/tcp/tcp.h>

#define TPA_TCP_HEADER_MIN       20
#define TPA_TCP_HEADER_MAX       60
#define TPA_TCP_WINDOW_SCALE_MAX 14 /* RFC 7323 section 2.3 */

/* Resets to segments of no connection, of one worker: enough for a restarted peer's connections,
 * little for whoever would use us as a reflector. */
#define TPA_TCP_RESETS          1000
#define TPA_TCP_RESETS_RANDOM   500
#define TPA_TCP_RESETS_INTERVAL UINT64_C(1000000000)

/* Bytes of options: timestamps with their two NOPs; SACK blocks with theirs. */
#define TPA_TCP_OPTION_TIMESTAMP_LENGTH    12
#define TPA_TCP_OPTION_SACK_LENGTH(blocks) ((blocks) == 0 ? 0 : 4 + 8 * (blocks))

/* The header to be built. Numbers in host order. All zero is a segment without flags or options. */
struct tpa_tcp_header {
    uint32_t seq, ack;
    uint16_t source_port, destination_port;
    uint16_t window; /* as on the wire */
    uint8_t flags;
    uint8_t sack_count; /* of `sack`; cut to what fits beside the other options */
    uint16_t mss;       /* SYN: 0 = no option */
    bool has_window_scale;
    uint8_t window_scale;
    bool sack_permitted;
    bool has_timestamp;
    uint32_t timestamp, timestamp_echo;
    struct tpa_tcp_sack_block sack[TPA_TCP_SACK_BLOCKS_MAX];
};

/* Bytes that the header will take: 20 to 60, a multiple of 4. */
uint8_t tpa_tcp_header_length(const struct tpa_tcp_header *header);

/* Puts the header in front of the packet's data, the checksum field 0. Returns its bytes; 0 when
 * the headroom is too small. */
uint8_t tpa_tcp_header_prepend(struct rte_mbuf *packet, const struct tpa_tcp_header *header);

/* A packet that is nothing but this header; NULL when the pool is empty. */
struct rte_mbuf *tpa_tcp_header_packet(struct tpa_mem_pool *pool,
                                       const struct tpa_tcp_header *header);

/* The header of the reset for a segment of no connection. False: none is due. */
bool tpa_tcp_reset_header(const struct tpa_tcp_segment *segment, struct tpa_tcp_header *header);

#endif
