/*
 * A DPDK port on one side, the kernel on the other, in two processes: the stack's side (port.c)
 * drives the device, the peer (peer.c) is forked before EAL starts and uses the kernel's sockets on
 * the interface at the other end.
 */
#ifndef TPA_NETDEV_TEST_WIRE_H
#define TPA_NETDEV_TEST_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "../frames.h"

#define WIRE_TYPE_ECHO 0x88b5 /* for local experiments (IEEE 802) */
#define WIRE_UDP_PORT  7
#define WIRE_TEXT      200

/* The stack's end. IP addresses are those that the script gives the kernel's interface, with 1 as
 * their last byte instead of 2. */
#define WIRE_STACK_MAC ((const uint8_t[6]){0x02, 0, 0, 0, 0, 0x01})

enum wire_task {
    WIRE_END,
    WIRE_ECHO,        /* frames of WIRE_TYPE_ECHO that the stack's end sends back */
    WIRE_SUPER_FRAME, /* the pieces of a super-frame, as the reference makes them */
    WIRE_UDP,         /* datagrams by the kernel's UDP, echoed with checksums */
    WIRE_LINK_DOWN,
    WIRE_LINK_UP,
    WIRE_DELETE, /* the interface */
};

struct wire_order {
    enum wire_task task;
    uint16_t mtu;
    uint16_t mss;
    uint32_t count;
    bool ipv6;
    struct frame_template template;
};

struct wire_report {
    bool passed;
    char text[WIRE_TEXT]; /* why not */
};

/* The peer: where its interface is. */
struct wire_peer_config {
    const char *netns;     /* path of its network namespace, or NULL: this one */
    const char *interface; /* name there */
};

/* Obeys orders from `channel` until WIRE_END, or until the other side is gone. Doesn't return. */
void wire_peer_run(const struct wire_peer_config *config, int channel) __attribute__((noreturn));

/* The port. */
struct wire_port {
    struct tpa_mem_pool pool;
    struct tpa_netdev *device;
    struct tpa_netdev_info info;
    bool mirror; /* sends back all that comes, as it is */
};

/* EAL and the port, opened and started. False: `reason` says why not. */
bool wire_port_open(struct wire_port *port, const char *name, const char *eal_args, bool no_huge,
                    uint16_t mtu, char reason[TPA_NETDEV_REASON_SIZE]);

/* Receives, answers what is to be answered, and flushes. Returns packets received. */
unsigned int wire_port_step(struct wire_port *port);

/* Sends one packet, stepping until it is accepted. False after some seconds. */
bool wire_port_send(struct wire_port *port, struct rte_mbuf *packet);

/* Closes it all. False where packets are missing from the pool. */
bool wire_port_close(struct wire_port *port, uint32_t *missing);

/* Seconds of a monotonic clock. */
double wire_clock(void);

#endif
