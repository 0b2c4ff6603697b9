/* Loss by the time of sending (RFC 8985) in the flight alone. */
#include <criterion/criterion.h>

#include <tpa/base/random.h>

#include "flight_ranges.h"
#include "host.h"
#include "stream.h"

#define MSS 100u

struct fixture {
    struct tpa_tcp_flight_worker worker;
    struct tpa_tcp_flight flight;
    uint32_t start;
};

static void begin(struct fixture *f, uint32_t start)
{
    f->start = start;
    cr_assert_eq(tpa_tcp_flight_worker_init(&f->worker, &stream_chunk_source), 0);
    tpa_tcp_flight_init(&f->flight, start);
}

static void end(struct fixture *f)
{
    tpa_tcp_flight_drop(&f->flight, &f->worker);
    cr_assert_eq(tpa_tcp_flight_worker_fini(&f->worker), 0);
    cr_assert_eq(stream_chunks, 0);
}

static void send_one(struct fixture *f, uint64_t now)
{
    cr_assert_eq(tpa_tcp_flight_sent(&f->flight, &f->worker, MSS, now), 0);
}

/* Segment `index` is SACKed. */
static struct tpa_tcp_flight_acked sack(struct fixture *f, uint32_t index, uint64_t now)
{
    struct tpa_tcp_sack_block block = {f->start + index * MSS, f->start + (index + 1) * MSS};
    struct tpa_tcp_flight_acked acked = {0};

    tpa_tcp_flight_sacked(&f->flight, &f->worker, f->flight.una, &block, 1, &acked);
    tpa_tcp_flight_arrived(&f->flight, &acked, now);
    return acked;
}

static bool is_lost(struct fixture *f, uint32_t index)
{
    unsigned int range = tpa_tcp_flight_find(&f->flight, f->start + index * MSS);

    return (tpa_tcp_flight_at(f->flight.ranges, range)->flags & TPA_TCP_RANGE_LOST) != 0;
}

/* Section 6.2: RACK.rtt is of what was sent last, and what was sent before is waited for. */
Test(flight_time, overtaken_is_lost_after_a_round_trip_and_the_window)
{
    for (unsigned int i = 0; i < STREAM_STARTS; i++) {
        struct tpa_tcp_flight_overtaken overtaken;
        struct fixture f;

        begin(&f, stream_starts[i]);
        for (uint64_t now = 1; now <= 4; now++)
            send_one(&f, now * MS);
        sack(&f, 2, 13 * MS);
        cr_assert_eq(tpa_tcp_flight_latest_rtt(&f.flight), 10 * MS);
        overtaken = tpa_tcp_flight_detect_overtaken(&f.flight, 3 * MS, 13 * MS);
        cr_assert_eq(overtaken.lost, 0);
        cr_assert_eq(overtaken.wait, 2 * MS, "the younger of the two: at 2 + 10 + 3");
        overtaken = tpa_tcp_flight_detect_overtaken(&f.flight, 3 * MS, 14 * MS);
        cr_assert_eq(overtaken.lost, MSS);
        cr_assert(is_lost(&f, 0) && !is_lost(&f, 1));
        overtaken = tpa_tcp_flight_detect_overtaken(&f.flight, 3 * MS, 15 * MS);
        cr_assert_eq(overtaken.lost, MSS);
        cr_assert_eq(overtaken.wait, 0);
        cr_assert_not(is_lost(&f, 3), "it was sent later");
        end(&f);
    }
}

/* RACK_sent_after(): of what one burst sent, the order is that of the numbers. */
Test(flight_time, one_burst_is_ordered_by_number)
{
    struct tpa_tcp_flight_overtaken overtaken;
    struct fixture f;

    begin(&f, UINT32_MAX - 150);
    for (int i = 0; i < 5; i++)
        send_one(&f, MS);
    sack(&f, 2, 11 * MS);
    overtaken = tpa_tcp_flight_detect_overtaken(&f.flight, 0, 11 * MS);
    cr_assert_eq(overtaken.lost, 2 * MSS);
    cr_assert_not(is_lost(&f, 3));
    end(&f);
}

/* An answer to something sent again may be to its original. */
Test(flight_time, doubtful_retransmission_does_not_count)
{
    struct tpa_tcp_flight_acked acked = {.again_before = 14 * MS};
    struct fixture f;

    begin(&f, 7);
    for (uint64_t now = 1; now <= 4; now++)
        send_one(&f, now * MS);
    cr_assert_eq(tpa_tcp_flight_retransmitted(&f.flight, &f.worker, 7, MSS, 15 * MS), 0);
    tpa_tcp_flight_acknowledged(&f.flight, &f.worker, 7 + MSS, &acked);
    cr_assert_eq(acked.latest_sent, 0);
    end(&f);
}

/* Section 6.3. */
Test(flight_time, timeout_loses_the_first_and_what_is_old)
{
    struct fixture f;

    begin(&f, UINT32_MAX - 250);
    for (uint64_t now = 1; now <= 5; now++)
        send_one(&f, now * MS);
    sack(&f, 1, 6 * MS);
    tpa_tcp_flight_timeout_by_time(&f.flight, &f.worker, MSS, 4 * MS);
    cr_assert(is_lost(&f, 0) && is_lost(&f, 2));
    cr_assert_not(is_lost(&f, 1) || is_lost(&f, 3) || is_lost(&f, 4));
    cr_assert_eq(f.flight.sacked, MSS);
    end(&f);
}

/* Nothing is looked at while nothing is old enough, and nothing is missed for that. */
Test(flight_time, retransmission_is_looked_at_again)
{
    struct fixture f;

    begin(&f, 0);
    send_one(&f, MS);
    send_one(&f, 2 * MS);
    sack(&f, 1, 12 * MS);
    cr_assert_eq(tpa_tcp_flight_detect_overtaken(&f.flight, 0, 12 * MS).lost, MSS);
    cr_assert_eq(tpa_tcp_flight_retransmitted(&f.flight, &f.worker, 0, MSS, 12 * MS), 0);
    send_one(&f, 13 * MS);
    cr_assert_eq(tpa_tcp_flight_detect_overtaken(&f.flight, 0, 20 * MS).lost, 0);
    sack(&f, 2, 23 * MS);
    cr_assert_eq(tpa_tcp_flight_detect_overtaken(&f.flight, 0, 23 * MS).lost_again, MSS);
    end(&f);
}

/* RACK segment by segment, to the letter. */
#define SEGMENTS 400u

struct model {
    uint64_t sent[SEGMENTS];
    bool arrived[SEGMENTS], lost[SEGMENTS];
    uint64_t latest_sent, latest_rtt;
    uint32_t latest;
};

static bool model_sent_after(const struct model *m, uint32_t a, uint32_t b)
{
    return m->sent[a] > m->sent[b] || (m->sent[a] == m->sent[b] && a > b);
}

static void model_arrives(struct model *m, uint32_t index, uint64_t now)
{
    m->arrived[index] = true;
    if (m->latest_sent != 0 && !model_sent_after(m, index, m->latest))
        return;
    m->latest = index;
    m->latest_sent = m->sent[index];
    m->latest_rtt = now - m->sent[index];
}

static void model_detect(struct model *m, uint32_t count, uint64_t window, uint64_t now)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!m->arrived[i] && model_sent_after(m, m->latest, i) &&
            m->sent[i] + m->latest_rtt + window <= now)
            m->lost[i] = true;
    }
}

/* Never earlier than RACK by segments; and at the same time where times are kept apart. */
static void compare(struct fixture *f, const struct model *m, uint32_t count, bool exact)
{
    for (uint32_t i = 0; i < count; i++) {
        if (m->arrived[i] || f->start + i * MSS == f->flight.nxt)
            continue;
        if (exact)
            cr_assert_eq(is_lost(f, i), m->lost[i], "segment %u", i);
        else
            cr_assert(!is_lost(f, i) || m->lost[i], "segment %u", i);
    }
}

/* Segments are sent now and then and arrive in no order, some never. Returns the bytes lost. */
static uint32_t run_against_model(uint64_t seed, uint32_t count, bool exact)
{
    static struct model m;
    struct tpa_base_random random;
    struct fixture f;
    uint64_t now = SECONDS;
    uint32_t sent = 0, lost;

    tpa_base_random_seed(&random, seed);
    m = (struct model){0};
    begin(&f, 0u - (uint32_t)tpa_base_random_below(&random, count * MSS));
    for (unsigned int step = 0; step < 4 * count; step++) {
        uint64_t window = tpa_base_random_below(&random, MS);

        now += tpa_base_random_below(&random, 3) * 50000;
        if (sent < count && tpa_base_random_below(&random, 2) == 0) {
            m.sent[sent++] = now;
            send_one(&f, now);
        } else if (sent > 0) {
            uint32_t index = (uint32_t)tpa_base_random_below(&random, sent);

            if (m.arrived[index] || index % 7 == 0)
                continue;
            model_arrives(&m, index, now);
            sack(&f, index, now);
        }
        tpa_tcp_flight_detect_overtaken(&f.flight, window, now);
        model_detect(&m, sent, window, now);
        compare(&f, &m, sent, exact);
    }
    lost = f.flight.lost;
    end(&f);
    return lost;
}

Test(flight_time, is_rack_by_segments_where_times_are_kept_apart)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        cr_assert_gt(run_against_model(seed, 30, true), 0);
}

Test(flight_time, is_never_too_early_where_times_are_coarse)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        cr_assert_gt(run_against_model(seed, SEGMENTS, false), 0);
}
