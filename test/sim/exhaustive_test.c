/*
 * Transfers of 1 to 12 segments each way between whole stacks, from SYN to FIN, in which each
 * packet is lost, repeated, swapped with the one behind it, and pairs of them lost: the same bytes,
 * in a bounded time, and nothing sent again that need not be.
 */
#include "flow.h"

TestSuite(exhaustive);

enum {
    SEGMENTS_MAX = 12,
    SEGMENT = 500, /* bytes */
    PACKETS_MAX = 100,
    RUNS_MAX = 3000, /* of one transfer */
};

/* A lost SYN costs a second, a second one two more; then three, as RFC 6298 section 5.7 has it, if
 * it is data that is lost next. A lost FIN or data at the end cost a time-out. */
#define ONE_LOSS_MAX (4 * SIM_S)
#define TWO_LOSS_MAX (10 * SIM_S)

struct transfer {
    unsigned int segments; /* each way */
    bool options;          /* SACK and timestamps */
    bool half_close;
};

/* What befalls packets of the two directions. */
struct accident {
    struct sim_mask drop[2], duplicate[2], late[2];
};

struct outcome {
    bool options;
    unsigned int packets[2];
    uint16_t payload[2][PACKETS_MAX]; /* bytes of each */
    uint64_t retransmitted, timeouts; /* retransmitted: segments that carry data */
    uint64_t time;
};

struct direction {
    struct outcome *outcome;
    int number;
};

static void observe(void *context, const struct sim_view *view, uint64_t number)
{
    const struct direction *direction = context;

    if (number >= PACKETS_MAX)
        return; /* of a run that goes on and on, which its end will tell */
    direction->outcome->packets[direction->number] = (unsigned int)number + 1;
    direction->outcome->payload[direction->number][number] = view->tcp_payload;
}

/* One network for all runs of a transfer: a new connection each. */
struct bench {
    struct sim sim;
    struct transfer transfer;
    struct sim_link *link;
    struct direction directions[2];
};

static const struct accident none;

static struct sim_pipe_config pipe_of(const struct accident *accident, int direction)
{
    /* A late one that nothing passes comes before a loss probe is sent for it. */
    return (struct sim_pipe_config){.delay = 2 * SIM_MS,
                                    .reorder_delay = 3 * SIM_MS,
                                    .rate = 100000000,
                                    .drop = accident->drop[direction],
                                    .duplicate = accident->duplicate[direction],
                                    .late = accident->late[direction]};
}

static void bench_begin(struct bench *bench, const struct transfer *transfer)
{
    struct sim_pipe_config pipe = pipe_of(&none, 0);
    struct sim_host_config config;
    struct sim *sim = &bench->sim;

    sim_begin(sim, 1, RUNS_MAX);
    bench->transfer = *transfer;
    sim_host_default(&config);
    /* What is dropped isn't for its length: segments stay as they are. */
    config.tcp.mtu_probing = TPA_TCP_MTU_PROBING_OFF;
    config.tcp.user_mss = transfer->options ? SEGMENT + 12 : SEGMENT;
    config.tcp.sack = config.tcp.timestamps = transfer->options;
    config.tcp.time_wait = SIM_S;
    sim_host_add(sim, &config);
    sim_host_add(sim, &config);
    bench->link =
        sim_link_add(sim, sim_at_host(sim->hosts[0]), sim_at_host(sim->hosts[1]), &pipe, &pipe);
    for (int i = 0; i < 2; i++) {
        bench->directions[i].number = i;
        bench->link->pipes[i].observe = observe;
        bench->link->pipes[i].context = &bench->directions[i];
    }
}

/* Adds what the hosts have sent again so far, or takes it off. */
static void count(const struct sim *sim, struct outcome *outcome, uint64_t sign)
{
    for (int i = 0; i < 2; i++) {
        const struct tpa_tcp_counters *counters = sim_host_counters(sim->hosts[i]);

        outcome->retransmitted += sign * (counters->retransmitted_bytes / SEGMENT);
        outcome->timeouts += sign * counters->retransmission_timeouts;
    }
}

/* `number`: of the case, which stands for the seed. */
static void run(struct bench *bench, uint64_t number, const struct accident *accident,
                uint64_t duration, struct outcome *outcome)
{
    uint32_t bytes = bench->transfer.segments * SEGMENT;
    struct sim *sim = &bench->sim;
    struct sim_flow *flow;

    sim->seed = number;
    *outcome = (struct outcome){.options = bench->transfer.options};
    for (int i = 0; i < 2; i++) {
        struct sim_pipe_config pipe = pipe_of(accident, i);

        bench->directions[i].outcome = outcome;
        sim_pipe_configure(&bench->link->pipes[i], &pipe);
    }
    count(sim, outcome, UINT64_MAX);
    flow = sim_flow_add(sim, &(struct sim_flow_plan){
                                 .hosts = {sim->hosts[0], sim->hosts[1]},
                                 .bytes = {bytes, bytes},
                                 .write_size = {bytes, bytes},
                                 .shutdown = bench->transfer.half_close,
                             });
    sim_run_flows(sim, duration);
    outcome->time = sim_flow_time(flow);
    /* The last one's FIN may be lost, and the time-out doubled by then. */
    sim_run(sim, 10 * SIM_S);
    count(sim, outcome, 1);
}

/* ---- Each packet of a transfer ---- */

struct cases {
    uint64_t number; /* which stands for the seed */
    struct sim_seeds wanted;
};

/* The cases of a transfer follow each other on one network: to see one of them again, those before
 * it run as well. False: it is none of the next `count`, which are passed over. */
static bool is_wanted(struct cases *cases, unsigned int count)
{
    if (cases->wanted.next <= cases->number + count && cases->wanted.end > cases->number + 1)
        return true;
    cases->number += count;
    return false;
}

static bool is_next_wanted(struct cases *cases)
{
    return ++cases->number < cases->wanted.end;
}

static struct cases cases_all(void)
{
    return (struct cases){.wanted = sim_seeds(0, UINT32_MAX)};
}

typedef void (*one_accident)(struct accident *accident, int direction, unsigned int packet);
typedef void (*verdict)(const struct sim *sim, const struct outcome *clean,
                        const struct outcome *outcome, int direction, unsigned int packet);

static void each_packet(struct cases *cases, const struct transfer *transfer, one_accident make,
                        verdict judge)
{
    static struct bench bench;
    struct outcome clean, outcome;
    bool wanted;

    bench_begin(&bench, transfer);
    run(&bench, 0, &none, SIM_S, &clean);
    cr_assert_eq(clean.retransmitted, 0);
    wanted = is_wanted(cases, clean.packets[0] + clean.packets[1]);
    for (int direction = 0; direction < 2 && wanted; direction++) {
        for (unsigned int packet = 0; packet < clean.packets[direction]; packet++) {
            struct accident accident = none;

            if (!is_next_wanted(cases))
                break;
            make(&accident, direction, packet);
            run(&bench, cases->number, &accident, ONE_LOSS_MAX, &outcome);
            judge(&bench.sim, &clean, &outcome, direction, packet);
        }
    }
    sim_end(&bench.sim);
}

static void each_transfer(one_accident make, verdict judge)
{
    struct cases cases = cases_all();

    for (unsigned int segments = 1; segments <= SEGMENTS_MAX; segments++) {
        for (int variant = 0; variant < 4; variant++) {
            struct transfer transfer = {segments, variant % 2 == 0, variant / 2 != 0};

            each_packet(&cases, &transfer, make, judge);
        }
    }
}

static void drop_one(struct accident *accident, int direction, unsigned int packet)
{
    sim_mask_add(&accident->drop[direction], packet);
}

/* Data with three more segments of its burst behind it costs no time-out; without SACK it takes one
 * more, since the first duplicate ACK brings a window that the reader has changed meanwhile and
 * does not count (RFC 5681 section 2). */
static void repaired_in_time(const struct sim *sim, const struct outcome *clean,
                             const struct outcome *outcome, int direction, unsigned int packet)
{
    unsigned int behind = 0, enough = outcome->options ? 3 : 4;

    for (unsigned int i = packet + 1; i < clean->packets[direction]; i++)
        behind += clean->payload[direction][i] != 0;
    SIM_MUST(sim, outcome->timeouts <= 2, "%d, packet %u", direction, packet);
    if (clean->payload[direction][packet] == 0)
        return;
    SIM_MUST(sim, outcome->retransmitted >= 1, "direction %d, packet %u", direction, packet);
    SIM_MUST(sim, behind < enough || outcome->timeouts == 0, "direction %d, packet %u, %u behind",
             direction, packet, behind);
}

Test(exhaustive, each_packet_is_lost)
{
    each_transfer(drop_one, repaired_in_time);
}

static void nothing_sent_again(const struct sim *sim, const struct outcome *clean,
                               const struct outcome *outcome, int direction, unsigned int packet)
{
    SIM_MUST(sim, outcome->timeouts == 0, "direction %d, packet %u", direction, packet);
    SIM_MUST(sim, outcome->retransmitted == 0, "direction %d, packet %u", direction, packet);
}

static void repeat_one(struct accident *accident, int direction, unsigned int packet)
{
    sim_mask_add(&accident->duplicate[direction], packet);
}

Test(exhaustive, each_packet_is_repeated)
{
    each_transfer(repeat_one, nothing_sent_again);
}

static void swap_one(struct accident *accident, int direction, unsigned int packet)
{
    sim_mask_add(&accident->late[direction], packet);
}

Test(exhaustive, each_packet_is_swapped_with_the_next)
{
    each_transfer(swap_one, nothing_sent_again);
}

/* ---- Pairs ---- */

static void add_loss(struct accident *accident, const struct outcome *clean, unsigned int number)
{
    /* Beyond the last one of the clean run: the retransmissions. */
    unsigned int first = clean->packets[0] + 2;

    if (number < first)
        sim_mask_add(&accident->drop[0], number);
    else
        sim_mask_add(&accident->drop[1], number - first);
}

static void each_pair(struct cases *cases, const struct transfer *transfer)
{
    static struct bench bench;
    struct outcome clean, outcome;
    bool wanted;
    unsigned int all;

    bench_begin(&bench, transfer);
    run(&bench, 0, &none, SIM_S, &clean);
    all = clean.packets[0] + clean.packets[1] + 4;
    wanted = is_wanted(cases, all * (all - 1) / 2);
    for (unsigned int first = 0; first < all && wanted; first++) {
        for (unsigned int second = first + 1; second < all; second++) {
            struct accident accident = none;

            if (!is_next_wanted(cases))
                break;
            add_loss(&accident, &clean, first);
            add_loss(&accident, &clean, second);
            run(&bench, cases->number, &accident, TWO_LOSS_MAX, &outcome);
        }
    }
    sim_end(&bench.sim);
}

Test(exhaustive, each_pair_of_packets_is_lost)
{
    static const struct transfer transfers[] = {
        {1, true, false}, {3, false, true}, {5, true, true}, {12, true, false}};
    struct cases cases = cases_all();

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(transfers); i++)
        each_pair(&cases, &transfers[i]);
}
