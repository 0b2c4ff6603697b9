/*
 * Small transfers of many sizes both ways, from SYN to FIN, in which every pair of segments is
 * dropped, and every single one repeated or late (row 48 of the hostile packets): the same bytes,
 * in a bounded time, and nothing sent again that need not be. Then wires worse than any.
 */
#include <criterion/criterion.h>

#include <tpa/base/random.h>

#include "pair.h"
#include "stream.h"

TestSuite(exhaustive, .timeout = 300);

/* Nothing takes longer: a lost SYN costs a second, a second one two more; then three, as RFC 6298
 * section 5.7 has it, if it is data that is lost next. */
#define DURATION_MAX (15 * SECONDS)

struct plan {
    enum fate fate;
    unsigned int count;
    unsigned int host[2];
    unsigned int index[2];
};

static enum fate follow(struct pair *pair, unsigned int from, unsigned int index,
                        const struct tpa_tcp_segment *segment)
{
    const struct plan *plan = pair->context;

    (void)segment;
    for (unsigned int i = 0; i < plan->count; i++) {
        if (plan->host[i] == from && plan->index[i] == index)
            return plan->fate;
    }
    return FATE_DELIVER;
}

struct transfer {
    uint64_t bytes[2];
    bool options; /* SACK and timestamps */
    unsigned int sent[2];
    uint64_t retransmitted;
    uint64_t timeouts;
    uint64_t fast_retransmits;
};

static void prepare(struct pair *pair, const struct transfer *transfer, uint32_t start)
{
    pair_prepare(pair, start, start + 0x1000);
    for (unsigned int i = 0; i < 2; i++) {
        pair->applications[i].to_write = transfer->bytes[i];
        pair->applications[i].shutdown = true;
        pair->applications[i].close = true;
        pair->hosts[i].config.sack = pair->hosts[i].config.timestamps = transfer->options;
        /* The segments' numbers are to be the same in each run. */
        pair->hosts[i].config.time_wait = 20 * SECONDS;
    }
}

static void finish(struct pair *pair, struct transfer *transfer)
{
    transfer->retransmitted = transfer->timeouts = transfer->fast_retransmits = 0;
    for (unsigned int i = 0; i < 2; i++) {
        const struct tpa_tcp_counters *counters = &pair->hosts[i].worker.counters;

        transfer->sent[i] = pair->sent[i];
        transfer->retransmitted += counters->retransmitted_segments;
        transfer->timeouts += counters->retransmission_timeouts;
        transfer->fast_retransmits += counters->fast_retransmits;
        cr_assert_eq(tpa_tcp_connection_error(&pair->hosts[i].connection), 0);
    }
    pair_close(pair);
}

static void run(struct transfer *transfer, struct plan *plan, uint32_t start)
{
    static struct pair pair;

    prepare(&pair, transfer, start);
    pair.fate = follow;
    pair.context = plan;
    pair_open(&pair);
    pair_run(&pair, DURATION_MAX);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(pair.hosts[i].read, transfer->bytes[1 - i],
                     "fate %d of %u: host %u segment %u, host %u segment %u", plan->fate,
                     plan->count, plan->host[0], plan->index[0], plan->host[1], plan->index[1]);
    pair_run(&pair, 40 * SECONDS);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(tpa_tcp_connection_state(&pair.hosts[i].connection), TPA_TCP_CLOSED);
    finish(&pair, transfer);
}

static void for_each_transfer(void (*test)(struct transfer *transfer, uint32_t start))
{
    static const uint64_t sizes[][2] = {{0, 0},       {1, 0},       {0, 1460}, {100, 100},
                                        {1460, 2920}, {7300, 0},    {0, 7300}, {4000, 9000},
                                        {17520, 100}, {2000, 17520}};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(sizes); i++) {
        for (int options = 0; options < 2; options++) {
            struct transfer transfer = {.bytes = {sizes[i][0], sizes[i][1]},
                                        .options = options != 0};
            struct plan none = {.count = 0};
            uint32_t start = stream_starts[i % STREAM_STARTS] - (uint32_t)(i * 700);

            run(&transfer, &none, start);
            cr_assert_eq(transfer.retransmitted, 0);
            test(&transfer, start);
        }
    }
}

/* The same with one segment of the run without faults singled out. */
static void each_segment(struct transfer *transfer, uint32_t start, enum fate fate,
                         void (*check)(const struct transfer *transfer))
{
    const struct transfer clean = *transfer;

    for (unsigned int host = 0; host < 2; host++) {
        for (unsigned int index = 0; index < clean.sent[host]; index++) {
            struct plan plan = {.fate = fate, .count = 1, .host = {host}, .index = {index}};

            run(transfer, &plan, start);
            check(transfer);
        }
    }
}

static void nothing_sent_again(const struct transfer *transfer)
{
    cr_assert_eq(transfer->retransmitted, 0);
}

static void repeat_each(struct transfer *transfer, uint32_t start)
{
    each_segment(transfer, start, FATE_REPEAT, nothing_sent_again);
}

Test(exhaustive, every_segment_is_repeated)
{
    for_each_transfer(repeat_each);
}

/* Where so many overtake it that it is deemed lost and sent again, the ACK that only the second
 * copy brings is not seen: an old segment's ACK doesn't count (RFC 9293 3.10.7.4, first check). */
static void no_timeout(const struct transfer *transfer)
{
    cr_assert(transfer->timeouts == 0 || transfer->fast_retransmits != 0);
}

static void delay_each(struct transfer *transfer, uint32_t start)
{
    each_segment(transfer, start, FATE_LATE, no_timeout);
}

Test(exhaustive, every_segment_is_overtaken)
{
    for_each_transfer(delay_each);
}

static void drop_pairs(struct transfer *transfer, uint32_t start)
{
    const struct transfer clean = *transfer;
    unsigned int all = clean.sent[0] + clean.sent[1];

    for (unsigned int first = 0; first < all; first++) {
        for (unsigned int second = first + 1; second < all + 4; second++) {
            struct plan plan = {.fate = FATE_DROP, .count = 2};

            /* Beyond the last one of the clean run: the retransmissions. */
            plan.host[0] = first >= clean.sent[0];
            plan.index[0] = plan.host[0] ? first - clean.sent[0] : first;
            plan.host[1] = second >= clean.sent[0] + 2;
            plan.index[1] = plan.host[1] ? second - clean.sent[0] - 2 : second;
            run(transfer, &plan, start);
        }
    }
}

Test(exhaustive, every_pair_of_segments_is_dropped)
{
    for_each_transfer(drop_pairs);
}

struct chance {
    struct tpa_base_random random;
    uint32_t drop, repeat, late; /* of 1,000 */
};

static enum fate choose(struct pair *pair, unsigned int from, unsigned int index,
                        const struct tpa_tcp_segment *segment)
{
    struct chance *chance = pair->context;
    uint32_t number = (uint32_t)tpa_base_random_below(&chance->random, 1000);

    (void)from;
    (void)index;
    (void)segment;
    if (number < chance->drop)
        return FATE_DROP;
    if (number < chance->drop + chance->repeat)
        return FATE_REPEAT;
    return number < chance->drop + chance->repeat + chance->late ? FATE_LATE : FATE_DELIVER;
}

/* From one seed: sizes, options, what each application does, and what the wire does to it. */
static void run_random(uint64_t seed)
{
    static struct pair pair;
    struct chance chance;
    struct tpa_base_random *random = &chance.random;
    uint32_t start;

    tpa_base_random_seed(random, seed);
    start = tpa_base_random_u32(random);
    if (seed % 2 == 0)
        start = 0u - (uint32_t)tpa_base_random_below(random, 100000); /* it wraps */
    chance.drop = (uint32_t)tpa_base_random_below(random, 150);
    chance.repeat = (uint32_t)tpa_base_random_below(random, 100);
    chance.late = (uint32_t)tpa_base_random_below(random, 300);

    pair_prepare(&pair, start, tpa_base_random_u32(random));
    pair.delay = 1 + tpa_base_random_below(random, 100 * MS);
    for (unsigned int i = 0; i < 2; i++) {
        struct pair_application *application = &pair.applications[i];
        struct tpa_tcp_config *config = &pair.hosts[i].config;

        application->to_write = tpa_base_random_below(random, 120000);
        application->write_size = 1 + (uint32_t)tpa_base_random_below(random, 20000);
        application->shutdown = application->close = true;
        config->retries = config->syn_retries = 40;
        config->sack = tpa_base_random_below(random, 2) != 0;
        config->timestamps = tpa_base_random_below(random, 2) != 0;
        config->window_scale = tpa_base_random_below(random, 2) != 0;
        config->receive_buffer = 2000 + (uint32_t)tpa_base_random_below(random, 100000);
        config->send_buffer = 20000 + (uint32_t)tpa_base_random_below(random, 100000);
        config->user_mss = (uint16_t)(300 + tpa_base_random_below(random, 1200));
    }
    pair.fate = choose;
    pair.context = &chance;
    pair_open(&pair);
    cr_assert(pair_transfer(&pair, 3000 * SECONDS), "seed %llu", (unsigned long long)seed);
    pair_run(&pair, 1000 * SECONDS);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(tpa_tcp_connection_error(&pair.hosts[i].connection), 0, "seed %llu",
                     (unsigned long long)seed);
    pair_close(&pair);
}

Test(exhaustive, harsh_wires_and_odd_settings)
{
    for (uint64_t seed = 1; seed <= 150; seed++)
        run_random(seed);
}
