#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/cfg/file.h>
#include <tpa/cfg/options.h>

static struct tpa_cfg_registry registry;
static struct tpa_cfg_options options;
static struct tpa_cfg_error error;

static void setup(void)
{
    tpa_cfg_options_init(&registry, &options);
}

TestSuite(options, .init = setup);

#define MS 1000000ull
#define S  (1000 * MS)

static int load(const char *text)
{
    return tpa_cfg_load_text(&registry, "test", text, strlen(text), &error);
}

static void set(const char *name, const char *value)
{
    cr_assert_eq(tpa_cfg_set(&registry, name, value, &error), 0, "%s = %s: %s (%s)", name, value,
                 error.text, error.hint);
}

Test(options, every_name_of_the_contract_has_the_contracts_default)
{
    static const struct {
        const char *name;
        const char *value;
    } contract[] = {
        {"log.level", "2"},
        {"log.file", ""},
        {"net.ip", ""},
        {"net.mask", ""},
        {"net.gw", ""},
        {"net.ip6", ""},
        {"net.gw6", ""},
        {"net.mac", ""},
        {"net.name", ""},
        {"net.bonding", ""},
        {"trace.enable", "1"},
        {"trace.more_trace", "0"},
        {"trace.trace_size", "8KB"},
        {"trace.nr_trace", "2048"},
        {"trace.no_wrap", "0"},
        {"tcp.nr_max_sock", "32768"},
        {"tcp.usr_snd_mss", "0"},
        {"tcp.tso", "1"},
        {"tcp.rx_merge", "1"},
        {"tcp.opt_ts", "1"},
        {"tcp.opt_ws", "1"},
        {"tcp.opt_sack", "1"},
        {"tcp.ecn", "2"},
        {"tcp.time_wait", "1m"},
        {"tcp.keepalive", "2m"},
        {"tcp.delayed_ack", "1ms"},
        {"tcp.rto_min", "100ms"},
        {"tcp.retries", "7"},
        {"tcp.syn_retries", "7"},
        {"tcp.cwnd_init", "16KB"},
        {"tcp.cwnd_max", "1GB"},
        {"tcp.drop_ooo_threshold", "auto"},
        {"tcp.write_chunk_size", "16KB"},
        {"tcp.pkt_max_chain", "45"},
        {"tcp.local_port_range", "41000 64000"},
        {"tcp.measure_latency", "0"},
        {"dpdk.socket-mem", ""},
        {"dpdk.pci", ""},
        {"dpdk.extra_args", ""},
        {"dpdk.mbuf_cache_size", "256"},
        {"dpdk.mbuf_mem_size", "auto"},
        {"dpdk.numa", "any"},
        {"dpdk.huge-unlink", "1"},
        {"offload.flow_mark", "1"},
        {"offload.sock_offload", "0"},
        {"offload.port_block_offload", "1"},
        {"pktfuzz.enable", "0"},
        {"archive.enable", "1"},
        {"archive.flush_interval", "60"},
        {"shell.postinit_cmd", ""},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(contract); i++) {
        char text[TPA_CFG_VALUE_SIZE];

        cr_assert_geq(tpa_cfg_get(&registry, contract[i].name, text, sizeof(text)), 0, "%s",
                      contract[i].name);
        cr_assert_str_eq(text, contract[i].value, "%s is %s", contract[i].name, text);
        set(contract[i].name, contract[i].value);
    }
}

Test(options, fields_hold_nanoseconds_and_bytes)
{
    cr_assert_eq(options.tcp.time_wait, 60 * S);
    cr_assert_eq(options.tcp.keepalive, 120 * S);
    cr_assert_eq(options.tcp.delayed_ack, MS);
    cr_assert_eq(options.tcp.rto_min, 100 * MS);
    cr_assert_eq(options.tcp.cwnd_init, 16384);
    cr_assert_eq(options.tcp.cwnd_max, 1 << 30);
    cr_assert_eq(options.tcp.write_chunk_size, 16384);
    cr_assert_eq(options.tcp.local_port_range.first, 41000);
    cr_assert_eq(options.tcp.drop_ooo_threshold, TPA_CFG_THRESHOLD_AUTO);
    cr_assert_eq(options.dpdk.numa, TPA_CFG_NUMA_ANY);
    cr_assert_eq(options.net[3].mtu, TPA_CFG_MTU_PORT);
    cr_assert_str_eq(options.tcp.congestion, "cubic");
    cr_assert_eq(options.net_seen, 0);
}

/* A path of 100 ms at 1 Gb/s holds 12 MB: the queues' limits, which the contract sets lower, must
 * not be what ends a window, in segments of Ethernet or in writes of 2 KB. */
Test(options, queues_hold_what_a_long_path_holds)
{
    const uint64_t path = 12500000, segment = 1448;

    cr_assert_gt(options.tcp.rcv_buffer_size, path);
    cr_assert_gt(options.tcp.snd_buffer_size, 2 * path);
    cr_assert_gt(options.tcp.rcv_queue_size * segment, options.tcp.rcv_buffer_size);
    cr_assert_gt(options.tcp.rcv_ooo_limit * segment, options.tcp.rcv_buffer_size);
    cr_assert_geq(options.tcp.snd_queue_size * UINT64_C(2048), options.tcp.snd_buffer_size);
    cr_assert_lt(options.tcp.rcv_buffer_init, options.tcp.rcv_buffer_size);
    cr_assert_lt(options.tcp.snd_buffer_min, options.tcp.snd_buffer_size);
}

Test(options, each_description_is_complete)
{
    for (uint32_t i = 0; i < tpa_cfg_option_count; i++) {
        const struct tpa_cfg_option *option = &tpa_cfg_option_table[i];

        cr_assert_gt(strlen(option->help), 0, "%s", option->name);
        cr_assert_eq(strncmp(option->name, "net.", 4) == 0, option->repeat != NULL, "%s",
                     option->name);
        if (option->repeat != NULL)
            cr_assert(option->flags & TPA_CFG_READONLY, "%s", option->name);
        if (option->type == TPA_CFG_INTEGER)
            cr_assert_leq(option->maximum, UINT32_MAX, "%s", option->name);
    }
}

Test(options, texts_and_lists_are_never_changed_under_a_running_stack)
{
    for (uint32_t i = 0; i < tpa_cfg_option_count; i++) {
        const struct tpa_cfg_option *option = &tpa_cfg_option_table[i];

        if (option->type != TPA_CFG_INTEGER && option->type != TPA_CFG_SIZE &&
            option->type != TPA_CFG_TIME)
            cr_assert(option->flags & TPA_CFG_READONLY, "%s", option->name);
    }
}

Test(options, values_at_and_past_their_limits)
{
    for (uint32_t i = 0; i < tpa_cfg_option_count; i++) {
        const struct tpa_cfg_option *option = &tpa_cfg_option_table[i];
        uint64_t unit = option->type == TPA_CFG_TIME ? 1000 : 1;
        char text[32];

        if (option->type != TPA_CFG_INTEGER && option->type != TPA_CFG_SIZE &&
            option->type != TPA_CFG_TIME)
            continue;

        snprintf(text, sizeof(text), "%" PRIu64, option->maximum / unit);
        set(option->name, text);
        snprintf(text, sizeof(text), "%" PRIu64, option->minimum / unit);
        set(option->name, text);
        snprintf(text, sizeof(text), "%" PRIu64, option->maximum / unit + 1);
        cr_assert_eq(tpa_cfg_set(&registry, option->name, text, &error), TPA_EINVAL, "%s = %s",
                     option->name, text);
        if (option->minimum == 0)
            continue;
        snprintf(text, sizeof(text), "%" PRIu64, option->minimum / unit - 1);
        cr_assert_eq(tpa_cfg_set(&registry, option->name, text, &error), TPA_EINVAL, "%s = %s",
                     option->name, text);
    }
}

Test(options, after_the_start_the_net_is_readonly_and_timers_are_not)
{
    tpa_cfg_registry_start(&registry);
    cr_assert_eq(tpa_cfg_set(&registry, "net.ip", "10.0.0.1", &error), TPA_EPERM);
    cr_assert_str_eq(error.text, "failed to set cfg opt: net.ip: try to set a readonly option");
    set("tcp.retries", "3");
    cr_assert_eq(options.tcp.retries, 3);
    set("log.level", "4");
    cr_assert_eq(tpa_cfg_set(&registry, "tcp.bogus", "1", &error), TPA_ENOENT);
    cr_assert_str_eq(error.text, "invalid option name: tcp.bogus");
    cr_assert_eq(tpa_cfg_set(&registry, "tcp.retries", "x", &error), TPA_EINVAL);
    cr_assert_str_eq(error.text, "failed to set cfg opt: tcp.retries: invalid option value");
}

Test(options, a_file_and_the_environment_on_top)
{
    cr_assert_eq(load("net {\n    name = eth0\n    ip = 192.168.1.2\n"
                      "    mask = 255.255.255.0\n    gw = 192.168.1.1\n}\n"
                      "tcp {\n    tso = 0\n    local_port_range = 30000 31000\n}\n"
                      "dpdk {\n    extra_args = \"--vdev=net_tap0,iface=t0\"\n}\n"),
                 0, "%s", error.text);
    cr_assert_eq(load("net { ip = 192.168.1.3; } tcp { tso = 1; }"), 0);

    cr_assert_str_eq(options.net[0].name, "eth0");
    cr_assert_eq(options.net[0].ip.count, 1);
    cr_assert_eq(options.tcp.tso, 1);
    cr_assert_eq(options.tcp.local_port_range.last, 31000);
    cr_assert_str_eq(options.dpdk.extra_args, "--vdev=net_tap0,iface=t0");
    cr_assert_eq(options.net_seen, 1);
    cr_assert_eq(tpa_cfg_options_check(&options, &error), 0, "%s", error.text);
}

Test(options, several_ports)
{
    cr_assert_eq(load("net { ip = 10.0.0.1/24 10.0.2.1/24; gw = 10.0.0.254; }\n"
                      "net { port = 1; name = net_tap1; ip = 10.0.1.1/24; ip6 = fd00::1;\n"
                      "      route = 10.9.0.0/16 via 10.0.1.254; mtu = 9000; }\n"),
                 0, "%s", error.text);
    cr_assert_eq(options.net_seen, 0x3);
    cr_assert_eq(options.net[0].ip.count, 2);
    cr_assert_str_eq(options.net[1].name, "net_tap1");
    cr_assert_eq(options.net[1].mtu, 9000);
    cr_assert_eq(tpa_cfg_prefix_length(&options.net[1], &options.net[1].ip6.entry[0]), 64);
    cr_assert_eq(tpa_cfg_options_check(&options, &error), 0, "%s", error.text);
}

Test(options, prefix_lengths_come_from_the_address_or_the_mask)
{
    set("net.ip", "10.0.0.1 10.0.1.1/16");
    cr_assert_eq(tpa_cfg_prefix_length(&options.net[0], &options.net[0].ip.entry[0]), -1);
    set("net.mask", "255.255.255.0");
    cr_assert_eq(tpa_cfg_prefix_length(&options.net[0], &options.net[0].ip.entry[0]), 24);
    cr_assert_eq(tpa_cfg_prefix_length(&options.net[0], &options.net[0].ip.entry[1]), 16);
}

Test(options, contradictions_are_named)
{
    static const struct {
        const char *text;
        const char *expected; /* NULL: no contradiction */
    } cases[] = {
        {"", "no address: set net.ip or net.ip6"},
        {"net { name = eth0; }", "no address"},
        {"net { ip = 10.0.0.1; }", "net.ip: 10.0.0.1 has no mask: write 10.0.0.1/24"},
        {"net { ip = 10.0.0.1; mask = 24; }", NULL},
        {"net { ip = 10.0.0.1/0; }", "cannot have a prefix of 0 bits"},
        {"net { ip = 127.0.0.1/8; }", "net.ip: 127.0.0.1 is not an address that a host can have"},
        {"net { ip = 224.0.0.1/8; }", "not an address"},
        {"net { ip = 255.255.255.255/32; }", "not an address"},
        {"net { ip = 0.0.0.0/24; }", "not an address"},
        {"net { ip6 = ff02::1/64; }", "net.ip6: ff02::1 is not an address"},
        {"net { ip6 = ::/64; }", "not an address"},
        {"net { ip6 = ::1; }", "not an address"},
        {"net { ip = 10.0.0.0/24; }", "net.ip: 10.0.0.0/24 is the subnet or its broadcast"},
        {"net { ip = 10.0.0.255/24; }", "the subnet or its broadcast"},
        {"net { ip = 10.0.0.255/23; }", NULL},
        {"net { ip = 10.0.0.0/31; }", NULL},
        {"net { ip = 10.0.0.0/32; }", NULL},
        {"net { ip = 10.0.0.1/24; gw = 10.0.1.1; }", "net.gw: 10.0.1.1 is in no subnet"},
        {"net { ip = 10.0.0.1/24; gw = 10.0.0.1; }", "net.gw: 10.0.0.1 is our own address"},
        {"net { ip = 10.0.0.1/32; gw = 10.9.9.9; }", NULL},
        {"net { ip6 = fd00::1; gw = 10.0.0.1; }", "net.gw: 10.0.0.1 is in no subnet"},
        {"net { ip = 10.0.0.1/24; gw = 255.255.255.255; }", "net.gw: 255.255.255.255 is not an"},
        {"net { ip6 = fd00::1; gw6 = fe80::1; }", NULL},
        {"net { ip6 = fd00::1; gw6 = fd00::2; }", NULL},
        {"net { ip6 = fd00::1; gw6 = fd01::2; }", "net.gw6: fd01::2 is in no subnet"},
        {"net { ip = 10.0.0.1/24; route = 1.0.0.0/8 via 10.0.1.1; }", "net.route: 10.0.1.1 is in"},
        {"net { ip = 10.0.0.1/24; route = 1.0.0.0/8 via 10.0.0.9; }", NULL},
        {"net { ip = 10.0.0.1/24; mac = 01:00:00:00:00:01; }", "net.mac: a group address"},
        {"net { ip = 10.0.0.1/24; mac = 00:00:00:00:00:00; }", "net.mac: an address of zeros"},
        {"net { ip6 = fd00::1; mtu = 1279; }", "net.mtu: IPv6 (net.ip6) needs at least 1280"},
        {"net { ip6 = fd00::1; mtu = 1280; }", NULL},
        {"net { ip = 10.0.0.1/24; mtu = 576; }", NULL},
        {"net { ip = 10.0.0.1/24; } net { port = 2; ip = 10.0.0.1/24; }",
         "10.0.0.1 is an address of port 0 and of port 2"},
        {"net { ip6 = fd00::1; } net { port = 2; ip6 = fd00::1; }", "of port 0 and of port 2"},
        {"net { port = 15; ip = 10.0.0.1; }", "net.ip: 10.0.0.1 has no mask"},
        {"net { ip = 10.0.0.1/24; } tcp { cwnd_init = 2M; cwnd_max = 1M; }", "tcp.cwnd_init"},
        {"net { ip = 10.0.0.1/24; } tcp { rto_min = 10s; rto_max = 5s; }", "tcp.rto_min"},
        {"net { ip = 10.0.0.1/24; } tcp { rcv_ooo_limit = 5; drop_ooo_threshold = 6; }",
         "tcp.drop_ooo_threshold"},
        {"net { ip = 10.0.0.1/24; } capture { enable = 1; }", "capture.enable needs capture.file"},
        {"net { ip = 10.0.0.1/24; } capture { enable = 1; file = x.pcapng; }", NULL},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        setup();
        cr_assert_eq(load(cases[i].text), 0, "%s: %s", cases[i].text, error.text);

        int result = tpa_cfg_options_check(&options, &error);

        if (cases[i].expected == NULL) {
            cr_assert_eq(result, 0, "%s: %s", cases[i].text, error.text);
        } else {
            cr_assert_eq(result, TPA_EINVAL, "%s", cases[i].text);
            cr_assert_not_null(strstr(error.text, cases[i].expected), "%s: %s", cases[i].text,
                               error.text);
        }
    }
}

Test(options, the_dump_of_all_options_sets_them_again)
{
    static char text[TPA_CFG_FILE_MAX];
    static struct tpa_cfg_options copy;
    struct tpa_cfg_registry other;

    set("net[2].ip", "10.0.0.1/24, 10.0.0.2");
    set("net[2].route", "10.1.0.0/16 via 10.0.0.9");
    set("tcp.nr_max_sock", "100");
    set("dpdk.extra_args", "--vdev=net_tap0 --no-pci");

    FILE *stream = fmemopen(text, sizeof(text), "w");

    cr_assert_eq(tpa_cfg_dump(&registry, true, stream), 0);
    fclose(stream);
    tpa_cfg_options_init(&other, &copy);
    cr_assert_eq(tpa_cfg_load_text(&other, "dump", text, strlen(text), &error), 0, "%u: %s",
                 error.line, error.text);
    cr_assert_eq(options.net_seen, copy.net_seen);

    char name[TPA_CFG_NAME_SIZE], value[TPA_CFG_VALUE_SIZE], other_value[TPA_CFG_VALUE_SIZE];
    uint64_t position = 0;

    while (tpa_cfg_next(&registry, &position, name, value) != NULL) {
        cr_assert_geq(tpa_cfg_get(&other, name, other_value, sizeof(other_value)), 0);
        cr_assert_str_eq(value, other_value, "%s", name);
    }
}
