#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "flight.h"
#include "host.h"
#include "stream.h"

TestSuite(flight);

#define MSS 100u

struct fixture {
    struct tpa_tcp_flight_worker worker;
    struct tpa_tcp_flight flight;
    uint32_t start;
};

static void set_up(struct fixture *f, uint32_t start)
{
    cr_assert_eq(tpa_tcp_flight_worker_init(&f->worker, &stream_chunk_source), 0);
    tpa_tcp_flight_init(&f->flight, start);
    f->start = start;
}

static void tear_down(struct fixture *f)
{
    tpa_tcp_flight_drop(&f->flight, &f->worker);
    cr_assert_eq(tpa_tcp_flight_outstanding(&f->flight), 0);
    cr_assert_eq(tpa_tcp_flight_worker_fini(&f->worker), 0);
    cr_assert_eq(stream_chunks, 0);
}

static void send_segments(struct fixture *f, unsigned int count, uint64_t now)
{
    for (unsigned int i = 0; i < count; i++)
        cr_assert_eq(tpa_tcp_flight_sent(&f->flight, &f->worker, MSS, now), 0);
}

/* Segment n, as the offset of its first byte. */
static uint32_t at(const struct fixture *f, uint32_t segment)
{
    return f->start + segment * MSS;
}

static struct tpa_tcp_flight_acked acknowledge(struct fixture *f, uint32_t ack)
{
    struct tpa_tcp_flight_acked acked = {0};

    tpa_tcp_flight_acknowledged(&f->flight, &f->worker, ack, &acked);
    return acked;
}

static struct tpa_tcp_flight_acked sack(struct fixture *f, uint32_t left, uint32_t right)
{
    const struct tpa_tcp_sack_block block = {left, right};
    struct tpa_tcp_flight_acked acked = {0};

    tpa_tcp_flight_sacked(&f->flight, &f->worker, f->flight.una, &block, 1, &acked);
    return acked;
}

static void expect_next_lost(struct fixture *f, uint32_t start, uint32_t length)
{
    uint32_t found_start, found_length;

    cr_assert(tpa_tcp_flight_next_lost(&f->flight, 65535, &found_start, &found_length));
    cr_assert_eq(found_start, start);
    cr_assert_eq(found_length, length);
}

static void expect_nothing_lost(struct fixture *f)
{
    uint32_t start, length;

    cr_assert_not(tpa_tcp_flight_next_lost(&f->flight, 65535, &start, &length));
}

static void resend(struct fixture *f, uint32_t start, uint32_t length, uint64_t now)
{
    cr_assert_eq(tpa_tcp_flight_retransmitted(&f->flight, &f->worker, start, length, now), 0);
}

Test(flight, one_burst_is_one_range_and_its_acknowledgement_frees_it)
{
    for (int i = 0; i < STREAM_STARTS; i++) {
        struct fixture f;
        struct tpa_tcp_flight_acked acked;

        set_up(&f, stream_starts[i]);
        send_segments(&f, 10, 5000);
        cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 1);
        cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 10 * MSS);
        cr_assert_eq(tpa_tcp_flight_first_sent(&f.flight), 5000);

        acked = acknowledge(&f, at(&f, 4));
        cr_assert_eq(acked.acked, 4 * MSS);
        cr_assert_eq(acked.delivered, 4 * MSS);
        cr_assert_eq(acked.oldest_sent, 5000);
        cr_assert_not(acked.retransmitted);
        acked = acknowledge(&f, at(&f, 10));
        cr_assert_eq(acked.acked, 6 * MSS);
        cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 0);
        cr_assert_eq(f.worker.classes[0].in_use, 0);
        cr_assert_eq(tpa_tcp_flight_first_sent(&f.flight), 0);
        tear_down(&f);
    }
}

Test(flight, samples_tell_the_oldest_and_the_newest_time)
{
    struct fixture f;
    struct tpa_tcp_flight_acked acked;

    set_up(&f, 7);
    for (uint64_t now = 1; now <= 5; now++)
        send_segments(&f, 1, now * 1000);
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 5);
    acked = acknowledge(&f, at(&f, 3));
    cr_assert_eq(acked.oldest_sent, 1000);
    cr_assert_eq(acked.newest_sent, 3000);
    tear_down(&f);
}

Test(flight, karn_no_sample_of_what_was_sent_twice)
{
    struct fixture f;
    struct tpa_tcp_flight_acked acked;

    set_up(&f, 7);
    send_segments(&f, 1, 1000);
    send_segments(&f, 1, 2000);
    tpa_tcp_flight_timeout(&f.flight);
    resend(&f, at(&f, 0), MSS, 9000);
    acked = acknowledge(&f, at(&f, 1));
    cr_assert(acked.retransmitted);
    cr_assert(acked.was_lost);
    cr_assert_eq(acked.oldest_sent, 0);
    cr_assert_eq(acked.newest_sent, 0);
    tear_down(&f);
}

Test(flight, times_are_merged_beyond_a_number_and_then_give_no_sample)
{
    struct fixture f;
    struct tpa_tcp_flight_acked acked;

    set_up(&f, 0xfffff000);
    for (uint64_t now = 1; now <= 1000; now++)
        send_segments(&f, 1, now * 1000);
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), TPA_TCP_FLIGHT_RANGES_TIMED);
    acked = acknowledge(&f, at(&f, TPA_TCP_FLIGHT_RANGES_TIMED - 1));
    cr_assert_eq(acked.newest_sent, (TPA_TCP_FLIGHT_RANGES_TIMED - 1) * 1000);
    acked = acknowledge(&f, at(&f, 1000));
    cr_assert_eq(acked.newest_sent, 0);
    cr_assert_eq(f.worker.classes[2].in_use, 0);
    tear_down(&f);
}

/* Two hundred sends in 200 us: at most 1/16 of a round trip apart, or more. */
Test(flight, merged_times_give_a_sample_of_a_long_round_trip)
{
    static const struct {
        uint64_t now;
        bool is_sample;
    } cases[] = {{MS, false}, {10 * MS, true}};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        struct tpa_tcp_flight_acked acked = {.now = cases[i].now};
        struct fixture f;

        set_up(&f, 0xfffff000);
        for (uint64_t now = 1; now <= 200; now++)
            send_segments(&f, 1, now * 1000);
        acknowledge(&f, at(&f, TPA_TCP_FLIGHT_RANGES_TIMED - 1));
        tpa_tcp_flight_acknowledged(&f.flight, &f.worker, at(&f, 200), &acked);
        cr_assert_eq(acked.newest_sent != 0, cases[i].is_sample);
        cr_assert_leq(acked.newest_sent, TPA_TCP_FLIGHT_RANGES_TIMED * 1000, "none too short");
        tear_down(&f);
    }
}

Test(flight, three_sacked_segments_show_a_loss)
{
    struct fixture f;

    set_up(&f, 0xffffff38);
    send_segments(&f, 10, 1000);
    sack(&f, at(&f, 1), at(&f, 2));
    cr_assert_eq(tpa_tcp_flight_detect_loss(&f.flight, MSS), 0);
    sack(&f, at(&f, 1), at(&f, 3));
    cr_assert_eq(tpa_tcp_flight_detect_loss(&f.flight, MSS), 0);
    sack(&f, at(&f, 1), at(&f, 4));
    cr_assert_eq(tpa_tcp_flight_detect_loss(&f.flight, MSS), MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 6 * MSS);
    cr_assert_eq(tpa_tcp_flight_highest_sacked(&f.flight), at(&f, 4));
    expect_next_lost(&f, at(&f, 0), MSS);

    resend(&f, at(&f, 0), MSS, 2000);
    expect_nothing_lost(&f);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 7 * MSS);
    cr_assert_eq(acknowledge(&f, at(&f, 4)).delivered, MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 6 * MSS);
    cr_assert_eq(f.flight.sacked + f.flight.lost + f.flight.retransmitted, 0);
    tear_down(&f);
}

Test(flight, three_blocks_show_a_loss_however_small)
{
    struct fixture f;

    set_up(&f, 1);
    send_segments(&f, 10, 1000);
    for (uint32_t i = 1; i <= 5; i += 2)
        sack(&f, at(&f, i), at(&f, i) + 1);
    cr_assert_eq(tpa_tcp_flight_detect_loss(&f.flight, MSS), MSS);
    expect_next_lost(&f, at(&f, 0), MSS);
    tear_down(&f);
}

Test(flight, lost_data_is_handed_out_in_order_in_pieces)
{
    struct fixture f;
    uint32_t start, length, sent = 0;

    set_up(&f, 0xffffffff);
    send_segments(&f, 20, 1000);
    sack(&f, at(&f, 5), at(&f, 8));
    sack(&f, at(&f, 12), at(&f, 20));
    tpa_tcp_flight_detect_loss(&f.flight, MSS);
    cr_assert_eq(f.flight.lost, 9 * MSS);
    while (tpa_tcp_flight_next_lost(&f.flight, 2 * MSS, &start, &length)) {
        cr_assert_leq(length, 2 * MSS);
        resend(&f, start, length, 2000);
        sent += length;
    }
    cr_assert_eq(sent, 9 * MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 9 * MSS);
    /* Two holes and two blocks: pieces that were sent at the same time are one range. */
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 4);
    tear_down(&f);
}

Test(flight, timeout_loses_everything_and_forgets_sacks)
{
    struct fixture f;

    set_up(&f, 0);
    for (uint64_t now = 1; now <= 8; now++)
        send_segments(&f, 1, now);
    sack(&f, at(&f, 3), at(&f, 6));
    tpa_tcp_flight_detect_loss(&f.flight, MSS);
    resend(&f, at(&f, 0), MSS, 50);
    tpa_tcp_flight_timeout(&f.flight);
    cr_assert_eq(f.flight.lost, 8 * MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 0);
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 2); /* sent twice, and once */
    expect_next_lost(&f, at(&f, 0), 8 * MSS);
    tear_down(&f);
}

Test(flight, undo_takes_back_what_was_not_sent_again)
{
    struct fixture f;

    set_up(&f, 0);
    send_segments(&f, 8, 1);
    tpa_tcp_flight_timeout(&f.flight);
    resend(&f, at(&f, 0), MSS, 50);
    tpa_tcp_flight_undo(&f.flight);
    expect_nothing_lost(&f);
    cr_assert_eq(f.flight.lost, 0);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 9 * MSS); /* the first one is under way twice */
    tear_down(&f);
}

Test(flight, smaller_mtu_loses_all_but_what_arrived)
{
    struct fixture f;

    set_up(&f, 0);
    send_segments(&f, 8, 1);
    sack(&f, at(&f, 2), at(&f, 4));
    tpa_tcp_flight_lose_all(&f.flight);
    cr_assert_eq(f.flight.lost, 6 * MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 0);
    expect_next_lost(&f, at(&f, 0), 2 * MSS);
    tear_down(&f);
}

Test(flight, duplicate_acks_without_sack)
{
    struct fixture f;

    set_up(&f, 0xffffff9c);
    send_segments(&f, 10, 1);
    for (int i = 0; i < 3; i++)
        tpa_tcp_flight_duplicate_ack(&f.flight, MSS);
    cr_assert_eq(tpa_tcp_flight_lose_first(&f.flight, &f.worker, MSS), MSS);
    cr_assert_eq(tpa_tcp_flight_lose_first(&f.flight, &f.worker, MSS), 0);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 6 * MSS);
    resend(&f, at(&f, 0), MSS, 2);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 7 * MSS);
    /* 1,000 of them are no more than what is outstanding. */
    for (int i = 0; i < 1000; i++)
        tpa_tcp_flight_duplicate_ack(&f.flight, MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), MSS);
    /* A partial acknowledgement: segment 3 is lost too. */
    acknowledge(&f, at(&f, 3));
    cr_assert_eq(tpa_tcp_flight_lose_first(&f.flight, &f.worker, MSS), MSS);
    expect_next_lost(&f, at(&f, 3), MSS);
    cr_assert_eq(acknowledge(&f, at(&f, 10)).acked, 7 * MSS);
    cr_assert_eq(tpa_tcp_flight_pipe(&f.flight), 0);
    tear_down(&f);
}

/* Attack 8. Each block is ignored by itself. */
Test(flight, blocks_that_make_no_sense_change_nothing)
{
    const struct {
        const char *what;
        int64_t left, right; /* from una */
    } rows[] = {
        {"right before left", 300, 200},
        {"empty", 300, 300},
        {"before una", -200, -100},
        {"across una", -100, 100},
        {"across nxt", 900, 1001},
        {"behind nxt", 1100, 1200},
        {"far away", 0x60000000, 0x60000100},
        {"all the numbers", 1, -1},
        {"half of them", 0, 0x7fffffff},
    };

    for (int i = 0; i < STREAM_STARTS; i++) {
        for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
            struct fixture f;
            struct tpa_tcp_flight_acked acked;

            set_up(&f, stream_starts[i]);
            send_segments(&f, 12, 1000);
            acknowledge(&f, at(&f, 2));
            acked = sack(&f, f.flight.una + (uint32_t)rows[row].left,
                         f.flight.una + (uint32_t)rows[row].right);
            cr_assert_eq(f.flight.sacked, 0, "%s", rows[row].what);
            cr_assert_eq(acked.delivered, 0, "%s", rows[row].what);
            cr_assert_not(acked.sack_new, "%s", rows[row].what);
            cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 1, "%s", rows[row].what);
            tear_down(&f);
        }
    }
}

Test(flight, overlapping_blocks_count_once)
{
    const struct tpa_tcp_sack_block blocks[] = {{400, 600}, {200, 500}, {500, 700}, {300, 400}};
    struct tpa_tcp_flight_acked acked = {0};
    struct fixture f;

    set_up(&f, 0);
    send_segments(&f, 10, 1000);
    tpa_tcp_flight_sacked(&f.flight, &f.worker, 0, blocks, 4, &acked);
    cr_assert_eq(acked.delivered, 500);
    cr_assert_eq(f.flight.sacked, 500);
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 3);
    tear_down(&f);
}

/* Attack 8. RFC 2883 section 4: below the acknowledgement, or inside the second block. */
Test(flight, duplicate_reports)
{
    const struct {
        struct tpa_tcp_sack_block blocks[2];
        unsigned int count;
        bool duplicate;
        uint32_t sacked;
    } rows[] = {
        {{{100, 200}}, 1, true, 0},
        {{{100, 300}}, 1, true, 0},
        {{{500, 600}, {400, 700}}, 2, true, 300},
        {{{500, 600}, {500, 600}}, 2, true, 100},
        {{{500, 600}}, 1, false, 100},
        {{{400, 700}, {500, 600}}, 2, false, 300},
        {{{200, 400}}, 1, false, 0},
    };

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        struct tpa_tcp_flight_acked acked = {0};
        struct fixture f;

        set_up(&f, 0);
        send_segments(&f, 10, 1000);
        acknowledge(&f, 300);
        tpa_tcp_flight_sacked(&f.flight, &f.worker, 300, rows[row].blocks, rows[row].count, &acked);
        cr_assert_eq(acked.duplicate, rows[row].duplicate, "row %zu", row);
        cr_assert_eq(f.flight.sacked, rows[row].sacked, "row %zu", row);
        tear_down(&f);
    }
}

/* A segment that was overtaken: its acknowledgement is old, its blocks begin below una. */
Test(flight, blocks_of_an_overtaken_segment_are_clipped)
{
    const struct tpa_tcp_sack_block block = {400, 800};
    struct tpa_tcp_flight_acked acked = {0};
    struct fixture f;

    set_up(&f, 0);
    send_segments(&f, 10, 1000);
    acknowledge(&f, 600);
    tpa_tcp_flight_sacked(&f.flight, &f.worker, 100, &block, 1, &acked);
    cr_assert_eq(f.flight.sacked, 200);
    tear_down(&f);
}

/* Attack 10. Every other piece is SACKed, as often as the peer likes. */
Test(flight, holes_are_bounded)
{
    struct fixture f;
    uint32_t start, length, sent = 0;

    set_up(&f, 0xfffff000);
    cr_assert_eq(tpa_tcp_flight_sent(&f.flight, &f.worker, 65536 * 16, 1), 0);
    for (uint32_t i = 0; i < 65536; i++) {
        sack(&f, f.start + 16 * i + 8, f.start + 16 * i + 16);
        tpa_tcp_flight_detect_loss(&f.flight, 8);
        cr_assert_leq(tpa_tcp_flight_range_count(&f.flight), TPA_TCP_FLIGHT_RANGES_MAX);
    }
    cr_assert_eq(f.flight.sacked % 8, 0);
    cr_assert_geq(f.flight.sacked, 8 * 490);
    /* All holes can be filled, and new data sent, with what was kept in reserve. */
    while (tpa_tcp_flight_next_lost(&f.flight, 5, &start, &length)) {
        resend(&f, start, length, 2 + sent);
        sent += length;
    }
    cr_assert_eq(sent, f.flight.lost);
    cr_assert_eq(tpa_tcp_flight_sent(&f.flight, &f.worker, MSS, 5), 0);
    tpa_tcp_flight_timeout(&f.flight);
    cr_assert_eq(acknowledge(&f, f.flight.nxt).acked, 65536 * 16 + MSS);
    tear_down(&f);
}

Test(flight, memory_runs_out)
{
    struct fixture f;

    set_up(&f, 0);
    f.worker.classes[0].fault_countdown = 1;
    cr_assert_eq(tpa_tcp_flight_sent(&f.flight, &f.worker, MSS, 1), TPA_ENOMEM);
    cr_assert_eq(tpa_tcp_flight_outstanding(&f.flight), 0);

    for (uint64_t now = 1; now <= 8; now++)
        send_segments(&f, 1, now);
    f.worker.classes[1].fault_countdown = 1;
    f.worker.classes[1].fault_sticky = true;
    send_segments(&f, 1, 9); /* joins the last range */
    cr_assert_eq(tpa_tcp_flight_range_count(&f.flight), 8);
    cr_assert_eq(sack(&f, at(&f, 2), at(&f, 2) + 1).delivered, 0); /* can't be cut off */
    cr_assert_eq(sack(&f, at(&f, 1), at(&f, 3)).delivered, 2 * MSS);
    cr_assert_eq(tpa_tcp_flight_lose_first(&f.flight, &f.worker, MSS / 2), MSS / 2);
    cr_assert_eq(tpa_tcp_flight_retransmitted(&f.flight, &f.worker, at(&f, 5) + 1, 1, 20),
                 TPA_ENOMEM);
    cr_assert_eq(acknowledge(&f, at(&f, 9)).acked, 9 * MSS);
    tear_down(&f);
}
