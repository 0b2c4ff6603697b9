/* The scoreboard against a model that keeps everything byte by byte. */
#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/random.h>

#include "flight.h"
#include "stream.h"

TestSuite(flight_model, .timeout = 120);

#define BYTES 600u
#define MSS   10u

struct byte {
    uint64_t sent;
    bool outstanding, sacked, lost, again, ever, mixed;
};

/* Bytes [0, BYTES) from `start` on. */
struct model {
    uint32_t start, una, nxt;
    struct byte byte[BYTES];
};

struct pair {
    struct tpa_tcp_flight_worker worker;
    struct tpa_tcp_flight flight;
    struct model model;
    struct tpa_base_random random;
    uint64_t now;
};

static uint32_t below(struct pair *p, uint32_t bound)
{
    return (uint32_t)tpa_base_random_below(&p->random, bound);
}

/* Alike bytes that the flight keeps as one range have one time. */
static void unify(struct model *m, bool (*alike)(const struct byte *, const struct byte *))
{
    for (uint32_t from = m->una, to; from < m->nxt; from = to) {
        struct byte sum = m->byte[from];

        for (to = from + 1; to < m->nxt && alike(&m->byte[from], &m->byte[to]); to++) {
            sum.mixed |= m->byte[to].mixed || m->byte[to].sent != m->byte[from].sent;
            sum.ever |= m->byte[to].ever;
            sum.sent = m->byte[to].sent > sum.sent ? m->byte[to].sent : sum.sent;
        }
        for (uint32_t i = from; i < to; i++) {
            m->byte[i].mixed = sum.mixed;
            m->byte[i].ever = sum.ever;
            m->byte[i].sent = sum.sent;
        }
    }
}

static bool both_sacked(const struct byte *a, const struct byte *b)
{
    return a->sacked && b->sacked;
}

static bool both_ever_or_not(const struct byte *a, const struct byte *b)
{
    return a->ever == b->ever;
}

static void model_deliver(const struct byte *byte, struct tpa_tcp_flight_acked *acked)
{
    if (byte->sacked)
        return;
    acked->delivered++;
    acked->was_lost |= byte->lost;
    acked->retransmitted |= byte->ever;
    if (byte->ever || byte->mixed)
        return;
    if (acked->oldest_sent == 0 || byte->sent < acked->oldest_sent)
        acked->oldest_sent = byte->sent;
    if (byte->sent > acked->newest_sent)
        acked->newest_sent = byte->sent;
}

/* RFC 6675's IsLost(), to the letter. */
static bool model_is_lost(const struct model *m, uint32_t position)
{
    unsigned int runs = 0, bytes = 0;

    for (uint32_t i = position + 1; i < m->nxt; i++) {
        bytes += m->byte[i].sacked;
        runs += m->byte[i].sacked && !m->byte[i - 1].sacked;
    }
    return runs >= TPA_TCP_DUPLICATE_THRESHOLD || bytes > (TPA_TCP_DUPLICATE_THRESHOLD - 1) * MSS;
}

static void expect_same(struct pair *p)
{
    const struct model *m = &p->model;
    uint32_t sacked = 0, lost = 0, again = 0;

    cr_assert_eq(p->flight.una, m->start + m->una);
    cr_assert_eq(p->flight.nxt, m->start + m->nxt);
    for (uint32_t i = m->una; i < m->nxt; i++) {
        sacked += m->byte[i].sacked;
        lost += m->byte[i].lost;
        again += m->byte[i].again;
    }
    cr_assert_eq(p->flight.sacked, sacked);
    cr_assert_eq(p->flight.lost, lost);
    cr_assert_eq(p->flight.retransmitted, again);
    cr_assert_eq(tpa_tcp_flight_pipe(&p->flight), m->nxt - m->una - sacked - lost + again);

    for (uint32_t i = 0; i < tpa_tcp_flight_range_count(&p->flight); i++) {
        const struct tpa_tcp_flight_range *range = tpa_tcp_flight_range_at(&p->flight, i);
        const struct byte *byte = &m->byte[range->start - m->start];

        cr_assert(i > 0 || range->start == p->flight.una);
        cr_assert_eq(range->sent, byte->sent);
        cr_assert_eq((range->flags & TPA_TCP_RANGE_SACKED) != 0, byte->sacked);
        cr_assert_eq((range->flags & TPA_TCP_RANGE_LOST) != 0, byte->lost);
        cr_assert_eq((range->flags & TPA_TCP_RANGE_RETRANSMITTED) != 0, byte->again);
        cr_assert_eq((range->flags & TPA_TCP_RANGE_EVER_RETRANSMITTED) != 0, byte->ever);
        cr_assert_eq((range->flags & TPA_TCP_RANGE_MIXED) != 0, byte->mixed);
    }
}

static void expect_same_acked(const struct tpa_tcp_flight_acked *got,
                              const struct tpa_tcp_flight_acked *expected)
{
    cr_assert_eq(got->acked, expected->acked);
    cr_assert_eq(got->delivered, expected->delivered);
    cr_assert_eq(got->oldest_sent, expected->oldest_sent);
    cr_assert_eq(got->newest_sent, expected->newest_sent);
    cr_assert_eq(got->retransmitted, expected->retransmitted);
    cr_assert_eq(got->was_lost, expected->was_lost);
}

static void step_send(struct pair *p)
{
    struct model *m = &p->model;
    uint32_t length = 1 + below(p, 3 * MSS);

    if (m->nxt + length > BYTES)
        return;
    cr_assert_eq(tpa_tcp_flight_sent(&p->flight, &p->worker, length, p->now), 0);
    for (uint32_t i = 0; i < length; i++)
        m->byte[m->nxt++] = (struct byte){.sent = p->now, .outstanding = true};
}

static void step_acknowledge(struct pair *p)
{
    struct model *m = &p->model;
    struct tpa_tcp_flight_acked got = {0}, expected = {0};
    uint32_t length = below(p, m->nxt - m->una + 1);

    if (below(p, 4) != 0)
        length = length % (3 * MSS);
    tpa_tcp_flight_acknowledged(&p->flight, &p->worker, m->start + m->una + length, &got);
    expected.acked = length;
    for (uint32_t i = 0; i < length; i++)
        model_deliver(&m->byte[m->una + i], &expected);
    m->una += length;
    expect_same_acked(&got, &expected);
}

static void step_sack(struct pair *p)
{
    struct model *m = &p->model;
    struct tpa_tcp_sack_block blocks[4];
    struct tpa_tcp_flight_acked got = {0}, expected = {0};
    unsigned int count = 1 + below(p, 4);
    uint32_t left[4], right[4];

    for (unsigned int i = 0; i < count; i++) {
        left[i] = m->una + below(p, m->nxt - m->una + 2);
        right[i] = left[i] + below(p, 3 * MSS);
        blocks[i] = (struct tpa_tcp_sack_block){m->start + left[i], m->start + right[i]};
    }
    for (unsigned int i = 0; i < count; i++) {
        bool is_duplicate_report =
            i == 0 && count > 1 && left[1] <= left[0] && right[0] <= right[1];

        if (right[i] <= left[i] || right[i] > m->nxt || is_duplicate_report)
            continue;
        for (uint32_t byte = left[i]; byte < right[i]; byte++) {
            model_deliver(&m->byte[byte], &expected);
            m->byte[byte].sacked = true;
            m->byte[byte].lost = m->byte[byte].again = false;
        }
        unify(m, both_sacked);
    }
    tpa_tcp_flight_sacked(&p->flight, &p->worker, m->start + m->una, blocks, count, &got);
    expect_same_acked(&got, &expected);
}

static void step_detect(struct pair *p)
{
    struct model *m = &p->model;
    uint32_t newly = 0;

    for (uint32_t i = m->una; i < m->nxt; i++) {
        if (m->byte[i].sacked || m->byte[i].lost || !model_is_lost(m, i))
            continue;
        m->byte[i].lost = true;
        newly++;
    }
    cr_assert_eq(tpa_tcp_flight_detect_loss(&p->flight, MSS), newly);
}

static void step_resend(struct pair *p)
{
    struct model *m = &p->model;
    uint32_t start, length, from = m->una;
    uint32_t max = 1 + below(p, 3 * MSS);
    bool found = tpa_tcp_flight_next_lost(&p->flight, max, &start, &length);

    while (from < m->nxt && !(m->byte[from].lost && !m->byte[from].again))
        from++;
    cr_assert_eq(found, from < m->nxt);
    if (!found)
        return;
    cr_assert_eq(start, m->start + from);
    for (uint32_t i = 0; i < length; i++)
        cr_assert(m->byte[from + i].lost && !m->byte[from + i].again);
    cr_assert(length == max || from + length == m->nxt || !m->byte[from + length].lost ||
              m->byte[from + length].again);

    cr_assert_eq(tpa_tcp_flight_retransmitted(&p->flight, &p->worker, start, length, p->now), 0);
    for (uint32_t i = 0; i < length; i++) {
        struct byte *byte = &m->byte[from + i];

        byte->again = byte->ever = true;
        byte->mixed = false;
        byte->sent = p->now;
    }
}

static void step_timeout(struct pair *p)
{
    struct model *m = &p->model;

    tpa_tcp_flight_timeout(&p->flight);
    for (uint32_t i = m->una; i < m->nxt; i++) {
        m->byte[i].sacked = m->byte[i].again = false;
        m->byte[i].lost = true;
    }
    unify(m, both_ever_or_not);
}

static void step_undo(struct pair *p)
{
    struct model *m = &p->model;

    tpa_tcp_flight_undo(&p->flight);
    for (uint32_t i = m->una; i < m->nxt; i++)
        m->byte[i].lost = false;
}

static void step(struct pair *p)
{
    uint32_t choice = below(p, 100);

    p->now += below(p, 2) * 1000;
    if (choice < 30)
        step_send(p);
    else if (choice < 45)
        step_acknowledge(p);
    else if (choice < 65)
        step_sack(p);
    else if (choice < 75)
        step_detect(p);
    else if (choice < 95)
        step_resend(p);
    else if (choice < 98)
        step_timeout(p);
    else
        step_undo(p);
}

/* One flight from the first byte to the last. */
static void run(uint64_t seed, uint32_t start)
{
    static struct pair pair;
    struct pair *p = &pair;

    memset(p, 0, sizeof(*p));
    p->now = 1000;
    p->model.start = start;
    tpa_base_random_seed(&p->random, seed);
    cr_assert_eq(tpa_tcp_flight_worker_init(&p->worker, &stream_chunk_source), 0);
    tpa_tcp_flight_init(&p->flight, start);
    while (p->model.una < BYTES - 3 * MSS) {
        step(p);
        /* Beyond this many, times are merged: flight_test.c has that. */
        if (tpa_tcp_flight_range_count(&p->flight) >= TPA_TCP_FLIGHT_RANGES_TIMED)
            break;
        expect_same(p);
    }
    tpa_tcp_flight_drop(&p->flight, &p->worker);
    cr_assert_eq(tpa_tcp_flight_worker_fini(&p->worker), 0);
    cr_assert_eq(stream_chunks, 0);
}

Test(flight_model, random_events_at_every_start)
{
    for (uint64_t seed = 1; seed <= 2000; seed++)
        run(seed, stream_starts[seed % STREAM_STARTS] - (uint32_t)(seed % 700));
}
