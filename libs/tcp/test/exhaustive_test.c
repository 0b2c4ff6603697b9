/*
 * Small transfers of many sizes both ways, from SYN to FIN, in which every segment and every pair
 * is dropped, and every single one repeated or late: the same
 * bytes, in a bounded time, and nothing sent again that need not be. Then wires worse than any.
 */
#include <criterion/criterion.h>

#include <tpa/base/random.h>

#include "pair.h"
#include "rtt.h"
#include "stream.h"

TestSuite(exhaustive, .timeout = 300);

/* Nothing takes longer: a lost SYN costs a second, a second one two more; then three, as RFC 6298
 * section 5.7 has it, if it is data that is lost next. */
#define DURATION_MAX (15 * SECONDS)

/* What a loss costs at most. The wire's round trip is short of the smallest time-out. */
#define ROUND_TRIP        (10 * MS)
#define ROUNDING          (2 * MS)
#define SYN_TIMEOUT       (1000 * MS)
#define TIMEOUT           (100 * MS)
#define PROBE_TIMEOUT     (2 * ROUND_TRIP + 50 * MS)
#define SECOND_TIMEOUT    (2 * TIMEOUT)
#define SECOND_SYN        (2 * SYN_TIMEOUT)
#define TIMEOUT_AFTER_SYN TPA_TCP_RTO_AFTER_SYN_RTO
/* After the loss of a SYN the window is one segment (RFC 5681 section 3.1). */
#define SLOW_START (6 * ROUND_TRIP)

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
    uint64_t duration; /* until both have read the other's end */
    uint64_t retransmitted;
    uint64_t timeouts;
    uint64_t fast_retransmits;
    uint64_t undone; /* recoveries that were for nothing */
};

static void prepare(struct pair *pair, const struct transfer *transfer, uint32_t start)
{
    pair_prepare(pair, start, start + 0x1000);
    for (unsigned int i = 0; i < 2; i++) {
        pair->applications[i].to_write = transfer->bytes[i];
        pair->applications[i].shutdown = true;
        pair->applications[i].close = true;
        pair->hosts[i].config.sack = pair->hosts[i].config.timestamps = transfer->options;
        /* What is dropped isn't for its length: segments stay as they are. */
        pair->hosts[i].config.mtu_probing = TPA_TCP_MTU_PROBING_OFF;
        /* The segments' numbers are to be the same in each run. */
        pair->hosts[i].config.time_wait = 20 * SECONDS;
    }
}

static void finish(struct pair *pair, struct transfer *transfer)
{
    transfer->retransmitted = transfer->timeouts = transfer->fast_retransmits = 0;
    transfer->undone = 0;
    for (unsigned int i = 0; i < 2; i++) {
        const struct tpa_tcp_counters *counters = &pair->hosts[i].worker.counters;

        transfer->sent[i] = pair->sent[i];
        transfer->retransmitted += counters->retransmitted_segments;
        transfer->timeouts += counters->retransmission_timeouts;
        transfer->fast_retransmits += counters->fast_retransmits;
        transfer->undone += counters->spurious_recoveries;
        cr_assert_eq(tpa_tcp_connection_error(&pair->hosts[i].connection), 0);
    }
    pair_close(pair);
}

/* Both have read everything: to the millisecond, how long it took. */
static uint64_t run_to_the_end(struct pair *pair)
{
    uint64_t start = pair->now;

    pair_open(pair);
    while (!(pair->hosts[0].at_end && pair->hosts[1].at_end) && pair->now - start < DURATION_MAX)
        pair_run(pair, MS);
    return pair->now - start;
}

static void run(struct transfer *transfer, struct plan *plan, uint32_t start)
{
    static struct pair pair;

    prepare(&pair, transfer, start);
    pair.fate = follow;
    pair.context = plan;
    transfer->duration = run_to_the_end(&pair);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(pair.hosts[i].read, transfer->bytes[1 - i],
                     "fate %d of %u: host %u segment %u, host %u segment %u", plan->fate,
                     plan->count, plan->host[0], plan->index[0], plan->host[1], plan->index[1]);
    pair_run(&pair, 40 * SECONDS);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(tpa_tcp_connection_state(&pair.hosts[i].connection), TPA_TCP_CLOSED);
    finish(&pair, transfer);
}

static void with_and_without_options(uint64_t bytes0, uint64_t bytes1, uint32_t start,
                                     void (*test)(struct transfer *transfer, uint32_t start))
{
    for (int options = 0; options < 2; options++) {
        struct transfer transfer = {.bytes = {bytes0, bytes1}, .options = options != 0};
        struct plan none = {.count = 0};

        run(&transfer, &none, start);
        cr_assert_eq(transfer.retransmitted, 0);
        test(&transfer, start);
    }
}

/* Nothing, little, and one to twelve segments one way, the other and both; most numbers wrap. */
static void for_each_transfer(void (*test)(struct transfer *transfer, uint32_t start))
{
    static const uint64_t sizes[][2] = {{0, 0},       {1, 0},       {100, 100},
                                        {4000, 9000}, {17520, 100}, {2000, 17520}};
    unsigned int count = 0;

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(sizes); i++, count++)
        with_and_without_options(sizes[i][0], sizes[i][1],
                                 stream_starts[count % STREAM_STARTS] - count * 700, test);
    for (uint64_t bytes = 1460; bytes <= 12 * 1460; bytes += 1460, count++) {
        uint32_t start = stream_starts[count % STREAM_STARTS] - count * 700;

        with_and_without_options(bytes, 0, start, test);
        with_and_without_options(0, bytes, start, test);
        with_and_without_options(bytes, bytes, start, test);
    }
}

/* The same with one segment of the run without faults singled out. */
static void each_segment(struct transfer *transfer, uint32_t start, enum fate fate,
                         void (*check)(const struct transfer *transfer, const struct plan *plan,
                                       uint64_t delay))
{
    const struct transfer clean = *transfer;

    for (unsigned int host = 0; host < 2; host++) {
        for (unsigned int index = 0; index < clean.sent[host]; index++) {
            struct plan plan = {.fate = fate, .count = 1, .host = {host}, .index = {index}};

            run(transfer, &plan, start);
            check(transfer, &plan, transfer->duration - clean.duration);
        }
    }
}

static void nothing_sent_again(const struct transfer *transfer, const struct plan *plan,
                               uint64_t delay)
{
    (void)plan;
    (void)delay;
    cr_assert_eq(transfer->retransmitted, 0);
}

static void repeat_each(struct transfer *transfer, uint32_t start)
{
    each_segment(transfer, start, FATE_REPEAT, nothing_sent_again);
}

/* Attack 48. */
Test(exhaustive, every_segment_is_repeated)
{
    for_each_transfer(repeat_each);
}

/* A SYN, or the ACK of one. Before it the round trip isn't known. */
static bool is_handshake(const struct plan *plan, unsigned int i)
{
    return plan->index[i] == 0;
}

/*
 * With SACK no loss but that of a SYN is left to a time-out: what is not found by what arrived
 * behind it, a probe brings to light (RFC 8985 section 7), in time.
 */
static void repaired_in_time(const struct transfer *transfer, const struct plan *plan,
                             uint64_t delay)
{
    if (is_handshake(plan, 0)) {
        cr_assert_leq(delay, SYN_TIMEOUT + SLOW_START);
    } else if (transfer->options) {
        cr_assert_eq(transfer->timeouts, 0, "host %u segment %u", plan->host[0], plan->index[0]);
        cr_assert_leq(transfer->retransmitted, 2);
        cr_assert_leq(delay, PROBE_TIMEOUT + ROUND_TRIP + ROUNDING);
    } else {
        cr_assert_leq(delay, TIMEOUT + ROUND_TRIP + ROUNDING);
    }
}

static void drop_each(struct transfer *transfer, uint32_t start)
{
    each_segment(transfer, start, FATE_DROP, repaired_in_time);
}

/* Attack 48. */
Test(exhaustive, every_segment_is_dropped)
{
    for_each_transfer(drop_each);
}

/* Where so many overtake it that it is deemed lost and sent again, that is found out, if there are
 * options, and undone. Without them the ACK that only the second copy brings is not seen: an old
 * segment's ACK doesn't count (RFC 9293 3.10.7.4, first check). */
static void no_timeout(const struct transfer *transfer, const struct plan *plan, uint64_t delay)
{
    (void)plan;
    (void)delay;
    cr_assert(transfer->timeouts == 0 || (!transfer->options && transfer->fast_retransmits != 0));
    if (transfer->options)
        cr_assert_eq(transfer->undone, transfer->fast_retransmits);
}

static void delay_each(struct transfer *transfer, uint32_t start)
{
    each_segment(transfer, start, FATE_LATE, no_timeout);
}

/* Attack 48. */
Test(exhaustive, every_segment_is_overtaken)
{
    for_each_transfer(delay_each);
}

/* The second one may be the first one's retransmission, or its probe: then there is a time-out, and
 * maybe another probe for what that leaves. */
static uint64_t longest_delay(const struct transfer *transfer, const struct plan *plan)
{
    for (unsigned int i = 0; i < 2; i++) {
        /* Until the last ACK of the handshake, or something behind it, arrives. */
        if (is_handshake(plan, i) || (plan->host[i] == 0 && plan->index[i] == 1))
            return SYN_TIMEOUT + (transfer->options ? SECOND_SYN : TIMEOUT_AFTER_SYN) + SLOW_START;
    }
    if (transfer->options)
        return PROBE_TIMEOUT + TIMEOUT + 3 * ROUND_TRIP + ROUNDING;
    return TIMEOUT + SECOND_TIMEOUT + ROUND_TRIP + ROUNDING;
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
            cr_assert_leq(transfer->duration - clean.duration, longest_delay(transfer, &plan),
                          "host %u segment %u, host %u segment %u: %lu ms", plan.host[0],
                          plan.index[0], plan.host[1], plan.index[1],
                          (transfer->duration - clean.duration) / MS);
        }
    }
}

/* Attack 48. */
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
