/* What a running instance can be told. */
#include "exported.h"

#include <sys/stat.h>
#include <unistd.h>

#include <tpa/base/parse.h>
#include <tpa/netdev/capture.h>
#include <tpa/netdev/impair.h>

#include "control.h"

TestSuite(control, .init = exported_begin, .fini = exported_end);

static char answer[TPA_STATS_ANSWER_MAX + 1];

static int ask(const char *request)
{
    return tpa_api_control_run(world.server.instance->export->control, request, answer,
                               sizeof(answer), world.now);
}

static struct tpa_netdev *port(void)
{
    return world.server.instance->ports[0].device;
}

static void expect_done(const char *request)
{
    cr_assert_eq(ask(request), TPA_OK, "%s: %s", request, answer);
}

/* ---- Configuration ---- */

Test(control, sets_an_option_of_tcp)
{
    expect_done("cfg set tcp.time_wait 2s");
    cr_expect_eq(world.server.instance->tcp.time_wait, UINT64_C(2000000000));
    expect_done("cfg get tcp.time_wait");
    cr_expect_str_eq(answer, "2s");
}

Test(control, a_new_option_shows)
{
    struct tpa_api_export_option option;
    bool found = false;

    expect_done("cfg set tcp.retries 9");
    for (uint64_t i = 0; i < world.server.instance->export->option_count && !found; i++) {
        exported_read(TPA_API_EXPORT_REGION_CONFIG, i, &option, sizeof(option));
        found = strcmp(option.name, "tcp.retries") == 0;
    }
    cr_expect(found);
    cr_expect_str_eq(option.value, "9");
}

/* MUST-49: of segments, and of what is answered where there is no connection. */
Test(control, sets_the_ttl_of_what_is_sent)
{
    const uint8_t *ttl = &world.server.wire->frame[14 + 8];
    struct world_pair pair = world_pair(NULL);

    expect_done("cfg set tcp.ttl 9");
    world_transfer(pair.server, pair.client, 1000);
    cr_expect_eq(*ttl, 9);
    expect_done("cfg set tcp.ttl 10");
    world_enter(&world.client, 0);
    cr_assert_geq(tpa_connect_to(WORLD_SERVER_IPV4, WORLD_PORT + 1, NULL), 0);
    world_settle();
    cr_expect_eq(*ttl, 10, "the reset");
}

Test(control, sets_nagle_for_new_connections)
{
    expect_done("cfg set tcp.nodelay 0");
    cr_expect(world.server.instance->nagle);
}

Test(control, refuses_what_can_be_set_at_start_only)
{
    cr_expect_eq(ask("cfg set net.ip 10.0.0.9"), TPA_EPERM);
    cr_expect_str_eq(answer, "failed to set cfg opt: net.ip: try to set a readonly option");
}

Test(control, options_that_contradict_each_other_change_nothing)
{
    expect_done("cfg set tcp.rto_max 2s");
    cr_expect_lt(ask("cfg set tcp.rto_min 1m"), 0);
    cr_expect_neq(answer[0], '\0');
    expect_done("cfg get tcp.rto_min");
    cr_expect_str_eq(answer, "100ms");
}

/* ---- pktfuzz ---- */

Test(control, pktfuzz_drops_and_stops)
{
    struct world_pair pair = world_pair(NULL);

    expect_done("pktfuzz drop 100% rx");
    world_write(pair.client, "hello", 5);
    world_settle();
    EXPECT_ERRNO(world_read(pair.server, NULL, 5), EAGAIN);
    expect_done("pktfuzz off");
    world_run(2000);
    cr_expect_eq(world_read(pair.server, NULL, 5), 5, "sent again");
}

Test(control, pktfuzz_in_one_direction_leaves_the_other_alone)
{
    struct tpa_netdev_impairment impairment;

    expect_done("pktfuzz delay 5ms dup=1% tx");
    tpa_netdev_impair_get(port(), TPA_NETDEV_TX, &impairment);
    cr_expect_eq(impairment.delay, 5000000);
    cr_expect_eq(impairment.duplicate_ppm, 10000);
    tpa_netdev_impair_get(port(), TPA_NETDEV_RX, &impairment);
    cr_expect_eq(impairment.delay, 0);
}

Test(control, pktfuzz_can_be_switched_off_and_on_again_by_its_option)
{
    struct tpa_netdev_impairment impairment;

    expect_done("pktfuzz reorder 3% depth 4");
    expect_done("cfg set pktfuzz.enable 0");
    tpa_netdev_impair_get(port(), TPA_NETDEV_RX, &impairment);
    cr_expect_eq(impairment.reorder_ppm, 0);
    expect_done("cfg set pktfuzz.enable 1");
    tpa_netdev_impair_get(port(), TPA_NETDEV_RX, &impairment);
    cr_expect_eq(impairment.reorder_ppm, 30000);
}

Test(control, pktfuzz_says_what_is_on)
{
    expect_done("pktfuzz drop 1% port 0");
    expect_done("pktfuzz");
    cr_expect_not_null(strstr(answer, "drop=10000ppm"));
}

/* ---- Capture ---- */

Test(control, captures_to_a_file)
{
    char request[TPA_STATS_REQUEST_MAX], path[SCRATCH_PATH_SIZE];
    struct stat status;

    scratch_path(&exported.scratch, "wire of the toy.pcapng", path);
    snprintf(request, sizeof(request), "capture start \"%.200s\" snap 96 size 1M", path);
    expect_done(request);
    cr_expect(tpa_netdev_capture_active(port()));
    cr_expect_eq(ask(request), TPA_EBUSY);
    world_pair(NULL);
    expect_done("capture stop");
    cr_expect_not(tpa_netdev_capture_active(port()));
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_gt(status.st_size, 300, "a handshake");
    cr_expect_eq(ask("capture stop"), TPA_ENOENT);
}

static void with_capture(void)
{
    static char path[64];
    const char *const options[] = {"capture.enable", "1", "capture.file", path, NULL};

    snprintf(path, sizeof(path), "/tmp/tpa-control-test-%d.pcapng", (int)getpid());
    exported_begin_with(options);
}

Test(control_start, captures_from_the_start_where_the_configuration_says_so, .init = with_capture,
     .fini = exported_end)
{
    struct stat status;

    cr_expect(tpa_netdev_capture_active(port()));
    cr_expect_eq(stat(exported.options.capture.file, &status), 0);
    unlink(exported.options.capture.file);
}

/* ---- Tables of IP ---- */

Test(control, sets_and_forgets_a_neighbour)
{
    struct tpa_ip_neighbour neighbours[8];
    struct tpa_ip_stack *ip = world.server.instance->ip;

    expect_done("neigh add 10.0.0.77 02:00:00:00:00:77");
    cr_assert_eq(tpa_ip_neighbours(ip, neighbours, 8), 1);
    cr_expect_eq(neighbours[0].state, TPA_IP_NEIGHBOUR_PERMANENT);
    cr_expect_eq(neighbours[0].mac[5], 0x77);
    expect_done("neigh del 10.0.0.77");
    cr_expect_eq(tpa_ip_neighbours(ip, neighbours, 8), 0);
}

Test(control, adds_and_removes_routes)
{
    expect_done("route add 10.9.0.0/16 via 10.0.0.1");
    cr_expect_eq(ask("route add 10.9.0.0/16 via 10.0.0.1"), TPA_EEXIST);
    expect_done("route del 10.9.0.0/16");
    cr_expect_eq(ask("route del 10.9.0.0/16"), TPA_ENOENT);
    expect_done("route add fd77::/64 port 0");
    expect_done("route del fd77::/64");
}

Test(control, adds_and_removes_addresses)
{
    struct tpa_base_address address;

    cr_assert_eq(tpa_base_address_parse("10.0.0.42", TPA_BASE_PARSE_NUL, &address), TPA_OK);
    expect_done("address add 10.0.0.42/24");
    cr_expect(tpa_ip_is_local(world.server.instance->ip, &address));
    expect_done("address del 10.0.0.42");
    cr_expect_not(tpa_ip_is_local(world.server.instance->ip, &address));
}

/* ---- What makes no sense ---- */

static const struct {
    const char *request;
    int error;
} nonsense[] = {
    {"", TPA_EINVAL},
    {"   ", TPA_EINVAL},
    {"make coffee", TPA_EUNSUPPORTED},
    {"\"cfg get x", TPA_EINVAL},
    {"cfg", TPA_EINVAL},
    {"cfg set tcp.retries", TPA_EINVAL},
    {"cfg set tcp.retries 3 4", TPA_EINVAL},
    {"cfg set tcp.retries many", TPA_EINVAL},
    {"cfg set tcp.nothing 1", TPA_ENOENT},
    {"cfg get tcp.nothing", TPA_ENOENT},
    {"pktfuzz drop", TPA_EINVAL},
    {"pktfuzz drop 101%", TPA_EINVAL},
    {"pktfuzz rx", TPA_EINVAL},
    {"pktfuzz drop 1% port 7", TPA_EINVAL},
    {"pktfuzz drop 1% port x", TPA_EINVAL},
    {"pktfuzz sing 1%", TPA_EINVAL},
    {"capture", TPA_EINVAL},
    {"capture start", TPA_EINVAL},
    {"capture start /dev/null/x", TPA_EIO},
    {"capture start /tmp/x snap", TPA_EINVAL},
    {"capture start /tmp/x snap 0", TPA_EINVAL},
    {"capture start /tmp/x loud 1", TPA_EINVAL},
    {"capture stop", TPA_ENOENT},
    {"neigh add 10.0.0.9", TPA_EINVAL},
    {"neigh add 10.0.0.999 02:00:00:00:00:01", TPA_EINVAL},
    {"neigh add 10.0.0.9 02:00:00", TPA_EINVAL},
    {"neigh add 224.0.0.1 02:00:00:00:00:01", TPA_EINVAL},
    {"neigh del 10.0.0.9", TPA_ENOENT},
    {"route add 10.9.0.0", TPA_EINVAL},
    {"route add 10.9.0.0/33", TPA_EINVAL},
    {"route add 10.9.0.0/16 via", TPA_EINVAL},
    {"route add 10.9.0.0/16 via fd00::1", TPA_EINVAL},
    {"address add 10.0.0.9", TPA_EINVAL},
    {"address add 10.0.0.255/24", TPA_EINVAL},
    {"address del 10.0.0.9", TPA_ENOENT},
    {"link", TPA_EINVAL},
    {"link sideways", TPA_EINVAL},
};

Test(control, nonsense_is_refused_in_words_and_changes_nothing)
{
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(nonsense); i++) {
        cr_expect_eq(ask(nonsense[i].request), nonsense[i].error, "%s: %s", nonsense[i].request,
                     answer);
        cr_expect_neq(answer[0], '\0', "%s", nonsense[i].request);
    }
    world_pair(NULL);
}

Test(control, a_request_of_too_many_words_is_refused)
{
    char request[TPA_STATS_REQUEST_MAX + 1];

    for (int i = 0; i < TPA_STATS_REQUEST_MAX; i++)
        request[i] = i % 2 == 0 ? 'x' : ' ';
    request[TPA_STATS_REQUEST_MAX] = '\0';
    cr_expect_eq(ask(request), TPA_EINVAL);
}

/* ---- By the mailbox ---- */

Test(control, answers_through_the_mailbox)
{
    struct tpa_stats_mailbox_client client;
    int status = -1;

    cr_assert_eq(
        tpa_stats_mailbox_open(&client, tpa_api_export_directory(world.server.instance->export)),
        TPA_OK);
    cr_assert_eq(tpa_stats_mailbox_send(&client, "cfg get tcp.congestion"), TPA_OK);
    cr_expect_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), TPA_EAGAIN,
                 "no step, no answer");
    world.now += 2 * TPA_API_EXPORT_CONTROL_INTERVAL;
    world_step();
    cr_assert_eq(tpa_stats_mailbox_take(&client, &status, answer, sizeof(answer)), TPA_OK);
    cr_expect_eq(status, TPA_OK);
    cr_expect_str_eq(answer, "cubic");
    tpa_stats_mailbox_close(&client);
}
