#include <criterion/criterion.h>

#include <tpa/base/clock.h>
#include <tpa/tcp/worker.h>

#include "rate_limit.h"
#include "segment.h"
#include "test/support/pools.h"

TestSuite(reset);

/* Attack 21. RFC 9293 3.10.7.1. */
Test(reset, numbers)
{
    const struct {
        uint8_t flags;
        uint32_t length;
        bool due;
        uint8_t reset_flags;
        uint32_t seq, ack;
    } rows[] = {
        {TPA_TCP_RST, 0, false, 0, 0, 0},
        {TPA_TCP_RST | TPA_TCP_ACK, 0, false, 0, 0, 0},
        {TPA_TCP_SYN, 0, true, TPA_TCP_RST | TPA_TCP_ACK, 0, 0},
        {TPA_TCP_SYN, 5, true, TPA_TCP_RST | TPA_TCP_ACK, 0, 5},
        {TPA_TCP_FIN, 5, true, TPA_TCP_RST | TPA_TCP_ACK, 0, 5},
        {0, 0, true, TPA_TCP_RST | TPA_TCP_ACK, 0, 0xffffffff},
        {TPA_TCP_ACK, 100, true, TPA_TCP_RST, 4711, 0},
        {TPA_TCP_SYN | TPA_TCP_ACK, 0, true, TPA_TCP_RST, 4711, 0},
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        const struct tpa_tcp_segment segment = {.seq = 0xffffffff,
                                                .ack = 4711,
                                                .flags = rows[row].flags,
                                                .length = rows[row].length,
                                                .source_port = 1,
                                                .destination_port = 2};
        struct tpa_tcp_header header;

        cr_assert_eq(tpa_tcp_reset_header(&segment, &header), rows[row].due, "row %zu", row);
        if (!rows[row].due)
            continue;
        cr_assert_eq(header.flags, rows[row].reset_flags, "row %zu", row);
        cr_assert_eq(header.seq, rows[row].seq, "row %zu", row);
        cr_assert_eq(header.ack, rows[row].ack, "row %zu", row);
        cr_assert_eq(header.source_port, 2);
        cr_assert_eq(header.destination_port, 1);
        cr_assert_eq(header.window, 0);
    }
}

static const struct tpa_tcp_config config = {.ttl = 64};
static const struct tpa_tcp_segment stray = {
    .source_port = 1, .destination_port = 2, .flags = TPA_TCP_ACK};

static struct tpa_tcp_worker make_worker(struct tpa_base_random *random)
{
    tpa_base_random_seed(random, 5);
    return (struct tpa_tcp_worker){.config = &config, .pool = tpa_test_pool(8), .random = random};
}

static uint32_t resets_in_a_flood(struct tpa_tcp_worker *worker, uint64_t now)
{
    uint32_t count = 0;

    for (int i = 0; i < 10000; i++) {
        enum tpa_base_drop reason;
        struct rte_mbuf *packet = tpa_tcp_reset_for(worker, &stray, &reason, now);

        cr_assert_eq(reason, packet != NULL ? TPA_BASE_DROP_TCP_NO_CONNECTION
                                            : TPA_BASE_DROP_TCP_RST_RATE_LIMITED);
        if (packet == NULL)
            continue;
        cr_assert_eq(tpa_mem_packet_layer(packet, struct tpa_tcp_transmit)->ttl, 64);
        tpa_mem_packet_free(packet);
        count++;
    }
    return count;
}

/* Attacks 21 and 25. Bounded, and by a number that can't be counted on. */
Test(reset, floods_are_answered_in_part)
{
    struct tpa_base_random random;
    struct tpa_tcp_worker worker = make_worker(&random);
    uint32_t first = resets_in_a_flood(&worker, 0);
    uint32_t second = resets_in_a_flood(&worker, TPA_TCP_RESETS_INTERVAL);

    cr_assert_geq(first, TPA_TCP_RESETS);
    cr_assert_leq(first, TPA_TCP_RESETS + TPA_TCP_RESETS_RANDOM);
    cr_assert_geq(second, TPA_TCP_RESETS);
    cr_assert_leq(second, TPA_TCP_RESETS + TPA_TCP_RESETS_RANDOM);
    cr_assert_neq(first, second);
    cr_assert_eq(resets_in_a_flood(&worker, 2 * TPA_TCP_RESETS_INTERVAL - 1), 0);
    cr_assert_eq(worker.counters.resets_out, first + second);
    tpa_test_pool_expect_idle(worker.pool);
}

Test(reset, answers_no_reset)
{
    struct tpa_base_random random;
    struct tpa_tcp_worker worker = make_worker(&random);
    const struct tpa_tcp_segment reset = {
        .source_port = 1, .destination_port = 2, .flags = TPA_TCP_RST};
    enum tpa_base_drop reason;

    cr_assert_null(tpa_tcp_reset_for(&worker, &reset, &reason, 0));
    cr_assert_eq(reason, TPA_BASE_DROP_TCP_NO_CONNECTION_RST);
}

Test(reset, the_pool_is_empty)
{
    struct tpa_base_random random;
    struct tpa_tcp_worker worker = make_worker(&random);

    enum tpa_base_drop reason;

    worker.pool->fault_countdown = 1;
    cr_assert_null(tpa_tcp_reset_for(&worker, &stray, &reason, 0));
    cr_assert_eq(reason, TPA_BASE_DROP_TCP_NO_CONNECTION);
    cr_assert_eq(worker.counters.allocation_failures, 1);
    cr_assert_eq(worker.counters.resets_out, 0);
    tpa_test_pool_expect_idle(worker.pool);
}
