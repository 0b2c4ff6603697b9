/* The in-process loop. */
#include <tpa/netdev/loop.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <tpa/base/byteorder.h>

#include "expect.h"
#include "test/support/pools.h"

static struct tpa_mem_pool *pool;
static struct tpa_netdev *ends[2];
static struct frame frame;
static struct rte_mbuf *received[TPA_NETDEV_LOOP_RING_DEFAULT];

static struct tpa_netdev_loop_config config_default(void)
{
    return (struct tpa_netdev_loop_config){
        .pool = {pool, pool},
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
    };
}

static void create(const struct tpa_netdev_loop_config *config)
{
    cr_assert_eq(tpa_netdev_loop_create(config, ends), 0);
    cr_assert_eq(tpa_netdev_start(ends[0]), 0);
    cr_assert_eq(tpa_netdev_start(ends[1]), 0);
}

static void setup(void)
{
    struct tpa_netdev_loop_config config;

    pool = tpa_test_pool(4096);
    config = config_default();
    create(&config);
}

static void teardown(void)
{
    tpa_netdev_close(ends[0]);
    tpa_netdev_close(ends[1]);
    tpa_test_pool_expect_idle(pool);
}

static void recreate(const struct tpa_netdev_loop_config *config)
{
    tpa_netdev_close(ends[0]);
    tpa_netdev_close(ends[1]);
    create(config);
}

static uint16_t send(struct rte_mbuf *packet)
{
    return tpa_netdev_tx_burst(ends[0], 0, &packet, 1, 0);
}

static uint16_t receive(uint16_t queue)
{
    return tpa_netdev_rx_burst(ends[1], queue, received, TPA_NETDEV_LOOP_RING_DEFAULT, 77);
}

static struct rte_mbuf *make(const struct frame_template *template, const uint32_t *sizes,
                             uint16_t mss)
{
    struct rte_mbuf *packet;

    frame_build(template, &frame);
    packet = frame_packet(&frame, pool, 0, sizes);
    packet_request(packet, &frame, mss);
    return packet;
}

TestSuite(loop, .init = setup, .fini = teardown);

Test(loop, a_frame_arrives_as_it_was_sent_in_buffers_of_its_own)
{
    struct rte_mbuf *packet =
        make(&(struct frame_template){.payload = 1000}, (const uint32_t[]){13, 1, 27, 0}, 0);

    cr_assert_eq(send(packet), 1);
    cr_assert_eq(receive(0), 1);
    cr_assert_neq(received[0], packet);
    cr_assert_eq(received[0]->nb_segs, 1);
    expect_packet_is(received[0], &frame, "frame");
    cr_assert_eq(tpa_mem_packet_private(received[0])->arrival, 77);
    tpa_mem_packet_free(received[0]);
}

Test(loop, checksums_that_were_asked_for_are_good_and_others_unknown)
{
    struct rte_mbuf *asked = make(&(struct frame_template){.payload = 10}, NULL, 0);
    struct rte_mbuf *unasked = make(&(struct frame_template){.payload = 10}, NULL, 0);

    unasked->ol_flags = 0;
    cr_assert_eq(send(asked), 1);
    cr_assert_eq(send(unasked), 1);
    cr_assert_eq(receive(0), 2);
    cr_assert_eq(received[0]->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    cr_assert_eq(received[1]->ol_flags, 0);
    tpa_mem_packet_free_burst(received, 2);
}

Test(loop, a_receiver_that_does_not_check_gets_computed_checksums)
{
    struct tpa_netdev_loop_config config = config_default();

    config.capabilities = TPA_NETDEV_CAPABILITIES_ALL & ~(TPA_NETDEV_DMA | TPA_NETDEV_RX_CHECKSUM);
    recreate(&config);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 333}, NULL, 0)), 1);
    cr_assert_eq(receive(0), 1);
    cr_assert_eq(received[0]->ol_flags, 0);
    reference_fill_checksums(&frame);
    expect_packet_is(received[0], &frame, "computed");
    tpa_mem_packet_free(received[0]);
}

static void check_piece(const struct frame *piece, unsigned int index, void *context)
{
    static struct frame expected;
    uint32_t network = piece->l2;
    uint32_t transport = (uint32_t)piece->l2 + piece->l3;

    /* Checksums are taken as done: the fields keep what the sender had in them. */
    expected = *piece;
    if (!piece->ipv6)
        memcpy(expected.bytes + network + 10, frame.bytes + network + 10, 2);
    memcpy(expected.bytes + transport + 16, frame.bytes + transport + 16, 2);
    expect_packet_is(received[index], &expected, "piece");
    cr_assert(received[index]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

Test(loop, a_super_frame_arrives_as_the_wires_packets)
{
    static const uint32_t sizes[] = {1999, 1, 0};

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct rte_mbuf *packet = make(&(struct frame_template){.ipv6 = ipv6,
                                                                .tcp_options = 12,
                                                                .tcp_flags = TCP_ACK | TCP_PSH,
                                                                .sequence = 0xfffff000,
                                                                .payload = 60000},
                                       sizes, 1428);
        unsigned int count = (60000 + 1427) / 1428;

        cr_assert_eq(send(packet), 1);
        cr_assert_eq(receive(0), count);
        cr_assert_eq(reference_segment(&frame, 1428, check_piece, NULL), count);
        tpa_mem_packet_free_burst(received, count);
    }
}

Test(loop, a_super_frame_comes_whole_or_not_at_all)
{
    struct tpa_netdev_loop_config config = config_default();
    struct rte_mbuf *packet;
    struct tpa_netdev_counters counters;

    config.ring_size = 64; /* holds 63 */
    recreate(&config);
    packet = make(&(struct frame_template){.payload = 32 * 100}, NULL, 100);
    cr_assert_eq(send(packet), 1);
    packet = make(&(struct frame_template){.payload = 32 * 100}, NULL, 100);
    cr_assert_eq(send(packet), 0, "31 places are too few for 32 pieces");
    cr_assert_eq(receive(0), 32);
    tpa_mem_packet_free_burst(received, 32);
    cr_assert_eq(send(packet), 1, "now there is room");
    cr_assert_eq(receive(0), 32);
    tpa_mem_packet_free_burst(received, 32);
    tpa_netdev_counters(ends[0], &counters);
    cr_assert_eq(counters.tx_full, 1);
    cr_assert_eq(counters.tx_packets, 64);
}

Test(loop, a_super_frame_of_more_pieces_than_any_ring_holds_is_dropped)
{
    struct tpa_netdev_loop_config config = config_default();

    config.ring_size = 64;
    recreate(&config);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 6400}, NULL, 100)), 1);
    cr_assert_eq(receive(0), 0);
    cr_assert_eq(device_drops(ends[0], TPA_BASE_DROP_NETDEV_SEGMENTATION), 1);
}

Test(loop, a_full_ring_refuses_and_what_was_accepted_arrives)
{
    uint32_t accepted = 0;

    for (;;) {
        struct rte_mbuf *packet =
            make(&(struct frame_template){.payload = 4, .sequence = accepted}, NULL, 0);

        if (send(packet) == 0) {
            tpa_mem_packet_free(packet);
            break;
        }
        accepted++;
    }
    cr_assert_eq(accepted, TPA_NETDEV_LOOP_RING_DEFAULT - 1);
    cr_assert_eq(receive(0), accepted);
    for (uint32_t i = 0; i < accepted; i++) {
        frame_build(&(struct frame_template){.payload = 4, .sequence = i}, &frame);
        expect_packet_is(received[i], &frame, "in order");
    }
    tpa_mem_packet_free_burst(received, accepted);
}

Test(loop, the_receivers_empty_pool_loses_packets_and_counts_them)
{
    struct tpa_mem_pool *small = tpa_test_pool(8);
    struct tpa_netdev_loop_config config = config_default();
    struct tpa_netdev_counters counters;

    config.pool[1] = small;
    recreate(&config);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 2000}, NULL, 100)), 1);
    tpa_netdev_counters(ends[1], &counters);
    cr_assert_eq(counters.rx_no_buffer, 12);
    cr_assert_eq(receive(0), 8);
    tpa_mem_packet_free_burst(received, 8);
    tpa_test_pool_expect_idle(small);
}

Test(loop, jumbo_frames_arrive_in_chains)
{
    struct tpa_netdev_loop_config config = config_default();

    config.mtu = 9000;
    recreate(&config);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 8960}, NULL, 0)), 1);
    cr_assert_eq(receive(0), 1);
    cr_assert_eq(received[0]->nb_segs, 5);
    expect_packet_is(received[0], &frame, "jumbo");
    tpa_mem_packet_free(received[0]);
}

Test(loop, a_frame_above_the_mtu_is_dropped_by_the_sender_or_the_receiver)
{
    struct tpa_netdev_counters counters;

    cr_assert_eq(send(make(&(struct frame_template){.payload = 1465}, NULL, 0)), 1);
    cr_assert_eq(device_drops(ends[0], TPA_BASE_DROP_NETDEV_OVERSIZE), 1);
    cr_assert_eq(tpa_netdev_set_mtu(ends[0], 9000), 0);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 1465}, NULL, 0)), 1);
    cr_assert_eq(receive(0), 0);
    tpa_netdev_counters(ends[1], &counters);
    cr_assert_eq(counters.rx_errors, 1);
    cr_assert_eq(tpa_netdev_set_mtu(ends[0], 67), TPA_EINVAL);
}

Test(loop, tags_travel_beside_the_frame_or_in_it)
{
    struct tpa_netdev_loop_config config = config_default();
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5}, NULL, 0);

    packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
    packet->vlan_tci = 0x2005;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(send(make(&(struct frame_template){.payload = 5, .vlan = true}, NULL, 0)), 1);
    cr_assert_eq(receive(0), 2);
    frame_build(&(struct frame_template){.payload = 5}, &frame);
    for (int i = 0; i < 2; i++) {
        expect_packet_is(received[i], &frame, "stripped");
        cr_assert_eq(received[i]->vlan_tci, 0x2005);
        cr_assert(received[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED);
    }
    tpa_mem_packet_free_burst(received, 2);

    config.capabilities = TPA_NETDEV_CAPABILITIES_ALL & ~(TPA_NETDEV_DMA | TPA_NETDEV_RX_VLAN);
    recreate(&config);
    packet = make(&(struct frame_template){.payload = 5}, NULL, 0);
    packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
    packet->vlan_tci = 0x2005;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(receive(0), 1);
    frame_build(&(struct frame_template){.payload = 5, .vlan = true}, &frame);
    expect_packet_is(received[0], &frame, "tagged");
    tpa_mem_packet_free(received[0]);
}

Test(loop, packets_are_spread_as_steering_says)
{
    struct tpa_netdev_loop_config config = config_default();
    struct tpa_netdev_steering steering;
    unsigned int used = 0;

    config.queue_count = 4;
    recreate(&config);
    cr_assert_eq(tpa_netdev_steering(ends[1], &steering), 0);
    for (uint16_t port = 1; port <= 64; port++) {
        struct frame_template template = {.payload = 1, .source_port = port, .ipv6 = port % 2 == 0};
        const uint8_t *ip;
        uint8_t size = template.ipv6 ? 16 : 4;
        uint16_t queue;

        cr_assert_eq(send(make(&template, NULL, 0)), 1);
        ip = frame.bytes + frame.l2 + (template.ipv6 ? 8 : 12);
        queue = tpa_netdev_steering_queue(&steering, ip, ip + size, size, rte_cpu_to_be_16(port),
                                          rte_cpu_to_be_16(80));
        cr_assert_eq(receive(queue), 1, "port %u: expected at queue %u", port, queue);
        cr_assert(received[0]->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
        used |= 1u << queue;
        tpa_mem_packet_free(received[0]);
    }
    cr_assert_eq(used, 0xf, "all queues are used");
}

Test(loop, a_link_that_is_down_refuses_and_comes_up_again)
{
    struct tpa_netdev_link link;
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5}, NULL, 0);

    cr_assert_eq(tpa_netdev_set_link(ends[1], false), 0);
    tpa_netdev_link(ends[0], &link);
    cr_assert_not(link.up);
    cr_assert_eq(send(packet), 0);
    cr_assert_eq(tpa_netdev_set_link(ends[1], true), 0);
    tpa_netdev_link(ends[0], &link);
    cr_assert(link.up);
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(receive(0), 1);
    tpa_mem_packet_free(received[0]);
}

Test(loop, a_closed_end_is_a_link_down_and_frees_what_it_held)
{
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5}, NULL, 0);
    struct tpa_netdev_link link;

    cr_assert_eq(send(packet), 1);
    tpa_netdev_close(ends[1]);
    ends[1] = NULL;
    tpa_test_pool_expect_idle(pool);
    packet = make(&(struct frame_template){.payload = 5}, NULL, 0);
    cr_assert_eq(send(packet), 0);
    tpa_netdev_link(ends[0], &link);
    cr_assert_not(link.up);
    tpa_mem_packet_free(packet);
}

Test(loop, one_end_alone_receives_what_it_sends)
{
    struct tpa_netdev_loop_config config = config_default();
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5}, NULL, 0);
    struct tpa_netdev *self;

    cr_assert_eq(tpa_netdev_loop_create_self(&config, &self), 0);
    cr_assert_eq(tpa_netdev_start(self), 0);
    cr_assert_eq(tpa_netdev_tx_burst(self, 0, &packet, 1, 0), 1);
    cr_assert_eq(tpa_netdev_rx_burst(self, 0, received, 4, 0), 1);
    expect_packet_is(received[0], &frame, "self");
    tpa_mem_packet_free(received[0]);
    tpa_netdev_close(self);
}

Test(loop, bad_requests_are_dropped_with_a_reason)
{
    struct rte_mbuf *packet = make(&(struct frame_template){.payload = 5}, NULL, 0);

    packet->ol_flags &= ~RTE_MBUF_F_TX_IPV4;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(device_drops(ends[0], TPA_BASE_DROP_NETDEV_TX_REFUSED), 1);
    packet = make(&(struct frame_template){.payload = 5}, NULL, 100);
    packet->tso_segsz = 0;
    cr_assert_eq(send(packet), 1);
    cr_assert_eq(device_drops(ends[0], TPA_BASE_DROP_NETDEV_SEGMENTATION), 1);
    cr_assert_eq(receive(0), 0);
}

Test(loop, configurations_that_cannot_be_are_refused)
{
    struct tpa_netdev_loop_config config = config_default();
    struct tpa_netdev *none[2];

    config.queue_count = TPA_NETDEV_QUEUES_MAX + 1;
    cr_assert_eq(tpa_netdev_loop_create(&config, none), TPA_EINVAL);
    config = config_default();
    config.pool[1] = NULL;
    cr_assert_eq(tpa_netdev_loop_create(&config, none), TPA_EINVAL);
}

enum {
    THREAD_QUEUES = 2,
    THREAD_PACKETS = 20000
};

/* Sends THREAD_PACKETS super-frames and frames on its queue, numbered, to whatever queue they hash
 * to. */
static void *send_numbered(void *context)
{
    uint16_t queue = *(const uint16_t *)context;
    struct frame *own = malloc(sizeof(*own));

    for (uint32_t n = 0; n < THREAD_PACKETS;) {
        struct rte_mbuf *packet;

        frame_build(&(struct frame_template){.payload = n % 7 == 0 ? 400 : 90,
                                             .source_port = (uint16_t)(queue + 1),
                                             .sequence = n * 1000},
                    own);
        packet = frame_packet(own, pool, own->length, NULL);
        packet_request(packet, own, n % 7 == 0 ? 100 : 0);
        while (tpa_netdev_tx_burst(ends[0], queue, &packet, 1, 0) == 0)
            sched_yield();
        n++;
    }
    free(own);
    return NULL;
}

Test(loop, two_threads_send_and_two_receive_each_flow_in_order)
{
    struct tpa_netdev_loop_config config = config_default();
    pthread_t threads[THREAD_QUEUES];
    uint16_t queues[THREAD_QUEUES] = {0, 1};
    uint32_t next[THREAD_QUEUES] = {0};
    uint32_t total = 0;
    struct tpa_netdev_counters counters;

    config.queue_count = THREAD_QUEUES;
    recreate(&config);
    for (int i = 0; i < THREAD_QUEUES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, send_numbered, &queues[i]), 0);
    /* Four pieces for each seventh, one for the others. */
    while (total < THREAD_QUEUES * (THREAD_PACKETS + (THREAD_PACKETS + 6) / 7 * 3)) {
        uint16_t count = (uint16_t)(receive(0));

        if (count == 0)
            count = receive(1);
        for (uint16_t i = 0; i < count; i++) {
            const uint8_t *tcp = rte_pktmbuf_mtod_offset(received[i], uint8_t *, 34);
            uint16_t flow = (uint16_t)(tpa_base_load_be16(tcp) - 1);
            uint32_t sequence = tpa_base_load_be32(tcp + 4);

            cr_assert_lt(flow, THREAD_QUEUES);
            cr_assert(sequence >= next[flow], "flow %u: %u after %u", flow, sequence, next[flow]);
            next[flow] = sequence + 1;
        }
        total += count;
        tpa_mem_packet_free_burst(received, count);
    }
    for (int i = 0; i < THREAD_QUEUES; i++)
        pthread_join(threads[i], NULL);
    tpa_netdev_counters(ends[1], &counters);
    cr_assert_eq(counters.rx_packets, total);
}
