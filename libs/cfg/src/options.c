#include <tpa/cfg/options.h>

#include <assert.h>
#include <stddef.h>

#define KB (1ull << 10)
#define MB (1ull << 20)
#define GB (1ull << 30)

#define MICROSECOND 1000ull
#define MILLISECOND (1000 * MICROSECOND)
#define SECOND      (1000 * MILLISECOND)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)

#define FIELD(member)                                   \
    .offset = offsetof(struct tpa_cfg_options, member), \
    .size = sizeof(((struct tpa_cfg_options *)NULL)->member)

/* One description. What follows `text` are designated members: bounds, words, flags. */
#define OPTION(option_name, option_type, member, value, text, ...)                              \
    {                                                                                           \
        .name = option_name, .type = option_type, .preset = value, .help = text, FIELD(member), \
        ##__VA_ARGS__                                                                           \
    }

#define START              .flags = TPA_CFG_READONLY
#define RANGE(low, top)    .minimum = (low), .maximum = (top)
#define WORD(text, number) .word = (text), .word_value = (number)

#define BOOLEAN(name, member, value, text, ...) \
    OPTION(name, TPA_CFG_INTEGER, member, value, text, RANGE(0, 1), ##__VA_ARGS__)
#define INTEGER(name, member, value, low, top, text, ...) \
    OPTION(name, TPA_CFG_INTEGER, member, value, text, RANGE(low, top), ##__VA_ARGS__)
#define SIZE(name, member, value, low, top, text, ...) \
    OPTION(name, TPA_CFG_SIZE, member, value, text, RANGE(low, top), ##__VA_ARGS__)
#define TIME(name, member, value, low, top, text, ...) \
    OPTION(name, TPA_CFG_TIME, member, value, text, RANGE(low, top), ##__VA_ARGS__)
#define STRING(name, member, text, ...) \
    OPTION(name, TPA_CFG_STRING, member, "", text, ##__VA_ARGS__)

/* An option of a port, which can be set at start only. */
#define NET(key, type, member, value, text, ...) \
    OPTION("net." key, type, net[0].member, value, text, START, .repeat = &ports, ##__VA_ARGS__)

static const struct tpa_cfg_repeat ports = {
    .maximum = TPA_CFG_PORTS_MAX,
    .stride = sizeof(struct tpa_cfg_net),
    .seen = offsetof(struct tpa_cfg_options, net_seen),
};

const struct tpa_cfg_option tpa_cfg_option_table[] = {
    INTEGER("log.level", log.level, "2", 0, 4,
            "0 nothing, 1 errors, 2 warnings, 3 information, 4 debugging"),
    STRING("log.file", log.file, "where the log goes; empty: standard error", START),

    {.name = "net.port",
     .type = TPA_CFG_SELECTOR,
     .flags = TPA_CFG_READONLY,
     .repeat = &ports,
     .help = "the port this section describes; has to stand first"},
    NET("name", TPA_CFG_STRING, name, "", "DPDK's name of the port; empty: by its number"),
    NET("ip", TPA_CFG_IPV4_LIST, ip, "", "IPv4 addresses, with /length or net.mask"),
    NET("mask", TPA_CFG_MASK, mask, "", "mask of IPv4 addresses without a length"),
    NET("gw", TPA_CFG_IPV4, gw, "", "IPv4 default gateway"),
    NET("ip6", TPA_CFG_IPV6_LIST, ip6, "", "IPv6 addresses; without /length: /64"),
    NET("gw6", TPA_CFG_IPV6, gw6, "", "IPv6 default gateway"),
    NET("mac", TPA_CFG_MAC, mac, "", "MAC address; empty: the port's own"),
    NET("route", TPA_CFG_ROUTE_LIST, route, "", "routes: destination/length via gateway, ..."),
    NET("mtu", TPA_CFG_INTEGER, mtu, "auto", "bytes of an IP packet", RANGE(576, 65535),
        WORD("auto", TPA_CFG_MTU_PORT)),
    NET("vlan", TPA_CFG_INTEGER, vlan, "0", "802.1Q tag of all frames; 0: none", RANGE(0, 4094)),
    NET("promiscuous", TPA_CFG_INTEGER, promiscuous, "0",
        "1: receive all frames (where net.mac is not the port's own)", RANGE(0, 1)),
    NET("bonding", TPA_CFG_STRING, bonding, "", "devices to bond"),

    BOOLEAN("trace.enable", trace.enable, "1", "1: record what happens to each sock"),
    BOOLEAN("trace.more_trace", trace.more_trace, "0", "1: also what happens per packet"),
    SIZE("trace.trace_size", trace.trace_size, "8KB", 256, MB, "bytes of one sock's ring", START),
    INTEGER("trace.nr_trace", trace.nr_trace, "2048", 0, TPA_CFG_SOCKS_MAX, "number of rings",
            START),
    BOOLEAN("trace.no_wrap", trace.no_wrap, "0", "1: a full ring keeps its oldest events"),

    INTEGER("tcp.nr_max_sock", tcp.nr_max_sock, "32768", 1, TPA_CFG_SOCKS_MAX,
            "socks of all workers", START),
    INTEGER("tcp.usr_snd_mss", tcp.usr_snd_mss, "0", TPA_CFG_MSS_FLOOR, 65495,
            "largest MSS used; 0: what the path takes", WORD("0", 0)),
    BOOLEAN("tcp.tso", tcp.tso, "1", "1: hand super-frames to the port"),
    BOOLEAN("tcp.rx_merge", tcp.rx_merge, "1", "1: merge segments of one burst"),
    BOOLEAN("tcp.opt_ts", tcp.opt_ts, "1", "timestamps"),
    BOOLEAN("tcp.opt_ws", tcp.opt_ws, "1", "window scale"),
    BOOLEAN("tcp.opt_sack", tcp.opt_sack, "1", "selective acknowledgements"),
    INTEGER("tcp.ecn", tcp.ecn, "2", 0, 2,
            "congestion notification; 0: off, 1: ask and answer, 2: answer only"),
    BOOLEAN("tcp.nodelay", tcp.nodelay, "1", "1: send small segments at once (no Nagle)"),
    INTEGER("tcp.ttl", tcp.ttl, "64", 1, 255, "time to live, or hop limit, of what is sent"),
    TIME("tcp.time_wait", tcp.time_wait, "1m", 0, HOUR, "time in TIME-WAIT"),
    TIME("tcp.fin_wait_2", tcp.fin_wait_2, "1m", SECOND, HOUR,
         "time in FIN-WAIT-2 once the application has closed"),
    TIME("tcp.orphan_timeout", tcp.orphan_timeout, "1m", SECOND, HOUR,
         "time a connection that the application has closed waits for a closed window"),
    INTEGER("tcp.orphans", tcp.orphans, "8192", 1, TPA_CFG_SOCKS_MAX,
            "connections of a worker that the application has closed and that go on; beyond, the "
            "oldest is reset"),
    TIME("tcp.keepalive", tcp.keepalive, "2m", 0, 720 * HOUR,
         "idle time before a keepalive probe; 0: none"),
    TIME("tcp.keepalive_interval", tcp.keepalive_interval, "75s", MILLISECOND, HOUR,
         "time between keepalive probes"),
    INTEGER("tcp.keepalive_probes", tcp.keepalive_probes, "9", 1, 255,
            "unanswered keepalive probes before the connection is given up"),
    TIME("tcp.delayed_ack", tcp.delayed_ack, "1ms", 0, 499 * MILLISECOND,
         "how long an acknowledgement may wait; 0: not at all"),
    TIME("tcp.rto_min", tcp.rto_min, "100ms", MILLISECOND, MINUTE,
         "smallest retransmission time-out"),
    TIME("tcp.rto_max", tcp.rto_max, "1m", SECOND, HOUR, "largest retransmission time-out"),
    TIME("tcp.user_timeout", tcp.user_timeout, "0", 0, 24 * HOUR,
         "time data may stay unacknowledged; 0: by tcp.retries"),
    INTEGER("tcp.retries", tcp.retries, "7", 1, 255, "retransmissions of data"),
    INTEGER("tcp.syn_retries", tcp.syn_retries, "7", 0, 255, "retransmissions of SYN and SYN-ACK"),
    INTEGER("tcp.accept_backlog", tcp.accept_backlog, "4096", 1, TPA_CFG_SOCKS_MAX,
            "connections of a listener at a worker that are not accepted yet, half-open ones too"),
    INTEGER("tcp.syn_backlog", tcp.syn_backlog, "1024", 1, TPA_CFG_SOCKS_MAX,
            "half-open connections of a listener at a worker"),
    INTEGER("tcp.syn_cookies", tcp.syn_cookies, "1", 0, 2,
            "SYNs answered without state: 0 none, 1 those beyond a backlog, 2 all"),
    INTEGER("tcp.rcv_queue_size", tcp.rcv_queue_size, "16384", 1, TPA_CFG_ENTRIES_MAX,
            "packets that wait to be read", START),
    INTEGER("tcp.snd_queue_size", tcp.snd_queue_size, "16384", 1, TPA_CFG_ENTRIES_MAX,
            "pieces that wait to be acknowledged", START),
    INTEGER("tcp.mtu_probing", tcp.mtu_probing, "1", 0, 2,
            "path MTU by probes: 0 never, 1 after a black hole or ICMP has lowered it, 2 always"),
    SIZE("tcp.rcv_buffer_size", tcp.rcv_buffer_size, "16MB", 4 * KB, TPA_CFG_WINDOW_MAX,
         "largest window offered", START),
    SIZE("tcp.rcv_buffer_init", tcp.rcv_buffer_init, "256KB", 4 * KB, TPA_CFG_WINDOW_MAX,
         "largest window before it has grown with what is read", START),
    SIZE("tcp.snd_buffer_size", tcp.snd_buffer_size, "32MB", 4 * KB, TPA_CFG_WINDOW_MAX,
         "bytes that wait to be acknowledged, at most", START),
    SIZE("tcp.snd_buffer_min", tcp.snd_buffer_min, "256KB", 4 * KB, TPA_CFG_WINDOW_MAX,
         "and at least, where twice the congestion window is less", START),
    SIZE("tcp.cwnd_init", tcp.cwnd_init, "16384", 536, TPA_CFG_WINDOW_MAX,
         "congestion window at the start"),
    SIZE("tcp.cwnd_max", tcp.cwnd_max, "1G", 536, TPA_CFG_WINDOW_MAX, "largest congestion window"),
    INTEGER("tcp.rcv_ooo_limit", tcp.rcv_ooo_limit, "16384", 0, TPA_CFG_ENTRIES_MAX,
            "packets held out of order"),
    INTEGER("tcp.drop_ooo_threshold", tcp.drop_ooo_threshold, "auto", 0, TPA_CFG_ENTRIES_MAX,
            "packets out of order from which on new ones are dropped",
            WORD("auto", TPA_CFG_THRESHOLD_AUTO)),
    SIZE("tcp.write_chunk_size", tcp.write_chunk_size, "16KB", KB, 64 * KB,
         "bytes of one copied piece", START),
    INTEGER("tcp.pkt_max_chain", tcp.pkt_max_chain, "45", 2, 255,
            "buffers chained in one sent packet", START),
    OPTION("tcp.local_port_range", TPA_CFG_PORT_RANGE, tcp.local_port_range, "41000 64000",
           "ports for connections without a given one", START),
    BOOLEAN("tcp.measure_latency", tcp.measure_latency, "0", "1: measure time in the stack"),
    OPTION("tcp.congestion", TPA_CFG_STRING, tcp.congestion, "cubic", "congestion control", START),

    SIZE("mem.rcv_budget", mem.rcv_budget, "auto", MB, 64 * GB,
         "memory that received data of a worker may pin", START, WORD("auto", TPA_CFG_BUDGET_AUTO)),
    SIZE("mem.snd_budget", mem.snd_budget, "auto", MB, 64 * GB,
         "memory that copied data of a worker may take", START, WORD("auto", TPA_CFG_BUDGET_AUTO)),
    SIZE("mem.fragment_budget", mem.fragment_budget, "1MB", 64 * KB, GB,
         "memory that fragments may pin, for each worker", START),
    INTEGER("mem.neighbours", mem.neighbours, "4096", 16, 1 << 20, "neighbour entries", START),
    BOOLEAN("mem.no_huge", mem.no_huge, "0", "1: do without hugepages", START),

    STRING("dpdk.socket-mem", dpdk.socket_mem, "MB of hugepages for each NUMA node", START),
    STRING("dpdk.pci", dpdk.pci, "PCI addresses of the ports", START),
    STRING("dpdk.extra_args", dpdk.extra_args, "more arguments for EAL, like --vdev=net_tap0",
           START),
    INTEGER("dpdk.mbuf_cache_size", dpdk.mbuf_cache_size, "256", 0, 512,
            "packet buffers that a thread keeps for itself", START),
    SIZE("dpdk.mbuf_mem_size", dpdk.mbuf_mem_size, "auto", 4 * MB, 256 * GB,
         "memory of all packet buffers", START, WORD("auto", TPA_CFG_BUDGET_AUTO)),
    INTEGER("dpdk.numa", dpdk.numa, "any", 0, 255, "NUMA node", START,
            WORD("any", TPA_CFG_NUMA_ANY)),
    BOOLEAN("dpdk.huge-unlink", dpdk.huge_unlink, "1", "1: leave no hugepage files behind", START),

    BOOLEAN("offload.flow_mark", offload.flow_mark, "1", "flow marks", START),
    BOOLEAN("offload.sock_offload", offload.sock_offload, "0", "a flow rule for each sock", START),
    BOOLEAN("offload.port_block_offload", offload.port_block_offload, "1",
            "a flow rule for each worker's block of ports", START),

    BOOLEAN("pktfuzz.enable", pktfuzz.enable, "0", "1: impair packets as pktfuzz is told"),
    INTEGER("pktfuzz.seed", pktfuzz.seed, "1", 0, UINT32_MAX, "seed of its choices"),

    BOOLEAN("capture.enable", capture.enable, "0", "1: capture packets from the start", START),
    STRING("capture.file", capture.file, "pcapng file", START),
    SIZE("capture.size_limit", capture.size_limit, "1G", 4 * KB, 1024 * GB,
         "size at which capturing ends", START),
    INTEGER("capture.snap_length", capture.snap_length, "262144", 64, 262144,
            "bytes kept of each packet", START),

    BOOLEAN("archive.enable", archive.enable, "1", "1: keep the traces of closed socks"),
    INTEGER("archive.flush_interval", archive.flush_interval, "60", 1, 86400,
            "seconds between writes of the archive"),

    STRING("shell.postinit_cmd", shell.postinit_cmd, "command to run after the start", START),
};

const uint32_t tpa_cfg_option_count = TPA_BASE_ARRAY_SIZE(tpa_cfg_option_table);

void tpa_cfg_options_init(struct tpa_cfg_registry *registry, struct tpa_cfg_options *options)
{
    struct tpa_cfg_error error;
    int result = tpa_cfg_registry_init(registry, tpa_cfg_option_table, tpa_cfg_option_count,
                                       options, sizeof(*options), &error);

    /* The table above is constant, and a test makes a registry of it. */
    assert(result == TPA_OK);
    (void)result;
}
