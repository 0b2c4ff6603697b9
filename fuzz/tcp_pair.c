/*
 * Two connections and their applications; the input is the network between them: each packet is
 * delivered, dropped, repeated, or overtaken by others, early or late, and readers pause for up to
 * a second. Behind the input's end the network is good. The streams have to arrive byte for byte,
 * the whole of them within a stated time from then on, and both ends close in good order.
 */
#include "libs/tcp/test/pair.h"
#include "libs/tcp/test/stream.h"
#include "support/target.h"
#include "test/support/pools.h"

enum {
    /* Packets whose fate the input decides. */
    FATES_MAX = 400,
};

#define RTO_MAX (4 * SECONDS)
/*
 * Once the network is good: an RTO at its maximum, a persist probe at the same, some more for what
 * only then turns out to be missing, and the time to send the rest.
 */
#define LIVENESS (15 * RTO_MAX)
/* While it is bad: each loss may cost an RTO at its maximum. */
#define BAD_TIMES (FATES_MAX * (RTO_MAX + SECONDS))
/* Whoever has forgotten the connection answers with a reset, but here nobody is left to do it. */
#define TIME_WAIT (BAD_TIMES + LIVENESS)
#define CLOSING   (BAD_TIMES + LIVENESS + TIME_WAIT)

struct network {
    struct tpa_base_cursor input;
    unsigned int fates;
    uint64_t good_since;
};

static struct pair pair;
static struct network network;

static bool is_bad(void)
{
    return network.fates < FATES_MAX && tpa_base_cursor_remaining(&network.input) > 0;
}

static void say(const struct pair *of, unsigned int from, const struct tpa_tcp_segment *segment,
                enum fate fate)
{
    fuzz_say("%.4f host %u: flags %02x seq %d ack %d length %u window %u sack %u: fate %d",
             (double)(of->now - 1000 * SECONDS) / (double)SECONDS, from, segment->flags,
             (int)(segment->seq - of->iss[from]), (int)(segment->ack - of->iss[1 - from]),
             segment->length, segment->window, segment->sack_count, fate);
}

static enum fate decide(struct pair *of, unsigned int from, unsigned int index,
                        const struct tpa_tcp_segment *segment)
{
    static const uint64_t delays[] = {5 * MS, MS / 100, MS, 50 * MS, 300 * MS, 2 * SECONDS};
    static const enum fate fates[] = {FATE_DELIVER, FATE_DELIVER, FATE_DROP, FATE_REPEAT,
                                      FATE_LATE};
    uint8_t choice;

    if (!is_bad()) {
        say(of, from, segment, FATE_DELIVER);
        if (network.good_since == 0)
            network.good_since = of->now;
        of->delay = delays[0];
        return FATE_DELIVER;
    }
    network.fates++;
    choice = tpa_base_cursor_u8(&network.input);
    say(of, from, segment, fates[(choice & 7) % TPA_BASE_ARRAY_SIZE(fates)]);
    /* Of the packets behind this one. */
    of->delay = delays[(choice >> 3 & 7) % TPA_BASE_ARRAY_SIZE(delays)];
    if (choice & 64)
        of->applications[choice & 1].does_not_read ^= true;
    return fates[(choice & 7) % TPA_BASE_ARRAY_SIZE(fates)];
}

static void choose_host(struct tpa_base_cursor *input, unsigned int i)
{
    static const char *const algorithms[] = {"newreno", "cubic", "bbr", "dctcp"};
    struct tpa_tcp_config *config = &pair.hosts[i].config;
    struct pair_application *application = &pair.applications[i];
    uint8_t how = tpa_base_cursor_u8(input);
    const struct tpa_tcp_congestion *congestion =
        tpa_tcp_congestion_find(algorithms[fuzz_choice(input, 4)]);

    config->timestamps = (how & 1) != 0;
    config->sack = (how & 2) != 0;
    config->window_scale = (how & 4) != 0;
    config->segmentation = (how & 8) != 0;
    config->retries = UINT8_MAX; /* patience is not what is tested */
    config->syn_retries = UINT8_MAX;
    config->rto_max = RTO_MAX;
    config->time_wait = TIME_WAIT;
    if (how & 16)
        config->receive_buffer = 9000;
    if (how & 32)
        config->send_buffer = 9000;
    if (congestion != NULL)
        config->congestion = congestion;
    application->to_write = fuzz_length(input, how & 64 ? 60000 : 9000);
    application->write_size = 100 + fuzz_length(input, 8000);
    application->zero_copy = (how & 128) != 0;
    application->shutdown = application->close = true;
}

static void expect_all_read(void)
{
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(pair.hosts[i].read, pair.hosts[1 - i].written, "host %u", i);
}

static bool is_complete(void)
{
    return pair.hosts[0].at_end && pair.hosts[1].at_end;
}

/* The pair's applications leave alone what is closed; what came before can still be read. */
static void go_on_reading(unsigned int i)
{
    struct host *host = &pair.hosts[i];

    pair.applications[i].does_not_read = false;
    if (!(host->signals & TPA_TCP_SIGNAL_CLOSED))
        return;
    while (host_read(host, 8, pair.now) > 0)
        ;
}

/* Goes on while the network is bad, and LIVENESS beyond. */
static void run(void)
{
    uint64_t end = pair.now + BAD_TIMES;

    while (!is_complete() && pair.now < end) {
        pair_run(&pair, SECONDS);
        go_on_reading(0);
        go_on_reading(1);
        if (network.good_since != 0)
            end = network.good_since + LIVENESS;
    }
    cr_assert(is_complete(), "the streams did not arrive in time");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t starts;

    memset(&network, 0, sizeof(network));
    network.input = tpa_base_cursor_make(bytes, size);
    starts = tpa_base_cursor_u8(&network.input);
    pair_prepare(&pair, stream_starts[starts % STREAM_STARTS],
                 stream_starts[(starts >> 2) % STREAM_STARTS]);
    choose_host(&network.input, 0);
    choose_host(&network.input, 1);
    pair.fate = decide;
    pair_open(&pair);
    run();
    expect_all_read();
    pair_run(&pair, CLOSING);
    for (unsigned int i = 0; i < 2; i++)
        cr_assert_eq(tpa_tcp_connection_state(&pair.hosts[i].connection), TPA_TCP_CLOSED);
    pair_close(&pair);
    return 0;
}
