/*
 * The queue against sets of bits in an array, through random calls.
 */
#include <criterion/criterion.h>

#include <tpa/base/random.h>
#include <tpa/event/queue.h>

#define SOURCES 50

struct model {
    uint32_t ready;
    uint32_t interest; /* 0: not registered */
    uint32_t pending;
};

static struct tpa_event_queue queue;
static struct tpa_event_source sources[SOURCES];
static struct model models[SOURCES];
static struct tpa_base_random random_source;

static uint64_t below(uint64_t bound)
{
    return tpa_base_random_below(&random_source, bound);
}

static void register_source(size_t i, uint32_t interest)
{
    struct model *m = &models[i];
    bool registered = m->interest != 0;
    int result = below(2) == 0 ? tpa_event_source_add(&queue, &sources[i], interest, m)
                               : tpa_event_source_modify(&queue, &sources[i], interest, m);

    /* One of the two fits; the other must change nothing. */
    if (result != 0) {
        cr_assert_eq(registered, tpa_event_source_is_registered(&sources[i]));
        return;
    }
    m->interest = (interest & TPA_EVENT_READY_ALL) | TPA_EVENT_READY_ALWAYS;
    m->pending = m->ready & m->interest;
}

static void remove_source(size_t i)
{
    int result = tpa_event_source_remove(&sources[i]);

    cr_assert_eq(result == 0, models[i].interest != 0);
    models[i].interest = models[i].pending = 0;
}

static void change(void)
{
    size_t i = below(SOURCES);
    uint32_t bits = tpa_base_random_u32(&random_source) & 0x3f;

    switch (below(8)) {
    case 0:
        register_source(i, bits);
        break;
    case 1:
        if (below(4) == 0)
            remove_source(i);
        break;
    case 2:
    case 3:
        tpa_event_source_clear(&sources[i], bits);
        models[i].ready &= ~bits;
        models[i].pending &= ~bits;
        break;
    default:
        tpa_event_source_raise(&queue, &sources[i], bits);
        models[i].ready |= bits & TPA_EVENT_READY_ALL;
        models[i].pending |= bits & models[i].interest;
    }
}

static size_t pending_sources(void)
{
    size_t count = 0;

    for (size_t i = 0; i < SOURCES; i++)
        count += models[i].pending != 0;
    return count;
}

static void poll(bool level)
{
    struct tpa_event_report reports[SOURCES];
    bool seen[SOURCES] = {false};
    int max = (int)below(SOURCES + 1);
    int expected = (int)TPA_BASE_MIN(pending_sources(), (size_t)max);
    int count = level ? tpa_event_queue_poll_level(&queue, reports, max)
                      : tpa_event_queue_poll(&queue, reports, max);

    cr_assert_eq(count, expected);
    for (int i = 0; i < count; i++) {
        struct model *m = reports[i].data;

        cr_assert_not(seen[m - models], "reported twice");
        seen[m - models] = true;
        cr_assert_eq(reports[i].events, m->pending);
        m->pending = level ? m->ready & m->interest : 0;
    }
}

static void run(uint64_t seed, bool level)
{
    tpa_base_random_seed(&random_source, seed);
    tpa_event_queue_init(&queue);
    for (size_t i = 0; i < SOURCES; i++) {
        tpa_event_source_init(&sources[i]);
        models[i] = (struct model){0};
    }
    for (int step = 0; step < 2000; step++) {
        for (uint64_t changes = below(30); changes > 0; changes--)
            change();
        poll(level);
        cr_assert_eq(tpa_event_queue_has_pending(&queue), pending_sources() > 0);
    }
    for (size_t i = 0; i < SOURCES; i++)
        remove_source(i);
    cr_assert_not(tpa_event_queue_has_pending(&queue));
}

Test(queue_random, edge_agrees_with_sets_of_bits)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        run(seed, false);
}

Test(queue_random, level_agrees_with_sets_of_bits)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        run(seed, true);
}
