/*
 * A host under test: one stack, one interface, one worker, virtual time. Its peer is the test.
 *
 *     host_begin(&host);
 *     cr_assert_eq(receive(&host, &(struct spec){.ttl = 1}), 1);
 *     host_end(&host);
 */
#ifndef TPA_IP_TEST_FIXTURE_H
#define TPA_IP_TEST_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpa/base/clock.h>
#include <tpa/base/drop.h>
#include <tpa/ip/ip.h>

#define US     "10.0.0.1" /* /24 */
#define PEER   "10.0.0.2" /* a permanent neighbour */
#define OTHER  "10.0.0.77"
#define ROUTER "10.0.0.254"
#define FAR    "192.0.2.9"

#define US6     "2001:db8::1" /* /64 */
#define PEER6   "2001:db8::2" /* a permanent neighbour */
#define OTHER6  "2001:db8::77"
#define ROUTER6 "2001:db8::fe"
#define FAR6    "2001:db8:ffff::9"

#define PACKETS 2048

extern const uint8_t mac_us[6];
extern const uint8_t mac_peer[6];
extern const uint8_t mac_other[6];
extern const uint8_t mac_broadcast[6];

struct host {
    uint64_t now;
    uint8_t interface;
    uint64_t hooked; /* packets that on_drop was shown */
    struct tpa_mem_pool *pool;
    struct tpa_ip_stack *stack;
    struct tpa_ip_worker *worker;
    struct tpa_base_random random;
    struct tpa_base_drop_counters drops;
    struct tpa_ip_worker_config worker_config;
    struct rte_mbuf *tcp[256]; /* what came out of the last input */
    uint16_t tcp_count;
};

/* The host with its addresses and neighbours, its announcements sent and gone. */
void host_begin(struct host *host);
void host_begin_with(struct host *host, const struct tpa_ip_limits *limits);
/* Without addresses. `vlan` of the interface. */
void host_begin_bare(struct host *host, const struct tpa_ip_limits *limits, uint16_t vlan);
/* Takes all down; every packet is back in the pool. */
void host_end(struct host *host);

struct tpa_base_address address(const char *text);
void add_address(struct host *host, const char *text, uint8_t prefix_length);
void add_route(struct host *host, const char *destination, uint8_t prefix_length,
               const char *gateway);
void add_neighbour(struct host *host, const char *text, const uint8_t mac[6]);
/* Moves time on and runs timers. */
void wait_for(struct host *host, uint64_t duration);

/* A received packet; what is zero is usual. */
struct spec {
    const char *source;      /* PEER, or PEER6 if `ipv6` */
    const char *destination; /* US, or US6 */
    bool ipv6;
    bool loopback;           /* without a link header */
    const uint8_t *mac_to;   /* us */
    const uint8_t *mac_from; /* peer */
    uint16_t ethertype;      /* of the family */
    uint16_t vlan;           /* 0 = no tag in the frame */
    uint8_t ttl;             /* 64 */
    bool ttl_is_0;
    uint8_t traffic_class;
    uint8_t protocol; /* TCP */
    uint16_t identification;
    uint16_t fragment_field; /* IPv4's flags and offset */
    const void *options;     /* IPv4 options, IPv6 extension headers */
    uint16_t options_length;
    uint8_t first_header; /* of the extension headers */
    const void *payload;  /* a TCP header with 4 bytes of data */
    uint32_t payload_length;
    int length_lie;     /* added to total or payload length */
    uint32_t padding;   /* bytes behind the packet */
    bool keep_checksum; /* the payload's own is left as it is */
    uint64_t offload;   /* RTE_MBUF_F_RX_* */
    uint32_t segment;   /* bytes of a segment of the chain; 0 = as the pool makes it */
};

/* The bytes of a frame in `to`, which is large enough; returns how many. */
uint32_t build(uint8_t *to, const struct spec *spec);
struct rte_mbuf *packet_of(struct host *host, const uint8_t *bytes, uint32_t length,
                           uint32_t segment);
struct rte_mbuf *packet(struct host *host, const struct spec *spec);

/* Hands a packet to the host: how many TCP packets came out (in host->tcp). */
uint16_t receive(struct host *host, const struct spec *spec);
uint16_t receive_packet(struct host *host, struct rte_mbuf *received);
uint16_t receive_bytes(struct host *host, const uint8_t *bytes, uint32_t length);
void free_tcp(struct host *host);
/* Receives a packet that must be dropped for this reason, and nothing is sent. */
void expect_dropped(struct host *host, const struct spec *spec, enum tpa_base_drop reason);
uint64_t drops(const struct host *host, enum tpa_base_drop reason);

/* A frame that the host sent: the oldest one, which leaves its queue. */
struct sent {
    uint32_t length;
    uint64_t offload;
    uint8_t bytes[70000];
};

bool take_sent(struct host *host, struct sent *sent);
void expect_nothing_sent(struct host *host);
void discard_sent(struct host *host);

/* Byte `i` of the data that messages and segments are filled with. */
uint8_t pattern_byte(uint32_t i);

/* ICMP messages, built in `to`, checksum left to build(). */
uint32_t icmp_echo(uint8_t *to, bool ipv6, uint32_t data_length);
/* TCP header with `data_length` bytes of a pattern. */
uint32_t tcp_segment(uint8_t *to, uint16_t source_port, uint16_t destination_port,
                     uint32_t sequence, uint32_t data_length);
uint32_t udp_datagram(uint8_t *to, uint32_t data_length);

/* Is the checksum right that covers the transport part of an IP packet? */
bool checksum_is_right(const uint8_t *ip, uint32_t length);

/* A TCP packet of ours with its data at the TCP header. */
struct rte_mbuf *own_segment(struct host *host, uint32_t data_length);
struct tpa_ip_path *get_path(struct host *host, const char *destination);
void send_segment(struct host *host, struct tpa_ip_path *path, uint32_t data_length);

#endif
