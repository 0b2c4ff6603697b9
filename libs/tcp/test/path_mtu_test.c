/* The path's MTU found by TCP itself: RFC 4821, RFC 8899. The wire drops what is too long and says
 * nothing. */
#include <tpa/base/error.h>

#include "machine.h"
#include "pair.h"
#include "wire.h"

static struct pair pair;

/* What an IP packet may be long, in both directions. */
static uint32_t path;

static enum fate drop_longer(struct pair *both, unsigned int from, unsigned int index,
                             const struct tpa_tcp_segment *segment)
{
    return 20 + segment->header_length + segment->length > path ? FATE_DROP : FATE_DELIVER;
}

static void prepare(uint32_t mtu, enum tpa_tcp_mtu_probing probing)
{
    pair_prepare(&pair, 5, UINT32_MAX - 100000);
    path = mtu;
    pair.fate = drop_longer;
    for (int i = 0; i < 2; i++) {
        pair.hosts[i].config.mtu_probing = (uint8_t)probing;
        /* Its ssthresh is lowered by congestion only. */
        pair.hosts[i].config.congestion = &tpa_tcp_congestion_newreno;
    }
}

/* So much more, both ways. */
static bool transfer(uint64_t bytes)
{
    for (int i = 0; i < 2; i++)
        pair.applications[i].to_write += bytes;
    return pair_transfer(&pair, 100 * SECONDS);
}

static void expect_mtu(uint16_t mtu)
{
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pair.hosts[i].connection.mtu, mtu, "%u", pair.hosts[i].connection.mtu);
}

/* RFC 4821 section 7.7. */
Test(black_hole, is_survived_in_both_directions)
{
    prepare(1300, TPA_TCP_MTU_PROBING_ON_BLACK_HOLE);
    pair_open(&pair);
    cr_assert(transfer(300000));
    expect_mtu(1200);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pair.hosts[i].worker.counters.black_holes, 1);
        /* The third is for an ACK that went with a full-sized segment. */
        cr_assert_leq(pair.hosts[i].worker.counters.retransmission_timeouts, 3);
    }
    pair_close(&pair);
}

Test(black_hole, that_takes_less_than_usual_is_survived_too)
{
    prepare(800, TPA_TCP_MTU_PROBING_ON_BLACK_HOLE);
    pair_open(&pair);
    cr_assert(transfer(100000));
    expect_mtu(576);
    pair_close(&pair);
}

Test(black_hole, ends_a_connection_that_does_not_look_for_it)
{
    prepare(1300, TPA_TCP_MTU_PROBING_OFF);
    pair_open(&pair);
    cr_assert_not(transfer(300000));
    expect_mtu(1500);
    cr_assert_eq(tpa_tcp_connection_error(&pair.hosts[0].connection), TPA_ETIMEDOUT);
    pair_close(&pair);
}

/* Small ones that are lost are no black hole. */
WIRE_TEST(black_hole, is_not_made_of_small_segments)
{
    wire->host.config.mtu_probing = TPA_TCP_MTU_PROBING_ON_BLACK_HOLE;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 1000);
    wire_ignore(wire);
    for (int i = 0; i < 4; i++) {
        wire_wait(wire, 500 * MS);
        wire_ignore(wire);
    }
    cr_assert_gt(wire->host.worker.counters.retransmission_timeouts, 2);
    cr_assert_eq(wire->host.connection.mtu, HOST_MTU);
    RECEIVE(.ack = 1000);
}

Test(black_hole, is_left_when_the_path_carries_more_again)
{
    prepare(1300, TPA_TCP_MTU_PROBING_ON_BLACK_HOLE);
    pair_open(&pair);
    cr_assert(transfer(200000));
    path = 1500;
    pair_run(&pair, 20 * SECONDS);
    cr_assert(transfer(2000000));
    expect_mtu(1500);
    pair_close(&pair);
}

/* RFC 4821 section 7.6: with a probe alone lost, nothing is congested. */
Test(probe, that_is_lost_is_no_congestion)
{
    prepare(1300, TPA_TCP_MTU_PROBING_ALWAYS);
    pair_open(&pair);
    cr_assert(transfer(1000000));
    expect_mtu(1280);
    for (int i = 0; i < 2; i++) {
        const struct host *host = &pair.hosts[i];

        cr_assert_eq(host->worker.counters.mtu_probes, 2);
        cr_assert_eq(host->worker.counters.mtu_probes_lost, 1);
        cr_assert_eq(host->worker.counters.fast_retransmits, 0);
        cr_assert_eq(host->worker.counters.retransmission_timeouts, 0);
        cr_assert_eq(host->connection.window.ssthresh, TPA_TCP_SSTHRESH_INFINITE);
    }
    pair_close(&pair);
}

/* Three of a size, then none for ten minutes (RFC 8899 section 5.1.1, PMTU_RAISE_TIMER). */
Test(probe, of_a_size_that_fails_is_seldom_repeated)
{
    prepare(1300, TPA_TCP_MTU_PROBING_ALWAYS);
    pair_open(&pair);
    for (int i = 0; i < 20; i++) {
        cr_assert(transfer(200000));
        pair_run(&pair, 20 * SECONDS);
    }
    cr_assert_eq(pair.hosts[0].worker.counters.mtu_probes_lost, 3);
    pair_run(&pair, 400 * SECONDS);
    path = 1500;
    cr_assert(transfer(2000000));
    expect_mtu(1500);
    pair_close(&pair);
}

/* Where super-frames are made, a probe is none. */
Test(probe, is_sent_in_one_piece_beside_super_frames)
{
    prepare(1500, TPA_TCP_MTU_PROBING_ALWAYS);
    pair.fate = NULL;
    pair.hosts[0].config.segmentation = true;
    pair_open(&pair);
    cr_assert(transfer(1000000));
    expect_mtu(1500);
    cr_assert_eq(pair.hosts[0].worker.counters.mtu_probes_lost, 0);
    pair_close(&pair);
}

/* RFC 1191 section 6.3: what ICMP has lowered is tried again after ten minutes. */
Test(probe, raises_what_icmp_had_lowered_after_ten_minutes)
{
    struct host *host = &pair.hosts[0];

    prepare(1500, TPA_TCP_MTU_PROBING_ON_BLACK_HOLE);
    pair_open(&pair);
    cr_assert(transfer(100000));
    cr_assert_eq(host_write(host, 1000, true, pair.now), 1000);
    pair.applications[0].to_write += 1000;
    pair_run(&pair, 0);
    cr_assert(tpa_tcp_path_mtu_changed(&host->worker, &host->connection,
                                       host->connection.flight.una, 1280, pair.now));
    pair_run(&pair, 500 * SECONDS);
    cr_assert(transfer(300000));
    cr_assert_eq(host->connection.mtu, 1280);
    pair_run(&pair, 120 * SECONDS);
    cr_assert(transfer(2000000));
    cr_assert_eq(host->connection.mtu, 1500);
    pair_close(&pair);
}

/* A router, or our own IP, tells of a probe: there is no second one. */
WIRE_TEST(probe, that_icmp_tells_of_is_given_up)
{
    struct tpa_tcp_connection *connection = &wire->host.connection;

    wire->options = WIRE_SACK;
    wire->host.config.mtu_probing = TPA_TCP_MTU_PROBING_ALWAYS;
    wire_enter(wire, TPA_TCP_ESTABLISHED);
    wire_write(wire, 30000);
    wire_ignore(wire);
    cr_assert_eq(wire->host.worker.counters.mtu_probes, 1);
    cr_assert_not(tpa_tcp_path_mtu_changed(&wire->host.worker, connection,
                                           connection->mtu_probe - 1, 1250, wire->now));
    cr_assert(tpa_tcp_path_mtu_changed(&wire->host.worker, connection, connection->mtu_probe, 1250,
                                       wire->now));
    cr_assert_eq(connection->mtu, 1200);
    RECEIVE_ANYWAY(.ack = connection->mtu_probe - wire_seq(wire, 0), .sack_count = 1,
                   .sack = {{connection->mtu_probe - wire_seq(wire, 0) + 1240,
                             connection->mtu_probe - wire_seq(wire, 0) + 1240 + 1160}});
    wire_ignore(wire);
    wire_wait(wire, 1 * MS);
    cr_assert_eq(wire->host.worker.counters.mtu_probes_lost, 1);
    cr_assert_not(connection->loss_flags & TPA_TCP_LOSS_MTU_PROBE);
    cr_assert_eq(connection->recovery, TPA_TCP_RECOVERY_NONE);
    cr_assert_gt((int16_t)(connection->mtu_wait - (uint16_t)(wire->now >> TPA_TCP_SLOW_SHIFT)),
                 500);
    wire_ignore(wire);
}
