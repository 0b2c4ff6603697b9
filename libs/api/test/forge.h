/*
 * TCP frames to the server that no stack of the test has sent: from any address, with any numbers.
 */
#ifndef TPA_API_TEST_FORGE_H
#define TPA_API_TEST_FORGE_H

#include <stdbool.h>
#include <stdint.h>

struct forged {
    uint32_t source; /* IPv4 address, host order */
    uint16_t source_port;
    uint8_t flags; /* enum tpa_tcp_flag */
    uint32_t seq, ack;
    uint32_t echo;   /* TSecr, where there are options */
    bool options;    /* a SYN's MSS, SACK permitted, window scale; timestamps */
    uint16_t length; /* bytes of text, 100 at most */
};

/* It arrives at the server, for its WORLD_PORT. */
void forge(const struct forged *forged);

/* From now on the server sends what is not on the link to the client, who drops it. */
void forge_default_route(void);

#endif
