/* Two connections talk to each other: opening, data both ways, every order of closing. */
#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "pair.h"
#include "stream.h"

static enum tpa_tcp_state state_of(const struct pair *pair, unsigned int i)
{
    return tpa_tcp_connection_state(&pair->hosts[i].connection);
}

Test(transfer, opens)
{
    for (int i = 0; i < STREAM_STARTS; i++) {
        struct pair pair;

        pair_prepare(&pair, stream_starts[i], stream_starts[STREAM_STARTS - 1 - i]);
        pair_open(&pair);
        pair_run(&pair, SECONDS);
        cr_expect_eq(state_of(&pair, 0), TPA_TCP_ESTABLISHED);
        cr_expect_eq(state_of(&pair, 1), TPA_TCP_ESTABLISHED);
        cr_expect_eq(pair.hosts[0].signals, TPA_TCP_SIGNAL_ESTABLISHED);
        cr_expect_eq(pair.hosts[1].signals, TPA_TCP_SIGNAL_ESTABLISHED);
        cr_expect_eq(pair.sent[0], 2);
        cr_expect_eq(pair.sent[1], 1);
        pair_close(&pair);
    }
}

Test(transfer, data_both_ways_then_close)
{
    for (int i = 0; i < STREAM_STARTS; i++) {
        struct pair pair;

        pair_prepare(&pair, stream_starts[i], stream_starts[STREAM_STARTS - 1 - i]);
        pair.applications[0].to_write = 1000000;
        pair.applications[1].to_write = 300000;
        pair.applications[0].shutdown = pair.applications[1].shutdown = true;
        pair.applications[0].close = pair.applications[1].close = true;
        pair_open(&pair);
        cr_expect(pair_transfer(&pair, 20 * SECONDS));
        pair_run(&pair, SECONDS);
        cr_expect_eq(pair.hosts[0].worker.counters.retransmitted_segments, 0);
        cr_expect_eq(pair.hosts[1].worker.counters.retransmitted_segments, 0);
        cr_expect(state_of(&pair, 0) == TPA_TCP_TIME_WAIT ||
                      state_of(&pair, 1) == TPA_TCP_TIME_WAIT,
                  "%s %s", tpa_tcp_state_text(state_of(&pair, 0)),
                  tpa_tcp_state_text(state_of(&pair, 1)));
        pair_run(&pair, 61 * SECONDS);
        cr_expect_eq(state_of(&pair, 0), TPA_TCP_CLOSED);
        cr_expect_eq(state_of(&pair, 1), TPA_TCP_CLOSED);
        pair_close(&pair);
    }
}
