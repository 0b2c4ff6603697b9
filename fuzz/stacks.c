/*
 * Two whole stacks and their applications, on a link of which the input says how bad it is, packet
 * by packet and as a whole, and when that changes: losses, repetitions, bits flipped, packets that
 * overtake, a path MTU, a link that is down, a worker that stands still. Behind the input's end the
 * link is good: every flow ends in good order, every byte compared, in a stated time. After each
 * step the invariants of all connections hold (libs/api/check), at the end nothing is left.
 */
#include <tpa/tcp/congestion.h>

#include "support/target.h"
#include "test/sim/flow.h"

enum {
    FLOWS_MAX = 4,
    BYTES_MAX = 40000,
    CHANGES_MAX = 16,
    MTU_LEAST = 1280, /* IPv6's */
};

/*
 * From when the link is good: a time-out backed off to its maximum of a minute and a persist probe
 * likewise, what is lost then, neighbours that have to be found again, and the slowest reader.
 */
#define LIVENESS (400 * SIM_S)

static struct sim sim;

static uint64_t choose_time(struct tpa_base_cursor *input)
{
    static const uint64_t units[] = {10 * SIM_US, SIM_MS, 20 * SIM_MS, SIM_S};

    return units[fuzz_choice(input, 4)] * (tpa_base_cursor_u8(input) % 64);
}

static void choose_mask(struct tpa_base_cursor *input, struct sim_mask *mask)
{
    uint32_t count = fuzz_choice(input, 16);

    for (uint32_t i = 0; i < count; i++)
        sim_mask_add(mask, tpa_base_cursor_u8(input));
}

/* Bad, but not so that nothing comes through. */
static void choose_pipe(struct tpa_base_cursor *input, struct sim_pipe_config *pipe)
{
    uint8_t how = tpa_base_cursor_u8(input);

    memset(pipe, 0, sizeof(*pipe));
    pipe->delay = choose_time(input) / 16;
    if (how & 1)
        pipe->loss_ppm = tpa_base_cursor_u8(input) * 2000u;
    if (how & 2)
        pipe->corrupt_ppm = tpa_base_cursor_u8(input) * 2000u;
    if (how & 4)
        pipe->duplicate_ppm = tpa_base_cursor_u8(input) * 2000u;
    if (how & 8) {
        pipe->reorder_ppm = tpa_base_cursor_u8(input) * 2000u;
        pipe->reorder_delay = choose_time(input) / 16;
    }
    if (how & 16) {
        pipe->rate = 100000 + tpa_base_cursor_be16(input) * UINT64_C(10000);
        pipe->queue.limit = 5000 + tpa_base_cursor_u8(input) * 200u;
    }
    if (how & 32) {
        pipe->mtu = (uint16_t)(MTU_LEAST + tpa_base_cursor_u8(input));
    }
    if (how & 64) {
        choose_mask(input, &pipe->drop);
        choose_mask(input, &pipe->duplicate);
        choose_mask(input, &pipe->late);
    }
    pipe->down = how >= 224;
}

static void choose_host(struct tpa_base_cursor *input)
{
    static const char *const algorithms[] = {"newreno", "cubic", "bbr", "dctcp"};
    uint8_t how = tpa_base_cursor_u8(input);
    const struct tpa_tcp_congestion *congestion =
        tpa_tcp_congestion_find(algorithms[fuzz_choice(input, 4)]);
    struct sim_host_config config;

    sim_host_default(&config);
    config.tcp.retries = config.tcp.syn_retries = UINT8_MAX; /* patience is not what is tested */
    config.tcp.fin_wait_2 = 3600 * SIM_S;
    config.tcp.timestamps = (how & 1) == 0;
    config.tcp.sack = (how & 2) == 0;
    config.tcp.window_scale = (how & 4) == 0;
    config.tcp.segmentation = (how & 8) == 0;
    config.nagle = (how & 16) != 0;
    if (how & 32)
        config.tcp.receive_buffer = 5000;
    if (how & 64)
        config.tcp.receive_queue_entries = config.tcp.out_of_order_entries = 6;
    if (how & 128)
        config.mtu = 9000;
    if (congestion != NULL)
        config.tcp.congestion = congestion;
    sim_host_add(&sim, &config);
}

static void choose_flow(struct tpa_base_cursor *input)
{
    uint8_t how = tpa_base_cursor_u8(input);
    struct sim_flow_plan plan = {
        .hosts = {sim.hosts[how & 1], sim.hosts[~how & 1]},
        .pattern = (enum sim_pattern)((how >> 1) % SIM_PATTERNS),
        .ipv6 = (how & 8) != 0,
        .server_closes_first = (how & 16) != 0,
        .shutdown = (how & 32) != 0,
        .zero_copy = {(how & 64) != 0, (how & 128) != 0},
    };

    for (int i = 0; i < 2; i++) {
        plan.bytes[i] = fuzz_length(input, BYTES_MAX);
        plan.write_size[i] = 200 + fuzz_length(input, 9000);
    }
    plan.start = choose_time(input);
    if (how & 32) {
        plan.read_size[1] = 1;
        plan.read_interval[1] = choose_time(input) / 32;
    }
    /* A turn is one write of each. */
    if (plan.pattern == SIM_REQUEST_RESPONSE || plan.pattern == SIM_WRITE_WRITE_READ) {
        for (int i = 0; i < 2; i++)
            plan.bytes[i] = plan.write_size[i] * (how % 4 + 1u);
    }
    sim_flow_add(&sim, &plan);
}

static void change(struct tpa_base_cursor *input, struct sim_link *link)
{
    struct sim_pipe_config pipe;
    uint8_t how = tpa_base_cursor_u8(input);

    sim_run(&sim, choose_time(input));
    if (how & 64)
        sim_host_stall(sim.hosts[how & 1], choose_time(input));
    choose_pipe(input, &pipe);
    sim_pipe_configure(&link->pipes[how >> 1 & 1], &pipe);
}

static void mend(struct sim_link *link)
{
    static const struct sim_pipe_config good = {.delay = SIM_MS};

    for (int i = 0; i < 2; i++)
        sim_pipe_configure(&link->pipes[i], &good);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);
    struct sim_pipe_config there, back;
    struct sim_link *link;
    uint32_t flows;

    sim_begin(&sim, tpa_base_cursor_u8(&input), FLOWS_MAX);
    choose_host(&input);
    choose_host(&input);
    choose_pipe(&input, &there);
    choose_pipe(&input, &back);
    link = sim_link_add(&sim, sim_at_host(sim.hosts[0]), sim_at_host(sim.hosts[1]), &there, &back);
    flows = 1 + fuzz_choice(&input, FLOWS_MAX);
    for (uint32_t i = 0; i < flows; i++)
        choose_flow(&input);
    for (int i = 0; i < CHANGES_MAX && tpa_base_cursor_remaining(&input) > 0; i++)
        change(&input, link);
    mend(link);
    sim_run_flows(&sim, LIVENESS);
    sim_end(&sim);
    return 0;
}
