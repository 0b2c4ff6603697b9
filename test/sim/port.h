/*
 * A host's port: a device without any offload, whose frames go to the simulated network. What
 * arrives waits in a ring of a NIC's size until the worker polls.
 */
#ifndef SIM_PORT_H
#define SIM_PORT_H

#include <tpa/netdev/netdev.h>

#include "frame.h"

struct sim_port_config {
    struct tpa_mem_pool *pool; /* of what is received */
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t ring; /* frames */
    /* What is sent; takes the frame. */
    void (*send)(void *context, struct sim_frame *frame, uint64_t now);
    void *context;
};

struct sim_port {
    struct tpa_netdev device; /* first; the instance owns it */
    struct sim_port_config config;
    struct sim_frames received;
    uint64_t sent, missed; /* frames */
};

/* NULL: no memory. */
struct sim_port *sim_port_create(const struct sim_port_config *config);

/* A frame arrives; the port owns it. */
void sim_port_arrive(struct sim_port *port, struct sim_frame *frame);

#endif
