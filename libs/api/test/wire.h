/*
 * The test's hand on a port: a device around another one that can lose what passes, vanish, offer
 * another number of receive queues, spread packets over them as it likes, and say nothing about it.
 * For one thread.
 */
#ifndef TPA_API_TEST_WIRE_H
#define TPA_API_TEST_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/netdev/netdev.h>

enum {
    TEST_WIRE_QUEUES_MAX = 8,
    TEST_WIRE_HELD_MAX = 4096, /* received packets that wait in one queue */
    TEST_WIRE_FRAME_MAX = 160, /* bytes kept of the last frame sent */
};

enum test_wire_spread {
    TEST_WIRE_AS_LOWER, /* queue n is queue n of the device below, steering is told */
    TEST_WIRE_HIDDEN,   /* the same, steering is not told */
    TEST_WIRE_SPRAYED,  /* each packet comes out of any queue, whatever its flow */
};

struct test_wire {
    struct tpa_netdev device; /* first */
    enum test_wire_spread spread;
    uint16_t queue_count;
    uint64_t random;
    struct rte_mbuf *held[TEST_WIRE_QUEUES_MAX][TEST_WIRE_HELD_MAX];
    uint32_t held_count[TEST_WIRE_QUEUES_MAX];

    /* For the test to set while it runs. */
    bool cut;              /* what is sent is lost, nothing is received */
    bool gone;             /* the port has vanished: nothing is taken either */
    bool unplugged;        /* the port says that its link is down */
    bool full;             /* nothing is taken */
    bool slow;             /* what was sent is still on its way: nothing is received */
    uint32_t lose_payload; /* so many of the next frames with TCP payload are lost */

    /* For the test to read. */
    uint64_t sent;                      /* frames */
    uint64_t sent_segments;             /* the same, super-frames cut */
    uint8_t frame[TEST_WIRE_FRAME_MAX]; /* the last frame sent, its first bytes */
    uint32_t frame_length;
};

/* `queue_count`: as many as the device below has, or any number when SPRAYED. NULL: no memory. */
struct test_wire *test_wire_wrap(struct tpa_netdev *lower, uint16_t queue_count,
                                 enum test_wire_spread spread);

/* A packet arrives at a queue; the wire owns it. */
void test_wire_arrive(struct test_wire *wire, uint16_t queue, struct rte_mbuf *packet);

#endif
