/* Edges: when IN, OUT, ERR and HUP are told, and when they are not told again. */
#include "world.h"

TestSuite(event, .init = world_begin_usual, .fini = world_end);

enum {
    IN = TPA_EVENT_IN,
    OUT = TPA_EVENT_OUT,
    ERR = TPA_EVENT_ERR,
    HUP = TPA_EVENT_HUP
};

static uint32_t client_events(int sid)
{
    return world_events(&world.client, sid);
}

static uint32_t server_events(int sid)
{
    return world_events(&world.server, sid);
}

static int modify(int sid, uint32_t events)
{
    struct tpa_event event = {.events = events, .data = (void *)(intptr_t)sid};

    return tpa_event_ctrl(sid, TPA_EVENT_CTRL_MOD, &event);
}

/* Writes until the send queue is full; bytes written. */
static size_t fill(int sid)
{
    static const char bytes[10000];
    size_t written = 0;

    while (tpa_write(sid, bytes, sizeof(bytes)) > 0)
        written += sizeof(bytes);
    cr_assert_eq(errno, EAGAIN);
    return written;
}

Test(event, OUT_says_that_it_is_established)
{
    int sid;

    world_listen();
    sid = world_connect();
    world_watch(sid, IN | OUT);
    cr_assert_eq(client_events(sid), 0, "not yet");
    world_settle();
    cr_assert_eq(client_events(sid), OUT);
    world_settle();
    cr_assert_eq(client_events(sid), 0, "once");
}

Test(event, OUT_on_ADD_and_MOD_while_writable)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, OUT);
    cr_assert_eq(server_events(pair.server), OUT);
    cr_assert_eq(server_events(pair.server), 0);
    cr_assert_eq(modify(pair.server, IN | OUT), 0);
    cr_assert_eq(server_events(pair.server), OUT);
    cr_assert_eq(modify(pair.server, IN), 0);
    cr_assert_eq(server_events(pair.server), 0, "not asked for");
}

Test(event, OUT_comes_after_EAGAIN_when_there_is_room_again)
{
    struct world_pair pair = world_pair(NULL);
    size_t written;

    world_watch(pair.client, OUT);
    cr_assert_eq(client_events(pair.client), OUT);
    world_write(pair.client, "x", 1);
    world_settle();
    cr_assert_eq(client_events(pair.client), 0, "nothing was refused");
    written = fill(pair.client) + 1;
    cr_assert_eq(client_events(pair.client), 0);
    cr_assert_eq(modify(pair.client, OUT), 0);
    cr_assert_eq(client_events(pair.client), 0, "it is not writable");

    for (size_t taken = 0; taken < written;) {
        ssize_t length;

        world_run(1);
        length = world_read(pair.server, NULL, SIZE_MAX);
        cr_assert(length > 0 || errno == EAGAIN);
        taken += length > 0 ? (size_t)length : 0;
    }
    world_settle();
    cr_assert_eq(client_events(pair.client), OUT);
    cr_assert_eq(client_events(pair.client), 0, "once");
    world_write(pair.client, "x", 1);
}

Test(event, IN_for_each_arrival_of_data)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, IN);
    cr_assert_eq(server_events(pair.server), 0);
    world_write(pair.client, "a", 1);
    world_settle();
    cr_assert_eq(server_events(pair.server), IN);
    cr_assert_eq(server_events(pair.server), 0, "unread, but told");
    world_write(pair.client, "b", 1);
    world_settle();
    cr_assert_eq(server_events(pair.server), IN, "new data is a new edge");
    cr_assert_eq(modify(pair.server, IN), 0);
    cr_assert_eq(server_events(pair.server), IN, "unread at MOD");
    cr_assert_eq(world_read(pair.server, NULL, 2), 2);
    cr_assert_eq(modify(pair.server, IN), 0);
    cr_assert_eq(server_events(pair.server), 0, "read at MOD");
}

Test(event, what_was_read_before_the_poll_is_not_told)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, IN);
    world_write(pair.client, "a", 1);
    world_settle();
    cr_assert_eq(world_read(pair.server, NULL, 1), 1);
    cr_assert_eq(server_events(pair.server), 0);
}

Test(event, IN_on_ADD_for_data_that_came_before)
{
    struct world_pair pair = world_pair(NULL);

    world_write(pair.client, "a", 1);
    world_settle();
    world_watch(pair.server, IN);
    cr_assert_eq(server_events(pair.server), IN);
}

Test(event, IN_for_the_end_of_the_stream)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, IN);
    tpa_close(pair.client);
    world_settle();
    cr_assert_eq(server_events(pair.server), IN);
    cr_assert_eq(world_read(pair.server, NULL, 0), 0);
    cr_assert_eq(world_read(pair.server, NULL, 0), 0, "again and again");
}

/* As with epoll: who asked for nothing learns of the end of the connection all the same. */
Test(event, ERR_and_HUP_are_always_on)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.client, 0);
    world_write(pair.client, "unread", 6);
    world_settle();
    cr_assert_eq(client_events(pair.client), 0);
    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(client_events(pair.client), ERR | HUP);
    cr_assert_eq(client_events(pair.client), 0, "once");
}

Test(event, DEL_ends_it_and_needs_no_event)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, IN);
    world_write(pair.client, "a", 1);
    world_settle();
    cr_assert_eq(tpa_event_ctrl(pair.server, TPA_EVENT_CTRL_DEL, NULL), 0);
    cr_assert_eq(server_events(pair.server), 0);
    world_watch(pair.server, IN);
    cr_assert_eq(server_events(pair.server), IN);
}

Test(event, none_after_close)
{
    struct world_pair pair = world_pair(NULL);

    world_watch(pair.server, IN | OUT);
    world_write(pair.client, "a", 1);
    world_settle();
    tpa_close(pair.server);
    world_settle();
    cr_assert_eq(server_events(pair.server), 0);
}

Test(event, those_that_do_not_fit_come_next_time)
{
    struct world_pair pair = world_pair(NULL);
    struct tpa_event event;
    int other = world_connect(), server;

    world_settle();
    server = world_accept();
    world_watch(pair.server, OUT);
    world_watch(server, OUT);
    (void)other;
    cr_assert_eq(tpa_event_poll(world.server.workers[0], &event, 0), 0);
    cr_assert_eq(tpa_event_poll(world.server.workers[0], &event, -1), 0);
    cr_assert_eq(tpa_event_poll(world.server.workers[0], &event, 1), 1);
    cr_assert_eq((intptr_t)event.data, pair.server);
    cr_assert_eq(tpa_event_poll(world.server.workers[0], &event, 1), 1);
    cr_assert_eq((intptr_t)event.data, server);
    cr_assert_eq(tpa_event_poll(world.server.workers[0], &event, 1), 0);
}

Test(event, refuses_what_makes_no_sense)
{
    struct tpa_event event = {.events = IN};
    int listener;
    struct world_pair pair = world_pair(&listener);

    EXPECT_ERRNO(tpa_event_ctrl(-1, TPA_EVENT_CTRL_ADD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(WORLD_SIDS, TPA_EVENT_CTRL_ADD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(WORLD_SIDS - 1, TPA_EVENT_CTRL_ADD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(listener, TPA_EVENT_CTRL_ADD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, 0, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, 4, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_ADD, NULL), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_MOD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_DEL, NULL), EINVAL);
    cr_assert_eq(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_ADD, &event), 0);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_ADD, &event), EINVAL);
    EXPECT_ERRNO(tpa_event_ctrl(pair.client, TPA_EVENT_CTRL_MOD, NULL), EINVAL);
    cr_assert_eq(tpa_event_poll(NULL, &event, 1), 0);
    cr_assert_eq(tpa_event_poll(world.client.workers[0], NULL, 1), 0);
}
