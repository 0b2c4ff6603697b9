/*
 * All options of tpa, as fields. The names in comments are those of configuration files; "*" marks
 * what can be set at start only. Booleans are 0 or 1. Times are in ns, sizes in bytes.
 */
#ifndef TPA_CFG_OPTIONS_H
#define TPA_CFG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/cfg/error.h>
#include <tpa/cfg/registry.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_CFG_PORTS_MAX      16         /* network ports of an instance */
#define TPA_CFG_NAME_LENGTH    64         /* of a device or an algorithm, with its NUL */
#define TPA_CFG_PATH_LENGTH    512        /* of a file name, with its NUL */
#define TPA_CFG_ARGS_LENGTH    1024       /* of arguments for EAL or a shell, with their NUL */
#define TPA_CFG_SOCKS_MAX      (1u << 22) /* socks: a sid fits 22 bits with room for a generation */
#define TPA_CFG_ENTRIES_MAX    (1u << 20) /* entries of one queue of one sock */
#define TPA_CFG_WINDOW_MAX     (1u << 30) /* bytes: the largest window (RFC 7323 section 2.3) */
#define TPA_CFG_MSS_FLOOR      216        /* bytes: below it the headers outweigh the data */
#define TPA_CFG_PREFIX_IPV6    64         /* length of an IPv6 address given without (RFC 4291) */
#define TPA_CFG_MTU_PORT       0          /* net.mtu "auto": the port's own */
#define TPA_CFG_BUDGET_AUTO    0 /* mem.*, dpdk.mbuf_mem_size "auto": worked out at start */
#define TPA_CFG_THRESHOLD_AUTO UINT32_MAX /* tcp.drop_ooo_threshold "auto" */
#define TPA_CFG_NUMA_ANY       UINT32_MAX /* dpdk.numa "any" */

/*
 * A network port. A file describes several by sections that begin with "port = n"; a section
 * without it is port 0. n is also the DPDK port that is meant, unless `name` names one.
 */
struct tpa_cfg_net {
    char name[TPA_CFG_NAME_LENGTH];    /* *net.name: DPDK's name of the port */
    char bonding[TPA_CFG_ARGS_LENGTH]; /* *net.bonding */
    struct tpa_cfg_prefix_list ip;     /* *net.ip: one or several, with a length or net.mask's */
    struct tpa_cfg_prefix_list ip6;    /* *net.ip6 */
    struct tpa_cfg_mask mask;          /* *net.mask: of addresses in net.ip without a length */
    struct tpa_base_address gw;        /* *net.gw: default route; unspecified: none */
    struct tpa_base_address gw6;       /* *net.gw6 */
    struct tpa_cfg_mac mac;            /* *net.mac: ours; not given: the port's own */
    struct tpa_cfg_route_list route;   /* *net.route: "dst/len via gateway, ..." */
    uint32_t mtu;                      /* *net.mtu: bytes of an IP packet; auto */
    uint32_t vlan;                     /* *net.vlan: 802.1Q tag of all frames; 0: none */
    uint32_t promiscuous;              /* *net.promiscuous */
};

struct tpa_cfg_tcp {
    uint32_t nr_max_sock;        /* *tcp.nr_max_sock: socks of all workers */
    uint32_t usr_snd_mss;        /* tcp.usr_snd_mss: largest MSS used; 0: what the path takes */
    uint32_t tso;                /* tcp.tso */
    uint32_t rx_merge;           /* tcp.rx_merge */
    uint32_t opt_ts;             /* tcp.opt_ts: timestamps (RFC 7323) */
    uint32_t opt_ws;             /* tcp.opt_ws: window scale (RFC 7323) */
    uint32_t opt_sack;           /* tcp.opt_sack (RFC 2018) */
    uint32_t ecn;                /* tcp.ecn (RFC 3168): 0: off, 1: ask and answer, 2: answer */
    uint32_t nodelay;            /* tcp.nodelay: 1: without Nagle's algorithm */
    uint32_t ttl;                /* tcp.ttl: TTL or hop limit of what is sent */
    uint64_t time_wait;          /* tcp.time_wait */
    uint64_t fin_wait_2;         /* tcp.fin_wait_2: patience with a peer that sends no FIN */
    uint64_t orphan_timeout;     /* tcp.orphan_timeout: closed, and the peer's window is, too */
    uint32_t orphans;            /* tcp.orphans: closed connections of a worker that go on */
    uint64_t keepalive;          /* tcp.keepalive: idle time before the first probe; 0: off */
    uint64_t keepalive_interval; /* tcp.keepalive_interval */
    uint32_t keepalive_probes;   /* tcp.keepalive_probes */
    uint32_t retries;            /* tcp.retries: of data */
    uint32_t syn_retries;        /* tcp.syn_retries: of SYN and SYN-ACK */
    uint32_t accept_backlog;     /* tcp.accept_backlog: opens of a listener not accepted yet */
    uint32_t syn_backlog;        /* tcp.syn_backlog: those among them that are half-open */
    uint32_t syn_cookies;        /* tcp.syn_cookies (RFC 4987): 0 never, 1 when full, 2 always */
    uint64_t delayed_ack;        /* tcp.delayed_ack; 0: acknowledge at once */
    uint64_t rto_min;            /* tcp.rto_min */
    uint64_t rto_max;            /* tcp.rto_max */
    uint64_t user_timeout;       /* tcp.user_timeout (RFC 9293 section 3.9.1); 0: by retries */
    uint32_t rcv_queue_size;     /* *tcp.rcv_queue_size: packets */
    uint32_t snd_queue_size;     /* *tcp.snd_queue_size: extents */
    uint64_t rcv_buffer_size;    /* *tcp.rcv_buffer_size: bytes of window offered at most */
    uint32_t mtu_probing;        /* tcp.mtu_probing (RFC 4821): 0 off, 1 on black hole, 2 always */
    uint64_t rcv_buffer_init;    /* *tcp.rcv_buffer_init: the same of a new connection */
    uint64_t snd_buffer_size;    /* *tcp.snd_buffer_size: bytes queued at most */
    uint64_t snd_buffer_min;     /* *tcp.snd_buffer_min: that may be queued whatever cwnd is */
    uint64_t cwnd_init;          /* tcp.cwnd_init */
    uint64_t cwnd_max;           /* tcp.cwnd_max */
    uint32_t rcv_ooo_limit;      /* tcp.rcv_ooo_limit: packets held out of order */
    uint32_t drop_ooo_threshold; /* tcp.drop_ooo_threshold: packets; auto */
    uint64_t write_chunk_size;   /* *tcp.write_chunk_size: bytes of one copied extent */
    uint32_t pkt_max_chain;      /* *tcp.pkt_max_chain: segments of one sent packet */
    uint32_t measure_latency;    /* tcp.measure_latency */
    struct tpa_cfg_port_range local_port_range; /* *tcp.local_port_range: "first last" */
    char congestion[TPA_CFG_NAME_LENGTH];       /* *tcp.congestion: the algorithm's name */
};

struct tpa_cfg_mem {
    uint64_t rcv_budget;      /* *mem.rcv_budget: bytes a worker's receive queues may pin; auto */
    uint64_t snd_budget;      /* *mem.snd_budget: bytes a worker's copied data may take; auto */
    uint64_t fragment_budget; /* *mem.fragment_budget: bytes a worker's reassembly may pin */
    uint32_t neighbours;      /* *mem.neighbours: entries */
    uint32_t no_huge;         /* *mem.no_huge: 1: without hugepages, even where there are some */
};

struct tpa_cfg_dpdk {
    char socket_mem[TPA_CFG_NAME_LENGTH]; /* *dpdk.socket-mem: as EAL's --socket-mem */
    char pci[TPA_CFG_PATH_LENGTH];        /* *dpdk.pci: addresses, blanks or commas between */
    char extra_args[TPA_CFG_ARGS_LENGTH]; /* *dpdk.extra_args: for EAL */
    uint32_t mbuf_cache_size;             /* *dpdk.mbuf_cache_size: buffers a thread keeps */
    uint64_t mbuf_mem_size;               /* *dpdk.mbuf_mem_size: bytes of all buffers; auto */
    uint32_t numa;                        /* *dpdk.numa: node; any */
    uint32_t huge_unlink;                 /* *dpdk.huge-unlink */
};

struct tpa_cfg_log {
    uint32_t level;                 /* log.level: 0 nothing, 1 errors, 2 warnings, 3 all, 4 debug */
    char file[TPA_CFG_PATH_LENGTH]; /* *log.file; empty: standard error */
};

struct tpa_cfg_trace {
    uint32_t enable;     /* trace.enable: of socks made from then on */
    uint32_t more_trace; /* trace.more_trace: also what happens per packet */
    uint64_t trace_size; /* *trace.trace_size: bytes of one sock's ring */
    uint32_t nr_trace;   /* *trace.nr_trace: rings */
    uint32_t no_wrap;    /* trace.no_wrap: keep the oldest events, not the newest */
};

struct tpa_cfg_offload {
    uint32_t flow_mark;          /* *offload.flow_mark */
    uint32_t sock_offload;       /* *offload.sock_offload */
    uint32_t port_block_offload; /* *offload.port_block_offload */
};

struct tpa_cfg_pktfuzz {
    uint32_t enable; /* pktfuzz.enable */
    uint32_t seed;   /* pktfuzz.seed: of every random choice */
};

struct tpa_cfg_capture {
    uint32_t enable;                /* *capture.enable: from the start on */
    char file[TPA_CFG_PATH_LENGTH]; /* *capture.file */
    uint64_t size_limit;            /* *capture.size_limit: of the file */
    uint32_t snap_length;           /* *capture.snap_length: bytes kept of a packet */
};

struct tpa_cfg_archive {
    uint32_t enable;         /* archive.enable: keep the traces of closed socks */
    uint32_t flush_interval; /* archive.flush_interval: seconds */
};

struct tpa_cfg_shell {
    char postinit_cmd[TPA_CFG_ARGS_LENGTH]; /* *shell.postinit_cmd: run after the start */
};

struct tpa_cfg_options {
    struct tpa_cfg_log log;
    struct tpa_cfg_net net[TPA_CFG_PORTS_MAX];
    uint32_t net_seen; /* bit n: something of net[n] was set */
    struct tpa_cfg_trace trace;
    struct tpa_cfg_tcp tcp;
    struct tpa_cfg_mem mem;
    struct tpa_cfg_dpdk dpdk;
    struct tpa_cfg_offload offload;
    struct tpa_cfg_pktfuzz pktfuzz;
    struct tpa_cfg_capture capture;
    struct tpa_cfg_archive archive;
    struct tpa_cfg_shell shell;
};

/* The table of all of them, for tpa_cfg_registry_init(). */
extern const struct tpa_cfg_option tpa_cfg_option_table[];
extern const uint32_t tpa_cfg_option_count;

/* A registry of `options`, all at their defaults. Both are the caller's. */
void tpa_cfg_options_init(struct tpa_cfg_registry *registry, struct tpa_cfg_options *options);

/*
 * The length of an address's prefix: its own, or net.mask's for IPv4 and TPA_CFG_PREFIX_IPV6 for
 * IPv6. `prefix` is in net->ip or net->ip6. -1: none is given.
 */
int tpa_cfg_prefix_length(const struct tpa_cfg_net *net, const struct tpa_cfg_prefix *prefix);

/*
 * Looks for options that contradict each other: addresses that no host can have, that lack a mask
 * or stand twice; gateways that can't be reached; bounds that cross. TPA_EINVAL, and `error` names
 * the options and the remedy; else 0.
 */
int tpa_cfg_options_check(const struct tpa_cfg_options *options, struct tpa_cfg_error *error);

TPA_BASE_DECLARATIONS_END

#endif
