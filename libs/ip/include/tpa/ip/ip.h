/*
 * Ethernet, ARP, IPv4, IPv6, Neighbour Discovery, ICMP: from frames to TCP segments and back.
 *
 * <tpa/ip/stack.h>: what workers share, changed by any thread.
 * <tpa/ip/worker.h>: a worker's input, frames to send, errors, timers.
 * <tpa/ip/path.h>: a worker's paths, and output along them.
 */
#ifndef TPA_IP_IP_H
#define TPA_IP_IP_H

#include <tpa/ip/path.h>
#include <tpa/ip/stack.h>
#include <tpa/ip/worker.h>

#endif
