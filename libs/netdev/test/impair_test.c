/* The bad wire, over the mock, in virtual time. */
#include <tpa/netdev/impair.h>

#include <pthread.h>
#include <stdatomic.h>

#include <criterion/criterion.h>
#include <tpa/base/byteorder.h>
#include <tpa/netdev/mock.h>

#include "expect.h"
#include "test/support/pools.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

static struct tpa_mem_pool *pool;
static struct tpa_netdev *mock;
static struct tpa_netdev *device;
static struct frame frame;
static char reason[TPA_NETDEV_REASON_SIZE];

static void create(uint64_t seed)
{
    struct tpa_netdev_mock_config config = {.queue_count = 2,
                                            .capabilities = TPA_NETDEV_CAPABILITIES_ALL};

    cr_assert_eq(tpa_netdev_mock_create(&config, &mock), 0);
    device = tpa_netdev_impair_wrap(mock, pool, seed);
    cr_assert_not_null(device);
    cr_assert_eq(tpa_netdev_start(device), 0);
}

static void setup(void)
{
    pool = tpa_test_pool(2048);
    create(1);
}

static void teardown(void)
{
    tpa_netdev_close(device);
    tpa_test_pool_expect_idle(pool);
}

static void set(enum tpa_netdev_direction direction, const char *text)
{
    struct tpa_netdev_impairment impairment;

    cr_assert_eq(tpa_netdev_impairment_parse(text, &impairment, reason), 0, "%s", reason);
    cr_assert_eq(tpa_netdev_impair_set(device, direction, &impairment), 0);
}

/* A packet that says which one it is by its sequence number. */
static struct rte_mbuf *make(uint32_t number)
{
    struct rte_mbuf *packet;

    frame_build(&(struct frame_template){.payload = 71, .sequence = number, .seed = number},
                &frame);
    reference_fill_checksums(&frame); /* 125 bytes: 1000 bits */
    packet = frame_packet(&frame, pool, 71, NULL);
    packet->ol_flags = 0;
    return packet;
}

static uint32_t number_of(const struct rte_mbuf *packet)
{
    return tpa_base_load_be32(rte_pktmbuf_mtod_offset(packet, uint8_t *, 14 + 20 + 4));
}

static void send(uint32_t number, uint64_t now)
{
    struct rte_mbuf *packet = make(number);

    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, now), 1);
}

/* Which packets are on the wire by now, "0 1 3". */
static const char *sent(void)
{
    static char text[4096];
    struct rte_mbuf *packet;
    size_t length = 0;

    text[0] = '\0';
    while ((packet = tpa_netdev_mock_take(mock, 0)) != NULL) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%u",
                                   length > 0 ? " " : "", number_of(packet));
        tpa_mem_packet_free(packet);
    }
    return text;
}

static uint32_t send_and_count(uint32_t count)
{
    uint32_t arrived = 0;

    for (uint32_t i = 0; i < count; i++) {
        send(i, i);
        while (tpa_netdev_mock_pending(mock, 0) > 0) {
            tpa_mem_packet_free(tpa_netdev_mock_take(mock, 0));
            arrived++;
        }
    }
    return arrived;
}

TestSuite(impair, .init = setup, .fini = teardown);

Test(impair, nothing_set_passes_packets_as_they_are)
{
    struct rte_mbuf *packet = make(7);
    struct rte_mbuf *received;

    packet->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    cr_assert_eq(tpa_netdev_mock_take(mock, 0), packet, "the same buffer");
    cr_assert(packet->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM, "requests are left to the port");
    tpa_netdev_mock_inject(mock, 0, packet);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 0), 1);
    cr_assert_eq(received, packet);
    tpa_mem_packet_free(received);
}

Test(impair, a_mask_drops_and_duplicates_exactly_these)
{
    set(TPA_NETDEV_TX, "dropmask=0+2-3+255 dupmask=5");
    for (uint32_t i = 0; i < 8; i++)
        send(i, 0);
    cr_assert_str_eq(sent(), "1 4 5 5 6 7");
    for (uint32_t i = 8; i < 254; i++)
        send(i, 0);
    sent();
    for (uint32_t i = 254; i < 258; i++)
        send(i, 0);
    cr_assert_str_eq(sent(), "254 256 257");
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_IMPAIRMENT), 4);
    /* Counted from when it is set. */
    set(TPA_NETDEV_TX, "dropmask=0");
    send(1, 0);
    send(2, 0);
    cr_assert_str_eq(sent(), "2");
}

Test(impair, rates_are_met_and_repeat_by_seed)
{
    uint32_t first;

    set(TPA_NETDEV_TX, "drop=1% dup=2%");
    first = send_and_count(20000);
    /* 20,000 - 200 + 396, with four standard deviations of some 25. */
    cr_assert_gt(first, 20196 - 100);
    cr_assert_lt(first, 20196 + 100);
    tpa_netdev_close(device);
    create(1);
    set(TPA_NETDEV_TX, "drop=1% dup=2%");
    cr_assert_eq(send_and_count(20000), first, "the same seed, the same wire");
    tpa_netdev_close(device);
    create(2);
    set(TPA_NETDEV_TX, "drop=1% dup=2%");
    cr_assert_neq(send_and_count(20000), first, "another seed, another wire");
}

Test(impair, certainty_is_certain)
{
    set(TPA_NETDEV_TX, "drop=100%");
    cr_assert_eq(send_and_count(500), 0);
    set(TPA_NETDEV_TX, "dup=100%");
    cr_assert_eq(send_and_count(500), 1000);
}

Test(impair, the_queues_and_directions_of_one_seed_differ)
{
    char text[2][4096];

    set(TPA_NETDEV_TX, "drop=50%");
    for (uint16_t queue = 0; queue < 2; queue++) {
        size_t length = 0;

        for (uint32_t i = 0; i < 64; i++) {
            struct rte_mbuf *packet = make(i);

            cr_assert_eq(tpa_netdev_tx_burst(device, queue, &packet, 1, 0), 1);
            packet = tpa_netdev_mock_take(mock, queue);
            text[queue][length++] = packet != NULL ? '+' : '-';
            if (packet != NULL)
                tpa_mem_packet_free(packet);
        }
        text[queue][length] = '\0';
    }
    cr_assert_str_neq(text[0], text[1]);
}

Test(impair, delay_is_met_to_the_nanosecond)
{
    set(TPA_NETDEV_TX, "delay=10ms");
    send(0, 5 * MILLISECOND);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 15 * MILLISECOND - 1), 1);
    cr_assert_str_eq(sent(), "");
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 15 * MILLISECOND), 0);
    cr_assert_str_eq(sent(), "0");
}

Test(impair, jitter_keeps_the_order)
{
    uint32_t expected = 0;
    bool spread = false;

    set(TPA_NETDEV_TX, "delay=1ms jitter=5ms");
    for (uint64_t now = 0; expected < 1000; now += MILLISECOND / 100) {
        struct rte_mbuf *packet;

        cr_assert_lt(now, SECOND);
        if (now % (MILLISECOND / 10) == 0 && now < 100 * MILLISECOND)
            send((uint32_t)(now / (MILLISECOND / 10)), now);
        tpa_netdev_tx_flush(device, 0, now);
        while ((packet = tpa_netdev_mock_take(mock, 0)) != NULL) {
            uint64_t entered = number_of(packet) * MILLISECOND / 10;

            cr_assert_eq(number_of(packet), expected++);
            cr_assert_geq(now, entered + MILLISECOND);
            spread |= now > entered + 4 * MILLISECOND;
            tpa_mem_packet_free(packet);
        }
    }
    cr_assert(spread);
}

Test(impair, switched_off_all_that_is_held_leaves_in_order)
{
    set(TPA_NETDEV_TX, "delay=1h");
    for (uint32_t i = 0; i < 5; i++)
        send(i, i);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, SECOND), 5);
    set(TPA_NETDEV_TX, "off");
    send(5, SECOND);
    cr_assert_str_eq(sent(), "0 1 2 3 4 5");
    send(6, SECOND);
    cr_assert_str_eq(sent(), "6");
}

Test(impair, a_reordered_packet_is_overtaken_by_as_many_as_asked)
{
    struct tpa_netdev_impairment impairment = {.reorder_ppm = TPA_NETDEV_IMPAIR_PPM,
                                               .reorder_depth = 3};

    cr_assert_eq(tpa_netdev_impair_set(device, TPA_NETDEV_TX, &impairment), 0);
    send(0, 0);
    impairment.reorder_ppm = 0;
    impairment.delay = 1; /* keeps what is aside waiting */
    cr_assert_eq(tpa_netdev_impair_set(device, TPA_NETDEV_TX, &impairment), 0);
    for (uint32_t i = 1; i < 6; i++)
        send(i, i);
    tpa_netdev_tx_flush(device, 0, 10);
    cr_assert_str_eq(sent(), "1 2 3 0 4 5");
}

Test(impair, a_reordered_packet_that_nobody_overtakes_leaves_in_time)
{
    set(TPA_NETDEV_TX, "reorder=100% depth=3 hold=2ms");
    send(0, 0);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 2 * MILLISECOND - 1), 1);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 2 * MILLISECOND), 0);
    cr_assert_str_eq(sent(), "0");
    set(TPA_NETDEV_TX, "reorder=100% depth=3");
    send(1, 0);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, TPA_NETDEV_IMPAIR_REORDER_DELAY - 1), 1);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, TPA_NETDEV_IMPAIR_REORDER_DELAY), 0);
    cr_assert_str_eq(sent(), "1");
}

Test(impair, a_rate_spaces_packets_and_drops_behind_its_queue)
{
    set(TPA_NETDEV_TX, "rate=1M queue=4"); /* 1000 bits: a packet each millisecond */
    for (uint32_t i = 0; i < 6; i++)
        send(i, 0);
    for (uint32_t i = 0; i < 4; i++) {
        char expected[12];

        snprintf(expected, sizeof(expected), "%u", i);
        tpa_netdev_tx_flush(device, 0, (i + 1) * MILLISECOND - 1);
        cr_assert_str_eq(sent(), "");
        tpa_netdev_tx_flush(device, 0, (i + 1) * MILLISECOND);
        cr_assert_str_eq(sent(), expected);
    }
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, SECOND), 0);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_IMPAIRMENT_QUEUE), 2);
}

Test(impair, the_rates_queue_does_not_count_what_is_only_delayed)
{
    set(TPA_NETDEV_TX, "rate=1M queue=4 delay=1s");
    for (uint32_t i = 0; i < 50; i++)
        send(i, i * MILLISECOND);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_IMPAIRMENT_QUEUE), 0);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 10 * SECOND), 0);
}

Test(impair, a_corrupted_packet_differs_in_one_bit_and_the_senders_is_untouched)
{
    set(TPA_NETDEV_TX, "corrupt=100%");
    for (uint32_t i = 0; i < 200; i++) {
        struct rte_mbuf *packet = make(i);
        struct rte_mbuf *arrived;
        unsigned int flipped = 0;

        rte_mbuf_refcnt_update(packet, 1); /* the sender keeps it */
        cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
        arrived = tpa_netdev_mock_take(mock, 0);
        cr_assert_eq(arrived->pkt_len, frame.length);
        for (uint32_t byte = 0; byte < frame.length; byte++)
            flipped += (unsigned int)__builtin_popcount(
                frame.bytes[byte] ^ *rte_pktmbuf_mtod_offset(arrived, uint8_t *, byte));
        cr_assert_eq(flipped, 1);
        expect_packet_is(packet, &frame, "the sender's");
        tpa_mem_packet_free(arrived);
        tpa_mem_packet_free(packet);
    }
}

Test(impair, what_a_port_said_of_a_received_packet_is_void_once_it_is_changed)
{
    struct rte_mbuf *packet;
    struct rte_mbuf *received;

    for (int i = 0; i < 2; i++) {
        set(TPA_NETDEV_RX, i == 0 ? "corrupt=100%" : "cut=100%");
        packet = make(1);
        packet->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
        tpa_netdev_mock_inject(mock, 0, packet);
        cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 0), 1);
        cr_assert_eq(received->ol_flags, 0);
        tpa_mem_packet_free(received);
    }
}

Test(impair, a_cut_packet_keeps_its_ethernet_header)
{
    uint32_t shortest = UINT32_MAX;

    set(TPA_NETDEV_TX, "cut=100%");
    for (uint32_t i = 0; i < 2000; i++) {
        struct rte_mbuf *packet = make(i);

        cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
        packet = tpa_netdev_mock_take(mock, 0);
        cr_assert_lt(packet->pkt_len, frame.length);
        cr_assert_geq(packet->pkt_len, 14);
        frame.length = packet->pkt_len;
        expect_packet_is(packet, &frame, "what is left");
        shortest = packet->pkt_len < shortest ? packet->pkt_len : shortest;
        tpa_mem_packet_free(packet);
    }
    cr_assert_eq(shortest, 14);
}

static void expect_piece(const struct frame *piece, unsigned int index, void *context)
{
    struct rte_mbuf *packet = tpa_netdev_mock_take(mock, 0);
    const unsigned int *dropped = context;

    if (index == *dropped) {
        cr_assert_not_null(packet);
        tpa_netdev_mock_inject(mock, 1, packet); /* the next one: put back for the next index */
        return;
    }
    if (index > *dropped) {
        struct rte_mbuf *held;

        cr_assert_eq(tpa_netdev_rx_burst(mock, 1, &held, 1, 0), 1);
        if (packet != NULL)
            tpa_netdev_mock_inject(mock, 1, packet);
        packet = held;
    }
    expect_packet_is(packet, piece, "piece");
    cr_assert_eq(packet->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_L4_MASK), 0);
    tpa_mem_packet_free(packet);
}

Test(impair, super_frames_meet_the_wire_in_pieces_with_their_checksums)
{
    unsigned int dropped = 3;
    struct rte_mbuf *packet;

    set(TPA_NETDEV_TX, "dropmask=3");
    frame_build(&(struct frame_template){.payload = 9999, .tcp_flags = TCP_ACK | TCP_PSH}, &frame);
    packet = frame_packet(&frame, pool, 0, NULL);
    packet_request(packet, &frame, 1000);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 9);
    cr_assert_eq(reference_segment(&frame, 1000, expect_piece, &dropped), 10);
    cr_assert_eq(tpa_netdev_mock_pending(mock, 0), 0);
}

Test(impair, a_full_port_holds_back_and_nothing_accepted_is_lost)
{
    struct rte_mbuf *packet;

    set(TPA_NETDEV_TX, "delay=1us");
    tpa_netdev_mock_set_tx_limit(mock, 1);
    for (uint32_t i = 0; i < 3; i++)
        send(i, 0);
    packet = make(3);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 1000), 0, "the port is full");
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 1000), 2);
    tpa_netdev_mock_set_tx_limit(mock, 100);
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 1000), 1);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, 2000), 0);
    cr_assert_str_eq(sent(), "0 1 2 3");
}

Test(impair, received_packets_are_delayed_and_never_more_than_asked_for)
{
    struct rte_mbuf *received[4];

    set(TPA_NETDEV_RX, "delay=1ms dup=100%");
    for (uint32_t i = 0; i < 3; i++)
        tpa_netdev_mock_inject(mock, 0, make(i));
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, received, 4, 0), 0);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, received, 4, MILLISECOND), 4);
    cr_assert_eq(tpa_mem_packet_private(received[0])->arrival, MILLISECOND, "when it leaves");
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(number_of(received[i]), i / 2);
    tpa_mem_packet_free_burst(received, 4);
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, received, 4, MILLISECOND), 2);
    tpa_mem_packet_free_burst(received, 2);
}

Test(impair, one_direction_leaves_the_other_alone)
{
    struct rte_mbuf *received;

    set(TPA_NETDEV_TX, "drop=100%");
    tpa_netdev_mock_inject(mock, 0, make(1));
    cr_assert_eq(tpa_netdev_rx_burst(device, 0, &received, 1, 0), 1);
    tpa_mem_packet_free(received);
}

Test(impair, without_buffers_there_are_no_duplicates_and_nothing_else_is_lost)
{
    struct rte_mbuf *packet;

    set(TPA_NETDEV_TX, "dup=100%");
    packet = make(1);
    pool->fault_countdown = 1;
    cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    cr_assert_str_eq(sent(), "1");
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_NO_BUFFER), 1);
}

Test(impair, more_than_the_bound_is_dropped)
{
    struct tpa_mem_pool *tiny = tpa_test_pool_sized(TPA_NETDEV_IMPAIR_HELD_MAX + 2, 64);
    uint64_t dropped;

    set(TPA_NETDEV_TX, "delay=1h");
    for (uint32_t i = 0; i < TPA_NETDEV_IMPAIR_HELD_MAX + 2; i++) {
        struct rte_mbuf *packet = tpa_mem_packet_alloc(tiny);

        cr_assert_not_null(packet);
        tpa_mem_packet_append(packet, 64);
        cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, 0), 1);
    }
    dropped = device_drops(device, TPA_BASE_DROP_NETDEV_IMPAIRMENT_QUEUE);
    cr_assert_eq(dropped, 2);
    tpa_netdev_stop(device);
    cr_assert_eq(device_drops(device, TPA_BASE_DROP_NETDEV_PORT_GONE), TPA_NETDEV_IMPAIR_HELD_MAX);
    tpa_test_pool_expect_idle(tiny);
}

Test(impair, what_cannot_be_is_refused)
{
    struct tpa_netdev_impairment impairment = {.cut_ppm = TPA_NETDEV_IMPAIR_PPM + 1};

    cr_assert_eq(tpa_netdev_impair_set(device, TPA_NETDEV_TX, &impairment), TPA_EINVAL);
    impairment = (struct tpa_netdev_impairment){.delay = TPA_NETDEV_IMPAIR_TIME_MAX + 1};
    cr_assert_eq(tpa_netdev_impair_set(device, TPA_NETDEV_TX, &impairment), TPA_EINVAL);
    impairment.delay = 0;
    cr_assert_eq(tpa_netdev_impair_set(mock, TPA_NETDEV_TX, &impairment), TPA_EUNSUPPORTED);
    cr_assert_eq(tpa_netdev_impair_set(device, (enum tpa_netdev_direction)2, &impairment),
                 TPA_EINVAL);
}

static atomic_bool changing;
static atomic_uint changes;

static void *change(void *context)
{
    while (atomic_load(&changing)) {
        set(TPA_NETDEV_TX, "drop=10% delay=1us jitter=5us rate=1G queue=100");
        set(TPA_NETDEV_TX, "reorder=10% depth=2 dup=5%");
        set(TPA_NETDEV_TX, "off");
        atomic_fetch_add(&changes, 1);
    }
    return NULL;
}

Test(impair, it_is_changed_by_another_thread_and_nothing_is_lost_uncounted)
{
    struct tpa_netdev_counters counters;
    uint32_t arrived = 0;
    uint32_t count = 0;
    pthread_t thread;
    uint64_t lost;
    uint64_t now = 0;

    atomic_store(&changing, true);
    cr_assert_eq(pthread_create(&thread, NULL, change, NULL), 0);
    while (count < 50000 || atomic_load(&changes) < 100) {
        struct rte_mbuf *packet = tpa_mem_packet_alloc(pool);

        cr_assert_not_null(packet);
        tpa_mem_packet_append(packet, 100);
        packet->ol_flags = 0;
        count++;
        now += 500;
        cr_assert_eq(tpa_netdev_tx_burst(device, 0, &packet, 1, now), 1);
        while ((packet = tpa_netdev_mock_take(mock, 0)) != NULL) {
            tpa_mem_packet_free(packet);
            arrived++;
        }
    }
    atomic_store(&changing, false);
    pthread_join(thread, NULL);
    cr_assert_eq(tpa_netdev_tx_flush(device, 0, now + SECOND), 0);
    arrived += tpa_netdev_mock_pending(mock, 0);
    tpa_netdev_counters(device, &counters);
    lost = counters.drops.count[TPA_BASE_DROP_NETDEV_IMPAIRMENT] +
           counters.drops.count[TPA_BASE_DROP_NETDEV_IMPAIRMENT_QUEUE];
    /* Duplicates come on top. */
    cr_assert_geq(arrived + lost, count);
}
