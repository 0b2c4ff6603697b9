#include <criterion/criterion.h>

#include <tpa/base/error.h>
#include <tpa/event/queue.h>

#define IN  TPA_EVENT_READY_IN
#define OUT TPA_EVENT_READY_OUT
#define ERR TPA_EVENT_READY_ERR
#define HUP TPA_EVENT_READY_HUP

#define SOURCES 8

static struct tpa_event_queue queue;
static struct tpa_event_source sources[SOURCES];
static int tags[SOURCES];
static struct tpa_event_report reports[SOURCES];

static void set_up(void)
{
    tpa_event_queue_init(&queue);
    for (size_t i = 0; i < SOURCES; i++)
        tpa_event_source_init(&sources[i]);
}

/* Every test leaves the queue empty, or could not have ended. */
static void tear_down(void)
{
    for (size_t i = 0; i < SOURCES; i++)
        tpa_event_source_remove(&sources[i]);
    cr_assert_not(tpa_event_queue_has_pending(&queue));
    cr_assert_eq(tpa_event_queue_poll(&queue, reports, SOURCES), 0);
}

TestSuite(event, .init = set_up, .fini = tear_down);

static void add(size_t i, uint32_t interest)
{
    cr_assert_eq(tpa_event_source_add(&queue, &sources[i], interest, &tags[i]), 0);
}

static void raise_bits(size_t i, uint32_t bits)
{
    tpa_event_source_raise(&queue, &sources[i], bits);
}

static void clear_bits(size_t i, uint32_t bits)
{
    tpa_event_source_clear(&sources[i], bits);
}

/* The next edge-triggered poll reports exactly this one source. */
static void assert_reports(size_t i, uint32_t events)
{
    cr_assert_eq(tpa_event_queue_poll(&queue, reports, SOURCES), 1);
    cr_assert_eq(reports[0].events, events, "%#x instead of %#x", reports[0].events, events);
    cr_assert_eq(reports[0].data, &tags[i]);
}

static void assert_silent(void)
{
    cr_assert_eq(tpa_event_queue_poll(&queue, reports, SOURCES), 0);
}

Test(event, an_edge_is_reported_once)
{
    add(0, IN);
    assert_silent();
    raise_bits(0, IN);
    assert_reports(0, IN);
    assert_silent();
}

Test(event, new_data_while_old_is_unread_is_a_new_edge)
{
    add(0, IN);
    raise_bits(0, IN);
    assert_reports(0, IN);
    raise_bits(0, IN);
    assert_reports(0, IN);
}

Test(event, several_edges_between_two_polls_are_one_report)
{
    add(0, IN | OUT);
    raise_bits(0, IN);
    raise_bits(0, IN);
    raise_bits(0, OUT);
    assert_reports(0, IN | OUT);
    assert_silent();
}

Test(event, what_is_no_longer_true_is_not_reported)
{
    add(0, IN | OUT);
    raise_bits(0, IN | OUT);
    clear_bits(0, IN);
    assert_reports(0, OUT);
    raise_bits(0, IN);
    clear_bits(0, IN);
    assert_silent();
    cr_assert_not(tpa_event_queue_has_pending(&queue));
}

Test(event, only_what_is_of_interest_is_reported)
{
    add(0, OUT);
    raise_bits(0, IN);
    assert_silent();
    raise_bits(0, IN | OUT);
    assert_reports(0, OUT);
}

Test(event, error_and_hangup_are_always_of_interest)
{
    add(0, 0);
    raise_bits(0, IN | OUT);
    assert_silent();
    raise_bits(0, ERR);
    assert_reports(0, ERR);
    raise_bits(0, HUP);
    assert_reports(0, HUP);
}

Test(event, bits_nobody_knows_are_ignored)
{
    add(0, 0xffffffe2);
    raise_bits(0, 0xffffffe2);
    assert_silent();
    cr_assert_eq(sources[0].ready, 0);
    cr_assert_eq(sources[0].interest, ERR | HUP);
}

Test(event, what_is_ready_when_added_fires)
{
    raise_bits(0, IN | OUT);
    assert_silent();
    add(0, IN);
    assert_reports(0, IN);
    assert_silent();
}

Test(event, what_was_cleared_before_adding_does_not_fire)
{
    raise_bits(0, IN);
    clear_bits(0, IN);
    add(0, IN);
    assert_silent();
}

Test(event, modify_fires_again_what_is_ready)
{
    add(0, IN);
    raise_bits(0, IN);
    assert_reports(0, IN);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], IN, &tags[3]), 0);
    assert_reports(3, IN);
    assert_silent();
}

Test(event, modify_takes_up_and_drops_bits)
{
    add(0, IN);
    raise_bits(0, IN | OUT);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], OUT, &tags[0]), 0);
    assert_reports(0, OUT);
    raise_bits(0, IN);
    assert_silent();
    raise_bits(0, OUT);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], 0, &tags[0]), 0);
    assert_silent();
}

Test(event, registration_errors)
{
    add(0, IN);
    cr_assert_eq(tpa_event_source_add(&queue, &sources[0], OUT, NULL), TPA_EEXIST);
    /* The failed call changed nothing. */
    raise_bits(0, IN);
    assert_reports(0, IN);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[1], IN, NULL), TPA_ENOENT);
    cr_assert_eq(tpa_event_source_remove(&sources[1]), TPA_ENOENT);
    cr_assert_eq(tpa_event_source_remove(&sources[0]), 0);
    cr_assert_not(tpa_event_source_is_registered(&sources[0]));
    cr_assert_eq(tpa_event_source_remove(&sources[0]), TPA_ENOENT);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], IN, NULL), TPA_ENOENT);
}

Test(event, a_removed_source_is_never_reported)
{
    for (size_t i = 0; i < 3; i++) {
        add(i, IN);
        raise_bits(i, IN);
    }
    cr_assert_eq(tpa_event_source_remove(&sources[1]), 0);
    cr_assert_eq(tpa_event_queue_poll(&queue, reports, SOURCES), 2);
    cr_assert_eq(reports[0].data, &tags[0]);
    cr_assert_eq(reports[1].data, &tags[2]);
    raise_bits(1, IN | ERR | HUP);
    assert_silent();
}

Test(event, ready_bits_outlive_a_registration)
{
    add(0, IN);
    raise_bits(0, IN);
    assert_reports(0, IN);
    tpa_event_source_remove(&sources[0]);
    add(0, IN);
    assert_reports(0, IN);
}

Test(event, first_raised_first_reported_and_all_get_their_turn)
{
    int seen[SOURCES] = {0};

    for (size_t i = 0; i < SOURCES; i++) {
        add(i, IN);
        raise_bits(i, IN);
    }
    /* Those that were reported are raised again at once: they must not overtake the others. */
    for (size_t round = 0; round < SOURCES; round++) {
        cr_assert_eq(tpa_event_queue_poll(&queue, reports, 3), 3);
        for (size_t i = 0; i < 3; i++) {
            size_t source = (size_t)((int *)reports[i].data - tags);

            cr_assert_eq(source, (3 * round + i) % SOURCES);
            seen[source]++;
            raise_bits(source, IN);
        }
    }
    for (size_t i = 0; i < SOURCES; i++)
        cr_assert_eq(seen[i], 3);
}

Test(event, a_source_that_keeps_raising_keeps_its_place)
{
    add(0, IN | OUT);
    add(1, IN);
    raise_bits(0, IN);
    raise_bits(1, IN);
    raise_bits(0, OUT);
    cr_assert_eq(tpa_event_queue_poll(&queue, reports, SOURCES), 2);
    cr_assert_eq(reports[0].data, &tags[0]);
    cr_assert_eq(reports[0].events, IN | OUT);
}

Test(event, no_room_no_reports)
{
    add(0, IN);
    raise_bits(0, IN);
    cr_assert_eq(tpa_event_queue_poll(&queue, NULL, 0), 0);
    cr_assert_eq(tpa_event_queue_poll(&queue, NULL, -1), 0);
    cr_assert_eq(tpa_event_queue_poll_level(&queue, NULL, 0), 0);
    cr_assert_eq(tpa_event_queue_poll_level(&queue, NULL, -1), 0);
    assert_reports(0, IN);
}

static int poll_level(int max)
{
    return tpa_event_queue_poll_level(&queue, reports, max);
}

Test(event, level_keeps_reporting_while_it_is_true)
{
    add(0, IN | OUT);
    raise_bits(0, IN | OUT);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(poll_level(SOURCES), 1);
        cr_assert_eq(reports[0].events, IN | OUT);
        cr_assert_eq(reports[0].data, &tags[0]);
    }
    clear_bits(0, IN);
    cr_assert_eq(poll_level(SOURCES), 1);
    cr_assert_eq(reports[0].events, OUT);
    clear_bits(0, OUT);
    cr_assert_eq(poll_level(SOURCES), 0);
}

Test(event, level_follows_a_changed_interest)
{
    add(0, IN | OUT);
    raise_bits(0, IN | OUT);
    cr_assert_eq(poll_level(SOURCES), 1);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], OUT, &tags[0]), 0);
    cr_assert_eq(poll_level(SOURCES), 1);
    cr_assert_eq(reports[0].events, OUT);
    cr_assert_eq(tpa_event_source_modify(&queue, &sources[0], 0, &tags[0]), 0);
    cr_assert_eq(poll_level(SOURCES), 0);
}

Test(event, level_reports_each_source_at_most_once_a_call_and_goes_round)
{
    for (size_t i = 0; i < 5; i++) {
        add(i, IN);
        raise_bits(i, IN);
    }
    cr_assert_eq(poll_level(SOURCES), 5);
    for (size_t round = 0; round < 10; round++) {
        cr_assert_eq(poll_level(2), 2);
        cr_assert_eq(reports[0].data, &tags[2 * round % 5]);
        cr_assert_eq(reports[1].data, &tags[(2 * round + 1) % 5]);
    }
}

Test(event, level_forgets_a_removed_source)
{
    add(0, IN);
    add(1, IN);
    raise_bits(0, IN);
    raise_bits(1, IN);
    cr_assert_eq(poll_level(SOURCES), 2);
    tpa_event_source_remove(&sources[0]);
    cr_assert_eq(poll_level(SOURCES), 1);
    cr_assert_eq(reports[0].data, &tags[1]);
}

Test(event, a_zeroed_source_is_a_valid_one)
{
    struct tpa_event_source zeroed = {.data = NULL};

    cr_assert_not(tpa_event_source_is_registered(&zeroed));
    tpa_event_source_clear(&zeroed, IN);
    tpa_event_source_raise(&queue, &zeroed, OUT);
    cr_assert_eq(tpa_event_source_add(&queue, &zeroed, OUT, &tags[0]), 0);
    assert_reports(0, OUT);
    tpa_event_source_remove(&zeroed);
}
